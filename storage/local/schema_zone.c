#include "storage/local/schema_io.h"
#include "storage/local/zones.h"

#include <endian.h>

/* ---- keys ---- */

static void add_u64(struct index_key *key, size_t at, uint64_t value)
{
    value = htobe64(value);
    memcpy(key->bytes + at, &value, 8);
}

struct span key_of_zone(
    struct index_key *key, uint64_t bucket_id, uint64_t zone_id, enum zone_row row)
{
    add_u64(key, 0, bucket_id);
    add_u64(key, 8, zone_id);
    key->bytes[16] = (uint8_t)row;
    return span_of(key->bytes, ZONE_KEY_BYTES);
}

struct span key_of_content(
    struct index_key *key, uint64_t content_id, struct content_hash hash, struct content_ref ref)
{
    add_u64(key, 0, content_id);
    add_u64(key, 8, hash.size_bytes);
    add_u64(key, 16, hash.crc64nvme);
    add_u64(key, 24, ref.row_id);
    add_u64(key, 32, ref.sequence);
    return span_of(key->bytes, CONTENT_KEY_BYTES);
}

struct content_hash content_hash_at(struct span key)
{
    return (struct content_hash){key_u64_at(key, 8), key_u64_at(key, 16)};
}

struct content_ref content_ref_at(struct span key)
{
    return (struct content_ref){key_u64_at(key, 24), key_u64_at(key, 32)};
}

/* ---- rules ---- */

enum rule_flag { RULE_WRITE_ONCE = 1, RULE_COMPRESS = 2, RULE_ALL_FLAGS = 3 };

static void put_text(struct record_writer *w, struct span text)
{
    put_u16(w, (uint16_t)text.len);
    put_bytes(w, text.ptr, text.len);
}

void schema_encode_rule(
    struct span key, const struct zone_rule *rule, uint64_t generation, struct buf *out)
{
    size_t excepts = 0;
    for (size_t i = 0; i < rule->except_count; i++)
        excepts += 2 + rule->except[i].len;
    struct record_writer w =
        record_begin(out, 5 * 8 + 2 + 2 + rule->name.len + 2 + rule->prefix.len + 2 + excepts);
    put_u64(&w, generation);
    put_u8(&w, (rule->write_once ? RULE_WRITE_ONCE : 0) | (rule->compress ? RULE_COMPRESS : 0));
    put_u8(&w, (uint8_t)rule->duplicates);
    put_u64(&w, rule->min_bytes);
    put_u64(&w, (uint64_t)rule->retention_ms);
    put_u64(&w, rule->max_bytes);
    put_u64(&w, rule->max_objects);
    put_text(&w, rule->name);
    put_text(&w, rule->prefix);
    put_u16(&w, (uint16_t)rule->except_count);
    for (size_t i = 0; i < rule->except_count; i++)
        put_text(&w, rule->except[i]);
    record_end(&w, key);
}

static struct span take_text(struct record_reader *r, struct arena *arena)
{
    return arena_copy(arena, take_span(r, take_u16(r)));
}

static enum storage_err take_excepts(
    struct record_reader *r, struct arena *arena, struct zone_rule *rule)
{
    uint16_t count = take_u16(r);
    if (count > ZONE_EXCEPT_MAX)
        return STORAGE_CORRUPT;
    struct span *except = count ? arena_array(arena, struct span, count) : NULL;
    for (size_t i = 0; i < count && !arena->overflow; i++)
        except[i] = take_text(r, arena);
    rule->except = except;
    rule->except_count = count;
    return arena->overflow ? STORAGE_NO_MEMORY : STORAGE_OK;
}

enum storage_err schema_decode_rule(struct span key, struct span value, struct arena *arena,
    struct zone_rule *ret_rule, uint64_t *ret_generation)
{
    struct record_reader r;
    struct zone_rule rule = {.id = key_u64_at(key, 8)};
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    uint64_t generation = take_u64(&r);
    uint8_t flags = take_u8(&r), duplicates = take_u8(&r);
    rule.min_bytes = take_u64(&r);
    rule.retention_ms = (int64_t)take_u64(&r);
    rule.max_bytes = take_u64(&r);
    rule.max_objects = take_u64(&r);
    rule.name = take_text(&r, arena);
    rule.prefix = take_text(&r, arena);
    if ((err = take_excepts(&r, arena, &rule)) != STORAGE_OK)
        return err;
    if ((err = record_closed(&r)) != STORAGE_OK)
        return err;
    if (flags & ~RULE_ALL_FLAGS || duplicates > DUPLICATES_REJECT || rule.retention_ms < 0)
        return STORAGE_CORRUPT;
    rule.write_once = flags & RULE_WRITE_ONCE;
    rule.compress = flags & RULE_COMPRESS;
    rule.duplicates = (enum zone_duplicates)duplicates;
    *ret_rule = rule;
    *ret_generation = generation;
    return STORAGE_OK;
}

/* ---- states ---- */

void schema_encode_zone_state(struct span key, const struct zone_state *state, struct buf *out)
{
    struct record_writer w = record_begin(out, 11 * 8 + 2 + state->cursor.len);
    put_u64(&w, state->content_id);
    put_u64(&w, state->objects);
    put_u64(&w, state->bytes);
    put_u64(&w, state->duplicates_found);
    put_u64(&w, state->bytes_saved);
    put_u64(&w, state->promotions);
    put_u64(&w, (uint64_t)state->oldest_ms);
    put_u64(&w, (uint64_t)state->newest_ms);
    put_u64(&w, (uint64_t)state->ages_ms);
    put_u8(&w, state->ages_stale);
    put_u8(&w, state->scan);
    put_u64(&w, state->scanned);
    put_u64(&w, state->cursor_sequence);
    put_bytes(&w, state->cursor.ptr, state->cursor.len);
    record_end(&w, key);
}

enum storage_err schema_decode_zone_state(
    struct span key, struct span value, struct zone_state *ret_state)
{
    struct record_reader r;
    struct zone_state state;
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    state.content_id = take_u64(&r);
    state.objects = take_u64(&r);
    state.bytes = take_u64(&r);
    state.duplicates_found = take_u64(&r);
    state.bytes_saved = take_u64(&r);
    state.promotions = take_u64(&r);
    state.oldest_ms = (int64_t)take_u64(&r);
    state.newest_ms = (int64_t)take_u64(&r);
    state.ages_ms = (int64_t)take_u64(&r);
    state.ages_stale = take_u8(&r) != 0;
    state.scan = take_u8(&r);
    state.scanned = take_u64(&r);
    state.cursor_sequence = take_u64(&r);
    state.cursor = take_span(&r, (size_t)(r.end - r.at));
    if (state.scan & ~SCAN_ALL || state.cursor.len > STORAGE_KEY_MAX_BYTES)
        return STORAGE_CORRUPT;
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_state = state;
    return err;
}
