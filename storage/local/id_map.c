#include "storage/local/id_map.h"

enum { FIRST_CAPACITY = 64 };

void id_map_free(struct id_map *map)
{
    free(map->slots);
    *map = (struct id_map){0};
}

void id_map_clear(struct id_map *map)
{
    if (map->count > 0)
        memset(map->slots, 0, map->capacity * sizeof(*map->slots));
    map->count = 0;
}

/* The id's slot, or the free one where it would be. */
static struct id_slot *find(const struct id_map *map, uint64_t id)
{
    size_t at = (size_t)((id * 0x9e3779b97f4a7c15) >> 32) & (map->capacity - 1);
    while (map->slots[at].id != 0 && map->slots[at].id != id)
        at = (at + 1) & (map->capacity - 1);
    return &map->slots[at];
}

void *id_map_get(const struct id_map *map, uint64_t id)
{
    return map->count > 0 ? find(map, id)->value : NULL;
}

static bool grow(struct id_map *map)
{
    struct id_map bigger = {.capacity = map->capacity ? map->capacity * 2 : FIRST_CAPACITY};
    bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].id != 0)
            *find(&bigger, map->slots[i].id) = map->slots[i];
    bigger.count = map->count;
    free(map->slots);
    *map = bigger;
    return true;
}

bool id_map_add(struct id_map *map, uint64_t id, void *value)
{
    if (2 * (map->count + 1) > map->capacity && !grow(map))
        return false;
    *find(map, id) = (struct id_slot){id, value};
    map->count++;
    return true;
}
