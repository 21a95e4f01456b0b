/* Buckets: made, named, listed, asked for what they do not have, and removed. */
#include "tests/ops/support.h"

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define XMLNS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""
#define OWNER_ID "21b64d07f8c0933ae81b157b61ef7ed828bd4b5d8e664ed60cef4fa5e664b7ce"

struct create_case {
    const char *name;
    const char *headers;
    const char *body;
    int status;
    const char *code; /* NULL: it succeeds */
};

#define LOCATION(text)                                                                             \
    "<CreateBucketConfiguration" XMLNS "><LocationConstraint>" text                                \
    "</LocationConstraint></CreateBucketConfiguration>"

static const struct create_case create_cases[] = {
    {"plain", NULL, NULL, 200, NULL},
    {"empty-configuration", NULL, "<CreateBucketConfiguration" XMLNS "/>", 200, NULL},
    {"own-region", NULL, LOCATION("us-east-1"), 200, NULL},
    {"no-region", NULL, LOCATION(""), 200, NULL},
    {"other-region", NULL, LOCATION("eu-central-1"), 400, "IllegalLocationConstraintException"},
    {"old-region", NULL, LOCATION("EU"), 400, "IllegalLocationConstraintException"},
    {"no-such-region", NULL, LOCATION("nowhere"), 400, "InvalidLocationConstraint"},
    {"not-xml", NULL, "<CreateBucketConfiguration", 400, "MalformedXML"},
    {"other-xml", NULL, "<Delete/>", 400, "MalformedXML"},
    {"tagged", NULL,
        "<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>"
        "</CreateBucketConfiguration>",
        200, NULL},
    {"no-tags", NULL, "<CreateBucketConfiguration><Tags/></CreateBucketConfiguration>", 200, NULL},
    {"directory", NULL,
        "<CreateBucketConfiguration><Bucket><Type>Directory</Type></Bucket>"
        "</CreateBucketConfiguration>",
        501, "NotImplemented"},
    {"locked", "x-amz-bucket-object-lock-enabled: true", NULL, 501, "NotImplemented"},
    {"not-locked", "x-amz-bucket-object-lock-enabled: false", NULL, 200, NULL},
    {"odd-lock", "x-amz-bucket-object-lock-enabled: maybe", NULL, 400, "InvalidArgument"},
    {"private", "x-amz-acl: private", NULL, 200, NULL},
    {"public", "x-amz-acl: public-read", NULL, 400, "InvalidBucketAclWithObjectOwnership"},
    {"odd-acl", "x-amz-acl: everything", NULL, 400, "InvalidArgument"},
    {"granted", "x-amz-grant-read: id=\"x\"", NULL, 400, "InvalidArgument"},
    {"enforced", "x-amz-object-ownership: BucketOwnerEnforced", NULL, 200, NULL},
    {"writers", "x-amz-object-ownership: ObjectWriter", NULL, 200, NULL},
    {"odd-owner", "x-amz-object-ownership: Nobody", NULL, 400, "InvalidArgument"},
    {"UPPER", NULL, NULL, 400, "InvalidBucketName"},
    {"xn--reserved", NULL, NULL, 400, "InvalidBucketName"},
    {"ab", NULL, NULL, 400, "InvalidBucketName"},
};

static void test_create(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < ARRAY_LEN(create_cases); i++) {
        const struct create_case *c = &create_cases[i];
        char line[128];
        snprintf(line, sizeof(line), "PUT /%s", c->name);
        REPLY reply = world_send(world, line, c->headers, c->body ? span_str(c->body) : SPAN(""));
        if (c->code != NULL) {
            assert_code(reply, c->status, c->code);
        } else {
            assert_status(reply, c->status);
            assert_span(reply_header(&reply, "Location"), line + 4);
            assert_int_equal(reply.body.len, 0);
        }
        snprintf(line, sizeof(line), "HEAD /%s", c->name);
        REPLY head = world_send(world, line, NULL, SPAN(""));
        assert_status(head, c->code == NULL ? 200 : 404);
    }
}

static void test_create_again(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /mine", NULL, NULL);
    REPLY again = world_send(world, "PUT /mine", NULL, SPAN(""));
    assert_code(again, 409, "BucketAlreadyOwnedByYou");
    assert_has(again, "<BucketName>mine</BucketName>");
    world->principal.account_id = 77;
    REPLY other = world_send(world, "PUT /mine", NULL, SPAN(""));
    assert_code(other, 409, "BucketAlreadyExists");
    world->principal.account_id = ROOT_ACCOUNT_ID;
}

static void test_head_and_location(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /there", NULL, NULL);
    REPLY head = world_send(world, "HEAD /there", NULL, SPAN(""));
    assert_status(head, 200);
    assert_span(reply_header(&head, "x-amz-bucket-region"), "us-east-1");
    assert_span(reply_header(&head, "x-amz-access-point-alias"), "false");
    assert_int_equal(head.body.len, 0);
    REPLY missing = world_send(world, "HEAD /not-there", NULL, SPAN(""));
    assert_code(missing, 404, "NoSuchBucket");

    REPLY first = world_send(world, "GET /there?location", NULL, SPAN(""));
    assert_status(first, 200);
    assert_span(first.body, XML_HEAD "<LocationConstraint" XMLNS "></LocationConstraint>");
    world->daemon.region = SPAN("eu-central-1");
    REPLY second = world_send(world, "GET /there?location", NULL, SPAN(""));
    assert_span(
        second.body, XML_HEAD "<LocationConstraint" XMLNS ">eu-central-1</LocationConstraint>");
    world->daemon.region = SPAN("eu-west-1");
    REPLY old_name = world_send(world, "PUT /old-name", NULL, SPAN(LOCATION("EU")));
    assert_status(old_name, 200);
    world->daemon.region = SPAN("us-east-1");
}

static void test_delete(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /doomed", NULL, NULL);
    world_put(world, "doomed", SPAN("key"), SPAN("content"));
    REPLY full = world_send(world, "DELETE /doomed", NULL, SPAN(""));
    assert_code(full, 409, "BucketNotEmpty");
    assert_has(full, "<BucketName>doomed</BucketName>");
    world_do(world, "DELETE /doomed/key", NULL, NULL);
    world_do(world, "POST /doomed/open-upload?uploads", NULL, NULL);
    REPLY empty = world_send(world, "DELETE /doomed", NULL, SPAN(""));
    assert_status(empty, 204);
    REPLY gone = world_send(world, "DELETE /doomed", NULL, SPAN(""));
    assert_code(gone, 404, "NoSuchBucket");
    world_do(world, "PUT /doomed", NULL, NULL);
    REPLY uploads = world_send(world, "GET /doomed?uploads", NULL, SPAN(""));
    assert_int_equal(reply_count(&uploads, "Upload"), 0);
}

static void test_list(void **state)
{
    struct world *world = *state;
    REPLY none = world_send(world, "GET /", NULL, SPAN(""));
    assert_status(none, 200);
    assert_span(none.body,
        XML_HEAD "<ListAllMyBucketsResult" XMLNS "><Owner><ID>" OWNER_ID
                 "</ID><DisplayName>root</DisplayName></Owner><Buckets></Buckets>"
                 "</ListAllMyBucketsResult>");
    for (int i = 0; i < 25; i++) {
        char line[64];
        snprintf(line, sizeof(line), "PUT /%s-%02d", i % 2 ? "odd" : "even", i);
        world_do(world, line, NULL, NULL);
    }
    REPLY all = world_send(world, "GET /", NULL, SPAN(""));
    assert_int_equal(reply_count(&all, "Bucket"), 25);
    assert_span(reply_element(&all, "Name", 0), "even-00");
    assert_span(reply_element(&all, "Name", 24), "odd-23");
    assert_span(reply_element(&all, "BucketArn", 0), "arn:aws:s3:::even-00");
    assert_int_equal(reply_element(&all, "CreationDate", 0).len, 24);
    assert_lacks(all, "<BucketRegion>");
    assert_lacks(all, "<ContinuationToken>");
    REPLY odd = world_send(world, "GET /?prefix=odd-&bucket-region=us-east-1", NULL, SPAN(""));
    assert_int_equal(reply_count(&odd, "Bucket"), 12);
    assert_span(reply_element(&odd, "BucketRegion", 0), "us-east-1");
    assert_has(odd, "</Buckets><Prefix>odd-</Prefix></ListAllMyBucketsResult>");
}

static void test_list_pages(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 25; i++) {
        char line[64];
        snprintf(line, sizeof(line), "PUT /bucket-%02d", i);
        world_do(world, line, NULL, NULL);
    }
    char line[512] = "GET /?max-buckets=4", name[32];
    int seen = 0;
    for (;;) {
        REPLY page = world_send(world, line, NULL, SPAN(""));
        assert_status(page, 200);
        size_t count = reply_count(&page, "Bucket");
        assert_in_range(count, 1, 4);
        for (size_t i = 0; i < count; i++, seen++) {
            snprintf(name, sizeof(name), "bucket-%02d", seen);
            assert_span(reply_element(&page, "Name", i), name);
        }
        struct span token = reply_element(&page, "ContinuationToken", 0);
        if (!span_present(token))
            break;
        assert_int_equal(count, 4);
        snprintf(line, sizeof(line), "GET /?max-buckets=4&continuation-token=%s",
            encoded(&page.request->arena, token));
    }
    assert_int_equal(seen, 25);
}

static void test_list_arguments(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"GET /?max-buckets=0", "Argument max-buckets must be an integer between 1 and 10000"},
        {"GET /?max-buckets=10001", "Argument max-buckets must be an integer between 1 and 10000"},
        {"GET /?max-buckets=-1", "<ArgumentValue>-1</ArgumentValue>"},
        {"GET /?max-buckets=x", "Provided max-buckets not an integer or within integer range"},
        {"GET /?continuation-token=%21", "The continuation token provided is incorrect"},
        {"GET /?bucket-region=eu-west-1", "must be made to the corresponding regional endpoint"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        REPLY reply = world_send(world, cases[i].line, NULL, SPAN(""));
        assert_code(reply, 400, "InvalidArgument");
        assert_has(reply, cases[i].message);
    }
    REPLY most = world_send(world, "GET /?max-buckets=10000", NULL, SPAN(""));
    assert_status(most, 200);
}

static const struct {
    const char *sub_resource;
    const char *code;
    bool can_be_put; /* then a test of its own asks what PUT and DELETE do */
    bool can_be_deleted;
} absent_cases[] = {
    {"policy", "NoSuchBucketPolicy", true, true},
    {"policyStatus", "NoSuchBucketPolicy", false, false},
    {"cors", "NoSuchCORSConfiguration", true, true},
    {"website", "NoSuchWebsiteConfiguration", false, true},
    {"lifecycle", "NoSuchLifecycleConfiguration", false, true},
    {"replication", "ReplicationConfigurationNotFoundError", false, true},
    {"encryption", "ServerSideEncryptionConfigurationNotFoundError", false, true},
    {"object-lock", "ObjectLockConfigurationNotFoundError", false, false},
    {"tagging", "NoSuchTagSet", true, true},
};

static void test_absent(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /bare", NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(absent_cases); i++) {
        char line[128];
        snprintf(line, sizeof(line), "GET /bare?%s", absent_cases[i].sub_resource);
        REPLY reply = world_send(world, line, NULL, SPAN(""));
        assert_code(reply, 404, absent_cases[i].code);
        assert_has(reply, "<BucketName>bare</BucketName>");
        snprintf(line, sizeof(line), "GET /not-there?%s", absent_cases[i].sub_resource);
        REPLY missing = world_send(world, line, NULL, SPAN(""));
        assert_code(missing, 404, "NoSuchBucket");
        snprintf(line, sizeof(line), "DELETE /bare?%s", absent_cases[i].sub_resource);
        REPLY deleted = world_send(world, line, NULL, SPAN(""));
        assert_status(deleted, absent_cases[i].can_be_deleted ? 204 : 501);
        snprintf(line, sizeof(line), "DELETE /not-there?%s", absent_cases[i].sub_resource);
        REPLY nowhere = world_send(world, line, NULL, SPAN(""));
        assert_code(nowhere, absent_cases[i].can_be_deleted ? 404 : 501,
            absent_cases[i].can_be_deleted ? "NoSuchBucket" : "NotImplemented");
        if (absent_cases[i].can_be_put)
            continue;
        snprintf(line, sizeof(line), "PUT /bare?%s", absent_cases[i].sub_resource);
        REPLY put = world_send(world, line, NULL, SPAN(""));
        assert_code(put, 501, "NotImplemented");
    }
}

#define ACL                                                                                        \
    XML_HEAD "<AccessControlPolicy" XMLNS "><Owner><ID>" OWNER_ID                                  \
             "</ID><DisplayName>root</DisplayName></Owner><AccessControlList><Grant>"              \
             "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "                   \
             "xsi:type=\"CanonicalUser\"><ID>" OWNER_ID                                            \
             "</ID><DisplayName>root</DisplayName></Grantee><Permission>FULL_CONTROL"              \
             "</Permission></Grant></AccessControlList></AccessControlPolicy>"

static const struct {
    const char *sub_resource;
    const char *document;
} fixed_cases[] = {
    {"versioning", XML_HEAD "<VersioningConfiguration" XMLNS "></VersioningConfiguration>"},
    {"accelerate", XML_HEAD "<AccelerateConfiguration" XMLNS "></AccelerateConfiguration>"},
    {"requestPayment", XML_HEAD "<RequestPaymentConfiguration" XMLNS
                                "><Payer>BucketOwner</Payer></RequestPaymentConfiguration>"},
    {"logging", XML_HEAD "<BucketLoggingStatus" XMLNS "></BucketLoggingStatus>"},
    {"notification", XML_HEAD "<NotificationConfiguration" XMLNS "></NotificationConfiguration>"},
    {"acl", ACL},
};

static void test_fixed(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /bare", NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(fixed_cases); i++) {
        char line[128];
        snprintf(line, sizeof(line), "GET /bare?%s", fixed_cases[i].sub_resource);
        REPLY reply = world_send(world, line, NULL, SPAN(""));
        assert_status(reply, 200);
        assert_span(reply.body, fixed_cases[i].document);
        assert_span(reply_header(&reply, "Content-Type"), "application/xml");
    }
}

static void test_object_sub_resources(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /bare", NULL, NULL);
    world_put(world, "bare", SPAN("key"), SPAN("content"));
    REPLY tags = world_send(world, "GET /bare/key?tagging", NULL, SPAN(""));
    assert_status(tags, 200);
    assert_span(tags.body, XML_HEAD "<Tagging" XMLNS "><TagSet></TagSet></Tagging>");
    REPLY acl = world_send(world, "GET /bare/key?acl", NULL, SPAN(""));
    assert_span(acl.body, ACL);
    REPLY null_version = world_send(world, "GET /bare/key?acl&versionId=null", NULL, SPAN(""));
    assert_status(null_version, 200);
    static const char *const names[] = {"tagging", "acl", "retention", "legal-hold"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char line[128];
        snprintf(line, sizeof(line), "GET /bare/missing?%s", names[i]);
        REPLY missing = world_send(world, line, NULL, SPAN(""));
        assert_code(missing, 404, "NoSuchKey");
        snprintf(line, sizeof(line), "GET /bare/key?%s&versionId=nonsense", names[i]);
        REPLY nonsense = world_send(world, line, NULL, SPAN(""));
        assert_code(nonsense, 400, "InvalidArgument");
        assert_has(nonsense, "Invalid version id specified");
        snprintf(line, sizeof(line), "GET /bare/key?%s&versionId=00000000000000ff00000000000000ff",
            names[i]);
        REPLY no_version = world_send(world, line, NULL, SPAN(""));
        assert_code(no_version, 404, "NoSuchVersion");
    }
    REPLY retention = world_send(world, "GET /bare/key?retention", NULL, SPAN(""));
    assert_code(retention, 400, "InvalidRequest");
    assert_has(retention, "Bucket is missing Object Lock Configuration");
    REPLY hold = world_send(world, "GET /bare/key?legal-hold", NULL, SPAN(""));
    assert_code(hold, 400, "InvalidRequest");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, world_make, world_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(create), TEST(create_again), TEST(head_and_location),
        TEST(delete), TEST(list), TEST(list_pages), TEST(list_arguments), TEST(absent), TEST(fixed),
        TEST(object_sub_resources)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
