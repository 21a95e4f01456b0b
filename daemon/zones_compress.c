#include "daemon/metadata.h"
#include "daemon/ops/upload_common.h"
#include "daemon/upload_id.h"
#include "daemon/zones.h"
#include "storage/storage_uploads.h"

/* Is this a type of text? Parameters behind ";" do not count.
 * src: RFC 6838, section 4.2.8 (suffixes); IANA's media types */
static bool is_text(struct span type)
{
    static const char *const types[] = {"application/json", "application/xml", "application/sql",
        "application/x-ndjson", "application/jsonl", "application/x-jsonlines",
        "application/javascript", "application/yaml", "application/x-yaml", "application/csv",
        "application/toml", "application/graphql", "application/x-sh", "image/svg+xml"};
    struct span rest = type, name;
    if (!span_split(&rest, ';', &name))
        return false;
    name = span_trim(name);
    if (span_starts_nocase(name, SPAN("text/")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (span_eq_nocase(name, span_str(types[i])))
            return true;
    return span_ends(name, SPAN("+json")) || span_ends(name, SPAN("+xml")) ||
           span_ends(name, SPAN("+yaml"));
}

static bool is_wanted(struct span type, struct span encoding)
{
    return is_text(type) && (!span_present(encoding) || encoding.len == 0);
}

/* A part is what its upload was said to be. One that is not there is refused by the operation. */
static enum s3_err of_upload(struct request *request, bool *ret_compress)
{
    struct upload_info upload;
    struct upload_id id;
    if (upload_id_parse(request_query(request, SPAN("uploadId")), &id) != S3_OK)
        return S3_OK;
    enum storage_err err = storage_upload_get(request_store(request), request->bucket.id,
        request->target.key, id, &request->arena, &upload);
    if (err == STORAGE_NO_SUCH_UPLOAD)
        return S3_OK;
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    struct span kept = upload.attributes.metadata;
    *ret_compress = is_wanted(metadata_header(kept, METADATA_CONTENT_TYPE),
        metadata_header(kept, METADATA_CONTENT_ENCODING));
    return S3_OK;
}

enum s3_err zones_compress_kept(struct request *request, struct span metadata, bool *ret_compress)
{
    struct zone_of zone = {0};
    TRY(zones_of(request, &request->bucket, request->target.key, &zone));
    *ret_compress = zone.rule != NULL && zone.rule->compress &&
                    is_wanted(metadata_header(metadata, METADATA_CONTENT_TYPE),
                        metadata_header(metadata, METADATA_CONTENT_ENCODING));
    return S3_OK;
}

enum s3_err zones_compress(struct request *request, bool *ret_compress)
{
    struct zone_of zone = {0};
    *ret_compress = false;
    if (request->bucket.id == 0)
        return S3_OK;
    TRY(zones_of(request, &request->bucket, request->target.key, &zone));
    if (zone.rule == NULL || !zone.rule->compress)
        return S3_OK;
    if (request->op->run == op_upload_part)
        return of_upload(request, ret_compress);
    struct span encoded;
    TRY(metadata_read(request, &encoded)); /* "aws-chunked" is no encoding */
    *ret_compress = is_wanted(metadata_header(encoded, METADATA_CONTENT_TYPE),
        metadata_header(encoded, METADATA_CONTENT_ENCODING));
    return S3_OK;
}
