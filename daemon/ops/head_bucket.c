/* HeadBucket: is it there, and in which region?
 * src: Amazon S3 API Reference, "HeadBucket" */
#include "daemon/request.h"

enum s3_err op_head_bucket(struct request *request)
{
    request->response.status = 200;
    response_header_borrowed(request, "Content-Type", SPAN("application/xml"));
    response_header_borrowed(request, "x-amz-bucket-region", request_region(request));
    response_header_borrowed(request, "x-amz-access-point-alias", SPAN("false"));
    return S3_OK;
}
