#include "storage/local/apply.h"
#include "storage/local/lineage.h"

static uint64_t next_id(void *ctx)
{
    return engine_next_id(ctx);
}

/* ---- the upload's row ---- */

enum storage_err upload_state_read(struct commit *commit, const struct mutation *m,
    struct upload_id id, struct upload_state *ret_state)
{
    enum storage_err err = commit_bucket(commit, m->bucket, &ret_state->bucket);
    if (err != STORAGE_OK)
        return err;
    return upload_find(commit->txn, ret_state->bucket->record.id, m->key, id, &ret_state->buffer,
        &ret_state->leaf, &ret_state->record);
}

enum storage_err upload_state_write(struct commit *commit, const struct upload_state *state)
{
    schema_encode_upload(state->leaf, &state->record, &commit->value);
    return commit_put(commit, TABLE_UPLOADS, state->leaf);
}

enum storage_err apply_create_upload(struct commit *commit, struct mutation *m)
{
    struct upload_state state;
    enum storage_err err = commit_bucket(commit, m->bucket, &state.bucket);
    if (err != STORAGE_OK)
        return err;
    state.record = (struct upload_record){
        .id.blob_id = engine_next_id(commit->storage),
        .initiated_ms = commit->now_ms,
        .generation = 1,
        .checksum_algo = m->create_upload.checksum_algo,
        .checksum_type = m->create_upload.checksum_type,
        .attributes = m->create_upload.attributes,
    };
    random_bytes(&state.record.id.random, sizeof(state.record.id.random));
    m->upload = state.record.id;
    err = node_make(commit->txn, TABLE_UPLOADS, state.bucket->record.id, m->key,
        state.record.id.blob_id, next_id, commit->storage, &state.buffer, &state.leaf);
    if (err == STORAGE_OK)
        err = upload_state_write(commit, &state);
    if (err != STORAGE_OK)
        return err;
    log_begin(commit, m, state.bucket);
    log_row(&commit->log, LOG_UPLOAD, state.leaf, buf_span(&commit->value));
    err = commit_blob_put(commit, state.record.id.blob_id, &(struct blob_record){.references = 1});
    log_record_end(&commit->log);
    state.bucket->record.upload_count++;
    commit_bucket_changed(commit, state.bucket);
    return err;
}

enum storage_err apply_abort_upload(struct commit *commit, struct mutation *m)
{
    struct upload_state state;
    enum storage_err err = upload_state_read(commit, m, m->abort.upload, &state);
    if (err != STORAGE_OK)
        return err;
    if (state.record.completed)
        return STORAGE_NO_SUCH_UPLOAD;
    log_begin(commit, m, state.bucket);
    log_row(&commit->log, LOG_UPLOAD, state.leaf, SPAN_ABSENT);
    log_record_end(&commit->log);
    return commit_upload_remove(commit, state.bucket->record.id, m->key, m->abort.upload.blob_id);
}

/* ---- parts ---- */

enum storage_err part_move(struct commit *commit, uint64_t blob_id, uint32_t number,
    uint64_t to_blob_id, uint32_t *ret_pieces)
{
    uint32_t index = 0;
    for (;; index++) {
        struct index_key from_buffer, to_buffer;
        struct span value, from = key_of_piece(&from_buffer, blob_id, number, index);
        struct span to = key_of_piece(&to_buffer, to_blob_id, number, index);
        struct piece_record piece;
        enum storage_err err = index_get(commit->txn, TABLE_PIECES, from, &value);
        if (err == STORAGE_NO_SUCH_KEY)
            break;
        if (err == STORAGE_OK)
            err = schema_decode_piece(from, value, &piece);
        if (err != STORAGE_OK)
            return err;
        schema_encode_piece(to, &piece, &commit->value);
        if ((err = commit_add(commit, TABLE_PIECES, to)) == STORAGE_OK)
            err = index_delete(commit->txn, TABLE_PIECES, from);
        if (err != STORAGE_OK)
            return err;
    }
    *ret_pieces = index;
    return STORAGE_OK;
}

/* The part that stands at this number goes to GC, under a blob id of its own. */
static enum storage_err replace_part(
    struct commit *commit, struct upload_state *state, uint32_t number)
{
    struct index_key buffer;
    struct span value;
    uint64_t blob_id = state->record.id.blob_id;
    uint32_t pieces = 0;
    enum storage_err err =
        index_get(commit->txn, TABLE_PIECES, key_of_piece(&buffer, blob_id, number, 0), &value);
    if (err == STORAGE_NO_SUCH_KEY)
        return STORAGE_OK;
    if (err != STORAGE_OK)
        return err;
    uint64_t freed_id = engine_next_id(commit->storage);
    if ((err = part_move(commit, blob_id, number, freed_id, &pieces)) != STORAGE_OK)
        return err;
    state->record.piece_count -=
        pieces < state->record.piece_count ? pieces : state->record.piece_count;
    return commit_freed_add(commit, FREED_BLOB, &(struct freed_record){.id = freed_id});
}

/* The row is rewritten first, while its metadata is good, and once more when pieces were replaced.
 */
enum storage_err upload_touch(
    struct commit *commit, struct upload_state *state, uint32_t number, uint32_t new_pieces)
{
    buf_clear(&commit->moved);
    buf_add(&commit->moved, state->record.attributes.metadata);
    if (!buf_ok(&commit->moved))
        return STORAGE_NO_MEMORY;
    state->record.attributes.metadata = buf_span(&commit->moved);
    enum storage_err err = replace_part(commit, state, number);
    if (err != STORAGE_OK)
        return err;
    state->record.generation++;
    state->record.piece_count += new_pieces;
    return upload_state_write(commit, state);
}

static enum storage_err check_part(
    struct commit *commit, struct mutation *m, struct upload_state *ret_state)
{
    enum storage_err err = upload_state_read(commit, m, m->part.upload, ret_state);
    if (err == STORAGE_OK && ret_state->record.completed)
        return STORAGE_NO_SUCH_UPLOAD;
    return err;
}

static void fill_part(const struct commit *commit, const struct mutation *m, uint64_t size_bytes,
    uint32_t pieces, struct piece_record *piece)
{
    piece->has_part = true;
    piece->part_size_bytes = size_bytes;
    piece->part_pieces = pieces;
    piece->modified_ms = commit->now_ms;
    piece->etag = m->part.attributes.etag;
    piece->crc64nvme = m->part.attributes.crc64nvme;
    piece->checksum = m->part.attributes.checksum;
}

static void part_result(const struct commit *commit, uint64_t size_bytes, struct mutation *m)
{
    m->result = (struct object_info){
        .size_bytes = size_bytes,
        .modified_ms = commit->now_ms,
        .attributes = m->part.attributes,
    };
    m->result.attributes.metadata = SPAN_ABSENT;
}

static enum storage_err write_piece(struct commit *commit, uint64_t blob_id, uint32_t number,
    uint32_t index, const struct piece_record *piece)
{
    struct index_key buffer;
    struct span key = key_of_piece(&buffer, blob_id, number, index);
    schema_encode_piece(key, piece, &commit->value);
    enum storage_err err = commit_add(commit, TABLE_PIECES, key);
    log_row(&commit->log, LOG_PIECE, key, buf_span(&commit->value));
    return err;
}

enum storage_err apply_put_part(struct commit *commit, struct mutation *m)
{
    struct upload_state state;
    const struct extent *extent = m->part.stage ? stage_extent(m->part.stage) : NULL;
    enum storage_err err = check_part(commit, m, &state);
    if (err != STORAGE_OK)
        return err;
    if (state.record.piece_count >= PIECES_PER_UPLOAD_MAX)
        return STORAGE_INVALID;
    uint64_t size = extent ? extent_content_bytes(extent) : 0;
    struct piece_record piece = {.extent_id = extent ? extent->id : 0, .length_bytes = size};
    fill_part(commit, m, size, 1, &piece);
    part_result(commit, size, m);
    log_begin(commit, m, state.bucket);
    err = upload_touch(commit, &state, m->part.number, 1);
    if (err == STORAGE_OK && extent)
        err = commit_extent_add(commit, extent, 1);
    if (err == STORAGE_OK)
        err = write_piece(commit, m->part.upload.blob_id, m->part.number, 0, &piece);
    if (err == STORAGE_OK)
        err = lineage_write_part(commit, m);
    log_record_end(&commit->log);
    return err;
}

/* ---- parts copied: pieces that point into the source's extents ---- */

/* Gathers the pieces of the range into commit->scratch, as struct piece_record one after the other.
 */
static enum storage_err gather_pieces(
    struct commit *commit, uint64_t blob_id, uint64_t offset, uint64_t length, uint32_t *ret_count)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    uint64_t at = 0, end = offset + length;
    uint32_t count = 0;
    buf_clear(&commit->scratch);
    enum storage_err err = index_cursor_open(commit->txn, TABLE_PIECES, &cursor);
    if (err != STORAGE_OK)
        return err;
    err = index_seek(cursor, key_of_piece(&buffer, blob_id, 0, 0), &key, &value);
    for (; err == STORAGE_OK && at < end; err = index_next(cursor, &key, &value)) {
        struct piece_record piece;
        if (key_u64_at(key, 0) != blob_id)
            break;
        if ((err = schema_decode_piece(key, value, &piece)) != STORAGE_OK)
            break;
        uint64_t piece_end = at + piece.length_bytes;
        if (piece_end > offset && piece.length_bytes > 0) {
            uint64_t skip = offset > at ? offset - at : 0;
            uint64_t cut = piece_end > end ? piece_end - end : 0;
            struct piece_record taken = {
                .extent_id = piece.extent_id,
                .offset_bytes = piece.offset_bytes + skip,
                .length_bytes = piece.length_bytes - skip - cut,
            };
            buf_add(&commit->scratch, span_of(&taken, sizeof(taken)));
            if (++count > PIECES_PER_COPY_MAX) {
                err = STORAGE_INVALID;
                break;
            }
        }
        at = piece_end;
    }
    index_cursor_close(cursor);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_KEY)
        return err;
    *ret_count = count;
    return at < end ? STORAGE_CORRUPT : buf_ok(&commit->scratch) ? STORAGE_OK : STORAGE_NO_MEMORY;
}

static enum storage_err write_copied(
    struct commit *commit, struct mutation *m, uint64_t size_bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct piece_record piece;
        memcpy(&piece, commit->scratch.ptr + i * sizeof(piece), sizeof(piece));
        if (i == 0)
            fill_part(commit, m, size_bytes, count, &piece);
        enum storage_err err = commit_extent_refer(commit, piece.extent_id);
        if (err == STORAGE_OK)
            err = write_piece(commit, m->part.upload.blob_id, m->part.number, i, &piece);
        if (err != STORAGE_OK)
            return err;
    }
    return STORAGE_OK;
}

enum storage_err apply_copy_part(struct commit *commit, struct mutation *m)
{
    struct upload_state state;
    struct found_object source;
    const struct copy_from *from = &m->part.from;
    uint32_t count = 0;
    enum storage_err err = check_part(commit, m, &state);
    if (err == STORAGE_OK)
        err = copy_source_find(commit, from, &source);
    if (err != STORAGE_OK)
        return err;
    uint64_t size = source.record.size_bytes;
    if (size < STORAGE_COPY_PART_MIN_BYTES || source.record.is_inline || from->length_bytes == 0 ||
        from->offset_bytes > size || from->length_bytes > size - from->offset_bytes)
        return STORAGE_INVALID;
    err = gather_pieces(
        commit, source.record.blob_id, from->offset_bytes, from->length_bytes, &count);
    if (err != STORAGE_OK)
        return err;
    if (state.record.piece_count + count > PIECES_PER_UPLOAD_MAX)
        return STORAGE_INVALID;
    part_result(commit, from->length_bytes, m);
    log_begin(commit, m, state.bucket);
    copy_source_log(commit, from);
    err = upload_touch(commit, &state, m->part.number, count);
    if (err == STORAGE_OK)
        err = write_copied(commit, m, from->length_bytes, count);
    if (err == STORAGE_OK)
        err = lineage_write_part(commit, m);
    log_record_end(&commit->log);
    return err;
}
