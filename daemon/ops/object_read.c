#include "daemon/ops/object_read.h"

#include "checksum.h"
#include "daemon/acl.h"
#include "daemon/metadata.h"
#include "daemon/object_tags.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/object_common.h"
#include "daemon/storage_class.h"
#include "daemon/zones.h"
#include "http_time.h"

struct read {
    struct object_info info;
    struct blob_reader *reader; /* borrowed from the response; NULL when none was needed */
    struct metadata_overrides overrides;
    bool has_part;
    uint64_t part_number; /* as asked */
    bool part_of_upload;  /* `part` is filled; else part 1 of an object that was put in one */
    struct part_info part;
    bool partial; /* 206 */
    struct byte_range range;
};

void object_validator_headers(struct request *request, const struct object_info *info)
{
    struct {
        char modified[HTTP_TIME_BYTES];
        char etag[ETAG_TEXT_BYTES];
    } *text = arena_alloc(&request->arena, sizeof(*text));
    if (text == NULL)
        return;
    http_time_format(info->modified_ms / 1000, text->modified);
    size_t etag_len = etag_format(&info->attributes.etag, text->etag);
    response_header_borrowed(
        request, "Last-Modified", span_of(text->modified, HTTP_TIME_BYTES - 1));
    response_header_borrowed(request, "ETag", span_of(text->etag, etag_len));
}

/* One look over the headers, since most reads have none of the four. */
static bool has_conditions(const struct header_list *headers)
{
    for (size_t i = 0; i < headers->count; i++)
        if (span_starts_nocase(headers->items[i].name, SPAN("if-")))
            return true;
    return false;
}

enum s3_err object_read_conditions(struct request *request, const struct object_info *info)
{
    if (!has_conditions(&request->headers))
        return S3_OK;
    struct conditions conditions;
    enum s3_err err = conditions_parse(&request->arena, &request->headers, SPAN(""), &conditions);
    if (err == S3_OK)
        err =
            conditions_check(&conditions, &info->attributes.etag, info->modified_ms / 1000, false);
    if (err == S3_ERR_PRECONDITION_FAILED)
        return object_condition_fail(
            request, conditions.if_match.present ? SPAN("If-Match") : SPAN("If-Unmodified-Since"));
    if (err == S3_ERR_NOT_MODIFIED) {
        object_validator_headers(request, info);
        object_version_header(request, &info->version);
        metadata_respond_not_modified(request, info->attributes.metadata);
        /* What is not sent has the length that it has: caches take it over. src: RFC 9110, section 8.6 */
        request->response.content_length = info->size_bytes;
        request->response.has_content_length = true;
        return FAIL(request, NOT_MODIFIED, NULL);
    }
    return err == S3_OK ? S3_OK : request_fail(request, err, NULL, __FILE__, __LINE__);
}

/* If-Range: does the range still mean this object? A weak ETag never does.
 * src: RFC 9110, section 13.1.5 */
static bool range_holds(const struct request *request, const struct object_info *info)
{
    struct span value = request_header(request, SPAN("if-range"));
    if (!span_present(value))
        return true;
    struct etag etag;
    if (etag_parse(value, &etag))
        return etag_eq(&etag, &info->attributes.etag);
    int64_t time_s;
    return http_time_parse(value, &time_s) && time_s == info->modified_ms / 1000;
}

static enum s3_err fail_range(struct request *request, struct span text, uint64_t size_bytes)
{
    struct span content_range =
        arena_format(&request->arena, "bytes */%llu", (unsigned long long)size_bytes);
    response_header_borrowed(request, "Content-Range", content_range);
    request_error_field(request, SPAN("RangeRequested"), text);
    request_error_field(request, SPAN("ActualObjectSize"), span_from(content_range, 8));
    return FAIL(request, INVALID_RANGE, NULL);
}

static enum s3_err choose_range(struct request *request, struct read *read)
{
    struct span text = request_header(request, SPAN("range"));
    read->range = (struct byte_range){0, read->info.size_bytes};
    if (!span_present(text) || header_conflicts(&request->headers, SPAN("range")) ||
        !range_holds(request, &read->info))
        return S3_OK;
    if (range_parse(text, read->info.size_bytes, &read->partial, &read->range) != S3_OK)
        return fail_range(request, text, read->info.size_bytes);
    return S3_OK;
}

static enum s3_err fail_part(struct request *request, const struct read *read)
{
    uint32_t count = read->info.attributes.etag.part_count;
    request_error_field(request, SPAN("ActualPartCount"),
        arena_format(&request->arena, "%u", count > 0 ? (unsigned)count : 1u));
    request_error_field(request, SPAN("PartNumberRequested"),
        arena_format(&request->arena, "%llu", (unsigned long long)read->part_number));
    return FAIL(request, INVALID_PART_NUMBER, NULL);
}

/* An object that was put in one piece is its own part 1. */
static enum s3_err choose_part(struct request *request, struct read *read)
{
    read->range = (struct byte_range){0, read->info.size_bytes};
    if (read->info.attributes.etag.part_count == 0) {
        if (read->part_number != 1)
            return fail_part(request, read);
        read->partial = read->info.size_bytes > 0;
        return S3_OK;
    }
    enum storage_err err = blob_part(read->reader, (uint32_t)read->part_number, &read->part);
    if (err == STORAGE_NO_SUCH_PART)
        return fail_part(request, read);
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    read->part_of_upload = true;
    read->range = (struct byte_range){read->part.offset_bytes, read->part.size_bytes};
    read->partial = read->range.length > 0;
    return S3_OK;
}

static enum s3_err read_part_number(struct request *request, struct read *read)
{
    if (request->target.query.count == 0)
        return S3_OK;
    struct span text = request_query(request, SPAN("partNumber"));
    if (!span_present(text))
        return S3_OK;
    read->has_part = true;
    if (!span_to_u64(text, &read->part_number) || read->part_number < 1 ||
        read->part_number > STORAGE_PART_MAX)
        return FAIL_ARGUMENT(request, "partNumber", text,
            "Part number must be an integer between 1 and 10000, inclusive");
    if (span_present(request_header(request, SPAN("range"))))
        return FAIL(request, INVALID_REQUEST,
            "Cannot specify both Range header and partNumber query parameter");
    return S3_OK;
}

/* The whole object's checksum with the whole object, a part's with a part; a range has none. The
 * type beside a part's is that of its object, as S3 has it. */
static void checksum_headers(struct request *request, const struct read *read)
{
    if (!span_eq_nocase(object_amz_header(request, SPAN("x-amz-checksum-mode")), SPAN("ENABLED")))
        return;
    struct checksum checksum = object_checksum(&read->info.attributes);
    if (read->part_of_upload && read->part.checksum.algo == checksum.algo)
        object_checksum_value_header(request, &read->part.checksum);
    else if (read->range.length == read->info.size_bytes)
        object_checksum_value_header(request, &checksum);
    else
        return;
    response_header_borrowed(request, "x-amz-checksum-type", checksum_type_name(checksum.type));
}

static void headers(struct request *request, const struct read *read)
{
    const struct object_info *info = &read->info;
    object_validator_headers(request, info);
    response_header_borrowed(request, "Accept-Ranges", SPAN("bytes"));
    if (read->partial)
        response_header_borrowed(request, "Content-Range",
            arena_format(&request->arena, "bytes %llu-%llu/%llu",
                (unsigned long long)read->range.offset,
                (unsigned long long)(read->range.offset + read->range.length - 1),
                (unsigned long long)info->size_bytes));
    object_version_header(request, &info->version);
    if (info->attributes.storage_class != STORAGE_CLASS_STANDARD)
        response_header_borrowed(
            request, "x-amz-storage-class", storage_class_name(info->attributes.storage_class));
    if (read->has_part && info->attributes.etag.part_count > 0)
        response_header_u64(request, "x-amz-mp-parts-count", info->attributes.etag.part_count);
    checksum_headers(request, read);
    zones_duplicate_header(request, info->duplicate_of);
    object_tags_count_header(request, object_tags_count(info->attributes.metadata));
    metadata_respond(request, info->attributes.metadata, &read->overrides);
}

static enum s3_err look_up(struct request *request, bool with_body, struct read *read)
{
    struct version_ref ref = {.select = VERSION_NEWEST};
    if (request->target.query.count > 0)
        TRY(argument_version(request, &ref));
    enum storage_err err;
    if (with_body || read->has_part) {
        err = storage_object_open(request_store(request), request->bucket.id, request->target.key,
            ref, &request->arena, &read->info, &read->reader);
        request->response.reader = read->reader;
    } else {
        err = storage_object_get(request_store(request), request->bucket.id, request->target.key,
            ref, &request->arena, &read->info);
    }
    if (err != STORAGE_OK)
        return object_read_fail(request, err, &ref, &read->info);
    return acl_still_holds(request, request->bucket.id, request->target.key, &read->info);
}

enum s3_err object_read(struct request *request, bool with_body, struct byte_range *ret_range)
{
    struct read read = {.reader = NULL};
    TRY(object_refuse_unsupported(request, OBJECT_READ));
    TRY(metadata_overrides_read(request, &read.overrides));
    TRY(read_part_number(request, &read));
    TRY(look_up(request, with_body, &read));
    TRY(object_read_conditions(request, &read.info));
    TRY(read.has_part ? choose_part(request, &read) : choose_range(request, &read));
    headers(request, &read);
    request->response.status = read.partial ? 206 : 200;
    *ret_range = read.range;
    return S3_OK;
}
