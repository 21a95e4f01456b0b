#include "daemon/respond.h"

#include "daemon/console.h"
#include "daemon/cors_respond.h"
#include "daemon/daemon.h"
#include "daemon/origin.h"
#include "daemon/query.h"
#include "xml_write.h"

enum { ERROR_DOCUMENT_MAX_BYTES = 512 * 1024 };

/* What an operation may say of an error beside its code. */
static bool stays_with_error(const struct header *header)
{
    static const struct span names[] = {
        SPAN("x-amz-delete-marker"),
        SPAN("x-amz-version-id"),
        SPAN("x-amz-bucket-region"),
        SPAN("Allow"),
        SPAN("Content-Range"),
        SPAN("Last-Modified"),
        SPAN("x-lakegate-zone"),
        SPAN("x-lakegate-duplicate-of"),
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (span_eq_nocase(header->name, names[i]))
            return true;
    return false;
}

static void drop_result(struct response *response, bool keep_headers)
{
    size_t kept = 0;
    for (size_t i = 0; i < response->header_count; i++)
        if (keep_headers || stays_with_error(&response->headers[i]))
            response->headers[kept++] = response->headers[i];
    response->header_count = kept;
    response->kind = RESPONSE_EMPTY;
    if (!keep_headers)
        response->has_content_length = false;
    buf_free(&response->buffer);
    blob_close(TAKE(response->reader));
    stream_close(&response->stream);
}

/* The fields that AWS gives of itself with these codes. */
static void add_usual_fields(struct request *request)
{
    static const struct {
        enum s3_err err;
        struct span name, opening;
        bool is_key;
    } usual[] = {
        {S3_ERR_NO_SUCH_KEY, SPAN("Key"), SPAN("<Key>"), true},
        {S3_ERR_NO_SUCH_BUCKET, SPAN("BucketName"), SPAN("<BucketName>"), false},
        {S3_ERR_BUCKET_NOT_EMPTY, SPAN("BucketName"), SPAN("<BucketName>"), false},
        {S3_ERR_BUCKET_ALREADY_EXISTS, SPAN("BucketName"), SPAN("<BucketName>"), false},
        {S3_ERR_BUCKET_ALREADY_OWNED_BY_YOU, SPAN("BucketName"), SPAN("<BucketName>"), false},
        {S3_ERR_METHOD_NOT_ALLOWED, SPAN("Method"), SPAN("<Method>"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
        if (usual[i].err != request->err ||
            span_find(request->err_fields, usual[i].opening, 0) != SIZE_MAX)
            continue;
        struct span text = usual[i].is_key ? request->target.key : request->target.bucket;
        if (usual[i].err == S3_ERR_METHOD_NOT_ALLOWED)
            text = request->method_text;
        request_error_field(request, usual[i].name, text);
    }
}

static void write_error(struct request *request, struct buf *out)
{
    const struct s3_err_info *info = s3_err_info(request->err);
    struct span path = request->target.path;
    xml_begin_document_plain(out, SPAN("Error"));
    xml_text(out, SPAN("Code"), span_str(info->code));
    xml_text(out, SPAN("Message"),
        span_present(request->err_detail) ? request->err_detail : span_str(info->message));
    buf_add(out, request->err_fields);
    xml_text(out, SPAN("Resource"), span_present(path) ? path : SPAN("/"));
    xml_text(out, SPAN("RequestId"), span_str(request->id));
    xml_text(out, SPAN("HostId"), span_str(request->daemon->host_id));
    xml_close(out, SPAN("Error"));
}

/* As S3 Control has them. src: AWS restXml protocol, "Operation error serialization" */
static void write_control_error(struct request *request, struct buf *out)
{
    const struct s3_err_info *info = s3_err_info(request->err);
    xml_begin_document_in(out, SPAN("ErrorResponse"), XML_S3_CONTROL);
    xml_open(out, SPAN("Error"));
    xml_text(out, SPAN("Code"), span_str(info->code));
    xml_text(out, SPAN("Message"),
        span_present(request->err_detail) ? request->err_detail : span_str(info->message));
    buf_add(out, request->err_fields);
    xml_close(out, SPAN("Error"));
    xml_text(out, SPAN("RequestId"), span_str(request->id));
    xml_text(out, SPAN("HostId"), span_str(request->daemon->host_id));
    xml_close(out, SPAN("ErrorResponse"));
}

/* HeadBucket is how clients ask for the region of a bucket: without a signature, or with one for another region.
 * src: AWS SDK for Go, "GetBucketRegion"; botocore, S3RegionRedirector */
static bool tells_region(const struct request *request)
{
    return request->method == METHOD_HEAD && request->target.scope == TARGET_BUCKET &&
           (request->err == S3_ERR_ACCESS_DENIED ||
               request->err == S3_ERR_AUTHORIZATION_HEADER_MALFORMED ||
               request->err == S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR);
}

static void respond_error(struct request *request)
{
    struct response *response = &request->response;
    bool not_modified = request->err == S3_ERR_NOT_MODIFIED;
    drop_result(response, not_modified);
    response->status = s3_err_info(request->err)->status;
    if (tells_region(request))
        response_header_borrowed(request, "x-amz-bucket-region", request_region(request));
    if (not_modified || request->method == METHOD_HEAD)
        return;
    response->kind = RESPONSE_BUFFER;
    buf_init(&response->buffer, ERROR_DOCUMENT_MAX_BYTES);
    if (query_is_door(request->op)) {
        response->status = query_write_error(request, &response->buffer);
    } else if (request->target.scope == TARGET_CONTROL) {
        write_control_error(request, &response->buffer);
    } else {
        add_usual_fields(request);
        write_error(request, &response->buffer);
    }
    response_header_borrowed(request, "Content-Type", SPAN("application/xml"));
}

/* err: what the store says of the blob */
static enum s3_err read_whole(struct request *request)
{
    struct response *response = &request->response;
    size_t length = (size_t)response->blob_length, done = 0;
    buf_free(&response->buffer);
    buf_init(&response->buffer, RESPOND_WHOLE_MAX_BYTES + 64);
    char *bytes = buf_reserve(&response->buffer, length > 0 ? length : 1);
    if (bytes == NULL)
        return FAIL(request, INTERNAL, NULL);
    while (done < length) {
        size_t got = 0;
        enum storage_err err = blob_read(response->reader, response->blob_offset + done,
            bytes + done, length - done, request_verify_reads(request), &got);
        if (err != STORAGE_OK)
            return FAIL_STORAGE(request, err);
        if (got == 0)
            return FAIL_STORAGE(request, STORAGE_CORRUPT);
        done += got;
    }
    buf_commit(&response->buffer, length);
    response->kind = RESPONSE_BUFFER;
    blob_close(TAKE(response->reader));
    return S3_OK;
}

static enum s3_err complete(struct request *request)
{
    struct response *response = &request->response;
    if (request->err != S3_OK)
        return request->err;
    if (request->arena.overflow || response->status == 0)
        return FAIL(request, INTERNAL, NULL);
    if (response->kind == RESPONSE_BUFFER && !buf_ok(&response->buffer))
        return FAIL(request, INTERNAL, NULL);
    if (response->kind == RESPONSE_BLOB && request->method == METHOD_HEAD) {
        response->content_length = response->blob_length;
        response->has_content_length = true;
        response->kind = RESPONSE_EMPTY;
    }
    if (response->kind == RESPONSE_STREAM && request->method == METHOD_HEAD) {
        stream_close(&response->stream);
        response->has_content_length = true;
        response->kind = RESPONSE_EMPTY;
    }
    if (response->kind == RESPONSE_BLOB && response->blob_length <= RESPOND_WHOLE_MAX_BYTES)
        return read_whole(request);
    return S3_OK;
}

void respond(struct request *request)
{
    if (complete(request) != S3_OK)
        respond_error(request);
    cors_respond(request);
    response_header_borrowed(request, "x-amz-request-id", span_str(request->id));
    response_header_borrowed(request, "x-amz-id-2", span_str(request->daemon->host_id));
    response_header_borrowed(request, "Server", SPAN("Lakegate"));
    response_header_borrowed(request, "X-Content-Type-Options", SPAN("nosniff"));
    if (!console_has_policy(request) && origin_is_sandboxed(request))
        response_header_borrowed(request, "Content-Security-Policy", SPAN("sandbox"));
    if (request->response.status == 503)
        response_header_borrowed(request, "Retry-After", SPAN("1"));
}
