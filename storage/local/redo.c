#include "storage/local/redo_internal.h"

#include "storage/local/commit_zone.h"
#include "storage/local/cursor.h"

/* ---- buckets ---- */

enum storage_err redo_bucket(
    struct redo *redo, struct commit *commit, struct bucket_entry **ret_entry)
{
    const struct log_entry *entry = &redo->entry;
    struct bucket_ref ref = {entry->bucket_id, entry->bucket_name};
    struct bucket_entry *other = NULL;
    enum storage_err err = commit_bucket(commit, ref, ret_entry);
    if (err != STORAGE_NO_SUCH_BUCKET || entry->bucket_name.len == 0)
        return err;
    err = commit_bucket_named(commit, entry->bucket_name, &other);
    if (err != STORAGE_NO_SUCH_BUCKET)
        return err == STORAGE_OK ? STORAGE_NO_SUCH_BUCKET : err;
    /* What made it is not in the log: name and id are all that is known. */
    struct bucket_record record = {
        .id = entry->bucket_id, .created_ms = redo->time_ms, .generation = 1, .region = SPAN("")};
    redo->made_bucket = true;
    return commit_bucket_add(commit, entry->bucket_name, &record, ret_entry);
}

enum storage_err redo_remove_key(
    struct commit *commit, struct bucket_entry *bucket, struct span key)
{
    struct key_state state;
    enum storage_err err;
    while ((err = key_state_of(commit, bucket, key, false, &state)) == STORAGE_OK && state.exists)
        if ((err = version_remove(commit, &state, &state.newest)) != STORAGE_OK)
            return err;
    return err;
}

/* A bucket that was empty, whatever is known of deletes. */
static enum storage_err drop_bucket(struct commit *commit, struct bucket_entry *bucket)
{
    for (;;) {
        struct key_cursor cursor;
        char key[STORAGE_KEY_MAX_BYTES];
        key_cursor_init(&cursor, commit->txn, TABLE_OBJECTS, bucket->record.id);
        enum storage_err err = key_cursor_seek(&cursor, SPAN(""), 0);
        size_t len = cursor.valid && cursor.key_len <= sizeof(key) ? cursor.key_len : 0;
        memcpy(key, cursor.key, len);
        key_cursor_close(&cursor);
        if (err != STORAGE_OK)
            return err;
        if (len == 0)
            return bucket_drop(commit, bucket);
        if ((err = redo_remove_key(commit, bucket, span_of(key, len))) != STORAGE_OK)
            return err;
    }
}

static enum storage_err put_documents(struct redo *redo, struct commit *commit)
{
    struct span rest = redo->entry.rows;
    struct log_entry_row row;
    struct document_record record;
    enum storage_err err = STORAGE_OK;
    while (err == STORAGE_OK && log_next_row(&rest, &row)) {
        if (row.tag != LOG_DOCUMENT)
            continue;
        err = schema_decode_document(row.key, row.value, &record);
        if (err == STORAGE_OK)
            err = index_put(commit->txn, TABLE_DOCUMENTS, row.key, row.value);
    }
    return err;
}

/* The rules that the record has, in place of the bucket's. */
static enum storage_err put_rules(
    struct redo *redo, struct commit *commit, struct bucket_entry *bucket, uint64_t generation)
{
    struct span rest = redo->entry.rows;
    struct log_entry_row row;
    struct zone_rule *rules = calloc(ZONE_RULES_MAX, sizeof(*rules));
    struct arena arena;
    size_t count = 0;
    if (generation == bucket->record.zones_generation) {
        free(rules);
        return STORAGE_OK;
    }
    arena_init(&arena, ZONE_RULES_MEMORY);
    enum storage_err err = rules ? STORAGE_OK : STORAGE_NO_MEMORY;
    while (err == STORAGE_OK && log_next_row(&rest, &row)) {
        uint64_t unused;
        if (row.tag == LOG_ZONE && row.value.len > 0 && count < ZONE_RULES_MAX)
            err = schema_decode_rule(row.key, row.value, &arena, &rules[count++], &unused);
    }
    if (err == STORAGE_OK)
        err = commit_zones_replace(commit, bucket, rules, count, generation);
    arena_free(&arena);
    free(rules);
    return err;
}

static enum storage_err logged_bucket(const struct redo *redo, struct bucket_record *ret_record)
{
    struct log_entry_row row;
    if (!log_find_row(&redo->entry, LOG_BUCKET, &row))
        return STORAGE_CORRUPT;
    return schema_decode_bucket(row.key, row.value, ret_record);
}

static enum storage_err create_bucket(struct redo *redo, struct commit *commit)
{
    struct bucket_entry *bucket = NULL;
    struct bucket_record record = {0};
    struct span name = redo->entry.bucket_name;
    enum storage_err err = logged_bucket(redo, &record);
    if (err == STORAGE_OK)
        err = commit_bucket_named(commit, name, &bucket);
    if (err == STORAGE_OK && bucket->record.id == record.id)
        return STORAGE_OK;
    if (err == STORAGE_OK) /* it was deleted by a commit that is missing */
        err = drop_bucket(commit, bucket);
    else if (err == STORAGE_NO_SUCH_BUCKET)
        err = STORAGE_OK;
    uint64_t zones = record.zones_generation;
    record.object_count = record.byte_count = record.upload_count = record.zones_generation = 0;
    if (err == STORAGE_OK)
        err = commit_bucket_add(commit, name, &record, &bucket);
    if (err == STORAGE_OK)
        err = put_rules(redo, commit, bucket, zones);
    return err == STORAGE_OK ? put_documents(redo, commit) : err;
}

static enum storage_err delete_bucket(struct redo *redo, struct commit *commit)
{
    struct bucket_entry *bucket = NULL;
    struct bucket_ref ref = {redo->entry.bucket_id, redo->entry.bucket_name};
    enum storage_err err = commit_bucket(commit, ref, &bucket);
    if (err == STORAGE_NO_SUCH_BUCKET)
        return STORAGE_OK;
    return err == STORAGE_OK ? drop_bucket(commit, bucket) : err;
}

/* SET_VERSIONING, PUT_ZONES, and documents: what they change of the bucket. */
static enum storage_err change_bucket(struct redo *redo, struct commit *commit)
{
    struct bucket_entry *bucket = NULL;
    struct bucket_record record;
    struct log_entry_row row;
    enum storage_err err = redo_bucket(redo, commit, &bucket);
    if (err != STORAGE_OK)
        return err;
    bucket->record.generation++;
    if (redo->entry.kind == MUTATION_SET_VERSIONING || redo->entry.kind == MUTATION_PUT_ZONES) {
        if ((err = logged_bucket(redo, &record)) != STORAGE_OK)
            return err;
        bucket->record.versioning = record.versioning;
        bucket->record.generation = record.generation;
        if (redo->entry.kind == MUTATION_PUT_ZONES)
            err = put_rules(redo, commit, bucket, record.zones_generation);
    }
    commit_bucket_changed(commit, bucket);
    if (err == STORAGE_OK && log_find_row(&redo->entry, LOG_REMOVED, &row))
        err = index_delete(commit->txn, TABLE_DOCUMENTS, row.key);
    if (err == STORAGE_NO_SUCH_KEY)
        err = STORAGE_OK;
    return err == STORAGE_OK ? put_documents(redo, commit) : err;
}

static enum storage_err change_records(struct redo *redo, struct commit *commit)
{
    struct span rest = redo->entry.rows;
    struct log_entry_row row;
    struct document_record record;
    enum storage_err err = STORAGE_OK;
    while (err == STORAGE_OK && log_next_row(&rest, &row)) {
        if (row.tag != LOG_RECORD)
            continue;
        if (row.value.len == 0) {
            err = index_delete(commit->txn, TABLE_RECORDS, row.key);
            if (err == STORAGE_NO_SUCH_KEY)
                err = STORAGE_OK;
        } else if ((err = schema_decode_document(row.key, row.value, &record)) == STORAGE_OK) {
            err = index_put(commit->txn, TABLE_RECORDS, row.key, row.value);
        }
    }
    return err;
}

/* ---- all of them ---- */

static enum storage_err redo_apply(struct engine_work *work, struct commit *commit)
{
    struct redo *redo = (struct redo *)work;
    redo->made_bucket = false;
    switch (redo->entry.kind) {
    case MUTATION_CREATE_BUCKET:
        return create_bucket(redo, commit);
    case MUTATION_DELETE_BUCKET:
        return delete_bucket(redo, commit);
    case MUTATION_SET_VERSIONING:
    case MUTATION_PUT_DOCUMENT:
    case MUTATION_DELETE_DOCUMENT:
    case MUTATION_PUT_ZONES:
        return change_bucket(redo, commit);
    case MUTATION_CHANGE_RECORDS:
        return change_records(redo, commit);
    case MUTATION_PUT_OBJECT:
    case MUTATION_COPY_OBJECT:
        return redo_put_object(redo, commit);
    case MUTATION_DELETE_OBJECT:
        return redo_delete_object(redo, commit);
    case MUTATION_SET_METADATA:
        return redo_set_metadata(redo, commit);
    case MUTATION_CREATE_UPLOAD:
        return redo_create_upload(redo, commit);
    case MUTATION_PUT_PART:
    case MUTATION_COPY_PART:
        return redo_put_part(redo, commit);
    case MUTATION_COMPLETE_UPLOAD:
        return redo_complete_upload(redo, commit);
    case MUTATION_ABORT_UPLOAD:
        return redo_abort_upload(redo, commit);
    case MUTATION_ENGINE:
        break;
    }
    return STORAGE_CORRUPT; /* of a kind that this release does not know */
}

void redo_init(struct redo *redo, const struct log_entry *entry, int64_t time_ms)
{
    *redo = (struct redo){.work.apply = redo_apply, .entry = *entry, .time_ms = time_ms};
    redo->mutation.kind = MUTATION_ENGINE;
    redo->mutation.engine_data = &redo->work;
}
