/* The one thread that changes the index: takes what is queued, applies it in one transaction, makes
 * data and index durable, completes the waiters. There is no timer: it commits as soon as it is
 * free. */
#ifndef STORAGE_LOCAL_COMMITTER_H
#define STORAGE_LOCAL_COMMITTER_H

#include "storage/local/engine.h"

enum storage_err committer_start(struct storage *storage) MUST_USE;
/* Commits what is queued, then stops and frees storage->committer. Does nothing when it is NULL. */
void committer_stop(struct storage *storage);
/* commits, mutations, batch_sizes, queue_depth. */
void committer_figures(const struct storage *storage, struct storage_stats *stats);

#endif
