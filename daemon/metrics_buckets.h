/* Requests by bucket, where the setting metrics_buckets asks for it: so many buckets have counters of their own, the
 * first that are used; others count together. Only buckets that exist are counted, so no client fills it with names.
 * Thread-safe. */
#ifndef DAEMON_METRICS_BUCKETS_H
#define DAEMON_METRICS_BUCKETS_H

#include "base/buf.h"
#include "daemon/request.h"

enum { METRICS_BUCKETS_MAX = 1000 };

struct metrics_buckets;

/* NULL when max is 0, and when memory runs out. */
struct metrics_buckets *metrics_buckets_new(size_t max);
/* Takes NULL. */
void metrics_buckets_free(struct metrics_buckets *buckets);

/* Counts a finished request. Takes NULL. */
void metrics_buckets_request(
    struct metrics_buckets *buckets, const struct request *request, uint64_t bytes_out);
/* Takes NULL: then there is nothing. */
void metrics_buckets_write(struct metrics_buckets *buckets, struct storage *store, struct buf *out);

#endif
