/* What was in a bucket before its zones: counted and indexed in bounded steps, each in one commit with the
 * cursor that tells how far it is. And rows of contents that nobody needs any more, taken away likewise. */
#include "storage/local/commit_zone.h"
#include "storage/local/cursor.h"
#include "storage/local/gc.h"
#include "storage/local/objects.h"

struct zone_work {
    struct engine_work work;
    uint64_t sequence;         /* of its row in TABLE_FREED */
    struct freed_record freed; /* without key */
    bool done;
};

/* ---- counting ---- */

struct scan {
    struct commit *commit;
    const struct bucket_entry *bucket;
    struct zone_entry *zone;
    struct key_cursor cursor;
    size_t versions; /* seen in this step */
};

static void count(struct scan *scan, const struct object_record *record)
{
    struct zone_state *state = &scan->zone->state;
    scan->versions++;
    state->scanned++;
    if (record->is_delete_marker)
        return;
    if (state->scan & SCAN_COUNT) {
        state->objects++;
        state->bytes += record->size_bytes;
    }
    if (state->oldest_ms == 0 || record->modified_ms < state->oldest_ms)
        state->oldest_ms = record->modified_ms;
    if (record->modified_ms > state->newest_ms)
        state->newest_ms = record->modified_ms;
}

static enum storage_err index_content(
    struct scan *scan, struct span key, const struct object_record *record)
{
    const struct zone_entry *zone = scan->zone;
    if (!(zone->state.scan & SCAN_CONTENT) || record->is_delete_marker)
        return STORAGE_OK;
    return zone_looks_at(zone->rule, key, record->size_bytes)
               ? commit_content_put(scan->commit, zone, record)
               : commit_content_delete(scan->commit, zone, record);
}

/* The older versions below a sequence. *ret_last: the sequence of the last that was seen, 0: all were. */
static enum storage_err count_older(
    struct scan *scan, uint64_t row_id, uint64_t below, uint64_t *ret_last)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    enum storage_err err = index_cursor_open(scan->commit->txn, TABLE_VERSIONS, &cursor);
    if (err != STORAGE_OK)
        return err;
    *ret_last = 0;
    err = index_seek(cursor, key_of_version(&buffer, row_id, below - 1), &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        struct object_record record;
        if (key_u64_at(key, 0) != row_id)
            break;
        if (scan->versions >= SCAN_VERSIONS) {
            *ret_last = below;
            break;
        }
        below = ~key_u64_at(key, 8);
        if (schema_decode_object(key, value, &record) == STORAGE_OK)
            count(scan, &record); /* a damaged one is verify's */
    }
    index_cursor_close(cursor);
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

/* The key that the cursor stands on; `below`: its versions from this sequence on are done, 0: none is. */
static enum storage_err scan_key(struct scan *scan, uint64_t below)
{
    struct object_record newest;
    struct span key = key_cursor_key(&scan->cursor);
    uint64_t last = 0;
    if (schema_decode_object(scan->cursor.leaf, scan->cursor.value, &newest) != STORAGE_OK) {
        scan->versions++;
        zone_set_cursor(scan->zone, key, 0);
        return STORAGE_OK;
    }
    enum storage_err err = STORAGE_OK;
    if (below == 0 || newest.version.sequence < below) {
        below = newest.version.sequence;
        count(scan, &newest);
        err = index_content(scan, key, &newest);
    }
    if (err == STORAGE_OK && newest.has_older)
        err = count_older(scan, newest.row_id, below, &last);
    zone_set_cursor(scan->zone, key, last);
    return err;
}

static enum storage_err scan_keys(struct scan *scan, bool *ret_done)
{
    struct zone_entry *zone = scan->zone;
    struct span prefix = zone->rule->prefix;
    char from[STORAGE_KEY_MAX_BYTES];
    size_t len = zone->state.cursor.len;
    uint64_t below = zone->state.cursor_sequence;
    if (len > 0)
        memcpy(from, zone->state.cursor.ptr, len);
    struct span begin = span_of(from, len);
    enum storage_err err = key_cursor_seek(&scan->cursor, len ? begin : prefix, 0);
    for (; err == STORAGE_OK && scan->cursor.valid; err = key_cursor_next(&scan->cursor)) {
        struct span key = key_cursor_key(&scan->cursor);
        if (!span_starts(key, prefix))
            break;
        bool is_begun = len > 0 && span_eq(key, begin);
        if (is_begun && below == 0)
            continue;
        if (scan->versions >= SCAN_VERSIONS)
            return STORAGE_OK;
        err = scan_key(scan, is_begun ? below : 0);
        if (err != STORAGE_OK || zone->state.cursor_sequence != 0)
            return err;
    }
    *ret_done = err == STORAGE_OK;
    return err;
}

static enum storage_err find_zone(
    struct commit *commit, const struct freed_record *freed, struct scan *scan)
{
    struct bucket_zones *zones = NULL;
    struct bucket_entry *bucket = NULL;
    enum storage_err err = commit_bucket_of_id(commit, freed->bucket_id, &bucket);
    if (err == STORAGE_OK)
        err = commit_zones(commit, bucket, &zones);
    scan->bucket = bucket;
    for (size_t i = 0; err == STORAGE_OK && zones && i < zones->set.count; i++)
        if (zones->set.rules[i].id == freed->id)
            scan->zone = &zones->entries[i];
    if (err == STORAGE_OK && scan->zone)
        err = commit_zone_state(commit, scan->zone);
    return err == STORAGE_NO_SUCH_BUCKET ? STORAGE_OK : err;
}

static enum storage_err end_work(struct commit *commit, const struct zone_work *work, uint8_t kind)
{
    struct index_key buffer;
    enum storage_err err = index_delete(
        commit->txn, TABLE_FREED, key_of_freed(&buffer, (enum freed_kind)kind, work->sequence));
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

static enum storage_err scan_apply(struct engine_work *engine_work, struct commit *commit)
{
    struct zone_work *work = (struct zone_work *)engine_work;
    struct scan scan = {.commit = commit};
    work->done = false;
    enum storage_err err = find_zone(commit, &work->freed, &scan);
    if (err != STORAGE_OK)
        return err;
    if (!scan.zone || scan.zone->state.scan == 0)
        return end_work(commit, work, FREED_SCAN);
    key_cursor_init(&scan.cursor, commit->txn, TABLE_OBJECTS, work->freed.bucket_id);
    err = scan_keys(&scan, &work->done);
    key_cursor_close(&scan.cursor);
    if (err == STORAGE_OK && work->done) {
        scan.zone->state.ages_stale = false;
        scan.zone->state.ages_ms = commit->now_ms;
        scan.zone->state.scan = 0;
        zone_set_cursor(scan.zone, SPAN(""), 0);
        err = end_work(commit, work, FREED_SCAN);
    }
    commit_zone_changed(commit, scan.zone);
    return err;
}

/* ---- contents of zones that are gone ---- */

static enum storage_err content_apply(struct engine_work *engine_work, struct commit *commit)
{
    struct zone_work *work = (struct zone_work *)engine_work;
    static const size_t key_bytes = CONTENT_KEY_BYTES;
    char keys[CONTENT_ROWS * CONTENT_KEY_BYTES];
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    size_t count = 0;
    enum storage_err err = index_cursor_open(commit->txn, TABLE_CONTENT, &cursor);
    if (err != STORAGE_OK)
        return err;
    err = index_seek(cursor, key_of_u64(&buffer, work->freed.id), &key, &value);
    for (; err == STORAGE_OK && count < CONTENT_ROWS; err = index_next(cursor, &key, &value)) {
        if (key.len != key_bytes || key_u64_at(key, 0) != work->freed.id)
            break;
        memcpy(keys + count++ * key_bytes, key.ptr, key_bytes);
    }
    index_cursor_close(cursor);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_KEY)
        return err;
    err = STORAGE_OK;
    for (size_t i = 0; i < count && err == STORAGE_OK; i++)
        err = index_delete(commit->txn, TABLE_CONTENT, span_of(keys + i * key_bytes, key_bytes));
    if (err == STORAGE_OK && count < CONTENT_ROWS)
        err = end_work(commit, work, FREED_CONTENT);
    return err;
}

/* ---- steps ---- */

static enum storage_err next_work(
    struct gc *gc, enum freed_kind kind, bool *ret_any, struct zone_work *work)
{
    struct index_txn *txn = NULL;
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    enum storage_err err = index_read_begin(gc->storage->index, &txn);
    *ret_any = false;
    if (err == STORAGE_OK)
        err = index_cursor_open(txn, TABLE_FREED, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, key_of_freed(&buffer, kind, 0), &key, &value);
    if (err == STORAGE_OK && key.len == 9 && (uint8_t)key.ptr[0] == kind) {
        work->sequence = key_u64_at(key, 1);
        err = schema_decode_freed(key, value, &work->freed);
        work->freed.key = SPAN_ABSENT;
        *ret_any = err == STORAGE_OK;
    }
    index_cursor_close(cursor);
    index_read_end(txn);
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

enum storage_err zone_step(struct gc *gc, bool *ret_more)
{
    static const struct {
        enum freed_kind kind;
        enum storage_err (*apply)(struct engine_work *work, struct commit *commit);
    } kinds[] = {{FREED_SCAN, scan_apply}, {FREED_CONTENT, content_apply}};
    *ret_more = false;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct zone_work work = {.work.apply = kinds[i].apply};
        bool any;
        if (kinds[i].kind == FREED_SCAN && space_short(gc->storage->space, 0))
            continue; /* it makes the index larger */
        enum storage_err err = next_work(gc, kinds[i].kind, &any, &work);
        if (err == STORAGE_OK && any)
            err = gc_commit(gc, &work.work);
        if (err == STORAGE_CORRUPT) { /* verify tells of it: the other work goes on */
            err = STORAGE_OK;
            any = false;
        }
        *ret_more |= any;
        if (err != STORAGE_OK)
            return err;
    }
    return STORAGE_OK;
}
