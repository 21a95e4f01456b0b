/* sigv2.c against the example that Amazon publishes, and against what signers do beyond it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/encode.h"
#include "sigv2.h"

#define SECRET SPAN("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
#define EXPIRES_S 1175139620

struct fixture {
    struct arena arena;
    struct target target;
};

static struct fixture *fixture_of(void **state)
{
    return *state;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    arena_init(&fixture->arena, 1 << 20);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    arena_free(&fixture->arena);
    free(fixture);
    return 0;
}

static const struct target *target_of(struct fixture *fixture, struct span raw, struct span host)
{
    static const struct span domains[] = {{"s3.amazonaws.com", sizeof("s3.amazonaws.com") - 1}};
    assert_int_equal(target_parse(&fixture->arena, raw, host, domains, 1, &fixture->target), S3_OK);
    return &fixture->target;
}

static void assert_signs(struct fixture *fixture, struct span method, struct span raw,
    const struct header_list *headers, const char *expected)
{
    struct span text = sigv2_string_to_sign(
        &fixture->arena, method, target_of(fixture, raw, SPAN("127.0.0.1:9000")), headers, false);
    assert_string_equal(text.ptr, expected);
}

#define PUPPY                                                                                      \
    "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&"                                       \
    "Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620"

static void published_example(void **state)
{
    struct fixture *fixture = fixture_of(state);
    const struct header_list none = {NULL, 0};
    const struct target *target =
        target_of(fixture, SPAN(PUPPY), SPAN("johnsmith.s3.amazonaws.com"));
    struct sigv4_auth auth;
    struct span text;
    const char *detail = NULL;
    assert_true(sigv2_is_presigned(&target->query));
    assert_int_equal(sigv2_parse(target, &none, &auth, &detail), S3_OK);
    assert_int_equal(auth.kind, SIGV4_PRESIGNED);
    assert_true(span_eq(auth.access_key, SPAN("AKIAIOSFODNN7EXAMPLE")));
    assert_int_equal(
        sigv2_verify(&fixture->arena, SPAN("GET"), target, &none, &auth, SECRET, EXPIRES_S, &text),
        S3_OK);
    assert_string_equal(text.ptr, "GET\n\n\n1175139620\n/johnsmith/photos/puppy.jpg");
    assert_int_equal(sigv2_verify(&fixture->arena, SPAN("GET"), target, &none, &auth, SECRET,
                         EXPIRES_S + 1, &text),
        S3_ERR_REQUEST_EXPIRED);
    assert_int_equal(
        sigv2_verify(&fixture->arena, SPAN("PUT"), target, &none, &auth, SECRET, EXPIRES_S, &text),
        S3_ERR_SIGNATURE_DOES_NOT_MATCH);
    assert_int_equal(sigv2_verify(&fixture->arena, SPAN("GET"), target, &none, &auth, SPAN("wrong"),
                         EXPIRES_S, &text),
        S3_ERR_SIGNATURE_DOES_NOT_MATCH);
}

static void sub_resources_are_signed_in_order(void **state)
{
    static const struct header_list none = {NULL, 0};
    assert_signs(fixture_of(state), SPAN("PUT"),
        SPAN("/b/a%20b?uploadId=x%2Fy&partNumber=3&Expires=9&other=1&list-type=2"), &none,
        "PUT\n\n\n9\n/b/a%20b?partNumber=3&uploadId=x/y");
    assert_signs(fixture_of(state), SPAN("GET"), SPAN("/b?uploads&Expires=9&acl="), &none,
        "GET\n\n\n9\n/b?acl=&uploads");
}

static void amazon_fields_come_from_headers_and_query(void **state)
{
    static const struct header fields[] = {
        {{"X-Amz-Meta-B", 12}, {"2", 1}},
        {{"x-amz-meta-b", 12}, {"3", 1}},
        {{"Content-Type", 12}, {"text/plain", 10}},
        {{"Other", 5}, {"no", 2}},
    };
    static const struct header_list headers = {fields, ARRAY_LEN(fields)};
    assert_signs(fixture_of(state), SPAN("PUT"),
        SPAN("/b/k?x-amz-meta-a=%201%20&x-amz-meta-b=ignored&content-type=ignored&content-md5=m&"
             "Expires=9"),
        &headers, "PUT\nm\ntext/plain\n9\nx-amz-meta-a:1\nx-amz-meta-b:2,3\n/b/k");
}

static void a_bucket_is_signed_with_a_slash_or_without(void **state)
{
    static const struct header_list none = {NULL, 0};
    static const struct span signed_paths[] = {{"GET\n\n\n9\n/b", 10}, {"GET\n\n\n9\n/b/", 11}};
    struct fixture *fixture = fixture_of(state);
    const struct target *target = target_of(
        fixture, SPAN("/b?AWSAccessKeyId=a&Signature=s&Expires=9"), SPAN("127.0.0.1:9000"));
    for (size_t i = 0; i < ARRAY_LEN(signed_paths); i++) {
        uint8_t mac[SHA1_BYTES];
        struct buf signature;
        struct span text;
        struct sigv4_auth auth = {.kind = SIGV4_PRESIGNED, .time_s = 9};
        hmac_sha1(SECRET, signed_paths[i], mac);
        buf_init(&signature, 64);
        base64_encode(&signature, span_of(mac, sizeof(mac)));
        auth.signature = buf_span(&signature);
        assert_int_equal(
            sigv2_verify(&fixture->arena, SPAN("GET"), target, &none, &auth, SECRET, 9, &text),
            S3_OK);
        buf_free(&signature);
    }
}

static void bad_forms(void **state)
{
    static const struct {
        struct span raw;
        enum s3_err err;
    } cases[] = {
        {{"/b?AWSAccessKeyId=a&Signature=s", 31}, S3_ERR_ACCESS_DENIED},
        {{"/b?AWSAccessKeyId=a&Signature=s&Expires=", 40}, S3_ERR_ACCESS_DENIED},
        {{"/b?AWSAccessKeyId=a&Signature=s&Expires=soon", 44}, S3_ERR_ACCESS_DENIED},
        {{"/b?AWSAccessKeyId=a&Signature=s&Expires=-1", 42}, S3_ERR_ACCESS_DENIED},
        {{"/b?AWSAccessKeyId=a&Signature=s&Expires=18446744073709551615", 60},
            S3_ERR_ACCESS_DENIED},
        {{"/b?AWSAccessKeyId=&Signature=s&Expires=9", 40}, S3_ERR_ACCESS_DENIED},
        {{"/b?AWSAccessKeyId=a&Signature=&Expires=9", 40}, S3_ERR_ACCESS_DENIED},
        {{"/b?AWSAccessKeyId=a&Signature=s&Expires=9&X-Amz-Algorithm=x", 59},
            S3_ERR_INVALID_ARGUMENT},
    };
    static const struct header authorization[] = {
        {{"Authorization", 13}, {"AWS4-HMAC-SHA256", 16}}};
    static const struct header streaming[] = {
        {{"x-amz-content-sha256", 20}, {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", 34}}};
    struct fixture *fixture = fixture_of(state);
    struct header_list headers = {NULL, 0};
    struct sigv4_auth auth;
    const char *detail = NULL;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct target *target = target_of(fixture, cases[i].raw, SPAN("h"));
        assert_true(sigv2_is_presigned(&target->query));
        assert_int_equal(sigv2_parse(target, &headers, &auth, &detail), cases[i].err);
        assert_non_null(detail);
    }
    const struct target *target =
        target_of(fixture, SPAN("/b?AWSAccessKeyId=a&Signature=s&Expires=9"), SPAN("h"));
    assert_int_equal(sigv2_parse(target, &headers, &auth, &detail), S3_OK);
    headers = (struct header_list){authorization, 1};
    assert_int_equal(sigv2_parse(target, &headers, &auth, &detail), S3_ERR_INVALID_ARGUMENT);
    headers = (struct header_list){streaming, 1};
    assert_int_equal(sigv2_parse(target, &headers, &auth, &detail), S3_ERR_INVALID_ARGUMENT);
    assert_false(sigv2_is_presigned(&target_of(fixture, SPAN("/b?Signature=s"), SPAN("h"))->query));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(published_example, setup, teardown),
        cmocka_unit_test_setup_teardown(sub_resources_are_signed_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(amazon_fields_come_from_headers_and_query, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_bucket_is_signed_with_a_slash_or_without, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_forms, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
