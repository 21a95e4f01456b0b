#include "daemon/jobs/copy_run.h"

#include "base/clock.h"
#include "daemon/daemon.h"
#include "daemon/identities.h"
#include "daemon/jobs/copy_jobs.h"
#include "daemon/log.h"

#include <stdio.h>

enum {
    RUN_STACK_BYTES = 256 * 1024,
    TICK_MS = 250,
    BUSY_TICK_MS =
        20, /* something may wait without an event: for a worker, for its share of a second */
    SECRET_MAX_BYTES = 32 * 1024,
    EVENTS_AT_ONCE = 1024,
};

void copy_run_end(
    struct copy_run *run, enum copy_state state, enum copy_reason reason, const char *message)
{
    if (run->end_state != COPY_RUNNING)
        return;
    run->end_state = state;
    run->end_reason = reason;
    snprintf(run->end_message, sizeof(run->end_message), "%s", message != NULL ? message : "");
}

void copy_run_poke(struct copy_run *run)
{
    pthread_mutex_lock(&run->lock);
    run->poked = true;
    pthread_cond_signal(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

/* ---- beginning ---- */

static bool open_source(struct copy_run *run)
{
    struct copy_job *job = run->job;
    const struct copy_spec *spec = &job->spec;
    struct buf secret CLEANUP(buf_free);
    struct remote_source source = {.endpoint_url = spec->endpoint,
        .bucket = spec->source_bucket,
        .region = job->region[0] != '\0' ? span_str(job->region) : spec->region};
    buf_init(&secret, SECRET_MAX_BYTES);
    if (spec->local)
        return true;
    if (!spec->anonymous) {
        if (!copy_secret_read(run->daemon, job->id, COPY_SECRET_SOURCE, &secret)) {
            copy_run_end(run, COPY_FAILED, COPY_SECRETS_GONE, "");
            return false;
        }
        struct span rest = buf_span(&secret);
        span_split(&rest, '\n', &source.access_key);
        span_split(&rest, '\n', &source.secret_key);
        span_split(&rest, '\n', &source.session_token);
    }
    enum remote_err err = run->daemon->remote != NULL
                              ? remote_bucket_open(run->daemon->remote, &source, &run->bucket)
                              : REMOTE_NOT_ALLOWED;
    if (secret.len > 0)
        wipe(secret.ptr, secret.len);
    if (err == REMOTE_NO_MEMORY)
        copy_run_end(run, COPY_PAUSED, COPY_SOURCE_UNAVAILABLE, "not enough memory");
    else if (err != REMOTE_OK)
        copy_run_end(run, COPY_FAILED, COPY_SOURCE_NOT_ALLOWED,
            "remote_endpoints does not name this endpoint, or it is none");
    return err == REMOTE_OK;
}

/* Is who it acts as still there? */
static bool check_actor(struct copy_run *run)
{
    const struct identity *identity = NULL;
    switch (copy_who_get(&run->who, &identity)) {
    case COPY_ACTOR_OK:
        identity_unref(identity);
        return true;
    case COPY_ACTOR_GONE:
        copy_run_end(run, COPY_PAUSED, COPY_PRINCIPAL_GONE, "");
        return false;
    case COPY_ACTOR_EXPIRED:
        copy_run_end(run, COPY_PAUSED, COPY_SESSION_EXPIRED, "");
        return false;
    case COPY_ACTOR_BUSY:
        break;
    }
    return true; /* each write is asked for anyway */
}

static void begin(struct copy_run *run)
{
    struct copy_job *job = run->job;
    struct copy_progress *progress = &job->progress;
    run->now = progress->counters;
    run->dirty = true;
    run->at_once = (unsigned)job->spec.limits.objects_at_once;
    run->listed_failure = progress->retry_after;
    run->listing_over = progress->listed && progress->retry_after >= progress->retry_until;
    struct span after = span_first(progress->after, KEY_MAX_BYTES);
    if (after.len > 0)
        memcpy(run->listed, after.ptr, after.len);
    run->listed_len = after.len;
    if (progress->next_failure == 0)
        progress->next_failure = 1;
    if (!open_source(run) || !check_actor(run))
        return;
    copy_launch_large(run);
    if (!run->listing_over && !copy_listers_start(run))
        copy_run_end(run, COPY_PAUSED, COPY_SOURCE_UNAVAILABLE, "no thread can be started");
}

/* ---- the loop ---- */

static struct copy_object *next_ready(struct copy_run *run)
{
    pthread_mutex_lock(&run->lock);
    struct copy_object *object = run->first_ready;
    if (object != NULL) {
        run->first_ready = object->next_ready;
        if (run->first_ready == NULL)
            run->last_ready = NULL;
        object->ready = false;
    }
    pthread_mutex_unlock(&run->lock);
    return object;
}

static void take_wish(struct copy_run *run)
{
    switch (copy_job_wish(run->job)) {
    case COPY_GO_ON:
        break;
    case COPY_WISH_PAUSE:
        copy_run_end(run, COPY_PAUSED, COPY_REQUESTED, "");
        break;
    case COPY_WISH_CANCEL:
        copy_run_end(run, COPY_CANCELED, COPY_NO_REASON, "");
        break;
    case COPY_WISH_STOP:
        copy_run_end(run, COPY_QUEUED, COPY_NO_REASON, "");
        break;
    }
}

/* Wakes those that wait for a worker, now and then. */
static void wake_lines(struct copy_run *run, uint64_t now_ns)
{
    if (now_ns - run->lines_ns < BUSY_TICK_MS * NS_PER_MS)
        return;
    run->lines_ns = now_ns;
    for (struct copy_object *object = run->active; object; object = object->next_active) {
        if (object->task == NULL || object->phase != COPY_ACTIVE)
            continue;
        if (object->task->put.state == COPY_PUT_LINE || copy_fetch_in_line(&object->task->fetch) ||
            copy_large_in_line(object))
            copy_object_wake(object);
    }
}

static void sleep_until(struct copy_run *run, uint64_t until_ns)
{
    pthread_mutex_lock(&run->lock);
    while (!run->poked && run->first_ready == NULL &&
           !(run->first_page != NULL && run->wants_page) &&
           clock_wait(&run->changed, &run->lock, until_ns))
        continue;
    run->poked = false;
    pthread_mutex_unlock(&run->lock);
}

/* Breaks off what is under way, once. */
static void drop_all(struct copy_run *run)
{
    if (run->dropping)
        return;
    run->dropping = true;
    for (struct copy_object *object = run->active; object; object = object->next_active)
        copy_object_cancel(object);
}

static void round_of(struct copy_run *run)
{
    struct copy_object *object;
    for (unsigned i = 0; i < EVENTS_AT_ONCE && (object = next_ready(run)) != NULL; i++)
        copy_object_step(object);
    take_wish(run);
    copy_pace_tick(&run->pace);
    uint64_t now_ns = clock_monotonic_ns(), due_ns = UINT64_MAX;
    if (run->end_state == COPY_RUNNING && check_actor(run)) {
        due_ns = copy_launch_due(run, now_ns);
        copy_launch(run);
    }
    if (run->end_state != COPY_RUNNING)
        drop_all(run);
    copy_save(run, false);
    copy_publish(run, false);
    wake_lines(run, now_ns);
    uint64_t tick_ns = now_ns + (run->busy > 0 ? BUSY_TICK_MS : TICK_MS) * NS_PER_MS;
    if (run->busy > 0 || (run->end_state == COPY_RUNNING && !copy_run_finished(run)))
        sleep_until(run, due_ns < tick_ns ? due_ns : tick_ns);
}

/* ---- ending ---- */

static void free_objects(struct copy_run *run)
{
    while (run->first != NULL) {
        struct copy_object *object = run->first;
        run->first = object->next;
        copy_object_free(object);
    }
    for (size_t i = 0; i < COPY_LARGE_MAX; i++)
        if (run->large[i] != NULL)
            copy_object_free(run->large[i]);
}

/* What the job keeps refers to the run's memory: from here on to its own. */
static void move_home(struct copy_run *run)
{
    struct copy_job *job = run->job;
    struct copy_progress *progress = &job->progress;
    struct arena arena;
    arena_init(&arena, COPY_JOB_ARENA_BYTES);
    progress->after = arena_copy(&arena, progress->after);
    for (size_t i = 0; i < COPY_LARGE_MAX; i++) {
        progress->large[i].key = arena_copy(&arena, progress->large[i].key);
        progress->large[i].etag_text = arena_copy(&arena, progress->large[i].etag_text);
    }
    arena_free(&job->progress_arena);
    job->progress_arena = arena;
}

static void finish(struct copy_run *run)
{
    struct copy_job *job = run->job;
    if (run->end_state == COPY_RUNNING)
        run->end_state = COPY_DONE;
    copy_listers_stop(run);
    copy_publish(run, true);
    if (run->end_state == COPY_CANCELED)
        for (size_t i = 0; i < COPY_LARGE_MAX; i++)
            if (run->large[i] != NULL)
                copy_large_abandon(run->large[i]);
    if (copy_state_ended(run->end_state)) {
        run->pending[run->pending_count++] =
            copy_secret_drop(job->id, COPY_SECRET_SOURCE, &run->pending_arena);
        run->pending[run->pending_count++] =
            copy_secret_drop(job->id, COPY_SECRET_SESSION, &run->pending_arena);
    }
    copy_job_end(job, run->end_state, run->end_reason, run->end_message, run->limit_reached);
    copy_save(run, true);
    bool waits = run->end_state == COPY_QUEUED;
    log_message(run->daemon->log, LOG_INFO, "copy job %016llx: %s%s%s", (unsigned long long)job->id,
        waits ? "interrupted, and goes on at the next start" : copy_state_text(run->end_state),
        run->end_reason != COPY_NO_REASON ? ", " : "",
        run->end_reason != COPY_NO_REASON ? copy_reason_text(run->end_reason) : "");
    move_home(run);
    free_objects(run);
    remote_bucket_close(run->bucket);
    copy_pace_free(&run->pace);
    copy_who_free(&run->who);
    if (run->token.len > 0)
        wipe(run->token.ptr, run->token.len);
    buf_free(&run->token);
    arena_free(&run->round);
    arena_free(&run->pending_arena);
}

static void *run_job(void *ctx)
{
    struct copy_run *run = ctx;
    struct copy_job *job = run->job;
    begin(run);
    while (run->busy > 0 || (run->end_state == COPY_RUNNING && !copy_run_finished(run)))
        round_of(run);
    finish(run);
    copy_jobs_run_over(run->jobs, job);
    pthread_cond_destroy(&run->changed);
    pthread_cond_destroy(&run->room);
    pthread_mutex_destroy(&run->lock);
    free(run);
    return NULL;
}

bool copy_run_finished(const struct copy_run *run)
{
    return run->listing_over && run->active == NULL;
}

static bool make_conditions(struct copy_run *run)
{
    return pthread_cond_init(&run->changed, NULL) == 0 &&
           pthread_cond_init(&run->room, NULL) == 0 && pthread_mutex_init(&run->lock, NULL) == 0;
}

bool copy_run_start(struct copy_jobs *jobs, struct daemon *daemon, struct copy_job *job)
{
    struct copy_run *run = calloc(1, sizeof(*run));
    pthread_attr_t attributes;
    if (run == NULL)
        return false;
    if (!make_conditions(run)) {
        free(run);
        return false;
    }
    run->jobs = jobs;
    run->daemon = daemon;
    run->job = job;
    run->end_state = COPY_RUNNING;
    run->resumed = job->started_ms != 0;
    buf_init(&run->token, SECRET_MAX_BYTES);
    if (span_present(job->actor.session_key) &&
        !copy_secret_read(daemon, job->id, COPY_SECRET_SESSION, &run->token))
        copy_run_end(run, COPY_PAUSED, COPY_SESSION_EXPIRED, "");
    copy_who_init(
        &run->who, daemon, &job->actor, run->token.len > 0 ? buf_span(&run->token) : SPAN_ABSENT);
    copy_pace_init(&run->pace, job->spec.limits.bytes_per_second);
    arena_init(&run->round, COPY_OBJECT_ARENA_BYTES);
    arena_init(&run->pending_arena, 2 * 1024 * 1024);
    job->run = run;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, RUN_STACK_BYTES);
    bool started = pthread_create(&run->thread, &attributes, run_job, run) == 0;
    pthread_attr_destroy(&attributes);
    if (started) {
        pthread_detach(run->thread);
        return true;
    }
    job->run = NULL;
    copy_pace_free(&run->pace);
    copy_who_free(&run->who);
    buf_free(&run->token);
    free(run);
    return false;
}
