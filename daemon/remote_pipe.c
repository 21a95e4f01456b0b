#include "daemon/remote_pipe.h"

#include "daemon/remote_internal.h"

struct remote_pipe {
    atomic_uint references; /* who reads, and the engine until on_end */
    struct remote_read *read;
    struct stream_waker waker;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    bool head_over, paused, ended;
    struct arena *arena; /* of the object; until head_over or ended */
    struct remote_object *object;
    struct remote_failure failure;
    size_t from, used; /* of the ring */
    char ring[REMOTE_PIPE_BYTES];
};

static void release(struct remote_pipe *pipe)
{
    if (atomic_fetch_sub(&pipe->references, 1) != 1)
        return;
    remote_read_free(pipe->read);
    stream_waker_free(&pipe->waker);
    pthread_cond_destroy(&pipe->changed);
    pthread_mutex_destroy(&pipe->lock);
    free(pipe);
}

static bool on_head(void *ctx, const struct remote_object *object)
{
    struct remote_pipe *pipe = ctx;
    pthread_mutex_lock(&pipe->lock);
    bool kept = remote_object_copy(pipe->arena, object, pipe->object);
    pipe->head_over = kept;
    pthread_cond_signal(&pipe->changed);
    pthread_mutex_unlock(&pipe->lock);
    return kept;
}

static void put(struct remote_pipe *pipe, struct span bytes)
{
    size_t to = (pipe->from + pipe->used) % REMOTE_PIPE_BYTES;
    size_t first = bytes.len < REMOTE_PIPE_BYTES - to ? bytes.len : REMOTE_PIPE_BYTES - to;
    memcpy(pipe->ring + to, bytes.ptr, first);
    memcpy(pipe->ring, bytes.ptr + first, bytes.len - first);
    pipe->used += bytes.len;
}

static enum http_take on_body(void *ctx, struct span bytes)
{
    struct remote_pipe *pipe = ctx;
    pthread_mutex_lock(&pipe->lock);
    pipe->paused = bytes.len > REMOTE_PIPE_BYTES - pipe->used;
    bool taken = !pipe->paused;
    if (taken)
        put(pipe, bytes);
    pthread_cond_signal(&pipe->changed);
    pthread_mutex_unlock(&pipe->lock);
    if (taken)
        stream_wake(&pipe->waker);
    return taken ? HTTP_TAKEN : HTTP_PAUSE;
}

static void on_end(void *ctx, const struct remote_failure *failure)
{
    struct remote_pipe *pipe = ctx;
    pthread_mutex_lock(&pipe->lock);
    pipe->failure = *failure;
    pipe->ended = true;
    pthread_cond_signal(&pipe->changed);
    pthread_mutex_unlock(&pipe->lock);
    stream_wake(&pipe->waker);
    release(pipe);
}

static struct remote_pipe *pipe_new(struct arena *arena, struct remote_object *object)
{
    struct remote_pipe *pipe = malloc(sizeof(*pipe));
    if (pipe == NULL)
        return NULL;
    memset(pipe, 0, offsetof(struct remote_pipe, ring)); /* the ring is written before it is read */
    atomic_init(&pipe->references, 2);
    pipe->arena = arena;
    pipe->object = object;
    stream_waker_init(&pipe->waker);
    if (pthread_mutex_init(&pipe->lock, NULL) != 0 || pthread_cond_init(&pipe->changed, NULL) != 0)
        abort(); /* on Linux only attributes can make these fail */
    return pipe;
}

enum remote_err remote_pipe_open(struct remote_bucket *bucket, const struct remote_get *get,
    struct arena *arena, struct remote_object *ret_object, struct remote_pipe **ret_pipe,
    struct remote_failure *ret_failure)
{
    static const struct remote_read_events events = {on_head, on_body, on_end};
    *ret_failure = (struct remote_failure){.err = REMOTE_NO_MEMORY};
    struct remote_pipe *pipe = pipe_new(arena, ret_object);
    if (pipe == NULL)
        return REMOTE_NO_MEMORY;
    pipe->read = remote_read_start(bucket, get, &events, pipe, ret_failure);
    if (pipe->read == NULL) {
        atomic_fetch_sub(&pipe->references, 1);
        release(pipe);
        return ret_failure->err;
    }
    pthread_mutex_lock(&pipe->lock);
    while (!pipe->head_over && !pipe->ended)
        pthread_cond_wait(&pipe->changed, &pipe->lock);
    bool good = pipe->head_over;
    if (!good)
        *ret_failure = pipe->failure;
    pthread_mutex_unlock(&pipe->lock);
    if (good) {
        *ret_pipe = pipe;
        return REMOTE_OK;
    }
    if (arena->overflow)
        ret_failure->err = REMOTE_NO_MEMORY;
    remote_pipe_close(pipe);
    return ret_failure->err;
}

/* Under the lock. */
static size_t take(struct remote_pipe *pipe, char *to, size_t max_bytes)
{
    size_t len = pipe->used < max_bytes ? pipe->used : max_bytes;
    size_t first = len < REMOTE_PIPE_BYTES - pipe->from ? len : REMOTE_PIPE_BYTES - pipe->from;
    memcpy(to, pipe->ring + pipe->from, first);
    memcpy(to + first, pipe->ring, len - first);
    pipe->from = (pipe->from + len) % REMOTE_PIPE_BYTES;
    pipe->used -= len;
    return len;
}

/* Under the lock: is there room enough to go on? */
static bool stop_pausing(struct remote_pipe *pipe)
{
    bool resume = pipe->paused && pipe->used <= REMOTE_PIPE_BYTES / 2;
    if (resume)
        pipe->paused = false;
    return resume;
}

enum remote_err remote_pipe_read(
    struct remote_pipe *pipe, void *ret_bytes, size_t max_bytes, size_t *ret_len)
{
    pthread_mutex_lock(&pipe->lock);
    while (pipe->used == 0 && !pipe->ended)
        pthread_cond_wait(&pipe->changed, &pipe->lock);
    *ret_len = take(pipe, ret_bytes, max_bytes);
    enum remote_err err = *ret_len > 0 ? REMOTE_OK : pipe->failure.err;
    bool resume = stop_pausing(pipe);
    pthread_mutex_unlock(&pipe->lock);
    if (resume)
        remote_read_resume(pipe->read);
    return err;
}

static enum stream_result next(void *ctx, char *ret_bytes, size_t max_bytes, size_t *ret_len)
{
    struct remote_pipe *pipe = ctx;
    pthread_mutex_lock(&pipe->lock);
    *ret_len = take(pipe, ret_bytes, max_bytes);
    enum stream_result result = STREAM_DATA;
    if (*ret_len == 0)
        result = !pipe->ended                     ? STREAM_WAIT
                 : pipe->failure.err == REMOTE_OK ? STREAM_END
                                                  : STREAM_BROKEN;
    bool resume = stop_pausing(pipe);
    pthread_mutex_unlock(&pipe->lock);
    if (resume)
        remote_read_resume(pipe->read);
    return result;
}

static void close_stream(void *ctx)
{
    remote_pipe_close(ctx);
}

struct stream_source remote_pipe_stream(struct remote_pipe *pipe)
{
    return (struct stream_source){
        .next = next, .close = close_stream, .ctx = pipe, .waker = &pipe->waker};
}

void remote_pipe_close(struct remote_pipe *pipe)
{
    if (pipe == NULL)
        return;
    pthread_mutex_lock(&pipe->lock);
    bool ended = pipe->ended;
    pthread_mutex_unlock(&pipe->lock);
    if (!ended)
        remote_read_cancel(pipe->read);
    release(pipe);
}
