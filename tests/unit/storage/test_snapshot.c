/* Snapshots of the index: which are kept, what log they keep, and what happens where they cannot be made. */
#include "gc_support.h"

#include "storage/local/snapshot.h"

#include <fcntl.h>
#include <glob.h>
#include <signal.h>

static struct bucket_ref bucket;

static int setup(void **state)
{
    test_segment_bytes = 2 * 1024 * 1024;
    test_snapshots = 2;
    test_reserve_bytes = 0;
    if (store_setup(state) != 0)
        return -1;
    bucket = make_bucket("bucket");
    return 0;
}

static int teardown_damaged(void **state)
{
    if (store)
        store_close();
    return store_teardown(state);
}

static struct storage_stats stats_now(void)
{
    struct storage_stats stats;
    storage_stats(store, &stats);
    return stats;
}

/* Fills segments with log and with bytes that are overwritten. */
static void write_much(void)
{
    for (size_t round = 0; round < 6; round++)
        put_many(bucket, 0, 40, 30000);
}

static void snapshots_roll(void **state)
{
    (void)state;
    struct snapshot_list list, before;
    for (size_t i = 0; i < 4; i++) {
        put(bucket, key_number(i), body(3000, i));
        before = list;
        assert_int_equal(storage_snapshot(store), STORAGE_OK);
        assert_int_equal(snapshot_list(test_dir, &list), STORAGE_OK);
        assert_int_equal(list.count, i == 0 ? 1 : 2);
        if (i > 1)
            assert_int_equal(list.items[0].frame_id, before.items[1].frame_id);
    }
    /* Without a change there is none. */
    assert_int_equal(storage_snapshot(store), STORAGE_OK);
    assert_int_equal(snapshot_list(test_dir, &before), STORAGE_OK);
    assert_int_equal(before.count, 2);
    assert_int_equal(before.items[1].frame_id, list.items[1].frame_id);
    struct storage_stats stats = stats_now();
    assert_int_equal(stats.snapshots, 2);
    assert_true(stats.snapshot_ms > 0 && stats.snapshot_bytes > 4096);
    assert_int_equal(stats.snapshot_log_bytes, 0);
    assert_int_equal(stats.snapshot_failures, 0);
    test_snapshots = 1; /* fewer from now on */
    store_reopen();
    assert_int_equal(stats_now().snapshots, 1);
    test_snapshots = 0;
    store_reopen();
    assert_int_equal(storage_snapshot(store), STORAGE_INVALID);
}

static void log_stays_until_a_snapshot_has_it(void **state)
{
    (void)state;
    test_snapshots = 1;
    store_reopen();
    write_much();
    gc_all();
    assert_int_equal(stats_now().compactions, 0);
    uint64_t held = atomic_load(&store->snapshots.held_bytes);
    assert_true(held > 1000000); /* which asks for one */
    assert_int_equal(storage_snapshot(store), STORAGE_OK);
    gc_all();
    assert_true(stats_now().compactions > 0);
    write_much();
    gc_all();
    uint64_t compactions = stats_now().compactions;
    store_reopen(); /* what the snapshot has is known again */
    gc_all();
    assert_int_equal(stats_now().compactions, 0);
    assert_true(compactions > 0);
    assert_int_equal(storage_snapshot(store), STORAGE_OK);
    gc_all();
    assert_true(stats_now().compactions > 0);
}

/* A full disk must not be filled by log: then it goes, and that is told. */
static void without_room_log_goes(void **state)
{
    (void)state;
    write_much();
    test_reserve_bytes = UINT64_MAX / 2;
    store_reopen();
    assert_int_equal(storage_snapshot(store), STORAGE_NO_SPACE);
    assert_true(stats_now().snapshot_no_room);
    gc_all();
    assert_true(stats_now().compactions > 0);
    test_reserve_bytes = 0;
    store_reopen();
    assert_int_equal(storage_snapshot(store), STORAGE_OK);
    assert_false(stats_now().snapshot_no_room);
}

static void a_damaged_index_gives_no_snapshot(void **state)
{
    (void)state;
    char path[256];
    put_many(bucket, 0, 2000, 100);
    assert_int_equal(storage_snapshot(store), STORAGE_OK);
    put(bucket, SPAN("more"), body(100, 1));
    snprintf(path, sizeof(path), "%s/index/data.mdb", test_dir);
    int fd = open(path, O_RDWR);
    char page[4096];
    size_t damaged = 0;
    for (off_t at = 2 * 4096; damaged < 40 && pread(fd, page, 4096, at) == 4096; at += 4096) {
        if ((page[10] & 2) == 0) /* a leaf */
            continue;
        page[4000] ^= 1;
        page[3000] ^= 1;
        assert_int_equal(pwrite(fd, page, 4096, at), 4096);
        damaged++;
    }
    close(fd);
    assert_true(damaged > 10);
    assert_int_equal(storage_snapshot(store), STORAGE_CORRUPT);
    struct storage_stats stats = stats_now();
    assert_true(stats.snapshot_damage);
    assert_int_equal(stats.snapshots, 1); /* the one before is kept */
    assert_int_equal(stats.snapshot_failures, 1);
}

static void a_kept_snapshot_that_rots_is_set_aside(void **state)
{
    (void)state;
    char path[PATH_MAX], file[PATH_MAX + 16];
    struct snapshot_list list;
    glob_t found;
    put_many(bucket, 0, 500, 100);
    assert_int_equal(storage_snapshot(store), STORAGE_OK);
    assert_int_equal(snapshot_list(test_dir, &list), STORAGE_OK);
    assert_true(snapshot_path(test_dir, list.items[0].frame_id, path));
    snprintf(file, sizeof(file), "%s/data.mdb", path);
    int fd = open(file, O_WRONLY);
    for (off_t page = 2; page < 20; page++)
        assert_int_equal(pwrite(fd, "damage", 6, page * 4096 + 4000), 6);
    close(fd);
    put(bucket, SPAN("more"), body(100, 1));
    assert_int_equal(storage_snapshot(store), STORAGE_OK);
    assert_int_equal(stats_now().snapshots, 1);
    snprintf(file, sizeof(file), "%s/snapshots/*.damaged", test_dir);
    assert_int_equal(glob(file, 0, NULL, &found), 0);
    globfree(&found);
}

/* What is left of one that was being made is no snapshot, and goes. */
static void one_that_was_cut_off_is_none(void **state)
{
    (void)state;
    char path[256];
    struct snapshot_list list;
    put(bucket, SPAN("key"), body(100, 1));
    store_close();
    snprintf(path, sizeof(path), "%s/snapshots", test_dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/snapshots/new.part", test_dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/snapshots/new.part/data.mdb", test_dir);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(snapshot_list(test_dir, &list), STORAGE_OK);
    assert_int_equal(list.count, 0);
    store_open();
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(storage_snapshot(store), STORAGE_OK);
}

/* The map grows while one is made, since another process makes it. */
static void the_map_grows_meanwhile(void **state)
{
    (void)state;
    test_map_bytes = 1024 * 1024;
    store_reopen();
    for (size_t i = 0; i < 20; i++) {
        put_many(bucket, i * 500, (i + 1) * 500, 200);
        assert_int_equal(storage_snapshot(store), STORAGE_OK);
    }
    test_map_bytes = 0;
    struct index_usage usage;
    assert_int_equal(index_usage(store->index, &usage), STORAGE_OK);
    assert_true(usage.map_bytes > 2 * 1024 * 1024);
}

/* A process that was killed while it read the index: its pages would never be used again. */
static void a_killed_reader_holds_no_pages(void **state)
{
    (void)state;
    int ends[2];
    char byte;
    put_many(bucket, 0, 1000, 100);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct index *index = NULL;
        struct index_txn *txn = NULL;
        if (engine_open_index(test_dir, true, 0, &index) != STORAGE_OK ||
            index_read_begin(index, &txn) != STORAGE_OK || write(ends[1], "!", 1) != 1)
            _exit(1);
        pause();
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ends[0]);
    close(ends[1]);
    struct index_usage before, after;
    gc_all(); /* looks for such readers */
    for (size_t i = 0; i < 10; i++)
        put_many(bucket, 0, 1000, 100);
    assert_int_equal(index_usage(store->index, &before), STORAGE_OK);
    for (size_t i = 0; i < 40; i++)
        put_many(bucket, 0, 1000, 100);
    gc_all();
    assert_int_equal(index_usage(store->index, &after), STORAGE_OK);
    assert_true(after.pages_used < before.pages_used * 3);
}

/* The thread makes the first one soon, and closing waits for nothing. */
static void the_thread_makes_them(void **state)
{
    (void)state;
    struct storage_options options = {.dir = test_dir,
        .segment_bytes = 2 * 1024 * 1024,
        .snapshots = 1,
        .snapshot_interval_ms = 1};
    const char *detail = "";
    store_close();
    assert_int_equal(storage_open(&options, &store, &detail), STORAGE_OK);
    put(bucket, SPAN("key"), body(100, 1));
    for (int i = 0; i < 600 && stats_now().snapshots == 0; i++)
        usleep(100 * 1000);
    assert_int_equal(stats_now().snapshots, 1);
    put(bucket, SPAN("key"), body(100, 2));
    store_close();
    store_open();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(snapshots_roll),
        TEST(log_stays_until_a_snapshot_has_it),
        TEST(without_room_log_goes),
        cmocka_unit_test_setup_teardown(a_damaged_index_gives_no_snapshot, setup, teardown_damaged),
        TEST(a_kept_snapshot_that_rots_is_set_aside),
        TEST(one_that_was_cut_off_is_none),
        TEST(the_map_grows_meanwhile),
        TEST(a_killed_reader_holds_no_pages),
        TEST(the_thread_makes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
