#include "base/clock.h"
#include "base/encode.h"
#include "daemon/daemon.h"
#include "daemon/jobs/copy_run.h"
#include "daemon/pipeline.h"

#include <stdio.h>

enum { FAILURES_PAGE = 200, TOKEN_MAX_BYTES = 16 * 1024 };

void copy_listing_init(struct copy_listing *listing, struct copy_run *run, struct span after)
{
    *listing = (struct copy_listing){.run = run};
    buf_init(&listing->token, TOKEN_MAX_BYTES);
    after = span_first(after, KEY_MAX_BYTES);
    if (after.len > 0)
        memcpy(listing->after, after.ptr, after.len);
    listing->after_len = after.len;
}

void copy_listing_free(struct copy_listing *listing)
{
    buf_free(&listing->token);
}

void copy_page_free(struct copy_page *page)
{
    if (page == NULL)
        return;
    arena_free(&page->arena);
    free(page);
}

static struct copy_page *page_new(void)
{
    struct copy_page *page = calloc(1, sizeof(*page));
    if (page != NULL)
        arena_init(&page->arena, COPY_PAGE_ARENA_BYTES);
    return page;
}

static bool refuse(struct copy_page *page, enum copy_reason reason, const char *message)
{
    page->reason = reason;
    page->last = true;
    snprintf(page->message, sizeof(page->message), "%s", message);
    return true;
}

/* ---- a bucket elsewhere ---- */

static bool refuse_failure(struct copy_page *page, const struct remote_failure *failure)
{
    char message[COPY_MESSAGE_BYTES];
    enum copy_reason reason = COPY_SOURCE_NONSENSE;
    if (failure->err == REMOTE_NOT_FOUND)
        reason = COPY_SOURCE_NOT_FOUND;
    else if (failure->err == REMOTE_DENIED)
        reason = COPY_SOURCE_DENIED;
    else if (failure->err == REMOTE_NOT_ALLOWED)
        reason = COPY_SOURCE_NOT_ALLOWED;
    else if (remote_retryable(failure->err) || failure->err == REMOTE_CANCELLED)
        reason = COPY_SOURCE_UNAVAILABLE;
    else if (failure->err == REMOTE_NO_MEMORY)
        reason = COPY_INTERNAL;
    if (failure->status != 0)
        snprintf(message, sizeof(message), "the listing was answered with %d %s", failure->status,
            failure->code);
    else
        snprintf(message, sizeof(message), "the source %s", remote_text(failure->err));
    return refuse(page, reason, message);
}

/* False: the run stops. */
static bool wait_ms(struct copy_run *run, uint64_t ms)
{
    uint64_t until_ns = clock_monotonic_ns() + ms * NS_PER_MS;
    pthread_mutex_lock(&run->lock);
    while (!run->stopping && clock_wait(&run->room, &run->lock, until_ns))
        continue;
    bool go_on = !run->stopping;
    pthread_mutex_unlock(&run->lock);
    return go_on;
}

/* A page, or why there is none; tried again where that may help. False: the run stops */
static bool ask(struct copy_listing *listing, struct copy_page *page, struct remote_listing *found)
{
    struct copy_run *run = listing->run;
    struct remote_backoff backoff = {0};
    struct remote_failure failure;
    struct remote_list_query query = {.prefix = run->job->spec.source_prefix,
        .start_after = span_of(listing->after, listing->after_len),
        .token = listing->token.len > 0 ? buf_span(&listing->token) : SPAN_ABSENT,
        .max_keys = COPY_LIST_KEYS};
    for (;;) {
        enum remote_err err = remote_list(run->bucket, &page->arena, &query, found, &failure);
        uint64_t ms = 0;
        if (err == REMOTE_OK)
            return true;
        if (!remote_backoff_next(&backoff, &failure, COPY_TRIES_MAX, &ms))
            return refuse_failure(page, &failure);
        if (!wait_ms(run, ms))
            return false;
    }
}

static bool list_remote(struct copy_listing *listing, struct copy_page *page)
{
    struct remote_listing found;
    if (!ask(listing, page, &found))
        return false;
    if (page->reason != COPY_NO_REASON)
        return true;
    page->items = arena_array(&page->arena, struct copy_entry, found.count);
    if (page->items == NULL)
        return refuse(page, COPY_INTERNAL, "not enough memory");
    for (size_t i = 0; i < found.count; i++) {
        const struct remote_entry *entry = &found.entries[i];
        page->items[page->count++] = (struct copy_entry){.key = entry->key,
            .etag_text = entry->etag_text,
            .etag = entry->has_etag ? entry->etag : copy_etag_of(entry->etag_text),
            .size_bytes = entry->size_bytes,
            .modified_ms = entry->modified_ms};
    }
    page->last = !span_present(found.next_token);
    buf_clear(&listing->token);
    buf_add(&listing->token, found.next_token);
    return buf_ok(&listing->token) || refuse(page, COPY_SOURCE_NONSENSE, "a token is too long");
}

/* ---- a bucket here ---- */

/* May the actor list it, now? */
static bool may_list(struct copy_run *run, struct copy_page *page, uint64_t *ret_bucket_id)
{
    struct request request = {0};
    const struct copy_spec *spec = &run->job->spec;
    struct buf target CLEANUP(buf_free);
    buf_init(&target, 8 * 1024);
    buf_addf(&target, "/%.*s?list-type=2&prefix=", SPAN_ARG(spec->source_bucket));
    percent_encode(&target, spec->source_prefix, false);
    enum copy_actor_err actor = copy_who_begin(&run->who, &request);
    request.method_text = SPAN("GET");
    request.raw_target = buf_span(&target);
    if (actor == COPY_ACTOR_GONE)
        refuse(page, COPY_PRINCIPAL_GONE, "");
    else if (actor == COPY_ACTOR_EXPIRED)
        refuse(page, COPY_SESSION_EXPIRED, "");
    else if (actor != COPY_ACTOR_OK)
        refuse(page, COPY_INTERNAL, "the identity cannot be read");
    else if (pipeline_begin(&request) != S3_OK)
        refuse(page,
            request.err == S3_ERR_NO_SUCH_BUCKET  ? COPY_SOURCE_NOT_FOUND
            : request.err == S3_ERR_ACCESS_DENIED ? COPY_SOURCE_DENIED
                                                  : COPY_INTERNAL,
            s3_err_info(request.err)->code);
    *ret_bucket_id = request.bucket.id;
    request_free(&request);
    return page->reason == COPY_NO_REASON;
}

static bool list_local(struct copy_listing *listing, struct copy_page *page)
{
    struct copy_run *run = listing->run;
    struct list_query query = {.prefix = run->job->spec.source_prefix,
        .after = span_of(listing->after, listing->after_len),
        .max = COPY_LIST_KEYS};
    struct list_page found;
    if (!may_list(run, page, &query.bucket_id))
        return true;
    enum storage_err err = storage_list(run->daemon->store, &query, &page->arena, &found);
    if (err == STORAGE_NO_SUCH_BUCKET)
        return refuse(page, COPY_SOURCE_NOT_FOUND, "");
    page->items =
        err == STORAGE_OK ? arena_array(&page->arena, struct copy_entry, found.count) : NULL;
    if (page->items == NULL)
        return refuse(page, COPY_INTERNAL, storage_err_text(err));
    for (size_t i = 0; i < found.count; i++) {
        const struct object_info *info = &found.items[i].info;
        page->items[page->count++] = (struct copy_entry){.key = found.items[i].key,
            .etag_text = SPAN(""),
            .etag = info->attributes.etag,
            .size_bytes = info->size_bytes,
            .modified_ms = info->modified_ms,
            .version = info->version};
    }
    page->last = !found.truncated;
    return true;
}

struct copy_page *copy_listing_next(struct copy_listing *listing)
{
    struct copy_page *page = page_new();
    if (page == NULL)
        return NULL;
    bool good =
        listing->run->job->spec.local ? list_local(listing, page) : list_remote(listing, page);
    if (!good) {
        copy_page_free(page);
        return NULL;
    }
    if (page->count > 0) {
        struct span last = span_first(page->items[page->count - 1].key, KEY_MAX_BYTES);
        memcpy(listing->after, last.ptr, last.len);
        listing->after_len = last.len;
    }
    listing->over = page->last;
    return page;
}

/* ---- failures, to be tried again ---- */

static struct copy_page *failures_after(struct copy_run *run, uint64_t *after, uint64_t until)
{
    struct copy_page *page = page_new();
    struct copy_failure_page found = {0};
    if (page == NULL)
        return NULL;
    enum storage_err err = copy_failure_list(
        run->daemon->store, run->job->id, *after, FAILURES_PAGE, &page->arena, &found);
    page->items =
        err == STORAGE_OK ? arena_array(&page->arena, struct copy_entry, found.count) : NULL;
    if (page->items == NULL) {
        refuse(page, COPY_INTERNAL, "the failures cannot be read");
        return page;
    }
    for (size_t i = 0; i < found.count && found.items[i].number <= until; i++) {
        const struct copy_failure *failure = &found.items[i];
        *after = failure->number;
        page->items[page->count++] = (struct copy_entry){.key = failure->key,
            .etag_text = failure->etag_text,
            .etag = copy_etag_of(failure->etag_text),
            .size_bytes = failure->size_bytes,
            .modified_ms = failure->modified_ms,
            .failure = failure->number};
    }
    if (page->count < found.count || !found.truncated)
        *after = until;
    return page;
}

/* ---- the threads ---- */

/* False: the run stops, and the page is gone. */
static bool push(struct copy_run *run, struct copy_page *page)
{
    pthread_mutex_lock(&run->lock);
    while (!run->stopping && run->page_count >= COPY_PAGES_MAX)
        pthread_cond_wait(&run->room, &run->lock);
    bool go_on = !run->stopping;
    if (go_on) {
        if (run->last_page != NULL)
            run->last_page->next = page;
        else
            run->first_page = page;
        run->last_page = page;
        run->page_count++;
        pthread_cond_signal(&run->changed);
    }
    pthread_mutex_unlock(&run->lock);
    if (!go_on)
        copy_page_free(page);
    return go_on;
}

static void *list_ahead(void *ctx)
{
    struct copy_run *run = ctx;
    uint64_t after = run->retry_after, until = run->retry_until;
    bool listed = run->listed_before;
    struct copy_listing *listing = &run->listing;
    while (after < until) {
        struct copy_page *page = failures_after(run, &after, until);
        bool bad = page != NULL && page->reason != COPY_NO_REASON;
        if (page != NULL && after >= until && listed)
            page->last = true;
        if (page == NULL || !push(run, page) || bad)
            return NULL;
    }
    while (!listed && !listing->over) {
        struct copy_page *page = copy_listing_next(listing);
        if (page == NULL || !push(run, page))
            return NULL;
    }
    return NULL;
}

static void *count_ahead(void *ctx)
{
    struct copy_run *run = ctx;
    struct copy_job *job = run->job;
    struct copy_total total = {0};
    uint64_t looked_at = 0;
    struct copy_listing listing CLEANUP(copy_listing_free);
    copy_listing_init(&listing, run, SPAN(""));
    while (!listing.over && looked_at < COPY_COUNT_MAX) {
        struct copy_page *page = copy_listing_next(&listing);
        if (page == NULL || page->reason != COPY_NO_REASON) { /* the other listing says why */
            copy_page_free(page);
            return NULL;
        }
        for (size_t i = 0; i < page->count; i++) {
            const struct copy_entry *entry = &page->items[i];
            if (!copy_wanted(&job->spec, entry->key, entry->size_bytes, entry->modified_ms))
                continue;
            total.objects++;
            total.bytes += entry->size_bytes;
        }
        looked_at += page->count;
        total.complete = listing.over;
        copy_page_free(page);
        copy_job_set_total(job, &total);
        if (!wait_ms(run, 0))
            return NULL;
    }
    return NULL;
}

bool copy_listers_start(struct copy_run *run)
{
    const struct copy_progress *progress = &run->job->progress;
    run->retry_after = progress->retry_after;
    run->retry_until = progress->retry_until;
    run->listed_before = progress->listed;
    copy_listing_init(&run->listing, run, progress->after);
    run->lister_started = pthread_create(&run->lister, NULL, list_ahead, run) == 0;
    bool count = !run->job->spec.dry_run && !run->job->total.complete;
    run->counter_started = count && pthread_create(&run->counter, NULL, count_ahead, run) == 0;
    return run->lister_started;
}

void copy_listers_stop(struct copy_run *run)
{
    pthread_mutex_lock(&run->lock);
    run->stopping = true;
    pthread_cond_broadcast(&run->room);
    pthread_mutex_unlock(&run->lock);
    if (run->bucket != NULL)
        remote_bucket_break(run->bucket);
    if (run->lister_started)
        pthread_join(run->lister, NULL);
    if (run->counter_started)
        pthread_join(run->counter, NULL);
    while (run->first_page != NULL) {
        struct copy_page *page = run->first_page;
        run->first_page = page->next;
        copy_page_free(page);
    }
    copy_listing_free(&run->listing);
}

struct copy_page *copy_listed_page(struct copy_run *run)
{
    pthread_mutex_lock(&run->lock);
    struct copy_page *page = run->first_page;
    pthread_mutex_unlock(&run->lock);
    return page;
}

void copy_listed_drop(struct copy_run *run)
{
    pthread_mutex_lock(&run->lock);
    struct copy_page *page = run->first_page;
    run->first_page = page->next;
    if (run->first_page == NULL)
        run->last_page = NULL;
    run->page_count--;
    pthread_cond_broadcast(&run->room);
    pthread_mutex_unlock(&run->lock);
    copy_page_free(page);
}
