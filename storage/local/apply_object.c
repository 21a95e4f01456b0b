#include "storage/local/apply.h"
#include "storage/local/lineage.h"

enum storage_err blob_of_stage(
    struct commit *commit, const struct extent *extent, uint64_t *ret_blob_id)
{
    struct index_key buffer;
    uint64_t blob_id = engine_next_id(commit->storage);
    struct span key = key_of_piece(&buffer, blob_id, 0, 0);
    uint64_t length = extent_content_bytes(extent);
    struct piece_record piece = {.extent_id = extent->id, .length_bytes = length};
    struct blob_record blob = {.references = 1, .length_bytes = length};
    enum storage_err err = commit_extent_add(commit, extent, 1);
    if (err != STORAGE_OK)
        return err;
    schema_encode_piece(key, &piece, &commit->value);
    if ((err = commit_add(commit, TABLE_PIECES, key)) != STORAGE_OK)
        return err;
    log_row(&commit->log, LOG_PIECE, key, buf_span(&commit->value));
    *ret_blob_id = blob_id;
    return commit_blob_put(commit, blob_id, &blob);
}

enum storage_err apply_put_object(struct commit *commit, struct mutation *m)
{
    struct key_state state;
    struct stage *stage = m->put.stage;
    struct zone_verdict verdict;
    struct zone_content content = {
        .size_bytes = stage ? stage_size(stage) : 0,
        .attributes = &m->put.attributes,
        .metadata = m->put.attributes.metadata,
        .brings_bytes = true,
    };
    enum storage_err err = key_state_read(commit, &m->bucket, m->key, &state);
    if (err == STORAGE_OK)
        err = zone_check_write(commit, &state, &content, m, &verdict);
    if (err != STORAGE_OK || verdict.unchanged)
        return err;
    struct object_record record = {
        .size_bytes = content.size_bytes,
        .attributes = m->put.attributes,
        .duplicate_of = verdict.duplicate_of,
        .blob_id = verdict.linked_blob_id,
    };
    log_begin(commit, m, state.bucket);
    if (record.blob_id) {
        err = commit_blob_refer(commit, record.blob_id);
    } else if (stage && stage_extent(stage)) {
        err = blob_of_stage(commit, stage_extent(stage), &record.blob_id);
    } else if (record.size_bytes > 0) {
        record.is_inline = true;
        record.inline_bytes = stage_bytes(stage);
    }
    if (err == STORAGE_OK)
        err = version_write(commit, &state, &record, &m->result);
    if (err == STORAGE_OK)
        err = lineage_write(commit, m, record.row_id, &m->result);
    log_record_end(&commit->log);
    zone_written(commit, &state, &content, &verdict, m);
    return err;
}

/* ---- copy ---- */

enum storage_err copy_source_find(
    struct commit *commit, const struct copy_from *from, struct found_object *ret_found)
{
    struct version_ref version = {VERSION_EXACT, from->version.sequence, from->version.random};
    enum storage_err err = object_find(commit->txn, from->bucket_id, from->key, version, ret_found);
    if (err == STORAGE_NO_SUCH_KEY || err == STORAGE_NO_SUCH_VERSION)
        return STORAGE_CHANGED;
    if (err == STORAGE_OK && ret_found->record.is_delete_marker)
        return STORAGE_CHANGED;
    return err;
}

void copy_source_log(struct commit *commit, const struct copy_from *from)
{
    struct index_key buffer;
    log_row(&commit->log, LOG_SOURCE, key_of_side(&buffer, from->bucket_id, from->version.sequence),
        from->key);
}

static enum storage_err copied_content(
    struct commit *commit, const struct object_record *source, struct zone_content *content)
{
    struct blob_record blob;
    content->size_bytes = source->size_bytes;
    if (source->blob_id == 0)
        return STORAGE_OK;
    enum storage_err err = commit_blob_get(commit, source->blob_id, &blob);
    if (err == STORAGE_OK)
        content->part_count = blob.part_count;
    return err;
}

enum storage_err apply_copy_object(struct commit *commit, struct mutation *m)
{
    struct key_state state;
    struct found_object source;
    struct zone_verdict verdict;
    const struct copy_from *from = &m->copy.from;
    enum storage_err err = key_state_read(commit, &m->bucket, m->key, &state);
    if (err == STORAGE_OK)
        err = copy_source_find(commit, from, &source);
    struct zone_content content = {
        .attributes = &m->copy.attributes,
        .metadata = m->copy.attributes.metadata,
    };
    if (err == STORAGE_OK && state.zone)
        err = copied_content(commit, &source.record, &content);
    if (err == STORAGE_OK)
        err = zone_check_write(commit, &state, &content, m, &verdict);
    if (err != STORAGE_OK || verdict.unchanged)
        return err;
    struct object_record record = {
        .size_bytes = source.record.size_bytes,
        .blob_id = verdict.linked_blob_id ? verdict.linked_blob_id : source.record.blob_id,
        .is_inline = source.record.is_inline && !verdict.linked_blob_id,
        .attributes = m->copy.attributes,
        .duplicate_of = verdict.duplicate_of,
    };
    buf_clear(&commit->scratch);
    if (record.is_inline)
        buf_add(&commit->scratch, source.record.inline_bytes);
    if (!buf_ok(&commit->scratch))
        return STORAGE_NO_MEMORY;
    record.inline_bytes = buf_span(&commit->scratch);
    /* The reference is raised before the destination, which may be the source itself, drops its
     * own. */
    if (record.blob_id)
        err = commit_blob_refer(commit, record.blob_id);
    log_begin(commit, m, state.bucket);
    copy_source_log(commit, from);
    if (err == STORAGE_OK)
        err = version_write(commit, &state, &record, &m->result);
    if (err == STORAGE_OK)
        err = lineage_write(commit, m, record.row_id, &m->result);
    log_record_end(&commit->log);
    zone_written(commit, &state, &content, &verdict, m);
    return err;
}

/* ---- delete ---- */

static enum storage_err add_delete_marker(
    struct commit *commit, struct key_state *state, struct mutation *m)
{
    struct object_record marker = {
        .is_delete_marker = true,
        .attributes.owner_id = state->bucket->record.owner_id,
    };
    log_begin(commit, m, state->bucket);
    enum storage_err err = version_write(commit, state, &marker, &m->result);
    log_record_end(&commit->log);
    return err;
}

static enum storage_err remove_found(struct commit *commit, struct key_state *state,
    const struct found_object *found, struct mutation *m)
{
    struct index_key buffer;
    object_info_fill(&found->record, found->is_newest, &m->result);
    m->result.attributes.metadata = SPAN_ABSENT;
    log_begin(commit, m, state->bucket);
    log_row(&commit->log, LOG_REMOVED, key_of_u64(&buffer, found->record.version.sequence),
        SPAN_ABSENT);
    enum storage_err err = version_remove(commit, state, &found->record);
    log_record_end(&commit->log);
    return err;
}

enum storage_err apply_delete_object(struct commit *commit, struct mutation *m)
{
    struct key_state state;
    struct found_object found;
    m->result = (struct object_info){0};
    enum storage_err err = key_state_read(commit, &m->bucket, m->key, &state);
    if (err != STORAGE_OK)
        return err;
    enum versioning versioning = (enum versioning)state.bucket->record.versioning;
    bool plain = m->remove.version.select == VERSION_NEWEST;
    err = object_find(commit->txn, state.bucket->record.id, m->key, m->remove.version, &found);
    bool exists = err == STORAGE_OK;
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_KEY && err != STORAGE_NO_SUCH_VERSION)
        return err;
    bool removes = exists && !(plain && versioning != VERSIONING_OFF);
    if (removes || (plain && versioning == VERSIONING_SUSPENDED))
        err = zone_check_remove(commit, &state, removes ? &found.record : NULL, m);
    else
        err = STORAGE_OK;
    if (err == STORAGE_OK)
        err = check_conditions(m, exists ? &found.record : NULL);
    if (err != STORAGE_OK)
        return err;
    if (plain && versioning != VERSIONING_OFF)
        return add_delete_marker(commit, &state, m);
    return exists ? remove_found(commit, &state, &found, m) : STORAGE_OK;
}
