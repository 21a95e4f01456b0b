#include "daemon/authenticate.h"

#include "daemon/credentials.h"
#include "daemon/daemon.h"
#include "sigv2.h"

/* A scope that is not ours: the error has its name from where the signature stood. */
static enum s3_err wrong_scope(struct request *request, struct span detail)
{
    return request->auth.kind == SIGV4_PRESIGNED
               ? FAIL(request, AUTHORIZATION_QUERY_PARAMETERS_ERROR, detail.ptr)
               : FAIL(request, AUTHORIZATION_HEADER_MALFORMED, detail.ptr);
}

static enum s3_err check_scope(struct request *request)
{
    const struct sigv4_auth *auth = &request->auth;
    struct span region = request->daemon->region;
    if (!span_eq(auth->service, SPAN("s3")))
        return wrong_scope(
            request, arena_format(&request->arena, "The authorization header is malformed; "
                                                   "incorrect service. This endpoint belongs to "
                                                   "\"s3\"."));
    if (span_eq(auth->region, region))
        return S3_OK;
    /* Clients take the right one from here and sign again. */
    request_error_field(request, SPAN("Region"), region);
    struct span asked = span_is_utf8(auth->region) ? auth->region : SPAN("?");
    return wrong_scope(request,
        arena_format(&request->arena,
            "The authorization header is malformed; the region '%.*s' is wrong; expecting '%.*s'",
            SPAN_ARG(span_first(asked, 64)), SPAN_ARG(region)));
}

/* "61 62 63": so that a client can compare what it signed byte by byte. */
static struct span spaced_hex(struct arena *arena, struct span bytes)
{
    static const char digits[] = "0123456789abcdef";
    if (bytes.len == 0)
        return SPAN("");
    char *text = arena_alloc(arena, bytes.len * 3);
    if (text == NULL)
        return SPAN_ABSENT;
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];
        text[3 * i] = digits[byte >> 4];
        text[3 * i + 1] = digits[byte & 15];
        text[3 * i + 2] = ' ';
    }
    return span_of(text, bytes.len * 3 - 1);
}

static enum s3_err signature_mismatch(struct request *request)
{
    struct arena *arena = &request->arena;
    request_error_field(request, SPAN("AWSAccessKeyId"), request->auth.access_key);
    request_error_field(request, SPAN("StringToSign"), request->string_to_sign);
    request_error_field(request, SPAN("SignatureProvided"), request->auth.signature);
    request_error_field(
        request, SPAN("StringToSignBytes"), spaced_hex(arena, request->string_to_sign));
    if (span_present(request->canonical_request)) {
        request_error_field(request, SPAN("CanonicalRequest"), request->canonical_request);
        request_error_field(
            request, SPAN("CanonicalRequestBytes"), spaced_hex(arena, request->canonical_request));
    }
    return FAIL(request, SIGNATURE_DOES_NOT_MATCH, NULL);
}

static enum s3_err check_time(struct request *request)
{
    enum s3_err err = sigv4_check_time(&request->auth, request->received_ms / 1000);
    return err == S3_OK ? S3_OK : request_fail(request, err, NULL, __FILE__, __LINE__);
}

static enum s3_err verify(struct request *request, struct span secret)
{
    struct sigv4_auth *auth = &request->auth;
    enum s3_err err = sigv4_verify(&request->arena, request->daemon->key_cache,
        request->method_text, &request->target, &request->headers, auth, secret,
        request->signing_key, &request->canonical_request, &request->string_to_sign);
    if (err == S3_ERR_SIGNATURE_DOES_NOT_MATCH)
        return signature_mismatch(request);
    return err == S3_OK ? S3_OK : request_fail(request, err, NULL, __FILE__, __LINE__);
}

static enum s3_err find_secret(struct request *request, struct span *ret_secret)
{
    const struct sigv4_auth *auth = &request->auth;
    struct span secret = credentials_find(request->daemon->credentials, auth->access_key);
    if (!span_present(secret)) {
        request_error_field(request, SPAN("AWSAccessKeyId"), auth->access_key);
        return FAIL(request, INVALID_ACCESS_KEY_ID, NULL);
    }
    if (span_present(auth->session_token))
        return FAIL(request, INVALID_TOKEN, NULL);
    *ret_secret = secret;
    return S3_OK;
}

static void let_in(struct request *request)
{
    request->principal = (struct principal){.kind = PRINCIPAL_ROOT,
        .access_key = request->auth.access_key,
        .account_id = ROOT_ACCOUNT_ID};
}

/* A presigned URL of signature version 2. */
static enum s3_err authenticate_old(struct request *request)
{
    struct span secret = SPAN_ABSENT;
    const char *detail = NULL;
    enum s3_err err = sigv2_parse(&request->target, &request->headers, &request->auth, &detail);
    if (err != S3_OK)
        return request_fail(request, err, detail, __FILE__, __LINE__);
    TRY(find_secret(request, &secret));
    err = sigv2_verify(&request->arena, request->method_text, &request->target, &request->headers,
        &request->auth, secret, request->received_ms / 1000, &request->string_to_sign);
    if (err == S3_ERR_SIGNATURE_DOES_NOT_MATCH)
        return signature_mismatch(request);
    if (err != S3_OK)
        return request_fail(request, err, NULL, __FILE__, __LINE__);
    let_in(request);
    return S3_OK;
}

enum s3_err authenticate(struct request *request)
{
    if (sigv2_is_presigned(&request->target.query))
        return authenticate_old(request);
    struct sigv4_auth *auth = &request->auth;
    const char *detail = NULL;
    enum s3_err err = sigv4_parse(&request->target, &request->headers, auth, &detail);
    if (err != S3_OK)
        return request_fail(request, err, detail, __FILE__, __LINE__);
    if (auth->kind == SIGV4_ANONYMOUS)
        return S3_OK;
    TRY(check_scope(request));
    struct span secret = SPAN_ABSENT;
    TRY(find_secret(request, &secret));
    TRY(check_time(request));
    TRY(verify(request, secret));
    let_in(request);
    return S3_OK;
}
