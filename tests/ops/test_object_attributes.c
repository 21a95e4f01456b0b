/* GetObjectAttributes. */
#include "tests/ops/support_object.h"

static struct sample sample;

static int setup(void **state)
{
    world_make(state);
    sample_make(&sample);
    world_do(*state, "PUT /bkt", NULL, NULL);
    world_do(
        *state, "PUT /bkt/k", "x-amz-checksum-sha1: Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "hello world");
    struct upload upload = upload_begin(
        *state, "multi", "x-amz-checksum-algorithm: CRC32\nx-amz-storage-class: GLACIER_IR");
    for (unsigned i = 0; i < SAMPLE_PARTS; i++) {
        char header[64];
        snprintf(header, sizeof(header), "x-amz-checksum-crc32: %s", sample_checksums[0].parts[i]);
        REPLY part = upload_send(*state, &upload, 10 * (i + 1), header, sample.parts[i]);
        assert_status(part, 200);
    }
    REPLY done = upload_complete(*state, &upload, NULL,
        PART(10, "c0415a1eb09aacefb8c8270aa426efd2") PART(20, "a192c6c2c45a8087bd45c300cd480409")
            PART(30, "107c68aad4acdd3050ccbf0a6a7f4ce3"));
    assert_status(done, 200);
    return 0;
}

static int teardown(void **state)
{
    sample_free(&sample);
    return world_drop(state);
}

#define ALL "x-amz-object-attributes: ETag,Checksum,ObjectParts,StorageClass,ObjectSize"

static void test_plain_object(void **state)
{
    REPLY reply = world_send(*state, "GET /bkt/k?attributes", ALL, SPAN(""));
    assert_status(reply, 200);
    assert_has(reply, "<GetObjectAttributesResponse xmlns=");
    assert_span(reply_element(&reply, "ETag", 0), "5eb63bbbe01eeed093cb22bb8f5acdc3");
    assert_span(reply_element(&reply, "ChecksumSHA1", 0), "Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
    assert_span(reply_element(&reply, "ChecksumType", 0), "FULL_OBJECT");
    assert_span(reply_element(&reply, "StorageClass", 0), "STANDARD");
    assert_span(reply_element(&reply, "ObjectSize", 0), "11");
    assert_lacks(reply, "<ObjectParts>");
    assert_true(span_present(reply_header(&reply, "Last-Modified")));
}

static void test_only_what_is_asked(void **state)
{
    static const char *const headers[] = {
        "x-amz-object-attributes: ObjectSize , StorageClass",
        "x-amz-object-attributes: ObjectSize\nX-Amz-Object-Attributes: StorageClass",
    };
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        REPLY reply = world_send(*state, "GET /bkt/multi?attributes", headers[i], SPAN(""));
        assert_status(reply, 200);
        assert_span(reply_element(&reply, "ObjectSize", 0), "10498122");
        assert_span(reply_element(&reply, "StorageClass", 0), "GLACIER_IR");
        assert_lacks(reply, "<ETag>");
        assert_lacks(reply, "<Checksum>");
        assert_lacks(reply, "<ObjectParts>");
    }
}

static void test_parts(void **state)
{
    REPLY reply = world_send(*state, "GET /bkt/multi?attributes", ALL, SPAN(""));
    assert_status(reply, 200);
    assert_span(reply_element(&reply, "ETag", 0), "8420f162fd8b328d6aad880c68205f21-3");
    assert_span(reply_element(&reply, "ChecksumCRC32", 0), "IWttmA==");
    assert_span(reply_element(&reply, "ChecksumType", 0), "COMPOSITE");
    assert_span(reply_element(&reply, "PartsCount", 0), "3");
    assert_span(reply_element(&reply, "IsTruncated", 0), "false");
    assert_int_equal(reply_count(&reply, "Part"), 3);
    for (unsigned i = 0; i < SAMPLE_PARTS; i++) {
        char text[32];
        snprintf(text, sizeof(text), "%u", 10 * (i + 1));
        assert_span(reply_element(&reply, "PartNumber", i), text);
        snprintf(text, sizeof(text), "%zu", sample_parts[i].len);
        assert_span(reply_element(&reply, "Size", i), text);
        assert_span(reply_element(&reply, "ChecksumCRC32", i + 1), sample_checksums[0].parts[i]);
    }
}

static void test_pages_of_parts(void **state)
{
    static const struct {
        const char *headers;
        const char *first; /* absent: none */
        const char *next;
        const char *truncated;
        size_t count;
    } cases[] = {
        {"x-amz-max-parts: 2", "10", "20", "true", 2},
        {"x-amz-max-parts: 2\nx-amz-part-number-marker: 20", "30", "30", "false", 1},
        {"x-amz-part-number-marker: 15", "20", "30", "false", 2},
        {"x-amz-part-number-marker: 30", NULL, "0", "false", 0},
        {"x-amz-part-number-marker: 2000000", NULL, "0", "false", 0},
        {"x-amz-max-parts: 2000000", "10", "30", "false", 3},
        {"x-amz-max-parts: 0", NULL, "0", "false", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char headers[256];
        snprintf(
            headers, sizeof(headers), "x-amz-object-attributes: ObjectParts\n%s", cases[i].headers);
        REPLY reply = world_send(*state, "GET /bkt/multi?attributes", headers, SPAN(""));
        assert_status(reply, 200);
        assert_int_equal(reply_count(&reply, "Part"), cases[i].count);
        if (cases[i].first != NULL)
            assert_span(reply_element(&reply, "PartNumber", 0), cases[i].first);
        assert_span(reply_element(&reply, "NextPartNumberMarker", 0), cases[i].next);
        assert_span(reply_element(&reply, "IsTruncated", 0), cases[i].truncated);
        assert_span(reply_element(&reply, "PartsCount", 0), "3");
    }
}

static void test_errors(void **state)
{
    static const struct {
        const char *line;
        const char *headers;
        int status;
        const char *code;
    } cases[] = {
        {"GET /bkt/k?attributes", "x-amz-object-attributes: Size", 400, "InvalidArgument"},
        {"GET /bkt/k?attributes", "x-amz-object-attributes: ETag,", 400, "InvalidArgument"},
        {"GET /bkt/k?attributes", NULL, 400, "InvalidRequest"},
        {"GET /bkt/k?attributes", ALL "\nx-amz-max-parts: x", 400, "InvalidArgument"},
        {"GET /bkt/k?attributes", ALL "\nx-amz-part-number-marker: -1", 400, "InvalidArgument"},
        {"GET /bkt/none?attributes", ALL, 404, "NoSuchKey"},
        {"GET /bkt/k?attributes&versionId=what", ALL, 400, "InvalidArgument"},
        {"GET /nobucket/k?attributes", ALL, 404, "NoSuchBucket"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        REPLY reply = world_send(*state, cases[i].line, cases[i].headers, SPAN(""));
        assert_code(reply, cases[i].status, cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_object),
        cmocka_unit_test(test_only_what_is_asked),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_pages_of_parts),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
