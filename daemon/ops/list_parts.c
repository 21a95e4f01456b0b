/* ListParts: the parts of an upload that is under way.
 * src: Amazon S3 API Reference, "ListParts" */
#include "checksum.h"
#include "daemon/initiator.h"
#include "daemon/ops/listing_xml.h"
#include "daemon/ops/object_common.h"
#include "daemon/storage_class.h"
#include "xml_write.h"

struct parts_request {
    struct span upload_text;
    struct upload_id upload;
    int32_t after;
};

static enum s3_err no_such_upload(
    struct request *request, const struct parts_request *parts, enum storage_err err)
{
    if (err == STORAGE_NO_SUCH_UPLOAD)
        request_error_field(request, SPAN("UploadId"), parts->upload_text);
    return FAIL_STORAGE(request, err);
}

static void write_head(struct listing *listing, const struct parts_request *parts,
    const struct upload_info *upload, const struct part_page *page)
{
    struct buf *out = listing->out;
    uint32_t last = page->count > 0 ? page->items[page->count - 1].number : 0;
    xml_text(out, SPAN("Bucket"), listing->request->bucket.name);
    listing_name(listing, SPAN("Key"), listing->request->target.key);
    xml_text(out, SPAN("UploadId"), parts->upload_text);
    struct initiator initiator =
        initiator_of(&listing->request->bucket, upload->attributes.metadata);
    listing_owner(listing, SPAN("Initiator"), initiator.account_id);
    listing_owner(listing, SPAN("Owner"), upload->attributes.owner_id);
    xml_text(out, SPAN("StorageClass"), storage_class_name(upload->attributes.storage_class));
    xml_u64(out, SPAN("PartNumberMarker"), (uint64_t)parts->after);
    xml_u64(out, SPAN("NextPartNumberMarker"), last);
    xml_u64(out, SPAN("MaxParts"), listing->max);
    listing_encoding(listing);
    xml_bool(out, SPAN("IsTruncated"), page->truncated);
    if (upload->checksum_algo != DIGEST_NONE) {
        xml_text(out, SPAN("ChecksumAlgorithm"), checksum_algo_name(upload->checksum_algo));
        xml_text(out, SPAN("ChecksumType"), checksum_type_name(upload->checksum_type));
    }
}

static void write_part(struct listing *listing, const struct part_info *part)
{
    struct buf *out = listing->out;
    xml_open(out, SPAN("Part"));
    xml_u64(out, SPAN("PartNumber"), part->number);
    xml_time(out, SPAN("LastModified"), part->modified_ms);
    listing_etag(listing, &part->etag);
    xml_u64(out, SPAN("Size"), part->size_bytes);
    if (part->checksum.algo != DIGEST_NONE)
        object_checksum_xml(out, &part->checksum, false);
    xml_close(out, SPAN("Part"));
}

enum s3_err op_list_parts(struct request *request)
{
    struct listing listing;
    struct parts_request parts = {0};
    TRY(listing_parse(request, "max-parts", &listing));
    TRY(argument_int32(request, "part-number-marker", 0, &parts.after));
    TRY(argument_not_negative(request, "max-parts", listing.asked));
    TRY(argument_not_negative(request, "part-number-marker", parts.after));
    TRY(argument_upload(request, &parts.upload));
    parts.upload_text = request_query(request, SPAN("uploadId"));

    struct storage *store = request_store(request);
    uint64_t bucket_id = request->bucket.id;
    struct span key = request->target.key;
    struct upload_info upload;
    enum storage_err err =
        storage_upload_get(store, bucket_id, key, parts.upload, &request->arena, &upload);
    if (err == STORAGE_OK && upload.completed)
        err = STORAGE_NO_SUCH_UPLOAD;
    if (err != STORAGE_OK)
        return no_such_upload(request, &parts, err);

    struct part_page page = {0};
    uint64_t generation;
    if (listing.max > 0)
        err = storage_upload_parts(store, bucket_id, key, parts.upload, (uint32_t)parts.after,
            listing.max, &request->arena, &page, &generation);
    if (err != STORAGE_OK)
        return no_such_upload(request, &parts, err);

    listing_begin(&listing, SPAN("ListPartsResult"), page.count);
    write_head(&listing, &parts, &upload, &page);
    for (size_t i = 0; i < page.count; i++)
        write_part(&listing, &page.items[i]);
    return listing_end(&listing, SPAN("ListPartsResult"));
}
