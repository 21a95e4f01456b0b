#include "daemon/ops/arguments.h"

#include "daemon/upload_id.h"
#include "daemon/version_id.h"

enum s3_err argument_fail(struct request *request, const char *name, struct span value,
    const char *detail, const char *file, int line)
{
    request_error_field(request, SPAN("ArgumentName"), span_str(name));
    request_error_field(request, SPAN("ArgumentValue"), value);
    return request_fail(request, S3_ERR_INVALID_ARGUMENT, detail, file, line);
}

/* False when text is no integer of 32 bits. Leading zeros do not count, however many. */
static bool read_int32(struct span text, int32_t *ret_value)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    struct span digits = span_from(text, negative ? 1 : 0);
    if (digits.len == 0)
        return false;
    int64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return false;
        value = value * 10 + (digits.ptr[i] - '0');
        if (value > (int64_t)INT32_MAX + 1)
            return false;
    }
    if (negative)
        value = -value;
    if (value > INT32_MAX)
        return false;
    *ret_value = (int32_t)value;
    return true;
}

enum s3_err argument_int32(
    struct request *request, const char *name, int32_t fallback, int32_t *ret_value)
{
    struct span text = request_query(request, span_str(name));
    if (text.len == 0) {
        *ret_value = fallback;
        return S3_OK;
    }
    if (read_int32(text, ret_value))
        return S3_OK;
    struct span detail =
        arena_format(&request->arena, "Provided %s not an integer or within integer range", name);
    return FAIL_ARGUMENT(request, name, text, detail.ptr);
}

enum s3_err argument_not_negative(struct request *request, const char *shown, int32_t value)
{
    if (value >= 0)
        return S3_OK;
    struct span detail = arena_format(
        &request->arena, "Argument %s must be an integer between 0 and %d", shown, INT32_MAX);
    struct span text = arena_format(&request->arena, "%d", value);
    return FAIL_ARGUMENT(request, shown, text, detail.ptr);
}

enum s3_err argument_text(struct request *request, const char *name, struct span *ret_text)
{
    struct span text = request_query(request, span_str(name));
    if (span_find_char(text, '\0', 0) != SIZE_MAX)
        return FAIL_ARGUMENT(request, name, SPAN_ABSENT,
            "Value must be a sequence of Unicode characters and cannot include Null.");
    *ret_text = text;
    return S3_OK;
}

enum s3_err argument_version(struct request *request, struct version_ref *ret_version)
{
    struct span text = request_query(request, SPAN("versionId"));
    const char *detail = NULL;
    if (version_id_parse(text, ret_version, &detail) == S3_OK)
        return S3_OK;
    return FAIL_ARGUMENT(request, "versionId", text, detail);
}

enum s3_err argument_upload(struct request *request, struct upload_id *ret_upload)
{
    struct span text = request_query(request, SPAN("uploadId"));
    if (upload_id_parse(text, ret_upload) == S3_OK)
        return S3_OK;
    request_error_field(request, SPAN("UploadId"), text);
    return FAIL(request, NO_SUCH_UPLOAD, NULL);
}
