#include "daemon/intake.h"

#include <assert.h>
#include <pthread.h>

enum { BUFFERS_MAX = 2 };

struct intake {
    struct job job; /* first: a worker gets this */
    struct intake_options options;
    char *buffer; /* being filled; NULL: none is free */
    size_t len, capacity;
    struct stage *stage;        /* streamed */
    struct staging_place place; /* where the first buffer is waited for */
    bool place_taken;
    unsigned buffer_count; /* streamed: taken of the budget */

    pthread_mutex_t lock;
    pthread_cond_t written;
    /* Under the lock. */
    char *full[BUFFERS_MAX]; /* oldest first; each of `capacity` bytes */
    unsigned full_count;
    char *empty[BUFFERS_MAX];
    unsigned empty_count;
    bool working;     /* a worker has, or will have, the full ones */
    bool write_ended; /* of the oldest one */
    enum storage_err err;
    void (*wake)(void *ctx); /* when a buffer is empty */
    void *wake_ctx;
    void (*over)(void *ctx); /* when nobody works any more */
    void *over_ctx;
};

/* ---- the worker's side ---- */

static void on_written(void *ctx, enum storage_err err)
{
    struct intake *intake = ctx;
    pthread_mutex_lock(&intake->lock);
    if (err != STORAGE_OK)
        intake->err = err;
    intake->write_ended = true;
    pthread_cond_signal(&intake->written);
    pthread_mutex_unlock(&intake->lock);
}

/* The store's writer has the buffer while this thread digests it. */
static void write_and_digest(struct intake *intake, struct span bytes)
{
    intake->write_ended = false;
    enum storage_err err = stage_write_async(intake->stage, bytes, on_written, intake);
    if (err == STORAGE_BUSY) { /* its queue is full: we are a thread that may block */
        intake->write_ended = true;
        err = stage_write(intake->stage, bytes);
    }
    intake->options.digest(intake->options.digest_ctx, bytes);
    pthread_mutex_lock(&intake->lock);
    if (err != STORAGE_OK) {
        intake->write_ended = true;
        intake->err = err;
    }
    while (!intake->write_ended)
        pthread_cond_wait(&intake->written, &intake->lock);
    pthread_mutex_unlock(&intake->lock);
}

/* The oldest full buffer is empty now. */
static void empty_oldest(struct intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    intake->empty[intake->empty_count++] = intake->full[0];
    intake->full[0] = intake->full[1];
    intake->full_count--;
    void (*wake)(void *) = intake->wake;
    void *wake_ctx = intake->wake_ctx;
    intake->wake = NULL;
    pthread_mutex_unlock(&intake->lock);
    if (wake != NULL)
        wake(wake_ctx);
}

static void work(struct job *job)
{
    struct intake *intake = (struct intake *)job;
    for (;;) {
        pthread_mutex_lock(&intake->lock);
        if (intake->full_count == 0 || intake->err != STORAGE_OK) {
            intake->working = false;
            void (*over)(void *) = intake->over;
            void *over_ctx = intake->over_ctx;
            intake->over = NULL;
            pthread_mutex_unlock(&intake->lock);
            /* Unless somebody waits for the end, the intake may be gone from here on. */
            if (over != NULL)
                over(over_ctx);
            return;
        }
        struct span bytes = span_of(intake->full[0], intake->capacity);
        pthread_mutex_unlock(&intake->lock);
        write_and_digest(intake, bytes);
        empty_oldest(intake);
    }
}

/* ---- the receiver's side ---- */

static enum storage_err open_stage(struct intake *intake, uint64_t size_bytes)
{
    struct stage *stage = NULL;
    enum storage_err err = storage_stage_open(intake->options.store, size_bytes, &stage);
    if (err == STORAGE_OK && intake->options.compress)
        err = stage_compress(stage);
    if (err == STORAGE_OK)
        intake->stage = stage;
    else
        stage_discard(stage);
    return err;
}

enum storage_err intake_open(
    struct arena *arena, const struct intake_options *options, struct intake **ret_intake)
{
    struct intake *intake = arena_new(arena, struct intake);
    if (intake == NULL)
        return STORAGE_NO_MEMORY;
    intake->job.run = work;
    intake->options = *options;
    intake->capacity = (size_t)options->size_bytes;
    if (!options->in_memory && options->size_bytes > INTAKE_GATHER_MAX_BYTES) {
        intake->capacity = STAGE_BUFFER_BYTES;
        enum storage_err err =
            open_stage(intake, options->at_most ? STAGE_SIZE_UNKNOWN : options->size_bytes);
        if (err != STORAGE_OK)
            return err;
    }
    pthread_mutex_init(&intake->lock, NULL);
    pthread_cond_init(&intake->written, NULL);
    *ret_intake = intake;
    return STORAGE_OK;
}

bool intake_is_streamed(const struct intake *intake)
{
    return intake->stage != NULL;
}

/* The buffer is full: hands it on, and goes on with another if there is one. */
static enum storage_err turn_over(struct intake *intake)
{
    void *next = NULL;
    pthread_mutex_lock(&intake->lock);
    enum storage_err err = intake->err;
    bool call = !intake->working;
    if (err == STORAGE_OK) {
        intake->full[intake->full_count++] = TAKE(intake->buffer);
        intake->len = 0;
        intake->working = true;
        if (intake->empty_count > 0)
            next = intake->empty[--intake->empty_count];
    }
    pthread_mutex_unlock(&intake->lock);
    if (err != STORAGE_OK)
        return err;
    if (next == NULL && intake->buffer_count < BUFFERS_MAX &&
        staging_get(intake->options.staging, intake->capacity, &next) == STAGING_OK)
        intake->buffer_count++;
    intake->buffer = next;
    if (intake->options.workers == NULL) {
        work(&intake->job);
        return STORAGE_OK;
    }
    if (call && !workers_submit(intake->options.workers, &intake->job)) {
        intake->working = false; /* nobody else has it */
        return STORAGE_BUSY;
    }
    return STORAGE_OK;
}

static enum storage_err take_empty(struct intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    enum storage_err err = intake->err;
    if (intake->empty_count > 0)
        intake->buffer = intake->empty[--intake->empty_count];
    pthread_mutex_unlock(&intake->lock);
    return err;
}

static enum storage_err first_buffer(struct intake *intake)
{
    void *memory = NULL;
    enum staging_result result = STAGING_OK;
    if (intake->place_taken) {
        intake->place_taken = false;
        memory = TAKE(intake->place.memory);
        if (memory == NULL)
            return STORAGE_BUSY; /* the wait was cancelled */
    } else {
        result = staging_get(intake->options.staging, intake->capacity, &memory);
    }
    intake->buffer = memory;
    intake->buffer_count = memory != NULL;
    return result == STAGING_NO_MEMORY ? STORAGE_NO_MEMORY : STORAGE_OK;
}

enum storage_err intake_room(struct intake *intake, size_t *ret_room)
{
    enum storage_err err = STORAGE_OK;
    if (intake->stage != NULL && intake->buffer != NULL && intake->len == intake->capacity)
        err = turn_over(intake);
    if (err == STORAGE_OK && intake->buffer == NULL)
        err = intake->buffer_count > 0 ? take_empty(intake) : first_buffer(intake);
    if (err != STORAGE_OK)
        return err;
    *ret_room = intake->buffer != NULL ? intake->capacity - intake->len : 0;
    return STORAGE_OK;
}

void intake_add(struct intake *intake, struct span bytes)
{
    if (bytes.len == 0)
        return;
    memcpy(intake->buffer + intake->len, bytes.ptr, bytes.len);
    intake->len += bytes.len;
}

void intake_wait(struct intake *intake, void (*wake)(void *ctx), void *ctx)
{
    if (intake->buffer_count > 0) {
        pthread_mutex_lock(&intake->lock);
        bool now = intake->empty_count > 0 || !intake->working;
        if (!now) {
            intake->wake = wake;
            intake->wake_ctx = ctx;
        }
        pthread_mutex_unlock(&intake->lock);
        if (now)
            wake(ctx);
        return;
    }
    intake->place_taken = true;
    intake->place = (struct staging_place){.bytes = intake->capacity, .wake = wake, .ctx = ctx};
    staging_wait(intake->options.staging, &intake->place);
}

struct span intake_gathered(const struct intake *intake)
{
    return span_of(intake->buffer != NULL ? intake->buffer : "", intake->len);
}

/* ---- the end ---- */

bool intake_busy(struct intake *intake, void (*over)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&intake->lock);
    bool busy = intake->working;
    if (busy) {
        intake->over = over;
        intake->over_ctx = ctx;
    }
    pthread_mutex_unlock(&intake->lock);
    return busy;
}

enum storage_err intake_drain(struct intake *intake)
{
    assert(!intake->working);
    if (intake->stage != NULL && intake->err == STORAGE_OK)
        intake->options.digest(intake->options.digest_ctx, intake_gathered(intake));
    return intake->err;
}

static void release_buffers(struct intake *intake)
{
    struct staging *staging = intake->options.staging;
    staging_put(staging, TAKE(intake->buffer), intake->capacity);
    staging_put(staging, TAKE(intake->place.memory), intake->capacity);
    while (intake->full_count > 0)
        staging_put(staging, intake->full[--intake->full_count], intake->capacity);
    while (intake->empty_count > 0)
        staging_put(staging, intake->empty[--intake->empty_count], intake->capacity);
}

enum storage_err intake_finish(struct intake *intake, struct stage **ret_stage)
{
    enum storage_err err = intake->err;
    if (err == STORAGE_OK && intake->stage == NULL && intake->len > 0)
        err = open_stage(intake, intake->len);
    if (err == STORAGE_OK && intake->len > 0)
        err = stage_write(intake->stage, intake_gathered(intake));
    release_buffers(intake);
    intake->len = 0;
    if (err == STORAGE_OK && intake->stage != NULL)
        err = stage_finish(intake->stage);
    if (err == STORAGE_OK)
        *ret_stage = TAKE(intake->stage);
    return err;
}

void intake_close(struct intake *intake)
{
    if (intake == NULL)
        return;
    assert(!intake->working);
    release_buffers(intake);
    stage_discard(TAKE(intake->stage));
    pthread_cond_destroy(&intake->written);
    pthread_mutex_destroy(&intake->lock);
}
