#include "storage/local/commit_cache.h"

struct segment_entry {
    uint64_t id;
    struct segment_record record, before;
    bool existed, dirty, removed;
    bool written; /* has new bytes that this commit must sync */
};

struct row_cache *segment_cache_new(void)
{
    return row_cache_new(sizeof(struct segment_entry));
}

/* The entry, read from the index the first time; not existed where there is no row. */
static enum storage_err entry_of(
    struct commit *commit, uint64_t segment_id, struct segment_entry **ret_entry)
{
    struct row_cache *cache = commit->segments;
    struct segment_entry *entry = id_map_get(&cache->by_id, segment_id);
    if (entry) {
        *ret_entry = entry;
        return STORAGE_OK;
    }
    struct index_key buffer;
    struct span value, key = key_of_u64(&buffer, segment_id);
    struct segment_record record = {0};
    enum storage_err err = index_get(commit->txn, TABLE_SEGMENTS, key, &value);
    bool existed = err == STORAGE_OK;
    if (existed)
        err = schema_decode_segment(key, value, &record);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_KEY)
        return err;
    entry = row_cache_add(cache, segment_id);
    if (!entry)
        return STORAGE_NO_MEMORY;
    *entry = (struct segment_entry){
        .id = segment_id, .record = record, .before = record, .existed = existed};
    *ret_entry = entry;
    return STORAGE_OK;
}

/* Past ACTIVE_SEGMENTS_MAX the oldest is sealed early: then it is compacted a little sooner. */
static enum storage_err make_active(struct commit *commit, struct segment_entry *entry)
{
    struct state_record *state = &commit->state;
    if (state->active_count == ACTIVE_SEGMENTS_MAX) {
        struct segment_entry *oldest;
        enum storage_err err = entry_of(commit, state->active[0], &oldest);
        if (err != STORAGE_OK)
            return err;
        oldest->record.state = SEGMENT_SEALED;
        oldest->dirty = true;
        memmove(
            state->active, state->active + 1, (ACTIVE_SEGMENTS_MAX - 1) * sizeof(*state->active));
        state->active_count--;
    }
    state->active[state->active_count++] = entry->id;
    entry->record.state = SEGMENT_ACTIVE;
    return STORAGE_OK;
}

enum storage_err commit_segment_change(struct commit *commit, uint64_t segment_id, bool own_file,
    int64_t live_delta, uint64_t tail_bytes)
{
    struct segment_entry *entry;
    enum storage_err err = entry_of(commit, segment_id, &entry);
    if (err != STORAGE_OK)
        return err;
    struct segment_record *record = &entry->record;
    if (live_delta < 0 && record->live_bytes < (uint64_t)-live_delta)
        return STORAGE_CORRUPT;
    commit->cache_changes++;
    if (record->state == 0 || entry->removed) {
        record->own_file = own_file;
        record->state = SEGMENT_SEALED;
        if (!own_file && (err = make_active(commit, entry)) != STORAGE_OK)
            return err;
    }
    entry->removed = false;
    entry->dirty = true;
    entry->written |= tail_bytes > 0 && !own_file;
    record->live_bytes += (uint64_t)live_delta;
    if (record->tail_bytes < tail_bytes)
        record->tail_bytes = tail_bytes;
    return STORAGE_OK;
}

enum storage_err commit_segment_log(
    struct commit *commit, uint64_t segment_id, uint64_t offset, uint64_t len)
{
    struct segment_entry *entry;
    enum storage_err err = commit_segment_change(commit, segment_id, false, 0, offset + len);
    if (err == STORAGE_OK && (err = entry_of(commit, segment_id, &entry)) == STORAGE_OK)
        entry->record.log_bytes += len;
    return err;
}

enum storage_err commit_segment_found(
    struct commit *commit, uint64_t segment_id, uint64_t tail_bytes, uint64_t log_bytes)
{
    struct segment_entry *entry;
    enum storage_err err = commit_segment_change(commit, segment_id, false, 0, 0);
    if (err == STORAGE_OK && (err = entry_of(commit, segment_id, &entry)) == STORAGE_OK) {
        entry->record.tail_bytes = tail_bytes;
        entry->record.log_bytes = log_bytes;
    }
    return err;
}

enum storage_err commit_segment_remove(struct commit *commit, uint64_t segment_id)
{
    struct segment_entry *entry;
    enum storage_err err = entry_of(commit, segment_id, &entry);
    if (err != STORAGE_OK)
        return err;
    if (entry->removed || (!entry->existed && !entry->dirty))
        return STORAGE_NO_SUCH_KEY;
    commit->cache_changes++;
    entry->removed = true;
    return STORAGE_OK;
}

enum storage_err commit_segment_get(
    struct commit *commit, uint64_t segment_id, struct segment_record *ret_record)
{
    struct segment_entry *entry;
    enum storage_err err = entry_of(commit, segment_id, &entry);
    if (err != STORAGE_OK)
        return err;
    if (entry->removed || entry->record.state == 0)
        return STORAGE_NO_SUCH_KEY;
    *ret_record = entry->record;
    return STORAGE_OK;
}

void segment_cache_sync(struct commit *commit)
{
    struct row_cache *cache = commit->segments;
    uint64_t ids[64];
    size_t count = 0;
    for (size_t i = 0; i < cache->used; i++) {
        const struct segment_entry *entry = cache->entries[i];
        if (!entry->written)
            continue;
        ids[count++] = entry->id;
        if (count == ARRAY_LEN(ids)) {
            space_sync(commit->storage->space, ids, count);
            count = 0;
        }
    }
    if (count > 0)
        space_sync(commit->storage->space, ids, count);
}

static void count_totals(
    struct state_record *state, const struct segment_record *record, uint64_t one)
{
    if (record->own_file) {
        state->files += one;
        state->file_bytes += one * record->tail_bytes;
        return;
    }
    state->segments += one;
    state->segment_bytes += one * record->tail_bytes;
    state->segment_live_bytes += one * record->live_bytes;
}

static enum storage_err seal_idle(struct commit *commit)
{
    struct state_record *state = &commit->state;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < state->active_count; i++) {
        uint64_t id = state->active[i];
        struct segment_entry *entry;
        enum storage_err err = entry_of(commit, id, &entry);
        if (err != STORAGE_OK)
            return err;
        /* The log was appended before this: what is idle now gets nothing more. */
        bool gone = entry->removed || entry->record.state == 0;
        if (!gone && segment_busy(commit->storage->space, id)) {
            state->active[kept++] = id;
            continue;
        }
        if (gone)
            continue;
        entry->record.state = SEGMENT_SEALED;
        entry->dirty = true;
    }
    state->active_count = kept;
    return STORAGE_OK;
}

enum storage_err segment_cache_flush(struct commit *commit)
{
    struct row_cache *cache = commit->segments;
    enum storage_err err = seal_idle(commit);
    for (size_t i = 0; i < cache->used && err == STORAGE_OK; i++) {
        struct index_key buffer;
        struct segment_entry *entry = cache->entries[i];
        struct span key = key_of_u64(&buffer, entry->id);
        if (entry->existed && (entry->removed || entry->dirty))
            count_totals(&commit->state, &entry->before, UINT64_MAX);
        if (entry->removed) {
            if (entry->existed)
                err = index_delete(commit->txn, TABLE_SEGMENTS, key);
        } else if (entry->dirty) {
            count_totals(&commit->state, &entry->record, 1);
            schema_encode_segment(key, &entry->record, &commit->value);
            err = commit_put(commit, TABLE_SEGMENTS, key);
        }
    }
    return err;
}
