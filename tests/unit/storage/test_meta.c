/* The last write of a commit, that of the index's meta page, fails for want of space: nobody knows then
 * whether the commit is on disk, so nothing may be answered and nothing given back. */
#include "gc_support.h"

#include <dlfcn.h>
#include <errno.h>

static atomic_bool meta_fails;

static bool is_index(int fd)
{
    char link[64], path[256];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof(path));
    return len > 0 && span_ends(span_of(path, (size_t)len), SPAN("data.mdb"));
}

/* LMDB's meta pages are the file's first two; what is written of one is shorter than a page. */
static ssize_t write_or_fail(int fd, const void *bytes, size_t len, off_t offset, const char *name)
{
    if (atomic_load(&meta_fails) && offset < 2 * 4096 && len < 4096 && is_index(fd)) {
        errno = ENOSPC;
        return -1;
    }
    ssize_t (*real)(int, const void *, size_t, off_t);
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(&real, &found, sizeof(real));
    return real(fd, bytes, len, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return write_or_fail(fd, bytes, len, offset, "pwrite");
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t offset)
{
    return write_or_fail(fd, bytes, len, offset, "pwrite64");
}

static void end_with_71(void *ctx, const char *what, int error_number)
{
    (void)ctx, (void)what, (void)error_number;
    _exit(71);
}

static void an_undecided_commit_is_the_end(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    store_close();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct storage_options options = {
            .dir = test_dir, .no_background = true, .on_fatal = end_with_71};
        if (storage_open(&options, &store, NULL) != STORAGE_OK)
            _exit(1);
        struct mutation m = put_of(bucket, SPAN("key"), body(2 << 20, 1));
        atomic_store(&meta_fails, true);
        enum storage_err err = storage_commit(store, &m);
        _exit(100 + (int)err); /* answered */
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 71);
    assert_int_equal(findings(), 0);
    store_open();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            an_undecided_commit_is_the_end, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
