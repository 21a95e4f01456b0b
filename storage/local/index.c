#include "storage/local/index_lmdb.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    AHEAD_BYTES = 1024 * 1024, /* written ahead of the index's end at once */
    AHEAD_MIN_BYTES = 256 * 1024,
};

struct index_cursor {
    struct index_txn *txn;
    MDB_cursor *cursor;
};

const char *index_failure_text(int number)
{
    return mdb_strerror(number);
}

static enum index_failure failure_of(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return INDEX_FINE;
    case MDB_MAP_FULL:
        return INDEX_MAP_FULL;
    case MDB_TXN_FULL:
        return INDEX_TXN_FULL;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return INDEX_NO_SPACE;
    case ENOMEM:
        return INDEX_NO_MEMORY;
    case EINVAL:
    case MDB_BAD_VALSIZE:
    case MDB_KEYEXIST:
        return INDEX_MISUSED;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
        return INDEX_DAMAGED;
    default:
        return INDEX_FATAL;
    }
}

/* LMDB calls a write that stopped short, which is what a full disk makes of a long one, EIO. The
 * file then ends where the room does. */
static bool is_out_of_room(struct index *index)
{
    static const char page[4096];
    struct stat file;
    int fd;
    if (mdb_env_get_fd(index->env, &fd) != 0 || fstat(fd, &file) != 0)
        return false;
    ssize_t wrote = pwrite(fd, page, sizeof(page), file.st_size);
    if (wrote >= 0)
        return wrote < (ssize_t)sizeof(page);
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
}

static enum storage_err write_failed(struct index_txn *txn, int rc)
{
    if (txn->failure == INDEX_FINE) {
        if (rc == EIO && is_out_of_room(txn->index))
            rc = ENOSPC;
        txn->failure = failure_of(rc);
        txn->failure_number = rc;
    }
    return STORAGE_INTERNAL;
}

/* ---- read transactions ---- */

enum storage_err index_read_begin(struct index *index, struct index_txn **ret_txn)
{
    size_t slot = slots_take(&index->slots);
    struct index_txn *txn = &index->readers[slot];
    int rc =
        txn->txn ? mdb_txn_renew(txn->txn) : mdb_txn_begin(index->env, NULL, MDB_RDONLY, &txn->txn);
    if (rc != 0) {
        slots_give(&index->slots, slot);
        return index_read_err(rc);
    }
    txn->index = index;
    txn->slot = slot;
    *ret_txn = txn;
    return STORAGE_OK;
}

void index_read_end(struct index_txn *txn)
{
    if (!txn)
        return;
    mdb_txn_reset(txn->txn);
    slots_give(&txn->index->slots, txn->slot);
}

/* ---- the write transaction ---- */

enum storage_err index_write_begin(struct index *index, struct index_txn **ret_txn)
{
    struct index_txn *txn = &index->writer;
    txn->failure = INDEX_FINE;
    txn->failure_number = 0;
    txn->changes = 0;
    index->tallies = index->committed;
    memset(index->cursors, 0, sizeof(index->cursors));
    int rc = mdb_txn_begin(index->env, NULL, 0, &txn->txn);
    if (rc != 0) {
        write_failed(txn, rc);
        if (index->fatal && txn->failure == INDEX_FATAL)
            index->fatal(index->fatal_ctx, mdb_strerror(rc), rc);
        return rc == ENOMEM ? STORAGE_NO_MEMORY : STORAGE_INTERNAL;
    }
    scan_write_begin(&index->scan);
    *ret_txn = txn;
    return STORAGE_OK;
}

/* What is scanned and what is committed change at once. */
static void end_scan(struct index *index, bool committed, uint64_t txn_id)
{
    pthread_mutex_lock(&index->scan.lock);
    scan_write_end(&index->scan, committed, txn_id);
    if (committed)
        index->committed = index->tallies;
    pthread_mutex_unlock(&index->scan.lock);
}

static void close_cursors(struct index *index)
{
    for (size_t i = 0; i < TABLE_COUNT; i++)
        if (index->cursors[i])
            mdb_cursor_close(index->cursors[i]);
    memset(index->cursors, 0, sizeof(index->cursors));
}

void index_write_abort(struct index_txn *txn)
{
    if (!txn || !txn->txn)
        return;
    close_cursors(txn->index);
    mdb_txn_abort(txn->txn);
    txn->txn = NULL;
    end_scan(txn->index, false, 0);
}

/* A sync of a file that grows has to write the file system's journal too, which takes several times
 * as long, so zeros are written ahead of the index's end, some dozens of commits' worth at once.
 * Between two transactions nobody else writes. That it fails does no harm. */
static void write_ahead(struct index *index)
{
    static const char zeros[64 * 1024];
    MDB_envinfo info;
    MDB_stat stat;
    struct stat file;
    int fd;
    if (mdb_env_info(index->env, &info) != 0 || mdb_env_stat(index->env, &stat) != 0)
        return;
    uint64_t used = (info.me_last_pgno + 1) * stat.ms_psize;
    if (index->file_bytes >= used + AHEAD_MIN_BYTES)
        return;
    if (mdb_env_get_fd(index->env, &fd) != 0 || fstat(fd, &file) != 0)
        return;
    index->file_bytes = (uint64_t)file.st_size > used ? (uint64_t)file.st_size : used;
    uint64_t end = used + AHEAD_BYTES < info.me_mapsize ? used + AHEAD_BYTES : info.me_mapsize;
    while (index->file_bytes < end) {
        uint64_t left = end - index->file_bytes;
        ssize_t wrote = pwrite(fd, zeros, left < sizeof(zeros) ? (size_t)left : sizeof(zeros),
            (off_t)index->file_bytes);
        if (wrote <= 0)
            break;
        index->file_bytes += (uint64_t)wrote;
    }
}

/* After a commit that failed at its last write, that of the meta page, whatever the reason: it may be on
 * disk or not, and LMDB begins nothing any more. */
static bool is_undecided(struct index *index)
{
    MDB_txn *next = NULL;
    int rc = mdb_txn_begin(index->env, NULL, 0, &next);
    if (rc == 0)
        mdb_txn_abort(next);
    return rc == MDB_PANIC;
}

enum storage_err index_write_commit(struct index_txn *txn, enum index_failure *ret_failure)
{
    struct index *index = txn->index;
    schema_encode_tallies(TALLIES_KEY, &index->tallies, &index->tallies_value);
    enum storage_err err = STORAGE_NO_MEMORY;
    if (buf_ok(&index->tallies_value))
        err = index_put(txn, TABLE_META, TALLIES_KEY, buf_span(&index->tallies_value));
    else
        write_failed(txn, ENOMEM);
    if (err == STORAGE_OK && index->has_old_tallies)
        err = index_delete(txn, TABLE_META, OLD_TALLIES_KEY);
    if (err != STORAGE_OK) {
        index_write_abort(txn);
        *ret_failure = txn->failure;
        return err;
    }
    close_cursors(index);
    MDB_txn *inner = TAKE(txn->txn);
    uint64_t txn_id = mdb_txn_id(inner);
    int rc = mdb_txn_commit(inner);
    if (rc != 0) {
        end_scan(index, false, 0);
        err = write_failed(txn, is_undecided(index) ? MDB_PANIC : rc);
        *ret_failure = txn->failure;
        return err;
    }
    end_scan(index, true, txn_id);
    index->has_old_tallies = false;
    write_ahead(index);
    *ret_failure = INDEX_FINE;
    return STORAGE_OK;
}

enum index_failure index_failure(const struct index_txn *txn)
{
    return txn->failure;
}

uint64_t index_changes(const struct index_txn *txn)
{
    return txn->changes;
}

uint64_t index_txn_id(struct index_txn *txn)
{
    return mdb_txn_id(txn->txn);
}

int index_failure_number(const struct index_txn *txn)
{
    return txn->failure_number;
}

struct tally index_tally(struct index_txn *txn, enum table table)
{
    struct tallies_record tallies = {0};
    bool old;
    if (txn->is_write)
        return txn->index->tallies.tables[table];
    enum storage_err err =
        index_read_tallies(txn->txn, txn->index->tables[TABLE_META], &tallies, &old);
    return err == STORAGE_OK ? tallies.tables[table] : (struct tally){0};
}

struct index_scan *index_scan(struct index *index)
{
    return &index->scan;
}

bool index_scan_matches(struct index *index, struct tally *ret_sum, struct tally *ret_kept)
{
    pthread_mutex_lock(&index->scan.lock);
    *ret_sum = index->scan.sum;
    *ret_kept = index->committed.tables[index->scan.place.table];
    pthread_mutex_unlock(&index->scan.lock);
    return memcmp(ret_sum, ret_kept, sizeof(*ret_sum)) == 0;
}

bool index_lacks_last(const struct index *index)
{
    return index->lacks_last;
}

void index_forget_dead_readers(struct index *index)
{
    int dead = 0;
    mdb_reader_check(index->env, &dead);
}

enum storage_err index_grow(struct index *index)
{
    MDB_envinfo info;
    mdb_env_info(index->env, &info);
    slots_close(&index->slots);
    int rc = mdb_env_set_mapsize(index->env, info.me_mapsize * 2);
    if (rc != 0 && index->fatal) /* the old map is gone */
        index->fatal(index->fatal_ctx, "the index's map cannot grow", rc);
    slots_open(&index->slots);
    if (rc == ENOMEM)
        return STORAGE_NO_MEMORY;
    return rc == 0 ? STORAGE_OK : STORAGE_INTERNAL;
}

/* ---- records ---- */

enum storage_err index_get(
    struct index_txn *txn, enum table table, struct span key, struct span *ret_value)
{
    if (key.len == 0 || key.len > INDEX_KEY_MAX_BYTES || txn->index->tables[table] == NO_TABLE)
        return STORAGE_NO_SUCH_KEY;
    MDB_val wanted = val_of(key), value;
    int rc = mdb_get(txn->txn, txn->index->tables[table], &wanted, &value);
    if (rc == 0)
        *ret_value = span_of_val(value);
    return index_read_err(rc);
}

static int write_cursor(struct index_txn *txn, enum table table, MDB_cursor **ret_cursor)
{
    struct index *index = txn->index;
    int rc = 0;
    if (!index->cursors[table])
        rc = mdb_cursor_open(txn->txn, index->tables[table], &index->cursors[table]);
    *ret_cursor = index->cursors[table];
    return rc;
}

static void note(
    struct index_txn *txn, enum table table, struct span key, struct span value, bool added)
{
    if (table == TABLE_META)
        return;
    if (added)
        tally_add(&txn->index->tallies.tables[table], key, value);
    else
        tally_remove(&txn->index->tallies.tables[table], key, value);
    scan_note(&txn->index->scan, table, key, value, added);
}

/* One descent: an insert that finds the key there leaves the cursor on it, with its old value. */
static enum storage_err put(
    struct index_txn *txn, enum table table, struct span key, struct span value, bool replace)
{
    MDB_cursor *cursor;
    int rc = write_cursor(txn, table, &cursor);
    MDB_val k = val_of(key), v = val_of(value);
    txn->changes++;
    if (rc == 0)
        rc = mdb_cursor_put(cursor, &k, &v, MDB_NOOVERWRITE);
    if (rc == MDB_KEYEXIST && replace) {
        note(txn, table, key, span_of_val(v), false);
        k = val_of(key);
        v = val_of(value);
        rc = mdb_cursor_put(cursor, &k, &v, MDB_CURRENT);
    }
    if (rc != 0)
        return write_failed(txn, rc);
    note(txn, table, key, value, true);
    return STORAGE_OK;
}

enum storage_err index_put(
    struct index_txn *txn, enum table table, struct span key, struct span value)
{
    return put(txn, table, key, value, true);
}

enum storage_err index_add(
    struct index_txn *txn, enum table table, struct span key, struct span value)
{
    return put(txn, table, key, value, false);
}

enum storage_err index_delete(struct index_txn *txn, enum table table, struct span key)
{
    MDB_cursor *cursor;
    int rc = write_cursor(txn, table, &cursor);
    MDB_val k = val_of(key), v;
    if (rc == 0)
        rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_KEY);
    if (rc == MDB_NOTFOUND)
        return STORAGE_NO_SUCH_KEY;
    txn->changes++;
    if (rc == 0) {
        note(txn, table, key, span_of_val(v), false);
        rc = mdb_cursor_del(cursor, 0);
    }
    return rc == 0 ? STORAGE_OK : write_failed(txn, rc);
}

/* ---- cursors ---- */

enum storage_err index_cursor_open(
    struct index_txn *txn, enum table table, struct index_cursor **ret_cursor)
{
    struct index_cursor *cursor = malloc(sizeof(*cursor));
    if (!cursor)
        return STORAGE_NO_MEMORY;
    cursor->txn = txn;
    cursor->cursor = NULL;
    MDB_dbi dbi = txn->index->tables[table];
    int rc = dbi == NO_TABLE ? 0 : mdb_cursor_open(txn->txn, dbi, &cursor->cursor);
    if (rc != 0) {
        free(cursor);
        return index_read_err(rc);
    }
    *ret_cursor = cursor;
    return STORAGE_OK;
}

void index_cursor_close(struct index_cursor *cursor)
{
    if (!cursor)
        return;
    if (cursor->cursor)
        mdb_cursor_close(cursor->cursor);
    free(cursor);
}

static enum storage_err move(struct index_cursor *cursor, MDB_cursor_op op, struct span wanted,
    struct span *ret_key, struct span *ret_value)
{
    MDB_val key = val_of(wanted), value;
    if (!cursor->cursor)
        return STORAGE_NO_SUCH_KEY;
    int rc = mdb_cursor_get(cursor->cursor, &key, &value, op);
    if (rc == 0) {
        *ret_key = span_of_val(key);
        *ret_value = span_of_val(value);
    }
    return index_read_err(rc);
}

enum storage_err index_seek(
    struct index_cursor *cursor, struct span key, struct span *ret_key, struct span *ret_value)
{
    return move(cursor, key.len ? MDB_SET_RANGE : MDB_FIRST, key, ret_key, ret_value);
}

enum storage_err index_next(
    struct index_cursor *cursor, struct span *ret_key, struct span *ret_value)
{
    return move(cursor, MDB_NEXT, SPAN_ABSENT, ret_key, ret_value);
}

enum storage_err index_prev(
    struct index_cursor *cursor, struct span *ret_key, struct span *ret_value)
{
    return move(cursor, MDB_PREV, SPAN_ABSENT, ret_key, ret_value);
}

enum storage_err index_last(
    struct index_cursor *cursor, struct span *ret_key, struct span *ret_value)
{
    return move(cursor, MDB_LAST, SPAN_ABSENT, ret_key, ret_value);
}

/* ---- figures ---- */

/* LMDB's free list is its table 0: each value is a count and that many page numbers. */
static uint64_t count_free_pages(MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t pages = 0;
    if (mdb_cursor_open(txn, 0, &cursor) != 0)
        return 0;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        size_t count = 0;
        if (value.mv_size >= sizeof(count))
            memcpy(&count, value.mv_data, sizeof(count));
        pages += count;
    }
    mdb_cursor_close(cursor);
    return pages;
}

enum storage_err index_usage(struct index *index, struct index_usage *ret_usage)
{
    struct index_txn *txn = NULL;
    enum storage_err err = index_read_begin(index, &txn);
    if (err != STORAGE_OK)
        return err;
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(index->env, &info);
    mdb_env_stat(index->env, &stat);
    *ret_usage = (struct index_usage){
        .pages_used = info.me_last_pgno + 1,
        .page_bytes = stat.ms_psize,
        .map_bytes = info.me_mapsize,
        .free_pages = count_free_pages(txn->txn),
    };
    index_read_end(txn);
    return STORAGE_OK;
}
