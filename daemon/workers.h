/* A bounded pool of threads for operations that may block. Of threads and of places in the queue no client has more
 * than three quarters (shares.h): its jobs wait, and those of others pass them by. Thread-safe. */
#ifndef DAEMON_WORKERS_H
#define DAEMON_WORKERS_H

#include "base/span.h"
#include "daemon/shares.h"

struct workers;

/* A job lives in what it works for: no memory is taken to queue it. */
struct job {
    void (*run)(struct job *job);
    uint32_t client;  /* whose it is; CLIENT_NOBODY */
    struct job *next; /* the pool's */
};

enum { WORKER_STACK_BYTES = 256 * 1024 };

/* NULL when threads or memory run out. */
struct workers *workers_new(size_t thread_count, size_t queue_max);
/* Runs what is queued, then ends the threads. Takes NULL. */
void workers_free(struct workers *workers);

/* False when the queue is full, or the client's share of it; the job is then the caller's still. */
bool workers_submit(struct workers *workers, struct job *job) MUST_USE;
/* Of a job that runs: if others wait it goes to the end of the queue, and true is returned: its run must end at once,
 * without touching it. */
bool workers_give_way(struct workers *workers, struct job *job) MUST_USE;

struct workers_stats {
    size_t threads, busy, queued;
};
void workers_stats(struct workers *workers, struct workers_stats *ret_stats);

#endif
