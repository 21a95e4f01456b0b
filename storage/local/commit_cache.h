/* What a commit gathers beside the index and writes at its end: bucket rows and segment rows.
 * Private to commit_*.c. */
#ifndef STORAGE_LOCAL_COMMIT_CACHE_H
#define STORAGE_LOCAL_COMMIT_CACHE_H

#include "storage/local/commit.h"
#include "storage/local/row_cache.h"

struct row_cache *bucket_cache_new(void);
enum storage_err bucket_cache_flush(struct commit *commit) MUST_USE;

struct row_cache *segment_cache_new(void);
/* Counts a log frame in. */
enum storage_err commit_segment_log(
    struct commit *commit, uint64_t segment_id, uint64_t offset, uint64_t len) MUST_USE;
/* Syncs the packed segments that were written to. */
void segment_cache_sync(struct commit *commit);
/* Writes the rows and the totals of commit->state; seals what is no longer written to. */
enum storage_err segment_cache_flush(struct commit *commit) MUST_USE;

#endif
