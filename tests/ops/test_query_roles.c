/* Roles, sessions and simulations through the Query API's door, and what clients' libraries would not send. */
#include "daemon/iam.h"
#include "daemon/identities.h"
#include "daemon/sessions.h"
#include "tests/ops/support.h"

enum { FORM_BYTES = 128 * 1024 };

#define TRUST_ACCOUNT                                                                              \
    "%7B%22Version%22:%222012-10-17%22,%22Statement%22:%7B%22Effect%22:%22Allow%22,"               \
    "%22Principal%22:%7B%22AWS%22:%22000000000001%22%7D,%22Action%22:%22sts:*%22%7D%7D"
#define ALLOW(action)                                                                              \
    "%7B%22Version%22:%222012-10-17%22,%22Statement%22:%7B%22Effect%22:%22Allow%22,%22Action%22:%" \
    "22" action "%22,%22Resource%22:%22*%22%7D%7D"
#define ROLE_ARN "arn:aws:iam::000000000001:role/etl"

/* ---- a world with identities, in which root and the user "anna" ask ---- */

struct key {
    char id[64], secret[64], token[SESSION_TOKEN_MAX_BYTES + 1];
};

static int64_t now_s(void)
{
    return (int64_t)time(NULL);
}

/* As world_become. */
static enum s3_err become(struct world *world, const struct key *key, int64_t at)
{
    struct span token = key->token[0] != '\0' ? span_str(key->token) : SPAN_ABSENT;
    return world_become(world, span_str(key->id), token, at);
}

static const struct key root_key = {.id = WORLD_ROOT_KEY};

static struct reply call(struct world *world, const char *form)
{
    return world_send(
        world, "POST /", "Content-Type: application/x-www-form-urlencoded", span_str(form));
}

static void must(struct world *world, const char *form)
{
    REPLY reply = call(world, form);
    if (reply.status != 200)
        fail_msg("%s: %.*s", form, SPAN_ARG(reply.body));
}

static void copy_element(const struct reply *reply, const char *element, char *to, size_t room)
{
    struct span text = reply_element(reply, element, 0);
    assert_true(text.len > 0 && text.len < room);
    memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
}

static void take_key(const struct reply *reply, struct key *ret_key)
{
    assert_status(*reply, 200);
    *ret_key = (struct key){0};
    copy_element(reply, "AccessKeyId", ret_key->id, sizeof(ret_key->id));
    copy_element(reply, "SecretAccessKey", ret_key->secret, sizeof(ret_key->secret));
    if (span_present(reply_element(reply, "SessionToken", 0)))
        copy_element(reply, "SessionToken", ret_key->token, sizeof(ret_key->token));
}

static struct key anna;

static int make(void **state)
{
    assert_int_equal(world_make(state), 0);
    struct world *world = *state;
    world_add_identities(world);
    must(world, "Action=CreateUser&UserName=anna");
    must(world, "Action=PutUserPolicy&UserName=anna&PolicyName=p&PolicyDocument=" ALLOW("sts:*"));
    must(world, "Action=CreateRole&RoleName=etl&MaxSessionDuration=7200"
                "&AssumeRolePolicyDocument=" TRUST_ACCOUNT);
    REPLY made = call(world, "Action=CreateAccessKey&UserName=anna");
    take_key(&made, &anna);
    return 0;
}

static void assume(struct world *world, const char *more, struct key *ret_key)
{
    char form[FORM_BYTES];
    snprintf(
        form, sizeof(form), "Action=AssumeRole&RoleArn=" ROLE_ARN "&RoleSessionName=night%s", more);
    REPLY reply = call(world, form);
    take_key(&reply, ret_key);
}

/* ---- sessions ---- */

static void test_sessions_end(void **state)
{
    static const struct {
        const char *more;
        int64_t lasts_s;
    } cases[] = {
        {"", 3600},
        {"&DurationSeconds=900", 900},
        {"&DurationSeconds=7200", 7200},
    };
    struct world *world = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct key key;
        assert_int_equal(become(world, &anna, now_s()), S3_OK);
        int64_t began_s = now_s();
        assume(world, cases[i].more, &key);
        assert_int_equal(become(world, &key, began_s), S3_OK);
        assert_int_equal(become(world, &key, began_s + cases[i].lasts_s - 5), S3_OK);
        /* It was found a moment ago, and is remembered; it ends all the same. */
        assert_int_equal(become(world, &key, began_s + cases[i].lasts_s + 5), S3_ERR_EXPIRED_TOKEN);
        assert_int_equal(become(world, &key, began_s), S3_OK);
    }
}

static void test_altered_tokens(void **state)
{
    struct world *world = *state;
    struct key key, other, altered;
    assert_int_equal(become(world, &anna, now_s()), S3_OK);
    assume(world, "", &key);
    assume(world, "", &other);
    assert_int_equal(become(world, &key, now_s()), S3_OK);
    for (size_t i = 0; key.token[i] != '\0'; i++) {
        altered = key;
        altered.token[i] = altered.token[i] == 'A' ? 'B' : 'A';
        if (become(world, &altered, now_s()) == S3_OK)
            fail_msg("character %zu of the token does not matter", i);
        altered.token[i] = '\0';
        assert_int_not_equal(become(world, &altered, now_s()), S3_OK);
    }
    altered = key;
    memcpy(altered.token, other.token, sizeof(altered.token));
    assert_int_not_equal(become(world, &altered, now_s()), S3_OK);
    altered = key;
    memcpy(altered.id, anna.id, sizeof(altered.id)); /* a lasting key has no token */
    assert_int_not_equal(become(world, &altered, now_s()), S3_OK);
}

static void test_sessions_end_with_their_role(void **state)
{
    struct world *world = *state;
    struct key key;
    assert_int_equal(become(world, &anna, now_s()), S3_OK);
    assume(world, "", &key);
    assert_int_equal(become(world, &key, now_s()), S3_OK);
    assert_int_equal(become(world, &root_key, now_s()), S3_OK);
    must(world, "Action=DeleteRole&RoleName=etl");
    assert_int_not_equal(become(world, &key, now_s()), S3_OK);
    must(world, "Action=CreateRole&RoleName=etl&AssumeRolePolicyDocument=" TRUST_ACCOUNT);
    assert_int_not_equal(become(world, &key, now_s()), S3_OK);
}

static void test_what_tokens_may_not_call(void **state)
{
    static const struct {
        const char *form, *code; /* of a user's session; of a federated one all but the last */
    } cases[] = {
        {"Action=ListUsers", "InvalidClientTokenId"},
        {"Action=CreateAccessKey", "InvalidClientTokenId"},
        {"Action=SimulateCustomPolicy", "InvalidClientTokenId"},
        {"Action=GetSessionToken", "AccessDenied"},
        {"Action=GetFederationToken&Name=guest", "AccessDenied"},
        {"Action=GetAccessKeyInfo&AccessKeyId=AKIAAAAAAAAAAAAAAAAA", "AccessDenied"},
    };
    struct world *world = *state;
    static const char *const ways[] = {
        "Action=GetSessionToken", "Action=GetFederationToken&Name=guest&Policy=" ALLOW("*")};
    for (size_t way = 0; way < ARRAY_LEN(ways); way++) {
        struct key key;
        assert_int_equal(become(world, &root_key, now_s()), S3_OK);
        REPLY made = call(world, ways[way]);
        take_key(&made, &key);
        assert_int_equal(become(world, &key, now_s()), S3_OK);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            REPLY reply = call(world, cases[i].form);
            assert_code(reply, 403, cases[i].code);
        }
        must(world, "Action=GetCallerIdentity");
        REPLY role = call(world, "Action=AssumeRole&RoleArn=" ROLE_ARN "&RoleSessionName=night");
        assert_code(role, 403, "AccessDenied");
    }
}

/* ---- parameters ---- */

static const struct {
    const char *more;
    int status;
    const char *code;
} odd_values[] = {
    {"&DurationSeconds=", 400, "ValidationError"},
    {"&DurationSeconds=99999999999999999999999", 400, "ValidationError"},
    {"&DurationSeconds=3600.5", 400, "ValidationError"},
    {"&DurationSeconds=-3600", 400, "ValidationError"},
    {"&DurationSeconds=3600&DurationSeconds=900", 400, "MalformedQueryString"},
    {"&RoleArn=" ROLE_ARN, 400, "MalformedQueryString"},
    {"&Policy=", 400, "ValidationError"},
    {"&Policy=%00", 400, "ValidationError"},
    {"&Policy=%C3", 400, "MalformedQueryString"},
    {"&Policy=%E2%82%AC", 400, "ValidationError"},
    {"&Policy=%7B%7D", 400, "MalformedPolicyDocument"},
    {"&Policy=" TRUST_ACCOUNT, 400, "MalformedPolicyDocument"},
    {"&PolicyArns.member.2.arn=arn:aws:iam::aws:policy/AmazonS3FullAccess", 400, "ValidationError"},
    {"&PolicyArns.member.1=arn:aws:iam::aws:policy/AmazonS3FullAccess", 400, "ValidationError"},
    {"&PolicyArns.member.0.arn=arn:aws:iam::aws:policy/AmazonS3FullAccess", 400, "ValidationError"},
    {"&Tags.member.1.Key=a", 400, "ValidationError"},
    {"&Tags.member.1.Value=a", 400, "ValidationError"},
    {"&Tags.member.2.Key=a&Tags.member.2.Value=b", 400, "ValidationError"},
    {"&Tags.member.99999999999999999999.Key=a", 400, "ValidationError"},
    {"&Tags.member.1.Key=&Tags.member.1.Value=b", 400, "ValidationError"},
    {"&Tags.member.1.Key=a%0A&Tags.member.1.Value=b", 400, "ValidationError"},
    {"&TransitiveTagKeys.member.1=a", 400, "ValidationError"},
    {"&SerialNumber=GAHT12345678&TokenCode=123456", 403, "AccessDenied"},
    {"&TokenCode=12345", 400, "ValidationError"},
    {"&SourceIdentity=AWS:me", 400, "ValidationError"},
    {"&ExternalId=a%20b", 400, "ValidationError"},
};

static void test_odd_values(void **state)
{
    struct world *world = *state;
    assert_int_equal(become(world, &anna, now_s()), S3_OK);
    for (size_t i = 0; i < ARRAY_LEN(odd_values); i++) {
        char form[2048];
        snprintf(form, sizeof(form),
            "Action=AssumeRole&RoleArn=" ROLE_ARN "&RoleSessionName=night%s", odd_values[i].more);
        print_message("%s\n", odd_values[i].more);
        REPLY reply = call(world, form);
        assert_code(reply, odd_values[i].status, odd_values[i].code);
    }
}

static void test_tags_up_to_the_limit(void **state)
{
    struct world *world = *state;
    struct key key;
    for (int most = 50; most <= 51; most++) {
        char form[FORM_BYTES];
        int len = 0;
        form[0] = '\0';
        for (int i = 1; i <= most; i++)
            len += snprintf(form + len, sizeof(form) - (size_t)len,
                "&Tags.member.%d.Key=k%d&Tags.member.%d.Value=v", i, i, i);
        assert_int_equal(become(world, &anna, now_s()), S3_OK);
        if (most == 50) {
            assume(world, form, &key);
            assert_int_equal(become(world, &key, now_s()), S3_OK);
            assert_int_equal(world->identity->tag_count, 50);
        } else {
            char whole[2 * FORM_BYTES];
            snprintf(whole, sizeof(whole),
                "Action=AssumeRole&RoleArn=" ROLE_ARN "&RoleSessionName=night%s", form);
            REPLY reply = call(world, whole);
            assert_code(reply, 400, "ValidationError");
        }
    }
}

/* A token that holds more than it may. */
static void test_tags_that_are_too_long(void **state)
{
    struct world *world = *state;
    char form[FORM_BYTES];
    int len = snprintf(
        form, sizeof(form), "Action=AssumeRole&RoleArn=" ROLE_ARN "&RoleSessionName=night");
    for (int i = 1; i <= 50; i++)
        len += snprintf(form + len, sizeof(form) - (size_t)len,
            "&Tags.member.%d.Key=%0100d&Tags.member.%d.Value=%0256d", i, i, i, i);
    assert_int_equal(become(world, &anna, now_s()), S3_OK);
    REPLY reply = call(world, form);
    assert_code(reply, 400, "PackedPolicyTooLarge");
}

/* ---- simulation ---- */

static void test_odd_simulations(void **state)
{
    static const struct {
        const char *more, *code;
    } cases[] = {
        {"", "ValidationError"}, /* no actions */
        {"&ActionNames.member.1=s3", "ValidationError"},
        {"&ActionNames.member.1=GetObject", "InvalidInput"},
        {"&ActionNames.member.2=s3:GetObject", "ValidationError"},
        {"&ActionNames.member.1=s3:GetObject&ResourceOwner=x", "InvalidInput"},
        {"&ActionNames.member.1=s3:GetObject&ResourceOwner=000000000000", "InvalidInput"},
        {"&ActionNames.member.1=s3:GetObject&CallerArn=arn:aws:iam::000000000001:user/none",
            "InvalidInput"},
        {"&ActionNames.member.1=s3:GetObject&CallerArn=x", "InvalidInput"},
        {"&ActionNames.member.1=s3:GetObject&Marker=x", "ValidationError"},
        {"&ActionNames.member.1=s3:GetObject&MaxItems=0", "ValidationError"},
        {"&ActionNames.member.1=s3:GetObject&ContextEntries.member.1.ContextKeyType=string",
            "ValidationError"},
        {"&ActionNames.member.1=s3:GetObject&ContextEntries.member.1.ContextKeyName=aws:CurrentTime"
         "&ContextEntries.member.1.ContextKeyValues.member.1=yesterday",
            "InvalidInput"},
        {"&ActionNames.member.1=s3:GetObject&ResourceArns.member.1=*&CallerArn=" ROLE_ARN
         "&ResourcePolicy=" TRUST_ACCOUNT,
            "InvalidInput"},
        {"&ActionNames.member.1=s3:GetObject&PermissionsBoundaryPolicyInputList.member.1=%7B",
            "InvalidInput"},
        {"&ActionNames.member.1=s3:GetObject&PermissionsBoundaryPolicyInputList.member.1=%7B"
         "&PermissionsBoundaryPolicyInputList.member.2=%7B",
            "ValidationError"},
    };
    struct world *world = *state;
    assert_int_equal(become(world, &root_key, now_s()), S3_OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char form[2048];
        snprintf(form, sizeof(form), "Action=SimulateCustomPolicy&PolicyInputList.member.1=%s%s",
            ALLOW("s3:*"), cases[i].more);
        print_message("%s\n", cases[i].more);
        REPLY reply = call(world, form);
        assert_code(reply, 400, cases[i].code);
    }
}

static void test_large_simulation(void **state)
{
    struct world *world = *state;
    char form[FORM_BYTES];
    int len = snprintf(form, sizeof(form),
        "Action=SimulateCustomPolicy&MaxItems=1000&PolicyInputList.member.1=%s", ALLOW("s3:*"));
    for (int i = 1; i <= 500; i++)
        len += snprintf(form + len, sizeof(form) - (size_t)len,
            "&ActionNames.member.%d=s3:A%d&ResourceArns.member.%d=arn:aws:s3:::b/%d", i, i, i, i);
    assert_int_equal(become(world, &root_key, now_s()), S3_OK);
    REPLY reply = call(world, form);
    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "EvalActionName"), 1000);
    assert_span(reply_element(&reply, "IsTruncated", 0), "true");
}

/* ---- all at once ---- */

/* Roles with much text: pages end early, and together they tell each role once. */
static void test_details_in_pages(void **state)
{
    enum { ROLES = 60 };
    struct world *world = *state;
    char text[FORM_BYTES], form[2 * FORM_BYTES], marker[1024] = "";
    int len = snprintf(text, sizeof(text),
        "%%7B%%22Version%%22:%%222012-10-17%%22,%%22Statement%%22:%%7B%%22Effect%%22:%%22Allow%%22,"
        "%%22Action%%22:%%22s3:*%%22,%%22Resource%%22:%%5B");
    for (int i = 0; i < 300; i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len,
            "%s%%22arn:aws:s3:::bucket-%04d/*%%22", i > 0 ? "," : "", i);
    snprintf(text + len, sizeof(text) - (size_t)len, "%%5D%%7D%%7D");
    assert_int_equal(become(world, &root_key, now_s()), S3_OK);
    for (int i = 0; i < ROLES; i++) {
        snprintf(form, sizeof(form),
            "Action=CreateRole&RoleName=many-%02d&AssumeRolePolicyDocument=%s", i, TRUST_ACCOUNT);
        must(world, form);
        snprintf(form, sizeof(form),
            "Action=PutRolePolicy&RoleName=many-%02d&PolicyName=p&PolicyDocument=%s", i, text);
        must(world, form);
    }
    size_t roles = 0, pages = 0;
    bool more = true;
    while (more) {
        snprintf(form, sizeof(form),
            "Action=GetAccountAuthorizationDetails&MaxItems=25&Filter.member.1=Role%s%s",
            marker[0] != '\0' ? "&Marker=" : "", marker);
        REPLY reply = call(world, form);
        assert_status(reply, 200);
        roles += reply_count(&reply, "RoleName");
        assert_true(reply_count(&reply, "RoleName") <= 25);
        assert_int_equal(reply_count(&reply, "UserName"), 0);
        pages++;
        more = span_eq(reply_element(&reply, "IsTruncated", 0), SPAN("true"));
        if (more)
            copy_element(&reply, "Marker", marker, sizeof(marker));
    }
    assert_int_equal(roles, ROLES + 1);
    assert_int_equal(pages, 3);
}

/* ---- each action, once: tests/ops/check_shapes.py looks at what they answer ---- */

#define POLICY_ARN "arn:aws:iam::000000000001:policy/team/lake"

static const char *const each_action[] = {
    "Action=CreateGroup&GroupName=team",
    "Action=AddUserToGroup&GroupName=team&UserName=anna",
    "Action=CreatePolicy&PolicyName=lake&Path=/team/&Description=all&Tags.member.1.Key=a"
    "&Tags.member.1.Value=b&PolicyDocument=" ALLOW("s3:*"),
    "Action=GetPolicy&PolicyArn=" POLICY_ARN,
    "Action=CreatePolicyVersion&SetAsDefault=true&PolicyArn=" POLICY_ARN
    "&PolicyDocument=" ALLOW("s3:Get*"),
    "Action=GetPolicyVersion&VersionId=v2&PolicyArn=" POLICY_ARN,
    "Action=ListPolicyVersions&MaxItems=1&PolicyArn=" POLICY_ARN,
    "Action=TagPolicy&Tags.member.1.Key=c&Tags.member.1.Value=d&PolicyArn=" POLICY_ARN,
    "Action=ListPolicyTags&MaxItems=1&PolicyArn=" POLICY_ARN,
    "Action=UntagPolicy&TagKeys.member.1=c&PolicyArn=" POLICY_ARN,
    "Action=AttachUserPolicy&UserName=anna&PolicyArn=" POLICY_ARN,
    "Action=AttachGroupPolicy&GroupName=team&PolicyArn=" POLICY_ARN,
    "Action=AttachRolePolicy&RoleName=etl&PolicyArn=" POLICY_ARN,
    "Action=PutRolePermissionsBoundary&RoleName=etl&PermissionsBoundary=" POLICY_ARN,
    "Action=PutUserPermissionsBoundary&UserName=anna&PermissionsBoundary=" POLICY_ARN,
    "Action=PutRolePolicy&RoleName=etl&PolicyName=p&PolicyDocument=" ALLOW("s3:*"),
    "Action=PutGroupPolicy&GroupName=team&PolicyName=p&PolicyDocument=" ALLOW("s3:*"),
    "Action=GetRolePolicy&RoleName=etl&PolicyName=p",
    "Action=ListRolePolicies&RoleName=etl",
    "Action=TagRole&RoleName=etl&Tags.member.1.Key=a&Tags.member.1.Value=b",
    "Action=ListRoleTags&RoleName=etl",
    "Action=UpdateRole&RoleName=etl&Description=runs",
    "Action=UpdateRoleDescription&RoleName=etl&Description=still",
    "Action=UpdateAssumeRolePolicy&RoleName=etl&PolicyDocument=" TRUST_ACCOUNT,
    "Action=GetRole&RoleName=etl",
    "Action=ListRoles&MaxItems=1",
    "Action=ListPolicies&MaxItems=2",
    "Action=ListAttachedUserPolicies&UserName=anna",
    "Action=ListAttachedGroupPolicies&GroupName=team",
    "Action=ListAttachedRolePolicies&RoleName=etl",
    "Action=ListEntitiesForPolicy&PolicyArn=" POLICY_ARN,
    "Action=GetAccountAuthorizationDetails",
    "Action=SimulatePrincipalPolicy&PolicySourceArn=" ROLE_ARN
    "&ActionNames.member.1=s3:GetObject&ResourceArns.member.1=arn:aws:s3:::b/k",
    "Action=SimulateCustomPolicy&ActionNames.member.1=s3:GetObject&CallerArn=" ROLE_ARN
    "&ResourceArns.member.1=" ROLE_ARN "&ResourcePolicy=" TRUST_ACCOUNT
    "&PolicyInputList.member.1=" ALLOW("s3:*"),
    "Action=GetCallerIdentity",
    "Action=GetSessionToken",
    "Action=GetFederationToken&Name=guest&Policy=" ALLOW("s3:*"),
    "Action=DetachUserPolicy&UserName=anna&PolicyArn=" POLICY_ARN,
    "Action=DetachGroupPolicy&GroupName=team&PolicyArn=" POLICY_ARN,
    "Action=DetachRolePolicy&RoleName=etl&PolicyArn=" POLICY_ARN,
    "Action=DeleteUserPermissionsBoundary&UserName=anna",
    "Action=DeleteRolePermissionsBoundary&RoleName=etl",
    "Action=DeleteRolePolicy&RoleName=etl&PolicyName=p",
    "Action=UntagRole&RoleName=etl&TagKeys.member.1=a",
    "Action=SetDefaultPolicyVersion&VersionId=v1&PolicyArn=" POLICY_ARN,
    "Action=DeletePolicyVersion&VersionId=v2&PolicyArn=" POLICY_ARN,
    "Action=DeletePolicy&PolicyArn=" POLICY_ARN,
    "Action=DeleteRole&RoleName=etl",
};

static void test_each_action(void **state)
{
    struct world *world = *state;
    struct key key;
    assert_int_equal(become(world, &anna, now_s()), S3_OK);
    assume(world, "&SourceIdentity=anna&Policy=" ALLOW("s3:*"), &key);
    char form[128];
    snprintf(form, sizeof(form), "Action=GetAccessKeyInfo&AccessKeyId=%s", key.id);
    must(world, form);
    assert_int_equal(become(world, &root_key, now_s()), S3_OK);
    for (size_t i = 0; i < ARRAY_LEN(each_action); i++) {
        REPLY reply = call(world, each_action[i]);
        if (reply.status != 200)
            fail_msg("%s: %.*s", each_action[i], SPAN_ARG(reply.body));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sessions_end, make, world_drop),
        cmocka_unit_test_setup_teardown(test_altered_tokens, make, world_drop),
        cmocka_unit_test_setup_teardown(test_sessions_end_with_their_role, make, world_drop),
        cmocka_unit_test_setup_teardown(test_what_tokens_may_not_call, make, world_drop),
        cmocka_unit_test_setup_teardown(test_odd_values, make, world_drop),
        cmocka_unit_test_setup_teardown(test_tags_up_to_the_limit, make, world_drop),
        cmocka_unit_test_setup_teardown(test_tags_that_are_too_long, make, world_drop),
        cmocka_unit_test_setup_teardown(test_odd_simulations, make, world_drop),
        cmocka_unit_test_setup_teardown(test_large_simulation, make, world_drop),
        cmocka_unit_test_setup_teardown(test_details_in_pages, make, world_drop),
        cmocka_unit_test_setup_teardown(test_each_action, make, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
