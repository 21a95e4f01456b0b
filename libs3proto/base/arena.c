#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>

/* The first block fits an ordinary request; later ones double, so that a block list stays short. */
enum { ARENA_FIRST_BLOCK_BYTES = 4096, ARENA_BLOCK_MAX_BYTES = 256 * 1024 };

struct arena_block {
    struct arena_block *older;
    size_t size; /* of bytes[] */
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

void arena_init(struct arena *arena, size_t max_bytes)
{
    *arena = (struct arena){.max_bytes = max_bytes};
}

void arena_free(struct arena *arena)
{
    struct arena_block *block = arena->blocks;
    while (block != NULL) {
        struct arena_block *older = block->older;
        free(block);
        block = older;
    }
    *arena = (struct arena){.max_bytes = arena->max_bytes};
}

/* needed has been checked against the maximum, so no sum here overflows. */
static struct arena_block *arena_new_block(struct arena *arena, size_t needed)
{
    struct arena_block *newest = arena->blocks;
    size_t size = newest ? newest->size * 2 : ARENA_FIRST_BLOCK_BYTES;
    if (size > ARENA_BLOCK_MAX_BYTES)
        size = ARENA_BLOCK_MAX_BYTES;
    if (size < needed)
        size = needed;
    struct arena_block *block = malloc(sizeof(*block) + size);
    if (block == NULL)
        return NULL;
    *block = (struct arena_block){.older = newest, .size = size};
    arena->blocks = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
    const size_t alignment = alignof(max_align_t);
    if (arena->overflow)
        return NULL;
    if (size_bytes > SIZE_MAX / 4) {
        arena->overflow = true;
        return NULL;
    }
    /* A size of 0 takes a unit too, so that two pointers never are the same. */
    size_t rounded = ((size_bytes ? size_bytes : 1) + alignment - 1) / alignment * alignment;
    if (rounded > arena->max_bytes || arena->used_bytes > arena->max_bytes - rounded) {
        arena->overflow = true;
        return NULL;
    }
    struct arena_block *block = arena->blocks;
    if (block == NULL || block->size - block->used < rounded)
        block = arena_new_block(arena, rounded);
    if (block == NULL) {
        arena->overflow = true;
        return NULL;
    }
    void *bytes = block->bytes + block->used;
    block->used += rounded;
    arena->used_bytes += rounded;
    memset(bytes, 0, rounded);
    return bytes;
}

void *arena_alloc_array(struct arena *arena, size_t item_bytes, size_t count)
{
    size_t total;
    if (__builtin_mul_overflow(item_bytes, count, &total)) {
        arena->overflow = true;
        return NULL;
    }
    return arena_alloc(arena, total);
}

struct span arena_copy(struct arena *arena, struct span bytes)
{
    if (!span_present(bytes))
        return SPAN_ABSENT;
    if (bytes.len == SIZE_MAX) {
        arena->overflow = true;
        return SPAN_ABSENT;
    }
    char *copy = arena_alloc(arena, bytes.len + 1);
    if (copy == NULL)
        return SPAN_ABSENT;
    memcpy(copy, bytes.ptr, bytes.len);
    return (struct span){copy, bytes.len};
}

struct span arena_lower(struct arena *arena, struct span text)
{
    struct span copy = arena_copy(arena, text);
    char *bytes = (char *)copy.ptr;
    for (size_t i = 0; i < copy.len; i++)
        if (bytes[i] >= 'A' && bytes[i] <= 'Z')
            bytes[i] = (char)(bytes[i] - 'A' + 'a');
    return copy;
}

struct span arena_format(struct arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = NULL;
    if (len < 0)
        arena->overflow = true;
    else
        text = arena_alloc(arena, (size_t)len + 1);
    if (text != NULL)
        (void)vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text ? span_of(text, (size_t)len) : SPAN_ABSENT;
}
