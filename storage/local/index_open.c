/* Opening, closing and copying the index. */
#include "storage/local/index_lmdb.h"
#include "storage/local/index_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define GIB ((uint64_t)1 << 30)

static const char *const table_names[TABLE_COUNT] = {
    [TABLE_META] = "meta",
    [TABLE_BUCKETS] = "buckets",
    [TABLE_BUCKET_IDS] = "bucket_ids",
    [TABLE_DOCUMENTS] = "documents",
    [TABLE_OBJECTS] = "objects",
    [TABLE_VERSIONS] = "versions",
    [TABLE_ROWS] = "rows",
    [TABLE_SIDE] = "side",
    [TABLE_UPLOADS] = "uploads",
    [TABLE_BLOBS] = "blobs",
    [TABLE_PIECES] = "pieces",
    [TABLE_EXTENTS] = "extents",
    [TABLE_SEGMENTS] = "segments",
    [TABLE_FREED] = "freed",
    [TABLE_RECORDS] = "records",
    [TABLE_LINEAGE] = "lineage",
    [TABLE_ZONES] = "zones",
    [TABLE_CONTENT] = "content",
};

const char *index_table_name(enum table table)
{
    return table < TABLE_COUNT ? table_names[table] : "?";
}

static void assert_failed(MDB_env *env, const char *what)
{
    struct index *index = mdb_env_get_userctx(env);
    if (index && index->fatal)
        index->fatal(index->fatal_ctx, what, EUCLEAN);
    abort();
}

static enum storage_err read_tallies(
    MDB_txn *txn, MDB_dbi meta, struct span name, struct tallies_record *ret_tallies)
{
    MDB_val key = val_of(name), value;
    int rc = mdb_get(txn, meta, &key, &value);
    return rc == 0 ? schema_decode_tallies(name, span_of_val(value), ret_tallies)
                   : index_read_err(rc);
}

enum storage_err index_read_tallies(
    MDB_txn *txn, MDB_dbi meta, struct tallies_record *ret_tallies, bool *ret_old)
{
    enum storage_err err = read_tallies(txn, meta, TALLIES_KEY, ret_tallies);
    *ret_old = err == STORAGE_NO_SUCH_KEY;
    return *ret_old ? read_tallies(txn, meta, OLD_TALLIES_KEY, ret_tallies) : err;
}

/* A map that cannot be had is tried smaller; the file is not made larger by it. */
static int open_env(struct index *index, const struct index_options *options)
{
    static const uint64_t sizes[] = {1024 * GIB, 64 * GIB, 8 * GIB, GIB};
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (options->read_only ? MDB_RDONLY : 0) |
                     (options->unsynced ? MDB_NOSYNC : 0);
    int rc = ENOMEM;
    for (size_t i = 0; i < ARRAY_LEN(sizes) && rc == ENOMEM; i++) {
        uint64_t bytes = options->map_bytes ? options->map_bytes : sizes[i];
        if ((rc = mdb_env_create(&index->env)) != 0)
            return rc;
        if ((rc = mdb_env_set_maxdbs(index->env, TABLE_COUNT)) == 0 &&
            (rc = mdb_env_set_maxreaders(index->env, INDEX_READERS_MAX + 16)) == 0 &&
            (rc = mdb_env_set_mapsize(index->env, bytes)) == 0)
            rc = mdb_env_open(index->env, options->dir, flags, 0600);
        if (rc == 0)
            return 0;
        mdb_env_close(index->env);
        index->env = NULL;
        if (options->map_bytes)
            break;
    }
    return rc;
}

static int load_tallies(struct index *index, MDB_txn *txn)
{
    MDB_dbi meta = index->tables[TABLE_META];
    bool old;
    enum storage_err err = index_read_tallies(txn, meta, &index->committed, &old);
    index->has_old_tallies = old && err == STORAGE_OK;
    if (err == STORAGE_NEWER_FORMAT)
        return MDB_VERSION_MISMATCH;
    /* The second transaction is the first one that writes them. */
    bool none_yet = err == STORAGE_NO_SUCH_KEY && mdb_txn_id(txn) <= 2;
    return err == STORAGE_OK || none_yet ? 0 : MDB_CORRUPTED;
}

/* A table that is found in the wrong place, or not found and made anew, has not the records it should have. */
static int compare_counts(struct index *index, MDB_txn *txn)
{
    MDB_stat stat;
    int rc = 0;
    for (size_t i = 0; i < TABLE_COUNT && rc == 0; i++)
        if (i != TABLE_META && (rc = mdb_stat(txn, index->tables[i], &stat)) == 0 &&
            stat.ms_entries != index->committed.tables[i].count)
            rc = MDB_CORRUPTED;
    return rc;
}

/* The first transaction makes all tables of its release; only those of later ones may be missing. */
static int open_tables(struct index *index)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(index->env, NULL, index->read_only ? MDB_RDONLY : 0, &txn);
    if (rc != 0)
        return rc;
    bool fresh = !index->read_only && mdb_txn_id(txn) <= 1;
    for (size_t i = 0; i < TABLE_COUNT && rc == 0; i++) {
        bool make = fresh || (!index->read_only && i >= TABLES_OF_SCHEMA_1);
        rc = mdb_dbi_open(txn, table_names[i], make ? MDB_CREATE : 0, &index->tables[i]);
        if (rc == MDB_NOTFOUND && i >= TABLES_OF_SCHEMA_1) {
            index->tables[i] = NO_TABLE;
            rc = 0;
        }
    }
    if (rc == 0)
        rc = load_tallies(index, txn);
    if (rc == 0 && !index->read_only)
        rc = compare_counts(index, txn);
    if (rc == 0)
        return mdb_txn_commit(txn); /* even a reader's: it keeps the table handles */
    mdb_txn_abort(txn);
    return rc;
}

static enum storage_err open_err(int rc)
{
    switch (rc) {
    case ENOSPC:
    case EDQUOT:
    case MDB_MAP_FULL:
        return STORAGE_NO_SPACE;
    case ENOMEM:
        return STORAGE_NO_MEMORY;
    case MDB_VERSION_MISMATCH:
        return STORAGE_NEWER_FORMAT;
    case MDB_CORRUPTED:
    case MDB_INVALID:
    case MDB_PAGE_NOTFOUND:
    case MDB_NOTFOUND:
    case MDB_INCOMPATIBLE:
        return STORAGE_CORRUPT;
    default:
        errno = rc > 0 ? rc : EIO;
        return STORAGE_UNUSABLE;
    }
}

/* LMDB takes the meta page with the higher number, whatever it is; the next commit would write over the right
 * one. */
static enum storage_err check_metas(const struct index_options *options, bool *ret_turned)
{
    char path[PATH_MAX];
    const char *what = NULL;
    if (snprintf(path, sizeof(path), "%s/data.mdb", options->dir) >= (int)sizeof(path))
        return STORAGE_UNUSABLE;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? STORAGE_OK : STORAGE_UNUSABLE;
    enum storage_err err = index_pages_metas(fd, &what, ret_turned);
    close(fd);
    if (what && options->ret_detail)
        *options->ret_detail = what;
    return err == STORAGE_IO ? STORAGE_UNUSABLE : err;
}

enum storage_err index_open(const struct index_options *options, struct index **ret_index)
{
    if (!options->read_only && mkdir(options->dir, 0700) != 0 && errno != EEXIST)
        return errno == ENOSPC || errno == EDQUOT ? STORAGE_NO_SPACE : STORAGE_UNUSABLE;
    bool turned = false;
    enum storage_err err = options->read_only ? STORAGE_OK : check_metas(options, &turned);
    if (err != STORAGE_OK)
        return err;
    struct index *index = calloc(1, sizeof(*index));
    if (!index)
        return STORAGE_NO_MEMORY;
    index->read_only = options->read_only;
    index->lacks_last = turned;
    index->fatal = options->fatal;
    index->fatal_ctx = options->fatal_ctx;
    index->writer.index = index;
    index->writer.is_write = true;
    buf_init(&index->tallies_value, 4096);
    slots_init(&index->slots);
    scan_init(&index->scan);
    int rc = open_env(index, options);
    if (rc == 0) {
        mdb_env_set_userctx(index->env, index);
        mdb_env_set_assert(index->env, assert_failed);
        rc = open_tables(index);
    }
    if (rc != 0) {
        index_close(index);
        return open_err(rc);
    }
    *ret_index = index;
    return STORAGE_OK;
}

void index_close(struct index *index)
{
    if (!index)
        return;
    for (size_t i = 0; i < INDEX_READERS_MAX; i++)
        if (index->readers[i].txn)
            mdb_txn_abort(index->readers[i].txn);
    if (index->env)
        mdb_env_close(index->env);
    buf_free(&index->tallies_value);
    slots_destroy(&index->slots);
    scan_destroy(&index->scan);
    free(index);
}

enum storage_err index_copy(struct index *index, const char *dir)
{
    int rc = mdb_env_copy2(index->env, dir, MDB_CP_COMPACT);
    return rc == 0 ? STORAGE_OK : open_err(rc);
}

enum storage_err index_copy_to(struct index *index, int fd)
{
    int rc = mdb_env_copyfd2(index->env, fd, MDB_CP_COMPACT);
    return rc == 0 ? STORAGE_OK : open_err(rc);
}

enum storage_err index_sync(struct index *index)
{
    int rc = mdb_env_sync(index->env, 1);
    return rc == 0 ? STORAGE_OK : open_err(rc);
}

void index_forget_dead(struct index *index)
{
    int dead;
    (void)mdb_reader_check(index->env, &dead); /* that it fails does no harm */
}
