/* Rows that a commit has read or changed, by id: forgotten with each batch, while their memory is kept for the next.
 * One thread. */
#ifndef STORAGE_LOCAL_ROW_CACHE_H
#define STORAGE_LOCAL_ROW_CACHE_H

#include "storage/local/id_map.h"

struct row_cache {
    struct id_map by_id;
    void **entries; /* entries[0 … used) are in use, to count the rest is spare */
    size_t entry_bytes, used, count, capacity;
};

/* NULL when memory runs out. */
struct row_cache *row_cache_new(size_t entry_bytes);
/* Takes NULL. */
void row_cache_free(struct row_cache *cache);
void row_cache_clear(struct row_cache *cache);
/* An entry for the id, which must be absent; its bytes are whatever they were. NULL when memory runs out. */
void *row_cache_add(struct row_cache *cache, uint64_t id);

#endif
