/* GetObjectAttributes: what HeadObject tells, and the parts of a multipart object with their
 * checksums. src: Amazon S3 API Reference, "GetObjectAttributes" */
#include "checksum.h"
#include "conditions.h"
#include "daemon/acl.h"
#include "daemon/authorize.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/object_common.h"
#include "daemon/storage_class.h"
#include "http_time.h"
#include "xml_write.h"

enum { PARTS_PAGE_MAX = 1000 };

enum attribute {
    WANTS_ETAG = 1,
    WANTS_CHECKSUM = 2,
    WANTS_PARTS = 4,
    WANTS_CLASS = 8,
    WANTS_SIZE = 16,
};

static const struct {
    struct span name;
    enum attribute attribute;
} attributes[] = {
    {SPAN("ETag"), WANTS_ETAG},
    {SPAN("Checksum"), WANTS_CHECKSUM},
    {SPAN("ObjectParts"), WANTS_PARTS},
    {SPAN("StorageClass"), WANTS_CLASS},
    {SPAN("ObjectSize"), WANTS_SIZE},
};

struct asked {
    unsigned wants;
    uint64_t max_parts;
    uint64_t after;
};

static enum s3_err add_names(struct request *request, struct span names, unsigned *wants)
{
    struct span name;
    while (span_split(&names, ',', &name)) {
        unsigned found = 0;
        name = span_trim(name);
        for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
            if (span_eq(attributes[i].name, name))
                found = (unsigned)attributes[i].attribute;
        if (found == 0)
            return FAIL_ARGUMENT(
                request, "x-amz-object-attributes", name, "Invalid attribute name specified.");
        *wants |= found;
    }
    return S3_OK;
}

static enum s3_err read_number(
    struct request *request, const char *name, uint64_t fallback, uint64_t *ret_number)
{
    struct span text = object_amz_header(request, span_str(name));
    uint64_t number = fallback;
    if (span_present(text) && (!span_to_u64(text, &number) || number > INT32_MAX))
        return FAIL_ARGUMENT(request, name, text, NULL);
    *ret_number = number;
    return S3_OK;
}

/* The names may come in one header or in several: SDKs do both. */
static enum s3_err read_query(struct request *request, struct asked *ret_query)
{
    struct asked query = {0};
    const struct span name = SPAN("x-amz-object-attributes");
    size_t count = header_count(&request->headers, name);
    for (size_t i = 0; i < request->headers.count; i++)
        if (span_eq_nocase(request->headers.items[i].name, name))
            TRY(add_names(request, request->headers.items[i].value, &query.wants));
    if (count == 0)
        TRY(add_names(request, object_amz_header(request, name), &query.wants));
    if (query.wants == 0)
        return FAIL(request, INVALID_REQUEST,
            "The x-amz-object-attributes header specifying the attributes to be retrieved is "
            "either "
            "missing or empty");
    TRY(read_number(request, "x-amz-max-parts", PARTS_PAGE_MAX, &query.max_parts));
    TRY(read_number(request, "x-amz-part-number-marker", 0, &query.after));
    if (query.max_parts > PARTS_PAGE_MAX)
        query.max_parts = PARTS_PAGE_MAX;
    *ret_query = query;
    return S3_OK;
}

/* Without "-N": here AWS leaves it out. */
static void write_checksum(struct buf *out, const struct object_info *info)
{
    struct checksum checksum = object_checksum(&info->attributes);
    enum checksum_type type = checksum.type;
    checksum.type = CHECKSUM_FULL_OBJECT;
    xml_open(out, SPAN("Checksum"));
    object_checksum_xml(out, &checksum, false);
    xml_text(out, SPAN("ChecksumType"), checksum_type_name(type));
    xml_close(out, SPAN("Checksum"));
}

/* A part shows its checksum by the object's algorithm. */
static void write_part(
    struct buf *out, const struct object_info *info, const struct part_info *part)
{
    xml_open(out, SPAN("Part"));
    xml_u64(out, SPAN("PartNumber"), part->number);
    xml_u64(out, SPAN("Size"), part->size_bytes);
    enum digest_algo algo = object_checksum(&info->attributes).algo;
    struct checksum checksum =
        algo == DIGEST_CRC64NVME ? checksum_of_crc64nvme(part->crc64nvme) : part->checksum;
    if (checksum.algo == algo)
        object_checksum_xml(out, &checksum, false);
    xml_close(out, SPAN("Part"));
}

static enum s3_err write_parts(struct request *request, struct buf *out, const struct asked *query,
    const struct object_info *info, struct blob_reader *reader)
{
    struct part_page page = {.total = info->attributes.etag.part_count};
    if (query->max_parts > 0 && query->after < STORAGE_PART_MAX) {
        enum storage_err err = blob_parts(
            reader, (uint32_t)query->after, (size_t)query->max_parts, &request->arena, &page);
        if (err != STORAGE_OK)
            return FAIL_STORAGE(request, err);
    }
    xml_open(out, SPAN("ObjectParts"));
    xml_u64(out, SPAN("PartsCount"), page.total);
    xml_u64(out, SPAN("PartNumberMarker"), query->after);
    xml_u64(
        out, SPAN("NextPartNumberMarker"), page.count > 0 ? page.items[page.count - 1].number : 0);
    xml_u64(out, SPAN("MaxParts"), query->max_parts);
    xml_bool(out, SPAN("IsTruncated"), page.truncated);
    for (size_t i = 0; i < page.count; i++)
        write_part(out, info, &page.items[i]);
    xml_close(out, SPAN("ObjectParts"));
    return S3_OK;
}

static enum s3_err respond(
    struct request *request, const struct asked *query, const struct object_info *info)
{
    char modified[HTTP_TIME_BYTES];
    http_time_format(info->modified_ms / 1000, modified);
    response_header(request, "Last-Modified", span_of(modified, HTTP_TIME_BYTES - 1));
    object_version_header(request, &info->version);
    struct buf *out = response_xml(request, 200);
    xml_begin_document(out, SPAN("GetObjectAttributesResponse"));
    if (query->wants & WANTS_ETAG) {
        struct span quoted = object_etag_text(request, &info->attributes.etag);
        if (quoted.len > 2)
            xml_text(out, SPAN("ETag"), span_first(span_from(quoted, 1), quoted.len - 2));
    }
    if (query->wants & WANTS_CHECKSUM)
        write_checksum(out, info);
    if (query->wants & WANTS_PARTS && info->attributes.etag.part_count > 0)
        TRY(write_parts(request, out, query, info, request->response.reader));
    if (query->wants & WANTS_CLASS)
        xml_text(out, SPAN("StorageClass"), storage_class_name(info->attributes.storage_class));
    if (query->wants & WANTS_SIZE)
        xml_u64(out, SPAN("ObjectSize"), info->size_bytes);
    xml_close(out, SPAN("GetObjectAttributesResponse"));
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

enum s3_err op_get_object_attributes(struct request *request)
{
    struct asked query = {0};
    struct version_ref ref;
    struct object_info info;
    TRY(object_refuse_unsupported(request, OBJECT_READ));
    TRY(read_query(request, &query));
    TRY(argument_version(request, &ref));
    bool newest = ref.select == VERSION_NEWEST;
    struct access_ask ask = {.action = newest ? "s3:GetObject" : "s3:GetObjectVersion",
        .bucket = &request->bucket,
        .key = request->target.key,
        .version_id = newest ? SPAN_ABSENT : request_query(request, SPAN("versionId"))};
    TRY(authorize_ask(request, &ask));
    enum storage_err err =
        query.wants & WANTS_PARTS
            ? storage_object_open(request_store(request), request->bucket.id, request->target.key,
                  ref, &request->arena, &info, &request->response.reader)
            : storage_object_get(request_store(request), request->bucket.id, request->target.key,
                  ref, &request->arena, &info);
    if (err != STORAGE_OK)
        return object_read_fail(request, err, &ref, &info);
    TRY(acl_still_holds(request, request->bucket.id, request->target.key, &info));
    return respond(request, &query, &info);
}
