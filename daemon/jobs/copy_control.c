/* What is asked of jobs: made, paused, gone on with, tried again, canceled. */
#include "base/clock.h"
#include "base/digest.h"
#include "daemon/daemon.h"
#include "daemon/jobs/copy_jobs.h"
#include "daemon/jobs/copy_plan.h"
#include "daemon/jobs/copy_run.h"
#include "daemon/jobs/copy_table.h"
#include "daemon/log.h"

enum { CONTROL_ARENA_BYTES = 1024 * 1024, SECRET_MAX_BYTES = 32 * 1024 };

static void poke(struct copy_jobs *jobs)
{
    jobs->poked = true;
    pthread_cond_broadcast(&jobs->changed);
}

/* ---- secrets ---- */

static bool seal_source(struct copy_job *job, struct daemon *daemon,
    const struct copy_credentials *credentials, struct arena *arena,
    struct record_change *ret_change)
{
    struct buf plain CLEANUP(buf_free);
    buf_init(&plain, SECRET_MAX_BYTES);
    buf_add(&plain, credentials->access_key);
    buf_add_char(&plain, '\n');
    buf_add(&plain, credentials->secret_key);
    if (credentials->session_token.len > 0) {
        buf_add_char(&plain, '\n');
        buf_add(&plain, credentials->session_token);
    }
    bool sealed = buf_ok(&plain) && copy_secret_change(daemon, job->id, COPY_SECRET_SOURCE,
                                        buf_span(&plain), arena, ret_change);
    if (plain.len > 0)
        wipe(plain.ptr, plain.len);
    return sealed;
}

/* The record and the secrets that came along, in one commit. */
static enum storage_err keep(
    struct copy_job *job, struct daemon *daemon, const struct copy_asked *asked)
{
    struct arena arena CLEANUP(arena_free);
    struct record_change changes[3];
    size_t count = 0;
    arena_init(&arena, CONTROL_ARENA_BYTES);
    if (asked != NULL && asked->credentials != NULL &&
        span_present(asked->credentials->access_key) &&
        !seal_source(job, daemon, asked->credentials, &arena, &changes[count++]))
        return STORAGE_NO_MEMORY;
    if (asked != NULL && span_present(asked->token) &&
        !copy_secret_change(
            daemon, job->id, COPY_SECRET_SESSION, asked->token, &arena, &changes[count++]))
        return STORAGE_NO_MEMORY;
    enum storage_err err = copy_record_change(job, &arena, &changes[count++]);
    return err == STORAGE_OK ? copy_record_commit(daemon->store, changes, count) : err;
}

/* ---- making ---- */

static struct span text(struct arena *arena, struct span from)
{
    return span_present(from) ? arena_copy(arena, from) : SPAN_ABSENT;
}

static void copy_globs(struct arena *arena, struct copy_globs *globs)
{
    struct span *items = arena_array(arena, struct span, globs->count);
    for (size_t i = 0; items != NULL && i < globs->count; i++)
        items[i] = text(arena, globs->items[i]);
    globs->items = items;
}

static struct copy_job *make(const struct copy_spec *spec, const struct copy_asked *asked)
{
    struct copy_job *job = copy_job_new();
    if (job == NULL)
        return NULL;
    struct arena *arena = &job->arena;
    job->spec = *spec;
    struct span *const texts[] = {&job->spec.source_bucket, &job->spec.source_prefix,
        &job->spec.endpoint, &job->spec.region, &job->spec.bucket, &job->spec.prefix};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = text(arena, *texts[i]);
    copy_globs(arena, &job->spec.filters.include);
    copy_globs(arena, &job->spec.filters.exclude);
    job->actor = *asked->actor;
    struct span *const of_actor[] = {&job->actor.arn, &job->actor.unique_id,
        &job->actor.session_key, &job->actor.peer, &job->actor.user_agent, &job->actor.tls_version};
    for (size_t i = 0; i < ARRAY_LEN(of_actor); i++)
        *of_actor[i] = text(arena, *of_actor[i]);
    job->state = COPY_QUEUED;
    job->created_ms = clock_unix_ms();
    job->progress.next_failure = 1;
    if (!arena->overflow)
        return job;
    copy_job_unref(job);
    return NULL;
}

/* Under the lock: ids grow, also when the clock goes back. */
static uint64_t new_id(const struct copy_jobs *jobs, int64_t now_ms)
{
    uint32_t random;
    random_bytes(&random, sizeof(random));
    uint64_t id = (uint64_t)now_ms << 20 | (random & 0xfffff);
    uint64_t last = jobs->count > 0 ? jobs->items[jobs->count - 1]->id : 0;
    return id > last ? id : last + 1 + (random & 0xff);
}

static size_t unfinished(const struct copy_jobs *jobs)
{
    size_t count = 0;
    for (size_t i = 0; i < jobs->count; i++)
        count += !copy_state_ended(jobs->items[i]->state);
    return count;
}

enum copy_control copy_jobs_create(struct copy_jobs *jobs, const struct copy_spec *spec,
    const struct copy_asked *asked, struct copy_job **ret_job, enum storage_err *ret_err)
{
    struct copy_job *job = make(spec, asked);
    *ret_err = STORAGE_NO_MEMORY;
    if (job == NULL)
        return COPY_CONTROL_STORE;
    pthread_mutex_lock(&jobs->lock);
    bool room = unfinished(jobs) < COPY_JOBS_UNFINISHED_MAX;
    job->id = new_id(jobs, job->created_ms);
    job->busy = true; /* until it is on the disk */
    room = room && copy_table_add(jobs, job);
    if (room)
        job->references++;
    pthread_mutex_unlock(&jobs->lock);
    if (!room) {
        copy_job_unref(job);
        return COPY_CONTROL_MANY;
    }
    *ret_err = keep(job, jobs->daemon, asked);
    pthread_mutex_lock(&jobs->lock);
    job->busy = false;
    bool removed = *ret_err != STORAGE_OK && copy_table_remove(jobs, job);
    poke(jobs);
    pthread_mutex_unlock(&jobs->lock);
    if (*ret_err != STORAGE_OK) {
        if (removed)
            copy_job_unref(job);
        copy_job_unref(job);
        return COPY_CONTROL_STORE;
    }
    *ret_job = job;
    return COPY_CONTROL_OK;
}

/* ---- states ---- */

/* Of a job without a thread. The lock is let go while the record is written. */
static enum copy_control set_state(struct copy_job *job, enum copy_state state,
    enum copy_reason reason, const struct copy_asked *asked)
{
    struct copy_jobs *jobs = job->jobs;
    job->state = state;
    job->reason = reason;
    job->message[0] = '\0';
    job->busy = true;
    if (copy_state_ended(state))
        job->finished_ms = clock_unix_ms();
    copy_job_changed(job);
    pthread_mutex_unlock(&jobs->lock);
    enum storage_err err = keep(job, jobs->daemon, asked);
    pthread_mutex_lock(&jobs->lock);
    job->busy = false;
    poke(jobs);
    if (err == STORAGE_OK)
        return COPY_CONTROL_OK;
    log_message(jobs->daemon->log, LOG_ERROR, "copy job %016llx: its record: %s",
        (unsigned long long)job->id, storage_err_text(err));
    return COPY_CONTROL_STORE;
}

enum copy_control copy_jobs_pause(struct copy_job *job)
{
    enum copy_control result = COPY_CONTROL_STATE;
    pthread_mutex_lock(&job->jobs->lock);
    enum copy_state state = copy_job_state(job);
    if (job->run != NULL) {
        if (job->wish == COPY_GO_ON)
            job->wish = COPY_WISH_PAUSE;
        copy_run_poke(job->run);
        result = COPY_CONTROL_OK;
    } else if (!job->busy && (state == COPY_QUEUED || state == COPY_PAUSED)) {
        result = set_state(job, COPY_PAUSED, COPY_REQUESTED, NULL);
    }
    pthread_mutex_unlock(&job->jobs->lock);
    return result;
}

/* A session that it acts as may be a new one of the same principal. Others' jobs go on with what they have. */
static enum copy_control take_session(struct copy_job *job, const struct copy_asked *asked)
{
    if (!span_present(job->actor.session_key))
        return COPY_CONTROL_OK;
    if (!copy_actor_is(&job->actor, asked->actor))
        return copy_state_ended(job->state) || job->reason == COPY_SESSION_EXPIRED
                   ? COPY_CONTROL_WHO
                   : COPY_CONTROL_OK;
    job->actor.session_key = arena_copy(&job->arena, asked->actor->session_key);
    return job->arena.overflow ? COPY_CONTROL_STORE : COPY_CONTROL_OK;
}

/* Only what is the job's own is kept with it. */
static struct copy_asked with_token(const struct copy_job *job, const struct copy_asked *asked)
{
    struct copy_asked kept = *asked;
    if (!span_present(job->actor.session_key) || !copy_actor_is(&job->actor, asked->actor))
        kept.token = SPAN_ABSENT;
    return kept;
}

enum copy_control copy_jobs_resume(struct copy_job *job, const struct copy_asked *asked)
{
    enum copy_control result = COPY_CONTROL_STATE;
    struct copy_asked kept = with_token(job, asked);
    pthread_mutex_lock(&job->jobs->lock);
    if (job->run == NULL && !job->busy && job->state == COPY_PAUSED)
        result = take_session(job, asked);
    if (result == COPY_CONTROL_OK)
        result = set_state(job, COPY_QUEUED, COPY_NO_REASON, &kept);
    pthread_mutex_unlock(&job->jobs->lock);
    return result;
}

/* Failures that were not all listed: everything is gone over again. What the job has copied is recognized. */
static enum storage_err begin_anew(struct copy_job *job)
{
    struct copy_progress *progress = &job->progress;
    enum storage_err err = copy_record_drop_failures(job->jobs->daemon->store, job->id);
    if (err != STORAGE_OK)
        return err;
    progress->after = SPAN_ABSENT;
    progress->listed = false;
    progress->counters =
        (struct copy_counters){.received_bytes = progress->counters.received_bytes};
    progress->next_failure = 1;
    progress->retry_after = progress->retry_until = 0;
    job->counters = progress->counters;
    return STORAGE_OK;
}

enum copy_control copy_jobs_retry(struct copy_job *job, const struct copy_asked *asked)
{
    enum copy_control result = COPY_CONTROL_STATE;
    struct copy_asked kept = with_token(job, asked);
    pthread_mutex_lock(&job->jobs->lock);
    struct copy_progress *progress = &job->progress;
    bool failed =
        job->state == COPY_FAILED || (job->state == COPY_DONE && job->counters.failed_objects > 0);
    if (job->run == NULL && !job->busy && failed && !job->spec.dry_run)
        result = take_session(job, asked);
    if (result == COPY_CONTROL_OK && !job->spec.local && !job->spec.anonymous &&
        (asked->credentials == NULL || !span_present(asked->credentials->access_key)))
        result = COPY_CONTROL_SECRETS;
    if (result == COPY_CONTROL_OK) {
        job->busy = true;
        pthread_mutex_unlock(&job->jobs->lock);
        enum storage_err err = STORAGE_OK;
        if (progress->counters.failures_not_listed > 0)
            err = begin_anew(job);
        progress->retry_after = 0;
        progress->retry_until = progress->next_failure - 1;
        pthread_mutex_lock(&job->jobs->lock);
        job->busy = false;
        result = err == STORAGE_OK ? set_state(job, COPY_QUEUED, COPY_NO_REASON, &kept)
                                   : COPY_CONTROL_STORE;
    }
    pthread_mutex_unlock(&job->jobs->lock);
    return result;
}

/* ---- the end ---- */

static void abort_uploads(struct copy_job *job)
{
    struct storage *store = job->jobs->daemon->store;
    struct arena arena CLEANUP(arena_free);
    struct bucket_info bucket;
    arena_init(&arena, CONTROL_ARENA_BYTES);
    if (storage_bucket_get(store, job->spec.bucket, &arena, &bucket) != STORAGE_OK)
        return;
    for (size_t i = 0; i < COPY_LARGE_MAX; i++) {
        const struct copy_large *large = &job->progress.large[i];
        if (!span_present(large->key) || large->upload.blob_id == 0)
            continue;
        struct mutation mutation = {.kind = MUTATION_ABORT_UPLOAD,
            .bucket = {bucket.id, bucket.name},
            .key = copy_key(&arena, &job->spec, large->key),
            .abort = {large->upload}};
        enum storage_err err = storage_commit(store, &mutation);
        (void)err; /* it may be gone already */
    }
}

static enum copy_control remove_job(struct copy_job *job)
{
    struct copy_jobs *jobs = job->jobs;
    enum storage_err err = copy_record_remove(jobs->daemon->store, job->id);
    if (err != STORAGE_OK)
        return COPY_CONTROL_STORE;
    abort_uploads(job);
    pthread_mutex_lock(&jobs->lock);
    bool removed = copy_table_remove(jobs, job);
    pthread_mutex_unlock(&jobs->lock);
    if (removed)
        copy_job_unref(job);
    return COPY_CONTROL_OK;
}

enum copy_control copy_jobs_cancel(struct copy_job *job)
{
    struct copy_jobs *jobs = job->jobs;
    enum copy_control result = COPY_CONTROL_OK;
    bool remove = false, idle = false;
    pthread_mutex_lock(&jobs->lock);
    if (job->run != NULL) {
        job->wish = COPY_WISH_CANCEL;
        copy_run_poke(job->run);
    } else if (job->busy) {
        result = COPY_CONTROL_STATE;
    } else if (copy_state_ended(job->state)) {
        remove = job->busy = true;
    } else {
        result = set_state(job, COPY_CANCELED, COPY_NO_REASON, NULL);
        idle = true;
    }
    pthread_mutex_unlock(&jobs->lock);
    if (remove) {
        result = remove_job(job);
        pthread_mutex_lock(&jobs->lock);
        job->busy = false;
        pthread_mutex_unlock(&jobs->lock);
    } else if (idle) {
        abort_uploads(job);
    }
    return result;
}

bool copy_jobs_reseal(struct copy_jobs *jobs)
{
    bool good = true;
    struct copy_job *all[ARRAY_LEN(jobs->items)];
    size_t count = copy_jobs_list(jobs, UINT64_MAX, COPY_STATES, all, ARRAY_LEN(all));
    for (size_t i = 0; i < count; i++) {
        static const enum copy_secret secrets[] = {COPY_SECRET_SOURCE, COPY_SECRET_SESSION};
        for (size_t k = 0; k < ARRAY_LEN(secrets); k++) {
            struct arena arena CLEANUP(arena_free);
            struct buf plain CLEANUP(buf_free);
            struct record_change change;
            arena_init(&arena, CONTROL_ARENA_BYTES);
            buf_init(&plain, SECRET_MAX_BYTES);
            if (!copy_secret_read(jobs->daemon, all[i]->id, secrets[k], &plain))
                continue;
            good &= copy_secret_change(
                        jobs->daemon, all[i]->id, secrets[k], buf_span(&plain), &arena, &change) &&
                    copy_record_commit(jobs->daemon->store, &change, 1) == STORAGE_OK;
            wipe(plain.ptr, plain.len);
        }
        copy_job_unref(all[i]);
    }
    return good;
}
