/* Where the bytes of a body go: gathered in one piece of memory up to INTAKE_GATHER_MAX_BYTES, else handed
 * on in buffers: while the thread that receives fills one, a worker digests others and the store writes
 * them, none waiting for another. So a large body costs the slowest of the three, not their sum. Who
 * receives never waits: when there is no room it is told to come again.
 * One thread at a time, but for the worker and the store's writer, which are locked inside. */
#ifndef DAEMON_INTAKE_H
#define DAEMON_INTAKE_H

#include "base/arena.h"
#include "daemon/staging.h"
#include "daemon/workers.h"
#include "storage/storage.h"

enum { INTAKE_GATHER_MAX_BYTES = STAGE_BUFFER_BYTES };

struct intake;

struct intake_options {
    struct storage *store;
    struct staging *staging;
    struct workers *workers; /* NULL, in tests: the thread that receives does their work */
    uint32_t client;         /* whose share of staging and workers it takes: request_client */
    uint64_t size_bytes;     /* that will come */
    bool at_most;            /* perhaps fewer */
    bool in_memory;          /* gather it whatever its size */
    bool compress;           /* keep it compressed */
    /* Digests the bytes of a streamed body, in order, on one thread after another; those of a gathered
     * one in intake_drain. */
    void (*digest)(void *ctx, struct span bytes);
    void *digest_ctx;
};

/* arena: outlives the intake. A body over INTAKE_GATHER_MAX_BYTES is streamed, unless in_memory.
 * err: NO_MEMORY, NO_SPACE */
enum storage_err intake_open(
    struct arena *arena, const struct intake_options *options, struct intake **ret_intake) MUST_USE;
bool intake_is_streamed(const struct intake *intake);

/* Room for bytes: *ret_room is 0 when the caller has to wait (intake_wait).
 * err: what the store said of earlier bytes; NO_MEMORY; BUSY */
enum storage_err intake_room(struct intake *intake, size_t *ret_room) MUST_USE;
/* Takes at most as many bytes as intake_room said. */
void intake_add(struct intake *intake, struct span bytes);

/* After a room of 0: wake is called once, on any thread, perhaps before this returns. */
void intake_wait(struct intake *intake, void (*wake)(void *ctx), void *ctx);

/* What is gathered; of a streamed body the part that is not handed on yet. */
struct span intake_gathered(const struct intake *intake);

/* Do others still work on bytes of it? Then over is called, on one of their threads, when they have done.
 * intake_drain, intake_finish and intake_close may be called no earlier. */
bool intake_busy(struct intake *intake, void (*over)(void *ctx), void *ctx);

/* Is the body so short that the store writes it with its commit? Then it stays in the intake's memory, which must not
 * be closed before the stage is gone, and intake_finish does not block. */
bool intake_lends(const struct intake *intake);
/* Everything is in: intake_drain digests what was not handed on; a gathered body that was digested as it came does
 * without. Then intake_finish hands the rest to a stage and finishes it; NULL when there were no bytes. Both may
 * block. */
enum storage_err intake_drain(struct intake *intake) MUST_USE;
enum storage_err intake_finish(struct intake *intake, struct stage **ret_stage) MUST_USE;

/* Gives everything back, an unfinished stage too. Takes NULL. */
void intake_close(struct intake *intake);

#endif
