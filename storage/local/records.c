#include "storage/local/engine.h"
#include "storage/local/page.h"

enum storage_err storage_record_get(struct storage *storage, struct span key, struct arena *arena,
    struct span *ret_value, uint64_t *ret_generation)
{
    struct index_txn *txn = NULL;
    struct span row;
    struct document_record record;
    if (key.len == 0 || key.len > STORAGE_RECORD_KEY_MAX_BYTES)
        return STORAGE_INVALID;
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = index_get(txn, TABLE_RECORDS, key, &row);
    if (err == STORAGE_NO_SUCH_KEY)
        err = STORAGE_NO_SUCH_RECORD;
    if (err == STORAGE_OK)
        err = schema_decode_document(key, row, &record);
    if (err == STORAGE_OK) {
        struct span value = arena_copy(arena, record.text);
        if (arena->overflow)
            err = STORAGE_NO_MEMORY;
        else {
            *ret_value = value;
            *ret_generation = record.generation;
        }
    }
    index_read_end(txn);
    return err;
}

static enum storage_err list_records(struct index_cursor *cursor, struct span prefix,
    struct span after, size_t max, struct arena *arena, struct record_page *page)
{
    struct span key, row;
    size_t capacity = 0;
    struct span from = span_cmp(after, prefix) > 0 ? after : prefix;
    if (from.len > INDEX_KEY_MAX_BYTES)
        from.len = INDEX_KEY_MAX_BYTES;
    enum storage_err err = index_seek(cursor, from, &key, &row);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &row)) {
        struct document_record record;
        if (!span_starts(key, prefix))
            break;
        if (after.len > 0 && span_cmp(key, after) <= 0)
            continue;
        if (page->count == max) {
            page->truncated = true;
            break;
        }
        if ((err = schema_decode_document(key, row, &record)) != STORAGE_OK)
            return err;
        page->items =
            page_grow(arena, page->items, sizeof(*page->items), page->count, &capacity, max);
        struct record_entry entry = {
            arena_copy(arena, key), arena_copy(arena, record.text), record.generation};
        if (arena->overflow)
            return STORAGE_NO_MEMORY;
        page->items[page->count++] = entry;
    }
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

enum storage_err storage_record_list(struct storage *storage, struct span prefix, struct span after,
    size_t max, struct arena *arena, struct record_page *ret_page)
{
    struct index_txn *txn = NULL;
    struct index_cursor *cursor = NULL;
    struct record_page page = {0};
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = index_cursor_open(txn, TABLE_RECORDS, &cursor);
    if (err == STORAGE_OK && max > 0)
        err = list_records(cursor, prefix, after, max, arena, &page);
    index_cursor_close(cursor);
    index_read_end(txn);
    if (err == STORAGE_OK)
        *ret_page = page;
    return err;
}
