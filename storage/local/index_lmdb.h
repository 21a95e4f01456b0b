/* What the two files of the index share: only they see LMDB. */
#ifndef STORAGE_LOCAL_INDEX_LMDB_H
#define STORAGE_LOCAL_INDEX_LMDB_H

#include "storage/local/index.h"
#include "storage/local/index_scan.h"
#include "storage/local/slots.h"

#include <errno.h>
#include <limits.h>
#include <lmdb.h>

struct index_txn {
    struct index *index;
    MDB_txn *txn;
    size_t slot; /* of a read transaction */
    bool is_write;
    enum index_failure failure;
    int failure_number;
    uint64_t changes;
};

_Static_assert((int)INDEX_READERS_MAX == (int)SLOTS_MAX, "a transaction for each slot");

/* A table that an older release did not make yet, in an index opened only to be read. */
#define NO_TABLE UINT_MAX

/* Under its first name the row is of schema version 1, whose releases shall not take the store for a
 * damaged one when they find more tables than they know. */
#define TALLIES_KEY SPAN("tables")
#define OLD_TALLIES_KEY SPAN("tallies")

struct index {
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    bool read_only;
    bool has_old_tallies;
    bool lacks_last;
    void (*fatal)(void *ctx, const char *what, int error_number);
    void *fatal_ctx;
    /* the writer's */
    struct index_txn writer;
    MDB_cursor *cursors[TABLE_COUNT];
    struct tallies_record tallies; /* as the write transaction has them */
    struct tallies_record committed;
    struct buf tallies_value;
    uint64_t file_bytes; /* data.mdb is at least as long */
    struct index_scan scan;
    /* the readers': transactions that are reset while their slot is free */
    struct index_txn readers[INDEX_READERS_MAX];
    struct slots slots;
};

static inline MDB_val val_of(struct span bytes)
{
    return (MDB_val){bytes.len, (void *)bytes.ptr};
}

static inline struct span span_of_val(MDB_val value)
{
    return span_of(value.mv_data, value.mv_size);
}

/* What a read that failed means. */
static inline enum storage_err index_read_err(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return STORAGE_OK;
    case MDB_NOTFOUND:
        return STORAGE_NO_SUCH_KEY;
    case ENOMEM:
    case MDB_READERS_FULL:
        return STORAGE_NO_MEMORY;
    case EIO:
        return STORAGE_IO;
    default:
        return STORAGE_CORRUPT;
    }
}

/* *ret_old: they were looked for under their first name.
 * err: NO_SUCH_KEY when nothing was ever committed; NEWER_FORMAT, CORRUPT, IO, NO_MEMORY */
enum storage_err index_read_tallies(
    MDB_txn *txn, MDB_dbi meta, struct tallies_record *ret_tallies, bool *ret_old) MUST_USE;

#endif
