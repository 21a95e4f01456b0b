/* Keys of up to STORAGE_KEY_MAX_BYTES over an index that takes 511: a key longer than
 * NODE_KEY_BYTES is split, its first NODE_KEY_BYTES name a continuation row that leads to a node
 * for the rest. Used for TABLE_OBJECTS and TABLE_UPLOADS; there a leaf's key also has the upload's
 * blob id (0 elsewhere). No node is ever empty but a bucket's root: what removes its last entry
 * removes the row that leads to it. */
#ifndef STORAGE_LOCAL_NODE_H
#define STORAGE_LOCAL_NODE_H

#include "storage/local/index.h"

enum { NODE_DEPTH_MAX = STORAGE_KEY_MAX_BYTES / NODE_KEY_BYTES + 1 };

/* The index key of a full key's leaf.
 * out: ret_span  borrows from ret_key
 * err: NO_SUCH_KEY when no node leads there; CORRUPT, IO */
enum storage_err node_find(struct index_txn *txn, enum table table, uint64_t root_id,
    struct span key, uint64_t blob_id, struct index_key *ret_key, struct span *ret_span) MUST_USE;

/* The same, making the nodes that lead there. next_id gives new nodes their ids. err: INTERNAL too
 */
enum storage_err node_make(struct index_txn *txn, enum table table, uint64_t root_id,
    struct span key, uint64_t blob_id, uint64_t (*next_id)(void *ctx), void *next_id_ctx,
    struct index_key *ret_key, struct span *ret_span) MUST_USE;

/* Removes the leaf and the nodes that become empty by it. err: NO_SUCH_KEY, CORRUPT, IO, INTERNAL
 */
enum storage_err node_remove(struct index_txn *txn, enum table table, uint64_t root_id,
    struct span key, uint64_t blob_id) MUST_USE;

/* Is there any entry in this node? */
enum storage_err node_is_empty(
    struct index_txn *txn, enum table table, uint64_t node_id, bool *ret_empty) MUST_USE;

#endif
