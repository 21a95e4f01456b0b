#include "storage/local/log_scan.h"

#include "storage/local/space_internal.h"

struct window {
    struct segment *segment;
    char *bytes; /* LOG_SCAN_WINDOW_BYTES */
    uint64_t begin;
    size_t len;
};

/* The CRC of len bytes of the file, a window at a time. */
static enum storage_err crc_of(
    struct segment *segment, uint64_t offset, uint64_t len, char *buffer, uint32_t *ret_crc)
{
    uint32_t crc = 0;
    while (len > 0) {
        size_t got = 0, wanted = len < BLOB_BLOCK_BYTES ? (size_t)len : BLOB_BLOCK_BYTES;
        enum storage_err err =
            space_read(segment->space, segment->fd, buffer, wanted, offset, &got);
        if (err != STORAGE_OK)
            return err;
        crc = crc32c_update(crc, span_of(buffer, got));
        if (got < wanted)
            break; /* then it does not match */
        offset += got;
        len -= got;
    }
    *ret_crc = crc;
    return STORAGE_OK;
}

/* Is there a whole frame at this place? *ret_bytes: its length; 0: there is none */
static enum storage_err frame_at(const struct log_scan *scan, const struct window *window,
    size_t at, char *buffer, uint64_t *ret_bytes)
{
    struct log_header header;
    uint32_t payload_crc = 0, crc = 0;
    struct span bytes = span_of(window->bytes + at, window->len - at);
    *ret_bytes = 0;
    if (log_header_open(bytes, &header, &payload_crc) != STORAGE_OK ||
        memcmp(header.store_id, scan->store_id, sizeof(scan->store_id)) != 0)
        return STORAGE_OK;
    uint64_t begin = window->begin + at + LOG_HEADER_BYTES, len = header.payload_bytes;
    if (len > scan->tail_bytes || begin > scan->tail_bytes - len)
        return STORAGE_OK;
    enum storage_err err = crc_of(window->segment, begin, len, buffer, &crc);
    if (err == STORAGE_OK && crc == payload_crc)
        *ret_bytes = LOG_HEADER_BYTES + len;
    return err;
}

static enum storage_err scan_window(
    struct log_scan *scan, struct window *window, char *buffer, bool *ret_end)
{
    uint64_t left = scan->tail_bytes - scan->at_bytes;
    size_t wanted = left < LOG_SCAN_WINDOW_BYTES ? (size_t)left : LOG_SCAN_WINDOW_BYTES;
    window->begin = scan->at_bytes;
    enum storage_err err = space_read(window->segment->space, window->segment->fd, window->bytes,
        wanted, window->begin, &window->len);
    size_t at = 0;
    while (err == STORAGE_OK && at + LOG_HEADER_BYTES <= window->len) {
        uint64_t bytes = 0;
        if (window->bytes[at] == 'L')
            err = frame_at(scan, window, at, buffer, &bytes);
        scan->found_bytes += bytes;
        if (bytes > window->len - at) { /* the next window begins behind it */
            scan->at_bytes = window->begin + at + padded(bytes);
            return err;
        }
        at += bytes ? (size_t)padded(bytes) : EXTENT_ALIGN_BYTES;
    }
    *ret_end = window->len < wanted || wanted == left;
    scan->at_bytes = *ret_end ? scan->tail_bytes : window->begin + at;
    return err;
}

enum storage_err log_scan_step(struct segment *segment, uint64_t max_bytes, struct log_scan *scan)
{
    struct window window = {.segment = segment, .bytes = malloc(LOG_SCAN_WINDOW_BYTES)};
    char *buffer = malloc(BLOB_BLOCK_BYTES);
    enum storage_err err = window.bytes && buffer ? STORAGE_OK : STORAGE_NO_MEMORY;
    uint64_t begun_at = scan->at_bytes;
    bool end = false;
    while (err == STORAGE_OK && !end && scan->at_bytes < scan->tail_bytes &&
           scan->at_bytes - begun_at < max_bytes)
        err = scan_window(scan, &window, buffer, &end);
    free(window.bytes);
    free(buffer);
    return err;
}
