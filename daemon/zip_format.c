#include "daemon/zip_format.h"

#include <time.h>

enum {
    MAX_16 = 0xffff,
    MADE_BY = 3 << 8 | 45, /* Unix: names and modes are */
    NEEDS = 20,
    NEEDS_64 = 45,
    FLAG_DESCRIPTOR = 1 << 3,
    FLAG_UTF8 = 1 << 11,
    EXTRA_ZIP64 = 0x0001,
    EXTRA_TIME = 0x5455,
    YEAR_FIRST = 80,
    YEAR_LAST = 207, /* of struct tm: what a DOS date can say */
    MODE_FILE = 0100644,
    MODE_FOLDER = 040755,
    DOS_FOLDER = 0x10,
};
#define MAX_32 0xffffffffu

static void put(struct buf *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        buf_add_char(out, (char)(value >> (8 * i) & 0xff));
}

static uint64_t at_most(uint64_t value, uint64_t max)
{
    return value < max ? value : max;
}

static bool is_large(const struct zip_entry *entry)
{
    return entry->size_bytes >= MAX_32;
}

/* Two seconds are as exact as it gets, and it has no time zone: UTC. */
static uint32_t dos_time(int64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm at;
    if (gmtime_r(&seconds, &at) == NULL || at.tm_year < YEAR_FIRST || at.tm_year > YEAR_LAST)
        return 1 << 21 | 1 << 16; /* 1 January 1980 */
    return (uint32_t)((at.tm_year - YEAR_FIRST) << 25 | (at.tm_mon + 1) << 21 | at.tm_mday << 16 |
                      at.tm_hour << 11 | at.tm_min << 5 | at.tm_sec / 2);
}

static bool has_time(const struct zip_entry *entry)
{
    return entry->modified_ms >= 0 && entry->modified_ms / 1000 <= INT32_MAX;
}

static void put_time(struct buf *out, const struct zip_entry *entry)
{
    if (!has_time(entry))
        return;
    put(out, EXTRA_TIME, 2);
    put(out, 5, 2);
    put(out, 1, 1); /* the modification time follows */
    put(out, (uint64_t)(entry->modified_ms / 1000), 4);
}

/* What local headers and directory records have alike, from "version needed" to the extra field's length. */
static void put_common(struct buf *out, const struct zip_entry *entry, uint32_t crc32,
    bool needs_64, size_t extra_bytes)
{
    put(out, needs_64 ? NEEDS_64 : NEEDS, 2);
    put(out, FLAG_UTF8 | (entry->crc_follows ? FLAG_DESCRIPTOR : 0), 2);
    put(out, 0, 2); /* stored */
    put(out, dos_time(entry->modified_ms), 4);
    put(out, crc32, 4);
    put(out, at_most(entry->size_bytes, MAX_32), 4);
    put(out, at_most(entry->size_bytes, MAX_32), 4);
    put(out, entry->name.len, 2);
    put(out, extra_bytes + (has_time(entry) ? 9 : 0), 2);
}

void zip_local_header(struct buf *out, const struct zip_entry *entry)
{
    bool large = is_large(entry);
    put(out, 0x04034b50, 4);
    put_common(out, entry, entry->crc_follows ? 0 : entry->crc32, large, large ? 20 : 0);
    buf_add(out, entry->name);
    if (large) {
        put(out, EXTRA_ZIP64, 2);
        put(out, 16, 2);
        put(out, entry->size_bytes, 8);
        put(out, entry->size_bytes, 8);
    }
    put_time(out, entry);
}

void zip_descriptor(struct buf *out, const struct zip_entry *entry)
{
    size_t width = is_large(entry) ? 8 : 4;
    put(out, 0x08074b50, 4);
    put(out, entry->crc32, 4);
    put(out, entry->size_bytes, width);
    put(out, entry->size_bytes, width);
}

void zip_directory_record(struct buf *out, const struct zip_entry *entry)
{
    bool large = is_large(entry), far = entry->offset_bytes >= MAX_32;
    size_t zip64_bytes = (large ? 16u : 0u) + (far ? 8u : 0u);
    uint32_t mode = entry->is_folder ? MODE_FOLDER : MODE_FILE;
    put(out, 0x02014b50, 4);
    put(out, MADE_BY, 2);
    put_common(out, entry, entry->crc32, large || far, zip64_bytes > 0 ? zip64_bytes + 4 : 0);
    put(out, 0, 2); /* no comment */
    put(out, 0, 2); /* on the first disk */
    put(out, 0, 2);
    put(out, mode << 16 | (entry->is_folder ? DOS_FOLDER : 0), 4);
    put(out, at_most(entry->offset_bytes, MAX_32), 4);
    buf_add(out, entry->name);
    if (zip64_bytes > 0) { /* only what did not fit above, in this order */
        put(out, EXTRA_ZIP64, 2);
        put(out, zip64_bytes, 2);
        if (large) {
            put(out, entry->size_bytes, 8);
            put(out, entry->size_bytes, 8);
        }
        if (far)
            put(out, entry->offset_bytes, 8);
    }
    put_time(out, entry);
}

void zip_end(struct buf *out, uint64_t entries, uint64_t directory_offset, uint64_t directory_bytes)
{
    if (entries >= MAX_16 || directory_offset >= MAX_32 || directory_bytes >= MAX_32) {
        put(out, 0x06064b50, 4);
        put(out, 44, 8); /* of this record, behind this number */
        put(out, MADE_BY, 2);
        put(out, NEEDS_64, 2);
        put(out, 0, 8); /* on the first disk */
        put(out, entries, 8);
        put(out, entries, 8);
        put(out, directory_bytes, 8);
        put(out, directory_offset, 8);
        put(out, 0x07064b50, 4); /* where that record is */
        put(out, 0, 4);
        put(out, directory_offset + directory_bytes, 8);
        put(out, 1, 4);
    }
    put(out, 0x06054b50, 4);
    put(out, 0, 4);
    put(out, at_most(entries, MAX_16), 2);
    put(out, at_most(entries, MAX_16), 2);
    put(out, at_most(directory_bytes, MAX_32), 4);
    put(out, at_most(directory_offset, MAX_32), 4);
    put(out, 0, 2);
}
