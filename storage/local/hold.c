#include "storage/local/hold.h"

#include "storage/local/gc.h"

void holds_init(struct holds *holds)
{
    *holds = (struct holds){0};
    pthread_mutex_init(&holds->lock, NULL);
}

void holds_destroy(struct holds *holds)
{
    pthread_mutex_destroy(&holds->lock);
}

/* With the lock: the hold with this id, or 0 a free place. */
static struct hold *find(struct holds *holds, uint64_t id)
{
    uint64_t now = clock_monotonic_ms();
    for (size_t i = 0; i < HOLDS_MAX; i++) {
        struct hold *hold = &holds->items[i];
        if (hold->id != 0 && hold->until_ms <= now)
            hold->id = 0;
        if (hold->id == id)
            return hold;
    }
    return NULL;
}

bool holds_active(struct holds *holds)
{
    bool active = false;
    pthread_mutex_lock(&holds->lock);
    (void)find(holds, UINT64_MAX); /* lets the old ones expire */
    for (size_t i = 0; i < HOLDS_MAX; i++)
        active |= holds->items[i].id != 0;
    pthread_mutex_unlock(&holds->lock);
    return active;
}

static uint64_t until(uint64_t ms)
{
    return clock_monotonic_ms() + (ms < HOLD_MAX_MS ? ms : HOLD_MAX_MS);
}

enum storage_err storage_hold(struct storage *storage, uint64_t ms, uint64_t *ret_id)
{
    struct holds *holds = &storage->holds;
    struct gc *gc = __atomic_load_n(&storage->gc, __ATOMIC_ACQUIRE);
    if (gc)
        pthread_mutex_lock(&gc->step_lock); /* the step under way goes to its end */
    pthread_mutex_lock(&holds->lock);
    struct hold *hold = find(holds, 0);
    if (hold) {
        *hold = (struct hold){engine_next_id(storage), until(ms)};
        *ret_id = hold->id;
    }
    pthread_mutex_unlock(&holds->lock);
    if (gc)
        pthread_mutex_unlock(&gc->step_lock);
    return hold ? STORAGE_OK : STORAGE_BUSY;
}

bool storage_hold_renew(struct storage *storage, uint64_t id, uint64_t ms)
{
    struct holds *holds = &storage->holds;
    pthread_mutex_lock(&holds->lock);
    struct hold *hold = id ? find(holds, id) : NULL;
    if (hold)
        hold->until_ms = until(ms);
    pthread_mutex_unlock(&holds->lock);
    return hold != NULL;
}

void storage_hold_release(struct storage *storage, uint64_t id)
{
    struct holds *holds = &storage->holds;
    pthread_mutex_lock(&holds->lock);
    struct hold *hold = id ? find(holds, id) : NULL;
    if (hold)
        hold->id = 0;
    pthread_mutex_unlock(&holds->lock);
}
