#include "daemon/authenticate.h"

#include "base/encode.h"
#include "daemon/daemon.h"
#include "daemon/identities.h"
#include "daemon/query.h"
#include "daemon/route.h"
#include "daemon/system.h"
#include "sigv2.h"

/* A scope that is not ours: the error has its name from where the signature stood. */
static enum s3_err wrong_scope(struct request *request, struct span detail)
{
    return request->auth.kind == SIGV4_PRESIGNED
               ? FAIL(request, AUTHORIZATION_QUERY_PARAMETERS_ERROR, detail.ptr)
               : FAIL(request, AUTHORIZATION_HEADER_MALFORMED, detail.ptr);
}

enum s3_err authenticate_scope(struct request *request)
{
    const struct sigv4_auth *auth = &request->auth;
    struct span region = request->daemon->region;
    /* IAM has one endpoint for all regions, and clients sign for the one they think of. */
    if (query_is_door(request->op) &&
        (span_eq(auth->service, SPAN("iam")) || span_eq(auth->service, SPAN("sts"))))
        return S3_OK;
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

/* The Query API's body is here before who asks is known: what was signed of it, and whether that is so.
 * src: AWS Signature Version 4, "Create a canonical request" */
static enum s3_err check_query_body(struct request *request)
{
    struct sigv4_auth *auth = &request->auth;
    uint8_t digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    if (!query_is_door(request->op))
        return S3_OK;
    sha256_of(span_present(request->body.text) ? request->body.text : SPAN(""), digest);
    hex_encode(digest, sizeof(digest), hex);
    struct span computed = arena_copy(&request->arena, span_str(hex));
    if (!span_present(computed))
        return FAIL(request, INTERNAL, NULL);
    if (!span_present(auth->payload_sha256_hex))
        auth->payload_sha256_hex = computed;
    else if (auth->payload != SIGV4_PAYLOAD_HASH ||
             !span_eq_nocase(auth->payload_sha256_hex, computed))
        return FAIL(request, X_AMZ_CONTENT_SHA256_MISMATCH, NULL);
    return S3_OK;
}

enum s3_err authenticate_find(struct request *request, struct claimant *ret_claimant)
{
    const struct sigv4_auth *auth = &request->auth;
    enum s3_err err =
        (system_ends_session(request->op) ? identities_find_revoked : identities_find)(
            request->daemon->identities, auth->access_key, auth->session_token,
            request->received_ms / 1000, &ret_claimant->identity, &ret_claimant->secret);
    if (err == S3_OK)
        return S3_OK;
    if (err == S3_ERR_INVALID_ACCESS_KEY_ID)
        request_error_field(request, SPAN("AWSAccessKeyId"), auth->access_key);
    return request_fail(request, err, NULL, __FILE__, __LINE__);
}

void claimant_drop(struct claimant *claimant)
{
    identity_unref(TAKE(claimant->identity));
}

void authenticate_let_in(struct request *request, struct claimant *claimant)
{
    const struct identity *identity = TAKE(claimant->identity);
    bool first_root =
        identity->is_root && !identity->is_temporary && identity->account_id == ROOT_ACCOUNT_ID;
    request->principal =
        (struct principal){.kind = first_root ? PRINCIPAL_ROOT : PRINCIPAL_IDENTITY,
            .access_key = request->auth.access_key,
            .account_id = identity->account_id};
    request->identity = identity;
    struct span service = request->auth.service;
    identities_used(request->daemon->identities, identity, request->received_ms,
        service.len > 0 ? service : SPAN("s3"), request->auth.region);
}

/* Version 2 signs the sub-resources and headers that S3 had in its time. What came later could have been added to the
 * URL by whoever it was given to, and would make another request of it. */
static enum s3_err refuse_unsigned(struct request *request)
{
    static const char text[] = "Signature version 2 does not sign all that this request asks for. "
                               "Please use AWS4-HMAC-SHA256.";
    const struct query *query = &request->target.query;
    for (size_t i = 0; i < query->count; i++)
        if (route_knows(query->params[i].name) && !sigv2_signs(query->params[i].name))
            return FAIL(request, ACCESS_DENIED, text);
    for (size_t i = 0; i < request->headers.count; i++)
        if (span_starts_nocase(request->headers.items[i].name, SPAN("x-lakegate-")))
            return FAIL(request, ACCESS_DENIED, text);
    return S3_OK;
}

/* A presigned URL of signature version 2. */
static enum s3_err authenticate_old(struct request *request)
{
    struct claimant claimant CLEANUP(claimant_drop) = {0};
    const char *detail = NULL;
    enum s3_err err = sigv2_parse(&request->target, &request->headers, &request->auth, &detail);
    if (err != S3_OK)
        return request_fail(request, err, detail, __FILE__, __LINE__);
    TRY(refuse_unsigned(request));
    TRY(authenticate_find(request, &claimant));
    err = sigv2_verify(&request->arena, request->method_text, &request->target, &request->headers,
        &request->auth, claimant.secret, request->received_ms / 1000, &request->string_to_sign);
    if (err == S3_ERR_SIGNATURE_DOES_NOT_MATCH)
        return signature_mismatch(request);
    if (err != S3_OK)
        return request_fail(request, err, NULL, __FILE__, __LINE__);
    authenticate_let_in(request, &claimant);
    return S3_OK;
}

enum s3_err authenticate(struct request *request)
{
    if (sigv2_is_presigned(&request->target.query) && !query_is_door(request->op))
        return authenticate_old(request);
    struct sigv4_auth *auth = &request->auth;
    const char *detail = NULL;
    enum s3_err err = sigv4_parse(&request->target, &request->headers, auth, &detail);
    if (err != S3_OK)
        return request_fail(request, err, detail, __FILE__, __LINE__);
    if (auth->kind == SIGV4_ANONYMOUS)
        return S3_OK;
    struct claimant claimant CLEANUP(claimant_drop) = {0};
    TRY(authenticate_scope(request));
    TRY(authenticate_find(request, &claimant));
    TRY(check_time(request));
    TRY(check_query_body(request));
    TRY(verify(request, claimant.secret));
    authenticate_let_in(request, &claimant);
    return S3_OK;
}
