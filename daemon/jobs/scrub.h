/* The background scrub: passes over everything at rest, now and then or when asked for, throttled, with what they
 * find. A thread of its own; where it is, and what was found, is kept as records, so a pass goes on after a
 * restart. Damage that a request meets is a finding, too. Any thread may call anything. */
#ifndef DAEMON_JOBS_SCRUB_H
#define DAEMON_JOBS_SCRUB_H

#include "base/buf.h"
#include "daemon/daemon.h"

struct json;
struct scrubber;

enum {
    SCRUB_FINDINGS_MAX = 1000, /* kept; as many more are logged, all are counted */
    SCRUB_WHAT_BYTES = 300,
    SCRUB_SAVE_MS = 30 * 1000, /* how often the position is kept */
    SCRUB_TRIES_MAX = 5,       /* of a step that could not be made */
    SCRUB_RETRY_MS = 5000,
};

/* Reads the records and starts the thread. daemon: store, log and config are there. NULL: no memory, or the records
 * cannot be read. */
struct scrubber *scrubber_new(const struct daemon *daemon);
/* Waits until the thread has kept where it is. Takes NULL. */
void scrubber_free(struct scrubber *scrubber);

/* A pass now; the one under way, if there is one, goes on. rate: bytes a second; 0: as fast as it can;
 * UINT64_MAX: as it is set. */
void scrubber_start(struct scrubber *scrubber, uint64_t rate);
/* Gives up the pass under way. */
void scrubber_cancel(struct scrubber *scrubber);

/* A request has met damage. Takes NULL. Never blocks on the disk. */
void scrubber_note(
    struct scrubber *scrubber, struct span bucket, struct span key, struct span what);

/* What GET /-/scrub answers. */
void scrubber_write(struct scrubber *scrubber, struct buf *out);
/* The same in short, for /-/status and /-/metrics; NULL: nothing. */
void scrubber_status(struct scrubber *scrubber, struct json *json);
void scrubber_metrics(struct scrubber *scrubber, struct buf *out);

#endif
