/* Damage of LMDB's own pages, which no record's CRC tells: is it seen before the store is opened over it, and by
 * the check? */
#include "gc_support.h"

enum {
    LAST_PAGE_AT = 136,
    TXN_AT = 144,
    MAIN_ROOT_AT = 16 + 24 + 48 + 40,
    INDEX_PAGE_BYTES = 4096
};

static struct bucket_ref bucket;
static char found[8192];
static uint64_t finding_count;

static void note(void *ctx, const char *line)
{
    (void)ctx;
    size_t len = strlen(found);
    snprintf(found + len, sizeof(found) - len, "%s\n", line);
}

static int setup(void **state)
{
    test_segment_bytes = 2 * 1024 * 1024;
    int result = store_setup(state);
    bucket = make_bucket("bucket");
    put_many(bucket, 0, 400, 3000);
    put(bucket, SPAN("last"), body(2000, 1));
    return result;
}

/* The damage stays: the store is not checked. */
static int teardown(void **state)
{
    if (store)
        store_close();
    return store_teardown(state);
}

static bool every_one(size_t number)
{
    (void)number;
    return true;
}

static int index_file(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/index/data.mdb", test_dir);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    return fd;
}

static uint64_t number_at(uint64_t offset)
{
    uint64_t number = 0;
    int fd = index_file();
    assert_int_equal(pread(fd, &number, sizeof(number), (off_t)offset), sizeof(number));
    close(fd);
    return number;
}

static void set_number(uint64_t offset, uint64_t number)
{
    int fd = index_file();
    assert_int_equal(pwrite(fd, &number, sizeof(number), (off_t)offset), sizeof(number));
    close(fd);
}

static uint64_t newest_meta(void)
{
    return number_at(INDEX_PAGE_BYTES + TXN_AT) > number_at(TXN_AT) ? INDEX_PAGE_BYTES : 0;
}

static void expect_found(const char *text)
{
    found[0] = '\0';
    assert_int_equal(storage_verify(test_dir, note, NULL, &finding_count), STORAGE_OK);
    if (finding_count == 0 || !strstr(found, text))
        fail_msg("\"%s\" is not in: %s", text, found);
}

static void expect_refused(const char *text)
{
    struct storage_options options = {.dir = test_dir, .no_background = true};
    const char *detail = "";
    assert_int_equal(storage_open(&options, &store, &detail), STORAGE_CORRUPT);
    if (!strstr(detail, text))
        fail_msg("\"%s\" is not in: %s", text, detail);
}

static void a_whole_index_has_no_findings(void **state)
{
    (void)state;
    remove_many(bucket, 0, 100, every_one);
    gc_all();
    store_close();
    assert_int_equal(storage_verify(test_dir, note, NULL, &finding_count), STORAGE_OK);
    assert_int_equal(finding_count, 0);
    store_open();
}

/* A bit of its number makes the newest meta page the older one, and LMDB goes back by one commit. */
static void a_meta_page_with_an_older_number_is_found(void **state)
{
    (void)state;
    store_close();
    uint64_t newest = newest_meta();
    set_number(newest + TXN_AT, number_at(newest + TXN_AT) - 2);
    expect_found("older meta page has a newer state");
    struct storage_stats stats;
    store_open();
    storage_stats(store, &stats);
    assert_true(stats.lacks_last);
    store_reopen();
    storage_stats(store, &stats);
    assert_false(stats.lacks_last);
}

static void meta_pages_far_from_one_another_are_refused(void **state)
{
    (void)state;
    store_close();
    uint64_t older = newest_meta() ? 0 : INDEX_PAGE_BYTES;
    set_number(older + TXN_AT, number_at(older + TXN_AT) + 1024);
    expect_found("do not follow one another");
    expect_refused("do not follow one another");
}

/* Else the store would open as a new one, with tables that have nothing in them. */
static void tables_that_are_lost_are_not_made_anew(void **state)
{
    (void)state;
    store_close();
    uint64_t newest = newest_meta();
    uint64_t free_root = number_at(newest + 16 + 24 + 40);
    assert_true(free_root > 1);
    set_number(newest + MAIN_ROOT_AT, free_root);
    expect_refused("");
    expect_found("table");
}

/* A page that is in use and named as free is overwritten by some later commit. */
static void a_page_in_use_is_not_free(void **state)
{
    (void)state;
    remove_many(bucket, 0, 300, every_one);
    gc_all();
    store_reopen();
    store_close();
    /* The first number of the list's first record that is on a leaf of it: found by what the check says of it. */
    uint64_t newest = newest_meta(), root = number_at(newest + 16 + 24 + 40);
    uint64_t main_root = number_at(newest + MAIN_ROOT_AT);
    bool done = false;
    for (uint64_t at = root * INDEX_PAGE_BYTES + INDEX_PAGE_BYTES - 16;
         at > root * INDEX_PAGE_BYTES + 64 && !done; at -= 8) {
        uint64_t before = number_at(at);
        if (before < 2 || before > number_at(newest + LAST_PAGE_AT))
            continue;
        set_number(at, main_root);
        found[0] = '\0';
        assert_int_equal(storage_verify(test_dir, note, NULL, &finding_count), STORAGE_OK);
        done = strstr(found, "is named as free") != NULL;
        set_number(at, before);
    }
    assert_true(done);
    store_open();
}

static void a_frame_of_the_log_that_is_damaged_is_found(void **state)
{
    (void)state;
    char path[160];
    store_close();
    snprintf(path, sizeof(path), "%s/segments", test_dir);
    DIR *dir = opendir(path);
    bool done = false;
    static char bytes[2 * 1024 * 1024];
    for (struct dirent *entry; !done && (entry = readdir(dir));) {
        if (!strstr(entry->d_name, ".seg"))
            continue;
        snprintf(path, sizeof(path), "%s/segments/%.40s", test_dir, entry->d_name);
        int fd = open(path, O_RDWR);
        ssize_t len = pread(fd, bytes, sizeof(bytes), 0);
        char *frame = memmem(bytes, (size_t)len, "LGLOGFR1", 8);
        if (frame) {
            char byte = (char)(frame[90] ^ 1);
            assert_int_equal(pwrite(fd, &byte, 1, frame + 90 - bytes), 1);
            done = true;
        }
        close(fd);
    }
    closedir(dir);
    assert_true(done);
    expect_found("bytes of log");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_whole_index_has_no_findings),
        CASE(a_meta_page_with_an_older_number_is_found),
        CASE(meta_pages_far_from_one_another_are_refused),
        CASE(tables_that_are_lost_are_not_made_anew),
        CASE(a_page_in_use_is_not_free),
        CASE(a_frame_of_the_log_that_is_damaged_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
