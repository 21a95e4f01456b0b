/* UploadPart. src: Amazon S3 API Reference, "UploadPart" */
#include "checksum.h"
#include "daemon/ops/object_common.h"
#include "daemon/ops/upload_common.h"

/* The part's checksum, which an upload with an algorithm needs by that algorithm. CRC64NVME is
 * always computed, so it need not be sent. An upload without one takes any, and keeps it with the
 * part. */
static enum s3_err part_checksum(
    struct request *request, const struct upload_info *upload, struct checksum *ret_checksum)
{
    const struct checksum *sent = &request->body.checksum;
    if (sent->algo == DIGEST_NONE && upload->checksum_algo == DIGEST_CRC64NVME) {
        *ret_checksum = checksum_of_crc64nvme(request->body.crc64nvme);
        return S3_OK;
    }
    if (upload->checksum_algo != DIGEST_NONE && sent->algo != upload->checksum_algo)
        return upload_checksum_mismatch(request, upload->checksum_algo, sent->algo);
    *ret_checksum = *sent;
    return S3_OK;
}

static enum s3_err answer(struct request *request, struct mutation *mutation)
{
    if (mutation->err != STORAGE_OK)
        return object_write_fail(request, mutation, mutation->err);
    const struct object_attributes *attributes = &mutation->part.attributes;
    request->response.status = 200;
    response_header_borrowed(request, "ETag", object_etag_text(request, &attributes->etag));
    struct checksum checksum = object_checksum(attributes);
    object_checksum_value_header(request, &checksum);
    return S3_OK;
}

enum s3_err op_upload_part(struct request *request)
{
    struct mutation *mutation = arena_new(&request->arena, struct mutation);
    struct upload_info upload;
    if (mutation == NULL)
        return FAIL(request, INTERNAL, NULL);
    *mutation = object_mutation(request, MUTATION_PUT_PART);
    TRY(upload_part_number(request, &mutation->part.number));
    TRY(request_upload_open(request, &upload));
    if (request->body.size_bytes > OBJECT_PUT_MAX_BYTES)
        return object_too_large(request, request->body.size_bytes, OBJECT_PUT_MAX_BYTES);
    struct object_attributes *attributes = &mutation->part.attributes;
    TRY(part_checksum(request, &upload, &attributes->checksum));
    attributes->etag = request->body.etag;
    attributes->crc64nvme = request->body.crc64nvme;
    mutation->part.upload = upload.id;
    mutation->part.stage = TAKE(request->body.stage);
    return request_commit(request, mutation, answer);
}
