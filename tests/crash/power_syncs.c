#include "power.h"

/* With all that is synced in them: segments, files, their folders, the index, and at its first opening the data folder. */
static const struct {
    const char *sequence;
    bool fresh;
} cases[] = {
    {"file", true},
    {"packed,gc,delete", false},
};

static void skip(size_t i, uint32_t sync)
{
    unsigned sequence[3];
    size_t length = read_sequence(cases[i].sequence, sequence);
    power_fresh = cases[i].fresh;
    disk_skipped_sync = sync;
    atomic_store(&totals->failed, false);
    totals->failure[0] = '\0';
    run_sequence(sequence, length);
}

/* Those that come next are of the same file, with nothing in between, and one of them does its work. */
static bool is_done_by_next(size_t i, uint32_t sync, const char *path)
{
    do
        skip(i, ++sync);
    while (strcmp(totals->skipped, path) == 0 && !atomic_load(&totals->failed));
    return strcmp(totals->skipped, path) == 0;
}

bool run_each_sync(void)
{
    unsigned found = 0, missed = 0, twice = 0;
    states_wanted = 0;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (uint32_t sync = 1;; sync++) {
            char path[sizeof totals->skipped];
            skip(i, sync);
            memcpy(path, totals->skipped, sizeof path);
            if (strcmp(path, "none") == 0)
                break;
            if (atomic_load(&totals->failed)) {
                found++;
            } else if (is_done_by_next(i, sync, path)) {
                twice++;
            } else {
                missed++;
                printf("FAILED --sequence %s%s --skip-sync %u: nobody misses the sync of %s\n",
                    cases[i].sequence, cases[i].fresh ? " --fresh 1" : "", sync, path);
            }
        }
    printf("each of %u syncs of %zu sequences was left out by itself: %u were found, %u are done "
           "by one that follows, %u were not found\n",
        found + twice + missed, ARRAY_LEN(cases), found, twice, missed);
    return found > 0 && missed == 0;
}
