/* The C library's functions, as everybody in this program sees them: each does what it is called for, fails when it is
 * its turn to, and stands in the log. */
#include "disk_log.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FDS_MAX = 1024 };

static struct {
    bool known, dsync, append_position;
    uint32_t file;
    uint64_t position;
} fds[FDS_MAX];

static bool is_known(int fd)
{
    return disk_recording && fd >= 0 && fd < FDS_MAX && fds[fd].known;
}

static void add_write(int fd, const void *bytes, size_t len, uint64_t offset)
{
    disk_log_write(fds[fd].file, bytes, len, offset, fds[fd].dsync);
}

#define REAL(name, type, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (!real)                                                                                     \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

/* ---- failing ---- */

static struct {
    uint32_t nth, tried;
    int error_number;
    bool forever, failed;
} failing;

void disk_fail(uint32_t nth, int error_number, bool forever)
{
    failing.nth = nth;
    failing.tried = 0;
    failing.error_number = error_number;
    failing.forever = forever;
    failing.failed = false;
}

uint32_t disk_calls_tried(void)
{
    return failing.tried;
}

bool disk_has_failed(void)
{
    return failing.failed;
}

static bool is_due(void)
{
    pthread_mutex_lock(&disk_log_lock);
    uint32_t number = ++failing.tried;
    bool due =
        failing.nth != 0 && (failing.forever ? number >= failing.nth : number == failing.nth);
    failing.failed = failing.failed || due;
    pthread_mutex_unlock(&disk_log_lock);
    return due;
}

/* The call is to fail: errno is set. */
static bool fails(bool concerned)
{
    if (!disk_recording || !concerned || !is_due() || failing.error_number == 0)
        return false;
    errno = failing.error_number;
    return true;
}

/* A write is to fail, or to take less than it is given. */
static bool write_fails(int fd, size_t *len)
{
    if (!is_known(fd) || !is_due())
        return false;
    if (failing.error_number == 0) {
        *len = *len > 1 ? *len / 2 : *len;
        return false;
    }
    errno = failing.error_number;
    return true;
}

/* ---- files and their bytes ---- */

/* LMDB's and the store's lock files hold nothing that outlives a process. */
static bool is_lock(const char *name)
{
    size_t len = strlen(name);
    return strcmp(name, "lock") == 0 || (len >= 8 && strcmp(name + len - 8, "lock.mdb") == 0);
}

static void opened(int fd, const char *path, int flags, bool existed)
{
    const char *name = disk_below(path);
    if (!disk_recording || fd < 0 || fd >= FDS_MAX || !name || is_lock(name))
        return;
    pthread_mutex_lock(&disk_log_lock);
    uint32_t file = disk_file_named(name);
    if (file == DISK_NEVER) {
        struct stat info;
        file = disk_file_new(name, fstat(fd, &info) == 0 && S_ISDIR(info.st_mode));
    }
    if (!existed)
        disk_log_add(DISK_MAKE, file);
    if (existed && (flags & O_TRUNC))
        disk_log_add(DISK_SIZE, file);
    fds[fd].known = true;
    fds[fd].dsync = (flags & (O_DSYNC | O_SYNC)) != 0;
    fds[fd].file = file;
    fds[fd].position = 0;
    pthread_mutex_unlock(&disk_log_lock);
}

int open(const char *path, int flags, ...)
{
    REAL(open, int, const char *, int, ...);
    mode_t mode = 0;
    struct stat info;
    if (flags & O_CREAT) {
        va_list args;
        va_start(args, flags);
        mode = (mode_t)va_arg(args, int);
        va_end(args);
    }
    bool existed = stat(path, &info) == 0;
    if (fails((flags & O_CREAT) && !existed && disk_below(path)))
        return -1;
    int fd = real(path, flags, mode);
    opened(fd, path, flags, existed);
    return fd;
}

int close(int fd)
{
    REAL(close, int, int);
    if (fd >= 0 && fd < FDS_MAX)
        fds[fd].known = false;
    return real(fd);
}

off_t lseek(int fd, off_t offset, int whence)
{
    REAL(lseek, off_t, int, off_t, int);
    off_t at = real(fd, offset, whence);
    if (is_known(fd) && at >= 0)
        fds[fd].position = (uint64_t)at;
    return at;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    REAL(pwrite, ssize_t, int, const void *, size_t, off_t);
    if (!is_known(fd))
        return real(fd, bytes, len, offset);
    if (write_fails(fd, &len))
        return -1;
    pthread_mutex_lock(&disk_log_lock);
    ssize_t wrote = real(fd, bytes, len, offset);
    if (wrote > 0)
        add_write(fd, bytes, (size_t)wrote, (uint64_t)offset);
    pthread_mutex_unlock(&disk_log_lock);
    return wrote;
}

/* A read fails with EIO alone: a full disk can be read. */
ssize_t pread(int fd, void *bytes, size_t len, off_t offset)
{
    REAL(pread, ssize_t, int, void *, size_t, off_t);
    if (is_known(fd) && is_due() && failing.error_number == EIO) {
        errno = EIO;
        return -1;
    }
    return real(fd, bytes, len, offset);
}

/* One write, however many pieces it was given in. */
static void add_pieces(int fd, const struct iovec *parts, int count, size_t left, uint64_t offset)
{
    char *bytes = malloc(left + 1);
    size_t at = 0;
    if (!bytes)
        disk_give_up("out of memory");
    for (int i = 0; i < count && left > 0; i++) {
        size_t len = parts[i].iov_len < left ? parts[i].iov_len : left;
        memcpy(bytes + at, parts[i].iov_base, len);
        at += len;
        left -= len;
    }
    add_write(fd, bytes, at, offset);
    free(bytes);
}

/* Of pieces a short write takes half of the first. */
static bool pieces_fail(int fd, const struct iovec **parts, int *count, struct iovec *half)
{
    size_t len = (*parts)[0].iov_len, left = len;
    if (write_fails(fd, &left))
        return true;
    if (left < len) {
        *half = (struct iovec){(*parts)[0].iov_base, left};
        *parts = half;
        *count = 1;
    }
    return false;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    REAL(pwritev, ssize_t, int, const struct iovec *, int, off_t);
    if (!is_known(fd))
        return real(fd, parts, count, offset);
    struct iovec half;
    if (pieces_fail(fd, &parts, &count, &half))
        return -1;
    pthread_mutex_lock(&disk_log_lock);
    ssize_t wrote = real(fd, parts, count, offset);
    if (wrote > 0)
        add_pieces(fd, parts, count, (size_t)wrote, (uint64_t)offset);
    pthread_mutex_unlock(&disk_log_lock);
    return wrote;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(writev, ssize_t, int, const struct iovec *, int);
    struct iovec half;
    if (is_known(fd) && pieces_fail(fd, &parts, &count, &half))
        return -1;
    ssize_t wrote = real(fd, parts, count);
    if (wrote > 0 && is_known(fd)) {
        pthread_mutex_lock(&disk_log_lock);
        add_pieces(fd, parts, count, (size_t)wrote, fds[fd].position);
        fds[fd].position += (uint64_t)wrote;
        pthread_mutex_unlock(&disk_log_lock);
    }
    return wrote;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    REAL(write, ssize_t, int, const void *, size_t);
    if (is_known(fd) && write_fails(fd, &len))
        return -1;
    ssize_t wrote = real(fd, bytes, len);
    if (wrote > 0 && is_known(fd)) {
        pthread_mutex_lock(&disk_log_lock);
        add_write(fd, bytes, (size_t)wrote, fds[fd].position);
        fds[fd].position += (uint64_t)wrote;
        pthread_mutex_unlock(&disk_log_lock);
    }
    return wrote;
}

int ftruncate(int fd, off_t length)
{
    REAL(ftruncate, int, int, off_t);
    if (fails(is_known(fd)))
        return -1;
    int result = real(fd, length);
    if (result == 0 && is_known(fd)) {
        pthread_mutex_lock(&disk_log_lock);
        disk_log_add(DISK_SIZE, fds[fd].file)->length = (uint64_t)length;
        pthread_mutex_unlock(&disk_log_lock);
    }
    return result;
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
    REAL(fallocate, int, int, int, off_t, off_t);
    struct stat before;
    if (fails(is_known(fd)))
        return -1;
    bool known = is_known(fd) && fstat(fd, &before) == 0;
    int result = real(fd, mode, offset, length);
    if (result != 0 || !known)
        return result;
    pthread_mutex_lock(&disk_log_lock);
    if (mode & FALLOC_FL_PUNCH_HOLE) {
        struct disk_entry *entry = disk_log_add(DISK_PUNCH, fds[fd].file);
        entry->offset = (uint64_t)offset;
        entry->length = (uint64_t)length;
    } else if (!(mode & FALLOC_FL_KEEP_SIZE) && offset + length > before.st_size) {
        disk_log_add(DISK_SIZE, fds[fd].file)->length = (uint64_t)(offset + length);
    }
    pthread_mutex_unlock(&disk_log_lock);
    return result;
}

static int synced(int fd)
{
    if (!is_known(fd))
        return 0;
    if (fails(true))
        return -1;
    pthread_mutex_lock(&disk_log_lock);
    disk_log_sync(fds[fd].file);
    pthread_mutex_unlock(&disk_log_lock);
    return 0;
}

int fsync(int fd)
{
    return synced(fd); /* what the disk does is known: nothing has to wait for it */
}

int fdatasync(int fd)
{
    return synced(fd);
}

/* ---- names ---- */

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir, int, const char *, mode_t);
    if (fails(disk_below(path) != NULL))
        return -1;
    int result = real(path, mode);
    const char *name = disk_below(path);
    if (result == 0 && disk_recording && name) {
        pthread_mutex_lock(&disk_log_lock);
        disk_log_add(DISK_MAKE, disk_file_new(name, true));
        pthread_mutex_unlock(&disk_log_lock);
    }
    return result;
}

static void record_gone(const char *name)
{
    pthread_mutex_lock(&disk_log_lock);
    uint32_t file = disk_file_named(name);
    if (file != DISK_NEVER) {
        disk_log_add(DISK_UNLINK, file);
        snprintf(disk_files[file].path, DISK_PATH_BYTES, "?"); /* a name that no file has */
    }
    pthread_mutex_unlock(&disk_log_lock);
}

/* By unlink or rmdir. */
static int remove_name(int (*real)(const char *path), const char *path)
{
    const char *name = disk_below(path);
    if (fails(name != NULL))
        return -1;
    int result = real(path);
    if (result == 0 && disk_recording && name)
        record_gone(name);
    return result;
}

int unlink(const char *path)
{
    REAL(unlink, int, const char *);
    return remove_name(real, path);
}

int rmdir(const char *path)
{
    REAL(rmdir, int, const char *);
    return remove_name(real, path);
}

int remove(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode) ? rmdir(path) : unlink(path);
}

int unlinkat(int folder, const char *name, int flags)
{
    REAL(unlinkat, int, int, const char *, int);
    char link_path[64], path[DISK_PATH_BYTES + 260];
    snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", folder);
    ssize_t len = disk_recording && folder >= 0 ? readlink(link_path, path, DISK_PATH_BYTES) : -1;
    if (len < 0 || flags != 0)
        return real(folder, name, flags);
    snprintf(path + len, sizeof path - (size_t)len, "/%.255s", name);
    return unlink(path);
}

int rename(const char *from, const char *to)
{
    REAL(rename, int, const char *, const char *);
    if (fails(disk_below(from) != NULL))
        return -1;
    int result = real(from, to);
    const char *old = disk_below(from), *new = disk_below(to);
    if (result != 0 || !disk_recording || !old || !new)
        return result;
    pthread_mutex_lock(&disk_log_lock);
    uint32_t file = disk_file_named(old);
    if (file == DISK_NEVER)
        disk_give_up("what is renamed is not known");
    disk_log_add(DISK_RENAME, file)->data = strdup(new);
    char name[DISK_PATH_BYTES];
    snprintf(name, sizeof name, "%s", old);
    for (uint32_t i = 0; i < disk_file_count; i++)
        disk_move_path(disk_files[i].path, name, new);
    pthread_mutex_unlock(&disk_log_lock);
    return result;
}

int link(const char *from, const char *to)
{
    REAL(link, int, const char *, const char *);
    if (disk_recording && (disk_below(from) || disk_below(to)))
        disk_give_up("link is not modelled: nothing used it");
    return real(from, to);
}
