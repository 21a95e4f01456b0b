/* Uploads of the log, done again: see redo.h. */
#include "storage/local/redo_internal.h"

#include "storage/local/lineage.h"

#include <endian.h>

static uint64_t next_id(void *ctx)
{
    return engine_next_id(ctx);
}

/* The key of a row in TABLE_UPLOADS ends with the blob's id. */
static uint64_t blob_of_leaf(struct span leaf)
{
    return leaf.len >= 8 ? key_u64_at(leaf, leaf.len - 8) : 0;
}

/* err: NO_SUCH_UPLOAD */
static enum storage_err find_upload(
    struct redo *redo, struct commit *commit, uint64_t blob_id, struct upload_state *ret_state)
{
    struct span value;
    struct upload_state *state = ret_state;
    enum storage_err err = redo_bucket(redo, commit, &state->bucket);
    if (err != STORAGE_OK)
        return err;
    err = node_find(commit->txn, TABLE_UPLOADS, state->bucket->record.id, redo->entry.key, blob_id,
        &state->buffer, &state->leaf);
    if (err == STORAGE_OK)
        err = index_get(commit->txn, TABLE_UPLOADS, state->leaf, &value);
    if (err == STORAGE_NO_SUCH_KEY)
        return STORAGE_NO_SUCH_UPLOAD;
    return err == STORAGE_OK ? schema_decode_upload(state->leaf, value, &state->record) : err;
}

/* The row as it was logged, whose key may have had other nodes. */
static enum storage_err write_logged(struct redo *redo, struct commit *commit,
    const struct bucket_entry *bucket, const struct upload_record *record)
{
    struct index_key buffer;
    struct span leaf;
    enum storage_err err = node_make(commit->txn, TABLE_UPLOADS, bucket->record.id, redo->entry.key,
        record->id.blob_id, next_id, commit->storage, &buffer, &leaf);
    if (err != STORAGE_OK)
        return err;
    schema_encode_upload(leaf, record, &commit->value);
    return commit_put(commit, TABLE_UPLOADS, leaf);
}

static enum storage_err logged_upload(const struct redo *redo, struct upload_record *ret_record)
{
    struct log_entry_row row;
    if (!log_find_row(&redo->entry, LOG_UPLOAD, &row))
        return STORAGE_CORRUPT;
    return schema_decode_upload(row.key, row.value, ret_record);
}

enum storage_err redo_create_upload(struct redo *redo, struct commit *commit)
{
    struct upload_state state = {0};
    struct upload_record record = {0};
    enum storage_err err = logged_upload(redo, &record);
    if (err == STORAGE_OK)
        err = find_upload(redo, commit, record.id.blob_id, &state);
    if (err != STORAGE_NO_SUCH_UPLOAD || !state.bucket)
        return err;
    if ((err = write_logged(redo, commit, state.bucket, &record)) != STORAGE_OK)
        return err;
    state.bucket->record.upload_count++;
    commit_bucket_changed(commit, state.bucket);
    return redo_bytes(redo, commit);
}

enum storage_err redo_abort_upload(struct redo *redo, struct commit *commit)
{
    struct log_entry_row row;
    struct bucket_entry *bucket = NULL;
    if (!log_find_row(&redo->entry, LOG_UPLOAD, &row))
        return STORAGE_CORRUPT;
    enum storage_err err = redo_bucket(redo, commit, &bucket);
    if (err == STORAGE_OK)
        err =
            commit_upload_remove(commit, bucket->record.id, redo->entry.key, blob_of_leaf(row.key));
    return err == STORAGE_NO_SUCH_UPLOAD ? STORAGE_OK : err;
}

enum storage_err redo_put_part(struct redo *redo, struct commit *commit)
{
    struct upload_state state = {0};
    struct log_entry_row row, first;
    struct span rest = redo->entry.rows;
    uint32_t pieces = 0;
    if (!log_find_row(&redo->entry, LOG_PIECE, &first))
        return STORAGE_CORRUPT;
    while (log_next_row(&rest, &row))
        pieces += row.tag == LOG_PIECE;
    enum storage_err err = find_upload(redo, commit, key_u64_at(first.key, 0), &state);
    if (err == STORAGE_OK && state.record.completed)
        err = STORAGE_NO_SUCH_UPLOAD;
    if (err == STORAGE_OK)
        err = upload_touch(commit, &state, key_u32_at(first.key, 8), pieces);
    if (err == STORAGE_OK)
        err = redo_bytes(redo, commit);
    return err == STORAGE_OK ? redo_lineage(redo, commit) : err;
}

/* ---- complete ---- */

static bool is_named(struct span numbers, uint32_t number)
{
    for (size_t at = 0; at + 4 <= numbers.len; at += 4) {
        uint32_t named;
        memcpy(&named, numbers.ptr + at, 4);
        if (le32toh(named) >= number)
            return le32toh(named) == number;
    }
    return false;
}

/* Parts that the complete did not name go. */
static enum storage_err drop_unnamed(struct redo *redo, struct commit *commit, uint64_t blob_id)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    struct log_entry_row named;
    if (!log_find_row(&redo->entry, LOG_PARTS, &named))
        return STORAGE_CORRUPT;
    enum storage_err err = index_cursor_open(commit->txn, TABLE_PIECES, &cursor);
    if (err != STORAGE_OK)
        return err;
    buf_clear(&commit->scratch);
    err = index_seek(cursor, key_of_piece(&buffer, blob_id, 0, 0), &key, &value);
    for (; err == STORAGE_OK && key_u64_at(key, 0) == blob_id;
         err = index_next(cursor, &key, &value)) {
        uint32_t number = key_u32_at(key, 8);
        if (key_u32_at(key, 12) == 0 && !is_named(named.value, number))
            buf_add(&commit->scratch, span_of(&number, sizeof(number)));
    }
    index_cursor_close(cursor);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_KEY)
        return err;
    if (!buf_ok(&commit->scratch))
        return STORAGE_NO_MEMORY;
    return parts_drop(commit, blob_id, buf_span(&commit->scratch));
}

/* What becomes of the upload's own blob: the object's (own), or nobody's. */
static enum storage_err settle_blob(struct redo *redo, struct commit *commit,
    const struct object_record *object, uint64_t blob_id, bool own, bool known)
{
    enum storage_err err = STORAGE_OK;
    if (own && known)
        err = drop_unnamed(redo, commit, blob_id);
    if (!own && object)
        err = redo_refer(commit, object);
    if (err == STORAGE_OK && !own && known)
        err = commit_blob_drop(commit, blob_id);
    return err == STORAGE_OK ? redo_bytes(redo, commit) : err;
}

enum storage_err redo_complete_upload(struct redo *redo, struct commit *commit)
{
    struct upload_state state = {0};
    struct upload_record record = {0};
    struct object_record object;
    enum storage_err err = logged_upload(redo, &record);
    if (err != STORAGE_OK)
        return err;
    uint64_t blob_id = record.id.blob_id;
    bool written = redo_logged_object(redo, &object) == STORAGE_OK; /* else it was there already */
    bool own = written && object.blob_id == blob_id;
    err = find_upload(redo, commit, blob_id, &state);
    bool known = err == STORAGE_OK && !state.record.completed;
    if ((err != STORAGE_OK && err != STORAGE_NO_SUCH_UPLOAD) || !state.bucket)
        return err;
    err = settle_blob(redo, commit, written ? &object : NULL, blob_id, own, known);
    if (err == STORAGE_OK)
        err = lineage_forget_upload(commit, blob_id);
    if (err == STORAGE_OK && written)
        err = redo_place(redo, commit, state.bucket, &object, !own);
    if (err == STORAGE_OK)
        err = write_logged(redo, commit, state.bucket, &record);
    if (err != STORAGE_OK)
        return err;
    if (known) {
        state.bucket->record.upload_count--;
        commit_bucket_changed(commit, state.bucket);
    }
    return commit_freed_add(commit, FREED_UPLOAD,
        &(struct freed_record){.id = blob_id,
            .bucket_id = state.bucket->record.id,
            .key = redo->entry.key,
            .due_ms = record.completed_ms + COMPLETED_UPLOAD_KEPT_MS});
}
