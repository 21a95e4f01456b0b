/* Bytes of a linked bucket's object into a stage of the store, digested and verified on the way: for CopyObject and
 * UploadPartCopy, which commit them as PutObject and UploadPart do. */
#ifndef DAEMON_OPS_LINK_FETCH_H
#define DAEMON_OPS_LINK_FETCH_H

#include "daemon/links.h"
#include "daemon/ops/copy_origin.h"

struct link_fetched {
    struct stage *stage; /* finished; NULL: nothing is in it. The caller's */
    uint64_t size_bytes;
    struct range_digest digest;
    struct span metadata;   /* as it is to be kept */
    struct lineage_end end; /* where it is from */
    int64_t modified_ms;
    uint64_t tag_count; /* that the source says it has */
};

/* For CLEANUP. */
static inline void link_fetched_free(struct link_fetched *fetched)
{
    stage_discard(fetched->stage);
}

/* What is wanted of the source. */
struct link_wanted {
    const struct copy_origin *origin; /* its conditions are asked of the source */
    const struct byte_range *range;   /* NULL: the whole object */
    enum digest_algo algo;            /* a checksum; DIGEST_NONE: none */
    const struct span *metadata;      /* that is kept instead of the source's; NULL: that */
};

/* Blocks: on the source and on the disk.
 * out: ret_fetched  zeroed by the caller
 * err: PRECONDITION_FAILED, NO_SUCH_KEY, INVALID_ARGUMENT (the range), INVALID_REQUEST (over 5 GiB),
 *      SERVICE_UNAVAILABLE, SLOW_DOWN, the store's faults */
enum s3_err link_fetch(struct request *request, const struct link *link,
    const struct link_wanted *wanted, struct link_fetched *ret_fetched) MUST_USE;

#endif
