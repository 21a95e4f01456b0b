#include "storage/local/sys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_file(const char *path, int flags, mode_t mode)
{
    return open(path, flags, mode);
}

const struct sys sys_posix = {
    .open = open_file,
    .close = close,
    .pread = pread,
    .pwrite = pwrite,
    .pwritev = pwritev,
    .ftruncate = ftruncate,
    .fallocate = fallocate,
    .sync_file_range = sync_file_range,
    .fsync = fsync,
    .fdatasync = fdatasync,
    .rename = rename,
    .unlink = unlink,
    .mkdir = mkdir,
};
