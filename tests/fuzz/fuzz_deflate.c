/* A compressed extent as it lies on the disk. Bytes 0 to 2: how long its content is said to be; 3 and 4: where a
 * reading begins; the rest: the extent. And the same bytes, compressed, come back. */
#include "fuzz.h"
#include "storage/local/deflate.h"
#include "storage/local/space_internal.h"

enum { CONTENT_MAX_BYTES = 3 * BLOB_BLOCK_BYTES };

static struct span disk; /* what the extent lies on */

static ssize_t read_disk(int fd, void *bytes, size_t len, off_t offset)
{
    (void)fd;
    struct span got = span_first(span_from(disk, (size_t)offset), len);
    memcpy(bytes, got.ptr, got.len);
    return (ssize_t)got.len;
}

static const struct sys sys = {.pread = read_disk};

/* Reads all of it from an offset on; false when it is damaged. */
static bool read_from(struct segment *segment, const struct extent *extent, uint64_t offset,
    size_t step, struct buf *out)
{
    struct inflater *inflater = NULL;
    if (inflater_open(segment, extent, NULL, &inflater) != STORAGE_OK)
        return false;
    bool whole = true;
    size_t got = 1;
    while (whole && got > 0) {
        char *to = buf_reserve(out, step);
        CHECK(to != NULL);
        whole =
            inflater_read(inflater, segment, extent, NULL, offset, to, step, &got) == STORAGE_OK;
        if (whole) {
            CHECK(got <= step);
            buf_commit(out, got);
            offset += got;
        }
    }
    inflater_free(inflater);
    return whole;
}

/* Read in two ways it is the same. Absent when it is damaged. */
static bool read_extent(
    struct span bytes, uint64_t content_bytes, uint64_t offset, struct buf *whole)
{
    struct space space = {.sys = &sys};
    struct segment segment = {.space = &space};
    struct extent extent = {.length_bytes = bytes.len,
        .content_bytes = content_bytes,
        .block_count = extent_block_count(bytes.len)};
    struct buf part;
    disk = bytes;
    bool read = read_from(&segment, &extent, 0, CONTENT_MAX_BYTES, whole);
    if (!read)
        return false;
    CHECK(whole->len == content_bytes);
    buf_init(&part, 2 * CONTENT_MAX_BYTES);
    CHECK(read_from(&segment, &extent, offset, 1000, &part));
    CHECK(span_eq(buf_span(&part), span_from(buf_span(whole), (size_t)offset)));
    buf_free(&part);
    return true;
}

static enum storage_err keep(void *ctx, struct span bytes)
{
    buf_add(ctx, bytes);
    return STORAGE_OK;
}

static void round_trip(struct span content, uint64_t offset)
{
    struct buf packed, whole;
    buf_init(&packed, CONTENT_MAX_BYTES);
    buf_init(&whole, 2 * CONTENT_MAX_BYTES);
    struct deflater *deflater = deflater_new(keep, &packed);
    CHECK(deflater != NULL && deflater_add(deflater, content) == STORAGE_OK);
    CHECK(deflater_end(deflater) == STORAGE_OK);
    CHECK(read_extent(buf_span(&packed), content.len, offset % content.len, &whole));
    CHECK(span_eq(buf_span(&whole), content));
    deflater_free(deflater);
    buf_free(&packed);
    buf_free(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 6 || size > CONTENT_MAX_BYTES / 2)
        return 0;
    uint64_t content_bytes =
        ((uint64_t)data[2] << 16 | (uint64_t)data[1] << 8 | data[0]) % CONTENT_MAX_BYTES + 1;
    uint64_t offset = (uint64_t)data[4] << 8 | data[3];
    struct span bytes = span_of(data + 5, size - 5);
    struct buf whole;
    buf_init(&whole, 2 * CONTENT_MAX_BYTES);
    (void)read_extent(bytes, content_bytes, offset % content_bytes, &whole);
    buf_free(&whole);
    if (size % 16 == 0)
        round_trip(bytes, offset);
    return 0;
}
