/* What the files of the byte half share: space.c (opening, the disk's room), packed.c (reserving in
 * segments), preparer.c (making them ahead), punch.c, segment.c (open files), stage.c and
 * stage_file.c (bodies on their way in), writers.c (threads), extent.c (footers, reading,
 * releasing). Nobody else includes this but compact.c and sweep.c.
 *
 * Locks, never held while a call may block on the disk: space->packed_lock (the segments of this
 * boot), space->stages_lock (free stages), writers.lock, shard.lock (which an open(2) is made
 * under). */
#ifndef STORAGE_LOCAL_SPACE_INTERNAL_H
#define STORAGE_LOCAL_SPACE_INTERNAL_H

#include "storage/local/space.h"

#include <pthread.h>

enum {
    SEGMENT_DEFAULT_BYTES = 256 * 1024 * 1024,
    SEGMENT_MIN_BYTES = 2 * 1024 * 1024,
    SEGMENT_SHARDS = 16,
    SEGMENT_SHARD_SLOTS = 32, /* 512 open files at most, plus those in use */
    SPACE_PATH_BYTES = 64,    /* behind the folder's own path */
    STAGES_KEPT = 256,        /* free ones */
    WRITERS_DEFAULT = 4,
    WRITERS_MAX = 64,
    WRITERS_QUEUE = 256,
    FOOTER_FIXED_BYTES = 48, /* without block CRCs */
    FOOTER_SMALL_BYTES = FOOTER_FIXED_BYTES + 4 * EXTENT_INLINE_CRCS,
    PUSH_BYTES = 8 * 1024 * 1024, /* a large file is pushed out in runs of this */
    PUNCH_BYTES = 64 * 1024,      /* freed runs below this are left to compaction */
    FREED_RUNS = 64,              /* remembered, so that freed neighbours are punched as one */
    LOG_SEGMENT_MIN_BYTES = SEGMENT_MIN_BYTES, /* where the disk has no room for a whole segment */
};

/* ---- packed segments of this boot (packed.c) ---- */

/* Made by packed.c, kept until the segment is unlinked, for its tail. Fields under packed_lock. */
struct packed {
    struct packed *next;
    uint64_t id;
    uint64_t size_bytes;
    uint64_t tail_bytes;                 /* reserved */
    uint64_t zeroed_bytes;               /* written with zeros up to here, or given up on */
    uint64_t zeroing_begin, zeroing_end; /* being written with zeros now: not to be reserved */
    uint32_t holds;                      /* reservations not ended */
    bool allocated;                      /* not merely sparse */
    bool sealed;                         /* rolled over */
    bool log_dirty;                      /* frames since the last sync */
    int fd;                              /* -1 when sealed and done with */
};

struct packed_run {
    struct packed *packed;
    int fd;
    uint64_t offset_bytes;
};

/* Room for size_bytes in the active segment, held until packed_end.
 * err: NO_SPACE, INVALID (larger than a segment) */
enum storage_err packed_reserve(
    struct space *space, uint64_t size_bytes, struct packed_run *ret_run) MUST_USE;
/* The reservation was written and committed, or given up. */
void packed_end(struct space *space, struct packed *packed);
/* With packed_lock, which is left meanwhile: prepares a segment, or waits for whoever does. A disk
 * that has no room for a whole one may have it for a small one, which deletes can be logged in.
 * err: NO_SPACE, NO_MEMORY, BUSY */
enum storage_err packed_prepare(struct space *space) MUST_USE;
/* Unlinks segments that nobody reserved anything in, cuts the active one, closes. */
void packed_close_all(struct space *space);
/* After the file was unlinked. */
void packed_forget(struct space *space, uint64_t segment_id);

/* A run of a packed segment that holds nothing any more: punched when it, with its freed
 * neighbours, is long enough to be worth it. */
struct freed_run {
    uint64_t segment_id; /* 0: none */
    uint64_t begin, end;
    uint64_t punched_begin, punched_end; /* within, of whole pages */
};
void packed_punch(
    struct space *space, struct segment *segment, uint64_t offset_bytes, uint64_t size_bytes);

/* ---- the thread that makes segments ahead (preparer.c) ---- */

enum storage_err preparer_start(struct space *space) MUST_USE;
void preparer_stop(struct space *space);

/* ---- open files (segment.c) ---- */

struct segment {
    uint64_t id;
    bool own_file;
    int fd;
    struct space *space;
    _Atomic uint32_t references; /* one of them is the cache's */
};

struct segment_shard {
    pthread_mutex_t lock;
    uint64_t keys[SEGMENT_SHARD_SLOTS]; /* 0: free */
    struct segment *segments[SEGMENT_SHARD_SLOTS];
    uint64_t used[SEGMENT_SHARD_SLOTS]; /* clock of the last use */
    uint64_t clock;
};

void segment_cache_close(struct space *space);

/* ---- threads (writers.c) ---- */

struct write_job {
    struct stage *stage;
    struct span bytes;
    storage_done_fn *done;
    void *ctx;
};

struct writers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t threads[WRITERS_MAX];
    uint32_t count;
    struct write_job jobs[WRITERS_QUEUE];
    uint32_t first, queued;
    bool stop;
};

bool writers_start(struct writers *writers, uint32_t count) MUST_USE;
/* Runs what is queued, then joins. Takes what writers_start left on failure, too. */
void writers_stop(struct writers *writers);
/* err: BUSY */
enum storage_err writers_add(struct writers *writers, const struct write_job *job) MUST_USE;

/* ---- stages (stage.c, stage_file.c) ---- */

enum stage_place {
    STAGE_EMPTY,  /* nothing written yet */
    STAGE_MEMORY, /* lent, or in small or buffer */
    STAGE_PACKED,
    STAGE_FILE,
};

struct stage {
    struct stage *next_free;
    struct space *space;
    uint64_t declared_bytes;
    uint64_t written_bytes;
    uint64_t promised_bytes; /* counted as taken from the disk but not yet allocated */
    enum stage_place place;
    enum storage_err failed; /* sticky */
    bool finished;
    bool allocated;      /* the file's room is there */
    atomic_bool writing; /* a stage_write_async is under way */
    struct extent extent;
    struct packed_run run;
    int fd; /* STAGE_FILE */
    uint64_t pushed_bytes;
    uint32_t block_crc; /* of the block that is filling */
    uint32_t *crcs;     /* of the full blocks; extent.block_crcs or malloc */
    uint32_t crc_capacity;
    struct span lent;          /* the caller's; else absent */
    char *buffer;              /* STAGE_BUFFER_BYTES, for bodies of unknown size */
    struct deflater *deflater; /* NULL: the bytes are kept as they come */
    uint64_t content_bytes;    /* compressed: what was declared, and when finished what it is */
    char small[STAGE_INLINE_BYTES];
};

/* Block CRCs of the next bytes. false: out of memory */
bool stage_checksum(struct stage *stage, struct span bytes) MUST_USE;
/* Closes the last, shorter block when written_bytes is complete. */
bool stage_checksum_end(struct stage *stage) MUST_USE;
/* Takes over the stage's file when its first bytes come, writes, pushes out; finishes it durably.
 */
enum storage_err stage_file_write(struct stage *stage, struct span bytes) MUST_USE;
enum storage_err stage_file_finish(struct stage *stage) MUST_USE;
void stage_file_discard(struct stage *stage);

/* ---- footers (extent.c) ---- */

uint64_t padded(uint64_t length_bytes);
uint32_t extent_block_count(uint64_t length_bytes);
uint64_t footer_bytes(uint32_t block_count);
/* Fills footer_bytes(extent->block_count) bytes and extent->footer_crc. */
void footer_encode(struct extent *extent, const uint32_t *crcs, unsigned char *ret_bytes);
/* Is this a whole, valid footer at this place? size_bytes: what is at hand.
 * out: ret_extent with inline CRCs; untouched when false */
bool footer_decode(const unsigned char *bytes, size_t size_bytes, uint64_t segment_id,
    uint64_t footer_offset, struct extent *ret_extent) MUST_USE;

/* ---- the whole ---- */

struct space {
    const struct sys *sys;
    char *dir;
    uint64_t segment_bytes;
    uint64_t reserve_bytes;
    bool read_only;
    uint64_t (*next_id)(void *ctx);
    void *next_id_ctx;
    void (*fatal)(void *ctx, const char *what, int error_number);
    void *fatal_ctx;

    pthread_mutex_t packed_lock;
    pthread_cond_t packed_wake; /* a segment was made, a window is zeroed */
    pthread_cond_t preparer_wake;
    struct packed *packed; /* newest first */
    struct packed *active;
    struct packed *prepared;
    uint64_t reserved_bytes; /* since opening */
    bool making;
    bool stop;
    char *zeros;        /* the preparer's */
    pthread_t preparer; /* makes the next segment ahead */
    bool preparer_runs;

    pthread_mutex_t freed_lock;
    struct freed_run freed_runs[FREED_RUNS];
    uint32_t freed_next; /* slot to be replaced */

    struct segment_shard shards[SEGMENT_SHARDS];

    pthread_mutex_t stages_lock;
    struct stage *free_stages;
    uint32_t free_stage_count;
    struct writers writers;

    pthread_mutex_t files_lock; /* held over mkdir and the sync of files/ */
    atomic_bool file_dirs[256]; /* made and synced */

    pthread_mutex_t disk_lock;              /* refreshing */
    _Atomic uint64_t disk_free, disk_total; /* as statvfs said */
    _Atomic uint64_t disk_at_ms;
    _Atomic uint64_t disk_taken;    /* allocated since then */
    _Atomic uint64_t disk_promised; /* declared by stages, not allocated */
};

/* The file's path into ret_path of SPACE_PATH_BYTES plus the folder's length; malloc, NULL: no
 * memory. */
char *space_path(const struct space *space, uint64_t segment_id, bool own_file);
/* writev's parts are not const, though it only reads them. */
static inline struct iovec part_of(struct span bytes)
{
    struct iovec part = {.iov_len = bytes.len};
    memcpy(&part.iov_base, &bytes.ptr, sizeof(part.iov_base));
    return part;
}
/* A failed write or allocation: NO_SPACE, or fatal and never back. */
enum storage_err space_write_failed(struct space *space, const char *what, int error_number);
/* Writes all parts (which it changes). err: NO_SPACE */
enum storage_err space_write(
    struct space *space, int fd, struct iovec *parts, int count, uint64_t offset_bytes) MUST_USE;
/* Reads len bytes, or up to the end of the file. err: IO */
enum storage_err space_read(struct space *space, int fd, void *ret_bytes, size_t len,
    uint64_t offset_bytes, size_t *ret_len) MUST_USE;
/* fsync of a folder below the data folder; fatal when it fails. */
enum storage_err space_sync_dir(struct space *space, const char *path) MUST_USE;

#endif
