/* Readers over what is no object yet: a finished stage, an open upload's parts. */
#include "storage/local/reader.h"
#include "storage/local/uploads.h"

/* ---- stages ---- */

enum storage_err storage_stage_reader(
    struct storage *storage, struct stage *stage, struct blob_reader **ret_reader)
{
    const struct extent *extent = stage_extent(stage);
    struct object_record record = {.is_inline = !extent, .inline_bytes = stage_bytes(stage)};
    struct blob_reader *reader = NULL;
    record.size_bytes = stage_size(stage);
    if (record.size_bytes != (extent ? extent_content_bytes(extent) : record.inline_bytes.len))
        return STORAGE_INVALID; /* not finished */
    enum storage_err err = reader_new(storage, &record, &reader);
    if (err != STORAGE_OK)
        return err;
    reader->is_stage = true;
    if (extent) {
        reader->blob_id = extent->id;
        reader->here.extent = *extent;
        reader->here.piece.length_bytes = record.size_bytes;
        reader->here.valid = true;
        err = segment_acquire(
            storage->space, extent->segment_id, extent->own_file, &reader->here.segment);
    }
    if (err == STORAGE_OK)
        *ret_reader = reader;
    else
        blob_close(reader);
    return err;
}

/* ---- uploads ---- */

static int by_number(const void *left, const void *right)
{
    uint32_t a = ((const struct part_choice *)left)->number;
    uint32_t b = ((const struct part_choice *)right)->number;
    return a < b ? -1 : a > b;
}

bool upload_view_has(const struct upload_view *upload, uint32_t number)
{
    struct part_choice wanted = {number};
    return !upload || bsearch(&wanted, upload->parts, upload->part_count, sizeof(upload->parts[0]),
                          by_number) != NULL;
}

enum storage_err upload_view_check(struct index_txn *txn, const struct upload_view *upload)
{
    struct index_key buffer;
    struct span leaf;
    struct upload_record record;
    enum storage_err err = upload_find(txn, upload->bucket_id,
        span_of(upload->key, upload->key_len), upload->id, &buffer, &leaf, &record);
    if (err == STORAGE_NO_SUCH_UPLOAD)
        return STORAGE_CHANGED;
    if (err != STORAGE_OK)
        return err;
    bool changed = record.completed || record.generation != upload->generation;
    return changed ? STORAGE_CHANGED : STORAGE_OK;
}

static enum storage_err new_view(uint64_t bucket_id, struct span key, struct upload_id id,
    uint64_t generation, const struct part_choice *parts, size_t part_count,
    struct upload_view **ret_view)
{
    if (key.len > STORAGE_KEY_MAX_BYTES || part_count == 0 || part_count > STORAGE_PART_MAX)
        return STORAGE_INVALID;
    struct upload_view *view = malloc(sizeof(*view) + part_count * sizeof(parts[0]));
    if (!view)
        return STORAGE_NO_MEMORY;
    *view = (struct upload_view){bucket_id, generation, id, key.len, "", part_count};
    memcpy(view->key, key.ptr, key.len);
    memcpy(view->parts, parts, part_count * sizeof(parts[0]));
    *ret_view = view;
    return STORAGE_OK;
}

/* err: NO_SUCH_PART */
static enum storage_err sum_parts(
    struct index_txn *txn, const struct upload_view *view, uint64_t *ret_size_bytes)
{
    struct index_key buffer;
    uint64_t size = 0;
    for (size_t i = 0; i < view->part_count; i++) {
        struct span value, key = key_of_piece(&buffer, view->id.blob_id, view->parts[i].number, 0);
        struct piece_record piece;
        if (i > 0 && view->parts[i].number <= view->parts[i - 1].number)
            return STORAGE_INVALID;
        enum storage_err err = index_get(txn, TABLE_PIECES, key, &value);
        if (err == STORAGE_NO_SUCH_KEY)
            return STORAGE_NO_SUCH_PART;
        if (err == STORAGE_OK)
            err = schema_decode_piece(key, value, &piece);
        if (err != STORAGE_OK)
            return err;
        size += piece.part_size_bytes;
    }
    *ret_size_bytes = size;
    return STORAGE_OK;
}

enum storage_err storage_upload_open(struct storage *storage, uint64_t bucket_id, struct span key,
    struct upload_id id, uint64_t generation, const struct part_choice *parts, size_t part_count,
    struct blob_reader **ret_reader)
{
    struct upload_view *view = NULL;
    struct blob_reader *reader = NULL;
    struct index_txn *txn = NULL;
    struct object_record record = {.blob_id = id.blob_id};
    enum storage_err err = new_view(bucket_id, key, id, generation, parts, part_count, &view);
    if (err != STORAGE_OK)
        return err;
    struct epoch_slot *slot = epoch_enter(storage->epochs);
    err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = upload_view_check(txn, view);
    if (err == STORAGE_OK)
        err = sum_parts(txn, view, &record.size_bytes);
    if (err == STORAGE_OK)
        err = reader_new(storage, &record, &reader);
    if (err == STORAGE_OK) {
        reader->upload = TAKE(view);
        pin_add(storage->epochs, &reader->pin, id.blob_id);
        *ret_reader = reader;
    }
    index_read_end(txn);
    epoch_leave(slot);
    free(view);
    return err;
}
