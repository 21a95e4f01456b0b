#include "storage/local/apply.h"
#include "storage/local/commit_zone.h"
#include "storage/local/node.h"

static void bucket_info_fill(const struct bucket_record *record, struct bucket_info *ret_info)
{
    *ret_info = (struct bucket_info){
        .id = record->id,
        .created_ms = record->created_ms,
        .owner_id = record->owner_id,
        .versioning = record->versioning,
        .generation = record->generation,
        .zones_generation = record->zones_generation,
        .object_count = record->object_count,
        .byte_count = record->byte_count,
        .upload_count = record->upload_count,
    };
}

void log_begin(struct commit *commit, const struct mutation *m, const struct bucket_entry *bucket)
{
    log_record(&commit->log, m->kind, bucket->record.id, bucket_entry_name(bucket), m->key);
}

/* The row as it will be, for the log: the index gets it at the end of the batch. */
void log_bucket_row(struct commit *commit, const struct bucket_entry *bucket)
{
    struct span name = bucket_entry_name(bucket);
    schema_encode_bucket(name, &bucket->record, &commit->value);
    log_row(&commit->log, LOG_BUCKET, name, buf_span(&commit->value));
}

static enum storage_err write_document(
    struct commit *commit, uint64_t bucket_id, uint64_t generation, struct bucket_document document)
{
    struct index_key buffer;
    struct span key = key_of_document(&buffer, bucket_id, document.kind);
    schema_encode_document(
        key, &(struct document_record){generation, document.text}, &commit->value);
    enum storage_err err = commit_put(commit, TABLE_DOCUMENTS, key);
    if (err == STORAGE_OK)
        log_row(&commit->log, LOG_DOCUMENT, key, buf_span(&commit->value));
    return err;
}

enum storage_err apply_create_bucket(struct commit *commit, struct mutation *m)
{
    struct bucket_entry *entry = NULL;
    enum storage_err err = commit_bucket_named(commit, m->bucket.name, &entry);
    if (err == STORAGE_OK) {
        bucket_info_fill(&entry->record, &m->bucket_info);
        return STORAGE_BUCKET_EXISTS;
    }
    if (err != STORAGE_NO_SUCH_BUCKET)
        return err;
    if (index_tally(commit->txn, TABLE_BUCKETS).count >= BUCKETS_MAX)
        return STORAGE_TOO_MANY_BUCKETS;
    for (size_t i = 0; i < m->create_bucket.document_count; i++)
        if (m->create_bucket.documents[i].text.len > STORAGE_DOCUMENT_MAX_BYTES)
            return STORAGE_INVALID;
    struct bucket_record record = {
        .id = engine_next_id(commit->storage),
        .created_ms = commit->now_ms,
        .owner_id = m->create_bucket.owner_id,
        .generation = 1,
        .region = m->create_bucket.region,
    };
    if ((err = commit_bucket_add(commit, m->bucket.name, &record, &entry)) != STORAGE_OK)
        return err;
    log_begin(commit, m, entry);
    if (m->create_bucket.rule_count > 0)
        err = commit_zones_replace(
            commit, entry, m->create_bucket.rules, m->create_bucket.rule_count, 0);
    bucket_info_fill(&entry->record, &m->bucket_info);
    log_bucket_row(commit, entry);
    for (size_t i = 0; i < m->create_bucket.document_count && err == STORAGE_OK; i++)
        err = write_document(commit, record.id, record.generation, m->create_bucket.documents[i]);
    log_record_end(&commit->log);
    return err;
}

static enum storage_err delete_documents(struct commit *commit, uint64_t bucket_id)
{
    for (int kind = 0; kind <= UINT8_MAX; kind++) {
        struct index_key buffer;
        enum storage_err err = index_delete(commit->txn, TABLE_DOCUMENTS,
            key_of_document(&buffer, bucket_id, (enum document_kind)kind));
        if (err != STORAGE_OK && err != STORAGE_NO_SUCH_KEY)
            return err;
    }
    return STORAGE_OK;
}

enum storage_err apply_delete_bucket(struct commit *commit, struct mutation *m)
{
    struct bucket_entry *entry = NULL;
    bool empty;
    enum storage_err err = commit_bucket(commit, m->bucket, &entry);
    if (err != STORAGE_OK)
        return err;
    err = node_is_empty(commit->txn, TABLE_OBJECTS, entry->record.id, &empty);
    if (err != STORAGE_OK)
        return err;
    if (!empty)
        return STORAGE_BUCKET_NOT_EMPTY;
    log_begin(commit, m, entry);
    err = bucket_drop(commit, entry);
    log_record_end(&commit->log);
    return err;
}

enum storage_err bucket_drop(struct commit *commit, struct bucket_entry *entry)
{
    bool no_uploads;
    uint64_t id = entry->record.id;
    enum storage_err err = node_is_empty(commit->txn, TABLE_UPLOADS, id, &no_uploads);
    if (err == STORAGE_OK && entry->record.zones_generation != 0)
        err = commit_zones_replace(commit, entry, NULL, 0, 0);
    if (err == STORAGE_OK)
        err = commit_bucket_delete(commit, entry);
    if (err == STORAGE_OK)
        err = delete_documents(commit, id);
    if (err == STORAGE_OK && !no_uploads)
        err = commit_freed_add(commit, FREED_BUCKET, &(struct freed_record){.id = id});
    return err;
}

void bucket_settings_changed(struct commit *commit, struct bucket_entry *entry, struct mutation *m)
{
    entry->record.generation++;
    commit_bucket_changed(commit, entry);
    bucket_info_fill(&entry->record, &m->bucket_info);
}

enum storage_err apply_set_versioning(struct commit *commit, struct mutation *m)
{
    struct bucket_entry *entry = NULL;
    enum storage_err err = commit_bucket(commit, m->bucket, &entry);
    if (err != STORAGE_OK)
        return err;
    bool was_off = entry->record.versioning == VERSIONING_OFF;
    if (m->versioning == VERSIONING_OFF ? !was_off : m->versioning > VERSIONING_SUSPENDED)
        return STORAGE_INVALID; /* once on, it can only be suspended */
    entry->record.versioning = (uint8_t)m->versioning;
    bucket_settings_changed(commit, entry, m);
    log_begin(commit, m, entry);
    log_bucket_row(commit, entry);
    log_record_end(&commit->log);
    return STORAGE_OK;
}

enum storage_err apply_put_document(struct commit *commit, struct mutation *m)
{
    struct index_key buffer;
    struct bucket_entry *entry = NULL;
    enum storage_err err = commit_bucket(commit, m->bucket, &entry);
    if (err != STORAGE_OK)
        return err;
    struct span key = key_of_document(&buffer, entry->record.id, m->document.kind);
    struct document_record record = {entry->record.generation + 1, m->document.text};
    schema_encode_document(key, &record, &commit->value);
    if ((err = commit_put(commit, TABLE_DOCUMENTS, key)) != STORAGE_OK)
        return err;
    log_begin(commit, m, entry);
    log_row(&commit->log, LOG_DOCUMENT, key, buf_span(&commit->value));
    log_record_end(&commit->log);
    bucket_settings_changed(commit, entry, m);
    return STORAGE_OK;
}

enum storage_err apply_delete_document(struct commit *commit, struct mutation *m)
{
    struct index_key buffer;
    struct bucket_entry *entry = NULL;
    enum storage_err err = commit_bucket(commit, m->bucket, &entry);
    if (err != STORAGE_OK)
        return err;
    struct span key = key_of_document(&buffer, entry->record.id, m->document.kind);
    err = index_delete(commit->txn, TABLE_DOCUMENTS, key);
    if (err != STORAGE_OK)
        return err == STORAGE_NO_SUCH_KEY ? STORAGE_NO_SUCH_DOCUMENT : err;
    log_begin(commit, m, entry);
    log_row(&commit->log, LOG_REMOVED, key, SPAN_ABSENT);
    log_record_end(&commit->log);
    bucket_settings_changed(commit, entry, m);
    return STORAGE_OK;
}
