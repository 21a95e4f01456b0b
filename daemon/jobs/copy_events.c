/* A job's progress as text/event-stream. src: HTML Living Standard, "Server-sent events" */
#include "base/clock.h"
#include "daemon/jobs/copy_jobs.h"
#include "daemon/jobs/copy_ops.h"

enum {
    EVENT_MAX_BYTES = 256 * 1024,
    EVERY_MS = 1000,   /* at most so often, unless the state changes */
    SILENT_MS = 15000, /* then a comment */
};

/* One who listens. */
struct copy_watch {
    struct copy_watch *next; /* of the job; under the lock */
    struct copy_job *job;    /* a reference */
    struct stream_waker waker;
    struct buf text; /* being sent */
    size_t at;
    uint64_t seen; /* job->changes that was told */
    enum copy_state state;
    uint64_t told_ns; /* 0: never */
    bool over;
};

void copy_watch_wake(struct copy_job *job)
{
    for (struct copy_watch *watch = job->watches; watch != NULL; watch = watch->next)
        stream_wake(&watch->waker);
}

static void write_event(struct copy_watch *watch, const char *name)
{
    buf_clear(&watch->text);
    watch->at = 0;
    buf_addf(&watch->text, "event: %s\ndata: ", name);
    copy_job_write(watch->job, &watch->text);
    buf_add_lit(&watch->text, "\n\n");
}

/* Under the lock: what there is to say now, if anything. */
static void make_text(struct copy_watch *watch)
{
    struct copy_job *job = watch->job;
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t silent_ms = (now_ns - watch->told_ns) / 1000000;
    enum copy_state state = copy_job_state(job);
    bool first = watch->told_ns == 0;
    if (copy_state_ended(state)) {
        write_event(watch, "end");
        watch->over = true;
    } else if (first || watch->state != state ||
               (watch->seen != job->changes && silent_ms >= EVERY_MS)) {
        write_event(watch, "progress");
    } else if (silent_ms >= SILENT_MS) {
        buf_clear(&watch->text);
        watch->at = 0;
        buf_add_lit(&watch->text, ": still here\n\n");
    } else {
        return;
    }
    watch->seen = job->changes;
    watch->state = state;
    watch->told_ns = now_ns;
}

static enum stream_result next(void *ctx, char *ret_bytes, size_t max_bytes, size_t *ret_len)
{
    struct copy_watch *watch = ctx;
    if (watch->at == watch->text.len && watch->over)
        return STREAM_END;
    if (watch->at == watch->text.len) {
        pthread_mutex_lock(copy_job_lock(watch->job));
        make_text(watch);
        pthread_mutex_unlock(copy_job_lock(watch->job));
    }
    if (!buf_ok(&watch->text))
        return STREAM_BROKEN;
    struct span rest = span_first(span_from(buf_span(&watch->text), watch->at), max_bytes);
    if (rest.len == 0)
        return STREAM_WAIT;
    memcpy(ret_bytes, rest.ptr, rest.len);
    watch->at += rest.len;
    *ret_len = rest.len;
    return STREAM_DATA;
}

static void close_watch(void *ctx)
{
    struct copy_watch *watch = ctx;
    pthread_mutex_lock(copy_job_lock(watch->job));
    for (struct copy_watch **at = &watch->job->watches; *at != NULL; at = &(*at)->next)
        if (*at == watch) {
            *at = watch->next;
            break;
        }
    pthread_mutex_unlock(copy_job_lock(watch->job));
    copy_job_unref(watch->job);
    stream_waker_free(&watch->waker);
    buf_free(&watch->text);
    free(watch);
}

enum s3_err copy_events_answer(struct request *request, struct copy_job *job)
{
    struct copy_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        copy_job_unref(job);
        return FAIL(request, INTERNAL, NULL);
    }
    watch->job = job;
    stream_waker_init(&watch->waker);
    buf_init(&watch->text, EVENT_MAX_BYTES);
    pthread_mutex_lock(copy_job_lock(job));
    watch->next = job->watches;
    job->watches = watch;
    pthread_mutex_unlock(copy_job_lock(job));
    response_header_borrowed(request, "Content-Type", SPAN("text/event-stream"));
    response_header_borrowed(request, "Cache-Control", SPAN("no-store"));
    response_header_borrowed(request, "X-Accel-Buffering", SPAN("no"));
    struct stream_source source = {
        .next = next, .close = close_watch, .ctx = watch, .waker = &watch->waker, .endless = true};
    return response_stream(request, 200, &source, STREAM_LENGTH_UNKNOWN);
}
