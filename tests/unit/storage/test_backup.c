/* Copies of a store that goes on being written. */
#include "gc_support.h"

static struct bucket_ref bucket;
static char copies[2][128];

static int setup(void **state)
{
    test_segment_bytes = 2 * 1024 * 1024;
    if (store_setup(state) != 0)
        return -1;
    bucket = make_bucket("bucket");
    for (size_t i = 0; i < 2; i++)
        snprintf(copies[i], sizeof(copies[i]), "%s-copy-%zu", test_dir, i);
    return 0;
}

static int teardown(void **state)
{
    for (size_t i = 0; i < 2; i++)
        nftw(copies[i], remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return store_teardown(state);
}

/* As another process, since this one has the store open. */
static struct storage_backup_figures back_up(size_t number, const char *before)
{
    struct outcome {
        enum storage_err err;
        struct storage_backup_figures figures;
    } *outcome =
        mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();
    if (pid == 0) {
        const char *detail = "";
        struct storage_backup order = {.from = test_dir, .to = copies[number], .before = before};
        outcome->err = storage_backup(&order, &outcome->figures, &detail);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(outcome->err, STORAGE_OK);
    struct storage_backup_figures figures = outcome->figures;
    munmap(outcome, sizeof(*outcome));
    return figures;
}

/* Opens the copy instead of the store. */
static void switch_to(const char *dir)
{
    uint64_t count = 0;
    store_close();
    assert_int_equal(storage_verify(dir, print_finding, NULL, &count), STORAGE_OK);
    assert_int_equal(count, 0);
    char own[64];
    memcpy(own, test_dir, sizeof(own));
    snprintf(test_dir, sizeof(test_dir), "%s", dir);
    store_open();
    memcpy(test_dir, own, sizeof(own));
}

static void a_copy_has_what_was_there(void **state)
{
    (void)state;
    put_many(bucket, 0, 20, 100);
    put_many(bucket, 20, 120, 30000);
    put(bucket, SPAN("large"), body(3000000, 5));
    remove_key(bucket, key_number(25));
    uint64_t hold;
    assert_int_equal(storage_hold(store, 60000, &hold), STORAGE_OK);
    struct storage_backup_figures figures = back_up(0, NULL);
    assert_int_equal(figures.copied_files, figures.files);
    assert_int_equal(figures.linked_files, 0);
    storage_hold_release(store, hold);
    put(bucket, SPAN("later"), body(5000, 6));
    remove_key(bucket, SPAN("large"));
    gc_all();
    switch_to(copies[0]);
    for (size_t i = 0; i < 120; i++)
        if (i != 25)
            check_bytes(bucket, key_number(i), newest_version, body(i < 20 ? 100 : 30000, i));
    check_bytes(bucket, SPAN("large"), newest_version, body(3000000, 5));
    struct object_info info;
    assert_int_equal(get(bucket, SPAN("later"), newest_version, &info), STORAGE_NO_SUCH_KEY);
    store_close();
    store_open();
}

/* The second one links what cannot have changed, and the first one stays what it was. */
static void a_second_copy_links_what_is_there(void **state)
{
    (void)state;
    put_many(bucket, 0, 150, 30000);
    put(bucket, SPAN("large"), body(3000000, 5));
    store_reopen(); /* seals */
    struct storage_backup_figures first = back_up(0, NULL);
    put_many(bucket, 150, 200, 30000);
    for (size_t i = 0; i < 100; i++)
        remove_key(bucket, key_number(i));
    struct storage_backup_figures second = back_up(1, copies[0]);
    assert_true(second.linked_files > 1);
    assert_true(second.copied_bytes < first.copied_bytes);
    gc_all(); /* punches, compacts, unlinks what the copies still have */
    switch_to(copies[1]);
    for (size_t i = 100; i < 200; i++)
        check_bytes(bucket, key_number(i), newest_version, body(30000, i));
    switch_to(copies[0]);
    for (size_t i = 0; i < 150; i++)
        check_bytes(bucket, key_number(i), newest_version, body(30000, i));
    check_bytes(bucket, SPAN("large"), newest_version, body(3000000, 5));
    store_close();
    store_open();
}

static void a_hold_keeps_what_was_freed(void **state)
{
    (void)state;
    put(bucket, SPAN("large"), body(3000000, 5));
    uint64_t first, second;
    assert_int_equal(storage_hold(store, 60000, &first), STORAGE_OK);
    assert_int_equal(storage_hold(store, 60000, &second), STORAGE_OK);
    remove_key(bucket, SPAN("large"));
    gc_all();
    assert_int_equal(own_files(), 1);
    storage_hold_release(store, first);
    gc_all();
    assert_int_equal(own_files(), 1);
    assert_true(storage_hold_renew(store, second, 1)); /* expires */
    usleep(5000);
    gc_all();
    assert_int_equal(own_files(), 0);
    assert_false(storage_hold_renew(store, second, 60000));
    uint64_t ids[HOLDS_MAX + 1];
    for (size_t i = 0; i < HOLDS_MAX; i++)
        assert_int_equal(storage_hold(store, 60000, &ids[i]), STORAGE_OK);
    assert_int_equal(storage_hold(store, 60000, &ids[HOLDS_MAX]), STORAGE_BUSY);
}

static bool stop(void *ctx, const struct storage_backup_figures *figures)
{
    (void)ctx, (void)figures;
    return false;
}

static void what_goes_wrong_is_told(void **state)
{
    (void)state;
    put(bucket, SPAN("key"), body(30000, 5));
    store_close();
    struct storage_backup_figures figures;
    const char *detail = NULL;
    struct storage_backup order = {.from = test_dir, .to = test_dir};
    assert_int_equal(storage_backup(&order, &figures, &detail), STORAGE_INVALID);
    order.to = copies[0];
    order.progress = stop;
    assert_int_equal(storage_backup(&order, &figures, &detail), STORAGE_BUSY);
    order.to = copies[1];
    order.from = "/nonexistent";
    assert_int_not_equal(storage_backup(&order, &figures, &detail), STORAGE_OK);
    assert_true(strlen(detail) > 0);
    store_open();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_copy_has_what_was_there),
        TEST(a_second_copy_links_what_is_there),
        TEST(a_hold_keeps_what_was_freed),
        TEST(what_goes_wrong_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
