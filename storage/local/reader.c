/* Readers over blobs. The blob is pinned from before the transaction that found it ends until the
 * reader is closed, so its pieces and extents stay; where an extent lies may change meanwhile
 * (compaction), so a piece is looked up when it is needed, and its segment is opened before the
 * epoch is left. */
#include "storage/local/reader.h"

#include "storage/local/deflate.h"
#include "storage/local/objects.h"
#include "storage/local/parts.h"
#include "storage/storage_fd.h"

static const struct located nowhere = {.checked = UINT64_MAX, .kept = UINT64_MAX};

static void forget(struct located *here)
{
    if (here->segment)
        segment_release(here->segment);
    free(here->footer_crcs);
    inflater_free(here->inflater);
    *here = nowhere;
}

/* In a transaction and an epoch: where the piece's extent lies now, and its file. */
static enum storage_err locate_extent(
    struct storage *storage, struct index_txn *txn, struct located *here)
{
    struct index_key buffer;
    struct span value, key = key_of_u64(&buffer, here->piece.extent_id);
    struct extent_record record;
    enum storage_err err = index_get(txn, TABLE_EXTENTS, key, &value);
    if (err == STORAGE_OK)
        err = schema_decode_extent(key, value, &record);
    if (err != STORAGE_OK)
        return err == STORAGE_NO_SUCH_KEY ? STORAGE_CORRUPT : err;
    const struct extent *extent = &record.extent;
    uint64_t length = extent_content_bytes(extent);
    if (here->piece.offset_bytes > length ||
        here->piece.length_bytes > length - here->piece.offset_bytes)
        return STORAGE_CORRUPT;
    here->extent = *extent;
    return segment_acquire(storage->space, extent->segment_id, extent->own_file, &here->segment);
}

static enum storage_err locate_single(
    struct storage *storage, struct index_txn *txn, uint64_t blob_id, struct located *here)
{
    struct index_key buffer;
    struct span value, key = key_of_piece(&buffer, blob_id, 0, 0);
    enum storage_err err = index_get(txn, TABLE_PIECES, key, &value);
    if (err == STORAGE_OK)
        err = schema_decode_piece(key, value, &here->piece);
    if (err != STORAGE_OK)
        return err == STORAGE_NO_SUCH_KEY ? STORAGE_CORRUPT : err;
    if ((err = locate_extent(storage, txn, here)) == STORAGE_OK)
        here->valid = true;
    return err;
}

/* Steps through the pieces from here (or from the first) until one holds the offset. */
static enum storage_err find_piece(
    struct index_txn *txn, const struct blob_reader *reader, uint64_t offset, struct located *here)
{
    uint64_t blob_id = reader->blob_id;
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span found, value;
    enum storage_err err = index_cursor_open(txn, TABLE_PIECES, &cursor);
    if (err != STORAGE_OK)
        return err;
    struct span from = key_of_piece(&buffer, blob_id, here->part, here->index);
    uint64_t at = here->at_bytes;
    err = index_seek(cursor, from, &found, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &found, &value)) {
        struct piece_record piece;
        if (key_u64_at(found, 0) != blob_id)
            break;
        if ((err = schema_decode_piece(found, value, &piece)) != STORAGE_OK)
            break;
        if (!upload_view_has(reader->upload, key_u32_at(found, 8)))
            continue;
        if (offset - at < piece.length_bytes) {
            here->piece = piece;
            here->part = key_u32_at(found, 8);
            here->index = key_u32_at(found, 12);
            here->at_bytes = at;
            index_cursor_close(cursor);
            return STORAGE_OK;
        }
        at += piece.length_bytes;
    }
    index_cursor_close(cursor);
    return err == STORAGE_OK || err == STORAGE_NO_SUCH_KEY ? STORAGE_CORRUPT : err;
}

static bool holds(const struct located *here, uint64_t offset)
{
    return here->valid && offset >= here->at_bytes &&
           offset - here->at_bytes < here->piece.length_bytes;
}

static enum storage_err locate(struct blob_reader *reader, uint64_t offset)
{
    struct located next = nowhere;
    if (reader->here.valid && offset >= reader->here.at_bytes) {
        next.part = reader->here.part;
        next.index = reader->here.index;
        next.at_bytes = reader->here.at_bytes;
    }
    struct storage *storage = reader->storage;
    struct index_txn *txn = NULL;
    struct epoch_slot *slot = epoch_enter(storage->epochs);
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK && reader->upload)
        err = upload_view_check(txn, reader->upload);
    if (err == STORAGE_OK)
        err = find_piece(txn, reader, offset, &next);
    if (err == STORAGE_OK)
        err = locate_extent(storage, txn, &next);
    index_read_end(txn);
    epoch_leave(slot);
    if (err != STORAGE_OK)
        return err;
    forget(&reader->here);
    reader->here = next;
    reader->here.valid = true;
    return STORAGE_OK;
}

/* ---- opening ---- */

enum storage_err reader_new(
    struct storage *storage, const struct object_record *record, struct blob_reader **ret_reader)
{
    size_t inline_len = record->is_inline ? record->inline_bytes.len : 0;
    struct blob_reader *reader = malloc(sizeof(*reader) + inline_len);
    if (!reader)
        return STORAGE_NO_MEMORY;
    *reader = (struct blob_reader){
        .storage = storage,
        .blob_id = record->blob_id,
        .size_bytes = record->size_bytes,
        .here = nowhere,
    };
    if (inline_len > 0)
        memcpy(reader->inline_bytes, record->inline_bytes.ptr, inline_len);
    *ret_reader = reader;
    return STORAGE_OK;
}

/* Pins the blob, and for the common one of one piece finds all that reading needs. */
static enum storage_err open_blob(struct index_txn *txn, struct blob_reader *reader)
{
    struct index_key buffer;
    struct span value, key = key_of_u64(&buffer, reader->blob_id);
    struct blob_record blob;
    pin_add(reader->storage->epochs, &reader->pin, reader->blob_id);
    enum storage_err err = index_get(txn, TABLE_BLOBS, key, &value);
    if (err == STORAGE_OK)
        err = schema_decode_blob(key, value, &blob);
    if (err != STORAGE_OK)
        return err == STORAGE_NO_SUCH_KEY ? STORAGE_CORRUPT : err;
    if (blob.length_bytes != reader->size_bytes)
        return STORAGE_CORRUPT;
    reader->part_count = blob.part_count;
    if (blob.part_count > 0 || blob.length_bytes == 0)
        return STORAGE_OK;
    return locate_single(reader->storage, txn, reader->blob_id, &reader->here);
}

static enum storage_err open_found(struct storage *storage, struct index_txn *txn,
    const struct found_object *found, struct arena *arena, struct object_info *ret_info,
    struct blob_reader **ret_reader)
{
    struct blob_reader *reader = NULL;
    enum storage_err err = object_info_read(txn, found, arena, ret_info);
    if (err == STORAGE_OK)
        err = reader_new(storage, &found->record, &reader);
    if (err == STORAGE_OK && reader->blob_id)
        err = open_blob(txn, reader);
    if (err == STORAGE_OK)
        *ret_reader = reader;
    else
        blob_close(reader);
    return err;
}

enum storage_err storage_object_open(struct storage *storage, uint64_t bucket_id, struct span key,
    struct version_ref version, struct arena *arena, struct object_info *ret_info,
    struct blob_reader **ret_reader)
{
    struct index_txn *txn = NULL;
    struct found_object found;
    struct epoch_slot *slot = epoch_enter(storage->epochs);
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = object_find(txn, bucket_id, key, version, &found);
    if (err == STORAGE_OK)
        err = open_found(storage, txn, &found, arena, ret_info, ret_reader);
    index_read_end(txn);
    epoch_leave(slot);
    return err;
}

bool blob_is_same(const struct blob_reader *left, const struct blob_reader *right)
{
    bool objects = !left->is_stage && !right->is_stage && !left->upload && !right->upload;
    return objects && left->blob_id != 0 && left->blob_id == right->blob_id;
}

uint64_t blob_size(const struct blob_reader *reader)
{
    return reader->size_bytes;
}

void blob_close(struct blob_reader *reader)
{
    if (!reader)
        return;
    pin_remove(reader->storage->epochs, &reader->pin);
    forget(&reader->here);
    free(reader->upload);
    free(reader->piece);
    free(reader);
}

/* ---- reading ---- */

/* The CRCs to check against. */
static enum storage_err crcs_of(struct located *here, const uint32_t **ret_crcs)
{
    enum storage_err err = STORAGE_OK;
    if (here->extent.block_count > EXTENT_INLINE_CRCS && !here->footer_crcs)
        err = extent_load_footer(here->segment, &here->extent, &here->footer_crcs);
    if (err == STORAGE_OK)
        *ret_crcs = here->footer_crcs ? here->footer_crcs : here->extent.block_crcs;
    return err;
}

static enum storage_err read_compressed(struct located *here, const uint32_t *crcs, uint64_t offset,
    void *ret_bytes, size_t len, size_t *ret_len)
{
    enum storage_err err = STORAGE_OK;
    if (!here->inflater)
        err = inflater_open(here->segment, &here->extent, crcs, &here->inflater);
    if (err == STORAGE_OK)
        err = inflater_read(
            here->inflater, here->segment, &here->extent, crcs, offset, ret_bytes, len, ret_len);
    return err;
}

/* The CRCs of the block's pieces; false: the block's own is another. One pass over the bytes tells both. */
static bool check_pieces(struct located *here, uint32_t crc, struct span bytes)
{
    uint32_t whole = 0;
    for (size_t i = 0; i * READER_PIECE_BYTES < bytes.len; i++) {
        struct span piece =
            span_first(span_from(bytes, i * READER_PIECE_BYTES), READER_PIECE_BYTES);
        here->piece_crcs[i] = crc32c_update(0, piece);
        whole = crc32c_combine(whole, here->piece_crcs[i], piece.len);
    }
    return whole == crc;
}

/* The first part of a block that is asked for. The block is not kept, since who reads in small parts is short of
 * memory: the CRCs of its pieces are. */
static enum storage_err read_first_part(struct located *here, const uint32_t *crcs, uint64_t at,
    void *ret_bytes, size_t len, size_t *ret_len)
{
    uint64_t block = at / BLOB_BLOCK_BYTES;
    size_t skip = (size_t)(at % BLOB_BLOCK_BYTES), got = 0;
    char *bytes = malloc(BLOB_BLOCK_BYTES);
    here->checked = UINT64_MAX;
    enum storage_err err = !bytes ? STORAGE_NO_MEMORY
                                  : extent_read(here->segment, &here->extent, NULL,
                                        block * BLOB_BLOCK_BYTES, bytes, BLOB_BLOCK_BYTES, &got);
    if (err == STORAGE_OK && !check_pieces(here, crcs[block], span_of(bytes, got)))
        err = STORAGE_CORRUPT;
    if (err == STORAGE_OK) {
        here->checked = block;
        *ret_len = len < got - skip ? len : got - skip;
        memcpy(ret_bytes, bytes + skip, *ret_len);
    }
    free(bytes);
    return err;
}

/* A part of one block, or as much of it as lies in one piece. */
static enum storage_err read_part(struct blob_reader *reader, const uint32_t *crcs, uint64_t at,
    void *ret_bytes, size_t len, size_t *ret_len)
{
    struct located *here = &reader->here;
    uint64_t piece = at / READER_PIECE_BYTES;
    size_t skip = (size_t)(at % READER_PIECE_BYTES);
    if (here->checked != at / BLOB_BLOCK_BYTES)
        return read_first_part(here, crcs, at, ret_bytes, len, ret_len);
    if (!reader->piece && !(reader->piece = malloc(READER_PIECE_BYTES)))
        return STORAGE_NO_MEMORY;
    if (here->kept != piece) {
        here->kept = UINT64_MAX;
        enum storage_err err = extent_read(here->segment, &here->extent, NULL,
            piece * READER_PIECE_BYTES, reader->piece, READER_PIECE_BYTES, &here->kept_bytes);
        if (err != STORAGE_OK)
            return err;
        if (crc32c_update(0, span_of(reader->piece, here->kept_bytes)) !=
            here->piece_crcs[piece % READER_PIECES])
            return STORAGE_CORRUPT;
        here->kept = piece;
    }
    *ret_len = len < here->kept_bytes - skip ? len : here->kept_bytes - skip;
    memcpy(ret_bytes, reader->piece + skip, *ret_len);
    return STORAGE_OK;
}

/* Blocks are read and checked whole. So a run ends where its last whole block does, wherever in the object that is:
 * parts are of any length. */
static enum storage_err read_verified(
    struct blob_reader *reader, uint64_t at, void *ret_bytes, size_t len, size_t *ret_len)
{
    struct located *here = &reader->here;
    const uint32_t *crcs = NULL;
    enum storage_err err = crcs_of(here, &crcs);
    if (err != STORAGE_OK)
        return err;
    if (here->extent.content_bytes)
        return read_compressed(here, crcs, at, ret_bytes, len, ret_len);
    size_t past = (size_t)((at + len) % BLOB_BLOCK_BYTES);
    bool to_end = past == 0 || at + len == here->extent.length_bytes;
    if (at % BLOB_BLOCK_BYTES != 0 || (!to_end && past == len))
        return read_part(reader, crcs, at, ret_bytes, len, ret_len);
    return extent_read(
        here->segment, &here->extent, crcs, at, ret_bytes, to_end ? len : len - past, ret_len);
}

static enum storage_err read_here(struct blob_reader *reader, uint64_t offset, void *ret_bytes,
    size_t len, bool verify, size_t *ret_len)
{
    struct located *here = &reader->here;
    uint64_t skipped = offset - here->at_bytes;
    uint64_t left = here->piece.length_bytes - skipped;
    uint64_t at = here->piece.offset_bytes + skipped;
    if (len > left)
        len = (size_t)left;
    if (verify)
        return read_verified(reader, at, ret_bytes, len, ret_len);
    if (here->extent.content_bytes)
        return read_compressed(here, NULL, at, ret_bytes, len, ret_len);
    return extent_read(here->segment, &here->extent, NULL, at, ret_bytes, len, ret_len);
}

/* A part that was replaced meanwhile may have been given back while it was read. */
static enum storage_err corrupt_or_changed(struct blob_reader *reader)
{
    struct index_txn *txn = NULL;
    if (index_read_begin(reader->storage->index, &txn) != STORAGE_OK)
        return STORAGE_CORRUPT;
    enum storage_err err = upload_view_check(txn, reader->upload);
    index_read_end(txn);
    return err == STORAGE_CHANGED ? err : STORAGE_CORRUPT;
}

enum storage_err blob_read(struct blob_reader *reader, uint64_t offset, void *ret_bytes, size_t len,
    bool verify, size_t *ret_len)
{
    if (offset >= reader->size_bytes || len == 0) {
        *ret_len = 0;
        return STORAGE_OK;
    }
    if (reader->blob_id == 0) {
        size_t left = (size_t)(reader->size_bytes - offset);
        *ret_len = len < left ? len : left;
        memcpy(ret_bytes, reader->inline_bytes + offset, *ret_len);
        return STORAGE_OK;
    }
    enum storage_err err = STORAGE_OK;
    if (!holds(&reader->here, offset))
        err = locate(reader, offset);
    if (err == STORAGE_OK)
        err = read_here(reader, offset, ret_bytes, len, verify, ret_len);
    if (err == STORAGE_CORRUPT && reader->upload)
        err = corrupt_or_changed(reader);
    if (err == STORAGE_CORRUPT)
        atomic_fetch_add(&reader->storage->corrupt_blocks, 1);
    return err;
}

enum storage_err blob_fd_range(struct blob_reader *reader, uint64_t offset, int *ret_fd,
    uint64_t *ret_file_offset, uint64_t *ret_len)
{
    struct located *here = &reader->here;
    if (offset >= reader->size_bytes || reader->blob_id == 0) {
        *ret_len = 0;
        return STORAGE_OK;
    }
    enum storage_err err = STORAGE_OK;
    if (!holds(here, offset))
        err = locate(reader, offset);
    if (err != STORAGE_OK)
        return err;
    *ret_len = 0;
    if (here->extent.content_bytes)
        return STORAGE_OK; /* nothing of it lies there as it is read */
    uint64_t skipped = offset - here->at_bytes;
    *ret_fd = segment_fd(here->segment);
    *ret_file_offset = here->extent.offset_bytes + here->piece.offset_bytes + skipped;
    *ret_len = here->piece.length_bytes - skipped;
    return STORAGE_OK;
}

/* ---- parts ---- */

static enum storage_err reader_parts(struct blob_reader *reader, struct part_range range,
    struct arena *arena, struct part_page *ret_page)
{
    struct index_txn *txn = NULL;
    struct part_page page = {0};
    enum storage_err err = STORAGE_OK;
    if (reader->part_count > 0) {
        err = index_read_begin(reader->storage->index, &txn);
        if (err == STORAGE_OK)
            err = parts_read(txn, reader->blob_id, range, arena, &page);
        index_read_end(txn);
    }
    page.total = reader->part_count;
    if (err == STORAGE_OK)
        *ret_page = page;
    return err;
}

enum storage_err blob_parts(struct blob_reader *reader, uint32_t after, size_t max,
    struct arena *arena, struct part_page *ret_page)
{
    return reader_parts(reader,
        (struct part_range){.after = after, .max = max, .with_offsets = true}, arena, ret_page);
}

enum storage_err blob_part(struct blob_reader *reader, uint32_t number, struct part_info *ret_part)
{
    struct arena arena;
    struct part_page page = {0};
    if (number == 0)
        return STORAGE_NO_SUCH_PART;
    arena_init(&arena, 16384);
    enum storage_err err = reader_parts(reader,
        (struct part_range){.after = number - 1, .max = 1, .with_offsets = true}, &arena, &page);
    if (err == STORAGE_OK && (page.count == 0 || page.items[0].number != number))
        err = STORAGE_NO_SUCH_PART;
    if (err == STORAGE_OK)
        *ret_part = page.items[0];
    arena_free(&arena);
    return err;
}
