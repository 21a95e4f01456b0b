/* After the log was done again: extents lie where they lie now, what lacks bytes goes, and segments get rows. */
#include "storage/local/apply.h"
#include "storage/local/cursor.h"
#include "storage/local/redo.h"
#include "storage/local/salvage.h"
#include "storage/local/uploads.h"
#include "storage/local/verify.h"

#include <inttypes.h>

enum { MEND_ROWS = 1000 };

/* ---- what was freed: taken apart at once, since nobody reads ---- */

struct free_work {
    struct engine_work work;
    bool more;
};

static enum storage_err free_pieces(
    struct commit *commit, uint64_t blob_id, size_t *left, bool *ret_all)
{
    enum storage_err err = STORAGE_OK;
    for (*ret_all = false; err == STORAGE_OK && *left > 0; --*left) {
        struct index_cursor *cursor = NULL;
        struct index_key from, at, extent_key;
        struct span key, value;
        struct piece_record piece;
        bool gone;
        err = index_cursor_open(commit->txn, TABLE_PIECES, &cursor);
        if (err == STORAGE_OK)
            err = index_seek(cursor, key_of_piece(&from, blob_id, 0, 0), &key, &value);
        index_cursor_close(cursor);
        *ret_all =
            err == STORAGE_NO_SUCH_KEY || (err == STORAGE_OK && key_u64_at(key, 0) != blob_id);
        if (*ret_all)
            return STORAGE_OK;
        if (err == STORAGE_OK)
            err = schema_decode_piece(key, value, &piece);
        if (err != STORAGE_OK)
            return err;
        struct span own = key_of_piece(&at, blob_id, key_u32_at(key, 8), key_u32_at(key, 12));
        err = index_delete(commit->txn, TABLE_PIECES, own);
        if (err == STORAGE_OK && piece.extent_id != 0 &&
            index_get(commit->txn, TABLE_EXTENTS, key_of_u64(&extent_key, piece.extent_id),
                &value) == STORAGE_OK)
            err = commit_extent_drop(commit, piece.extent_id, &gone);
    }
    return err;
}

static enum storage_err free_apply(struct engine_work *work, struct commit *commit)
{
    struct free_work *freeing = (struct free_work *)work;
    size_t left = MEND_ROWS;
    freeing->more = true;
    while (left > 0) {
        struct index_cursor *cursor = NULL;
        struct index_key buffer;
        struct span key, value;
        struct freed_record record;
        bool all;
        enum storage_err err = index_cursor_open(commit->txn, TABLE_FREED, &cursor);
        if (err == STORAGE_OK)
            err = index_seek(cursor, key_of_freed(&buffer, FREED_BLOB, 0), &key, &value);
        index_cursor_close(cursor);
        if (err == STORAGE_NO_SUCH_KEY ||
            (err == STORAGE_OK && (key.len == 0 || (uint8_t)key.ptr[0] != FREED_BLOB))) {
            freeing->more = false;
            return STORAGE_OK;
        }
        if (err == STORAGE_OK)
            err = schema_decode_freed(key, value, &record);
        uint64_t sequence = err == STORAGE_OK ? key_u64_at(key, 1) : 0;
        if (err == STORAGE_OK)
            err = free_pieces(commit, record.id, &left, &all);
        if (err == STORAGE_OK && all)
            err = commit_freed_remove(commit, FREED_BLOB, sequence);
        if (err != STORAGE_OK)
            return err;
        left -= left > 0;
    }
    return STORAGE_OK;
}

static enum storage_err run_uploads(void *ctx, struct engine_work *work)
{
    return salvage_commit(ctx, work);
}

/* Blobs, and first uploads of buckets that are gone: nothing leads to them, and their bytes may be given back since
 * the snapshot. */
static enum storage_err free_all(struct salvage *salvage)
{
    struct free_work freeing = {.work.apply = free_apply, .more = true};
    enum storage_err err = STORAGE_OK;
    for (bool more = true; err == STORAGE_OK && more;)
        err = uploads_reclaim(salvage->store.index, false, run_uploads, salvage, &more);
    while (err == STORAGE_OK && freeing.more)
        err = salvage_commit(salvage, &freeing.work);
    return err;
}

/* ---- where extents are ---- */

struct place_work {
    struct engine_work work;
    size_t count;
    struct {
        struct extent_record old;
        struct extent moved;
    } items[MEND_ROWS];
};

static enum storage_err place_apply(struct engine_work *work, struct commit *commit)
{
    struct place_work *placing = (struct place_work *)work;
    enum storage_err err = STORAGE_OK;
    for (size_t i = 0; i < placing->count && err == STORAGE_OK; i++)
        err = commit_extent_move(commit, &placing->items[i].old, &placing->items[i].moved);
    return err;
}

/* Looks at extents behind *after, which moves on, until there is enough to be written. */
static enum storage_err look_at_extents(struct salvage *salvage, struct place_work *placing,
    struct id_list *bad, uint64_t *after, bool *ret_end)
{
    struct index_txn *txn = NULL;
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    placing->count = 0;
    enum storage_err err = index_read_begin(salvage->store.index, &txn);
    if (err == STORAGE_OK)
        err = index_cursor_open(txn, TABLE_EXTENTS, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, key_of_u64(&buffer, *after + 1), &key, &value);
    while (err == STORAGE_OK && placing->count < MEND_ROWS) {
        struct extent_record record;
        struct extent place;
        *after = key_u64_at(key, 0);
        if ((err = schema_decode_extent(key, value, &record)) != STORAGE_OK)
            break;
        const struct extent *extent = &record.extent;
        bool whole = extent->own_file ? salvage_file_whole(salvage, extent)
                                      : salvage_find_extent(salvage, extent, &place);
        if (!whole) {
            if ((err = salvage_add_id(bad, extent->id)) != STORAGE_OK)
                break;
        } else if (!extent->own_file && (place.segment_id != extent->segment_id ||
                                            place.offset_bytes != extent->offset_bytes)) {
            placing->items[placing->count].old = record;
            placing->items[placing->count++].moved = place;
        }
        err = index_next(cursor, &key, &value);
    }
    index_cursor_close(cursor);
    index_read_end(txn);
    *ret_end = err == STORAGE_NO_SUCH_KEY;
    return *ret_end ? STORAGE_OK : err;
}

static enum storage_err place_extents(struct salvage *salvage, struct id_list *bad)
{
    struct place_work *placing = calloc(1, sizeof(*placing));
    uint64_t after = 0;
    bool end = false;
    enum storage_err err = placing ? STORAGE_OK : STORAGE_NO_MEMORY;
    while (err == STORAGE_OK && !end) {
        placing->work.apply = place_apply;
        err = look_at_extents(salvage, placing, bad, &after, &end);
        if (err == STORAGE_OK && placing->count > 0)
            err = salvage_commit(salvage, &placing->work);
    }
    free(placing);
    return err;
}

bool salvage_lists(const struct id_list *list, uint64_t id)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < list->count && list->ids[low] == id;
}

enum storage_err salvage_add_id(struct id_list *list, uint64_t id)
{
    if (list->count > 0 && list->ids[list->count - 1] == id)
        return STORAGE_OK;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        uint64_t *ids = realloc(list->ids, capacity * sizeof(*ids));
        if (!ids)
            return STORAGE_NO_MEMORY;
        list->ids = ids;
        list->capacity = capacity;
    }
    list->ids[list->count++] = id;
    return STORAGE_OK;
}

/* ---- segments ---- */

struct segments_work {
    struct engine_work work;
    struct salvage *salvage;
    uint64_t *missing; /* rows whose file is not there, and that nothing lies in */
    size_t missing_count;
};

static enum storage_err segments_apply(struct engine_work *work, struct commit *commit)
{
    struct segments_work *mending = (struct segments_work *)work;
    struct salvage *salvage = mending->salvage;
    enum storage_err err = STORAGE_OK;
    for (size_t i = 0; i < salvage->segment_count && err == STORAGE_OK; i++) {
        const struct salvage_segment *segment = &salvage->segments[i];
        if (segment->tail_bytes > 0)
            err =
                commit_segment_found(commit, segment->id, segment->tail_bytes, segment->log_bytes);
    }
    for (size_t i = 0; i < mending->missing_count && err == STORAGE_OK; i++)
        err = commit_segment_remove(commit, mending->missing[i]);
    commit->state.commit_sequence = salvage->last_frame;
    return err;
}

static bool was_scanned(const struct salvage *salvage, uint64_t id)
{
    size_t low = 0, high = salvage->segment_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (salvage->segments[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < salvage->segment_count && salvage->segments[low].id == id &&
           salvage->segments[low].tail_bytes > 0;
}

static enum storage_err mend_segments(struct salvage *salvage)
{
    struct segments_work mending = {.work.apply = segments_apply, .salvage = salvage};
    struct id_list missing = {0};
    struct index_txn *txn = NULL;
    struct index_cursor *cursor = NULL;
    struct span key, value;
    enum storage_err err = index_read_begin(salvage->store.index, &txn);
    if (err == STORAGE_OK)
        err = index_cursor_open(txn, TABLE_SEGMENTS, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, SPAN_ABSENT, &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        struct segment_record record;
        err = schema_decode_segment(key, value, &record);
        if (err == STORAGE_OK && !record.own_file && !was_scanned(salvage, key_u64_at(key, 0)))
            err = salvage_add_id(&missing, key_u64_at(key, 0));
        if (err != STORAGE_OK)
            break;
    }
    index_cursor_close(cursor);
    index_read_end(txn);
    mending.missing = missing.ids;
    mending.missing_count = missing.count;
    if (err == STORAGE_OK || err == STORAGE_NO_SUCH_KEY)
        err = salvage_commit(salvage, &mending.work);
    free(missing.ids);
    return err;
}

enum storage_err salvage_mend(struct salvage *salvage)
{
    struct id_list bad_extents = {0};
    enum storage_err err = free_all(salvage);
    if (err == STORAGE_OK)
        err = place_extents(salvage, &bad_extents);
    if (err == STORAGE_OK)
        err = salvage_take_losses(salvage, &bad_extents);
    if (err == STORAGE_OK)
        err = free_all(salvage);
    if (err == STORAGE_OK)
        err = mend_segments(salvage);
    free(bad_extents.ids);
    if (err != STORAGE_OK && salvage->detail[0] == '\0')
        salvage->detail = "what was rebuilt cannot be mended";
    return err;
}
