#include "storage/local/apply.h"
#include "storage/local/commit_zone.h"

/* ---- may less be retained? ---- */

static bool has_except(const struct zone_rule *rule, struct span pattern)
{
    for (size_t i = 0; i < rule->except_count; i++)
        if (span_eq(rule->except[i], pattern))
            return true;
    return false;
}

/* Does a rule retain all that `old` does, for as long? Only one for the very same keys is seen to. */
static bool retains_as_much(
    const struct zone_rule *old, const struct zone_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct zone_rule *rule = &rules[i];
        if (!span_eq(rule->prefix, old->prefix))
            continue;
        bool as_much = rule->retention_ms >= old->retention_ms;
        for (size_t k = 0; as_much && k < rule->except_count; k++)
            as_much = has_except(old, rule->except[k]);
        return as_much;
    }
    return false;
}

/* Until when the zone retains anything at the most. What has not been counted yet may be of now. */
static int64_t retained_until(const struct commit *commit, const struct zone_entry *zone)
{
    int64_t newest_ms = zone->state.newest_ms;
    if (zone->state.scan & SCAN_COUNT)
        newest_ms = commit->now_ms;
    else if (zone->state.objects == 0)
        return 0;
    return newest_ms + zone->rule->retention_ms;
}

static enum storage_err check_retention_kept(
    struct commit *commit, const struct bucket_entry *bucket, struct mutation *m)
{
    struct bucket_zones *zones = NULL;
    enum storage_err err = commit_zones(commit, bucket, &zones);
    for (size_t i = 0; err == STORAGE_OK && zones && i < zones->set.count; i++) {
        struct zone_entry *zone = &zones->entries[i];
        if (zone->rule->retention_ms == 0 ||
            retains_as_much(zone->rule, m->zones.rules, m->zones.count))
            continue;
        if ((err = commit_zone_state(commit, zone)) != STORAGE_OK)
            return err;
        int64_t until_ms = retained_until(commit, zone);
        if (until_ms <= commit->now_ms)
            continue;
        m->zone_outcome.zone_id = zone->rule->id;
        m->zone_outcome.retained_until_ms = until_ms;
        return STORAGE_RETAINED;
    }
    return err;
}

/* ---- the change ---- */

static enum storage_err change_document(
    struct commit *commit, const struct bucket_entry *bucket, const struct mutation *m)
{
    struct index_key buffer;
    struct span key = key_of_document(&buffer, bucket->record.id, m->zones.kind);
    if (!span_present(m->zones.text)) {
        enum storage_err err = index_delete(commit->txn, TABLE_DOCUMENTS, key);
        log_row(&commit->log, LOG_REMOVED, key, SPAN_ABSENT);
        return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
    }
    struct document_record record = {bucket->record.generation, m->zones.text};
    schema_encode_document(key, &record, &commit->value);
    enum storage_err err = commit_put(commit, TABLE_DOCUMENTS, key);
    log_row(&commit->log, LOG_DOCUMENT, key, buf_span(&commit->value));
    return err;
}

enum storage_err apply_put_zones(struct commit *commit, struct mutation *m)
{
    struct bucket_entry *bucket = NULL;
    enum storage_err err = commit_bucket(commit, m->bucket, &bucket);
    if (err != STORAGE_OK)
        return err;
    if (m->zones.generation != 0 && m->zones.generation != bucket->record.generation)
        return STORAGE_CHANGED;
    if (!m->zones.keep_rules && !m->zones.bypass_retention)
        err = check_retention_kept(commit, bucket, m);
    if (err != STORAGE_OK)
        return err;
    log_begin(commit, m, bucket);
    if (!m->zones.keep_rules)
        err = commit_zones_replace(commit, bucket, m->zones.rules, m->zones.count, 0);
    bucket_settings_changed(commit, bucket, m);
    if (err == STORAGE_OK)
        err = change_document(commit, bucket, m);
    log_bucket_row(commit, bucket);
    log_record_end(&commit->log);
    return err;
}
