#include "http_time.h"
#include "sigv4.h"

enum { OWN_HEADERS = 5 };

enum s3_err sigv4_sign_request(struct arena *arena, const struct sigv4_signer *signer,
    struct span method, struct span raw_target, struct span host, const struct header_list *extra,
    struct span body_sha256, int64_t now_s, struct header_list *ret_headers)
{
    char date[AMZ_TIME_BYTES];
    struct target target;
    if (extra->count + OWN_HEADERS > SIGV4_SIGNED_HEADERS_MAX)
        return S3_ERR_INVALID_ARGUMENT;
    enum s3_err err = target_parse(arena, raw_target, host, NULL, 0, &target);
    if (err != S3_OK)
        return err;
    struct header *headers = arena_array(arena, struct header, extra->count + OWN_HEADERS);
    if (headers == NULL)
        return S3_ERR_INTERNAL;
    amz_time_format(now_s, date);
    size_t count = 0;
    headers[count++] = (struct header){SPAN("host"), host};
    headers[count++] = (struct header){SPAN("x-amz-date"), arena_copy(arena, span_str(date))};
    headers[count++] = (struct header){SPAN("x-amz-content-sha256"), body_sha256};
    for (size_t i = 0; i < extra->count; i++)
        headers[count++] = extra->items[i];
    if (span_present(signer->session_token))
        headers[count++] = (struct header){SPAN("x-amz-security-token"), signer->session_token};
    struct header_list signed_headers = {headers, count};
    headers[count].name = SPAN("authorization");
    headers[count].value = sigv4_authorization(arena, method, &target, &signed_headers,
        signer->access_key, signer->secret_key, signer->region, signer->service);
    if (arena->overflow || !span_present(headers[count].value))
        return S3_ERR_INTERNAL;
    *ret_headers = (struct header_list){headers, count + 1};
    return S3_OK;
}
