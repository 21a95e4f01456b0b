/* The memory for bodies on their way in: one budget for all connections. Who finds it used up waits
 * in line, first come first served, and is woken when its share is there. No client has more than three quarters
 * (shares.h): one that has waits for its own, and others pass it by. Thread-safe. */
#ifndef DAEMON_STAGING_H
#define DAEMON_STAGING_H

#include "base/span.h"
#include "daemon/shares.h"

struct staging;

/* NULL when memory runs out. The budget is at least one STAGE_BUFFER_BYTES buffer. */
struct staging *staging_new(uint64_t budget_bytes);
/* Everything was given back before. Takes NULL. */
void staging_free(struct staging *staging);

enum staging_result { STAGING_OK, STAGING_FULL, STAGING_NO_MEMORY };

/* Memory at once, or not: STAGING_FULL while the budget or the client's share is used up or others wait.
 * in: bytes  at most the budget; staging_put wants the same number */
enum staging_result staging_get(
    struct staging *staging, uint32_t client, size_t bytes, void **ret_memory) MUST_USE;
/* Is most of the budget free, and nobody waiting? Then who would be quicker with more may have it. */
bool staging_is_spare(struct staging *staging);
/* Gives memory back. Takes NULL. */
void staging_put(struct staging *staging, uint32_t client, void *memory, size_t bytes);

/* A place in the line. The owner keeps it untouched until wake was called. */
struct staging_place {
    uint32_t client;
    size_t bytes;
    void (*wake)(void *ctx); /* on any thread, perhaps before staging_wait returns */
    void *ctx;
    void *memory; /* what it waited for; NULL when the wait was cancelled or memory ran out */
    struct staging_place *next;
};
void staging_wait(struct staging *staging, struct staging_place *place);

/* Wakes all who wait, without memory, and from now on nobody waits. */
void staging_cancel(struct staging *staging);

uint64_t staging_used_bytes(struct staging *staging);

#endif
