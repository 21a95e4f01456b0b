/* Bodies kept compressed (zlib, RFC 1950). The content is cut into blocks of BLOB_BLOCK_BYTES, the last one
 * shorter, and each is a zlib stream of its own, so that any range is read by inflating the blocks that it
 * touches. An extent's data is then
 *
 *     the streams, one after the other; then the length of each, as little-endian u32
 *
 * and the extent's record says how long the content is. To all that moves, checks or frees extents these are
 * bytes like any other. */
#ifndef STORAGE_LOCAL_DEFLATE_H
#define STORAGE_LOCAL_DEFLATE_H

#include "storage/local/space.h"

enum {
    DEFLATE_MIN_BYTES = 4096, /* declared smaller: not worth it */
    DEFLATE_LEVEL = 3,        /* beyond it time grows faster than size falls */
    DEFLATE_WINDOW_BITS =
        14, /* with the level of memory below: 128 KiB for each body on its way in */
    DEFLATE_MEMORY_LEVEL = 7,
    DEFLATE_OUT_BYTES = 64 * 1024,
};

struct deflater;

/* Takes what comes out, in runs of up to DEFLATE_OUT_BYTES. */
typedef enum storage_err deflate_sink_fn(void *ctx, struct span bytes);

/* NULL: out of memory. One thread at a time. */
struct deflater *deflater_new(deflate_sink_fn *sink, void *ctx);
/* Takes NULL. */
void deflater_free(struct deflater *deflater);
/* err: NO_MEMORY, what the sink says */
enum storage_err deflater_add(struct deflater *deflater, struct span bytes) MUST_USE;
/* Ends the last block and writes the lengths. */
enum storage_err deflater_end(struct deflater *deflater) MUST_USE;
/* Bytes of content so far. */
uint64_t deflater_content_bytes(const struct deflater *deflater);

/* Reads compressed extents; keeps the block that was inflated last. */
struct inflater;

/* in:  content_bytes  of the extent
 * out: ret_inflater   the caller's, inflater_free
 * err: CORRUPT, IO, NO_MEMORY. crcs as in extent_read; NULL: nothing is verified */
enum storage_err inflater_open(struct segment *segment, const struct extent *extent,
    const uint32_t *crcs, struct inflater **ret_inflater) MUST_USE;
/* Takes NULL. */
void inflater_free(struct inflater *inflater);
/* Up to len bytes of content at offset, at least 1 unless offset is at the end; those of one block.
 * err: CORRUPT, IO */
enum storage_err inflater_read(struct inflater *inflater, struct segment *segment,
    const struct extent *extent, const uint32_t *crcs, uint64_t offset, void *ret_bytes, size_t len,
    size_t *ret_len) MUST_USE;

#endif
