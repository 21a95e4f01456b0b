#include "daemon/stream.h"

#include <assert.h>

void stream_waker_init(struct stream_waker *waker)
{
    *waker = (struct stream_waker){0};
    pthread_mutex_init(&waker->lock, NULL);
}

void stream_waker_free(struct stream_waker *waker)
{
    assert(waker->resume == NULL);
    pthread_mutex_destroy(&waker->lock);
}

void stream_wake(struct stream_waker *waker)
{
    pthread_mutex_lock(&waker->lock);
    void (*resume)(void *) = waker->resume;
    void *ctx = waker->resume_ctx;
    waker->resume = NULL;
    waker->woken = resume == NULL;
    pthread_mutex_unlock(&waker->lock);
    /* Who waits stays until it is resumed, so it is still there. */
    if (resume != NULL)
        resume(ctx);
}

bool stream_open(
    struct stream *stream, const struct stream_source *source, atomic_size_t *count, size_t max)
{
    assert(stream->counted == NULL);
    if (atomic_fetch_add(count, 1) >= max) {
        atomic_fetch_sub(count, 1);
        return false;
    }
    stream->source = *source;
    stream->counted = count;
    return true;
}

void stream_close(struct stream *stream)
{
    if (stream->counted == NULL)
        return;
    if (stream->source.close != NULL)
        stream->source.close(stream->source.ctx);
    atomic_fetch_sub(stream->counted, 1);
    *stream = (struct stream){0};
}

enum stream_result stream_next(
    struct stream *stream, char *ret_bytes, size_t max_bytes, size_t *ret_len)
{
    struct stream_waker *waker = stream->source.waker;
    if (waker != NULL) {
        /* Whoever wakes from here on may have brought what next does not see yet. */
        pthread_mutex_lock(&waker->lock);
        waker->woken = false;
        pthread_mutex_unlock(&waker->lock);
    }
    size_t len = 0;
    enum stream_result result = stream->source.next(stream->source.ctx, ret_bytes, max_bytes, &len);
    bool kept = result == STREAM_DATA   ? len > 0 && len <= max_bytes
                : result == STREAM_WAIT ? waker != NULL
                                        : true;
    assert(kept);
    *ret_len = result == STREAM_DATA ? len : 0;
    return kept ? result : STREAM_BROKEN;
}

void stream_wait(struct stream *stream, void (*resume)(void *ctx), void *ctx)
{
    struct stream_waker *waker = stream->source.waker;
    pthread_mutex_lock(&waker->lock);
    assert(waker->resume == NULL);
    bool woken = waker->woken;
    waker->woken = false;
    if (!woken) {
        waker->resume = resume;
        waker->resume_ctx = ctx;
    }
    pthread_mutex_unlock(&waker->lock);
    if (woken)
        resume(ctx);
}
