/* Punching freed runs out of packed segments. Only an optimisation: what is forgotten here, or lost
 * with the process, is won back by compaction. */
#include "storage/local/space_internal.h"

#include <fcntl.h>

static const uint64_t page_bytes = 4096;

/* Widens `run` by [begin, end) if they touch. */
static bool run_join(struct freed_run *run, uint64_t segment_id, uint64_t begin, uint64_t end)
{
    if (run->segment_id != segment_id || begin > run->end || end < run->begin)
        return false;
    if (begin < run->begin)
        run->begin = begin;
    if (end > run->end)
        run->end = end;
    return true;
}

/* The run that now holds [begin, end). */
static struct freed_run *run_add(
    struct space *space, uint64_t segment_id, uint64_t begin, uint64_t end)
{
    struct freed_run *found = NULL;
    for (size_t i = 0; i < FREED_RUNS; i++) {
        struct freed_run *run = &space->freed_runs[i];
        if (!found) {
            if (run_join(run, segment_id, begin, end))
                found = run;
        } else if (run_join(found, run->segment_id, run->begin, run->end)) {
            /* What was punched of the smaller one is punched again: that is harmless. */
            if (run->punched_end - run->punched_begin > found->punched_end - found->punched_begin) {
                found->punched_begin = run->punched_begin;
                found->punched_end = run->punched_end;
            }
            *run = (struct freed_run){0};
        }
    }
    if (!found) {
        found = &space->freed_runs[space->freed_next++ % FREED_RUNS];
        *found = (struct freed_run){.segment_id = segment_id, .begin = begin, .end = end};
    }
    return found;
}

/* Takes what is to be punched out of the run and marks it as done. */
static size_t run_take(struct freed_run *run, uint64_t ret_ranges[2][2])
{
    uint64_t begin = (run->begin + page_bytes - 1) / page_bytes * page_bytes;
    uint64_t end = run->end / page_bytes * page_bytes;
    if (begin >= end)
        return 0;
    bool fresh = run->punched_begin == run->punched_end;
    uint64_t wanted[2][2] = {
        {begin, fresh ? end : run->punched_begin}, {fresh ? end : run->punched_end, end}};
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        if (wanted[i][1] < wanted[i][0] + PUNCH_BYTES)
            continue;
        ret_ranges[count][0] = wanted[i][0];
        ret_ranges[count++][1] = wanted[i][1];
        if (fresh || wanted[i][0] < run->punched_begin)
            run->punched_begin = wanted[i][0];
        if (wanted[i][1] > run->punched_end)
            run->punched_end = wanted[i][1];
    }
    return count;
}

void packed_punch(
    struct space *space, struct segment *segment, uint64_t offset_bytes, uint64_t size_bytes)
{
    uint64_t ranges[2][2];
    pthread_mutex_lock(&space->freed_lock);
    struct freed_run *run =
        run_add(space, segment->id, offset_bytes, offset_bytes + padded(size_bytes));
    size_t count = run_take(run, ranges);
    pthread_mutex_unlock(&space->freed_lock);
    for (size_t i = 0; i < count; i++)
        (void)space->sys->fallocate(segment->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
            (off_t)ranges[i][0], (off_t)(ranges[i][1] - ranges[i][0]));
}
