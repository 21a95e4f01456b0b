#include "storage/local/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_file(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

/* A signal ends it early on some file systems, whether handlers restart calls or not. */
static int allocate(int fd, int mode, off_t offset, off_t length)
{
    int result;
    do
        result = fallocate(fd, mode, offset, length);
    while (result != 0 && errno == EINTR);
    return result;
}

const struct sys sys_posix = {
    .open = open_file,
    .close = close,
    .pread = pread,
    .pwrite = pwrite,
    .pwritev = pwritev,
    .ftruncate = ftruncate,
    .fallocate = allocate,
    .sync_file_range = sync_file_range,
    .fsync = fsync,
    .fdatasync = fdatasync,
    .rename = rename,
    .unlink = unlink,
    .mkdir = mkdir,
};
