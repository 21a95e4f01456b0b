#include "base/encode.h"
#include "http_time.h"
#include "sigv4.h"

static bool signature_matches(const struct sigv4_auth *auth, const uint8_t key[static SHA256_BYTES],
    struct span string_to_sign)
{
    char signature[SIGV4_HEX_BYTES + 1];
    sigv4_sign(key, string_to_sign, signature);
    bool same = span_eq_constant_time(span_of(signature, SIGV4_HEX_BYTES), auth->signature);
    wipe(signature, sizeof(signature));
    return same;
}

/* The canonical request with the path, and with_query the query too, as they were sent; absent when
 * that is the same. */
static struct span as_sent(struct arena *arena, const struct target *target, struct span method,
    struct span canonical, bool with_query)
{
    size_t path_at = method.len + 1;
    size_t query_at = span_find_char(canonical, '\n', path_at) + 1;
    size_t rest_at = span_find_char(canonical, '\n', query_at);
    struct span query = span_of(canonical.ptr + query_at, rest_at - query_at);
    if (with_query)
        query = target->raw_query.len > 0 ? target->raw_query : SPAN("");
    if (span_find_char(target->raw_path, '\n', 0) != SIZE_MAX ||
        span_find_char(query, '\n', 0) != SIZE_MAX)
        return SPAN_ABSENT;
    struct span sent = arena_format(arena, "%.*s\n%.*s\n%.*s%.*s", SPAN_ARG(method),
        SPAN_ARG(target->raw_path), SPAN_ARG(query), SPAN_ARG(span_from(canonical, rest_at)));
    return span_eq(sent, canonical) ? SPAN_ABSENT : sent;
}

/* curl before 8.0 and others sign what they send, without encoding '=' in a path or sorting the
 * query. The canonical form that equals it names the same resource, so no request can be turned
 * into another one by this. */
static bool matches_as_sent(struct arena *arena, const struct target *target, struct span method,
    const struct sigv4_auth *auth, const uint8_t key[static SHA256_BYTES], struct span canonical)
{
    /* The query of a presigned URL holds the signature, so it is never signed as it was sent. */
    int forms = auth->kind == SIGV4_HEADER ? 2 : 1;
    if (!span_eq(auth->service, SPAN("s3")))
        return false;
    for (int with_query = 0; with_query < forms; with_query++) {
        struct span sent = as_sent(arena, target, method, canonical, with_query == 1);
        if (!span_present(sent))
            continue;
        struct span string_to_sign = sigv4_string_to_sign(arena, auth, sent);
        if (span_present(string_to_sign) && signature_matches(auth, key, string_to_sign))
            return true;
    }
    return false;
}

enum s3_err sigv4_verify(struct arena *arena, struct sigv4_key_cache *cache, struct span method,
    const struct target *target, const struct header_list *headers, const struct sigv4_auth *auth,
    struct span secret, uint8_t ret_key[static SHA256_BYTES], struct span *ret_canonical,
    struct span *ret_string_to_sign)
{
    bool normalize = !span_eq(auth->service, SPAN("s3"));
    struct span canonical =
        sigv4_canonical_request(arena, method, target, headers, auth, normalize);
    struct span string_to_sign = sigv4_string_to_sign(arena, auth, canonical);
    if (!span_present(string_to_sign))
        return S3_ERR_INTERNAL;
    sigv4_key_cache_get(cache, auth, secret, ret_key);
    *ret_canonical = canonical;
    *ret_string_to_sign = string_to_sign;
    if (signature_matches(auth, ret_key, string_to_sign) ||
        matches_as_sent(arena, target, method, auth, ret_key, canonical))
        return S3_OK;
    return arena->overflow ? S3_ERR_INTERNAL : S3_ERR_SIGNATURE_DOES_NOT_MATCH;
}

/* "a;b;c", which sigv4_canonical_request sorts, brings to lower case and rids of repetitions. An
 * authorization that is there already is not signed: this call makes it anew. */
static struct span all_header_names(struct arena *arena, const struct header_list *headers)
{
    size_t max_bytes = 0, len = 0;
    for (size_t i = 0; i < headers->count; i++)
        max_bytes += headers->items[i].name.len + 1;
    char *list = arena_alloc(arena, max_bytes);
    if (list == NULL)
        return SPAN_ABSENT;
    for (size_t i = 0; i < headers->count; i++) {
        struct span name = headers->items[i].name;
        if (span_eq_nocase(name, SPAN("authorization")))
            continue;
        if (len > 0)
            list[len++] = ';';
        memcpy(list + len, name.ptr, name.len);
        len += name.len;
    }
    return span_of(list, len);
}

/* The second line from the end of a canonical request: the names as they were signed. */
static struct span signed_names_of(struct span canonical, size_t payload_len)
{
    size_t end = canonical.len - payload_len - 1, start = end;
    while (start > 0 && canonical.ptr[start - 1] != '\n')
        start--;
    return span_of(canonical.ptr + start, end - start);
}

struct span sigv4_authorization(struct arena *arena, struct span method,
    const struct target *target, const struct header_list *headers, struct span access_key,
    struct span secret, struct span region, struct span service)
{
    uint8_t key[SHA256_BYTES];
    char signature[SIGV4_HEX_BYTES + 1];
    struct span timestamp = header_find(headers, SPAN("x-amz-date"));
    struct sigv4_auth auth = {
        .kind = SIGV4_HEADER,
        .access_key = access_key,
        .date = span_first(timestamp, 8),
        .region = region,
        .service = service,
        .signed_headers = all_header_names(arena, headers),
        .timestamp = timestamp,
        .payload_sha256_hex = header_find(headers, SPAN("x-amz-content-sha256")),
    };
    struct span canonical = sigv4_canonical_request(
        arena, method, target, headers, &auth, !span_eq(service, SPAN("s3")));
    struct span string_to_sign = sigv4_string_to_sign(arena, &auth, canonical);
    if (!amz_time_parse(timestamp, &auth.time_s) || !span_present(string_to_sign))
        return SPAN_ABSENT;
    struct span names = signed_names_of(canonical, auth.payload_sha256_hex.len);
    sigv4_signing_key(secret, auth.date, region, auth.service, key);
    sigv4_sign(key, string_to_sign, signature);
    wipe(key, sizeof(key));
    return arena_format(arena,
        "AWS4-HMAC-SHA256 Credential=%.*s/%.*s/%.*s/%.*s/aws4_request, SignedHeaders=%.*s, "
        "Signature=%s",
        SPAN_ARG(access_key), SPAN_ARG(auth.date), SPAN_ARG(region), SPAN_ARG(service),
        SPAN_ARG(names), signature);
}
