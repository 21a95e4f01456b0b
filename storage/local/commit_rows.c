#include "storage/local/commit.h"
#include "storage/local/lineage.h"
#include "storage/local/node.h"

enum storage_err commit_put(struct commit *commit, enum table table, struct span key)
{
    if (!buf_ok(&commit->value))
        return STORAGE_NO_MEMORY;
    return index_put(commit->txn, table, key, buf_span(&commit->value));
}

enum storage_err commit_add(struct commit *commit, enum table table, struct span key)
{
    if (!buf_ok(&commit->value))
        return STORAGE_NO_MEMORY;
    return index_add(commit->txn, table, key, buf_span(&commit->value));
}

/* ---- extents ---- */

static uint64_t extent_end(const struct extent *extent)
{
    return extent->offset_bytes + extent_disk_bytes(extent);
}

static enum storage_err extent_get(
    struct commit *commit, struct span key, struct extent_record *ret_record)
{
    struct span value;
    enum storage_err err = index_get(commit->txn, TABLE_EXTENTS, key, &value);
    if (err == STORAGE_NO_SUCH_KEY)
        return STORAGE_CORRUPT;
    return err == STORAGE_OK ? schema_decode_extent(key, value, ret_record) : err;
}

enum storage_err commit_extent_add(
    struct commit *commit, const struct extent *extent, uint32_t references)
{
    struct index_key buffer;
    struct span key = key_of_u64(&buffer, extent->id);
    struct extent_record record = {.extent = *extent, .references = references};
    schema_encode_extent(key, &record, &commit->value);
    enum storage_err err = commit_add(commit, TABLE_EXTENTS, key);
    if (err != STORAGE_OK)
        return err;
    log_row(&commit->log, LOG_EXTENT, key, buf_span(&commit->value));
    return commit_segment_change(commit, extent->segment_id, extent->own_file,
        (int64_t)extent_disk_bytes(extent), extent_end(extent));
}

enum storage_err commit_extent_refer(struct commit *commit, uint64_t extent_id)
{
    struct index_key buffer;
    struct span key = key_of_u64(&buffer, extent_id);
    struct extent_record record;
    enum storage_err err = extent_get(commit, key, &record);
    if (err != STORAGE_OK)
        return err;
    if (record.references == UINT32_MAX)
        return STORAGE_INVALID;
    record.references++;
    schema_encode_extent(key, &record, &commit->value);
    return commit_put(commit, TABLE_EXTENTS, key);
}

enum storage_err commit_extent_move(
    struct commit *commit, const struct extent_record *old, const struct extent *moved)
{
    struct index_key buffer;
    struct span key = key_of_u64(&buffer, moved->id);
    struct extent_record record = {.extent = *moved, .references = old->references};
    schema_encode_extent(key, &record, &commit->value);
    enum storage_err err = commit_put(commit, TABLE_EXTENTS, key);
    if (err == STORAGE_OK)
        err = commit_segment_change(commit, old->extent.segment_id, old->extent.own_file,
            -(int64_t)extent_disk_bytes(&old->extent), 0);
    if (err == STORAGE_OK)
        err = commit_segment_change(commit, moved->segment_id, moved->own_file,
            (int64_t)extent_disk_bytes(moved), extent_end(moved));
    return err;
}

enum storage_err commit_extent_drop(struct commit *commit, uint64_t extent_id, bool *ret_gone)
{
    struct index_key buffer;
    struct span key = key_of_u64(&buffer, extent_id);
    struct extent_record record;
    enum storage_err err = extent_get(commit, key, &record);
    if (err != STORAGE_OK)
        return err;
    const struct extent *extent = &record.extent;
    *ret_gone = record.references <= 1;
    if (!*ret_gone) {
        record.references--;
        schema_encode_extent(key, &record, &commit->value);
        return commit_put(commit, TABLE_EXTENTS, key);
    }
    err = index_delete(commit->txn, TABLE_EXTENTS, key);
    if (err == STORAGE_OK)
        err = commit_segment_change(
            commit, extent->segment_id, extent->own_file, -(int64_t)extent_disk_bytes(extent), 0);
    if (err == STORAGE_OK && extent->own_file)
        err = commit_segment_remove(commit, extent->segment_id);
    return err;
}

/* ---- blobs ---- */

enum storage_err commit_blob_get(
    struct commit *commit, uint64_t blob_id, struct blob_record *ret_record)
{
    struct index_key buffer;
    struct span value, key = key_of_u64(&buffer, blob_id);
    enum storage_err err = index_get(commit->txn, TABLE_BLOBS, key, &value);
    if (err == STORAGE_NO_SUCH_KEY)
        return STORAGE_CORRUPT;
    return err == STORAGE_OK ? schema_decode_blob(key, value, ret_record) : err;
}

static enum storage_err blob_write(
    struct commit *commit, uint64_t blob_id, const struct blob_record *record)
{
    struct index_key buffer;
    struct span key = key_of_u64(&buffer, blob_id);
    schema_encode_blob(key, record, &commit->value);
    return commit_put(commit, TABLE_BLOBS, key);
}

enum storage_err commit_blob_put(
    struct commit *commit, uint64_t blob_id, const struct blob_record *record)
{
    struct index_key buffer;
    enum storage_err err = blob_write(commit, blob_id, record);
    if (err == STORAGE_OK)
        log_row(&commit->log, LOG_BLOB, key_of_u64(&buffer, blob_id), buf_span(&commit->value));
    return err;
}

enum storage_err commit_blob_refer(struct commit *commit, uint64_t blob_id)
{
    struct blob_record record;
    enum storage_err err = commit_blob_get(commit, blob_id, &record);
    if (err != STORAGE_OK)
        return err;
    record.references++;
    return blob_write(commit, blob_id, &record);
}

enum storage_err commit_blob_drop(struct commit *commit, uint64_t blob_id)
{
    struct index_key buffer;
    struct blob_record record;
    if (blob_id == 0)
        return STORAGE_OK;
    enum storage_err err = commit_blob_get(commit, blob_id, &record);
    if (err != STORAGE_OK)
        return err;
    if (record.references > 1) {
        record.references--;
        return blob_write(commit, blob_id, &record);
    }
    err = index_delete(commit->txn, TABLE_BLOBS, key_of_u64(&buffer, blob_id));
    if (err != STORAGE_OK)
        return err;
    return commit_freed_add(commit, FREED_BLOB, &(struct freed_record){.id = blob_id});
}

enum storage_err commit_freed_add(
    struct commit *commit, enum freed_kind kind, const struct freed_record *record)
{
    struct index_key buffer;
    struct span key = key_of_freed(&buffer, kind, engine_next_id(commit->storage));
    schema_encode_freed(key, record, &commit->value);
    return commit_add(commit, TABLE_FREED, key);
}

enum storage_err commit_freed_remove(struct commit *commit, enum freed_kind kind, uint64_t sequence)
{
    struct index_key buffer;
    enum storage_err err =
        index_delete(commit->txn, TABLE_FREED, key_of_freed(&buffer, kind, sequence));
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

/* ---- uploads ---- */

enum storage_err commit_bucket_of_id(
    struct commit *commit, uint64_t bucket_id, struct bucket_entry **ret_entry)
{
    struct index_key buffer;
    struct span value, name, key = key_of_u64(&buffer, bucket_id);
    enum storage_err err = index_get(commit->txn, TABLE_BUCKET_IDS, key, &value);
    if (err == STORAGE_NO_SUCH_KEY)
        return STORAGE_NO_SUCH_BUCKET;
    if (err == STORAGE_OK)
        err = schema_decode_bytes(key, value, &name);
    if (err != STORAGE_OK)
        return err;
    return commit_bucket(commit, (struct bucket_ref){bucket_id, name}, ret_entry);
}

enum storage_err commit_upload_remove(
    struct commit *commit, uint64_t bucket_id, struct span key, uint64_t blob_id)
{
    struct index_key buffer;
    struct span leaf, value;
    struct upload_record record;
    struct bucket_entry *bucket = NULL;
    enum storage_err err =
        node_find(commit->txn, TABLE_UPLOADS, bucket_id, key, blob_id, &buffer, &leaf);
    if (err == STORAGE_OK)
        err = index_get(commit->txn, TABLE_UPLOADS, leaf, &value);
    if (err == STORAGE_NO_SUCH_KEY)
        return STORAGE_NO_SUCH_UPLOAD;
    if (err == STORAGE_OK)
        err = schema_decode_upload(leaf, value, &record);
    if (err != STORAGE_OK)
        return err;
    err = commit_bucket_of_id(commit, bucket_id, &bucket);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_BUCKET)
        return err;
    if ((err = node_remove(commit->txn, TABLE_UPLOADS, bucket_id, key, blob_id)) != STORAGE_OK)
        return err;
    if (record.completed)
        return STORAGE_OK;
    if ((err = lineage_gone(commit, (struct lineage_node){blob_id, 0})) != STORAGE_OK)
        return err;
    if (bucket) {
        bucket->record.upload_count--;
        commit_bucket_changed(commit, bucket);
    }
    return commit_blob_drop(commit, blob_id);
}
