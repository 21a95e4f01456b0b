/* Rewriting sparse segments. A segment is scanned for footers; those that the index names at just
 * that place are live: their extents are copied into the active segment under the same id, made
 * durable, and switched in one commit. When nothing in the old segment is live its row goes, and
 * the file after the last reader that may have seen the row. Log frames go with it, so a segment with
 * frames that salvage would need is left alone until a snapshot has them. */
#include "storage/local/gc.h"

struct move {
    struct extent_record old;
    struct extent moved;
    struct packed_run run;
};

struct compact_batch {
    struct engine_work work;
    struct move moves[COMPACT_EXTENTS];
    size_t count;
    uint64_t bytes;
    unsigned char *window; /* COMPACT_WINDOW_BYTES and a footer more */
    char *data;            /* of one extent, footer included */
};

struct drop_work {
    struct engine_work work;
    uint64_t segment_id;
};

/* ---- choosing ---- */

static bool refused(const struct gc *gc, uint64_t segment_id)
{
    for (size_t i = 0; i < gc->refused_count; i++)
        if (gc->refused[i] == segment_id)
            return true;
    return false;
}

static uint64_t slack_bytes(const struct gc *gc)
{
    return gc->storage->options.segment_bytes / COMPACT_SLACK_SHARE;
}

/* Segments that are each just live enough to be left alone could together take much more than lives in them. */
static bool crowded(const struct gc *gc, struct index_txn *txn)
{
    struct span value, key = SPAN("state");
    struct state_record state;
    return index_get(txn, TABLE_META, key, &value) == STORAGE_OK &&
           schema_decode_state(key, value, &state) == STORAGE_OK &&
           state.segment_bytes > state.segment_live_bytes * COMPACT_WHOLE_PERCENT / 100 &&
           state.segment_bytes - state.segment_live_bytes * COMPACT_WHOLE_PERCENT / 100 >
               slack_bytes(gc);
}

static bool is_less_live(const struct segment_record *record, uint64_t live, unsigned percent)
{
    return live * 100 < record->tail_bytes * percent;
}

/* Log that no snapshot has yet keeps its segment. */
static bool sparse(
    struct gc *gc, uint64_t segment_id, const struct segment_record *record, unsigned percent)
{
    if (record->own_file || record->state != SEGMENT_SEALED || refused(gc, segment_id) ||
        segment_busy(gc->storage->space, segment_id))
        return false;
    if (!is_less_live(record, record->live_bytes, percent))
        return false;
    if (record->log_bytes == 0 || snapshots_cover(gc->storage, segment_id))
        return true;
    gc->held_bytes += record->tail_bytes - record->live_bytes;
    return false;
}

/* Looks on behind segments_after. *ret_end: all were looked at; the next look begins anew. */
static enum storage_err choose(struct gc *gc, bool *ret_end, uint64_t *ret_active_id)
{
    struct index_txn *txn = NULL;
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    enum storage_err err = index_read_begin(gc->storage->index, &txn);
    if (err == STORAGE_OK)
        err = index_cursor_open(txn, TABLE_SEGMENTS, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, key_of_u64(&buffer, gc->segments_after + 1), &key, &value);
    bool is_crowded = err == STORAGE_OK && crowded(gc, txn);
    unsigned percent = is_crowded ? COMPACT_CROWDED_LIVE_PERCENT : COMPACT_LIVE_PERCENT;
    for (int looked = 0; err == STORAGE_OK && looked < COMPACT_LOOK_ROWS; looked++) {
        struct segment_record record;
        gc->segments_after = key_u64_at(key, 0);
        /* A damaged row is passed over: verify tells of it. */
        bool known = schema_decode_segment(key, value, &record) == STORAGE_OK;
        if (known && sparse(gc, gc->segments_after, &record, percent)) {
            gc->compaction = (struct compaction){
                .segment_id = gc->segments_after, .tail_bytes = record.tail_bytes};
            break;
        }
        if (known && is_crowded && record.state == SEGMENT_ACTIVE &&
            record.tail_bytes > slack_bytes(gc) &&
            is_less_live(&record, record.live_bytes, percent))
            *ret_active_id = gc->segments_after;
        err = index_next(cursor, &key, &value);
    }
    index_cursor_close(cursor);
    index_read_end(txn);
    *ret_end = err != STORAGE_OK;
    if (*ret_end) {
        gc->segments_after = 0;
        bool much = is_crowded && gc->held_bytes > slack_bytes(gc);
        atomic_store(&gc->storage->snapshots.held_bytes, much ? gc->held_bytes : 0);
        gc->held_bytes = 0;
    }
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

/* Changes nothing, but is committed. */
static enum storage_err apply_note(struct engine_work *work, struct commit *commit)
{
    (void)work;
    commit->notes++;
    return STORAGE_OK;
}

/* Ends the active segment, so that it can be rewritten: any commit seals what is idle. Once for each: one that is
 * still written to, or has no successor on a full disk, is not waited for. */
static enum storage_err end_active(struct gc *gc, uint64_t segment_id, bool *ret_more)
{
    struct engine_work work = {.apply = apply_note};
    *ret_more = gc->ended_segment_id != segment_id;
    gc->ended_segment_id = segment_id;
    if (!*ret_more)
        return STORAGE_OK;
    segment_seal(gc->storage->space, segment_id);
    return gc_commit(gc, &work);
}

/* ---- finding what is live ---- */

/* Is this the extent that the index names? Then it is to be moved. */
static enum storage_err add_if_live(
    struct index_txn *txn, const struct extent *found, struct compact_batch *batch)
{
    struct index_key buffer;
    struct span value, key = key_of_u64(&buffer, found->id);
    struct extent_record record;
    enum storage_err err = index_get(txn, TABLE_EXTENTS, key, &value);
    if (err == STORAGE_NO_SUCH_KEY)
        return STORAGE_OK;
    if (err == STORAGE_OK)
        err = schema_decode_extent(key, value, &record);
    if (err != STORAGE_OK)
        return err;
    const struct extent *extent = &record.extent;
    if (extent->own_file || extent->segment_id != found->segment_id ||
        extent->offset_bytes != found->offset_bytes ||
        extent->length_bytes != found->length_bytes || extent->footer_crc != found->footer_crc)
        return STORAGE_OK;
    batch->moves[batch->count++] = (struct move){.old = record, .moved = record.extent};
    batch->bytes += extent_disk_bytes(extent);
    return STORAGE_OK;
}

/* Footers that begin in the window; stops, with scan_bytes there, when the batch is full. */
static enum storage_err scan_window(
    struct gc *gc, struct segment *segment, struct index_txn *txn, struct compact_batch *batch)
{
    struct compaction *at = &gc->compaction;
    uint64_t begin = at->scan_bytes;
    uint64_t left = at->tail_bytes - begin;
    size_t wanted = COMPACT_WINDOW_BYTES + FOOTER_SMALL_BYTES;
    size_t len = 0;
    if (left < wanted)
        wanted = (size_t)left;
    enum storage_err err =
        space_read(gc->storage->space, segment_fd(segment), batch->window, wanted, begin, &len);
    size_t end = len < COMPACT_WINDOW_BYTES ? len : COMPACT_WINDOW_BYTES;
    for (size_t i = 0; err == STORAGE_OK && i < end; i += EXTENT_ALIGN_BYTES) {
        struct extent found;
        if (!footer_decode(batch->window + i, len - i, at->segment_id, begin + i, &found))
            continue;
        if (batch->count == COMPACT_EXTENTS || batch->bytes >= COMPACT_BYTES) {
            at->scan_bytes = begin + i;
            return STORAGE_OK;
        }
        err = add_if_live(txn, &found, batch);
        if (err == STORAGE_CORRUPT) { /* that one stays, and the segment with it */
            at->damaged = true;
            err = STORAGE_OK;
        }
    }
    at->scan_bytes = len < wanted ? at->tail_bytes : begin + end;
    return err;
}

static enum storage_err scan(struct gc *gc, struct segment *segment, struct compact_batch *batch)
{
    const struct compaction *at = &gc->compaction;
    enum storage_err err = STORAGE_OK;
    for (int i = 0; i < COMPACT_WINDOWS && err == STORAGE_OK; i++) {
        if (at->scan_bytes >= at->tail_bytes || batch->count == COMPACT_EXTENTS ||
            batch->bytes >= COMPACT_BYTES)
            break;
        struct index_txn *txn = NULL;
        err = index_read_begin(gc->storage->index, &txn);
        if (err == STORAGE_OK)
            err = scan_window(gc, segment, txn, batch);
        index_read_end(txn);
    }
    return err;
}

/* ---- copying ---- */

/* err: CORRUPT: the extent's bytes are damaged, or cannot be read */
static enum storage_err copy_extent(
    struct gc *gc, struct segment *segment, struct compact_batch *batch, struct move *move)
{
    struct space *space = gc->storage->space;
    const struct extent *old = &move->old.extent;
    size_t got = 0, length = (size_t)old->length_bytes;
    if (old->length_bytes > PACKED_MAX_BYTES || old->block_count > EXTENT_INLINE_CRCS)
        return STORAGE_CORRUPT;
    enum storage_err err = extent_read(segment, old, old->block_crcs, 0, batch->data, length, &got);
    if (err != STORAGE_OK)
        return STORAGE_CORRUPT;
    uint64_t size = extent_disk_bytes(old);
    if ((err = packed_reserve(space, size, &move->run)) != STORAGE_OK)
        return err;
    move->moved.segment_id = move->run.packed->id;
    move->moved.offset_bytes = move->run.offset_bytes;
    memset(batch->data + length, 0, (size_t)padded(length) - length);
    footer_encode(
        &move->moved, old->block_crcs, (unsigned char *)batch->data + (size_t)padded(length));
    struct iovec part = {batch->data, (size_t)size};
    err = space_write(space, move->run.fd, &part, 1, move->run.offset_bytes);
    if (err != STORAGE_OK) {
        packed_end(space, move->run.packed);
        move->run.packed = NULL;
    }
    return err;
}

/* Copies all that can be; what is damaged stays where it is and is told of. */
static enum storage_err copy_all(
    struct gc *gc, struct segment *segment, struct compact_batch *batch)
{
    size_t kept = 0;
    enum storage_err err = STORAGE_OK;
    for (size_t i = 0; i < batch->count && err == STORAGE_OK; i++) {
        struct move *move = &batch->moves[i];
        err = copy_extent(gc, segment, batch, move);
        if (err == STORAGE_OK)
            batch->moves[kept++] = *move;
        if (err == STORAGE_CORRUPT) {
            gc->compaction.damaged = true;
            atomic_fetch_add(&gc->storage->corrupt_blocks, 1);
            err = STORAGE_OK;
        }
    }
    batch->count = kept;
    /* Synced here already, so that the commit that others wait for finds little to do. */
    for (size_t i = 0; i < kept; i++)
        if (i == 0 || batch->moves[i].moved.segment_id != batch->moves[i - 1].moved.segment_id)
            space_sync(gc->storage->space, &batch->moves[i].moved.segment_id, 1);
    return err;
}

/* ---- switching ---- */

static enum storage_err move_apply(struct engine_work *work, struct commit *commit)
{
    struct compact_batch *batch = (struct compact_batch *)work;
    enum storage_err err = STORAGE_OK;
    for (size_t i = 0; i < batch->count && err == STORAGE_OK; i++) {
        const struct move *move = &batch->moves[i];
        struct index_key buffer;
        struct span value, key = key_of_u64(&buffer, move->old.extent.id);
        struct extent_record now;
        err = index_get(commit->txn, TABLE_EXTENTS, key, &value);
        if (err == STORAGE_OK)
            err = schema_decode_extent(key, value, &now);
        if (err == STORAGE_NO_SUCH_KEY) {
            err = STORAGE_OK; /* gone meanwhile: the copy is waste */
            continue;
        }
        /* References may have changed; the place must not have. */
        if (err == STORAGE_OK && now.extent.segment_id == move->old.extent.segment_id &&
            now.extent.offset_bytes == move->old.extent.offset_bytes)
            err = commit_extent_move(commit, &now, &move->moved);
    }
    return err;
}

static enum storage_err drop_apply(struct engine_work *work, struct commit *commit)
{
    struct drop_work *drop = (struct drop_work *)work;
    struct segment_record record;
    enum storage_err err = commit_segment_get(commit, drop->segment_id, &record);
    if (err != STORAGE_OK)
        return err;
    if (record.live_bytes != 0 || record.state != SEGMENT_SEALED)
        return STORAGE_CHANGED;
    return commit_segment_remove(commit, drop->segment_id);
}

/* The whole segment was scanned: it goes, unless something live stays in it. */
static enum storage_err finish(struct gc *gc)
{
    struct compaction done = gc->compaction;
    struct drop_work drop = {.work.apply = drop_apply, .segment_id = done.segment_id};
    enum storage_err err = gc_commit(gc, &drop.work);
    if (err == STORAGE_BUSY || err == STORAGE_NO_SPACE)
        return err;
    gc->compaction = (struct compaction){0};
    if (err == STORAGE_OK) {
        gc->dropped[gc->dropped_count++] =
            (struct dropped_segment){done.segment_id, epoch_advance(gc->storage->epochs)};
        atomic_fetch_add(&gc->storage->compactions, 1);
        atomic_fetch_add(&gc->storage->reclaimed_bytes, done.tail_bytes);
        return STORAGE_OK;
    }
    /* Something live is not where its row says: leave the segment as it is. */
    if (gc->refused_count < REFUSED_MAX)
        gc->refused[gc->refused_count++] = done.segment_id;
    else
        gc->refused[done.segment_id % REFUSED_MAX] = done.segment_id;
    return STORAGE_OK;
}

static enum storage_err rewrite_some(struct gc *gc, struct compact_batch *batch)
{
    struct segment *segment = NULL;
    uint64_t begun_at = gc->compaction.scan_bytes;
    enum storage_err err =
        segment_acquire(gc->storage->space, gc->compaction.segment_id, false, &segment);
    if (err == STORAGE_CORRUPT) { /* no such file: whatever is live in it is lost */
        gc->compaction.scan_bytes = gc->compaction.tail_bytes;
        gc->compaction.damaged = true;
        return STORAGE_OK;
    }
    if (err != STORAGE_OK)
        return err;
    err = scan(gc, segment, batch);
    if (err == STORAGE_OK)
        err = copy_all(gc, segment, batch);
    else
        batch->count = 0; /* none has a place yet */
    segment_release(segment);
    /* On a full disk what could be copied counts, or it would be copied again and again. */
    if ((err == STORAGE_OK || err == STORAGE_NO_SPACE) && batch->count > 0) {
        batch->work.apply = move_apply;
        enum storage_err committed = gc_commit(gc, &batch->work);
        if (committed != STORAGE_OK)
            err = committed;
    }
    for (size_t i = 0; i < batch->count; i++)
        packed_end(gc->storage->space, batch->moves[i].run.packed);
    if (err == STORAGE_IO) { /* it cannot be read: it stays as it is */
        gc->compaction.scan_bytes = gc->compaction.tail_bytes;
        gc->compaction.damaged = true;
        return STORAGE_OK;
    }
    if (err != STORAGE_OK)
        gc->compaction.scan_bytes = begun_at;
    return err;
}

enum storage_err compact_step(struct gc *gc, bool *ret_more)
{
    bool end = false;
    uint64_t active_id = 0;
    enum storage_err err = STORAGE_OK;
    *ret_more = false;
    if (gc->dropped_count == DROPPED_MAX)
        return STORAGE_OK;
    if (gc->compaction.segment_id == 0) {
        err = choose(gc, &end, &active_id);
        if (err == STORAGE_OK && end && active_id != 0 && gc->compaction.segment_id == 0) {
            bool more = false;
            err = end_active(gc, active_id, &more);
            end = !more;
        }
        *ret_more = err == STORAGE_OK && !end;
        if (err != STORAGE_OK || gc->compaction.segment_id == 0)
            return err;
    }
    *ret_more = true;
    if (gc->compaction.scan_bytes >= gc->compaction.tail_bytes)
        return finish(gc);
    struct compact_batch *batch = malloc(sizeof *batch);
    if (!batch)
        return STORAGE_NO_MEMORY;
    batch->count = 0;
    batch->bytes = 0;
    batch->window = malloc(COMPACT_WINDOW_BYTES + FOOTER_SMALL_BYTES);
    batch->data = malloc(PACKED_MAX_BYTES + EXTENT_ALIGN_BYTES + FOOTER_SMALL_BYTES);
    err = batch->window && batch->data ? rewrite_some(gc, batch) : STORAGE_NO_MEMORY;
    free(batch->window);
    free(batch->data);
    free(batch);
    return err;
}
