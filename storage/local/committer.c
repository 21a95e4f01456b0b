#include "storage/local/committer.h"

#include "storage/local/apply.h"
#include "storage/local/batch.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ROUNDS = 16 };

struct committer {
    struct storage *storage;
    pthread_t thread;
    /* Waiters of the blocking forms sleep by batch, so that one call wakes those of a batch and hardly
     * anybody else: rounds[b % ROUNDS] is b + 1 once batch b is complete. What is queued while `collecting`
     * was b is in batch b or a later one. */
    atomic_uint collecting;
    atomic_uint rounds[ROUNDS];          /* futexes */
    _Atomic(struct mutation *) incoming; /* newest first */
    atomic_uint depth;
    atomic_uint asleep; /* futex */
    atomic_bool stopping;
    struct mutation *pending, **pending_end; /* oldest first; the committer's own */
    struct batch batch;
    atomic_uint_fast64_t commits, mutations;
    atomic_uint_fast64_t batch_sizes[STORAGE_BATCH_BUCKETS];
};

static void futex_wait(atomic_uint *word, unsigned while_value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, while_value, NULL, NULL, 0);
}

static void futex_wake(atomic_uint *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

/* ---- the queue ---- */

static void complete(struct mutation *mutation, enum storage_err err)
{
    mutation->err = err;
    mutation_release_stage(mutation);
    if (mutation->done)
        mutation->done(mutation->done_ctx, mutation);
}

static void wake_committer(struct committer *committer)
{
    if (atomic_load(&committer->asleep) == 1 && atomic_exchange(&committer->asleep, 0) == 1)
        futex_wake(&committer->asleep, 1);
}

void storage_submit(struct storage *storage, struct mutation *mutation)
{
    struct committer *committer = storage->committer;
    enum storage_err err = mutation_prepare(storage, mutation);
    if (err != STORAGE_OK) {
        complete(mutation, err);
        return;
    }
    if (atomic_fetch_add(&committer->depth, 1) >= QUEUE_MAX) {
        atomic_fetch_sub(&committer->depth, 1);
        complete(mutation, STORAGE_BUSY);
        return;
    }
    struct mutation *head = atomic_load_explicit(&committer->incoming, memory_order_relaxed);
    do
        mutation->engine_next = head;
    while (!atomic_compare_exchange_weak(&committer->incoming, &head, mutation));
    wake_committer(committer);
}

/* Behind what is pending, oldest first. */
static void take_incoming(struct committer *committer)
{
    struct mutation *newest = atomic_exchange(&committer->incoming, NULL);
    struct mutation *oldest = NULL, *last = newest;
    while (newest) {
        struct mutation *next = newest->engine_next;
        newest->engine_next = oldest;
        oldest = newest;
        newest = next;
    }
    if (!oldest)
        return;
    *committer->pending_end = oldest;
    committer->pending_end = &last->engine_next;
}

/* False when the committer shall stop and nothing is left. */
static bool wait_for_work(struct committer *committer)
{
    for (;;) {
        take_incoming(committer);
        if (committer->pending)
            return true;
        if (atomic_load(&committer->stopping))
            return false;
        atomic_store(&committer->asleep, 1);
        if (!atomic_load(&committer->incoming) && !atomic_load(&committer->stopping))
            futex_wait(&committer->asleep, 1);
        atomic_store(&committer->asleep, 0);
    }
}

static void fill_batch(struct committer *committer)
{
    struct batch *batch = &committer->batch;
    batch->count = 0;
    while (committer->pending && batch->count < BATCH_MAX) {
        struct mutation *mutation = committer->pending;
        batch->items[batch->count++] = mutation;
        committer->pending = mutation->engine_next;
    }
    if (!committer->pending)
        committer->pending_end = &committer->pending;
}

/* What one commit did not take goes back to the front. */
static void give_back(struct committer *committer, size_t from, size_t to)
{
    for (size_t i = to; i > from; i--) {
        struct mutation *mutation = committer->batch.items[i - 1];
        mutation->engine_next = committer->pending;
        if (!committer->pending)
            committer->pending_end = &mutation->engine_next;
        committer->pending = mutation;
    }
}

static void count_batch(struct committer *committer, size_t count)
{
    size_t bucket = 0;
    while (bucket + 1 < STORAGE_BATCH_BUCKETS && ((size_t)1 << bucket) < count)
        bucket++;
    atomic_fetch_add(&committer->commits, 1);
    atomic_fetch_add(&committer->mutations, count);
    atomic_fetch_add(&committer->batch_sizes[bucket], 1);
}

static void complete_batch(struct committer *committer, unsigned number, size_t count)
{
    struct mutation **items = committer->batch.items;
    atomic_uint *round = &committer->rounds[number % ROUNDS];
    atomic_fetch_sub(&committer->depth, (unsigned)count);
    for (size_t i = 0; i < count; i++)
        complete(items[i], items[i]->err);
    atomic_store(round, number + 1);
    futex_wake(round, INT_MAX);
}

static void *commit_loop(void *ctx)
{
    struct committer *committer = ctx;
    for (unsigned number = 0; wait_for_work(committer); number++) {
        bool committed = false;
        atomic_store(&committer->collecting, number + 1);
        fill_batch(committer);
        size_t filled = committer->batch.count;
        size_t done = batch_run(&committer->batch, &committed);
        give_back(committer, done, filled);
        if (committed)
            count_batch(committer, done);
        complete_batch(committer, number, done);
    }
    return NULL;
}

/* ---- life ---- */

enum storage_err committer_start(struct storage *storage)
{
    struct committer *committer = calloc(1, sizeof(*committer));
    if (!committer)
        return STORAGE_NO_MEMORY;
    committer->storage = storage;
    committer->pending_end = &committer->pending;
    enum storage_err err = commit_init(&committer->batch.commit, storage);
    if (err != STORAGE_OK) {
        free(committer);
        return err;
    }
    if (pthread_create(&committer->thread, NULL, commit_loop, committer) != 0) {
        commit_free(&committer->batch.commit);
        free(committer);
        return STORAGE_NO_MEMORY;
    }
    pthread_setname_np(committer->thread, "committer");
    storage->committer = committer;
    return STORAGE_OK;
}

void committer_stop(struct storage *storage)
{
    struct committer *committer = TAKE(storage->committer);
    if (!committer)
        return;
    atomic_store(&committer->stopping, true);
    atomic_store(&committer->asleep, 0);
    futex_wake(&committer->asleep, 1);
    pthread_join(committer->thread, NULL);
    commit_free(&committer->batch.commit);
    free(committer);
}

void committer_figures(const struct storage *storage, struct storage_stats *stats)
{
    const struct committer *committer = storage->committer;
    stats->commits = atomic_load(&committer->commits);
    stats->mutations = atomic_load(&committer->mutations);
    stats->queue_depth = atomic_load(&committer->depth);
    for (size_t i = 0; i < STORAGE_BATCH_BUCKETS; i++)
        stats->batch_sizes[i] = atomic_load(&committer->batch_sizes[i]);
}

/* ---- blocking forms ---- */

static void count_down(void *ctx, struct mutation *mutation)
{
    (void)mutation;
    atomic_fetch_sub((atomic_uint *)ctx, 1); /* whoever waits may be gone right after this */
}

/* From the batch that they may be in at the earliest on, until all are done. */
static void wait_for(struct committer *committer, const atomic_uint *left, unsigned number)
{
    while (atomic_load(left) > 0) {
        atomic_uint *round = &committer->rounds[number % ROUNDS];
        unsigned now = atomic_load(round);
        if ((int)(now - (number + 1)) >= 0)
            number++;
        else
            futex_wait(round, now);
    }
}

void storage_commit_all(struct storage *storage, struct mutation *mutations, size_t count)
{
    enum { AT_ONCE = 1024 }; /* so that no single caller fills the queue */
    struct committer *committer = storage->committer;
    for (size_t begin = 0; begin < count; begin += AT_ONCE) {
        size_t here = count - begin < AT_ONCE ? count - begin : AT_ONCE;
        atomic_uint left = (unsigned)here;
        unsigned number = atomic_load(&committer->collecting);
        for (size_t i = 0; i < here; i++) {
            mutations[begin + i].done = count_down;
            mutations[begin + i].done_ctx = &left;
            storage_submit(storage, &mutations[begin + i]);
        }
        wait_for(committer, &left, number);
    }
}

enum storage_err storage_commit(struct storage *storage, struct mutation *mutation)
{
    storage_commit_all(storage, mutation, 1);
    return mutation->err;
}
