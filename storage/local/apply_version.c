#include "storage/local/apply.h"
#include "storage/local/commit_zone.h"
#include "storage/local/lineage.h"

/* ---- what the commit finds ---- */

/* The newest version where a write puts the new one in its place: null over null. */
static bool is_replaced(const struct key_state *state, const struct object_record *newest)
{
    return state->writes_null && newest->null_sequence == newest->version.sequence;
}

/* Encodes the newest record as an older one into commit->moved, before anything is changed. */
static enum storage_err prepare_older(struct commit *commit, const struct object_record *newest)
{
    struct index_key buffer;
    struct object_record older = *newest;
    older.has_older = false;
    older.null_sequence = 0;
    schema_encode_object(
        key_of_version(&buffer, newest->row_id, newest->version.sequence), &older, &commit->moved);
    return buf_ok(&commit->moved) ? STORAGE_OK : STORAGE_NO_MEMORY;
}

enum storage_err key_state_read(struct commit *commit, const struct bucket_ref *bucket,
    struct span key, struct key_state *ret_state)
{
    struct bucket_entry *entry = NULL;
    enum storage_err err = commit_bucket(commit, *bucket, &entry);
    if (err != STORAGE_OK)
        return err;
    return key_state_of(commit, entry, key, entry->record.versioning != VERSIONING_ON, ret_state);
}

enum storage_err key_state_of(struct commit *commit, struct bucket_entry *bucket, struct span key,
    bool writes_null, struct key_state *ret_state)
{
    struct key_state state = {.bucket = bucket, .key = key, .writes_null = writes_null};
    enum storage_err err = object_find_newest(commit->txn, bucket->record.id, key, &state.newest);
    state.exists = err == STORAGE_OK;
    if (err == STORAGE_NO_SUCH_KEY)
        err = STORAGE_OK;
    else if (err == STORAGE_OK && !is_replaced(&state, &state.newest))
        err = prepare_older(commit, &state.newest);
    if (err == STORAGE_OK)
        err = commit_zone(commit, state.bucket, key, &state.zone);
    if (err == STORAGE_OK && state.zone)
        state.excepted = zone_excepts(state.zone->rule, key);
    if (err == STORAGE_OK)
        *ret_state = state;
    return err;
}

enum storage_err check_conditions(const struct mutation *m, const struct object_record *current)
{
    const struct etag *etag = current ? &current->attributes.etag : NULL;
    bool absent = !current || current->is_delete_marker;
    if (m->if_match.present && absent)
        return STORAGE_NO_SUCH_KEY;
    if (m->if_match.present && !etag_list_matches(&m->if_match, etag))
        return STORAGE_PRECONDITION_FAILED;
    if (m->if_none_match.present && !absent && etag_list_matches(&m->if_none_match, etag))
        return STORAGE_PRECONDITION_FAILED;
    return STORAGE_OK;
}

/* ---- counting, freeing ---- */

static void count_version(struct commit *commit, const struct key_state *state,
    const struct object_record *record, bool more)
{
    uint64_t one = more ? 1 : UINT64_MAX;
    struct bucket_entry *bucket = state->bucket;
    if (!record->is_delete_marker) {
        bucket->record.object_count += one;
        bucket->record.byte_count += one * record->size_bytes;
    }
    commit_bucket_changed(commit, bucket);
    zone_count(commit, state, record, more);
}

/* All but the version's own row: its bytes, its long metadata, its share in the counters. */
static enum storage_err free_content(
    struct commit *commit, const struct key_state *state, const struct object_record *record)
{
    struct index_key buffer;
    enum storage_err err = commit_blob_drop(commit, record->blob_id);
    if (err == STORAGE_OK && record->has_side)
        err = index_delete(commit->txn, TABLE_SIDE,
            key_of_side(&buffer, record->row_id, record->version.sequence));
    if (err == STORAGE_NO_SUCH_KEY)
        err = STORAGE_CORRUPT;
    count_version(commit, state, record, false);
    if (err == STORAGE_OK)
        err = lineage_gone(commit, (struct lineage_node){record->row_id, record->version.sequence});
    return err;
}

/* ---- older versions ---- */

/* The key's null version, where it is an older one, goes. */
static enum storage_err drop_older_null(
    struct commit *commit, const struct key_state *state, uint64_t row_id, uint64_t sequence)
{
    struct index_key buffer;
    struct object_record record;
    enum storage_err err = object_find_older(commit->txn, row_id, sequence, &record);
    if (err != STORAGE_OK)
        return err == STORAGE_NO_SUCH_VERSION ? STORAGE_CORRUPT : err;
    err = index_delete(commit->txn, TABLE_VERSIONS, key_of_version(&buffer, row_id, sequence));
    return err == STORAGE_OK ? free_content(commit, state, &record) : err;
}

/* Makes room at the top of a key that exists. Fills what the new record takes over. */
static enum storage_err displace_newest(
    struct commit *commit, struct key_state *state, struct object_record *record)
{
    const struct object_record *old = &state->newest; /* without its spans by now */
    struct index_key buffer;
    enum storage_err err = zone_current_changes(commit, state, old, false);
    if (err != STORAGE_OK)
        return err;
    record->row_id = old->row_id;
    if (is_replaced(state, old)) {
        record->has_older = old->has_older;
        return free_content(commit, state, old);
    }
    if (!record->version.is_null)
        record->null_sequence = old->null_sequence;
    else if (old->null_sequence != 0)
        err = drop_older_null(commit, state, old->row_id, old->null_sequence);
    record->has_older = true;
    if (err != STORAGE_OK)
        return err;
    return index_add(commit->txn, TABLE_VERSIONS,
        key_of_version(&buffer, old->row_id, old->version.sequence), buf_span(&commit->moved));
}

/* ---- writing ---- */

static uint64_t next_id(void *ctx)
{
    return engine_next_id(ctx);
}

static enum storage_err write_side(struct commit *commit, struct object_record *record)
{
    struct index_key buffer;
    struct span key = key_of_side(&buffer, record->row_id, record->version.sequence);
    record->has_side = record->attributes.metadata.len > SIDE_METADATA_BYTES;
    if (!record->has_side)
        return STORAGE_OK;
    schema_encode_bytes(key, record->attributes.metadata, &commit->value);
    enum storage_err err = commit_add(commit, TABLE_SIDE, key);
    log_row(&commit->log, LOG_SIDE, key, buf_span(&commit->value));
    return err;
}

static enum storage_err write_row(struct commit *commit, const struct key_state *state, uint64_t id)
{
    struct index_key buffer;
    struct span key = key_of_u64(&buffer, id);
    struct row_record row = {state->bucket->record.id, state->key};
    schema_encode_row(key, &row, &commit->value);
    return commit_add(commit, TABLE_ROWS, key);
}

enum storage_err version_write(struct commit *commit, struct key_state *state,
    struct object_record *record, struct object_info *ret_info)
{
    record->version.is_null = state->writes_null;
    record->version.sequence = engine_next_id(commit->storage);
    record->version.random = 0;
    if (!record->version.is_null)
        random_bytes(&record->version.random, sizeof(record->version.random));
    record->modified_ms = commit->now_ms;
    enum storage_err err = version_place(commit, state, record);
    if (err != STORAGE_OK)
        return err;
    object_info_fill(record, true, ret_info);
    ret_info->attributes.metadata = SPAN_ABSENT;
    return STORAGE_OK;
}

enum storage_err version_place(
    struct commit *commit, struct key_state *state, struct object_record *record)
{
    struct index_key buffer;
    struct span leaf;
    enum storage_err err = STORAGE_OK;
    uint64_t bucket_id = state->bucket->record.id;
    record->null_sequence = record->version.is_null ? record->version.sequence : 0;
    if (state->exists) {
        err = displace_newest(commit, state, record);
    } else {
        if (record->row_id == 0)
            record->row_id = engine_next_id(commit->storage);
        err = write_row(commit, state, record->row_id);
    }
    if (err == STORAGE_OK)
        err = write_side(commit, record);
    if (err == STORAGE_OK)
        err = node_make(commit->txn, TABLE_OBJECTS, bucket_id, state->key, 0, next_id,
            commit->storage, &buffer, &leaf);
    if (err != STORAGE_OK)
        return err;
    schema_encode_object(leaf, record, &commit->value);
    if ((err = commit_put(commit, TABLE_OBJECTS, leaf)) != STORAGE_OK)
        return err;
    log_row(&commit->log, LOG_OBJECT, leaf, buf_span(&commit->value));
    count_version(commit, state, record, true);
    return zone_current_changes(commit, state, record, true);
}

/* ---- removing ---- */

/* The newest of the older versions that is not `except`, and whether there is one more of them.
 * Encoded as the key's newest into commit->moved, since its bytes do not outlive the first change.
 * err: NO_SUCH_VERSION when there is none */
static enum storage_err find_next_older(struct index_txn *txn, uint64_t row_id, uint64_t except,
    struct object_record *ret_record, bool *ret_more)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    struct object_record found = {0};
    enum storage_err err = index_cursor_open(txn, TABLE_VERSIONS, &cursor);
    if (err != STORAGE_OK)
        return err;
    *ret_more = false;
    err = index_seek(cursor, key_of_u64(&buffer, row_id), &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        struct object_record record;
        if (key_u64_at(key, 0) != row_id)
            break;
        if ((err = schema_decode_object(key, value, &record)) != STORAGE_OK)
            break;
        if (record.version.sequence == except)
            continue;
        if (found.version.sequence != 0) {
            *ret_more = true;
            break;
        }
        found = record;
    }
    index_cursor_close(cursor);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_KEY)
        return err;
    if (found.version.sequence == 0)
        return STORAGE_NO_SUCH_VERSION;
    *ret_record = found;
    return STORAGE_OK;
}

static enum storage_err remove_last(
    struct commit *commit, struct key_state *state, const struct object_record *gone)
{
    struct index_key buffer;
    enum storage_err err =
        node_remove(commit->txn, TABLE_OBJECTS, state->bucket->record.id, state->key, 0);
    if (err == STORAGE_OK)
        err = index_delete(commit->txn, TABLE_ROWS, key_of_u64(&buffer, gone->row_id));
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_CORRUPT : err;
}

enum storage_err version_remove(
    struct commit *commit, struct key_state *state, const struct object_record *gone_record)
{
    struct object_record gone = *gone_record, next, newest = state->newest;
    struct index_key leaf_buffer, buffer;
    struct span leaf;
    bool is_newest = gone.version.sequence == newest.version.sequence, more = false;
    enum storage_err err = STORAGE_NO_SUCH_VERSION;
    if (newest.has_older)
        err = find_next_older(commit->txn, gone.row_id, gone.version.sequence, &next, &more);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_VERSION)
        return err;
    bool any_older = err == STORAGE_OK;
    if (is_newest && !any_older) {
        err = zone_current_changes(commit, state, &gone, false);
        if (err == STORAGE_OK)
            err = remove_last(commit, state, &gone);
        return err == STORAGE_OK ? free_content(commit, state, &gone) : err;
    }
    struct object_record top = is_newest ? next : newest;
    top.has_older = is_newest ? more : any_older;
    top.null_sequence = newest.null_sequence == gone.version.sequence ? 0 : newest.null_sequence;
    err = node_find(
        commit->txn, TABLE_OBJECTS, state->bucket->record.id, state->key, 0, &leaf_buffer, &leaf);
    if (err != STORAGE_OK)
        return STORAGE_CORRUPT;
    schema_encode_object(leaf, &top, &commit->moved);
    if (!buf_ok(&commit->moved))
        return STORAGE_NO_MEMORY;
    uint64_t leaving = is_newest ? top.version.sequence : gone.version.sequence;
    err = index_delete(commit->txn, TABLE_VERSIONS, key_of_version(&buffer, gone.row_id, leaving));
    if (err == STORAGE_OK)
        err = index_put(commit->txn, TABLE_OBJECTS, leaf, buf_span(&commit->moved));
    if (err == STORAGE_OK && is_newest)
        err = zone_current_changes(commit, state, &gone, false);
    if (err == STORAGE_OK && is_newest)
        err = zone_current_changes(commit, state, &top, true);
    return err == STORAGE_OK ? free_content(commit, state, &gone) : err;
}
