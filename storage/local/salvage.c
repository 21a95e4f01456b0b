#include "storage/local/salvage.h"
#include "storage/local/log.h"
#include "storage/local/snapshot.h"
#include "storage/local/verify.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Beside index/: what is being made. One that is there is of a salvage that was cut off. */
#define WORK_NAME "salvage.part"

/* ---- telling ---- */

static void tell(struct salvage *salvage, const char *format, va_list args)
{
    char line[4096];
    vsnprintf(line, sizeof(line), format, args);
    salvage->order->report(salvage->order->ctx, line);
}

void salvage_tell(struct salvage *salvage, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tell(salvage, format, args);
    va_end(args);
}

void salvage_lost(struct salvage *salvage, const char *format, ...)
{
    va_list args;
    salvage->figures.unknown++;
    va_start(args, format);
    tell(salvage, format, args);
    va_end(args);
}

enum storage_err salvage_refuse(struct salvage *salvage, const char *detail, enum storage_err err)
{
    salvage->detail = detail;
    return err;
}

const char *salvage_time(int64_t ms, char text[static SALVAGE_TIME_BYTES])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    if (!gmtime_r(&seconds, &utc) ||
        strftime(text, SALVAGE_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        text[0] = '\0';
    return text;
}

const char *salvage_key(struct span key, char text[static SALVAGE_KEY_BYTES])
{
    size_t at = 0;
    for (size_t i = 0; i < key.len && at + 8 < SALVAGE_KEY_BYTES; i++) {
        unsigned char c = (unsigned char)key.ptr[i];
        if (c >= 0x20 && c != 0x7f && c != '\\')
            text[at++] = (char)c;
        else
            at += (size_t)snprintf(text + at, SALVAGE_KEY_BYTES - at, "\\x%02x", (unsigned)c);
    }
    text[at] = '\0';
    return text;
}

/* ---- files ---- */

static bool sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info, (void)type, (void)ftw;
    return remove(path);
}

static enum storage_err by_errno(struct salvage *salvage, const char *detail)
{
    return salvage_refuse(
        salvage, detail, errno == ENOSPC || errno == EDQUOT ? STORAGE_NO_SPACE : STORAGE_UNUSABLE);
}

static enum storage_err make_work(struct salvage *salvage)
{
    const struct storage_salvage *order = salvage->order;
    char found[PATH_MAX];
    struct stat info;
    if (order->to && stat(order->to, &info) == 0)
        return salvage_refuse(salvage, "the new data folder is there already", STORAGE_INVALID);
    if (order->to && mkdir(order->to, 0700) != 0)
        return by_errno(salvage, "the new data folder cannot be made");
    int len =
        snprintf(salvage->work, PATH_MAX, "%s/" WORK_NAME, order->to ? order->to : order->dir);
    if (len < 0 || len + 20 >= PATH_MAX)
        return salvage_refuse(salvage, "a path is too long", STORAGE_INVALID);
    snprintf(salvage->index_dir, PATH_MAX, "%.*s/index", PATH_MAX - 20, salvage->work);
    snprintf(found, PATH_MAX, "%.*s/found", PATH_MAX - 20, salvage->work);
    nftw(salvage->work, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (mkdir(salvage->work, 0700) != 0 || mkdir(salvage->index_dir, 0700) != 0)
        return by_errno(salvage, "the folder for the new index cannot be made");
    enum storage_err err =
        index_open(&(struct index_options){.dir = found, .unsynced = true}, &salvage->found);
    return err == STORAGE_OK ? err : by_errno(salvage, "the list of what is found cannot be made");
}

/* ---- what it begins with ---- */

/* Takes the newest snapshot that is whole. */
static enum storage_err take_base(struct salvage *salvage)
{
    struct snapshot_list list;
    char time[SALVAGE_TIME_BYTES];
    enum storage_err err = snapshot_list(salvage->order->dir, &list);
    for (size_t i = list.count; err == STORAGE_OK && i > 0 && !salvage->has_base; i--) {
        const struct snapshot_entry *entry = &list.items[i - 1];
        struct index *snapshot = NULL;
        char path[PATH_MAX];
        salvage_time(entry->time_ms, time);
        if (!snapshot_path(salvage->order->dir, entry->frame_id, path))
            continue;
        if ((err = snapshot_check(path)) == STORAGE_NEWER_FORMAT)
            return salvage_refuse(
                salvage, "the data folder was written by a newer release", STORAGE_NEWER_FORMAT);
        if (err != STORAGE_OK) {
            salvage_tell(salvage, "the snapshot of %s is damaged and passed over", time);
            if (!salvage->order->to) /* else nothing of it is changed */
                snapshot_set_aside(salvage->order->dir, entry->frame_id);
            err = STORAGE_OK;
            continue;
        }
        err = index_open(&(struct index_options){.dir = path, .read_only = true}, &snapshot);
        if (err == STORAGE_OK)
            err = index_copy(snapshot, salvage->index_dir);
        index_close(snapshot);
        if (err != STORAGE_OK)
            return salvage_refuse(salvage, "the snapshot cannot be copied", err);
        salvage->has_base = true;
        salvage->figures.snapshot_ms = entry->time_ms;
        salvage_tell(salvage, "the snapshot of %s is what it begins with", time);
    }
    if (err == STORAGE_OK && !salvage->has_base)
        salvage_tell(salvage, "there is no snapshot: all is taken from the log");
    return err;
}

static uint64_t no_id(void *ctx)
{
    (void)ctx;
    return 0;
}

static void fatal(void *ctx, const char *what, int error_number)
{
    engine_fatal(ctx, what, error_number);
}

static enum storage_err open_store(struct salvage *salvage)
{
    struct storage *store = &salvage->store;
    struct index_options index = {
        .dir = salvage->index_dir, .unsynced = true, .fatal = fatal, .fatal_ctx = store};
    struct space_options space = {
        .sys = &sys_posix,
        .dir = salvage->order->dir,
        .read_only = true,
        .next_id = no_id,
        .fatal = fatal,
        .fatal_ctx = store,
    };
    enum storage_err err = index_open(&index, &store->index);
    if (err == STORAGE_NEWER_FORMAT)
        return salvage_refuse(salvage, "the data folder was written by a newer release", err);
    if (err == STORAGE_OK)
        err = space_open(&space, &store->space);
    salvage->batch = calloc(1, sizeof(*salvage->batch));
    if (err == STORAGE_OK)
        err = salvage->batch ? commit_init(&salvage->batch->commit, store) : STORAGE_NO_MEMORY;
    return err == STORAGE_OK ? err : salvage_refuse(salvage, "the new index cannot be opened", err);
}

enum storage_err salvage_commit(struct salvage *salvage, struct engine_work *work)
{
    struct mutation mutation = {.kind = MUTATION_ENGINE, .engine_data = work};
    bool committed;
    salvage->batch->count = 1;
    salvage->batch->items[0] = &mutation;
    (void)batch_run(salvage->batch, &committed);
    return mutation.err;
}

/* What the snapshot says of itself. */
static enum storage_err read_base(struct salvage *salvage, struct store_record *ret_store)
{
    struct index_txn *txn = NULL;
    struct span value;
    struct state_record state = {0};
    enum storage_err err = index_read_begin(salvage->store.index, &txn);
    if (err == STORAGE_OK)
        err = index_get(txn, TABLE_META, SPAN("store"), &value);
    if (err == STORAGE_OK)
        err = schema_decode_store(SPAN("store"), value, ret_store);
    if (err == STORAGE_OK && ret_store->schema_version > SCHEMA_VERSION)
        err = STORAGE_NEWER_FORMAT;
    if (err == STORAGE_OK && index_get(txn, TABLE_META, SPAN("state"), &value) == STORAGE_OK)
        err = schema_decode_state(SPAN("state"), value, &state);
    index_read_end(txn);
    salvage->base_frame = state.commit_sequence;
    return err == STORAGE_OK ? err : salvage_refuse(salvage, "the snapshot cannot be read", err);
}

struct store_work {
    struct engine_work work;
    struct store_record record;
};

static enum storage_err store_apply(struct engine_work *work, struct commit *commit)
{
    const struct store_record *record = &((struct store_work *)work)->record;
    schema_encode_store(SPAN("store"), record, &commit->value);
    return commit_put(commit, TABLE_META, SPAN("store"));
}

/* The store's row: this counts as a boot of its own, so ids are new. */
static enum storage_err begin_boot(struct salvage *salvage)
{
    struct store_work store = {.work.apply = store_apply};
    store.record.created_ms = salvage->frame_count ? salvage->frames[0].time_ms : clock_unix_ms();
    enum storage_err err = salvage->has_base ? read_base(salvage, &store.record) : STORAGE_OK;
    if (err != STORAGE_OK)
        return err;
    if (salvage->has_base)
        memcpy(salvage->store.store_id, store.record.store_id, 16);
    else
        salvage_choose_store(salvage);
    memcpy(store.record.store_id, salvage->store.store_id, 16);
    if (store.record.boot > salvage->boot)
        salvage->boot = store.record.boot;
    store.record.boot = ++salvage->boot;
    store.record.schema_version = SCHEMA_VERSION;
    salvage->store.boot = store.record.boot;
    salvage->last_frame = salvage->base_frame;
    return salvage_commit(salvage, &store.work);
}

/* ---- what it ends with ---- */

static void count(struct salvage *salvage)
{
    struct index_txn *txn = NULL;
    struct storage_salvage_figures *figures = &salvage->figures;
    if (index_read_begin(salvage->store.index, &txn) != STORAGE_OK)
        return;
    figures->buckets = index_tally(txn, TABLE_BUCKETS).count;
    figures->versions = index_tally(txn, TABLE_ROWS).count + index_tally(txn, TABLE_VERSIONS).count;
    figures->records = index_tally(txn, TABLE_RECORDS).count;
    index_read_end(txn);
}

/* Extents that nothing names are what was deleted, or, where the log lacks changes, perhaps what is lost. */
static void tell_unnamed(struct salvage *salvage)
{
    struct index_txn *txn = NULL, *found = NULL;
    struct index_cursor *cursor = NULL;
    struct span key, value, row;
    uint64_t extents = 0, bytes = 0;
    if (!salvage->log_incomplete)
        return;
    enum storage_err err = index_read_begin(salvage->store.index, &txn);
    if (err == STORAGE_OK)
        err = index_read_begin(salvage->found, &found);
    if (err == STORAGE_OK)
        err = index_cursor_open(found, TABLE_EXTENTS, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, SPAN_ABSENT, &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        struct extent_record record;
        if (index_get(txn, TABLE_EXTENTS, span_first(key, 8), &row) == STORAGE_OK ||
            schema_decode_extent(key, value, &record) != STORAGE_OK)
            continue;
        extents++;
        bytes += record.extent.length_bytes;
    }
    index_cursor_close(cursor);
    index_read_end(found);
    index_read_end(txn);
    if (extents > 0)
        salvage_tell(salvage,
            "%" PRIu64 " runs of bytes, %" PRIu64
            " bytes in all, are named by nothing: what was deleted, or what is not known any more",
            extents, bytes);
}

static void close_store(struct salvage *salvage)
{
    index_close(TAKE(salvage->found));
    if (salvage->batch)
        commit_free(&salvage->batch->commit);
    free(TAKE(salvage->batch));
    index_close(TAKE(salvage->store.index));
    if (salvage->store.space)
        space_close(TAKE(salvage->store.space));
}

static void report_finding(void *ctx, const char *line)
{
    salvage_tell(ctx, "check: %s", line);
}

static enum storage_err check(struct salvage *salvage, const char *dir, const char *index_dir)
{
    uint64_t findings = 0;
    enum storage_err err = verify_run(dir, index_dir, report_finding, salvage, &findings);
    if (err == STORAGE_OK && findings > 0)
        err = STORAGE_CORRUPT;
    return err == STORAGE_OK ? err
                             : salvage_refuse(salvage,
                                   "the new index is not free of faults: nothing was changed", err);
}

/* The new index takes the place of the old one, which is kept. Without an index a store is not opened, so between
 * two renames nothing can happen to it. */
static enum storage_err switch_index(struct salvage *salvage)
{
    const char *dir = salvage->order->dir;
    char index[PATH_MAX], old[PATH_MAX], stamp[32];
    struct stat info;
    int64_t now_ms = clock_unix_ms();
    time_t now = (time_t)(now_ms / 1000);
    struct tm utc;
    size_t len = strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", gmtime_r(&now, &utc));
    snprintf(stamp + len, sizeof(stamp) - len, ".%03dZ", (int)(now_ms % 1000));
    if (snprintf(index, PATH_MAX, "%s/index", dir) >= PATH_MAX ||
        snprintf(old, PATH_MAX, "%s/index.damaged-%s", dir, stamp) >= PATH_MAX)
        return salvage_refuse(salvage, "a path is too long", STORAGE_INVALID);
    bool there = stat(index, &info) == 0;
    if ((there && rename(index, old) != 0) || !sync_dir(dir) ||
        rename(salvage->index_dir, index) != 0 || !sync_dir(dir))
        return by_errno(salvage, "the new index cannot be put in its place");
    if (there)
        salvage_tell(salvage, "the old index is kept as %s", old);
    if (salvage->figures.unknown > 0)
        salvage_tell(salvage, "lakegated gives back the space of what the new index does not name: "
                              "copy the data folder "
                              "before it is started, if what is lost may be looked for");
    return STORAGE_OK;
}

/* Another folder: the index goes there, and then the bytes that it names. */
static enum storage_err fill_other(struct salvage *salvage)
{
    const struct storage_salvage *order = salvage->order;
    struct storage_backup backup = {.from = order->dir, .to = order->to};
    struct storage_backup_figures figures;
    char index[PATH_MAX];
    if (snprintf(index, PATH_MAX, "%s/index", order->to) >= PATH_MAX)
        return salvage_refuse(salvage, "a path is too long", STORAGE_INVALID);
    if (rename(salvage->index_dir, index) != 0)
        return by_errno(salvage, "the new index cannot be put in its place");
    enum storage_err err = backup_bytes(&backup, &figures, &salvage->detail);
    return err == STORAGE_OK ? check(salvage, order->to, NULL) : err;
}

static enum storage_err finish(struct salvage *salvage)
{
    tell_unnamed(salvage);
    count(salvage);
    enum storage_err err = index_sync(salvage->store.index);
    close_store(salvage);
    if (err != STORAGE_OK || !sync_dir(salvage->index_dir) || !sync_dir(salvage->work))
        return by_errno(salvage, "the new index cannot be synced");
    if (salvage->order->to)
        return fill_other(salvage);
    err = check(salvage, salvage->order->dir, salvage->index_dir);
    return err == STORAGE_OK ? switch_index(salvage) : err;
}

/* ---- the whole ---- */

static enum storage_err run(struct salvage *salvage)
{
    enum storage_err err = make_work(salvage);
    if (err == STORAGE_OK)
        err = take_base(salvage);
    if (err == STORAGE_OK)
        err = salvage_scan(salvage);
    if (err == STORAGE_OK && !salvage->has_base && salvage->frame_count == 0)
        return salvage_refuse(
            salvage, "there is neither a snapshot nor a log to begin with", STORAGE_CORRUPT);
    if (err == STORAGE_OK)
        err = open_store(salvage);
    if (err == STORAGE_OK)
        err = begin_boot(salvage);
    if (err == STORAGE_OK) {
        salvage_follow(salvage);
        err = salvage_replay(salvage);
    }
    if (err == STORAGE_OK)
        err = salvage_mend(salvage);
    return err == STORAGE_OK ? finish(salvage) : err;
}

enum storage_err storage_salvage(const struct storage_salvage *order,
    struct storage_salvage_figures *ret_figures, const char **ret_detail)
{
    struct salvage *salvage = calloc(1, sizeof(*salvage));
    int lock_fd = -1;
    *ret_detail = "";
    if (!salvage)
        return STORAGE_NO_MEMORY;
    salvage->order = order;
    salvage->detail = "";
    salvage->store.options.segment_bytes = (uint64_t)1
                                           << 30; /* of a batch: log frames are not written */
    salvage->store.options.lineage_ms = 0;
    atomic_store(&salvage->store.next_counter, 1);
    enum storage_err err = engine_lock(order->dir, true, &lock_fd, ret_detail);
    if (err == STORAGE_OK) {
        err = run(salvage);
        *ret_detail = salvage->detail;
    }
    close_store(salvage);
    if (salvage->work[0] != '\0')
        nftw(salvage->work, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    if (lock_fd >= 0)
        close(lock_fd);
    *ret_figures = salvage->figures;
    free(salvage->segments);
    free(salvage->frames);
    free(salvage);
    return err;
}
