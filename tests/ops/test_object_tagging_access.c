/* Who may read and write the tags of objects, and what tags decide.
 * src: Amazon S3 User Guide, "Tagging and access control policies" */
#include "tests/ops/support_tagging.h"

static const struct principal other = {
    .kind = PRINCIPAL_ROOT, .access_key = SPAN("AKIAOTHER"), .account_id = 77};

/* A bucket policy of these statements. */
static void policy(struct world *world, const char *statements)
{
    char text[4096];
    snprintf(text, sizeof(text), "{\"Version\":\"2012-10-17\",\"Statement\":[%s]}", statements);
    world->principal = root;
    world_do(world, "DELETE /bkt?publicAccessBlock", NULL, NULL);
    world_do(world, "PUT /bkt?policy", NULL, text);
}

#define STATEMENT(effect, actions, condition)                                                      \
    "{\"Effect\":\"" effect "\",\"Principal\":\"*\",\"Action\":[" actions                          \
    "],\"Resource\":\"arn:aws:s3:::bkt/*\"" condition "}"
#define WHERE(operator, key, value) ",\"Condition\":{\"" operator"\":{\"" key "\":\"" value "\"}}"

static enum s3_err ask(struct world *world, const char *line, const char *headers, const char *body)
{
    world->principal = other;
    REPLY reply = world_send(world, line, headers, body != NULL ? span_str(body) : SPAN(""));
    world->principal = root;
    return reply.err;
}
#define ALLOWED(line, headers, body) assert_int_equal(ask(*state, line, headers, body), S3_OK)
#define DENIED(line, headers, body)                                                                \
    assert_int_equal(ask(*state, line, headers, body), S3_ERR_ACCESS_DENIED)

static void test_actions(void **state)
{
    const char *one = TAGGING(TAG("a", "1"));
    policy(*state, STATEMENT("Allow", "\"s3:GetObject\",\"s3:PutObject\"", ""));
    world_do(*state, "PUT /bkt/k?tagging", NULL, one);
    DENIED("GET /bkt/k?tagging", NULL, NULL);
    DENIED("PUT /bkt/k?tagging", NULL, one);
    DENIED("DELETE /bkt/k?tagging", NULL, NULL);
    DENIED("PUT /bkt/new", "x-amz-tagging: a=1", "x");
    DENIED("POST /bkt/new?uploads", "x-amz-tagging: a=1", NULL);
    ALLOWED("PUT /bkt/new", NULL, "x");
    /* A copy of what has tags reads them and puts them, unless it has its own. */
    DENIED("PUT /bkt/copy", "x-amz-copy-source: bkt/k", NULL);
    ALLOWED("PUT /bkt/copy", "x-amz-copy-source: bkt/new", NULL);
    ALLOWED("PUT /bkt/copy", "x-amz-copy-source: bkt/k\nx-amz-tagging-directive: REPLACE", NULL);
    DENIED("PUT /bkt/copy",
        "x-amz-copy-source: bkt/k\nx-amz-tagging-directive: REPLACE\nx-amz-tagging: a=1", NULL);
    ((struct world *)*state)->principal = other;
    REPLY hidden = world_send(*state, "GET /bkt/k", NULL, SPAN(""));
    assert_status(hidden, 200);
    assert_header(hidden, "x-amz-tagging-count", NULL);
    policy(*state,
        STATEMENT("Allow", "\"s3:GetObject\",\"s3:PutObject\",\"s3:GetObjectTagging\"", ""));
    DENIED("PUT /bkt/copy", "x-amz-copy-source: bkt/k", NULL);
    DENIED("GET /bkt/k?tagging&versionId=null", NULL, NULL);
    ALLOWED("GET /bkt/k?tagging", NULL, NULL);
    ((struct world *)*state)->principal = other;
    REPLY shown = world_send(*state, "GET /bkt/k", NULL, SPAN(""));
    assert_header(shown, "x-amz-tagging-count", "1");
    policy(*state, STATEMENT("Allow", "\"s3:*Object\",\"s3:*ObjectTagging\"", ""));
    ALLOWED("PUT /bkt/copy", "x-amz-copy-source: bkt/k", NULL);
    DENIED("PUT /bkt/copy", "x-amz-copy-source: bkt/k?versionId=null", NULL);
    ALLOWED("PUT /bkt/k?tagging", NULL, one);
    DENIED("PUT /bkt/k?tagging&versionId=null", NULL, one);
    ALLOWED("DELETE /bkt/k?tagging", NULL, NULL);
    DENIED("DELETE /bkt/k?tagging&versionId=null", NULL, NULL);
    policy(*state, STATEMENT("Allow", "\"s3:*ObjectVersionTagging\"", ""));
    ALLOWED("PUT /bkt/k?tagging&versionId=null", NULL, one);
    ALLOWED("GET /bkt/k?tagging&versionId=null", NULL, NULL);
    ALLOWED("DELETE /bkt/k?tagging&versionId=null", NULL, NULL);
    DENIED("PUT /bkt/k?tagging", NULL, one);
}

static void test_existing_tags_in_policies(void **state)
{
    policy(*state, STATEMENT("Allow", "\"s3:*Object\",\"s3:*Tagging\"",
                       WHERE("StringEquals", "s3:ExistingObjectTag/open", "yes")));
    DENIED("GET /bkt/k", NULL, NULL);
    world_do(*state, "PUT /bkt/k?tagging", NULL, TAGGING(TAG("open", "yes")));
    ALLOWED("GET /bkt/k", NULL, NULL);
    ALLOWED("HEAD /bkt/k", NULL, NULL);
    ALLOWED("GET /bkt/k?tagging", NULL, NULL);
    ALLOWED("PUT /bkt/k?tagging", NULL, TAGGING(TAG("open", "no")));
    DENIED("GET /bkt/k", NULL, NULL);
    DENIED("PUT /bkt/k?tagging", NULL, TAGGING(TAG("open", "yes")));
    DENIED("DELETE /bkt/k?tagging", NULL, NULL);
    world_do(*state, "PUT /bkt/k?tagging", NULL, TAGGING(TAG("open", "yes")));
    /* What is put is not there yet, and DeleteObject does not know the key. */
    DENIED("PUT /bkt/k", NULL, "x");
    DENIED("PUT /bkt/k", "x-amz-tagging: open=yes", "x");
    DENIED("DELETE /bkt/k", NULL, NULL);
    policy(*state,
        STATEMENT("Allow", "\"s3:PutObject\",\"s3:GetObjectTagging\"", "") "," STATEMENT("Allow",
            "\"s3:GetObject\"",
            WHERE("StringEquals", "s3:ExistingObjectTag/open", "yes")) "," STATEMENT("Allow",
            "\"s3:PutObjectTagging\"", WHERE("StringEquals", "s3:RequestObjectTag/open", "yes")));
    ALLOWED("PUT /bkt/copy", "x-amz-copy-source: bkt/k", NULL);
    assert_tags(*state, "/bkt/copy", "open=yes");
    world_do(*state, "PUT /bkt/k?tagging", NULL, TAGGING(TAG("open", "no")));
    DENIED("PUT /bkt/copy", "x-amz-copy-source: bkt/k", NULL);
}

static void test_new_tags_in_policies(void **state)
{
    policy(*state, STATEMENT("Allow", "\"s3:PutObject\",\"s3:PutObjectTagging\"",
                       WHERE("StringEquals", "s3:RequestObjectTag/project", "lake")));
    ALLOWED("PUT /bkt/n", "x-amz-tagging: project=lake&x=y", "x");
    ALLOWED("POST /bkt/n?uploads", "x-amz-tagging: project=lake", NULL);
    DENIED("PUT /bkt/n", "x-amz-tagging: project=sea", "x");
    DENIED("PUT /bkt/n", NULL, "x");
    ALLOWED("PUT /bkt/k?tagging", NULL, TAGGING(TAG("project", "lake")));
    DENIED("PUT /bkt/k?tagging", NULL, TAGGING(TAG("project", "sea")));
    DENIED("PUT /bkt/k?tagging", NULL, TAGGING(""));
    assert_tags(*state, "/bkt/k", "project=lake");
    policy(*state, STATEMENT("Allow", "\"s3:PutObjectTagging\"",
                       ",\"Condition\":{\"ForAllValues:StringLike\":{\"s3:RequestObjectTagKeys\":"
                       "[\"Owner\",\"Creation*\"]}}"));
    ALLOWED("PUT /bkt/k?tagging", NULL, TAGGING(TAG("Owner", "a") TAG("CreationDate", "b")));
    DENIED("PUT /bkt/k?tagging", NULL, TAGGING(TAG("Owner", "a") TAG("Other", "b")));
    /* A denial of what lacks a tag waits for the body, too. */
    policy(*state,
        STATEMENT("Allow", "\"s3:PutObjectTagging\"", "") "," STATEMENT("Deny",
            "\"s3:PutObjectTagging\"", WHERE("Null", "s3:RequestObjectTag/project", "true")));
    ALLOWED("PUT /bkt/k?tagging", NULL, TAGGING(TAG("project", "a")));
    DENIED("PUT /bkt/k?tagging", NULL, TAGGING(TAG("other", "a")));
    /* Who is not allowed anyway is not, whatever the body says. */
    policy(*state, STATEMENT("Allow", "\"s3:GetObject\"",
                       WHERE("StringEquals", "s3:RequestObjectTag/project", "lake")));
    DENIED("PUT /bkt/k?tagging", NULL, TAGGING(TAG("project", "lake")));
}

/* ---- beside ACLs ---- */

static void test_tags_and_acls_do_not_touch_each_other(void **state)
{
    world_do(*state, "DELETE /bkt?publicAccessBlock", NULL, NULL);
    world_do(*state, "PUT /bkt?ownershipControls", NULL,
        "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>"
        "</OwnershipControls>");
    world_do(*state, "PUT /bkt/k?acl", "x-amz-acl: public-read", NULL);
    world_do(*state, "PUT /bkt/k?tagging", NULL, TAGGING(TAG("a", "1")));
    world_do(*state, "PUT /bkt/up", "x-amz-acl: public-read\nx-amz-tagging: a=1", "x");
    static const char *const keys[] = {"k", "up"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char line[128], path[64];
        snprintf(path, sizeof(path), "/bkt/%s", keys[i]);
        assert_tags(*state, path, "a=1");
        snprintf(line, sizeof(line), "GET %s", path);
        ALLOWED(line, NULL, NULL);
        snprintf(line, sizeof(line), "PUT %s?acl", path);
        world_do(*state, line, "x-amz-acl: private", NULL);
        assert_tags(*state, path, "a=1");
        snprintf(line, sizeof(line), "GET %s", path);
        DENIED(line, NULL, NULL);
    }
    /* A grant to write is none to tag; and an object of another account can be written over with tags. */
    world_do(*state, "PUT /bkt?acl", "x-amz-acl: public-read-write", NULL);
    ALLOWED("PUT /bkt/theirs", NULL, "x");
    DENIED("PUT /bkt/theirs", "x-amz-tagging: a=1", "x");
    world_do(*state, "PUT /bkt/theirs", "x-amz-tagging: a=1", "x");
    assert_tags(*state, "/bkt/theirs", "a=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_actions, tagging_setup, world_drop),
        cmocka_unit_test_setup_teardown(test_existing_tags_in_policies, tagging_setup, world_drop),
        cmocka_unit_test_setup_teardown(test_new_tags_in_policies, tagging_setup, world_drop),
        cmocka_unit_test_setup_teardown(
            test_tags_and_acls_do_not_touch_each_other, tagging_setup, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
