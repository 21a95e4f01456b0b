/* What is started next: objects as they were listed, filtered and compared with what is here. */
#include "base/clock.h"
#include "daemon/daemon.h"
#include "daemon/jobs/copy_object.h"

enum { ROUND_MAX = 4096 /* entries looked at before events are looked at again */ };

/* The destination, once a round. False: the job is to end. */
static bool find_destination(struct copy_run *run)
{
    if (run->destination.id != 0)
        return true;
    enum storage_err err = storage_bucket_get(
        run->daemon->store, run->job->spec.bucket, &run->round, &run->destination);
    if (err == STORAGE_OK)
        return true;
    run->destination.id = 0;
    copy_run_end(run, COPY_FAILED,
        err == STORAGE_NO_SUCH_BUCKET ? COPY_DESTINATION_GONE : COPY_INTERNAL,
        storage_err_text(err));
    return false;
}

static void come_to(struct copy_run *run, const struct copy_entry *entry)
{
    struct span key = span_first(entry->key, KEY_MAX_BYTES);
    if (entry->failure != 0) {
        run->listed_failure = entry->failure;
        return;
    }
    memcpy(run->listed, key.ptr, key.len);
    run->listed_len = key.len;
}

/* ---- what needs no copying ---- */

enum verdict { VERDICT_COPY, VERDICT_COUNTED, VERDICT_EXISTS, VERDICT_STOP };

/* Compares with what is here, where that bears on anything. */
static enum verdict compare(struct copy_run *run, const struct copy_entry *entry, struct span key,
    struct copy_counters *delta)
{
    const struct copy_job *job = run->job;
    struct copy_seen seen;
    if (job->spec.exists == COPY_OVERWRITE && !run->resumed && entry->failure == 0)
        return VERDICT_COPY;
    struct arena arena CLEANUP(arena_free);
    arena_init(&arena, COPY_OBJECT_ARENA_BYTES * 4);
    enum storage_err err = copy_look(run->daemon->store, run->destination.id, key, &entry->etag,
        job->id, job->created_ms, job->spec.local ? &entry->version : NULL, &arena, &seen);
    if (err != STORAGE_OK) {
        copy_run_end(run, COPY_FAILED,
            err == STORAGE_NO_SUCH_BUCKET ? COPY_DESTINATION_GONE : COPY_INTERNAL,
            storage_err_text(err));
        return VERDICT_STOP;
    }
    if (seen.by_job) {
        delta->copied_objects++;
        delta->copied_bytes += entry->size_bytes;
        return VERDICT_COUNTED;
    }
    if (seen.exists && job->spec.exists == COPY_FAIL)
        return VERDICT_EXISTS;
    if (seen.same && job->spec.exists == COPY_SKIP) {
        delta->skipped_objects++;
        delta->skipped_bytes += entry->size_bytes;
        return VERDICT_COUNTED;
    }
    return VERDICT_COPY;
}

static bool is_under_way(const struct copy_run *run, struct span key)
{
    const struct copy_progress *progress = &run->job->progress;
    for (size_t i = 0; i < COPY_LARGE_MAX; i++)
        if (span_present(progress->large[i].key) && progress->large[i].failure == 0 &&
            span_eq(progress->large[i].key, key))
            return true;
    return false;
}

static bool reaches_limit(struct copy_run *run, const struct copy_entry *entry)
{
    const struct copy_limits *limits = &run->job->spec.limits;
    uint64_t bytes = run->now.copied_bytes + entry->size_bytes,
             objects = run->now.copied_objects + 1;
    for (const struct copy_object *object = run->active; object; object = object->next_active) {
        bytes += object->entry.size_bytes;
        objects++;
    }
    return (limits->total_bytes > 0 && bytes > limits->total_bytes) ||
           (limits->total_objects > 0 && objects > limits->total_objects);
}

/* ---- starting ---- */

static void make_active(struct copy_object *object)
{
    struct copy_run *run = object->run;
    object->next_active = run->active;
    if (run->active != NULL)
        run->active->previous_active = object;
    run->active = object;
    run->active_count++;
}

static void put_in_order(struct copy_object *object)
{
    struct copy_run *run = object->run;
    object->previous = run->last;
    if (run->last != NULL)
        run->last->next = object;
    else
        run->first = object;
    run->last = object;
    run->window++;
}

static int free_slot(const struct copy_run *run)
{
    for (int i = 0; i < COPY_LARGE_MAX; i++)
        if (run->large[i] == NULL)
            return i;
    return -1;
}

static void take_slot(struct copy_object *object, int slot)
{
    struct copy_run *run = object->run;
    run->large[slot] = object;
    object->slot = slot;
    object->weight = copy_is_parts(&object->entry) ? COPY_PARTS_AT_ONCE : 1;
    run->job->progress.large[slot] = (struct copy_large){.key = object->entry.key,
        .etag_text = object->entry.etag_text,
        .size_bytes = object->entry.size_bytes,
        .modified_ms = object->entry.modified_ms,
        .failure = object->entry.failure};
    run->dirty = true;
}

static bool is_large(const struct copy_run *run, const struct copy_entry *entry)
{
    return !run->job->spec.local && (copy_is_parts(entry) || entry->size_bytes > COPY_LARGE_BYTES);
}

/* Is there room for it now? */
static bool has_room(const struct copy_run *run, const struct copy_entry *entry)
{
    unsigned weight = is_large(run, entry) && copy_is_parts(entry) ? COPY_PARTS_AT_ONCE : 1;
    if (run->busy > 0 && run->busy + weight > run->at_once)
        return false;
    return is_large(run, entry) ? free_slot(run) >= 0 : run->window < COPY_WINDOW_MAX;
}

static bool start(struct copy_run *run, struct copy_object *object)
{
    make_active(object);
    if (is_large(run, &object->entry)) {
        take_slot(object, free_slot(run));
        copy_save(run, true); /* so that its upload is found again */
    } else {
        put_in_order(object);
    }
    copy_object_start(object);
    return true;
}

/* It is over before it was begun. */
static void fail(struct copy_run *run, struct copy_object *object, const char *reason)
{
    (void)run;
    make_active(object);
    put_in_order(object);
    object->phase = COPY_CLOSING;
    object->weight = 0;
    (void)copy_object_failed(object, span_str(reason), SPAN(""));
    copy_object_step(object);
}

/* False: it has to wait, or the job ends. */
static bool take(struct copy_run *run, const struct copy_entry *entry)
{
    const struct copy_spec *spec = &run->job->spec;
    struct copy_counters delta = {0};
    if (entry->failure == 0 && is_under_way(run, entry->key)) {
        come_to(run, entry);
        return true;
    }
    if (entry->failure == 0 &&
        !copy_wanted(spec, entry->key, entry->size_bytes, entry->modified_ms)) {
        delta.filtered_objects++;
        come_to(run, entry);
        copy_count(run, &delta);
        return true;
    }
    if (!has_room(run, entry))
        return false;
    struct copy_object *object = copy_object_new(run, entry);
    if (object == NULL) {
        copy_run_end(run, COPY_PAUSED, COPY_SOURCE_UNAVAILABLE, "not enough memory");
        return false;
    }
    if (!span_present(object->key)) {
        come_to(run, entry);
        fail(run, object, "KeyInvalid");
        return true;
    }
    enum verdict verdict = compare(run, entry, object->key, &delta);
    if (verdict == VERDICT_COPY && reaches_limit(run, entry)) {
        run->limit_reached = run->listing_over = true;
        verdict = VERDICT_STOP;
    } else if (verdict == VERDICT_COPY && spec->dry_run) {
        delta.copied_objects++;
        delta.copied_bytes += entry->size_bytes;
        verdict = VERDICT_COUNTED;
    }
    if (verdict != VERDICT_STOP)
        come_to(run, entry);
    if (verdict == VERDICT_COPY)
        return start(run, object);
    if (verdict == VERDICT_EXISTS) {
        fail(run, object, "Exists");
        return true;
    }
    if (verdict == VERDICT_COUNTED && entry->failure != 0) { /* a failure that is none any more */
        make_active(object);
        put_in_order(object);
        object->phase = COPY_CLOSING;
        object->weight = 0;
        object->delta = delta;
        object->then = COPY_SETTLE;
        copy_object_step(object);
        return true;
    }
    if (verdict == VERDICT_COUNTED)
        copy_count(run, &delta);
    copy_object_free(object);
    return verdict != VERDICT_STOP;
}

void copy_launch(struct copy_run *run)
{
    struct copy_page *page;
    size_t looked_at = 0;
    arena_free(&run->round);
    arena_init(&run->round, COPY_OBJECT_ARENA_BYTES);
    run->destination.id = 0;
    run->wants_page = false;
    if (!find_destination(run))
        return;
    while (!run->listing_over && run->end_state == COPY_RUNNING && looked_at < ROUND_MAX &&
           (page = copy_listed_page(run)) != NULL) {
        while (page->at < page->count && looked_at++ < ROUND_MAX) {
            if (!take(run, &page->items[page->at]))
                return;
            page->at++;
        }
        if (page->at < page->count)
            break;
        if (page->reason != COPY_NO_REASON) {
            bool passes = copy_reason_passes(page->reason) || page->reason == COPY_PRINCIPAL_GONE ||
                          page->reason == COPY_SESSION_EXPIRED;
            copy_run_end(run, passes ? COPY_PAUSED : COPY_FAILED, page->reason, page->message);
            return;
        }
        run->listing_over = page->last;
        copy_listed_drop(run);
    }
    run->wants_page = !run->listing_over && looked_at < ROUND_MAX;
    if (looked_at >= ROUND_MAX) { /* there is more: come again at once */
        pthread_mutex_lock(&run->lock);
        run->poked = true;
        pthread_mutex_unlock(&run->lock);
    }
}

uint64_t copy_launch_due(struct copy_run *run, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;
    for (struct copy_object *object = run->active, *next; object != NULL; object = next) {
        next = object->next_active;
        if (object->phase != COPY_WAITS)
            continue;
        if (object->due_ns <= now_ns &&
            (run->busy == 0 || run->busy + object->weight <= run->at_once))
            copy_object_start(object);
        else if (object->due_ns > now_ns && object->due_ns < next_ns)
            next_ns = object->due_ns;
    }
    return next_ns;
}

void copy_launch_large(struct copy_run *run)
{
    struct copy_progress *progress = &run->job->progress;
    for (int i = 0; i < COPY_LARGE_MAX; i++) {
        struct copy_large *large = &progress->large[i];
        if (!span_present(large->key))
            continue;
        struct upload_id upload = large->upload;
        struct copy_entry entry = {.key = large->key,
            .etag_text = large->etag_text,
            .etag = copy_etag_of(large->etag_text),
            .size_bytes = large->size_bytes,
            .modified_ms = large->modified_ms,
            .failure = large->failure};
        struct copy_counters delta = {0};
        struct copy_object *object = copy_object_new(run, &entry);
        if (object == NULL || !find_destination(run)) {
            if (object != NULL)
                copy_object_free(object);
            copy_run_end(run, COPY_PAUSED, COPY_SOURCE_UNAVAILABLE, "not enough memory");
            return;
        }
        make_active(object);
        take_slot(object, i);
        large->upload = upload;
        if (compare(run, &entry, object->key, &delta) == VERDICT_COUNTED) { /* complete already */
            object->delta = delta;
            object->phase = COPY_CLOSING;
            object->weight = 0;
            object->then = COPY_SETTLE;
            copy_object_step(object);
        } else {
            copy_object_start(object);
        }
    }
}
