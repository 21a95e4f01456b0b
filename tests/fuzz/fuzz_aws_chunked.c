/* Byte 0: kind and how the body is cut up; byte 1: decoded length; the rest: the body. However it
 * is cut, the outcome is the same. */
#include "aws_chunked.h"
#include "fuzz.h"

static struct aws_chunked *new_decoder(unsigned kind, uint64_t decoded_length)
{
    static const enum sigv4_payload payloads[] = {
        SIGV4_PAYLOAD_UNSIGNED_TRAILER, SIGV4_PAYLOAD_CHUNKED, SIGV4_PAYLOAD_CHUNKED_TRAILER};
    static const uint8_t key[SHA256_BYTES] = {1};
    const struct sigv4_auth auth = {.date = SPAN("20130524"),
        .region = SPAN("us-east-1"),
        .service = SPAN("s3"),
        .timestamp = SPAN("20130524T000000Z"),
        .signature = SPAN("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9")};
    return aws_chunked_new(payloads[kind % ARRAY_LEN(payloads)], &auth, key, decoded_length,
        kind & 64 ? SPAN("x-amz-checksum-crc32, x-b") : SPAN_ABSENT);
}

static enum s3_err decode(
    struct aws_chunked *decoder, struct span body, size_t step, struct buf *out)
{
    while (body.len > 0) {
        struct span piece = span_first(body, step), decoded;
        body = span_from(body, piece.len);
        while (piece.len > 0) {
            const char *begin = piece.ptr, *end = piece.ptr + piece.len;
            enum s3_err err = aws_chunked_next(decoder, &piece, &decoded);
            if (err != S3_OK) {
                CHECK(aws_chunked_finish(decoder) == err);
                return err;
            }
            CHECK(decoded.len == 0 || (decoded.ptr >= begin && decoded.ptr + decoded.len <= end));
            CHECK(piece.ptr >= begin && piece.ptr + piece.len <= end);
            buf_add(out, decoded);
        }
    }
    return aws_chunked_finish(decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct span body = span_of(data + 2, size - 2);
    struct aws_chunked *whole = new_decoder(data[0], data[1]), *cut = new_decoder(data[0], data[1]);
    struct buf whole_out, cut_out;
    CHECK(whole != NULL && cut != NULL);
    buf_init(&whole_out, size);
    buf_init(&cut_out, size);
    enum s3_err whole_err = decode(whole, body, SIZE_MAX, &whole_out);
    enum s3_err cut_err = decode(cut, body, (size_t)(data[0] / 4 % 16) + 1, &cut_out);
    CHECK(whole_err == cut_err);
    CHECK(whole_out.len <= data[1] && buf_ok(&whole_out) && buf_ok(&cut_out));
    if (whole_err == S3_OK) {
        CHECK(whole_out.len == data[1]);
        CHECK(span_eq(buf_span(&whole_out), buf_span(&cut_out)));
        CHECK(aws_chunked_trailers(whole)->count == aws_chunked_trailers(cut)->count);
    }
    buf_free(&whole_out);
    buf_free(&cut_out);
    aws_chunked_free(whole);
    aws_chunked_free(cut);
    return 0;
}
