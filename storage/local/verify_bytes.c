#include "storage/local/verify.h"

#include "storage/local/deflate.h"
#include "storage/local/log_scan.h"
#include "storage/local/space_internal.h"

#include <inttypes.h>
#include <sys/stat.h>

/* ---- blobs and pieces ---- */

static bool has_pieces(struct check *check, uint64_t blob_id)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    bool found =
        index_cursor_open(check->txn, TABLE_PIECES, &cursor) == STORAGE_OK &&
        index_seek(cursor, key_of_piece(&buffer, blob_id, 0, 0), &key, &value) == STORAGE_OK &&
        key_u64_at(key, 0) == blob_id;
    index_cursor_close(cursor);
    return found;
}

void visit_blob(struct check *check, struct span key, struct span value)
{
    struct blob_record record;
    if (schema_decode_blob(key, value, &record) != STORAGE_OK)
        return;
    uint64_t id = key_u64_at(key, 0);
    count_named(check, ID_BLOB, id, record.references);
    /* An open upload may have no part yet. */
    bool open = record.length_bytes == 0 && record.part_count == 0;
    if (record.references == 0)
        finding(check, "blob %" PRIx64 ": a row without references", id);
    if (!open && !has_pieces(check, id))
        finding(check, "blob %" PRIx64 ": it has no bytes", id);
    if (id_list_has(&check->freed_blobs, id))
        finding(check, "blob %" PRIx64 ": it is in use and freed at once", id);
}

/* All pieces of one blob were seen. */
void end_pieces(struct check *check)
{
    struct index_key buffer;
    struct span value, key = key_of_u64(&buffer, check->group.blob_id);
    struct blob_record record;
    if (!check->group.any)
        return;
    check->group.any = false;
    uint64_t id = check->group.blob_id;
    if (check->group.part_left_pieces != 0 || check->group.part_left_bytes != 0)
        finding(
            check, "blob %" PRIx64 ": part %" PRIu32 " is not whole", id, check->group.last_part);
    if (!find_record(check, TABLE_BLOBS, key, &value)) {
        if (!id_list_has(&check->freed_blobs, id))
            finding(check, "blob %" PRIx64 ": pieces without a blob", id);
        return;
    }
    if (schema_decode_blob(key, value, &record) != STORAGE_OK)
        return;
    if (record.length_bytes == 0 && record.part_count == 0)
        return; /* an open upload */
    if (record.length_bytes != check->group.length_bytes)
        finding(check, "blob %" PRIx64 ": %" PRIu64 " bytes long, but its pieces have %" PRIu64, id,
            record.length_bytes, check->group.length_bytes);
    if (record.part_count != check->group.parts)
        finding(check, "blob %" PRIx64 ": of %" PRIu32 " parts, but it has %" PRIu32, id,
            record.part_count, check->group.parts);
}

/* Pieces of a part come one after the other, the first of them says how many. */
static void follow_part(
    struct check *check, uint32_t part, uint32_t index, const struct piece_record *piece)
{
    uint64_t id = check->group.blob_id;
    if (index == 0) {
        if (check->group.part_left_pieces != 0 || check->group.part_left_bytes != 0)
            finding(check, "blob %" PRIx64 ": part %" PRIu32 " is not whole", id,
                check->group.last_part);
        check->group.last_part = part;
        check->group.parts += part != 0;
        check->group.part_left_pieces = piece->has_part ? piece->part_pieces : 1;
        check->group.part_left_bytes =
            piece->has_part ? piece->part_size_bytes : piece->length_bytes;
        if (piece->has_part != (part != 0))
            finding(check, "blob %" PRIx64 ": part %" PRIu32 " has no description", id, part);
    } else if (part != check->group.last_part) {
        finding(check, "blob %" PRIx64 ": part %" PRIu32 " lacks its first piece", id, part);
        return;
    }
    if (check->group.part_left_pieces == 0 || check->group.part_left_bytes < piece->length_bytes) {
        finding(check, "blob %" PRIx64 ": part %" PRIu32 " has too many pieces", id, part);
        check->group.part_left_pieces = 0;
        check->group.part_left_bytes = 0;
        return;
    }
    check->group.part_left_pieces--;
    check->group.part_left_bytes -= piece->length_bytes;
}

void visit_piece(struct check *check, struct span key, struct span value)
{
    struct piece_record piece;
    struct extent_record extent;
    struct index_key buffer;
    struct span row;
    uint64_t blob_id = key_u64_at(key, 0);
    uint32_t part = key_u32_at(key, 8), index = key_u32_at(key, 12);
    if (check->group.any && check->group.blob_id != blob_id)
        end_pieces(check);
    if (schema_decode_piece(key, value, &piece) != STORAGE_OK)
        return;
    bool freed = id_list_has(&check->freed_blobs, blob_id);
    if (!check->group.any) {
        memset(&check->group, 0, sizeof(check->group));
        check->group.any = true;
        check->group.blob_id = blob_id;
    }
    check->group.length_bytes += piece.length_bytes;
    /* Of what is being taken apart some pieces may be gone. */
    if (!freed)
        follow_part(check, part, index, &piece);
    if (piece.extent_id == 0) {
        if (piece.length_bytes != 0)
            finding(check, "blob %" PRIx64 ": part %" PRIu32 " names no extent", blob_id, part);
        return;
    }
    count_reference(check, ID_EXTENT, piece.extent_id);
    if (freed)
        id_list_add(check, &check->freed_extents, piece.extent_id);
    struct span extent_key = key_of_u64(&buffer, piece.extent_id);
    if (!find_record(check, TABLE_EXTENTS, extent_key, &row)) {
        finding(check,
            "blob %" PRIx64 ": part %" PRIu32 " names extent %" PRIx64 ", which does not exist",
            blob_id, part, piece.extent_id);
        id_list_add(check, &check->bad_extents, piece.extent_id);
    } else if (schema_decode_extent(extent_key, row, &extent) == STORAGE_OK &&
               (piece.offset_bytes > extent_content_bytes(&extent.extent) ||
                   piece.length_bytes >
                       extent_content_bytes(&extent.extent) - piece.offset_bytes)) {
        finding(check, "blob %" PRIx64 ": part %" PRIu32 " reaches beyond extent %" PRIx64, blob_id,
            part, piece.extent_id);
        id_list_add(check, &check->bad_extents, piece.extent_id);
    }
}

/* ---- extents and segments ---- */

static int by_segment(const void *a, const void *b)
{
    const struct packed_check *left = a, *right = b;
    return left->id < right->id ? -1 : left->id > right->id;
}

static struct packed_check *packed_of(struct check *check, uint64_t segment_id)
{
    struct packed_check wanted = {.id = segment_id};
    return check->packed_count == 0
               ? NULL
               : bsearch(&wanted, check->packed, check->packed_count, sizeof(wanted), by_segment);
}

void visit_segment(struct check *check, struct span key, struct span value)
{
    struct segment_record record;
    if (schema_decode_segment(key, value, &record) != STORAGE_OK)
        return;
    struct state_record *state = &check->counted_state;
    if (record.own_file) {
        state->files++;
        state->file_bytes += record.tail_bytes;
        return;
    }
    state->segments++;
    state->segment_bytes += record.tail_bytes;
    state->segment_live_bytes += record.live_bytes;
    if (check->packed_count == check->packed_capacity) {
        size_t capacity = check->packed_capacity ? check->packed_capacity * 2 : 64;
        struct packed_check *packed = realloc(check->packed, capacity * sizeof(*packed));
        if (!packed) {
            check->out_of_memory = true;
            return;
        }
        check->packed = packed;
        check->packed_capacity = capacity;
    }
    uint64_t id = key_u64_at(key, 0);
    check->packed[check->packed_count++] = (struct packed_check){.id = id,
        .live_bytes = record.live_bytes,
        .tail_bytes = record.tail_bytes,
        .log_bytes = record.log_bytes};
    char *path = space_path(check->space, id, false);
    struct stat info;
    if (!path)
        check->out_of_memory = true;
    else if (stat(path, &info) != 0)
        finding(check, "segment %" PRIx64 ": its file is missing", id);
    else if ((uint64_t)info.st_size < record.tail_bytes)
        finding(check, "segment %" PRIx64 ": its file ends at %" PRIu64 ", not at %" PRIu64, id,
            (uint64_t)info.st_size, record.tail_bytes);
    free(path);
}

void visit_extent(struct check *check, struct span key, struct span value)
{
    struct extent_record record;
    if (schema_decode_extent(key, value, &record) != STORAGE_OK)
        return;
    const struct extent *extent = &record.extent;
    count_named(check, ID_EXTENT, extent->id, record.references);
    if (record.references == 0)
        finding(check, "extent %" PRIx64 ": a row without references", extent->id);
    if (extent->length_bytes == 0 ||
        extent->block_count != extent_block_count(extent->length_bytes))
        finding(check, "extent %" PRIx64 ": its length and its blocks do not agree", extent->id);
    struct index_key buffer;
    struct span row, segment_key = key_of_u64(&buffer, extent->segment_id);
    struct segment_record segment;
    if (!find_record(check, TABLE_SEGMENTS, segment_key, &row)) {
        finding(check, "extent %" PRIx64 ": in segment %" PRIx64 ", which does not exist",
            extent->id, extent->segment_id);
        return;
    }
    if (schema_decode_segment(segment_key, row, &segment) != STORAGE_OK)
        return;
    uint64_t size = extent_disk_bytes(extent);
    if (segment.own_file != extent->own_file || size > segment.tail_bytes ||
        extent->offset_bytes > segment.tail_bytes - size)
        finding(check, "extent %" PRIx64 ": outside of segment %" PRIx64, extent->id,
            extent->segment_id);
    struct packed_check *packed = packed_of(check, extent->segment_id);
    if (packed)
        packed->found_bytes += size;
    check->own_extents += extent->own_file;
    if (extent->own_file && segment.live_bytes != size)
        finding(check, "file %" PRIx64 ": its live bytes are wrong", extent->segment_id);
}

void verify_segments(struct check *check)
{
    for (size_t i = 0; i < check->packed_count; i++)
        if (check->packed[i].live_bytes != check->packed[i].found_bytes)
            finding(check,
                "segment %" PRIx64 ": its row counts %" PRIu64 " live bytes, there are %" PRIu64,
                check->packed[i].id, check->packed[i].live_bytes, check->packed[i].found_bytes);
    const struct state_record *state = &check->state, *counted = &check->counted_state;
    if (counted->files != check->own_extents)
        finding(check,
            "%" PRIu64 " files have a row, %" PRIu64 " extents lie in files of their own",
            counted->files, check->own_extents);
    if (state->segments != counted->segments || state->segment_bytes != counted->segment_bytes ||
        state->segment_live_bytes != counted->segment_live_bytes ||
        state->files != counted->files || state->file_bytes != counted->file_bytes)
        finding(check, "the totals of segments and files are wrong");
}

/* ---- the bytes ---- */

static void bad_extent(struct check *check, const struct extent *extent, const char *what)
{
    finding(check, "extent %" PRIx64 " (%s %" PRIx64 ", offset %" PRIu64 "): %s", extent->id,
        extent->own_file ? "file" : "segment", extent->segment_id, extent->offset_bytes, what);
    if (check->bad_extents.count < VERIFY_NAMED_MAX)
        id_list_add(check, &check->bad_extents, extent->id);
}

static void check_blocks(
    struct check *check, struct segment *segment, const struct extent *extent, const uint32_t *crcs)
{
    static char block[BLOB_BLOCK_BYTES]; /* of the one thread of the child process */
    for (uint32_t i = 0; i < extent->block_count; i++) {
        size_t got;
        enum storage_err err = extent_read(
            segment, extent, crcs, (uint64_t)i * BLOB_BLOCK_BYTES, block, sizeof(block), &got);
        if (err == STORAGE_OK)
            continue;
        char what[64];
        snprintf(what, sizeof(what), "block %" PRIu32 " %s", i,
            err == STORAGE_CORRUPT ? "does not match its checksum" : "cannot be read");
        bad_extent(check, extent, what);
    }
}

/* The blocks are as they were written; do they inflate? */
static void check_inflates(
    struct check *check, struct segment *segment, const struct extent *extent, const uint32_t *crcs)
{
    static char block[BLOB_BLOCK_BYTES];
    struct inflater *inflater = NULL;
    size_t got = 1;
    enum storage_err err = inflater_open(segment, extent, crcs, &inflater);
    for (uint64_t at = 0; err == STORAGE_OK && got > 0; at += got)
        err = inflater_read(inflater, segment, extent, crcs, at, block, sizeof(block), &got);
    if (err != STORAGE_OK)
        bad_extent(check, extent, "its compressed bytes cannot be read");
    inflater_free(inflater);
}

static void check_extent(struct check *check, struct span key, struct span value)
{
    struct extent_record record;
    const struct extent *extent = &record.extent;
    if (schema_decode_extent(key, value, &record) != STORAGE_OK ||
        id_list_count(&check->freed_extents, extent->id) >= record.references ||
        extent->block_count != extent_block_count(extent->length_bytes))
        return;
    struct segment *segment = NULL;
    enum storage_err err =
        segment_acquire(check->space, extent->segment_id, extent->own_file, &segment);
    if (err != STORAGE_OK) {
        bad_extent(check, extent,
            err == STORAGE_CORRUPT ? "its file is missing" : "its file cannot be opened");
        return;
    }
    uint32_t *crcs = NULL;
    err = extent_load_footer(segment, extent, &crcs);
    bool small = extent->block_count <= EXTENT_INLINE_CRCS;
    if (err != STORAGE_OK)
        bad_extent(check, extent,
            err == STORAGE_CORRUPT ? "its footer is damaged" : "its footer cannot be read");
    else if (small && memcmp(crcs, extent->block_crcs, extent->block_count * sizeof(*crcs)) != 0)
        bad_extent(check, extent, "its footer and its row do not agree");
    const uint32_t *expected = small ? extent->block_crcs : crcs;
    if (small || err == STORAGE_OK)
        check_blocks(check, segment, extent, expected);
    if (extent->content_bytes && (small || err == STORAGE_OK))
        check_inflates(check, segment, extent, expected);
    free(crcs);
    segment_release(segment);
}

static void note_bad_blob(struct check *check, struct span key, struct span value)
{
    struct piece_record piece;
    if (schema_decode_piece(key, value, &piece) == STORAGE_OK &&
        id_list_has(&check->bad_extents, piece.extent_id))
        id_list_add(check, &check->bad_blobs, key_u64_at(key, 0));
}

void verify_data(struct check *check)
{
    walk_table(check, TABLE_EXTENTS, check_extent, false);
    if (check->bad_extents.count > 0)
        walk_table(check, TABLE_PIECES, note_bad_blob, false);
}

/* ---- the log ---- */

static void check_log(struct check *check, const struct packed_check *packed)
{
    struct segment *segment = NULL;
    struct log_scan scan = {.tail_bytes = packed->tail_bytes};
    memcpy(scan.store_id, check->store_id, sizeof(scan.store_id));
    if (segment_acquire(check->space, packed->id, false, &segment) != STORAGE_OK)
        return; /* told of already */
    enum storage_err err = log_scan_step(segment, UINT64_MAX, &scan);
    segment_release(segment);
    if (err == STORAGE_NO_MEMORY)
        check->out_of_memory = true;
    else if (err != STORAGE_OK)
        finding(check, "segment %" PRIx64 ": its log cannot be read", packed->id);
    else if (scan.found_bytes < packed->log_bytes)
        finding(check,
            "segment %" PRIx64 ": its row counts %" PRIu64 " bytes of log, %" PRIu64 " are whole",
            packed->id, packed->log_bytes, scan.found_bytes);
}

void verify_logs(struct check *check)
{
    for (size_t i = 0; i < check->packed_count; i++)
        if (check->packed[i].log_bytes > 0)
            check_log(check, &check->packed[i]);
}
