/* Copies of a store that may be running: a snapshot of the index, then the bytes that it names. What is committed
 * of a segment or file never changes, but for runs that are given back, which a hold keeps from happening; so
 * copying needs no lock. What an earlier copy has already is linked. */
#include "storage/local/engine.h"
#include "storage/local/space_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BLOCK_BYTES = 1024 * 1024 };

struct backup {
    const struct storage_backup *order;
    const char *detail;
    struct index *snapshot; /* of the copy that is being made */
    struct index *before;   /* of the copy before; NULL: none */
    struct storage_backup_figures figures;
    char *block;
};

static enum storage_err refuse(struct backup *backup, const char *detail, enum storage_err err)
{
    backup->detail = detail;
    return err;
}

static enum storage_err by_errno(struct backup *backup, const char *detail)
{
    return refuse(
        backup, detail, errno == ENOSPC || errno == EDQUOT ? STORAGE_NO_SPACE : STORAGE_UNUSABLE);
}

static bool go_on(struct backup *backup)
{
    return !backup->order->progress ||
           backup->order->progress(backup->order->ctx, &backup->figures);
}

/* ---- files ---- */

static bool path_in(const char *dir, const char *name, char ret_path[static PATH_MAX])
{
    return snprintf(ret_path, PATH_MAX, "%s/%s", dir, name) < PATH_MAX;
}

static enum storage_err make_folder(struct backup *backup, const char *name)
{
    char path[PATH_MAX];
    if (!path_in(backup->order->to, name, path))
        return refuse(backup, "a path is too long", STORAGE_INVALID);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return by_errno(backup, "cannot make a folder of the copy");
    return STORAGE_OK;
}

static enum storage_err sync_folder(struct backup *backup, const char *name)
{
    char path[PATH_MAX];
    if (!path_in(backup->order->to, name, path))
        return refuse(backup, "a path is too long", STORAGE_INVALID);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok ? STORAGE_OK : by_errno(backup, "cannot sync a folder of the copy");
}

static bool is_zero(const char *bytes, size_t len)
{
    return len > 0 && bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

/* Zeros become holes. */
static enum storage_err copy_bytes(struct backup *backup, int from, int to, uint64_t size_bytes)
{
    if (ftruncate(to, (off_t)size_bytes) != 0)
        return by_errno(backup, "cannot write the copy");
    for (uint64_t at = 0; at < size_bytes;) {
        size_t wanted =
            size_bytes - at < COPY_BLOCK_BYTES ? (size_t)(size_bytes - at) : COPY_BLOCK_BYTES;
        ssize_t got = pread(from, backup->block, wanted, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return refuse(
                backup, "a file of the store cannot be read, or is too short", STORAGE_CORRUPT);
        if (!is_zero(backup->block, (size_t)got) &&
            pwrite(to, backup->block, (size_t)got, (off_t)at) != got)
            return by_errno(backup, "cannot write the copy");
        at += (uint64_t)got;
        backup->figures.copied_bytes += (uint64_t)got;
        if (!go_on(backup))
            return refuse(backup, "it was stopped", STORAGE_BUSY);
    }
    return fsync(to) == 0 ? STORAGE_OK : by_errno(backup, "cannot sync the copy");
}

static enum storage_err copy_file(struct backup *backup, const char *name, uint64_t size_bytes)
{
    char from_path[PATH_MAX], to_path[PATH_MAX];
    if (!path_in(backup->order->from, name, from_path) ||
        !path_in(backup->order->to, name, to_path))
        return refuse(backup, "a path is too long", STORAGE_INVALID);
    int from = open(from_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0)
        return refuse(backup, "a file of the store is missing", STORAGE_CORRUPT);
    int to = open(to_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum storage_err err = to < 0 ? by_errno(backup, "cannot make a file of the copy")
                                  : copy_bytes(backup, from, to, size_bytes);
    close(from);
    if (to >= 0)
        close(to);
    backup->figures.copied_files += err == STORAGE_OK;
    return err;
}

static bool link_file(struct backup *backup, const char *name)
{
    char from_path[PATH_MAX], to_path[PATH_MAX];
    bool linked = path_in(backup->order->before, name, from_path) &&
                  path_in(backup->order->to, name, to_path) && link(from_path, to_path) == 0;
    backup->figures.linked_files += linked;
    return linked;
}

/* ---- what the snapshot names ---- */

/* Was the copy before made when nothing was to come to this segment any more? */
static bool was_final(struct backup *backup, struct span key, const struct segment_record *now)
{
    struct index_txn *txn = NULL;
    struct segment_record record;
    struct span value;
    if (!backup->before || index_read_begin(backup->before, &txn) != STORAGE_OK)
        return false;
    bool final = index_get(txn, TABLE_SEGMENTS, key, &value) == STORAGE_OK &&
                 schema_decode_segment(key, value, &record) == STORAGE_OK &&
                 (record.own_file || record.state == SEGMENT_SEALED) &&
                 record.tail_bytes == now->tail_bytes;
    index_read_end(txn);
    return final;
}

static enum storage_err take_segment(
    struct backup *backup, struct span key, const struct segment_record *record)
{
    char name[64];
    unsigned long long id = key_u64_at(key, 0);
    enum storage_err err = STORAGE_OK;
    if (record->own_file) {
        snprintf(name, sizeof name, "files/%02x", (unsigned)(id & 0xff));
        err = make_folder(backup, name);
        snprintf(name, sizeof name, "files/%02x/%016llx.blob", (unsigned)(id & 0xff), id);
    } else {
        snprintf(name, sizeof name, "segments/%016llx.seg", id);
    }
    backup->figures.files++;
    backup->figures.bytes += record->tail_bytes;
    if (err != STORAGE_OK || (was_final(backup, key, record) && link_file(backup, name)))
        return err;
    return copy_file(backup, name, record->tail_bytes);
}

static enum storage_err take_segments(struct backup *backup)
{
    struct index_txn *txn = NULL;
    struct index_cursor *cursor = NULL;
    struct span key, value;
    enum storage_err err = index_read_begin(backup->snapshot, &txn);
    if (err != STORAGE_OK)
        return err;
    err = index_cursor_open(txn, TABLE_SEGMENTS, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, SPAN_ABSENT, &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        struct segment_record record;
        if ((err = schema_decode_segment(key, value, &record)) != STORAGE_OK ||
            (err = take_segment(backup, key, &record)) != STORAGE_OK)
            break;
    }
    index_cursor_close(cursor);
    index_read_end(txn);
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

/* Entries of files/, which were made one by one. */
static enum storage_err sync_folders(struct backup *backup)
{
    enum storage_err err = STORAGE_OK;
    for (unsigned i = 0; i < 256 && err == STORAGE_OK; i++) {
        char name[16], path[PATH_MAX];
        struct stat info;
        snprintf(name, sizeof name, "files/%02x", i);
        if (path_in(backup->order->to, name, path) && stat(path, &info) == 0)
            err = sync_folder(backup, name);
    }
    static const char *const names[] = {"files", "segments", "index", ""};
    for (size_t i = 0; i < ARRAY_LEN(names) && err == STORAGE_OK; i++)
        err = sync_folder(backup, names[i]);
    return err;
}

/* ---- the whole ---- */

static enum storage_err open_snapshot(struct backup *backup)
{
    enum storage_err err = engine_open_index(backup->order->to, true, 0, &backup->snapshot);
    return err == STORAGE_OK ? err : refuse(backup, "the copy of the index cannot be opened", err);
}

static enum storage_err take_snapshot(struct backup *backup)
{
    struct index *live = NULL;
    char path[PATH_MAX];
    if (!path_in(backup->order->to, "index", path))
        return refuse(backup, "a path is too long", STORAGE_INVALID);
    enum storage_err err = engine_open_index(backup->order->from, true, 0, &live);
    if (err != STORAGE_OK)
        return refuse(backup, "the store's index cannot be opened", err);
    err = index_copy(live, path);
    index_close(live);
    if (err != STORAGE_OK)
        return refuse(backup, "the index cannot be copied", err);
    return open_snapshot(backup);
}

/* The file that whoever opens a store locks. */
static enum storage_err make_lock(struct backup *backup)
{
    char path[PATH_MAX];
    if (!path_in(backup->order->to, "lock", path))
        return refuse(backup, "a path is too long", STORAGE_INVALID);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return by_errno(backup, "cannot make a file of the copy");
    close(fd);
    return STORAGE_OK;
}

static enum storage_err make_folders(struct backup *backup)
{
    static const char *const folders[] = {"", "index", "segments", "files"};
    enum storage_err err = STORAGE_OK;
    for (size_t i = 0; i < ARRAY_LEN(folders) && err == STORAGE_OK; i++)
        err = make_folder(backup, folders[i]);
    return err == STORAGE_OK ? make_lock(backup) : err;
}

static enum storage_err make_copy(struct backup *backup)
{
    enum storage_err err = make_folders(backup);
    if (err == STORAGE_OK)
        err = take_snapshot(backup);
    if (err == STORAGE_OK && backup->order->before &&
        engine_open_index(backup->order->before, true, 0, &backup->before) != STORAGE_OK)
        backup->before = NULL; /* then everything is copied */
    if (err == STORAGE_OK)
        err = take_segments(backup);
    if (err == STORAGE_OK)
        err = sync_folders(backup);
    return err;
}

static enum storage_err run(struct backup *backup, enum storage_err (*make)(struct backup *backup),
    struct storage_backup_figures *ret_figures, const char **ret_detail)
{
    backup->block = malloc(COPY_BLOCK_BYTES);
    enum storage_err err = backup->block ? make(backup) : STORAGE_NO_MEMORY;
    index_close(backup->snapshot);
    index_close(backup->before);
    free(backup->block);
    *ret_figures = backup->figures;
    *ret_detail = backup->detail;
    return err;
}

enum storage_err storage_backup(const struct storage_backup *order,
    struct storage_backup_figures *ret_figures, const char **ret_detail)
{
    struct backup backup = {.order = order, .detail = ""};
    struct stat info;
    if (stat(order->to, &info) == 0) {
        *ret_detail = "the copy's folder is there already";
        return STORAGE_INVALID;
    }
    return run(&backup, make_copy, ret_figures, ret_detail);
}

static enum storage_err make_bytes(struct backup *backup)
{
    enum storage_err err = make_folders(backup);
    if (err == STORAGE_OK)
        err = open_snapshot(backup);
    if (err == STORAGE_OK)
        err = take_segments(backup);
    return err == STORAGE_OK ? sync_folders(backup) : err;
}

enum storage_err backup_bytes(const struct storage_backup *order,
    struct storage_backup_figures *ret_figures, const char **ret_detail)
{
    struct backup backup = {.order = order, .detail = ""};
    return run(&backup, make_bytes, ret_figures, ret_detail);
}
