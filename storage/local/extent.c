#include "storage/local/space_internal.h"

#include <errno.h>
#include <fcntl.h>

/* Footer, little-endian:
 *  0 magic  8 extent id  16 segment id  24 data offset  32 length  40 block count  44 block CRC32Cs
 *  then zeros so that the whole is a multiple of 8, and in the last 4 bytes the CRC32C of all
 * before. Segment and offset are in it so that a footer inside of somebody's data, say in an
 * uploaded copy of a segment, is none. */
static const char footer_magic[8] = {'L', 'G', 'E', 'X', 'T', 'N', 'T', '1'};

static void put_u32(unsigned char *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

static void put_u64(unsigned char *to, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        to[i] = (unsigned char)(value >> (8 * i));
}

static uint32_t get_u32(const unsigned char *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

static uint64_t get_u64(const unsigned char *from)
{
    return (uint64_t)get_u32(from) | (uint64_t)get_u32(from + 4) << 32;
}

uint64_t padded(uint64_t length_bytes)
{
    return (length_bytes + EXTENT_ALIGN_BYTES - 1) & ~(uint64_t)(EXTENT_ALIGN_BYTES - 1);
}

uint32_t extent_block_count(uint64_t length_bytes)
{
    return (uint32_t)((length_bytes + BLOB_BLOCK_BYTES - 1) / BLOB_BLOCK_BYTES);
}

uint64_t footer_bytes(uint32_t block_count)
{
    return padded(FOOTER_FIXED_BYTES + 4 * (uint64_t)block_count);
}

uint64_t extent_disk_bytes(const struct extent *extent)
{
    return padded(extent->length_bytes) + footer_bytes(extent->block_count);
}

void footer_encode(struct extent *extent, const uint32_t *crcs, unsigned char *ret_bytes)
{
    size_t size = (size_t)footer_bytes(extent->block_count);
    memcpy(ret_bytes, footer_magic, sizeof footer_magic);
    put_u64(ret_bytes + 8, extent->id);
    put_u64(ret_bytes + 16, extent->segment_id);
    put_u64(ret_bytes + 24, extent->offset_bytes);
    put_u64(ret_bytes + 32, extent->length_bytes);
    put_u32(ret_bytes + 40, extent->block_count);
    for (size_t i = 0; i < extent->block_count; i++)
        put_u32(ret_bytes + 44 + 4 * i, crcs[i]);
    size_t used = 44 + 4 * (size_t)extent->block_count;
    memset(ret_bytes + used, 0, size - used);
    extent->footer_crc = crc32c_update(0, span_of(ret_bytes, size - 4));
    put_u32(ret_bytes + size - 4, extent->footer_crc);
}

bool footer_decode(const unsigned char *bytes, size_t size_bytes, uint64_t segment_id,
    uint64_t footer_offset, struct extent *ret_extent)
{
    if (size_bytes < FOOTER_FIXED_BYTES || memcmp(bytes, footer_magic, sizeof footer_magic) != 0)
        return false;
    struct extent extent = {
        .id = get_u64(bytes + 8),
        .segment_id = get_u64(bytes + 16),
        .offset_bytes = get_u64(bytes + 24),
        .length_bytes = get_u64(bytes + 32),
        .block_count = get_u32(bytes + 40),
    };
    if (extent.segment_id != segment_id || extent.length_bytes > footer_offset ||
        extent.offset_bytes != footer_offset - padded(extent.length_bytes) ||
        extent.block_count != extent_block_count(extent.length_bytes))
        return false;
    uint64_t size = footer_bytes(extent.block_count);
    if (size > size_bytes)
        return false;
    extent.footer_crc = get_u32(bytes + size - 4);
    if (crc32c_update(0, span_of(bytes, (size_t)size - 4)) != extent.footer_crc)
        return false;
    if (extent.block_count <= EXTENT_INLINE_CRCS)
        for (size_t i = 0; i < extent.block_count; i++)
            extent.block_crcs[i] = get_u32(bytes + 44 + 4 * i);
    *ret_extent = extent;
    return true;
}

enum storage_err extent_load_footer(
    struct segment *segment, const struct extent *extent, uint32_t **ret_crcs)
{
    if (extent->block_count != extent_block_count(extent->length_bytes))
        return STORAGE_CORRUPT;
    size_t size = (size_t)footer_bytes(extent->block_count);
    unsigned char *bytes = malloc(size);
    uint32_t *crcs = malloc(sizeof *crcs * (extent->block_count + (size_t)1));
    size_t len = 0;
    enum storage_err err = bytes && crcs ? STORAGE_OK : STORAGE_NO_MEMORY;
    uint64_t at = extent->offset_bytes + padded(extent->length_bytes);
    if (err == STORAGE_OK)
        err = space_read(segment->space, segment->fd, bytes, size, at, &len);
    struct extent found;
    if (err == STORAGE_OK &&
        (len != size || !footer_decode(bytes, len, extent->segment_id, at, &found) ||
            found.id != extent->id || found.length_bytes != extent->length_bytes ||
            found.footer_crc != extent->footer_crc))
        err = STORAGE_CORRUPT;
    if (err == STORAGE_OK) {
        for (size_t i = 0; i < extent->block_count; i++)
            crcs[i] = get_u32(bytes + 44 + 4 * i);
        *ret_crcs = TAKE(crcs);
    }
    free(bytes);
    free(crcs);
    return err;
}

/* One block, or without CRCs the part of it that is wanted. */
static enum storage_err read_block(struct segment *segment, const struct extent *extent,
    const uint32_t *crcs, uint64_t offset, char *ret_bytes, size_t len, size_t *ret_len)
{
    uint64_t block = offset / BLOB_BLOCK_BYTES;
    uint64_t left = extent->length_bytes - block * BLOB_BLOCK_BYTES;
    size_t block_len = left < BLOB_BLOCK_BYTES ? (size_t)left : BLOB_BLOCK_BYTES;
    size_t skip = (size_t)(offset % BLOB_BLOCK_BYTES);
    size_t wanted = len < block_len - skip ? len : block_len - skip, got;
    if (crcs && wanted < block_len)
        return STORAGE_INVALID;
    enum storage_err err = space_read(
        segment->space, segment->fd, ret_bytes, wanted, extent->offset_bytes + offset, &got);
    if (err != STORAGE_OK)
        return err;
    if (got != wanted || (crcs && crc32c_update(0, span_of(ret_bytes, got)) != crcs[block]))
        return STORAGE_CORRUPT;
    *ret_len = wanted;
    return STORAGE_OK;
}

enum storage_err extent_read(struct segment *segment, const struct extent *extent,
    const uint32_t *crcs, uint64_t offset, void *ret_bytes, size_t len, size_t *ret_len)
{
    if (offset > extent->length_bytes ||
        extent->block_count != extent_block_count(extent->length_bytes))
        return STORAGE_CORRUPT;
    if (len > extent->length_bytes - offset)
        len = (size_t)(extent->length_bytes - offset);
    size_t done = 0;
    while (done < len) {
        size_t got = 0;
        enum storage_err err = read_block(
            segment, extent, crcs, offset + done, (char *)ret_bytes + done, len - done, &got);
        if (err != STORAGE_OK)
            return err;
        done += got;
    }
    *ret_len = done;
    return STORAGE_OK;
}

void extent_release(struct space *space, const struct extent *extent)
{
    if (extent->own_file) {
        segment_unlink(space, extent->segment_id, true);
        return;
    }
    struct segment *segment;
    if (segment_acquire(space, extent->segment_id, false, &segment) != STORAGE_OK)
        return; /* gone with its segment */
    packed_punch(space, segment, extent->offset_bytes, extent_disk_bytes(extent));
    segment_release(segment);
}
