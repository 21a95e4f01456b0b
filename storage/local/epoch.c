#include "storage/local/epoch.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum {
    EPOCH_SLOTS = 256, /* threads between enter and leave at once; more wait a moment */
    PIN_SHARDS = 64,
    PIN_CHAINS = 64, /* of each shard */
    CACHE_LINE_BYTES = 64,
};

struct epoch_slot {
    atomic_uint_fast64_t epoch; /* 0: free */
    char padding[CACHE_LINE_BYTES - sizeof(atomic_uint_fast64_t)];
};

struct pin_shard {
    pthread_mutex_t lock;
    struct pin *chains[PIN_CHAINS];
};

struct epochs {
    atomic_uint_fast64_t now;
    struct epoch_slot slots[EPOCH_SLOTS];
    struct pin_shard shards[PIN_SHARDS];
};

struct epochs *epochs_new(void)
{
    struct epochs *epochs = calloc(1, sizeof(*epochs));
    if (!epochs)
        return NULL;
    atomic_store(&epochs->now, 1);
    for (size_t i = 0; i < PIN_SHARDS; i++)
        pthread_mutex_init(&epochs->shards[i].lock, NULL);
    return epochs;
}

void epochs_free(struct epochs *epochs)
{
    if (!epochs)
        return;
    for (size_t i = 0; i < PIN_SHARDS; i++)
        pthread_mutex_destroy(&epochs->shards[i].lock);
    free(epochs);
}

static size_t mix(uint64_t value)
{
    return (size_t)((value * 0x9e3779b97f4a7c15) >> 40);
}

/* The slot shows an epoch that is not newer than the reader's transaction: it is stored before the
 * transaction begins, and an advance that comes between only makes it look older than it is. */
struct epoch_slot *epoch_enter(struct epochs *epochs)
{
    size_t first = mix((uint64_t)(uintptr_t)pthread_self());
    for (;;) {
        for (size_t i = 0; i < EPOCH_SLOTS; i++) {
            struct epoch_slot *slot = &epochs->slots[(first + i) % EPOCH_SLOTS];
            uint_fast64_t free_slot = 0;
            if (atomic_load_explicit(&slot->epoch, memory_order_relaxed) != 0 ||
                !atomic_compare_exchange_strong(
                    &slot->epoch, &free_slot, atomic_load(&epochs->now)))
                continue;
            /* Keeps LMDB's plain reads behind the store, which the exchange alone does not on every
             * machine: who advances later sees the slot, and who advanced before is seen. */
            (void)atomic_load(&epochs->now);
            return slot;
        }
        sched_yield();
    }
}

void epoch_leave(struct epoch_slot *slot)
{
    atomic_store(&slot->epoch, 0);
}

uint64_t epoch_advance(struct epochs *epochs)
{
    return atomic_fetch_add(&epochs->now, 1);
}

bool epoch_passed(struct epochs *epochs, uint64_t epoch)
{
    for (size_t i = 0; i < EPOCH_SLOTS; i++) {
        uint64_t reader = atomic_load(&epochs->slots[i].epoch);
        if (reader != 0 && reader <= epoch)
            return false;
    }
    return true;
}

static struct pin_shard *shard_of(struct epochs *epochs, uint64_t blob_id, struct pin ***ret_chain)
{
    size_t hash = mix(blob_id);
    struct pin_shard *shard = &epochs->shards[hash % PIN_SHARDS];
    *ret_chain = &shard->chains[hash / PIN_SHARDS % PIN_CHAINS];
    return shard;
}

void pin_add(struct epochs *epochs, struct pin *pin, uint64_t blob_id)
{
    struct pin **chain;
    struct pin_shard *shard = shard_of(epochs, blob_id, &chain);
    pthread_mutex_lock(&shard->lock);
    *pin = (struct pin){.blob_id = blob_id, .next = *chain, .link = chain};
    if (pin->next)
        pin->next->link = &pin->next;
    *chain = pin;
    pthread_mutex_unlock(&shard->lock);
}

void pin_remove(struct epochs *epochs, struct pin *pin)
{
    struct pin **chain;
    if (pin->blob_id == 0) /* not link, which neighbours change under the lock */
        return;
    struct pin_shard *shard = shard_of(epochs, pin->blob_id, &chain);
    pthread_mutex_lock(&shard->lock);
    *pin->link = pin->next;
    if (pin->next)
        pin->next->link = pin->link;
    pthread_mutex_unlock(&shard->lock);
    *pin = (struct pin){0};
}

size_t pin_count(struct epochs *epochs, uint64_t blob_id)
{
    struct pin **chain;
    struct pin_shard *shard = shard_of(epochs, blob_id, &chain);
    size_t count = 0;
    pthread_mutex_lock(&shard->lock);
    for (const struct pin *pin = *chain; pin; pin = pin->next)
        count += pin->blob_id == blob_id;
    pthread_mutex_unlock(&shard->lock);
    return count;
}
