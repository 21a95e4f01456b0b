#include "storage/local/objects.h"

#include "storage/local/engine.h"
#include "storage/local/zones.h"

enum storage_err object_find_newest(
    struct index_txn *txn, uint64_t bucket_id, struct span key, struct object_record *ret_record)
{
    struct index_key buffer;
    struct span leaf, value;
    enum storage_err err = node_find(txn, TABLE_OBJECTS, bucket_id, key, 0, &buffer, &leaf);
    if (err == STORAGE_OK)
        err = index_get(txn, TABLE_OBJECTS, leaf, &value);
    return err == STORAGE_OK ? schema_decode_object(leaf, value, ret_record) : err;
}

enum storage_err object_find_older(
    struct index_txn *txn, uint64_t row_id, uint64_t sequence, struct object_record *ret_record)
{
    struct index_key buffer;
    struct span value, key = key_of_version(&buffer, row_id, sequence);
    enum storage_err err = index_get(txn, TABLE_VERSIONS, key, &value);
    if (err == STORAGE_NO_SUCH_KEY)
        return STORAGE_NO_SUCH_VERSION;
    return err == STORAGE_OK ? schema_decode_object(key, value, ret_record) : err;
}

enum storage_err object_find(struct index_txn *txn, uint64_t bucket_id, struct span key,
    struct version_ref version, struct found_object *ret_found)
{
    struct found_object found = {0};
    enum storage_err err = object_find_newest(txn, bucket_id, key, &found.newest);
    if (err == STORAGE_NO_SUCH_KEY && version.select != VERSION_NEWEST)
        return STORAGE_NO_SUCH_VERSION;
    if (err != STORAGE_OK)
        return err;
    const struct object_record *newest = &found.newest;
    uint64_t sequence = version.select == VERSION_NEWEST ? newest->version.sequence
                        : version.select == VERSION_NULL ? newest->null_sequence
                                                         : version.sequence;
    found.is_newest = sequence == newest->version.sequence;
    if (found.is_newest)
        found.record = found.newest;
    else if (sequence == 0 || !newest->has_older)
        return STORAGE_NO_SUCH_VERSION;
    else if ((err = object_find_older(txn, newest->row_id, sequence, &found.record)) != STORAGE_OK)
        return err;
    if (version.select == VERSION_EXACT && found.record.version.random != version.random)
        return STORAGE_NO_SUCH_VERSION;
    *ret_found = found;
    return STORAGE_OK;
}

void object_info_fill(
    const struct object_record *record, bool is_newest, struct object_info *ret_info)
{
    *ret_info = (struct object_info){
        .size_bytes = record->size_bytes,
        .modified_ms = record->modified_ms,
        .version = record->version,
        .is_newest = is_newest,
        .is_delete_marker = record->is_delete_marker,
        .attributes = record->attributes,
    };
}

enum storage_err object_metadata(
    struct index_txn *txn, const struct object_record *record, struct span *ret_metadata)
{
    if (!record->has_side) {
        *ret_metadata = record->attributes.metadata;
        return STORAGE_OK;
    }
    struct index_key buffer;
    struct span value, key = key_of_side(&buffer, record->row_id, record->version.sequence);
    enum storage_err err = index_get(txn, TABLE_SIDE, key, &value);
    if (err == STORAGE_OK)
        return schema_decode_bytes(key, value, ret_metadata);
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_CORRUPT : err;
}

/* The key of what had the same bytes first, while that is its key's current version. */
static enum storage_err first_of_same(
    struct index_txn *txn, struct content_ref ref, struct arena *arena, struct span *ret_key)
{
    struct span key;
    struct object_record record;
    enum storage_err err = content_version(txn, ref, &key, &record);
    *ret_key = err == STORAGE_OK ? arena_copy(arena, key) : SPAN_ABSENT;
    return err == STORAGE_NO_SUCH_VERSION ? STORAGE_OK : err;
}

enum storage_err object_info_read(struct index_txn *txn, const struct found_object *found,
    struct arena *arena, struct object_info *ret_info)
{
    struct object_info info;
    struct span metadata;
    object_info_fill(&found->record, found->is_newest, &info);
    enum storage_err err = object_metadata(txn, &found->record, &metadata);
    if (err == STORAGE_OK && found->record.duplicate_of.sequence)
        err = first_of_same(txn, found->record.duplicate_of, arena, &info.duplicate_of);
    if (err != STORAGE_OK)
        return err;
    info.attributes.metadata = arena_copy(arena, metadata);
    if (arena->overflow)
        return STORAGE_NO_MEMORY;
    *ret_info = info;
    return found->record.is_delete_marker ? STORAGE_DELETE_MARKER : STORAGE_OK;
}

enum storage_err storage_object_get(struct storage *storage, uint64_t bucket_id, struct span key,
    struct version_ref version, struct arena *arena, struct object_info *ret_info)
{
    struct index_txn *txn = NULL;
    struct found_object found;
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = object_find(txn, bucket_id, key, version, &found);
    if (err == STORAGE_OK)
        err = object_info_read(txn, &found, arena, ret_info);
    index_read_end(txn);
    return err;
}
