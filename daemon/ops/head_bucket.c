/* HeadBucket: is it there, in which region, and how much is in it (all versions, without delete markers)?
 * src: Amazon S3 API Reference, "HeadBucket" */
#include "daemon/request.h"

enum s3_err op_head_bucket(struct request *request)
{
    request->response.status = 200;
    response_header_borrowed(request, "Content-Type", SPAN("application/xml"));
    response_header_borrowed(request, "x-amz-bucket-region", request_region(request));
    response_header_borrowed(request, "x-amz-access-point-alias", SPAN("false"));
    response_header_u64(request, "x-lakegate-object-count", request->bucket.object_count);
    response_header_u64(request, "x-lakegate-byte-count", request->bucket.byte_count);
    return S3_OK;
}
