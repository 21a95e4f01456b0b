#include "sigv2.h"

#include "base/encode.h"

static const struct span amz_prefix = {"x-amz-", sizeof("x-amz-") - 1};

/* In byte order, so that they are found in the order in which they are signed. */
#define NAME(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
static const struct span signed_parameters[] = {NAME("accelerate"), NAME("acl"), NAME("analytics"),
    NAME("cors"), NAME("defaultObjectAcl"), NAME("delete"), NAME("inventory"), NAME("lifecycle"),
    NAME("location"), NAME("logging"), NAME("metrics"), NAME("notification"), NAME("object-lock"),
    NAME("partNumber"), NAME("policy"), NAME("replication"), NAME("requestPayment"),
    NAME("response-cache-control"), NAME("response-content-disposition"),
    NAME("response-content-encoding"), NAME("response-content-language"),
    NAME("response-content-type"), NAME("response-expires"), NAME("restore"), NAME("select"),
    NAME("select-type"), NAME("storageClass"), NAME("tagging"), NAME("torrent"), NAME("uploadId"),
    NAME("uploads"), NAME("versionId"), NAME("versioning"), NAME("versions"), NAME("website")};

bool sigv2_signs(struct span parameter)
{
    for (size_t i = 0; i < ARRAY_LEN(signed_parameters); i++)
        if (span_eq(signed_parameters[i], parameter))
            return true;
    return false;
}

bool sigv2_is_presigned(const struct query *query)
{
    return query->count > 0 && query_find(query, SPAN("AWSAccessKeyId")) != NULL &&
           query_find(query, SPAN("Signature")) != NULL;
}

static enum s3_err complain(const char **detail, enum s3_err err, const char *text)
{
    *detail = text;
    return err;
}

static enum s3_err parse_payload(
    struct span value, struct sigv4_auth *auth, const char **ret_detail)
{
    uint8_t hash[SHA256_BYTES];
    auth->payload = SIGV4_PAYLOAD_UNSIGNED;
    auth->payload_sha256_hex = SPAN("UNSIGNED-PAYLOAD");
    if (!span_present(value) || span_eq(value, auth->payload_sha256_hex))
        return S3_OK;
    if (!hex_decode(value, hash, sizeof(hash)))
        return complain(ret_detail, S3_ERR_INVALID_ARGUMENT,
            "A presigned URL of signature version 2 allows UNSIGNED-PAYLOAD or a valid sha256 "
            "value in x-amz-content-sha256.");
    auth->payload = SIGV4_PAYLOAD_HASH;
    auth->payload_sha256_hex = value;
    return S3_OK;
}

enum s3_err sigv2_parse(const struct target *target, const struct header_list *headers,
    struct sigv4_auth *ret_auth, const char **ret_detail)
{
    const struct query *query = &target->query;
    struct sigv4_auth auth = {.kind = SIGV4_PRESIGNED, .service = SPAN("s3")};
    if (header_count(headers, SPAN("authorization")) > 0 ||
        query_find(query, SPAN("X-Amz-Algorithm")) != NULL ||
        query_find(query, SPAN("X-Amz-Credential")) != NULL ||
        query_find(query, SPAN("X-Amz-Signature")) != NULL)
        return complain(ret_detail, S3_ERR_INVALID_ARGUMENT,
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature "
            "query string parameter or the Authorization header should be specified");
    uint64_t expires_s;
    auth.access_key = query_value(query, SPAN("AWSAccessKeyId"));
    auth.signature = query_value(query, SPAN("Signature"));
    auth.session_token = query_value(query, SPAN("x-amz-security-token"));
    if (auth.access_key.len == 0 || auth.signature.len == 0 ||
        query_value(query, SPAN("Expires")).len == 0)
        return complain(ret_detail, S3_ERR_ACCESS_DENIED,
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId "
            "parameters");
    if (!span_to_u64(query_value(query, SPAN("Expires")), &expires_s) || expires_s > INT64_MAX)
        return complain(
            ret_detail, S3_ERR_ACCESS_DENIED, "Invalid date (should be seconds since epoch)");
    auth.time_s = (int64_t)expires_s;
    TRY(parse_payload(header_find(headers, SPAN("x-amz-content-sha256")), &auth, ret_detail));
    *ret_auth = auth;
    return S3_OK;
}

/* ---- the string to sign ---- */

struct amz_field {
    struct span name; /* lower case */
    struct span value;
    size_t order; /* as sent, among fields of one name */
};

static int by_name(const void *a, const void *b)
{
    const struct amz_field *one = a, *two = b;
    int order = span_cmp(one->name, two->name);
    return order != 0 ? order : (one->order > two->order) - (one->order < two->order);
}

/* x-amz-* of the headers, and of the query where no header has that name, sorted. */
static struct amz_field *amz_fields(struct arena *arena, const struct target *target,
    const struct header_list *headers, size_t *ret_count)
{
    size_t count = 0;
    struct amz_field *fields =
        arena_array(arena, struct amz_field, headers->count + target->query.count);
    if (fields == NULL)
        return NULL;
    for (size_t i = 0; i < headers->count; i++) {
        const struct header *header = &headers->items[i];
        if (!span_starts_nocase(header->name, amz_prefix))
            continue;
        fields[count] = (struct amz_field){arena_lower(arena, header->name), header->value, count};
        count++;
    }
    for (size_t i = 0; i < target->query.count; i++) {
        const struct query_param *param = &target->query.params[i];
        if (!span_starts_nocase(param->name, amz_prefix) || header_count(headers, param->name) > 0)
            continue;
        fields[count] =
            (struct amz_field){arena_lower(arena, param->name), span_trim(param->value), count};
        count++;
    }
    qsort(fields, count, sizeof(*fields), by_name);
    *ret_count = count;
    return fields;
}

static void add_amz_fields(struct buf *out, const struct amz_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && span_eq(fields[i].name, fields[i - 1].name)) {
            buf_add_char(out, ',');
        } else {
            if (i > 0)
                buf_add_char(out, '\n');
            buf_add(out, fields[i].name);
            buf_add_char(out, ':');
        }
        buf_add(out, fields[i].value);
    }
    if (count > 0)
        buf_add_char(out, '\n');
}

static void add_resource(struct buf *out, const struct target *target, bool bucket_slash)
{
    if (target->virtual_host) {
        buf_add_char(out, '/');
        buf_add(out, target->bucket);
    }
    struct span path = target->raw_path;
    /* Signed is what is named, "/bucket/key", without a prefix that a proxy has put before it. One that was sent in
     * escapes, as nobody does, is no match. */
    struct span prefix = span_first(target->signed_path, target->stripped_bytes);
    path = span_starts(path, prefix) ? span_from(path, prefix.len) : path;
    buf_add(out, path.len > 0 ? path : SPAN("/"));
    if (bucket_slash)
        buf_add_char(out, '/');
    char separator = '?';
    for (size_t i = 0; i < ARRAY_LEN(signed_parameters); i++) {
        const struct query_param *param = query_find(&target->query, signed_parameters[i]);
        if (param == NULL)
            continue;
        buf_add_char(out, separator);
        buf_add(out, param->name);
        if (span_present(param->value)) {
            buf_add_char(out, '=');
            buf_add(out, param->value);
        }
        separator = '&';
    }
}

/* A standard header, or where there is none the parameter that a signer made of it. */
static struct span said(
    const struct target *target, const struct header_list *headers, struct span name)
{
    struct span value = header_find(headers, name);
    return span_present(value) ? value : query_value(&target->query, name);
}

struct span sigv2_string_to_sign(struct arena *arena, struct span method,
    const struct target *target, const struct header_list *headers, bool bucket_slash)
{
    size_t count = 0;
    struct amz_field *fields = amz_fields(arena, target, headers, &count);
    if (fields == NULL)
        return SPAN_ABSENT;
    struct buf out;
    buf_init(&out, arena->max_bytes);
    buf_add(&out, method);
    buf_add_char(&out, '\n');
    buf_add(&out, said(target, headers, SPAN("content-md5")));
    buf_add_char(&out, '\n');
    buf_add(&out, said(target, headers, SPAN("content-type")));
    buf_add_char(&out, '\n');
    buf_add(&out, query_value(&target->query, SPAN("Expires")));
    buf_add_char(&out, '\n');
    add_amz_fields(&out, fields, count);
    add_resource(&out, target, bucket_slash);
    arena->overflow |= !buf_ok(&out);
    struct span text = arena->overflow ? SPAN_ABSENT : arena_copy(arena, buf_span(&out));
    buf_free(&out);
    return text;
}

static bool signs(struct span text, struct span secret, struct span signature)
{
    uint8_t mac[SHA1_BYTES];
    struct buf expected;
    hmac_sha1(secret, text, mac);
    buf_init(&expected, 64);
    base64_encode(&expected, span_of(mac, sizeof(mac)));
    bool same = buf_ok(&expected) && span_eq_constant_time(buf_span(&expected), signature);
    buf_free(&expected);
    wipe(mac, sizeof(mac));
    return same;
}

enum s3_err sigv2_verify(struct arena *arena, struct span method, const struct target *target,
    const struct header_list *headers, const struct sigv4_auth *auth, struct span secret,
    int64_t now_s, struct span *ret_string_to_sign)
{
    /* botocore signs "/bucket/" for "/bucket", as the host form of the same bucket has it. */
    bool with_slash = target->scope == TARGET_BUCKET && !span_ends(target->raw_path, SPAN("/"));
    struct span text = sigv2_string_to_sign(arena, method, target, headers, false);
    struct span other =
        with_slash ? sigv2_string_to_sign(arena, method, target, headers, true) : text;
    if (!span_present(text) || !span_present(other))
        return S3_ERR_INTERNAL;
    *ret_string_to_sign = text;
    if (!signs(text, secret, auth->signature) && !signs(other, secret, auth->signature))
        return S3_ERR_SIGNATURE_DOES_NOT_MATCH;
    return now_s > auth->time_s ? S3_ERR_REQUEST_EXPIRED : S3_OK;
}
