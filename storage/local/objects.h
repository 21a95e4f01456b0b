/* Finding versions of objects in the index, for reads and for the commit alike. */
#ifndef STORAGE_LOCAL_OBJECTS_H
#define STORAGE_LOCAL_OBJECTS_H

#include "storage/local/node.h"

struct found_object {
    struct object_record record; /* the version asked for; borrows from the index */
    bool is_newest;
    struct object_record newest; /* of the key */
};

/* The key's newest version or marker. err: NO_SUCH_KEY, CORRUPT, IO */
enum storage_err object_find_newest(struct index_txn *txn, uint64_t bucket_id, struct span key,
    struct object_record *ret_record) MUST_USE;
/* An older version. err: NO_SUCH_VERSION, CORRUPT, IO */
enum storage_err object_find_older(struct index_txn *txn, uint64_t row_id, uint64_t sequence,
    struct object_record *ret_record) MUST_USE;
/* err: NO_SUCH_KEY (VERSION_NEWEST), NO_SUCH_VERSION, CORRUPT, IO. A delete marker is found. */
enum storage_err object_find(struct index_txn *txn, uint64_t bucket_id, struct span key,
    struct version_ref version, struct found_object *ret_found) MUST_USE;

/* Metadata stays as the record has it. */
void object_info_fill(
    const struct object_record *record, bool is_newest, struct object_info *ret_info);
/* Metadata from the record or the side table, borrowed from the index. */
enum storage_err object_metadata(
    struct index_txn *txn, const struct object_record *record, struct span *ret_metadata) MUST_USE;
/* Info with its metadata in the arena. err: NO_MEMORY, CORRUPT, DELETE_MARKER (ret_info is filled)
 */
enum storage_err object_info_read(struct index_txn *txn, const struct found_object *found,
    struct arena *arena, struct object_info *ret_info) MUST_USE;

#endif
