#include "base/encode.h"
#include "http_time.h"
#include "sigv4.h"

enum { DATE_BYTES = 8, ACCESS_KEY_MAX_BYTES = 128 };

static const char host_not_signed[] = "The signed headers must include host";
static const char header_not_signed[] =
    "There were headers present in the request which were not signed";
static const char bad_payload_hash[] =
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid "
    "sha256 value.";
static const char no_date[] = "AWS authentication requires a valid Date or x-amz-date header";

#define PAYLOAD_KIND(text, kind)                                                                   \
    {                                                                                              \
        {text, sizeof(text) - 1}, kind                                                             \
    }
static const struct {
    struct span value;
    enum sigv4_payload payload;
} payload_kinds[] = {
    PAYLOAD_KIND("UNSIGNED-PAYLOAD", SIGV4_PAYLOAD_UNSIGNED),
    PAYLOAD_KIND("STREAMING-UNSIGNED-PAYLOAD-TRAILER", SIGV4_PAYLOAD_UNSIGNED_TRAILER),
    PAYLOAD_KIND("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", SIGV4_PAYLOAD_CHUNKED),
    PAYLOAD_KIND("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", SIGV4_PAYLOAD_CHUNKED_TRAILER),
};

/* The headers that say who signs and how, found in one pass. */
struct auth_headers {
    struct span authorization;
    size_t authorizations;
    struct span amz_date;
    struct span date;
    struct span session_token;
    struct span payload_hash;
    bool payload_conflict;
};

static void take_first(struct span *to, struct span value)
{
    if (!span_present(*to))
        *to = value;
}

static void look_at_header(struct auth_headers *seen, const struct header *header)
{
    switch (header->name.len) {
    case sizeof("date") - 1:
        if (span_eq_nocase(header->name, SPAN("date")))
            take_first(&seen->date, header->value);
        break;
    case sizeof("x-amz-date") - 1:
        if (span_eq_nocase(header->name, SPAN("x-amz-date")))
            take_first(&seen->amz_date, header->value);
        break;
    case sizeof("authorization") - 1:
        if (!span_eq_nocase(header->name, SPAN("authorization")))
            break;
        seen->authorization = header->value;
        seen->authorizations++;
        break;
    case sizeof("x-amz-content-sha256") - 1: /* as long as x-amz-security-token */
        if (span_eq_nocase(header->name, SPAN("x-amz-content-sha256"))) {
            take_first(&seen->payload_hash, header->value);
            seen->payload_conflict |= !span_eq(seen->payload_hash, header->value);
        } else if (span_eq_nocase(header->name, SPAN("x-amz-security-token"))) {
            take_first(&seen->session_token, header->value);
        }
        break;
    default:
        break;
    }
}

/* Where a fault is reported, and which code the door that was used answers with. */
struct complaint {
    enum s3_err malformed;
    const char **detail;
};

static enum s3_err complain(const char **detail, enum s3_err err, const char *text)
{
    *detail = text;
    return err;
}

static enum s3_err malformed(const struct complaint *complaint, const char *text)
{
    return complain(complaint->detail, complaint->malformed, text);
}

static bool is_s3(const struct sigv4_auth *auth)
{
    return span_eq(auth->service, SPAN("s3"));
}

static bool all_digits(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return true;
}

/* Takes what stands behind the last '/' off the end. */
static bool split_last(struct span *rest, struct span *ret_tail)
{
    for (size_t i = rest->len; i > 0; i--) {
        if (rest->ptr[i - 1] != '/')
            continue;
        *ret_tail = span_from(*rest, i);
        *rest = span_first(*rest, i - 1);
        return true;
    }
    return false;
}

/* From the end, since an access key may hold a '/'. */
static enum s3_err parse_credential(
    struct span text, const struct complaint *complaint, struct sigv4_auth *auth)
{
    static const char bad[] = "the Credential is mal-formed; expecting "
                              "\"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".";
    struct span terminal;
    if (!split_last(&text, &terminal) || !split_last(&text, &auth->service) ||
        !split_last(&text, &auth->region) || !split_last(&text, &auth->date) || text.len == 0 ||
        text.len > ACCESS_KEY_MAX_BYTES || auth->region.len > SIGV4_SCOPE_PART_MAX_BYTES ||
        auth->service.len > SIGV4_SCOPE_PART_MAX_BYTES || auth->service.len == 0)
        return malformed(complaint, bad);
    if (!span_eq(terminal, SPAN("aws4_request")))
        return malformed(complaint, "incorrect terminal. This endpoint uses \"aws4_request\".");
    if (auth->date.len != DATE_BYTES || !all_digits(auth->date))
        return malformed(
            complaint, "The date in the credential must be in the format \"yyyyMMdd\".");
    auth->access_key = text;
    return S3_OK;
}

/* "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…", in any order. */
static enum s3_err parse_authorization(
    struct span text, const struct complaint *complaint, struct sigv4_auth *auth)
{
    struct span credential = SPAN_ABSENT, rest = text, part;
    while (span_split(&rest, ',', &part)) {
        part = span_trim(part);
        size_t equals = span_find_char(part, '=', 0);
        if (equals == SIZE_MAX)
            return malformed(complaint, "an authorization component is malformed.");
        struct span name = span_first(part, equals), *to;
        if (span_eq(name, SPAN("Credential")))
            to = &credential;
        else if (span_eq(name, SPAN("SignedHeaders")))
            to = &auth->signed_headers;
        else if (span_eq(name, SPAN("Signature")))
            to = &auth->signature;
        else
            return malformed(complaint, "an authorization component is not known.");
        if (span_present(*to))
            return malformed(complaint, "an authorization component stands twice.");
        *to = span_from(part, equals + 1);
    }
    if (credential.len == 0 || auth->signed_headers.len == 0 || auth->signature.len == 0)
        return malformed(complaint, "the authorization header requires three components: "
                                    "Credential, SignedHeaders, and Signature.");
    return parse_credential(credential, complaint, auth);
}

static enum s3_err parse_header_time(
    const struct auth_headers *seen, struct sigv4_auth *auth, const char **ret_detail)
{
    bool is_amz_date = span_present(seen->amz_date);
    struct span text = is_amz_date ? seen->amz_date : seen->date;
    if (amz_time_parse(text, &auth->time_s)) {
        auth->timestamp = text;
        return S3_OK;
    }
    if (!is_amz_date && http_time_parse(text, &auth->time_s))
        return S3_OK;
    return complain(ret_detail, S3_ERR_ACCESS_DENIED, no_date);
}

static enum s3_err parse_header_auth(
    const struct auth_headers *seen, struct sigv4_auth *auth, const char **ret_detail)
{
    const struct complaint complaint = {S3_ERR_AUTHORIZATION_HEADER_MALFORMED, ret_detail};
    struct span scheme =
        span_first(seen->authorization, span_find_char(seen->authorization, ' ', 0));
    if (!span_eq(scheme, SPAN("AWS4-HMAC-SHA256"))) {
        if (span_starts(scheme, SPAN("AWS")))
            return complain(ret_detail, S3_ERR_UNSUPPORTED_SIGNATURE,
                "The authorization mechanism you have provided is not supported. Please use "
                "AWS4-HMAC-SHA256.");
        return complain(ret_detail, S3_ERR_INVALID_ARGUMENT, "Unsupported Authorization Type");
    }
    auth->kind = SIGV4_HEADER;
    TRY(parse_authorization(span_from(seen->authorization, scheme.len), &complaint, auth));
    auth->session_token = seen->session_token;
    return parse_header_time(seen, auth, ret_detail);
}

static enum s3_err parse_expires(
    struct span text, const struct complaint *complaint, struct sigv4_auth *auth)
{
    uint64_t expires_s;
    if (text.len > 0 && text.ptr[0] == '-')
        return malformed(complaint, "X-Amz-Expires must be non-negative");
    if (!all_digits(text))
        return malformed(complaint, "X-Amz-Expires should be a number");
    if (!span_to_u64(text, &expires_s) || expires_s > SIGV4_EXPIRES_MAX_S)
        return malformed(complaint,
            "X-Amz-Expires must be less than a week (in seconds); that is, the given "
            "X-Amz-Expires must be less than 604800 seconds");
    if (expires_s == 0)
        return malformed(complaint, "X-Amz-Expires must be at least 1 second");
    auth->expires_s = (int64_t)expires_s;
    return S3_OK;
}

static enum s3_err parse_presigned(
    const struct query *query, struct sigv4_auth *auth, const char **ret_detail)
{
    const struct complaint complaint = {S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR, ret_detail};
    struct span algorithm = query_value(query, SPAN("X-Amz-Algorithm"));
    struct span credential = query_value(query, SPAN("X-Amz-Credential"));
    struct span expires = query_value(query, SPAN("X-Amz-Expires"));
    auth->kind = SIGV4_PRESIGNED;
    auth->timestamp = query_value(query, SPAN("X-Amz-Date"));
    auth->signed_headers = query_value(query, SPAN("X-Amz-SignedHeaders"));
    auth->signature = query_value(query, SPAN("X-Amz-Signature"));
    auth->session_token = query_value(query, SPAN("X-Amz-Security-Token"));
    if (algorithm.len == 0 || credential.len == 0 || expires.len == 0 || auth->timestamp.len == 0 ||
        auth->signed_headers.len == 0 || auth->signature.len == 0)
        return malformed(&complaint,
            "Query-string authentication version 4 requires the X-Amz-Algorithm, "
            "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
            "X-Amz-Expires parameters.");
    if (!span_eq(algorithm, SPAN("AWS4-HMAC-SHA256")))
        return malformed(&complaint, "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"");
    TRY(parse_credential(credential, &complaint, auth));
    if (!amz_time_parse(auth->timestamp, &auth->time_s))
        return malformed(
            &complaint, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
    return parse_expires(expires, &complaint, auth);
}

static enum s3_err classify_payload(
    struct span value, struct sigv4_auth *auth, const char **ret_detail)
{
    uint8_t hash[SHA256_BYTES];
    auth->payload_sha256_hex = value;
    if (hex_decode(value, hash, sizeof(hash))) {
        auth->payload = SIGV4_PAYLOAD_HASH;
        return S3_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(payload_kinds); i++) {
        if (!span_eq(value, payload_kinds[i].value))
            continue;
        auth->payload = payload_kinds[i].payload;
        return S3_OK;
    }
    return complain(ret_detail, S3_ERR_INVALID_ARGUMENT, bad_payload_hash);
}

static void absent_payload(struct sigv4_auth *auth)
{
    auth->payload_sha256_hex = payload_kinds[0].value;
    auth->payload = SIGV4_PAYLOAD_UNSIGNED;
    if (auth->kind == SIGV4_ANONYMOUS || (auth->kind == SIGV4_PRESIGNED && is_s3(auth)))
        return;
    if (is_s3(auth)) {
        /* AWS refuses. curl to 7.88 (Debian 12's) sends no such header under --aws-sigv4 and signs
         * the hash of nothing whatever it uploads: its body is as unsigned as UNSIGNED-PAYLOAD's.
         */
        auth->payload_sha256_hex =
            SPAN("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        return;
    }
    /* Other services take the hash of the body, which the caller fills in once it has the body. */
    auth->payload_sha256_hex = SPAN_ABSENT;
    auth->payload = SIGV4_PAYLOAD_HASH;
}

static enum s3_err parse_payload(const struct target *target, const struct auth_headers *seen,
    struct sigv4_auth *auth, const char **ret_detail)
{
    struct span value = seen->payload_hash;
    struct span in_query = SPAN_ABSENT;
    if (auth->kind == SIGV4_PRESIGNED)
        in_query = query_value(&target->query, SPAN("X-Amz-Content-Sha256"));
    if (seen->payload_conflict ||
        (span_present(value) && span_present(in_query) && !span_eq(value, in_query)))
        return complain(
            ret_detail, S3_ERR_INVALID_ARGUMENT, "x-amz-content-sha256 was given more than once");
    if (!span_present(value))
        value = in_query;
    if (!span_present(value)) {
        absent_payload(auth);
        return S3_OK;
    }
    TRY(classify_payload(value, auth, ret_detail));
    if (auth->kind == SIGV4_ANONYMOUS &&
        (auth->payload == SIGV4_PAYLOAD_CHUNKED || auth->payload == SIGV4_PAYLOAD_CHUNKED_TRAILER))
        return complain(ret_detail, S3_ERR_INVALID_REQUEST,
            "Anonymous requests don't support this x-amz-content-sha256 value. Please use "
            "UNSIGNED-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER.");
    return S3_OK;
}

struct signed_names {
    struct span items[HEADERS_MAX];
    size_t count;
};

static bool split_signed_names(struct span list, struct signed_names *ret_names)
{
    struct span name;
    ret_names->count = 0;
    while (span_split(&list, ';', &name)) {
        if (ret_names->count == HEADERS_MAX)
            return false;
        ret_names->items[ret_names->count++] = name;
    }
    return true;
}

static bool is_signed(const struct signed_names *names, struct span name)
{
    for (size_t i = 0; i < names->count; i++)
        if (names->items[i].len == name.len && span_eq_nocase(names->items[i], name))
            return true;
    return false;
}

/* x-amz-* and x-lakegate-*; most names are told by one byte. */
static bool must_be_signed(struct span name)
{
    static const size_t amz_dash = 5, own_dash = 10;
    if (name.len > amz_dash && name.ptr[amz_dash] == '-')
        return span_starts_nocase(name, SPAN("x-amz-"));
    return name.len > own_dash && name.ptr[own_dash] == '-' &&
           span_starts_nocase(name, SPAN("x-lakegate-"));
}

/* What is not signed could have been added or changed on the way.
 * src: Amazon S3 API Reference, "Signature Calculations for the Authorization Header": host and all
 * x-amz-* headers that the request has */
static enum s3_err check_signed_headers(
    const struct header_list *headers, const struct sigv4_auth *auth, const char **ret_detail)
{
    struct signed_names names;
    if (!split_signed_names(auth->signed_headers, &names))
        return complain(ret_detail,
            auth->kind == SIGV4_PRESIGNED ? S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR
                                          : S3_ERR_AUTHORIZATION_HEADER_MALFORMED,
            "too many signed headers.");
    if (!is_signed(&names, SPAN("host")))
        return complain(ret_detail, S3_ERR_ACCESS_DENIED, host_not_signed);
    if (!is_s3(auth))
        return S3_OK;
    for (size_t i = 0; i < headers->count; i++)
        if (must_be_signed(headers->items[i].name) && !is_signed(&names, headers->items[i].name))
            return complain(ret_detail, S3_ERR_ACCESS_DENIED, header_not_signed);
    return S3_OK;
}

static bool has_presigned_parameters(const struct query *query)
{
    return query_find(query, SPAN("X-Amz-Algorithm")) != NULL ||
           query_find(query, SPAN("X-Amz-Credential")) != NULL ||
           query_find(query, SPAN("X-Amz-Signature")) != NULL;
}

/* Signature version 2's form of a presigned URL. */
static bool has_old_parameters(const struct query *query)
{
    return query_find(query, SPAN("AWSAccessKeyId")) != NULL &&
           query_find(query, SPAN("Signature")) != NULL;
}

enum s3_err sigv4_parse(const struct target *target, const struct header_list *headers,
    struct sigv4_auth *ret_auth, const char **ret_detail)
{
    struct sigv4_auth auth = {.kind = SIGV4_ANONYMOUS};
    struct auth_headers seen = {0};
    for (size_t i = 0; i < headers->count; i++)
        look_at_header(&seen, &headers->items[i]);
    bool presigned = target->query.count > 0 && has_presigned_parameters(&target->query);
    bool old = target->query.count > 0 && has_old_parameters(&target->query);
    if (seen.authorizations + presigned + old > 1)
        return complain(ret_detail, S3_ERR_INVALID_ARGUMENT,
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature "
            "query string parameter or the Authorization header should be specified");
    if (old)
        return complain(ret_detail, S3_ERR_UNSUPPORTED_SIGNATURE,
            "The authorization mechanism you have provided is not supported. Please use "
            "AWS4-HMAC-SHA256.");
    if (seen.authorizations == 1)
        TRY(parse_header_auth(&seen, &auth, ret_detail));
    if (presigned)
        TRY(parse_presigned(&target->query, &auth, ret_detail));
    TRY(parse_payload(target, &seen, &auth, ret_detail));
    if (auth.kind != SIGV4_ANONYMOUS)
        TRY(check_signed_headers(headers, &auth, ret_detail));
    *ret_auth = auth;
    return S3_OK;
}

static bool date_matches(const struct sigv4_auth *auth)
{
    char timestamp[AMZ_TIME_BYTES];
    if (span_present(auth->timestamp))
        return span_eq(auth->date, span_first(auth->timestamp, DATE_BYTES));
    amz_time_format(auth->time_s, timestamp);
    return span_eq(auth->date, span_of(timestamp, DATE_BYTES));
}

enum s3_err sigv4_check_time(const struct sigv4_auth *auth, int64_t now_s)
{
    if (auth->kind == SIGV4_ANONYMOUS)
        return S3_OK;
    bool presigned = auth->kind == SIGV4_PRESIGNED;
    if (!date_matches(auth))
        return presigned ? S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR
                         : S3_ERR_AUTHORIZATION_HEADER_MALFORMED;
    if (presigned && auth->time_s > now_s + SIGV4_SKEW_MAX_S)
        return S3_ERR_REQUEST_NOT_YET_VALID;
    if (presigned)
        return now_s > auth->time_s + auth->expires_s ? S3_ERR_REQUEST_EXPIRED : S3_OK;
    if (auth->time_s > now_s + SIGV4_SKEW_MAX_S || auth->time_s < now_s - SIGV4_SKEW_MAX_S)
        return S3_ERR_REQUEST_TIME_TOO_SKEWED;
    return S3_OK;
}
