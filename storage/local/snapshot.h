/* Snapshots of the index, in DIR/snapshots: what salvage begins with. Each is a folder named by the last log frame that
 * it has, in 16 hexadecimal digits, with a compact copy of the index. One that is being made is `new.part`.
 *
 * A snapshot needs the log behind it. So the segments that have frames of it stay until a kept snapshot has them:
 * compaction asks snapshot_covers(). */
#ifndef STORAGE_LOCAL_SNAPSHOT_H
#define STORAGE_LOCAL_SNAPSHOT_H

#include "storage/local/schema.h"
#include "storage/storage_care.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

struct storage;

enum { SNAPSHOTS_MAX = 64 };

struct snapshot_entry {
    uint64_t frame_id;
    int64_t time_ms; /* when it was made */
};
struct snapshot_list {
    struct snapshot_entry items[SNAPSHOTS_MAX]; /* the newest ones, oldest first */
    size_t count;
};

/* Those that are there, whole or not. No folder is none. err: UNUSABLE */
enum storage_err snapshot_list(const char *dir, struct snapshot_list *ret_list) MUST_USE;
/* False when it is too long. */
bool snapshot_path(const char *dir, uint64_t frame_id, char ret_path[static PATH_MAX]) MUST_USE;
/* What a snapshot's folder has beside the index: the packed segments that get nothing more, ascending. An unreadable
 * list is empty. Memory: malloc, the caller's. */
size_t snapshot_sealed(const char *dir, uint64_t frame_id, uint64_t **ret_ids);
/* Removes one, or (UINT64_MAX) what is left of one that was being made. */
void snapshot_remove(const char *dir, uint64_t frame_id);
/* Names a damaged one so that it is none any more. */
void snapshot_set_aside(const char *dir, uint64_t frame_id);
/* Reads all of it, in a child process. err: CORRUPT, NEWER_FORMAT, UNUSABLE */
enum storage_err snapshot_check(const char *path) MUST_USE;

/* ---- making one (snapshot_make.c) ---- */

struct snapshot_made {
    enum storage_err err; /* NO_SPACE, CORRUPT: the index is damaged; UNUSABLE */
    uint64_t frame_id, bytes;
};
/* Copies the index of a store that nobody has open in this process, checks the copy, and gives it its name; durable
 * when it returns. Then those that are there already are checked again, and set aside if they have become damaged.
 * rate: bytes a second, 0: any. */
struct snapshot_made snapshot_make(const char *dir, uint64_t rate);

/* ---- of a store (snapshot.c) ---- */

enum { SNAPSHOT_RATE = 64 << 20 };

struct snapshots {
    pthread_mutex_t making;    /* held while one is made */
    pthread_mutex_t lock;      /* of what follows */
    struct snapshot_list list; /* kept ones */
    uint64_t *sealed;          /* of the oldest */
    size_t sealed_count;
    uint64_t bytes, failures;
    bool no_room, damage;
    atomic_uint_fast64_t log_bytes; /* written since the newest */
    atomic_uint_fast64_t
        held_bytes; /* that compaction would give back, but for the log; 0: not much */
    pthread_t thread;
    bool thread_runs, stop;
    pid_t child; /* that makes one; 0: none */
    pthread_cond_t wake;
    uint64_t tried_ms; /* monotonic: when the last attempt ended, or the store was opened */
    uint64_t took_ms;  /* the last attempt */
};

/* Looks what is there; starts the thread unless options.no_background. With options.snapshots 0 does nothing. */
enum storage_err snapshots_start(struct storage *storage) MUST_USE;
/* Ends one that is being made. */
void snapshots_stop(struct storage *storage);
/* May the log frames in this packed segment go? */
bool snapshots_cover(struct storage *storage, uint64_t segment_id);
void snapshots_figures(struct storage *storage, struct storage_stats *stats);

#endif
