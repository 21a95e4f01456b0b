#include "storage/local/commit_zone.h"

#include "storage/local/cursor.h"
#include "storage/local/id_map.h"

struct zone_cache {
    struct id_map by_bucket;
    struct bucket_zones **items;
    size_t count, capacity;
    uint64_t batch;
    struct zone_entry *dirty;
};

struct zone_cache *zone_cache_new(void)
{
    return calloc(1, sizeof(struct zone_cache));
}

static void forget_all(struct zone_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++) {
        arena_free(&cache->items[i]->arena);
        free(cache->items[i]);
    }
    cache->count = 0;
    id_map_clear(&cache->by_bucket);
}

void zone_cache_free(struct zone_cache *cache)
{
    if (!cache)
        return;
    forget_all(cache);
    id_map_free(&cache->by_bucket);
    free(cache->items);
    free(cache);
}

void zone_cache_begin(struct zone_cache *cache)
{
    cache->batch++;
    cache->dirty = NULL;
    if (cache->count > ZONE_BUCKETS_KEPT)
        forget_all(cache);
}

/* ---- rules ---- */

static enum storage_err keep(struct zone_cache *cache, struct bucket_zones *zones)
{
    if (cache->count == cache->capacity) {
        size_t capacity = cache->capacity ? cache->capacity * 2 : 16;
        struct bucket_zones **items =
            realloc(cache->items, capacity * sizeof(struct bucket_zones *));
        if (!items)
            return STORAGE_NO_MEMORY;
        cache->items = items;
        cache->capacity = capacity;
    }
    if (!id_map_add(&cache->by_bucket, zones->bucket_id, zones))
        return STORAGE_NO_MEMORY;
    cache->items[cache->count++] = zones;
    return STORAGE_OK;
}

static enum storage_err load(struct commit *commit, struct bucket_zones *zones)
{
    arena_free(&zones->arena);
    zones->set = (struct zone_set){0};
    enum storage_err err = zones_load(commit->txn, zones->bucket_id, &zones->arena, &zones->set);
    if (err != STORAGE_OK)
        return err;
    zones->entries = arena_array(&zones->arena, struct zone_entry, zones->set.count);
    if (!zones->entries) {
        zones->set = (struct zone_set){0};
        return STORAGE_NO_MEMORY;
    }
    for (size_t i = 0; i < zones->set.count; i++) {
        zones->entries[i].rule = &zones->set.rules[i];
        zones->entries[i].bucket_id = zones->bucket_id;
        zones->entries[i].batch = 0;
        zones->entries[i].dirty = false;
    }
    return STORAGE_OK;
}

enum storage_err commit_zones(
    struct commit *commit, const struct bucket_entry *bucket, struct bucket_zones **ret_zones)
{
    struct zone_cache *cache = commit->zones;
    *ret_zones = NULL;
    if (bucket->record.zones_generation == 0)
        return STORAGE_OK;
    struct bucket_zones *zones = id_map_get(&cache->by_bucket, bucket->record.id);
    if (!zones) {
        zones = calloc(1, sizeof(*zones));
        if (!zones)
            return STORAGE_NO_MEMORY;
        zones->bucket_id = bucket->record.id;
        arena_init(&zones->arena, ZONE_RULES_MEMORY);
        enum storage_err err = keep(cache, zones);
        if (err != STORAGE_OK) {
            free(zones);
            return err;
        }
    }
    if (zones->set.generation != bucket->record.zones_generation) {
        enum storage_err err = load(commit, zones);
        if (err != STORAGE_OK)
            return err;
    }
    if (zones->set.generation != bucket->record.zones_generation)
        return STORAGE_CORRUPT;
    *ret_zones = zones;
    return STORAGE_OK;
}

/* ---- states ---- */

void zone_set_cursor(struct zone_entry *zone, struct span key, uint64_t sequence)
{
    size_t len = key.len < sizeof(zone->cursor) ? key.len : sizeof(zone->cursor);
    if (len > 0)
        memcpy(zone->cursor, key.ptr, len);
    zone->state.cursor = span_of(zone->cursor, len);
    zone->state.cursor_sequence = sequence;
}

enum storage_err commit_zone_state(struct commit *commit, struct zone_entry *zone)
{
    if (zone->batch == commit->zones->batch)
        return STORAGE_OK;
    enum storage_err err =
        zone_state_read(commit->txn, zone->bucket_id, zone->rule->id, &zone->state);
    if (err != STORAGE_OK)
        return err == STORAGE_NO_SUCH_ZONE ? STORAGE_CORRUPT : err;
    zone_set_cursor(zone, zone->state.cursor, zone->state.cursor_sequence);
    zone->batch = commit->zones->batch;
    zone->dirty = false;
    return STORAGE_OK;
}

enum storage_err commit_zone(struct commit *commit, const struct bucket_entry *bucket,
    struct span key, struct zone_entry **ret_zone)
{
    struct bucket_zones *zones = NULL;
    *ret_zone = NULL;
    enum storage_err err = commit_zones(commit, bucket, &zones);
    const struct zone_rule *rule =
        err == STORAGE_OK && zones ? zone_of_key(&zones->set, key) : NULL;
    if (!rule)
        return err;
    struct zone_entry *zone = &zones->entries[rule - zones->set.rules];
    err = commit_zone_state(commit, zone);
    if (err == STORAGE_OK)
        *ret_zone = zone;
    return err;
}

void commit_zone_noted(struct commit *commit, struct zone_entry *zone)
{
    commit->notes++;
    if (zone->dirty)
        return;
    zone->dirty = true;
    zone->next_dirty = commit->zones->dirty;
    commit->zones->dirty = zone;
}

void commit_zone_changed(struct commit *commit, struct zone_entry *zone)
{
    commit->cache_changes++;
    commit_zone_noted(commit, zone);
}

static enum storage_err write_state(
    struct commit *commit, uint64_t bucket_id, uint64_t zone_id, const struct zone_state *state)
{
    struct index_key buffer;
    struct span key = key_of_zone(&buffer, bucket_id, zone_id, ZONE_ROW_STATE);
    schema_encode_zone_state(key, state, &commit->value);
    return commit_put(commit, TABLE_ZONES, key);
}

enum storage_err zone_cache_flush(struct commit *commit)
{
    enum storage_err err = STORAGE_OK;
    struct zone_cache *cache = commit->zones;
    for (; cache->dirty && err == STORAGE_OK; cache->dirty = cache->dirty->next_dirty) {
        struct zone_entry *zone = cache->dirty;
        zone->dirty = false;
        err = write_state(commit, zone->bucket_id, zone->rule->id, &zone->state);
    }
    return err;
}

/* ---- contents ---- */

static struct span content_key(
    struct index_key *buffer, const struct zone_entry *zone, const struct object_record *record)
{
    struct content_hash hash = {record->size_bytes, record->attributes.crc64nvme};
    struct content_ref ref = {record->row_id, record->version.sequence};
    return key_of_content(buffer, zone->state.content_id, hash, ref);
}

enum storage_err commit_content_put(
    struct commit *commit, const struct zone_entry *zone, const struct object_record *record)
{
    struct index_key buffer;
    struct span key = content_key(&buffer, zone, record);
    schema_encode_bytes(key, SPAN_ABSENT, &commit->value);
    return commit_put(commit, TABLE_CONTENT, key);
}

enum storage_err commit_content_delete(
    struct commit *commit, const struct zone_entry *zone, const struct object_record *record)
{
    struct index_key buffer;
    enum storage_err err =
        index_delete(commit->txn, TABLE_CONTENT, content_key(&buffer, zone, record));
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

/* ---- other rules ---- */

static enum storage_err drop_content(struct commit *commit, struct zone_state *state)
{
    uint64_t id = state->content_id;
    state->content_id = 0;
    if (id == 0)
        return STORAGE_OK;
    return commit_freed_add(commit, FREED_CONTENT, &(struct freed_record){.id = id});
}

static enum storage_err any_key_below(
    struct commit *commit, uint64_t bucket_id, struct span prefix, bool *ret_any)
{
    struct key_cursor cursor;
    key_cursor_init(&cursor, commit->txn, TABLE_OBJECTS, bucket_id);
    enum storage_err err = key_cursor_seek(&cursor, prefix, 0);
    *ret_any = err == STORAGE_OK && cursor.valid && span_starts(key_cursor_key(&cursor), prefix);
    key_cursor_close(&cursor);
    return err;
}

static bool excepts_same(const struct zone_rule *left, const struct zone_rule *right)
{
    if (left->except_count != right->except_count)
        return false;
    for (size_t i = 0; i < left->except_count; i++)
        if (!span_eq(left->except[i], right->except[i]))
            return false;
    return true;
}

/* What the scan has to do once `rule` stands in the place of `old` (NULL: it is new), and whether it has to
 * begin anew. */
static bool plan_scan(struct commit *commit, const struct zone_rule *old,
    const struct zone_rule *rule, struct zone_state *state)
{
    bool looked = old && old->duplicates != DUPLICATES_ALLOW;
    bool looks = rule->duplicates != DUPLICATES_ALLOW;
    bool others = looked && (old->min_bytes != rule->min_bytes || !excepts_same(old, rule));
    if (!old)
        state->scan = SCAN_COUNT;
    if (!looks)
        state->scan &= (uint8_t)~SCAN_CONTENT;
    if (looks && !looked)
        state->content_id = engine_next_id(commit->storage);
    if (!looks || (looked && !others))
        return !old;
    state->scan |= SCAN_CONTENT;
    return true;
}

static enum storage_err begin_scan(struct commit *commit, uint64_t bucket_id,
    const struct zone_rule *rule, struct zone_state *state)
{
    bool any;
    enum storage_err err = any_key_below(commit, bucket_id, rule->prefix, &any);
    if (err != STORAGE_OK)
        return err;
    if (state->scan & SCAN_COUNT)
        state->objects = state->bytes = 0;
    state->scanned = 0;
    state->cursor = SPAN("");
    state->cursor_sequence = 0;
    if (any)
        return commit_freed_add(
            commit, FREED_SCAN, &(struct freed_record){.id = rule->id, .bucket_id = bucket_id});
    state->scan = 0;
    state->ages_ms = commit->now_ms;
    return STORAGE_OK;
}

static enum storage_err write_rule(
    struct commit *commit, uint64_t bucket_id, const struct zone_rule *rule, uint64_t generation)
{
    struct index_key buffer;
    struct span key = key_of_zone(&buffer, bucket_id, rule->id, ZONE_ROW_RULE);
    schema_encode_rule(key, rule, generation, &commit->value);
    enum storage_err err = commit_put(commit, TABLE_ZONES, key);
    log_row(&commit->log, LOG_ZONE, key, buf_span(&commit->value));
    return err;
}

/* One of the new rules; old: the zone of its name and prefix, if there is one. id: of a new one, 0: any. */
static enum storage_err put_zone(struct commit *commit, struct bucket_entry *bucket,
    const struct zone_rule *old, const struct zone_rule *rule, uint64_t id, uint64_t generation)
{
    char cursor[STORAGE_KEY_MAX_BYTES];
    uint64_t bucket_id = bucket->record.id;
    struct zone_rule kept = *rule;
    struct zone_state state = {0};
    kept.id = old ? old->id : id ? id : engine_next_id(commit->storage);
    enum storage_err err = STORAGE_OK;
    if (old)
        err = zone_state_read(commit->txn, bucket_id, old->id, &state);
    if (err != STORAGE_OK)
        return err == STORAGE_NO_SUCH_ZONE ? STORAGE_CORRUPT : err;
    if (state.cursor.len > 0)
        memcpy(cursor, state.cursor.ptr, state.cursor.len);
    state.cursor = span_of(cursor, state.cursor.len);
    if (plan_scan(commit, old, &kept, &state))
        err = begin_scan(commit, bucket_id, &kept, &state);
    if (err == STORAGE_OK && kept.duplicates == DUPLICATES_ALLOW)
        err = drop_content(commit, &state);
    if (err == STORAGE_OK)
        err = write_rule(commit, bucket_id, &kept, generation);
    return err == STORAGE_OK ? write_state(commit, bucket_id, kept.id, &state) : err;
}

static enum storage_err remove_zone(
    struct commit *commit, uint64_t bucket_id, const struct zone_rule *old)
{
    struct index_key buffer;
    struct zone_state state;
    enum storage_err err = zone_state_read(commit->txn, bucket_id, old->id, &state);
    if (err == STORAGE_OK)
        err = drop_content(commit, &state);
    struct span key = key_of_zone(&buffer, bucket_id, old->id, ZONE_ROW_RULE);
    if (err == STORAGE_OK)
        err = index_delete(commit->txn, TABLE_ZONES, key);
    log_row(&commit->log, LOG_ZONE, key, SPAN_ABSENT);
    if (err == STORAGE_OK)
        err = index_delete(
            commit->txn, TABLE_ZONES, key_of_zone(&buffer, bucket_id, old->id, ZONE_ROW_STATE));
    return err == STORAGE_NO_SUCH_KEY || err == STORAGE_NO_SUCH_ZONE ? STORAGE_CORRUPT : err;
}

static const struct zone_rule *find_same(
    const struct zone_rule *rules, size_t count, const struct zone_rule *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (span_eq(rules[i].name, wanted->name) && span_eq(rules[i].prefix, wanted->prefix))
            return &rules[i];
    return NULL;
}

enum storage_err commit_zones_replace(struct commit *commit, struct bucket_entry *bucket,
    const struct zone_rule *rules, size_t count, uint64_t generation)
{
    struct bucket_zones *zones = NULL;
    static const struct zone_set none = {0};
    uint64_t bucket_id = bucket->record.id;
    bool known = generation != 0;
    if (count == 0)
        generation = 0;
    else if (!known)
        generation = engine_next_id(commit->storage);
    enum storage_err err = commit_zones(commit, bucket, &zones);
    if (err == STORAGE_OK)
        err = zone_cache_flush(commit); /* from here on the states are the index's */
    const struct zone_set *set = zones ? &zones->set : &none;
    for (size_t i = 0; i < set->count && err == STORAGE_OK; i++)
        if (!find_same(rules, count, &set->rules[i]))
            err = remove_zone(commit, bucket_id, &set->rules[i]);
    for (size_t i = 0; i < count && err == STORAGE_OK; i++) {
        const struct zone_rule *old = find_same(set->rules, set->count, &rules[i]);
        err = put_zone(commit, bucket, old, &rules[i], known ? rules[i].id : 0, generation);
    }
    bucket->record.zones_generation = generation;
    commit_bucket_changed(commit, bucket);
    return err;
}
