/* Memory that is freed all at once, such as a request's. Overflow (the maximum, out of memory) is
 * sticky: arena_alloc then returns NULL, and so does every later call. One thread at a time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/span.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used_bytes;
    size_t max_bytes;
    bool overflow;
};

/* Allocates nothing until the first use. */
void arena_init(struct arena *arena, size_t max_bytes);
/* Frees everything; the arena may be used again. */
void arena_free(struct arena *arena);

/* Aligned for any type, zeroed. A size of 0 gives a valid pointer. NULL on overflow. */
void *arena_alloc(struct arena *arena, size_t size_bytes);
#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_alloc_array((arena), sizeof(type), (count)))
void *arena_alloc_array(struct arena *arena, size_t item_bytes, size_t count);

/* A copy with a NUL after it, which the length does not count. Absent stays absent; absent on overflow. */
struct span arena_copy(struct arena *arena, struct span bytes);
/* The same with A to Z in lower case. */
struct span arena_lower(struct arena *arena, struct span text);
struct span arena_format(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
