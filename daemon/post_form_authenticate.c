#include "base/encode.h"
#include "daemon/authenticate.h"
#include "daemon/daemon.h"
#include "daemon/ops/arguments.h"
#include "daemon/post_form.h"
#include "http_time.h"
#include "post_policy.h"

/* What signs a form. */
struct signing {
    struct span policy, signature;
    struct span algorithm, credential, date, token; /* version 4 */
    struct span access_key;                         /* version 2 */
};

static struct span field_value(const struct request *request, const char *name)
{
    size_t count;
    const struct form_field *fields = form_fields(request->form->decoder, &count);
    for (size_t i = 0; i < count; i++)
        if (span_eq_nocase(fields[i].name, span_str(name)))
            return fields[i].value;
    return SPAN_ABSENT;
}

static enum s3_err missing_field(struct request *request, const char *name)
{
    struct span detail = arena_format(&request->arena,
        "Bucket POST must contain a field named '%s'.  If it is specified, please check the order "
        "of the fields.",
        name);
    return FAIL_ARGUMENT(request, name, SPAN(""), detail.ptr);
}

static enum s3_err wrong_signature(struct request *request, struct span policy)
{
    request_error_field(request, SPAN("AWSAccessKeyId"), request->auth.access_key);
    request_error_field(request, SPAN("StringToSign"), policy);
    request_error_field(request, SPAN("SignatureProvided"), request->auth.signature);
    return FAIL(request, SIGNATURE_DOES_NOT_MATCH, NULL);
}

/* AKID/20251121/us-east-1/s3/aws4_request. The access key itself may hold slashes, so from the end. */
static bool read_credential(struct span text, struct sigv4_auth *auth)
{
    struct span *const parts[] = {NULL, &auth->service, &auth->region, &auth->date};
    struct span rest = text;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        size_t slash = rest.len;
        while (slash > 0 && rest.ptr[slash - 1] != '/')
            slash--;
        if (slash == 0)
            return false;
        struct span part = span_from(rest, slash);
        if (i == 0 && !span_eq(part, SPAN("aws4_request")))
            return false;
        if (i > 0)
            *parts[i] = part;
        rest = span_first(rest, slash - 1);
    }
    auth->access_key = rest;
    return rest.len > 0 && auth->date.len == 8;
}

/* src: "Calculating a signature": the string to sign is the policy as the form has it */
static enum s3_err verify_v4(struct request *request, const struct signing *signing)
{
    struct sigv4_auth *auth = &request->auth;
    struct claimant claimant CLEANUP(claimant_drop) = {0};
    char expected[SIGV4_HEX_BYTES + 1];
    if (!span_eq(signing->algorithm, SPAN("AWS4-HMAC-SHA256")))
        return FAIL_ARGUMENT(request, "x-amz-algorithm", SPAN_ABSENT,
            "The x-amz-algorithm field must be AWS4-HMAC-SHA256.");
    if (!amz_time_parse(signing->date, &auth->time_s))
        return FAIL_ARGUMENT(
            request, "x-amz-date", SPAN_ABSENT, "The x-amz-date field is not valid.");
    if (!span_is_utf8(signing->credential) || !read_credential(signing->credential, auth) ||
        !span_starts(signing->date, auth->date))
        return FAIL(request, AUTHORIZATION_HEADER_MALFORMED,
            "The x-amz-credential field is malformed; expecting "
            "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".");
    auth->kind = SIGV4_HEADER;
    auth->timestamp = signing->date;
    auth->session_token = signing->token;
    TRY(authenticate_scope(request));
    TRY(authenticate_find(request, &claimant));
    sigv4_key_cache_get(request->daemon->key_cache, auth, claimant.secret, request->signing_key);
    sigv4_sign(request->signing_key, signing->policy, expected);
    if (!span_eq_constant_time(auth->signature, span_str(expected)))
        return wrong_signature(request, signing->policy);
    authenticate_let_in(request, &claimant);
    return S3_OK;
}

/* Version 2: base64 of HMAC-SHA1 over the policy, with the secret itself. */
static enum s3_err verify_v2(struct request *request, const struct signing *signing)
{
    struct claimant claimant CLEANUP(claimant_drop) = {0};
    uint8_t mac[SHA256_BYTES];
    struct buf expected CLEANUP(buf_free) = {0};
    buf_init(&expected, 64);
    request->auth.kind = SIGV4_HEADER;
    request->auth.access_key = signing->access_key;
    request->auth.session_token = signing->token;
    TRY(authenticate_find(request, &claimant));
    hmac_sha1(claimant.secret, signing->policy, mac);
    base64_encode(&expected, span_of(mac, SHA1_BYTES));
    if (!buf_ok(&expected) || !span_eq_constant_time(signing->signature, buf_span(&expected)))
        return wrong_signature(request, signing->policy);
    authenticate_let_in(request, &claimant);
    return S3_OK;
}

static enum s3_err verify(struct request *request, bool is_v4)
{
    struct signing signing = {
        .policy = field_value(request, "policy"),
        .signature = field_value(request, is_v4 ? "x-amz-signature" : "signature"),
        .algorithm = field_value(request, "x-amz-algorithm"),
        .credential = field_value(request, "x-amz-credential"),
        .date = field_value(request, "x-amz-date"),
        .token = field_value(request, "x-amz-security-token"),
        .access_key = field_value(request, "AWSAccessKeyId"),
    };
    if (!span_present(signing.policy))
        return missing_field(request, "policy");
    if (is_v4 && !span_present(signing.algorithm))
        return missing_field(request, "X-Amz-Algorithm");
    if (is_v4 && !span_present(signing.credential))
        return missing_field(request, "X-Amz-Credential");
    if (is_v4 && !span_present(signing.date))
        return missing_field(request, "X-Amz-Date");
    if (!is_v4 && !span_present(signing.access_key))
        return missing_field(request, "AWSAccessKeyId");
    if (!span_present(signing.signature))
        return missing_field(request, is_v4 ? "X-Amz-Signature" : "Signature");
    request->auth.signature = signing.signature;
    return is_v4 ? verify_v4(request, &signing) : verify_v2(request, &signing);
}

/* The fields as the policy sees them: the key is the one that is written. */
static enum s3_err check_policy(struct request *request)
{
    size_t count;
    struct post_policy policy;
    struct span detail = SPAN_ABSENT;
    const struct form_field *sent = form_fields(request->form->decoder, &count);
    struct form_field *fields = arena_array(&request->arena, struct form_field, count);
    if (fields == NULL)
        return FAIL(request, INTERNAL, NULL);
    memcpy(fields, sent, count * sizeof(*fields));
    for (size_t i = 0; i < count; i++)
        if (span_eq_nocase(fields[i].name, SPAN("key")))
            fields[i].value = request->target.key;
    enum s3_err err =
        post_policy_parse(&request->arena, field_value(request, "policy"), &policy, &detail);
    if (err == S3_OK)
        err = post_policy_check(&request->arena, &policy, fields, count, request->target.bucket,
            request->received_ms, &detail);
    if (err != S3_OK)
        return request_fail(request, err, detail.ptr, __FILE__, __LINE__);
    request->form->has_range = policy.has_range;
    request->form->min_bytes = policy.min_bytes;
    request->form->max_bytes = policy.max_bytes;
    return S3_OK;
}

enum s3_err post_form_authenticate(struct request *request)
{
    static const char *const v4[] = {"x-amz-algorithm", "x-amz-credential", "x-amz-signature"};
    static const char *const v2[] = {"policy", "signature", "AWSAccessKeyId"};
    bool is_v4 = false, is_signed = false;
    for (size_t i = 0; i < ARRAY_LEN(v4); i++) {
        is_v4 |= span_present(field_value(request, v4[i]));
        is_signed |= is_v4 || span_present(field_value(request, v2[i]));
    }
    request->auth = (struct sigv4_auth){.kind = SIGV4_ANONYMOUS, .payload = SIGV4_PAYLOAD_UNSIGNED};
    if (!is_signed)
        return S3_OK;
    TRY(verify(request, is_v4));
    return check_policy(request);
}
