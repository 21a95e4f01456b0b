/* An index that is lost or damaged is made anew: from the log alone, from snapshots and log, and after compaction. What was
 * acknowledged is there again to the byte. */
#include "salvage_history.h"

#include "storage/local/snapshot.h"

static int setup_snapshots(void **state)
{
    int result = salvage_setup(state);
    test_snapshots = 2;
    store_reopen();
    return result;
}

/* ---- all of it ---- */

static void a_history_is_known_again_from_the_log_alone(void **state)
{
    (void)state;
    history(0);
    history(1);
    struct known before = learn(); /* of snapshots none was made, so all of the log is kept */
    store_close();
    lose_index();
    salvage_all();
    check_known(&before);
    check_bytes(plain, SPAN("dir/5"), newest_version, body(2000000, 105));
    check_bytes(plain, SPAN("copy/0/4"), newest_version, body(300000, 4));
    check_bytes(versioned, SPAN("key"), newest_version, body(2200, 164));
}

static void a_history_is_known_again_from_a_snapshot(void **state)
{
    (void)state;
    char path[256];
    for (int variant = 0; variant < 4; variant++) {
        int round = variant * 2;
        history(round);
        gc_all();
        if (variant != 0)
            assert_int_equal(storage_snapshot(store), STORAGE_OK);
        history(round + 1);
        gc_all();
        if (variant == 2)
            assert_int_equal(storage_snapshot(store), STORAGE_OK);
        struct known before = learn();
        store_close();
        if (variant == 1) {
            lose_index();
        } else { /* garbage in its place */
            path_of("index/data.mdb", path);
            int fd = open(path, O_WRONLY);
            assert_int_equal(pwrite(fd, body(300000, 1).ptr, 300000, 0), 300000);
            close(fd);
        }
        salvage_all();
        check_known(&before);
    }
    assert_int_equal(files_below("snapshots", ""), 4); /* two, "." and ".." */
}

/* The snapshot has uploads that wait to be aborted since their bucket is gone; the bytes of their parts were given back since. */
static void uploads_of_a_bucket_that_is_gone_are_no_loss(void **state)
{
    (void)state;
    struct bucket_ref gone = make_bucket("gone");
    for (uint32_t i = 0; i < 100; i++) { /* more than are aborted in one commit */
        char key[16];
        snprintf(key, sizeof(key), "upload/%u", i);
        struct upload_id upload = begin_upload(gone, span_str(key));
        put_part(gone, span_str(key), upload, 1, body(3000, i));
        if (i == 0)
            put_part(gone, span_str(key), upload, 2, body(2000000, 7)); /* a file of its own */
    }
    struct mutation m = {.kind = MUTATION_DELETE_BUCKET, .bucket = gone};
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_int_equal(storage_snapshot(store), STORAGE_OK);
    put(plain, SPAN("later"), body(1000, 1));
    store_reopen(); /* ends the segment */
    struct known before = learn();
    assert_int_equal(own_files(), 0);
    store_close();
    lose_index();
    salvage_all();
    check_known(&before);
}

static void a_damaged_snapshot_is_passed_over(void **state)
{
    (void)state;
    struct snapshot_list list;
    char path[PATH_MAX], file[PATH_MAX + 16];
    history(0);
    assert_int_equal(storage_snapshot(store), STORAGE_OK);
    history(1);
    gc_all();
    assert_int_equal(storage_snapshot(store), STORAGE_OK);
    history(2);
    struct known before = learn();
    store_close();
    assert_int_equal(snapshot_list(test_dir, &list), STORAGE_OK);
    assert_int_equal(list.count, 2);
    assert_true(snapshot_path(test_dir, list.items[1].frame_id, path));
    snprintf(file, sizeof(file), "%s/data.mdb", path);
    int fd = open(file, O_WRONLY);
    for (off_t page = 2; page < 20; page++)
        assert_int_equal(pwrite(fd, "damage", 6, page * 4096 + 4000), 6);
    close(fd);
    lose_index();
    salvage_all();
    assert_non_null(strstr(told, "is damaged and passed over"));
    check_known(&before);
}

/* ---- the way it is done ---- */

static void another_folder_can_be_filled(void **state)
{
    (void)state;
    char to[64], own[64], command[600];
    uint64_t count = 0;
    snprintf(to, sizeof(to), "%.40s-to", test_dir);
    history(0);
    store_close();
    lose_index();
    snprintf(command, sizeof(command), "(cd %s; find . -type f | sort | xargs md5sum) > %s-before",
        test_dir, test_dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(try_salvage(to), STORAGE_OK);
    assert_int_equal(figures.unknown, 0);
    snprintf(command, sizeof(command),
        "(cd %s; find . -type f | sort | xargs md5sum) | cmp - %s-before && rm %s-before", test_dir,
        test_dir, test_dir);
    assert_int_equal(system(command), 0); /* nothing of it was touched */
    assert_int_equal(try_salvage(to), STORAGE_INVALID);
    assert_int_equal(storage_verify(to, print_finding, NULL, &count), STORAGE_OK);
    assert_int_equal(count, 0);
    memcpy(own, test_dir, sizeof(own));
    memcpy(test_dir, to, sizeof(test_dir));
    store_open();
    check_bytes(plain, SPAN("dir/5"), newest_version, body(2000000, 5));
    store_close();
    nftw(test_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    memcpy(test_dir, own, sizeof(own));
    salvage_all();
}

static void what_cannot_be_salvaged_is_refused(void **state)
{
    (void)state;
    char path[256];
    assert_int_equal(try_salvage(NULL), STORAGE_IN_USE);
    store_close();
    path_of("segments", path);
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(try_salvage(NULL), STORAGE_CORRUPT);
    assert_non_null(strstr(told, "neither a snapshot nor a log"));
    path_of("index/data.mdb", path);
    assert_int_equal(access(path, F_OK), 0); /* the old index is where it was */
    path_of("segments", path);
    assert_int_equal(mkdir(path, 0700), 0);
}

/* One that was cut off between its two renames leaves a folder without an index, which nobody opens. */
static void a_salvage_that_was_cut_off_is_begun_again(void **state)
{
    (void)state;
    char path[256], work[256];
    history(0);
    store_close();
    path_of("index", path);
    path_of("index.damaged-20260101T000000.000Z", work);
    assert_int_equal(rename(path, work), 0);
    path_of("salvage.part", path);
    assert_int_equal(mkdir(path, 0700), 0);
    path_of("salvage.part/index", path);
    assert_int_equal(mkdir(path, 0700), 0);
    struct storage_options options = {.dir = test_dir, .no_background = true};
    const char *detail = "";
    assert_int_equal(storage_open(&options, &store, &detail), STORAGE_CORRUPT);
    salvage_all();
    check_bytes(plain, SPAN("dir/5"), newest_version, body(2000000, 5));
    path_of("salvage.part", path);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_store_that_is_not_damaged_stays_what_it_is(void **state)
{
    (void)state;
    history(0);
    history(1);
    assert_int_equal(storage_snapshot(store), STORAGE_OK);
    struct known before = learn();
    salvage_all();
    check_known(&before);
    salvage_all();
    check_known(&before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, salvage_setup, store_teardown)
#define SNAPSHOTS(name) cmocka_unit_test_setup_teardown(name, setup_snapshots, store_teardown)
    const struct CMUnitTest tests[] = {
        SNAPSHOTS(a_history_is_known_again_from_the_log_alone),
        SNAPSHOTS(a_history_is_known_again_from_a_snapshot),
        SNAPSHOTS(uploads_of_a_bucket_that_is_gone_are_no_loss),
        SNAPSHOTS(a_damaged_snapshot_is_passed_over),
        SNAPSHOTS(another_folder_can_be_filled),
        TEST(what_cannot_be_salvaged_is_refused),
        SNAPSHOTS(a_salvage_that_was_cut_off_is_begun_again),
        SNAPSHOTS(a_store_that_is_not_damaged_stays_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
