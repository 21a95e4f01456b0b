/* Finding uploads in the index, for reads and for the commit alike. */
#ifndef STORAGE_LOCAL_UPLOADS_H
#define STORAGE_LOCAL_UPLOADS_H

#include "storage/local/node.h"

struct engine_work;

/* out: ret_leaf borrows from ret_key; ret_record from the index. A completed upload is found.
 * err: NO_SUCH_UPLOAD, CORRUPT, IO */
enum storage_err upload_find(struct index_txn *txn, uint64_t bucket_id, struct span key,
    struct upload_id id, struct index_key *ret_key, struct span *ret_leaf,
    struct upload_record *ret_record) MUST_USE;

/* Takes out some uploads of buckets that are gone, or else, where completed is set, of completed ones that are due, in one commit, which run
 * makes. Their blobs are freed.
 * out: ret_more  there may be more
 * err: what run says; CORRUPT, IO, NO_MEMORY */
enum storage_err uploads_reclaim(struct index *index, bool completed,
    enum storage_err (*run)(void *ctx, struct engine_work *work), void *ctx,
    bool *ret_more) MUST_USE;

/* What a completed upload became. */
void upload_result_fill(const struct upload_record *record, struct object_info *ret_info);

#endif
