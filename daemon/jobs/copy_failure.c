/* Objects that a job could not copy, a record each, as docs/FORMAT.md has it. */
#include "base/encode.h"
#include "daemon/jobs/copy_job.h"
#include "daemon/ops/json_answer.h"

static struct span failure_key(struct arena *arena, uint64_t id, uint64_t number)
{
    return arena_format(
        arena, "copy/fail/%016llx/%016llx", (unsigned long long)id, (unsigned long long)number);
}

static void write_key(struct buf *out, const char *name, struct span key)
{
    buf_addf(out, ",\"%s\":\"", name);
    percent_encode(out, key, true);
    buf_add_char(out, '"');
}

struct record_change copy_failure_change(
    uint64_t id, const struct copy_failure *failure, struct arena *arena)
{
    struct buf out CLEANUP(buf_free);
    buf_init(&out, STORAGE_RECORD_VALUE_MAX_BYTES);
    buf_addf(&out, "{\"bytes\":%llu", (unsigned long long)failure->size_bytes);
    write_key(&out, "key", failure->key);
    write_key(&out, "destination", failure->destination);
    write_key(&out, "etag", failure->etag_text);
    write_key(&out, "reason", failure->reason);
    write_key(&out, "message", failure->message);
    json_answer_u64(&out, "modified", (uint64_t)failure->modified_ms);
    json_answer_u64(&out, "tries", failure->tries);
    json_answer_u64(&out, "at", (uint64_t)failure->at_ms);
    buf_add_char(&out, '}');
    return (struct record_change){.key = failure_key(arena, id, failure->number),
        .value = buf_ok(&out) ? arena_copy(arena, buf_span(&out)) : SPAN_ABSENT};
}

struct record_change copy_failure_drop(uint64_t id, uint64_t number, struct arena *arena)
{
    return (struct record_change){.key = failure_key(arena, id, number)};
}

static struct span read_key(struct arena *arena, const struct json_node *node, const char *name)
{
    struct span text =
        percent_decode(arena, json_node_string(json_node_member(node, name), SPAN("")));
    return arena_copy(arena, span_present(text) ? text : SPAN(""));
}

static uint64_t read_number(const struct json_node *node, const char *name)
{
    return (uint64_t)json_node_integer(json_node_member(node, name), 0);
}

static bool read_failure(
    const struct record_entry *entry, struct arena *arena, struct copy_failure *ret_failure)
{
    char detail[JSON_DETAIL_BYTES];
    uint8_t bytes[8];
    if (entry->key.len < 16 || !hex_decode(span_from(entry->key, entry->key.len - 16), bytes, 8))
        return false;
    struct json_node *node = json_text_parse(entry->value, detail);
    if (node == NULL)
        return false;
    struct copy_failure failure = {.key = read_key(arena, node, "key"),
        .destination = read_key(arena, node, "destination"),
        .etag_text = read_key(arena, node, "etag"),
        .size_bytes = read_number(node, "bytes"),
        .modified_ms = (int64_t)read_number(node, "modified"),
        .reason = read_key(arena, node, "reason"),
        .message = read_key(arena, node, "message"),
        .tries = read_number(node, "tries"),
        .at_ms = (int64_t)read_number(node, "at")};
    json_text_free(node);
    for (size_t i = 0; i < sizeof(bytes); i++)
        failure.number = failure.number << 8 | bytes[i];
    *ret_failure = failure;
    return !arena->overflow;
}

enum storage_err copy_failure_list(struct storage *store, uint64_t id, uint64_t after, size_t max,
    struct arena *arena, struct copy_failure_page *ret_page)
{
    struct record_page page;
    struct span prefix = arena_format(arena, "copy/fail/%016llx/", (unsigned long long)id);
    enum storage_err err = storage_record_list(
        store, prefix, after > 0 ? failure_key(arena, id, after) : SPAN_ABSENT, max, arena, &page);
    if (err != STORAGE_OK)
        return err;
    struct copy_failure *items = arena_array(arena, struct copy_failure, page.count);
    if (items == NULL)
        return STORAGE_NO_MEMORY;
    for (size_t i = 0; i < page.count; i++)
        if (!read_failure(&page.items[i], arena, &items[i]))
            return arena->overflow ? STORAGE_NO_MEMORY : STORAGE_CORRUPT;
    *ret_page = (struct copy_failure_page){items, page.count, page.truncated};
    return STORAGE_OK;
}
