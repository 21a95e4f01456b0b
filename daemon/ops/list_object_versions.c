/* ListObjectVersions: versions and delete markers, newest first within a key.
 * src: Amazon S3 API Reference, "ListObjectVersions"; the order of the refusals is that of S3's
 * answers */
#include "daemon/ops/listing_xml.h"
#include "daemon/version_id.h"
#include "xml_write.h"

struct version_markers {
    struct span key; /* absent when not sent */
    struct span version_text;
    struct version_ref version; /* VERSION_NEWEST: none was sent */
};

static enum s3_err parse_markers(struct request *request, struct version_markers *markers)
{
    static const char name[] = "version-id-marker";
    const char *detail = NULL;
    TRY(argument_text(request, "key-marker", &markers->key));
    markers->version_text = request_query(request, span_str(name));
    if (!span_present(markers->version_text))
        return S3_OK;
    if (markers->key.len == 0)
        return FAIL_ARGUMENT(request, name, markers->version_text,
            "A version-id marker cannot be specified without a key marker.");
    if (markers->version_text.len == 0)
        return FAIL_ARGUMENT(
            request, name, markers->version_text, "A version-id marker cannot be empty.");
    if (version_id_parse(markers->version_text, &markers->version, &detail) != S3_OK)
        return FAIL_ARGUMENT(request, name, markers->version_text, detail);
    return S3_OK;
}

/* The sequence to go on behind. When the null version that a page ended with is gone since, the
 * key's versions are listed again: a version twice is better than one missed. */
static enum s3_err marker_sequence(
    struct request *request, const struct version_markers *markers, uint64_t *ret_sequence)
{
    if (markers->version.select != VERSION_NULL) {
        *ret_sequence = markers->version.sequence; /* 0 for VERSION_NEWEST: behind the key */
        return S3_OK;
    }
    struct object_info info;
    enum storage_err err = storage_object_get(request_store(request), request->bucket.id,
        markers->key, markers->version, &request->arena, &info);
    switch (err) {
    case STORAGE_OK:
    case STORAGE_DELETE_MARKER:
        *ret_sequence = info.version.sequence;
        return S3_OK;
    case STORAGE_NO_SUCH_KEY:
    case STORAGE_NO_SUCH_VERSION:
        *ret_sequence = UINT64_MAX;
        return S3_OK;
    default:
        return FAIL_STORAGE(request, err);
    }
}

static void write_next(struct listing *listing, const struct list_page *page)
{
    if (!page->truncated || page->count == 0)
        return;
    const struct list_entry *last = &page->items[page->count - 1];
    listing_name(listing, SPAN("NextKeyMarker"), last->key);
    if (last->is_prefix)
        return;
    char text[VERSION_ID_TEXT_BYTES];
    size_t len = version_id_format(&last->info.version, text);
    xml_text(listing->out, SPAN("NextVersionIdMarker"), span_of(text, len));
}

static void write_head(
    struct listing *listing, const struct version_markers *markers, const struct list_page *page)
{
    struct buf *out = listing->out;
    xml_text(out, SPAN("Name"), listing->request->bucket.name);
    listing_name(listing, SPAN("Prefix"), listing->prefix);
    listing_name(listing, SPAN("KeyMarker"), markers->key);
    xml_text(out, SPAN("VersionIdMarker"), markers->version_text);
    write_next(listing, page);
    xml_u64(out, SPAN("MaxKeys"), (uint64_t)listing->asked);
    if (span_present(listing->delimiter)) /* here S3 shows an empty one too */
        listing_name(listing, SPAN("Delimiter"), listing->delimiter);
    listing_encoding(listing);
    xml_bool(out, SPAN("IsTruncated"), page->truncated);
}

static void write_version(struct listing *listing, const struct list_entry *entry)
{
    struct buf *out = listing->out;
    const struct object_info *info = &entry->info;
    struct span element = info->is_delete_marker ? SPAN("DeleteMarker") : SPAN("Version");
    char text[VERSION_ID_TEXT_BYTES];
    size_t len = version_id_format(&info->version, text);
    xml_open(out, element);
    listing_name(listing, SPAN("Key"), entry->key);
    xml_text(out, SPAN("VersionId"), span_of(text, len));
    xml_bool(out, SPAN("IsLatest"), info->is_newest);
    if (info->is_delete_marker) {
        xml_time(out, SPAN("LastModified"), info->modified_ms);
        listing_owner(listing, SPAN("Owner"), info->attributes.owner_id);
    } else {
        listing_object(listing, info, true);
    }
    xml_close(out, element);
}

static void write_entries(struct listing *listing, const struct list_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        if (!page->items[i].is_prefix)
            write_version(listing, &page->items[i]);
    for (size_t i = 0; i < page->count; i++)
        if (page->items[i].is_prefix)
            listing_common_prefix(listing, page->items[i].key);
}

enum s3_err op_list_object_versions(struct request *request)
{
    struct listing listing;
    struct version_markers markers = {0};
    uint64_t sequence = 0;
    int32_t asked;
    TRY(argument_int32(request, "max-keys", LISTING_MAX, &asked));
    TRY(parse_markers(request, &markers));
    TRY(listing_parse(request, "max-keys", &listing));
    if (asked < 0)
        return FAIL_ARGUMENT(request, "max-keys", SPAN_ABSENT, "max-keys cannot be negative");
    struct span after = listing_after(&listing, markers.key);
    if (after.len == markers.key.len) /* inside a group the group is gone behind as a whole */
        TRY(marker_sequence(request, &markers, &sequence));

    struct list_query query = {
        .bucket_id = request->bucket.id,
        .prefix = listing.prefix,
        .delimiter = listing.delimiter,
        .after = after,
        .after_sequence = sequence,
        .max = listing.max,
        .versions = true,
    };
    struct list_page page;
    TRY(listing_read(&listing, &query, &page));

    listing_begin(&listing, SPAN("ListVersionsResult"), page.count);
    write_head(&listing, &markers, &page);
    write_entries(&listing, &page);
    return listing_end(&listing, SPAN("ListVersionsResult"));
}
