#include "storage/local/scrub.h"

#include "storage/local/gc.h"
#include "storage/local/log_scan.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>

enum {
    STEP_EXTENTS = 1000, /* looked at in a step, however small they are */
    FREED_ROWS = 1000,   /* looked at in one read transaction */
    LOG_STEP_BYTES = 4 * 1024 * 1024,
};

void scrub_report(struct scrub *scrub, enum scrub_kind kind, const char *format, ...)
{
    char line[SCRUB_LINE_BYTES];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    size_t len = n < 0 ? 0 : (size_t)n;
    struct scrub_finding finding = {
        .kind = kind, .what = span_of(line, len < sizeof(line) ? len : sizeof(line) - 1)};
    scrub->order->report(scrub->order->ctx, &finding);
}

bool scrub_go_on(struct scrub *scrub, uint64_t bytes)
{
    return !scrub->order->go_on || scrub->order->go_on(scrub->order->ctx, bytes);
}

/* ---- extents ---- */

/* An extent's row, and its file, as they belong together. */
struct found {
    struct extent_record record;
    struct segment *segment; /* NULL: it cannot be opened */
    enum storage_err segment_err;
    uint32_t *footer_crcs; /* of an extent with many blocks, once they were needed */
};

/* The first extent whose id is not below `id`, at any rate with a row that can be read.
 * err: NO_SUCH_KEY at the end, CORRUPT, IO, NO_MEMORY */
static enum storage_err find_extent(struct storage *storage, uint64_t id, struct found *ret_found)
{
    struct index_txn *txn = NULL;
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    struct found found = {0};
    struct epoch_slot *slot = epoch_enter(storage->epochs);
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = index_cursor_open(txn, TABLE_EXTENTS, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, key_of_u64(&buffer, id), &key, &value);
    /* A damaged row was told of with the index. In a damaged table a seek may lead back, where a pass would go
     * round for ever. */
    while (err == STORAGE_OK && (schema_decode_extent(key, value, &found.record) != STORAGE_OK ||
                                    found.record.extent.id < id))
        err = index_next(cursor, &key, &value);
    index_cursor_close(cursor);
    if (err == STORAGE_OK)
        found.segment_err = segment_acquire(storage->space, found.record.extent.segment_id,
            found.record.extent.own_file, &found.segment);
    index_read_end(txn);
    epoch_leave(slot);
    if (err == STORAGE_OK)
        *ret_found = found;
    return err;
}

static void found_end(struct found *found)
{
    if (found->segment)
        segment_release(found->segment);
    found->segment = NULL;
    free(TAKE(found->footer_crcs));
}

/* The disk shall be asked, not what the system remembers of it. */
static void forget_cached(const struct found *found, uint64_t offset, uint64_t len)
{
    (void)posix_fadvise(segment_fd(found->segment),
        (off_t)(found->record.extent.offset_bytes + offset), (off_t)len, POSIX_FADV_DONTNEED);
}

/* The footer as it lies there, and what is wrong with it; NULL: nothing. Its CRCs are kept where the row has none.
 * err: NO_MEMORY */
static enum storage_err look_at_footer(struct found *found, const char **ret_wrong)
{
    const struct extent *extent = &found->record.extent;
    bool small = extent->block_count <= EXTENT_INLINE_CRCS;
    uint32_t *crcs = NULL;
    enum storage_err err = extent_load_footer(found->segment, extent, &crcs);
    if (err == STORAGE_NO_MEMORY)
        return err;
    if (err != STORAGE_OK)
        *ret_wrong = err == STORAGE_CORRUPT ? "its footer is damaged" : "its footer cannot be read";
    else if (small && memcmp(crcs, extent->block_crcs, extent->block_count * sizeof(crcs[0])) != 0)
        *ret_wrong = "its footer and its row do not agree";
    free(found->footer_crcs);
    found->footer_crcs = crcs;
    return STORAGE_OK;
}

/* What is wrong with a block, or with the footer where block is UINT32_MAX; NULL: nothing.
 * err: NO_MEMORY */
static enum storage_err look(
    struct found *found, uint32_t block, char *buffer, const char **ret_wrong)
{
    const struct extent *extent = &found->record.extent;
    size_t got;
    *ret_wrong = NULL;
    if (!found->segment) {
        *ret_wrong = found->segment_err == STORAGE_CORRUPT ? "its file is missing"
                                                           : "its file cannot be opened";
        return STORAGE_OK;
    }
    bool small = extent->block_count <= EXTENT_INLINE_CRCS, is_footer = block == UINT32_MAX;
    enum storage_err err = STORAGE_OK;
    if (is_footer || (!small && !found->footer_crcs))
        err = look_at_footer(found, ret_wrong);
    if (err != STORAGE_OK || *ret_wrong || is_footer)
        return err;
    uint64_t at = (uint64_t)block * BLOB_BLOCK_BYTES;
    forget_cached(found, at, BLOB_BLOCK_BYTES);
    err = extent_read(found->segment, extent, small ? extent->block_crcs : found->footer_crcs, at,
        buffer, BLOB_BLOCK_BYTES, &got);
    if (err != STORAGE_OK)
        *ret_wrong = err == STORAGE_CORRUPT ? "does not match its checksum" : "cannot be read";
    return STORAGE_OK;
}

/* Pieces of freed blobs that refer to the extent; GC stands still. */
static enum storage_err count_freed(
    struct storage *storage, uint64_t extent_id, uint64_t *ret_count)
{
    uint64_t after = 0;
    enum storage_err err = STORAGE_OK;
    *ret_count = 0;
    while (err == STORAGE_OK) {
        struct index_txn *txn = NULL;
        struct index_cursor *freed = NULL, *pieces = NULL;
        struct index_key buffer;
        struct span key, value, piece_key, piece_value;
        err = index_read_begin(storage->index, &txn);
        if (err == STORAGE_OK)
            err = index_cursor_open(txn, TABLE_FREED, &freed);
        if (err == STORAGE_OK)
            err = index_cursor_open(txn, TABLE_PIECES, &pieces);
        if (err == STORAGE_OK)
            err = index_seek(freed, key_of_freed(&buffer, FREED_BLOB, after), &key, &value);
        for (int i = 0; i < FREED_ROWS && err == STORAGE_OK; i++) {
            struct freed_record record;
            struct piece_record piece;
            if ((uint8_t)key.ptr[0] != FREED_BLOB) {
                err = STORAGE_NO_SUCH_KEY;
                break;
            }
            after = key_u64_at(key, 1) + 1;
            enum storage_err piece_err = schema_decode_freed(key, value, &record);
            if (piece_err == STORAGE_OK)
                piece_err = index_seek(
                    pieces, key_of_piece(&buffer, record.id, 0, 0), &piece_key, &piece_value);
            while (piece_err == STORAGE_OK && key_u64_at(piece_key, 0) == record.id) {
                if (schema_decode_piece(piece_key, piece_value, &piece) == STORAGE_OK)
                    *ret_count += piece.extent_id == extent_id;
                piece_err = index_next(pieces, &piece_key, &piece_value);
            }
            err = index_next(freed, &key, &value);
        }
        index_cursor_close(pieces);
        index_cursor_close(freed);
        index_read_end(txn);
    }
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

/* It looked damaged: is it still there, where it was, wanted by somebody, and damaged? GC stands still. */
static enum storage_err look_again(struct storage *storage, const struct found *before,
    uint32_t block, char *buffer, const char **ret_wrong)
{
    struct found found = {0};
    const struct extent *old = &before->record.extent, *now = &found.record.extent;
    uint64_t freed = 0;
    *ret_wrong = NULL;
    enum storage_err err = find_extent(storage, old->id, &found);
    bool same = err == STORAGE_OK && now->id == old->id && now->segment_id == old->segment_id &&
                now->offset_bytes == old->offset_bytes;
    if (same)
        err = look(&found, block, buffer, ret_wrong);
    if (same && err == STORAGE_OK && *ret_wrong)
        err = count_freed(storage, old->id, &freed);
    if (freed > 0 && freed >= found.record.references)
        *ret_wrong = NULL; /* its bytes may be given back already */
    found_end(&found);
    return err == STORAGE_NO_MEMORY ? err : STORAGE_OK;
}

static enum storage_err confirm(struct storage *storage, const struct found *before, uint32_t block,
    char *buffer, const char **ret_wrong)
{
    struct gc *gc = __atomic_load_n(&storage->gc, __ATOMIC_ACQUIRE);
    if (gc)
        pthread_mutex_lock(&gc->step_lock);
    enum storage_err err = look_again(storage, before, block, buffer, ret_wrong);
    if (gc)
        pthread_mutex_unlock(&gc->step_lock);
    return err;
}

static void note_bad(
    struct scrub *scrub, const struct found *found, uint32_t block, const char *what)
{
    const struct extent *extent = &found->record.extent;
    struct scrub_position *position = scrub->position;
    char number[24] = "";
    if (block != UINT32_MAX && found->segment)
        snprintf(number, sizeof(number), "block %" PRIu32 " ", block);
    atomic_fetch_add(&scrub->storage->corrupt_blocks, 1);
    scrub_report(scrub, SCRUB_CONTENT,
        "extent %" PRIx64 " (%s %" PRIx64 ", offset %" PRIu64 "): %s%s", extent->id,
        extent->own_file ? "file" : "segment", extent->segment_id, extent->offset_bytes, number,
        what);
    bool known = position->bad_count > 0 && position->bad[position->bad_count - 1] == extent->id;
    if (!known && position->bad_count < SCRUB_BAD_MAX)
        position->bad[position->bad_count++] = extent->id;
}

static enum storage_err check_block(
    struct scrub *scrub, struct found *found, uint32_t block, char *buffer, bool *ret_bad)
{
    const char *wrong;
    enum storage_err err = look(found, block, buffer, &wrong);
    if (err == STORAGE_OK && wrong)
        err = confirm(scrub->storage, found, block, buffer, &wrong);
    *ret_bad = err == STORAGE_OK && wrong;
    if (*ret_bad)
        note_bad(scrub, found, block, wrong);
    return err;
}

/* From position->offset, a block's number, on: its end, or as far as *left reaches. */
static enum storage_err check_extent(
    struct scrub *scrub, struct found *found, char *buffer, uint64_t *left)
{
    const struct extent *extent = &found->record.extent;
    struct scrub_position *position = scrub->position;
    bool bad = false;
    enum storage_err err = STORAGE_OK;
    if (extent->block_count != extent_block_count(extent->length_bytes))
        position->offset = extent->block_count; /* told of with the index */
    else if (position->offset == 0)
        err = check_block(scrub, found, UINT32_MAX, buffer, &bad);
    /* Without its file, or without the footer that has their checksums, no block can be looked at. */
    bool blind = bad && (!found->segment || extent->block_count > EXTENT_INLINE_CRCS);
    while (err == STORAGE_OK && !blind && position->offset<extent->block_count && * left> 0) {
        err = check_block(scrub, found, (uint32_t)position->offset, buffer, &bad);
        if (err != STORAGE_OK)
            break;
        uint64_t rest = extent->length_bytes - position->offset * BLOB_BLOCK_BYTES;
        uint64_t len = rest < BLOB_BLOCK_BYTES ? rest : BLOB_BLOCK_BYTES;
        position->offset++;
        position->checked_bytes += len;
        *left = *left > len ? *left - len : 0;
    }
    if (err == STORAGE_OK && (blind || position->offset >= extent->block_count)) {
        position->at = extent->id + 1;
        position->offset = 0;
    }
    return err;
}

static enum storage_err scrub_bytes(struct scrub *scrub, bool *ret_done)
{
    uint64_t left = scrub->order->max_bytes;
    char *buffer = malloc(BLOB_BLOCK_BYTES);
    enum storage_err err = buffer ? STORAGE_OK : STORAGE_NO_MEMORY;
    for (int i = 0; err == STORAGE_OK && left > 0 && i < STEP_EXTENTS; i++) {
        struct found found;
        err = find_extent(scrub->storage, scrub->position->at, &found);
        if (err != STORAGE_OK)
            break;
        if (found.record.extent.id != scrub->position->at)
            scrub->position->offset = 0;
        scrub->position->at = found.record.extent.id;
        err = check_extent(scrub, &found, buffer, &left);
        found_end(&found);
    }
    free(buffer);
    *ret_done = err == STORAGE_NO_SUCH_KEY || err == STORAGE_CORRUPT || err == STORAGE_IO;
    if (err == STORAGE_CORRUPT || err == STORAGE_IO)
        scrub_report(scrub, SCRUB_INDEX, "index: table extents cannot be read to its end");
    return *ret_done ? STORAGE_OK : err;
}

/* ---- the log ---- */

/* The first packed segment that has log and whose id is not below `id`. */
static enum storage_err find_segment(
    struct storage *storage, uint64_t id, struct scrub_position *position)
{
    struct index_txn *txn = NULL;
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = index_cursor_open(txn, TABLE_SEGMENTS, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, key_of_u64(&buffer, id), &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        struct segment_record record;
        if (schema_decode_segment(key, value, &record) != STORAGE_OK || record.own_file ||
            record.log_bytes == 0 || key_u64_at(key, 0) < id)
            continue;
        position->at = key_u64_at(key, 0);
        position->tail = record.tail_bytes;
        position->expected = record.log_bytes;
        break;
    }
    index_cursor_close(cursor);
    index_read_end(txn);
    return err;
}

static bool segment_stands(struct storage *storage, uint64_t id)
{
    struct scrub_position position = {0};
    return find_segment(storage, id, &position) == STORAGE_OK && position.at == id;
}

static enum storage_err scan_log(struct scrub *scrub)
{
    struct scrub_position *position = scrub->position;
    struct segment *segment = NULL;
    struct log_scan scan = {
        .at_bytes = position->offset, .tail_bytes = position->tail, .found_bytes = position->found};
    memcpy(scan.store_id, scrub->storage->store_id, sizeof(scan.store_id));
    enum storage_err err = segment_acquire(scrub->storage->space, position->at, false, &segment);
    if (err == STORAGE_OK)
        err = log_scan_step(segment, LOG_STEP_BYTES, &scan);
    if (segment)
        segment_release(segment);
    if (err == STORAGE_NO_MEMORY)
        return err;
    position->checked_bytes += scan.at_bytes - position->offset;
    position->offset = scan.at_bytes;
    position->found = scan.found_bytes;
    bool ended = err != STORAGE_OK || scan.at_bytes >= scan.tail_bytes;
    bool wrong = err != STORAGE_OK || scan.found_bytes < position->expected;
    if (ended && wrong && segment_stands(scrub->storage, position->at))
        scrub_report(scrub, SCRUB_LOG,
            "segment %" PRIx64 ": of %" PRIu64 " bytes of log %" PRIu64 " are whole", position->at,
            position->expected, scan.found_bytes);
    if (ended) {
        position->at++;
        position->tail = 0;
    }
    return STORAGE_OK;
}

static enum storage_err scrub_log(struct scrub *scrub, bool *ret_done)
{
    struct scrub_position *position = scrub->position;
    enum storage_err err = STORAGE_OK;
    if (position->tail == 0) {
        err = find_segment(scrub->storage, position->at, position);
        position->offset = position->found = 0;
    }
    *ret_done = err == STORAGE_NO_SUCH_KEY || err == STORAGE_CORRUPT || err == STORAGE_IO;
    if (*ret_done)
        return STORAGE_OK;
    return err == STORAGE_OK ? scan_log(scrub) : err;
}

/* ---- phases ---- */

const char *storage_scrub_phase(const struct scrub_position *position)
{
    static const char *const names[] = {"index", "content", "log", "names", "end"};
    return position->phase < ARRAY_LEN(names) ? names[position->phase] : "?";
}

enum storage_err storage_scrub_step(struct storage *storage, const struct scrub_order *order,
    struct scrub_position *position, bool *ret_end)
{
    struct scrub scrub = {storage, order, position};
    enum storage_err err = STORAGE_OK;
    bool done = true;
    *ret_end = false;
    if (position->format != SCRUB_FORMAT || position->phase > SCRUB_PHASE_END ||
        position->bad_count > SCRUB_BAD_MAX)
        *position = (struct scrub_position){.format = SCRUB_FORMAT};
    uint64_t before = position->checked_bytes;
    switch ((enum scrub_phase)position->phase) {
    case SCRUB_PHASE_INDEX:
        position->checked_records = 0;
        err = scrub_index(&scrub);
        break;
    case SCRUB_PHASE_BYTES:
        err = scrub_bytes(&scrub, &done);
        break;
    case SCRUB_PHASE_LOG:
        err = scrub_log(&scrub, &done);
        break;
    case SCRUB_PHASE_NAMES:
        err = scrub_names(&scrub);
        break;
    case SCRUB_PHASE_END:
        break;
    }
    if (err != STORAGE_OK)
        return err;
    if (done && position->phase < SCRUB_PHASE_END) {
        position->phase++;
        position->at = position->offset = position->tail = 0;
    }
    *ret_end = position->phase == SCRUB_PHASE_END;
    bool went_on = scrub_go_on(&scrub, position->checked_bytes - before);
    return went_on || *ret_end ? STORAGE_OK : STORAGE_BUSY;
}
