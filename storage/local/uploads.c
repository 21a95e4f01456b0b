#include "storage/local/uploads.h"

#include "storage/local/engine.h"
#include "storage/local/page.h"
#include "storage/local/parts.h"
#include "storage/local/walk.h"

enum storage_err upload_find(struct index_txn *txn, uint64_t bucket_id, struct span key,
    struct upload_id id, struct index_key *ret_key, struct span *ret_leaf,
    struct upload_record *ret_record)
{
    struct span value;
    enum storage_err err =
        node_find(txn, TABLE_UPLOADS, bucket_id, key, id.blob_id, ret_key, ret_leaf);
    if (err == STORAGE_OK)
        err = index_get(txn, TABLE_UPLOADS, *ret_leaf, &value);
    if (err == STORAGE_NO_SUCH_KEY)
        return STORAGE_NO_SUCH_UPLOAD;
    struct upload_record record;
    if (err == STORAGE_OK)
        err = schema_decode_upload(*ret_leaf, value, &record);
    if (err != STORAGE_OK)
        return err;
    if (record.id.blob_id != id.blob_id || record.id.random != id.random)
        return STORAGE_NO_SUCH_UPLOAD;
    *ret_record = record;
    return STORAGE_OK;
}

void upload_result_fill(const struct upload_record *record, struct object_info *ret_info)
{
    *ret_info = (struct object_info){
        .size_bytes = record->result_size_bytes,
        .modified_ms = record->result_modified_ms,
        .version = record->result_version,
        .attributes =
            {
                .etag = record->result_etag,
                .crc64nvme = record->result_crc64nvme,
                .checksum = record->result_checksum,
                .storage_class = record->attributes.storage_class,
                .owner_id = record->attributes.owner_id,
            },
    };
}

static void info_fill(
    const struct upload_record *record, struct span key, struct upload_info *ret_info)
{
    *ret_info = (struct upload_info){
        .id = record->id,
        .key = key,
        .initiated_ms = record->initiated_ms,
        .generation = record->generation,
        .checksum_algo = record->checksum_algo,
        .checksum_type = record->checksum_type,
        .attributes = record->attributes,
        .completed = record->completed,
    };
    if (!record->completed)
        return;
    memcpy(ret_info->parts_hash, record->parts_hash, MD5_BYTES);
    upload_result_fill(record, &ret_info->result);
}

enum storage_err storage_upload_get(struct storage *storage, uint64_t bucket_id, struct span key,
    struct upload_id id, struct arena *arena, struct upload_info *ret_info)
{
    struct index_txn *txn = NULL;
    struct index_key buffer;
    struct span leaf;
    struct upload_record record;
    struct upload_info info;
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = upload_find(txn, bucket_id, key, id, &buffer, &leaf, &record);
    if (err == STORAGE_OK) {
        info_fill(&record, arena_copy(arena, key), &info);
        info.attributes.metadata = arena_copy(arena, record.attributes.metadata);
        if (arena->overflow)
            err = STORAGE_NO_MEMORY;
        else
            *ret_info = info;
    }
    index_read_end(txn);
    return err;
}

enum storage_err storage_upload_parts(struct storage *storage, uint64_t bucket_id, struct span key,
    struct upload_id id, uint32_t after, size_t max, struct arena *arena,
    struct part_page *ret_page, uint64_t *ret_generation)
{
    struct index_txn *txn = NULL;
    struct index_key buffer;
    struct span leaf;
    struct upload_record record;
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = upload_find(txn, bucket_id, key, id, &buffer, &leaf, &record);
    if (err == STORAGE_OK && record.completed)
        err = STORAGE_NO_SUCH_UPLOAD; /* its parts are the object's now */
    if (err == STORAGE_OK)
        err = parts_read(
            txn, id.blob_id, (struct part_range){.after = after, .max = max}, arena, ret_page);
    if (err == STORAGE_OK)
        *ret_generation = record.generation;
    index_read_end(txn);
    return err;
}

/* ---- listing ---- */

struct listing {
    const struct upload_query *query;
    struct arena *arena;
    struct upload_page page;
    size_t capacity;
    struct upload_record record; /* the walk stands on it */
};

static enum storage_err look_at_upload(void *ctx, const struct key_cursor *cursor, bool *ret_shown)
{
    struct listing *listing = ctx;
    enum storage_err err = schema_decode_upload(cursor->leaf, cursor->value, &listing->record);
    *ret_shown = err == STORAGE_OK && !listing->record.completed;
    return err;
}

static enum storage_err add_entry(
    struct listing *listing, struct span key, const struct upload_record *record)
{
    struct upload_page *page = &listing->page;
    if (page->count == listing->query->max) {
        page->truncated = true;
        return STORAGE_OK;
    }
    page->items = page_grow(listing->arena, page->items, sizeof(*page->items), page->count,
        &listing->capacity, listing->query->max);
    struct span copy = arena_copy(listing->arena, key);
    if (listing->arena->overflow)
        return STORAGE_NO_MEMORY;
    struct upload_entry *entry = &page->items[page->count++];
    entry->key = copy;
    entry->is_prefix = record == NULL;
    if (record) {
        info_fill(record, copy, &entry->info);
        entry->info.attributes.metadata = SPAN_ABSENT;
    }
    return STORAGE_OK;
}

static enum storage_err list_all(struct listing *listing, struct index_txn *txn)
{
    const struct upload_query *query = listing->query;
    struct walk walk;
    walk.look = look_at_upload;
    walk.ctx = listing;
    enum storage_err err =
        walk_begin(&walk, txn, TABLE_UPLOADS, query->bucket_id, query->prefix, query->delimiter,
            (struct walk_from){
                .after = query->after_key,
                .at_after = query->after_upload.blob_id != 0,
                .after_blob = query->after_upload.blob_id,
            });
    if (err != STORAGE_OK)
        return err;
    while (!listing->page.truncated) {
        enum walk_item item;
        if ((err = walk_next(&walk, &item)) != STORAGE_OK || item == WALK_END)
            break;
        err = item == WALK_GROUP
                  ? add_entry(listing, span_of(walk.group, walk.group_len), NULL)
                  : add_entry(listing, key_cursor_key(&walk.cursor), &listing->record);
        if (err != STORAGE_OK)
            break;
    }
    walk_end(&walk);
    return err;
}

enum storage_err storage_upload_list(struct storage *storage, const struct upload_query *query,
    struct arena *arena, struct upload_page *ret_page)
{
    struct index_txn *txn = NULL;
    struct listing listing = {.query = query, .arena = arena};
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK && query->max > 0)
        err = list_all(&listing, txn);
    index_read_end(txn);
    if (err == STORAGE_OK)
        *ret_page = listing.page;
    return err;
}
