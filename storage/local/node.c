#include "storage/local/node.h"

static struct span leaf_key(
    enum table table, struct index_key *key, uint64_t node_id, struct span rest, uint64_t blob_id)
{
    return table == TABLE_UPLOADS ? key_of_upload_leaf(key, node_id, rest, blob_id)
                                  : key_of_leaf(key, node_id, rest);
}

static enum storage_err step_down(struct index_txn *txn, enum table table, uint64_t *node_id,
    struct span rest, struct index_key *key)
{
    struct span value, continuation = key_of_continuation(key, *node_id, rest);
    enum storage_err err = index_get(txn, table, continuation, &value);
    return err != STORAGE_OK ? err : schema_decode_node(continuation, value, node_id);
}

enum storage_err node_find(struct index_txn *txn, enum table table, uint64_t root_id,
    struct span key, uint64_t blob_id, struct index_key *ret_key, struct span *ret_span)
{
    uint64_t node_id = root_id;
    struct span rest = key;
    for (; rest.len > NODE_KEY_BYTES; rest = span_from(rest, NODE_KEY_BYTES)) {
        enum storage_err err = step_down(txn, table, &node_id, rest, ret_key);
        if (err != STORAGE_OK)
            return err;
    }
    *ret_span = leaf_key(table, ret_key, node_id, rest, blob_id);
    return STORAGE_OK;
}

enum storage_err node_make(struct index_txn *txn, enum table table, uint64_t root_id,
    struct span key, uint64_t blob_id, uint64_t (*next_id)(void *ctx), void *next_id_ctx,
    struct index_key *ret_key, struct span *ret_span)
{
    uint64_t node_id = root_id;
    struct span rest = key;
    for (; rest.len > NODE_KEY_BYTES; rest = span_from(rest, NODE_KEY_BYTES)) {
        uint64_t parent_id = node_id;
        enum storage_err err = step_down(txn, table, &node_id, rest, ret_key);
        if (err == STORAGE_NO_SUCH_KEY) {
            char bytes[32];
            struct buf value = {bytes, 0, sizeof(bytes), sizeof(bytes), false};
            struct span continuation = key_of_continuation(ret_key, parent_id, rest);
            node_id = next_id(next_id_ctx);
            schema_encode_node(continuation, node_id, &value);
            err = index_add(txn, table, continuation, buf_span(&value));
        }
        if (err != STORAGE_OK)
            return err;
    }
    *ret_span = leaf_key(table, ret_key, node_id, rest, blob_id);
    return STORAGE_OK;
}

enum storage_err node_is_empty(
    struct index_txn *txn, enum table table, uint64_t node_id, bool *ret_empty)
{
    struct index_key key;
    struct index_cursor *cursor = NULL;
    struct span found, value;
    enum storage_err err = index_cursor_open(txn, table, &cursor);
    if (err != STORAGE_OK)
        return err;
    err = index_seek(cursor, key_of_u64(&key, node_id), &found, &value);
    bool empty =
        err == STORAGE_NO_SUCH_KEY || (err == STORAGE_OK && key_u64_at(found, 0) != node_id);
    index_cursor_close(cursor);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_KEY)
        return err;
    *ret_empty = empty;
    return STORAGE_OK;
}

enum storage_err node_remove(
    struct index_txn *txn, enum table table, uint64_t root_id, struct span key, uint64_t blob_id)
{
    uint64_t path[NODE_DEPTH_MAX] = {root_id};
    size_t depth = 0;
    struct index_key at;
    struct span rest = key;
    for (; rest.len > NODE_KEY_BYTES; rest = span_from(rest, NODE_KEY_BYTES)) {
        if (depth + 1 >= NODE_DEPTH_MAX)
            return STORAGE_NO_SUCH_KEY;
        uint64_t node_id = path[depth];
        enum storage_err err = step_down(txn, table, &node_id, rest, &at);
        if (err != STORAGE_OK)
            return err;
        path[++depth] = node_id;
    }
    enum storage_err err =
        index_delete(txn, table, leaf_key(table, &at, path[depth], rest, blob_id));
    for (; err == STORAGE_OK && depth > 0; depth--) {
        bool empty;
        if ((err = node_is_empty(txn, table, path[depth], &empty)) != STORAGE_OK || !empty)
            break;
        struct span above = span_from(key, (depth - 1) * NODE_KEY_BYTES);
        err = index_delete(txn, table, key_of_continuation(&at, path[depth - 1], above));
    }
    return err;
}
