/* Records of the scrub: "scrub/state", and "scrub/finding/" with a number for each finding; a line of JSON each
 * (docs/FORMAT.md). */
#include "base/encode.h"
#include "daemon/jobs/scrub_internal.h"
#include "daemon/log.h"
#include "daemon/ops/json_answer.h"
#include "daemon/records.h"
#include "json_read.h"

enum {
    RECORD_ARENA_BYTES = 1024 * 1024,
    AT_ONCE = 64, /* records changed in one commit */
    LINE_MAX_BYTES = 16 * 1024,
    POSITION_TEXT_BYTES = 2 * sizeof(struct scrub_position) + 1,
};
#define FINDINGS SPAN("scrub/finding/")
#define STATE SPAN("scrub/state")

struct span scrub_kind_text(enum scrub_kind kind)
{
    switch (kind) {
    case SCRUB_CONTENT:
        return SPAN("content");
    case SCRUB_INDEX:
        return SPAN("index");
    case SCRUB_LOG:
        break;
    }
    return SPAN("log");
}

static enum scrub_kind kind_of(struct span text)
{
    if (span_eq(text, SPAN("content")))
        return SCRUB_CONTENT;
    return span_eq(text, SPAN("index")) ? SCRUB_INDEX : SCRUB_LOG;
}

/* ---- writing ---- */

void finding_write(struct buf *out, const struct kept_finding *finding)
{
    json_answer_text(out, true, "kind", scrub_kind_text(finding->kind));
    json_answer_text(out, false, "what", span_str(finding->what));
    if (finding->bucket[0] != '\0')
        json_answer_text(out, false, "bucket", span_str(finding->bucket));
    /* Percent-encoded: what is read of a damaged store may be no UTF-8. */
    if (finding->key_len > 0) {
        buf_add_lit(out, ",\"key\":\"");
        percent_encode(out, span_of(finding->key, finding->key_len), true);
        buf_add_char(out, '"');
    }
    if (finding->version[0] != '\0')
        json_answer_text(out, false, "version_id", span_str(finding->version));
    json_answer_u64(out, "found_ms", (uint64_t)finding->found_ms);
    json_answer_u64(out, "pass", finding->pass);
}

static struct span copied(struct arena *arena, struct buf *line)
{
    struct span text = buf_ok(line) ? arena_copy(arena, buf_span(line)) : SPAN_ABSENT;
    buf_free(line);
    return text;
}

static struct span finding_text(struct arena *arena, const struct kept_finding *finding)
{
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    buf_add_char(&line, '{');
    finding_write(&line, finding);
    buf_add_char(&line, '}');
    return copied(arena, &line);
}

static struct span state_text(struct arena *arena, const struct scrub_state *state)
{
    struct buf line;
    static const size_t fixed = offsetof(struct scrub_position, bad);
    size_t len = fixed + state->position.bad_count * sizeof(state->position.bad[0]);
    char *hex = arena_alloc(arena, POSITION_TEXT_BYTES);
    if (hex == NULL)
        return SPAN_ABSENT;
    hex_encode(&state->position, len, hex);
    buf_init(&line, LINE_MAX_BYTES);
    buf_addf(&line, "{\"running\":%s", state->running ? "true" : "false");
    json_answer_u64(&line, "pass", state->pass);
    json_answer_u64(&line, "began_ms", (uint64_t)state->began_ms);
    json_answer_u64(&line, "ended_ms", (uint64_t)state->ended_ms);
    json_answer_u64(&line, "due_ms", (uint64_t)state->due_ms);
    json_answer_u64(&line, "rate", state->rate);
    json_answer_bool(&line, "complete", state->complete);
    json_answer_text(&line, false, "position", span_of(hex, 2 * len));
    buf_add_char(&line, '}');
    return copied(arena, &line);
}

/* With the lock: what is to be written now. *ret_more: there is more. */
static size_t gather(struct scrubber *scrubber, struct arena *arena,
    struct record_change changes[static AT_ONCE + 1], bool *ret_more)
{
    size_t count = 0;
    *ret_more = false;
    for (size_t i = 0; i < SCRUB_FINDINGS_MAX; i++) {
        struct kept_finding *kept = &scrubber->findings[i];
        if (kept->id == 0 || (!kept->dirty && !kept->gone))
            continue;
        if (count == AT_ONCE) {
            *ret_more = true;
            break;
        }
        changes[count++] = (struct record_change){
            .key = arena_format(arena, "scrub/finding/%016llu", (unsigned long long)kept->id),
            .value = kept->gone ? SPAN_ABSENT : finding_text(arena, kept)};
        kept->dirty = false;
        if (kept->gone)
            kept->id = 0;
    }
    scrubber->dirty = *ret_more;
    changes[count++] =
        (struct record_change){.key = STATE, .value = state_text(arena, &scrubber->state)};
    return count;
}

void scrub_save(struct scrubber *scrubber)
{
    bool more = true;
    while (more) {
        struct arena arena;
        struct record_change changes[AT_ONCE + 1];
        arena_init(&arena, RECORD_ARENA_BYTES);
        pthread_mutex_lock(&scrubber->lock);
        size_t count = gather(scrubber, &arena, changes, &more);
        pthread_mutex_unlock(&scrubber->lock);
        struct mutation mutation = {.kind = MUTATION_CHANGE_RECORDS};
        mutation.records.changes = changes;
        mutation.records.count = count;
        enum storage_err err = STORAGE_NO_MEMORY;
        if (!arena.overflow)
            err = storage_commit(scrubber->daemon->store, &mutation);
        if (err != STORAGE_OK)
            log_message(scrubber->daemon->log, LOG_WARNING,
                "scrub: where it is could not be kept: %s", storage_err_text(err));
        arena_free(&arena);
    }
}

/* ---- reading ---- */

static void copy_member(
    const struct json_node *root, const char *name, char *ret_text, size_t capacity)
{
    struct span text = json_node_string(json_node_member(root, name), SPAN(""));
    snprintf(ret_text, capacity, "%.*s", SPAN_ARG(text));
}

static uint64_t number(const struct json_node *root, const char *name)
{
    return (uint64_t)json_node_integer(json_node_member(root, name), 0);
}

static void read_key(const struct json_node *root, struct kept_finding *finding)
{
    struct arena arena;
    arena_init(&arena, LINE_MAX_BYTES);
    struct span key =
        percent_decode(&arena, json_node_string(json_node_member(root, "key"), SPAN("")));
    if (key.len > 0 && key.len <= sizeof(finding->key)) {
        memcpy(finding->key, key.ptr, key.len);
        finding->key_len = key.len;
    }
    arena_free(&arena);
}

/* What cannot be read is left out: a pass finds it again. */
/* One that cannot be read is left out. */
static bool read_finding(void *ctx, const struct record_entry *entry)
{
    struct scrubber *scrubber = ctx;
    char detail[JSON_DETAIL_BYTES];
    uint64_t id = 0;
    struct json_node *root = json_text_parse(entry->value, detail);
    if (root == NULL || scrubber->finding_count == SCRUB_FINDINGS_MAX ||
        !span_to_u64(span_from(entry->key, FINDINGS.len), &id) || id == 0) {
        json_text_free(root);
        return true;
    }
    struct kept_finding *finding = &scrubber->findings[scrubber->finding_count++];
    finding->id = id;
    finding->kind = kind_of(json_node_string(json_node_member(root, "kind"), SPAN("")));
    finding->found_ms = (int64_t)number(root, "found_ms");
    finding->pass = number(root, "pass");
    copy_member(root, "what", finding->what, sizeof(finding->what));
    copy_member(root, "version_id", finding->version, sizeof(finding->version));
    copy_member(root, "bucket", finding->bucket, sizeof(finding->bucket));
    read_key(root, finding);
    if (scrubber->next_id <= id)
        scrubber->next_id = id + 1;
    json_text_free(root);
    return true;
}

static void read_state(struct scrubber *scrubber, struct span text)
{
    char detail[JSON_DETAIL_BYTES];
    struct scrub_state *state = &scrubber->state;
    struct json_node *root = json_text_parse(text, detail);
    struct span hex = json_node_string(json_node_member(root, "position"), SPAN(""));
    state->running = json_node_bool(json_node_member(root, "running"), false);
    state->pass = number(root, "pass");
    state->began_ms = (int64_t)number(root, "began_ms");
    state->ended_ms = (int64_t)number(root, "ended_ms");
    state->due_ms = (int64_t)number(root, "due_ms");
    state->rate = number(root, "rate");
    state->complete = json_node_bool(json_node_member(root, "complete"), false);
    if (hex.len % 2 != 0 || hex.len / 2 > sizeof(state->position) ||
        !hex_decode(hex, &state->position, hex.len / 2))
        state->position = (struct scrub_position){0}; /* begins anew */
    json_text_free(root);
}

bool scrub_load(struct scrubber *scrubber)
{
    struct arena arena CLEANUP(arena_free);
    struct span text;
    uint64_t generation;
    arena_init(&arena, 2 * STORAGE_RECORD_VALUE_MAX_BYTES);
    struct storage *store = scrubber->daemon->store;
    enum storage_err err = storage_record_get(store, STATE, &arena, &text, &generation);
    if (err == STORAGE_OK)
        read_state(scrubber, text);
    return (err == STORAGE_OK || err == STORAGE_NO_SUCH_RECORD) &&
           records_each(store, FINDINGS, read_finding, scrubber);
}
