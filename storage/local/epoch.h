/* Readers in flight. Epochs tell when every reader that could have seen an old state of the index
 * has either ended or pinned what it reads; pins tell which blobs are still read.
 *
 * Reader: epoch_enter; begin the read transaction; pin_add; segment_acquire; end it; epoch_leave.
 * GC: sees an entry in TABLE_FREED (so its commit is durable); e = epoch_advance(); once
 * epoch_passed(e), whoever saw the blob before it was freed has pinned it: with pin_count 0 it may
 * be taken apart. The same way a compacted segment is unlinked: after the commit that moved its
 * extents, advance, wait until passed. Thread-safe; no call blocks for longer than a list walk. */
#ifndef STORAGE_LOCAL_EPOCH_H
#define STORAGE_LOCAL_EPOCH_H

#include "base/span.h"

struct epochs;
struct epoch_slot;

/* NULL when memory runs out. */
struct epochs *epochs_new(void);
/* Takes NULL. */
void epochs_free(struct epochs *epochs);

/* Between the two a thread only reads the index and opens files; short. */
struct epoch_slot *epoch_enter(struct epochs *epochs);
void epoch_leave(struct epoch_slot *slot);

/* Begins a new epoch; returns the one that ended. */
uint64_t epoch_advance(struct epochs *epochs);
/* Is no reader in this epoch or an older one? */
bool epoch_passed(struct epochs *epochs, uint64_t epoch);

/* Part of whoever reads a blob; not moved while it is added. */
struct pin {
    uint64_t blob_id;
    struct pin *next, **link;
};

void pin_add(struct epochs *epochs, struct pin *pin, uint64_t blob_id);
/* A pin that was never added (zeroed) is no error. */
void pin_remove(struct epochs *epochs, struct pin *pin);
size_t pin_count(struct epochs *epochs, uint64_t blob_id);

#endif
