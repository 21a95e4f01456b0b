/* DeleteObjects: what it refuses as a whole, and the outcome of each key. */
#include "tests/ops/support.h"

#include "base/encode.h"
#include "xml_write.h"

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define XMLNS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""
#define OBJECT(fields) "<Object>" fields "</Object>"
#define DELETE(objects) "<Delete" XMLNS ">" objects "</Delete>"
#define RESULT(entries) XML_HEAD "<DeleteResult" XMLNS ">" entries "</DeleteResult>"

static int make_lake(void **state)
{
    world_make(state);
    struct world *world = *state;
    world_do(world, "PUT /lake", NULL, NULL);
    return 0;
}

/* Sends with the digest that S3 insists on. */
static struct reply send_delete(struct world *world, struct span document)
{
    uint8_t md5[MD5_BYTES];
    char header[128];
    struct buf text CLEANUP(buf_free);
    buf_init(&text, 64);
    md5_of(document, md5);
    base64_encode(&text, span_of(md5, sizeof(md5)));
    snprintf(header, sizeof(header), "Content-MD5: %.*s", SPAN_ARG(buf_span(&text)));
    return world_send(world, "POST /lake?delete", header, document);
}

static const struct {
    const char *headers;
    const char *body;
    int status;
    const char *code, *text;
} whole_cases[] = {
    {NULL, DELETE(OBJECT("<Key>a</Key>")), 400, "InvalidRequest",
        "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"},
    {"x-amz-checksum-mode: ENABLED", DELETE(OBJECT("<Key>a</Key>")), 400, "InvalidRequest",
        "Missing required header"},
    {"Content-MD5: AAAA", DELETE(OBJECT("<Key>a</Key>")), 400, "InvalidDigest", "Content-MD5"},
    {"Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==", DELETE(OBJECT("<Key>a</Key>")), 400, "BadDigest",
        "did not match"},
    {"x-amz-checksum-crc32: AAAAAA==", DELETE(OBJECT("<Key>a</Key>")), 400, "BadDigest",
        "did not match"},
    {"x-amz-checksum-crc32: x", DELETE(OBJECT("<Key>a</Key>")), 400, "InvalidRequest", "<Message>"},
};

static void test_whole(void **state)
{
    struct world *world = *state;
    world_put(world, "lake", SPAN("a"), SPAN("content"));
    for (size_t i = 0; i < ARRAY_LEN(whole_cases); i++) {
        REPLY reply = world_send(
            world, "POST /lake?delete", whole_cases[i].headers, span_str(whole_cases[i].body));
        assert_code(reply, whole_cases[i].status, whole_cases[i].code);
        assert_has(reply, whole_cases[i].text);
    }
    REPLY still = world_send(world, "GET /lake/a", NULL, SPAN(""));
    assert_status(still, 200);
    /* zlib.crc32 of the document */
    REPLY checksum = world_send(world, "POST /lake?delete",
        "x-amz-checksum-crc32: v6Ysrw==", SPAN("<Delete><Object><Key>a</Key></Object></Delete>"));
    assert_status(checksum, 200);
    assert_span(checksum.body, RESULT("<Deleted><Key>a</Key></Deleted>"));
}

static void test_malformed(void **state)
{
    struct world *world = *state;
    static const char *const documents[] = {"", "x", DELETE(""), "<Delete>", "<Deletion/>",
        DELETE(OBJECT("")), DELETE(OBJECT("<Key></Key>")),
        "<!DOCTYPE d [<!ENTITY e \"a\">]><Delete><Object><Key>&e;</Key></Object></Delete>"};
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        REPLY reply = send_delete(world, span_str(documents[i]));
        assert_code(reply, 400, "MalformedXML");
    }
}

static void test_outcomes(void **state)
{
    struct world *world = *state;
    world_put(world, "lake", SPAN("a"), SPAN("content"));
    world_put(world, "lake", SPAN("b&c"), SPAN("content"));
    world_put(world, "lake", SPAN("kept"), SPAN("content"));
    world_put(world, "lake", SPAN("matched"), SPAN("content"));
    world_put(world, "lake", SPAN("any"), SPAN("content"));
    REPLY reply = send_delete(world,
        SPAN(DELETE(OBJECT("<Key>missing</Key>")
                OBJECT("<Key>kept</Key><ETag>\"d41d8cd98f00b204e9800998ecf8427e\"</ETag>") OBJECT(
                    "<Key>b&amp;c</Key>") OBJECT("<Key>a</Key><VersionId>nonsense</VersionId>")
                    OBJECT("<Key>a</Key><VersionId>null</VersionId>") OBJECT("<Key>a</Key>")
                        OBJECT("<Key>kept</Key><ETag>nonsense</ETag>") OBJECT(
                            "<Key>matched</Key><ETag>9a0364b9e99bb480dd25e1f0284c8555</ETag>")
                            OBJECT("<Key>any</Key><ETag>*</ETag>")
                                OBJECT("<Key>not-there</Key><ETag>*</ETag>"))));
    assert_status(reply, 200);
#define PRECONDITION                                                                               \
    "<Code>PreconditionFailed</Code><Message>At least one of the pre-conditions you "              \
    "specified did not hold</Message>"
    assert_span(reply.body,
        RESULT("<Deleted><Key>missing</Key></Deleted>"
               "<Error><Key>kept</Key>" PRECONDITION "</Error>"
               "<Deleted><Key>b&amp;c</Key></Deleted>"
               "<Error><Key>a</Key><VersionId>nonsense</VersionId><Code>NoSuchVersion</Code>"
               "<Message>The specified version does not exist.</Message></Error>"
               "<Deleted><Key>a</Key><VersionId>null</VersionId></Deleted>"
               "<Deleted><Key>a</Key></Deleted>"
               "<Error><Key>kept</Key>" PRECONDITION "</Error>"
               "<Deleted><Key>matched</Key></Deleted>"
               "<Deleted><Key>any</Key></Deleted>"
               "<Error><Key>not-there</Key><Code>NoSuchKey</Code>"
               "<Message>The specified key does not exist.</Message></Error>"));
    REPLY left = world_send(world, "GET /lake", NULL, SPAN(""));
    assert_int_equal(reply_count(&left, "Contents"), 1);
    assert_span(reply_element(&left, "Key", 0), "kept");
}

static void test_long_key(void **state)
{
    struct world *world = *state;
    struct buf document CLEANUP(buf_free);
    buf_init(&document, 64 * 1024);
    buf_add_lit(&document, "<Delete><Object><Key>");
    for (int i = 0; i < 1025; i++)
        buf_add_char(&document, 'k');
    buf_add_lit(&document, "</Key></Object><Object><Key>short</Key></Object></Delete>");
    REPLY reply = send_delete(world, buf_span(&document));
    assert_status(reply, 200);
    assert_has(reply, "<Code>KeyTooLongError</Code>");
    assert_has(reply, "<Deleted><Key>short</Key></Deleted>");
}

/* in: count keys of `length` bytes, the first `there` of which exist */
static void fill_document(struct buf *document, size_t count, bool quiet)
{
    buf_add_lit(document, "<Delete>");
    if (quiet)
        buf_add_lit(document, "<Quiet>true</Quiet>");
    for (size_t i = 0; i < count; i++)
        buf_addf(document, "<Object><Key>key-%04zu</Key></Object>", (i * 7) % count);
    buf_add_lit(document, "</Delete>");
}

static void test_thousand(void **state)
{
    struct world *world = *state;
    char key[32];
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "key-%04d", i * 10);
        world_put(world, "lake", span_str(key), SPAN("content"));
    }
    struct buf document CLEANUP(buf_free);
    buf_init(&document, 256 * 1024);
    fill_document(&document, 1000, false);
    REPLY reply = send_delete(world, buf_span(&document));
    assert_status(reply, 200);
    assert_int_equal(reply_count(&reply, "Deleted"), 1000);
    for (size_t i = 0; i < 1000; i += 111) {
        snprintf(key, sizeof(key), "key-%04zu", (i * 7) % 1000);
        assert_span(reply_element(&reply, "Key", i), key); /* in the order of the request */
    }
    REPLY left = world_send(world, "GET /lake", NULL, SPAN(""));
    assert_int_equal(reply_count(&left, "Contents"), 0);
    buf_clear(&document);
    fill_document(&document, 1001, false);
    REPLY too_many = send_delete(world, buf_span(&document));
    assert_code(too_many, 400, "MalformedXML");
}

static void test_quiet(void **state)
{
    struct world *world = *state;
    world_put(world, "lake", SPAN("key-0001"), SPAN("content"));
    struct buf document CLEANUP(buf_free);
    buf_init(&document, 256 * 1024);
    fill_document(&document, 250, true);
    REPLY reply = send_delete(world, buf_span(&document));
    assert_span(reply.body, RESULT(""));
    REPLY one = send_delete(world, SPAN("<Delete><Quiet>true</Quiet>" OBJECT(
                                       "<Key>a</Key><VersionId>x</VersionId>") "</Delete>"));
    assert_has(one, "<Error><Key>a</Key><VersionId>x</VersionId><Code>NoSuchVersion</Code>");
    assert_lacks(one, "<Deleted>");
}

static void set_versioning(struct world *world, const char *bucket, enum versioning versioning)
{
    struct arena arena CLEANUP(arena_free);
    struct bucket_info info;
    arena_init(&arena, 64 * 1024);
    assert_int_equal(
        storage_bucket_get(world->daemon.store, span_str(bucket), &arena, &info), STORAGE_OK);
    struct mutation mutation = {
        .kind = MUTATION_SET_VERSIONING,
        .bucket = {.id = info.id, .name = info.name},
        .versioning = versioning,
    };
    assert_int_equal(storage_commit(world->daemon.store, &mutation), STORAGE_OK);
}

/* The index keeps versions from the first day; turning them on is an operation to come. */
static void test_versions(void **state)
{
    struct world *world = *state;
    set_versioning(world, "lake", VERSIONING_ON);
    world_put(world, "lake", SPAN("a"), SPAN("content"));
    REPLY plain = send_delete(world, SPAN(DELETE(OBJECT("<Key>a</Key>"))));
    assert_has(plain, "<DeleteMarker>true</DeleteMarker>");
    struct span marker = reply_element(&plain, "DeleteMarkerVersionId", 0);
    assert_int_equal(marker.len, 32);

    REPLY list = world_send(world, "GET /lake?versions", NULL, SPAN(""));
    assert_int_equal(reply_count(&list, "DeleteMarker"), 1);
    assert_int_equal(reply_count(&list, "Version"), 1);
    assert_true(span_eq(reply_element(&list, "VersionId", 0), marker));
    struct span version = reply_element(&list, "VersionId", 1);
    assert_int_equal(version.len, 32);
    assert_span(reply_element(&list, "IsLatest", 0), "true");
    assert_span(reply_element(&list, "IsLatest", 1), "false");

    char document[512];
    snprintf(document, sizeof(document),
        "<Delete>" OBJECT("<Key>a</Key><VersionId>%.*s</VersionId>")
            OBJECT("<Key>a</Key><VersionId>%.*s</VersionId>") "</Delete>",
        SPAN_ARG(marker), SPAN_ARG(version));
    REPLY both = send_delete(world, span_str(document));
    assert_status(both, 200);
    char expected[512];
    snprintf(expected, sizeof(expected),
        RESULT("<Deleted><Key>a</Key><VersionId>%.*s</VersionId><DeleteMarker>true</DeleteMarker>"
               "<DeleteMarkerVersionId>%.*s</DeleteMarkerVersionId></Deleted>"
               "<Deleted><Key>a</Key><VersionId>%.*s</VersionId></Deleted>"),
        SPAN_ARG(marker), SPAN_ARG(marker), SPAN_ARG(version));
    assert_span(both.body, expected);
    REPLY left = world_send(world, "GET /lake?versions", NULL, SPAN(""));
    assert_int_equal(reply_count(&left, "Version") + reply_count(&left, "DeleteMarker"), 0);
    REPLY status = world_send(world, "GET /lake?versioning", NULL, SPAN(""));
    assert_has(status, "<Status>Enabled</Status>");
    set_versioning(world, "lake", VERSIONING_SUSPENDED);
    REPLY suspended = world_send(world, "GET /lake?versioning", NULL, SPAN(""));
    assert_has(suspended, "<Status>Suspended</Status>");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, make_lake, world_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(whole), TEST(malformed), TEST(outcomes), TEST(long_key),
        TEST(thousand), TEST(quiet), TEST(versions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
