#include "daemon/ops/object_read.h"

enum s3_err op_head_object(struct request *request)
{
    struct byte_range range;
    TRY(object_read(request, false, &range));
    request->response.has_content_length = true;
    request->response.content_length = range.length;
    return S3_OK;
}
