/* Which actions a request needs, and who is told what. Asked as another account's root: the bucket policy
 * alone decides, and it allows exactly the actions of the row, or all but one of them. */
#include "tests/ops/support.h"

#include "daemon/accounts.h"

enum { OTHER_ACCOUNT = 77 };

static const struct principal owner = {
    .kind = PRINCIPAL_ROOT, .access_key = {"AKIATEST", 8}, .account_id = ROOT_ACCOUNT_ID};
static const struct principal stranger = {
    .kind = PRINCIPAL_ROOT, .access_key = {"AKIAOTHER", 9}, .account_id = OTHER_ACCOUNT};
static const struct principal nobody = {.kind = PRINCIPAL_ANONYMOUS};

static void as(struct world *world, struct principal principal)
{
    world->principal = principal;
}

/* A policy of the bucket that allows these actions (separated by commas, `without` left out) to anyone. */
static void allow(struct world *world, const char *actions, const char *without)
{
    struct buf text CLEANUP(buf_free);
    buf_init(&text, 64 * 1024);
    buf_add_lit(&text, "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\","
                       "\"Principal\":\"*\",\"Action\":[\"s3:GetLifecycleConfiguration\"");
    struct span rest = span_str(actions), action;
    while (span_split(&rest, ',', &action)) {
        if (without != NULL && span_eq(action, span_str(without)))
            continue;
        buf_add_lit(&text, ",\"");
        buf_add(&text, action);
        buf_add_lit(&text, "\"");
    }
    buf_add_lit(&text, "],\"Resource\":[\"arn:aws:s3:::lake\",\"arn:aws:s3:::lake/*\"]}]}");
    as(world, owner);
    REPLY reply = world_send(world, "PUT /lake?policy", NULL, buf_span(&text));
    assert_status(reply, 204);
}

static void make_lake(struct world *world)
{
    as(world, owner);
    world_do(world, "PUT /lake", NULL, NULL);
    world_do(world, "DELETE /lake?publicAccessBlock", NULL, NULL);
    world_put(world, "lake", SPAN("key"), SPAN("content"));
}

#define TAGGING "<Tagging><TagSet></TagSet></Tagging>"

static const struct {
    const char *line, *headers, *body;
    const char *actions; /* all that it needs */
} cases[] = {
    {"GET /lake/key", NULL, NULL, "s3:GetObject"},
    {"HEAD /lake/key", NULL, NULL, "s3:GetObject"},
    {"GET /lake/key?versionId=null", NULL, NULL, "s3:GetObjectVersion"},
    {"HEAD /lake/key?versionId=null", NULL, NULL, "s3:GetObjectVersion"},
    {"GET /lake/key?attributes", "x-amz-object-attributes: ETag", NULL,
        "s3:GetObjectAttributes,s3:GetObject"},
    {"GET /lake/key?attributes&versionId=null", "x-amz-object-attributes: ETag", NULL,
        "s3:GetObjectVersionAttributes,s3:GetObjectVersion"},
    {"GET /lake/key?acl", NULL, NULL, "s3:GetObjectAcl"},
    {"GET /lake/key?acl&versionId=null", NULL, NULL, "s3:GetObjectVersionAcl"},
    {"GET /lake/key?tagging", NULL, NULL, "s3:GetObjectTagging"},
    {"GET /lake/key?tagging&versionId=null", NULL, NULL, "s3:GetObjectVersionTagging"},
    {"PUT /lake/key?tagging", NULL, TAGGING, "s3:PutObjectTagging"},
    {"PUT /lake/key?tagging&versionId=null", NULL, TAGGING, "s3:PutObjectVersionTagging"},
    {"DELETE /lake/key?tagging", NULL, NULL, "s3:DeleteObjectTagging"},
    {"DELETE /lake/key?tagging&versionId=null", NULL, NULL, "s3:DeleteObjectVersionTagging"},
    {"GET /lake/key?retention", NULL, NULL, "s3:GetObjectRetention"},
    {"GET /lake/key?legal-hold", NULL, NULL, "s3:GetObjectLegalHold"},
    {"PUT /lake/new", NULL, "x", "s3:PutObject"},
    {"PUT /lake/new", "x-amz-acl: bucket-owner-full-control", "x", "s3:PutObject,s3:PutObjectAcl"},
    {"PUT /lake/new", "x-amz-grant-read: uri=\"x\"", "x", "s3:PutObject,s3:PutObjectAcl"},
    {"PUT /lake/new", "x-amz-tagging: a=b", "x", "s3:PutObject,s3:PutObjectTagging"},
    {"PUT /lake/new", "x-amz-object-lock-mode: GOVERNANCE", "x",
        "s3:PutObject,s3:PutObjectRetention"},
    {"PUT /lake/new", "x-amz-object-lock-legal-hold: ON", "x",
        "s3:PutObject,s3:PutObjectLegalHold"},
    {"PUT /lake/key", "If-Match: \"00000000000000000000000000000000\"", "x",
        "s3:PutObject,s3:GetObject"},
    {"PUT /lake/key", "If-None-Match: *", "x", "s3:PutObject"},
    {"PUT /lake/key", "x-amz-bypass-governance-retention: true", "x",
        "s3:PutObject,s3:BypassGovernanceRetention"},
    {"PUT /lake/copy", "x-amz-copy-source: lake/key", NULL, "s3:PutObject,s3:GetObject"},
    {"PUT /lake/copy", "x-amz-copy-source: lake/key?versionId=null", NULL,
        "s3:PutObject,s3:GetObjectVersion"},
    {"PUT /lake/copy", "x-amz-copy-source: lake/key\nx-amz-acl: private", NULL,
        "s3:PutObject,s3:GetObject,s3:PutObjectAcl"},
    {"DELETE /lake/none", NULL, NULL, "s3:DeleteObject"},
    {"DELETE /lake/none?versionId=null", NULL, NULL, "s3:DeleteObjectVersion"},
    {"DELETE /lake/none", "x-amz-bypass-governance-retention: true", NULL,
        "s3:DeleteObject,s3:BypassGovernanceRetention"},
    {"POST /lake/big?uploads", NULL, NULL, "s3:PutObject"},
    {"POST /lake/big?uploads", "x-amz-acl: private", NULL, "s3:PutObject,s3:PutObjectAcl"},
    {"GET /lake", NULL, NULL, "s3:ListBucket"},
    {"GET /lake?list-type=2", NULL, NULL, "s3:ListBucket"},
    {"HEAD /lake", NULL, NULL, "s3:ListBucket"},
    {"GET /lake?versions", NULL, NULL, "s3:ListBucketVersions"},
    {"GET /lake?uploads", NULL, NULL, "s3:ListBucketMultipartUploads"},
    {"GET /lake?location", NULL, NULL, "s3:GetBucketLocation"},
    {"GET /lake?acl", NULL, NULL, "s3:GetBucketAcl"},
    {"GET /lake?versioning", NULL, NULL, "s3:GetBucketVersioning"},
    {"GET /lake?cors", NULL, NULL, "s3:GetBucketCORS"},
    {"DELETE /lake?cors", NULL, NULL, "s3:PutBucketCORS"},
    {"GET /lake?tagging", NULL, NULL, "s3:GetBucketTagging"},
    {"GET /lake?encryption", NULL, NULL, "s3:GetEncryptionConfiguration"},
    {"GET /lake?replication", NULL, NULL, "s3:GetReplicationConfiguration"},
    {"GET /lake?object-lock", NULL, NULL, "s3:GetBucketObjectLockConfiguration"},
    {"GET /lake?ownershipControls", NULL, NULL, "s3:GetBucketOwnershipControls"},
    {"GET /lake?policyStatus", NULL, NULL, "s3:GetBucketPolicyStatus"},
    {"GET /lake?publicAccessBlock", NULL, NULL, "s3:GetBucketPublicAccessBlock"},
    {"DELETE /lake?publicAccessBlock", NULL, NULL, "s3:PutBucketPublicAccessBlock"},
    {"GET /lake?notification", NULL, NULL, "s3:GetBucketNotification"},
    {"DELETE /lake", NULL, NULL, "s3:DeleteBucket"},
};

static void check(struct world *world, size_t i, const char *without)
{
    allow(world, cases[i].actions, without);
    as(world, stranger);
    REPLY reply = world_send(
        world, cases[i].line, cases[i].headers, cases[i].body ? span_str(cases[i].body) : SPAN(""));
    bool refused = reply.err == S3_ERR_ACCESS_DENIED;
    if (refused != (without != NULL))
        fail_msg("%s (%s) without %s: %d %.*s", cases[i].line,
            cases[i].headers ? cases[i].headers : "", without ? without : "nothing", reply.status,
            SPAN_ARG(reply.body));
}

static void test_each_action_is_needed_and_all_are_enough(void **state)
{
    struct world *world = *state;
    make_lake(world);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char action[128];
        struct span rest = span_str(cases[i].actions), one;
        while (span_split(&rest, ',', &one)) {
            snprintf(action, sizeof(action), "%.*s", SPAN_ARG(one));
            check(world, i, action);
        }
        check(world, i, NULL);
    }
}

static void test_what_is_missing_is_told_to_who_may_list(void **state)
{
    struct world *world = *state;
    make_lake(world);
    static const char *const lines[] = {"GET /lake/none", "HEAD /lake/none",
        "GET /lake/none?versionId=null", "GET /lake/none?acl", "GET /lake/none?tagging"};
    static const char reads[] = "s3:GetObject,s3:GetObjectVersion,s3:GetObjectAcl,"
                                "s3:GetObjectTagging,s3:PutObject";
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        allow(world, reads, NULL);
        as(world, nobody);
        REPLY hidden = world_send(world, lines[i], NULL, SPAN(""));
        assert_code(hidden, 403, "AccessDenied");
        assert_lacks(hidden, "none");
        allow(world,
            "s3:GetObject,s3:GetObjectVersion,s3:GetObjectAcl,s3:GetObjectTagging,"
            "s3:ListBucket",
            NULL);
        as(world, nobody);
        REPLY told = world_send(world, lines[i], NULL, SPAN(""));
        assert_status(told, 404);
    }
    allow(world, reads, NULL);
    as(world, stranger);
    REPLY copy = world_send(world, "PUT /lake/copy", "x-amz-copy-source: lake/none", SPAN(""));
    assert_code(copy, 403, "AccessDenied");
    REPLY bucket = world_send(world, "GET /no-such-lake/none", NULL, SPAN(""));
    assert_code(bucket, 404, "NoSuchBucket");
}

static void test_keys_of_a_batch_are_asked_for_one_by_one(void **state)
{
    struct world *world = *state;
    make_lake(world);
    world_put(world, "lake", SPAN("tmp/1"), SPAN("x"));
    world_do(world, "PUT /lake?policy", NULL,
        "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\","
        "\"Action\":\"s3:DeleteObject\",\"Resource\":\"arn:aws:s3:::lake/tmp/*\"}}");
    as(world, nobody);
    REPLY reply = world_send(world, "POST /lake?delete", "Content-MD5: sKCkUCExObzLSYn5gjfkkQ==",
        SPAN("<Delete><Object><Key>tmp/1</Key></Object><Object><Key>key</Key></Object>"
             "<Object><Key>tmp/1</Key><VersionId>null</VersionId></Object></Delete>"));
    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "Deleted"), 1);
    assert_int_equal(reply_count(&reply, "Error"), 2);
}

static void test_anonymous_requests_never_copy_or_begin_uploads(void **state)
{
    struct world *world = *state;
    make_lake(world);
    allow(world, "s3:*", NULL);
    as(world, nobody);
    REPLY upload = world_send(world, "POST /lake/big?uploads", NULL, SPAN(""));
    assert_code(upload, 403, "AccessDenied");
    assert_has(upload, "Anonymous users cannot initiate multipart uploads.");
    REPLY copy = world_send(world, "PUT /lake/b", "x-amz-copy-source: lake/key", SPAN(""));
    assert_code(copy, 403, "AccessDenied");
    assert_has(copy, "Anonymous users cannot copy objects.");
    REPLY put = world_send(world, "PUT /lake/b", NULL, SPAN("x"));
    assert_status(put, 200);
}

static void test_the_policy_is_the_owners_alone(void **state)
{
    struct world *world = *state;
    make_lake(world);
    allow(world, "s3:*", NULL);
    static const char *const lines[] = {
        "GET /lake?policy", "PUT /lake?policy", "DELETE /lake?policy"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        as(world, stranger);
        REPLY reply = world_send(world, lines[i], NULL, SPAN("{}"));
        assert_code(reply, 405, "MethodNotAllowed");
        as(world, nobody);
        REPLY anonymous = world_send(world, lines[i], NULL, SPAN("{}"));
        assert_code(anonymous, 405, "MethodNotAllowed");
    }
}

static void test_root_is_bound_by_denials_but_mends_its_policy(void **state)
{
    struct world *world = *state;
    make_lake(world);
    static const char deny[] =
        "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Nobody\",\"Effect\":\"Deny\","
        "\"Principal\":\"*\",\"Action\":\"s3:*\",\"Resource\":[\"arn:aws:s3:::lake\","
        "\"arn:aws:s3:::lake/*\"]}]}";
    world_do(world, "PUT /lake?policy", NULL, deny);
    REPLY get = world_send(world, "GET /lake/key", NULL, SPAN(""));
    assert_code(get, 403, "AccessDenied");
    assert_has(get, "with an explicit deny in a resource-based policy");
    REPLY list = world_send(world, "GET /lake", NULL, SPAN(""));
    assert_code(list, 403, "AccessDenied");
    REPLY status = world_send(world, "GET /lake?policyStatus", NULL, SPAN(""));
    assert_code(status, 403, "AccessDenied");
    REPLY policy = world_send(world, "GET /lake?policy", NULL, SPAN(""));
    assert_span(policy.body, deny);
    world_do(world, "PUT /lake?policy", NULL, deny);
    world_do(world, "DELETE /lake?policy", NULL, NULL);
    world_do(world, "GET /lake/key", NULL, NULL);
}

static void test_buckets_of_other_accounts_are_closed(void **state)
{
    struct world *world = *state;
    make_lake(world);
    as(world, stranger);
    REPLY get = world_send(world, "GET /lake/key", NULL, SPAN(""));
    assert_code(get, 403, "AccessDenied");
    assert_has(get, "<Message>Access Denied</Message>"); /* an outsider is told no more */
    world_do(world, "PUT /own", NULL, NULL);
    world_put(world, "own", SPAN("key"), SPAN("x"));
    REPLY steal = world_send(world, "PUT /own/stolen", "x-amz-copy-source: lake/key", SPAN(""));
    assert_code(steal, 403, "AccessDenied");
    REPLY listed = world_send(world, "GET /", NULL, SPAN(""));
    assert_int_equal(reply_count(&listed, "Bucket"), 1);
    as(world, owner);
    REPLY other = world_send(world, "GET /own/key", NULL, SPAN(""));
    assert_code(other, 403, "AccessDenied");
    REPLY expected =
        world_send(world, "GET /lake/key", "x-amz-expected-bucket-owner: 000000000077", SPAN(""));
    assert_code(expected, 403, "AccessDenied");
    world_do(world, "GET /lake/key", "x-amz-expected-bucket-owner: 000000000001", NULL);
    REPLY source = world_send(world, "PUT /lake/copy",
        "x-amz-copy-source: lake/key\nx-amz-source-expected-bucket-owner: 000000000077", SPAN(""));
    assert_code(source, 403, "AccessDenied");
}

static void test_uploads_go_on_by_who_began_them(void **state)
{
    struct world *world = *state;
    make_lake(world);
    allow(world, "s3:PutObject", NULL);
    as(world, stranger);
    REPLY began = world_send(world, "POST /lake/big?uploads", NULL, SPAN(""));
    assert_status(began, 200);
    char id[128], line[256];
    snprintf(id, sizeof(id), "%.*s", SPAN_ARG(reply_element(&began, "UploadId", 0)));
    snprintf(line, sizeof(line), "PUT /lake/big?uploadId=%s&partNumber=1", id);
    world_do(world, line, NULL, "part");
    as(world, nobody);
    REPLY by_nobody = world_send(world, line, NULL, SPAN("other"));
    assert_code(by_nobody, 403, "AccessDenied");
    as(world, owner);
    REPLY by_owner = world_send(world, line, NULL, SPAN("other"));
    assert_code(by_owner, 403, "AccessDenied");

    /* Without a word in the policy: who began it lists and aborts it, and so does the bucket's owner. */
    snprintf(line, sizeof(line), "GET /lake/big?uploadId=%s", id);
    as(world, stranger);
    REPLY parts = world_send(world, line, NULL, SPAN(""));
    assert_status(parts, 200);
    char initiator[CANONICAL_ID_BYTES + 1];
    account_canonical_of(OTHER_ACCOUNT, initiator);
    assert_has(parts, initiator);
    as(world, owner);
    world_do(world, line, NULL, NULL);
    as(world, nobody);
    REPLY listed = world_send(world, line, NULL, SPAN(""));
    assert_code(listed, 403, "AccessDenied");
    snprintf(line, sizeof(line), "DELETE /lake/big?uploadId=%s", id);
    REPLY aborted = world_send(world, line, NULL, SPAN(""));
    assert_code(aborted, 403, "AccessDenied");
    as(world, stranger);
    world_do(world, line, NULL, NULL);
}

static void test_uploads_that_may_not_be_aborted(void **state)
{
    struct world *world = *state;
    make_lake(world);
    world_do(world, "PUT /lake?policy", NULL,
        "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\","
        "\"Action\":\"s3:PutObject\",\"Resource\":\"arn:aws:s3:::lake/*\"},{\"Effect\":\"Deny\","
        "\"Principal\":\"*\",\"Action\":\"s3:AbortMultipartUpload\","
        "\"Resource\":\"arn:aws:s3:::lake/*\"}]}");
    as(world, stranger);
    REPLY began = world_send(world, "POST /lake/big?uploads", NULL, SPAN(""));
    char line[256];
    snprintf(line, sizeof(line), "DELETE /lake/big?uploadId=%.*s",
        SPAN_ARG(reply_element(&began, "UploadId", 0)));
    REPLY aborted = world_send(world, line, NULL, SPAN(""));
    assert_code(aborted, 403, "AccessDenied");
}

/* ---- conditions ---- */

static const struct {
    const char *condition;
    const char *action, *line, *headers;
    bool allowed;
} conditions[] = {
    {"{\"StringEquals\":{\"s3:prefix\":\"raw/\"}}", "s3:ListBucket", "GET /lake?prefix=raw/", NULL,
        true},
    {"{\"StringEquals\":{\"s3:prefix\":\"raw/\"}}", "s3:ListBucket", "GET /lake?prefix=raw", NULL,
        false},
    {"{\"StringEquals\":{\"s3:prefix\":\"raw/\"}}", "s3:ListBucket", "GET /lake", NULL, false},
    {"{\"StringEquals\":{\"s3:prefix\":\"\"}}", "s3:ListBucket", "GET /lake?prefix=", NULL, true},
    {"{\"Null\":{\"s3:prefix\":\"true\"}}", "s3:ListBucket", "GET /lake", NULL, true},
    {"{\"StringEquals\":{\"s3:delimiter\":\"/\"}}", "s3:ListBucket", "GET /lake?delimiter=/", NULL,
        true},
    {"{\"NumericLessThanEquals\":{\"s3:max-keys\":\"10\"}}", "s3:ListBucket",
        "GET /lake?max-keys=10", NULL, true},
    {"{\"NumericLessThanEquals\":{\"s3:max-keys\":\"10\"}}", "s3:ListBucket",
        "GET /lake?max-keys=11", NULL, false},
    {"{\"StringEquals\":{\"s3:VersionId\":\"null\"}}", "s3:GetObjectVersion",
        "GET /lake/key?versionId=null", NULL, true},
    {"{\"IpAddress\":{\"aws:SourceIp\":\"192.0.2.0/24\"}}", "s3:GetObject", "GET /lake/key", NULL,
        true},
    {"{\"IpAddress\":{\"aws:SourceIp\":\"198.51.100.0/24\"}}", "s3:GetObject", "GET /lake/key",
        NULL, false},
    {"{\"IpAddress\":{\"aws:SourceIp\":\"198.51.100.0/24\"}}", "s3:GetObject", "GET /lake/key",
        "X-Forwarded-For: 198.51.100.1", false},
    {"{\"Bool\":{\"aws:SecureTransport\":\"true\"}}", "s3:GetObject", "GET /lake/key", NULL, false},
    {"{\"Bool\":{\"aws:SecureTransport\":\"false\"}}", "s3:GetObject", "GET /lake/key", NULL, true},
    {"{\"StringLike\":{\"aws:Referer\":\"https://lake.example/*\"}}", "s3:GetObject",
        "GET /lake/key", "Referer: https://lake.example/page", true},
    {"{\"StringLike\":{\"aws:Referer\":\"https://lake.example/*\"}}", "s3:GetObject",
        "GET /lake/key", "Referer: https://elsewhere.example/", false},
    {"{\"StringLike\":{\"aws:UserAgent\":\"duckdb*\"}}", "s3:GetObject", "GET /lake/key",
        "User-Agent: duckdb/1.0", true},
    {"{\"DateGreaterThan\":{\"aws:CurrentTime\":\"2020-01-01T00:00:00Z\"}}", "s3:GetObject",
        "GET /lake/key", NULL, true},
    {"{\"DateLessThan\":{\"aws:CurrentTime\":\"2020-01-01T00:00:00Z\"}}", "s3:GetObject",
        "GET /lake/key", NULL, false},
    {"{\"NumericGreaterThan\":{\"aws:EpochTime\":\"1500000000\"}}", "s3:GetObject", "GET /lake/key",
        NULL, true},
    {"{\"StringEquals\":{\"aws:PrincipalAccount\":\"000000000077\"}}", "s3:GetObject",
        "GET /lake/key", NULL, true},
    {"{\"ArnEquals\":{\"aws:PrincipalArn\":\"arn:aws:iam::000000000077:root\"}}", "s3:GetObject",
        "GET /lake/key", NULL, true},
    {"{\"StringEquals\":{\"aws:PrincipalType\":\"Account\"}}", "s3:GetObject", "GET /lake/key",
        NULL, true},
    {"{\"StringEquals\":{\"aws:userid\":\"000000000077\"}}", "s3:GetObject", "GET /lake/key", NULL,
        true},
    {"{\"StringEquals\":{\"aws:RequestedRegion\":\"us-east-1\"}}", "s3:GetObject", "GET /lake/key",
        NULL, true},
    {"{\"StringEquals\":{\"aws:ResourceAccount\":\"000000000001\"}}", "s3:GetObject",
        "GET /lake/key", NULL, true},
    {"{\"StringEquals\":{\"s3:ResourceAccount\":\"000000000001\"}}", "s3:GetObject",
        "GET /lake/key", NULL, true},
    {"{\"StringEquals\":{\"s3:authType\":\"REST-HEADER\"}}", "s3:GetObject", "GET /lake/key", NULL,
        true},
    {"{\"StringEquals\":{\"s3:x-amz-storage-class\":\"STANDARD\"}}", "s3:PutObject",
        "PUT /lake/new", "x-amz-storage-class: STANDARD", true},
    {"{\"StringEquals\":{\"s3:x-amz-storage-class\":\"STANDARD\"}}", "s3:PutObject",
        "PUT /lake/new", "x-amz-storage-class: STANDARD_IA", false},
    {"{\"StringEquals\":{\"aws:ResourceTag/team\":\"a\"}}", "s3:GetObject", "GET /lake/key", NULL,
        true},
    {"{\"StringEquals\":{\"s3:BucketTag/team\":\"b\"}}", "s3:GetObject", "GET /lake/key", NULL,
        false},
    {"{\"Null\":{\"s3:if-none-match\":\"false\"}}", "s3:PutObject", "PUT /lake/new2",
        "If-None-Match: *", true},
    {"{\"Null\":{\"s3:if-none-match\":\"false\"}}", "s3:PutObject", "PUT /lake/new3", NULL, false},
    {"{\"Bool\":{\"s3:ObjectCreationOperation\":\"false\"}}", "s3:PutObject",
        "POST /lake/big?uploads", NULL, true},
    {"{\"Bool\":{\"s3:ObjectCreationOperation\":\"false\"}}", "s3:PutObject", "PUT /lake/new4",
        NULL, false},
};

/* The lake's policy becomes this; then the stranger asks. */
static void let_stranger(
    struct world *world, const char *actions, const char *resources, const char *condition)
{
    char text[1024];
    snprintf(text, sizeof(text),
        "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\","
        "\"Action\":%s,\"Resource\":%s,\"Condition\":%s}}",
        actions, resources, condition);
    as(world, owner);
    world_do(world, "PUT /lake?policy", NULL, text);
    as(world, stranger);
}

static void test_condition_keys(void **state)
{
    struct world *world = *state;
    make_lake(world);
    world_do(world, "PUT /lake?tagging", NULL,
        "<Tagging><TagSet><Tag><Key>team</Key><Value>a</Value></Tag></TagSet></Tagging>");
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        char action[64], resource[64];
        snprintf(action, sizeof(action), "\"%s\"", conditions[i].action);
        snprintf(resource, sizeof(resource), "\"arn:aws:s3:::lake%s\"",
            strstr(conditions[i].action, "List") ? "" : "/*");
        let_stranger(world, action, resource, conditions[i].condition);
        world->peer = SPAN("192.0.2.7");
        REPLY reply = world_send(world, conditions[i].line, conditions[i].headers, SPAN(""));
        if ((reply.err == S3_ERR_ACCESS_DENIED) == conditions[i].allowed)
            fail_msg("%s of %s: %d %.*s", conditions[i].condition, conditions[i].line, reply.status,
                SPAN_ARG(reply.body));
    }
}

static void test_a_copys_source_is_a_condition(void **state)
{
    struct world *world = *state;
    make_lake(world);
    world_put(world, "lake", SPAN("raw/a b"), SPAN("x"));
    world_do(world, "PUT /lake?policy", NULL,
        "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\","
        "\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::lake/*\"},{\"Effect\":\"Allow\","
        "\"Principal\":\"*\",\"Action\":\"s3:PutObject\",\"Resource\":\"arn:aws:s3:::lake/*\","
        "\"Condition\":{\"StringLike\":{\"s3:x-amz-copy-source\":\"lake/raw/*\"}}}]}");
    as(world, stranger);
    world_do(world, "PUT /lake/b", "x-amz-copy-source: /lake/raw/a%20b", NULL);
    world_do(world, "PUT /lake/b", "x-amz-copy-source: lake/raw%2Fa+b", NULL);
    REPLY other = world_send(world, "PUT /lake/b", "x-amz-copy-source: lake/key", SPAN(""));
    assert_code(other, 403, "AccessDenied");
    REPLY plain = world_send(world, "PUT /lake/b", NULL, SPAN("x"));
    assert_code(plain, 403, "AccessDenied");
}

/* Of what an operation does not read a policy must not believe anything. */
static const struct {
    const char *condition, *line, *headers;
} ignored[] = {
    {"{\"StringEquals\":{\"s3:prefix\":\"raw/\"}}", "DELETE /lake?prefix=raw/", NULL},
    {"{\"StringEquals\":{\"s3:prefix\":\"raw/\"}}", "HEAD /lake?prefix=raw/", NULL},
    {"{\"StringEquals\":{\"s3:prefix\":\"raw/\"}}", "GET /lake?acl&prefix=raw/", NULL},
    {"{\"StringEquals\":{\"s3:prefix\":\"raw/\"}}", "PUT /lake?tagging&prefix=raw/", NULL},
    {"{\"StringEquals\":{\"s3:prefix\":\"raw/\"}}", "GET /lake?lakegate-duplicates&prefix=raw/",
        NULL},
    {"{\"StringEquals\":{\"lakegate:zone\":\"raw\"}}", "DELETE /lake?prefix=raw/", NULL},
    {"{\"StringEquals\":{\"s3:delimiter\":\"/\"}}", "GET /lake?lakegate-zip&delimiter=/", NULL},
    {"{\"NumericLessThan\":{\"s3:max-keys\":\"9\"}}", "GET /lake?lakegate-zip&max-keys=1", NULL},
    {"{\"NumericLessThan\":{\"s3:max-keys\":\"9\"}}", "GET /lake?uploads&max-keys=1", NULL},
    {"{\"Null\":{\"s3:x-amz-copy-source\":\"false\"}}", "POST /lake/a?uploads",
        "x-amz-copy-source: lake/key"},
    {"{\"Null\":{\"s3:x-amz-copy-source\":\"false\"}}", "GET /lake/key",
        "x-amz-copy-source: lake/key"},
    {"{\"StringEquals\":{\"s3:x-amz-acl\":\"private\"}}", "GET /lake/key", "x-amz-acl: private"},
    {"{\"StringEquals\":{\"s3:x-amz-acl\":\"private\"}}", "DELETE /lake/key", "x-amz-acl: private"},
    {"{\"StringEquals\":{\"s3:x-amz-acl\":\"private\"}}", "PUT /lake?tagging",
        "x-amz-acl: private"},
    {"{\"StringEquals\":{\"s3:x-amz-acl\":\"private\"}}", "PUT /lake/copy",
        "x-amz-copy-source: lake/key\nx-amz-acl: private"},
    {"{\"Null\":{\"s3:x-amz-grant-read\":\"false\"}}", "GET /lake/key", "x-amz-grant-read: id=1"},
    {"{\"StringEquals\":{\"s3:x-amz-storage-class\":\"STANDARD\"}}", "DELETE /lake/key",
        "x-amz-storage-class: STANDARD"},
    {"{\"StringEquals\":{\"s3:x-amz-metadata-directive\":\"COPY\"}}", "PUT /lake/new",
        "x-amz-metadata-directive: COPY"},
    {"{\"StringEquals\":{\"s3:VersionId\":\"null\"}}", "POST /lake/a?uploads&versionId=null", NULL},
    {"{\"Null\":{\"s3:if-match\":\"false\"}}", "GET /lake?acl", "If-Match: \"0\""},
    {"{\"Null\":{\"s3:if-none-match\":\"false\"}}", "DELETE /lake/key", "If-None-Match: *"},
};

static void test_what_an_operation_ignores_is_no_condition(void **state)
{
    struct world *world = *state;
    make_lake(world);
    world_do(world, "PUT /lake?lakegate-zones", NULL,
        "{\"Version\":\"2026-11-01\",\"Zones\":[{\"Name\":\"raw\",\"Prefix\":\"raw/\"}]}");
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
        let_stranger(world, "[\"s3:*\",\"lakegate:*\"]",
            "[\"arn:aws:s3:::lake\",\"arn:aws:s3:::lake/*\"]", ignored[i].condition);
        REPLY reply = world_send(world, ignored[i].line, ignored[i].headers, SPAN(""));
        if (reply.err != S3_ERR_ACCESS_DENIED)
            fail_msg("%s let %s pass: %d %.*s", ignored[i].condition, ignored[i].line, reply.status,
                SPAN_ARG(reply.body));
    }
}

/* ---- the public access block ---- */

static uint64_t add_account(struct world *world)
{
    struct arena arena CLEANUP(arena_free);
    arena_init(&arena, 64 * 1024);
    struct accounts *accounts = accounts_open(world->daemon.store, world->daemon.iam);
    struct account account;
    struct span key, secret, detail;
    assert_non_null(accounts);
    assert_int_equal(
        accounts_add(accounts, SPAN("friend"), &arena, &account, &key, &secret, &detail), IAM_OK);
    accounts_free(accounts);
    return account.id;
}

static void test_restricted_buckets_serve_their_account_alone(void **state)
{
    struct world *world = *state;
    make_lake(world);
    allow(world, "s3:GetObject", NULL);
    as(world, nobody);
    world_do(world, "GET /lake/key", NULL, NULL);
    as(world, owner);
    world_do(world, "PUT /lake?publicAccessBlock", NULL,
        "<PublicAccessBlockConfiguration><RestrictPublicBuckets>true</RestrictPublicBuckets>"
        "</PublicAccessBlockConfiguration>");
    world_do(world, "GET /lake/key", NULL, NULL);
    static const struct principal *const outside[] = {&nobody, &stranger};
    for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
        as(world, *outside[i]);
        REPLY reply = world_send(world, "GET /lake/key", NULL, SPAN(""));
        assert_code(reply, 403, "AccessDenied");
    }
    /* A policy that is not public is not touched. */
    struct principal friend = stranger;
    friend.account_id = add_account(world);
    char text[512];
    snprintf(text, sizeof(text),
        "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":"
        "{\"AWS\":\"%012llu\"},\"Action\":\"s3:GetObject\","
        "\"Resource\":\"arn:aws:s3:::lake/*\"}}",
        (unsigned long long)friend.account_id);
    as(world, owner);
    world_do(world, "PUT /lake?policy", NULL, text);
    as(world, friend);
    world_do(world, "GET /lake/key", NULL, NULL);
    as(world, stranger);
    REPLY not_named = world_send(world, "GET /lake/key", NULL, SPAN(""));
    assert_code(not_named, 403, "AccessDenied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_each_action_is_needed_and_all_are_enough, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_what_is_missing_is_told_to_who_may_list, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_keys_of_a_batch_are_asked_for_one_by_one, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_anonymous_requests_never_copy_or_begin_uploads, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_the_policy_is_the_owners_alone, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_root_is_bound_by_denials_but_mends_its_policy, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_buckets_of_other_accounts_are_closed, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_uploads_go_on_by_who_began_them, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_uploads_that_may_not_be_aborted, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_condition_keys, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_what_an_operation_ignores_is_no_condition, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_a_copys_source_is_a_condition, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_restricted_buckets_serve_their_account_alone, world_make, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
