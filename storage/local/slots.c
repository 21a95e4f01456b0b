#include "storage/local/slots.h"

#include "base/clock.h"

#include <sched.h>

enum { LOOK_AGAIN_NS = 10 * 1000 * 1000 };

void slots_init(struct slots *slots)
{
    memset(slots, 0, sizeof(*slots));
    pthread_mutex_init(&slots->lock, NULL);
    pthread_cond_init(&slots->changed, NULL);
}

void slots_destroy(struct slots *slots)
{
    pthread_cond_destroy(&slots->changed);
    pthread_mutex_destroy(&slots->lock);
}

/* SLOTS_MAX when all are held. Threads begin their search at different places. */
static size_t find_free(struct slots *slots)
{
    uint64_t hash = (uint64_t)(uintptr_t)pthread_self() * 0x9e3779b97f4a7c15;
    size_t first = (size_t)(hash >> 40) % SLOTS_MAX;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        size_t slot = (first + i) % SLOTS_MAX;
        if (!atomic_load_explicit(&slots->each[slot].busy, memory_order_relaxed) &&
            !atomic_exchange(&slots->each[slot].busy, true))
            return slot;
    }
    return SLOTS_MAX;
}

static void tell_waiters(struct slots *slots)
{
    pthread_mutex_lock(&slots->lock);
    pthread_cond_broadcast(&slots->changed);
    pthread_mutex_unlock(&slots->lock);
}

static void wait_a_moment(struct slots *slots)
{
    atomic_fetch_add(&slots->waiting, 1);
    pthread_mutex_lock(&slots->lock);
    /* Not for ever, in case that the wake-up came before the wait. */
    clock_wait(&slots->changed, &slots->lock, clock_monotonic_ns() + LOOK_AGAIN_NS);
    pthread_mutex_unlock(&slots->lock);
    atomic_fetch_sub(&slots->waiting, 1);
}

/* A slot is taken first and the barrier looked at second; who closes sets the barrier first and looks at
 * the slots second: so neither misses the other. */
size_t slots_take(struct slots *slots)
{
    for (;;) {
        size_t slot = find_free(slots);
        if (slot < SLOTS_MAX && !atomic_load(&slots->closed))
            return slot;
        if (slot < SLOTS_MAX)
            slots_give(slots, slot);
        wait_a_moment(slots);
    }
}

void slots_give(struct slots *slots, size_t slot)
{
    atomic_store(&slots->each[slot].busy, false);
    if (atomic_load(&slots->waiting) > 0)
        tell_waiters(slots);
}

void slots_close(struct slots *slots)
{
    atomic_store(&slots->closed, true);
    for (size_t i = 0; i < SLOTS_MAX; i++)
        while (atomic_load(&slots->each[i].busy))
            sched_yield(); /* they are held for a short time only */
}

void slots_open(struct slots *slots)
{
    atomic_store(&slots->closed, false);
    tell_waiters(slots);
}
