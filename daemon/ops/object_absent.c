/* Sub-resources of objects that are not there yet: no bucket has an object lock. The object is looked up
 * first, since a missing one is the error that a client has to see.
 * src: Amazon S3 API Reference, "GetObjectRetention", "GetObjectLegalHold" */
#include "daemon/ops/object_exists.h"

static enum s3_err no_lock(struct request *request)
{
    struct object_info info;
    TRY(object_exists(request, &info));
    return FAIL(request, INVALID_REQUEST, "Bucket is missing Object Lock Configuration");
}

enum s3_err op_get_object_retention(struct request *request)
{
    return no_lock(request);
}

enum s3_err op_get_object_legal_hold(struct request *request)
{
    return no_lock(request);
}
