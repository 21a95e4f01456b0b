#include "storage/local/engine.h"
#include "storage/local/lineage.h"

#include "storage/local/committer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ID_BOOT_SHIFT = 40, BOOTS_MAX = (1 << 24) - 1, DEFAULT_WRITER_THREADS = 4 };

#define DEFAULT_SEGMENT_BYTES ((uint64_t)256 * 1024 * 1024)

uint64_t engine_next_id(struct storage *storage)
{
    return storage->boot << ID_BOOT_SHIFT | atomic_fetch_add(&storage->next_counter, 1);
}

static uint64_t next_id(void *ctx)
{
    return engine_next_id(ctx);
}

_Noreturn void engine_fatal(struct storage *storage, const char *what, int error_number)
{
    const struct storage_options *options = &storage->options;
    if (options->on_fatal)
        options->on_fatal(options->on_fatal_ctx, what, error_number);
    fprintf(stderr, "storage: %s: %s; ending, since nothing may be acknowledged any more\n", what,
        strerror(error_number));
    _exit(70);
}

static void fatal(void *ctx, const char *what, int error_number)
{
    engine_fatal(ctx, what, error_number);
}

/* ---- opening ---- */

static char *path_in(const char *dir, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

enum storage_err engine_lock(const char *dir, bool create, int *ret_fd, const char **ret_detail)
{
    if (create && mkdir(dir, 0700) != 0 && errno != EEXIST) {
        *ret_detail = "the data folder cannot be made";
        return errno == ENOSPC || errno == EDQUOT ? STORAGE_NO_SPACE : STORAGE_UNUSABLE;
    }
    char *path = path_in(dir, "lock");
    if (!path)
        return STORAGE_NO_MEMORY;
    int fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
    free(path);
    if (fd < 0) {
        *ret_detail = "the data folder's lock file cannot be opened";
        return errno == ENOSPC || errno == EDQUOT ? STORAGE_NO_SPACE : STORAGE_UNUSABLE;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        bool in_use = errno == EWOULDBLOCK;
        *ret_detail = in_use ? "another process uses the data folder"
                             : "the data folder's file system cannot lock files";
        close(fd);
        return in_use ? STORAGE_IN_USE : STORAGE_UNUSABLE;
    }
    *ret_fd = fd;
    return STORAGE_OK;
}

static enum storage_err open_index_in(
    const char *dir, struct index_options options, struct index **ret_index)
{
    char *path = path_in(dir, "index");
    if (!path)
        return STORAGE_NO_MEMORY;
    options.dir = path;
    enum storage_err err = index_open(&options, ret_index);
    int saved = errno;
    free(path);
    errno = saved;
    return err;
}

enum storage_err engine_open_index(
    const char *dir, bool read_only, uint64_t map_bytes, struct index **ret_index)
{
    struct index_options options = {.read_only = read_only, .map_bytes = map_bytes};
    return open_index_in(dir, options, ret_index);
}

/* Is there anything in segments/ or files/? A store makes its index first, so bytes without one are not new. */
static bool has_bytes(const char *dir)
{
    static const char *const names[] = {"segments", "files"};
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(names) && !found; i++) {
        char path[PATH_MAX];
        if (snprintf(path, sizeof(path), "%s/%s", dir, names[i]) >= (int)sizeof(path))
            return true;
        DIR *folder = opendir(path);
        for (struct dirent *entry; folder && !found && (entry = readdir(folder));)
            found = entry->d_name[0] != '.';
        if (folder)
            closedir(folder);
    }
    return found;
}

static enum storage_err read_store(
    const char *dir, struct index_txn *txn, struct store_record *ret_store)
{
    struct span value;
    enum storage_err err = index_get(txn, TABLE_META, SPAN("store"), &value);
    /* The transaction after that which makes the tables wrote it. */
    if (err == STORAGE_NO_SUCH_KEY && (has_bytes(dir) || index_txn_id(txn) > 2))
        return STORAGE_CORRUPT;
    if (err == STORAGE_NO_SUCH_KEY) {
        *ret_store =
            (struct store_record){.schema_version = SCHEMA_VERSION, .created_ms = clock_unix_ms()};
        random_bytes(ret_store->store_id, sizeof(ret_store->store_id));
        return STORAGE_OK;
    }
    if (err == STORAGE_OK)
        err = schema_decode_store(SPAN("store"), value, ret_store);
    if (err == STORAGE_OK && ret_store->schema_version > SCHEMA_VERSION)
        err = STORAGE_NEWER_FORMAT;
    return err;
}

static enum storage_err seal_segment(
    struct index_txn *txn, uint64_t segment_id, struct buf *scratch)
{
    struct index_key buffer;
    struct span value, key = key_of_u64(&buffer, segment_id);
    struct segment_record record;
    enum storage_err err = index_get(txn, TABLE_SEGMENTS, key, &value);
    if (err == STORAGE_NO_SUCH_KEY)
        return STORAGE_OK;
    if (err == STORAGE_OK)
        err = schema_decode_segment(key, value, &record);
    if (err != STORAGE_OK)
        return err;
    record.state = SEGMENT_SEALED;
    schema_encode_segment(key, &record, scratch);
    return buf_ok(scratch) ? index_put(txn, TABLE_SEGMENTS, key, buf_span(scratch))
                           : STORAGE_NO_MEMORY;
}

/* What was written to last time gets nothing more: what lies behind its committed tail is litter.
 */
static enum storage_err seal_segments(struct index_txn *txn, struct buf *scratch)
{
    struct span value;
    struct state_record state;
    enum storage_err err = index_get(txn, TABLE_META, SPAN("state"), &value);
    if (err == STORAGE_NO_SUCH_KEY) /* the first change writes it */
        return index_tally(txn, TABLE_SEGMENTS).count == 0 ? STORAGE_OK : STORAGE_CORRUPT;
    if (err == STORAGE_OK)
        err = schema_decode_state(SPAN("state"), value, &state);
    for (uint32_t i = 0; err == STORAGE_OK && i < state.active_count; i++)
        err = seal_segment(txn, state.active[i], scratch);
    if (err != STORAGE_OK)
        return err;
    state.active_count = 0;
    schema_encode_state(SPAN("state"), &state, scratch);
    return buf_ok(scratch) ? index_put(txn, TABLE_META, SPAN("state"), buf_span(scratch))
                           : STORAGE_NO_MEMORY;
}

static enum storage_err begin_boot(
    struct storage *storage, struct buf *scratch, enum index_failure *ret_failure)
{
    struct index_txn *txn = NULL;
    struct store_record store;
    *ret_failure = INDEX_FINE;
    enum storage_err err = index_write_begin(storage->index, &txn);
    if (err != STORAGE_OK)
        return err;
    if ((err = read_store(storage->dir, txn, &store)) == STORAGE_OK)
        err = store.boot < BOOTS_MAX ? STORAGE_OK : STORAGE_INTERNAL;
    if (err == STORAGE_OK) {
        store.boot++;
        store.schema_version = SCHEMA_VERSION; /* what an older release wrote is read as it is */
        schema_encode_store(SPAN("store"), &store, scratch);
        err = index_put(txn, TABLE_META, SPAN("store"), buf_span(scratch));
    }
    if (err == STORAGE_OK)
        err = seal_segments(txn, scratch);
    if (err != STORAGE_OK) {
        *ret_failure = index_failure(txn);
        index_write_abort(txn);
        return err;
    }
    storage->boot = store.boot;
    memcpy(storage->store_id, store.store_id, sizeof(storage->store_id));
    return index_write_commit(txn, ret_failure);
}

/* A file that was made is there after a power cut only once its folder was synced. */
static enum storage_err sync_folder(const struct storage *storage, const char *path)
{
    int fd = storage->sys->open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return STORAGE_UNUSABLE;
    int failed = storage->sys->fsync(fd);
    int saved = errno;
    storage->sys->close(fd);
    errno = saved;
    return failed ? STORAGE_UNUSABLE : STORAGE_OK;
}

static enum storage_err sync_folders(const struct storage *storage)
{
    char *index = path_in(storage->dir, "index"), *above = path_in(storage->dir, "..");
    enum storage_err err = index && above ? STORAGE_OK : STORAGE_NO_MEMORY;
    if (err == STORAGE_OK)
        err = sync_folder(storage, index);
    if (err == STORAGE_OK)
        err = sync_folder(storage, storage->dir);
    if (err == STORAGE_OK && sync_folder(storage, above) != STORAGE_OK && errno != EACCES)
        err = STORAGE_UNUSABLE; /* one that may not be read was there before */
    free(index);
    free(above);
    return err;
}

/* What an earlier try has left. */
static void drop_unfinished(const struct storage *storage, const char *folder)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *path = path_in(folder, names[i]);
        if (path)
            storage->sys->unlink(path);
        free(path);
    }
    rmdir(folder);
}

/* An empty index, whole and synced. */
static enum storage_err make_aside(const struct storage *storage, const char *aside)
{
    struct index *index = NULL;
    struct index_options options = {.dir = aside, .map_bytes = storage->options.map_bytes};
    drop_unfinished(storage, aside);
    enum storage_err err = index_open(&options, &index);
    index_close(index);
    return err == STORAGE_OK ? sync_folder(storage, aside) : err;
}

static enum storage_err give_name(
    const struct storage *storage, const char *made, const char *folder, const char *there)
{
    if ((storage->sys->mkdir(folder, 0700) == 0 || errno == EEXIST) &&
        storage->sys->rename(made, there) == 0)
        return STORAGE_OK;
    return errno == ENOSPC || errno == EDQUOT ? STORAGE_NO_SPACE : STORAGE_UNUSABLE;
}

/* A new index is made aside, and gets its name when it is whole and synced: the power may go meanwhile, and what is
 * called an index is one. */
static enum storage_err make_index(const struct storage *storage)
{
    struct stat info;
    char *there = path_in(storage->dir, "index/data.mdb"), *folder = path_in(storage->dir, "index"),
         *aside = path_in(storage->dir, "index.new"),
         *made = path_in(storage->dir, "index.new/data.mdb");
    enum storage_err err = there && folder && aside && made ? STORAGE_OK : STORAGE_NO_MEMORY;
    if (err == STORAGE_OK && stat(there, &info) != 0 && errno == ENOENT) {
        err = has_bytes(storage->dir) ? STORAGE_CORRUPT : make_aside(storage, aside);
        if (err == STORAGE_OK)
            err = give_name(storage, made, folder, there);
        int saved = errno;
        drop_unfinished(storage, aside);
        errno = saved;
    }
    free(there);
    free(folder);
    free(aside);
    free(made);
    return err;
}

static const char newer_release[] = "the data folder was written by a newer release";

static enum storage_err open_parts(struct storage *storage, const char **ret_detail)
{
    const struct storage_options *options = &storage->options;
    struct buf scratch;
    enum index_failure failure = INDEX_FINE;
    *ret_detail = "the index is damaged or missing: see lakegate salvage";
    enum storage_err err = make_index(storage);
    if (err == STORAGE_OK)
        err = open_index_in(storage->dir,
            (struct index_options){.map_bytes = options->map_bytes,
                .fatal = fatal,
                .fatal_ctx = storage,
                .ret_detail = ret_detail},
            &storage->index);
    if (err == STORAGE_NEWER_FORMAT)
        *ret_detail = newer_release;
    else if (err != STORAGE_OK && err != STORAGE_CORRUPT)
        *ret_detail = "the index cannot be opened";
    if (err != STORAGE_OK)
        return err;
    buf_init(&scratch, 4096);
    do
        err = begin_boot(storage, &scratch, &failure);
    while (failure == INDEX_MAP_FULL && index_grow(storage->index) == STORAGE_OK);
    buf_free(&scratch);
    if (failure == INDEX_NO_SPACE)
        err = STORAGE_NO_SPACE;
    if (err == STORAGE_NEWER_FORMAT)
        *ret_detail = newer_release;
    else if (err != STORAGE_OK && err != STORAGE_CORRUPT)
        *ret_detail = "the index cannot be opened";
    if (err == STORAGE_OK && (err = sync_folders(storage)) != STORAGE_OK)
        *ret_detail = "the data folder cannot be synced";
    if (err != STORAGE_OK)
        return err;
    *ret_detail = "the data folder's segments cannot be written";
    return space_open(
        &(struct space_options){
            .sys = storage->sys,
            .dir = storage->dir,
            .segment_bytes = options->segment_bytes,
            .reserve_bytes = options->reserve_bytes,
            .writer_threads = options->writer_threads,
            .no_background = options->no_background,
            .next_id = next_id,
            .next_id_ctx = storage,
            .fatal = fatal,
            .fatal_ctx = storage,
        },
        &storage->space);
}

enum storage_err engine_open(const struct storage_options *options, const struct sys *sys,
    struct storage **ret_storage, const char **ret_detail)
{
    const char *detail = "out of memory";
    struct storage *storage = calloc(1, sizeof(*storage));
    if (!storage)
        return STORAGE_NO_MEMORY;
    storage->lock_fd = -1;
    storage->options = *options;
    storage->sys = sys;
    holds_init(&storage->holds);
    storage->dir = strdup(options->dir);
    storage->options.dir = storage->dir;
    if (options->segment_bytes == 0)
        storage->options.segment_bytes = DEFAULT_SEGMENT_BYTES;
    if (options->lineage_ms == 0)
        storage->options.lineage_ms = LINEAGE_DEFAULT_MS;
    if (options->writer_threads == 0)
        storage->options.writer_threads = DEFAULT_WRITER_THREADS;
    atomic_store(&storage->next_counter, 1);
    storage->epochs = epochs_new();
    enum storage_err err = storage->dir && storage->epochs ? STORAGE_OK : STORAGE_NO_MEMORY;
    if (err == STORAGE_OK)
        err = engine_lock(storage->dir, true, &storage->lock_fd, &detail);
    if (err == STORAGE_OK)
        err = open_parts(storage, &detail);
    if (err == STORAGE_OK)
        err = committer_start(storage);
    if (err == STORAGE_OK)
        err = snapshots_start(storage);
    if (err == STORAGE_OK && !options->no_background)
        err = gc_start(storage);
    int saved = errno;
    if (err == STORAGE_OK)
        *ret_storage = storage;
    else
        storage_close(storage);
    if (err != STORAGE_OK && ret_detail)
        *ret_detail = detail;
    errno = saved;
    return err;
}

enum storage_err storage_open(
    const struct storage_options *options, struct storage **ret_storage, const char **ret_detail)
{
    return engine_open(options, &sys_posix, ret_storage, ret_detail);
}

void storage_close(struct storage *storage)
{
    if (!storage)
        return;
    snapshots_stop(storage);
    gc_stop(storage);
    committer_stop(storage);
    if (storage->space)
        space_close(storage->space);
    index_close(storage->index);
    epochs_free(storage->epochs);
    if (storage->lock_fd >= 0)
        close(storage->lock_fd);
    holds_destroy(&storage->holds);
    free(storage->dir);
    free(storage);
}

/* ---- small things ---- */

struct storage_caps storage_caps(const struct storage *storage)
{
    (void)storage;
    return (struct storage_caps){.reads_nonblocking = true, .counters_exact = true};
}

enum storage_err storage_stage_open(
    struct storage *storage, uint64_t size_bytes, struct stage **ret_stage)
{
    return space_stage_open(storage->space, size_bytes, ret_stage);
}

enum storage_err storage_stage_lend(
    struct storage *storage, struct span bytes, struct stage **ret_stage)
{
    return space_stage_lend(storage->space, bytes, ret_stage);
}

static void index_figures(struct storage *storage, struct storage_stats *stats)
{
    struct index_txn *txn = NULL;
    struct index_usage usage;
    struct state_record state;
    struct span value;
    if (index_usage(storage->index, &usage) == STORAGE_OK) {
        stats->index_pages_used = usage.pages_used;
        stats->index_page_bytes = usage.page_bytes;
        stats->index_map_bytes = usage.map_bytes;
        stats->index_free_pages = usage.free_pages;
    }
    if (index_read_begin(storage->index, &txn) != STORAGE_OK)
        return;
    stats->freed_pending = index_tally(txn, TABLE_FREED).count;
    if (index_get(txn, TABLE_META, SPAN("state"), &value) == STORAGE_OK &&
        schema_decode_state(SPAN("state"), value, &state) == STORAGE_OK) {
        stats->segments = state.segments;
        stats->segment_bytes = state.segment_bytes;
        stats->segment_live_bytes = state.segment_live_bytes;
        stats->files = state.files;
        stats->file_bytes = state.file_bytes;
    }
    index_read_end(txn);
}

void storage_stats(struct storage *storage, struct storage_stats *ret_stats)
{
    struct storage_stats stats = {0};
    committer_figures(storage, &stats);
    index_figures(storage, &stats);
    stats.compactions = atomic_load(&storage->compactions);
    stats.reclaimed_bytes = atomic_load(&storage->reclaimed_bytes);
    stats.corrupt_blocks = atomic_load(&storage->corrupt_blocks);
    stats.lacks_last = index_lacks_last(storage->index);
    snapshots_figures(storage, &stats);
    space_disk(storage->space, &stats.disk_free_bytes, &stats.disk_total_bytes);
    *ret_stats = stats;
}
