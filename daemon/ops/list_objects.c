/* ListObjects, the first form: pages by key.
 * src: Amazon S3 API Reference, "ListObjects" */
#include "daemon/ops/listing_xml.h"
#include "xml_write.h"

/* Parameters of the second form are refused, lest a client page for ever. src: S3's own answers */
static enum s3_err refuse_second_form(struct request *request)
{
    if (request_has_query(request, SPAN("continuation-token")))
        return FAIL_ARGUMENT(request, "continuation-token", SPAN_ABSENT,
            "continuation-token only supported in REST.GET.BUCKET with list-type=2");
    if (request_has_query(request, SPAN("start-after")))
        return FAIL_ARGUMENT(request, "start-after", SPAN_ABSENT,
            "startAfter only supported in REST.GET.BUCKET with list-type=2");
    return S3_OK;
}

static void write_head(struct listing *listing, struct span marker, const struct list_page *page)
{
    struct buf *out = listing->out;
    xml_text(out, SPAN("Name"), listing->request->bucket.name);
    listing_name(listing, SPAN("Prefix"), listing->prefix);
    listing_name(listing, SPAN("Marker"), marker);
    /* Without a delimiter the last key is the next marker, and S3 leaves it to the client. */
    if (page->truncated && page->count > 0 && listing->delimiter.len > 0)
        listing_name(listing, SPAN("NextMarker"), page->items[page->count - 1].key);
    xml_u64(out, SPAN("MaxKeys"), (uint64_t)listing->asked);
    if (listing->delimiter.len > 0)
        listing_name(listing, SPAN("Delimiter"), listing->delimiter);
    listing_encoding(listing);
    xml_bool(out, SPAN("IsTruncated"), page->truncated);
}

enum s3_err op_list_objects(struct request *request)
{
    struct listing listing;
    struct span marker;
    TRY(refuse_second_form(request));
    TRY(listing_parse(request, "max-keys", &listing));
    TRY(argument_text(request, "marker", &marker));
    TRY(argument_not_negative(request, "maxKeys", listing.asked));

    struct list_query query = {
        .bucket_id = request->bucket.id,
        .prefix = listing.prefix,
        .delimiter = listing.delimiter,
        .after = listing_after(&listing, marker),
        .max = listing.max,
    };
    struct list_page page;
    TRY(listing_read(&listing, &query, &page));

    listing_begin(&listing, SPAN("ListBucketResult"), page.count);
    write_head(&listing, marker, &page);
    listing_contents(&listing, &page, true);
    return listing_end(&listing, SPAN("ListBucketResult"));
}
