/* The calls of a process that is to end at its n-th change of a file. */
#ifndef TESTS_MORTAL_H
#define TESTS_MORTAL_H

#include "storage/local/sys.h"

#include <fcntl.h>
#include <unistd.h>

enum { DIED = 77 }; /* its exit code then */

static int calls_left; /* until then; 0: never */

static inline void one_call(void)
{
    if (calls_left > 0 && --calls_left == 0)
        _exit(DIED);
}

static ssize_t mortal_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    one_call();
    return pwrite(fd, bytes, len, offset);
}

static ssize_t mortal_pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    one_call();
    return pwritev(fd, parts, count, offset);
}

static int mortal_fdatasync(int fd)
{
    one_call();
    int result = fdatasync(fd);
    one_call();
    return result;
}

static int mortal_fsync(int fd)
{
    one_call();
    return fsync(fd);
}

static int mortal_unlink(const char *path)
{
    one_call();
    int result = unlink(path);
    one_call();
    return result;
}

static int mortal_fallocate(int fd, int mode, off_t offset, off_t length)
{
    one_call();
    return fallocate(fd, mode, offset, length);
}

/* Lives until it has no calls_left. */
static inline const struct sys *mortal_sys(void)
{
    static struct sys sys;
    sys = sys_posix;
    sys.pwrite = mortal_pwrite;
    sys.pwritev = mortal_pwritev;
    sys.fdatasync = mortal_fdatasync;
    sys.fsync = mortal_fsync;
    sys.unlink = mortal_unlink;
    sys.fallocate = mortal_fallocate;
    return &sys;
}

#endif
