/* The policy of a bucket as a document: put, shown, kept, refused; and the public access block. */
#include "tests/ops/support.h"

#include "daemon/iam.h"
#include "daemon/public_access.h"

#define VERSION "\"Version\":\"2012-10-17\""
#define STATEMENT(more)                                                                            \
    "{" VERSION ",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\","               \
    "\"Resource\":\"arn:aws:s3:::lake/*\"," more "}]}"
#define OWN STATEMENT("\"Principal\":{\"AWS\":\"000000000001\"}")
#define PUBLIC STATEMENT("\"Principal\":\"*\"")

static void make_lake(struct world *world)
{
    world_do(world, "PUT /lake", NULL, NULL);
}

static void unblock(struct world *world)
{
    world_do(world, "DELETE /lake?publicAccessBlock", NULL, NULL);
}

static void test_a_policy_comes_back_as_it_was_put(void **state)
{
    struct world *world = *state;
    make_lake(world);
    static const char text[] =
        " {\n\t\"Version\" : \"2012-10-17\",\r\n \"Statement\": {\"Sid\": \"\\u00e9\","
        "\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[\"000000000001\"]},"
        "\"Action\":\"s3:Get*\",\"Resource\":\"arn:aws:s3:::lake/*\"}}\n\n";
    REPLY put = world_send(world, "PUT /lake?policy", NULL, span_str(text));
    assert_status(put, 204);
    for (int i = 0; i < 2; i++) {
        REPLY get = world_send(world, "GET /lake?policy", NULL, SPAN(""));
        assert_status(get, 200);
        assert_span(get.body, text);
        assert_span(reply_header(&get, "Content-Type"), "application/json");
        world_reopen(world);
    }
    world_do(world, "PUT /lake?policy", NULL, OWN);
    REPLY other = world_send(world, "GET /lake?policy", NULL, SPAN(""));
    assert_span(other.body, OWN);
    for (int i = 0; i < 2; i++) {
        REPLY gone = world_send(world, "DELETE /lake?policy", NULL, SPAN(""));
        assert_status(gone, 204);
    }
    REPLY none = world_send(world, "GET /lake?policy", NULL, SPAN(""));
    assert_code(none, 404, "NoSuchBucketPolicy");
}

/* ---- what is refused ---- */

static const struct {
    const char *text;
    const char *message; /* part of it; NULL: any */
} malformed[] = {
    {"x", NULL},
    {"[]", NULL},
    {"null", NULL},
    {"{}", NULL},
    {"{" VERSION "}", NULL},
    {"{" VERSION ",\"Statement\":[]}", NULL},
    {PUBLIC "x", NULL},
    {"{" VERSION "," VERSION ",\"Statement\":[]}", NULL},
    {STATEMENT("\"Principal\":\"*\",\"Principal\":\"*\""), NULL},
    {STATEMENT("\"Principal\":\"*\",\"Sid\":\"\xff\xfe\""), NULL},
    {STATEMENT("\"Principal\":\"*\",\"Sid\":\"\\ud800\""), NULL},
    {STATEMENT("\"Sid\":\"nobody\""), "Statement[0]"},
    {STATEMENT("\"Principal\":\"000000000001\""), NULL},
    {STATEMENT("\"Principal\":{\"AWS\":\"arn:aws:iam::000000000001:user/none\"}"),
        "Invalid principal in policy"},
    {STATEMENT("\"Principal\":{\"AWS\":\"000000000099\"}"), "Invalid principal in policy"},
    {STATEMENT("\"Principal\":\"*\",\"Condition\":{\"StringEqualz\":{\"s3:prefix\":\"a\"}}"),
        "Condition"},
    {STATEMENT("\"Principal\":\"*\",\"Condition\":{\"StringEquals\":{\"s3:prefixx\":\"a\"}}"),
        "Condition"},
    {STATEMENT("\"Principal\":\"*\",\"Condition\":{\"IpAddress\":{\"aws:SourceIp\":\"x\"}}"),
        "Condition"},
    {STATEMENT("\"Principal\":\"*\",\"Condition\":{\"StringEquals\":{\"s3:prefix\":{}}}"), NULL},
    {"{" VERSION
     ",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObjekt\","
     "\"Resource\":\"arn:aws:s3:::lake/*\"}}",
        "invalid action"},
    {"{" VERSION
     ",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\","
     "\"Resource\":\"arn:aws:s3:::other/*\"}}",
        "invalid resource"},
    {"{" VERSION
     ",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\","
     "\"Resource\":\"*\"}}",
        "invalid resource"},
    {"{" VERSION
     ",\"Statement\":{\"Effect\":\"Maybe\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\","
     "\"Resource\":\"arn:aws:s3:::lake/*\"}}",
        NULL},
};

static void refused(struct world *world, struct span text, const char *message)
{
    REPLY reply = world_send(world, "PUT /lake?policy", NULL, text);
    if (reply.status != 400 || span_find(reply.body, SPAN("<Code>MalformedPolicy<"), 0) == SIZE_MAX)
        fail_msg(
            "%.*s: %d %.*s", SPAN_ARG(span_first(text, 400)), reply.status, SPAN_ARG(reply.body));
    /* AWS's texts begin with a capital in some places. */
    if (message != NULL && span_find(reply.body, span_str(message + 1), 0) == SIZE_MAX)
        fail_msg(
            "%.*s: no %s in %.*s", SPAN_ARG(span_first(text, 400)), message, SPAN_ARG(reply.body));
}

static void test_malformed_policies_change_nothing(void **state)
{
    struct world *world = *state;
    make_lake(world);
    unblock(world);
    world_do(world, "PUT /lake?policy", NULL, OWN);
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++)
        refused(world, span_str(malformed[i].text), malformed[i].message);
    REPLY empty = world_send(world, "PUT /lake?policy", NULL, SPAN(""));
    assert_code(empty, 400, "MissingRequestBodyError");
    REPLY kept = world_send(world, "GET /lake?policy", NULL, SPAN(""));
    assert_span(kept.body, OWN);
}

static void test_deep_and_large_policies(void **state)
{
    struct world *world = *state;
    make_lake(world);
    struct buf text CLEANUP(buf_free);
    buf_init(&text, 4 * 1024 * 1024);
    for (int i = 0; i < 200000; i++)
        buf_add_char(&text, '[');
    refused(world, buf_span(&text), NULL);
    buf_clear(&text);
    buf_add_lit(&text, "{\"Statement\":");
    for (int i = 0; i < 100000; i++)
        buf_add_lit(&text, "{\"a\":");
    refused(world, buf_span(&text), NULL);

    /* Exactly 20 KiB is taken, one byte more is not. */
    for (size_t extra = 0; extra < 2; extra++) {
        buf_clear(&text);
        buf_add_lit(&text, OWN);
        while (text.len < 20 * 1024 + extra)
            buf_add_char(&text, ' ');
        REPLY reply = world_send(world, "PUT /lake?policy", NULL, buf_span(&text));
        assert_status(reply, extra == 0 ? 204 : 400);
    }
    buf_clear(&text);
    for (int i = 0; i < 3 * 1024 * 1024; i++)
        buf_add_char(&text, ' ');
    REPLY huge = world_send(world, "PUT /lake?policy", NULL, buf_span(&text));
    assert_status(huge, 400);
}

/* ---- principals ---- */

static void make_user(struct world *world, struct arena *arena, const char *name)
{
    struct iam_call call = {.iam = world->daemon.iam, .account = ROOT_ACCOUNT_ID, .arena = arena};
    struct iam_new make = {.kind = IAM_USER, .name = span_str(name)};
    struct iam_entity made;
    assert_int_equal(iam_create(&call, &make, &made), IAM_OK);
}

static void drop_user(struct world *world, struct arena *arena, const char *name)
{
    struct iam_call call = {.iam = world->daemon.iam, .account = ROOT_ACCOUNT_ID, .arena = arena};
    assert_int_equal(iam_delete(&call, IAM_USER, span_str(name)), IAM_OK);
}

static void test_a_principal_that_is_gone_is_shown_by_its_id(void **state)
{
    struct world *world = *state;
    struct arena arena CLEANUP(arena_free);
    arena_init(&arena, 1024 * 1024);
    make_lake(world);
    make_user(world, &arena, "ada");
    make_user(world, &arena, "bob");
    /* The second of them stands in a condition, too, where it is a text as any other. */
    static const char text[] =
        "{" VERSION ",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":["
        "\"arn:aws:iam::000000000001:user\\/ada\",\"arn:aws:iam::000000000001:user/bob\"]},"
        "\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::lake/*\",\"Condition\":"
        "{\"ArnEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::000000000001:user/bob\"}}},"
        "{\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":\"arn:aws:iam::000000000001:user/bob\"},"
        "\"Action\":\"s3:PutObject\",\"Resource\":\"arn:aws:s3:::lake/*\"}]}";
    world_do(world, "PUT /lake?policy", NULL, text);
    REPLY before = world_send(world, "GET /lake?policy", NULL, SPAN(""));
    assert_span(before.body, text);
    struct span id =
        iam_principal_id(world->daemon.iam, SPAN("arn:aws:iam::000000000001:user/bob"), &arena);
    assert_true(span_present(id));
    drop_user(world, &arena, "bob");
    for (int i = 0; i < 2; i++) {
        REPLY after = world_send(world, "GET /lake?policy", NULL, SPAN(""));
        char with_id[sizeof(text) + 64];
        snprintf(with_id, sizeof(with_id),
            "{" VERSION ",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":["
            "\"arn:aws:iam::000000000001:user\\/ada\",\"%.*s\"]},"
            "\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::lake/*\",\"Condition\":"
            "{\"ArnEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::000000000001:user/bob\"}}},"
            "{\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":\"%.*s\"},"
            "\"Action\":\"s3:PutObject\",\"Resource\":\"arn:aws:s3:::lake/*\"}]}",
            SPAN_ARG(id), SPAN_ARG(id));
        assert_span(after.body, with_id);
        make_user(world, &arena, "bob"); /* another one, of the same name */
        world_reopen(world);
        if (i == 0)
            drop_user(world, &arena, "bob");
    }
}

/* ---- public ---- */

static void test_status(void **state)
{
    struct world *world = *state;
    make_lake(world);
    unblock(world);
    static const struct {
        const char *text, *is_public;
    } rows[] = {
        {OWN, "false"},
        {PUBLIC, "true"},
        {STATEMENT("\"Principal\":{\"AWS\":\"*\"}"), "true"},
        {STATEMENT("\"Principal\":\"*\",\"Condition\":{\"IpAddress\":{\"aws:SourceIp\":"
                   "\"192.0.2.0/24\"}}"),
            "false"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        world_do(world, "PUT /lake?policy", NULL, rows[i].text);
        REPLY status = world_send(world, "GET /lake?policyStatus", NULL, SPAN(""));
        assert_span(reply_element(&status, "IsPublic", 0), rows[i].is_public);
    }
}

static void test_the_block_says_what_it_refuses_and_how_to_lift_it(void **state)
{
    struct world *world = *state;
    make_lake(world);
    REPLY refusal = world_send(world, "PUT /lake?policy", NULL, SPAN(PUBLIC));
    assert_code(refusal, 403, "AccessDenied");
    assert_has(refusal, "s3:PutBucketPolicy on resource: ");
    assert_has(refusal, "public policies are blocked by the BlockPublicPolicy block public access "
                        "setting.");
    assert_has(refusal, "delete-public-access-block --bucket lake");
    world_do(world, "PUT /lake?policy", NULL, OWN);
    unblock(world);
    world_do(world, "PUT /lake?policy", NULL, PUBLIC);

    struct public_access block = {.block_public_policy = true};
    assert_int_equal(
        account_blocks_put(world->daemon.account_blocks, ROOT_ACCOUNT_ID, &block), STORAGE_OK);
    REPLY of_account = world_send(world, "PUT /lake?policy", NULL, SPAN(PUBLIC));
    assert_code(of_account, 403, "AccessDenied");
    assert_has(of_account, "account 000000000001");
}

#define BLOCK(text) "<PublicAccessBlockConfiguration>" text "</PublicAccessBlockConfiguration>"

static void test_public_access_block(void **state)
{
    struct world *world = *state;
    make_lake(world);
    REPLY first = world_send(world, "GET /lake?publicAccessBlock", NULL, SPAN(""));
    static const char *const names[] = {
        "BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_span(reply_element(&first, names[i], 0), "true");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char body[256];
        snprintf(body, sizeof(body), BLOCK("<%s>TRUE</%s>"), names[i], names[i]);
        world_do(world, "PUT /lake?publicAccessBlock", NULL, body);
        world_reopen(world);
        REPLY one = world_send(world, "GET /lake?publicAccessBlock", NULL, SPAN(""));
        for (size_t k = 0; k < ARRAY_LEN(names); k++)
            assert_span(reply_element(&one, names[k], 0), i == k ? "true" : "false");
    }
    static const char *const wrong[] = {"", "x", BLOCK("<Other>true</Other>"), "<Block/>",
        BLOCK("<BlockPublicAcls>yes</BlockPublicAcls>"),
        BLOCK("<BlockPublicAcls></BlockPublicAcls>")};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        REPLY reply = world_send(world, "PUT /lake?publicAccessBlock", NULL, span_str(wrong[i]));
        assert_status(reply, 400);
    }
    for (int i = 0; i < 2; i++)
        unblock(world);
    REPLY none = world_send(world, "GET /lake?publicAccessBlock", NULL, SPAN(""));
    assert_code(none, 404, "NoSuchPublicAccessBlockConfiguration");
}

static void test_blocks_of_accounts(void **state)
{
    struct world *world = *state;
    static const char line[] = "GET /v20180820/configuration/publicAccessBlock";
    static const char account[] = "x-amz-account-id: 000000000001";
    REPLY none = world_send(world, line, account, SPAN(""));
    assert_code(none, 404, "NoSuchPublicAccessBlockConfiguration");
    world_do(world, "PUT /v20180820/configuration/publicAccessBlock", account,
        BLOCK("<IgnorePublicAcls>true</IgnorePublicAcls>"));
    world_reopen(world);
    REPLY some = world_send(world, line, account, SPAN(""));
    assert_span(reply_element(&some, "IgnorePublicAcls", 0), "true");
    assert_span(reply_element(&some, "BlockPublicAcls", 0), "false");
    REPLY other = world_send(world, line, "x-amz-account-id: 000000000002", SPAN(""));
    assert_code(other, 403, "AccessDenied");
    REPLY odd = world_send(world, line, "x-amz-account-id: 1", SPAN(""));
    assert_code(odd, 400, "InvalidArgument");
    world_do(world, "DELETE /v20180820/configuration/publicAccessBlock", account, NULL);
    REPLY gone = world_send(world, line, account, SPAN(""));
    assert_status(gone, 404);
    world->principal = (struct principal){.kind = PRINCIPAL_ANONYMOUS};
    REPLY nobody = world_send(world, line, account, SPAN(""));
    assert_code(nobody, 403, "AccessDenied");
}

static void test_changes_act_on_the_next_request(void **state)
{
    struct world *world = *state;
    make_lake(world);
    unblock(world);
    world_put(world, "lake", SPAN("key"), SPAN("x"));
    struct principal root = world->principal, nobody = {.kind = PRINCIPAL_ANONYMOUS};
    for (int i = 0; i < 50; i++) {
        world->principal = root;
        world_do(world, "PUT /lake?policy", NULL, PUBLIC);
        world->principal = nobody;
        world_do(world, "GET /lake/key", NULL, NULL);
        world->principal = root;
        world_do(
            world, i % 2 ? "DELETE /lake?policy" : "PUT /lake?policy", NULL, i % 2 ? NULL : OWN);
        world->principal = nobody;
        REPLY reply = world_send(world, "GET /lake/key", NULL, SPAN(""));
        assert_status(reply, 403);
    }
    /* A bucket made anew has nothing of the old one's. */
    world->principal = root;
    world_do(world, "PUT /lake?policy", NULL, PUBLIC);
    world_do(world, "DELETE /lake/key", NULL, NULL);
    world_do(world, "DELETE /lake", NULL, NULL);
    world_do(world, "PUT /lake", NULL, NULL);
    REPLY policy = world_send(world, "GET /lake?policy", NULL, SPAN(""));
    assert_code(policy, 404, "NoSuchBucketPolicy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_a_policy_comes_back_as_it_was_put, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_malformed_policies_change_nothing, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_deep_and_large_policies, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_a_principal_that_is_gone_is_shown_by_its_id, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_status, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_the_block_says_what_it_refuses_and_how_to_lift_it, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_public_access_block, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_blocks_of_accounts, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_changes_act_on_the_next_request, world_make, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
