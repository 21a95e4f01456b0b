#include "daemon/intake.h"

#include <assert.h>
#include <pthread.h>

/* Two make a pipeline; more take up what threads lose to each other where processors are few. */
enum { BUFFERS_WANTED = 2, BUFFERS_MAX = 4 };

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
    /* Under the lock. */
    char *full[BUFFERS_MAX]; /* oldest first; each of `capacity` bytes */
    unsigned full_count;
    unsigned digested_count,
        written_count; /* of the full ones, the oldest; done with both is empty */
    char *empty[BUFFERS_MAX];
    unsigned empty_count;
    bool digesting; /* a worker has, or will have, those that are not digested */
    bool writing;   /* the store has the first that is not written */
    enum storage_err err;
    void (*wake)(void *ctx); /* when a buffer is empty */
    void *wake_ctx;
    void (*over)(void *ctx); /* when nobody works any more */
    void *over_ctx;
};

/* ---- those who work on full buffers: a worker digests, the store writes, each at its own pace ---- */

static bool works(const struct intake *intake)
{
    return intake->digesting || intake->writing;
}

/* Ends a turn that was begun under the lock: buffers that both have done with are empty now. Unless somebody waits
 * for it, the intake may be gone from here on if nobody works any more. */
static void end_turn(struct intake *intake)
{
    void (*wake)(void *) = NULL, (*over)(void *) = NULL;
    void *wake_ctx = intake->wake_ctx, *over_ctx = intake->over_ctx;
    while (intake->digested_count > 0 && intake->written_count > 0) {
        intake->empty[intake->empty_count++] = intake->full[0];
        intake->full_count--, intake->digested_count--, intake->written_count--;
        memmove(intake->full, intake->full + 1, intake->full_count * sizeof intake->full[0]);
    }
    if (intake->empty_count > 0 || !works(intake))
        wake = TAKE(intake->wake);
    if (!works(intake))
        over = TAKE(intake->over);
    pthread_mutex_unlock(&intake->lock);
    if (wake != NULL)
        wake(wake_ctx);
    if (over != NULL)
        over(over_ctx);
}

static struct span full_span(const struct intake *intake, unsigned at)
{
    return span_of(intake->full[at], intake->capacity);
}

static void on_written(void *ctx, enum storage_err err);

/* Under the lock: gives the store the next buffer, if it has none and there is one. Where the store's queue is full
 * it comes about by a later turn; a worker may not leave it to one, and writes itself. */
static void write_next(struct intake *intake, bool may_block)
{
    while (!intake->writing && intake->err == STORAGE_OK &&
           intake->written_count < intake->full_count) {
        struct span bytes = full_span(intake, intake->written_count);
        intake->writing = true;
        enum storage_err err = stage_write_async(intake->stage, bytes, on_written, intake);
        if (err == STORAGE_OK)
            return;
        if (err == STORAGE_BUSY && may_block) {
            pthread_mutex_unlock(&intake->lock);
            err = stage_write(intake->stage, bytes);
            pthread_mutex_lock(&intake->lock);
            intake->written_count += err == STORAGE_OK;
        }
        intake->writing = false;
        if (err == STORAGE_BUSY && !may_block)
            return;
        if (err != STORAGE_OK)
            intake->err = err;
    }
}

/* On the store's thread, which may block. */
static void on_written(void *ctx, enum storage_err err)
{
    struct intake *intake = ctx;
    pthread_mutex_lock(&intake->lock);
    intake->writing = false;
    if (err == STORAGE_OK)
        intake->written_count++;
    else
        intake->err = err;
    write_next(intake, true);
    end_turn(intake);
}

static void work(struct job *job)
{
    struct intake *intake = (struct intake *)job;
    pthread_mutex_lock(&intake->lock);
    for (;;) {
        write_next(intake, true);
        if (intake->digested_count == intake->full_count || intake->err != STORAGE_OK)
            break;
        struct span bytes = full_span(intake, intake->digested_count);
        pthread_mutex_unlock(&intake->lock);
        intake->options.digest(intake->options.digest_ctx, bytes);
        pthread_mutex_lock(&intake->lock);
        intake->digested_count++;
        intake->digesting = true;
        end_turn(intake);
        /* A large body takes long, and small ones that wait for a thread would wait for all of it. */
        if (intake->options.workers != NULL && workers_give_way(intake->options.workers, job))
            return;
        pthread_mutex_lock(&intake->lock);
    }
    intake->digesting = false;
    end_turn(intake);
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
    intake->job.client = options->client;
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
    *ret_intake = intake;
    return STORAGE_OK;
}

bool intake_is_streamed(const struct intake *intake)
{
    return intake->stage != NULL;
}

/* Who receives is also who works: in tests. */
static enum storage_err work_here(struct intake *intake)
{
    struct span bytes = span_of(intake->buffer, intake->len);
    intake->options.digest(intake->options.digest_ctx, bytes);
    intake->len = 0;
    return intake->err = stage_write(intake->stage, bytes);
}

/* Memory for one more buffer: what a pipeline needs if there is any, and more while the budget is hardly used. */
static char *another_buffer(struct intake *intake)
{
    void *memory = NULL;
    bool may = intake->buffer_count < BUFFERS_WANTED ||
               (intake->buffer_count < BUFFERS_MAX && staging_is_spare(intake->options.staging));
    if (may && staging_get(intake->options.staging, intake->options.client, intake->capacity,
                   &memory) == STAGING_OK)
        intake->buffer_count++;
    return memory;
}

/* The buffer is full: hands it on, and goes on with another if there is one. */
static enum storage_err turn_over(struct intake *intake)
{
    if (intake->options.workers == NULL)
        return work_here(intake);
    char *next = NULL;
    pthread_mutex_lock(&intake->lock);
    enum storage_err err = intake->err;
    bool call = err == STORAGE_OK && !intake->digesting;
    if (err == STORAGE_OK) {
        intake->full[intake->full_count++] = TAKE(intake->buffer);
        intake->len = 0;
        intake->digesting = true;
        write_next(intake, false);
        if (intake->empty_count > 0)
            next = intake->empty[--intake->empty_count];
    }
    pthread_mutex_unlock(&intake->lock);
    if (err != STORAGE_OK)
        return err;
    intake->buffer = next != NULL ? next : another_buffer(intake);
    if (!call || workers_submit(intake->options.workers, &intake->job))
        return STORAGE_OK;
    pthread_mutex_lock(&intake->lock);
    intake->digesting = false;
    intake->err = STORAGE_BUSY;
    pthread_mutex_unlock(&intake->lock);
    return STORAGE_BUSY;
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
        result =
            staging_get(intake->options.staging, intake->options.client, intake->capacity, &memory);
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
        bool now = intake->empty_count > 0 || !works(intake);
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
    intake->place = (struct staging_place){
        .client = intake->options.client, .bytes = intake->capacity, .wake = wake, .ctx = ctx};
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
    bool busy = works(intake);
    if (busy) {
        intake->over = over;
        intake->over_ctx = ctx;
    }
    pthread_mutex_unlock(&intake->lock);
    return busy;
}

enum storage_err intake_drain(struct intake *intake)
{
    assert(!works(intake));
    if (intake->err == STORAGE_OK)
        intake->options.digest(intake->options.digest_ctx, intake_gathered(intake));
    return intake->err;
}

static void release_buffers(struct intake *intake)
{
    struct staging *staging = intake->options.staging;
    staging_put(staging, intake->options.client, TAKE(intake->buffer), intake->capacity);
    staging_put(staging, intake->options.client, TAKE(intake->place.memory), intake->capacity);
    while (intake->full_count > 0)
        staging_put(
            staging, intake->options.client, intake->full[--intake->full_count], intake->capacity);
    while (intake->empty_count > 0)
        staging_put(staging, intake->options.client, intake->empty[--intake->empty_count],
            intake->capacity);
}

bool intake_lends(const struct intake *intake)
{
    return intake->stage == NULL && !intake->options.compress &&
           intake->len <= STAGE_LENT_MAX_BYTES;
}

enum storage_err intake_finish(struct intake *intake, struct stage **ret_stage)
{
    enum storage_err err = intake->err;
    if (err == STORAGE_OK && intake->len > 0 && intake_lends(intake))
        return storage_stage_lend(intake->options.store, intake_gathered(intake), ret_stage);
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
    assert(!works(intake));
    release_buffers(intake);
    stage_discard(TAKE(intake->stage));
    pthread_mutex_destroy(&intake->lock);
}
