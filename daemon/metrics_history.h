/* What was counted, over time: a sample every ten seconds for a day, in a ring of fixed size, for the console's
 * charts. It begins anew with the daemon; who wants more has Prometheus. A thread of its own takes the samples.
 * Thread-safe. */
#ifndef DAEMON_METRICS_HISTORY_H
#define DAEMON_METRICS_HISTORY_H

#include "base/buf.h"

#include <stdint.h>

struct daemon;
struct metrics_history;

enum {
    HISTORY_INTERVAL_S = 10,
    HISTORY_SAMPLES = 24 * 3600 / HISTORY_INTERVAL_S,
    HISTORY_TEXT_MAX_BYTES = 4 * 1024 * 1024,
};

/* Empty; the daemon's metrics, store and connections outlive it. NULL when memory runs out. */
struct metrics_history *metrics_history_new(const struct daemon *daemon);
/* Begins to sample, once. False: no more threads. */
bool metrics_history_start(struct metrics_history *history);
/* Takes NULL. */
void metrics_history_free(struct metrics_history *history);

/* Takes a sample now, of all since the last; for the thread, and for tests. */
void metrics_history_sample(struct metrics_history *history, int64_t now_s);

/* {"interval_s":10,"columns":["time_s",…],"rows":[[…],…]}, the oldest first; rows of later than since_s. */
void metrics_history_write(struct metrics_history *history, int64_t since_s, struct buf *out);

/* The quantile of a histogram in microseconds, by the share of the bucket that it lies in; 0 without any.
 * in:  counts  METRICS_LATENCY_BUCKETS of them; per_mille  0 to 1000 */
uint64_t metrics_history_quantile_us(const uint64_t *counts, unsigned per_mille);

#endif
