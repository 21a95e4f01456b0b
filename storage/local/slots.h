/* A bounded number of places, of which each is held by one thread for a short time, and a barrier that waits
 * until all are free and keeps them so: the index's read transactions and the growing of its map. */
#ifndef STORAGE_LOCAL_SLOTS_H
#define STORAGE_LOCAL_SLOTS_H

#include "base/span.h"

#include <pthread.h>
#include <stdatomic.h>

enum { SLOTS_MAX = 1000, SLOT_BYTES = 64 };

struct slots {
    struct {
        atomic_bool busy;
        char padding[SLOT_BYTES - sizeof(atomic_bool)]; /* a cache line each */
    } each[SLOTS_MAX];
    atomic_bool closed;
    atomic_uint waiting;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

void slots_init(struct slots *slots);
void slots_destroy(struct slots *slots);

/* Waits while all are held or the barrier is closed. Mostly the thread's own again. */
size_t slots_take(struct slots *slots);
void slots_give(struct slots *slots, size_t slot);

/* Waits until none is held, and lets nobody in until slots_open. One thread at a time. */
void slots_close(struct slots *slots);
void slots_open(struct slots *slots);

#endif
