#include "storage/local/cursor.h"
#include "storage/local/gc.h"
#include "storage/local/lineage.h"
#include "storage/local/uploads.h"

/* ---- blobs ---- */

struct reclaim_row {
    uint64_t sequence;
    uint64_t blob_id;
    bool whole; /* all of its pieces are in the batch: the row goes too */
};

struct reclaim_piece {
    uint64_t blob_id;
    uint32_t part, index;
    uint64_t extent_id; /* 0: none, or its row is missing */
    bool last;          /* of all references to the extent */
    struct extent extent;
};

struct reclaim {
    struct engine_work work;
    struct reclaim_row rows[RECLAIM_BLOBS];
    size_t row_count;
    struct reclaim_piece pieces[RECLAIM_PIECES];
    size_t piece_count;
};

static enum storage_err reclaim_apply(struct engine_work *work, struct commit *commit)
{
    struct reclaim *batch = (struct reclaim *)work;
    struct index_key key;
    enum storage_err err = STORAGE_OK;
    for (size_t i = 0; i < batch->piece_count && err == STORAGE_OK; i++) {
        const struct reclaim_piece *piece = &batch->pieces[i];
        bool gone;
        err = index_delete(commit->txn, TABLE_PIECES,
            key_of_piece(&key, piece->blob_id, piece->part, piece->index));
        if (err == STORAGE_NO_SUCH_KEY)
            err = STORAGE_OK;
        if (err == STORAGE_OK && piece->extent_id != 0)
            err = commit_extent_drop(commit, piece->extent_id, &gone);
    }
    for (size_t i = 0; i < batch->row_count && err == STORAGE_OK; i++)
        if (batch->rows[i].whole)
            err = commit_freed_remove(commit, FREED_BLOB, batch->rows[i].sequence);
    return err;
}

/* The next freed blobs behind freed_after, which moves on. */
static enum storage_err gather_rows(struct gc *gc, struct index_txn *txn, struct reclaim *batch)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    enum storage_err err = index_cursor_open(txn, TABLE_FREED, &cursor);
    if (err != STORAGE_OK)
        return err;
    err = index_seek(cursor, key_of_freed(&buffer, FREED_BLOB, gc->freed_after + 1), &key, &value);
    size_t max = gc->one_by_one ? 1 : RECLAIM_BLOBS;
    while (err == STORAGE_OK && batch->row_count < max) {
        struct freed_record record;
        if (key.len == 0 || (uint8_t)key.ptr[0] != FREED_BLOB) {
            err = STORAGE_NO_SUCH_KEY;
            break;
        }
        gc->freed_after = key_u64_at(key, 1);
        /* A damaged row is passed over: verify tells of it. */
        if (schema_decode_freed(key, value, &record) == STORAGE_OK)
            batch->rows[batch->row_count++] =
                (struct reclaim_row){.sequence = gc->freed_after, .blob_id = record.id};
        err = index_next(cursor, &key, &value);
    }
    index_cursor_close(cursor);
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

/* Leaves out what is still read. */
static void drop_pinned(struct gc *gc, struct reclaim *batch)
{
    size_t kept = 0;
    for (size_t i = 0; i < batch->row_count; i++)
        if (pin_count(gc->storage->epochs, batch->rows[i].blob_id) == 0)
            batch->rows[kept++] = batch->rows[i];
    batch->row_count = kept;
}

/* The pieces of one blob; whole is set when all of them fit. */
static enum storage_err gather_pieces(
    struct index_cursor *cursor, struct reclaim *batch, struct reclaim_row *row)
{
    struct index_key buffer;
    struct span key, value;
    enum storage_err err =
        index_seek(cursor, key_of_piece(&buffer, row->blob_id, 0, 0), &key, &value);
    while (err == STORAGE_OK && key_u64_at(key, 0) == row->blob_id) {
        struct piece_record record;
        if (batch->piece_count == RECLAIM_PIECES)
            return STORAGE_OK;
        if ((err = schema_decode_piece(key, value, &record)) != STORAGE_OK)
            return err;
        batch->pieces[batch->piece_count++] = (struct reclaim_piece){.blob_id = row->blob_id,
            .part = key_u32_at(key, 8),
            .index = key_u32_at(key, 12),
            .extent_id = record.extent_id};
        err = index_next(cursor, &key, &value);
    }
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_KEY)
        return err;
    row->whole = true;
    return STORAGE_OK;
}

static int by_extent(const void *a, const void *b)
{
    const struct reclaim_piece *left = a, *right = b;
    return left->extent_id < right->extent_id ? -1 : left->extent_id > right->extent_id;
}

/* Which extents lose their last reference: those that nothing outside of this batch refers to.
 * Nothing can refer to them anew, since what is freed has no name any more to copy it by. */
static enum storage_err look_at_extents(struct index_txn *txn, struct reclaim *batch)
{
    qsort(batch->pieces, batch->piece_count, sizeof batch->pieces[0], by_extent);
    for (size_t i = 0, next; i < batch->piece_count; i = next) {
        uint64_t id = batch->pieces[i].extent_id;
        for (next = i + 1; next < batch->piece_count && batch->pieces[next].extent_id == id;)
            next++;
        if (id == 0)
            continue;
        struct index_key buffer;
        struct span value, key = key_of_u64(&buffer, id);
        struct extent_record record;
        enum storage_err err = index_get(txn, TABLE_EXTENTS, key, &value);
        if (err == STORAGE_NO_SUCH_KEY ||
            (err == STORAGE_OK && schema_decode_extent(key, value, &record) != STORAGE_OK)) {
            for (size_t k = i; k < next; k++)
                batch->pieces[k].extent_id = 0; /* a fault that verify tells of */
            continue;
        }
        if (err != STORAGE_OK)
            return err;
        batch->pieces[next - 1].extent = record.extent;
        batch->pieces[next - 1].last = record.references <= next - i;
    }
    return STORAGE_OK;
}

static enum storage_err gather(struct gc *gc, struct reclaim *batch)
{
    struct index_txn *txn = NULL;
    enum storage_err err = index_read_begin(gc->storage->index, &txn);
    if (err == STORAGE_OK)
        err = gather_rows(gc, txn, batch);
    index_read_end(txn);
    if (err != STORAGE_OK || batch->row_count == 0)
        return err;
    if (!gc_epoch_wait(gc, epoch_advance(gc->storage->epochs))) {
        batch->row_count = 0;
        return STORAGE_BUSY;
    }
    drop_pinned(gc, batch);
    struct index_cursor *cursor = NULL;
    txn = NULL;
    err = index_read_begin(gc->storage->index, &txn);
    if (err == STORAGE_OK)
        err = index_cursor_open(txn, TABLE_PIECES, &cursor);
    size_t kept = 0;
    for (size_t i = 0; i < batch->row_count && err == STORAGE_OK; i++) {
        struct reclaim_row *row = &batch->rows[kept];
        size_t first = batch->piece_count;
        *row = batch->rows[i];
        err = gather_pieces(cursor, batch, row);
        if (err == STORAGE_CORRUPT) { /* this one stays: verify tells of it */
            batch->piece_count = first;
            err = STORAGE_OK;
            continue;
        }
        kept++;
        if (!row->whole)
            break;
    }
    batch->row_count = kept;
    if (err == STORAGE_OK)
        err = look_at_extents(txn, batch);
    index_cursor_close(cursor);
    index_read_end(txn);
    return err;
}

static enum storage_err reclaim_blobs(struct gc *gc, struct reclaim *batch, bool *ret_more)
{
    uint64_t begun_after = gc->freed_after;
    batch->row_count = batch->piece_count = 0;
    enum storage_err err = gather(gc, batch);
    if (err != STORAGE_OK || batch->row_count == 0) {
        /* What was passed over, pinned or yet unread, is looked at again next time. */
        *ret_more = err == STORAGE_OK && gc->freed_after != begun_after;
        if (!*ret_more) {
            gc->freed_after = 0;
            gc->one_by_one = false;
        }
        return err == STORAGE_BUSY ? STORAGE_OK : err;
    }
    if (!batch->rows[batch->row_count - 1].whole)
        gc->freed_after = batch->rows[batch->row_count - 1].sequence - 1;
    else
        gc->freed_after = batch->rows[batch->row_count - 1].sequence;
    uint64_t bytes = 0;
    for (size_t i = 0; i < batch->piece_count; i++)
        if (batch->pieces[i].last) {
            extent_release(gc->storage->space, &batch->pieces[i].extent);
            bytes += extent_disk_bytes(&batch->pieces[i].extent);
        }
    batch->work.apply = reclaim_apply;
    err = gc_commit(gc, &batch->work);
    if (err == STORAGE_OK) {
        atomic_fetch_add(&gc->storage->reclaimed_bytes, bytes);
    } else if (err == STORAGE_CORRUPT) {
        /* A damaged record: the blobs that need it are passed over, the others are not. */
        gc->freed_after = gc->one_by_one ? batch->rows[0].sequence : begun_after;
        gc->one_by_one = true;
        err = STORAGE_OK;
    } else {
        gc->freed_after = 0;
    }
    *ret_more = err == STORAGE_OK;
    return err;
}

/* ---- uploads ---- */

static enum storage_err run_uploads(void *ctx, struct engine_work *work)
{
    return gc_commit(ctx, work);
}

/* ---- lineage ---- */

struct lineage_batch {
    struct engine_work work;
    bool more;
};

static enum storage_err lineage_apply(struct engine_work *work, struct commit *commit)
{
    return lineage_reclaim(commit, &((struct lineage_batch *)work)->more);
}

static enum storage_err reclaim_lineage(struct gc *gc, bool *ret_more)
{
    struct lineage_batch batch = {.work.apply = lineage_apply};
    struct index_txn *txn = NULL;
    bool pending = false;
    enum storage_err err = index_read_begin(gc->storage->index, &txn);
    if (err == STORAGE_OK)
        pending = lineage_pending(txn);
    index_read_end(txn);
    if (err == STORAGE_OK && pending)
        err = gc_commit(gc, &batch.work);
    *ret_more = err == STORAGE_OK && batch.more;
    return err;
}

enum storage_err reclaim_step(struct gc *gc, bool *ret_more)
{
    bool more = false;
    enum storage_err err = uploads_reclaim(gc->storage->index, true, run_uploads, gc, &more);
    if (err == STORAGE_OK && !more)
        err = reclaim_lineage(gc, &more);
    if (err != STORAGE_OK || more) {
        *ret_more = more;
        return err;
    }
    struct reclaim *batch = malloc(sizeof *batch);
    if (!batch)
        return STORAGE_NO_MEMORY;
    err = reclaim_blobs(gc, batch, ret_more);
    free(batch);
    return err;
}
