#include "daemon/ops/object_read.h"

enum s3_err op_get_object(struct request *request)
{
    struct byte_range range;
    TRY(object_read(request, true, &range));
    response_blob(request, request->response.status, TAKE(request->response.reader), range.offset,
        range.length);
    return S3_OK;
}
