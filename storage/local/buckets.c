#include "storage/local/engine.h"
#include "storage/local/page.h"

static enum storage_err info_of(struct span name, const struct bucket_record *record,
    struct arena *arena, struct bucket_info *ret_info)
{
    struct bucket_info info = {
        .id = record->id,
        .name = arena_copy(arena, name),
        .created_ms = record->created_ms,
        .owner_id = record->owner_id,
        .region = arena_copy(arena, record->region),
        .versioning = record->versioning,
        .generation = record->generation,
        .zones_generation = record->zones_generation,
        .object_count = record->object_count,
        .byte_count = record->byte_count,
        .upload_count = record->upload_count,
    };
    if (arena->overflow)
        return STORAGE_NO_MEMORY;
    *ret_info = info;
    return STORAGE_OK;
}

enum storage_err storage_bucket_get(
    struct storage *storage, struct span name, struct arena *arena, struct bucket_info *ret_info)
{
    struct index_txn *txn = NULL;
    struct span value;
    struct bucket_record record;
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = index_get(txn, TABLE_BUCKETS, name, &value);
    if (err == STORAGE_NO_SUCH_KEY)
        err = STORAGE_NO_SUCH_BUCKET;
    if (err == STORAGE_OK)
        err = schema_decode_bucket(name, value, &record);
    if (err == STORAGE_OK)
        err = info_of(name, &record, arena, ret_info);
    index_read_end(txn);
    return err;
}

struct bucket_query {
    uint64_t owner_id;
    struct span prefix, after;
    size_t max;
};

static enum storage_err list_buckets(struct index_cursor *cursor, const struct bucket_query *query,
    struct arena *arena, struct bucket_page *page)
{
    struct span name, value;
    size_t capacity = 0;
    struct span from = span_cmp(query->after, query->prefix) > 0 ? query->after : query->prefix;
    if (from.len > INDEX_KEY_MAX_BYTES)
        from.len = INDEX_KEY_MAX_BYTES;
    enum storage_err err = index_seek(cursor, from, &name, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &name, &value)) {
        struct bucket_record record;
        if (!span_starts(name, query->prefix))
            break;
        if (query->after.len > 0 && span_cmp(name, query->after) <= 0)
            continue;
        if ((err = schema_decode_bucket(name, value, &record)) != STORAGE_OK)
            return err;
        if (query->owner_id != UINT64_MAX && record.owner_id != query->owner_id)
            continue;
        if (page->count == query->max) {
            page->truncated = true;
            break;
        }
        page->items =
            page_grow(arena, page->items, sizeof(*page->items), page->count, &capacity, query->max);
        if (arena->overflow)
            return STORAGE_NO_MEMORY;
        if ((err = info_of(name, &record, arena, &page->items[page->count])) != STORAGE_OK)
            return err;
        page->count++;
    }
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

enum storage_err storage_bucket_list(struct storage *storage, uint64_t owner_id, struct span prefix,
    struct span after, size_t max, struct arena *arena, struct bucket_page *ret_page)
{
    struct index_txn *txn = NULL;
    struct index_cursor *cursor = NULL;
    struct bucket_page page = {0};
    struct bucket_query query = {owner_id, prefix, after, max};
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = index_cursor_open(txn, TABLE_BUCKETS, &cursor);
    if (err == STORAGE_OK && max > 0)
        err = list_buckets(cursor, &query, arena, &page);
    index_cursor_close(cursor);
    index_read_end(txn);
    if (err == STORAGE_OK)
        *ret_page = page;
    return err;
}
