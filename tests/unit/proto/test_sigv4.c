/* Which signatures are right, and how they are made. */
#include "base/encode.h"
#include "http_time.h"
#include "sigv4_support.h"

#include <pthread.h>

/* src: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring
 * Payload in a Single Chunk", "… in Multiple Chunks", "… Including Trailing Headers", and
 * "Authenticating Requests: Using Query Parameters" */
static const char *const aws_examples[] = {
    "GET /test.txt HTTP/1.1\n"
    "Host: examplebucket.s3.amazonaws.com\n"
    "Range: bytes=0-9\n"
    "x-amz-content-sha256: " EMPTY_HASH "\n"
    "x-amz-date: 20130524T000000Z\n"
    "Authorization: " CREDENTIAL "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
    "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41\n",

    "PUT /test%24file.text HTTP/1.1\n"
    "Host: examplebucket.s3.amazonaws.com\n"
    "Date: Fri, 24 May 2013 00:00:00 GMT\n"
    "x-amz-date: 20130524T000000Z\n"
    "x-amz-storage-class: REDUCED_REDUNDANCY\n"
    "x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\n"
    "Authorization: " CREDENTIAL
    "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
    "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd\n",

    "GET /?lifecycle HTTP/1.1\n"
    "Host: examplebucket.s3.amazonaws.com\n"
    "x-amz-date: 20130524T000000Z\n"
    "x-amz-content-sha256: " EMPTY_HASH "\n"
    "Authorization: " CREDENTIAL "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
    "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543\n",

    "GET /?max-keys=2&prefix=J HTTP/1.1\n"
    "Host: examplebucket.s3.amazonaws.com\n"
    "x-amz-date: 20130524T000000Z\n"
    "x-amz-content-sha256: " EMPTY_HASH "\n"
    "Authorization: " CREDENTIAL "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
    "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7\n",

    "GET "
    "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524"
    "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
    "&X-Amz-SignedHeaders=host&X-Amz-Signature="
    "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404 HTTP/1.1\n"
    "Host: examplebucket.s3.amazonaws.com\n",

    "PUT /examplebucket/chunkObject.txt HTTP/1.1\n"
    "Host: s3.amazonaws.com\n"
    "x-amz-date: 20130524T000000Z\n"
    "x-amz-storage-class: REDUCED_REDUNDANCY\n"
    "Authorization: " CREDENTIAL "SignedHeaders=content-encoding;content-length;host;"
    "x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,"
    "Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9\n"
    "x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\n"
    "Content-Encoding: aws-chunked\n"
    "x-amz-decoded-content-length: 66560\n"
    "Content-Length: 66824\n",

    "PUT /examplebucket/chunkObject.txt HTTP/1.1\n"
    "Host: s3.amazonaws.com\n"
    "x-amz-date: 20130524T000000Z\n"
    "x-amz-storage-class: REDUCED_REDUNDANCY\n"
    "Authorization: " CREDENTIAL "SignedHeaders=content-encoding;host;x-amz-content-sha256;"
    "x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer,"
    "Signature=106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e\n"
    "x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER\n"
    "Content-Encoding: aws-chunked\n"
    "x-amz-decoded-content-length: 66560\n"
    "x-amz-trailer: x-amz-checksum-crc32c\n"
    "Content-Length: 66824\n",
};

static void aws_examples_verify(void **state)
{
    (void)state;
    struct sigv4_key_cache *cache = sigv4_key_cache_new();
    assert_non_null(cache);
    for (size_t i = 0; i < ARRAY_LEN(aws_examples); i++) {
        for (int round = 0; round < 2; round++) {
            struct arena arena;
            arena_init(&arena, 1 << 20);
            enum s3_err err =
                judge(&arena, aws_examples[i], EXAMPLE_TIME_S, cache, span_str(secret));
            if (err != S3_OK)
                fail_msg("example %zu: %s", i, s3_err_info(err)->code);
            arena_free(&arena);
        }
    }
    sigv4_key_cache_free(cache);
}

/* Any changed byte of what is signed is refused, be it by form or by signature. */
static void changed_bytes_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(aws_examples); i++) {
        struct arena arena;
        arena_init(&arena, 1 << 20);
        struct span text = arena_copy(&arena, span_str(aws_examples[i]));
        size_t uri = span_find(text, SPAN("test"), 0), range = span_find(text, SPAN("0-9"), 0);
        size_t hash = span_find(text, SPAN("ature="), 0), date = span_find(text, SPAN("0000Z"), 0);
        const size_t at[] = {uri, range, hash + 8, date, 0};
        for (size_t j = 0; j < ARRAY_LEN(at); j++) {
            if (at[j] >= text.len)
                continue;
            char *byte = (char *)text.ptr + at[j], old = *byte;
            *byte = (char)(old == '1' ? '2' : '1');
            if (judge_now(text.ptr) == S3_OK)
                fail_msg("example %zu passes with byte %zu changed", i, at[j]);
            *byte = old;
        }
        arena_free(&arena);
    }
}

static void other_secrets_are_refused(void **state)
{
    (void)state;
    static const char long_secret[300] = {'x'};
    const struct span secrets[] = {
        SPAN("wJalrXUtnFEMI"), SPAN(""), SPAN_ABSENT, {long_secret, sizeof(long_secret)}};
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        struct arena arena;
        arena_init(&arena, 1 << 20);
        assert_int_equal(judge(&arena, aws_examples[0], EXAMPLE_TIME_S, NULL, secrets[i]),
            S3_ERR_SIGNATURE_DOES_NOT_MATCH);
        arena_free(&arena);
    }
}

/* Signed with no secret at all: "AWS4" as the key must not be a way in. */
static void empty_secret_signs_nothing(void **state)
{
    (void)state;
    uint8_t a[SHA256_BYTES], b[SHA256_BYTES];
    sigv4_signing_key(SPAN(""), SPAN("20130524"), SPAN("us-east-1"), SPAN("s3"), a);
    sigv4_signing_key(SPAN(""), SPAN("20130524"), SPAN("us-east-1"), SPAN("s3"), b);
    assert_memory_not_equal(a, b, sizeof(a));
}

static void times_are_checked(void **state)
{
    (void)state;
    static const struct {
        size_t example;
        int64_t offset_s;
        enum s3_err err;
    } cases[] = {
        {0, 15 * 60, S3_OK},
        {0, -15 * 60, S3_OK},
        {0, 15 * 60 + 1, S3_ERR_REQUEST_TIME_TOO_SKEWED},
        {0, -15 * 60 - 1, S3_ERR_REQUEST_TIME_TOO_SKEWED},
        {4, 86400, S3_OK},
        {4, 86401, S3_ERR_REQUEST_EXPIRED},
        {4, -15 * 60, S3_OK},
        {4, -15 * 60 - 1, S3_ERR_REQUEST_NOT_YET_VALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena;
        arena_init(&arena, 1 << 20);
        assert_int_equal(judge(&arena, aws_examples[cases[i].example],
                             EXAMPLE_TIME_S + cases[i].offset_s, NULL, span_str(secret)),
            cases[i].err);
        arena_free(&arena);
    }
}

static void own_signature_verifies(void **state)
{
    (void)state;
    struct arena arena;
    struct target target;
    arena_init(&arena, 1 << 20);
    struct header items[] = {{SPAN("X-Amz-Date"), SPAN("20130524T000000Z")},
        {SPAN("Host"), SPAN("localhost:9000")}, {SPAN("x-amz-content-sha256"), SPAN(EMPTY_HASH)},
        {SPAN("x-amz-meta-a"), SPAN("b")}, {SPAN("x-amz-meta-a"), SPAN("c")},
        {SPAN("Authorization"), SPAN_ABSENT}};
    struct header_list signed_list = {items, ARRAY_LEN(items)};
    assert_int_equal(
        target_parse(&arena, SPAN("/b/k%20?list-type=2&a"), SPAN_ABSENT, NULL, 0, &target), S3_OK);
    struct span value = sigv4_authorization(&arena, SPAN("GET"), &target, &signed_list,
        SPAN("AKIAIOSFODNN7EXAMPLE"), span_str(secret), SPAN("eu-central-1"), SPAN("s3"));
    assert_true(
        span_find(value, SPAN("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-meta-a, "),
            0) != SIZE_MAX);
    assert_int_equal(value.ptr[value.len], 0);
    items[5].value = value;
    struct sigv4_auth auth;
    const char *detail;
    struct span canonical, to_sign;
    uint8_t key[SHA256_BYTES];
    assert_int_equal(sigv4_parse(&target, &signed_list, &auth, &detail), S3_OK);
    assert_int_equal(sigv4_verify(&arena, NULL, SPAN("GET"), &target, &signed_list, &auth,
                         span_str(secret), key, &canonical, &to_sign),
        S3_OK);
    assert_int_equal(sigv4_verify(&arena, NULL, SPAN("PUT"), &target, &signed_list, &auth,
                         span_str(secret), key, &canonical, &to_sign),
        S3_ERR_SIGNATURE_DOES_NOT_MATCH);
    items[4].value = SPAN("d");
    assert_int_equal(sigv4_verify(&arena, NULL, SPAN("GET"), &target, &signed_list, &auth,
                         span_str(secret), key, &canonical, &to_sign),
        S3_ERR_SIGNATURE_DOES_NOT_MATCH);
    arena_free(&arena);
}

static void signed_requests_have_all_headers(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct sigv4_signer signer = {
        SPAN("AK"), span_str(secret), SPAN("token"), SPAN("eu-west-1"), SPAN("s3")};
    const struct header extra[] = {{SPAN("range"), SPAN("bytes=0-4")}};
    struct header_list more = {extra, ARRAY_LEN(extra)}, headers;
    assert_int_equal(sigv4_sign_request(&arena, &signer, SPAN("GET"), SPAN("/b/a%20b?x=%2F"),
                         SPAN("h:1"), &more, SPAN(EMPTY_HASH), 1369353600, &headers),
        S3_OK);
    struct target target;
    struct sigv4_auth auth;
    const char *detail;
    struct span canonical, to_sign;
    uint8_t key[SHA256_BYTES];
    assert_int_equal(
        target_parse(&arena, SPAN("/b/a%20b?x=%2F"), SPAN("h:1"), NULL, 0, &target), S3_OK);
    assert_int_equal(sigv4_parse(&target, &headers, &auth, &detail), S3_OK);
    assert_int_equal(sigv4_check_time(&auth, 1369353600), S3_OK);
    assert_true(span_eq(auth.session_token, SPAN("token")));
    assert_true(span_eq(auth.region, SPAN("eu-west-1")));
    assert_true(span_find(auth.signed_headers, SPAN("host;range;"), 0) == 0);
    assert_int_equal(sigv4_verify(&arena, NULL, SPAN("GET"), &target, &headers, &auth,
                         span_str(secret), key, &canonical, &to_sign),
        S3_OK);
    struct header many[SIGV4_SIGNED_HEADERS_MAX];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = (struct header){SPAN("x-amz-a"), SPAN("b")};
    more = (struct header_list){many, ARRAY_LEN(many)};
    assert_int_equal(sigv4_sign_request(&arena, &signer, SPAN("GET"), SPAN("/"), SPAN("h"), &more,
                         SPAN(EMPTY_HASH), 0, &headers),
        S3_ERR_INVALID_ARGUMENT);
    assert_int_equal(sigv4_sign_request(&arena, &signer, SPAN("GET"), SPAN("/%z"), SPAN("h"),
                         &(struct header_list){NULL, 0}, SPAN(EMPTY_HASH), 0, &headers),
        S3_ERR_INVALID_URI);
    arena_free(&arena);
}

/* As curl 7.88.1 sent it: --aws-sigv4 aws:amz:us-east-1:s3 --user AK:SK -T f.txt http://…/b/k */
static void curl_upload_without_payload_hash_verifies(void **state)
{
    (void)state;
    struct arena arena;
    int64_t now_s = 0;
    arena_init(&arena, 1 << 20);
    assert_true(amz_time_parse(SPAN("20261121T030732Z"), &now_s));
    assert_int_equal(
        judge(&arena,
            "PUT /b/k HTTP/1.1\nHost: 127.0.0.1:54779\nX-Amz-Date: 20261121T030732Z\n"
            "Authorization: AWS4-HMAC-SHA256 Credential=AK/20261121/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;x-amz-date, Signature="
            "fb9cddeb7d38e8db0294f029cbfeb4db7d5c74e8dc96e41286f3d461272e44ab\n",
            now_s, NULL, SPAN("SK")),
        S3_OK);
    arena_free(&arena);
}

/* What curl 7.88 made of --aws-sigv4 with "-H x-amz-content-sha256: UNSIGNED-PAYLOAD". */
static void signatures_of_what_was_sent(void **state)
{
    (void)state;
    static const char *const uris[] = {
        "/b/year=2024/x.txt", "/b?prefix=a/b&list-type=2", "/b?uploads", "/b/a!(b)"};
    for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
        struct arena arena;
        uint8_t key[SHA256_BYTES];
        char signature[SIGV4_HEX_BYTES + 1];
        arena_init(&arena, 1 << 20);
        struct span uri = span_str(uris[i]);
        size_t mark = span_find_char(uri, '?', 0);
        struct span path = span_first(uri, mark);
        struct span query = mark == SIZE_MAX ? SPAN("") : span_from(uri, mark + 1);
        struct sigv4_auth auth = {.date = SPAN("20130524"),
            .region = SPAN("us-east-1"),
            .service = SPAN("s3"),
            .timestamp = SPAN("20130524T000000Z")};
        struct span canonical = arena_format(&arena,
            "GET\n%.*s\n%.*s\nhost:h\nx-amz-content-sha256:UNSIGNED-PAYLOAD\n"
            "x-amz-date:20130524T000000Z\n\nhost;x-amz-content-sha256;x-amz-date\nUNSIGNED-PAYLOAD",
            SPAN_ARG(path), SPAN_ARG(query));
        sigv4_signing_key(span_str(secret), auth.date, auth.region, auth.service, key);
        sigv4_sign(key, sigv4_string_to_sign(&arena, &auth, canonical), signature);
        const char *text = arena_format(&arena,
            "GET %s HTTP/1.1\nHost: h\n" AMZ "Authorization: " CREDENTIAL
            "SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=%s\n",
            uris[i], signature)
                               .ptr;
        if (judge_now(text) != S3_OK)
            fail_msg("%s is refused", uris[i]);
        arena_free(&arena);
    }
}

static void small_arena_is_internal(void **state)
{
    (void)state;
    for (size_t max = 0; max < 1400; max += 16) {
        struct arena big, small;
        struct text_request request;
        struct sigv4_auth auth;
        struct span canonical, to_sign;
        const char *detail;
        uint8_t key[SHA256_BYTES];
        arena_init(&big, 1 << 20);
        arena_init(&small, max);
        assert_true(text_request_parse(&big, span_str(aws_examples[3]), &request));
        assert_int_equal(sigv4_parse(&request.target, &request.headers, &auth, &detail), S3_OK);
        enum s3_err err = sigv4_verify(&small, NULL, request.method, &request.target,
            &request.headers, &auth, span_str(secret), key, &canonical, &to_sign);
        assert_int_equal(err, small.overflow ? S3_ERR_INTERNAL : S3_OK);
        arena_free(&small);
        arena_free(&big);
    }
}

static void check_cached(struct sigv4_key_cache *cache, uint32_t number)
{
    uint8_t cached[SHA256_BYTES], fresh[SHA256_BYTES];
    char region[16], of_secret[16];
    (void)snprintf(region, sizeof(region), "region-%u", (unsigned)(number % 1500));
    (void)snprintf(of_secret, sizeof(of_secret), "secret-%u", (unsigned)(number % 7));
    struct sigv4_auth auth = {.access_key = SPAN("AK"),
        .date = SPAN("20130524"),
        .region = span_str(region),
        .service = SPAN("s3")};
    sigv4_signing_key(span_str(of_secret), auth.date, auth.region, auth.service, fresh);
    sigv4_key_cache_get(cache, &auth, span_str(of_secret), cached);
    assert_memory_equal(cached, fresh, sizeof(cached));
    sigv4_key_cache_get(cache, &auth, span_str(of_secret), cached);
    assert_memory_equal(cached, fresh, sizeof(cached));
}

static void *use_cache(void *context)
{
    for (uint32_t i = 0; i < 3000; i++)
        check_cached(context, i * 2654435761u >> 16);
    return NULL;
}

static void cache_gives_the_right_key(void **state)
{
    (void)state;
    pthread_t threads[4];
    struct sigv4_key_cache *cache = sigv4_key_cache_new();
    assert_non_null(cache);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_cache, cache), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    sigv4_key_cache_free(cache);
    sigv4_key_cache_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aws_examples_verify),
        cmocka_unit_test(changed_bytes_are_refused),
        cmocka_unit_test(other_secrets_are_refused),
        cmocka_unit_test(empty_secret_signs_nothing),
        cmocka_unit_test(times_are_checked),
        cmocka_unit_test(own_signature_verifies),
        cmocka_unit_test(signed_requests_have_all_headers),
        cmocka_unit_test(signatures_of_what_was_sent),
        cmocka_unit_test(curl_upload_without_payload_hash_verifies),
        cmocka_unit_test(small_arena_is_internal),
        cmocka_unit_test(cache_gives_the_right_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
