/* Where bytes live: packed segments (256 MiB files that many extents and the log share) and files
 * of their own for large extents. An extent is an immutable run of bytes with a footer behind it:
 *
 *     data, zero padding to 8 bytes, footer: magic, extent id, length, block CRC32Cs, own CRC32C
 *
 * so that a scan finds extents without the index. The log's frames lie between the extents.
 * This layer knows files and offsets; what an extent is for is the index's business (schema.h).
 *
 * Ids of everything are boot number << 40 | counter (engine_next_id), never used twice, so a file
 * or a tail that the index does not name after a restart is litter. Space is reserved by an atomic
 * add and written in parallel; only the committer appends to the log and syncs. */
#ifndef STORAGE_LOCAL_SPACE_H
#define STORAGE_LOCAL_SPACE_H

#include "storage/local/sys.h"
#include "storage/storage.h"

#include <stdatomic.h>

enum {
    STAGE_INLINE_BYTES = 512,       /* a body shorter than this waits in memory for stages_place */
    PACKED_MAX_BYTES = 1024 * 1024, /* declared larger: a file of its own */
    EXTENT_INLINE_CRCS = 4,         /* more block CRCs than this live in the footer alone */
    EXTENT_ALIGN_BYTES = 8,
};

struct extent {
    uint64_t id;
    uint64_t segment_id; /* of the packed segment, or of the file that holds only this */
    bool own_file;
    uint64_t offset_bytes;  /* of the data in the file */
    uint64_t length_bytes;  /* as it lies there */
    uint64_t content_bytes; /* kept compressed (deflate.h): what it inflates to; 0: it is not */
    uint32_t block_count;   /* blocks of BLOB_BLOCK_BYTES, the last one shorter */
    uint32_t
        block_crcs[EXTENT_INLINE_CRCS]; /* CRC32C, when block_count is at most EXTENT_INLINE_CRCS */
    uint32_t footer_crc;                /* CRC32C of the footer */
};

/* Bytes that an extent takes in its file, padding and footer included. */
uint64_t extent_disk_bytes(const struct extent *extent);
/* Bytes as pieces count them. */
static inline uint64_t extent_content_bytes(const struct extent *extent)
{
    return extent->content_bytes ? extent->content_bytes : extent->length_bytes;
}

struct space;

struct space_options {
    const struct sys *sys;
    const char *dir; /* data folder; segments/ and files/ are made below it */
    uint64_t segment_bytes;
    uint64_t reserve_bytes;
    uint32_t writer_threads; /* 0: the default */
    bool read_only;     /* makes nothing, starts no threads, stages nothing: for checking a store */
    bool no_background; /* makes segments when they are needed, not ahead */
    uint64_t (*next_id)(void *ctx); /* thread-safe */
    void *next_id_ctx;
    void (*fatal)(void *ctx, const char *what, int error_number); /* does not return */
    void *fatal_ctx;
};

enum storage_err space_open(const struct space_options *options, struct space **ret_space) MUST_USE;
void space_close(struct space *space);

/* ---- stages (storage_stage_open and stage_* of storage.h are implemented on these) ---- */

enum storage_err space_stage_open(
    struct space *space, uint64_t size_bytes, struct stage **ret_stage) MUST_USE;
/* As storage_stage_lend. */
enum storage_err space_stage_lend(
    struct space *space, struct span bytes, struct stage **ret_stage) MUST_USE;
/* The finished stage's extent; NULL when it holds no bytes or they are still only in memory. */
const struct extent *stage_extent(const struct stage *stage);
/* The bytes themselves while they are still only in memory, else absent: those of lent bodies, and of bodies under
 * STAGE_INLINE_BYTES. The engine may store them inline, or has stages_place write them. */
struct span stage_bytes(const struct stage *stage);
/* Writes finished bodies that are still only in memory into segments, neighbours in one call; NULLs are passed over. What becomes of each is
 * its own affair: stage_failed. Blocks. One thread at a time for each stage. */
void stages_place(struct stage *const *stages, size_t count);
/* What a write of its bytes said. OK: nothing went wrong so far */
enum storage_err stage_failed(const struct stage *stage);
/* After the commit: the index names the extent now; frees the stage without giving space back. */
void stage_adopt(struct stage *stage);

/* ---- the committer's side (one thread) ---- */

/* Appends one frame to the active segment (rolls over to a new one when it does not fit).
 * out: where it is. err: NO_SPACE */
enum storage_err space_log_append(struct space *space, struct span frame, uint64_t *ret_segment_id,
    uint64_t *ret_offset) MUST_USE;

/* Makes packed segments durable (fdatasync, each once) as far as they were written before the call;
 * a new segment's directory entry was synced when it was made. A failure is fatal. */
void space_sync(struct space *space, const uint64_t *segment_ids, size_t count);

/* ---- segments as files ---- */

/* An open segment or file; counted references, so that it may be unlinked while it is read. */
struct segment;
/* err: IO, CORRUPT (no such file) */
enum storage_err segment_acquire(
    struct space *space, uint64_t segment_id, bool own_file, struct segment **ret_segment) MUST_USE;
void segment_release(struct segment *segment);
int segment_fd(const struct segment *segment);

/* Reads part of an extent.
 * crcs: block_count entries to check against, extent->block_crcs or those of extent_load_footer; then only whole
 * blocks can be read. NULL: unchecked.
 * err: IO, CORRUPT, INVALID (a part of a block, to be checked) */
enum storage_err extent_read(struct segment *segment, const struct extent *extent,
    const uint32_t *crcs, uint64_t offset, void *ret_bytes, size_t len, size_t *ret_len) MUST_USE;
/* Reads and checks a footer of more than EXTENT_INLINE_CRCS blocks. Memory: malloc, the caller
 * frees. err: IO, CORRUPT, NO_MEMORY */
enum storage_err extent_load_footer(
    struct segment *segment, const struct extent *extent, uint32_t **ret_crcs) MUST_USE;

/* Gives an extent's disk space back: punches it out of its segment, or unlinks its file.
 * Idempotent. Where punching is unsupported this does nothing. */
void extent_release(struct space *space, const struct extent *extent);

/* Drops a whole packed segment: no more acquires, unlink. Idempotent. */
void segment_unlink(struct space *space, uint64_t segment_id, bool own_file);

/* Is this packed segment still being written (active, or stages in it unfinished)? */
bool segment_busy(struct space *space, uint64_t segment_id);
/* If this is the active segment, begins another one; it stays as it is where the disk has no room for that. Blocks. */
void segment_seal(struct space *space, uint64_t segment_id);
/* Bytes reserved so far in a packed segment of this boot; 0 for others. */
uint64_t segment_tail(struct space *space, uint64_t segment_id);

/* Free and total bytes of the file system; cached for a second. */
void space_disk(struct space *space, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes);
/* Would writing this many bytes touch the reserve? */
bool space_short(struct space *space, uint64_t size_bytes);

#endif
