#include "disk.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FDS_MAX = 1024, PATH_BYTES = 300, FILE_BYTES_MAX = 64 << 20 };

struct disk_entry disk_calls[DISK_CALLS_MAX];
uint32_t disk_call_count;
enum disk_fault disk_fault;
uint32_t disk_skipped_sync;
static uint32_t syncs, skipped_file = DISK_NEVER;

static struct file {
    bool is_folder;
    char path[PATH_BYTES]; /* below the folder; as it is now */
    char first_path[PATH_BYTES];
    char *base;                     /* what was durable from the start */
    uint64_t base_bytes, base_used; /* behind used there are zeros */
    bool in_base;
} files[DISK_FILES_MAX];
static uint32_t file_count;

static struct {
    bool known, dsync, append_position;
    uint32_t file;
    uint64_t position;
} fds[FDS_MAX];

static char root[PATH_BYTES];
static bool recording;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

_Noreturn static void stop(const char *what)
{
    fprintf(stderr, "disk: %s\n", what);
    _exit(3);
}

#define REAL(name, type, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (!real)                                                                                     \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

/* ---- the log ---- */

static struct disk_entry *add(enum disk_call call, uint32_t file)
{
    if (disk_call_count == DISK_CALLS_MAX)
        stop("too many calls");
    struct disk_entry *entry = &disk_calls[disk_call_count++];
    *entry = (struct disk_entry){.call = call, .file = file, .synced_by = DISK_NEVER};
    return entry;
}

/* LMDB's and the store's lock files hold nothing that outlives a process. */
static bool is_lock(const char *name)
{
    size_t len = strlen(name);
    return strcmp(name, "lock") == 0 || (len >= 8 && strcmp(name + len - 8, "lock.mdb") == 0);
}

static const char *below(const char *path)
{
    size_t len = strlen(root);
    return strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0')
               ? path + len + (path[len] == '/')
               : NULL;
}

static uint32_t file_named(const char *name)
{
    for (uint32_t i = 0; i < file_count; i++)
        if (strcmp(files[i].path, name) == 0)
            return i;
    return DISK_NEVER;
}

static uint32_t file_new(const char *name, bool is_folder)
{
    if (file_count == DISK_FILES_MAX || strlen(name) >= PATH_BYTES)
        stop("too many files");
    files[file_count] = (struct file){.is_folder = is_folder};
    snprintf(files[file_count].path, PATH_BYTES, "%s", name);
    snprintf(files[file_count].first_path, PATH_BYTES, "%s", name);
    return file_count++;
}

static void add_write(int fd, const void *bytes, size_t len, uint64_t offset)
{
    struct disk_entry *entry = add(DISK_WRITE, fds[fd].file);
    entry->offset = offset;
    entry->length = len;
    entry->data = malloc(len + 1);
    if (!entry->data)
        stop("out of memory");
    memcpy(entry->data, bytes, len);
    if (fds[fd].dsync)
        entry->synced_by = disk_call_count - 1;
}

static bool ends_with(const char *path, const char *tail)
{
    size_t len = strlen(path), tail_len = strlen(tail);
    return len >= tail_len && strcmp(path + len - tail_len, tail) == 0;
}

static bool is_left_out(const struct file *file)
{
    switch (disk_fault) {
    case DISK_NO_SEGMENT_SYNC:
        return ends_with(file->path, ".seg");
    case DISK_NO_FILE_SYNC:
        return ends_with(file->path, ".blob");
    case DISK_NO_FOLDER_SYNC:
        return file->is_folder;
    case DISK_NO_INDEX_SYNC:
        return ends_with(file->path, ".mdb");
    case DISK_HONEST:
        break;
    }
    return false;
}

/* Is the call a change of what this folder names? */
static bool names_in(const struct disk_entry *entry, const struct file *folder)
{
    if (entry->call != DISK_MAKE && entry->call != DISK_UNLINK && entry->call != DISK_RENAME)
        return false;
    const char *path = entry->call == DISK_RENAME ? entry->data : files[entry->file].first_path;
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    return strlen(folder->path) == len && strncmp(folder->path, path, len) == 0;
}

/* Does a sync of this file make durable what the call did? */
static bool is_covered(const struct disk_entry *entry, uint32_t file)
{
    bool names =
        entry->call == DISK_MAKE || entry->call == DISK_UNLINK || entry->call == DISK_RENAME;
    return entry->synced_by == DISK_NEVER && entry->call != DISK_SYNC &&
           (files[file].is_folder ? names_in(entry, &files[file]) : entry->file == file && !names);
}

static void add_sync(uint32_t file)
{
    uint32_t number = disk_call_count, covered = 0;
    add(DISK_SYNC, file);
    for (uint32_t i = 0; i < number; i++)
        covered += is_covered(&disk_calls[i], file) && disk_calls[i].call != DISK_PUNCH;
    if (covered > 0 && ++syncs == disk_skipped_sync) {
        skipped_file = file;
        return;
    }
    if (is_left_out(&files[file]))
        return;
    for (uint32_t i = 0; i < number; i++)
        if (is_covered(&disk_calls[i], file))
            disk_calls[i].synced_by = number;
}

const char *disk_skipped_path(void)
{
    return skipped_file == DISK_NEVER ? NULL : files[skipped_file].first_path;
}

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
    pthread_mutex_lock(&lock);
    uint32_t number = ++failing.tried;
    bool due =
        failing.nth != 0 && (failing.forever ? number >= failing.nth : number == failing.nth);
    failing.failed = failing.failed || due;
    pthread_mutex_unlock(&lock);
    return due;
}

/* The call is to fail: errno is set. */
static bool fails(bool concerned)
{
    if (!recording || !concerned || !is_due() || failing.error_number == 0)
        return false;
    errno = failing.error_number;
    return true;
}

/* A write is to fail, or to take less than it is given. */
static bool write_fails(int fd, size_t *len)
{
    if (!recording || fd < 0 || fd >= FDS_MAX || !fds[fd].known || !is_due())
        return false;
    if (failing.error_number == 0) {
        *len = *len > 1 ? *len / 2 : *len;
        return false;
    }
    errno = failing.error_number;
    return true;
}

/* ---- the C library's functions, as everybody in this program sees them ---- */

static void opened(int fd, const char *path, int flags, bool existed)
{
    const char *name = below(path);
    if (!recording || fd < 0 || fd >= FDS_MAX || !name || is_lock(name))
        return;
    pthread_mutex_lock(&lock);
    uint32_t file = file_named(name);
    if (file == DISK_NEVER) {
        struct stat info;
        file = file_new(name, fstat(fd, &info) == 0 && S_ISDIR(info.st_mode));
    }
    if (!existed)
        add(DISK_MAKE, file);
    if (existed && (flags & O_TRUNC))
        add(DISK_SIZE, file);
    fds[fd].known = true;
    fds[fd].dsync = (flags & (O_DSYNC | O_SYNC)) != 0;
    fds[fd].file = file;
    fds[fd].position = 0;
    pthread_mutex_unlock(&lock);
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
    if (fails((flags & O_CREAT) && !existed && below(path)))
        return -1;
    int fd = real(path, flags, mode);
    opened(fd, path, flags, existed);
    return fd;
}

static bool is_known(int fd)
{
    return recording && fd >= 0 && fd < FDS_MAX && fds[fd].known;
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
    pthread_mutex_lock(&lock);
    ssize_t wrote = real(fd, bytes, len, offset);
    if (wrote > 0)
        add_write(fd, bytes, (size_t)wrote, (uint64_t)offset);
    pthread_mutex_unlock(&lock);
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
        stop("out of memory");
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
    pthread_mutex_lock(&lock);
    ssize_t wrote = real(fd, parts, count, offset);
    if (wrote > 0)
        add_pieces(fd, parts, count, (size_t)wrote, (uint64_t)offset);
    pthread_mutex_unlock(&lock);
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
        pthread_mutex_lock(&lock);
        add_pieces(fd, parts, count, (size_t)wrote, fds[fd].position);
        fds[fd].position += (uint64_t)wrote;
        pthread_mutex_unlock(&lock);
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
        pthread_mutex_lock(&lock);
        add_write(fd, bytes, (size_t)wrote, fds[fd].position);
        fds[fd].position += (uint64_t)wrote;
        pthread_mutex_unlock(&lock);
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
        pthread_mutex_lock(&lock);
        add(DISK_SIZE, fds[fd].file)->length = (uint64_t)length;
        pthread_mutex_unlock(&lock);
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
    pthread_mutex_lock(&lock);
    if (mode & FALLOC_FL_PUNCH_HOLE) {
        struct disk_entry *entry = add(DISK_PUNCH, fds[fd].file);
        entry->offset = (uint64_t)offset;
        entry->length = (uint64_t)length;
    } else if (!(mode & FALLOC_FL_KEEP_SIZE) && offset + length > before.st_size) {
        add(DISK_SIZE, fds[fd].file)->length = (uint64_t)(offset + length);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

static int synced(int fd)
{
    if (!is_known(fd))
        return 0;
    if (fails(true))
        return -1;
    pthread_mutex_lock(&lock);
    add_sync(fds[fd].file);
    pthread_mutex_unlock(&lock);
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

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir, int, const char *, mode_t);
    if (fails(below(path) != NULL))
        return -1;
    int result = real(path, mode);
    const char *name = below(path);
    if (result == 0 && recording && name) {
        pthread_mutex_lock(&lock);
        add(DISK_MAKE, file_new(name, true));
        pthread_mutex_unlock(&lock);
    }
    return result;
}

static void record_gone(const char *name)
{
    pthread_mutex_lock(&lock);
    uint32_t file = file_named(name);
    if (file != DISK_NEVER) {
        add(DISK_UNLINK, file);
        snprintf(files[file].path, PATH_BYTES, "?"); /* a name that no file has */
    }
    pthread_mutex_unlock(&lock);
}

int unlink(const char *path)
{
    REAL(unlink, int, const char *);
    if (fails(below(path) != NULL))
        return -1;
    int result = real(path);
    if (result == 0 && recording && below(path))
        record_gone(below(path));
    return result;
}

int rmdir(const char *path)
{
    REAL(rmdir, int, const char *);
    if (fails(below(path) != NULL))
        return -1;
    int result = real(path);
    if (result == 0 && recording && below(path))
        record_gone(below(path));
    return result;
}

int remove(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && S_ISDIR(info.st_mode) ? rmdir(path) : unlink(path);
}

int unlinkat(int folder, const char *name, int flags)
{
    REAL(unlinkat, int, int, const char *, int);
    char link_path[64], path[PATH_BYTES + 260];
    snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", folder);
    ssize_t len = recording && folder >= 0 ? readlink(link_path, path, PATH_BYTES) : -1;
    if (len < 0 || flags != 0)
        return real(folder, name, flags);
    snprintf(path + len, sizeof path - (size_t)len, "/%.255s", name);
    return unlink(path);
}

/* Another name for what has this one or lies below it. */
static void move_path(char *path, const char *from, const char *to)
{
    char moved[PATH_BYTES];
    size_t len = strlen(from);
    if (strncmp(path, from, len) != 0 || (path[len] != '\0' && path[len] != '/'))
        return;
    if (snprintf(moved, sizeof moved, "%s%s", to, path + len) >= PATH_BYTES)
        stop("a path is too long");
    memcpy(path, moved, PATH_BYTES);
}

int rename(const char *from, const char *to)
{
    REAL(rename, int, const char *, const char *);
    if (fails(below(from) != NULL))
        return -1;
    int result = real(from, to);
    const char *old = below(from), *new = below(to);
    if (result != 0 || !recording || !old || !new)
        return result;
    pthread_mutex_lock(&lock);
    uint32_t file = file_named(old);
    if (file == DISK_NEVER)
        stop("what is renamed is not known");
    add(DISK_RENAME, file)->data = strdup(new);
    char name[PATH_BYTES];
    snprintf(name, sizeof name, "%s", old);
    for (uint32_t i = 0; i < file_count; i++)
        move_path(files[i].path, name, new);
    pthread_mutex_unlock(&lock);
    return result;
}

int link(const char *from, const char *to)
{
    REAL(link, int, const char *, const char *);
    if (recording && (below(from) || below(to)))
        stop("link is not modelled: nothing used it");
    return real(from, to);
}

/* ---- recording ---- */

static void load(const char *path, const char *name)
{
    struct stat info;
    if (stat(path, &info) != 0)
        stop("cannot read what is there");
    struct file *file = &files[file_new(name, S_ISDIR(info.st_mode))];
    file->in_base = true;
    if (!file->is_folder) {
        int fd = open(path, O_RDONLY);
        file->base_bytes = (uint64_t)info.st_size;
        file->base = malloc((size_t)info.st_size + 1);
        if (fd < 0 || !file->base || read(fd, file->base, (size_t)info.st_size) != info.st_size)
            stop("cannot read what is there");
        close(fd);
        file->base_used = file->base_bytes;
        while (file->base_used > 0 && file->base[file->base_used - 1] == 0)
            file->base_used--;
        return;
    }
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char child[PATH_BYTES + 256], child_name[PATH_BYTES];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        snprintf(
            child_name, sizeof child_name, "%s%s%.200s", name, name[0] ? "/" : "", entry->d_name);
        load(child, child_name);
    }
    if (folder)
        closedir(folder);
}

void disk_record(const char *folder)
{
    snprintf(root, sizeof root, "%s", folder);
    file_count = 0;
    disk_call_count = 0;
    syncs = 0;
    skipped_file = DISK_NEVER;
    load(folder, "");
    recording = true;
}

void disk_stop(void)
{
    recording = false;
}

void disk_mark(uint32_t mark)
{
    pthread_mutex_lock(&lock);
    add(DISK_MARK, DISK_NEVER)->mark = mark;
    pthread_mutex_unlock(&lock);
}

/* ---- making what could be left ---- */

bool disk_is_pending(uint32_t call, uint32_t at)
{
    const struct disk_entry *entry = &disk_calls[call];
    if (entry->call == DISK_SYNC || entry->call == DISK_MARK || call > at)
        return false;
    return call == at || entry->synced_by >= at;
}

struct image {
    bool exists;
    char path[PATH_BYTES];
    char *bytes;
    uint64_t size, used, capacity; /* behind used there are zeros */
};
static struct image images[DISK_FILES_MAX];

static void grow(struct image *image, uint64_t size)
{
    if (size > FILE_BYTES_MAX)
        stop("a file is too long");
    if (size > image->capacity) {
        char *bytes = realloc(image->bytes, (size_t)size + 4096);
        if (!bytes)
            stop("out of memory");
        memset(bytes + image->capacity, 0, (size_t)(size + 4096 - image->capacity));
        image->bytes = bytes;
        image->capacity = size + 4096;
    }
    if (size > image->size)
        image->size = size;
}

static uint64_t scramble(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* Sectors of a torn write are there or not, by the seed. */
static void apply_write(
    struct image *image, const struct disk_entry *entry, enum disk_tear tear, uint64_t seed)
{
    uint64_t step = tear == DISK_TORN_512 ? 512 : 4096;
    grow(image, entry->offset + entry->length);
    if (image->used < entry->offset + entry->length)
        image->used = entry->offset + entry->length;
    if (tear == DISK_WHOLE) {
        memcpy(image->bytes + entry->offset, entry->data, (size_t)entry->length);
        return;
    }
    for (uint64_t at = entry->offset; at < entry->offset + entry->length;) {
        uint64_t end = (at / step + 1) * step;
        if (end > entry->offset + entry->length)
            end = entry->offset + entry->length;
        if (scramble(seed + at / step) & 1)
            memcpy(image->bytes + at, entry->data + (at - entry->offset), (size_t)(end - at));
        at = end;
    }
}

static void apply_rename(const struct image *image, const char *to)
{
    char from[PATH_BYTES];
    memcpy(from, image->path, PATH_BYTES);
    for (uint32_t i = 0; i < file_count && image->exists; i++)
        if (images[i].exists)
            move_path(images[i].path, from, to);
}

static void apply(
    struct image *image, const struct disk_entry *entry, enum disk_tear tear, uint64_t seed)
{
    switch (entry->call) {
    case DISK_MAKE:
        image->exists = true;
        memcpy(image->path, files[entry->file].first_path, PATH_BYTES);
        break;
    case DISK_RENAME:
        apply_rename(image, entry->data);
        break;
    case DISK_UNLINK:
        image->exists = false;
        break;
    case DISK_WRITE:
        apply_write(image, entry, tear, seed);
        break;
    case DISK_SIZE:
        grow(image, entry->length);
        if (image->size > entry->length)
            memset(image->bytes + entry->length, 0, (size_t)(image->size - entry->length));
        image->size = entry->length;
        if (image->used > image->size)
            image->used = image->size;
        break;
    case DISK_PUNCH:
        for (uint64_t at = entry->offset; at < entry->offset + entry->length && at < image->size;
             at++)
            image->bytes[at] = 0;
        break;
    default:
        break;
    }
}

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t len)
{
    for (; len >= 8; bytes += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15;
        hash ^= hash >> 32;
    }
    for (; len > 0; bytes++, len--)
        hash = (hash ^ (uint8_t)*bytes) * 0x100000001b3;
    return hash;
}

static void write_out(const char *path, const struct image *image)
{
    static const char zeros[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return; /* its folder is not there: nobody can find it */
    bool ok = ftruncate(fd, (off_t)image->size) == 0;
    for (uint64_t at = 0; ok && at < image->used; at += 4096) {
        size_t len = image->used - at < 4096 ? (size_t)(image->used - at) : 4096;
        if (memcmp(image->bytes + at, zeros, len) != 0)
            ok = pwrite(fd, image->bytes + at, len, (off_t)at) == (ssize_t)len;
    }
    close(fd);
    if (!ok)
        stop("cannot make a state");
}

uint64_t disk_make(const char *folder, uint32_t at, const bool *kept, uint32_t torn,
    enum disk_tear tear, uint64_t seed)
{
    uint64_t hash = 1;
    for (uint32_t i = 0; i < file_count; i++) {
        struct image *image = &images[i];
        image->exists = files[i].in_base;
        memcpy(image->path, files[i].first_path, PATH_BYTES);
        if (image->used > 0)
            memset(image->bytes, 0, (size_t)image->used);
        image->size = 0;
        grow(image, files[i].base_bytes);
        if (files[i].base_used > 0)
            memcpy(image->bytes, files[i].base, (size_t)files[i].base_used);
        image->used = files[i].base_used;
    }
    for (uint32_t call = 0; call <= at && call < disk_call_count; call++) {
        const struct disk_entry *entry = &disk_calls[call];
        if (entry->file == DISK_NEVER || (disk_is_pending(call, at) && !kept[call]))
            continue;
        apply(&images[entry->file], entry, call == torn ? tear : DISK_WHOLE, seed);
    }
    /* Folders first: a file may have been renamed into one that was made after it. */
    for (uint32_t i = 0; i < 2 * file_count; i++) {
        const struct image *image = &images[i % file_count];
        char path[2 * PATH_BYTES];
        if (!image->exists || files[i % file_count].is_folder != (i < file_count))
            continue;
        snprintf(path, sizeof path, "%s%s%s", folder, image->path[0] ? "/" : "", image->path);
        hash = hash_bytes(hash, path + strlen(folder), strlen(path) - strlen(folder));
        hash =
            hash_bytes(hash ^ image->size, image->bytes ? image->bytes : "", (size_t)image->used);
        if (i < file_count)
            mkdir(path, 0700);
        else
            write_out(path, image);
    }
    return hash;
}
