#include "daemon/ops/object_common.h"

enum s3_err op_put_object(struct request *request)
{
    if (request->body.size_bytes > OBJECT_PUT_MAX_BYTES)
        return object_too_large(request, request->body.size_bytes, OBJECT_PUT_MAX_BYTES);
    struct mutation mutation = object_mutation(request, MUTATION_PUT_OBJECT);
    TRY(object_write_conditions(request, &mutation));
    struct object_attributes *attributes = &mutation.put.attributes;
    TRY(object_new_attributes(request, attributes));
    attributes->etag = request->body.etag;
    attributes->crc64nvme = request->body.crc64nvme;
    attributes->checksum = request->body.checksum;
    mutation.put.stage = TAKE(request->body.stage);

    enum storage_err err = storage_commit(request_store(request), &mutation);
    if (err != STORAGE_OK)
        return object_write_fail(request, &mutation, err);
    request->response.status = 200;
    response_header_borrowed(request, "ETag", object_etag_text(request, &request->body.etag));
    struct checksum checksum = object_checksum(attributes);
    object_checksum_headers(request, &checksum);
    object_version_header(request, &mutation.result.version);
    return S3_OK;
}
