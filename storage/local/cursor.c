#include "storage/local/cursor.h"

enum { NODE_ID_BYTES = 8, MARK_LEAF = 0x00 };

void key_cursor_init(
    struct key_cursor *cursor, struct index_txn *txn, enum table table, uint64_t root_id)
{
    cursor->txn = txn;
    cursor->table = table;
    cursor->root_id = root_id;
    cursor->depth = 0;
    cursor->valid = false;
    cursor->key_len = 0;
    memset(cursor->levels, 0, sizeof(cursor->levels));
    cursor->levels[0].node_id = root_id;
}

void key_cursor_close(struct key_cursor *cursor)
{
    for (size_t i = 0; i < NODE_DEPTH_MAX; i++) {
        index_cursor_close(cursor->levels[i].cursor);
        cursor->levels[i].cursor = NULL;
    }
}

static enum storage_err seek_at(
    struct key_cursor *cursor, struct span wanted, struct span *ret_key, struct span *ret_value)
{
    struct index_cursor **level = &cursor->levels[cursor->depth].cursor;
    if (!*level) {
        enum storage_err err = index_cursor_open(cursor->txn, cursor->table, level);
        if (err != STORAGE_OK)
            return err;
    }
    return index_seek(*level, wanted, ret_key, ret_value);
}

/* Length of the piece of key in an index key, and whether it is a leaf's. Keys have no NUL, so the
 * byte where a leaf has its mark is never 0 in a continuation, whatever the blob id behind a mark
 * is. */
static bool parse(const struct key_cursor *cursor, struct span found, size_t *ret_piece_len)
{
    size_t tail = cursor->table == TABLE_UPLOADS ? 1 + NODE_ID_BYTES : 1;
    bool is_leaf = found.len >= NODE_ID_BYTES + tail && found.ptr[found.len - tail] == MARK_LEAF;
    *ret_piece_len = found.len - NODE_ID_BYTES - (is_leaf ? tail : 1);
    return is_leaf;
}

static bool is_here(const struct key_cursor *cursor, enum storage_err err, struct span found)
{
    return err == STORAGE_OK && key_u64_at(found, 0) == cursor->levels[cursor->depth].node_id;
}

/* From what an index cursor found: goes up where a node has ended and down where a continuation
 * stands, until a leaf is found or all is at its end. Each round goes up, or down from a new place.
 */
static enum storage_err settle(
    struct key_cursor *cursor, enum storage_err err, struct span found, struct span value)
{
    for (;;) {
        while (!is_here(cursor, err, found)) {
            if (err != STORAGE_OK && err != STORAGE_NO_SUCH_KEY)
                return err;
            if (cursor->depth == 0) {
                cursor->valid = false;
                return STORAGE_OK;
            }
            cursor->depth--;
            err = index_next(cursor->levels[cursor->depth].cursor, &found, &value);
        }
        size_t piece_len, base = cursor->depth * NODE_KEY_BYTES;
        if (found.len <= NODE_ID_BYTES)
            return STORAGE_CORRUPT;
        bool is_leaf = parse(cursor, found, &piece_len);
        if (piece_len > NODE_KEY_BYTES || (!is_leaf && piece_len != NODE_KEY_BYTES))
            return STORAGE_CORRUPT;
        memcpy(cursor->key + base, found.ptr + NODE_ID_BYTES, piece_len);
        if (is_leaf) {
            cursor->key_len = base + piece_len;
            cursor->leaf = found;
            cursor->value = value;
            cursor->blob_id =
                cursor->table == TABLE_UPLOADS ? key_u64_at(found, found.len - NODE_ID_BYTES) : 0;
            cursor->valid = true;
            return STORAGE_OK;
        }
        uint64_t node_id;
        if (cursor->depth + 1 >= NODE_DEPTH_MAX ||
            schema_decode_node(found, value, &node_id) != STORAGE_OK)
            return STORAGE_CORRUPT;
        struct index_key first;
        cursor->levels[++cursor->depth].node_id = node_id;
        err = seek_at(cursor, key_of_u64(&first, node_id), &found, &value);
    }
}

enum storage_err key_cursor_seek(struct key_cursor *cursor, struct span key, uint64_t blob_id)
{
    struct index_key wanted;
    struct span found = SPAN_ABSENT, value = SPAN_ABSENT, rest = key;
    enum storage_err err;
    cursor->depth = 0;
    for (;;) {
        uint64_t node_id = cursor->levels[cursor->depth].node_id;
        if (rest.len <= NODE_KEY_BYTES)
            break;
        struct span continuation = key_of_continuation(&wanted, node_id, rest);
        err = seek_at(cursor, continuation, &found, &value);
        if (err != STORAGE_OK || !span_eq(found, continuation))
            return settle(cursor, err, found, value);
        if (cursor->depth + 1 >= NODE_DEPTH_MAX ||
            schema_decode_node(found, value, &node_id) != STORAGE_OK)
            return STORAGE_CORRUPT;
        memcpy(cursor->key + cursor->depth * NODE_KEY_BYTES, rest.ptr, NODE_KEY_BYTES);
        cursor->levels[++cursor->depth].node_id = node_id;
        rest = span_from(rest, NODE_KEY_BYTES);
    }
    uint64_t node_id = cursor->levels[cursor->depth].node_id;
    struct span from = blob_id ? key_of_upload_leaf(&wanted, node_id, rest, blob_id)
                               : key_of_node_prefix(&wanted, node_id, rest);
    err = seek_at(cursor, from, &found, &value);
    return settle(cursor, err, found, value);
}

enum storage_err key_cursor_next(struct key_cursor *cursor)
{
    struct span found = SPAN_ABSENT, value = SPAN_ABSENT;
    enum storage_err err = index_next(cursor->levels[cursor->depth].cursor, &found, &value);
    return settle(cursor, err, found, value);
}

enum storage_err key_cursor_skip(struct key_cursor *cursor, struct span prefix)
{
    char after[STORAGE_KEY_MAX_BYTES + 1];
    size_t len = prefix.len < sizeof(after) ? prefix.len : sizeof(after);
    while (len > 0 && (uint8_t)prefix.ptr[len - 1] == UINT8_MAX)
        len--;
    if (len == 0) {
        cursor->valid = false;
        return STORAGE_OK;
    }
    memcpy(after, prefix.ptr, len);
    after[len - 1] = (char)((uint8_t)after[len - 1] + 1);
    return key_cursor_seek(cursor, span_of(after, len), 0);
}
