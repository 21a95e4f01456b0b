/* ListObjects and ListObjectsV2 of a linked bucket. Both go by key, as listings here do: a token or marker names the
 * last entry, so that a page needs nothing of the one before it, and nothing of the source's own tokens.
 * src: Amazon S3 API Reference, "ListObjects", "ListObjectsV2" */
#include "daemon/daemon.h"
#include "daemon/ops/link_ops.h"
#include "daemon/ops/listing_xml.h"
#include "names.h"
#include "xml_write.h"

enum { PAGE_ARENA_BYTES = 48 * 1024 * 1024, EMPTY_PAGES_MAX = 16 };

struct link_page {
    struct arena arena;
    struct remote_entry *entries; /* keys without the link's prefix */
    size_t count;
    bool truncated;
};

static void page_free(struct link_page *page)
{
    arena_free(&page->arena);
}

/* The entries that belong to the answer: not the link's own folder, nor the group that the page before ended with. */
static void keep(struct link_page *page, const struct remote_listing *listing, size_t prefix_bytes,
    struct span shown)
{
    page->entries = listing->entries;
    page->count = 0;
    for (size_t i = 0; i < listing->count; i++) {
        struct remote_entry entry = listing->entries[i];
        entry.key = span_of(entry.key.ptr + prefix_bytes, entry.key.len - prefix_bytes);
        if (entry.key.len > 0 && !(entry.is_prefix && span_eq(entry.key, shown)))
            page->entries[page->count++] = entry;
    }
    page->truncated = span_present(listing->next_token);
}

/* A page with something on it, or the last.
 * in:  after  what it begins behind; shown: a group that is not to come again; both may be absent */
static enum remote_err fetch(const struct link *link, struct remote_list_query *query,
    struct span shown, struct link_page *page, struct remote_failure *failure)
{
    for (int pages = 0; pages < EMPTY_PAGES_MAX; pages++) {
        struct remote_listing listing;
        enum remote_err err = remote_list(link->remote, &page->arena, query, &listing, failure);
        if (err != REMOTE_OK)
            return err;
        keep(page, &listing, link->prefix.len, shown);
        if (page->count > 0 || !page->truncated)
            return REMOTE_OK;
        query->token = listing.next_token;
        if (listing.count > 0)
            query->start_after = arena_format(&page->arena, "%.*s%.*s", SPAN_ARG(link->prefix),
                SPAN_ARG(listing.entries[listing.count - 1].key));
    }
    failure->err = REMOTE_NONSENSE; /* page after page with nothing on it */
    return REMOTE_NONSENSE;
}

static enum s3_err read_page(struct request *request, const struct listing *listing,
    struct span after, struct span shown, struct link_page *page)
{
    const struct link *link = request->link;
    struct remote_failure failure;
    if (listing->max == 0)
        return S3_OK;
    struct remote_list_query query = {
        .prefix = arena_format(
            &page->arena, "%.*s%.*s", SPAN_ARG(link->prefix), SPAN_ARG(listing->prefix)),
        .delimiter = listing->delimiter,
        .start_after = after.len > 0 ? arena_format(&page->arena, "%.*s%.*s",
                                           SPAN_ARG(link->prefix), SPAN_ARG(after))
                                     : SPAN_ABSENT,
        .max_keys = (uint32_t)listing->max,
    };
    TRY(link_enter(request, link));
    enum remote_err err = fetch(link, &query, shown, page, &failure);
    link_leave(request);
    return err == REMOTE_OK ? S3_OK : link_fail(request, &request->bucket, SPAN_ABSENT, &failure);
}

static void write_object(struct listing *listing, const struct remote_entry *entry, bool with_owner)
{
    struct buf *out = listing->out;
    xml_open(out, SPAN("Contents"));
    listing_name(listing, SPAN("Key"), entry->key);
    xml_time(out, SPAN("LastModified"), entry->modified_ms);
    if (entry->has_etag)
        listing_etag(listing, &entry->etag);
    else
        xml_text(out, SPAN("ETag"), span_present(entry->etag_text) ? entry->etag_text : SPAN(""));
    xml_u64(out, SPAN("Size"), entry->size_bytes);
    if (with_owner)
        listing_owner(listing, SPAN("Owner"), listing->request->bucket.owner_id);
    xml_text(out, SPAN("StorageClass"),
        entry->storage_class.len > 0 ? entry->storage_class : SPAN("STANDARD"));
    xml_close(out, SPAN("Contents"));
}

static void write_entries(struct listing *listing, const struct link_page *page, bool with_owner)
{
    for (size_t i = 0; i < page->count; i++)
        if (!page->entries[i].is_prefix)
            write_object(listing, &page->entries[i], with_owner);
    for (size_t i = 0; i < page->count; i++)
        if (page->entries[i].is_prefix)
            listing_common_prefix(listing, page->entries[i].key);
}

static struct span last_key(const struct link_page *page)
{
    return page->count > 0 ? page->entries[page->count - 1].key : SPAN("");
}

enum s3_err link_list_objects(struct request *request)
{
    struct link_page page CLEANUP(page_free) = {.truncated = false};
    struct listing listing;
    struct span marker;
    arena_init(&page.arena, PAGE_ARENA_BYTES);
    TRY(listing_parse(request, "max-keys", &listing));
    TRY(argument_text(request, "marker", &marker));
    TRY(argument_not_negative(request, "maxKeys", listing.asked));
    struct span after = listing_after(&listing, marker);
    TRY(read_page(request, &listing, after, after, &page));
    listing_begin(&listing, SPAN("ListBucketResult"), page.count);
    struct buf *out = listing.out;
    xml_text(out, SPAN("Name"), request->bucket.name);
    listing_name(&listing, SPAN("Prefix"), listing.prefix);
    listing_name(&listing, SPAN("Marker"), marker);
    if (page.truncated && listing.delimiter.len > 0)
        listing_name(&listing, SPAN("NextMarker"), last_key(&page));
    xml_u64(out, SPAN("MaxKeys"), (uint64_t)listing.asked);
    if (listing.delimiter.len > 0)
        listing_name(&listing, SPAN("Delimiter"), listing.delimiter);
    listing_encoding(&listing);
    xml_bool(out, SPAN("IsTruncated"), page.truncated);
    write_entries(&listing, &page, true);
    return listing_end(&listing, SPAN("ListBucketResult"));
}

/* What a page begins behind: the token, else start-after. */
static enum s3_err read_after(struct request *request, struct span *ret_token,
    struct span *ret_start_after, struct span *ret_after)
{
    *ret_token = request_query(request, SPAN("continuation-token"));
    TRY(argument_text(request, "start-after", ret_start_after));
    *ret_after = *ret_start_after;
    if (span_present(*ret_token) &&
        (ret_token->len == 0 || token_decode(&request->arena, *ret_token, ret_after) != S3_OK))
        return FAIL_ARGUMENT(request, "continuation-token", SPAN_ABSENT,
            "The continuation token provided is incorrect");
    return S3_OK;
}

enum s3_err link_list_objects_v2(struct request *request)
{
    struct link_page page CLEANUP(page_free) = {.truncated = false};
    struct listing listing;
    struct span token, start_after, after;
    arena_init(&page.arena, PAGE_ARENA_BYTES);
    TRY(listing_parse(request, "max-keys", &listing));
    TRY(read_after(request, &token, &start_after, &after));
    TRY(argument_not_negative(request, "maxKeys", listing.asked));
    TRY(read_page(request, &listing, after, span_present(token) ? after : SPAN_ABSENT, &page));
    listing_begin(&listing, SPAN("ListBucketResult"), page.count);
    struct buf *out = listing.out;
    xml_text(out, SPAN("Name"), request->bucket.name);
    listing_name(&listing, SPAN("Prefix"), listing.prefix);
    if (span_present(start_after))
        listing_name(&listing, SPAN("StartAfter"), start_after);
    if (span_present(token))
        xml_text(out, SPAN("ContinuationToken"), token);
    if (page.truncated) {
        struct span next = token_encode(&request->arena, last_key(&page));
        if (!span_present(next))
            return FAIL(request, INTERNAL, NULL); /* a truncated page without a token loses keys */
        xml_text(out, SPAN("NextContinuationToken"), next);
    }
    xml_u64(out, SPAN("KeyCount"), page.count);
    xml_u64(out, SPAN("MaxKeys"), (uint64_t)listing.asked);
    if (listing.delimiter.len > 0)
        listing_name(&listing, SPAN("Delimiter"), listing.delimiter);
    listing_encoding(&listing);
    xml_bool(out, SPAN("IsTruncated"), page.truncated);
    write_entries(
        &listing, &page, span_eq(request_query(request, SPAN("fetch-owner")), SPAN("true")));
    return listing_end(&listing, SPAN("ListBucketResult"));
}
