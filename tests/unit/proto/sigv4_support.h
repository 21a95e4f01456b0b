/* Requests that were signed with the key of AWS's examples, and what becomes of them. */
#ifndef TESTS_SIGV4_SUPPORT_H
#define TESTS_SIGV4_SUPPORT_H

#include "request_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SCOPE "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
#define CREDENTIAL "AWS4-HMAC-SHA256 Credential=" SCOPE ","
#define AMZ "x-amz-date: 20130524T000000Z\nx-amz-content-sha256: UNSIGNED-PAYLOAD\n"

static const char secret[] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

enum { EXAMPLE_TIME_S = 1369353600 };

/* Parses, checks the time and verifies. */
static inline enum s3_err judge(struct arena *arena, const char *text, int64_t now_s,
    struct sigv4_key_cache *cache, struct span with_secret)
{
    struct text_request request;
    struct sigv4_auth auth;
    struct span canonical, to_sign;
    const char *detail = NULL;
    uint8_t key[SHA256_BYTES];
    if (!text_request_parse(arena, span_str(text), &request))
        fail_msg("no request: %s", text);
    enum s3_err err = sigv4_parse(&request.target, &request.headers, &auth, &detail);
    if (err != S3_OK) {
        assert_non_null(detail);
        return err;
    }
    TRY(sigv4_check_time(&auth, now_s));
    if (auth.kind == SIGV4_ANONYMOUS)
        return S3_OK;
    err = sigv4_verify(arena, cache, request.method, &request.target, &request.headers, &auth,
        with_secret, key, &canonical, &to_sign);
    if (err == S3_ERR_SIGNATURE_DOES_NOT_MATCH) {
        assert_true(span_starts(canonical, request.method));
        assert_true(span_starts(to_sign, SPAN("AWS4-HMAC-SHA256\n20130524T")));
    }
    return err;
}

static inline enum s3_err judge_now(const char *text)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    enum s3_err err = judge(&arena, text, EXAMPLE_TIME_S, NULL, span_str(secret));
    arena_free(&arena);
    return err;
}

#endif
