/* Ids to positions, for the caches of a commit: open addressing, grows, forgotten with each batch.
 */
#ifndef STORAGE_LOCAL_ID_MAP_H
#define STORAGE_LOCAL_ID_MAP_H

#include "base/span.h"

struct id_map {
    struct id_slot {
        uint64_t id; /* 0: free */
        void *value;
    } * slots;
    size_t capacity; /* a power of two */
    size_t count;
};

void id_map_free(struct id_map *map);
void id_map_clear(struct id_map *map);
/* NULL when absent. id is never 0. */
void *id_map_get(const struct id_map *map, uint64_t id);
/* The id must be absent. err: false when memory runs out */
bool id_map_add(struct id_map *map, uint64_t id, void *value) MUST_USE;

#endif
