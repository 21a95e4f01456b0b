#include "storage/local/space_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

char *space_path(const struct space *space, uint64_t segment_id, bool own_file)
{
    size_t capacity = strlen(space->dir) + SPACE_PATH_BYTES;
    char *path = malloc(capacity);
    if (!path)
        return NULL;
    if (own_file)
        snprintf(path, capacity, "%s/files/%02x/%016" PRIx64 ".blob", space->dir,
            (unsigned)(segment_id & 0xff), segment_id);
    else
        snprintf(path, capacity, "%s/segments/%016" PRIx64 ".seg", space->dir, segment_id);
    return path;
}

enum storage_err space_write_failed(struct space *space, const char *what, int error_number)
{
    if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG)
        return STORAGE_NO_SPACE;
    space->fatal(space->fatal_ctx, what, error_number);
    return STORAGE_IO;
}

enum storage_err space_write(
    struct space *space, int fd, struct iovec *parts, int count, uint64_t offset_bytes)
{
    off_t at = (off_t)offset_bytes;
    while (count > 0) {
        if (parts->iov_len == 0) {
            parts++, count--;
            continue;
        }
        ssize_t n = count == 1 ? space->sys->pwrite(fd, parts->iov_base, parts->iov_len, at)
                               : space->sys->pwritev(fd, parts, count, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return space_write_failed(space, "writing a segment", n == 0 ? EIO : errno);
        at += n;
        size_t done = (size_t)n;
        while (count > 0 && done >= parts->iov_len) {
            done -= parts->iov_len;
            parts++, count--;
        }
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + done;
            parts->iov_len -= done;
        }
    }
    return STORAGE_OK;
}

enum storage_err space_read(struct space *space, int fd, void *ret_bytes, size_t len,
    uint64_t offset_bytes, size_t *ret_len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = space->sys->pread(
            fd, (char *)ret_bytes + done, len - done, (off_t)(offset_bytes + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return STORAGE_IO;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *ret_len = done;
    return STORAGE_OK;
}

enum storage_err space_sync_dir(struct space *space, const char *path)
{
    int fd = space->sys->open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE
                   ? STORAGE_BUSY
                   : space_write_failed(space, "opening a folder of the store", errno);
    if (space->sys->fsync(fd) != 0)
        space->fatal(space->fatal_ctx, "syncing a folder of the store", errno);
    space->sys->close(fd);
    return STORAGE_OK;
}

/* ---- room on the disk ---- */

static void disk_refresh(struct space *space)
{
    uint64_t now = now_ms();
    uint64_t at = atomic_load_explicit(&space->disk_at_ms, memory_order_relaxed);
    if (at != 0 && now - at < 1000)
        return;
    if (pthread_mutex_trylock(&space->disk_lock) != 0) {
        if (at != 0)
            return;
        pthread_mutex_lock(&space->disk_lock);
    }
    uint64_t taken = atomic_load(&space->disk_taken);
    struct statvfs room;
    if (statvfs(space->dir, &room) == 0) {
        atomic_store(&space->disk_free, (uint64_t)room.f_bavail * room.f_frsize);
        atomic_store(&space->disk_total, (uint64_t)room.f_blocks * room.f_frsize);
        atomic_fetch_sub(&space->disk_taken, taken);
    }
    atomic_store(&space->disk_at_ms, now ? now : 1);
    pthread_mutex_unlock(&space->disk_lock);
}

void space_disk(struct space *space, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes)
{
    disk_refresh(space);
    uint64_t free_bytes = atomic_load(&space->disk_free);
    uint64_t gone = atomic_load(&space->disk_taken) + atomic_load(&space->disk_promised);
    *ret_free_bytes = free_bytes > gone ? free_bytes - gone : 0;
    *ret_total_bytes = atomic_load(&space->disk_total);
}

bool space_short(struct space *space, uint64_t size_bytes)
{
    uint64_t free_bytes, total_bytes;
    space_disk(space, &free_bytes, &total_bytes);
    return free_bytes < space->reserve_bytes || free_bytes - space->reserve_bytes < size_bytes;
}

/* ---- opening ---- */

static enum storage_err make_dir(struct space *space, const char *name)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", space->dir, name) >= (int)sizeof path)
        return STORAGE_UNUSABLE;
    if (space->sys->mkdir(path, 0700) != 0)
        return errno == EEXIST                      ? STORAGE_OK
               : errno == ENOSPC || errno == EDQUOT ? STORAGE_NO_SPACE
                                                    : STORAGE_UNUSABLE;
    return space_sync_dir(space, space->dir);
}

static enum storage_err space_init(struct space *space, const struct space_options *options)
{
    space->sys = options->sys;
    space->segment_bytes = options->segment_bytes ? options->segment_bytes : SEGMENT_DEFAULT_BYTES;
    if (space->segment_bytes < SEGMENT_MIN_BYTES)
        space->segment_bytes = SEGMENT_MIN_BYTES;
    space->reserve_bytes = options->reserve_bytes;
    space->read_only = options->read_only;
    space->next_id = options->next_id;
    space->next_id_ctx = options->next_id_ctx;
    space->fatal = options->fatal;
    space->fatal_ctx = options->fatal_ctx;
    pthread_mutex_init(&space->packed_lock, NULL);
    pthread_cond_init(&space->packed_wake, NULL);
    pthread_cond_init(&space->preparer_wake, NULL);
    pthread_mutex_init(&space->freed_lock, NULL);
    pthread_mutex_init(&space->stages_lock, NULL);
    pthread_mutex_init(&space->files_lock, NULL);
    pthread_mutex_init(&space->disk_lock, NULL);
    pthread_mutex_init(&space->writers.lock, NULL);
    pthread_cond_init(&space->writers.wake, NULL);
    for (size_t i = 0; i < SEGMENT_SHARDS; i++)
        pthread_mutex_init(&space->shards[i].lock, NULL);
    space->dir = strdup(options->dir);
    if (!space->dir)
        return STORAGE_NO_MEMORY;
    if (space->read_only)
        return STORAGE_OK;
    enum storage_err err = make_dir(space, "segments");
    if (err == STORAGE_OK)
        err = make_dir(space, "files");
    if (err != STORAGE_OK)
        return err;
    uint32_t writers = options->writer_threads ? options->writer_threads : WRITERS_DEFAULT;
    if (!writers_start(&space->writers, writers < WRITERS_MAX ? writers : WRITERS_MAX))
        return STORAGE_NO_MEMORY;
    return options->no_background ? STORAGE_OK : preparer_start(space);
}

enum storage_err space_open(const struct space_options *options, struct space **ret_space)
{
    struct space *space = calloc(1, sizeof *space);
    if (!space)
        return STORAGE_NO_MEMORY;
    enum storage_err err = space_init(space, options);
    if (err != STORAGE_OK) {
        space_close(space);
        return err;
    }
    *ret_space = space;
    return STORAGE_OK;
}

void space_close(struct space *space)
{
    if (!space)
        return;
    writers_stop(&space->writers);
    preparer_stop(space);
    packed_close_all(space);
    segment_cache_close(space);
    while (space->free_stages) {
        struct stage *stage = space->free_stages;
        space->free_stages = stage->next_free;
        free(stage);
    }
    pthread_mutex_destroy(&space->packed_lock);
    pthread_cond_destroy(&space->packed_wake);
    pthread_cond_destroy(&space->preparer_wake);
    pthread_mutex_destroy(&space->freed_lock);
    pthread_mutex_destroy(&space->stages_lock);
    pthread_mutex_destroy(&space->files_lock);
    pthread_mutex_destroy(&space->disk_lock);
    pthread_mutex_destroy(&space->writers.lock);
    pthread_cond_destroy(&space->writers.wake);
    for (size_t i = 0; i < SEGMENT_SHARDS; i++)
        pthread_mutex_destroy(&space->shards[i].lock);
    free(space->dir);
    free(space);
}
