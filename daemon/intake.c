#include "daemon/intake.h"

#include <pthread.h>

struct intake {
    struct staging *staging;
    uint64_t size_bytes; /* declared */
    char *buffer;        /* being filled; NULL before the first byte */
    size_t len, capacity;

    struct stage *stage; /* NULL: gathered in memory */
    char *spare;         /* the second buffer, while none is being written */

    struct staging_place place; /* waiting for the first buffer */
    void (*wake)(void *ctx);    /* waiting for a write; under the lock */
    void *wake_ctx;
    bool place_taken;

    pthread_mutex_t lock;
    pthread_cond_t written;
    char *writing; /* under the lock; NULL: no write is under way */
    enum storage_err write_err;
};

enum storage_err intake_open(struct arena *arena, struct storage *store, struct staging *staging,
    uint64_t size_bytes, bool in_memory, struct intake **ret_intake)
{
    struct intake *intake = arena_new(arena, struct intake);
    if (intake == NULL)
        return STORAGE_NO_MEMORY;
    intake->staging = staging;
    intake->size_bytes = size_bytes;
    intake->capacity = (size_t)size_bytes;
    if (!in_memory && size_bytes > INTAKE_GATHER_MAX_BYTES) {
        intake->capacity = STAGE_BUFFER_BYTES;
        enum storage_err err = storage_stage_open(store, size_bytes, &intake->stage);
        if (err != STORAGE_OK)
            return err;
    }
    pthread_mutex_init(&intake->lock, NULL);
    pthread_cond_init(&intake->written, NULL);
    *ret_intake = intake;
    return STORAGE_OK;
}

static void on_written(void *ctx, enum storage_err err)
{
    struct intake *intake = ctx;
    pthread_mutex_lock(&intake->lock);
    if (err != STORAGE_OK)
        intake->write_err = err;
    intake->spare = TAKE(intake->writing);
    void (*wake)(void *) = intake->wake;
    void *wake_ctx = intake->wake_ctx;
    intake->wake = NULL;
    pthread_cond_signal(&intake->written);
    pthread_mutex_unlock(&intake->lock);
    /* The intake may be gone from here on, but only when nobody waits for it. */
    if (wake != NULL)
        wake(wake_ctx);
}

/* The buffer is full: hands it to the writer, if that is free, and goes on with the other. */
static enum storage_err turn_over(struct intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    enum storage_err err = intake->write_err;
    bool busy = intake->writing != NULL;
    if (err == STORAGE_OK && !busy)
        intake->writing = intake->buffer;
    pthread_mutex_unlock(&intake->lock);
    if (err != STORAGE_OK || busy)
        return err;
    char *full = intake->buffer;
    struct span bytes = span_of(full, intake->len);
    void *next = TAKE(intake->spare);
    if (next == NULL && staging_get(intake->staging, intake->capacity, &next) != STAGING_OK)
        next = NULL; /* then the one that is being written serves again */
    intake->buffer = next;
    intake->len = 0;
    err = stage_write_async(intake->stage, bytes, on_written, intake);
    if (err != STORAGE_OK) {
        intake->writing = NULL;
        staging_put(intake->staging, full, intake->capacity);
    }
    return err;
}

/* A written buffer that comes back when there is none to fill. */
static enum storage_err reclaim(struct intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    enum storage_err err = intake->write_err;
    if (intake->writing == NULL)
        intake->buffer = TAKE(intake->spare);
    pthread_mutex_unlock(&intake->lock);
    return err;
}

static bool is_streaming(struct intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    bool has = intake->writing != NULL || intake->spare != NULL;
    pthread_mutex_unlock(&intake->lock);
    return has;
}

static enum storage_err first_buffer(struct intake *intake)
{
    if (intake->place_taken) {
        intake->place_taken = false;
        intake->buffer = TAKE(intake->place.memory);
        return intake->buffer != NULL ? STORAGE_OK : STORAGE_BUSY;
    }
    void *memory = NULL;
    enum staging_result result = staging_get(intake->staging, intake->capacity, &memory);
    intake->buffer = memory;
    return result == STAGING_NO_MEMORY ? STORAGE_NO_MEMORY : STORAGE_OK;
}

enum storage_err intake_room(struct intake *intake, size_t *ret_room)
{
    enum storage_err err = STORAGE_OK;
    if (intake->stage != NULL && intake->buffer != NULL && intake->len == intake->capacity)
        err = turn_over(intake);
    if (err == STORAGE_OK && intake->buffer == NULL)
        err =
            intake->stage != NULL && is_streaming(intake) ? reclaim(intake) : first_buffer(intake);
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
    if (intake->stage != NULL && is_streaming(intake)) {
        pthread_mutex_lock(&intake->lock);
        bool busy = intake->writing != NULL;
        if (busy) {
            intake->wake = wake;
            intake->wake_ctx = ctx;
        }
        pthread_mutex_unlock(&intake->lock);
        if (!busy)
            wake(ctx);
        return;
    }
    intake->place_taken = true;
    intake->place = (struct staging_place){.bytes = intake->capacity, .wake = wake, .ctx = ctx};
    staging_wait(intake->staging, &intake->place);
}

struct span intake_gathered(const struct intake *intake)
{
    return span_of(intake->buffer != NULL ? intake->buffer : "", intake->len);
}

static enum storage_err wait_for_write(struct intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    while (intake->writing != NULL)
        pthread_cond_wait(&intake->written, &intake->lock);
    enum storage_err err = intake->write_err;
    pthread_mutex_unlock(&intake->lock);
    return err;
}

static void release_buffers(struct intake *intake)
{
    staging_put(intake->staging, TAKE(intake->buffer), intake->capacity);
    staging_put(intake->staging, TAKE(intake->spare), intake->capacity);
    staging_put(intake->staging, TAKE(intake->place.memory), intake->capacity);
}

enum storage_err intake_finish(
    struct intake *intake, struct storage *store, struct stage **ret_stage)
{
    enum storage_err err = STORAGE_OK;
    if (intake->stage != NULL)
        err = wait_for_write(intake);
    else if (intake->len > 0)
        err = storage_stage_open(store, intake->size_bytes, &intake->stage);
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

bool intake_busy(struct intake *intake, void (*gone)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&intake->lock);
    bool busy = intake->writing != NULL;
    if (busy) {
        intake->wake = gone;
        intake->wake_ctx = ctx;
    }
    pthread_mutex_unlock(&intake->lock);
    return busy;
}

void intake_close(struct intake *intake)
{
    if (intake == NULL)
        return;
    release_buffers(intake);
    stage_discard(TAKE(intake->stage));
    pthread_cond_destroy(&intake->written);
    pthread_mutex_destroy(&intake->lock);
}
