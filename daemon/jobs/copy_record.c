/* Jobs in the index, as docs/FORMAT.md has them: a record is one line of JSON. Keys of objects in it are
 * percent-encoded, since they may be no UTF-8. */
#include "base/encode.h"
#include "daemon/daemon.h"
#include "daemon/jobs/copy_job.h"
#include "daemon/ops/json_answer.h"
#include "daemon/vault.h"

enum { RECORD_ARENA_BYTES = 512 * 1024, DROP_AT_ONCE = 100 };

static struct span record_key(struct arena *arena, uint64_t id)
{
    return arena_format(arena, "copy/job/%016llx", (unsigned long long)id);
}

/* ---- writing ---- */

static void write_key(struct buf *out, const char *name, struct span key)
{
    if (!span_present(key)) {
        buf_addf(out, ",\"%s\":null", name);
        return;
    }
    buf_addf(out, ",\"%s\":\"", name);
    percent_encode(out, key, true);
    buf_add_char(out, '"');
}

static void write_text(struct buf *out, const char *name, struct span text)
{
    if (span_present(text) && span_is_utf8(text))
        json_answer_text(out, false, name, text);
    else
        buf_addf(out, ",\"%s\":null", name);
}

static void write_actor(struct buf *out, const struct copy_actor *actor)
{
    buf_add_lit(out, ",\"actor\":{");
    json_answer_text(out, true, "arn", actor->arn);
    write_text(out, "id", actor->unique_id);
    json_answer_u64(out, "account", actor->account_id);
    write_text(out, "session_key", actor->session_key);
    write_text(out, "peer", actor->peer);
    write_text(out, "user_agent", actor->user_agent);
    write_text(out, "tls_version", actor->tls_version);
    json_answer_bool(out, "secure", actor->secure);
    buf_add_char(out, '}');
}

static void write_large(struct buf *out, const struct copy_large *large)
{
    bool first = true;
    buf_add_lit(out, ",\"large\":[");
    for (size_t i = 0; i < COPY_LARGE_MAX; i++) {
        if (!span_present(large[i].key))
            continue;
        buf_addf(
            out, "%s{\"bytes\":%llu", first ? "" : ",", (unsigned long long)large[i].size_bytes);
        first = false;
        write_key(out, "key", large[i].key);
        write_key(out, "etag", large[i].etag_text);
        json_answer_u64(out, "modified", (uint64_t)large[i].modified_ms);
        json_answer_u64(out, "failure", large[i].failure);
        buf_addf(out, ",\"upload\":\"%016llx%016llx\"}",
            (unsigned long long)large[i].upload.blob_id,
            (unsigned long long)large[i].upload.random);
    }
    buf_add_char(out, ']');
}

static void write_progress(struct buf *out, const struct copy_progress *progress)
{
    struct copy_counters counters = progress->counters;
    write_key(out, "after", progress->after);
    json_answer_bool(out, "listed", progress->listed);
    json_answer_u64(out, "retry_after", progress->retry_after);
    json_answer_u64(out, "retry_until", progress->retry_until);
    json_answer_u64(out, "next_failure", progress->next_failure);
    buf_add_lit(out, ",\"counters\":{\"-\":0");
    for (size_t i = 0; i < copy_counter_count; i++)
        json_answer_u64(out, copy_counter_names[i].name, *copy_counter_at(&counters, i));
    buf_add_char(out, '}');
    write_large(out, progress->large);
}

static void write_record(const struct copy_job *job, struct buf *out)
{
    buf_addf(
        out, "{\"state\":\"%s\",\"reason\":%u", copy_state_text(job->state), (unsigned)job->reason);
    json_answer_text(out, false, "message", span_str(job->message));
    json_answer_u64(out, "created", (uint64_t)job->created_ms);
    json_answer_u64(out, "started", (uint64_t)job->started_ms);
    json_answer_u64(out, "finished", (uint64_t)job->finished_ms);
    json_answer_text(out, false, "region", span_str(job->region));
    json_answer_bool(out, "limit_reached", job->limit_reached);
    json_answer_u64(out, "total_objects", job->total.objects);
    json_answer_u64(out, "total_bytes", job->total.bytes);
    json_answer_bool(out, "total_complete", job->total.complete);
    write_actor(out, &job->actor);
    write_progress(out, &job->progress);
    buf_add_lit(out, ",\"job\":{");
    copy_spec_write(&job->spec, true, out);
    buf_add_lit(out, "}}");
}

enum storage_err copy_record_change(
    struct copy_job *job, struct arena *arena, struct record_change *ret_change)
{
    struct buf out CLEANUP(buf_free);
    buf_init(&out, STORAGE_RECORD_VALUE_MAX_BYTES);
    write_record(job, &out);
    if (!buf_ok(&out))
        return STORAGE_NO_MEMORY;
    *ret_change = (struct record_change){
        .key = record_key(arena, job->id), .value = arena_copy(arena, buf_span(&out))};
    return arena->overflow ? STORAGE_NO_MEMORY : STORAGE_OK;
}

/* ---- reading ---- */

static bool read_key(struct arena *arena, const struct json_node *node, struct span *ret_key)
{
    *ret_key = SPAN_ABSENT;
    if (node == NULL || json_node_kind(node) == JSON_KIND_NULL)
        return true;
    struct span decoded = percent_decode(arena, json_node_string(node, SPAN("")));
    *ret_key = span_present(decoded) ? arena_copy(arena, decoded) : SPAN_ABSENT;
    return span_present(*ret_key);
}

static struct span read_text(struct arena *arena, const struct json_node *node)
{
    struct span text = json_node_string(node, SPAN_ABSENT);
    return span_present(text) ? arena_copy(arena, text) : SPAN_ABSENT;
}

static uint64_t read_number(const struct json_node *node, const char *name)
{
    return (uint64_t)json_node_integer(json_node_member(node, name), 0);
}

static void read_actor(struct copy_job *job, const struct json_node *node)
{
    struct arena *arena = &job->arena;
    job->actor = (struct copy_actor){.arn = read_text(arena, json_node_member(node, "arn")),
        .unique_id = read_text(arena, json_node_member(node, "id")),
        .account_id = read_number(node, "account"),
        .session_key = read_text(arena, json_node_member(node, "session_key")),
        .peer = read_text(arena, json_node_member(node, "peer")),
        .user_agent = read_text(arena, json_node_member(node, "user_agent")),
        .tls_version = read_text(arena, json_node_member(node, "tls_version")),
        .secure = json_node_bool(json_node_member(node, "secure"), false)};
}

static bool read_large(struct copy_job *job, const struct json_node *list)
{
    for (size_t i = 0; i < json_node_count(list) && i < COPY_LARGE_MAX; i++) {
        const struct json_node *node = json_node_item(list, i);
        struct copy_large *large = &job->progress.large[i];
        uint64_t upload[2] = {0};
        struct span digits = json_node_string(json_node_member(node, "upload"), SPAN(""));
        uint8_t bytes[16];
        if (!read_key(&job->progress_arena, json_node_member(node, "key"), &large->key) ||
            !read_key(&job->progress_arena, json_node_member(node, "etag"), &large->etag_text) ||
            !hex_decode(digits, bytes, sizeof(bytes)))
            return false;
        for (size_t k = 0; k < 16; k++)
            upload[k / 8] = upload[k / 8] << 8 | bytes[k];
        large->upload = (struct upload_id){upload[0], upload[1]};
        large->size_bytes = read_number(node, "bytes");
        large->modified_ms = (int64_t)read_number(node, "modified");
        large->failure = read_number(node, "failure");
    }
    return true;
}

static bool read_progress(struct copy_job *job, const struct json_node *node)
{
    struct copy_progress *progress = &job->progress;
    const struct json_node *counters = json_node_member(node, "counters");
    if (!read_key(&job->progress_arena, json_node_member(node, "after"), &progress->after) ||
        !read_large(job, json_node_member(node, "large")))
        return false;
    progress->listed = json_node_bool(json_node_member(node, "listed"), false);
    progress->retry_after = read_number(node, "retry_after");
    progress->retry_until = read_number(node, "retry_until");
    progress->next_failure = read_number(node, "next_failure");
    for (size_t i = 0; i < copy_counter_count; i++)
        *copy_counter_at(&progress->counters, i) =
            read_number(counters, copy_counter_names[i].name);
    job->counters = progress->counters;
    return true;
}

static void copy_chars(char *to, size_t room, struct span text)
{
    text = span_first(text, room - 1);
    if (text.len > 0)
        memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
}

static bool read_job(struct copy_job *job, const struct json_node *node)
{
    char detail[COPY_SPEC_DETAIL_BYTES];
    struct copy_credentials none;
    uint64_t reason = read_number(node, "reason");
    if (!copy_state_parse(
            json_node_string(json_node_member(node, "state"), SPAN("")), &job->state) ||
        reason >= COPY_REASONS ||
        !copy_spec_read(&job->arena, json_node_member(node, "job"), &job->spec, &none, detail) ||
        !read_progress(job, node))
        return false;
    job->reason = (enum copy_reason)reason;
    read_actor(job, json_node_member(node, "actor"));
    copy_chars(job->message, sizeof(job->message),
        json_node_string(json_node_member(node, "message"), SPAN("")));
    copy_chars(job->region, sizeof(job->region),
        json_node_string(json_node_member(node, "region"), SPAN("")));
    job->created_ms = (int64_t)read_number(node, "created");
    job->started_ms = (int64_t)read_number(node, "started");
    job->finished_ms = (int64_t)read_number(node, "finished");
    job->limit_reached = json_node_bool(json_node_member(node, "limit_reached"), false);
    job->total =
        (struct copy_total){read_number(node, "total_objects"), read_number(node, "total_bytes"),
            json_node_bool(json_node_member(node, "total_complete"), false)};
    return span_present(job->actor.arn) && span_present(job->actor.unique_id) &&
           !job->arena.overflow && !job->progress_arena.overflow;
}

struct copy_job *copy_record_read(const struct record_entry *entry)
{
    char detail[JSON_DETAIL_BYTES];
    uint8_t bytes[8];
    struct span digits = span_from(entry->key, COPY_RECORD_PREFIX.len);
    struct json_node *json = json_text_parse(entry->value, detail);
    struct copy_job *job = json != NULL ? copy_job_new() : NULL;
    bool good = job != NULL && digits.len == 16 && hex_decode(digits, bytes, sizeof(bytes)) &&
                read_job(job, json);
    json_text_free(json);
    if (!good) {
        if (job != NULL)
            copy_job_unref(job);
        return NULL;
    }
    job->id = 0;
    for (size_t i = 0; i < sizeof(bytes); i++)
        job->id = job->id << 8 | bytes[i];
    return job;
}

/* ---- commits ---- */

enum storage_err copy_record_commit(
    struct storage *store, const struct record_change *changes, size_t count)
{
    struct mutation mutation = {
        .kind = MUTATION_CHANGE_RECORDS, .records = {.changes = changes, .count = count}};
    return storage_commit(store, &mutation);
}

enum storage_err copy_record_drop_failures(struct storage *store, uint64_t id)
{
    for (;;) {
        struct arena arena CLEANUP(arena_free);
        struct record_change changes[DROP_AT_ONCE];
        struct record_page page;
        arena_init(&arena, RECORD_ARENA_BYTES);
        struct span prefix = arena_format(&arena, "copy/fail/%016llx/", (unsigned long long)id);
        enum storage_err err =
            storage_record_list(store, prefix, SPAN_ABSENT, DROP_AT_ONCE, &arena, &page);
        if (err != STORAGE_OK || page.count == 0)
            return err;
        for (size_t i = 0; i < page.count; i++)
            changes[i] = (struct record_change){.key = page.items[i].key};
        err = copy_record_commit(store, changes, page.count);
        if (err != STORAGE_OK || !page.truncated)
            return err;
    }
}

enum storage_err copy_record_remove(struct storage *store, uint64_t id)
{
    struct arena arena CLEANUP(arena_free);
    arena_init(&arena, RECORD_ARENA_BYTES);
    /* The job's own record last: what is interrupted is done at the next try. */
    enum storage_err err = copy_record_drop_failures(store, id);
    if (err != STORAGE_OK)
        return err;
    const struct record_change changes[] = {copy_secret_drop(id, COPY_SECRET_SOURCE, &arena),
        copy_secret_drop(id, COPY_SECRET_SESSION, &arena), {.key = record_key(&arena, id)}};
    return arena.overflow ? STORAGE_NO_MEMORY
                          : copy_record_commit(store, changes, ARRAY_LEN(changes));
}

/* ---- secrets ---- */

static struct span secret_key(struct arena *arena, uint64_t id, enum copy_secret what)
{
    return arena_format(arena, "copy/%s/%016llx", what == COPY_SECRET_SOURCE ? "source" : "session",
        (unsigned long long)id);
}

bool copy_secret_change(struct daemon *daemon, uint64_t id, enum copy_secret what,
    struct span plain, struct arena *arena, struct record_change *ret_change)
{
    struct buf sealed CLEANUP(buf_free);
    buf_init(&sealed, VAULT_SEALED_MAX_BYTES);
    struct span key = secret_key(arena, id, what);
    if (!span_present(key) || !vault_seal(daemon->vault, key, plain, &sealed))
        return false;
    *ret_change = (struct record_change){.key = key, .value = arena_copy(arena, buf_span(&sealed))};
    return !arena->overflow;
}

struct record_change copy_secret_drop(uint64_t id, enum copy_secret what, struct arena *arena)
{
    return (struct record_change){.key = secret_key(arena, id, what)};
}

bool copy_secret_read(
    struct daemon *daemon, uint64_t id, enum copy_secret what, struct buf *ret_plain)
{
    struct arena arena CLEANUP(arena_free);
    struct span sealed;
    uint64_t generation;
    arena_init(&arena, RECORD_ARENA_BYTES);
    struct span key = secret_key(&arena, id, what);
    return span_present(key) &&
           storage_record_get(daemon->store, key, &arena, &sealed, &generation) == STORAGE_OK &&
           vault_unseal(daemon->vault, key, sealed, ret_plain);
}
