#include "base/clock.h"
#include "daemon/config.h"
#include "daemon/jobs/scrub_internal.h"
#include "daemon/log.h"

#define DAY_MS (24ll * 3600 * 1000)
enum {
    STEP_MAX_BYTES = 4 * 1024 * 1024,
    STEP_MIN_BYTES = 256 * 1024,
    RESUME_AFTER_MS = 10 * 1000, /* a start has other things to do first */
    LOG_KEY_BYTES = 200,
};
#define DEBT_MIN_S 0.005 /* shorter sleeps add up */

/* ---- waiting ---- */

/* With the lock. Wakes early when something is wanted. */
static void wait_ms(struct scrubber *scrubber, uint64_t ms)
{
    clock_wait(&scrubber->wake, &scrubber->lock, clock_monotonic_ns() + ms * NS_PER_MS);
}

/* The bytes that were read have their time: storage_scrub_step's go_on. */
static bool go_on(void *ctx, uint64_t bytes)
{
    struct scrubber *scrubber = ctx;
    pthread_mutex_lock(&scrubber->lock);
    if (scrubber->state.rate > 0)
        scrubber->debt_s += (double)bytes / (double)scrubber->state.rate;
    uint64_t end_ns = clock_monotonic_ns() + (uint64_t)(scrubber->debt_s * 1e9);
    if (scrubber->debt_s >= DEBT_MIN_S) {
        while (!scrubber->stop && !scrubber->cancelled &&
               clock_wait(&scrubber->wake, &scrubber->lock, end_ns))
            continue;
        scrubber->debt_s = 0;
    }
    bool on = !scrubber->stop && !scrubber->cancelled;
    pthread_mutex_unlock(&scrubber->lock);
    return on;
}

/* ---- findings ---- */

static void log_finding(const struct scrubber *scrubber, const struct scrub_finding *finding)
{
    struct span key = span_first(finding->key, LOG_KEY_BYTES);
    if (finding->bucket.len > 0)
        log_message(scrubber->daemon->log, LOG_ERROR, "damage: %.*s: %.*s/%.*s",
            SPAN_ARG(finding->what), SPAN_ARG(finding->bucket), SPAN_ARG(key));
    else
        log_message(scrubber->daemon->log, LOG_ERROR, "damage: %.*s", SPAN_ARG(finding->what));
}

static void report(void *ctx, const struct scrub_finding *finding)
{
    struct scrubber *scrubber = ctx;
    pthread_mutex_lock(&scrubber->lock);
    bool is_new = findings_add(scrubber, finding);
    pthread_mutex_unlock(&scrubber->lock);
    if (is_new)
        log_finding(scrubber, finding);
}

void scrubber_note(struct scrubber *scrubber, struct span bucket, struct span key, struct span what)
{
    struct scrub_finding finding = {
        .kind = SCRUB_CONTENT, .what = what, .bucket = bucket, .key = key};
    if (scrubber == NULL)
        return;
    report(scrubber, &finding);
    pthread_mutex_lock(&scrubber->lock);
    pthread_cond_signal(&scrubber->wake); /* to be kept */
    pthread_mutex_unlock(&scrubber->lock);
}

/* ---- a pass ---- */

static bool is_over(struct scrubber *scrubber)
{
    pthread_mutex_lock(&scrubber->lock);
    bool over = scrubber->stop || scrubber->cancelled;
    pthread_mutex_unlock(&scrubber->lock);
    return over;
}

static void save_now_and_then(struct scrubber *scrubber)
{
    int64_t now_ms = clock_unix_ms();
    pthread_mutex_lock(&scrubber->lock);
    bool due = scrubber->dirty || now_ms - scrubber->saved_ms >= SCRUB_SAVE_MS;
    pthread_mutex_unlock(&scrubber->lock);
    if (!due)
        return;
    scrub_save(scrubber);
    scrubber->saved_ms = now_ms;
}

static enum storage_err step(struct scrubber *scrubber, bool *ret_end)
{
    pthread_mutex_lock(&scrubber->lock);
    struct scrub_position position = scrubber->state.position;
    uint64_t bytes = scrubber->state.rate / 4;
    if (bytes > STEP_MAX_BYTES || scrubber->state.rate == 0)
        bytes = STEP_MAX_BYTES;
    if (bytes < STEP_MIN_BYTES)
        bytes = STEP_MIN_BYTES;
    pthread_mutex_unlock(&scrubber->lock);
    struct scrub_order order = {
        .max_bytes = bytes, .report = report, .go_on = go_on, .ctx = scrubber};
    enum storage_err err = storage_scrub_step(scrubber->daemon->store, &order, &position, ret_end);
    pthread_mutex_lock(&scrubber->lock);
    scrubber->state.position = position;
    pthread_mutex_unlock(&scrubber->lock);
    return err;
}

/* True: to its end. */
static bool run_steps(struct scrubber *scrubber)
{
    unsigned tries = 0;
    bool end = false;
    while (!end && !is_over(scrubber)) {
        enum storage_err err = step(scrubber, &end);
        save_now_and_then(scrubber);
        tries = err == STORAGE_OK || err == STORAGE_BUSY ? 0 : tries + 1;
        if (tries == 0)
            continue;
        if (tries == SCRUB_TRIES_MAX) {
            log_message(scrubber->daemon->log, LOG_ERROR, "scrub: it cannot go on: %s",
                storage_err_text(err));
            return false;
        }
        pthread_mutex_lock(&scrubber->lock);
        wait_ms(scrubber, SCRUB_RETRY_MS);
        pthread_mutex_unlock(&scrubber->lock);
    }
    return end;
}

/* With the lock. */
static void end_pass(struct scrubber *scrubber, bool complete)
{
    struct scrub_state *state = &scrubber->state;
    uint64_t days = scrubber->daemon->config->scrub_days;
    if (complete)
        findings_end_pass(scrubber);
    state->running = false;
    state->complete = complete;
    state->ended_ms = clock_unix_ms();
    state->due_ms = days > 0 ? state->ended_ms + (int64_t)days * DAY_MS : 0;
    scrubber->dirty = true;
}

static void run_pass(struct scrubber *scrubber)
{
    struct log *log = scrubber->daemon->log;
    log_message(log, LOG_INFO, "scrub: pass %llu, %s", (unsigned long long)scrubber->state.pass,
        scrubber->state.position.format == 0 ? "from the beginning" : "going on");
    bool complete = run_steps(scrubber);
    pthread_mutex_lock(&scrubber->lock);
    bool stops = scrubber->stop && !complete;
    if (!stops)
        end_pass(scrubber, complete);
    scrubber->cancelled = false;
    size_t findings = scrubber->finding_count;
    pthread_mutex_unlock(&scrubber->lock);
    if (!stops)
        log_message(log, findings > 0 ? LOG_ERROR : LOG_INFO, "scrub: pass %llu %s, %zu finding%s",
            (unsigned long long)scrubber->state.pass, complete ? "ended" : "was given up", findings,
            findings == 1 ? "" : "s");
}

/* With the lock. Is a pass to be run, or gone on with, now? */
static bool begins(struct scrubber *scrubber)
{
    struct scrub_state *state = &scrubber->state;
    bool due = state->due_ms != 0 && clock_unix_ms() >= state->due_ms;
    if (!state->running && !scrubber->wanted && !due)
        return false;
    uint64_t set = scrubber->daemon->config->scrub_rate;
    if (!state->running) {
        state->running = true;
        state->complete = false;
        state->pass++;
        state->began_ms = clock_unix_ms();
        state->ended_ms = 0;
        state->position = (struct scrub_position){0};
        state->rate = set;
        scrubber->dirty = true;
    }
    if (scrubber->wanted)
        state->rate = scrubber->wanted_rate == UINT64_MAX ? set : scrubber->wanted_rate;
    scrubber->wanted = scrubber->cancelled = false;
    scrubber->debt_s = 0;
    return true;
}

static void *scrub_main(void *arg)
{
    struct scrubber *scrubber = arg;
    pthread_mutex_lock(&scrubber->lock);
    if (scrubber->state.running && !scrubber->wanted && !scrubber->stop)
        wait_ms(scrubber, RESUME_AFTER_MS);
    while (!scrubber->stop) {
        bool runs = begins(scrubber);
        bool dirty = scrubber->dirty;
        pthread_mutex_unlock(&scrubber->lock);
        if (dirty)
            scrub_save(scrubber);
        if (runs)
            run_pass(scrubber);
        pthread_mutex_lock(&scrubber->lock);
        if (!scrubber->stop && !scrubber->wanted && !scrubber->dirty)
            wait_ms(scrubber, SCRUB_SAVE_MS);
    }
    pthread_mutex_unlock(&scrubber->lock);
    scrub_save(scrubber);
    return NULL;
}

/* ---- from outside ---- */

static void note_opening(struct scrubber *scrubber)
{
    struct storage_stats stats = {0};
    storage_stats(scrubber->daemon->store, &stats);
    struct scrub_finding finding = {.kind = SCRUB_INDEX,
        .what = SPAN(
            "the index was opened without its last commit, which had failed, or whose number is "
            "damaged: lakegate salvage knows it")};
    if (stats.lacks_last)
        report(scrubber, &finding);
}

struct scrubber *scrubber_new(const struct daemon *daemon)
{
    struct scrubber *scrubber = calloc(1, sizeof(*scrubber));
    if (scrubber == NULL)
        return NULL;
    scrubber->daemon = daemon;
    scrubber->next_id = 1;
    scrubber->findings = calloc(SCRUB_FINDINGS_MAX, sizeof(*scrubber->findings));
    pthread_mutex_init(&scrubber->lock, NULL);
    pthread_cond_init(&scrubber->wake, NULL);
    bool ok = scrubber->findings != NULL && scrub_load(scrubber);
    struct scrub_state *state = &scrubber->state;
    uint64_t days = daemon->config->scrub_days;
    if (days == 0)
        state->due_ms = 0;
    else if (state->due_ms == 0)
        state->due_ms =
            (state->ended_ms ? state->ended_ms : clock_unix_ms()) + (int64_t)days * DAY_MS;
    scrubber->saved_ms = clock_unix_ms();
    if (ok)
        note_opening(scrubber);
    scrubber->thread_runs =
        ok && pthread_create(&scrubber->thread, NULL, scrub_main, scrubber) == 0;
    if (scrubber->thread_runs)
        return scrubber;
    scrubber_free(scrubber);
    return NULL;
}

void scrubber_free(struct scrubber *scrubber)
{
    if (scrubber == NULL)
        return;
    pthread_mutex_lock(&scrubber->lock);
    scrubber->stop = true;
    pthread_cond_broadcast(&scrubber->wake);
    pthread_mutex_unlock(&scrubber->lock);
    if (scrubber->thread_runs)
        pthread_join(scrubber->thread, NULL);
    pthread_cond_destroy(&scrubber->wake);
    pthread_mutex_destroy(&scrubber->lock);
    free(scrubber->findings);
    free(scrubber);
}

void scrubber_start(struct scrubber *scrubber, uint64_t rate)
{
    pthread_mutex_lock(&scrubber->lock);
    if (scrubber->state.running && !scrubber->cancelled) {
        if (rate != UINT64_MAX)
            scrubber->state.rate = rate;
        scrubber->debt_s = 0;
    } else {
        scrubber->wanted_rate = rate;
    }
    scrubber->wanted |= !scrubber->state.running || scrubber->cancelled;
    pthread_cond_broadcast(&scrubber->wake);
    pthread_mutex_unlock(&scrubber->lock);
}

void scrubber_cancel(struct scrubber *scrubber)
{
    pthread_mutex_lock(&scrubber->lock);
    scrubber->cancelled = scrubber->state.running;
    scrubber->wanted = false;
    pthread_cond_broadcast(&scrubber->wake);
    pthread_mutex_unlock(&scrubber->lock);
}
