/* CompleteMultipartUpload: checks the list of parts against what was uploaded, makes ETag and
 * checksums out of the parts', and commits one record. The commit fails with STORAGE_CHANGED when a
 * part came in between, and then everything is checked anew. Repeated with the same parts it
 * answers as before. src: Amazon S3 API Reference, "CompleteMultipartUpload" */
#include "bodies.h"
#include "checksum.h"
#include "daemon/lineage.h"
#include "daemon/ops/complete_parts.h"
#include "daemon/ops/object_common.h"
#include "daemon/ops/upload_common.h"
#include "daemon/origin.h"
#include "daemon/zones.h"
#include "xml_write.h"

/* Of the parts of one try: 10,000 and what is chosen of them. */
enum { TRY_ARENA_BYTES = 4 * 1024 * 1024 };

struct complete {
    struct complete_body body;
    struct complete_claims claims;
    uint8_t parts_hash[MD5_BYTES];
    struct mutation template; /* what every try begins with */
    struct mutation mutation;
    struct object_info result; /* what the upload became */
};

/* As sent, but for the last part of it: path or virtual-host style, encoding and all. */
static struct span location(struct request *request)
{
    struct span origin = origin_url(request), prefix = origin_prefix(request);
    struct span path = request->target.raw_path;
    if (span_starts(path, prefix)) /* the origin has it */
        path = span_from(path, prefix.len);
    struct buf out CLEANUP(buf_free);
    buf_init(&out, origin.len + path.len + 16);
    buf_add(&out, origin);
    buf_add(&out, path);
    return buf_ok(&out) ? arena_copy(&request->arena, buf_span(&out)) : SPAN_ABSENT;
}

static enum s3_err respond(struct request *request, const struct complete *complete)
{
    const struct object_info *result = &complete->result;
    struct checksum checksum = object_checksum(&result->attributes);
    object_version_header(request, &result->version);
    struct buf *out = response_xml(request, 200);
    xml_begin_document(out, SPAN("CompleteMultipartUploadResult"));
    xml_text(out, SPAN("Location"), location(request));
    xml_text(out, SPAN("Bucket"), request->target.bucket);
    xml_text(out, SPAN("Key"), request->target.key);
    xml_text(out, SPAN("ETag"), object_etag_text(request, &result->attributes.etag));
    object_checksum_xml(out, &checksum, true);
    xml_close(out, SPAN("CompleteMultipartUploadResult"));
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

static enum s3_err read_request(struct request *request, struct complete *complete)
{
    TRY(object_refuse_unsupported(request, OBJECT_WRITE));
    complete->template = object_mutation(request, MUTATION_COMPLETE_UPLOAD);
    TRY(object_write_conditions(request, &complete->template));
    enum s3_err err =
        complete_multipart_parse(&request->arena, request->body.text, &complete->body);
    if (err != S3_OK)
        return request_fail(request, err, NULL, __FILE__, __LINE__);
    TRY(complete_claims_read(request, &complete->claims));
    complete_parts_hash(&complete->body, complete->parts_hash);
    return S3_OK;
}

static uint64_t chosen_size(const struct part_page *page, const struct mutation *mutation)
{
    uint64_t size_bytes = 0;
    size_t part = 0; /* both are in ascending order */
    for (size_t i = 0; i < mutation->complete.part_count; i++) {
        while (part < page->count && page->items[part].number < mutation->complete.parts[i].number)
            part++;
        if (part < page->count)
            size_bytes += page->items[part].size_bytes;
    }
    return size_bytes;
}

/* One try, with the parts as they are now.
 * out: *ret_err  STORAGE_OK: complete->result is filled */
static enum s3_err attempt(
    struct request *request, struct complete *complete, bool again, enum storage_err *ret_err)
{
    struct upload_info upload;
    TRY(request_upload(request, &upload));
    if (upload.completed) {
        if (memcmp(upload.parts_hash, complete->parts_hash, MD5_BYTES) != 0)
            return upload_no_such(request);
        complete->result = upload.result;
        *ret_err = STORAGE_OK;
        return S3_OK;
    }
    struct arena arena CLEANUP(arena_free);
    arena_init(&arena, TRY_ARENA_BYTES);
    struct part_page page;
    complete->mutation = complete->template;
    *ret_err = storage_upload_parts(request_store(request), request->bucket.id, request->target.key,
        upload.id, 0, STORAGE_PART_MAX, &arena, &page, &complete->mutation.complete.generation);
    if (*ret_err != STORAGE_OK)
        return S3_OK;
    complete->mutation.complete.upload = upload.id;
    memcpy(complete->mutation.complete.parts_hash, complete->parts_hash, MD5_BYTES);
    TRY(complete_parts_choose(
        request, &arena, &upload, &page, &complete->body, &complete->claims, &complete->mutation));
    TRY(lineage_fill(
        request, &complete->mutation, NULL, upload.attributes.metadata, LINEAGE_MISSING_LEFT_OUT));
    TRY(zones_prepare(
        request, &complete->mutation, chosen_size(&page, &complete->mutation), again));
    *ret_err = storage_commit(request_store(request), &complete->mutation);
    if (*ret_err == STORAGE_OK) {
        complete->result = complete->mutation.result;
        if (!complete->mutation.zone_outcome.unchanged)
            complete->result.attributes = complete->mutation.complete.attributes;
    }
    return S3_OK;
}

enum s3_err op_complete_multipart_upload(struct request *request)
{
    struct complete complete = {.body = {0}};
    TRY(read_request(request, &complete));
    enum storage_err err = STORAGE_CHANGED;
    /* The upload may also be gone because another Complete was first: the next try tells. */
    for (int tries = 0;
         tries < OBJECT_CHANGED_TRIES && (err == STORAGE_CHANGED || err == STORAGE_NO_SUCH_UPLOAD);
         tries++)
        TRY(attempt(request, &complete, tries > 0, &err));
    if (err != STORAGE_OK)
        return object_write_fail(request, &complete.mutation, err);
    return respond(request, &complete);
}
