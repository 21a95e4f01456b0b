/* What the daemon counts, and its text form for Prometheus. Counters are sharded by processor and
 * never locked: counting costs a few uncontended additions. Thread-safe. */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include "base/buf.h"
#include "daemon/request.h"

struct metrics;

enum { METRICS_LATENCY_BUCKETS = 14, METRICS_TEXT_MAX_BYTES = 2 * 1024 * 1024 };

/* in:  buckets  so many buckets are counted by themselves; 0: none
 * out: NULL when memory runs out */
struct metrics *metrics_new(size_t buckets);
/* Takes NULL. */
void metrics_free(struct metrics *metrics);

/* Counts a finished request. Takes NULL metrics. */
void metrics_request(struct metrics *metrics, const struct request *request, uint64_t bytes_out,
    uint64_t duration_ns);

/* The whole page.
 * in:  names  with what names buckets, where they are counted */
void metrics_write(
    struct metrics *metrics, const struct daemon *daemon, bool names, struct buf *out);

/* What requests do to objects. */
enum metrics_group {
    GROUP_READ,
    GROUP_WRITE,
    GROUP_DELETE,
    GROUP_LIST,
    GROUP_OTHER,
    METRICS_GROUPS
};

struct metrics_sums {
    uint64_t requests[METRICS_GROUPS];
    uint64_t classes[6]; /* of status */
    uint64_t latency[METRICS_LATENCY_BUCKETS];
    uint64_t bytes_in, bytes_out;
};
/* All since start. Takes NULL metrics. */
void metrics_sum(struct metrics *metrics, struct metrics_sums *ret_sums);
/* Where a bucket of latencies ends, in microseconds; UINT64_MAX for the last. */
uint64_t metrics_latency_end_us(size_t bucket);

/* Requests finished since start, by class of status 1 to 5, for the status page. */
void metrics_totals(struct metrics *metrics, uint64_t ret_classes[static 6]);

#endif
