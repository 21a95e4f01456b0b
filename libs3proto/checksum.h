/* S3's object checksums: algorithms, types, header names, combining. Pure and thread-safe.
 * src: Amazon S3 User Guide, "Checking object integrity" */
#ifndef S3PROTO_CHECKSUM_H
#define S3PROTO_CHECKSUM_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/integrity.h"
#include "headers.h"
#include "s3_err.h"

/* "CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME" (any case) ↔ algorithm; DIGEST_NONE when unknown. */
enum digest_algo checksum_algo_by_name(struct span name);
struct span checksum_algo_name(enum digest_algo algo);
/* "x-amz-checksum-crc32" …; absent for DIGEST_NONE and MD5. Lower case. */
struct span checksum_header_name(enum digest_algo algo);
enum digest_algo checksum_algo_by_header(struct span name);
/* "ChecksumCRC32" …: the XML element. */
struct span checksum_element_name(enum digest_algo algo);
/* "FULL_OBJECT", "COMPOSITE". */
struct span checksum_type_name(enum checksum_type type);
bool checksum_type_by_name(struct span name, enum checksum_type *ret_type) MUST_USE;

/* base64, with "-N" for a composite. */
void checksum_text(struct buf *out, const struct checksum *checksum);
/* Parses base64 (with "-N" only where allow_composite).
 * err: INVALID_REQUEST when it is no such value */
enum s3_err checksum_parse(enum digest_algo algo, struct span text, bool allow_composite,
    struct checksum *ret_checksum) MUST_USE;

/* What the request headers say of the body's checksum: an x-amz-checksum-<algo> value, or an algorithm
 * to be computed (x-amz-sdk-checksum-algorithm, or named by x-amz-trailer).
 * out: ret_expected  algo DIGEST_NONE when nothing was said; *ret_has_value tells whether a value came
 * err: INVALID_REQUEST for a malformed value, for two checksum headers, for an unknown algorithm, or
 *      when the named algorithm and the header's differ */
enum s3_err checksum_from_headers(
    const struct header_list *headers, struct checksum *ret_expected, bool *ret_has_value) MUST_USE;

/* Is this pair possible for a multipart upload? CRC64NVME: FULL_OBJECT only; SHA1, SHA256: COMPOSITE
 * only; CRC32, CRC32C: either. */
bool checksum_pair_valid(enum digest_algo algo, enum checksum_type type);
/* The default type of a multipart upload: CRC64NVME FULL_OBJECT, the others COMPOSITE. */
enum checksum_type checksum_default_type(enum digest_algo algo);

/* Builds the checksum of a multipart object out of its parts', one by one in order. One thread. */
struct checksum_builder {
    struct checksum checksum; /* algo and type asked for */
    uint64_t crc;             /* FULL_OBJECT so far */
    struct digest digest;     /* COMPOSITE so far */
};
bool checksum_builder_init(
    struct checksum_builder *builder, enum digest_algo algo, enum checksum_type type) MUST_USE;
/* part: full-object checksum of that part with the builder's algorithm; size in bytes */
void checksum_builder_add(
    struct checksum_builder *builder, const struct checksum *part, uint64_t size_bytes);
void checksum_builder_finish(struct checksum_builder *builder, struct checksum *ret_checksum);
void checksum_builder_free(struct checksum_builder *builder);

#endif
