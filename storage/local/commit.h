/* One batch being committed: the write transaction and what is gathered beside it. Used by the
 * apply_*.c files and by the engine's own work (GC, compaction), on the committer's thread only.
 *
 * An apply first checks everything, then changes: after its first change it returns only OK or an
 * error that index_failure() explains, for which the whole batch is aborted and replayed. */
#ifndef STORAGE_LOCAL_COMMIT_H
#define STORAGE_LOCAL_COMMIT_H

#include "storage/local/engine.h"

struct bucket_cache;
struct segment_cache;

struct commit {
    struct storage *storage;
    struct index_txn *txn;
    int64_t now_ms;
    struct buf value; /* scratch for one encoded record */
    struct buf moved; /* scratch for a record that changes its place */
    struct buf log;   /* records of the frame */
    uint32_t log_count;
    struct bucket_cache *buckets;
    struct segment_cache *segments;
    struct state_record state;
};

/* ---- segments: changes are gathered and written once, at the end of the batch ---- */

/* live_delta: extent_disk_bytes gained or lost. tail_bytes: the committed tail is at least this.
 * Makes the row when there is none. */
enum storage_err commit_segment_change(struct commit *commit, uint64_t segment_id, bool own_file,
    int64_t live_delta, uint64_t tail_bytes) MUST_USE;
/* Deletes the row at the end of the batch. */
enum storage_err commit_segment_remove(struct commit *commit, uint64_t segment_id) MUST_USE;
/* As this batch sees it so far. err: NO_SUCH_KEY */
enum storage_err commit_segment_get(
    struct commit *commit, uint64_t segment_id, struct segment_record *ret_record) MUST_USE;

/* ---- extents and blobs ---- */

/* Writes a new extent's row with this many references and counts it as live. */
enum storage_err commit_extent_add(
    struct commit *commit, const struct extent *extent, uint32_t references) MUST_USE;
/* The extent lies elsewhere now (compaction): rewrites its row, moves its live bytes. */
enum storage_err commit_extent_move(
    struct commit *commit, const struct extent_record *old, const struct extent *moved) MUST_USE;
/* One reference less; the last one deletes the row, takes its live bytes out and sets *ret_gone. An
 * own file's segment row goes with it. */
enum storage_err commit_extent_drop(
    struct commit *commit, uint64_t extent_id, bool *ret_gone) MUST_USE;

/* One reference to a blob less; the last one deletes the blob row and queues FREED_BLOB. 0: does
 * nothing. */
enum storage_err commit_blob_drop(struct commit *commit, uint64_t blob_id) MUST_USE;
/* Queues what GC is to take apart. */
enum storage_err commit_freed_add(
    struct commit *commit, enum freed_kind kind, const struct freed_record *record) MUST_USE;

/* ---- uploads ---- */

/* Removes an upload's record whatever its state; an open one's blob is freed. Leaves the bucket's
 * count alone when bucket is gone. err: NO_SUCH_UPLOAD */
enum storage_err commit_upload_remove(
    struct commit *commit, uint64_t bucket_id, struct span key, uint64_t blob_id) MUST_USE;

#endif
