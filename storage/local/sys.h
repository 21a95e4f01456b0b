/* The system calls that the store makes on files, behind a table, so that tests can make the n-th one
 * fail or record what a power cut would have kept. src: the idea is SQLite's os_unix.c */
#ifndef STORAGE_LOCAL_SYS_H
#define STORAGE_LOCAL_SYS_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/uio.h>

struct sys {
    int (*open)(const char *path, int flags, mode_t mode);
    int (*close)(int fd);
    ssize_t (*pread)(int fd, void *bytes, size_t len, off_t offset);
    ssize_t (*pwrite)(int fd, const void *bytes, size_t len, off_t offset);
    ssize_t (*pwritev)(int fd, const struct iovec *parts, int count, off_t offset);
    int (*ftruncate)(int fd, off_t length);
    int (*fallocate)(int fd, int mode, off_t offset, off_t length);
    int (*sync_file_range)(int fd, off_t offset, off_t length, unsigned flags);
    int (*fsync)(int fd);
    int (*fdatasync)(int fd);
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
    int (*mkdir)(const char *path, mode_t mode);
};

/* The real ones. */
extern const struct sys sys_posix;

#endif
