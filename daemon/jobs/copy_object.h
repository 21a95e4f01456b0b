/* Which objects are copied part by part. Private to daemon/jobs/copy*.c. */
#ifndef DAEMON_JOBS_COPY_OBJECT_H
#define DAEMON_JOBS_COPY_OBJECT_H

#include "daemon/jobs/copy_run.h"
#include "daemon/ops/object_common.h"

/* It came to be in parts, or is more than one PUT takes. */
static inline bool copy_is_parts(const struct copy_entry *entry)
{
    bool by_etag = entry->etag.part_count != 0 && entry->etag.part_count != COPY_ETAG_HASHED;
    return by_etag || entry->size_bytes > OBJECT_PUT_MAX_BYTES;
}

#endif
