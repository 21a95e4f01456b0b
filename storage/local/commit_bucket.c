#include "storage/local/commit_cache.h"

struct row_cache *bucket_cache_new(void)
{
    return row_cache_new(sizeof(struct bucket_entry));
}

static enum storage_err keep(struct row_cache *cache, struct span name,
    const struct bucket_record *record, struct bucket_entry **ret_entry)
{
    if (name.len > BUCKET_NAME_MAX_BYTES || record->region.len > UINT8_MAX)
        return STORAGE_INVALID;
    struct bucket_entry *entry = row_cache_add(cache, record->id);
    if (!entry)
        return STORAGE_NO_MEMORY;
    entry->record = *record;
    entry->name_len = name.len;
    entry->dirty = entry->deleted = false;
    memcpy(entry->name, name.ptr, name.len);
    if (record->region.len > 0)
        memcpy(entry->region, record->region.ptr, record->region.len);
    entry->record.region = span_of(entry->region, record->region.len);
    *ret_entry = entry;
    return STORAGE_OK;
}

enum storage_err commit_bucket(
    struct commit *commit, struct bucket_ref bucket, struct bucket_entry **ret_entry)
{
    struct bucket_entry *entry = bucket.id ? id_map_get(&commit->buckets->by_id, bucket.id) : NULL;
    if (!entry) {
        enum storage_err err = commit_bucket_named(commit, bucket.name, &entry);
        if (err != STORAGE_OK)
            return err;
    }
    if (entry->deleted || entry->record.id != bucket.id)
        return STORAGE_NO_SUCH_BUCKET;
    *ret_entry = entry;
    return STORAGE_OK;
}

enum storage_err commit_bucket_named(
    struct commit *commit, struct span name, struct bucket_entry **ret_entry)
{
    struct span value;
    struct bucket_record record;
    enum storage_err err = index_get(commit->txn, TABLE_BUCKETS, name, &value);
    if (err == STORAGE_NO_SUCH_KEY)
        return STORAGE_NO_SUCH_BUCKET;
    if (err == STORAGE_OK)
        err = schema_decode_bucket(name, value, &record);
    if (err != STORAGE_OK)
        return err;
    struct bucket_entry *entry = id_map_get(&commit->buckets->by_id, record.id);
    if (entry) {
        *ret_entry = entry;
        return STORAGE_OK;
    }
    return keep(commit->buckets, name, &record, ret_entry);
}

static enum storage_err write_row(struct commit *commit, const struct bucket_entry *entry)
{
    struct span name = bucket_entry_name(entry);
    schema_encode_bucket(name, &entry->record, &commit->value);
    return commit_put(commit, TABLE_BUCKETS, name);
}

enum storage_err commit_bucket_add(struct commit *commit, struct span name,
    const struct bucket_record *record, struct bucket_entry **ret_entry)
{
    struct index_key buffer;
    struct span id_key = key_of_u64(&buffer, record->id);
    enum storage_err err = keep(commit->buckets, name, record, ret_entry);
    if (err != STORAGE_OK)
        return err;
    schema_encode_bytes(id_key, name, &commit->value);
    if ((err = commit_add(commit, TABLE_BUCKET_IDS, id_key)) == STORAGE_OK)
        err = write_row(commit, *ret_entry);
    return err;
}

void commit_bucket_changed(struct commit *commit, struct bucket_entry *entry)
{
    entry->dirty = true;
    commit->cache_changes++;
}

enum storage_err commit_bucket_delete(struct commit *commit, struct bucket_entry *entry)
{
    struct index_key buffer;
    entry->deleted = true;
    commit->cache_changes++;
    enum storage_err err = index_delete(commit->txn, TABLE_BUCKETS, bucket_entry_name(entry));
    if (err == STORAGE_OK)
        err = index_delete(commit->txn, TABLE_BUCKET_IDS, key_of_u64(&buffer, entry->record.id));
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_CORRUPT : err;
}

enum storage_err bucket_cache_flush(struct commit *commit)
{
    const struct row_cache *cache = commit->buckets;
    for (size_t i = 0; i < cache->used; i++) {
        const struct bucket_entry *entry = cache->entries[i];
        enum storage_err err = STORAGE_OK;
        if (entry->dirty && !entry->deleted)
            err = write_row(commit, entry);
        if (err != STORAGE_OK)
            return err;
    }
    return STORAGE_OK;
}
