#include "daemon/jobs/copy_object.h"

#include "base/clock.h"
#include "base/encode.h"
#include "daemon/daemon.h"

enum { SLOWER_UNTIL = 64 /* that go well before one more is fetched at once */ };

struct copy_object *copy_object_new(struct copy_run *run, const struct copy_entry *entry)
{
    struct copy_object *object = calloc(1, sizeof(*object));
    if (object == NULL)
        return NULL;
    arena_init(&object->arena, COPY_OBJECT_ARENA_BYTES);
    object->run = run;
    object->slot = -1;
    object->weight = 1;
    object->entry = *entry;
    object->entry.key = arena_copy(&object->arena, entry->key);
    object->entry.etag_text = arena_copy(&object->arena, entry->etag_text);
    object->key = copy_key(&object->arena, &run->job->spec, entry->key);
    object->before = arena_copy(&object->arena, span_of(run->listed, run->listed_len));
    object->before_failure = run->listed_failure;
    if (!object->arena.overflow)
        return object;
    copy_object_free(object);
    return NULL;
}

/* Under the lock. An event may have come for what was found done already. */
static void leave_ready(struct copy_object *object)
{
    struct copy_run *run = object->run;
    struct copy_object *previous = NULL, *at = run->first_ready;
    while (at != NULL && at != object) {
        previous = at;
        at = at->next_ready;
    }
    if (at == NULL)
        return;
    if (previous != NULL)
        previous->next_ready = object->next_ready;
    else
        run->first_ready = object->next_ready;
    if (run->last_ready == object)
        run->last_ready = previous;
}

void copy_object_free(struct copy_object *object)
{
    struct copy_run *run = object->run;
    pthread_mutex_lock(&run->lock); /* whoever is in copy_object_event has left it then */
    if (object->ready)
        leave_ready(object);
    pthread_mutex_unlock(&run->lock);
    arena_free(&object->arena);
    free(object);
}

void copy_object_event(void *ctx, void (*mark)(void *what), void *what)
{
    struct copy_object *object = ctx;
    struct copy_run *run = object->run;
    pthread_mutex_lock(&run->lock);
    if (mark != NULL)
        mark(what);
    if (!object->ready) {
        object->ready = true;
        object->next_ready = NULL;
        if (run->last_ready != NULL)
            run->last_ready->next_ready = object;
        else
            run->first_ready = object;
        run->last_ready = object;
        pthread_cond_signal(&run->changed);
    }
    pthread_mutex_unlock(&run->lock);
}

/* ---- how it ends ---- */

static bool then(struct copy_object *object, enum copy_then what)
{
    object->then = what;
    return true;
}

/* The source answers: as many are asked for at once as it bears. */
static void went_well(struct copy_run *run)
{
    run->exhausted = 0;
    if (run->at_once < run->job->spec.limits.objects_at_once &&
        ++run->since_slower >= SLOWER_UNTIL) {
        run->since_slower = 0;
        run->at_once++;
    }
}

static void go_slower(struct copy_run *run)
{
    run->since_slower = 0;
    if (run->at_once > run->busy)
        run->at_once = run->busy;
    run->at_once = run->at_once > 1 ? run->at_once / 2 : 1;
}

bool copy_object_copied(struct copy_object *object, enum copy_verified verified)
{
    struct copy_counters *delta = &object->delta;
    went_well(object->run);
    delta->copied_objects++;
    delta->copied_bytes += object->entry.size_bytes;
    delta->verified[verified]++;
    delta->tags_left_out += object->tags.left_out;
    return then(object, COPY_SETTLE);
}

bool copy_object_failed(struct copy_object *object, struct span reason, struct span message)
{
    object->reason = arena_copy(&object->arena, reason);
    object->message = arena_copy(&object->arena, message);
    if (!span_present(object->reason))
        object->reason = SPAN("Internal");
    object->delta.failed_objects++;
    return then(object, COPY_SETTLE);
}

bool copy_object_retry(struct copy_object *object, uint64_t wait_ms)
{
    object->tries++;
    object->delta.retries++;
    object->due_ns = clock_monotonic_ns() + wait_ms * NS_PER_MS;
    return then(object, COPY_RETRY);
}

/* It is left as it is, for when the job goes on. */
static bool stop_job(
    struct copy_object *object, enum copy_state state, enum copy_reason reason, const char *message)
{
    copy_run_end(object->run, state, reason, message);
    return then(object, COPY_DROP);
}

static struct span failure_text(struct copy_object *object, const struct remote_failure *failure)
{
    if (failure->status != 0)
        return arena_format(&object->arena, "%d %s", failure->status, failure->code);
    return span_str(remote_text(failure->err));
}

static bool changed_again(struct copy_object *object, struct span message)
{
    if (object->changed++ >= COPY_CHANGED_TRIES_MAX)
        return copy_object_failed(object, SPAN("SourceChanged"), message);
    object->needs_head = true;
    return copy_object_retry(object, 0);
}

/* It was tried often enough. When that comes several times in a row, it is not the objects. */
static bool exhausted(struct copy_object *object, struct span message)
{
    struct copy_run *run = object->run;
    if (++run->exhausted >= COPY_EXHAUSTED_MAX)
        return stop_job(object, COPY_PAUSED, COPY_SOURCE_UNAVAILABLE, message.ptr);
    return copy_object_failed(object, SPAN("SourceUnavailable"), message);
}

static bool source_failed(struct copy_object *object, const struct remote_failure *failure)
{
    struct span message = failure_text(object, failure);
    uint64_t wait_ms = 0;
    if (failure->err == REMOTE_CANCELLED && object->run->dropping)
        return then(object, COPY_DROP);
    if (failure->err == REMOTE_BUSY)
        go_slower(object->run);
    if (remote_backoff_next(&object->backoff, failure, COPY_TRIES_MAX, &wait_ms))
        return copy_object_retry(object, wait_ms);
    if (remote_retryable(failure->err))
        return exhausted(object, message);
    switch (failure->err) {
    case REMOTE_NOT_FOUND:
        return copy_object_failed(object, SPAN("SourceNotFound"), message);
    case REMOTE_DENIED:
        if (strcmp(failure->code, "ExpiredToken") == 0)
            return stop_job(object, COPY_FAILED, COPY_SOURCE_DENIED, "ExpiredToken");
        return copy_object_failed(object, SPAN("SourceDenied"), message);
    case REMOTE_CHANGED:
        return changed_again(object, message);
    case REMOTE_NOT_ALLOWED:
        return stop_job(object, COPY_FAILED, COPY_SOURCE_NOT_ALLOWED, "");
    case REMOTE_CANCELLED:
    case REMOTE_NO_MEMORY:
        return copy_object_retry(object, 1000);
    default:
        return copy_object_failed(object, SPAN("SourceNonsense"), message);
    }
}

bool copy_object_fetch_failed(struct copy_object *object, struct copy_fetch *fetch)
{
    switch (fetch->end) {
    case COPY_FETCH_SOURCE:
        return source_failed(object, &fetch->failure);
    case COPY_FETCH_PUT:
        return copy_object_put_failed(object, &fetch->put);
    case COPY_FETCH_TAGS:
        return copy_tags_wanted(object);
    case COPY_FETCH_OK:
    case COPY_FETCH_PARTS:
    case COPY_FETCH_NONSENSE:
        break;
    }
    return copy_object_failed(object, SPAN("SourceNonsense"),
        arena_format(&object->arena, "%llu bytes were announced, and %llu listed",
            (unsigned long long)fetch->content_length,
            (unsigned long long)object->entry.size_bytes));
}

/* What comes again when it is tried again, for a while. */
static bool try_later(struct copy_object *object, struct span code, struct span message)
{
    if (object->tries >= COPY_TRIES_MAX)
        return copy_object_failed(object, code, message);
    return copy_object_retry(object, UINT64_C(100) << object->tries);
}

bool copy_object_put_failed(struct copy_object *object, struct copy_put *put)
{
    enum s3_err err = put->request.err;
    const struct s3_err_info *info = s3_err_info(err);
    struct span code = span_str(info->code);
    struct span message =
        span_present(put->request.err_detail) ? put->request.err_detail : span_str(info->message);
    if (put->actor == COPY_ACTOR_GONE)
        return stop_job(object, COPY_PAUSED, COPY_PRINCIPAL_GONE, "");
    if (put->actor == COPY_ACTOR_EXPIRED)
        return stop_job(object, COPY_PAUSED, COPY_SESSION_EXPIRED, "");
    switch (err) {
    case S3_ERR_INSUFFICIENT_STORAGE:
        return stop_job(object, COPY_PAUSED, COPY_DISK_FULL, info->message);
    case S3_ERR_NO_SUCH_BUCKET:
        return stop_job(object, COPY_FAILED, COPY_DESTINATION_GONE, "");
    case S3_OK: /* memory ran out before it was asked */
    case S3_ERR_SLOW_DOWN:
    case S3_ERR_SERVICE_UNAVAILABLE:
    case S3_ERR_INTERNAL:
        return try_later(object, SPAN("Internal"), message);
    case S3_ERR_NO_SUCH_UPLOAD: /* aborted by somebody: begun anew */
        return try_later(object, code, message);
    case S3_ERR_DUPLICATE_OBJECT:
        went_well(object->run);
        object->delta.duplicate_objects++;
        return then(object, COPY_SETTLE);
    case S3_ERR_BAD_DIGEST:
        if (object->damaged++ < COPY_DIGEST_TRIES_MAX)
            return copy_object_retry(object, 1000);
        return copy_object_failed(object, SPAN("ChecksumMismatch"), message);
    case S3_ERR_PRECONDITION_FAILED:
        if (object->run->job->spec.local && object->run->job->spec.exists != COPY_FAIL)
            return changed_again(object, message);
        return copy_object_failed(object, SPAN("Exists"), message);
    case S3_ERR_ACCESS_DENIED:
        if (copy_tags_leave_out(object))
            return then(object, COPY_RETRY);
        return copy_object_failed(object, code, message);
    default:
        return copy_object_failed(object, code, message);
    }
}

/* ---- plain ones: a GET, a PUT ---- */

static bool plain_step(struct copy_object *object)
{
    struct copy_fetch *fetch = &object->task->fetch;
    if (!copy_fetch_step(fetch))
        return false;
    if (fetch->end != COPY_FETCH_OK)
        return copy_object_fetch_failed(object, fetch);
    copy_tags_told(object, fetch->tag_count);
    return copy_object_copied(object, fetch->verified);
}

void copy_object_prepare(struct copy_object *object)
{
    struct copy_run *run = object->run;
    struct copy_task *task = object->task;
    task->fetch.who = &run->who;
    task->fetch.bucket = run->bucket;
    task->fetch.pace = &run->pace;
    task->fetch.event = copy_object_event;
    task->fetch.ctx = object;
    task->fetch.get = (struct remote_get){.key = object->entry.key};
    task->fetch.expected_bytes = UINT64_MAX;
}

static void start_plain(struct copy_object *object)
{
    struct copy_run *run = object->run;
    struct copy_fetch *fetch = &object->task->fetch;
    copy_object_prepare(object);
    fetch->get.if_match = object->entry.etag_text;
    fetch->expected_bytes = object->entry.size_bytes;
    fetch->write = (struct copy_write){
        .target = copy_target(&object->arena, run->job->spec.bucket, object->key, ""),
        .fetched = &object->task->fetched,
        .with_metadata = true,
        .if_absent = run->job->spec.exists == COPY_FAIL,
        .verify = true,
        .wants_tags = !object->tags.known,
        .tagging = object->tags.text};
    object->step = plain_step;
    if (!copy_fetch_start(fetch))
        copy_object_wake(object);
}

/* ---- HEAD: it has changed since it was listed ---- */

static bool head_step(struct copy_object *object)
{
    struct copy_fetch *fetch = &object->task->fetch;
    if (!copy_fetch_step(fetch))
        return false;
    if (fetch->end != COPY_FETCH_OK)
        return copy_object_fetch_failed(object, fetch);
    const struct remote_object *found = &fetch->object;
    bool is_another = !span_eq(found->etag_text, object->entry.etag_text);
    object->entry.etag_text = arena_copy(&object->arena, found->etag_text);
    object->entry.etag = found->has_etag ? found->etag : copy_etag_of(found->etag_text);
    object->entry.size_bytes = found->size_bytes;
    object->entry.modified_ms = found->modified_ms;
    if (is_another)
        copy_large_begin_anew(object);
    object->needs_head = false;
    object->tags = (struct copy_tags){.needed = false};
    object->due_ns = 0;
    return object->arena.overflow
               ? copy_object_failed(object, SPAN("SourceChanged"), SPAN("too often"))
               : then(object, COPY_RETRY);
}

static void start_head(struct copy_object *object)
{
    copy_object_prepare(object);
    object->task->fetch.get.head = true;
    object->step = head_step;
    if (!copy_fetch_start(&object->task->fetch))
        copy_object_wake(object);
}

/* ---- local ones: a copy ---- */

static bool local_step(struct copy_object *object)
{
    struct copy_put *put = &object->task->put;
    if (!copy_put_settle(put))
        return false;
    if (put->request.err != S3_OK || put->actor != COPY_ACTOR_OK)
        return copy_object_put_failed(object, put);
    return copy_object_copied(
        object, object->entry.etag.part_count > 0 ? COPY_BY_ETAG : COPY_BY_MD5);
}

static void start_local(struct copy_object *object)
{
    struct copy_run *run = object->run;
    struct copy_put *put = &object->task->put;
    struct span source =
        copy_target(&object->arena, run->job->spec.source_bucket, object->entry.key, "");
    struct header headers[4] = {{SPAN("x-amz-copy-source"), source}};
    struct copy_ask ask = {.method = "PUT", .headers = headers, .header_count = 1};
    ask.target = copy_target(&object->arena, run->job->spec.bucket, object->key, "");
    if (run->job->spec.exists == COPY_FAIL)
        headers[ask.header_count++] = (struct header){SPAN("if-none-match"), SPAN("*")};
    if (span_present(run->job->actor.user_agent))
        headers[ask.header_count++] =
            (struct header){SPAN("user-agent"), run->job->actor.user_agent};
    if (object->tags.left_out)
        headers[ask.header_count++] =
            (struct header){SPAN("x-amz-tagging-directive"), SPAN("REPLACE")};
    object->step = local_step;
    if (copy_put_start(put, &run->who, &ask, copy_object_event, object) == S3_OK)
        copy_put_finish(put);
    else
        copy_object_wake(object);
}

/* ---- all of them ---- */

/* Where it comes from, for its lineage. */
static struct span url_of(struct copy_object *object)
{
    const struct copy_spec *spec = &object->run->job->spec;
    struct buf out CLEANUP(buf_free);
    buf_init(&out, COPY_URL_MAX_BYTES);
    if (span_present(spec->endpoint)) {
        buf_add(&out, spec->endpoint);
        if (!span_ends(spec->endpoint, SPAN("/")))
            buf_add_char(&out, '/');
    } else {
        buf_add_lit(&out, "s3://");
    }
    buf_add(&out, spec->source_bucket);
    buf_add_char(&out, '/');
    percent_encode(&out, object->entry.key, true);
    return buf_ok(&out) ? arena_copy(&object->arena, buf_span(&out)) : SPAN("?");
}

void copy_object_start(struct copy_object *object)
{
    struct copy_run *run = object->run;
    object->phase = COPY_ACTIVE;
    run->busy += object->weight;
    object->task = calloc(1, sizeof(*object->task));
    if (object->task == NULL) {
        copy_run_end(run, COPY_PAUSED, COPY_SOURCE_UNAVAILABLE, "not enough memory");
        object->then = COPY_DROP;
        object->phase = COPY_CLOSING;
        copy_object_wake(object);
        return;
    }
    object->task->fetched = copy_lineage_end(run->job->id, url_of(object), &object->entry.etag);
    if (object->needs_head) {
        start_head(object);
    } else if (run->job->spec.local) {
        start_local(object);
    } else if (object->tags.needed || (run->tagged && !object->tags.known)) {
        copy_tags_start(object);
    } else if (copy_is_parts(&object->entry)) {
        object->step = copy_large_step;
        copy_object_wake(object);
    } else {
        start_plain(object);
    }
}

static bool close_task(struct copy_object *object)
{
    struct copy_task *task = object->task;
    if (task == NULL)
        return true;
    object->delta.received_bytes += atomic_exchange(&task->fetch.body_bytes, 0);
    if (!copy_large_close(object) || !copy_put_free(&task->put) || !copy_fetch_free(&task->fetch))
        return false;
    free(task);
    object->task = NULL;
    return true;
}

static void leave_active(struct copy_object *object)
{
    struct copy_run *run = object->run;
    if (object->previous_active != NULL)
        object->previous_active->next_active = object->next_active;
    else
        run->active = object->next_active;
    if (object->next_active != NULL)
        object->next_active->previous_active = object->previous_active;
    run->active_count--;
}

void copy_object_step(struct copy_object *object)
{
    struct copy_run *run = object->run;
    if (object->phase == COPY_ACTIVE) {
        if (!object->step(object))
            return;
        object->phase = COPY_CLOSING;
    }
    if (object->phase != COPY_CLOSING || !close_task(object))
        return;
    run->busy -= object->weight;
    if (object->then == COPY_RETRY) {
        object->phase = COPY_WAITS;
        return;
    }
    leave_active(object);
    if (object->then == COPY_DROP) { /* it stays where the record has it */
        object->phase = COPY_WAITS;
        return;
    }
    object->phase = COPY_SETTLED;
    if (object->entry.failure != 0) /* it was counted as failed before */
        object->delta.failed_objects--;
    copy_counters_add(&run->now, &object->delta);
    copy_settle(object);
}

void copy_object_cancel(struct copy_object *object)
{
    if (object->phase != COPY_ACTIVE || object->task == NULL)
        return;
    copy_fetch_cancel(&object->task->fetch);
    copy_large_cancel(object);
}
