#include "storage/local/apply.h"

/* err: CHANGED, DELETE_MARKER */
static enum storage_err check_found(
    struct commit *commit, const struct mutation *m, const struct found_object *found)
{
    struct span metadata;
    if (found->record.is_delete_marker)
        return STORAGE_DELETE_MARKER;
    if (m->set_metadata.sequence && m->set_metadata.sequence != found->record.version.sequence)
        return STORAGE_CHANGED;
    enum storage_err err = object_metadata(commit->txn, &found->record, &metadata);
    if (err != STORAGE_OK)
        return err;
    return span_eq(metadata, m->set_metadata.expected) ? STORAGE_OK : STORAGE_CHANGED;
}

/* The version's row, where it is. */
static enum storage_err rewrite(struct commit *commit, const struct bucket_entry *bucket,
    struct span key, const struct object_record *record, bool is_newest)
{
    struct index_key buffer;
    struct span row = key_of_version(&buffer, record->row_id, record->version.sequence);
    enum storage_err err = STORAGE_OK;
    if (is_newest)
        err = node_find(commit->txn, TABLE_OBJECTS, bucket->record.id, key, 0, &buffer, &row);
    if (err != STORAGE_OK)
        return err;
    schema_encode_object(row, record, &commit->value);
    err = commit_put(commit, is_newest ? TABLE_OBJECTS : TABLE_VERSIONS, row);
    log_row(&commit->log, is_newest ? LOG_OBJECT : LOG_VERSION, row, buf_span(&commit->value));
    return err;
}

static enum storage_err rewrite_side(
    struct commit *commit, const struct object_record *record, bool had_side, struct span metadata)
{
    struct index_key buffer;
    struct span row = key_of_side(&buffer, record->row_id, record->version.sequence);
    if (!record->has_side)
        return had_side ? index_delete(commit->txn, TABLE_SIDE, row) : STORAGE_OK;
    schema_encode_bytes(row, metadata, &commit->value);
    enum storage_err err = commit_put(commit, TABLE_SIDE, row);
    log_row(&commit->log, LOG_SIDE, row, buf_span(&commit->value));
    return err;
}

enum storage_err version_set_metadata(struct commit *commit, const struct bucket_entry *bucket,
    struct span key, const struct found_object *found, struct span metadata)
{
    struct object_record record = found->record;
    record.attributes.metadata = metadata;
    record.has_side = metadata.len > SIDE_METADATA_BYTES;
    enum storage_err err = rewrite(commit, bucket, key, &record, found->is_newest);
    if (err == STORAGE_OK)
        err = rewrite_side(commit, &record, found->record.has_side, metadata);
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_CORRUPT : err;
}

enum storage_err apply_set_metadata(struct commit *commit, struct mutation *m)
{
    struct bucket_entry *bucket = NULL;
    struct found_object found;
    enum storage_err err = commit_bucket(commit, m->bucket, &bucket);
    if (err == STORAGE_OK)
        err = object_find(commit->txn, bucket->record.id, m->key, m->set_metadata.version, &found);
    if (err == STORAGE_OK)
        err = check_found(commit, m, &found);
    if (err != STORAGE_OK)
        return err;
    object_info_fill(&found.record, found.is_newest, &m->result);
    m->result.attributes.metadata = SPAN_ABSENT;
    log_begin(commit, m, bucket);
    err = version_set_metadata(commit, bucket, m->key, &found, m->set_metadata.metadata);
    log_record_end(&commit->log);
    return err;
}
