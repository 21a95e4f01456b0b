/* Where a copy job has a version from, as an edge of lineage (LINEAGE_COPIED): the source's URL and ETag, and the
 * job. By it "the same" is known where the ETag here is another, and after a crash what the job has done
 * already. Reads the index; does not block. Any thread. */
#ifndef DAEMON_JOBS_COPY_LINEAGE_H
#define DAEMON_JOBS_COPY_LINEAGE_H

#include "base/arena.h"
#include "storage/storage_lineage.h"

/* part_count of an ETag that is none of S3's form: md5 is then that of its text. */
#define COPY_ETAG_HASHED UINT32_MAX
enum { COPY_URL_MAX_BYTES = 4096 };

/* An ETag as a source sent it, with or without quotes. */
struct etag copy_etag_of(struct span text);

/* The other end: url absent for a bucket of this gateway. */
struct lineage_end copy_lineage_end(uint64_t job_id, struct span url, const struct etag *etag);

struct copy_seen {
    bool exists;
    bool same;   /* the ETag here, or one that it was copied from, is this */
    bool by_job; /* this job wrote it, from this ETag */
    struct object_info info;
};

/* What is there under a key, compared with a source's ETag.
 * in:  job_id    since_ms  that job's beginning: what is older it has not written
 *      local     the source when it is a version here; NULL: it is elsewhere
 * err: what the store says */
enum storage_err copy_look(struct storage *store, uint64_t bucket_id, struct span key,
    const struct etag *etag, uint64_t job_id, int64_t since_ms, const struct version *local,
    struct arena *arena, struct copy_seen *ret_seen) MUST_USE;

#endif
