/* Who began a multipart upload. It is kept in the upload's metadata run (METADATA_INITIATOR), unless it was
 * the root of the bucket's own account. Any thread.
 * src: Amazon S3 User Guide, "Multipart upload API and permissions" */
#ifndef DAEMON_INITIATOR_H
#define DAEMON_INITIATOR_H

#include "daemon/request.h"
#include "storage/storage_uploads.h"

struct initiator {
    uint64_t account_id;
    struct span unique_id; /* AIDA…, AROA…:session; of an account's root its number */
};

/* Adds who asks to the run of a new upload. Memory is the request's.
 * err: INTERNAL */
enum s3_err initiator_keep(struct request *request, struct span *metadata) MUST_USE;

/* Borrowed from the run. Of a run without one: the root of the bucket's owner. */
struct initiator initiator_of(const struct bucket_info *bucket, struct span metadata);

/* Parts are put into an upload, and it is completed, by the account that began it alone.
 * err: ACCESS_DENIED */
enum s3_err initiator_check(struct request *request, const struct upload_info *upload) MUST_USE;

#endif
