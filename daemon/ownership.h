/* Who owns the objects of a bucket: its owner always (then ACLs are off), its owner when the writer gives
 * full control of the object to it, or who wrote them. Any thread; never blocks.
 * src: Amazon S3 User Guide, "Controlling ownership of objects and disabling ACLs for your bucket" */
#ifndef DAEMON_OWNERSHIP_H
#define DAEMON_OWNERSHIP_H

#include "daemon/request.h"

enum object_ownership {
    OWNERSHIP_BUCKET_OWNER_ENFORCED, /* ACLs are off */
    OWNERSHIP_BUCKET_OWNER_PREFERRED,
    OWNERSHIP_OBJECT_WRITER, /* also of a bucket without ownership controls, as on AWS */
};

/* What holds for a bucket.
 * err: INTERNAL, the store's faults */
enum s3_err ownership_of(struct request *request, const struct bucket_info *bucket,
    enum object_ownership *ret_ownership) MUST_USE;

/* The same, and whether the bucket has ownership controls at all. */
enum s3_err ownership_controls(struct request *request, const struct bucket_info *bucket,
    bool *ret_there, enum object_ownership *ret_ownership) MUST_USE;

/* "BucketOwnerEnforced" …: as it is shown, and as DOCUMENT_OWNERSHIP_CONTROLS is kept. */
struct span ownership_name(enum object_ownership ownership);
bool ownership_by_name(struct span name, enum object_ownership *ret_ownership) MUST_USE;

/* What x-amz-object-ownership says, else the setting new_buckets, for a bucket that is being made.
 * err: INVALID_ARGUMENT */
enum s3_err ownership_of_new_bucket(
    struct request *request, enum object_ownership *ret_ownership) MUST_USE;

#endif
