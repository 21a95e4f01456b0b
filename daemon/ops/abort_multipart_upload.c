/* AbortMultipartUpload. src: Amazon S3 API Reference, "AbortMultipartUpload" */
#include "daemon/ops/arguments.h"
#include "daemon/ops/object_common.h"
#include "daemon/ops/upload_common.h"

enum s3_err op_abort_multipart_upload(struct request *request)
{
    /* A condition of directory buckets: to ignore it would drop what should stay. */
    const struct span condition = SPAN("x-amz-if-match-initiated-time");
    if (span_present(object_amz_header(request, condition))) {
        request_error_field(request, SPAN("Header"), condition);
        return FAIL(request, NOT_IMPLEMENTED, NULL);
    }
    struct mutation mutation = object_mutation(request, MUTATION_ABORT_UPLOAD);
    TRY(argument_upload(request, &mutation.abort.upload));
    enum storage_err err = storage_commit(request_store(request), &mutation);
    if (err != STORAGE_OK)
        return object_write_fail(request, &mutation, err);
    request->response.status = 204;
    return S3_OK;
}
