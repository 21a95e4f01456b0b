#include "storage/local/log.h"

#include <endian.h>

static const char frame_magic[8] = {'L', 'G', 'L', 'O', 'G', 'F', 'R', '1'};

void log_init(struct log_frame *log)
{
    *log = (struct log_frame){0};
    buf_init(&log->bytes, LOG_MAX_BYTES);
    log_clear(log);
}

void log_free(struct log_frame *log)
{
    buf_free(&log->bytes);
}

void log_clear(struct log_frame *log)
{
    buf_clear(&log->bytes);
    log->count = 0;
    if (buf_reserve(&log->bytes, LOG_HEADER_BYTES))
        buf_commit(&log->bytes, LOG_HEADER_BYTES);
}

static void add_u8(struct log_frame *log, uint8_t value)
{
    buf_add(&log->bytes, span_of(&value, 1));
}

static void add_u16(struct log_frame *log, uint16_t value)
{
    value = htole16(value);
    buf_add(&log->bytes, span_of(&value, 2));
}

static void add_u32(struct log_frame *log, uint32_t value)
{
    value = htole32(value);
    buf_add(&log->bytes, span_of(&value, 4));
}

static void add_u64(struct log_frame *log, uint64_t value)
{
    value = htole64(value);
    buf_add(&log->bytes, span_of(&value, 8));
}

void log_record(struct log_frame *log, enum mutation_kind kind, uint64_t bucket_id,
    struct span bucket_name, struct span key)
{
    log->record_at = log->bytes.len;
    add_u32(log, 0); /* the record's length, when it is known */
    add_u8(log, (uint8_t)kind);
    add_u64(log, bucket_id);
    add_u16(log, (uint16_t)bucket_name.len);
    add_u16(log, (uint16_t)key.len);
    buf_add(&log->bytes, bucket_name);
    buf_add(&log->bytes, key);
}

void log_row(struct log_frame *log, enum log_tag tag, struct span key, struct span value)
{
    add_u8(log, (uint8_t)tag);
    add_u16(log, (uint16_t)key.len);
    add_u32(log, (uint32_t)value.len);
    buf_add(&log->bytes, key);
    buf_add(&log->bytes, value);
}

void log_record_end(struct log_frame *log)
{
    if (!buf_ok(&log->bytes))
        return;
    uint32_t len = htole32((uint32_t)(log->bytes.len - log->record_at - 4));
    memcpy(log->bytes.ptr + log->record_at, &len, 4);
    log->count++;
}

struct log_mark log_mark(const struct log_frame *log)
{
    return (struct log_mark){log->bytes.len, log->count};
}

void log_undo(struct log_frame *log, struct log_mark mark)
{
    log->bytes.len = mark.len;
    log->count = mark.count;
}

/* Header, little-endian: 0 magic  8 store id  24 frame id  32 previous frame id  40 time  48 record
 * count 52 payload length  56 payload CRC32C  60 zero  64 zero  68 CRC32C of the 68 bytes before */
struct span log_seal(struct log_frame *log, const struct log_header *header)
{
    char *at = log->bytes.ptr;
    if (!buf_ok(&log->bytes) || log->bytes.len < LOG_HEADER_BYTES)
        return SPAN_ABSENT;
    struct span payload = span_from(buf_span(&log->bytes), LOG_HEADER_BYTES);
    uint64_t words[3] = {htole64(header->frame_id), htole64(header->previous_id),
        htole64((uint64_t)header->time_ms)};
    uint32_t tail[5] = {htole32(log->count), htole32((uint32_t)payload.len),
        htole32(crc32c_update(0, payload)), 0, 0};
    memcpy(at, frame_magic, 8);
    memcpy(at + 8, header->store_id, 16);
    memcpy(at + 24, words, 24);
    memcpy(at + 48, tail, 20);
    uint32_t crc = htole32(crc32c_update(0, span_of(at, LOG_HEADER_BYTES - 4)));
    memcpy(at + LOG_HEADER_BYTES - 4, &crc, 4);
    return buf_span(&log->bytes);
}

enum storage_err log_header_open(
    struct span bytes, struct log_header *ret_header, uint32_t *ret_payload_crc)
{
    uint64_t words[3];
    uint32_t tail[5], crc;
    if (bytes.len < LOG_HEADER_BYTES || memcmp(bytes.ptr, frame_magic, 8) != 0)
        return STORAGE_CORRUPT;
    memcpy(&crc, bytes.ptr + LOG_HEADER_BYTES - 4, 4);
    if (le32toh(crc) != crc32c_update(0, span_first(bytes, LOG_HEADER_BYTES - 4)))
        return STORAGE_CORRUPT;
    memcpy(words, bytes.ptr + 24, 24);
    memcpy(tail, bytes.ptr + 48, 20);
    struct log_header header = {
        .frame_id = le64toh(words[0]),
        .previous_id = le64toh(words[1]),
        .time_ms = (int64_t)le64toh(words[2]),
        .count = le32toh(tail[0]),
        .payload_bytes = le32toh(tail[1]),
    };
    memcpy(header.store_id, bytes.ptr + 8, 16);
    *ret_header = header;
    *ret_payload_crc = le32toh(tail[2]);
    return STORAGE_OK;
}

enum storage_err log_frame_open(struct span bytes, struct log_header *ret_header)
{
    struct log_header header;
    uint32_t payload_crc;
    enum storage_err err = log_header_open(bytes, &header, &payload_crc);
    if (err != STORAGE_OK)
        return err;
    struct span payload = span_from(bytes, LOG_HEADER_BYTES);
    if (header.payload_bytes > payload.len ||
        crc32c_update(0, span_first(payload, header.payload_bytes)) != payload_crc)
        return STORAGE_CORRUPT;
    *ret_header = header;
    return STORAGE_OK;
}

/* ---- reading ---- */

struct span log_frame_records(struct span frame, const struct log_header *header)
{
    return span_first(span_from(frame, LOG_HEADER_BYTES), header->payload_bytes);
}

/* Little-endian; the caller has looked that it is there. */
static uint64_t integer_at(struct span bytes, size_t at, size_t len)
{
    uint64_t value = 0;
    for (size_t i = len; i > 0; i--)
        value = value << 8 | (uint8_t)bytes.ptr[at + i - 1];
    return value;
}

bool log_next_entry(struct span *rest, struct log_entry *ret_entry)
{
    enum { HEAD = 1 + 8 + 2 + 2 };
    if (!rest->ptr || rest->len < 4 + HEAD)
        return false;
    size_t len = (size_t)integer_at(*rest, 0, 4);
    if (len < HEAD || len > rest->len - 4)
        return false;
    struct span record = span_of(rest->ptr + 4, len);
    size_t name_len = (size_t)integer_at(record, 9, 2), key_len = (size_t)integer_at(record, 11, 2);
    if (name_len + key_len > len - HEAD)
        return false;
    *ret_entry = (struct log_entry){
        .kind = (enum mutation_kind)(uint8_t)record.ptr[0],
        .bucket_id = integer_at(record, 1, 8),
        .bucket_name = span_first(span_from(record, HEAD), name_len),
        .key = span_first(span_from(record, HEAD + name_len), key_len),
        .rows = span_from(record, HEAD + name_len + key_len),
    };
    *rest = span_from(*rest, 4 + len);
    return true;
}

bool log_next_row(struct span *rest, struct log_entry_row *ret_row)
{
    enum { HEAD = 1 + 2 + 4 };
    if (!rest->ptr || rest->len < HEAD)
        return false;
    size_t key_len = (size_t)integer_at(*rest, 1, 2), value_len = (size_t)integer_at(*rest, 3, 4);
    if (key_len > rest->len - HEAD || value_len > rest->len - HEAD - key_len)
        return false;
    *ret_row = (struct log_entry_row){
        .tag = (enum log_tag)(uint8_t)rest->ptr[0],
        .key = span_first(span_from(*rest, HEAD), key_len),
        .value = span_first(span_from(*rest, HEAD + key_len), value_len),
    };
    *rest = span_from(*rest, HEAD + key_len + value_len);
    return true;
}

bool log_find_row(const struct log_entry *entry, enum log_tag tag, struct log_entry_row *ret_row)
{
    struct span rest = entry->rows;
    while (log_next_row(&rest, ret_row))
        if (ret_row->tag == tag)
            return true;
    return false;
}
