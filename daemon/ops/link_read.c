/* GetObject, HeadObject and GetObjectTagging of a linked bucket: asked of the source, conditions, ranges and parts
 * included, and answered with its headers. The body streams: a slow client pauses the transfer, and a source that
 * breaks off breaks the answer off. */
#include "checksum.h"
#include "conditions.h"
#include "daemon/metadata.h"
#include "daemon/object_tags.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/link_ops.h"
#include "daemon/ops/object_common.h"
#include "daemon/remote_pipe.h"
#include "http_time.h"
#include "xml_write.h"

/* Stands in for the size, which is not known yet. */
#define SIZE_ANY (UINT64_C(1) << 62)

static enum s3_err read_range(struct request *request, struct remote_get *get)
{
    struct span text = request_header(request, SPAN("range"));
    struct byte_range range = {0, 0};
    bool is_range = false;
    /* Without its condition being looked at the whole object is an answer, too: RFC 9110, 13.1.5. */
    if (!span_present(text) || span_present(request_header(request, SPAN("if-range"))))
        return S3_OK;
    if (range_parse(text, SIZE_ANY, &is_range, &range) != S3_OK)
        return FAIL(request, INVALID_RANGE, NULL);
    bool to_the_end = range.offset + range.length == SIZE_ANY;
    get->suffix_range = is_range && to_the_end && range.offset > SIZE_ANY / 2;
    get->has_range = is_range && !get->suffix_range;
    get->first = range.offset;
    get->last = get->suffix_range ? range.length
                : to_the_end      ? UINT64_MAX
                                  : range.offset + range.length - 1;
    return S3_OK;
}

static enum s3_err read_part_number(struct request *request, struct remote_get *get)
{
    struct span text = request_query(request, SPAN("partNumber"));
    uint64_t number = 0;
    if (!span_present(text))
        return S3_OK;
    if (!span_to_u64(text, &number) || number < 1 || number > STORAGE_PART_MAX)
        return FAIL_ARGUMENT(request, "partNumber", text,
            "Part number must be an integer between 1 and 10000, inclusive");
    if (get->has_range || get->suffix_range)
        return FAIL(request, INVALID_REQUEST,
            "Cannot specify both Range header and partNumber query parameter");
    get->part_number = (uint32_t)number;
    return S3_OK;
}

static enum s3_err read_request(struct request *request, struct remote_get *ret_get)
{
    struct remote_get get = {
        .if_match = request_header(request, SPAN("if-match")),
        .if_none_match = request_header(request, SPAN("if-none-match")),
        .if_modified_since = request_header(request, SPAN("if-modified-since")),
        .if_unmodified_since = request_header(request, SPAN("if-unmodified-since")),
        .version_id = request_query(request, SPAN("versionId")),
    };
    TRY(object_refuse_unsupported(request, OBJECT_READ));
    TRY(read_range(request, &get));
    TRY(read_part_number(request, &get));
    TRY(link_key(request, request->link, request->target.key, &get.key));
    *ret_get = get;
    return S3_OK;
}

/* The source's checksum headers, for who wants them. */
static void checksum_headers(struct request *request, const struct remote_object *object)
{
    struct span type = header_find(&object->headers, SPAN("x-amz-checksum-type"));
    if (object->checksum.algo == DIGEST_NONE ||
        !span_eq_nocase(object_amz_header(request, SPAN("x-amz-checksum-mode")), SPAN("ENABLED")))
        return;
    object_checksum_value_header(request, &object->checksum);
    enum checksum_type known;
    if (span_present(type) && checksum_type_by_name(type, &known))
        response_header_borrowed(request, "x-amz-checksum-type", checksum_type_name(known));
}

/* object's texts are the arena's. */
static enum s3_err respond(struct request *request, const struct remote_object *object)
{
    struct metadata_overrides overrides;
    struct span metadata;
    TRY(metadata_overrides_read(request, &overrides));
    TRY(metadata_read_from(request, &object->headers, &metadata));
    if (object->modified_ms != 0) {
        char modified[HTTP_TIME_BYTES];
        http_time_format(object->modified_ms / 1000, modified);
        response_header(request, "Last-Modified", span_of(modified, HTTP_TIME_BYTES - 1));
    }
    response_header_borrowed(request, "ETag", object->etag_text);
    response_header_borrowed(request, "Accept-Ranges", SPAN("bytes"));
    if (span_present(header_find(&object->headers, SPAN("content-range"))) &&
        object->content_length > 0)
        response_header_borrowed(request, "Content-Range",
            arena_format(&request->arena, "bytes %llu-%llu/%llu", (unsigned long long)object->first,
                (unsigned long long)(object->first + object->content_length - 1),
                (unsigned long long)object->size_bytes));
    if (object->parts_count > 0)
        response_header_u64(request, "x-amz-mp-parts-count", object->parts_count);
    checksum_headers(request, object);
    object_tags_count_header(request, object->tag_count);
    metadata_respond(request, metadata, &overrides);
    request->response.status = object->status;
    return request->arena.overflow ? FAIL(request, INTERNAL, NULL) : S3_OK;
}

enum s3_err link_head_object(struct request *request)
{
    struct remote_get get;
    struct remote_object object;
    struct remote_failure failure;
    TRY(read_request(request, &get));
    TRY(link_enter(request, request->link));
    enum remote_err err =
        remote_head(request->link->remote, &request->arena, &get, &object, &failure);
    link_leave(request);
    if (err != REMOTE_OK)
        return link_fail(request, &request->bucket, request->target.key, &failure);
    TRY(respond(request, &object));
    request->response.has_content_length = true;
    request->response.content_length = object.content_length;
    return S3_OK;
}

enum s3_err link_get_object(struct request *request)
{
    struct remote_get get;
    struct remote_object object;
    struct remote_failure failure;
    struct remote_pipe *pipe = NULL;
    TRY(read_request(request, &get));
    TRY(link_enter(request, request->link));
    enum remote_err err =
        remote_pipe_open(request->link->remote, &get, &request->arena, &object, &pipe, &failure);
    link_leave(request);
    if (err != REMOTE_OK)
        return link_fail(request, &request->bucket, request->target.key, &failure);
    enum s3_err responded = respond(request, &object);
    if (responded != S3_OK) {
        remote_pipe_close(pipe);
        return responded;
    }
    struct stream_source source = remote_pipe_stream(pipe);
    return response_stream(request, object.status, &source, object.content_length);
}

enum s3_err link_tags(struct request *request, const struct link *link,
    const struct bucket_info *bucket, struct span key, struct span version_id,
    struct tags *ret_tags)
{
    struct remote_failure failure;
    struct span there;
    TRY(link_key(request, link, key, &there));
    TRY(link_enter(request, link));
    enum remote_err err =
        remote_tags(link->remote, &request->arena, there, version_id, ret_tags, &failure);
    link_leave(request);
    if (err == REMOTE_DENIED || err == REMOTE_REFUSED)
        *ret_tags = (struct tags){NULL, 0};
    else if (err != REMOTE_OK)
        return link_fail(request, bucket, key, &failure);
    return S3_OK;
}

enum s3_err link_object_tagging(struct request *request)
{
    struct tags tags;
    TRY(link_tags(request, request->link, &request->bucket, request->target.key,
        request_query(request, SPAN("versionId")), &tags));
    struct buf *out = response_xml(request, 200);
    tagging_write(out, &tags);
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}
