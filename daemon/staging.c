#include "daemon/staging.h"

#include "storage/storage.h"

#include <pthread.h>
#include <sys/mman.h>

/* Large buffers that are kept for the next upload rather than unmapped and faulted in again. */
enum { STAGING_KEPT_MAX = 16 };

struct staging {
    pthread_mutex_t lock;
    uint64_t budget_bytes;
    uint64_t used_bytes;
    struct shares shares;
    struct staging_place *first, *last;
    void *kept[STAGING_KEPT_MAX]; /* of STAGE_BUFFER_BYTES each */
    size_t kept_count;
    bool cancelled;
};

/* Under the lock. Large buffers come straight from the kernel and go back to it, so that a rush of uploads
 * leaves nothing behind in the heap. */
static void *allocate(struct staging *staging, size_t bytes)
{
    if (bytes != STAGE_BUFFER_BYTES)
        return malloc(bytes > 0 ? bytes : 1);
    if (staging->kept_count > 0)
        return staging->kept[--staging->kept_count];
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

static void release(void *memory, size_t bytes)
{
    if (bytes != STAGE_BUFFER_BYTES)
        free(memory);
    else
        munmap(memory, bytes);
}

struct staging *staging_new(uint64_t budget_bytes)
{
    struct staging *staging = calloc(1, sizeof(*staging));
    if (staging == NULL)
        return NULL;
    pthread_mutex_init(&staging->lock, NULL);
    staging->budget_bytes = budget_bytes < STAGE_BUFFER_BYTES ? STAGE_BUFFER_BYTES : budget_bytes;
    return staging;
}

void staging_free(struct staging *staging)
{
    if (staging == NULL)
        return;
    for (size_t i = 0; i < staging->kept_count; i++)
        release(staging->kept[i], STAGE_BUFFER_BYTES);
    pthread_mutex_destroy(&staging->lock);
    free(staging);
}

/* Under the lock. */
static bool has_room(const struct staging *staging, uint32_t client, size_t bytes)
{
    return staging->used_bytes + bytes <= staging->budget_bytes &&
           shares_has_room(&staging->shares, client, bytes, staging->budget_bytes);
}

/* Under the lock. */
static void *take(struct staging *staging, uint32_t client, size_t bytes)
{
    void *memory = allocate(staging, bytes);
    if (memory == NULL)
        return NULL;
    staging->used_bytes += bytes;
    shares_take(&staging->shares, client, bytes);
    return memory;
}

enum staging_result staging_get(
    struct staging *staging, uint32_t client, size_t bytes, void **ret_memory)
{
    enum staging_result result = STAGING_FULL;
    pthread_mutex_lock(&staging->lock);
    if (staging->first == NULL && has_room(staging, client, bytes)) {
        void *memory = take(staging, client, bytes);
        result = memory != NULL ? STAGING_OK : STAGING_NO_MEMORY;
        if (memory != NULL)
            *ret_memory = memory;
    }
    pthread_mutex_unlock(&staging->lock);
    return result;
}

bool staging_is_spare(struct staging *staging)
{
    pthread_mutex_lock(&staging->lock);
    bool spare = staging->first == NULL && staging->used_bytes <= staging->budget_bytes / 2;
    pthread_mutex_unlock(&staging->lock);
    return spare;
}

/* Under the lock: takes those off the line whom the budget now serves. */
static struct staging_place *serve(struct staging *staging)
{
    struct staging_place *served = NULL, **tail = &served, **link = &staging->first, *left = NULL;
    while (*link != NULL) {
        struct staging_place *place = *link;
        if (!staging->cancelled) {
            if (staging->used_bytes + place->bytes > staging->budget_bytes)
                break;
            if (!has_room(staging, place->client, place->bytes)) {
                left = place; /* it waits for its own */
                link = &place->next;
                continue;
            }
            place->memory = take(staging, place->client, place->bytes);
        }
        *link = place->next;
        if (staging->last == place)
            staging->last = left;
        place->next = NULL;
        *tail = place;
        tail = &place->next;
    }
    return served;
}

static void wake_all(struct staging_place *place)
{
    while (place != NULL) {
        struct staging_place *next = place->next; /* the place is its owner's again once woken */
        place->wake(place->ctx);
        place = next;
    }
}

void staging_put(struct staging *staging, uint32_t client, void *memory, size_t bytes)
{
    if (memory == NULL)
        return;
    pthread_mutex_lock(&staging->lock);
    staging->used_bytes -= bytes;
    shares_give(&staging->shares, client, bytes);
    bool keep = bytes == STAGE_BUFFER_BYTES && staging->kept_count < STAGING_KEPT_MAX;
    if (keep)
        staging->kept[staging->kept_count++] = memory;
    struct staging_place *served = serve(staging);
    pthread_mutex_unlock(&staging->lock);
    if (!keep)
        release(memory, bytes);
    wake_all(served);
}

void staging_wait(struct staging *staging, struct staging_place *place)
{
    place->memory = NULL;
    place->next = NULL;
    pthread_mutex_lock(&staging->lock);
    if (staging->last != NULL)
        staging->last->next = place;
    else
        staging->first = place;
    staging->last = place;
    struct staging_place *served = serve(staging);
    pthread_mutex_unlock(&staging->lock);
    wake_all(served);
}

void staging_cancel(struct staging *staging)
{
    pthread_mutex_lock(&staging->lock);
    staging->cancelled = true;
    struct staging_place *served = serve(staging);
    pthread_mutex_unlock(&staging->lock);
    wake_all(served);
}

uint64_t staging_used_bytes(struct staging *staging)
{
    pthread_mutex_lock(&staging->lock);
    uint64_t used_bytes = staging->used_bytes;
    pthread_mutex_unlock(&staging->lock);
    return used_bytes;
}
