/* A response body that is made while it is sent: zips, event streams, objects that come from elsewhere.
 *
 * Who makes it (the producer) fills in a struct stream_source and gives it to response_stream (request.h).
 * From then on it is pulled: next is called whenever the client has room for more.
 *
 *     enum stream_result next(void *ctx, char *ret_bytes, size_t max_bytes, size_t *ret_len)
 *
 *   STREAM_DATA    1 to max_bytes bytes are written, *ret_len says how many. max_bytes changes from call to
 *                  call; it is some KiB without, up to 256 KiB with a known length
 *   STREAM_WAIT    there is nothing now. next is called again after stream_wake(source.waker), and perhaps
 *                  without it, so it has to look whether there is something
 *   STREAM_END     the body is whole. With a known length that many bytes were given, else it counts as broken
 *   STREAM_BROKEN  it will never be whole: the connection is broken off, since the status is long sent, and
 *                  the client sees that something is missing
 *
 * Threads. next runs on an I/O thread, beside which hundreds of other connections wait for it: it must not
 * block. It may read the index and blobs, as operations of class INLINE do; it may take a lock that is held
 * for a few instructions; it must not write to a disk, wait for a commit, or speak to a network. What can
 * block is done by a thread of the producer's own, which keeps a bounded buffer and calls stream_wake.
 * next and close are never called at the same time. close is called once, on whatever thread has the request
 * then, after the last next: at the end, when the client is gone, when the daemon stops, when the response was
 * refused or replaced by an error. It must not block either, beyond such a lock: a thread that still works for
 * the stream is told to stop and frees what it shares itself, it is not joined.
 *
 * Memory. ctx is the producer's, from before response_stream until close; so is the waker, which usually lies
 * in it. stream_wake may be called from any thread, at any time while the waker's memory lives: early, late,
 * twice, after close. A thread that may outlive close has to see to it that the waker does, too.
 *
 * A client that goes away is noticed while data is sent, and within two seconds while the stream waits. One that
 * only shuts its sending side down counts as gone while the stream waits. */
#ifndef DAEMON_STREAM_H
#define DAEMON_STREAM_H

#include "base/span.h"

#include <pthread.h>
#include <stdatomic.h>

/* Of all connections, unless the setting `streams` says otherwise. */
enum { STREAMS_DEFAULT = 256 };

/* The length of a body of which it is not known: HTTP/1.1 sends it in chunks, HTTP/1.0 until the end. */
#define STREAM_LENGTH_UNKNOWN UINT64_MAX

enum stream_result { STREAM_DATA, STREAM_WAIT, STREAM_END, STREAM_BROKEN };

/* What wakes who waits for a producer. */
struct stream_waker {
    pthread_mutex_t lock;
    bool woken;                /* since the last next, while nobody waited */
    void (*resume)(void *ctx); /* NULL: nobody waits */
    void *resume_ctx;
};

void stream_waker_init(struct stream_waker *waker);
/* Nobody waits, and nobody wakes any more. */
void stream_waker_free(struct stream_waker *waker);
/* There is something to look at. Any thread; never blocks, calls neither next nor close. */
void stream_wake(struct stream_waker *waker);

struct stream_source {
    enum stream_result (*next)(void *ctx, char *ret_bytes, size_t max_bytes, size_t *ret_len);
    void (*close)(void *ctx); /* NULL: nothing to give back */
    void *ctx;
    struct stream_waker *waker; /* NULL: next never says STREAM_WAIT */
    bool endless; /* goes on for as long as the client listens, as events do: ends at once, and
                                   whole, when the daemon is told to stop. Others get drain_timeout */
};

/* A stream that a response holds; for who sends it (server.c, tests/ops). */
struct stream {
    struct stream_source source;
    atomic_size_t *counted; /* of all streams; NULL: there is none */
};

/* Room for one more? Then it is counted, and stream_close gives the room back. */
bool stream_open(struct stream *stream, const struct stream_source *source, atomic_size_t *count,
    size_t max) MUST_USE;
/* Closes the source and forgets it. Takes one that was never opened. */
void stream_close(struct stream *stream);
/* A source that breaks its contract counts as STREAM_BROKEN. */
enum stream_result stream_next(
    struct stream *stream, char *ret_bytes, size_t max_bytes, size_t *ret_len) MUST_USE;
/* After STREAM_WAIT: resume is called once, on any thread, perhaps before this returns. One waits at a time. */
void stream_wait(struct stream *stream, void (*resume)(void *ctx), void *ctx);

#endif
