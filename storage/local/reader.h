/* What a reader over a blob is made of; reader.c reads, reader_stage.c opens those of no object. */
#ifndef STORAGE_LOCAL_READER_H
#define STORAGE_LOCAL_READER_H

#include "storage/local/engine.h"

enum {
    READER_PIECE_BYTES = 32 * 1024,
    READER_PIECES = BLOB_BLOCK_BYTES / READER_PIECE_BYTES,
};

/* The run of bytes that was read last. */
struct located {
    bool valid;
    uint32_t part, index;
    uint64_t at_bytes; /* in the object */
    struct piece_record piece;
    struct extent extent;
    struct segment *segment;
    uint32_t *footer_crcs;     /* of extents with many blocks, once they were needed */
    struct inflater *inflater; /* of compressed ones, the same */
    uint64_t checked; /* the block of the extent whose pieces' CRCs these are; UINT64_MAX: none */
    uint32_t piece_crcs[READER_PIECES];
    uint64_t kept; /* which piece of the extent the reader has; UINT64_MAX: none */
    size_t kept_bytes;
};

/* Of an open upload: what the parts were when it was opened, and those that count. */
struct upload_view {
    uint64_t bucket_id, generation;
    struct upload_id id;
    size_t key_len;
    char key[STORAGE_KEY_MAX_BYTES];
    size_t part_count;
    struct part_choice parts[];
};

struct blob_reader {
    struct storage *storage;
    struct pin pin;
    uint64_t blob_id; /* 0: the bytes are in inline_bytes */
    uint64_t size_bytes;
    bool is_stage;              /* `here` is all of it, and the index knows nothing of it */
    struct upload_view *upload; /* NULL: an object's */
    uint32_t part_count;
    struct located here;
    unsigned char *piece; /* READER_PIECE_BYTES, once a block was asked for in parts */
    char inline_bytes[];
};

/* With the inline bytes of the record, if it has any; nothing is pinned or found yet. err: NO_MEMORY */
enum storage_err reader_new(struct storage *storage, const struct object_record *record,
    struct blob_reader **ret_reader) MUST_USE;

/* Is the part one that counts? Of no upload (NULL) all are. */
bool upload_view_has(const struct upload_view *upload, uint32_t number);
/* Is the upload what it was? err: CHANGED, CORRUPT, IO */
enum storage_err upload_view_check(
    struct index_txn *txn, const struct upload_view *upload) MUST_USE;

#endif
