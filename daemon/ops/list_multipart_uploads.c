/* ListMultipartUploads: the uploads that are neither completed nor aborted.
 * src: Amazon S3 API Reference, "ListMultipartUploads" */
#include "checksum.h"
#include "daemon/ops/listing_xml.h"
#include "daemon/storage_class.h"
#include "daemon/upload_id.h"
#include "storage/storage_uploads.h"
#include "xml_write.h"

struct upload_markers {
    struct span key;         /* absent when not sent */
    struct span upload_text; /* absent when there is no key marker: S3 ignores it then */
    struct upload_id upload; /* {0}: none */
};

static enum s3_err parse_markers(struct request *request, struct upload_markers *markers)
{
    static const char name[] = "upload-id-marker";
    TRY(argument_text(request, "key-marker", &markers->key));
    if (markers->key.len == 0)
        return S3_OK;
    markers->upload_text = request_query(request, span_str(name));
    if (markers->upload_text.len == 0)
        return S3_OK;
    if (upload_id_parse(markers->upload_text, &markers->upload) != S3_OK)
        return FAIL_ARGUMENT(request, name, markers->upload_text, "Invalid uploadId marker");
    return S3_OK;
}

/* Both elements stand in every answer, empty where there is nothing to go on behind. */
static void write_next(struct listing *listing, const struct upload_page *page)
{
    struct span key = SPAN("");
    char text[UPLOAD_ID_TEXT_BYTES] = "";
    if (page->truncated && page->count > 0) {
        const struct upload_entry *last = &page->items[page->count - 1];
        key = last->key;
        if (!last->is_prefix)
            upload_id_format(last->info.id, text);
    }
    listing_name(listing, SPAN("NextKeyMarker"), key);
    xml_text(listing->out, SPAN("NextUploadIdMarker"), span_str(text));
}

static void write_head(
    struct listing *listing, const struct upload_markers *markers, const struct upload_page *page)
{
    struct buf *out = listing->out;
    xml_text(out, SPAN("Bucket"), listing->request->bucket.name);
    listing_name(listing, SPAN("KeyMarker"), markers->key);
    xml_text(out, SPAN("UploadIdMarker"), markers->upload_text);
    write_next(listing, page);
    if (listing->delimiter.len > 0)
        listing_name(listing, SPAN("Delimiter"), listing->delimiter);
    if (listing->prefix.len > 0)
        listing_name(listing, SPAN("Prefix"), listing->prefix);
    xml_u64(out, SPAN("MaxUploads"), listing->max); /* here S3 shows what it serves */
    listing_encoding(listing);
    xml_bool(out, SPAN("IsTruncated"), page->truncated);
}

static void write_upload(struct listing *listing, const struct upload_entry *entry)
{
    struct buf *out = listing->out;
    const struct upload_info *info = &entry->info;
    char text[UPLOAD_ID_TEXT_BYTES];
    upload_id_format(info->id, text);
    xml_open(out, SPAN("Upload"));
    listing_name(listing, SPAN("Key"), entry->key);
    xml_text(out, SPAN("UploadId"), span_str(text));
    listing_owner(listing, SPAN("Initiator"), info->attributes.owner_id);
    listing_owner(listing, SPAN("Owner"), info->attributes.owner_id);
    xml_text(out, SPAN("StorageClass"), storage_class_name(info->attributes.storage_class));
    xml_time(out, SPAN("Initiated"), info->initiated_ms);
    if (info->checksum_algo != DIGEST_NONE) {
        xml_text(out, SPAN("ChecksumAlgorithm"), checksum_algo_name(info->checksum_algo));
        xml_text(out, SPAN("ChecksumType"), checksum_type_name(info->checksum_type));
    }
    xml_close(out, SPAN("Upload"));
}

static void write_entries(struct listing *listing, const struct upload_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        if (!page->items[i].is_prefix)
            write_upload(listing, &page->items[i]);
    for (size_t i = 0; i < page->count; i++)
        if (page->items[i].is_prefix)
            listing_common_prefix(listing, page->items[i].key);
}

enum s3_err op_list_multipart_uploads(struct request *request)
{
    struct listing listing;
    struct upload_markers markers = {0};
    TRY(listing_parse(request, "max-uploads", &listing));
    TRY(argument_not_negative(request, "max-uploads", listing.asked));
    TRY(parse_markers(request, &markers));

    struct span after = listing_after(&listing, markers.key);
    struct upload_query query = {
        .bucket_id = request->bucket.id,
        .prefix = listing.prefix,
        .delimiter = listing.delimiter,
        .after_key = after,
        /* Inside a group the group is gone behind as a whole. */
        .after_upload = after.len == markers.key.len ? markers.upload : (struct upload_id){0},
        .max = listing.max,
    };
    struct upload_page page = {0};
    enum storage_err err = STORAGE_OK;
    if (listing.max > 0)
        err = storage_upload_list(request_store(request), &query, &request->arena, &page);
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);

    listing_begin(&listing, SPAN("ListMultipartUploadsResult"), page.count);
    write_head(&listing, &markers, &page);
    write_entries(&listing, &page);
    return listing_end(&listing, SPAN("ListMultipartUploadsResult"));
}
