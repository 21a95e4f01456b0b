#include "base/encode.h"
#include "conditions.h"
#include "daemon/remote_internal.h"
#include "http_time.h"
#include "names.h"
#include "xml_read.h"

enum { TOKEN_MAX_BYTES = 4096, ETAG_MAX_BYTES = 256, CLASS_MAX_BYTES = 64 };

struct page {
    struct arena *arena;
    const struct remote_list_query *query;
    bool encoded; /* keys came percent-encoded, as was asked for */
    struct remote_entry *entries;
    size_t count;
};

/* encoding-type=url has '+' for a space. */
static struct span decode(struct page *page, struct span text)
{
    if (!page->encoded)
        return text;
    char *copy = arena_alloc(page->arena, text.len);
    if (copy == NULL)
        return SPAN_ABSENT;
    for (size_t i = 0; i < text.len; i++)
        copy[i] = text.ptr[i] == '+' ? ' ' : text.ptr[i];
    return percent_decode(page->arena, span_of(copy, text.len));
}

/* Behind where the page was to begin? A common prefix may hold that place. */
static bool is_behind(const struct remote_list_query *query, const struct remote_entry *entry)
{
    if (query->start_after.len == 0 || span_cmp(entry->key, query->start_after) > 0)
        return true;
    return entry->is_prefix && !span_present(query->token) &&
           span_starts(query->start_after, entry->key);
}

static bool read_key(
    struct page *page, const struct xml_node *node, struct span element, struct remote_entry *entry)
{
    const struct xml_node *child = xml_child(node, element);
    if (child == NULL)
        return false;
    entry->key = decode(page, child->text);
    const struct remote_list_query *query = page->query;
    return span_present(entry->key) && key_check(entry->key) == S3_OK &&
           span_starts(entry->key, query->prefix) && is_behind(query, entry);
}

static bool read_object(struct page *page, const struct xml_node *node, struct remote_entry *entry)
{
    struct span size = xml_child_text(node, SPAN("Size"));
    struct span modified = xml_child_text(node, SPAN("LastModified"));
    if (!read_key(page, node, SPAN("Key"), entry) || !span_present(size) ||
        !span_to_u64(size, &entry->size_bytes))
        return false;
    if (!span_present(modified) || !iso_time_parse(modified, &entry->modified_ms))
        entry->modified_ms = 0;
    entry->etag_text = xml_child_text(node, SPAN("ETag"));
    if (entry->etag_text.len > ETAG_MAX_BYTES)
        return false;
    entry->has_etag = span_present(entry->etag_text) && etag_parse(entry->etag_text, &entry->etag);
    entry->storage_class = xml_child_text(node, SPAN("StorageClass"));
    return entry->storage_class.len <= CLASS_MAX_BYTES;
}

static bool read_prefix(struct page *page, const struct xml_node *node, struct remote_entry *entry)
{
    entry->is_prefix = true;
    return page->query->delimiter.len > 0 && read_key(page, node, SPAN("Prefix"), entry) &&
           entry->key.len > page->query->prefix.len &&
           span_ends(entry->key, page->query->delimiter);
}

/* Objects and common prefixes are two lists, each in order; together they are one. */
static bool put_in_order(struct page *page, const struct remote_entry *entry)
{
    size_t at = page->count;
    while (at > 0) {
        int order = span_cmp(page->entries[at - 1].key, entry->key);
        if (order < 0)
            break;
        if (order == 0 || page->entries[at - 1].is_prefix == entry->is_prefix)
            return false;
        at--;
    }
    memmove(&page->entries[at + 1], &page->entries[at], (page->count - at) * sizeof(*entry));
    page->entries[at] = *entry;
    page->count++;
    return true;
}

static bool read_entries(struct page *page, const struct xml_node *root)
{
    for (const struct xml_node *node = root->first_child; node != NULL; node = node->next) {
        bool is_object = span_eq(node->name, SPAN("Contents"));
        if (!is_object && !span_eq(node->name, SPAN("CommonPrefixes")))
            continue;
        struct remote_entry entry = {0};
        if (page->count == page->query->max_keys ||
            !(is_object ? read_object(page, node, &entry) : read_prefix(page, node, &entry)) ||
            !put_in_order(page, &entry))
            return false;
    }
    return true;
}

static bool read_token(const struct page *page, const struct xml_node *root, struct span *ret_token)
{
    struct span truncated = xml_child_text(root, SPAN("IsTruncated"));
    *ret_token = SPAN_ABSENT;
    if (!span_eq(truncated, SPAN("true")))
        return span_eq(truncated, SPAN("false"));
    struct span token = xml_child_text(root, SPAN("NextContinuationToken"));
    *ret_token = token;
    return token.len > 0 && token.len <= TOKEN_MAX_BYTES &&
           !(span_present(page->query->token) && span_eq(token, page->query->token));
}

enum remote_err remote_listing_parse(struct arena *arena, const struct remote_list_query *query,
    struct span document, struct remote_listing *ret_listing)
{
    struct xml_node *root;
    if (document.len > REMOTE_LIST_MAX_BYTES || xml_read(arena, document, &root) != S3_OK)
        return arena->overflow ? REMOTE_NO_MEMORY : REMOTE_NONSENSE;
    struct page page = {.arena = arena, .query = query};
    page.encoded = span_eq(xml_child_text(root, SPAN("EncodingType")), SPAN("url"));
    page.entries = arena_array(arena, struct remote_entry, query->max_keys + 1);
    struct span token;
    bool good = page.entries != NULL && span_eq(root->name, SPAN("ListBucketResult")) &&
                read_entries(&page, root) && read_token(&page, root, &token);
    if (arena->overflow)
        return REMOTE_NO_MEMORY;
    if (!good)
        return REMOTE_NONSENSE;
    *ret_listing = (struct remote_listing){page.entries, page.count, token};
    return REMOTE_OK;
}
