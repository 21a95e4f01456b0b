#include "storage/local/apply.h"
#include "storage/local/commit_zone.h"
#include "storage/local/lineage.h"

#include <endian.h>

/* What a complete finds of the parts; the numbers not named are in commit->scratch behind the
 * metadata. */
struct chosen {
    uint64_t size_bytes;
    uint32_t dropped_count;
    size_t dropped_at; /* in commit->scratch */
};

static enum storage_err drop_later(struct commit *commit, struct chosen *chosen, uint32_t number)
{
    buf_add(&commit->scratch, span_of(&number, sizeof(number)));
    chosen->dropped_count++;
    return buf_ok(&commit->scratch) ? STORAGE_OK : STORAGE_NO_MEMORY;
}

static bool ascending(const struct mutation *m)
{
    for (size_t i = 0; i < m->complete.part_count; i++)
        if (m->complete.parts[i].number == 0 ||
            (i > 0 && m->complete.parts[i].number <= m->complete.parts[i - 1].number))
            return false;
    return true;
}

/* Walks parts and choices side by side. err: NO_SUCH_PART */
static enum storage_err choose(
    struct commit *commit, const struct mutation *m, struct chosen *chosen)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    size_t next = 0;
    uint64_t blob_id = m->complete.upload.blob_id;
    enum storage_err err = index_cursor_open(commit->txn, TABLE_PIECES, &cursor);
    if (err != STORAGE_OK)
        return err;
    err = index_seek(cursor, key_of_piece(&buffer, blob_id, 0, 0), &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        struct piece_record piece;
        uint32_t number = key_u32_at(key, 8);
        if (key_u64_at(key, 0) != blob_id)
            break;
        if (key_u32_at(key, 12) != 0)
            continue;
        if ((err = schema_decode_piece(key, value, &piece)) != STORAGE_OK)
            break;
        if (next < m->complete.part_count && m->complete.parts[next].number == number) {
            chosen->size_bytes += piece.part_size_bytes;
            next++;
        } else if ((err = drop_later(commit, chosen, number)) != STORAGE_OK) {
            break;
        }
    }
    index_cursor_close(cursor);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_KEY)
        return err;
    return next == m->complete.part_count ? STORAGE_OK : STORAGE_NO_SUCH_PART;
}

enum storage_err parts_drop(struct commit *commit, uint64_t blob_id, struct span numbers)
{
    if (numbers.len == 0)
        return STORAGE_OK;
    uint64_t freed_id = engine_next_id(commit->storage);
    for (size_t at = 0; at + sizeof(uint32_t) <= numbers.len; at += sizeof(uint32_t)) {
        uint32_t number, pieces;
        memcpy(&number, numbers.ptr + at, sizeof(number));
        enum storage_err err = part_move(commit, blob_id, number, freed_id, &pieces);
        if (err != STORAGE_OK)
            return err;
    }
    return commit_freed_add(commit, FREED_BLOB, &(struct freed_record){.id = freed_id});
}

/* A Complete that was acknowledged, or may have been, is answered again. */
static enum storage_err repeated(const struct upload_record *record, struct mutation *m)
{
    if (memcmp(record->parts_hash, m->complete.parts_hash, MD5_BYTES) != 0)
        return STORAGE_NO_SUCH_UPLOAD;
    upload_result_fill(record, &m->result);
    return STORAGE_OK;
}

static enum storage_err mark_completed(
    struct commit *commit, struct upload_state *upload, const struct mutation *m)
{
    struct upload_record *record = &upload->record;
    record->completed = true;
    record->completed_ms = commit->now_ms;
    memcpy(record->parts_hash, m->complete.parts_hash, MD5_BYTES);
    record->result_version = m->result.version;
    record->result_modified_ms = m->result.modified_ms;
    record->result_size_bytes = m->result.size_bytes;
    record->result_etag = m->result.attributes.etag;
    record->result_crc64nvme = m->result.attributes.crc64nvme;
    record->result_checksum = m->result.attributes.checksum;
    record->attributes.metadata = SPAN_ABSENT;
    enum storage_err err = upload_state_write(commit, upload);
    if (err != STORAGE_OK)
        return err;
    log_row(&commit->log, LOG_UPLOAD, upload->leaf, buf_span(&commit->value));
    return commit_freed_add(commit, FREED_UPLOAD,
        &(struct freed_record){
            .id = record->id.blob_id,
            .bucket_id = upload->bucket->record.id,
            .key = m->key,
            .due_ms = commit->now_ms + COMPLETED_UPLOAD_KEPT_MS,
        });
}

static void log_parts(struct commit *commit, const struct mutation *m)
{
    buf_clear(&commit->value);
    for (size_t i = 0; i < m->complete.part_count; i++) {
        uint32_t number = htole32(m->complete.parts[i].number);
        buf_add(&commit->value, span_of(&number, sizeof(number)));
    }
    log_row(&commit->log, LOG_PARTS, SPAN_ABSENT, buf_span(&commit->value));
}

/* The upload's own blob, with the parts that were named; or nothing of it, where the object gets another. */
static enum storage_err write_blob(struct commit *commit, const struct mutation *m,
    const struct chosen *chosen, uint64_t linked_blob_id)
{
    uint64_t blob_id = m->complete.upload.blob_id;
    struct blob_record blob = {
        .references = 1,
        .length_bytes = chosen->size_bytes,
        .part_count = (uint32_t)m->complete.part_count,
    };
    if (linked_blob_id) {
        enum storage_err err = commit_blob_refer(commit, linked_blob_id);
        return err == STORAGE_OK ? commit_blob_drop(commit, blob_id) : err;
    }
    struct span dropped = span_first(span_from(buf_span(&commit->scratch), chosen->dropped_at),
        chosen->dropped_count * sizeof(uint32_t));
    enum storage_err err = parts_drop(commit, blob_id, dropped);
    return err == STORAGE_OK ? commit_blob_put(commit, blob_id, &blob) : err;
}

static enum storage_err write_all(struct commit *commit, struct mutation *m,
    struct upload_state *upload, struct key_state *state, const struct chosen *chosen,
    const struct zone_verdict *verdict)
{
    uint64_t blob_id = upload->record.id.blob_id;
    struct object_record record = {
        .size_bytes = chosen->size_bytes,
        .blob_id = verdict->linked_blob_id ? verdict->linked_blob_id : blob_id,
        .attributes = m->complete.attributes,
        .duplicate_of = verdict->duplicate_of,
    };
    record.attributes.storage_class = upload->record.attributes.storage_class;
    record.attributes.owner_id = upload->record.attributes.owner_id;
    record.attributes.metadata = upload->record.attributes.metadata;
    enum storage_err err = write_blob(commit, m, chosen, verdict->linked_blob_id);
    if (err == STORAGE_OK)
        err = version_write(commit, state, &record, &m->result);
    if (err == STORAGE_OK)
        err = lineage_complete(
            commit, m, record.row_id, state->zone ? state->zone->rule->name : SPAN_ABSENT);
    if (err == STORAGE_OK)
        err = lineage_write(commit, m, record.row_id, &m->result);
    if (err == STORAGE_OK)
        err = mark_completed(commit, upload, m);
    upload->bucket->record.upload_count--;
    commit_bucket_changed(commit, upload->bucket);
    return err;
}

/* The zone has these bytes under this key: the upload ends, and is told of what was there. */
static enum storage_err end_unchanged(
    struct commit *commit, struct mutation *m, struct upload_state *upload)
{
    uint64_t blob_id = upload->record.id.blob_id;
    enum storage_err err = commit_blob_drop(commit, blob_id);
    if (err == STORAGE_OK)
        err = lineage_gone(commit, (struct lineage_node){blob_id, 0});
    if (err == STORAGE_OK)
        err = mark_completed(commit, upload, m);
    upload->bucket->record.upload_count--;
    commit_bucket_changed(commit, upload->bucket);
    return err;
}

enum storage_err apply_complete_upload(struct commit *commit, struct mutation *m)
{
    struct upload_state upload;
    struct key_state state;
    struct chosen chosen = {0};
    struct zone_verdict verdict;
    enum storage_err err = upload_state_read(commit, m, m->complete.upload, &upload);
    if (err != STORAGE_OK)
        return err;
    if (upload.record.completed)
        return repeated(&upload.record, m);
    if (!ascending(m))
        return STORAGE_INVALID;
    if (upload.record.generation != m->complete.generation)
        return STORAGE_CHANGED;
    if ((err = key_state_read(commit, &m->bucket, m->key, &state)) != STORAGE_OK)
        return err;
    /* The metadata does not outlive the first change where it is. */
    struct span metadata = upload.record.attributes.metadata;
    buf_clear(&commit->scratch);
    buf_add(&commit->scratch, metadata);
    chosen.dropped_at = metadata.len;
    if ((err = choose(commit, m, &chosen)) != STORAGE_OK)
        return err;
    if (!buf_ok(&commit->scratch))
        return STORAGE_NO_MEMORY;
    struct zone_content content = {
        .size_bytes = chosen.size_bytes,
        .attributes = &m->complete.attributes,
        .metadata = metadata,
        .part_count = (uint32_t)m->complete.part_count,
        .brings_bytes = true,
    };
    if ((err = zone_check_write(commit, &state, &content, m, &verdict)) != STORAGE_OK)
        return err;
    upload.record.attributes.metadata = span_first(buf_span(&commit->scratch), metadata.len);
    log_begin(commit, m, state.bucket);
    log_parts(commit, m);
    if (verdict.unchanged) {
        err = end_unchanged(commit, m, &upload);
    } else {
        err = write_all(commit, m, &upload, &state, &chosen, &verdict);
        zone_written(commit, &state, &content, &verdict, m);
    }
    log_record_end(&commit->log);
    return err;
}
