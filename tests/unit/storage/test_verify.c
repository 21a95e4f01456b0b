/* Does the offline check find what was broken on purpose, and nothing else? */
#include "gc_support.h"

static struct bucket_ref bucket;

static int small_segments(void **state)
{
    test_segment_bytes = 2 * 1024 * 1024;
    return store_setup(state);
}

/* Leaves the store closed. */
static int teardown_closed(void **state)
{
    if (store)
        store_close();
    return store_teardown(state);
}

/* One of everything. */
static void fill(void)
{
    static char long_key[1000];
    static char metadata[2000];
    memset(long_key, 'x', sizeof(long_key));
    memset(metadata, 'm', sizeof(metadata));
    bucket = make_bucket("bucket");
    make_bucket("empty");
    put_many(bucket, 0, 30, 100); /* inline */
    put_many(bucket, 30, 60, 3000);
    put_many(bucket, 60, 63, 700000);
    put_many(bucket, 63, 65, 2000000);
    put(bucket, span_of(long_key, 1000), body(1000, 1));
    put(bucket, span_of(long_key, 700), body(1000, 2));
    put(bucket, SPAN("nothing"), SPAN(""));
    struct mutation m = put_of(bucket, SPAN("described"), body(4000, 9));
    m.put.attributes.metadata = span_of(metadata, sizeof(metadata));
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    struct mutation d = {.kind = MUTATION_PUT_DOCUMENT, .bucket = bucket};
    d.document.kind = DOCUMENT_POLICY;
    d.document.text = SPAN("{}");
    assert_int_equal(storage_commit(store, &d), STORAGE_OK);
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    struct object_info version = put(bucket, SPAN("versioned"), body(2500, 3));
    put(bucket, SPAN("versioned"), body(2600, 4));
    remove_key(bucket, SPAN("versioned"));
    copy_object(bucket, SPAN("versioned"), version.version, SPAN("copied"));
    struct upload_id open = begin_upload(bucket, SPAN("open"));
    put_part(bucket, SPAN("open"), open, 1, body(3000, 5));
    put_part(bucket, SPAN("open"), open, 7, body(1200000, 6));
    begin_upload(bucket, span_of(long_key, 999));
    struct upload_id done = begin_upload(bucket, SPAN("done"));
    put_part(bucket, SPAN("done"), done, 1, body(5000, 7));
    copy_part(bucket, SPAN("done"), done, 2,
        (struct copy_from){bucket.id, SPAN("versioned"), version.version, 100, 2000});
    complete_upload(bucket, SPAN("done"), done, 2);
    put(bucket, SPAN("gone"), body(2000, 8));
    delete_version(bucket, key_number(31), newest_version);
    assert_int_equal(set_versioning(bucket, VERSIONING_SUSPENDED), STORAGE_OK);
    put(bucket, SPAN("gone"), body(2100, 9)); /* beside the version */
    remove_key(bucket, key_number(32));       /* frees a blob */
}

static void a_whole_store_is_clean(void **state)
{
    (void)state;
    verify_clean(); /* empty */
    fill();
    verify_clean();
    gc_all();
    verify_clean();
}

static void a_store_in_use_is_refused(void **state)
{
    (void)state;
    uint64_t count = 5;
    assert_int_equal(storage_verify(test_dir, note_finding, NULL, &count), STORAGE_IN_USE);
    assert_int_equal(
        storage_verify("/nonexistent/folder", note_finding, NULL, &count), STORAGE_UNUSABLE);
    assert_int_equal(count, 5);
}

/* ---- breaking things ---- */

struct sabotage {
    struct engine_work work;
    enum table table;
    bool (*breaks)(struct commit *commit, struct span key, struct span value);
    bool done;
};

/* Hands the records of a table to `breaks` until it has found one to change. */
static enum storage_err break_one(struct engine_work *work, struct commit *commit)
{
    struct sabotage *sabotage = (struct sabotage *)work;
    struct index_cursor *cursor;
    struct span key, value;
    enum storage_err err = index_cursor_open(commit->txn, sabotage->table, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, SPAN_ABSENT, &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        static char copies[2][4096];
        memcpy(copies[0], key.ptr, key.len);
        memcpy(copies[1], value.ptr, value.len);
        sabotage->done =
            sabotage->breaks(commit, span_of(copies[0], key.len), span_of(copies[1], value.len));
        if (sabotage->done)
            break;
    }
    index_cursor_close(cursor);
    return err;
}

typedef bool breaks_fn(struct commit *commit, struct span key, struct span value);

static bool deletes_row(struct commit *commit, enum table table, struct span key)
{
    assert_int_equal(index_delete(commit->txn, table, key), STORAGE_OK);
    return true;
}

static bool deletes_blob(struct commit *commit, struct span key, struct span value)
{
    (void)value;
    return deletes_row(commit, TABLE_BLOBS, key);
}

static bool deletes_extent(struct commit *commit, struct span key, struct span value)
{
    (void)value;
    return deletes_row(commit, TABLE_EXTENTS, key);
}

static bool deletes_piece(struct commit *commit, struct span key, struct span value)
{
    (void)value;
    return deletes_row(commit, TABLE_PIECES, key);
}

static bool deletes_key_row(struct commit *commit, struct span key, struct span value)
{
    (void)value;
    return deletes_row(commit, TABLE_ROWS, key);
}

static bool deletes_side(struct commit *commit, struct span key, struct span value)
{
    (void)value;
    return deletes_row(commit, TABLE_SIDE, key);
}

static bool deletes_bucket_id(struct commit *commit, struct span key, struct span value)
{
    (void)value;
    return deletes_row(commit, TABLE_BUCKET_IDS, key);
}

static bool deletes_continuation(struct commit *commit, struct span key, struct span value)
{
    (void)value;
    return key.ptr[key.len - 1] == 1 && deletes_row(commit, TABLE_OBJECTS, key);
}

static bool miscounts_blob(struct commit *commit, struct span key, struct span value)
{
    struct blob_record record;
    assert_int_equal(schema_decode_blob(key, value, &record), STORAGE_OK);
    record.references++;
    schema_encode_blob(key, &record, &commit->value);
    return commit_put(commit, TABLE_BLOBS, key) == STORAGE_OK;
}

static bool miscounts_extent(struct commit *commit, struct span key, struct span value)
{
    struct extent_record record;
    assert_int_equal(schema_decode_extent(key, value, &record), STORAGE_OK);
    record.references += 2;
    schema_encode_extent(key, &record, &commit->value);
    return commit_put(commit, TABLE_EXTENTS, key) == STORAGE_OK;
}

static bool misplaces_extent(struct commit *commit, struct span key, struct span value)
{
    struct extent_record record;
    assert_int_equal(schema_decode_extent(key, value, &record), STORAGE_OK);
    record.extent.offset_bytes += 8;
    schema_encode_extent(key, &record, &commit->value);
    return !record.extent.own_file && commit_put(commit, TABLE_EXTENTS, key) == STORAGE_OK;
}

static bool shortens_piece(struct commit *commit, struct span key, struct span value)
{
    struct piece_record record;
    assert_int_equal(schema_decode_piece(key, value, &record), STORAGE_OK);
    record.length_bytes--;
    schema_encode_piece(key, &record, &commit->value);
    return commit_put(commit, TABLE_PIECES, key) == STORAGE_OK;
}

static bool miscounts_segment(struct commit *commit, struct span key, struct span value)
{
    struct segment_record record;
    assert_int_equal(schema_decode_segment(key, value, &record), STORAGE_OK);
    return !record.own_file &&
           commit_segment_change(commit, key_u64_at(key, 0), false, 8, 0) == STORAGE_OK;
}

static bool miscounts_bucket(struct commit *commit, struct span key, struct span value)
{
    (void)value;
    struct bucket_entry *entry;
    if (commit_bucket_named(commit, key, &entry) != STORAGE_OK)
        return false;
    entry->record.object_count++;
    commit_bucket_changed(commit, entry);
    return true;
}

static bool resizes_object(struct commit *commit, struct span key, struct span value)
{
    struct object_record record;
    if (key.ptr[key.len - 1] == 1 || schema_decode_object(key, value, &record) != STORAGE_OK ||
        record.blob_id == 0)
        return false;
    record.size_bytes++;
    schema_encode_object(key, &record, &commit->value);
    return commit_put(commit, TABLE_OBJECTS, key) == STORAGE_OK;
}

static bool flips_a_record(struct commit *commit, struct span key, struct span value)
{
    static char changed[4096];
    memcpy(changed, value.ptr, value.len);
    changed[value.len / 2] ^= 1;
    return index_put(commit->txn, TABLE_OBJECTS, key, span_of(changed, value.len)) == STORAGE_OK;
}

static void broken_records_are_found(void **state)
{
    static const struct {
        enum table table;
        breaks_fn *breaks;
        const char *finding;
    } cases[] = {
        {TABLE_BLOBS, deletes_blob, "which does not exist"},
        {TABLE_EXTENTS, deletes_extent, "which does not exist"},
        {TABLE_PIECES, deletes_piece, "has no bytes"},
        {TABLE_ROWS, deletes_key_row, "its row does not exist"},
        {TABLE_SIDE, deletes_side, "metadata is missing"},
        {TABLE_BUCKET_IDS, deletes_bucket_id, "not found by its id"},
        {TABLE_OBJECTS, deletes_continuation, "objects of"},
        {TABLE_BLOBS, miscounts_blob, "references, there are"},
        {TABLE_EXTENTS, miscounts_extent, "references, there are"},
        {TABLE_EXTENTS, misplaces_extent, "extent"},
        {TABLE_PIECES, shortens_piece, "bytes long, but its pieces have"},
        {TABLE_SEGMENTS, miscounts_segment, "live bytes"},
        {TABLE_BUCKETS, miscounts_bucket, "it counts"},
        {TABLE_OBJECTS, resizes_object, "its blob"},
        {TABLE_OBJECTS, flips_a_record, "is damaged"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fill();
        struct sabotage sabotage = {
            .work.apply = break_one, .table = cases[i].table, .breaks = cases[i].breaks};
        struct mutation m = {.kind = MUTATION_ENGINE, .engine_data = &sabotage};
        assert_int_equal(storage_commit(store, &m), STORAGE_OK);
        assert_true(sabotage.done);
        store_close();
        expect_finding(cases[i].finding);
        assert_int_equal(teardown_closed(state), 0);
        assert_int_equal(small_segments(state), 0);
    }
}

/* ---- bytes ---- */

static void flipped_bytes_are_found(void **state)
{
    (void)state;
    static const struct {
        uint64_t length; /* of the extent */
        uint64_t offset;
        const char *finding;
    } cases[] = {
        {3000, 0, "block 0 does not match"},
        {3000, 2999, "block 0 does not match"},
        {3000, 3000 + 20, "footer is damaged"},
        {700000, 600000, "block 2 does not match"},
        {2000000, 262144, "block 1 does not match"},
        {2000000, 2000000 + 60, "footer is damaged"},
        {1200000, 1199999, "block 4 does not match"},
    };
    fill();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct extent extent = extent_of_length(cases[i].length);
        char *path = space_path(store->space, extent.segment_id, extent.own_file);
        uint64_t at = extent.offset_bytes + cases[i].offset;
        flip(path, at);
        store_close();
        expect_finding(cases[i].finding);
        flip(path, at);
        assert_int_equal(findings(), 0);
        free(path);
        store_open();
    }
}

static void note_named(void *ctx, const char *line)
{
    int *named = ctx;
    *named += strstr(line, "object bucket/key-000062: its content is damaged") != NULL;
}

static void damaged_objects_are_named(void **state)
{
    (void)state;
    fill();
    struct object_info info;
    assert_int_equal(get(bucket, key_number(62), newest_version, &info), STORAGE_OK);
    /* Three bodies of that length: all are broken, so this one too. */
    struct index_txn *txn;
    struct index_cursor *cursor;
    struct span key, value;
    char *paths[3];
    uint64_t offsets[3];
    size_t count = 0;
    assert_int_equal(index_read_begin(store->index, &txn), STORAGE_OK);
    assert_int_equal(index_cursor_open(txn, TABLE_EXTENTS, &cursor), STORAGE_OK);
    enum storage_err err = index_seek(cursor, SPAN_ABSENT, &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        struct extent_record record;
        assert_int_equal(schema_decode_extent(key, value, &record), STORAGE_OK);
        if (record.extent.length_bytes != 700000)
            continue;
        paths[count] = space_path(store->space, record.extent.segment_id, false);
        offsets[count++] = record.extent.offset_bytes;
    }
    index_cursor_close(cursor);
    index_read_end(txn);
    assert_int_equal(count, 3);
    struct blob_reader *reader = open_reader(bucket, key_number(62));
    for (size_t i = 0; i < 3; i++) {
        flip(paths[i], offsets[i] + 5);
        free(paths[i]);
    }
    static char got[BLOB_BLOCK_BYTES];
    size_t n;
    assert_int_equal(blob_read(reader, 0, got, sizeof(got), true, &n), STORAGE_CORRUPT);
    assert_int_equal(blob_read(reader, 0, got, sizeof(got), false, &n), STORAGE_OK);
    assert_int_equal(blob_read(reader, BLOB_BLOCK_BYTES, got, sizeof(got), true, &n), STORAGE_OK);
    blob_close(reader);
    store_close();
    int named = 0;
    uint64_t told = 0;
    assert_int_equal(storage_verify(test_dir, note_named, &named, &told), STORAGE_OK);
    assert_int_equal(told, 6);
    assert_int_equal(named, 1);
}

static void missing_files_are_found(void **state)
{
    static const struct {
        uint64_t length;
        off_t truncate_to; /* -1: remove */
        const char *finding;
    } cases[] = {
        {2000000, -1, "file is missing"},
        {2000000, 1000000, "footer is damaged"},
        {3000, -1, "file is missing"},
        {3000, 4096, "file ends at 4096"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fill();
        struct extent extent = extent_of_length(cases[i].length);
        char *path = space_path(store->space, extent.segment_id, extent.own_file);
        store_close();
        if (cases[i].truncate_to < 0)
            assert_int_equal(unlink(path), 0);
        else
            assert_int_equal(truncate(path, cases[i].truncate_to), 0);
        expect_finding(cases[i].finding);
        free(path);
        assert_int_equal(teardown_closed(state), 0);
        assert_int_equal(small_segments(state), 0);
    }
}

/* Whatever LMDB makes of damaged pages, the check comes back and says so. */
static void damaged_pages_do_not_end_the_caller(void **state)
{
    (void)state;
    char path[200], copy[200], command[500];
    fill();
    store_close();
    snprintf(path, sizeof(path), "%s/index/data.mdb", test_dir);
    snprintf(copy, sizeof(copy), "%s/data.kept", test_dir);
    snprintf(command, sizeof(command), "cp --sparse=always %s %s", path, copy);
    assert_int_equal(system(command), 0);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    uint64_t found = 0;
    for (uint64_t page = 2; page < 40; page++) {
        int fd = open(path, O_RDWR);
        char bytes[4096];
        memset(bytes, (int)(page * 37), sizeof(bytes));
        assert_int_equal(pwrite(fd, bytes, sizeof(bytes), (off_t)(page * 4096)), 4096);
        close(fd);
        uint64_t count = 0;
        first_finding[0] = '\0';
        enum storage_err err = storage_verify(test_dir, note_finding, NULL, &count);
        assert_true(err == STORAGE_OK || err == STORAGE_CORRUPT || err == STORAGE_UNUSABLE);
        found += err != STORAGE_OK || count > 0;
        snprintf(command, sizeof(command), "cp --sparse=always %s %s", copy, path);
        assert_int_equal(system(command), 0);
    }
    assert_true(found > 10); /* the other pages were free ones */
    assert_int_equal(findings(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, small_segments, teardown_closed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_store_is_clean),
        TEST(a_store_in_use_is_refused),
        TEST(broken_records_are_found),
        TEST(flipped_bytes_are_found),
        TEST(damaged_objects_are_named),
        TEST(missing_files_are_found),
        TEST(damaged_pages_do_not_end_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
