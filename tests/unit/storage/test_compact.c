#include "gc_support.h"

#include "storage/local/gc.h"

static int small_segments(void **state)
{
    test_segment_bytes = 2 * 1024 * 1024;
    return store_setup(state);
}

static bool most(size_t number)
{
    return number % 4 != 0;
}

static bool few(size_t number)
{
    return number % 10 == 0;
}

static bool all_of_them(size_t number)
{
    (void)number;
    return true;
}

static struct storage_stats stats_now(void)
{
    struct storage_stats stats;
    storage_stats(store, &stats);
    return stats;
}

static void check_kept(struct bucket_ref bucket, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (!most(i))
            check_bytes(bucket, key_number(i), newest_version, body(size, i));
}

static void sparse_segments_are_rewritten(void **state)
{
    (void)state;
    static const size_t sizes[] = {700, 5000, 100000, 700000};
    uint64_t compactions = 0;
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        char name[16];
        snprintf(name, sizeof(name), "bucket-%zu", s);
        struct bucket_ref bucket = make_bucket(name);
        size_t count = 8 * 1024 * 1024 / sizes[s];
        count = count < 2000 ? count : 2000;
        put_many(bucket, 0, count, sizes[s]);
        remove_many(bucket, 0, count, most);
        struct storage_stats before = stats_now();
        gc_all();
        struct storage_stats after = stats_now();
        compactions += after.compactions;
        assert_true(after.segments < before.segments || before.segments <= 2);
        assert_true(after.segment_bytes < before.segment_bytes || before.segments <= 2);
        check_kept(bucket, count, sizes[s]);
        verify_clean();
        check_kept(bucket, count, sizes[s]);
    }
    /* The active one was sealed by opening anew: now that is rewritten too. */
    gc_all();
    struct storage_stats stats = stats_now();
    assert_true(compactions > 4);
    assert_int_equal(files_below("segments", ".seg"), stats.segments);
    store_reopen();
    gc_all();
    stats = stats_now();
    assert_true(stats.segment_live_bytes * 100 >= stats.segment_bytes * 60);
    verify_clean();
}

enum { WHOLE_COUNT = 4000, WHOLE_SIZE = 5000 };

static bool unevenly_half(size_t number)
{
    return number < WHOLE_COUNT / 2 ? number % 100 < 71 : number % 100 < 29;
}

static bool all_but_a_tenth(size_t number)
{
    return number >= WHOLE_COUNT / 10;
}

static bool every_second(size_t number)
{
    return number % 2 == 0;
}

static bool nine_of_ten(size_t number)
{
    return number % 10 != 3;
}

/* Whatever was deleted: also where each segment by itself is live enough, and where it is the active one. */
static void the_whole_takes_a_quarter_more_than_what_lives(void **state)
{
    (void)state;
    bool (*const patterns[])(size_t) = {every_second, nine_of_ten, unevenly_half, all_but_a_tenth};
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        char name[16];
        snprintf(name, sizeof(name), "bucket-%zu", i);
        struct bucket_ref bucket = make_bucket(name);
        put_many(bucket, 0, WHOLE_COUNT, WHOLE_SIZE);
        remove_many(bucket, 0, WHOLE_COUNT, patterns[i]);
        gc_all();
        struct storage_stats stats = stats_now();
        uint64_t slack = 2 * (uint64_t)test_segment_bytes / COMPACT_SLACK_SHARE;
        assert_in_range(
            stats.segment_bytes, 0, stats.segment_live_bytes / 100 * COMPACT_WHOLE_PERCENT + slack);
        for (size_t k = 0; k < WHOLE_COUNT; k += 7)
            if (!patterns[i](k))
                check_bytes(bucket, key_number(k), newest_version, body(WHOLE_SIZE, k));
        verify_clean();
        remove_many(bucket, 0, WHOLE_COUNT, all_of_them);
        gc_all();
    }
}

static void dense_segments_are_left_alone(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    put_many(bucket, 0, 100, 70000);
    remove_many(bucket, 0, 100, few);
    uint64_t segments = stats_now().segments;
    gc_all();
    assert_int_equal(stats_now().compactions, 0);
    assert_int_equal(stats_now().segments, segments);
    verify_clean();
}

static void empty_segments_go_without_copying(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    put_many(bucket, 0, 100, 70000);
    remove_many(bucket, 0, 100, all_of_them);
    gc_all();
    check_rows(0, 0, 0);
    store_reopen();
    gc_all();
    assert_int_equal(stats_now().segment_live_bytes, 0);
    assert_in_range(files_below("segments", ".seg"), 0, 1); /* the log goes on */
    verify_clean();
}

static void readers_go_on_in_the_old_file(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    enum { COUNT = 40, SIZE = 200000 };
    put_many(bucket, 0, COUNT, SIZE);
    struct blob_reader *readers[COUNT] = {0};
    char byte;
    size_t n;
    for (size_t i = 0; i < COUNT; i++) {
        readers[i] = open_reader(bucket, key_number(i));
        if (i % 2 == 0) /* some have their file open, others will look for it */
            assert_int_equal(blob_read(readers[i], 0, &byte, 1, true, &n), STORAGE_OK);
    }
    remove_many(bucket, 0, COUNT, most);
    for (size_t i = 0; i < COUNT; i++)
        if (most(i) && i % 3 != 0) {
            blob_close(readers[i]);
            readers[i] = NULL;
        }
    gc_all();
    assert_true(stats_now().compactions > 0);
    for (size_t i = 0; i < COUNT; i++)
        if (readers[i]) {
            check_reader(readers[i], body(SIZE, i));
            blob_close(readers[i]);
        }
    gc_all();
    verify_clean();
}

/* Who may have read the old row still finds the old file. */
static void the_file_stays_for_old_epochs(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    put_many(bucket, 0, 40, 200000);
    remove_many(bucket, 0, 40, most);
    bool more = true;
    while (more && stats_now().compactions == 0) {
        /* Entered anew before each step, so that reclaiming gets on but no unlinking does. */
        assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
        if (rows_of(TABLE_FREED) == 0)
            break;
    }
    struct epoch_slot *slot = epoch_enter(store->epochs);
    size_t files = files_below("segments", ".seg");
    uint64_t before = stats_now().compactions;
    for (int i = 0; i < 200; i++)
        assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
    assert_true(stats_now().compactions > before);
    assert_true(files_below("segments", ".seg") >= files);
    epoch_leave(slot);
    gc_all();
    assert_int_equal(files_below("segments", ".seg"), stats_now().segments);
    check_kept(bucket, 40, 200000);
    verify_clean();
}

/* Bodies that look like segments: footers in them are no extents. */
static void footers_in_bodies_are_data(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    put_many(bucket, 0, 100, 5000);
    static char copied[500000];
    char path[200];
    snprintf(path, sizeof(path), "%s/segments", test_dir);
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while ((entry = readdir(dir)) && !span_ends(span_str(entry->d_name), SPAN(".seg")))
        continue;
    snprintf(path, sizeof(path), "%s/segments/%.30s", test_dir, entry->d_name);
    closedir(dir);
    int fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, copied, sizeof(copied), 0), sizeof(copied));
    close(fd);
    put(bucket, SPAN("segment"), span_of(copied, sizeof(copied)));
    put_many(bucket, 100, 150, 50000);
    remove_many(bucket, 0, 150, most);
    store_reopen();
    gc_all();
    assert_true(stats_now().compactions > 0);
    check_bytes(bucket, SPAN("segment"), newest_version, span_of(copied, sizeof(copied)));
    check_kept(bucket, 100, 5000);
    verify_clean();
}

static bool find_extent(uint64_t length, struct extent *ret_extent)
{
    struct index_txn *txn;
    struct index_cursor *cursor;
    struct span key, value;
    struct extent_record record;
    bool found = false;
    assert_int_equal(index_read_begin(store->index, &txn), STORAGE_OK);
    assert_int_equal(index_cursor_open(txn, TABLE_EXTENTS, &cursor), STORAGE_OK);
    enum storage_err err = index_seek(cursor, SPAN_ABSENT, &key, &value);
    for (; err == STORAGE_OK && !found; err = index_next(cursor, &key, &value)) {
        assert_int_equal(schema_decode_extent(key, value, &record), STORAGE_OK);
        found = record.extent.length_bytes == length;
    }
    index_cursor_close(cursor);
    index_read_end(txn);
    *ret_extent = record.extent;
    return found;
}

static void damage_is_never_copied(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    put_many(bucket, 0, 10, 100000);
    put(bucket, SPAN("damaged"), body(123457, 77));
    put_many(bucket, 10, 40, 100000);
    struct extent extent;
    assert_true(find_extent(123457, &extent));
    char *path = space_path(store->space, extent.segment_id, false);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "damage", 6, (off_t)extent.offset_bytes + 70000), 6);
    close(fd);
    free(path);
    remove_many(bucket, 0, 40, most);
    gc_all();
    assert_true(stats_now().corrupt_blocks > 0);
    struct extent after;
    assert_true(find_extent(123457, &after));
    assert_int_equal(after.segment_id, extent.segment_id);
    check_kept(bucket, 40, 100000);
    struct blob_reader *reader = open_reader(bucket, SPAN("damaged"));
    static char got[123457];
    size_t n;
    assert_int_equal(blob_read(reader, 0, got, sizeof(got), true, &n), STORAGE_CORRUPT);
    blob_close(reader);
    store_close();
    expect_finding("block 0 does not match");
}

static void crashes_while_rewriting(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    enum { COUNT = 48, SIZE = 200000 };
    put_many(bucket, 0, COUNT, SIZE);
    remove_many(bucket, 0, COUNT, most);
    bool ended = false;
    int crashes = 0;
    for (int calls = 5; !ended; calls += calls / 2) {
        store_close();
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            mortal_open(calls);
            for (bool more = true; more;)
                if (storage_gc_step(store, &more) != STORAGE_OK)
                    _exit(2);
            storage_close(store);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        ended = WEXITSTATUS(status) == 0;
        assert_true(ended || WEXITSTATUS(status) == DIED);
        crashes += !ended;
        verify_clean(); /* opens it again */
        check_kept(bucket, COUNT, SIZE);
    }
    assert_true(crashes > 3);
    gc_all();
    assert_int_equal(files_below("segments", ".seg"), stats_now().segments);
    verify_clean();
}

/* ---- with everything running ---- */

struct reading {
    struct bucket_ref bucket;
    atomic_bool stop;
    atomic_int failures, reads;
    size_t count;
};

static void *read_on(void *arg)
{
    struct reading *reading = arg;
    struct arena arena;
    static const size_t SIZE = 9000;
    char *got = malloc(SIZE), *want = malloc(SIZE);
    uint64_t x = 88172645463325252;
    arena_init(&arena, 1 << 20);
    while (!atomic_load(&reading->stop)) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        char key[32];
        size_t number = x % reading->count;
        struct span name = span_of(key, (size_t)snprintf(key, sizeof(key), "key-%06zu", number));
        struct object_info info;
        struct blob_reader *reader = NULL;
        arena_free(&arena);
        enum storage_err err = storage_object_open(
            store, reading->bucket.id, name, newest_version, &arena, &info, &reader);
        if (err == STORAGE_NO_SUCH_KEY)
            continue;
        size_t n = 0;
        if (err != STORAGE_OK || blob_read(reader, 0, got, SIZE, true, &n) != STORAGE_OK ||
            n != SIZE)
            atomic_fetch_add(&reading->failures, 1);
        uint64_t y = number * 0x9e3779b97f4a7c15 + 1;
        for (size_t i = 0; i < SIZE; i++) {
            y ^= y << 13, y ^= y >> 7, y ^= y << 17;
            want[i] = (char)y;
        }
        if (memcmp(got, want, SIZE) != 0)
            atomic_fetch_add(&reading->failures, 1);
        atomic_fetch_add(&reading->reads, 1);
        blob_close(reader);
    }
    arena_free(&arena);
    free(got);
    free(want);
    return NULL;
}

static void reads_never_fail_while_all_moves(void **state)
{
    (void)state;
    store_close();
    struct storage_options options = {.dir = test_dir, .segment_bytes = 2 * 1024 * 1024};
    assert_int_equal(storage_open(&options, &store, NULL), STORAGE_OK);
    enum { COUNT = 1500, THREADS = 3 };
    struct reading reading = {.bucket = make_bucket("bucket"), .count = COUNT};
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &reading), 0);
    for (int round = 0; round < 3; round++) {
        put_many(reading.bucket, 0, COUNT, 9000);
        remove_many(reading.bucket, 0, COUNT, most);
    }
    for (int i = 0; i < 100 && stats_now().compactions == 0; i++)
        usleep(100000);
    atomic_store(&reading.stop, true);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(reading.failures, 0);
    assert_true(reading.reads > 100);
    assert_true(stats_now().compactions > 0);
    verify_clean();
    check_kept(reading.bucket, COUNT, 9000);
}

/* ---- what crashes leave ---- */

static void make_file(const char *name, size_t size)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", test_dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(body(size, 1).ptr, 1, size, file), size);
    fclose(file);
}

static bool is_there(const char *name)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", test_dir, name);
    return access(path, F_OK) == 0;
}

static void litter_is_swept(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    put(bucket, SPAN("small"), body(5000, 1));
    put(bucket, SPAN("large"), body(2000000, 2));
    struct extent small;
    assert_true(find_extent(5000, &small));
    char *path = space_path(store->space, small.segment_id, false);
    store_close();
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    FILE *file = fopen(path, "a"); /* as if written, but never committed */
    assert_int_equal(fwrite(body_bytes, 1, 50000, file), 50000);
    fclose(file);
    char folder[200];
    snprintf(folder, sizeof(folder), "%s/files/fe", test_dir);
    (void)!mkdir(folder, 0700);
    make_file("segments/0000010000fffffe.seg", 10000);
    make_file("segments/000000ffffffffff.seg", 10000);
    make_file("segments/00ffff0000000001.seg", 10000);
    make_file("segments/notes.txt", 10);
    make_file("files/fe/0000010000fffffe.blob", 10000);
    make_file("files/fe/0000010000fffffe.blob.bak", 10);
    store_open();
    gc_all();
    assert_false(is_there("segments/0000010000fffffe.seg"));
    assert_false(is_there("segments/000000ffffffffff.seg"));
    assert_false(is_there("files/fe/0000010000fffffe.blob"));
    assert_true(is_there("segments/00ffff0000000001.seg")); /* of a boot to come: not touched */
    assert_true(is_there("segments/notes.txt"));
    assert_true(is_there("files/fe/0000010000fffffe.blob.bak"));
    struct stat after;
    if (stat(path, &after) == 0) /* else it was rewritten already */
        assert_true(after.st_size <= info.st_size);
    free(path);
    check_bytes(bucket, SPAN("small"), newest_version, body(5000, 1));
    check_bytes(bucket, SPAN("large"), newest_version, body(2000000, 2));
    verify_clean();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, small_segments, store_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sparse_segments_are_rewritten),
        TEST(the_whole_takes_a_quarter_more_than_what_lives),
        TEST(dense_segments_are_left_alone),
        TEST(empty_segments_go_without_copying),
        TEST(readers_go_on_in_the_old_file),
        TEST(the_file_stays_for_old_epochs),
        TEST(footers_in_bodies_are_data),
        TEST(damage_is_never_copied),
        TEST(crashes_while_rewriting),
        TEST(reads_never_fail_while_all_moves),
        TEST(litter_is_swept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
