/* Changes of the log, done again over an older index: each record of a frame becomes engine work, which batch_run
 * takes like any other. It uses what the apply_*.c files use, with the ids, versions and times of the log.
 *
 * What the log says has happened, so nothing is refused for a rule's sake. Where a part of the log is missing, a
 * record may speak of what nobody knows: then it is refused as a whole (NO_SUCH_BUCKET, NO_SUCH_UPLOAD …), or, where
 * only bytes are unknown, done with a blob that lacks them, which salvage then finds. */
#ifndef STORAGE_LOCAL_REDO_H
#define STORAGE_LOCAL_REDO_H

#include "storage/local/commit.h"

struct redo {
    struct engine_work work;
    struct mutation mutation; /* to be given to batch_run */
    struct log_entry entry;
    int64_t time_ms;  /* of its frame */
    bool made_bucket; /* nobody knew the bucket: its settings are lost */
};

/* The entry's bytes stay the caller's, and untouched until the batch is done. The redo must not move. */
void redo_init(struct redo *redo, const struct log_entry *entry, int64_t time_ms);
/* Takes a key with all its versions away. */
enum storage_err redo_remove_key(
    struct commit *commit, struct bucket_entry *bucket, struct span key) MUST_USE;

#endif
