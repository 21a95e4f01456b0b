/* Where the bytes of a body go: gathered in one piece of memory up to INTAKE_GATHER_MAX_BYTES, else
 * handed to the store in buffers, one being filled while the other is written. The thread that
 * receives never writes to disk: when there is no room it is told to wait. One thread at a time,
 * but for what the store's writer does, which is locked inside. */
#ifndef DAEMON_INTAKE_H
#define DAEMON_INTAKE_H

#include "base/arena.h"
#include "daemon/staging.h"
#include "storage/storage.h"

enum { INTAKE_GATHER_MAX_BYTES = STAGE_BUFFER_BYTES };

struct intake;

/* in:  arena  outlives the intake
 *      size   that will come at most; a stage is opened when it is over INTAKE_GATHER_MAX_BYTES,
 * unless in_memory err: NO_MEMORY, NO_SPACE */
enum storage_err intake_open(struct arena *arena, struct storage *store, struct staging *staging,
    uint64_t size_bytes, bool in_memory, struct intake **ret_intake) MUST_USE;

/* Room for bytes: *ret_room is 0 when the caller has to wait (intake_wait).
 * err: what the store said of earlier bytes; NO_MEMORY; BUSY */
enum storage_err intake_room(struct intake *intake, size_t *ret_room) MUST_USE;
/* Takes at most as many bytes as intake_room said. */
void intake_add(struct intake *intake, struct span bytes);

/* After a room of 0: wake is called once, on any thread, perhaps before this returns. */
void intake_wait(struct intake *intake, void (*wake)(void *ctx), void *ctx);

/* What is gathered; of an intake with a stage the part that is not handed over yet. */
struct span intake_gathered(const struct intake *intake);

/* Everything is in: hands the rest to a stage and finishes it. NULL when there were no bytes.
 * Blocks. */
enum storage_err intake_finish(
    struct intake *intake, struct storage *store, struct stage **ret_stage) MUST_USE;

/* Is a write under way? Then gone is called once it is over, on the writer's thread, and
 * intake_close may be called no earlier. */
bool intake_busy(struct intake *intake, void (*gone)(void *ctx), void *ctx);
/* Gives everything back, an unfinished stage too. Takes NULL. */
void intake_close(struct intake *intake);

#endif
