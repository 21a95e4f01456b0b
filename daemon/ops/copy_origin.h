/* The source of CopyObject and UploadPartCopy: who may read it, which version it is, whether its
 * conditions hold, and the digests of its bytes where S3 needs one that is not kept. */
#ifndef DAEMON_OPS_COPY_ORIGIN_H
#define DAEMON_OPS_COPY_ORIGIN_H

#include "conditions.h"
#include "daemon/request.h"
#include "storage/storage_lineage.h"

struct copy_origin {
    struct bucket_info bucket;
    struct span key;
    struct span version_text; /* absent: the newest */
    struct version_ref version;
    struct conditions conditions;
    struct object_info info; /* filled by copy_origin_load */
};

/* Reads x-amz-copy-source and the conditions, finds the bucket, and asks whether the object may be
 * read. err: INVALID_ARGUMENT, NO_SUCH_BUCKET, ACCESS_DENIED */
enum s3_err copy_origin_find(struct request *request, struct copy_origin *ret_origin) MUST_USE;

/* Looks the object up as it is now, and checks the conditions. To be called again when a commit
 * says STORAGE_CHANGED. out: *ret_reader  may be NULL when no reader is wanted; the caller closes
 * it, also on error err: NO_SUCH_KEY, NO_SUCH_VERSION, INVALID_REQUEST (a delete marker),
 * PRECONDITION_FAILED */
enum s3_err copy_origin_load(
    struct request *request, struct copy_origin *origin, struct blob_reader **ret_reader) MUST_USE;

/* For CLEANUP. */
static inline void copy_origin_close(struct blob_reader **reader)
{
    blob_close(*reader);
}

/* The source as a mutation takes it, all of it. */
struct copy_from copy_origin_from(const struct copy_origin *origin);

/* x-amz-copy-source-version-id, when the source's bucket has versioning. */
void copy_origin_header(struct request *request, const struct copy_origin *origin);

/* The source, and what else the request declares, as what the new version is made from. A copy onto itself is made
 * from nothing else. metadata: that the request gives; absent: none */
enum s3_err copy_origin_lineage(struct request *request, const struct copy_origin *origin,
    struct mutation *mutation, struct span metadata) MUST_USE;

/* InvalidRequest: more than 5 GiB in one copy. */
enum s3_err copy_origin_too_large(struct request *request) MUST_USE;

struct range_digest {
    uint8_t md5[MD5_BYTES];
    uint64_t crc64nvme;
    struct checksum checksum; /* as asked, FULL_OBJECT; DIGEST_NONE when nothing was asked */
};

/* Reads a range from the store and digests it. Blocks on the disk.
 * err: INTERNAL when the bytes cannot be read */
enum s3_err copy_origin_digest(struct request *request, struct blob_reader *reader,
    struct byte_range range, enum digest_algo algo, struct range_digest *ret_digest) MUST_USE;

#endif
