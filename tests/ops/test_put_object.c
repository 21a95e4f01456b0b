/* PutObject: what is kept, what comes back, what is refused. */
#include "tests/ops/support_object.h"

static int setup(void **state)
{
    world_make(state);
    world_do(*state, "PUT /bkt", NULL, NULL);
    return 0;
}

static void test_etag_and_default_checksum(void **state)
{
    REPLY reply = world_send(*state, "PUT /bkt/k", NULL, SPAN("hello world"));
    assert_status(reply, 200);
    assert_header(reply, "ETag", "\"5eb63bbbe01eeed093cb22bb8f5acdc3\"");
    assert_header(reply, "x-amz-checksum-crc64nvme", "jSnVw/bqjr4=");
    assert_header(reply, "x-amz-checksum-type", "FULL_OBJECT");
    assert_header(reply, "x-amz-version-id", NULL);
}

static void test_checksum_of_each_algorithm(void **state)
{
    static const struct {
        const char *header;
        const char *value;
    } cases[] = {
        {"x-amz-checksum-crc32", "DUoRhQ=="},
        {"x-amz-checksum-crc32c", "yZRlqg=="},
        {"x-amz-checksum-sha1", "Kq5sNclPz7QV2+lfQIuc6R7oRu0="},
        {"x-amz-checksum-sha256", "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="},
        {"x-amz-checksum-crc64nvme", "jSnVw/bqjr4="},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char headers[128];
        snprintf(headers, sizeof(headers), "%s: %s", cases[i].header, cases[i].value);
        REPLY reply = world_send(*state, "PUT /bkt/sum", headers, SPAN("hello world"));
        assert_status(reply, 200);
        assert_header(reply, cases[i].header, cases[i].value);
        REPLY get = world_send(*state, "GET /bkt/sum", "x-amz-checksum-mode: ENABLED", SPAN(""));
        assert_header(get, cases[i].header, cases[i].value);
        assert_header(get, "x-amz-checksum-type", "FULL_OBJECT");
        REPLY plain = world_send(*state, "GET /bkt/sum", NULL, SPAN(""));
        assert_header(plain, cases[i].header, NULL);
    }
    REPLY bad =
        world_send(*state, "PUT /bkt/bad", "x-amz-checksum-crc32: AAAAAA==", SPAN("hello world"));
    assert_code(bad, 400, "BadDigest");
    REPLY gone = world_send(*state, "GET /bkt/bad", NULL, SPAN(""));
    assert_code(gone, 404, "NoSuchKey");
}

static void test_checksum_named_but_not_sent(void **state)
{
    REPLY reply =
        world_send(*state, "PUT /bkt/k", "x-amz-sdk-checksum-algorithm: SHA1", SPAN("hello world"));
    assert_status(reply, 200);
    assert_header(reply, "x-amz-checksum-sha1", "Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
    assert_header(reply, "x-amz-checksum-crc64nvme", NULL);
}

static void test_empty_object(void **state)
{
    world_do(*state, "PUT /bkt/empty", NULL, "");
    REPLY get = world_send(*state, "GET /bkt/empty", "x-amz-checksum-mode: ENABLED", SPAN(""));
    assert_status(get, 200);
    assert_int_equal(get.body.len, 0);
    assert_header(get, "ETag", "\"d41d8cd98f00b204e9800998ecf8427e\"");
    assert_header(get, "x-amz-checksum-crc64nvme", "AAAAAAAAAAA=");
}

static void test_keys_of_every_shape(void **state)
{
    static const struct span keys[] = {SPAN("a"), SPAN("a/b"), SPAN("a/"), SPAN("a//b"), SPAN("/"),
        SPAN("."), SPAN(".."), SPAN("../x"), SPAN("\xc3\xa4\xe2\x82\xac"), SPAN("a b+c%"),
        SPAN("\x01\x7f\r\n"), SPAN("a/b/")};
    struct arena arena CLEANUP(arena_free);
    arena_init(&arena, 64 * 1024);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        world_put(*state, "bkt", keys[i], keys[i]);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct span line = arena_format(&arena, "GET /bkt/%s", encoded(&arena, keys[i]));
        REPLY reply = world_send(*state, line.ptr, NULL, SPAN(""));
        assert_status(reply, 200);
        assert_true(span_eq(reply.body, keys[i]));
    }
}

static void test_key_length(void **state)
{
    char line[1100] = "PUT /bkt/";
    memset(line + 9, 'k', 1024);
    line[9 + 1024] = '\0';
    world_do(*state, line, NULL, "x");
    line[9 + 1024] = 'k';
    line[9 + 1025] = '\0';
    REPLY reply = world_send(*state, line, NULL, SPAN("x"));
    assert_code(reply, 400, "KeyTooLongError");
}

static void test_conditions(void **state)
{
    static const struct {
        const char *key;
        const char *headers;
        int status;
        const char *code;
        const char *field;
    } cases[] = {
        {"new", "If-None-Match: *", 200, NULL, NULL},
        {"new", "If-None-Match: *", 412, "PreconditionFailed", "<Condition>If-None-Match"},
        {"new", "If-Match: \"00000000000000000000000000000000\"", 412, "PreconditionFailed",
            "<Condition>If-Match"},
        {"new", "If-Match: nonsense", 412, "PreconditionFailed", "<Condition>If-Match"},
        {"new", "If-Match: \"5eb63bbbe01eeed093cb22bb8f5acdc3\"", 200, NULL, NULL},
        {"new", "If-Match: 5eb63bbbe01eeed093cb22bb8f5acdc3", 200, NULL, NULL},
        {"missing", "If-Match: \"5eb63bbbe01eeed093cb22bb8f5acdc3\"", 404, "NoSuchKey",
            "<Key>missing</Key>"},
        {"new", "If-None-Match: \"5eb63bbbe01eeed093cb22bb8f5acdc3\"", 501, "NotImplemented",
            "<Header>If-None-Match</Header>"},
        {"new", "If-Match: *", 501, "NotImplemented", "<Header>If-Match</Header>"},
        {"new", "If-None-Match: *\nIf-Match: \"5eb63bbbe01eeed093cb22bb8f5acdc3\"", 501,
            "NotImplemented", "<Header>If-Match,If-None-Match</Header>"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[64];
        snprintf(line, sizeof(line), "PUT /bkt/%s", cases[i].key);
        REPLY reply = world_send(*state, line, cases[i].headers, SPAN("hello world"));
        assert_status(reply, cases[i].status);
        if (cases[i].code != NULL) {
            assert_code(reply, cases[i].status, cases[i].code);
            assert_has(reply, cases[i].field);
        }
    }
}

static void test_refused_headers(void **state)
{
    static const struct {
        const char *header;
        int status;
        const char *code;
    } cases[] = {
        {"x-amz-tagging: a=b&a=c", 400, "InvalidArgument"},
        {"x-amz-tagging:", 200, NULL},
        {"x-amz-server-side-encryption: AES256", 501, "NotImplemented"},
        {"x-amz-server-side-encryption: aws:kms", 501, "NotImplemented"},
        {"X-Amz-Server-Side-Encryption-Customer-Algorithm: AES256", 501, "NotImplemented"},
        {"x-amz-object-lock-mode: GOVERNANCE", 501, "NotImplemented"},
        {"x-amz-object-lock-legal-hold: ON", 501, "NotImplemented"},
        {"x-amz-website-redirect-location: /x", 501, "NotImplemented"},
        {"x-amz-write-offset-bytes: 5", 501, "NotImplemented"},
        {"x-amz-acl: private", 200, NULL},
        {"x-amz-acl: bucket-owner-full-control", 200, NULL},
        {"x-amz-acl: public-read", 400, "AccessControlListNotSupported"},
        {"x-amz-acl: nonsense", 400, "InvalidArgument"},
        {"x-amz-grant-read: id=1", 400, "InvalidArgument"},
        {"x-amz-grant-read: uri=http://acs.amazonaws.com/groups/global/AllUsers", 400,
            "AccessControlListNotSupported"},
        {"x-amz-request-payer: requester", 200, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        REPLY reply = world_send(*state, "PUT /bkt/refused", cases[i].header, SPAN("x"));
        assert_status(reply, cases[i].status);
        if (cases[i].code != NULL)
            assert_code(reply, cases[i].status, cases[i].code);
    }
}

static void test_storage_classes(void **state)
{
    static const struct {
        const char *name;
        const char *shown; /* NULL: refused; "": not shown */
    } cases[] = {
        {"STANDARD", ""},
        {"REDUCED_REDUNDANCY", "REDUCED_REDUNDANCY"},
        {"STANDARD_IA", "STANDARD_IA"},
        {"ONEZONE_IA", "ONEZONE_IA"},
        {"INTELLIGENT_TIERING", "INTELLIGENT_TIERING"},
        {"GLACIER_IR", "GLACIER_IR"},
        {"GLACIER", NULL},
        {"DEEP_ARCHIVE", NULL},
        {"OUTPOSTS", NULL},
        {"EXPRESS_ONEZONE", NULL},
        {"standard", NULL},
        {"COLD", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char header[64];
        snprintf(header, sizeof(header), "x-amz-storage-class: %s", cases[i].name);
        REPLY reply = world_send(*state, "PUT /bkt/class", header, SPAN("x"));
        if (cases[i].shown == NULL) {
            assert_code(reply, 400, "InvalidStorageClass");
            assert_span(reply_element(&reply, "StorageClassRequested", 0), cases[i].name);
            continue;
        }
        assert_status(reply, 200);
        REPLY head = world_send(*state, "HEAD /bkt/class", NULL, SPAN(""));
        assert_header(head, "x-amz-storage-class", cases[i].shown[0] ? cases[i].shown : NULL);
    }
}

static void test_metadata_comes_back(void **state)
{
    world_do(*state, "PUT /bkt/meta",
        "Content-Type: text/plain; charset=utf-8\n"
        "Content-Encoding: aws-chunked, gzip\n"
        "Content-Language: de\n"
        "Content-Disposition: attachment; filename=\"\xc3\xa4.txt\"\n"
        "Cache-Control: max-age=60, public\n"
        "Expires: not a date\n"
        "X-Amz-Meta-MTime: 123.5\n"
        "x-amz-meta-umlaut: gr\xc3\xbc\xc3\x9f  dich\n"
        "x-amz-meta-empty:\n"
        "x-amz-meta-twice: a\n"
        "x-amz-meta-Twice: b",
        "x");
    static const char *const methods[] = {"GET /bkt/meta", "HEAD /bkt/meta"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        REPLY reply = world_send(*state, methods[i], NULL, SPAN(""));
        assert_status(reply, 200);
        assert_header(reply, "Content-Type", "text/plain; charset=utf-8");
        assert_header(reply, "Content-Encoding", "gzip");
        assert_header(reply, "Content-Language", "de");
        assert_header(reply, "Content-Disposition", "attachment; filename=\"\xc3\xa4.txt\"");
        assert_header(reply, "Cache-Control", "max-age=60, public");
        assert_header(reply, "Expires", "not a date");
        assert_header(reply, "x-amz-meta-mtime", "123.5");
        assert_header(reply, "x-amz-meta-umlaut", "gr\xc3\xbc\xc3\x9f  dich");
        assert_header(reply, "x-amz-meta-empty", "");
        assert_header(reply, "x-amz-meta-twice", "a,b");
        assert_header(reply, "x-amz-missing-meta", NULL);
    }
    world_reopen(*state);
    REPLY again = world_send(*state, "HEAD /bkt/meta", NULL, SPAN(""));
    assert_header(again, "x-amz-meta-umlaut", "gr\xc3\xbc\xc3\x9f  dich");
}

static void test_content_encoding_of_framing(void **state)
{
    static const struct {
        const char *sent;
        const char *kept;
    } cases[] = {
        {"aws-chunked", NULL},
        {"AWS-Chunked", NULL},
        {"aws-chunked,gzip", "gzip"},
        {"gzip,aws-chunked", "gzip"},
        {"gzip, aws-chunked, br", "gzip,br"},
        {"gzip, br", "gzip, br"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char header[64];
        snprintf(header, sizeof(header), "Content-Encoding: %s", cases[i].sent);
        world_do(*state, "PUT /bkt/enc", header, "x");
        REPLY reply = world_send(*state, "GET /bkt/enc", NULL, SPAN(""));
        assert_header(reply, "Content-Encoding", cases[i].kept);
        assert_header(reply, "Content-Type", "binary/octet-stream");
    }
}

/* The names count without their prefix: "a" and 2047 bytes are 2 KiB. */
static void test_metadata_limit(void **state)
{
    static char headers[4096];
    int at = snprintf(headers, sizeof(headers), "x-amz-meta-a: ");
    memset(headers + at, 'v', 2047);
    headers[at + 2047] = '\0';
    world_do(*state, "PUT /bkt/limit", headers, "x");
    headers[at + 2047] = 'v';
    headers[at + 2048] = '\0';
    REPLY reply = world_send(*state, "PUT /bkt/limit", headers, SPAN("x"));
    assert_code(reply, 400, "MetadataTooLarge");
    assert_span(reply_element(&reply, "MaxSizeAllowed", 0), "2048");
    assert_span(reply_element(&reply, "Size", 0), "2049");
    REPLY nameless = world_send(*state, "PUT /bkt/limit", "x-amz-meta-: v", SPAN("x"));
    assert_code(nameless, 400, "InvalidArgument");
}

static void test_overwrite_replaces_everything(void **state)
{
    world_do(*state, "PUT /bkt/over", "x-amz-meta-a: 1\nx-amz-storage-class: STANDARD_IA", "one");
    world_do(*state, "PUT /bkt/over", "x-amz-meta-b: 2", "second");
    REPLY reply = world_send(*state, "GET /bkt/over", NULL, SPAN(""));
    assert_span(reply.body, "second");
    assert_header(reply, "x-amz-meta-a", NULL);
    assert_header(reply, "x-amz-meta-b", "2");
    assert_header(reply, "x-amz-storage-class", NULL);
}

static void test_large_body(void **state)
{
    enum { LEN = 3 * 1024 * 1024 + 5 };
    char *bytes = malloc(LEN);
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (char)((i * 2654435761u) >> 13);
    world_put(*state, "bkt", SPAN("large"), span_of(bytes, LEN));
    REPLY reply = world_send(*state, "GET /bkt/large", NULL, SPAN(""));
    assert_status(reply, 200);
    assert_true(span_eq(reply.body, span_of(bytes, LEN)));
    free(bytes);
}

static void test_missing_bucket(void **state)
{
    REPLY reply = world_send(*state, "PUT /nobucket/k", NULL, SPAN("x"));
    assert_code(reply, 404, "NoSuchBucket");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_etag_and_default_checksum),
        cmocka_unit_test(test_checksum_of_each_algorithm),
        cmocka_unit_test(test_checksum_named_but_not_sent),
        cmocka_unit_test(test_empty_object),
        cmocka_unit_test(test_keys_of_every_shape),
        cmocka_unit_test(test_key_length),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_refused_headers),
        cmocka_unit_test(test_storage_classes),
        cmocka_unit_test(test_metadata_comes_back),
        cmocka_unit_test(test_content_encoding_of_framing),
        cmocka_unit_test(test_metadata_limit),
        cmocka_unit_test(test_overwrite_replaces_everything),
        cmocka_unit_test(test_large_body),
        cmocka_unit_test(test_missing_bucket),
    };
    return cmocka_run_group_tests(tests, setup, world_drop);
}
