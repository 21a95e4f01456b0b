/* IAM's actions on users, groups and access keys, without HTTP: what they answer, refuse, and ask for first. */
#include "daemon/body_head.h"
#include "daemon/shares.h"
#include "tests/ops/support.h"

#define FORM "Content-Type: application/x-www-form-urlencoded"
#define DOCUMENT                                                                                   \
    "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C"     \
    "%22Action%22%3A%22s3%3A*%22%2C%22Resource%22%3A%22*%22%7D%7D"

static struct reply call(struct world *world, const char *form)
{
    return world_send(world, "POST /", FORM, span_str(form));
}

static void done(struct world *world, const char *form)
{
    REPLY reply = call(world, form);
    if (reply.status != 200)
        fail_msg("%s: %d %.*s", form, reply.status, SPAN_ARG(reply.body));
}

static void refused(struct world *world, const char *form, int status, const char *code)
{
    REPLY reply = call(world, form);
    assert_code(reply, status, code);
}

static void test_users(void **state)
{
    struct world *world = *state;
    REPLY made = call(world,
        "Action=CreateUser&UserName=Alice&Path=%2Fa%2F&Tags.member.1.Key=k&Tags.member.1.Value=v");
    assert_status(made, 200);
    assert_has(made,
        "<CreateUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">"
        "<CreateUserResult><User><Path>/a/</Path><UserName>Alice</UserName><UserId>AIDA");
    assert_has(made, "<Arn>arn:aws:iam::000000000001:user/a/Alice</Arn>");
    assert_has(made, "<Tags><member><Key>k</Key><Value>v</Value></member></Tags></User>");
    struct span id = reply_element(&made, "UserId", 0);
    REPLY got = call(world, "Action=GetUser&UserName=aLICE");
    assert_true(span_eq(reply_element(&got, "UserId", 0), id));
    refused(world, "Action=CreateUser&UserName=ALICE", 409, "EntityAlreadyExists");
    done(world, "Action=UpdateUser&UserName=alice&NewUserName=Bob&NewPath=%2Fb%2F");
    refused(world, "Action=GetUser&UserName=Alice", 404, "NoSuchEntity");
    REPLY moved = call(world, "Action=GetUser&UserName=Bob");
    assert_has(moved, "user/b/Bob</Arn>");
    assert_true(span_eq(reply_element(&moved, "UserId", 0), id));
    done(world, "Action=DeleteUser&UserName=Bob");
    refused(world, "Action=DeleteUser&UserName=Bob", 404, "NoSuchEntity");
}

/* Every page is as long as was asked for, and the next begins where it ended. */
static void test_pages(void **state)
{
    struct world *world = *state;
    static const char *const names[] = {"d", "B", "a", "C", "e"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char form[100];
        snprintf(form, sizeof(form), "Action=CreateUser&Path=%%2Fp%%2F&UserName=%s", names[i]);
        done(world, form);
    }
    for (size_t size = 1; size <= 6; size++) {
        char marker[200] = "", seen[16] = "";
        size_t seen_len = 0;
        bool truncated = true;
        for (int pages = 0; truncated; pages++) {
            assert_true(pages < 6);
            char form[400];
            snprintf(form, sizeof(form), "Action=ListUsers&PathPrefix=%%2Fp&MaxItems=%zu%s", size,
                marker);
            REPLY page = call(world, form);
            assert_status(page, 200);
            size_t count = reply_count(&page, "UserName");
            assert_true(count <= size && (count == size || pages > 0 || size > 5));
            for (size_t i = 0; i < count; i++)
                seen[seen_len++] = reply_element(&page, "UserName", i).ptr[0];
            truncated = span_eq(reply_element(&page, "IsTruncated", 0), SPAN("true"));
            struct span next = reply_element(&page, "Marker", 0);
            assert_int_equal(span_present(next), truncated);
            if (truncated) {
                assert_null(memchr(next.ptr, '+', next.len));
                snprintf(marker, sizeof(marker), "&Marker=%.*s", SPAN_ARG(next));
            }
        }
        assert_string_equal(seen, "aBCde");
    }
    refused(world, "Action=ListUsers&Marker=%21", 400, "ValidationError");
    refused(world, "Action=ListUserTags&UserName=a&Marker=OTk%3D", 400, "ValidationError");
}

static void test_groups(void **state)
{
    struct world *world = *state;
    done(world, "Action=CreateGroup&GroupName=g&Path=%2Fx%2F");
    done(world, "Action=CreateUser&UserName=u");
    done(world, "Action=AddUserToGroup&GroupName=G&UserName=U");
    REPLY group = call(world, "Action=GetGroup&GroupName=g");
    assert_has(group, "<Group><Path>/x/</Path><GroupName>g</GroupName><GroupId>AGPA");
    assert_has(group, "<Users><member><Path>/</Path><UserName>u</UserName>");
    REPLY of_user = call(world, "Action=ListGroupsForUser&UserName=u");
    assert_has(of_user, "<Groups><member><Path>/x/</Path><GroupName>g</GroupName>");
    refused(world, "Action=DeleteGroup&GroupName=g", 409, "DeleteConflict");
    refused(world, "Action=DeleteUser&UserName=u", 409, "DeleteConflict");
    refused(world, "Action=AddUserToGroup&GroupName=g&UserName=none", 404, "NoSuchEntity");
    done(world, "Action=UpdateGroup&GroupName=g&NewGroupName=h");
    done(world, "Action=RemoveUserFromGroup&GroupName=h&UserName=u");
    REPLY listed = call(world, "Action=ListGroups");
    assert_int_equal(reply_count(&listed, "GroupName"), 1);
    done(world, "Action=DeleteGroup&GroupName=h");
    done(world, "Action=DeleteUser&UserName=u");
}

static void test_inline_policies(void **state)
{
    struct world *world = *state;
    done(world, "Action=CreateUser&UserName=u");
    done(world, "Action=CreateGroup&GroupName=g");
    done(world, "Action=PutUserPolicy&UserName=u&PolicyName=p&PolicyDocument=" DOCUMENT);
    done(world, "Action=PutGroupPolicy&GroupName=g&PolicyName=p&PolicyDocument=" DOCUMENT);
    REPLY got = call(world, "Action=GetUserPolicy&UserName=u&PolicyName=p");
    assert_has(
        got, "<UserName>u</UserName><PolicyName>p</PolicyName><PolicyDocument>%7B%22Version");
    assert_has(got, "%22s3%3A%2A%22");
    REPLY of_group = call(world, "Action=GetGroupPolicy&GroupName=g&PolicyName=p");
    assert_has(of_group, "<GroupName>g</GroupName>");
    REPLY names = call(world, "Action=ListUserPolicies&UserName=u");
    assert_has(names, "<PolicyNames><member>p</member></PolicyNames><IsTruncated>false<");
    REPLY group_names = call(world, "Action=ListGroupPolicies&GroupName=g");
    assert_has(group_names, "<PolicyNames><member>p</member></PolicyNames>");
    refused(world, "Action=PutUserPolicy&UserName=u&PolicyName=q&PolicyDocument=x", 400,
        "MalformedPolicyDocument");
    refused(world, "Action=DeleteUser&UserName=u", 409, "DeleteConflict");
    done(world, "Action=DeleteUserPolicy&UserName=u&PolicyName=p");
    done(world, "Action=DeleteGroupPolicy&GroupName=g&PolicyName=p");
    refused(world, "Action=GetUserPolicy&UserName=u&PolicyName=p", 404, "NoSuchEntity");
}

static void test_access_keys(void **state)
{
    struct world *world = *state;
    char form[200];
    done(world, "Action=CreateUser&UserName=u");
    REPLY made = call(world, "Action=CreateAccessKey&UserName=u");
    struct span id = reply_element(&made, "AccessKeyId", 0);
    assert_int_equal(id.len, 20);
    assert_int_equal(reply_element(&made, "SecretAccessKey", 0).len, 40);
    snprintf(form, sizeof(form),
        "Action=UpdateAccessKey&UserName=u&AccessKeyId=%.*s&Status=Inactive", SPAN_ARG(id));
    done(world, form);
    REPLY keys = call(world, "Action=ListAccessKeys&UserName=u");
    assert_has(keys, "<Status>Inactive</Status>");
    assert_lacks(keys, "Secret");
    snprintf(form, sizeof(form), "Action=GetAccessKeyLastUsed&AccessKeyId=%.*s", SPAN_ARG(id));
    REPLY used = call(world, form);
    assert_has(used, "<UserName>u</UserName><AccessKeyLastUsed><ServiceName>N/A</ServiceName>");
    done(world, "Action=CreateAccessKey&UserName=u");
    refused(world, "Action=CreateAccessKey&UserName=u", 409, "LimitExceeded");
    snprintf(
        form, sizeof(form), "Action=DeleteAccessKey&UserName=u&AccessKeyId=%.*s", SPAN_ARG(id));
    done(world, form);
    refused(world, form, 404, "NoSuchEntity");
    REPLY of_root = call(world, "Action=CreateAccessKey");
    assert_status(of_root, 200);
    assert_lacks(of_root, "<UserName>");
}

static void test_tags(void **state)
{
    struct world *world = *state;
    done(world, "Action=CreateUser&UserName=u");
    done(world, "Action=TagUser&UserName=u&Tags.member.1.Key=a&Tags.member.1.Value=1"
                "&Tags.member.2.Key=b&Tags.member.2.Value=%C3%A4");
    REPLY tags = call(world, "Action=ListUserTags&UserName=u&MaxItems=1");
    assert_has(
        tags, "<Tags><member><Key>a</Key><Value>1</Value></member></Tags><IsTruncated>true<");
    refused(world, "Action=TagUser&UserName=u", 400, "ValidationError");
    refused(world, "Action=UntagUser&UserName=u", 400, "ValidationError");
    done(world, "Action=UntagUser&UserName=u&TagKeys.member.1=a");
    REPLY rest = call(world, "Action=ListUserTags&UserName=u");
    assert_int_equal(reply_count(&rest, "Key"), 1);
}

static void test_the_account(void **state)
{
    struct world *world = *state;
    done(world, "Action=CreateUser&UserName=u");
    done(world, "Action=CreateGroup&GroupName=g");
    REPLY summary = call(world, "Action=GetAccountSummary");
    assert_has(summary, "<SummaryMap><entry><key>Users</key><value>1</value></entry>");
    assert_has(summary, "<entry><key>Groups</key><value>1</value></entry>");
    REPLY root = call(world, "Action=GetUser");
    assert_has(root, "<UserId>000000000001</UserId><Arn>arn:aws:iam::000000000001:root</Arn>");
    static const struct {
        const char *form, *list;
    } empty[] = {
        {"Action=ListAccountAliases", "<AccountAliases></AccountAliases>"},
        {"Action=ListVirtualMFADevices&AssignmentStatus=Any",
            "<VirtualMFADevices></VirtualMFADevices>"},
        {"Action=ListMFADevices&UserName=u", "<MFADevices></MFADevices>"},
        {"Action=ListMFADevices", "<MFADevices></MFADevices>"},
        {"Action=ListSSHPublicKeys&UserName=u", "<SSHPublicKeys></SSHPublicKeys>"},
        {"Action=ListSigningCertificates&UserName=u", "<Certificates></Certificates>"},
        {"Action=ListServiceSpecificCredentials&UserName=u",
            "<ServiceSpecificCredentials></ServiceSpecificCredentials>"},
    };
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        REPLY reply = call(world, empty[i].form);
        assert_status(reply, 200);
        assert_has(reply, empty[i].list);
        assert_has(reply, "<IsTruncated>false</IsTruncated>");
    }
    refused(world, "Action=ListMFADevices&UserName=none", 404, "NoSuchEntity");
    refused(world, "Action=ListInstanceProfilesForRole&RoleName=none", 404, "NoSuchEntity");
    refused(world, "Action=GetLoginProfile&UserName=u", 404, "NoSuchEntity");
    refused(world, "Action=DeleteLoginProfile&UserName=u", 404, "NoSuchEntity");
}

static void test_what_is_no_call(void **state)
{
    struct world *world = *state;
    refused(world, "", 400, "MissingAction");
    refused(world, "Action=CreateLoginProfile&UserName=u", 400, "InvalidAction");
    refused(world, "Action=ListUsers&Version=1999-01-01", 400, "InvalidAction");
    refused(world, "Action=ListUsers&Action=ListUsers", 400, "MalformedQueryString");
    REPLY url = world_send(world, "GET /?Action=ListUsers&Version=2010-05-08", NULL, SPAN(""));
    assert_status(url, 200);
    assert_has(url, "<ListUsersResult><Users></Users>");
    world->principal = (struct principal){.kind = PRINCIPAL_ANONYMOUS};
    refused(world, "Action=ListUsers", 403, "MissingAuthenticationToken");
    refused(world, "Action=AssumeRoleWithWebIdentity", 400, "InvalidAction");
}

/* Forms of strangers take no more memory than they may have together, and give it back. */
static void test_memory_for_forms(void **state)
{
    struct world *world = *state;
    static const char form[] = "Action=ListUsers";
    size_t room = sizeof(form) - 1;
    struct body_heads *heads = world->daemon.heads;
    assert_true(body_heads_take(heads, CLIENT_NOBODY, BODY_HEADS_MAX_BYTES - room));
    done(world, form);
    assert_int_equal(body_heads_used(heads), BODY_HEADS_MAX_BYTES - room);
    assert_true(body_heads_take(heads, CLIENT_NOBODY, 1));
    refused(world, form, 503, "SlowDown");
    assert_int_equal(body_heads_used(heads), BODY_HEADS_MAX_BYTES - room + 1);
    body_heads_give(heads, CLIENT_NOBODY, BODY_HEADS_MAX_BYTES - room + 1);
}

/* Everything is there after a restart. */
static void test_restart(void **state)
{
    struct world *world = *state;
    done(world, "Action=CreateUser&UserName=u&Tags.member.1.Key=a&Tags.member.1.Value=1");
    done(world, "Action=CreateGroup&GroupName=g");
    done(world, "Action=AddUserToGroup&GroupName=g&UserName=u");
    REPLY before = call(world, "Action=GetUser&UserName=u");
    world_reopen(world);
    REPLY after = call(world, "Action=GetUser&UserName=u");
    assert_true(span_eq(reply_element(&before, "User", 0), reply_element(&after, "User", 0)));
    REPLY group = call(world, "Action=GetGroup&GroupName=g");
    assert_int_equal(reply_count(&group, "UserName"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_users),
        TEST(test_pages),
        TEST(test_groups),
        TEST(test_inline_policies),
        TEST(test_access_keys),
        TEST(test_tags),
        TEST(test_the_account),
        TEST(test_what_is_no_call),
        TEST(test_memory_for_forms),
        TEST(test_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
