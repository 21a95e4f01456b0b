/* Looks through a packed segment for the log's frames, in bounded steps: are those that the segment's row counts
 * all there, and whole? A frame tells where it ends, but not where the next one is, so each place where one could
 * begin is looked at. Frames whose commit failed, and such in uploaded copies of a segment, count too: so
 * there may be more bytes than the row has, but never less. */
#ifndef STORAGE_LOCAL_LOG_SCAN_H
#define STORAGE_LOCAL_LOG_SCAN_H

#include "storage/local/log.h"

enum { LOG_SCAN_WINDOW_BYTES = 1024 * 1024 };

struct log_scan {
    uint8_t store_id[16];
    uint64_t at_bytes, tail_bytes; /* looked at up to here; up to where */
    uint64_t found_bytes;          /* of whole frames */
};

/* Looks on for about max_bytes. Memory: a window, for the time of the call. err: IO, NO_MEMORY */
enum storage_err log_scan_step(
    struct segment *segment, uint64_t max_bytes, struct log_scan *scan) MUST_USE;

#endif
