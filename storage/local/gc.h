/* The engine's own work beside the committer: taking freed blobs apart (reclaim.c), rewriting
 * sparse segments (compact.c), removing what a crash left (sweep.c). gc.c runs the steps, on a
 * thread of its own or on that of whoever calls storage_gc_step.
 *
 * - One step runs at a time (step_lock), so reclaiming never punches what compaction reads.
 * - A step is bounded in rows, bytes and time, and may be cut off anywhere by a crash: space is
 * given back first, rows go in a later commit, and doing it again does no harm.
 * - Rows change through the committer alone, by MUTATION_ENGINE. */
#ifndef STORAGE_LOCAL_GC_H
#define STORAGE_LOCAL_GC_H

#include "storage/local/commit.h"
#include "storage/local/space_internal.h"

enum {
    RECLAIM_BLOBS = 256, /* in one commit */
    RECLAIM_PIECES = 256,
    RECLAIM_UPLOADS = 64,
    GC_EPOCH_WAIT_MS = 20,
    GC_COMPACT_EVERY = 4,        /* steps, however much is to be reclaimed */
    DROPPED_MAX = 64,            /* segments whose row is gone and whose last reader may not be */
    REFUSED_MAX = 64,            /* damaged segments that compaction leaves alone */
    SCAN_VERSIONS = 500,         /* of zones, counted in one commit */
    CONTENT_ROWS = 1000,         /* of the index of contents, deleted in one commit */
    AGES_EVERY_MS = 3600 * 1000, /* a zone's oldest and newest are counted anew */
    AGES_LOOK_EVERY_MS = 60 * 1000, /* all zones are looked at for that */
    AGES_KEYS = 1000,               /* looked at in a step */
    AGES_LOOK_ROWS = 256,           /* of zones, looked at in a step */
    COMPACT_LIVE_PERCENT = 70,      /* a segment with less is rewritten */
    /* While all of them together take more than this of what is live, and a sixteenth of a segment more, those
     * with less live than that are rewritten too, and the active one is ended for it. */
    COMPACT_WHOLE_PERCENT = 125,
    COMPACT_CROWDED_LIVE_PERCENT = 85,
    COMPACT_SLACK_SHARE = 16,
    COMPACT_LOOK_ROWS = 4096, /* segment rows looked at in a step */
    COMPACT_EXTENTS = 256,    /* moved in one commit */
    COMPACT_BYTES = 4 * 1024 * 1024,
    COMPACT_WINDOW_BYTES = 1024 * 1024, /* scanned for footers at once */
    COMPACT_WINDOWS = 16,               /* in a step */
};

struct dropped_segment {
    uint64_t id;
    uint64_t epoch;
};

/* The segment being rewritten. */
struct compaction {
    uint64_t segment_id; /* 0: none */
    uint64_t tail_bytes;
    uint64_t scan_bytes; /* footers before this have been dealt with */
    bool damaged;        /* something live could not be copied */
};

/* The zone whose oldest and newest version are being counted. */
struct ages {
    uint64_t bucket_id, zone_id; /* zone_id 0: none */
    int64_t begun_ms, oldest_ms, newest_ms;
    uint64_t after_bucket_id, after_zone_id; /* the next look for one begins behind it */
    int64_t pass_at_ms;                      /* when the last pass over all zones began */
    size_t key_len;                          /* the next key; 0: the first */
    char key[STORAGE_KEY_MAX_BYTES];
};

struct gc {
    struct storage *storage;
    pthread_mutex_t step_lock;
    bool swept;
    uint32_t turn;
    uint64_t look_at_ms;     /* monotonic: when the thread looks for sparse segments again */
    uint64_t freed_after;    /* FREED_BLOB: sequence behind which the next look begins */
    bool one_by_one;         /* since a damaged record was met in this round */
    uint64_t segments_after; /* compaction: the same */
    uint64_t held_bytes;     /* met since this pass over the segments began: only log keeps them */
    uint64_t ended_segment_id; /* the last active one that was ended to be rewritten */
    struct compaction compaction;
    struct ages ages;
    struct dropped_segment dropped[DROPPED_MAX];
    size_t dropped_count;
    uint64_t refused[REFUSED_MAX];
    size_t refused_count;
    uint64_t seen_commit; /* the thread's, to tell whether others commit */

    pthread_t thread;
    bool thread_runs;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop; /* under lock */
};

/* Hands work to the committer and waits. err: what apply said; BUSY, NO_SPACE */
enum storage_err gc_commit(struct gc *gc, struct engine_work *work) MUST_USE;
/* Waits, for at most GC_EPOCH_WAIT_MS, until no reader is in an epoch up to this one. */
bool gc_epoch_wait(struct gc *gc, uint64_t epoch) MUST_USE;
/* The thread shall end. */
bool gc_stopping(struct gc *gc);
/* Sleeps, but wakes when the thread shall end. */
void gc_sleep(struct gc *gc, uint64_t ms);

/* Each does a bounded piece of work. *ret_more: there may be more to do at once. */
enum storage_err reclaim_step(struct gc *gc, bool *ret_more) MUST_USE;
enum storage_err compact_step(struct gc *gc, bool *ret_more) MUST_USE;
enum storage_err zone_step(struct gc *gc, bool *ret_more) MUST_USE;
/* patient: not more often than every AGES_EVERY_MS. */
enum storage_err ages_step(struct gc *gc, bool patient, bool *ret_more) MUST_USE;

/* Removes files of earlier boots that the index does not name, and cuts what lies behind committed
 * tails. To its end, or until the thread shall stop. */
void sweep(struct gc *gc);

#endif
