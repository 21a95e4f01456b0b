#include "storage/local/deflate.h"

#include "base/buf.h"

#include <endian.h>
#include <zlib.h>

enum { LENGTHS_MAX_BYTES = INT32_MAX };

static uint64_t block_count_of(uint64_t content_bytes)
{
    return (content_bytes + BLOB_BLOCK_BYTES - 1) / BLOB_BLOCK_BYTES;
}

/* ---- writing ---- */

struct deflater {
    z_stream stream;
    deflate_sink_fn *sink;
    void *ctx;
    struct buf lengths;      /* of the blocks that are complete */
    uint64_t content_bytes;  /* of all blocks */
    uint64_t block_in_bytes; /* of the block that is filling */
    uint64_t block_out_bytes;
    unsigned char out[DEFLATE_OUT_BYTES];
};

struct deflater *deflater_new(deflate_sink_fn *sink, void *ctx)
{
    struct deflater *deflater = malloc(sizeof *deflater);
    if (!deflater)
        return NULL;
    memset(deflater, 0, offsetof(struct deflater, out));
    deflater->sink = sink;
    deflater->ctx = ctx;
    buf_init(&deflater->lengths, LENGTHS_MAX_BYTES);
    if (deflateInit2(&deflater->stream, DEFLATE_LEVEL, Z_DEFLATED, DEFLATE_WINDOW_BITS,
            DEFLATE_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(deflater);
        return NULL;
    }
    return deflater;
}

void deflater_free(struct deflater *deflater)
{
    if (!deflater)
        return;
    deflateEnd(&deflater->stream);
    buf_free(&deflater->lengths);
    free(deflater);
}

uint64_t deflater_content_bytes(const struct deflater *deflater)
{
    return deflater->content_bytes;
}

/* Gives zlib's input to it and what comes out to the sink. */
static enum storage_err pump(struct deflater *deflater, int flush)
{
    z_stream *stream = &deflater->stream;
    enum storage_err err = STORAGE_OK;
    int state;
    do {
        stream->next_out = deflater->out;
        stream->avail_out = sizeof deflater->out;
        state = deflate(stream, flush);
        if (state == Z_STREAM_ERROR)
            return STORAGE_INTERNAL;
        size_t len = sizeof deflater->out - stream->avail_out;
        deflater->block_out_bytes += len;
        if (len > 0)
            err = deflater->sink(deflater->ctx, span_of(deflater->out, len));
    } while (
        err == STORAGE_OK && (flush == Z_FINISH ? state != Z_STREAM_END : stream->avail_out == 0));
    return err;
}

static enum storage_err end_block(struct deflater *deflater)
{
    deflater->stream.next_in = NULL;
    deflater->stream.avail_in = 0;
    enum storage_err err = pump(deflater, Z_FINISH);
    uint32_t length = htole32((uint32_t)deflater->block_out_bytes);
    buf_add(&deflater->lengths, span_of(&length, sizeof length));
    if (err == STORAGE_OK && !buf_ok(&deflater->lengths))
        err = STORAGE_NO_MEMORY;
    if (err == STORAGE_OK && deflateReset(&deflater->stream) != Z_OK)
        err = STORAGE_INTERNAL;
    deflater->block_in_bytes = 0;
    deflater->block_out_bytes = 0;
    return err;
}

enum storage_err deflater_add(struct deflater *deflater, struct span bytes)
{
    enum storage_err err = STORAGE_OK;
    while (bytes.len > 0 && err == STORAGE_OK) {
        struct span head = span_first(bytes, (size_t)(BLOB_BLOCK_BYTES - deflater->block_in_bytes));
        bytes = span_from(bytes, head.len);
        deflater->stream.next_in = (z_const Bytef *)head.ptr;
        deflater->stream.avail_in = (uInt)head.len;
        err = pump(deflater, Z_NO_FLUSH);
        deflater->block_in_bytes += head.len;
        deflater->content_bytes += head.len;
        if (err == STORAGE_OK && deflater->block_in_bytes == BLOB_BLOCK_BYTES)
            err = end_block(deflater);
    }
    return err;
}

enum storage_err deflater_end(struct deflater *deflater)
{
    enum storage_err err = deflater->block_in_bytes > 0 ? end_block(deflater) : STORAGE_OK;
    struct span lengths = buf_span(&deflater->lengths);
    while (err == STORAGE_OK && lengths.len > 0) {
        err = deflater->sink(deflater->ctx, span_first(lengths, DEFLATE_OUT_BYTES));
        lengths = span_from(lengths, DEFLATE_OUT_BYTES);
    }
    return err;
}

/* ---- reading ---- */

struct inflater {
    uint64_t blocks;
    uint64_t stored; /* which block of the extent is in `in`; UINT64_MAX: none */
    uint64_t kept;   /* which block of the content is in `content`; UINT64_MAX: none */
    z_stream stream;
    unsigned char *content; /* BLOB_BLOCK_BYTES, once a part of a block was asked for */
    unsigned char in[BLOB_BLOCK_BYTES];
    uint64_t ends[]; /* of each block's stream, in the extent */
};

/* The extent's bytes from an offset to the end of the extent's block there, at most max. They are read by
 * whole blocks, so each is read and checked once where the content is read in order. */
static enum storage_err stored_run(struct inflater *inflater, struct segment *segment,
    const struct extent *extent, const uint32_t *crcs, uint64_t offset, uint64_t max,
    struct span *ret_run)
{
    uint64_t block = offset / BLOB_BLOCK_BYTES;
    size_t skip = (size_t)(offset % BLOB_BLOCK_BYTES), len = sizeof inflater->in;
    if (extent->length_bytes - block * BLOB_BLOCK_BYTES < len)
        len = (size_t)(extent->length_bytes - block * BLOB_BLOCK_BYTES);
    if (inflater->stored != block) {
        size_t got = 0;
        inflater->stored = UINT64_MAX;
        enum storage_err err =
            extent_read(segment, extent, crcs, block * BLOB_BLOCK_BYTES, inflater->in, len, &got);
        if (err != STORAGE_OK)
            return err;
        inflater->stored = block;
    }
    size_t run = max < len - skip ? (size_t)max : len - skip;
    *ret_run = span_of(inflater->in + skip, run);
    return STORAGE_OK;
}

/* The lengths at the extent's end, summed up. */
static enum storage_err load_ends(struct inflater *inflater, struct segment *segment,
    const struct extent *extent, const uint32_t *crcs)
{
    uint64_t at = extent->length_bytes - 4 * inflater->blocks, end = 0;
    unsigned char length[4];
    size_t have = 0, next = 0;
    for (uint64_t offset = at; offset < extent->length_bytes;) {
        struct span run;
        enum storage_err err = stored_run(
            inflater, segment, extent, crcs, offset, extent->length_bytes - offset, &run);
        if (err != STORAGE_OK)
            return err;
        offset += run.len;
        for (size_t i = 0; i < run.len; i++) { /* a length may lie across two blocks */
            length[have++] = (unsigned char)run.ptr[i];
            if (have < sizeof length)
                continue;
            uint32_t value;
            memcpy(&value, length, sizeof value);
            inflater->ends[next++] = end += le32toh(value);
            have = 0;
        }
    }
    return end == at ? STORAGE_OK : STORAGE_CORRUPT;
}

enum storage_err inflater_open(struct segment *segment, const struct extent *extent,
    const uint32_t *crcs, struct inflater **ret_inflater)
{
    uint64_t blocks = block_count_of(extent->content_bytes);
    if (blocks > extent->length_bytes / 4)
        return STORAGE_CORRUPT;
    struct inflater *inflater = malloc(sizeof *inflater + (size_t)blocks * sizeof(uint64_t));
    if (!inflater)
        return STORAGE_NO_MEMORY;
    inflater->blocks = blocks;
    inflater->stored = UINT64_MAX;
    inflater->kept = UINT64_MAX;
    inflater->content = NULL;
    inflater->stream = (z_stream){0};
    if (inflateInit2(&inflater->stream, DEFLATE_WINDOW_BITS) != Z_OK) {
        free(inflater);
        return STORAGE_NO_MEMORY;
    }
    enum storage_err err = load_ends(inflater, segment, extent, crcs);
    if (err == STORAGE_OK)
        *ret_inflater = inflater;
    else
        inflater_free(inflater);
    return err;
}

void inflater_free(struct inflater *inflater)
{
    if (!inflater)
        return;
    inflateEnd(&inflater->stream);
    free(inflater->content);
    free(inflater);
}

/* Inflates one block, which must give exactly len bytes. */
static enum storage_err inflate_block(struct inflater *inflater, struct segment *segment,
    const struct extent *extent, const uint32_t *crcs, uint64_t block, void *ret_bytes, size_t len)
{
    z_stream *stream = &inflater->stream;
    uint64_t at = block == 0 ? 0 : inflater->ends[block - 1], end = inflater->ends[block];
    int state = inflateReset(stream);
    stream->next_out = ret_bytes;
    stream->avail_out = (uInt)len;
    while (state == Z_OK && at < end) {
        struct span run;
        enum storage_err err = stored_run(inflater, segment, extent, crcs, at, end - at, &run);
        if (err != STORAGE_OK)
            return err;
        at += run.len;
        stream->next_in = (z_const Bytef *)run.ptr;
        stream->avail_in = (uInt)run.len;
        state = inflate(stream, at == end ? Z_FINISH : Z_NO_FLUSH);
        if (stream->avail_in > 0)
            break;
    }
    return state == Z_STREAM_END && stream->avail_out == 0 && stream->avail_in == 0 && at == end
               ? STORAGE_OK
               : STORAGE_CORRUPT;
}

enum storage_err inflater_read(struct inflater *inflater, struct segment *segment,
    const struct extent *extent, const uint32_t *crcs, uint64_t offset, void *ret_bytes, size_t len,
    size_t *ret_len)
{
    uint64_t block = offset / BLOB_BLOCK_BYTES, begin = block * BLOB_BLOCK_BYTES;
    *ret_len = 0;
    if (offset >= extent->content_bytes)
        return STORAGE_OK;
    uint64_t left = extent->content_bytes - begin;
    size_t block_len = left < BLOB_BLOCK_BYTES ? (size_t)left : BLOB_BLOCK_BYTES;
    size_t skip = (size_t)(offset - begin);
    size_t wanted = len < block_len - skip ? len : block_len - skip;
    enum storage_err err = STORAGE_OK;
    if (wanted == block_len && inflater->kept != block) {
        err = inflate_block(inflater, segment, extent, crcs, block, ret_bytes, block_len);
    } else {
        if (!inflater->content && !(inflater->content = malloc(BLOB_BLOCK_BYTES)))
            return STORAGE_NO_MEMORY;
        if (inflater->kept != block) {
            inflater->kept = UINT64_MAX;
            err =
                inflate_block(inflater, segment, extent, crcs, block, inflater->content, block_len);
            if (err == STORAGE_OK)
                inflater->kept = block;
        }
        if (err == STORAGE_OK)
            memcpy(ret_bytes, inflater->content + skip, wanted);
    }
    if (err == STORAGE_OK)
        *ret_len = wanted;
    return err;
}
