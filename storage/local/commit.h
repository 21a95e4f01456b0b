/* One batch being committed: the write transaction and what is gathered beside it. Used by the
 * apply_*.c files and by the engine's own work (GC, compaction), on the committer's thread only.
 *
 * An apply checks everything first and changes then. One that returns an error after it has changed
 * something costs the batch its transaction: it is aborted, and run again without that mutation. */
#ifndef STORAGE_LOCAL_COMMIT_H
#define STORAGE_LOCAL_COMMIT_H

#include "storage/local/engine.h"
#include "storage/local/log.h"

enum { BUCKET_NAME_MAX_BYTES = 255 };

struct bucket_entry;
struct row_cache;
struct zone_cache;

struct commit {
    struct storage *storage;
    struct index_txn *txn;
    int64_t now_ms;
    uint64_t cache_changes; /* of what is gathered beside the index */
    uint64_t notes;     /* figures of refused mutations, which are written though nothing else is */
    struct buf value;   /* scratch for one encoded record */
    struct buf moved;   /* scratch for a record that changes its place */
    struct buf scratch; /* scratch of an apply */
    struct log_frame log;
    struct row_cache *buckets, *segments;
    struct zone_cache *zones;
    struct state_record state;
};

/* err: NO_MEMORY */
enum storage_err commit_init(struct commit *commit, struct storage *storage) MUST_USE;
void commit_free(struct commit *commit);
/* Begins a batch and its transaction; reads the state row. */
enum storage_err commit_begin(struct commit *commit) MUST_USE;
/* Log, sync, segment and bucket rows, commit. *ret_failure tells why the transaction is gone; on
 * NO_SPACE without a failure the log had no room. */
enum storage_err commit_end(struct commit *commit, enum index_failure *ret_failure) MUST_USE;
void commit_abort(struct commit *commit);
/* Of the index and of what is gathered beside it. */
uint64_t commit_changes(const struct commit *commit);

/* ---- records: encoded into commit->value, which the log may take from there ---- */

enum storage_err commit_put(struct commit *commit, enum table table, struct span key) MUST_USE;
enum storage_err commit_add(struct commit *commit, enum table table, struct span key) MUST_USE;

/* ---- buckets: a row is read once and written once in a batch ---- */

struct bucket_entry {
    struct bucket_record record; /* region borrows from here */
    size_t name_len;
    bool dirty, deleted;
    char name[BUCKET_NAME_MAX_BYTES + 1];
    char region[UINT8_MAX + 1];
};

/* The bucket with this name, if its id is that. The entry stays where it is for the batch.
 * err: NO_SUCH_BUCKET, CORRUPT, IO, NO_MEMORY */
enum storage_err commit_bucket(
    struct commit *commit, struct bucket_ref bucket, struct bucket_entry **ret_entry) MUST_USE;
/* By name alone. */
enum storage_err commit_bucket_named(
    struct commit *commit, struct span name, struct bucket_entry **ret_entry) MUST_USE;
/* A new bucket; the row is written at the end of the batch. */
enum storage_err commit_bucket_add(struct commit *commit, struct span name,
    const struct bucket_record *record, struct bucket_entry **ret_entry) MUST_USE;
/* By id alone. */
enum storage_err commit_bucket_of_id(
    struct commit *commit, uint64_t bucket_id, struct bucket_entry **ret_entry) MUST_USE;
/* Call after changing the record. */
void commit_bucket_changed(struct commit *commit, struct bucket_entry *entry);
/* Takes the row away. */
enum storage_err commit_bucket_delete(struct commit *commit, struct bucket_entry *entry) MUST_USE;

static inline struct span bucket_entry_name(const struct bucket_entry *entry)
{
    return span_of(entry->name, entry->name_len);
}

/* ---- segments: changes are gathered and written once, at the end of the batch ---- */

/* live_delta: extent_disk_bytes gained or lost. tail_bytes: the committed tail is at least this,
 * and what is new before it is synced with this commit; 0: nothing was written. Makes the row when
 * there is none. */
enum storage_err commit_segment_change(struct commit *commit, uint64_t segment_id, bool own_file,
    int64_t live_delta, uint64_t tail_bytes) MUST_USE;
/* Deletes the row at the end of the batch. err: NO_SUCH_KEY */
enum storage_err commit_segment_remove(struct commit *commit, uint64_t segment_id) MUST_USE;
/* What a scan found of a packed segment: where it ends, and how much of it is log. Makes the row when there is
 * none. */
enum storage_err commit_segment_found(
    struct commit *commit, uint64_t segment_id, uint64_t tail_bytes, uint64_t log_bytes) MUST_USE;
/* As this batch sees it so far. err: NO_SUCH_KEY */
enum storage_err commit_segment_get(
    struct commit *commit, uint64_t segment_id, struct segment_record *ret_record) MUST_USE;

/* ---- extents and blobs ---- */

/* Writes a new extent's row with this many references and counts it as live. */
enum storage_err commit_extent_add(
    struct commit *commit, const struct extent *extent, uint32_t references) MUST_USE;
/* err: CORRUPT when there is none; INVALID when it has too many */
enum storage_err commit_extent_refer(struct commit *commit, uint64_t extent_id) MUST_USE;
/* The extent lies elsewhere now (compaction): rewrites its row, moves its live bytes. */
enum storage_err commit_extent_move(
    struct commit *commit, const struct extent_record *old, const struct extent *moved) MUST_USE;
/* One reference less; the last one deletes the row, takes its live bytes out and sets *ret_gone. An
 * own file's segment row goes with it. */
enum storage_err commit_extent_drop(
    struct commit *commit, uint64_t extent_id, bool *ret_gone) MUST_USE;

enum storage_err commit_blob_get(
    struct commit *commit, uint64_t blob_id, struct blob_record *ret_record) MUST_USE;
/* Writes a blob row, and notes it in the log. */
enum storage_err commit_blob_put(
    struct commit *commit, uint64_t blob_id, const struct blob_record *record) MUST_USE;
/* One reference to a blob more. */
enum storage_err commit_blob_refer(struct commit *commit, uint64_t blob_id) MUST_USE;
/* One less; the last one deletes the blob row and queues FREED_BLOB. Blob 0: does nothing. */
enum storage_err commit_blob_drop(struct commit *commit, uint64_t blob_id) MUST_USE;
/* Queues what GC is to take apart. */
enum storage_err commit_freed_add(
    struct commit *commit, enum freed_kind kind, const struct freed_record *record) MUST_USE;
/* It is taken apart. One that is not there is none to remove. */
enum storage_err commit_freed_remove(
    struct commit *commit, enum freed_kind kind, uint64_t sequence) MUST_USE;

/* ---- uploads ---- */

/* Removes an upload's record whatever its state; an open one's blob is freed and the bucket's
 * count, where the bucket still is, lowered. err: NO_SUCH_UPLOAD */
enum storage_err commit_upload_remove(
    struct commit *commit, uint64_t bucket_id, struct span key, uint64_t blob_id) MUST_USE;

#endif
