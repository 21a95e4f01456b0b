/* The oldest and newest version of a zone, counted anew once what was that is gone: read in bounded steps, with
 * a commit before and one after. Nothing is kept of it: after a restart it begins again. */
#include "storage/local/commit_zone.h"
#include "storage/local/cursor.h"
#include "storage/local/gc.h"

enum { MARKERS_PASSED = 100 /* of a key, one after the other */ };

struct ages_work {
    struct engine_work work;
    const struct ages *ages;
    bool ends;
    bool gone; /* the zone is not there any more */
};

static enum storage_err ages_apply(struct engine_work *engine_work, struct commit *commit)
{
    struct ages_work *work = (struct ages_work *)engine_work;
    const struct ages *ages = work->ages;
    struct bucket_entry *bucket = NULL;
    struct bucket_zones *zones = NULL;
    struct zone_entry *zone = NULL;
    enum storage_err err = commit_bucket_of_id(commit, ages->bucket_id, &bucket);
    if (err == STORAGE_OK)
        err = commit_zones(commit, bucket, &zones);
    for (size_t i = 0; err == STORAGE_OK && zones && i < zones->set.count; i++)
        if (zones->set.rules[i].id == ages->zone_id)
            zone = &zones->entries[i];
    work->gone = !zone;
    if (!zone)
        return err == STORAGE_NO_SUCH_BUCKET ? STORAGE_OK : err;
    if ((err = commit_zone_state(commit, zone)) != STORAGE_OK)
        return err;
    struct zone_state *state = &zone->state;
    if (!work->ends) {
        state->ages_stale = false; /* until one more goes */
    } else if (state->scan == 0) {
        bool written_since = state->newest_ms >= ages->begun_ms;
        state->newest_ms = written_since ? state->newest_ms : ages->newest_ms;
        state->oldest_ms = ages->oldest_ms ? ages->oldest_ms : state->newest_ms;
        state->ages_ms = commit->now_ms;
    }
    commit_zone_changed(commit, zone);
    return STORAGE_OK;
}

static enum storage_err commit_ages(struct gc *gc, bool ends, bool *ret_gone)
{
    struct ages_work work = {.work.apply = ages_apply, .ages = &gc->ages, .ends = ends};
    enum storage_err err = gc_commit(gc, &work.work);
    *ret_gone = work.gone;
    return err;
}

/* ---- which zone ---- */

static bool is_due(const struct zone_state *state, bool patient)
{
    return state->ages_stale && state->scan == 0 &&
           (!patient || clock_unix_ms() - state->ages_ms >= AGES_EVERY_MS);
}

/* The next zone behind the one that was looked at last. *ret_more: there are more rows to look at. */
static enum storage_err find_due(
    struct index_txn *txn, struct ages *ages, bool patient, bool *ret_more)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    size_t looked_at = 0;
    enum storage_err err = index_cursor_open(txn, TABLE_ZONES, &cursor);
    if (err != STORAGE_OK)
        return err;
    struct span from =
        key_of_zone(&buffer, ages->after_bucket_id, ages->after_zone_id + 1, ZONE_ROW_RULE);
    err = index_seek(cursor, from, &key, &value);
    for (; err == STORAGE_OK && looked_at < AGES_LOOK_ROWS; looked_at++) {
        struct zone_state state;
        ages->after_bucket_id = key_u64_at(key, 0);
        ages->after_zone_id = key_u64_at(key, 8);
        if (key.len == ZONE_KEY_BYTES && (uint8_t)key.ptr[16] == ZONE_ROW_STATE &&
            schema_decode_zone_state(key, value, &state) == STORAGE_OK && is_due(&state, patient)) {
            ages->bucket_id = ages->after_bucket_id;
            ages->zone_id = ages->after_zone_id;
            break;
        }
        err = index_next(cursor, &key, &value);
    }
    index_cursor_close(cursor);
    *ret_more = err == STORAGE_OK;
    if (err == STORAGE_NO_SUCH_KEY)
        ages->after_bucket_id = ages->after_zone_id = 0;
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

/* ---- counting ---- */

static void see(struct ages *ages, const struct object_record *record)
{
    if (ages->oldest_ms == 0 || record->modified_ms < ages->oldest_ms)
        ages->oldest_ms = record->modified_ms;
    if (record->modified_ms > ages->newest_ms)
        ages->newest_ms = record->modified_ms;
}

/* The first version that is no delete marker, from the newest down or from the oldest up. */
static void see_older(struct index_txn *txn, struct ages *ages, uint64_t row_id, bool from_oldest)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    if (index_cursor_open(txn, TABLE_VERSIONS, &cursor) != STORAGE_OK)
        return;
    struct span from = from_oldest ? key_of_u64(&buffer, row_id + 1) : key_of_u64(&buffer, row_id);
    enum storage_err err = index_seek(cursor, from, &key, &value);
    if (from_oldest)
        err =
            err == STORAGE_OK ? index_prev(cursor, &key, &value) : index_last(cursor, &key, &value);
    for (int i = 0; i < MARKERS_PASSED && err == STORAGE_OK && key_u64_at(key, 0) == row_id; i++) {
        struct object_record record;
        if (schema_decode_object(key, value, &record) == STORAGE_OK && !record.is_delete_marker) {
            see(ages, &record);
            break;
        }
        err = from_oldest ? index_prev(cursor, &key, &value) : index_next(cursor, &key, &value);
    }
    index_cursor_close(cursor);
}

static void see_key(struct index_txn *txn, struct ages *ages, const struct key_cursor *cursor)
{
    struct object_record newest;
    if (schema_decode_object(cursor->leaf, cursor->value, &newest) != STORAGE_OK)
        return;
    if (!newest.is_delete_marker)
        see(ages, &newest);
    else if (newest.has_older)
        see_older(txn, ages, newest.row_id, false);
    if (newest.has_older)
        see_older(txn, ages, newest.row_id, true);
}

/* *ret_done: it was the last step. */
static enum storage_err see_keys(
    struct index_txn *txn, struct ages *ages, struct span prefix, bool *ret_done)
{
    struct key_cursor cursor;
    struct span begin = span_of(ages->key, ages->key_len);
    key_cursor_init(&cursor, txn, TABLE_OBJECTS, ages->bucket_id);
    enum storage_err err = key_cursor_seek(&cursor, begin.len ? begin : prefix, 0);
    size_t keys = 0;
    for (; err == STORAGE_OK && cursor.valid && keys < AGES_KEYS; keys++) {
        struct span key = key_cursor_key(&cursor);
        if (!span_starts(key, prefix))
            break;
        see_key(txn, ages, &cursor);
        if ((err = key_cursor_next(&cursor)) != STORAGE_OK || !cursor.valid)
            break;
        key = key_cursor_key(&cursor); /* the next step begins with it */
        ages->key_len = key.len < sizeof(ages->key) ? key.len : sizeof(ages->key);
        memcpy(ages->key, key.ptr, ages->key_len);
    }
    *ret_done = keys < AGES_KEYS || !cursor.valid;
    key_cursor_close(&cursor);
    return err;
}

static enum storage_err count_step(struct gc *gc, bool *ret_done)
{
    struct index_txn *txn = NULL;
    struct zone_set set;
    struct arena arena;
    struct span prefix = SPAN_ABSENT;
    *ret_done = true;
    arena_init(&arena, ZONE_RULES_MEMORY);
    enum storage_err err = index_read_begin(gc->storage->index, &txn);
    if (err == STORAGE_OK)
        err = zones_load(txn, gc->ages.bucket_id, &arena, &set);
    for (size_t i = 0; err == STORAGE_OK && i < set.count; i++)
        if (set.rules[i].id == gc->ages.zone_id)
            prefix = set.rules[i].prefix;
    if (err == STORAGE_OK && span_present(prefix))
        err = see_keys(txn, &gc->ages, prefix, ret_done);
    index_read_end(txn);
    arena_free(&arena);
    return err;
}

enum storage_err ages_step(struct gc *gc, bool patient, bool *ret_more)
{
    struct ages *ages = &gc->ages;
    struct index_txn *txn = NULL;
    bool done = false, gone = false;
    enum storage_err err = STORAGE_OK;
    *ret_more = false;
    if (ages->zone_id == 0) {
        bool begins = ages->after_bucket_id == 0;
        int64_t now_ms = clock_unix_ms(), since_ms = now_ms - ages->pass_at_ms;
        if (begins && patient && since_ms >= 0 && since_ms < AGES_LOOK_EVERY_MS)
            return STORAGE_OK;
        ages->pass_at_ms = begins ? now_ms : ages->pass_at_ms;
        err = index_read_begin(gc->storage->index, &txn);
        if (err == STORAGE_OK)
            err = find_due(txn, ages, patient, ret_more);
        index_read_end(txn);
        if (err != STORAGE_OK || ages->zone_id == 0)
            return err;
        ages->begun_ms = now_ms;
        ages->oldest_ms = ages->newest_ms = 0;
        ages->key_len = 0;
        err = commit_ages(gc, false, &gone);
    } else {
        err = count_step(gc, &done);
        if (err == STORAGE_OK && done)
            err = commit_ages(gc, true, &gone);
    }
    *ret_more = err == STORAGE_OK;
    if (err != STORAGE_OK || done || gone)
        ages->zone_id = 0;
    return err == STORAGE_CORRUPT ? STORAGE_OK : err; /* verify tells of it */
}
