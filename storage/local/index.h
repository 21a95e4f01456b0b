/* The ordered index: LMDB behind tables, read and write transactions, cursors. index.c is the only
 * file that knows LMDB.
 *
 * - Any thread may read. A read transaction comes from a bounded pool of reset handles; it must be
 * short and must not wait for anything while it is held, since growing the map waits until all are
 * ended.
 * - One thread at a time writes (the committer; storage_open before it runs).
 * - Bytes returned borrow from the map: valid until the transaction ends, in a write transaction
 * only until its next change.
 * - Per table a count and a 128-bit set hash are kept: changed in memory by each put and delete,
 * written as one TABLE_META row by index_write_commit, checked by storage_verify. TABLE_META itself
 * has none.
 * - A failed change makes the write transaction useless: abort it and ask index_failure() why. */
#ifndef STORAGE_LOCAL_INDEX_H
#define STORAGE_LOCAL_INDEX_H

#include "storage/local/schema.h"

struct index;
struct index_scan;
struct index_txn;
struct index_cursor;

enum {
    INDEX_READERS_MAX = 1000, /* read transactions at once; more wait their turn */
};

/* Why a write transaction can go no further. */
enum index_failure {
    INDEX_FINE,
    INDEX_MAP_FULL, /* abort, index_grow, replay */
    INDEX_TXN_FULL, /* too many dirty pages: abort, replay in smaller batches */
    INDEX_NO_SPACE, /* ENOSPC, EDQUOT; nothing of the transaction is kept, the index goes on */
    INDEX_NO_MEMORY,
    INDEX_DAMAGED, /* a page is not what it should be */
    INDEX_FATAL,   /* EIO or a broken environment: nothing may be acknowledged any more */
    INDEX_MISUSED, /* a duplicate or an oversized key: a bug of the caller */
};

struct index_options {
    const char *dir;    /* of data.mdb; made if missing */
    uint64_t map_bytes; /* 0: as much address space as can be had, 1 TiB at most */
    bool read_only;     /* must exist; no writes */
    bool unsynced;      /* commits are durable only after index_sync: for what is made aside */
    void (*fatal)(
        void *ctx, const char *what, int error_number); /* LMDB asserts; does not return */
    void *fatal_ctx;
    const char **ret_detail; /* a literal, where there is more to say than the error; may be NULL */
};

/* Of an index that may be written: refuses one whose meta pages do not follow one another, of which an older state
 * would be taken for the newest, and one whose tables have lost or gained records. err: UNUSABLE (errno tells), CORRUPT, NO_SPACE, NO_MEMORY */
enum storage_err index_open(const struct index_options *options, struct index **ret_index) MUST_USE;
/* All transactions must have ended. Takes NULL. */
void index_close(struct index *index);

/* A compact copy of what is committed, as data.mdb of another folder, synced. Of an index that is read only, so
 * that no writer of this process waits for it. Blocks on the disk. err: NO_SPACE, UNUSABLE */
enum storage_err index_copy(struct index *index, const char *dir) MUST_USE;

/* The same to a descriptor, which may be a pipe. Of an index that is read only. err: NO_SPACE, UNUSABLE */
enum storage_err index_copy_to(struct index *index, int fd) MUST_USE;

/* err: NO_SPACE, UNUSABLE */
enum storage_err index_sync(struct index *index) MUST_USE;
/* Reads all: every record's CRC, the order of keys, and each table's count and set hash. May crash on damaged
 * pages: rather in a child process. err: CORRUPT, IO, NO_MEMORY */
enum storage_err index_check(struct index *index) MUST_USE;

/* Forgets readers of processes that were killed: pages that they saw would never be used again. Cheap. */
void index_forget_dead(struct index *index);

/* ---- transactions ---- */

/* Waits while the map grows or while INDEX_READERS_MAX others read. err: NO_MEMORY, IO, CORRUPT */
enum storage_err index_read_begin(struct index *index, struct index_txn **ret_txn) MUST_USE;
/* Takes NULL. */
void index_read_end(struct index_txn *txn);

enum storage_err index_write_begin(struct index *index, struct index_txn **ret_txn) MUST_USE;
/* Writes the tallies and commits, durably. The transaction is gone whatever comes of it; on failure
 * *ret_failure tells why. */
enum storage_err index_write_commit(
    struct index_txn *txn, enum index_failure *ret_failure) MUST_USE;
/* Takes NULL. */
void index_write_abort(struct index_txn *txn);
enum index_failure index_failure(const struct index_txn *txn);
/* Puts, adds and deletes so far. */
uint64_t index_changes(const struct index_txn *txn);
/* Of a write transaction its own number, of a read transaction that of the commit it sees. They ascend by one. */
uint64_t index_txn_id(struct index_txn *txn);
/* errno or LMDB's number behind the failure, for messages. */
int index_failure_number(const struct index_txn *txn);
/* Text of such a number. */
const char *index_failure_text(int number);

/* Doubles the map. No write transaction may be open; waits until no read transaction is.
 * err: NO_MEMORY: no more address space */
enum storage_err index_grow(struct index *index) MUST_USE;

/* ---- records; a txn of either kind ---- */

/* err: NO_SUCH_KEY when absent, CORRUPT, IO */
enum storage_err index_get(
    struct index_txn *txn, enum table table, struct span key, struct span *ret_value) MUST_USE;

/* Writes a record, whether it was there or not. err: INTERNAL (index_failure tells) */
enum storage_err index_put(
    struct index_txn *txn, enum table table, struct span key, struct span value) MUST_USE;
/* Writes a record that is not there yet; INDEX_MISUSED if it is. Cheap at the table's end. */
enum storage_err index_add(
    struct index_txn *txn, enum table table, struct span key, struct span value) MUST_USE;
/* err: NO_SUCH_KEY (the transaction stays good), INTERNAL */
enum storage_err index_delete(struct index_txn *txn, enum table table, struct span key) MUST_USE;

/* ---- cursors: of either kind of transaction; ended before it ---- */

enum storage_err index_cursor_open(
    struct index_txn *txn, enum table table, struct index_cursor **ret_cursor) MUST_USE;
/* Takes NULL. */
void index_cursor_close(struct index_cursor *cursor);
/* The first record whose key is not below `key`. err: NO_SUCH_KEY at the end, CORRUPT, IO.
 * In a write transaction a cursor survives changes of other tables; seek again after changes of its
 * own. */
enum storage_err index_seek(struct index_cursor *cursor, struct span key, struct span *ret_key,
    struct span *ret_value) MUST_USE;
enum storage_err index_next(
    struct index_cursor *cursor, struct span *ret_key, struct span *ret_value) MUST_USE;
enum storage_err index_prev(
    struct index_cursor *cursor, struct span *ret_key, struct span *ret_value) MUST_USE;
enum storage_err index_last(
    struct index_cursor *cursor, struct span *ret_key, struct span *ret_value) MUST_USE;

/* ---- counts and set hashes ---- */

/* As the transaction sees it; all zero when the row cannot be read. */
struct tally index_tally(struct index_txn *txn, enum table table);
/* Adds a record to a tally, or takes it out. */
void tally_add(struct tally *tally, struct span key, struct span value);
void tally_remove(struct tally *tally, struct span key, struct span value);

/* For whoever adds up tables in steps (index_scan.h). */
struct index_scan *index_scan(struct index *index);
/* Of the table that is being scanned: is the sum its tally, as of the last commit? */
bool index_scan_matches(
    struct index *index, struct tally *ret_sum, struct tally *ret_kept) MUST_USE;
/* It was opened at its last commit but one: see index_pages_metas. */
bool index_lacks_last(const struct index *index);
/* Read transactions of processes that are no more keep pages from being used again. */
void index_forget_dead_readers(struct index *index);

struct index_usage {
    uint64_t pages_used, page_bytes, map_bytes, free_pages;
};
enum storage_err index_usage(struct index *index, struct index_usage *ret_usage) MUST_USE;

/* Table names as LMDB knows them, for reports. */
const char *index_table_name(enum table table);

#endif
