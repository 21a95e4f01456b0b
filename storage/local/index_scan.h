/* Adding up a table in steps while it changes, so that no read transaction is long: what each write transaction
 * changes among the records that were added up already is added, too. At the end the sum is what the table's tally
 * is, or the table is not what was written.
 *
 * One thread scans. A step: scan_announce() the range behind what is done; then begin a read transaction, add
 * up the range in it; scan_finish() with its number. Behind the announcement a commit that began before it has to
 * be seen by the read transaction, or the step is done again.
 *
 *     done            end of the range being added up
 *      |----------------|
 *      below: counts     within: counts, if the reader did not see it      beyond: does not count */
#ifndef STORAGE_LOCAL_INDEX_SCAN_H
#define STORAGE_LOCAL_INDEX_SCAN_H

#include "storage/local/schema.h"

#include <pthread.h>

enum { SCAN_COMMITS_MAX = 1024 /* during one step; else it is done again */ };

struct scan_key {
    size_t len; /* 0: before all records */
    char bytes[INDEX_KEY_MAX_BYTES];
};

struct scan_place {
    bool active, announced, to_the_end;
    enum table table;
    uint64_t number; /* another each time that the place changes */
    struct scan_key done, end;
};

struct index_scan {
    pthread_mutex_t lock;
    struct scan_place place;
    uint64_t first_number; /* of this scan */
    uint64_t unseen_txn;   /* the last commit that did not know of the range */
    struct tally sum;      /* of the records up to place.done, as of the last commit */
    struct {
        uint64_t txn;
        struct tally change;
    } within[SCAN_COMMITS_MAX];
    size_t within_count;
    bool too_many;
    /* The write transaction's, as it was when it began. */
    bool writing;
    struct scan_place writer;
    struct tally below, inside;
};

void scan_init(struct index_scan *scan);
void scan_destroy(struct index_scan *scan);

/* ---- the writer's, in its order ---- */

void scan_write_begin(struct index_scan *scan);
/* A record was put (added) or went. */
void scan_note(
    struct index_scan *scan, enum table table, struct span key, struct span value, bool added);
/* committed: by the transaction txn; the caller changes its tallies under scan->lock, with scan_write_end. */
void scan_write_end(struct index_scan *scan, bool committed, uint64_t txn);

/* ---- who scans ---- */

void scan_start(struct index_scan *scan, enum table table);
/* The next range: behind what is done, up to end with it; absent: to the table's end. */
void scan_announce(struct index_scan *scan, struct span end);
/* The range as the commit txn left it. False: again, with another transaction. */
bool scan_finish(struct index_scan *scan, uint64_t txn, const struct tally *tally) MUST_USE;
/* What is to be compared with the table's tally, under scan->lock. */
void scan_stop(struct index_scan *scan);

#endif
