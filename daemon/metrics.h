/* What the daemon counts, and its text form for Prometheus. Counters are sharded by processor and
 * never locked: counting costs a few uncontended additions. Thread-safe. */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include "base/buf.h"
#include "daemon/request.h"

struct metrics;

enum { METRICS_LATENCY_BUCKETS = 14, METRICS_TEXT_MAX_BYTES = 1024 * 1024 };

/* NULL when memory runs out. */
struct metrics *metrics_new(void);
/* Takes NULL. */
void metrics_free(struct metrics *metrics);

/* Counts a finished request. Takes NULL metrics. */
void metrics_request(struct metrics *metrics, const struct request *request, uint64_t bytes_out,
    uint64_t duration_ns);

/* The whole page. */
void metrics_write(struct metrics *metrics, const struct daemon *daemon, struct buf *out);

/* Requests finished since start, by class of status 1 to 5, for the status page. */
void metrics_totals(struct metrics *metrics, uint64_t ret_classes[static 6]);

#endif
