/* Decoder of Content-Encoding: aws-chunked, signed and unsigned, with and without trailers. Incremental:
 * takes bytes as they come, yields the decoded bytes in place, verifies each chunk's signature when
 * the chunk is complete. Framing lines are bounded. One thread at a time.
 * src: Amazon S3 API Reference, "Signature calculations for the Authorization header: Transferring
 * payload in multiple chunks" and "… including trailing headers" */
#ifndef S3PROTO_AWS_CHUNKED_H
#define S3PROTO_AWS_CHUNKED_H

#include "sigv4.h"

enum {
    CHUNK_LINE_MAX_BYTES = 1024,
    CHUNK_TRAILERS_MAX_BYTES = 16 * 1024,
    CHUNK_TRAILERS_MAX = 16,
};

struct aws_chunked;

/* in:  payload          one of the three streaming kinds
 *      auth, key        seed signature, scope and signing key; NULL for the unsigned kind. Copied.
 *      decoded_length   x-amz-decoded-content-length in bytes
 *      trailer_names    value of x-amz-trailer: comma-separated names that must follow; may be absent
 * out: NULL when memory runs out, or when a signed kind comes without a verified auth and its key */
struct aws_chunked *aws_chunked_new(enum sigv4_payload payload, const struct sigv4_auth *auth,
    const uint8_t *key, uint64_t decoded_length, struct span trailer_names);
void aws_chunked_free(struct aws_chunked *decoder);

/* Takes bytes off the front of *input and returns the next run of decoded bytes, a part of the input
 * (empty when the input is used up in framing). Call until *input is empty. Of a long signed chunk bytes
 * come out before its signature is known, so nothing may be committed before aws_chunked_finish.
 * Signed chunks but the last must have 8 KiB, as AWS demands; unsigned ones come as small as clients'
 * streams make them. An error stays.
 * err: SIGNATURE_DOES_NOT_MATCH, INCOMPLETE_BODY when decoded bytes and declared length differ,
 *      INVALID_CHUNK_SIZE, MALFORMED_TRAILER, INVALID_ARGUMENT for framing that cannot be read */
enum s3_err aws_chunked_next(
    struct aws_chunked *decoder, struct span *input, struct span *ret_decoded) MUST_USE;

/* After the last byte: is everything there, signatures, length and exactly the promised trailers?
 * err: INCOMPLETE_BODY, MALFORMED_TRAILER, SIGNATURE_DOES_NOT_MATCH, INVALID_ARGUMENT for bytes after the
 *      end, INTERNAL; what aws_chunked_next failed with, if it did */
enum s3_err aws_chunked_finish(struct aws_chunked *decoder) MUST_USE;

/* Trailers, lower-case names; valid until free. Empty before aws_chunked_finish succeeded. */
const struct header_list *aws_chunked_trailers(const struct aws_chunked *decoder);

#endif
