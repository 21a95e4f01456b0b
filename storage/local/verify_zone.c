/* Zones: rules against buckets, counters and the index of contents against the objects there are. */
#include "storage/local/verify.h"
#include "storage/local/zones.h"

#include <inttypes.h>

enum { RULES_MEMORY = 4 * 1024 * 1024 };

struct zone_check {
    struct zone_state state;
    uint64_t objects, bytes; /* that the state should count */
    uint64_t contents;       /* current versions with a row */
};

struct zones_check {
    struct arena arena;
    struct span bucket;
    struct zone_set set;
    struct zone_check zones[ZONE_RULES_MAX];
};

void visit_zone(struct check *check, struct span key, struct span value)
{
    struct arena arena;
    struct zone_rule rule;
    struct zone_state state;
    struct span row;
    uint64_t generation;
    arena_init(&arena, RULES_MEMORY);
    bool is_rule = key.len == ZONE_KEY_BYTES && key.ptr[16] == ZONE_ROW_RULE;
    bool is_state = key.len == ZONE_KEY_BYTES && key.ptr[16] == ZONE_ROW_STATE;
    if (!(is_rule && schema_decode_rule(key, value, &arena, &rule, &generation) == STORAGE_OK) &&
        !(is_state && schema_decode_zone_state(key, value, &state) == STORAGE_OK))
        finding(
            check, "table zones: a record of bucket %" PRIx64 " is damaged", key_u64_at(key, 0));
    else if (!find_record(check, TABLE_BUCKET_IDS, span_first(key, 8), &row))
        finding(check, "a zone of bucket %" PRIx64 ", which does not exist", key_u64_at(key, 0));
    arena_free(&arena);
}

void visit_content(struct check *check, struct span key, struct span value)
{
    struct span bytes;
    if (key.len != CONTENT_KEY_BYTES || schema_decode_bytes(key, value, &bytes) != STORAGE_OK ||
        bytes.len != 0)
        finding(
            check, "table content: a record of row %" PRIx64 " is damaged", key_u64_at(key, 24));
}

/* Rows under a content id. */
static uint64_t count_contents(struct check *check, uint64_t content_id)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    uint64_t count = 0;
    enum storage_err err = index_cursor_open(check->txn, TABLE_CONTENT, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, key_of_u64(&buffer, content_id), &key, &value);
    for (; err == STORAGE_OK && key_u64_at(key, 0) == content_id;
         err = index_next(cursor, &key, &value))
        count++;
    index_cursor_close(cursor);
    check->contents_reached += count;
    return count;
}

struct zones_check *zones_check_begin(
    struct check *check, struct span name, const struct bucket_record *bucket)
{
    struct zones_check *zones = calloc(1, sizeof(*zones));
    if (!zones) {
        check->out_of_memory = true;
        return NULL;
    }
    zones->bucket = name;
    arena_init(&zones->arena, RULES_MEMORY);
    if (zones_load(check->txn, bucket->id, &zones->arena, &zones->set) != STORAGE_OK ||
        zones->set.generation != bucket->zones_generation ||
        !zone_rules_valid(zones->set.rules, zones->set.count)) {
        finding(check, "bucket %.*s: its zones are not those that it should have", SPAN_ARG(name));
        zones->set = (struct zone_set){0};
    }
    for (size_t i = 0; i < zones->set.count; i++) {
        struct zone_state *state = &zones->zones[i].state;
        check->zone_rows_reached += 2;
        if (zone_state_read(check->txn, bucket->id, zones->set.rules[i].id, state) != STORAGE_OK)
            finding(check, "bucket %.*s: a zone has no state", SPAN_ARG(name));
    }
    return zones;
}

static bool is_counted(const struct zone_state *state, struct span key, uint64_t sequence)
{
    int order = state->scan & SCAN_COUNT ? span_cmp(key, state->cursor) : -1;
    return order < 0 || (order == 0 && sequence >= state->cursor_sequence);
}

static void check_content(struct check *check, const struct zones_check *zones,
    const struct zone_rule *rule, struct zone_check *zone, struct span key,
    const struct object_record *record)
{
    struct index_key buffer;
    struct span row;
    struct content_hash hash = {record->size_bytes, record->attributes.crc64nvme};
    struct content_ref ref = {record->row_id, record->version.sequence};
    bool found = find_record(
        check, TABLE_CONTENT, key_of_content(&buffer, zone->state.content_id, hash, ref), &row);
    zone->contents += found;
    if (zone->state.scan == 0 && found != zone_looks_at(rule, key, record->size_bytes))
        finding(check, "bucket %.*s, zone %.*s: version %" PRIx64 " is %s the index of contents",
            SPAN_ARG(zones->bucket), SPAN_ARG(rule->name), record->version.sequence,
            found ? "wrongly in" : "missing in");
}

void zones_check_version(struct check *check, struct zones_check *zones, struct span key,
    const struct object_record *record, bool is_current)
{
    const struct zone_rule *rule = zones ? zone_of_key(&zones->set, key) : NULL;
    if (!rule || record->is_delete_marker)
        return;
    struct zone_check *zone = &zones->zones[rule - zones->set.rules];
    if (is_counted(&zone->state, key, record->version.sequence)) {
        zone->objects++;
        zone->bytes += record->size_bytes;
    }
    if (is_current && zone->state.content_id != 0)
        check_content(check, zones, rule, zone, key, record);
}

void zones_check_end(struct check *check, struct zones_check *zones)
{
    for (size_t i = 0; zones && i < zones->set.count; i++) {
        const struct zone_rule *rule = &zones->set.rules[i];
        const struct zone_check *zone = &zones->zones[i];
        if (zone->state.objects != zone->objects || zone->state.bytes != zone->bytes)
            finding(check,
                "bucket %.*s, zone %.*s: it counts %" PRIu64 " objects of %" PRIu64
                " bytes, there are %" PRIu64 " of %" PRIu64,
                SPAN_ARG(zones->bucket), SPAN_ARG(rule->name), zone->state.objects,
                zone->state.bytes, zone->objects, zone->bytes);
        bool looks = rule->duplicates != DUPLICATES_ALLOW;
        uint64_t rows = zone->state.content_id ? count_contents(check, zone->state.content_id) : 0;
        if (looks != (zone->state.content_id != 0) || rows != zone->contents)
            finding(check, "bucket %.*s, zone %.*s: its index of contents is not of its objects",
                SPAN_ARG(zones->bucket), SPAN_ARG(rule->name));
    }
    if (zones)
        arena_free(&zones->arena);
    free(zones);
}

void verify_zones(struct check *check)
{
    for (size_t i = 0; i < check->freed_contents.count; i++)
        count_contents(check, check->freed_contents.ids[i]);
    if (check->contents_reached != check->rows[TABLE_CONTENT])
        finding(check, "%" PRIu64 " records of contents are in no zone",
            check->rows[TABLE_CONTENT] - check->contents_reached);
    if (check->zone_rows_reached != check->rows[TABLE_ZONES])
        finding(check, "zones that belong to no bucket");
}
