#include "storage/local/apply.h"

static enum storage_err check_expectation(struct commit *commit, const struct record_change *change)
{
    struct span row;
    struct document_record record;
    if (change->expect == RECORD_ANY)
        return STORAGE_OK;
    enum storage_err err = index_get(commit->txn, TABLE_RECORDS, change->key, &row);
    if (err == STORAGE_NO_SUCH_KEY)
        return change->expect == RECORD_ABSENT ? STORAGE_OK : STORAGE_NO_SUCH_RECORD;
    if (err == STORAGE_OK)
        err = schema_decode_document(change->key, row, &record);
    if (err != STORAGE_OK)
        return err;
    if (change->expect == RECORD_ABSENT)
        return STORAGE_RECORD_EXISTS;
    bool changed = change->expect == RECORD_UNCHANGED && record.generation != change->generation;
    return changed ? STORAGE_CHANGED : STORAGE_OK;
}

static enum storage_err change_record(
    struct commit *commit, const struct record_change *change, uint64_t generation)
{
    if (change->keep)
        return STORAGE_OK;
    if (!span_present(change->value)) {
        log_row(&commit->log, LOG_RECORD, change->key, SPAN_ABSENT);
        enum storage_err err = index_delete(commit->txn, TABLE_RECORDS, change->key);
        return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
    }
    struct document_record record = {generation, change->value};
    schema_encode_document(change->key, &record, &commit->value);
    enum storage_err err = commit_put(commit, TABLE_RECORDS, change->key);
    log_row(&commit->log, LOG_RECORD, change->key, buf_span(&commit->value));
    return err;
}

enum storage_err apply_change_records(struct commit *commit, struct mutation *m)
{
    for (size_t i = 0; i < m->records.count; i++) {
        enum storage_err err = check_expectation(commit, &m->records.changes[i]);
        if (err != STORAGE_OK) {
            m->failed_record = i;
            return err;
        }
    }
    m->record_generation = engine_next_id(commit->storage);
    log_record(&commit->log, m->kind, 0, SPAN_ABSENT, SPAN_ABSENT);
    for (size_t i = 0; i < m->records.count; i++) {
        enum storage_err err = change_record(commit, &m->records.changes[i], m->record_generation);
        if (err != STORAGE_OK)
            return err;
    }
    log_record_end(&commit->log);
    return STORAGE_OK;
}

bool records_are_valid(const struct mutation *m)
{
    if (m->records.count == 0 || m->records.count > STORAGE_RECORD_CHANGES_MAX)
        return false;
    for (size_t i = 0; i < m->records.count; i++) {
        const struct record_change *change = &m->records.changes[i];
        if (change->key.len == 0 || change->key.len > STORAGE_RECORD_KEY_MAX_BYTES ||
            change->value.len > STORAGE_RECORD_VALUE_MAX_BYTES || change->expect > RECORD_UNCHANGED)
            return false;
    }
    return true;
}

bool records_grow(const struct mutation *m)
{
    for (size_t i = 0; i < m->records.count; i++)
        if (!m->records.changes[i].keep && span_present(m->records.changes[i].value))
            return true;
    return false;
}
