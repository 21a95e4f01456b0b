/* The log frame of one commit: a record for each mutation that changed something, with all that is
 * needed to do it again over an older index: what it was, bucket, full key, and the rows it wrote.
 * Appended to the active segment before the commit, synced with it. docs/FORMAT.md has the bytes.
 *
 * A frame names the frame of the last commit before it, so one whose commit failed is known by that
 * no later frame names it. */
#ifndef STORAGE_LOCAL_LOG_H
#define STORAGE_LOCAL_LOG_H

#include "storage/local/schema.h"

enum {
    LOG_HEADER_BYTES = 72,
    LOG_MAX_BYTES = 64 * 1024 * 1024,  /* of a frame: bounds what one mutation may add */
    LOG_BATCH_BYTES = 4 * 1024 * 1024, /* a batch ends when its frame is longer than this */
};

/* What a row in a log record is; the numbers are on disk: never change them. */
enum log_tag {
    LOG_OBJECT = 1, /* key: index key, value: object_record; the key's new newest version */
    LOG_SIDE = 2,
    LOG_BLOB = 3,
    LOG_PIECE = 4,
    LOG_EXTENT = 5,
    LOG_UPLOAD = 6,
    LOG_BUCKET = 7,
    LOG_DOCUMENT = 8,
    LOG_REMOVED = 9,  /* key: sequence (big-endian) of a version that went */
    LOG_SOURCE = 10,  /* key: bucket id, sequence of a copy's source; value: its key */
    LOG_PARTS = 11,   /* value: the part numbers that a complete named, u32 each */
    LOG_RECORD = 12,  /* without value: deleted */
    LOG_VERSION = 13, /* an older version, changed where it is */
    LOG_LINEAGE = 14,
    LOG_ZONE = 15, /* a zone's rule; without value: gone */
};

struct log_frame {
    struct buf bytes; /* header's room, then records */
    uint32_t count;
    size_t record_at;
};

void log_init(struct log_frame *log);
void log_free(struct log_frame *log);
void log_clear(struct log_frame *log);

/* A record is begun, gets its rows, and is ended; what lies between a mark and its undoing is
 * forgotten. */
void log_record(struct log_frame *log, enum mutation_kind kind, uint64_t bucket_id,
    struct span bucket_name, struct span key);
void log_row(struct log_frame *log, enum log_tag tag, struct span key, struct span value);
void log_record_end(struct log_frame *log);

struct log_mark {
    size_t len;
    uint32_t count;
};
struct log_mark log_mark(const struct log_frame *log);
void log_undo(struct log_frame *log, struct log_mark mark);

struct log_header {
    uint8_t store_id[16];
    uint64_t frame_id;    /* engine_next_id: later frames have greater ones */
    uint64_t previous_id; /* of the last commit before this */
    int64_t time_ms;
    uint32_t count;
    uint32_t payload_bytes;
};

/* Fills the header; the frame's bytes. Absent when there was no memory. */
struct span log_seal(struct log_frame *log, const struct log_header *header);
/* Checks the header alone, at the beginning of bytes. err: CORRUPT */
enum storage_err log_header_open(
    struct span bytes, struct log_header *ret_header, uint32_t *ret_payload_crc) MUST_USE;
/* Checks a frame at the beginning of bytes. err: CORRUPT */
enum storage_err log_frame_open(struct span bytes, struct log_header *ret_header) MUST_USE;

/* ---- reading: spans borrow from the frame ---- */

/* A record of a frame, as log_record began it. */
struct log_entry {
    enum mutation_kind kind;
    uint64_t bucket_id;
    struct span bucket_name, key;
    struct span rows; /* for log_next_row */
};
struct log_entry_row {
    enum log_tag tag;
    struct span key, value;
};
/* The records of an opened frame, for log_next_entry. */
struct span log_frame_records(struct span frame, const struct log_header *header);
/* Takes the first record off. False at the end, and where it is not one: then something is left of *rest. */
bool log_next_entry(struct span *rest, struct log_entry *ret_entry) MUST_USE;
bool log_next_row(struct span *rest, struct log_entry_row *ret_row) MUST_USE;
/* The first row with this tag. */
bool log_find_row(
    const struct log_entry *entry, enum log_tag tag, struct log_entry_row *ret_row) MUST_USE;

#endif
