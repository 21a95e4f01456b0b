/* GetObject and HeadObject: preconditions, ranges, overrides, what is missing. */
#include "tests/ops/support_object.h"

#include "http_time.h"
#include "storage/storage_care.h"

#define ETAG "\"5eb63bbbe01eeed093cb22bb8f5acdc3\""
#define OTHER_ETAG "\"00000000000000000000000000000000\""

static int setup(void **state)
{
    world_make(state);
    world_do(*state, "PUT /bkt", NULL, NULL);
    world_do(*state, "PUT /bkt/k", "Cache-Control: no-cache\nContent-Language: en", "hello world");
    world_do(*state, "PUT /bkt/empty", NULL, "");
    return 0;
}

static void test_headers(void **state)
{
    REPLY get = world_send(*state, "GET /bkt/k", NULL, SPAN(""));
    REPLY head = world_send(*state, "HEAD /bkt/k", NULL, SPAN(""));
    const struct reply *replies[] = {&get, &head};
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        assert_int_equal(replies[i]->status, 200);
        assert_header(*replies[i], "ETag", ETAG);
        assert_header(*replies[i], "Accept-Ranges", "bytes");
        assert_header(*replies[i], "Content-Type", "binary/octet-stream");
        assert_header(*replies[i], "Cache-Control", "no-cache");
        assert_header(*replies[i], "Content-Range", NULL);
        assert_header(*replies[i], "x-amz-version-id", NULL);
        assert_header(*replies[i], "x-amz-mp-parts-count", NULL);
        int64_t modified_s;
        assert_true(http_time_parse(reply_header(replies[i], "Last-Modified"), &modified_s));
        assert_in_range(
            modified_s, get.request->received_ms / 1000 - 60, get.request->received_ms / 1000 + 1);
    }
    assert_span(get.body, "hello world");
    assert_int_equal(head.body.len, 0);
    assert_true(head.request->response.has_content_length);
    assert_int_equal(head.request->response.content_length, 11);
}

static void test_missing(void **state)
{
    REPLY get = world_send(*state, "GET /bkt/none", NULL, SPAN(""));
    assert_code(get, 404, "NoSuchKey");
    assert_span(reply_element(&get, "Key", 0), "none");
    assert_header(get, "x-amz-delete-marker", NULL);
    REPLY head = world_send(*state, "HEAD /bkt/none", NULL, SPAN(""));
    assert_status(head, 404);
    REPLY bucket = world_send(*state, "GET /nobucket/k", NULL, SPAN(""));
    assert_code(bucket, 404, "NoSuchBucket");
}

static void test_version_ids(void **state)
{
    REPLY null_version = world_send(*state, "GET /bkt/k?versionId=null", NULL, SPAN(""));
    assert_status(null_version, 200);
    assert_span(null_version.body, "hello world");
    REPLY empty = world_send(*state, "GET /bkt/k?versionId=", NULL, SPAN(""));
    assert_code(empty, 400, "InvalidArgument");
    REPLY bad = world_send(*state, "GET /bkt/k?versionId=what", NULL, SPAN(""));
    assert_code(bad, 400, "InvalidArgument");
    assert_span(reply_element(&bad, "ArgumentName", 0), "versionId");
    assert_span(reply_element(&bad, "ArgumentValue", 0), "what");
    REPLY none =
        world_send(*state, "GET /bkt/k?versionId=0000000000ffffff00000000000000ff", NULL, SPAN(""));
    assert_code(none, 404, "NoSuchVersion");
}

static void test_ranges(void **state)
{
    static const struct {
        const char *key;
        const char *range;
        int status;
        const char *body;
        const char *content_range;
    } cases[] = {
        {"k", "bytes=0-4", 206, "hello", "bytes 0-4/11"},
        {"k", "bytes=6-", 206, "world", "bytes 6-10/11"},
        {"k", "bytes=-5", 206, "world", "bytes 6-10/11"},
        {"k", "bytes=-500", 206, "hello world", "bytes 0-10/11"},
        {"k", "bytes=10-99999999999999999999", 206, "d", "bytes 10-10/11"},
        {"k", "bytes=0-10", 206, "hello world", "bytes 0-10/11"},
        {"k", "bytes=11-", 416, NULL, "bytes */11"},
        {"k", "bytes=-0", 416, NULL, "bytes */11"},
        {"k", "bytes=99999999999999999999-", 416, NULL, "bytes */11"},
        {"empty", "bytes=0-0", 416, NULL, "bytes */0"},
        {"empty", "bytes=-1", 416, NULL, "bytes */0"},
        {"k", "bytes=5-2", 200, "hello world", NULL},
        {"k", "bytes=0-1,3-4", 200, "hello world", NULL},
        {"k", "bytes=a-b", 200, "hello world", NULL},
        {"k", "lines=1-2", 200, "hello world", NULL},
        {"k", "", 200, "hello world", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char get_line[64], head_line[64], header[96];
        snprintf(get_line, sizeof(get_line), "GET /bkt/%s", cases[i].key);
        snprintf(head_line, sizeof(head_line), "HEAD /bkt/%s", cases[i].key);
        snprintf(header, sizeof(header), "Range: %s", cases[i].range);
        REPLY get = world_send(*state, get_line, header, SPAN(""));
        REPLY head = world_send(*state, head_line, header, SPAN(""));
        assert_status(get, cases[i].status);
        assert_status(head, cases[i].status);
        assert_header(get, "Content-Range", cases[i].content_range);
        assert_header(head, "Content-Range", cases[i].content_range);
        if (cases[i].status == 416) {
            assert_code(get, 416, "InvalidRange");
            assert_span(reply_element(&get, "RangeRequested", 0), cases[i].range);
            assert_span(reply_element(&get, "ActualObjectSize", 0),
                strcmp(cases[i].key, "k") == 0 ? "11" : "0");
            continue;
        }
        assert_span(get.body, cases[i].body);
        assert_int_equal(head.request->response.content_length, strlen(cases[i].body));
    }
}

static void test_checksum_of_ranges(void **state)
{
    static const struct {
        const char *range;
        const char *checksum;
    } cases[] = {
        {"bytes=0-10", "jSnVw/bqjr4="},
        {"bytes=0-9", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char headers[128];
        snprintf(
            headers, sizeof(headers), "Range: %s\nx-amz-checksum-mode: ENABLED", cases[i].range);
        REPLY reply = world_send(*state, "GET /bkt/k", headers, SPAN(""));
        assert_status(reply, 206);
        assert_header(reply, "x-amz-checksum-crc64nvme", cases[i].checksum);
    }
}

#define LONG_AGO "Sun, 06 Nov 1994 08:49:37 GMT"
#define LATER "Fri, 01 Jan 2106 00:00:00 GMT"

/* src: RFC 9110, section 13.2.2 */
static void test_preconditions(void **state)
{
    static const struct {
        const char *headers;
        int status;
        const char *condition;
    } cases[] = {
        {"If-Match: " ETAG, 200, NULL},
        {"If-Match: *", 200, NULL},
        {"If-Match: " OTHER_ETAG ", " ETAG, 200, NULL},
        {"If-Match: " OTHER_ETAG, 412, "If-Match"},
        {"If-None-Match: " ETAG, 304, NULL},
        {"If-None-Match: W/" ETAG, 304, NULL},
        {"If-None-Match: *", 304, NULL},
        {"If-None-Match: " OTHER_ETAG, 200, NULL},
        {"If-Modified-Since: " LONG_AGO, 200, NULL},
        {"If-Modified-Since: " LATER, 304, NULL},
        {"If-Modified-Since: nonsense", 200, NULL},
        {"If-Unmodified-Since: " LONG_AGO, 412, "If-Unmodified-Since"},
        {"If-Unmodified-Since: " LATER, 200, NULL},
        {"If-Match: " ETAG "\nIf-Unmodified-Since: " LONG_AGO, 200, NULL},
        {"If-None-Match: " OTHER_ETAG "\nIf-Modified-Since: " LATER, 200, NULL},
        {"If-None-Match: " ETAG "\nIf-Modified-Since: " LONG_AGO, 304, NULL},
        {"If-Match: " OTHER_ETAG "\nIf-None-Match: " ETAG, 412, "If-Match"},
        {"If-Match: " ETAG "\nRange: bytes=0-4", 206, NULL},
        {"If-None-Match: " ETAG "\nRange: bytes=99-", 304, NULL},
        {"If-Match: " OTHER_ETAG "\nRange: bytes=99-", 412, "If-Match"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        REPLY get = world_send(*state, "GET /bkt/k", cases[i].headers, SPAN(""));
        REPLY head = world_send(*state, "HEAD /bkt/k", cases[i].headers, SPAN(""));
        assert_status(get, cases[i].status);
        assert_status(head, cases[i].status);
        if (cases[i].condition != NULL)
            assert_span(reply_element(&get, "Condition", 0), cases[i].condition);
        if (cases[i].status == 304) {
            assert_header(get, "ETag", ETAG);
            assert_true(span_present(reply_header(&get, "Last-Modified")));
            assert_header(get, "Cache-Control", "no-cache");
            assert_header(get, "Content-Language", NULL);
        }
    }
}

static void test_if_range(void **state)
{
    static const struct {
        const char *value;
        int status;
    } cases[] = {{ETAG, 206}, {OTHER_ETAG, 200}, {"W/" ETAG, 200}, {LONG_AGO, 200}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char headers[160];
        snprintf(headers, sizeof(headers), "Range: bytes=0-4\nIf-Range: %s", cases[i].value);
        REPLY reply = world_send(*state, "GET /bkt/k", headers, SPAN(""));
        assert_status(reply, cases[i].status);
    }
    REPLY plain = world_send(*state, "GET /bkt/k", NULL, SPAN(""));
    char headers[160];
    snprintf(headers, sizeof(headers), "Range: bytes=0-4\nIf-Range: %.*s",
        SPAN_ARG(reply_header(&plain, "Last-Modified")));
    REPLY reply = world_send(*state, "GET /bkt/k", headers, SPAN(""));
    assert_status(reply, 206);
}

static void test_overrides(void **state)
{
    const char *target =
        "GET /bkt/k?response-content-type=text%2Fplain&response-content-language=fr"
        "&response-expires=tomorrow&response-cache-control=private"
        "&response-content-disposition=inline%0D%0AX-Evil:%201"
        "&response-content-encoding=br";
    REPLY reply = world_send(*state, target, NULL, SPAN(""));
    assert_status(reply, 200);
    assert_header(reply, "Content-Type", "text/plain");
    assert_header(reply, "Content-Language", "fr");
    assert_header(reply, "Expires", "tomorrow");
    assert_header(reply, "Cache-Control", "private");
    assert_header(reply, "Content-Disposition", "inline  X-Evil: 1");
    assert_header(reply, "Content-Encoding", "br");
}

static void test_part_numbers_of_a_plain_object(void **state)
{
    REPLY first = world_send(*state, "GET /bkt/k?partNumber=1", NULL, SPAN(""));
    assert_status(first, 206);
    assert_span(first.body, "hello world");
    assert_header(first, "Content-Range", "bytes 0-10/11");
    assert_header(first, "x-amz-mp-parts-count", NULL);
    REPLY empty = world_send(*state, "GET /bkt/empty?partNumber=1", NULL, SPAN(""));
    assert_status(empty, 200);
    REPLY second = world_send(*state, "GET /bkt/k?partNumber=2", NULL, SPAN(""));
    assert_code(second, 416, "InvalidPartNumber");
    assert_span(reply_element(&second, "ActualPartCount", 0), "1");
    assert_span(reply_element(&second, "PartNumberRequested", 0), "2");
    REPLY head = world_send(*state, "HEAD /bkt/k?partNumber=2", NULL, SPAN(""));
    assert_status(head, 416);
    static const char *const bad[] = {"0", "10001", "x", "", "-1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char line[64];
        snprintf(line, sizeof(line), "GET /bkt/k?partNumber=%s", bad[i]);
        REPLY reply = world_send(*state, line, NULL, SPAN(""));
        assert_code(reply, 400, "InvalidArgument");
    }
    REPLY both = world_send(*state, "GET /bkt/k?partNumber=1", "Range: bytes=0-1", SPAN(""));
    assert_code(both, 400, "InvalidRequest");
}

static void test_customer_keys_are_refused(void **state)
{
    REPLY reply = world_send(
        *state, "GET /bkt/k", "x-amz-server-side-encryption-customer-algorithm: AES256", SPAN(""));
    assert_code(reply, 501, "NotImplemented");
}

/* A reader that is open sees the bytes that were there, whatever happens to the key. */
static void test_open_while_overwritten_and_collected(void **state)
{
    enum { LEN = 2 * 1024 * 1024 };
    struct world *world = *state;
    char *bytes = malloc(LEN);
    for (int small = 0; small < 2; small++) {
        size_t len = small ? 70000 : LEN;
        memset(bytes, 'a' + small, len);
        world_put(world, "bkt", SPAN("busy"), span_of(bytes, len));
        struct arena arena CLEANUP(arena_free);
        arena_init(&arena, 64 * 1024);
        struct object_info info;
        struct blob_reader *reader;
        struct bucket_info bucket;
        assert_int_equal(
            storage_bucket_get(world->daemon.store, SPAN("bkt"), &arena, &bucket), STORAGE_OK);
        assert_int_equal(
            storage_object_open(world->daemon.store, bucket.id, SPAN("busy"),
                (struct version_ref){.select = VERSION_NEWEST}, &arena, &info, &reader),
            STORAGE_OK);
        world_do(world, "PUT /bkt/busy", NULL, "new");
        world_do(world, "DELETE /bkt/busy", NULL, NULL);
        bool more = true;
        for (int i = 0; i < 1000 && more; i++)
            assert_int_equal(storage_gc_step(world->daemon.store, &more), STORAGE_OK);
        size_t at = 0;
        while (at < len) {
            char block[65536];
            size_t got = 0;
            assert_int_equal(blob_read(reader, at, block, sizeof(block), true, &got), STORAGE_OK);
            assert_true(got > 0);
            assert_memory_equal(block, bytes + at, got);
            at += got;
        }
        blob_close(reader);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_version_ids),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_checksum_of_ranges),
        cmocka_unit_test(test_preconditions),
        cmocka_unit_test(test_if_range),
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_part_numbers_of_a_plain_object),
        cmocka_unit_test(test_customer_keys_are_refused),
        cmocka_unit_test(test_open_while_overwritten_and_collected),
    };
    return cmocka_run_group_tests(tests, setup, world_drop);
}
