#include "storage/local/gc.h"

#include <unistd.h>

enum {
    LOOK_EVERY_MS = 10000, /* from one pass over all segments to the next */
    LOOK_PAUSE_MS = 20,    /* in a pass, which may be over millions of rows */
    IDLE_MS = 1000,        /* between looks when there was nothing to do */
    BACKLOG_ROWS = 50000,  /* freed rows from which reclaiming no longer yields */
    YIELD_RECLAIM = 2,     /* while others commit: sleep so many times as long as the step took */
    YIELD_COMPACT = 6,
    YIELD_MAX_MS = 2000,
};

/* ---- what the steps share ---- */

enum storage_err gc_commit(struct gc *gc, struct engine_work *work)
{
    struct mutation mutation = {.kind = MUTATION_ENGINE, .engine_data = work};
    return storage_commit(gc->storage, &mutation);
}

bool gc_epoch_wait(struct gc *gc, uint64_t epoch)
{
    for (int i = 0; i < GC_EPOCH_WAIT_MS * 10; i++) {
        if (epoch_passed(gc->storage->epochs, epoch))
            return true;
        usleep(100);
    }
    return false;
}

bool gc_stopping(struct gc *gc)
{
    pthread_mutex_lock(&gc->lock);
    bool stop = gc->stop;
    pthread_mutex_unlock(&gc->lock);
    return stop;
}

void gc_sleep(struct gc *gc, uint64_t ms)
{
    uint64_t until_ns = clock_monotonic_ns() + ms * NS_PER_MS;
    pthread_mutex_lock(&gc->lock);
    while (!gc->stop && clock_wait(&gc->wake, &gc->lock, until_ns))
        continue;
    pthread_mutex_unlock(&gc->lock);
}

/* ---- segments whose row is gone ---- */

static bool unlink_dropped(struct gc *gc)
{
    size_t kept = 0;
    for (size_t i = 0; i < gc->dropped_count; i++) {
        struct dropped_segment dropped = gc->dropped[i];
        if (epoch_passed(gc->storage->epochs, dropped.epoch))
            segment_unlink(gc->storage->space, dropped.id, false);
        else
            gc->dropped[kept++] = dropped;
    }
    bool some = kept < gc->dropped_count;
    gc->dropped_count = kept;
    return some;
}

/* ---- steps ---- */

/* What a step spent its time with. */
enum gc_work { GC_RECLAIMED, GC_LOOKED, GC_COMPACTED };

/* Always looks for sparse segments, unless `patient`: then now and again. */
static enum storage_err gc_step(struct gc *gc, bool patient, bool *ret_more, enum gc_work *ret_work)
{
    bool more = false;
    *ret_work = GC_RECLAIMED;
    pthread_mutex_lock(&gc->step_lock);
    *ret_more = false;
    if (holds_active(&gc->storage->holds)) {
        pthread_mutex_unlock(&gc->step_lock);
        return STORAGE_OK;
    }
    if (!gc->swept) {
        sweep(gc);
        gc->swept = true;
    }
    unlink_dropped(gc);
    bool more_of_zones = false;
    enum storage_err err = reclaim_step(gc, &more);
    /* What zones need holds nothing up that gives space back. */
    enum storage_err zones_err = zone_step(gc, &more_of_zones);
    if (zones_err == STORAGE_OK && !more_of_zones)
        zones_err = ages_step(gc, patient, &more_of_zones);
    if (zones_err != STORAGE_OK)
        more_of_zones = false;
    bool due = !patient || gc->compaction.segment_id != 0 || clock_monotonic_ms() >= gc->look_at_ms;
    if (err == STORAGE_OK && due && (!more || ++gc->turn % GC_COMPACT_EVERY == 0)) {
        bool more_to_compact = false;
        err = compact_step(gc, &more_to_compact);
        if (!more_to_compact) {
            gc->look_at_ms = clock_monotonic_ms() + LOOK_EVERY_MS;
            index_forget_dead(gc->storage->index); /* say of a backup that was killed */
        }
        *ret_work = gc->compaction.segment_id != 0 ? GC_COMPACTED : GC_LOOKED;
        more |= more_to_compact;
        unlink_dropped(gc);
    }
    *ret_more = more || more_of_zones || gc->dropped_count > 0;
    pthread_mutex_unlock(&gc->step_lock);
    return err == STORAGE_OK ? zones_err : err;
}

static struct gc *gc_new(struct storage *storage)
{
    struct gc *gc = calloc(1, sizeof(*gc));
    if (!gc)
        return NULL;
    gc->storage = storage;
    pthread_mutex_init(&gc->step_lock, NULL);
    pthread_mutex_init(&gc->lock, NULL);
    pthread_cond_init(&gc->wake, NULL);
    return gc;
}

static void gc_free(struct gc *gc)
{
    pthread_mutex_destroy(&gc->step_lock);
    pthread_mutex_destroy(&gc->lock);
    pthread_cond_destroy(&gc->wake);
    free(gc);
}

enum storage_err storage_gc_step(struct storage *storage, bool *ret_more)
{
    /* With no_background nobody has made it yet. */
    struct gc *gc = __atomic_load_n(&storage->gc, __ATOMIC_ACQUIRE);
    if (!gc) {
        struct gc *none = NULL;
        struct gc *made = gc_new(storage);
        if (!made)
            return STORAGE_NO_MEMORY;
        if (__atomic_compare_exchange_n(
                &storage->gc, &none, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            gc = made;
        } else {
            gc_free(made);
            gc = none;
        }
    }
    enum gc_work work;
    return gc_step(gc, false, ret_more, &work);
}

/* ---- the thread ---- */

/* Has anybody else committed since the last call? And how long is the list of what was freed? */
static bool others_commit(struct gc *gc, uint64_t *ret_freed_rows)
{
    struct index_txn *txn = NULL;
    struct span value, key = SPAN("state");
    struct state_record state = {0};
    *ret_freed_rows = 0;
    if (index_read_begin(gc->storage->index, &txn) != STORAGE_OK)
        return true;
    bool known = index_get(txn, TABLE_META, key, &value) == STORAGE_OK &&
                 schema_decode_state(key, value, &state) == STORAGE_OK;
    *ret_freed_rows = index_tally(txn, TABLE_FREED).count;
    index_read_end(txn);
    /* What GC commits has no log frame. */
    bool others = known && state.commit_sequence != gc->seen_commit;
    gc->seen_commit = state.commit_sequence;
    return others;
}

static void *gc_main(void *arg)
{
    struct gc *gc = arg;
    while (!gc_stopping(gc)) {
        bool more = false;
        enum gc_work work;
        uint64_t begin = clock_monotonic_ms(), freed_rows;
        enum storage_err err = gc_step(gc, true, &more, &work);
        uint64_t took = clock_monotonic_ms() - begin + 1;
        if (err != STORAGE_OK || !more) {
            gc_sleep(gc, IDLE_MS);
        } else if (work == GC_LOOKED) {
            gc_sleep(gc, LOOK_PAUSE_MS);
        } else if (others_commit(gc, &freed_rows) &&
                   (work == GC_COMPACTED || freed_rows < BACKLOG_ROWS)) {
            took *= work == GC_COMPACTED ? YIELD_COMPACT : YIELD_RECLAIM;
            gc_sleep(gc, took < YIELD_MAX_MS ? took : YIELD_MAX_MS);
        } else {
            gc_sleep(gc, 1); /* a reader may hold up the one thing there is to do */
        }
    }
    return NULL;
}

enum storage_err gc_start(struct storage *storage)
{
    struct gc *gc = gc_new(storage);
    if (!gc)
        return STORAGE_NO_MEMORY;
    if (pthread_create(&gc->thread, NULL, gc_main, gc) != 0) {
        gc_free(gc);
        return STORAGE_NO_MEMORY;
    }
    gc->thread_runs = true;
    storage->gc = gc;
    return STORAGE_OK;
}

void gc_stop(struct storage *storage)
{
    struct gc *gc = storage->gc;
    if (!gc)
        return;
    if (gc->thread_runs) {
        pthread_mutex_lock(&gc->lock);
        gc->stop = true;
        pthread_cond_signal(&gc->wake);
        pthread_mutex_unlock(&gc->lock);
        pthread_join(gc->thread, NULL);
    }
    /* Nobody reads any more when a store is closed. */
    for (size_t i = 0; i < gc->dropped_count; i++)
        segment_unlink(storage->space, gc->dropped[i].id, false);
    storage->gc = NULL;
    gc_free(gc);
}
