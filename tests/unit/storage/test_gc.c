#include "gc_support.h"

static const size_t sizes[] = {100, 600, 5000, 70000, 300000, 1048576, 1048577, 3000000};

static bool all_but_number_60(size_t number)
{
    return number != 60;
}

static void deleted_objects_are_taken_apart(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        put_many(bucket, 50 * i, 50 * i + (sizes[i] > 100000 ? 2 : 50), sizes[i]);
    assert_int_equal(own_files(), 4);
    remove_many(bucket, 0, 50 * ARRAY_LEN(sizes), all_but_number_60);
    assert_true(rows_of(TABLE_FREED) > 0);
    gc_all();
    check_rows(1, 1, 1);
    assert_int_equal(rows_of(TABLE_FREED), 0);
    assert_int_equal(own_files(), 0);
    check_bytes(bucket, key_number(60), newest_version, body(600, 60));
    struct storage_stats stats;
    storage_stats(store, &stats);
    assert_int_equal(stats.files, 0);
    assert_true(stats.reclaimed_bytes > 3000000);
    verify_clean();
    remove_key(bucket, key_number(60));
    gc_all();
    check_rows(0, 0, 0);
    verify_clean();
}

static void overwritten_bytes_are_freed(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    for (size_t i = 0; i < 50; i++)
        put(bucket, SPAN("same"), body(sizes[i % ARRAY_LEN(sizes)], i));
    check_bytes(bucket, SPAN("same"), newest_version, body(sizes[49 % ARRAY_LEN(sizes)], 49));
    gc_all();
    check_rows(1, 1, 1);
    assert_int_equal(own_files(), 0);
    check_bytes(bucket, SPAN("same"), newest_version, body(sizes[49 % ARRAY_LEN(sizes)], 49));
    verify_clean();
}

static void what_is_read_stays(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    enum { COUNT = ARRAY_LEN(sizes) };
    struct blob_reader *readers[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        put(bucket, key_number(i), body(sizes[i], i));
        readers[i] = open_reader(bucket, key_number(i));
        remove_key(bucket, key_number(i));
    }
    put(bucket, key_number(0), body(700, 50));
    remove_key(bucket, key_number(0));
    gc_all();
    check_rows(0, COUNT - 1, COUNT - 1); /* the smallest is inline */
    assert_int_equal(own_files(), 2);
    for (size_t i = 0; i < COUNT; i++)
        check_reader(readers[i], body(sizes[i], i));
    for (size_t i = 0; i < COUNT / 2; i++)
        blob_close(readers[i]);
    gc_all();
    for (size_t i = COUNT / 2; i < COUNT; i++) {
        check_reader(readers[i], body(sizes[i], i));
        blob_close(readers[i]);
    }
    gc_all();
    check_rows(0, 0, 0);
    assert_int_equal(own_files(), 0);
    verify_clean();
}

/* A reader between epoch_enter and its pin: nothing it may have seen is touched. */
static void an_old_epoch_holds_everything_back(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    put(bucket, SPAN("big"), body(2000000, 1));
    struct epoch_slot *slot = epoch_enter(store->epochs);
    remove_key(bucket, SPAN("big"));
    bool more;
    for (int i = 0; i < 3; i++)
        assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
    check_rows(0, 1, 1);
    assert_int_equal(own_files(), 1);
    epoch_leave(slot);
    gc_all();
    check_rows(0, 0, 0);
    assert_int_equal(own_files(), 0);
}

static void copies_share_and_the_last_frees(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    static const size_t copied[] = {5000, 2000000};
    for (size_t i = 0; i < 2; i++) {
        struct object_info source = put(bucket, SPAN("source"), body(copied[i], i));
        copy_object(bucket, SPAN("source"), source.version, SPAN("copy-1"));
        copy_object(bucket, SPAN("source"), source.version, SPAN("copy-2"));
        remove_key(bucket, SPAN("source"));
        gc_all();
        check_rows(1, 1, 1);
        remove_key(bucket, SPAN("copy-1"));
        gc_all();
        check_bytes(bucket, SPAN("copy-2"), newest_version, body(copied[i], i));
        verify_clean();
        remove_key(bucket, SPAN("copy-2"));
        gc_all();
        check_rows(0, 0, 0);
    }
    assert_int_equal(own_files(), 0);
}

static void parts_share_extents(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    struct span key = SPAN("assembled");
    struct object_info packed = put(bucket, SPAN("packed"), body(600000, 1));
    struct object_info large = put(bucket, SPAN("large"), body(3000000, 2));
    struct upload_id upload = begin_upload(bucket, key);
    put_part(bucket, key, upload, 1, body(5000, 3));
    copy_part(bucket, key, upload, 2,
        (struct copy_from){bucket.id, SPAN("packed"), packed.version, 1000, 300000});
    copy_part(bucket, key, upload, 3,
        (struct copy_from){bucket.id, SPAN("large"), large.version, 500000, 2000000});
    put_part(bucket, key, upload, 4, body(1500000, 4));
    put_part(bucket, key, upload, 4, body(1400000, 5)); /* the first one is freed */
    complete_upload(bucket, key, upload, 4);
    remove_key(bucket, SPAN("packed"));
    remove_key(bucket, SPAN("large"));
    gc_all();
    check_rows(1, 4, 4);
    assert_int_equal(own_files(), 2);
    verify_clean();
    static char whole[5000 + 300000 + 2000000 + 1400000];
    memcpy(whole, body(5000, 3).ptr, 5000);
    memcpy(whole + 5000, body(600000, 1).ptr + 1000, 300000);
    memcpy(whole + 305000, body(3000000, 2).ptr + 500000, 2000000);
    memcpy(whole + 2305000, body(1400000, 5).ptr, 1400000);
    check_bytes(bucket, key, newest_version, span_of(whole, sizeof(whole)));
    remove_key(bucket, key);
    gc_all();
    check_rows(0, 0, 0);
    assert_int_equal(own_files(), 0);
    verify_clean();
}

static bool all_of_them(size_t number)
{
    (void)number;
    return true;
}

/* More pieces than a step takes. */
static void a_blob_of_many_parts_goes_in_steps(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    struct span key = SPAN("many");
    enum { PARTS = 700 };
    struct upload_id upload = begin_upload(bucket, key);
    for (uint32_t i = 1; i <= PARTS; i++)
        put_part(bucket, key, upload, i, body(1000, i));
    complete_upload(bucket, key, upload, PARTS);
    remove_key(bucket, key);
    put_many(bucket, 0, 300, 800);
    remove_many(bucket, 0, 300, all_of_them);
    bool more;
    assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
    assert_true(more);
    assert_true(rows_of(TABLE_PIECES) > 0);
    verify_clean(); /* in the midst of it */
    gc_all();
    check_rows(0, 0, 0);
    assert_int_equal(rows_of(TABLE_FREED), 1); /* the completed upload, for a day */
    verify_clean();
}

static void uploads_of_a_deleted_bucket_are_aborted(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("doomed"), other = make_bucket("other");
    struct upload_id kept = begin_upload(other, SPAN("kept"));
    put_part(other, SPAN("kept"), kept, 1, body(3000, 1));
    static char long_key[1024];
    memset(long_key, 'k', sizeof(long_key));
    for (size_t i = 0; i < 150; i++) {
        struct span key = i % 3 == 0 ? span_of(long_key, 400 + 4 * i) : key_number(i);
        struct upload_id upload = begin_upload(bucket, key);
        put_part(bucket, key, upload, 1, body(1000 + i, i));
        if (i % 50 == 0)
            put_part(bucket, key, upload, 2, body(1100000, i));
    }
    struct mutation m = {.kind = MUTATION_DELETE_BUCKET, .bucket = bucket};
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    verify_clean();
    gc_all();
    assert_int_equal(rows_of(TABLE_UPLOADS), 1);
    check_rows(1, 1, 1);
    assert_int_equal(own_files(), 0);
    check_counters(other, 0, 0, 1);
    verify_clean();
}

struct add_freed {
    struct engine_work work;
    struct freed_record record;
};

static enum storage_err add_freed(struct engine_work *work, struct commit *commit)
{
    struct add_freed *add = (struct add_freed *)work;
    return commit_freed_add(commit, FREED_UPLOAD, &add->record);
}

static void completed_uploads_go_when_they_are_due(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    struct upload_id upload = begin_upload(bucket, SPAN("done"));
    put_part(bucket, SPAN("done"), upload, 1, body(3000, 1));
    complete_upload(bucket, SPAN("done"), upload, 1);
    gc_all();
    assert_int_equal(rows_of(TABLE_UPLOADS), 1); /* not for a day */
    struct add_freed add = {.work.apply = add_freed,
        .record = {.id = upload.blob_id, .bucket_id = bucket.id, .key = SPAN("done"), .due_ms = 1}};
    struct mutation m = {.kind = MUTATION_ENGINE, .engine_data = &add};
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    gc_all();
    /* The row that is not due yet comes first, and those behind it are due later still. */
    assert_int_equal(rows_of(TABLE_UPLOADS), 1);
    struct index_txn *txn;
    struct index_cursor *cursor;
    struct span key, value;
    struct freed_record due;
    assert_int_equal(index_read_begin(store->index, &txn), STORAGE_OK);
    assert_int_equal(index_cursor_open(txn, TABLE_FREED, &cursor), STORAGE_OK);
    assert_int_equal(index_seek(cursor, SPAN_ABSENT, &key, &value), STORAGE_OK);
    assert_int_equal(schema_decode_freed(key, value, &due), STORAGE_OK);
    int64_t in_ms = due.due_ms - clock_unix_ms();
    assert_in_range(in_ms, COMPLETED_UPLOAD_KEPT_MS - 60000, COMPLETED_UPLOAD_KEPT_MS);
    index_cursor_close(cursor);
    index_read_end(txn);
}

static enum storage_err make_due(struct engine_work *work, struct commit *commit)
{
    (void)work;
    struct index_cursor *cursor;
    struct index_key copy;
    struct span key, value;
    struct freed_record record;
    enum storage_err err = index_cursor_open(commit->txn, TABLE_FREED, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, SPAN_ABSENT, &key, &value);
    if (err == STORAGE_OK)
        err = schema_decode_freed(key, value, &record);
    if (err != STORAGE_OK)
        return err;
    memcpy(copy.bytes, key.ptr, key.len);
    record.due_ms = 1;
    struct span copied = span_of(copy.bytes, key.len);
    schema_encode_freed(copied, &record, &commit->value);
    index_cursor_close(cursor);
    return commit_put(commit, TABLE_FREED, copied);
}

static void due_uploads_leave_the_object(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("bucket");
    struct upload_id upload = begin_upload(bucket, SPAN("done"));
    put_part(bucket, SPAN("done"), upload, 1, body(3000, 1));
    complete_upload(bucket, SPAN("done"), upload, 1);
    struct engine_work work = {.apply = make_due};
    struct mutation m = {.kind = MUTATION_ENGINE, .engine_data = &work};
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    gc_all();
    assert_int_equal(rows_of(TABLE_UPLOADS), 0);
    assert_int_equal(rows_of(TABLE_FREED), 0);
    check_bytes(bucket, SPAN("done"), newest_version, body(3000, 1));
    verify_clean();
}

/* ---- crashes ---- */

enum { CRASH_KEYS = 24 };

/* What the child got acknowledged, in memory that outlives it: per key the seed of its body, 0 for
 * none, and the one that is being written. */
struct acknowledged {
    atomic_int seeds[CRASH_KEYS];
    atomic_int trying_key, trying_seed;
};

static size_t crash_size(int seed)
{
    return sizes[(size_t)seed % ARRAY_LEN(sizes)] / 2 + (size_t)seed;
}

static void crash_work(struct acknowledged *acks, struct bucket_ref bucket)
{
    int seed = 1000;
    for (int round = 0; round < 3; round++)
        for (int key = 0; key < CRASH_KEYS; key++) {
            seed++;
            bool removing = (seed * 7 + round) % 3 == 0;
            acks->trying_key = key;
            acks->trying_seed = removing ? 0 : seed;
            if (removing)
                remove_key(bucket, key_number((size_t)key));
            else
                put(bucket, key_number((size_t)key), body(crash_size(seed), (uint64_t)seed));
            acks->seeds[key] = removing ? 0 : seed;
            acks->trying_key = -1;
            bool more;
            if (key % 5 == 0 && storage_gc_step(store, &more) != STORAGE_OK)
                _exit(2);
        }
    for (bool more = true; more;)
        if (storage_gc_step(store, &more) != STORAGE_OK)
            _exit(2);
}

static bool holds_seed(struct bucket_ref bucket, int key, int seed)
{
    struct object_info info;
    enum storage_err err = get(bucket, key_number((size_t)key), newest_version, &info);
    if (seed == 0)
        return err == STORAGE_NO_SUCH_KEY;
    if (err != STORAGE_OK || info.size_bytes != crash_size(seed))
        return false;
    check_bytes(
        bucket, key_number((size_t)key), newest_version, body(crash_size(seed), (uint64_t)seed));
    return true;
}

static void a_crash_anywhere_loses_nothing(void **state)
{
    (void)state;
    struct acknowledged *acks =
        mmap(NULL, sizeof(*acks), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(acks != MAP_FAILED);
    acks->trying_key = -1;
    struct bucket_ref bucket = make_bucket("bucket");
    bool ended = false;
    int crashes = 0;
    for (int calls = 1; !ended; calls += calls / 3 + 7) {
        store_close();
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            mortal_open(calls);
            crash_work(acks, bucket);
            storage_close(store);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_true(WEXITSTATUS(status) == DIED || WEXITSTATUS(status) == 0);
        ended = WEXITSTATUS(status) == 0;
        crashes += !ended;
        uint64_t found = findings();
        if (found != 0)
            fail_msg("after %d calls: %s", calls, first_finding);
        store_open();
        for (int key = 0; key < CRASH_KEYS; key++) {
            bool as_acknowledged = holds_seed(bucket, key, acks->seeds[key]);
            if (!as_acknowledged && acks->trying_key == key &&
                holds_seed(bucket, key, acks->trying_seed)) {
                acks->seeds[key] = acks->trying_seed; /* done, though nobody was told */
                as_acknowledged = true;
            }
            assert_true(as_acknowledged);
        }
        acks->trying_key = -1;
    }
    assert_true(crashes > 8);
    gc_all();
    size_t live = 0, large = 0;
    for (int key = 0; key < CRASH_KEYS; key++) {
        live += acks->seeds[key] != 0 && crash_size(acks->seeds[key]) > 1000;
        large += acks->seeds[key] != 0 && crash_size(acks->seeds[key]) > PACKED_MAX_BYTES;
    }
    assert_int_equal(own_files(), large); /* no litter */
    assert_true(rows_of(TABLE_EXTENTS) >= live);
    verify_clean();
    munmap(acks, sizeof(*acks));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(deleted_objects_are_taken_apart),
        TEST(overwritten_bytes_are_freed),
        TEST(what_is_read_stays),
        TEST(an_old_epoch_holds_everything_back),
        TEST(copies_share_and_the_last_frees),
        TEST(parts_share_extents),
        TEST(a_blob_of_many_parts_goes_in_steps),
        TEST(uploads_of_a_deleted_bucket_are_aborted),
        TEST(completed_uploads_go_when_they_are_due),
        TEST(due_uploads_leave_the_object),
        TEST(a_crash_anywhere_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
