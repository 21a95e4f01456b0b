/* What the rules of a key's zone say to a change of it, in the commit. The order is the promise: retention,
 * preconditions, write-once, duplicates, limits. */
#include "storage/local/apply.h"
#include "storage/local/commit_zone.h"

/* Rows that the rules do not look at any more, while a scan takes them away, passed over for one write. */
enum { STALE_ROWS_MAX = 1024 };

static bool acts(const struct key_state *state)
{
    return state->zone && !state->excepted;
}

static bool has_object(const struct key_state *state)
{
    return state->exists && !state->newest.is_delete_marker;
}

/* ---- retention ---- */

static enum storage_err check_retained(struct commit *commit, const struct key_state *state,
    const struct object_record *record, struct mutation *m)
{
    int64_t retention_ms = acts(state) ? state->zone->rule->retention_ms : 0;
    if (retention_ms == 0 || record->is_delete_marker || m->zone.bypass_retention ||
        record->modified_ms + retention_ms <= commit->now_ms)
        return STORAGE_OK;
    m->zone_outcome.zone_id = state->zone->rule->id;
    m->zone_outcome.retained_until_ms = record->modified_ms + retention_ms;
    return STORAGE_RETAINED;
}

/* The version that a write takes away, if any: the null version, where versioning is not on. */
static enum storage_err find_replaced(struct commit *commit, const struct key_state *state,
    bool *ret_any, struct object_record *ret_record)
{
    const struct object_record *newest = &state->newest;
    *ret_any = false;
    if (!state->exists || state->bucket->record.versioning == VERSIONING_ON ||
        newest->null_sequence == 0)
        return STORAGE_OK;
    *ret_any = true;
    *ret_record = *newest;
    if (newest->null_sequence == newest->version.sequence)
        return STORAGE_OK;
    enum storage_err err =
        object_find_older(commit->txn, newest->row_id, newest->null_sequence, ret_record);
    return err == STORAGE_NO_SUCH_VERSION ? STORAGE_CORRUPT : err;
}

enum storage_err zone_check_remove(struct commit *commit, const struct key_state *state,
    const struct object_record *gone, struct mutation *m)
{
    struct object_record replaced;
    bool any = gone != NULL;
    if (!acts(state) || state->zone->rule->retention_ms == 0)
        return STORAGE_OK;
    if (gone)
        return check_retained(commit, state, gone, m);
    enum storage_err err = find_replaced(commit, state, &any, &replaced);
    return err == STORAGE_OK && any ? check_retained(commit, state, &replaced, m) : err;
}

/* ---- the same bytes under the same key ---- */

static bool is_same(const struct key_state *state, const struct zone_content *content,
    const struct zone_claims *claims)
{
    const struct object_attributes *is = &state->newest.attributes, *comes = content->attributes;
    if (!has_object(state) || state->newest.size_bytes != content->size_bytes ||
        is->crc64nvme != comes->crc64nvme)
        return false;
    return claims->same_sequence == state->newest.version.sequence ||
           (is->etag.part_count == comes->etag.part_count &&
               memcmp(is->etag.md5, comes->etag.md5, MD5_BYTES) == 0);
}

/* A retried write of what is there is no write. */
static enum storage_err check_unchanged(struct commit *commit, const struct key_state *state,
    const struct zone_content *content, struct mutation *m, bool *ret_unchanged)
{
    struct span metadata;
    *ret_unchanged = false;
    if (!acts(state) || !state->zone->rule->write_once || m->if_match.present ||
        m->if_none_match.present || !is_same(state, content, &m->zone))
        return STORAGE_OK;
    enum storage_err err = object_metadata(commit->txn, &state->newest, &metadata);
    if (err != STORAGE_OK || !span_eq(metadata, content->metadata))
        return err;
    object_info_fill(&state->newest, true, &m->result);
    m->result.attributes.metadata = SPAN_ABSENT;
    m->zone_outcome.unchanged = *ret_unchanged = true;
    return STORAGE_OK;
}

/* ---- duplicates ---- */

static bool ref_eq(struct content_ref left, struct content_ref right)
{
    return left.row_id == right.row_id && left.sequence == right.sequence;
}

static bool is_other(const struct zone_claims *claims, struct content_ref ref)
{
    for (size_t i = 0; i < claims->other_count; i++)
        if (ref_eq(claims->others[i], ref))
            return true;
    return false;
}

/* The one that the caller found to be the same, if it still is in the index of contents.
 * err: NO_SUCH_VERSION */
static enum storage_err find_claimed(struct commit *commit, const struct key_state *state,
    struct content_hash hash, struct content_ref claimed)
{
    struct index_key buffer;
    struct span value, object_key;
    struct object_record record;
    uint64_t content_id = state->zone->state.content_id;
    if (claimed.sequence == 0 || (state->exists && claimed.row_id == state->newest.row_id))
        return STORAGE_NO_SUCH_VERSION;
    enum storage_err err = index_get(
        commit->txn, TABLE_CONTENT, key_of_content(&buffer, content_id, hash, claimed), &value);
    if (err == STORAGE_OK)
        err = content_version(commit->txn, claimed, &object_key, &record);
    if (err == STORAGE_NO_SUCH_KEY)
        err = STORAGE_NO_SUCH_VERSION;
    if (err == STORAGE_OK && !zone_looks_at(state->zone->rule, object_key, hash.size_bytes))
        err = STORAGE_NO_SUCH_VERSION;
    return err;
}

/* The first version that the caller has not compared. err: NO_SUCH_VERSION when there is none */
static enum storage_err find_unchecked(struct commit *commit, const struct key_state *state,
    struct content_hash hash, const struct zone_claims *claims, struct index_cursor *cursor,
    struct content_ref *ret_ref)
{
    struct index_key buffer;
    struct span key, value, object_key;
    struct object_record record;
    size_t stale = 0;
    struct span from =
        key_of_content(&buffer, state->zone->state.content_id, hash, (struct content_ref){0});
    enum storage_err err = index_seek(cursor, from, &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        if (!span_starts(key, span_first(from, 24)) || stale == STALE_ROWS_MAX)
            return STORAGE_NO_SUCH_VERSION;
        struct content_ref ref = content_ref_at(key);
        if ((state->exists && ref.row_id == state->newest.row_id) || is_other(claims, ref))
            continue;
        *ret_ref = ref;
        stale++;
        err = content_version(commit->txn, ref, &object_key, &record);
        if (err == STORAGE_OK && zone_looks_at(state->zone->rule, object_key, hash.size_bytes))
            return STORAGE_OK;
        if (err != STORAGE_OK && err != STORAGE_NO_SUCH_VERSION)
            return err;
    }
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_NO_SUCH_VERSION : err;
}

/* err: NO_SUCH_VERSION when nothing has the same bytes; CHANGED when the caller has to compare first.
 * *ret_compared: else it only counts as the same */
static enum storage_err find_duplicate(struct commit *commit, const struct key_state *state,
    struct content_hash hash, const struct zone_claims *claims, struct content_ref *ret_ref,
    bool *ret_compared)
{
    struct index_cursor *cursor = NULL;
    enum storage_err err = find_claimed(commit, state, hash, claims->duplicate);
    *ret_compared = err == STORAGE_OK;
    *ret_ref = claims->duplicate;
    if (err != STORAGE_NO_SUCH_VERSION)
        return err;
    err = index_cursor_open(commit->txn, TABLE_CONTENT, &cursor);
    if (err == STORAGE_OK)
        err = find_unchecked(commit, state, hash, claims, cursor, ret_ref);
    index_cursor_close(cursor);
    return err == STORAGE_OK && !claims->undecided ? STORAGE_CHANGED : err;
}

/* The first one's blob, where the new version can have it: bytes inside of the index have none, and parts must
 * be the same, since S3 can read objects by part. */
static enum storage_err find_linked(struct commit *commit, const struct zone_content *content,
    struct content_ref ref, struct zone_verdict *verdict)
{
    struct span key;
    struct object_record record;
    struct blob_record blob;
    const struct etag *etag = &content->attributes->etag;
    enum storage_err err = content_version(commit->txn, ref, &key, &record);
    if (err != STORAGE_OK || record.blob_id == 0)
        return err == STORAGE_NO_SUCH_VERSION ? STORAGE_CORRUPT : err;
    if ((err = commit_blob_get(commit, record.blob_id, &blob)) != STORAGE_OK)
        return err;
    bool same_parts = blob.part_count == 0 && content->part_count == 0;
    if (blob.part_count > 0 && blob.part_count == content->part_count)
        same_parts = memcmp(etag->md5, record.attributes.etag.md5, MD5_BYTES) == 0 &&
                     etag->part_count == record.attributes.etag.part_count;
    if (same_parts)
        verdict->linked_blob_id = record.blob_id;
    return STORAGE_OK;
}

static enum storage_err check_duplicates(struct commit *commit, const struct key_state *state,
    const struct zone_content *content, struct mutation *m, struct zone_verdict *verdict)
{
    struct content_hash hash = {content->size_bytes, content->attributes->crc64nvme};
    struct zone_entry *zone = state->zone;
    bool compared;
    if (!acts(state) || zone->state.content_id == 0 || content->size_bytes < zone->rule->min_bytes)
        return STORAGE_OK;
    enum storage_err err =
        find_duplicate(commit, state, hash, &m->zone, &verdict->duplicate_of, &compared);
    if (err == STORAGE_NO_SUCH_VERSION) {
        verdict->duplicate_of = (struct content_ref){0};
        return STORAGE_OK;
    }
    if (err != STORAGE_OK)
        return err;
    m->zone_outcome.duplicate_of = verdict->duplicate_of;
    if (compared && zone->rule->duplicates == DUPLICATES_LINK)
        return find_linked(commit, content, verdict->duplicate_of, verdict);
    if (!compared || zone->rule->duplicates != DUPLICATES_REJECT)
        return STORAGE_OK;
    zone->state.duplicates_found++;
    zone->state.bytes_saved += content->brings_bytes ? content->size_bytes : 0;
    commit_zone_noted(commit, zone);
    return STORAGE_DUPLICATE;
}

/* ---- limits ---- */

/* What makes less of a zone that is over its limit passes. */
static bool exceeds(uint64_t used, uint64_t more, uint64_t less, uint64_t max)
{
    return max > 0 && more > less && (used > max || more - less > max - used);
}

static enum storage_err check_limits(struct commit *commit, const struct key_state *state,
    const struct zone_content *content, struct mutation *m)
{
    struct object_record replaced = {0};
    bool any;
    if (!state->zone || (state->zone->rule->max_bytes == 0 && state->zone->rule->max_objects == 0))
        return STORAGE_OK;
    enum storage_err err = find_replaced(commit, state, &any, &replaced);
    if (err != STORAGE_OK)
        return err;
    const struct zone_rule *rule = state->zone->rule;
    const struct zone_state *used = &state->zone->state;
    bool counted = any && !replaced.is_delete_marker &&
                   zone_counts(state->zone, state->key, replaced.version.sequence);
    if (!exceeds(
            used->bytes, content->size_bytes, counted ? replaced.size_bytes : 0, rule->max_bytes) &&
        !exceeds(used->objects, 1, counted, rule->max_objects))
        return STORAGE_OK;
    m->zone_outcome.objects = used->objects;
    m->zone_outcome.bytes = used->bytes;
    m->zone_outcome.max_objects = rule->max_objects;
    m->zone_outcome.max_bytes = rule->max_bytes;
    return STORAGE_QUOTA;
}

/* ---- all of them ---- */

enum storage_err zone_check_write(struct commit *commit, const struct key_state *state,
    const struct zone_content *content, struct mutation *m, struct zone_verdict *ret_verdict)
{
    struct zone_verdict verdict = {0};
    m->zone_outcome.zone_id = state->zone ? state->zone->rule->id : 0;
    enum storage_err err = check_unchanged(commit, state, content, m, &verdict.unchanged);
    if (err == STORAGE_OK && !verdict.unchanged)
        err = zone_check_remove(commit, state, NULL, m);
    if (err == STORAGE_OK && !verdict.unchanged)
        err = check_conditions(m, state->exists ? &state->newest : NULL);
    if (err == STORAGE_OK && !verdict.unchanged && has_object(state) && acts(state) &&
        state->zone->rule->write_once)
        err = STORAGE_OBJECT_EXISTS;
    if (err == STORAGE_OK && !verdict.unchanged)
        err = check_duplicates(commit, state, content, m, &verdict);
    if (err == STORAGE_OK && !verdict.unchanged)
        err = check_limits(commit, state, content, m);
    if (err == STORAGE_OK)
        *ret_verdict = verdict;
    return err;
}

void zone_written(struct commit *commit, const struct key_state *state,
    const struct zone_content *content, const struct zone_verdict *verdict, struct mutation *m)
{
    struct zone_entry *zone = state->zone;
    if (!zone)
        return;
    if (verdict->duplicate_of.sequence)
        zone->state.duplicates_found++;
    if (verdict->linked_blob_id && content->brings_bytes)
        zone->state.bytes_saved += content->size_bytes;
    zone->state.promotions += m->zone.promotes;
    m->zone_outcome.linked = verdict->linked_blob_id != 0;
    commit_zone_changed(commit, zone);
}

/* ---- what every change of a version does to its zone ---- */

void zone_count(struct commit *commit, const struct key_state *state,
    const struct object_record *record, bool more)
{
    struct zone_entry *zone = state->zone;
    if (!zone || record->is_delete_marker)
        return;
    struct zone_state *counts = &zone->state;
    if (zone_counts(zone, state->key, record->version.sequence)) {
        uint64_t one = more ? 1 : UINT64_MAX;
        counts->objects += one;
        counts->bytes += one * record->size_bytes;
    }
    if (more) {
        if (counts->newest_ms < record->modified_ms)
            counts->newest_ms = record->modified_ms;
        if (counts->oldest_ms == 0 || record->modified_ms < counts->oldest_ms)
            counts->oldest_ms = record->modified_ms;
    } else if (record->modified_ms <= counts->oldest_ms ||
               record->modified_ms >= counts->newest_ms) {
        counts->ages_stale = true;
    }
    if (counts->objects == 0 && counts->scan == 0) {
        counts->oldest_ms = counts->newest_ms = 0;
        counts->ages_stale = false;
        counts->ages_ms = commit->now_ms;
    }
    commit_zone_changed(commit, zone);
}

enum storage_err zone_current_changes(struct commit *commit, const struct key_state *state,
    const struct object_record *record, bool comes)
{
    const struct zone_entry *zone = state->zone;
    if (!zone || zone->state.content_id == 0 || record->is_delete_marker)
        return STORAGE_OK;
    bool looked_at = !state->excepted && record->size_bytes >= zone->rule->min_bytes;
    if (comes)
        return looked_at ? commit_content_put(commit, zone, record) : STORAGE_OK;
    /* While a scan brings the index in line with the rules there may be more in it than they say. */
    return looked_at || zone->state.scan ? commit_content_delete(commit, zone, record) : STORAGE_OK;
}
