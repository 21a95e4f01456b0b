/* Metadata as a run of bytes: what only a request made by hand can show. The way through the store
 * is in tests/ops. */
#include "daemon/daemon.h"
#include "daemon/metadata.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct daemon daemon_of_tests;

static void make(struct request *request, const struct header *headers, size_t count)
{
    request_init(request, &daemon_of_tests);
    request->headers = (struct header_list){headers, count};
}

static struct span response_value(const struct request *request, const char *name)
{
    struct header_list list = {request->response.headers, request->response.header_count};
    return header_find(&list, span_str(name));
}

static void assert_value(const struct request *request, const char *name, const char *expected)
{
    struct span value = response_value(request, name);
    assert_true(span_present(value) && span_eq(value, span_str(expected)));
}

static void test_nothing_takes_no_bytes(void **state)
{
    (void)state;
    const struct header headers[] = {{SPAN("Host"), SPAN("x")},
        {SPAN("Content-Type"), SPAN("binary/octet-stream")},
        {SPAN("Content-Encoding"), SPAN("aws-chunked")}};
    struct request request;
    struct span encoded = SPAN("untouched");
    make(&request, headers, ARRAY_LEN(headers));
    assert_int_equal(metadata_read(&request, &encoded), S3_OK);
    assert_int_equal(encoded.len, 0);
    metadata_respond(&request, encoded, NULL);
    assert_int_equal(request.response.header_count, 1);
    assert_value(&request, "Content-Type", "binary/octet-stream");
    request_free(&request);
}

/* A presigned request may carry x-amz-meta-* in its query; one with headers may not. */
static void test_query_of_presigned_requests(void **state)
{
    (void)state;
    struct query_param params[] = {
        {.name = SPAN("x-amz-meta-a"), .value = SPAN("query")},
        {.name = SPAN("X-Amz-Meta-B"), .value = SPAN("moved")},
        {.name = SPAN("x-amz-metal"), .value = SPAN("no")},
    };
    const struct header headers[] = {{SPAN("x-amz-meta-a"), SPAN("header")}};
    for (int presigned = 0; presigned < 2; presigned++) {
        struct request request;
        struct span encoded;
        make(&request, headers, ARRAY_LEN(headers));
        request.target.query = (struct query){params, ARRAY_LEN(params)};
        request.auth.kind = presigned ? SIGV4_PRESIGNED : SIGV4_HEADER;
        assert_int_equal(metadata_read(&request, &encoded), S3_OK);
        metadata_respond(&request, encoded, NULL);
        assert_value(&request, "x-amz-meta-a", "header");
        assert_int_equal(span_present(response_value(&request, "x-amz-meta-b")), presigned);
        assert_false(span_present(response_value(&request, "x-amz-metal")));
        request_free(&request);
    }
}

static void test_overrides_need_a_signature(void **state)
{
    (void)state;
    struct query_param params[] = {
        {.name = SPAN("response-content-type"), .value = SPAN("text/html")}};
    static const struct {
        enum sigv4_kind kind;
        enum s3_err err;
    } cases[] = {
        {SIGV4_ANONYMOUS, S3_ERR_INVALID_REQUEST}, {SIGV4_HEADER, S3_OK}, {SIGV4_PRESIGNED, S3_OK}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct request request;
        struct metadata_overrides overrides = {0};
        make(&request, NULL, 0);
        request.target.query = (struct query){params, ARRAY_LEN(params)};
        request.auth.kind = cases[i].kind;
        assert_int_equal(metadata_overrides_read(&request, &overrides), cases[i].err);
        assert_int_equal(
            overrides.values[METADATA_CONTENT_TYPE].len, cases[i].err == S3_OK ? 9 : 0);
        request_free(&request);
    }
}

/* More user metadata than a response has room for is counted, and the rest still comes. */
static void test_missing_metadata_is_counted(void **state)
{
    (void)state;
    enum { COUNT = 250 };
    static char names[COUNT][24];
    struct header headers[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "x-amz-meta-%zu", i);
        headers[i] = (struct header){span_str(names[i]), SPAN("v")};
    }
    struct request request;
    struct span encoded;
    make(&request, headers, COUNT);
    assert_int_equal(metadata_read(&request, &encoded), S3_OK);
    metadata_respond(&request, encoded, NULL);
    assert_true(request.response.header_count <= RESPONSE_HEADERS_MAX);
    assert_value(&request, "x-amz-meta-0", "v");
    assert_value(&request, "Content-Type", "binary/octet-stream");
    uint64_t missing;
    assert_true(span_to_u64(response_value(&request, "x-amz-missing-meta"), &missing));
    assert_int_equal(missing + request.response.header_count - 2, COUNT);
    request_free(&request);
}

/* Bytes cut anywhere, and any bytes, are read without going past their end. */
static void test_damaged_bytes(void **state)
{
    (void)state;
    const struct header headers[] = {{SPAN("x-amz-meta-name"), SPAN("value")},
        {SPAN("Content-Type"), SPAN("text/plain")}, {SPAN("Expires"), SPAN("0")}};
    struct request request;
    struct span encoded;
    make(&request, headers, ARRAY_LEN(headers));
    assert_int_equal(metadata_read(&request, &encoded), S3_OK);
    for (size_t len = 0; len <= encoded.len; len++) {
        char *exact = malloc(len + 1);
        memcpy(exact, encoded.ptr, len);
        request.response.header_count = 0;
        metadata_respond(&request, span_of(exact, len), NULL);
        metadata_respond_not_modified(&request, span_of(exact, len));
        free(exact);
    }
    uint32_t seed = 1;
    for (int round = 0; round < 1000; round++) {
        uint8_t noise[64];
        for (size_t i = 0; i < sizeof(noise); i++) {
            seed = seed * 1664525u + 1013904223u;
            noise[i] = (uint8_t)(seed >> 24);
        }
        noise[0] %= METADATA_FIELDS + 1;
        noise[2] = 0;
        request.response.header_count = 0;
        metadata_respond(&request, span_of(noise, sizeof(noise)), NULL);
    }
    request_free(&request);
}

/* What a later release adds is skipped. */
static void test_unknown_fields(void **state)
{
    (void)state;
    struct request request;
    make(&request, NULL, 0);
    metadata_respond(&request, SPAN("\x20\x02\x00zz\x01\x01\x00t\xff\x00\x00"), NULL);
    assert_int_equal(request.response.header_count, 1);
    assert_value(&request, "Content-Type", "t");
    request_free(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_takes_no_bytes),
        cmocka_unit_test(test_query_of_presigned_requests),
        cmocka_unit_test(test_overrides_need_a_signature),
        cmocka_unit_test(test_missing_metadata_is_counted),
        cmocka_unit_test(test_damaged_bytes),
        cmocka_unit_test(test_unknown_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
