/* The care of a store: figures, backup, scrubbing, snapshots and salvage. Part of the store's contract (storage.h). */
#ifndef STORAGE_STORAGE_CARE_H
#define STORAGE_STORAGE_CARE_H

#include "storage/storage.h"

/* ---- figures, and giving space back ---- */

enum { STORAGE_BATCH_BUCKETS = 12 };

struct storage_stats {
    uint64_t commits;                            /* transactions since start */
    uint64_t mutations;                          /* committed since start */
    uint64_t batch_sizes[STORAGE_BATCH_BUCKETS]; /* commits with up to 2^i mutations */
    uint64_t queue_depth;
    uint64_t index_pages_used, index_page_bytes, index_map_bytes;
    uint64_t index_free_pages;
    uint64_t segments;      /* packed ones */
    uint64_t segment_bytes; /* on disk, up to their tails */
    uint64_t segment_live_bytes;
    uint64_t files; /* blobs with a file of their own */
    uint64_t file_bytes;
    uint64_t freed_pending; /* blobs to be taken apart */
    uint64_t compactions;
    uint64_t reclaimed_bytes;
    uint64_t corrupt_blocks;     /* met since start */
    uint32_t snapshots;          /* kept */
    int64_t snapshot_ms;         /* when the newest was made; 0: there is none */
    uint64_t snapshot_bytes;     /* of the newest */
    uint64_t snapshot_log_bytes; /* of log written since the newest, or since start */
    uint64_t snapshot_failures;  /* since start */
    bool snapshot_no_room;       /* so log goes that salvage would need */
    bool snapshot_damage;        /* the last one failed, since the index is damaged */
    uint64_t disk_free_bytes, disk_total_bytes;
    bool lacks_last; /* opened without its last commit, which failed, or whose number is damaged */
};
void storage_stats(struct storage *storage, struct storage_stats *ret_stats);

/* One bounded step of reclaiming and compacting, on the caller's thread. *ret_more: there is more to do.
 * For tests and for stores opened with no_background. Blocks on the disk. */
enum storage_err storage_gc_step(struct storage *storage, bool *ret_more) MUST_USE;

/* ---- backup ---- */

/* While a hold stands nothing is given back: what an index snapshot taken after it names stays where it is. It
 * ends by itself after ms (at most 10 minutes), unless it is renewed. Waits for a step of GC that is under way.
 * err: BUSY: there are too many */
enum storage_err storage_hold(struct storage *storage, uint64_t ms, uint64_t *ret_id) MUST_USE;
/* False: it has expired, and what was named since may be gone. */
bool storage_hold_renew(struct storage *storage, uint64_t id, uint64_t ms) MUST_USE;
void storage_hold_release(struct storage *storage, uint64_t id);

struct storage_backup_figures {
    uint64_t files, bytes; /* that the copy has */
    uint64_t copied_files, copied_bytes, linked_files;
};

struct storage_backup {
    const char *
        from; /* data folder; of a running store with a hold, taken before and kept until the end */
    const char *to; /* is made; what is left of one that failed is the caller's to remove */
    const char
        *before; /* an earlier copy on the same file system, whose files are linked; NULL: none */
    /* Called now and then; false stops it. May be NULL. */
    bool (*progress)(void *ctx, const struct storage_backup_figures *figures);
    void *ctx;
};

/* Copies a store as of one moment into a folder that can be opened as it is. The store may be in use by another
 * process, but not by this one. Blocks on the disk.
 * out: *ret_detail  what went wrong, a literal
 * err: INVALID (`to` is there), BUSY (stopped), CORRUPT, NO_SPACE, UNUSABLE, NEWER_FORMAT, NO_MEMORY */
enum storage_err storage_backup(const struct storage_backup *order,
    struct storage_backup_figures *ret_figures, const char **ret_detail) MUST_USE;

/* ---- scrubbing: everything at rest is read and checked, in steps, while the store is in use ---- */

enum scrub_kind {
    SCRUB_CONTENT, /* bytes of objects or parts */
    SCRUB_INDEX,
    SCRUB_LOG, /* nothing that is answered; what the index could be rebuilt from */
};

struct scrub_finding {
    enum scrub_kind kind;
    struct span what; /* a line */
    struct span bucket,
        key; /* the version whose bytes are damaged; absent: not known, or not of one */
    struct version version;
};

enum { SCRUB_BAD_MAX = 256 };

/* Where a pass is: zeroed at its beginning, from then on as the last step left it. Plain data, so that a pass
 * can go on after a restart; one that another release has left begins anew. */
struct scrub_position {
    uint32_t format, phase;
    uint64_t at, offset, tail, expected, found;
    uint64_t checked_bytes;   /* since the pass began: of content and log */
    uint64_t checked_records; /* of the index */
    uint32_t
        bad_count; /* pieces of content that are damaged, whose objects are to be named at the end */
    uint64_t bad[SCRUB_BAD_MAX];
};

struct scrub_order {
    uint64_t max_bytes; /* of content, in a step; about */
    void (*report)(void *ctx, const struct scrub_finding *finding);
    /* Called now and then within a step, with the bytes that were read since; may sleep. False: the step ends, and
     * the position is where the next one goes on. */
    bool (*go_on)(void *ctx, uint64_t bytes);
    void *ctx;
};

/* One bounded step of a pass, on the caller's thread; one at a time. Waits for a step of GC where something looks
 * damaged, since it may just be on its way out. Damage is reported and ends nothing. Blocks on the disk.
 * out: *ret_end  the pass is over
 * err: BUSY (stopped), NO_MEMORY, IO (not of one object: the check could not be made) */
enum storage_err storage_scrub_step(struct storage *storage, const struct scrub_order *order,
    struct scrub_position *position, bool *ret_end) MUST_USE;
/* Name of the phase that the position is in, for people. */
const char *storage_scrub_phase(const struct scrub_position *position);

/* ---- salvage ---- */

/* Makes a snapshot of the index now, and removes those that are too many. Blocks on the disk, and as long as another one
 * is made. err: INVALID (options.snapshots is 0), NO_SPACE, CORRUPT (the index is damaged), UNUSABLE, NO_MEMORY */
enum storage_err storage_snapshot(struct storage *storage) MUST_USE;

struct storage_salvage {
    const char *dir; /* of a store that nobody has open */
    const char *
        to; /* is made: the new data folder; NULL: dir gets the new index, and keeps the old one aside */
    void (*report)(
        void *ctx, const char *line); /* what was done, what is lost, what is not known */
    void *ctx;
};

struct storage_salvage_figures {
    int64_t snapshot_ms;                 /* of the snapshot that was begun with; 0: none */
    uint64_t segments, bytes;            /* read */
    uint64_t frames, changes;            /* of the log, done again */
    uint64_t buckets, versions, records; /* there are now */
    uint64_t unknown; /* things told of that are lost or not known; 0: all is as it was */
};

/* Makes the index anew: from the newest snapshot that is whole and the log behind it, or from the log alone. Bytes
 * are checked before they count; what lacks them is left out, and told of. The store's own files are not
 * changed, but for index/, which is kept under another name. May be cut off at any moment, and begun again.
 * out: *ret_detail  what went wrong, a literal
 * err: IN_USE, NEWER_FORMAT, CORRUPT (nothing to begin with), INVALID (`to` is there), NO_SPACE, UNUSABLE, NO_MEMORY */
enum storage_err storage_salvage(const struct storage_salvage *order,
    struct storage_salvage_figures *ret_figures, const char **ret_detail) MUST_USE;

/* Checks a store that no process has open: index against blobs, every record's and block's CRC, counts and
 * set hashes, reference counts, live bytes. Reports each finding as a line.
 * out: *ret_findings  number of findings; 0 is a clean store
 * err: IN_USE, UNUSABLE, NEWER_FORMAT: the check could not be made */
enum storage_err storage_verify(const char *dir, void (*report)(void *ctx, const char *line),
    void *ctx, uint64_t *ret_findings) MUST_USE;

#endif
