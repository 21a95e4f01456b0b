/* Mutations that share one commit. */
#ifndef STORAGE_LOCAL_BATCH_H
#define STORAGE_LOCAL_BATCH_H

#include "storage/local/commit.h"

struct batch {
    struct commit commit;
    size_t count;
    struct mutation *items[BATCH_MAX];
    enum storage_err
        refused[BATCH_MAX]; /* not OK: is left out, from the start or when the batch is replayed */
    struct stage *bodies[BATCH_MAX]; /* that it has to write; NULL: none */
};

/* Applies and commits as many of the items as one commit takes, in order, and sets their err; does
 * not complete them. Returns how many: at least one. *ret_committed: there was a change to commit.
 */
size_t batch_run(struct batch *batch, bool *ret_committed);

#endif
