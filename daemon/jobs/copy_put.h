/* A request that a copy job makes of this gateway: PutObject, UploadPart, CopyObject and so on, through the same
 * pipeline as those that come by HTTP, as who the job acts as. So authorization, zones, digests, staging and
 * commits are theirs.
 *
 *     copy_put_start    as pipeline_begin: what can be refused before the body is
 *     copy_put_body     bytes of the body, which may have to wait for room
 *     copy_put_finish   after the last one; then events come until copy_put_settle says that it is over
 *     copy_put_free     whatever became of it
 *
 * One thread at a time. Events come on any thread, perhaps within the call, and do no more than to tell the thread
 * that works on the job. */
#ifndef DAEMON_JOBS_COPY_PUT_H
#define DAEMON_JOBS_COPY_PUT_H

#include "daemon/jobs/copy_actor.h"
#include "daemon/workers.h"

/* Tells the thread that works on the job that there is something to look at. mark (may be NULL) is called with
 * what, under the lock that ctx is freed under: so who sees the mark cannot free what the event still looks at. */
typedef void copy_event_fn(void *ctx, void (*mark)(void *what), void *what);

struct copy_put {
    struct job job; /* first: a worker gets this */
    struct request request;
    enum copy_actor_err actor; /* why it could not even be asked */
    _Atomic enum copy_put_state {
        COPY_PUT_NONE,
        COPY_PUT_BODY,      /* more is to come */
        COPY_PUT_DRAIN,     /* a worker still has bytes of it */
        COPY_PUT_LINE,      /* no worker took it: copy_put_settle tries again */
        COPY_PUT_WORK,      /* a worker has it, the store, or at first this thread */
        COPY_PUT_COMMITTED, /* the change is there, or refused */
        COPY_PUT_OVER,
    } state; /* set before the event that tells of it */
    /* In the line for room; being drained. It may not go before it was called. */
    atomic_bool waits, drains;
    copy_event_fn *event;
    void *ctx;
};

/* What is asked for. The texts are copied. */
struct copy_ask {
    const char *method;
    struct span target; /* as on the request line */
    const struct header *headers;
    size_t header_count;
    const struct lineage_end *fetched; /* NULL: none. Lives as long as the put */
};

/* err: of the request, in request.err too; the put is then to be freed */
enum s3_err copy_put_start(struct copy_put *put, struct copy_who *who, const struct copy_ask *ask,
    copy_event_fn *event, void *ctx) MUST_USE;

/* Takes bytes off the front of *input. *ret_wait: the rest has to wait, and event tells when to come again with it.
 * err: in request.err */
enum s3_err copy_put_body(struct copy_put *put, struct span *input, bool *ret_wait) MUST_USE;

void copy_put_finish(struct copy_put *put);

/* After an event (or some time, in state LINE). True: it is over; request.err and request.response tell. */
bool copy_put_settle(struct copy_put *put) MUST_USE;

/* False: somebody still works on it, or it waits in line; an event tells when to try again. Takes one that was never started. */
bool copy_put_free(struct copy_put *put) MUST_USE;

/* "/bucket/key" with this behind it ("?uploads", ""), percent-encoded, in the arena. */
struct span copy_target(
    struct arena *arena, struct span bucket, struct span key, const char *query);

#endif
