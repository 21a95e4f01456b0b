/* A disk that keeps only what was synced, for processes that are killed: writes to files are held back until
 * the file is synced, and what was made is noted until its folder is. And one that is full now and then.
 * What LMDB writes does not come by here. */
#ifndef TESTS_POWER_SUPPORT_H
#define TESTS_POWER_SUPPORT_H

#include "gc_support.h"

#include <errno.h>

enum {
    FDS_MAX = 4096,
    MADE_MAX = 8192,
    FULL_ONE_IN = 60, /* calls, while the disk is full */
};

/* Shared with the process that is killed. */
static struct disk {
    atomic_bool full;
    atomic_size_t made_count;
    struct made {
        atomic_bool unsynced;
        char path[120];
    } made[MADE_MAX];
} * disk;

struct kept_write {
    struct kept_write *next;
    off_t offset;
    size_t len;
    char bytes[];
};
static struct {
    struct kept_write *first, **end;
    char folder[120];
} fds[FDS_MAX];
static pthread_mutex_t fds_lock = PTHREAD_MUTEX_INITIALIZER;

static inline bool is_full(void)
{
    static _Thread_local unsigned seed;
    if (seed == 0)
        seed = (unsigned)(uintptr_t)pthread_self() ^ (unsigned)getpid();
    if (!atomic_load(&disk->full) || rand_r(&seed) % FULL_ONE_IN != 0)
        return false;
    errno = ENOSPC;
    return true;
}

static inline void note_made(const char *path)
{
    size_t i = atomic_fetch_add(&disk->made_count, 1);
    if (i >= MADE_MAX)
        _exit(3);
    snprintf(disk->made[i].path, sizeof(disk->made[i].path), "%s", path);
    atomic_store(&disk->made[i].unsynced, true);
}

static int cut_open(const char *path, int flags, mode_t mode)
{
    if ((flags & O_CREAT) && is_full())
        return -1;
    int fd = sys_posix.open(path, flags, mode);
    if (fd < 0)
        return fd;
    if (fd >= FDS_MAX)
        _exit(4);
    pthread_mutex_lock(&fds_lock);
    fds[fd].first = NULL;
    fds[fd].end = &fds[fd].first;
    snprintf(fds[fd].folder, sizeof(fds[fd].folder), "%s", flags & O_DIRECTORY ? path : "");
    if (flags & O_CREAT)
        note_made(path);
    pthread_mutex_unlock(&fds_lock);
    return fd;
}

static int cut_mkdir(const char *path, mode_t mode)
{
    pthread_mutex_lock(&fds_lock);
    int result = mkdir(path, mode);
    int saved = errno;
    if (result == 0)
        note_made(path);
    pthread_mutex_unlock(&fds_lock);
    errno = saved;
    return result;
}

static inline void drop_writes(int fd, bool write_them)
{
    while (fds[fd].first) {
        struct kept_write *kept = fds[fd].first;
        fds[fd].first = kept->next;
        if (write_them && pwrite(fd, kept->bytes, kept->len, kept->offset) != (ssize_t)kept->len)
            _exit(5);
        free(kept);
    }
    fds[fd].end = &fds[fd].first;
}

static int cut_close(int fd)
{
    pthread_mutex_lock(&fds_lock);
    drop_writes(fd, false);
    pthread_mutex_unlock(&fds_lock);
    return close(fd);
}

static ssize_t cut_pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    size_t len = 0, at = 0;
    if (is_full())
        return -1;
    for (int i = 0; i < count; i++)
        len += parts[i].iov_len;
    struct kept_write *kept = malloc(sizeof(*kept) + len);
    if (!kept)
        _exit(6);
    *kept = (struct kept_write){.offset = offset, .len = len};
    for (int i = 0; i < count; at += parts[i++].iov_len)
        if (parts[i].iov_len > 0)
            memcpy(kept->bytes + at, parts[i].iov_base, parts[i].iov_len);
    pthread_mutex_lock(&fds_lock);
    *fds[fd].end = kept;
    fds[fd].end = &kept->next;
    pthread_mutex_unlock(&fds_lock);
    return (ssize_t)len;
}

static ssize_t cut_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    struct iovec part = part_of(span_of(bytes, len));
    return cut_pwritev(fd, &part, 1, offset);
}

/* Other descriptors of the same file have no writes of their own, and a killed process's are written. */
static int cut_sync(int fd)
{
    pthread_mutex_lock(&fds_lock);
    drop_writes(fd, true);
    size_t len = strlen(fds[fd].folder);
    size_t count = atomic_load(&disk->made_count);
    for (size_t i = 0; i < count && len > 0; i++) {
        struct made *made = &disk->made[i];
        if (strncmp(made->path, fds[fd].folder, len) == 0 && made->path[len] == '/' &&
            !strchr(made->path + len + 1, '/'))
            atomic_store(&made->unsynced, false);
    }
    pthread_mutex_unlock(&fds_lock);
    return 0;
}

static int cut_fallocate(int fd, int mode, off_t offset, off_t length)
{
    if (!(mode & FALLOC_FL_PUNCH_HOLE) && is_full())
        return -1;
    return fallocate(fd, mode, offset, length);
}

static int cut_sync_file_range(int fd, off_t offset, off_t length, unsigned flags)
{
    (void)fd, (void)offset, (void)length, (void)flags;
    return 0;
}

/* What the power cut takes: files, and folders with all that is in them. */
static inline void take_unsynced(void)
{
    size_t count = atomic_exchange(&disk->made_count, 0);
    for (size_t i = 0; i < count; i++)
        if (atomic_exchange(&disk->made[i].unsynced, false))
            nftw(disk->made[i].path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* The system calls over this disk. */
static inline struct sys power_sys(void)
{
    struct sys sys = sys_posix;
    sys.open = cut_open;
    sys.close = cut_close;
    sys.pwrite = cut_pwrite;
    sys.pwritev = cut_pwritev;
    sys.fsync = cut_sync;
    sys.fdatasync = cut_sync;
    sys.fallocate = cut_fallocate;
    sys.sync_file_range = cut_sync_file_range;
    sys.mkdir = cut_mkdir;
    return sys;
}

static inline void *map_shared(size_t size)
{
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(bytes != MAP_FAILED);
    return bytes;
}

#endif
