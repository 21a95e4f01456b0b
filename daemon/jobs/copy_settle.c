/* What has ended, in the order of the listing, and the job's record. */
#include "base/clock.h"
#include "daemon/daemon.h"
#include "daemon/jobs/copy_run.h"
#include "daemon/log.h"

enum {
    SAVE_EVERY_MS = 1000,
    PUBLISH_EVERY_MS = 250,
    PENDING_ARENA_BYTES = 2 * 1024 * 1024,
};

void copy_count(struct copy_run *run, const struct copy_counters *delta)
{
    copy_counters_add(&run->now, delta);
    copy_counters_add(run->last != NULL ? &run->last->behind : &run->job->progress.counters, delta);
    run->dirty = true;
}

/* ---- failures ---- */

static void add_pending(struct copy_run *run, struct record_change change)
{
    run->pending[run->pending_count++] = change;
    if (run->pending_count >= COPY_PENDING_MAX)
        copy_save(run, true);
}

static void keep_failure(struct copy_object *object)
{
    struct copy_run *run = object->run;
    struct copy_progress *progress = &run->job->progress;
    const struct copy_entry *entry = &object->entry;
    struct copy_counters more = {.failures_not_listed = 1};
    uint64_t number = entry->failure;
    if (number == 0) {
        uint64_t kept = progress->counters.failed_objects - progress->counters.failures_not_listed;
        if (kept > COPY_FAILURES_MAX) { /* this one is counted already */
            copy_counters_add(&run->now, &more);
            copy_counters_add(&progress->counters, &more);
            return;
        }
        number = progress->next_failure++;
    }
    struct copy_failure failure = {.number = number,
        .key = entry->key,
        .destination = object->key,
        .etag_text = entry->etag_text,
        .size_bytes = entry->size_bytes,
        .modified_ms = entry->modified_ms,
        .reason = object->reason,
        .message = object->message,
        .tries = object->tries + 1,
        .at_ms = clock_unix_ms()};
    add_pending(run, copy_failure_change(run->job->id, &failure, &run->pending_arena));
}

/* The object's outcome goes into what the record will say. */
static void settle_in_order(struct copy_object *object)
{
    struct copy_run *run = object->run;
    copy_counters_add(&run->job->progress.counters, &object->delta);
    copy_counters_add(&run->job->progress.counters, &object->behind);
    if (span_present(object->reason))
        keep_failure(object);
    else if (object->entry.failure != 0)
        add_pending(
            run, copy_failure_drop(run->job->id, object->entry.failure, &run->pending_arena));
    run->dirty = true;
}

/* ---- order ---- */

static void leave_order(struct copy_object *object)
{
    struct copy_run *run = object->run;
    if (object->previous != NULL)
        object->previous->next = object->next;
    else
        run->first = object->next;
    if (object->next != NULL)
        object->next->previous = object->previous;
    else
        run->last = object->previous;
    run->window--;
}

/* The key up to which all is settled, and the failure up to which all were tried again. */
static void move_on(struct copy_run *run)
{
    struct copy_progress *progress = &run->job->progress;
    struct span after =
        run->first != NULL ? run->first->before : span_of(run->listed, run->listed_len);
    if (after.len > 0)
        memcpy(run->after, after.ptr, after.len);
    progress->after = after.len > 0 ? span_of(run->after, after.len) : SPAN_ABSENT;
    progress->retry_after = run->first != NULL ? run->first->before_failure : run->listed_failure;
    progress->listed = run->listing_over && run->first == NULL;
}

/* Large objects that have ended leave the record when the listing's order has passed them: else a crash between
 * would find them listed once more, and count them twice. */
static void release_large(struct copy_run *run)
{
    struct copy_progress *progress = &run->job->progress;
    for (size_t i = 0; i < COPY_LARGE_MAX; i++) {
        struct copy_object *object = run->large[i];
        if (!run->large_done[i])
            continue;
        bool passed = object->entry.failure != 0
                          ? progress->retry_after >= object->entry.failure
                          : span_cmp(progress->after, object->entry.key) >= 0;
        if (!passed)
            continue;
        settle_in_order(object);
        progress->large[i] = (struct copy_large){.key = SPAN_ABSENT};
        run->large[i] = NULL;
        run->large_done[i] = false;
        copy_object_free(object);
    }
}

/* It waits for those before it, perhaps among thousands: what is only needed under way goes. */
static void shrink(struct copy_object *object)
{
    struct arena arena;
    struct span *const kept[] = {&object->before, &object->reason, &object->message,
        &object->entry.key, &object->entry.etag_text, &object->key};
    struct span texts[ARRAY_LEN(kept)];
    size_t count = span_present(object->reason) ? ARRAY_LEN(kept) : 1;
    arena_init(&arena, COPY_OBJECT_ARENA_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        texts[i] = i < count ? arena_copy(&arena, *kept[i]) : SPAN_ABSENT;
    if (arena.overflow) { /* memory is short: it stays as large as it is */
        arena_free(&arena);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        *kept[i] = texts[i];
    arena_free(&object->arena);
    object->arena = arena;
}

void copy_settle(struct copy_object *object)
{
    struct copy_run *run = object->run;
    if (object->slot >= 0)
        run->large_done[object->slot] = true;
    else if (object != run->first)
        shrink(object);
    while (run->first != NULL && run->first->phase == COPY_SETTLED) {
        struct copy_object *first = run->first;
        leave_order(first);
        settle_in_order(first);
        copy_object_free(first);
    }
    move_on(run);
    release_large(run);
    run->dirty = true;
}

/* ---- the record ---- */

static void save(struct copy_run *run)
{
    struct copy_job *job = run->job;
    struct record_change *own = &run->pending[run->pending_count];
    pthread_mutex_lock(copy_job_lock(job));
    enum storage_err err = copy_record_change(job, &run->pending_arena, own);
    pthread_mutex_unlock(copy_job_lock(job));
    if (err == STORAGE_OK)
        err = copy_record_commit(run->daemon->store, run->pending, run->pending_count + 1);
    if (err != STORAGE_OK) {
        log_message(run->daemon->log, LOG_ERROR, "copy job %016llx: its record: %s",
            (unsigned long long)job->id, storage_err_text(err));
        copy_run_end(run, COPY_PAUSED, err == STORAGE_NO_SPACE ? COPY_DISK_FULL : COPY_INTERNAL,
            storage_err_text(err));
    }
    /* What could not be written now is found again from where the record is. */
    run->pending_count = 0;
    arena_free(&run->pending_arena);
    arena_init(&run->pending_arena, PENDING_ARENA_BYTES);
    run->dirty = false;
}

void copy_save(struct copy_run *run, bool now)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (!now && (!run->dirty || now_ns - run->saved_ns < SAVE_EVERY_MS * NS_PER_MS))
        return;
    if (run->first == NULL) { /* what was filtered or skipped since moved it on, too */
        move_on(run);
        release_large(run);
    }
    run->saved_ns = now_ns;
    save(run);
}

void copy_publish(struct copy_run *run, bool now)
{
    uint64_t now_ns = clock_monotonic_ns(), live = 0;
    if (!now && now_ns - run->published_ns < PUBLISH_EVERY_MS * NS_PER_MS)
        return;
    run->published_ns = now_ns;
    for (const struct copy_object *object = run->active; object; object = object->next_active) {
        live += object->delta.received_bytes;
        if (object->task == NULL)
            continue;
        live += atomic_load(&object->task->fetch.body_bytes);
        live += copy_large_bytes(object);
    }
    if (run->bucket != NULL) {
        struct span region = remote_bucket_region(run->bucket, &run->round);
        copy_job_set_region(run->job, span_present(region) ? region : SPAN(""));
    }
    struct copy_counters counters = run->now;
    counters.received_bytes += live;
    copy_job_publish(run->job, &counters, run->active_count);
}
