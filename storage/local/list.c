#include "storage/local/objects.h"
#include "storage/local/page.h"
#include "storage/local/walk.h"

#include "storage/local/engine.h"

struct listing {
    const struct list_query *query;
    struct arena *arena;
    struct list_page page;
    size_t capacity;
    struct object_record record; /* of the key the walk stands on */
    uint64_t below;              /* of this key only versions below this sequence; 0: all */
};

static enum storage_err look_at_object(void *ctx, const struct key_cursor *cursor, bool *ret_shown)
{
    struct listing *listing = ctx;
    enum storage_err err = schema_decode_object(cursor->leaf, cursor->value, &listing->record);
    *ret_shown =
        err == STORAGE_OK && (listing->query->versions || !listing->record.is_delete_marker);
    return err;
}

/* Marks the page truncated when it is full. */
static enum storage_err add_entry(
    struct listing *listing, struct span key, const struct object_record *record, bool is_newest)
{
    struct list_page *page = &listing->page;
    if (page->count == listing->query->max) {
        page->truncated = true;
        return STORAGE_OK;
    }
    page->items = page_grow(listing->arena, page->items, sizeof(*page->items), page->count,
        &listing->capacity, listing->query->max);
    struct span copy = arena_copy(listing->arena, key);
    if (listing->arena->overflow)
        return STORAGE_NO_MEMORY;
    struct list_entry *entry = &page->items[page->count++];
    entry->key = copy;
    entry->is_prefix = record == NULL;
    if (record) {
        object_info_fill(record, is_newest, &entry->info);
        entry->info.attributes.metadata = SPAN_ABSENT;
    }
    return STORAGE_OK;
}

static enum storage_err add_older(struct listing *listing, struct index_txn *txn, struct span key)
{
    struct index_cursor *cursor = NULL;
    struct index_key from;
    struct span found, value;
    uint64_t row_id = listing->record.row_id;
    enum storage_err err = index_cursor_open(txn, TABLE_VERSIONS, &cursor);
    if (err != STORAGE_OK)
        return err;
    uint64_t first = listing->below ? listing->below - 1 : UINT64_MAX;
    err = index_seek(cursor, key_of_version(&from, row_id, first), &found, &value);
    while (err == STORAGE_OK && key_u64_at(found, 0) == row_id && !listing->page.truncated) {
        struct object_record record;
        if ((err = schema_decode_object(found, value, &record)) == STORAGE_OK)
            err = add_entry(listing, key, &record, false);
        if (err == STORAGE_OK)
            err = index_next(cursor, &found, &value);
    }
    index_cursor_close(cursor);
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

static enum storage_err add_key(struct listing *listing, struct index_txn *txn, struct span key)
{
    const struct list_query *query = listing->query;
    bool resumed = query->versions && query->after_sequence && span_eq(key, query->after);
    listing->below = resumed ? query->after_sequence : 0;
    enum storage_err err = STORAGE_OK;
    if (!resumed || listing->record.version.sequence < query->after_sequence)
        err = add_entry(listing, key, &listing->record, true);
    if (err == STORAGE_OK && query->versions && listing->record.has_older)
        err = add_older(listing, txn, key);
    return err;
}

static enum storage_err list_all(struct listing *listing, struct index_txn *txn)
{
    const struct list_query *query = listing->query;
    struct walk walk;
    enum walk_item item;
    walk.look = look_at_object;
    walk.ctx = listing;
    enum storage_err err =
        walk_begin(&walk, txn, TABLE_OBJECTS, query->bucket_id, query->prefix, query->delimiter,
            (struct walk_from){
                .after = query->after,
                .after_is_key = query->after_is_key,
                .at_after = query->versions && query->after_sequence,
            });
    if (err != STORAGE_OK)
        return err;
    while (!listing->page.truncated) {
        if ((err = walk_next(&walk, &item)) != STORAGE_OK || item == WALK_END)
            break;
        if (item == WALK_GROUP)
            err = add_entry(listing, span_of(walk.group, walk.group_len), NULL, false);
        else
            err = add_key(listing, txn, key_cursor_key(&walk.cursor));
        if (err != STORAGE_OK)
            break;
    }
    walk_end(&walk);
    return err;
}

enum storage_err storage_list(struct storage *storage, const struct list_query *query,
    struct arena *arena, struct list_page *ret_page)
{
    struct index_txn *txn = NULL;
    struct listing listing = {.query = query, .arena = arena};
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = bucket_must_exist(txn, query->bucket_id);
    if (err == STORAGE_OK && query->max > 0)
        err = list_all(&listing, txn);
    index_read_end(txn);
    if (err == STORAGE_OK)
        *ret_page = listing.page;
    return err;
}
