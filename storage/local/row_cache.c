#include "storage/local/row_cache.h"

#include <stdlib.h>

struct row_cache *row_cache_new(size_t entry_bytes)
{
    struct row_cache *cache = calloc(1, sizeof(*cache));
    if (cache)
        cache->entry_bytes = entry_bytes;
    return cache;
}

void row_cache_free(struct row_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < cache->count; i++)
        free(cache->entries[i]);
    free(cache->entries);
    id_map_free(&cache->by_id);
    free(cache);
}

void row_cache_clear(struct row_cache *cache)
{
    cache->used = 0;
    id_map_clear(&cache->by_id);
}

static void *spare_entry(struct row_cache *cache)
{
    if (cache->used < cache->count)
        return cache->entries[cache->used];
    if (cache->count == cache->capacity) {
        size_t capacity = cache->capacity ? cache->capacity * 2 : 16;
        void **entries = realloc(cache->entries, capacity * sizeof(void *));
        if (!entries)
            return NULL;
        cache->entries = entries;
        cache->capacity = capacity;
    }
    void *entry = malloc(cache->entry_bytes);
    if (entry)
        cache->entries[cache->count++] = entry;
    return entry;
}

void *row_cache_add(struct row_cache *cache, uint64_t id)
{
    void *entry = spare_entry(cache);
    if (!entry || !id_map_add(&cache->by_id, id, entry))
        return NULL;
    cache->used++;
    return entry;
}
