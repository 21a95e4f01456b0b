#include "daemon/jobs/copy_jobs.h"

#include "base/clock.h"
#include "daemon/daemon.h"
#include "daemon/jobs/copy_run.h"
#include "daemon/jobs/copy_table.h"
#include "daemon/log.h"
#include "daemon/records.h"

#include <stdio.h>

enum {
    TICK_S = 5, /* what waits for time alone is looked at so often */
    RETRY_MS = 60 * 1000,
};

/* ---- one job ---- */

struct copy_job *copy_job_new(void)
{
    struct copy_job *job = calloc(1, sizeof(*job));
    if (job == NULL)
        return NULL;
    arena_init(&job->arena, COPY_JOB_ARENA_BYTES);
    arena_init(&job->progress_arena, COPY_JOB_ARENA_BYTES);
    job->references = 1;
    return job;
}

static void job_free(struct copy_job *job)
{
    arena_free(&job->arena);
    arena_free(&job->progress_arena);
    free(job);
}

void copy_job_unref(struct copy_job *job)
{
    if (job == NULL)
        return;
    struct copy_jobs *jobs = job->jobs;
    if (jobs == NULL) { /* nobody else knows it */
        job_free(job);
        return;
    }
    pthread_mutex_lock(&jobs->lock);
    bool last = --job->references == 0;
    pthread_mutex_unlock(&jobs->lock);
    if (last)
        job_free(job);
}

pthread_mutex_t *copy_job_lock(struct copy_job *job)
{
    return &job->jobs->lock;
}

void copy_job_changed(struct copy_job *job)
{
    job->changes++;
    copy_watch_wake(job);
}

static void sample(struct copy_job *job)
{
    struct copy_rate *rate = &job->rate;
    uint64_t now_ns = clock_monotonic_ns();
    size_t last = (rate->next + COPY_RATE_SLOTS - 1) % COPY_RATE_SLOTS;
    if (rate->count > 0 && now_ns - rate->at_ns[last] < NS_PER_S)
        return;
    const struct copy_counters *counters = &job->counters;
    rate->at_ns[rate->next] = now_ns;
    rate->objects[rate->next] = counters->copied_objects + counters->skipped_objects +
                                counters->duplicate_objects + counters->failed_objects;
    rate->bytes[rate->next] = job->spec.local ? counters->copied_bytes : counters->received_bytes;
    rate->next = (rate->next + 1) % COPY_RATE_SLOTS;
    if (rate->count < COPY_RATE_SLOTS)
        rate->count++;
}

void copy_job_publish(
    struct copy_job *job, const struct copy_counters *counters, uint64_t in_flight)
{
    pthread_mutex_lock(&job->jobs->lock);
    bool changed =
        memcmp(&job->counters, counters, sizeof(*counters)) != 0 || job->in_flight != in_flight;
    job->counters = *counters;
    job->in_flight = in_flight;
    sample(job);
    if (changed)
        copy_job_changed(job);
    pthread_mutex_unlock(&job->jobs->lock);
}

void copy_job_set_total(struct copy_job *job, const struct copy_total *total)
{
    pthread_mutex_lock(&job->jobs->lock);
    job->total = *total;
    copy_job_changed(job);
    pthread_mutex_unlock(&job->jobs->lock);
}

void copy_job_set_region(struct copy_job *job, struct span region)
{
    pthread_mutex_lock(&job->jobs->lock);
    if (region.len <= COPY_REGION_MAX_BYTES && !span_eq(region, span_str(job->region))) {
        memcpy(job->region, region.ptr, region.len);
        job->region[region.len] = '\0';
        copy_job_changed(job);
    }
    pthread_mutex_unlock(&job->jobs->lock);
}

enum copy_wish copy_job_wish(struct copy_job *job)
{
    pthread_mutex_lock(&job->jobs->lock);
    enum copy_wish wish = job->jobs->stopping ? COPY_WISH_STOP : job->wish;
    pthread_mutex_unlock(&job->jobs->lock);
    return wish;
}

void copy_job_end(struct copy_job *job, enum copy_state state, enum copy_reason reason,
    const char *message, bool limit_reached)
{
    pthread_mutex_lock(&job->jobs->lock);
    job->state = state;
    job->reason = reason;
    snprintf(job->message, sizeof(job->message), "%s", message);
    job->limit_reached = limit_reached;
    job->finished_ms = copy_state_ended(state) ? clock_unix_ms() : 0;
    job->tried_ms = clock_unix_ms();
    if (state == COPY_DONE && job->spec.dry_run) /* it has counted */
        job->total =
            (struct copy_total){job->counters.copied_objects + job->counters.skipped_objects,
                job->counters.copied_bytes + job->counters.skipped_bytes, true};
    pthread_mutex_unlock(&job->jobs->lock);
}

/* ---- the table ---- */

size_t copy_table_place(const struct copy_jobs *jobs, uint64_t id)
{
    size_t low = 0, high = jobs->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (jobs->items[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool copy_table_add(struct copy_jobs *jobs, struct copy_job *job)
{
    if (jobs->count == ARRAY_LEN(jobs->items))
        return false;
    size_t at = copy_table_place(jobs, job->id);
    for (size_t i = jobs->count; i > at; i--)
        jobs->items[i] = jobs->items[i - 1];
    jobs->items[at] = job;
    jobs->count++;
    job->jobs = jobs;
    return true;
}

bool copy_table_remove(struct copy_jobs *jobs, struct copy_job *job)
{
    size_t at = copy_table_place(jobs, job->id);
    if (at == jobs->count || jobs->items[at] != job)
        return false;
    jobs->count--;
    for (; at < jobs->count; at++)
        jobs->items[at] = jobs->items[at + 1];
    return true;
}

struct copy_job *copy_jobs_find(struct copy_jobs *jobs, uint64_t id)
{
    struct copy_job *job = NULL;
    if (jobs == NULL)
        return NULL;
    pthread_mutex_lock(&jobs->lock);
    size_t at = copy_table_place(jobs, id);
    if (at < jobs->count && jobs->items[at]->id == id) {
        job = jobs->items[at];
        job->references++;
    }
    pthread_mutex_unlock(&jobs->lock);
    return job;
}

size_t copy_jobs_list(struct copy_jobs *jobs, uint64_t before, enum copy_state state,
    struct copy_job **ret_jobs, size_t max)
{
    size_t count = 0;
    if (jobs == NULL)
        return 0;
    pthread_mutex_lock(&jobs->lock);
    for (size_t at = copy_table_place(jobs, before); at-- > 0 && count < max;) {
        struct copy_job *job = jobs->items[at];
        if (state != COPY_STATES && copy_job_state(job) != state)
            continue;
        job->references++;
        ret_jobs[count++] = job;
    }
    pthread_mutex_unlock(&jobs->lock);
    return count;
}

/* ---- opening ---- */

static bool load_one(void *ctx, const struct record_entry *record)
{
    struct copy_jobs *jobs = ctx;
    struct copy_job *job = copy_record_read(record);
    if (job != NULL && job->state == COPY_RUNNING)
        job->state = COPY_QUEUED;
    if (job == NULL || !copy_table_add(jobs, job)) {
        log_message(jobs->daemon->log, LOG_ERROR, "copy jobs: record %.*s is left out",
            SPAN_ARG(record->key));
        copy_job_unref(job);
    }
    return true;
}

struct copy_jobs *copy_jobs_open(struct daemon *daemon)
{
    struct copy_jobs *jobs = calloc(1, sizeof(*jobs));
    if (jobs == NULL)
        return NULL;
    jobs->daemon = daemon;
    if (pthread_mutex_init(&jobs->lock, NULL) != 0 || pthread_cond_init(&jobs->changed, NULL) != 0)
        abort();
    if (records_each(jobs->daemon->store, COPY_RECORD_PREFIX, load_one, jobs))
        return jobs;
    copy_jobs_free(jobs);
    return NULL;
}

/* ---- the thread that starts them ---- */

/* Under the lock. */
static void start_waiting(struct copy_jobs *jobs)
{
    int64_t now_ms = clock_unix_ms();
    for (size_t i = 0; i < jobs->count; i++) {
        struct copy_job *job = jobs->items[i];
        if (job->busy)
            continue;
        if (job->run == NULL && job->state == COPY_PAUSED && copy_reason_passes(job->reason) &&
            now_ms - job->tried_ms >= RETRY_MS)
            job->state = COPY_QUEUED;
        if (job->run != NULL || job->state != COPY_QUEUED || jobs->running >= COPY_JOBS_RUNNING_MAX)
            continue;
        if (!copy_run_start(jobs, jobs->daemon, job))
            continue; /* no thread, no memory: at the next tick */
        job->references++;
        jobs->running++;
        job->state = COPY_RUNNING;
        job->reason = COPY_NO_REASON;
        job->message[0] = '\0';
        job->wish = COPY_GO_ON;
        job->finished_ms = 0;
        job->rate.count = 0;
        if (job->started_ms == 0)
            job->started_ms = now_ms;
        copy_job_changed(job);
    }
}

void copy_jobs_run_over(struct copy_jobs *jobs, struct copy_job *job)
{
    pthread_mutex_lock(&jobs->lock);
    job->run = NULL;
    job->in_flight = 0;
    jobs->running--;
    copy_job_changed(job);
    bool last = --job->references == 0;
    jobs->poked = true;
    pthread_cond_broadcast(&jobs->changed);
    pthread_mutex_unlock(&jobs->lock); /* from here on the table may be gone */
    if (last)
        job_free(job);
}

/* The oldest ones that have ended go when there are too many. */
static void drop_oldest(struct copy_jobs *jobs)
{
    for (;;) {
        struct copy_job *oldest = NULL;
        size_t ended = 0;
        pthread_mutex_lock(&jobs->lock);
        for (size_t i = jobs->count; i-- > 0;) {
            struct copy_job *job = jobs->items[i];
            if (job->run == NULL && copy_state_ended(job->state)) {
                ended++;
                oldest = job;
            }
        }
        if (ended <= COPY_JOBS_FINISHED_MAX)
            oldest = NULL;
        if (oldest != NULL)
            oldest->references++;
        pthread_mutex_unlock(&jobs->lock);
        if (oldest == NULL)
            return;
        bool gone = copy_jobs_cancel(oldest) == COPY_CONTROL_OK;
        copy_job_unref(oldest);
        if (!gone)
            return;
    }
}

static void *schedule(void *ctx)
{
    struct copy_jobs *jobs = ctx;
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->stopping) {
        start_waiting(jobs);
        for (size_t i = 0; i < jobs->count; i++)
            copy_watch_wake(jobs->items[i]); /* they have something to say now and then */
        pthread_mutex_unlock(&jobs->lock);
        drop_oldest(jobs);
        pthread_mutex_lock(&jobs->lock);
        if (!jobs->stopping && !jobs->poked)
            clock_wait(&jobs->changed, &jobs->lock, clock_monotonic_ns() + TICK_S * NS_PER_S);
        jobs->poked = false;
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

bool copy_jobs_start(struct copy_jobs *jobs)
{
    jobs->started = pthread_create(&jobs->thread, NULL, schedule, jobs) == 0;
    return jobs->started;
}

void copy_jobs_halt(struct copy_jobs *jobs)
{
    if (jobs == NULL)
        return;
    pthread_mutex_lock(&jobs->lock);
    jobs->stopping = true;
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->items[i]->run != NULL)
            copy_run_poke(jobs->items[i]->run);
    pthread_cond_broadcast(&jobs->changed);
    pthread_mutex_unlock(&jobs->lock);
}

void copy_jobs_free(struct copy_jobs *jobs)
{
    if (jobs == NULL)
        return;
    copy_jobs_halt(jobs);
    if (jobs->started)
        pthread_join(jobs->thread, NULL);
    pthread_mutex_lock(&jobs->lock);
    while (jobs->running > 0)
        pthread_cond_wait(&jobs->changed, &jobs->lock);
    pthread_mutex_unlock(&jobs->lock);
    for (size_t i = 0; i < jobs->count; i++)
        job_free(jobs->items[i]);
    pthread_cond_destroy(&jobs->changed);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}
