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

enum s3_err listing_read(
    const struct listing *listing, const struct list_query *query, struct list_page *ret_page)
{
    struct request *request = listing->request;
    if (listing->max == 0) {
        *ret_page = (struct list_page){0};
        return S3_OK;
    }
    enum storage_err err = storage_list(request_store(request), query, &request->arena, ret_page);
    return err == STORAGE_OK ? S3_OK : FAIL_STORAGE(request, err);
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

/* Writes a run again when it is the one of this key. */
static bool run_repeat(struct listing *listing, const struct listing_run *run, uint64_t key)
{
    if (!run->valid || run->key != key)
        return false;
    buf_add(listing->out, span_of(run->xml, run->len));
    return true;
}

/* Remembers what was written since `from` as the run of this key, if it fits. */
static void run_keep(struct listing *listing, struct listing_run *run, uint64_t key, size_t from)
{
    size_t len = listing->out->len - from;
    run->valid = buf_ok(listing->out) && len <= sizeof(run->xml);
    if (!run->valid)
        return;
    run->key = key;
    run->len = len;
    memcpy(run->xml, listing->out->ptr + from, len);
}

void listing_owner(struct listing *listing, struct span element, uint64_t account_id)
{
    xml_open(listing->out, element);
    if (!run_repeat(listing, &listing->owner, account_id)) {
        size_t from = listing->out->len;
        owner_xml(listing->out, listing->request, account_id);
        run_keep(listing, &listing->owner, account_id, from);
    }
    xml_close(listing->out, element);
}

void listing_etag(struct listing *listing, const struct etag *etag)
{
    char text[ETAG_TEXT_BYTES];
    size_t len = etag_format(etag, text);
    buf_add_lit(listing->out, "<ETag>&quot;");
    buf_add(listing->out, span_of(text + 1, len - 2)); /* without its quotes */
    buf_add_lit(listing->out, "&quot;</ETag>");
}

static void write_checksum(struct listing *listing, const struct object_attributes *attributes)
{
    struct buf *out = listing->out;
    uint64_t key = (uint64_t)attributes->checksum.algo << 8 | (uint64_t)attributes->checksum.type;
    if (run_repeat(listing, &listing->checksum, key))
        return;
    size_t from = out->len;
    struct checksum checksum = object_checksum(attributes);
    xml_text(out, SPAN("ChecksumAlgorithm"), checksum_algo_name(checksum.algo));
    xml_text(out, SPAN("ChecksumType"), checksum_type_name(checksum.type));
    run_keep(listing, &listing->checksum, key, from);
}

/* with_owner does not change within a page. */
static void write_tail(
    struct listing *listing, const struct object_attributes *attributes, bool with_owner)
{
    uint64_t key = attributes->owner_id << 8 | attributes->storage_class;
    bool key_is_whole = attributes->owner_id <= UINT64_MAX >> 8;
    if (key_is_whole && run_repeat(listing, &listing->tail, key))
        return;
    size_t from = listing->out->len;
    if (with_owner)
        listing_owner(listing, SPAN("Owner"), attributes->owner_id);
    struct span name = storage_class_name(attributes->storage_class);
    xml_text(listing->out, SPAN("StorageClass"), name);
    run_keep(listing, &listing->tail, key, from);
    listing->tail.valid &= key_is_whole;
}

void listing_object(struct listing *listing, const struct object_info *info, bool with_owner)
{
    xml_time(listing->out, SPAN("LastModified"), info->modified_ms);
    listing_etag(listing, &info->attributes.etag);
    write_checksum(listing, &info->attributes);
    xml_u64(listing->out, SPAN("Size"), info->size_bytes);
    write_tail(listing, &info->attributes, with_owner);
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
