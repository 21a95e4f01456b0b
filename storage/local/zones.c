#include "storage/local/zones.h"

#include "storage/local/engine.h"
#include "storage/local/objects.h"
#include "storage/local/page.h"

/* ---- rows ---- */

static int by_prefix(const void *left, const void *right)
{
    return span_cmp(
        ((const struct zone_rule *)left)->prefix, ((const struct zone_rule *)right)->prefix);
}

static enum storage_err load_rules(struct index_cursor *cursor, uint64_t bucket_id,
    struct arena *arena, struct zone_rule *rules, struct zone_set *set)
{
    struct index_key buffer;
    struct span key, value;
    enum storage_err err = index_seek(cursor, key_of_u64(&buffer, bucket_id), &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        if (key_u64_at(key, 0) != bucket_id)
            break;
        if (key.len != ZONE_KEY_BYTES || set->count == ZONE_RULES_MAX)
            return STORAGE_CORRUPT;
        if ((uint8_t)key.ptr[ZONE_KEY_BYTES - 1] != ZONE_ROW_RULE)
            continue;
        err = schema_decode_rule(key, value, arena, &rules[set->count], &set->generation);
        if (err != STORAGE_OK)
            return err;
        set->count++;
    }
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

enum storage_err zones_load(
    struct index_txn *txn, uint64_t bucket_id, struct arena *arena, struct zone_set *ret_set)
{
    struct index_cursor *cursor = NULL;
    struct zone_rule rules[ZONE_RULES_MAX];
    struct zone_set set = {0};
    enum storage_err err = index_cursor_open(txn, TABLE_ZONES, &cursor);
    if (err != STORAGE_OK)
        return err;
    err = load_rules(cursor, bucket_id, arena, rules, &set);
    index_cursor_close(cursor);
    if (err == STORAGE_OK && set.count > 0) {
        qsort(rules, set.count, sizeof(rules[0]), by_prefix);
        struct zone_rule *kept = arena_array(arena, struct zone_rule, set.count);
        if (!kept)
            return STORAGE_NO_MEMORY;
        memcpy(kept, rules, set.count * sizeof(rules[0]));
        set.rules = kept;
    }
    if (err == STORAGE_OK)
        *ret_set = set;
    return err;
}

enum storage_err zone_state_read(
    struct index_txn *txn, uint64_t bucket_id, uint64_t zone_id, struct zone_state *ret_state)
{
    struct index_key buffer;
    struct span value, key = key_of_zone(&buffer, bucket_id, zone_id, ZONE_ROW_STATE);
    enum storage_err err = index_get(txn, TABLE_ZONES, key, &value);
    if (err == STORAGE_NO_SUCH_KEY)
        return STORAGE_NO_SUCH_ZONE;
    return err == STORAGE_OK ? schema_decode_zone_state(key, value, ret_state) : err;
}

enum storage_err content_version(struct index_txn *txn, struct content_ref ref,
    struct span *ret_key, struct object_record *ret_record)
{
    struct index_key buffer;
    struct span value, key = key_of_u64(&buffer, ref.row_id);
    struct row_record row;
    struct object_record record;
    enum storage_err err = index_get(txn, TABLE_ROWS, key, &value);
    if (err == STORAGE_OK)
        err = schema_decode_row(key, value, &row);
    if (err == STORAGE_OK)
        err = object_find_newest(txn, row.bucket_id, row.key, &record);
    if (err == STORAGE_NO_SUCH_KEY)
        return STORAGE_NO_SUCH_VERSION;
    if (err != STORAGE_OK)
        return err;
    if (record.row_id != ref.row_id || record.version.sequence != ref.sequence ||
        record.is_delete_marker)
        return STORAGE_NO_SUCH_VERSION;
    *ret_key = row.key;
    *ret_record = record;
    return STORAGE_OK;
}

/* ---- storage.h ---- */

enum storage_err storage_zones_get(
    struct storage *storage, uint64_t bucket_id, struct arena *arena, struct zone_set *ret_set)
{
    struct index_txn *txn = NULL;
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = zones_load(txn, bucket_id, arena, ret_set);
    index_read_end(txn);
    return err;
}

enum storage_err storage_zone_stats(
    struct storage *storage, uint64_t bucket_id, uint64_t zone_id, struct zone_stats *ret_stats)
{
    struct index_txn *txn = NULL;
    struct zone_state state;
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = zone_state_read(txn, bucket_id, zone_id, &state);
    index_read_end(txn);
    if (err == STORAGE_OK)
        *ret_stats = (struct zone_stats){
            .objects = state.objects,
            .bytes = state.bytes,
            .duplicates_found = state.duplicates_found,
            .bytes_saved = state.bytes_saved,
            .promotions = state.promotions,
            .oldest_ms = state.oldest_ms,
            .newest_ms = state.newest_ms,
            .ages_ms = state.ages_ms,
            .indexing = state.scan != 0,
            .indexed_objects = state.scanned,
        };
    return err;
}

/* A row as a match. err: NO_SUCH_VERSION when the zone does not look at it any more */
static enum storage_err match_of(struct index_txn *txn, const struct zone_rule *rule,
    struct span key, struct arena *arena, struct content_match *ret_match)
{
    struct object_record record;
    struct span object_key;
    enum storage_err err = content_version(txn, content_ref_at(key), &object_key, &record);
    if (err != STORAGE_OK)
        return err;
    if (!zone_looks_at(rule, object_key, record.size_bytes))
        return STORAGE_NO_SUCH_VERSION;
    *ret_match =
        (struct content_match){content_ref_at(key), arena_copy(arena, object_key), record.version};
    return arena->overflow ? STORAGE_NO_MEMORY : STORAGE_OK;
}

struct content_search {
    const struct zone_rule *rule;
    struct span key;
    struct content_hash hash;
    uint64_t content_id;
    size_t max;
};

static enum storage_err find_content(struct index_txn *txn, const struct content_search *search,
    struct index_cursor *cursor, struct arena *arena, struct content_page *page)
{
    struct index_key buffer;
    struct span key, value;
    size_t capacity = 0, looked_at = 0;
    struct span from =
        key_of_content(&buffer, search->content_id, search->hash, (struct content_ref){0});
    enum storage_err err = index_seek(cursor, from, &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        struct content_match match;
        if (!span_starts(key, span_first(from, 24)))
            break;
        if (++looked_at > CONTENT_LOOK_ROWS) {
            page->truncated = true;
            break;
        }
        err = match_of(txn, search->rule, key, arena, &match);
        if (err == STORAGE_NO_SUCH_VERSION)
            continue;
        if (err != STORAGE_OK)
            return err;
        if (span_eq(match.key, search->key))
            continue;
        if (page->count == search->max) {
            page->truncated = true;
            break;
        }
        page->items = page_grow(
            arena, page->items, sizeof(*page->items), page->count, &capacity, search->max);
        if (arena->overflow)
            return STORAGE_NO_MEMORY;
        page->items[page->count++] = match;
    }
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

enum storage_err storage_content_find(struct storage *storage, uint64_t bucket_id,
    const struct zone_rule *rule, struct span key, uint64_t size_bytes, uint64_t crc64nvme,
    size_t max, struct arena *arena, struct content_page *ret_page)
{
    struct index_txn *txn = NULL;
    struct index_cursor *cursor = NULL;
    struct zone_state state;
    struct content_page page = {0};
    struct content_search search = {rule, key, {size_bytes, crc64nvme}, 0, max};
    *ret_page = page;
    if (!zone_looks_at(rule, key, size_bytes))
        return STORAGE_OK;
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = zone_state_read(txn, bucket_id, rule->id, &state);
    if (err == STORAGE_OK && state.content_id != 0) {
        search.content_id = state.content_id;
        err = index_cursor_open(txn, TABLE_CONTENT, &cursor);
        if (err == STORAGE_OK)
            err = find_content(txn, &search, cursor, arena, &page);
    }
    index_cursor_close(cursor);
    index_read_end(txn);
    if (err == STORAGE_NO_SUCH_ZONE)
        return STORAGE_OK; /* the rules have changed meanwhile: the commit sees it */
    if (err == STORAGE_OK)
        *ret_page = page;
    return err;
}
