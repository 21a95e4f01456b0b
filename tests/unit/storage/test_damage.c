/* Damaged index records that the background work meets: it goes on with all else, and the check finds
 * them. And the log's chain of frames, which such work must not break. */
#include "gc_support.h"

#include "storage/local/log.h"

static struct bucket_ref bucket;

static int small_segments(void **state)
{
    test_segment_bytes = 2 * 1024 * 1024;
    int result = store_setup(state);
    bucket = make_bucket("bucket");
    return result;
}

/* The damage stays: the store is not checked. */
static int teardown_damaged(void **state)
{
    if (store)
        store_close();
    return store_teardown(state);
}

struct edit {
    struct engine_work work;
    enum table table;
    bool (*wanted)(struct span key, struct span value);
    bool deletes; /* else a bit of the value is flipped */
    size_t limit, done;
};

static enum storage_err edit_apply(struct engine_work *work, struct commit *commit)
{
    struct edit *edit = (struct edit *)work;
    struct index_cursor *cursor;
    static char keys[64][512], values[64][4096];
    size_t key_lens[64], value_lens[64], count = 0;
    struct span key, value;
    assert_int_equal(index_cursor_open(commit->txn, edit->table, &cursor), STORAGE_OK);
    enum storage_err err = index_seek(cursor, SPAN_ABSENT, &key, &value);
    for (; err == STORAGE_OK && count < edit->limit; err = index_next(cursor, &key, &value)) {
        if (!edit->wanted(key, value))
            continue;
        memcpy(keys[count], key.ptr, key_lens[count] = key.len);
        memcpy(values[count], value.ptr, value_lens[count] = value.len);
        values[count++][value.len / 2] ^= 4;
    }
    index_cursor_close(cursor);
    edit->done = count;
    for (size_t i = 0; i < count; i++) {
        struct span at = span_of(keys[i], key_lens[i]);
        err = edit->deletes
                  ? index_delete(commit->txn, edit->table, at)
                  : index_put(commit->txn, edit->table, at, span_of(values[i], value_lens[i]));
        assert_int_equal(err, STORAGE_OK);
    }
    return STORAGE_OK;
}

static size_t edit_rows(
    enum table table, bool (*wanted)(struct span, struct span), bool deletes, size_t limit)
{
    struct edit edit = {.work.apply = edit_apply,
        .table = table,
        .wanted = wanted,
        .deletes = deletes,
        .limit = limit};
    struct mutation m = {.kind = MUTATION_ENGINE, .engine_data = &edit.work};
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    return edit.done;
}

static bool one_in_four_stays(size_t number)
{
    return number % 4 != 0;
}

static bool all_of_them(size_t number)
{
    (void)number;
    return true;
}

static uint64_t length_wanted, segment_wanted;

static bool has_length(struct span key, struct span value)
{
    struct extent_record record;
    return schema_decode_extent(key, value, &record) == STORAGE_OK &&
           record.extent.length_bytes == length_wanted;
}

static bool is_segment(struct span key, struct span value)
{
    (void)value;
    return key_u64_at(key, 0) == segment_wanted;
}

static bool any_row(struct span key, struct span value)
{
    (void)key, (void)value;
    return true;
}

static void first_segment(void)
{
    struct index_txn *txn;
    struct index_cursor *cursor;
    struct span key, value;
    assert_int_equal(index_read_begin(store->index, &txn), STORAGE_OK);
    assert_int_equal(index_cursor_open(txn, TABLE_SEGMENTS, &cursor), STORAGE_OK);
    assert_int_equal(index_seek(cursor, SPAN_ABSENT, &key, &value), STORAGE_OK);
    segment_wanted = key_u64_at(key, 0);
    index_cursor_close(cursor);
    index_read_end(txn);
}

/* As many steps as would do: damage may make a step fail, but must not stop the others. */
static void gc_some(void)
{
    for (int i = 0; i < 400; i++) {
        bool more;
        enum storage_err err = storage_gc_step(store, &more);
        (void)err;
    }
}

static uint64_t compactions(void)
{
    struct storage_stats stats;
    storage_stats(store, &stats);
    return stats.compactions;
}

static void check_rest(size_t end, size_t size)
{
    for (size_t i = 0; i < end; i += 4)
        check_bytes(bucket, key_number(i), newest_version, body(size, i));
}

static void a_damaged_extent_row_stops_no_compaction(void **state)
{
    (void)state;
    put_many(bucket, 0, 8, 100000);
    put(bucket, SPAN("damaged"), body(123457, 1));
    put_many(bucket, 8, 60, 100000);
    length_wanted = 123457;
    assert_int_equal(edit_rows(TABLE_EXTENTS, has_length, false, 1), 1);
    remove_many(bucket, 0, 60, one_in_four_stays);
    gc_some();
    assert_true(compactions() > 0);
    check_rest(60, 100000);
}

static void a_damaged_segment_row_stops_no_compaction(void **state)
{
    (void)state;
    put_many(bucket, 0, 80, 100000);
    remove_many(bucket, 0, 80, one_in_four_stays);
    gc_some();
    uint64_t before = compactions();
    put_many(bucket, 100, 180, 100000);
    first_segment();
    assert_int_equal(edit_rows(TABLE_SEGMENTS, is_segment, false, 1), 1);
    remove_many(bucket, 100, 180, one_in_four_stays);
    gc_some();
    assert_true(compactions() > before);
}

static void a_damaged_segment_row_holds_back_only_its_own(void **state)
{
    (void)state;
    put_many(bucket, 0, 10, 100000);
    uint64_t before = rows_of(TABLE_EXTENTS);
    first_segment();
    store_reopen(); /* what comes now lies in another segment */
    put_many(bucket, 20, 60, 100000);
    assert_int_equal(edit_rows(TABLE_SEGMENTS, is_segment, false, 1), 1);
    remove_many(bucket, 0, 60, all_of_them);
    gc_some();
    assert_int_equal(rows_of(TABLE_EXTENTS), before);
    assert_int_equal(rows_of(TABLE_FREED), before);
}

/* An object that shares an extent with a freed blob is read by the check all the same. */
static void shared_bytes_are_checked(void **state)
{
    (void)state;
    struct object_info info = put(bucket, SPAN("source"), body(50001, 3));
    struct upload_id upload = begin_upload(bucket, SPAN("shares"));
    copy_part(bucket, SPAN("shares"), upload, 1,
        (struct copy_from){bucket.id, SPAN("source"), info.version, 0, 50001});
    complete_upload(bucket, SPAN("shares"), upload, 1);
    remove_key(bucket, SPAN("source"));
    char path[200];
    snprintf(path, sizeof(path), "%s/segments", test_dir);
    store_close();
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        snprintf(path, sizeof(path), "%s/segments/%.40s", test_dir, entry->d_name);
        int fd = entry->d_name[0] == '.' ? -1 : open(path, O_RDWR);
        if (fd >= 0)
            assert_int_equal(pwrite(fd, "damage", 6, 20000), 6);
        if (fd >= 0)
            close(fd);
    }
    closedir(dir);
    expect_finding("does not match its checksum");
}

/* The counts and hashes are right, and so are all references: only the bytes are nowhere. */
static void an_object_without_its_parts_is_found(void **state)
{
    (void)state;
    struct upload_id upload = begin_upload(bucket, SPAN("composed"));
    for (uint32_t i = 1; i <= 3; i++)
        put_part(bucket, SPAN("composed"), upload, i, SPAN(""));
    put_part(bucket, SPAN("composed"), upload, 3, SPAN(""));
    complete_upload(bucket, SPAN("composed"), upload, 3);
    gc_all();
    assert_int_equal(edit_rows(TABLE_PIECES, any_row, true, 64), 3);
    store_close();
    expect_finding("it has no bytes");
}

/* ---- the log ---- */

struct frames {
    struct log_header headers[64];
    size_t count;
};

static void read_frames(struct frames *frames)
{
    static char bytes[4 << 20];
    char path[200];
    snprintf(path, sizeof(path), "%s/segments", test_dir);
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        snprintf(path, sizeof(path), "%s/segments/%.40s", test_dir, entry->d_name);
        int fd = entry->d_name[0] == '.' ? -1 : open(path, O_RDONLY);
        if (fd < 0)
            continue;
        ssize_t len = read(fd, bytes, sizeof(bytes));
        close(fd);
        for (size_t at = 0; len > 0 && at < (size_t)len; at += EXTENT_ALIGN_BYTES)
            if (frames->count < ARRAY_LEN(frames->headers) &&
                log_frame_open(span_of(bytes + at, (size_t)len - at),
                    &frames->headers[frames->count]) == STORAGE_OK)
                frames->count++;
    }
    closedir(dir);
}

/* A frame that no later one names is void, so what GC commits, without a frame, must not come between. */
static void each_frame_names_the_one_before(void **state)
{
    (void)state;
    static struct frames frames;
    for (size_t i = 0; i < 12; i++) {
        put(bucket, SPAN("key"), body(3000, i));
        if (i % 3 == 0)
            gc_all();
    }
    read_frames(&frames);
    assert_int_equal(frames.count, 13); /* the bucket's, too */
    for (size_t i = 1; i < frames.count; i++)
        assert_int_equal(frames.headers[i].previous_id, frames.headers[i - 1].frame_id);
}

/* An empty store in its place would take all bytes for litter, and sweep them away. */
static void a_missing_index_makes_no_empty_store(void **state)
{
    (void)state;
    char path[128];
    const char *detail = "";
    struct storage_options options = {.dir = test_dir, .no_background = true};
    put(bucket, SPAN("key"), body(3000, 1));
    store_close();
    snprintf(path, sizeof(path), "%s/index/data.mdb", test_dir);
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < 3; i++) { /* what a first try leaves must not deceive the next */
        assert_int_equal(storage_open(&options, &store, &detail), STORAGE_CORRUPT);
        assert_non_null(strstr(detail, "salvage"));
    }
    assert_true(files_below("segments", ".seg") > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, small_segments, store_teardown)
#define BREAKING(name) cmocka_unit_test_setup_teardown(name, small_segments, teardown_damaged)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BREAKING(a_damaged_segment_row_stops_no_compaction),
        BREAKING(a_damaged_segment_row_holds_back_only_its_own),
        BREAKING(a_missing_index_makes_no_empty_store),
        BREAKING(shared_bytes_are_checked),
        BREAKING(an_object_without_its_parts_is_found),
        TEST(each_frame_names_the_one_before),
        BREAKING(a_damaged_extent_row_stops_no_compaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
