/* What a bucket can have on S3 and has not here yet: each is answered with S3's own code for "there
 * is none", since Terraform and others read them all and give up on any other error. Deleting what is
 * absent is no error there either. A row goes away when its sub-resource gets a file of its own.
 *
 * src: Amazon S3 API Reference, the errors of each operation */
#include "daemon/request.h"

static enum s3_err absent(struct request *request, enum s3_err err)
{
    request_error_field(request, SPAN("BucketName"), request->bucket.name);
    return request_fail(request, err, NULL, __FILE__, __LINE__);
}

static enum s3_err nothing_to_delete(struct request *request)
{
    request->response.status = 204;
    return S3_OK;
}

#define ABSENT(operation, ERROR)                                                                   \
    enum s3_err op_##operation(struct request *request)                                            \
    {                                                                                              \
        return absent(request, S3_ERR_##ERROR);                                                    \
    }

ABSENT(get_bucket_website, NO_SUCH_WEBSITE_CONFIGURATION)
ABSENT(get_bucket_lifecycle, NO_SUCH_LIFECYCLE_CONFIGURATION)
ABSENT(get_bucket_replication, REPLICATION_CONFIGURATION_NOT_FOUND)
ABSENT(get_bucket_encryption, SERVER_SIDE_ENCRYPTION_CONFIGURATION_NOT_FOUND)
ABSENT(get_bucket_object_lock, OBJECT_LOCK_CONFIGURATION_NOT_FOUND)

enum s3_err op_delete_bucket_website(struct request *request)
{
    return nothing_to_delete(request);
}

enum s3_err op_delete_bucket_lifecycle(struct request *request)
{
    return nothing_to_delete(request);
}

enum s3_err op_delete_bucket_replication(struct request *request)
{
    return nothing_to_delete(request);
}

enum s3_err op_delete_bucket_encryption(struct request *request)
{
    return nothing_to_delete(request);
}
