/* Edges between versions: a row under each end that lives, with all that is to be told of the other. So an
 * edge is read by one look, and where one end goes the other keeps what it knew as a tombstone until it is
 * due. A version that goes leaves its rows to GC, since there may be any number of them.
 *
 * An upload's sources wait under (blob id, 0), without a row under the source. */
#ifndef STORAGE_LOCAL_LINEAGE_H
#define STORAGE_LOCAL_LINEAGE_H

#include "storage/local/commit.h"
#include "storage/storage_lineage.h"

#define LINEAGE_DEFAULT_MS (365ll * 24 * 3600 * 1000)

enum { LINEAGE_SOURCES = 0, LINEAGE_DERIVED = 1, LINEAGE_KEY_BYTES = 33 };

/* A version by what never changes of it. */
struct lineage_node {
    uint64_t row_id, sequence;
};

struct lineage_record {
    struct lineage_edge edge;
};

/* Key of the row under `at` that tells of `other`. */
struct span key_of_lineage(
    struct index_key *key, struct lineage_node at, uint8_t direction, struct lineage_node other);
/* The node that a row is under, and the other one. */
struct lineage_node lineage_at(struct span key);
struct lineage_node lineage_other(struct span key);
void schema_encode_lineage(struct span key, const struct lineage_record *record, struct buf *out);
enum storage_err schema_decode_lineage(
    struct span key, struct span value, struct lineage_record *ret_record) MUST_USE;

/* ---- in the commit, between log_record and log_record_end ---- */

/* Edges from m->lineage to the version that was written. */
enum storage_err lineage_write(struct commit *commit, const struct mutation *m, uint64_t row_id,
    const struct object_info *written) MUST_USE;
/* The same for a part: they wait under the upload. */
enum storage_err lineage_write_part(struct commit *commit, const struct mutation *m) MUST_USE;
/* What waited under a completed upload goes to the version that it became, in this zone (absent: in none). Sets
 * m->zone.promotes when a part was copied out of another. */
enum storage_err lineage_complete(
    struct commit *commit, struct mutation *m, uint64_t row_id, struct span zone) MUST_USE;
/* Takes away what waits under an upload. */
enum storage_err lineage_forget_upload(struct commit *commit, uint64_t blob_id) MUST_USE;
/* A version, or with sequence 0 an upload, is no more. */
enum storage_err lineage_gone(struct commit *commit, struct lineage_node node) MUST_USE;

/* ---- GC's bounded steps ---- */

/* Turns edges of versions that went into tombstones, and removes tombstones that are due. */
enum storage_err lineage_reclaim(struct commit *commit, bool *ret_more) MUST_USE;
/* Is there anything for it to do? */
bool lineage_pending(struct index_txn *txn);

#endif
