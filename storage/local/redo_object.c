/* Bytes and versions of the log, done again: see redo.h. */
#include "storage/local/redo_internal.h"

#include "storage/local/commit_zone.h"
#include "storage/local/lineage.h"

/* ---- bytes ---- */

bool redo_is_there(struct commit *commit, enum table table, struct span key)
{
    struct span value;
    return index_get(commit->txn, table, key, &value) == STORAGE_OK;
}

static enum storage_err add_extent(struct commit *commit, const struct log_entry_row *row)
{
    struct extent_record record;
    enum storage_err err = schema_decode_extent(row->key, row->value, &record);
    if (err != STORAGE_OK || redo_is_there(commit, TABLE_EXTENTS, row->key))
        return err;
    return commit_extent_add(commit, &record.extent, 1);
}

/* own_extent: came with the same record, and counts this piece already. A piece of an extent that nobody knows
 * stays: it makes its blob one that lacks bytes. */
static enum storage_err add_piece(
    struct commit *commit, const struct log_entry_row *row, uint64_t own_extent)
{
    struct piece_record piece;
    struct index_key buffer;
    enum storage_err err = schema_decode_piece(row->key, row->value, &piece);
    if (err != STORAGE_OK || redo_is_there(commit, TABLE_PIECES, row->key))
        return err;
    if ((err = index_add(commit->txn, TABLE_PIECES, row->key, row->value)) != STORAGE_OK)
        return err;
    if (piece.extent_id == 0 || piece.extent_id == own_extent ||
        !redo_is_there(commit, TABLE_EXTENTS, key_of_u64(&buffer, piece.extent_id)))
        return STORAGE_OK;
    return commit_extent_refer(commit, piece.extent_id);
}

enum storage_err redo_bytes(struct redo *redo, struct commit *commit)
{
    struct span rest = redo->entry.rows;
    struct log_entry_row row;
    struct blob_record blob;
    uint64_t own_extent = 0;
    enum storage_err err = STORAGE_OK;
    while (err == STORAGE_OK && log_next_row(&rest, &row)) {
        if (row.tag == LOG_EXTENT) {
            own_extent = key_u64_at(row.key, 0);
            err = add_extent(commit, &row);
        } else if (row.tag == LOG_PIECE) {
            err = add_piece(commit, &row, own_extent);
        } else if (row.tag == LOG_BLOB) {
            err = schema_decode_blob(row.key, row.value, &blob);
            if (err == STORAGE_OK)
                err = commit_blob_put(commit, key_u64_at(row.key, 0), &blob);
        }
    }
    return err;
}

/* An object that has the blob of another, which may be unknown. */
enum storage_err redo_refer(struct commit *commit, const struct object_record *record)
{
    struct index_key buffer;
    if (redo_is_there(commit, TABLE_BLOBS, key_of_u64(&buffer, record->blob_id)))
        return commit_blob_refer(commit, record->blob_id);
    struct blob_record unknown = {.references = 1,
        .length_bytes = record->size_bytes,
        .part_count = record->attributes.etag.part_count};
    return commit_blob_put(commit, record->blob_id, &unknown);
}

/* ---- versions ---- */

enum storage_err redo_lineage(struct redo *redo, struct commit *commit)
{
    struct span rest = redo->entry.rows;
    struct log_entry_row row;
    struct lineage_record record;
    enum storage_err err = STORAGE_OK;
    while (err == STORAGE_OK && log_next_row(&rest, &row)) {
        if (row.tag != LOG_LINEAGE)
            continue;
        err = schema_decode_lineage(row.key, row.value, &record);
        if (err == STORAGE_OK)
            err = index_put(commit->txn, TABLE_LINEAGE, row.key, row.value);
    }
    return err;
}

/* Was it made out of another zone? Its edges tell. */
static bool promotes(const struct redo *redo, const struct zone_rule *rule)
{
    struct span rest = redo->entry.rows;
    struct log_entry_row row;
    struct lineage_record record;
    while (log_next_row(&rest, &row)) {
        if (row.tag != LOG_LINEAGE || row.key.len != LINEAGE_KEY_BYTES ||
            (uint8_t)row.key.ptr[16] != LINEAGE_SOURCES ||
            schema_decode_lineage(row.key, row.value, &record) != STORAGE_OK)
            continue;
        const struct lineage_end *end = &record.edge.end;
        if (record.edge.kind == LINEAGE_RECORDED && span_present(end->zone) &&
            (end->bucket_id != redo->entry.bucket_id || !span_eq(end->zone, rule->name)))
            return true;
    }
    return false;
}

static void count_in_zone(struct redo *redo, struct commit *commit, const struct key_state *state,
    const struct object_record *record, bool linked)
{
    struct zone_entry *zone = state->zone;
    if (!zone || record->is_delete_marker)
        return;
    zone->state.duplicates_found += record->duplicate_of.sequence != 0;
    zone->state.bytes_saved += linked ? record->size_bytes : 0;
    zone->state.promotions += promotes(redo, zone->rule);
    commit_zone_changed(commit, zone);
}

/* linked: it has the blob of another though bytes were sent. */
enum storage_err redo_place(struct redo *redo, struct commit *commit, struct bucket_entry *bucket,
    struct object_record *record, bool linked)
{
    struct key_state state;
    struct log_entry_row side;
    enum storage_err err = STORAGE_OK;
    if (record->has_side && !log_find_row(&redo->entry, LOG_SIDE, &side))
        return STORAGE_CORRUPT;
    if (record->has_side)
        err = schema_decode_bytes(side.key, side.value, &record->attributes.metadata);
    if (err == STORAGE_OK)
        err = key_state_of(commit, bucket, redo->entry.key, record->version.is_null, &state);
    if (err == STORAGE_OK && state.exists && state.newest.row_id != record->row_id) {
        /* A row id goes with the last version: those that are known were deleted. */
        err = redo_remove_key(commit, bucket, redo->entry.key);
        if (err == STORAGE_OK)
            err = key_state_of(commit, bucket, redo->entry.key, record->version.is_null, &state);
    }
    record->has_older = false;
    if (err == STORAGE_OK)
        err = version_place(commit, &state, record);
    if (err == STORAGE_OK)
        count_in_zone(redo, commit, &state, record, linked);
    return err == STORAGE_OK ? redo_lineage(redo, commit) : err;
}

enum storage_err redo_logged_object(const struct redo *redo, struct object_record *ret_record)
{
    struct log_entry_row row;
    if (!log_find_row(&redo->entry, LOG_OBJECT, &row))
        return STORAGE_CORRUPT;
    return schema_decode_object(row.key, row.value, ret_record);
}

/* Has the record a row of this blob? */
bool redo_brings_blob(const struct redo *redo, uint64_t blob_id)
{
    struct log_entry_row row;
    return log_find_row(&redo->entry, LOG_BLOB, &row) && key_u64_at(row.key, 0) == blob_id;
}

/* PUT_OBJECT, COPY_OBJECT, and deletes that make a marker. */
enum storage_err redo_put_object(struct redo *redo, struct commit *commit)
{
    struct bucket_entry *bucket = NULL;
    struct object_record record = {0};
    enum storage_err err = redo_logged_object(redo, &record);
    if (err == STORAGE_OK)
        err = redo_bucket(redo, commit, &bucket);
    if (err == STORAGE_OK)
        err = redo_bytes(redo, commit);
    bool refers = record.blob_id != 0 && !redo_brings_blob(redo, record.blob_id);
    if (err == STORAGE_OK && refers)
        err = redo_refer(commit, &record);
    bool linked = refers && redo->entry.kind == MUTATION_PUT_OBJECT;
    return err == STORAGE_OK ? redo_place(redo, commit, bucket, &record, linked) : err;
}

/* err: NO_SUCH_VERSION */
static enum storage_err find_version(struct commit *commit, const struct bucket_entry *bucket,
    struct span key, uint64_t sequence, struct found_object *ret_found)
{
    struct found_object found;
    enum storage_err err = object_find_newest(commit->txn, bucket->record.id, key, &found.newest);
    if (err != STORAGE_OK)
        return err == STORAGE_NO_SUCH_KEY ? STORAGE_NO_SUCH_VERSION : err;
    found.record = found.newest;
    found.is_newest = found.newest.version.sequence == sequence;
    if (!found.is_newest)
        err = object_find_older(commit->txn, found.newest.row_id, sequence, &found.record);
    if (err == STORAGE_OK)
        *ret_found = found;
    return err;
}

enum storage_err redo_delete_object(struct redo *redo, struct commit *commit)
{
    struct bucket_entry *bucket = NULL;
    struct found_object found;
    struct key_state state;
    struct log_entry_row row;
    if (!log_find_row(&redo->entry, LOG_REMOVED, &row))
        return redo_put_object(redo, commit);
    enum storage_err err = redo_bucket(redo, commit, &bucket);
    if (err == STORAGE_OK)
        err = find_version(commit, bucket, redo->entry.key, key_u64_at(row.key, 0), &found);
    if (err == STORAGE_NO_SUCH_VERSION)
        return STORAGE_OK; /* what made it is not known, and it is gone */
    if (err == STORAGE_OK)
        err = key_state_of(commit, bucket, redo->entry.key, false, &state);
    return err == STORAGE_OK ? version_remove(commit, &state, &found.record) : err;
}

enum storage_err redo_set_metadata(struct redo *redo, struct commit *commit)
{
    struct bucket_entry *bucket = NULL;
    struct log_entry_row row, side;
    struct object_record logged;
    struct found_object found;
    if (!log_find_row(&redo->entry, LOG_OBJECT, &row) &&
        !log_find_row(&redo->entry, LOG_VERSION, &row))
        return STORAGE_CORRUPT;
    enum storage_err err = schema_decode_object(row.key, row.value, &logged);
    if (err == STORAGE_OK && logged.has_side)
        err = log_find_row(&redo->entry, LOG_SIDE, &side)
                  ? schema_decode_bytes(side.key, side.value, &logged.attributes.metadata)
                  : STORAGE_CORRUPT;
    if (err == STORAGE_OK)
        err = redo_bucket(redo, commit, &bucket);
    if (err == STORAGE_OK)
        err = find_version(commit, bucket, redo->entry.key, logged.version.sequence, &found);
    return err == STORAGE_OK ? version_set_metadata(commit, bucket, redo->entry.key, &found,
                                   logged.attributes.metadata)
                             : err;
}
