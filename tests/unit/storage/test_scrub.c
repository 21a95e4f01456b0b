/* Does a scrub of a store that is in use find what was broken, name whose it is, and nothing else, whatever is
 * written, deleted and moved meanwhile? */
#include "gc_support.h"

#include <endian.h>

static struct bucket_ref bucket;

struct seen {
    char text[16384];
    unsigned count;
    unsigned go_on; /* calls until it is stopped; 0: never */
};

static int setup(void **state)
{
    test_segment_bytes = 2 * 1024 * 1024;
    int result = store_setup(state);
    bucket = make_bucket("bucket");
    return result;
}

/* The damage stays: the store is not checked. */
static int teardown(void **state)
{
    if (store)
        store_close();
    return store_teardown(state);
}

static void take(void *ctx, const struct scrub_finding *finding)
{
    struct seen *seen = ctx;
    size_t len = strlen(seen->text);
    seen->count++;
    snprintf(seen->text + len, sizeof(seen->text) - len, "%.*s", SPAN_ARG(finding->what));
    len = strlen(seen->text);
    if (span_present(finding->key))
        snprintf(seen->text + len, sizeof(seen->text) - len, " of %.*s/%.*s",
            SPAN_ARG(finding->bucket), SPAN_ARG(finding->key));
    len = strlen(seen->text);
    snprintf(seen->text + len, sizeof(seen->text) - len, "\n");
}

static bool go_on(void *ctx, uint64_t bytes)
{
    struct seen *seen = ctx;
    (void)bytes;
    return seen->go_on == 0 || --seen->go_on > 0;
}

/* A whole pass; ends when `stopping`, if it is given, becomes true. */
static void pass(struct seen *seen, uint64_t max_bytes)
{
    struct scrub_position position = {0};
    struct scrub_order order = {
        .max_bytes = max_bytes, .report = take, .go_on = go_on, .ctx = seen};
    bool end = false;
    for (int i = 0; !end; i++) {
        assert_in_range(i, 0, 100000);
        assert_int_equal(storage_scrub_step(store, &order, &position, &end), STORAGE_OK);
    }
}

static void expect_clean(void)
{
    struct seen seen = {0};
    pass(&seen, 1024 * 1024);
    if (seen.count > 0)
        fail_msg("%s", seen.text);
}

static void expect_found(const char *text)
{
    struct seen seen = {0};
    pass(&seen, 1024 * 1024);
    if (!strstr(seen.text, text))
        fail_msg("\"%s\" is not in: %s", text, seen.text);
}

static void fill(void)
{
    put_many(bucket, 0, 300, 100);
    put_many(bucket, 300, 400, 3000);
    put_many(bucket, 400, 404, 700000);
    put(bucket, SPAN("file"), body(3000000, 7));
    struct upload_id upload = begin_upload(bucket, SPAN("composed"));
    put_part(bucket, SPAN("composed"), upload, 1, body(1300000, 8));
    put_part(bucket, SPAN("composed"), upload, 2, body(5000, 9));
    complete_upload(bucket, SPAN("composed"), upload, 2);
    upload = begin_upload(bucket, SPAN("open"));
    put_part(bucket, SPAN("open"), upload, 1, body(6000, 10));
}

static void flip_extent(uint64_t length, uint64_t offset)
{
    struct extent extent = extent_of_length(length);
    char *path = space_path(store->space, extent.segment_id, extent.own_file);
    flip(path, extent.offset_bytes + offset);
    free(path);
}

static void a_whole_store_has_no_findings(void **state)
{
    (void)state;
    expect_clean();
    fill();
    expect_clean();
    store_reopen();
    expect_clean();
}

static void damaged_content_is_found_and_named(void **state)
{
    (void)state;
    static const struct {
        uint64_t length, offset;
        const char *finding, *name;
    } cases[] = {
        {3000, 5, "block 0 does not match its checksum",
            "its content is damaged of bucket/key-000300"},
        {700000, 600000, "block 2 does not match", "of bucket/key-000400"},
        {700000, 700000 + 20, "its footer is damaged", "of bucket/key-000400"},
        {3000000, 2999999, "block 11 does not match", "of bucket/file"},
        {3000000, 3000000 + 60, "its footer is damaged", "of bucket/file"},
        {1300000, 0, "block 0 does not match", "of bucket/composed"},
        {6000, 100, "block 0 does not match", "a part of open upload"},
    };
    fill();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        flip_extent(cases[i].length, cases[i].offset);
        expect_found(cases[i].finding);
        expect_found(cases[i].name);
        flip_extent(cases[i].length, cases[i].offset);
    }
    expect_clean();
}

static void a_missing_file_is_found(void **state)
{
    (void)state;
    fill();
    struct extent extent = extent_of_length(3000000);
    store_reopen(); /* which had the file open */
    char *path = space_path(store->space, extent.segment_id, true);
    assert_int_equal(unlink(path), 0);
    free(path);
    expect_found("its file is missing");
    expect_found("of bucket/file");
}

/* The footer, which grows with the extent, was read again for each of its blocks. */
static void a_footer_is_not_read_for_each_block(void **state)
{
    (void)state;
    enum { SIZE = sizeof(body_bytes) };
    put(bucket, SPAN("file"), body(SIZE, 7));
    struct extent extent = extent_of_length(SIZE);
    store_reopen_counting();
    struct seen seen = {0};
    pass(&seen, 2 * SIZE);
    assert_int_equal(seen.count, 0);
    uint64_t footer = footer_bytes(extent.block_count);
    assert_in_range(
        bytes_read, SIZE + footer, SIZE + 16 * footer); /* there is some log, too; blocks are 32 */
}

static void a_damaged_log_is_found(void **state)
{
    (void)state;
    fill();
    struct extent extent = extent_of_length(6000);
    char *path = space_path(store->space, extent.segment_id, false);
    static char bytes[2 * 1024 * 1024];
    int fd = open(path, O_RDONLY);
    ssize_t len = pread(fd, bytes, sizeof(bytes), 0);
    close(fd);
    const char *frame = memmem(bytes, (size_t)len, "LGLOGFR1", 8);
    assert_non_null(frame);
    flip(path, (uint64_t)(frame - bytes) + 80);
    free(path);
    expect_found("bytes of log");
}

/* ---- the index ---- */

/* A page of the index in the file, on which `text` stands. */
static uint64_t index_page_with(const char *text, char path[static 128])
{
    static char bytes[4 * 1024 * 1024];
    snprintf(path, 128, "%s/index/data.mdb", test_dir);
    int fd = open(path, O_RDONLY);
    ssize_t len = pread(fd, bytes, sizeof(bytes), 0);
    close(fd);
    const char *at = memmem(bytes, (size_t)len, text, strlen(text));
    assert_non_null(at);
    return (uint64_t)(at - bytes);
}

static void a_damaged_record_is_found_while_the_store_is_open(void **state)
{
    (void)state;
    char path[128];
    uint64_t at = 0;
    fill();
    store_reopen();
    /* Freed copies of the page are found as well: until one is met that is in use. */
    struct index_txn *txn;
    struct span key, value;
    struct index_cursor *cursor;
    assert_int_equal(index_read_begin(store->index, &txn), STORAGE_OK);
    assert_int_equal(index_cursor_open(txn, TABLE_OBJECTS, &cursor), STORAGE_OK);
    assert_int_equal(index_seek(cursor, SPAN_ABSENT, &key, &value), STORAGE_OK);
    static char copy[600];
    memcpy(copy, value.ptr, value.len);
    const char *mapped = value.ptr;
    index_cursor_close(cursor);
    (void)index_page_with("key-000001", path);
    int fd = open(path, O_RDONLY);
    static char bytes[4 * 1024 * 1024];
    ssize_t len = pread(fd, bytes, sizeof(bytes), 0);
    close(fd);
    for (char *found = bytes;
         (found = memmem(found, (size_t)(bytes + len - found), copy, value.len)); found++) {
        at = (uint64_t)(found - bytes) + 20;
        flip(path, at);
        bool seen = memcmp(mapped, copy, value.len) != 0;
        if (seen)
            break;
        flip(path, at);
    }
    index_read_end(txn);
    expect_found("is damaged");
    expect_found("not those that were written");
}

/* The child meets pages that LMDB cannot bear, or that are none. */
static void damaged_pages_are_found_and_end_nothing(void **state)
{
    (void)state;
    char path[128];
    fill();
    store_reopen();
    snprintf(path, sizeof(path), "%s/index/data.mdb", test_dir);
    /* All leaf pages lose a record. */
    static char bytes[4 * 1024 * 1024];
    int fd = open(path, O_RDWR);
    ssize_t len = pread(fd, bytes, sizeof(bytes), 0);
    for (ssize_t page = 2 * 4096; page + 4096 <= len; page += 4096) {
        uint16_t flags, lower;
        memcpy(&flags, bytes + page + 10, 2);
        memcpy(&lower, bytes + page + 12, 2);
        lower = (uint16_t)(lower - 2);
        if (flags == 2 && lower > 40)
            assert_int_equal(pwrite(fd, &lower, 2, page + 12), 2);
    }
    expect_found("records, but there should be");
    /* And then what is on them is nothing at all. */
    for (ssize_t page = 2 * 4096; page + 4096 <= len; page += 4096)
        assert_int_equal(pwrite(fd, "\xff\xff\xff\xff\xff\xff", 6, page + 12), 6);
    struct seen seen = {0};
    struct scrub_position position = {0};
    struct scrub_order order = {.max_bytes = 1, .report = take, .go_on = go_on, .ctx = &seen};
    bool end;
    assert_int_equal(storage_scrub_step(store, &order, &position, &end), STORAGE_OK);
    assert_true(seen.count > 0);
    assert_int_equal(pwrite(fd, bytes, (size_t)len, 0), len);
    close(fd);
    expect_clean();
}

/* A seek beside it leads back, and the pass went round for ever. */
static void a_key_out_of_order_does_not_hold_up_a_pass(void **state)
{
    (void)state;
    char path[128];
    static char bytes[4 * 1024 * 1024];
    fill();
    uint64_t wanted = htobe64(extent_of_length(700000).id);
    store_reopen();
    snprintf(path, sizeof(path), "%s/index/data.mdb", test_dir);
    int fd = open(path, O_RDONLY);
    ssize_t len = pread(fd, bytes, sizeof(bytes), 0);
    close(fd);
    for (char *at = bytes; (at = memmem(at, (size_t)(bytes + len - at), &wanted, 8)); at++)
        flip(path, (uint64_t)(at - bytes) + 1);
    expect_found("is damaged");
}

/* ---- going on ---- */

static void a_pass_goes_on_where_it_was(void **state)
{
    (void)state;
    struct scrub_position position = {0};
    struct seen seen = {0};
    struct scrub_order order = {.max_bytes = 300000, .report = take, .go_on = go_on, .ctx = &seen};
    bool end = false;
    unsigned steps = 0;
    uint64_t last = 0;
    fill();
    flip_extent(3000000, 100);
    while (!end) {
        assert_in_range(++steps, 1, 1000);
        enum storage_err err = storage_scrub_step(store, &order, &position, &end);
        assert_true(err == STORAGE_OK || err == STORAGE_BUSY);
        assert_true(position.checked_bytes >= last);
        last = position.checked_bytes;
        store_reopen();
        seen.go_on = steps % 3; /* and now and then it is stopped */
    }
    assert_true(steps > 15);
    assert_non_null(strstr(seen.text, "block 0 does not match"));
    assert_non_null(strstr(seen.text, "of bucket/file"));
    assert_true(position.checked_bytes > 7000000);
}

static void a_position_of_another_release_begins_anew(void **state)
{
    (void)state;
    struct scrub_position position = {.format = 77, .phase = 3, .bad_count = 1u << 30};
    struct seen seen = {0};
    struct scrub_order order = {.max_bytes = 1, .report = take, .go_on = go_on, .ctx = &seen};
    bool end;
    assert_int_equal(storage_scrub_step(store, &order, &position, &end), STORAGE_OK);
    assert_int_equal(position.phase, 1);
    assert_int_equal(position.bad_count, 0);
}

/* What is freed may be given back before its rows go: that is no damage. */
static void what_is_being_given_back_is_no_damage(void **state)
{
    (void)state;
    fill();
    struct extent extent = extent_of_length(3000000);
    remove_key(bucket, SPAN("file"));
    char *path = space_path(store->space, extent.segment_id, true);
    assert_int_equal(unlink(path), 0);
    free(path);
    store_reopen();
    expect_clean();
    gc_all();
    expect_clean();
}

/* ---- while others work ---- */

static atomic_bool stop;

static void *work(void *ctx)
{
    unsigned number = (unsigned)(uintptr_t)ctx;
    static char source[1400000];
    for (unsigned i = 0; !atomic_load(&stop); i++) {
        char key[32];
        static const size_t sizes[] = {50, 300, 3000, 40000, 1300000, 0};
        size_t size = sizes[i % ARRAY_LEN(sizes)];
        snprintf(key, sizeof(key), "worker-%u-%u", number, (i * 7) % 60);
        struct span bytes = span_of(source, size);
        struct stage *stage = NULL;
        if (size > 0 &&
            (storage_stage_open(store, size, &stage) != STORAGE_OK ||
                stage_write(stage, bytes) != STORAGE_OK || stage_finish(stage) != STORAGE_OK))
            abort();
        struct mutation m = {.kind = MUTATION_PUT_OBJECT, .bucket = bucket, .key = span_str(key)};
        m.put.stage = stage;
        if (storage_commit(store, &m) != STORAGE_OK)
            abort();
        struct mutation d = {
            .kind = MUTATION_DELETE_OBJECT, .bucket = bucket, .key = span_str(key)};
        if (i % 3 == 0 && storage_commit(store, &d) != STORAGE_OK)
            abort();
    }
    return NULL;
}

/* With GC, compaction and the growing of a small map. */
static void passes_beside_writers_find_nothing(void **state)
{
    (void)state;
    pthread_t threads[4];
    store_close();
    struct storage_options options = {
        .dir = test_dir, .map_bytes = 2 * 1024 * 1024, .segment_bytes = 2 * 1024 * 1024};
    const char *detail = "";
    assert_int_equal(storage_open(&options, &store, &detail), STORAGE_OK);
    put_many(bucket, 0, 9000, 60);
    atomic_store(&stop, false);
    for (uintptr_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    struct seen seen = {0};
    for (int i = 0; i < 8; i++)
        pass(&seen, 4 * 1024 * 1024);
    atomic_store(&stop, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    if (seen.count > 0)
        fail_msg("%s", seen.text);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_whole_store_has_no_findings),
        CASE(damaged_content_is_found_and_named),
        CASE(a_missing_file_is_found),
        CASE(a_footer_is_not_read_for_each_block),
        CASE(a_damaged_log_is_found),
        CASE(a_damaged_record_is_found_while_the_store_is_open),
        CASE(damaged_pages_are_found_and_end_nothing),
        CASE(a_key_out_of_order_does_not_hold_up_a_pass),
        CASE(a_pass_goes_on_where_it_was),
        CASE(a_position_of_another_release_begins_anew),
        CASE(what_is_being_given_back_is_no_damage),
        CASE(passes_beside_writers_find_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
