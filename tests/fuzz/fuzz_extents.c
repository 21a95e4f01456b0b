/* What a scan of a segment meets: footers of extents (byte 0 even) and log frames (odd), as they came and with
 * checksums that fit. */
#include "base/digest.h"
#include "fuzz.h"
#include "storage/local/log.h"
#include "storage/local/space_internal.h"

enum { BYTES_MAX = 64 * 1024 };

static uint64_t number_at(const unsigned char *bytes, size_t len)
{
    uint64_t number = 0;
    for (size_t i = len; i-- > 0;)
        number = number << 8 | bytes[i];
    return number;
}

static void set_u32(unsigned char *bytes, uint32_t number)
{
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(number >> (8 * i));
}

static void check_footer(const unsigned char *bytes, size_t size)
{
    struct extent extent;
    if (size < FOOTER_FIXED_BYTES)
        return;
    uint64_t segment_id = number_at(bytes + 16, 8);
    /* A scan looks at every eighth byte. */
    uint64_t at = (number_at(bytes + 24, 8) + padded(number_at(bytes + 32, 8))) & ~(uint64_t)7;
    if (!footer_decode(bytes, size, segment_id, at, &extent))
        return;
    CHECK(extent.block_count == extent_block_count(extent.length_bytes));
    CHECK(footer_bytes(extent.block_count) <= size);
    CHECK(extent.offset_bytes <= at && at - extent.offset_bytes == padded(extent.length_bytes));
    /* It is none anywhere else. */
    CHECK(!footer_decode(bytes, size, segment_id + 1, at, &extent));
    CHECK(!footer_decode(bytes, size, segment_id, at + 8, &extent));
}

static void fit_footer(unsigned char *bytes, size_t size)
{
    if (size < FOOTER_FIXED_BYTES)
        return;
    uint64_t len = footer_bytes((uint32_t)number_at(bytes + 40, 4));
    if (len <= size)
        set_u32(bytes + len - 4, crc32c_update(0, span_of(bytes, (size_t)len - 4)));
}

static void check_frame(const unsigned char *bytes, size_t size)
{
    struct log_header header;
    if (log_frame_open(span_of(bytes, size), &header) == STORAGE_OK)
        CHECK(header.payload_bytes <= size - LOG_HEADER_BYTES);
}

static void fit_frame(unsigned char *bytes, size_t size)
{
    if (size < LOG_HEADER_BYTES)
        return;
    uint64_t len = number_at(bytes + 52, 4);
    if (len <= size - LOG_HEADER_BYTES)
        set_u32(bytes + 56, crc32c_update(0, span_of(bytes + LOG_HEADER_BYTES, (size_t)len)));
    set_u32(bytes + LOG_HEADER_BYTES - 4, crc32c_update(0, span_of(bytes, LOG_HEADER_BYTES - 4)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > BYTES_MAX)
        return 0;
    bool is_frame = data[0] % 2 != 0;
    unsigned char *bytes = malloc(size); /* exactly as long, so that reading beyond is noticed */
    CHECK(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    size--;
    (is_frame ? check_frame : check_footer)(bytes, size);
    (is_frame ? fit_frame : fit_footer)(bytes, size);
    (is_frame ? check_frame : check_footer)(bytes, size);
    free(bytes);
    return 0;
}
