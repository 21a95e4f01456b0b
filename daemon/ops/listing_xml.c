#include "daemon/ops/listing_xml.h"

#include "base/encode.h"
#include "checksum.h"
#include "conditions.h"
#include "daemon/ops/object_common.h"
#include "daemon/ops/owner_xml.h"
#include "daemon/storage_class.h"
#include "xml_write.h"

enum { ENTRY_GUESS_BYTES = 448, HEAD_GUESS_BYTES = 4096 };

/* src: S3 takes "url" in any case and nothing else, not even the empty string */
static enum s3_err parse_encoding(struct request *request, struct listing *listing)
{
    listing->encoding_type = request_query(request, SPAN("encoding-type"));
    if (!span_present(listing->encoding_type) ||
        span_eq_nocase(listing->encoding_type, SPAN("url")))
        return S3_OK;
    return FAIL_ARGUMENT(request, "encoding-type", listing->encoding_type,
        "Invalid Encoding Method specified in Request");
}

enum s3_err listing_parse(
    struct request *request, const char *max_name, struct listing *ret_listing)
{
    struct listing listing = {.request = request};
    TRY(argument_int32(request, max_name, LISTING_MAX, &listing.asked));
    TRY(parse_encoding(request, &listing));
    TRY(argument_text(request, "prefix", &listing.prefix));
    TRY(argument_text(request, "delimiter", &listing.delimiter));
    if (!span_present(listing.prefix))
        listing.prefix = SPAN("");
    if (listing.asked > 0)
        listing.max = listing.asked < LISTING_MAX ? (size_t)listing.asked : LISTING_MAX;
    *ret_listing = listing;
    return S3_OK;
}

struct span listing_after(const struct listing *listing, struct span marker)
{
    struct span delimiter = listing->delimiter;
    if (delimiter.len == 0 || !span_starts(marker, listing->prefix))
        return marker;
    size_t at = span_find(marker, delimiter, listing->prefix.len);
    return at == SIZE_MAX ? marker : span_first(marker, at + delimiter.len);
}

void listing_begin(struct listing *listing, struct span root, size_t entries)
{
    listing->out = response_xml(listing->request, 200);
    (void)buf_reserve(listing->out, HEAD_GUESS_BYTES + entries * ENTRY_GUESS_BYTES);
    xml_begin_document(listing->out, root);
}

enum s3_err listing_end(struct listing *listing, struct span root)
{
    xml_close(listing->out, root);
    return buf_ok(listing->out) ? S3_OK : FAIL(listing->request, INTERNAL, NULL);
}

void listing_name(struct listing *listing, struct span element, struct span name)
{
    if (!span_present(listing->encoding_type)) {
        xml_text(listing->out, element, name);
        return;
    }
    /* What the encoding leaves needs no escaping in XML. */
    xml_open(listing->out, element);
    listing_url_encode(listing->out, name);
    xml_close(listing->out, element);
}

void listing_encoding(struct listing *listing)
{
    if (span_present(listing->encoding_type))
        xml_text(listing->out, SPAN("EncodingType"), listing->encoding_type);
}

void listing_owner(struct listing *listing, struct span element, uint64_t account_id)
{
    struct buf *out = listing->out;
    xml_open(out, element);
    if (listing->has_owner && listing->owner_id == account_id) {
        buf_add(out, span_of(listing->owner_xml, listing->owner_xml_len));
    } else {
        size_t from = out->len;
        owner_xml(out, listing->request, account_id);
        size_t len = out->len - from;
        listing->has_owner = buf_ok(out) && len <= LISTING_OWNER_BYTES;
        if (listing->has_owner) {
            listing->owner_id = account_id;
            listing->owner_xml_len = len;
            memcpy(listing->owner_xml, out->ptr + from, len);
        }
    }
    xml_close(out, element);
}

void listing_etag(struct listing *listing, const struct etag *etag)
{
    char text[ETAG_TEXT_BYTES];
    size_t len = etag_format(etag, text);
    buf_add_lit(listing->out, "<ETag>&quot;");
    buf_add(listing->out, span_of(text + 1, len - 2)); /* without its quotes */
    buf_add_lit(listing->out, "&quot;</ETag>");
}

void listing_object(struct listing *listing, const struct object_info *info, bool with_owner)
{
    struct buf *out = listing->out;
    const struct object_attributes *attributes = &info->attributes;
    struct checksum checksum = object_checksum(attributes);
    xml_time(out, SPAN("LastModified"), info->modified_ms);
    listing_etag(listing, &attributes->etag);
    xml_text(out, SPAN("ChecksumAlgorithm"), checksum_algo_name(checksum.algo));
    xml_text(out, SPAN("ChecksumType"), checksum_type_name(checksum.type));
    xml_u64(out, SPAN("Size"), info->size_bytes);
    if (with_owner)
        listing_owner(listing, SPAN("Owner"), attributes->owner_id);
    xml_text(out, SPAN("StorageClass"), storage_class_name(attributes->storage_class));
}

void listing_common_prefix(struct listing *listing, struct span prefix)
{
    xml_open(listing->out, SPAN("CommonPrefixes"));
    listing_name(listing, SPAN("Prefix"), prefix);
    xml_close(listing->out, SPAN("CommonPrefixes"));
}

void listing_contents(struct listing *listing, const struct list_page *page, bool with_owner)
{
    for (size_t i = 0; i < page->count; i++) {
        if (page->items[i].is_prefix)
            continue;
        xml_open(listing->out, SPAN("Contents"));
        listing_name(listing, SPAN("Key"), page->items[i].key);
        listing_object(listing, &page->items[i].info, with_owner);
        xml_close(listing->out, SPAN("Contents"));
    }
    for (size_t i = 0; i < page->count; i++)
        if (page->items[i].is_prefix)
            listing_common_prefix(listing, page->items[i].key);
}
