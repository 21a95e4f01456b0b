/* The first step of every sub-resource of an object: is the object, or the version, there? */
#ifndef DAEMON_OPS_OBJECT_EXISTS_H
#define DAEMON_OPS_OBJECT_EXISTS_H

#include "daemon/request.h"

/* Looks up the target's key and ?versionId=, and sets x-amz-version-id where the bucket has
 * versions. out: ret_info  with its metadata err: NO_SUCH_KEY, NO_SUCH_VERSION, METHOD_NOT_ALLOWED
 * for a delete marker, INVALID_ARGUMENT */
enum s3_err object_exists(struct request *request, struct object_info *ret_info) MUST_USE;

#endif
