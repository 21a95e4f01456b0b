#include "daemon/ops/upload_common.h"

#include "daemon/initiator.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/object_common.h"

enum s3_err upload_no_such(struct request *request)
{
    request_error_field(request, SPAN("UploadId"), request_query(request, SPAN("uploadId")));
    return FAIL(request, NO_SUCH_UPLOAD, NULL);
}

enum s3_err request_upload(struct request *request, struct upload_info *ret_upload)
{
    struct upload_id id;
    TRY(argument_upload(request, &id));
    enum storage_err err = storage_upload_get(request_store(request), request->bucket.id,
        request->target.key, id, &request->arena, ret_upload);
    if (err == STORAGE_NO_SUCH_UPLOAD)
        return upload_no_such(request);
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    return initiator_check(request, ret_upload);
}

enum s3_err request_upload_open(struct request *request, struct upload_info *ret_upload)
{
    TRY(request_upload(request, ret_upload));
    return ret_upload->completed ? upload_no_such(request) : S3_OK;
}

enum s3_err upload_part_number(struct request *request, uint32_t *ret_number)
{
    struct span text = request_query(request, SPAN("partNumber"));
    uint64_t number;
    if (!span_to_u64(text, &number) || number < 1 || number > STORAGE_PART_MAX)
        return FAIL_ARGUMENT(request, "partNumber", text,
            "Part number must be an integer between 1 and 10000, inclusive");
    *ret_number = (uint32_t)number;
    return S3_OK;
}

enum s3_err upload_admit(struct request *request)
{
    uint32_t number;
    struct upload_info upload;
    TRY(object_refuse_unsupported(request, OBJECT_WRITE));
    if (request->op->run != op_upload_part)
        return S3_OK;
    TRY(upload_part_number(request, &number));
    return request_upload_open(request, &upload);
}

const char *upload_algo_text(enum digest_algo algo)
{
    static const char *const names[] = {
        [DIGEST_NONE] = "null",
        [DIGEST_CRC32] = "crc32",
        [DIGEST_CRC32C] = "crc32c",
        [DIGEST_SHA1] = "sha1",
        [DIGEST_SHA256] = "sha256",
        [DIGEST_CRC64NVME] = "crc64nvme",
    };
    return (size_t)algo < ARRAY_LEN(names) ? names[algo] : "null";
}

enum s3_err upload_checksum_mismatch(
    struct request *request, enum digest_algo expected, enum digest_algo actual)
{
    struct span message = arena_format(&request->arena,
        "Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
        upload_algo_text(expected), upload_algo_text(actual));
    return FAIL(request, INVALID_REQUEST, message.ptr);
}
