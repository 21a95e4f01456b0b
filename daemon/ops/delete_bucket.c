/* DeleteBucket: of a bucket without objects, versions and delete markers. Open uploads go with it.
 * src: Amazon S3 API Reference, "DeleteBucket" */
#include "daemon/request.h"

enum s3_err op_delete_bucket(struct request *request)
{
    struct mutation mutation = {
        .kind = MUTATION_DELETE_BUCKET,
        .bucket = {.id = request->bucket.id, .name = request->bucket.name},
    };
    enum storage_err err = storage_commit(request_store(request), &mutation);
    if (err != STORAGE_OK) {
        request_error_field(request, SPAN("BucketName"), request->target.bucket);
        return FAIL_STORAGE(request, err);
    }
    request->response.status = 204;
    return S3_OK;
}
