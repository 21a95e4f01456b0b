#include "storage/local/commit_cache.h"
#include "storage/local/commit_zone.h"

enum storage_err commit_init(struct commit *commit, struct storage *storage)
{
    *commit = (struct commit){.storage = storage};
    buf_init(&commit->value, SCHEMA_VALUE_MAX_BYTES);
    buf_init(&commit->moved, SCHEMA_VALUE_MAX_BYTES);
    buf_init(&commit->scratch, LOG_MAX_BYTES);
    log_init(&commit->log);
    commit->buckets = bucket_cache_new();
    commit->segments = segment_cache_new();
    commit->zones = zone_cache_new();
    if (commit->buckets && commit->segments && commit->zones)
        return STORAGE_OK;
    commit_free(commit);
    return STORAGE_NO_MEMORY;
}

void commit_free(struct commit *commit)
{
    row_cache_free(TAKE(commit->buckets));
    row_cache_free(TAKE(commit->segments));
    zone_cache_free(TAKE(commit->zones));
    log_free(&commit->log);
    buf_free(&commit->scratch);
    buf_free(&commit->moved);
    buf_free(&commit->value);
}

enum storage_err commit_begin(struct commit *commit)
{
    struct span value;
    row_cache_clear(commit->buckets);
    row_cache_clear(commit->segments);
    zone_cache_begin(commit->zones);
    log_clear(&commit->log);
    buf_clear(&commit->value);
    commit->cache_changes = commit->notes = 0;
    commit->now_ms = clock_unix_ms();
    commit->state = (struct state_record){0};
    enum storage_err err = index_write_begin(commit->storage->index, &commit->txn);
    if (err != STORAGE_OK)
        return err;
    err = index_get(commit->txn, TABLE_META, SPAN("state"), &value);
    if (err == STORAGE_OK)
        err = schema_decode_state(SPAN("state"), value, &commit->state);
    else if (err == STORAGE_NO_SUCH_KEY)
        err = STORAGE_OK; /* the first commit */
    if (err != STORAGE_OK)
        commit_abort(commit);
    return err;
}

void commit_abort(struct commit *commit)
{
    index_write_abort(TAKE(commit->txn));
}

uint64_t commit_changes(const struct commit *commit)
{
    return commit->cache_changes + index_changes(commit->txn);
}

static enum storage_err append_log(struct commit *commit)
{
    struct storage *storage = commit->storage;
    struct log_header header = {
        .frame_id = engine_next_id(storage),
        .previous_id = commit->state.commit_sequence,
        .time_ms = commit->now_ms,
    };
    uint64_t segment_id, offset;
    /* The engine's own work only: nothing that a replay would miss. It must not come between two
     * frames, or nobody could tell a frame that is named by none from one whose commit failed. */
    if (commit->log.count == 0)
        return STORAGE_OK;
    commit->state.commit_sequence = header.frame_id;
    memcpy(header.store_id, storage->store_id, sizeof(header.store_id));
    struct span frame = log_seal(&commit->log, &header);
    if (!span_present(frame))
        return STORAGE_NO_MEMORY;
    enum storage_err err = space_log_append(storage->space, frame, &segment_id, &offset);
    if (err != STORAGE_OK)
        return err;
    atomic_fetch_add(&storage->snapshots.log_bytes, frame.len);
    return commit_segment_log(commit, segment_id, offset, frame.len);
}

enum storage_err commit_end(struct commit *commit, enum index_failure *ret_failure)
{
    *ret_failure = INDEX_FINE;
    enum storage_err err = append_log(commit);
    if (err == STORAGE_OK) {
        segment_cache_sync(commit);
        err = segment_cache_flush(commit);
    }
    if (err == STORAGE_OK)
        err = zone_cache_flush(commit);
    if (err == STORAGE_OK)
        err = bucket_cache_flush(commit);
    if (err == STORAGE_OK) {
        schema_encode_state(SPAN("state"), &commit->state, &commit->value);
        err = commit_put(commit, TABLE_META, SPAN("state"));
    }
    if (err != STORAGE_OK) {
        *ret_failure = index_failure(commit->txn);
        commit_abort(commit);
        return err;
    }
    return index_write_commit(TAKE(commit->txn), ret_failure);
}
