#include "daemon/ops/body_integrity.h"

#include "base/encode.h"
#include "checksum.h"

static enum s3_err check_md5(struct request *request, struct span text)
{
    uint8_t sent[MD5_BYTES], computed[MD5_BYTES];
    size_t len;
    if (!base64_decode(text, sent, sizeof(sent), &len) || len != sizeof(sent)) {
        request_error_field(request, SPAN("Content-MD5"), text);
        return FAIL(request, INVALID_DIGEST, "The Content-MD5 you specified was invalid.");
    }
    md5_of(request->body.text, computed);
    if (memcmp(sent, computed, sizeof(sent)) == 0)
        return S3_OK;
    struct buf calculated CLEANUP(buf_free);
    buf_init(&calculated, MD5_BYTES * 2);
    base64_encode(&calculated, span_of(computed, sizeof(computed)));
    request_error_field(request, SPAN("ExpectedDigest"), text);
    request_error_field(request, SPAN("CalculatedDigest"), buf_span(&calculated));
    return FAIL(
        request, BAD_DIGEST, "The Content-MD5 you specified did not match what we received.");
}

static enum s3_err check_checksum(struct request *request, const struct checksum *sent)
{
    uint8_t computed[DIGEST_MAX_BYTES];
    struct digest digest CLEANUP(digest_free) = {0};
    if (!digest_init(&digest, sent->algo))
        return FAIL(request, INTERNAL, NULL);
    digest_update(&digest, request->body.text);
    digest_final(&digest, computed);
    if (memcmp(sent->value, computed, digest_size(sent->algo)) == 0)
        return S3_OK;
    struct span detail = arena_format(&request->arena,
        "The %.*s you specified did not match the calculated checksum.",
        SPAN_ARG(checksum_algo_name(sent->algo)));
    return FAIL(request, BAD_DIGEST, detail.ptr);
}

static bool promises_checksum(struct span trailer_names)
{
    struct span name;
    while (span_split(&trailer_names, ',', &name))
        if (checksum_algo_by_header(span_trim(name)) != DIGEST_NONE)
            return true;
    return false;
}

enum s3_err body_integrity_require(struct request *request)
{
    struct checksum checksum;
    bool has_value;
    enum s3_err err = checksum_from_headers(&request->headers, &checksum, &has_value);
    if (err != S3_OK)
        return request_fail(request, err, NULL, __FILE__, __LINE__);
    struct span md5 = request_header(request, SPAN("content-md5"));
    bool trailer = promises_checksum(request_header(request, SPAN("x-amz-trailer")));
    if (!span_present(md5) && !has_value && !trailer)
        return FAIL(request, INVALID_REQUEST,
            "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
    if (span_present(md5))
        TRY(check_md5(request, md5));
    return has_value ? check_checksum(request, &checksum) : S3_OK;
}
