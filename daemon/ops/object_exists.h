/* The first step of every sub-resource of an object: is the object, or the version, there? And the last of those
 * that are kept with its metadata. One thread at a time has a request; a change blocks until it is on the disk. */
#ifndef DAEMON_OPS_OBJECT_EXISTS_H
#define DAEMON_OPS_OBJECT_EXISTS_H

#include "daemon/request.h"

/* Looks up the target's key and ?versionId=, and sets x-amz-version-id where the bucket has versions.
 * out: ret_info  with its metadata
 * err: NO_SUCH_KEY, NO_SUCH_VERSION, METHOD_NOT_ALLOWED for a delete marker, INVALID_ARGUMENT */
enum s3_err object_exists(struct request *request, struct object_info *ret_info) MUST_USE;

/* The same without the header. Of what changes an object a delete marker is METHOD_NOT_ALLOWED also where no version is
 * named, as on S3. */
enum s3_err object_look_up(struct request *request, struct object_info *ret_info) MUST_USE;

/* A new run of metadata (daemon/metadata.h) for the version that the request names. `make` is given the version as it
 * is, and asked again when somebody else has changed it meanwhile; absent: no metadata. Sets x-amz-version-id.
 * err: those of object_look_up and of make, the store's faults */
struct object_change {
    enum s3_err (*make)(struct request *request, const struct object_info *info, const void *ctx,
        struct span *ret_metadata);
    const void *ctx;
};
enum s3_err object_change_metadata(
    struct request *request, const struct object_change *change) MUST_USE;

#endif
