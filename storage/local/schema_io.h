/* Little-endian reading and writing of records, for schema*.c alone, and for index_check.c, which looks
 * at the CRCs of all. */
#ifndef STORAGE_LOCAL_SCHEMA_IO_H
#define STORAGE_LOCAL_SCHEMA_IO_H

#include "storage/local/schema.h"

#include <endian.h>

enum { RECORD_FORMAT = 1, RECORD_OVERHEAD_BYTES = 1 + 4 }; /* format version, CRC32C */

/* Room was made by record_begin, so writing needs no checks; at is NULL when there is no memory. */
struct record_writer {
    struct buf *out;
    char *start, *at;
};

static inline void put_bytes(struct record_writer *w, const void *bytes, size_t len)
{
    if (len > 0 && w->at) {
        memcpy(w->at, bytes, len);
        w->at += len;
    }
}

static inline void put_u8(struct record_writer *w, uint8_t value)
{
    put_bytes(w, &value, 1);
}

static inline void put_u16(struct record_writer *w, uint16_t value)
{
    value = htole16(value);
    put_bytes(w, &value, 2);
}

static inline void put_u32(struct record_writer *w, uint32_t value)
{
    value = htole32(value);
    put_bytes(w, &value, 4);
}

static inline void put_u64(struct record_writer *w, uint64_t value)
{
    value = htole64(value);
    put_bytes(w, &value, 8);
}

static inline struct record_writer record_begin(struct buf *out, size_t body_max_bytes)
{
    buf_clear(out);
    char *room = buf_reserve(out, body_max_bytes + RECORD_OVERHEAD_BYTES);
    struct record_writer w = {out, room, room};
    put_u8(&w, RECORD_FORMAT);
    return w;
}

static inline void record_end(struct record_writer *w, struct span key)
{
    if (!w->at)
        return;
    uint32_t crc = crc32c_update(0, key);
    put_u32(w, crc32c_update(crc, span_of(w->start, (size_t)(w->at - w->start))));
    buf_commit(w->out, (size_t)(w->at - w->start));
}

/* Past its end a reader yields zeros and turns bad. */
struct record_reader {
    const char *at, *end;
    bool bad;
};

static inline void take_bytes(struct record_reader *r, void *ret_bytes, size_t len)
{
    if ((size_t)(r->end - r->at) < len) {
        memset(ret_bytes, 0, len);
        r->bad = true;
        return;
    }
    memcpy(ret_bytes, r->at, len);
    r->at += len;
}

static inline uint8_t take_u8(struct record_reader *r)
{
    uint8_t value;
    take_bytes(r, &value, 1);
    return value;
}

static inline uint16_t take_u16(struct record_reader *r)
{
    uint16_t value;
    take_bytes(r, &value, 2);
    return le16toh(value);
}

static inline uint32_t take_u32(struct record_reader *r)
{
    uint32_t value;
    take_bytes(r, &value, 4);
    return le32toh(value);
}

static inline uint64_t take_u64(struct record_reader *r)
{
    uint64_t value;
    take_bytes(r, &value, 8);
    return le64toh(value);
}

static inline struct span take_span(struct record_reader *r, size_t len)
{
    if ((size_t)(r->end - r->at) < len) {
        r->bad = true;
        return SPAN_ABSENT;
    }
    struct span taken = span_of(r->at, len);
    r->at += len;
    return taken;
}

/* Checks the CRC and the format. err: CORRUPT, NEWER_FORMAT */
static inline enum storage_err record_open(
    struct span key, struct span value, struct record_reader *ret_reader)
{
    if (value.len < RECORD_OVERHEAD_BYTES)
        return STORAGE_CORRUPT;
    uint32_t stored;
    memcpy(&stored, value.ptr + value.len - 4, 4);
    uint32_t crc = crc32c_update(0, key);
    if (crc32c_update(crc, span_first(value, value.len - 4)) != le32toh(stored))
        return STORAGE_CORRUPT;
    if (value.ptr[0] != RECORD_FORMAT)
        return STORAGE_NEWER_FORMAT;
    *ret_reader = (struct record_reader){value.ptr + 1, value.ptr + value.len - 4, false};
    return STORAGE_OK;
}

/* Everything was read, and nothing beyond it. */
static inline enum storage_err record_closed(const struct record_reader *r)
{
    return r->bad || r->at != r->end ? STORAGE_CORRUPT : STORAGE_OK;
}

enum { CHECKSUM_MAX_BYTES = 1 + 1 + 4 + DIGEST_MAX_BYTES, ETAG_BYTES = MD5_BYTES + 4 };

void put_checksum(struct record_writer *w, const struct checksum *checksum);
void take_checksum(struct record_reader *r, struct checksum *ret_checksum);
void put_etag(struct record_writer *w, const struct etag *etag);
void take_etag(struct record_reader *r, struct etag *ret_etag);
void put_version(struct record_writer *w, const struct version *version);
void take_version(struct record_reader *r, struct version *ret_version);

#endif
