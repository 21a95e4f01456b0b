#include "daemon/lineage.h"
#include "daemon/ops/object_common.h"
#include "daemon/zones.h"

static enum s3_err answer(struct request *request, struct mutation *mutation)
{
    if (mutation->err != STORAGE_OK)
        return object_write_fail(request, mutation, mutation->err);
    request->response.status = 200;
    /* The same content may have been there already, and in parts. */
    const struct object_attributes *attributes =
        mutation->zone_outcome.unchanged ? &mutation->result.attributes : &mutation->put.attributes;
    response_header_borrowed(request, "ETag", object_etag_text(request, &attributes->etag));
    struct checksum checksum = object_checksum(attributes);
    object_checksum_headers(request, &checksum);
    object_version_header(request, &mutation->result.version);
    return request->form != NULL ? post_object_answer(request) : S3_OK;
}

enum s3_err op_put_object(struct request *request)
{
    if (request->body.size_bytes > OBJECT_PUT_MAX_BYTES)
        return object_too_large(request, request->body.size_bytes, OBJECT_PUT_MAX_BYTES);
    struct mutation *mutation = arena_new(&request->arena, struct mutation);
    if (mutation == NULL)
        return FAIL(request, INTERNAL, NULL);
    *mutation = object_mutation(request, MUTATION_PUT_OBJECT);
    TRY(object_write_conditions(request, mutation));
    struct object_attributes *attributes = &mutation->put.attributes;
    TRY(object_new_attributes(request, attributes));
    attributes->etag = request->body.etag;
    attributes->crc64nvme = request->body.crc64nvme;
    attributes->checksum = request->body.checksum;
    TRY(lineage_fill(request, mutation, NULL, attributes->metadata, LINEAGE_MISSING_REFUSED));
    mutation->put.stage = TAKE(request->body.stage);
    return zones_commit(request, mutation, request->body.size_bytes, answer);
}
