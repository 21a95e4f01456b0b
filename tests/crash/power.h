/* What the files of power_states share: see power_states.c. */
#ifndef TESTS_CRASH_POWER_H
#define TESTS_CRASH_POWER_H

#include "changes.h"
#include "disk.h"

#include <stdatomic.h>

enum {
    COMMITS_MAX = 32,
    STATES_DEFAULT = 20000,
    POWER_PATH_BYTES = 112,
};

/* Of all processes. */
struct totals {
    atomic_ulong states, same, sequences, torn;
    atomic_bool failed;
    char failure[900];
    char skipped[300]; /* what the sync was of that was left out; "none": there were not so many */
};
extern struct totals *totals;

extern char power_base[POWER_PATH_BYTES];  /* the store that all begin with */
extern char power_live[POWER_PATH_BYTES];  /* the one that is recorded */
extern char power_state[POWER_PATH_BYTES]; /* what a power cut left of it */
extern uint64_t power_seed;
extern unsigned long states_wanted; /* 0: all */
extern bool power_fresh;            /* begin with an empty folder */
extern bool power_keeps_log;        /* as if snapshots were kept */
extern uint32_t commits;            /* of the sequence */
extern struct model base_model;

bool power_enough(void);
void remove_tree(const char *path);
void copy_tree(const char *from, const char *to);
void open_at(const char *dir);
/* For storage_verify: remembers the first one. */
void print_finding(void *ctx, const char *line);
/* In a process of its own; adds to the totals. */
void run_sequence(const unsigned *sequence, size_t length);
/* "A,B,C". Returns how many; 0: there is no such change. */
size_t read_sequence(const char *list, unsigned ret_sequence[static 3]);

/* ---- power_way_back.c ---- */

/* The power goes while a snapshot is made, or while a lost index is salvaged. */
void run_way_back(bool salvages);

/* ---- power_syncs.c ---- */

/* Each sync of some sequences is left out by itself: every one must be found. False when one was not. */
bool run_each_sync(void);

#endif
