/* Helpers of the listings. */
#ifndef STORAGE_LOCAL_PAGE_H
#define STORAGE_LOCAL_PAGE_H

#include "base/arena.h"
#include "storage/local/index.h"

/* Items in an arena with room for one more than count, growing by a factor so that a short page
 * stays small and a long one is copied little. *capacity begins at 0. Where the arena overflows,
 * the old items. */
void *page_grow(struct arena *arena, void *items, size_t item_bytes, size_t count, size_t *capacity,
    size_t max) MUST_USE;

/* err: NO_SUCH_BUCKET */
enum storage_err bucket_must_exist(struct index_txn *txn, uint64_t bucket_id) MUST_USE;

#endif
