/* A space in a folder of its own, with system calls that can be made to fail. Included by the tests
 * of the byte half; each is a program of its own, so the state is static. */
#ifndef TESTS_SPACE_SUPPORT_H
#define TESTS_SPACE_SUPPORT_H

#include "storage/local/space_internal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FATAL_STATUS = 70 };

enum call {
    CALL_PWRITE,
    CALL_FALLOCATE,
    CALL_FSYNC,
    CALL_FDATASYNC,
    CALL_SYNC_RANGE,
    CALL_OPEN,
    CALL_MKDIR,
    CALL_COUNT
};

/* Fails the n-th call from now on with that error (n counts down), once. short_bytes: pwrite writes
 * at most so many. */
static struct {
    atomic_int left[CALL_COUNT];
    atomic_int error_number[CALL_COUNT];
    atomic_int seen[CALL_COUNT];
    atomic_size_t short_bytes;
    atomic_bool sticky;
} faults;

static inline void faults_reset(void)
{
    for (size_t i = 0; i < CALL_COUNT; i++)
        faults.left[i] = faults.error_number[i] = faults.seen[i] = 0;
    faults.short_bytes = 0;
    faults.sticky = false;
}

static inline bool fault(enum call call)
{
    faults.seen[call]++;
    if (faults.error_number[call] == 0 || --faults.left[call] > 0)
        return false;
    errno = faults.error_number[call];
    if (!faults.sticky)
        faults.error_number[call] = 0;
    return true;
}

static inline void fail_call(enum call call, int nth, int error_number)
{
    faults.left[call] = nth;
    faults.error_number[call] = error_number;
}

static int faulty_open(const char *path, int flags, mode_t mode)
{
    return (flags & O_CREAT) && fault(CALL_OPEN) ? -1 : open(path, flags, mode);
}

static ssize_t faulty_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    if (faults.short_bytes && len > faults.short_bytes)
        len = faults.short_bytes;
    return fault(CALL_PWRITE) ? -1 : pwrite(fd, bytes, len, offset);
}

static ssize_t faulty_pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    if (faults.short_bytes)
        return faulty_pwrite(fd, parts->iov_base, parts->iov_len, offset);
    return fault(CALL_PWRITE) ? -1 : pwritev(fd, parts, count, offset);
}

static int faulty_fallocate(int fd, int mode, off_t offset, off_t length)
{
    return fault(CALL_FALLOCATE) ? -1 : fallocate(fd, mode, offset, length);
}

static int faulty_sync_range(int fd, off_t offset, off_t length, unsigned flags)
{
    return fault(CALL_SYNC_RANGE) ? -1 : sync_file_range(fd, offset, length, flags);
}

static int faulty_fsync(int fd)
{
    return fault(CALL_FSYNC) ? -1 : fsync(fd);
}

static int faulty_fdatasync(int fd)
{
    return fault(CALL_FDATASYNC) ? -1 : fdatasync(fd);
}

static int faulty_mkdir(const char *path, mode_t mode)
{
    return fault(CALL_MKDIR) ? -1 : mkdir(path, mode);
}

static struct sys faulty;

static atomic_uint_fast64_t last_id;

static uint64_t test_next_id(void *ctx)
{
    (void)ctx;
    return ((uint64_t)7 << 40) | ++last_id;
}

static void test_fatal(void *ctx, const char *what, int error_number)
{
    (void)ctx, (void)what, (void)error_number;
    _exit(FATAL_STATUS);
}

static inline int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

static inline void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

struct fixture {
    char dir[64];
    uint64_t reserve_bytes;
    bool background;
    struct space *space;
};

static inline struct space *fixture_open(struct fixture *fixture, uint64_t segment_bytes)
{
    faulty = sys_posix;
    faulty.open = faulty_open;
    faulty.pwrite = faulty_pwrite;
    faulty.pwritev = faulty_pwritev;
    faulty.fallocate = faulty_fallocate;
    faulty.sync_file_range = faulty_sync_range;
    faulty.fsync = faulty_fsync;
    faulty.fdatasync = faulty_fdatasync;
    faulty.mkdir = faulty_mkdir;
    faults_reset();
    struct space_options options = {
        .sys = &faulty,
        .dir = fixture->dir,
        .segment_bytes = segment_bytes,
        .reserve_bytes = fixture->reserve_bytes,
        .no_background = !fixture->background,
        .next_id = test_next_id,
        .fatal = test_fatal,
    };
    fixture->space = NULL;
    assert_int_equal(space_open(&options, &fixture->space), STORAGE_OK);
    return fixture->space;
}

static inline int fixture_setup(void **state)
{
    static struct fixture fixture;
    snprintf(fixture.dir, sizeof fixture.dir, "/tmp/lakegate-test-XXXXXX");
    if (!mkdtemp(fixture.dir))
        return -1;
    fixture.reserve_bytes = 0;
    fixture.background = false;
    fixture_open(&fixture, 4 << 20);
    *state = &fixture;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    space_close(fixture->space);
    remove_tree(fixture->dir);
    return 0;
}

/* Bytes that tell their offset and the body they belong to. */
static inline void pattern(char *bytes, size_t len, uint64_t offset, uint64_t seed)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)((offset + i) * 2654435761u >> 13 ^ (seed * 97 + (offset + i)));
}

/* Stages len bytes in writes of at most step. */
static inline struct stage *stage_body(
    struct space *space, uint64_t declared, size_t len, size_t step, uint64_t seed)
{
    struct stage *stage = NULL;
    assert_int_equal(space_stage_open(space, declared, &stage), STORAGE_OK);
    char *bytes = malloc(step ? step : 1);
    for (size_t at = 0; at < len;) {
        size_t n = len - at < step ? len - at : step;
        pattern(bytes, n, at, seed);
        assert_int_equal(stage_write(stage, span_of(bytes, n)), STORAGE_OK);
        at += n;
    }
    free(bytes);
    return stage;
}

/* Reads [offset, offset + len) and compares with the pattern. */
static inline void check_extent(struct space *space, const struct extent *extent, uint64_t offset,
    size_t len, bool verify, uint64_t seed)
{
    struct segment *segment = NULL;
    assert_int_equal(
        segment_acquire(space, extent->segment_id, extent->own_file, &segment), STORAGE_OK);
    uint32_t *loaded = NULL;
    const uint32_t *crcs = extent->block_crcs;
    if (extent->block_count > EXTENT_INLINE_CRCS) {
        assert_int_equal(extent_load_footer(segment, extent, &loaded), STORAGE_OK);
        crcs = loaded;
    }
    uint64_t from =
        verify ? offset - offset % BLOB_BLOCK_BYTES : offset; /* checked by whole blocks */
    size_t skip = (size_t)(offset - from), n = 0;
    size_t room =
        verify ? (skip + len + BLOB_BLOCK_BYTES - 1) / BLOB_BLOCK_BYTES * BLOB_BLOCK_BYTES : len;
    char *got = malloc(room + 1), *want = malloc(len + 1);
    assert_int_equal(
        extent_read(segment, extent, verify ? crcs : NULL, from, got, room, &n), STORAGE_OK);
    assert_true(n >= skip);
    n = n - skip < len ? n - skip : len;
    uint64_t expected = offset + len > extent->length_bytes ? extent->length_bytes - offset : len;
    assert_int_equal(n, expected);
    pattern(want, n, offset, seed);
    assert_memory_equal(got + skip, want, n);
    free(got);
    free(want);
    free(loaded);
    segment_release(segment);
}

static inline bool file_exists(struct space *space, uint64_t segment_id, bool own_file)
{
    char *path = space_path(space, segment_id, own_file);
    bool exists = access(path, F_OK) == 0;
    free(path);
    return exists;
}

/* The exit status of body(ctx) in a child, which ends with 0 when it returns. */
static inline int in_child(void (*body)(void *ctx), void *ctx)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        body(ctx);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
