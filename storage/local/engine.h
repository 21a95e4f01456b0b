/* The embedded engine as a whole: what its parts share. engine.c opens, closes and gives out ids;
 * commit.c is the committer; the parts of storage.h lie in the file of their name (buckets.c,
 * objects.c, list.c, uploads.c, documents.c, reader.c; stage.c; gc.c; verify.c). */
#ifndef STORAGE_LOCAL_ENGINE_H
#define STORAGE_LOCAL_ENGINE_H

#include "base/clock.h"
#include "storage/local/epoch.h"
#include "storage/local/hold.h"
#include "storage/local/index.h"
#include "storage/local/snapshot.h"
#include "storage/local/space.h"
#include "storage/storage_care.h"
#include "storage/storage_records.h"
#include "storage/storage_uploads.h"

enum {
    BUCKETS_MAX = 100000,
    QUEUE_MAX = 16384,              /* mutations queued; more are BUSY */
    BATCH_MAX = 1024,               /* mutations in one commit */
    PIECES_PER_UPLOAD_MAX = 100000, /* part copies can make many; more are INVALID */
    PIECES_PER_COPY_MAX = 4096,     /* of one part copied from a range */
    COMPLETED_UPLOAD_KEPT_MS = 24 * 3600 * 1000,
};

struct committer;
struct gc;

struct storage {
    struct storage_options options; /* options.dir is dir */
    char *dir;
    const struct sys *sys;
    int lock_fd;
    struct index *index;
    struct space *space;
    struct epochs *epochs;
    struct committer *committer;
    struct gc *gc; /* gc.c's; NULL when there is none */
    struct holds holds;
    struct snapshots snapshots;
    uint64_t boot;
    uint8_t store_id[16];
    atomic_uint_fast64_t next_counter;
    /* figures since start, for storage_stats */
    atomic_uint_fast64_t compactions, reclaimed_bytes, corrupt_blocks;
};

/* storage_open over other system calls: for tests that make them fail. */
enum storage_err engine_open(const struct storage_options *options, const struct sys *sys,
    struct storage **ret_storage, const char **ret_detail) MUST_USE;

/* boot << 40 | counter: never used twice. Thread-safe. */
uint64_t engine_next_id(struct storage *storage);

/* Nothing may be acknowledged any more: calls options.on_fatal, else tells stderr and ends the
 * process. */
_Noreturn void engine_fatal(struct storage *storage, const char *what, int error_number);

/* Takes DIR/lock, exclusively, until the descriptor is closed. Makes DIR if `create`.
 * err: IN_USE, UNUSABLE (errno tells), NO_SPACE */
enum storage_err engine_lock(
    const char *dir, bool create, int *ret_fd, const char **ret_detail) MUST_USE;

/* For verify: opens DIR/index read-only. The caller has the lock. err: as storage_open */
enum storage_err engine_open_index(
    const char *dir, bool read_only, uint64_t map_bytes, struct index **ret_index) MUST_USE;

/* The bytes alone, for an index that is in the copy's folder already. err: as storage_backup */
enum storage_err backup_bytes(const struct storage_backup *order,
    struct storage_backup_figures *ret_figures, const char **ret_detail) MUST_USE;

/* ---- engine work in the commit: MUTATION_ENGINE, with mutation.engine_data = struct engine_work
 * ---- */

struct commit;

struct engine_work {
    /* Reads and changes the index through the commit (commit.h). Must be replayable: changes
     * nothing but the transaction, since a batch may be aborted and run again. Makes no change
     * before it is sure that it will return OK; anything else than OK refuses the mutation. */
    enum storage_err (*apply)(struct engine_work *work, struct commit *commit);
};

/* ---- gc.c: the background threads (GC, compaction, sweep); not called with options.no_background
 * ---- */

enum storage_err gc_start(struct storage *storage) MUST_USE;
/* Stops and frees storage->gc. Called before the committer stops. Does nothing when it is NULL. */
void gc_stop(struct storage *storage);

/* storage_stage_open is engine.c's; stage_write, stage_finish … are stage.c's. A packed segment
 * stays segment_busy() as long as a stage in it is neither adopted nor discarded: the committer
 * seals the ones that are not busy, and compaction may touch sealed ones only. */

#endif
