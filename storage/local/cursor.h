/* The virtual cursor over a node tree: full keys in byte order, the splits of long keys hidden. */
#ifndef STORAGE_LOCAL_CURSOR_H
#define STORAGE_LOCAL_CURSOR_H

#include "storage/local/node.h"

struct key_cursor {
    struct index_txn *txn;
    enum table table;
    uint64_t root_id;
    size_t depth; /* levels in use, less one */
    struct {
        uint64_t node_id;
        struct index_cursor *cursor;
    } levels[NODE_DEPTH_MAX];
    /* the entry it stands on, valid until it moves or the transaction ends */
    bool valid;
    struct span leaf; /* its index key: what its record's CRC covers */
    struct span value;
    uint64_t blob_id; /* TABLE_UPLOADS */
    size_t key_len;
    char key[NODE_DEPTH_MAX * NODE_KEY_BYTES];
};

void key_cursor_init(
    struct key_cursor *cursor, struct index_txn *txn, enum table table, uint64_t root_id);
/* Before the transaction ends. Takes an untouched {0} too. */
void key_cursor_close(struct key_cursor *cursor);

/* Moves to the first entry that is not below (key, blob_id); blob_id counts in TABLE_UPLOADS alone.
 * key may be any bytes without NUL, of any length. At the end `valid` is false, and that is no
 * error. err: CORRUPT, IO, NO_MEMORY */
enum storage_err key_cursor_seek(
    struct key_cursor *cursor, struct span key, uint64_t blob_id) MUST_USE;
/* To the next entry; only where valid. */
enum storage_err key_cursor_next(struct key_cursor *cursor) MUST_USE;
/* To the first entry that neither begins with prefix nor lies below it. */
enum storage_err key_cursor_skip(struct key_cursor *cursor, struct span prefix) MUST_USE;

static inline struct span key_cursor_key(const struct key_cursor *cursor)
{
    return span_of(cursor->key, cursor->key_len);
}

#endif
