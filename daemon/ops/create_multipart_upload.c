/* CreateMultipartUpload. src: Amazon S3 API Reference, "CreateMultipartUpload" */
#include "checksum.h"
#include "daemon/initiator.h"
#include "daemon/lineage.h"
#include "daemon/ops/object_common.h"
#include "daemon/ops/upload_common.h"
#include "daemon/upload_id.h"
#include "xml_write.h"

static enum s3_err read_checksum(
    struct request *request, enum digest_algo *ret_algo, enum checksum_type *ret_type)
{
    TRY(object_checksum_algorithm(request, ret_algo));
    struct span text = object_amz_header(request, SPAN("x-amz-checksum-type"));
    if (!span_present(text)) {
        *ret_type = checksum_default_type(*ret_algo);
        return S3_OK;
    }
    if (!checksum_type_by_name(text, ret_type))
        return FAIL(request, INVALID_REQUEST, "Value for x-amz-checksum-type header is invalid.");
    if (*ret_algo == DIGEST_NONE)
        return FAIL(request, INVALID_REQUEST,
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm "
            "header.");
    if (checksum_pair_valid(*ret_algo, *ret_type))
        return S3_OK;
    struct span message = arena_format(&request->arena,
        "The %.*s checksum type cannot be used with the %s checksum algorithm.",
        SPAN_ARG(checksum_type_name(*ret_type)), upload_algo_text(*ret_algo));
    return FAIL(request, INVALID_REQUEST, message.ptr);
}

enum s3_err op_create_multipart_upload(struct request *request)
{
    TRY(object_refuse_unsupported(request, OBJECT_WRITE));
    struct mutation mutation = object_mutation(request, MUTATION_CREATE_UPLOAD);
    enum digest_algo algo;
    enum checksum_type type;
    TRY(read_checksum(request, &algo, &type));
    mutation.create_upload.checksum_algo = algo;
    mutation.create_upload.checksum_type = type;
    TRY(object_new_attributes(request, &mutation.create_upload.attributes));
    /* Recorded when it is complete; refused while nothing is lost by it. */
    struct mutation declared = {.key = mutation.key};
    TRY(lineage_fill(request, &declared, NULL, mutation.create_upload.attributes.metadata,
        LINEAGE_MISSING_REFUSED));
    TRY(initiator_keep(request, &mutation.create_upload.attributes.metadata));
    enum storage_err err = storage_commit(request_store(request), &mutation);
    if (err != STORAGE_OK)
        return object_write_fail(request, &mutation, err);

    if (algo != DIGEST_NONE) {
        response_header_borrowed(request, "x-amz-checksum-algorithm", checksum_algo_name(algo));
        response_header_borrowed(request, "x-amz-checksum-type", checksum_type_name(type));
    }
    char id[UPLOAD_ID_TEXT_BYTES];
    upload_id_format(mutation.upload, id);
    struct buf *out = response_xml(request, 200);
    xml_begin_document(out, SPAN("InitiateMultipartUploadResult"));
    xml_text(out, SPAN("Bucket"), request->target.bucket);
    xml_text(out, SPAN("Key"), request->target.key);
    xml_text(out, SPAN("UploadId"), span_str(id));
    xml_close(out, SPAN("InitiateMultipartUploadResult"));
    return S3_OK;
}
