#include "daemon/iam_records.h"

#include "daemon/key_text.h"
#include "daemon/log.h"

#include <stdio.h>

enum { WALK_PAGE = 100, WALK_ARENA_BYTES = 8 * 1024 * 1024 };

const char *iam_kind_text(enum iam_kind kind)
{
    static const char *const texts[] = {"user", "group", "role"};
    return texts[kind];
}

const char *iam_kind_title(enum iam_kind kind)
{
    static const char *const titles[] = {"User", "Group", "Role"};
    return titles[kind];
}

struct span iam_record_key(
    struct arena *arena, uint64_t account, const char *kind, struct span rest)
{
    return arena_format(
        arena, "iam/%012llu/%s/%.*s", (unsigned long long)account, kind, SPAN_ARG(rest));
}

struct span iam_child_key(
    struct arena *arena, uint64_t account, const char *kind, struct span id, struct span rest)
{
    return arena_format(arena, "iam/%012llu/%s/%.*s/%.*s", (unsigned long long)account, kind,
        SPAN_ARG(id), SPAN_ARG(rest));
}

struct span iam_lower(struct arena *arena, struct span name)
{
    return arena_lower(arena, span_present(name) ? name : SPAN(""));
}

struct span iam_make_id(struct arena *arena, const char *prefix)
{
    char random[IAM_ID_BYTES];
    size_t len = strlen(prefix);
    key_text_id(random,
        (span_eq(span_str(prefix), SPAN("AKIA")) ? IAM_ACCESS_KEY_BYTES : IAM_ID_BYTES) - len);
    return arena_format(arena, "%s%s", prefix, random);
}

/* ---- reading ---- */

void iam_record_free(struct iam_record *record)
{
    json_text_free(record->json);
    *record = (struct iam_record){0};
}

enum iam_err iam_record_parse(
    struct iam_call *call, const struct record_entry *entry, struct iam_record *ret_record)
{
    struct span document = entry->value, line = SPAN_ABSENT;
    char detail[JSON_DETAIL_BYTES];
    struct json_node *json = NULL;
    if (span_split(&document, '\n', &line))
        json = json_text_parse(line, detail);
    if (json == NULL) {
        log_message(call->iam->log, LOG_ERROR, "identities: record %.*s cannot be read",
            SPAN_ARG(span_first(entry->key, 200)));
        call->detail = SPAN_ABSENT;
        return IAM_FAILED;
    }
    *ret_record = (struct iam_record){json, document, entry->generation};
    return IAM_OK;
}

enum iam_err iam_record_read(struct iam_call *call, struct span key, struct iam_record *ret_record)
{
    if (!span_present(key))
        return iam_no_memory(call);
    struct record_entry entry = {.key = key};
    enum storage_err err = key.len > STORAGE_RECORD_KEY_MAX_BYTES
                               ? STORAGE_NO_SUCH_RECORD
                               : storage_record_get(call->iam->storage, key, call->arena,
                                     &entry.value, &entry.generation);
    if (err == STORAGE_NO_SUCH_RECORD)
        return IAM_NO_SUCH_ENTITY;
    if (err != STORAGE_OK)
        return iam_storage_fail(call, err);
    return iam_record_parse(call, &entry, ret_record);
}

struct span iam_record_text(struct arena *arena, struct json *json, struct span document)
{
    struct buf text CLEANUP(buf_free);
    buf_init(&text, 2 * STORAGE_RECORD_VALUE_MAX_BYTES);
    bool written = json_write_line(json, &text);
    json_free(json);
    if (span_present(document)) {
        buf_add_char(&text, '\n');
        buf_add(&text, document);
    }
    if (!written || !buf_ok(&text)) {
        arena->overflow = true;
        return SPAN_ABSENT;
    }
    return arena_copy(arena, buf_span(&text));
}

struct span iam_member(struct arena *arena, const struct json_node *node, const char *name)
{
    return arena_copy(arena, json_node_string(json_node_member(node, name), SPAN_ABSENT));
}

size_t iam_member_texts(struct arena *arena, const struct json_node *node, const char *name,
    size_t max, const struct span **ret_items)
{
    const struct json_node *array = json_node_member(node, name);
    size_t count = json_node_count(array);
    count = count < max ? count : max;
    struct span *items = count > 0 ? arena_array(arena, struct span, count) : NULL;
    if (items == NULL)
        count = 0;
    for (size_t i = 0; i < count; i++)
        items[i] = arena_copy(arena, json_node_string(json_node_item(array, i), SPAN("")));
    *ret_items = items;
    return count;
}

struct tag_reader {
    struct arena *arena;
    struct policy_tag *items;
    size_t count, max;
};

static void read_tag(void *ctx, const char *name, const struct json_node *value)
{
    struct tag_reader *reader = ctx;
    if (reader->count < reader->max)
        reader->items[reader->count++] =
            (struct policy_tag){arena_copy(reader->arena, span_str(name)),
                arena_copy(reader->arena, json_node_string(value, SPAN("")))};
}

size_t iam_member_tags(struct arena *arena, const struct json_node *node, const char *name,
    size_t max, const struct policy_tag **ret_tags)
{
    const struct json_node *tags = json_node_member(node, name);
    size_t count = json_node_count(tags);
    *ret_tags = NULL;
    struct tag_reader reader = {.arena = arena, .max = count < max ? count : max};
    if (reader.max == 0)
        return 0;
    reader.items = arena_array(arena, struct policy_tag, reader.max);
    if (reader.items == NULL)
        return 0;
    json_node_each(tags, read_tag, &reader);
    *ret_tags = reader.items;
    return reader.count;
}

/* ---- walking ---- */

void iam_walk_begin(
    struct iam_walk *walk, struct iam_call *call, struct span prefix, struct span after)
{
    *walk = (struct iam_walk){.call = call, .prefix = prefix, .after = after};
    walk->page.truncated = true;
    arena_init(&walk->arena, WALK_ARENA_BYTES);
}

enum iam_err iam_walk_next(struct iam_walk *walk, const struct record_entry **ret_entry)
{
    *ret_entry = NULL;
    if (walk->at == walk->page.count) {
        if (!walk->page.truncated)
            return IAM_OK;
        if (!span_present(walk->prefix))
            return iam_no_memory(walk->call);
        char last[STORAGE_RECORD_KEY_MAX_BYTES];
        if (walk->page.count > 0) {
            struct span key = walk->page.items[walk->page.count - 1].key;
            memcpy(last, key.ptr, key.len);
            walk->after = span_of(last, key.len);
        }
        arena_free(&walk->arena);
        walk->page = (struct record_page){0};
        walk->at = 0;
        enum storage_err err = storage_record_list(walk->call->iam->storage, walk->prefix,
            walk->after, WALK_PAGE, &walk->arena, &walk->page);
        walk->after = SPAN_ABSENT;
        if (err != STORAGE_OK)
            return iam_storage_fail(walk->call, err);
        if (walk->page.count == 0)
            return IAM_OK;
    }
    *ret_entry = &walk->page.items[walk->at++];
    return IAM_OK;
}

void iam_walk_end(struct iam_walk *walk)
{
    arena_free(&walk->arena);
}

static enum iam_err count_children(
    struct iam_call *call, const char *kind, struct span id, size_t max, size_t *ret_count)
{
    struct iam_walk walk;
    const struct record_entry *entry;
    iam_walk_begin(
        &walk, call, iam_child_key(call->arena, call->account, kind, id, SPAN("")), SPAN_ABSENT);
    enum iam_err err = iam_walk_next(&walk, &entry);
    size_t count = 0;
    while (err == IAM_OK && entry != NULL && ++count < max)
        err = iam_walk_next(&walk, &entry);
    iam_walk_end(&walk);
    *ret_count = count;
    return err;
}

enum iam_err iam_children_count(
    struct iam_call *call, const char *kind, struct span id, size_t *ret_count)
{
    return count_children(call, kind, id, SIZE_MAX, ret_count);
}

enum iam_err iam_children_any(
    struct iam_call *call, const char *kind, struct span id, bool *ret_any)
{
    size_t count;
    enum iam_err err = count_children(call, kind, id, 1, &count);
    *ret_any = count > 0;
    return err;
}

size_t iam_page_max(const struct iam_query *query)
{
    enum { DEFAULT = 100 };
    size_t max = query->max == 0 ? DEFAULT : query->max;
    return max < IAM_PAGE_MAX ? max : IAM_PAGE_MAX;
}

/* ---- counts ---- */

static const char *const count_names[IAM_COUNTS] = {
    "users", "groups", "roles", "policies", "versions"};

enum iam_err iam_counts_read(
    struct iam_call *call, size_t ret_counts[static IAM_COUNTS], uint64_t *ret_generation)
{
    struct iam_record record CLEANUP(iam_record_free) = {0};
    memset(ret_counts, 0, IAM_COUNTS * sizeof(*ret_counts));
    *ret_generation = 0;
    enum iam_err err = iam_record_read(
        call, iam_record_key(call->arena, call->account, "counts", SPAN("")), &record);
    if (err == IAM_NO_SUCH_ENTITY)
        return IAM_OK;
    IAM_TRY(err);
    for (size_t i = 0; i < IAM_COUNTS; i++) {
        int64_t count = json_node_integer(json_node_member(record.json, count_names[i]), 0);
        ret_counts[i] = count > 0 ? (size_t)count : 0;
    }
    *ret_generation = record.generation;
    return IAM_OK;
}

void iam_counts_change(struct iam_call *call, struct iam_changes *changes,
    const size_t counts[static IAM_COUNTS], uint64_t generation)
{
    struct span key = iam_record_key(call->arena, call->account, "counts", SPAN(""));
    struct json *json = json_new();
    for (size_t i = 0; i < IAM_COUNTS; i++)
        json_u64(json, count_names[i], counts[i]);
    struct span text = iam_record_text(call->arena, json, SPAN_ABSENT);
    if (generation == 0)
        iam_change_add(changes, key, text);
    else
        iam_change_set(changes, key, text, generation);
}
