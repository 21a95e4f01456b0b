#include "storage/local/batch.h"

#include "storage/local/apply.h"

#include <errno.h>

enum outcome {
    BATCH_DONE,
    BATCH_REPLAY, /* as it is, smaller, or without what was marked refused */
    BATCH_FAILED, /* nothing of it was committed */
};

static enum storage_err err_of_failure(enum index_failure failure)
{
    switch (failure) {
    case INDEX_NO_SPACE:
        return STORAGE_NO_SPACE;
    case INDEX_NO_MEMORY:
        return STORAGE_NO_MEMORY;
    case INDEX_DAMAGED:
        return STORAGE_CORRUPT;
    case INDEX_FINE:
    case INDEX_MAP_FULL:
    case INDEX_TXN_FULL:
    case INDEX_FATAL:
    case INDEX_MISUSED:
        break;
    }
    return STORAGE_INTERNAL;
}

/* The transaction is gone. guilty: the item that was being applied, or count when it was none. */
static enum outcome after_failure(
    struct batch *batch, enum index_failure failure, size_t guilty, enum storage_err *err)
{
    struct storage *storage = batch->commit.storage;
    if (failure != INDEX_FINE)
        *err = err_of_failure(failure);
    switch (failure) {
    case INDEX_MAP_FULL:
        if (index_grow(storage->index) == STORAGE_OK)
            return BATCH_REPLAY;
        *err = STORAGE_NO_SPACE;
        return BATCH_FAILED;
    case INDEX_TXN_FULL:
        if (batch->count == 1)
            return BATCH_FAILED;
        batch->count /= 2;
        return BATCH_REPLAY;
    case INDEX_FATAL:
        engine_fatal(storage, "the index cannot be written", EIO);
    case INDEX_NO_SPACE:
    case INDEX_NO_MEMORY:
        return BATCH_FAILED;
    case INDEX_FINE:
    case INDEX_DAMAGED:
    case INDEX_MISUSED:
        break;
    }
    if (guilty >= batch->count)
        return BATCH_FAILED;
    batch->refused[guilty] = *err;
    return BATCH_REPLAY;
}

/* A refused mutation leaves no trace, or the batch has to be replayed without it. */
static enum storage_err apply_one(struct batch *batch, size_t i, bool *ret_traces)
{
    struct commit *commit = &batch->commit;
    struct mutation *mutation = batch->items[i];
    struct log_mark mark = log_mark(&commit->log);
    uint64_t changes = commit_changes(commit);
    *ret_traces = false;
    if (batch->refused[i] != STORAGE_OK)
        return batch->refused[i];
    enum storage_err err = mutation_apply(commit, mutation);
    if (err != STORAGE_OK) {
        log_undo(&commit->log, mark);
        *ret_traces = commit_changes(commit) != changes;
    }
    return err;
}

static bool is_full(const struct batch *batch)
{
    size_t segment_bytes = (size_t)batch->commit.storage->options.segment_bytes;
    size_t max = segment_bytes / 4 < LOG_BATCH_BYTES ? segment_bytes / 4 : LOG_BATCH_BYTES;
    return batch->commit.log.bytes.len > max;
}

static enum outcome attempt(struct batch *batch, enum storage_err *ret_err, bool *ret_committed)
{
    struct commit *commit = &batch->commit;
    enum index_failure failure;
    bool traces;
    *ret_err = commit_begin(commit);
    if (*ret_err != STORAGE_OK)
        return BATCH_FAILED;
    for (size_t i = 0; i < batch->count; i++) {
        enum storage_err err = apply_one(batch, i, &traces);
        if (traces || index_failure(commit->txn) != INDEX_FINE) {
            failure = index_failure(commit->txn);
            commit_abort(commit);
            *ret_err = err;
            return after_failure(batch, failure, i, ret_err);
        }
        batch->items[i]->err = err;
        if (is_full(batch))
            batch->count = i + 1;
    }
    *ret_committed = commit_changes(commit) + commit->notes > 0;
    if (!*ret_committed) {
        commit_abort(commit);
        return BATCH_DONE;
    }
    *ret_err = commit_end(commit, &failure);
    if (*ret_err == STORAGE_OK)
        return BATCH_DONE;
    *ret_committed = false;
    return after_failure(batch, failure, batch->count, ret_err);
}

/* Bodies that were left in memory until now, so that one call writes those of all. */
static void place_bodies(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        batch->bodies[i] = mutation_stage_to_place(batch->items[i]);
    stages_place(batch->bodies, batch->count);
    for (size_t i = 0; i < batch->count; i++)
        batch->refused[i] = batch->bodies[i] ? stage_failed(batch->bodies[i]) : STORAGE_OK;
}

size_t batch_run(struct batch *batch, bool *ret_committed)
{
    enum storage_err err;
    enum outcome outcome;
    place_bodies(batch);
    /* Each replay has a larger map, fewer items, or one refused item more: it ends. */
    do
        outcome = attempt(batch, &err, ret_committed);
    while (outcome == BATCH_REPLAY);
    for (size_t i = 0; i < batch->count && outcome == BATCH_FAILED; i++)
        batch->items[i]->err = err;
    return batch->count;
}
