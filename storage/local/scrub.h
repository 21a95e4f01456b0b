/* storage_scrub_step's parts. scrub.c: the phases, and the bytes of extents and the log; scrub_index.c: the index, which a child
 * process reads; scrub_names.c: whose bytes are damaged.
 *
 * What is read may be deleted, moved or given back meanwhile. An extent's file is open before the epoch is left
 * in which its row was read; what then looks damaged is looked at again while GC stands still, and is none when
 * its row is gone or nothing but freed blobs refers to it. */
#ifndef STORAGE_LOCAL_SCRUB_H
#define STORAGE_LOCAL_SCRUB_H

#include "storage/local/engine.h"

enum {
    SCRUB_FORMAT = 1,
    SCRUB_LINE_BYTES = 300,
    SCRUB_ROWS = 4096,           /* of the index, in one read transaction of the child */
    SCRUB_NAMES_ROWS = 2000,     /* looked at in one read transaction */
    SCRUB_NAMES_MAX = 4096,      /* damaged blobs whose objects are named */
    SCRUB_STUCK_MS = 120 * 1000, /* so long the child may say nothing */
    SCRUB_NICE = 10,
};

enum scrub_phase {
    SCRUB_PHASE_INDEX,
    SCRUB_PHASE_BYTES,
    SCRUB_PHASE_LOG,
    SCRUB_PHASE_NAMES,
    SCRUB_PHASE_END,
};

struct scrub {
    struct storage *storage;
    const struct scrub_order *order;
    struct scrub_position *position;
};

void scrub_report(struct scrub *scrub, enum scrub_kind kind, const char *format, ...)
    PRINTF_LIKE(3, 4);
bool scrub_go_on(struct scrub *scrub, uint64_t bytes) MUST_USE;

/* The whole phase; begins anew when it is called again. err: BUSY, NO_MEMORY, IO */
enum storage_err scrub_index(struct scrub *scrub) MUST_USE;
enum storage_err scrub_names(struct scrub *scrub) MUST_USE;

#endif
