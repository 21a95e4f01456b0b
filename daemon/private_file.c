#include "daemon/private_file.h"

#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_all(int fd, char *ret_text, size_t size, size_t *ret_len)
{
    size_t len = 0;
    while (len < size) {
        ssize_t got = read(fd, ret_text + len, size - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        len += (size_t)got;
    }
    *ret_len = len;
    return true;
}

static enum private_file refuse(
    const char *path, const char *what, char *ret_error, size_t error_bytes)
{
    snprintf(ret_error, error_bytes, "%s cannot be read: %s", path, what);
    return PRIVATE_FILE_REFUSED;
}

enum private_file private_file_read(const char *path, bool owner_only,
    char ret_text[static PRIVATE_FILE_MAX_BYTES], size_t *ret_len, char *ret_error,
    size_t error_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return PRIVATE_FILE_ABSENT;
    if (fd < 0)
        return refuse(path, strerror(errno), ret_error, error_bytes);
    struct stat status;
    bool done = fstat(fd, &status) == 0;
    if (done && owner_only && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        close(fd);
        snprintf(ret_error, error_bytes, "%s can be read by others: run chmod 600 on it", path);
        return PRIVATE_FILE_REFUSED;
    }
    done = done && read_all(fd, ret_text, PRIVATE_FILE_MAX_BYTES, ret_len);
    int error = errno;
    close(fd);
    if (!done)
        return refuse(path, strerror(error), ret_error, error_bytes);
    return PRIVATE_FILE_READ;
}

static bool write_all(int fd, struct span text)
{
    while (text.len > 0) {
        ssize_t put = write(fd, text.ptr, text.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        text = span_from(text, (size_t)put);
    }
    return true;
}

bool private_file_write(const char *dir, const char *path, struct span text)
{
    char temporary[PRIVATE_FILE_PATH_BYTES + 8];
    snprintf(temporary, sizeof(temporary), "%s.new", path);
    unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool done = write_all(fd, text) && fsync(fd) == 0;
    done = close(fd) == 0 && done;
    done = done && rename(temporary, path) == 0;
    if (!done) {
        int error = errno;
        unlink(temporary);
        errno = error;
        return false;
    }
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return false;
    done = fsync(dir_fd) == 0;
    close(dir_fd);
    return done;
}
