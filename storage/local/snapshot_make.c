/* Making a snapshot, in a process that has not the store open. The index is read page by page, as one transaction sees
 * it, through a pipe, which is what keeps to the rate. */
#include "storage/local/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK_BYTES = 256 * 1024, PUSH_BYTES = 8 << 20 };

struct copier {
    struct index *index;
    int fd;
    enum storage_err err;
};

static void *copy_main(void *ctx)
{
    struct copier *copier = ctx;
    copier->err = index_copy_to(copier->index, copier->fd);
    close(copier->fd);
    return NULL;
}

static enum storage_err by_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT ? STORAGE_NO_SPACE : STORAGE_UNUSABLE;
}

static void keep_to_rate(uint64_t begun_ms, uint64_t bytes, uint64_t rate)
{
    uint64_t due = rate ? bytes * 1000 / rate : 0, took = clock_monotonic_ms() - begun_ms;
    if (due > took)
        usleep((useconds_t)(due - took) * 1000);
}

/* What comes through the pipe, to the file. */
static enum storage_err drain(int from, int to, uint64_t rate, uint64_t *ret_bytes)
{
    char *block = malloc(BLOCK_BYTES);
    uint64_t begun_ms = clock_monotonic_ms(), bytes = 0, pushed = 0;
    enum storage_err err = block ? STORAGE_OK : STORAGE_NO_MEMORY;
    while (err == STORAGE_OK) {
        ssize_t got = read(from, block, BLOCK_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            err = got < 0 ? STORAGE_UNUSABLE : STORAGE_OK;
            break;
        }
        if (pwrite(to, block, (size_t)got, (off_t)bytes) != got) {
            err = by_errno();
            break;
        }
        bytes += (uint64_t)got;
        if (bytes - pushed >=
            PUSH_BYTES) { /* no wave of dirty pages at the end, which others would wait for */
            (void)sync_file_range(
                to, (off_t)pushed, (off_t)(bytes - pushed), SYNC_FILE_RANGE_WRITE);
            pushed = bytes;
        }
        keep_to_rate(begun_ms, bytes, rate);
    }
    free(block);
    if (err == STORAGE_OK && fsync(to) != 0)
        err = by_errno();
    *ret_bytes = bytes;
    return err;
}

static enum storage_err copy_index(
    struct index *index, const char *path, uint64_t rate, uint64_t *ret_bytes)
{
    struct copier copier = {.index = index};
    int ends[2];
    pthread_t thread;
    if (pipe(ends) != 0)
        return STORAGE_UNUSABLE;
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    copier.fd = ends[1];
    if (to < 0 || pthread_create(&thread, NULL, copy_main, &copier) != 0) {
        enum storage_err err = to < 0 ? by_errno() : STORAGE_NO_MEMORY;
        close(ends[0]);
        close(ends[1]);
        if (to >= 0)
            close(to);
        return err;
    }
    enum storage_err err = drain(ends[0], to, rate, ret_bytes);
    close(ends[0]); /* the copier ends when nobody reads */
    pthread_join(thread, NULL);
    close(to);
    return err == STORAGE_OK ? copier.err : err;
}

/* ---- what is noted beside it ---- */

static enum storage_err gather_sealed(struct index_txn *txn, struct buf *ids)
{
    struct index_cursor *cursor = NULL;
    struct span key, value;
    enum storage_err err = index_cursor_open(txn, TABLE_SEGMENTS, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, SPAN_ABSENT, &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        struct segment_record record;
        if ((err = schema_decode_segment(key, value, &record)) != STORAGE_OK)
            break;
        if (!record.own_file && record.state == SEGMENT_SEALED)
            buf_add(ids, span_first(key, 8)); /* as keys have them: big-endian */
    }
    index_cursor_close(cursor);
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

static enum storage_err write_file(const char *path, struct span bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return by_errno();
    bool ok = write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len && fsync(fd) == 0;
    enum storage_err err = ok ? STORAGE_OK : by_errno();
    close(fd);
    return err;
}

/* Checks the copy, and notes which segments its log is complete in. */
static enum storage_err finish_copy(const char *part, struct snapshot_made *made)
{
    struct index *copy = NULL;
    struct index_txn *txn = NULL;
    struct span value;
    struct state_record state = {0};
    struct buf ids, record;
    char path[PATH_MAX];
    buf_init(&ids, (size_t)1 << 30);
    buf_init(&record, (size_t)1 << 30);
    enum storage_err err =
        index_open(&(struct index_options){.dir = part, .read_only = true}, &copy);
    if (err == STORAGE_OK)
        err = index_check(copy);
    if (err == STORAGE_OK)
        err = index_read_begin(copy, &txn);
    if (err == STORAGE_OK && index_get(txn, TABLE_META, SPAN("state"), &value) == STORAGE_OK)
        err = schema_decode_state(SPAN("state"), value, &state);
    if (err == STORAGE_OK)
        err = gather_sealed(txn, &ids);
    index_read_end(txn);
    index_close(copy);
    made->frame_id = state.commit_sequence;
    if (err == STORAGE_OK) {
        schema_encode_bytes(SPAN("sealed"), buf_span(&ids), &record);
        err = buf_ok(&ids) && buf_ok(&record) ? STORAGE_OK : STORAGE_NO_MEMORY;
    }
    if (err == STORAGE_OK)
        err = snprintf(path, sizeof(path), "%s/sealed", part) < (int)sizeof(path)
                  ? write_file(path, buf_span(&record))
                  : STORAGE_UNUSABLE;
    if (snprintf(path, sizeof(path), "%s/lock.mdb", part) < (int)sizeof(path))
        unlink(path);
    buf_free(&ids);
    buf_free(&record);
    return err;
}

static bool sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static enum storage_err make_folders(const char *dir, const char *folder, const char *part)
{
    if (mkdir(folder, 0700) == 0) {
        if (!sync_dir(dir))
            return by_errno();
    } else if (errno != EEXIST) {
        return by_errno();
    }
    snapshot_remove(dir, UINT64_MAX);
    return mkdir(part, 0700) == 0 ? STORAGE_OK : by_errno();
}

static enum storage_err give_name(
    const char *dir, const char *folder, const char *part, uint64_t frame_id)
{
    char path[PATH_MAX];
    if (!snapshot_path(dir, frame_id, path))
        return STORAGE_UNUSABLE;
    if (!sync_dir(part))
        return by_errno();
    if (rename(part, path) != 0)
        return errno == EEXIST || errno == ENOTEMPTY ? STORAGE_OK : by_errno();
    return sync_dir(folder) ? STORAGE_OK : by_errno();
}

static void check_others(const char *dir, uint64_t frame_id)
{
    struct snapshot_list list;
    char path[PATH_MAX];
    if (snapshot_list(dir, &list) != STORAGE_OK)
        return;
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].frame_id != frame_id &&
            snapshot_path(dir, list.items[i].frame_id, path) &&
            snapshot_check(path) == STORAGE_CORRUPT)
            snapshot_set_aside(dir, list.items[i].frame_id);
}

struct snapshot_made snapshot_make(const char *dir, uint64_t rate)
{
    struct snapshot_made made = {0};
    struct index *live = NULL;
    char folder[PATH_MAX], part[PATH_MAX], file[PATH_MAX];
    if (snprintf(folder, sizeof(folder), "%s/snapshots", dir) >= (int)sizeof(folder) ||
        snprintf(part, sizeof(part), "%s/new.part", folder) >= (int)sizeof(part) ||
        snprintf(file, sizeof(file), "%s/data.mdb", part) >= (int)sizeof(file)) {
        made.err = STORAGE_UNUSABLE;
        return made;
    }
    made.err = make_folders(dir, folder, part);
    if (made.err == STORAGE_OK)
        made.err = engine_open_index(dir, true, 0, &live);
    if (made.err == STORAGE_OK)
        made.err = copy_index(live, file, rate, &made.bytes);
    index_close(live);
    if (made.err == STORAGE_OK)
        made.err = finish_copy(part, &made);
    if (made.err == STORAGE_OK)
        made.err = give_name(dir, folder, part, made.frame_id);
    if (made.err == STORAGE_OK)
        check_others(dir, made.frame_id);
    else
        snapshot_remove(dir, UINT64_MAX);
    return made;
}
