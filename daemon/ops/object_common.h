/* What the operations on objects share: the version that is meant, the headers that are refused,
 * the conditions of a write, checksums as headers and XML, and the errors that tell more than their
 * code. Whoever calls one of these has the request to itself. */
#ifndef DAEMON_OPS_OBJECT_COMMON_H
#define DAEMON_OPS_OBJECT_COMMON_H

#include "daemon/request.h"

#define OBJECT_PUT_MAX_BYTES (UINT64_C(5) << 30) /* one PUT, one part, one copy */
#define OBJECT_MAX_BYTES (UINT64_C(5) << 40)
#define OBJECT_PART_MIN_BYTES (UINT64_C(5) << 20) /* but for the last part */

enum { OBJECT_CHANGED_TRIES = 8 }; /* of an operation that met STORAGE_CHANGED */

/* An x-amz-* header; in a presigned request the query parameter of that name stands in for it,
 * since SDKs move headers there. */
struct span object_amz_header(const struct request *request, struct span name);

/* Which headers an operation cannot ignore. */
enum object_use { OBJECT_READ, OBJECT_WRITE };

/* Refuses what would change the meaning of the request and is not there: encryption, object lock,
 * website redirects, ACLs where they are off; reads the tags. Lakegate does not
 * encrypt, so it does not accept a request that asks for it either, "AES256" included: the data
 * folder belongs on an encrypted file system. err: NOT_IMPLEMENTED,
 * what acl_check_object says (acl_request.h), and object_tags_requested (object_tags.h) */
enum s3_err object_refuse_unsupported(struct request *request, enum object_use use) MUST_USE;

/* If-Match and If-None-Match of a write, to be decided in the commit. AWS takes one of them, an
 * ETag for If-Match and "*" for If-None-Match. err: NOT_IMPLEMENTED for the others */
enum s3_err object_write_conditions(struct request *request, struct mutation *mutation) MUST_USE;

/* Owner, storage class and metadata (with ACL and tags) of a new object, from the headers, after
 * object_refuse_unsupported. GLACIER and DEEP_ARCHIVE are
 * refused: clients do not even try to read such objects without a restore. So are the classes of
 * other products. err: INVALID_STORAGE_CLASS, and those of metadata_read */
enum s3_err object_new_attributes(
    struct request *request, struct object_attributes *ret_attributes) MUST_USE;
enum s3_err object_storage_class(struct request *request, uint8_t *ret_class) MUST_USE;

/* The checksum that an object shows: what the client asked for, else CRC64NVME. */
struct checksum object_checksum(const struct object_attributes *attributes);
struct checksum object_part_checksum(const struct part_info *part);
struct checksum checksum_of_crc64nvme(uint64_t crc);

/* Reads the value of x-amz-checksum-algorithm; absent: DIGEST_NONE.
 * err: INVALID_REQUEST */
enum s3_err object_checksum_algorithm(struct request *request, enum digest_algo *ret_algo) MUST_USE;

/* x-amz-checksum-<algo>; …_headers: and x-amz-checksum-type. */
void object_checksum_value_header(struct request *request, const struct checksum *checksum);
void object_checksum_headers(struct request *request, const struct checksum *checksum);
/* <ChecksumCRC32>…; with_type: and <ChecksumType>. */
void object_checksum_xml(struct buf *out, const struct checksum *checksum, bool with_type);
/* Quoted, in the arena; absent on overflow. */
struct span object_etag_text(struct request *request, const struct etag *etag);
/* x-amz-version-id, in buckets with versioning only. */
void object_version_header(struct request *request, const struct version *version);

/* Answers a failed read of an object: names the key or version, and for a delete marker says so in
 * the headers. info: as the store filled it in for STORAGE_DELETE_MARKER. */
enum s3_err object_read_fail(struct request *request, enum storage_err err,
    const struct version_ref *ref, const struct object_info *info) MUST_USE;
/* Answers a failed commit: names the condition, the key, the upload. */
enum s3_err object_write_fail(
    struct request *request, const struct mutation *mutation, enum storage_err err) MUST_USE;
/* EntityTooLarge. */
enum s3_err object_too_large(
    struct request *request, uint64_t size_bytes, uint64_t max_bytes) MUST_USE;
/* PreconditionFailed that names the header. */
enum s3_err object_condition_fail(struct request *request, struct span condition) MUST_USE;

/* The answer that a form wants instead of a plain 200, when its object is there. */
enum s3_err post_object_answer(struct request *request) MUST_USE;

/* A mutation on the request's bucket and key. */
struct mutation object_mutation(const struct request *request, enum mutation_kind kind);

#endif
