/* A bounded pool of threads for operations that may block. Thread-safe. */
#ifndef DAEMON_WORKERS_H
#define DAEMON_WORKERS_H

#include "base/span.h"

struct workers;

/* A job lives in what it works for: no memory is taken to queue it. */
struct job {
    void (*run)(struct job *job);
    struct job *next; /* the pool's */
};

enum { WORKER_STACK_BYTES = 256 * 1024 };

/* NULL when threads or memory run out. */
struct workers *workers_new(size_t thread_count, size_t queue_max);
/* Runs what is queued, then ends the threads. Takes NULL. */
void workers_free(struct workers *workers);

/* False when the queue is full; the job is then the caller's still. */
bool workers_submit(struct workers *workers, struct job *job) MUST_USE;

struct workers_stats {
    size_t threads, busy, queued;
};
void workers_stats(struct workers *workers, struct workers_stats *ret_stats);

#endif
