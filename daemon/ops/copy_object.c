/* CopyObject: one record that points to the source's bytes. The copy keeps the source's ETag, parts
 * and checksums; bytes are read only when a checksum is asked for that the source does not have.
 * src: Amazon S3 API Reference, "CopyObject" */
#include "daemon/acl_request.h"
#include "daemon/authorize.h"
#include "daemon/daemon.h"
#include "daemon/lineage.h"
#include "daemon/metadata.h"
#include "daemon/object_tags.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/copy_origin.h"
#include "daemon/ops/link_fetch.h"
#include "daemon/ops/link_ops.h"
#include "daemon/ops/object_common.h"
#include "daemon/zones.h"
#include "xml_write.h"

struct copy {
    struct copy_origin origin;
    bool replace_metadata, replace_tags;
    enum digest_algo checksum_algo; /* DIGEST_NONE: the source's */
    uint8_t storage_class;
    struct span metadata;     /* with replace_metadata */
    struct mutation template; /* what every try begins with */
    struct mutation mutation;
};

static void release_link(const struct link **link)
{
    link_release(*link);
}

static enum s3_err read_directive(struct request *request, bool *ret_replace)
{
    struct span text = object_amz_header(request, SPAN("x-amz-metadata-directive"));
    bool replace = span_eq(text, SPAN("REPLACE"));
    if (span_present(text) && !replace && !span_eq(text, SPAN("COPY")))
        return FAIL_ARGUMENT(
            request, "x-amz-metadata-directive", text, "Unknown metadata directive.");
    *ret_replace = replace;
    return S3_OK;
}

static enum s3_err read_request(struct request *request, struct copy *copy)
{
    TRY(object_refuse_unsupported(request, OBJECT_WRITE));
    TRY(read_directive(request, &copy->replace_metadata));
    TRY(object_tags_replaced(request, &copy->replace_tags));
    TRY(object_checksum_algorithm(request, &copy->checksum_algo));
    TRY(object_storage_class(request, &copy->storage_class));
    if (copy->replace_metadata)
        TRY(metadata_read(request, &copy->metadata));
    copy->template = object_mutation(request, MUTATION_COPY_OBJECT);
    TRY(object_write_conditions(request, &copy->template));
    TRY(copy_origin_find(request, &copy->origin));
    return zones_check_source(
        request, &copy->origin.bucket, copy->origin.key, &copy->template.zone.promotes);
}

/* An older version onto its own key is how it is restored, so that is a change. */
static bool changes_nothing(struct request *request, const struct copy *copy)
{
    const struct copy_origin *origin = &copy->origin;
    return origin->bucket.id == request->bucket.id && span_eq(origin->key, request->target.key) &&
           origin->info.is_newest && !copy->replace_metadata &&
           !span_present(object_amz_header(request, SPAN("x-amz-storage-class"))) &&
           (copy->checksum_algo == DIGEST_NONE ||
               copy->checksum_algo == object_checksum(&origin->info.attributes).algo);
}

/* Is there a checksum of the whole object by the algorithm that was asked for? */
static bool has_checksum(const struct copy *copy)
{
    const struct checksum *kept = &copy->origin.info.attributes.checksum;
    return copy->checksum_algo == DIGEST_NONE ||
           (kept->algo == copy->checksum_algo && kept->type == CHECKSUM_FULL_OBJECT);
}

static enum s3_err fill_checksum(
    struct request *request, struct copy *copy, struct blob_reader *reader)
{
    struct checksum *checksum = &copy->mutation.copy.attributes.checksum;
    if (has_checksum(copy))
        return S3_OK;
    if (copy->checksum_algo == DIGEST_CRC64NVME) {
        *checksum = checksum_of_crc64nvme(copy->origin.info.attributes.crc64nvme);
        return S3_OK;
    }
    struct range_digest digest;
    TRY(copy_origin_digest(
        request, reader, (struct byte_range){0, blob_size(reader)}, copy->checksum_algo, &digest));
    *checksum = digest.checksum;
    return S3_OK;
}

/* Who copies an object with its tags reads them there and puts them here.
 * src: Amazon S3 User Guide, "Copying, moving, and renaming objects"; API Reference, "CopyObject" */
static enum s3_err may_copy_tags(
    struct request *request, const struct copy_origin *origin, const struct tags *tags)
{
    struct access_ask read = {.action = span_present(origin->version_text)
                                            ? "s3:GetObjectVersionTagging"
                                            : "s3:GetObjectTagging",
        .bucket = &origin->bucket,
        .key = origin->key,
        .version_id = origin->version_text};
    struct access_ask write = {.action = "s3:PutObjectTagging",
        .bucket = &request->bucket,
        .key = request->target.key,
        .tags = tags};
    TRY(authorize_ask(request, &read));
    TRY(acl_still_holds(request, origin->bucket.id, origin->key, &origin->info));
    return authorize_ask(request, &write);
}

static enum s3_err take_tags(struct request *request, const struct copy *copy,
    struct span source_metadata, struct span *metadata)
{
    struct tags kept;
    const struct tags *tags = &kept;
    if (copy->replace_tags) {
        TRY(object_tags_requested(request, &tags));
    } else {
        TRY(object_tags_kept(request, source_metadata, &kept));
        if (kept.count > 0)
            TRY(may_copy_tags(request, &copy->origin, &kept));
    }
    return object_tags_keep(request, tags, metadata);
}

/* One try, with the source as it is now. */
static enum s3_err attempt(
    struct request *request, struct copy *copy, bool again, enum storage_err *ret_err)
{
    struct blob_reader *reader CLEANUP(copy_origin_close) = NULL;
    bool may_read = copy->checksum_algo != DIGEST_NONE && copy->checksum_algo != DIGEST_CRC64NVME;
    TRY(copy_origin_load(request, &copy->origin, may_read ? &reader : NULL));
    const struct object_info *info = &copy->origin.info;
    if (info->size_bytes > OBJECT_PUT_MAX_BYTES)
        return copy_origin_too_large(request);
    if (changes_nothing(request, copy))
        return FAIL(request, INVALID_REQUEST,
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or "
            "encryption attributes.");
    copy->mutation = copy->template;
    struct object_attributes *attributes = &copy->mutation.copy.attributes;
    *attributes = info->attributes;
    attributes->storage_class = copy->storage_class;
    if (copy->replace_metadata)
        attributes->metadata = copy->metadata;
    TRY(acl_new_object(request, attributes)); /* the source's stays with the source */
    TRY(take_tags(request, copy, info->attributes.metadata, &attributes->metadata));
    copy->mutation.copy.from = copy_origin_from(&copy->origin);
    TRY(fill_checksum(request, copy, reader));
    TRY(copy_origin_lineage(request, &copy->origin, &copy->mutation, copy->metadata));
    TRY(zones_prepare(request, &copy->mutation, info->size_bytes, again));
    *ret_err = storage_commit(request_store(request), &copy->mutation);
    return S3_OK;
}

static enum s3_err write_result(struct request *request, const struct mutation *mutation,
    const struct object_attributes *attributes)
{
    struct checksum checksum = object_checksum(attributes);
    struct buf *out = response_xml(request, 200);
    xml_begin_document(out, SPAN("CopyObjectResult"));
    xml_time(out, SPAN("LastModified"), mutation->result.modified_ms);
    xml_text(out, SPAN("ETag"), object_etag_text(request, &attributes->etag));
    object_checksum_xml(out, &checksum, true);
    xml_close(out, SPAN("CopyObjectResult"));
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

static enum s3_err respond(struct request *request, const struct copy *copy)
{
    object_version_header(request, &copy->mutation.result.version);
    copy_origin_header(request, &copy->origin);
    return write_result(request, &copy->mutation, &copy->mutation.copy.attributes);
}

/* ---- from a linked bucket: the bytes come from elsewhere, and are put ---- */

static enum s3_err answer_put(struct request *request, struct mutation *mutation)
{
    if (mutation->err != STORAGE_OK)
        return object_write_fail(request, mutation, mutation->err);
    object_version_header(request, &mutation->result.version);
    /* The same content may have been there already. */
    return write_result(request, mutation,
        mutation->zone_outcome.unchanged ? &mutation->result.attributes
                                         : &mutation->put.attributes);
}

/* What tags the copy gets: asked of the source where it says that there are any. */
static enum s3_err take_link_tags(struct request *request, const struct copy *copy,
    const struct link *link, uint64_t count, struct span *metadata)
{
    const struct copy_origin *origin = &copy->origin;
    struct tags there = {NULL, 0};
    const struct tags *tags = &there;
    if (copy->replace_tags)
        TRY(object_tags_requested(request, &tags));
    else if (count > 0)
        TRY(link_tags(request, link, &origin->bucket, origin->key, origin->version_text, &there));
    if (there.count > 0)
        TRY(may_copy_tags(request, origin, &there));
    return object_tags_keep(request, tags, metadata);
}

static enum s3_err copy_from_link(
    struct request *request, const struct copy *copy, const struct link *link)
{
    struct link_fetched fetched CLEANUP(link_fetched_free) = {.stage = NULL};
    struct mutation *mutation = arena_new(&request->arena, struct mutation);
    if (mutation == NULL)
        return FAIL(request, INTERNAL, NULL);
    const struct link_wanted wanted = {.origin = &copy->origin,
        .algo = copy->checksum_algo,
        .metadata = copy->replace_metadata ? &copy->metadata : NULL};
    TRY(link_fetch(request, link, &wanted, &fetched));
    *mutation = copy->template;
    mutation->kind = MUTATION_PUT_OBJECT;
    struct object_attributes *attributes = &mutation->put.attributes;
    attributes->storage_class = copy->storage_class;
    attributes->metadata = fetched.metadata;
    TRY(acl_new_object(request, attributes));
    TRY(take_link_tags(request, copy, link, fetched.tag_count, &attributes->metadata));
    memcpy(attributes->etag.md5, fetched.digest.md5, MD5_BYTES);
    attributes->crc64nvme = fetched.digest.crc64nvme;
    attributes->checksum = fetched.digest.checksum;
    TRY(lineage_fill(request, mutation, &fetched.end, copy->metadata, LINEAGE_MISSING_REFUSED));
    mutation->put.stage = TAKE(fetched.stage);
    return zones_commit(request, mutation, fetched.size_bytes, answer_put);
}

enum s3_err op_copy_object(struct request *request)
{
    struct copy copy = {.replace_metadata = false};
    TRY(read_request(request, &copy));
    const struct link *link CLEANUP(release_link) =
        links_get(request->daemon->links, copy.origin.bucket.id);
    if (link != NULL)
        return copy_from_link(request, &copy, link);
    enum storage_err err = STORAGE_CHANGED;
    for (int tries = 0; tries < OBJECT_CHANGED_TRIES && err == STORAGE_CHANGED; tries++)
        TRY(attempt(request, &copy, tries > 0, &err));
    if (err != STORAGE_OK)
        return object_write_fail(request, &copy.mutation, err);
    return respond(request, &copy);
}
