/* Holds: until they expire, GC gives nothing back, so that what an index snapshot names can be copied. */
#ifndef STORAGE_LOCAL_HOLD_H
#define STORAGE_LOCAL_HOLD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { HOLDS_MAX = 8, HOLD_MAX_MS = 10 * 60 * 1000 };

struct holds {
    pthread_mutex_t lock;
    struct hold {
        uint64_t id;       /* 0: free */
        uint64_t until_ms; /* monotonic */
    } items[HOLDS_MAX];
};

void holds_init(struct holds *holds);
void holds_destroy(struct holds *holds);
/* Thread-safe. */
bool holds_active(struct holds *holds);

#endif
