#include "storage/local/engine.h"
#include "storage/local/objects.h"
#include "storage/local/page.h"
#include "storage/local/zones.h"

struct listing {
    struct index_txn *txn;
    const struct duplicates_query *query;
    uint64_t content_id;
    struct arena *arena;
    struct duplicates_page page;
    size_t capacity;
    size_t rows; /* looked at */
};

static bool hash_eq(struct content_hash left, struct content_hash right)
{
    return left.size_bytes == right.size_bytes && left.crc64nvme == right.crc64nvme;
}

static enum storage_err add_match(
    struct listing *listing, struct span key, struct duplicates_group *group)
{
    struct object_record record;
    struct span object_key;
    struct content_ref ref = content_ref_at(key);
    enum storage_err err = content_version(listing->txn, ref, &object_key, &record);
    if (err == STORAGE_NO_SUCH_VERSION)
        return STORAGE_OK; /* a fault that verify tells of */
    if (err != STORAGE_OK)
        return err;
    group->items[group->count++] =
        (struct content_match){ref, arena_copy(listing->arena, object_key), record.version};
    return listing->arena->overflow ? STORAGE_NO_MEMORY : STORAGE_OK;
}

/* The first rows of a group, in their order. */
static enum storage_err read_group(
    struct listing *listing, struct content_hash hash, struct duplicates_group *group)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    size_t max = group->total < listing->query->max_keys ? group->total : listing->query->max_keys;
    group->items = arena_array(listing->arena, struct content_match, max ? max : 1);
    if (!group->items)
        return STORAGE_NO_MEMORY;
    enum storage_err err = index_cursor_open(listing->txn, TABLE_CONTENT, &cursor);
    if (err != STORAGE_OK)
        return err;
    struct span from = key_of_content(&buffer, listing->content_id, hash, (struct content_ref){0});
    err = index_seek(cursor, from, &key, &value);
    for (size_t i = 0; err == STORAGE_OK && i < max; i++) {
        if ((err = add_match(listing, key, group)) == STORAGE_OK && i + 1 < max)
            err = index_next(cursor, &key, &value);
    }
    index_cursor_close(cursor);
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

static enum storage_err add_group(struct listing *listing, struct content_hash hash, size_t total)
{
    struct duplicates_page *page = &listing->page;
    page->items = page_grow(listing->arena, page->items, sizeof(*page->items), page->count,
        &listing->capacity, listing->query->max_groups);
    if (listing->arena->overflow)
        return STORAGE_NO_MEMORY;
    struct duplicates_group *group = &page->items[page->count++];
    *group = (struct duplicates_group){hash.size_bytes, hash.crc64nvme, NULL, 0, total};
    return read_group(listing, hash, group);
}

/* The last row before a group. err: NO_SUCH_KEY */
static enum storage_err seek_before(struct listing *listing, struct index_cursor *cursor,
    struct content_hash hash, struct span *ret_key)
{
    struct index_key buffer;
    struct span value;
    struct span from = key_of_content(&buffer, listing->content_id, hash, (struct content_ref){0});
    enum storage_err err = index_seek(cursor, from, ret_key, &value);
    return err == STORAGE_NO_SUCH_KEY ? index_last(cursor, ret_key, &value)
           : err == STORAGE_OK        ? index_prev(cursor, ret_key, &value)
                                      : err;
}

/* Counts the rows of the group that the cursor stands in, backwards, and leaves it on the last row of the group
 * before. err: NO_SUCH_KEY: there is none before */
static enum storage_err count_group(struct listing *listing, struct index_cursor *cursor,
    struct span *key, struct content_hash *ret_hash, size_t *ret_total)
{
    struct span value;
    struct content_hash hash = content_hash_at(*key);
    size_t total = 0;
    enum storage_err err = STORAGE_OK;
    while (err == STORAGE_OK && total < DUPLICATES_COUNT_MAX &&
           key_u64_at(*key, 0) == listing->content_id && hash_eq(content_hash_at(*key), hash)) {
        listing->rows++;
        total++;
        err = index_prev(cursor, key, &value);
    }
    *ret_hash = hash;
    *ret_total = total;
    return err == STORAGE_OK && total == DUPLICATES_COUNT_MAX
               ? seek_before(listing, cursor, hash, key)
               : err;
}

static enum storage_err list_groups(struct listing *listing, struct index_cursor *cursor)
{
    struct span key;
    struct duplicates_page *page = &listing->page;
    const struct duplicates_after *after = &listing->query->after;
    struct content_hash from = {UINT64_MAX, UINT64_MAX}; /* above all that there is */
    if (listing->query->has_after)
        from = (struct content_hash){after->size_bytes, after->crc64nvme};
    enum storage_err err = seek_before(listing, cursor, from, &key);
    while (err == STORAGE_OK && key_u64_at(key, 0) == listing->content_id) {
        struct content_hash hash;
        size_t total;
        if (page->count == listing->query->max_groups || listing->rows >= DUPLICATES_ROWS_MAX) {
            page->truncated = true;
            break;
        }
        err = count_group(listing, cursor, &key, &hash, &total);
        if (err != STORAGE_OK && err != STORAGE_NO_SUCH_KEY)
            return err;
        page->after = (struct duplicates_after){hash.size_bytes, hash.crc64nvme};
        enum storage_err add_err = total > 1 ? add_group(listing, hash, total) : STORAGE_OK;
        if (add_err != STORAGE_OK)
            return add_err;
    }
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

enum storage_err storage_duplicates_list(struct storage *storage,
    const struct duplicates_query *query, struct arena *arena, struct duplicates_page *ret_page)
{
    struct index_cursor *cursor = NULL;
    struct zone_state state;
    struct listing listing = {.query = query, .arena = arena};
    enum storage_err err = index_read_begin(storage->index, &listing.txn);
    if (err == STORAGE_OK)
        err = zone_state_read(listing.txn, query->bucket_id, query->zone_id, &state);
    if (err == STORAGE_OK && state.content_id != 0 && query->max_groups > 0) {
        listing.content_id = state.content_id;
        err = index_cursor_open(listing.txn, TABLE_CONTENT, &cursor);
        if (err == STORAGE_OK)
            err = list_groups(&listing, cursor);
    }
    index_cursor_close(cursor);
    index_read_end(listing.txn);
    if (err == STORAGE_OK)
        *ret_page = listing.page;
    return err;
}
