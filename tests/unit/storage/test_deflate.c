/* Bodies that are kept compressed read as they were written, wherever they lie. */
#include "gc_support.h"
#include "storage/storage_fd.h"

static struct bucket_ref bucket;
enum { BIG_BYTES = 3 * 1024 * 1024 + 77 };
static char big[BIG_BYTES];

/* Like a table of readings; noise: like something that is compressed already. */
static struct span content(size_t len, bool noise)
{
    uint64_t word = 88172645463325252;
    for (size_t i = 0; i < len; i++) {
        word ^= word << 13, word ^= word >> 7, word ^= word << 17;
        big[i] = noise          ? (char)word
                 : i % 40 == 39 ? '\n'
                 : i % 8 == 7   ? ','
                 : i % 40 < 16  ? (char)('0' + i / 40 % 1000 % 10)
                                : (char)('0' + word % 10);
    }
    return span_of(big, len);
}

/* How it is put: in runs of this, with its size declared or not. */
static struct stage *compressed_stage(struct span bytes, size_t run, bool known)
{
    struct stage *stage = NULL;
    assert_int_equal(
        storage_stage_open(store, known ? bytes.len : STAGE_SIZE_UNKNOWN, &stage), STORAGE_OK);
    assert_int_equal(stage_compress(stage), STORAGE_OK);
    for (size_t at = 0; at < bytes.len; at += run)
        assert_int_equal(stage_write(stage, span_first(span_from(bytes, at), run)), STORAGE_OK);
    assert_int_equal(stage_finish(stage), STORAGE_OK);
    assert_int_equal(stage_size(stage), bytes.len);
    return stage;
}

static void put_compressed(struct span key, struct span bytes, size_t run, bool known)
{
    struct mutation m = {.kind = MUTATION_PUT_OBJECT, .bucket = bucket, .key = key};
    m.put.stage = compressed_stage(bytes, run, known);
    m.put.attributes = attributes_for(bytes);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_int_equal(m.result.size_bytes, bytes.len);
}

static int setup(void **state)
{
    test_segment_bytes = 2 * 1024 * 1024;
    if (store_setup(state) != 0)
        return -1;
    bucket = make_bucket("bucket");
    return 0;
}

static int teardown_closed(void **state)
{
    if (store)
        store_close();
    return store_teardown(state);
}

static uint64_t bytes_kept(void)
{
    struct storage_stats stats;
    storage_stats(store, &stats);
    return stats.segment_live_bytes + stats.file_bytes;
}

static const size_t sizes[] = {0, 1, 511, 4095, 4096, 5000, BLOB_BLOCK_BYTES - 1, BLOB_BLOCK_BYTES,
    BLOB_BLOCK_BYTES + 1, 2 * BLOB_BLOCK_BYTES, 1000000, PACKED_MAX_BYTES, PACKED_MAX_BYTES + 1,
    BIG_BYTES};

static void every_size_reads_as_it_was_written(void **state)
{
    (void)state;
    for (int noise = 0; noise < 2; noise++)
        for (int known = 0; known < 2; known++)
            for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                struct span bytes = content(sizes[i], noise);
                size_t run = i % 3 == 0 ? 1000 : i % 3 == 1 ? 65536 : BLOB_BLOCK_BYTES;
                put_compressed(SPAN("key"), bytes, run, known);
                check_bytes(bucket, SPAN("key"), newest_version, bytes);
                check_counters(bucket, 1, bytes.len, 0);
                struct blob_reader *reader = open_reader(bucket, SPAN("key"));
                check_reader(reader, bytes);
                blob_close(reader);
            }
    store_reopen();
    check_bytes(bucket, SPAN("key"), newest_version, span_of(big, BIG_BYTES));
    verify_clean();
}

static void any_range_is_read(void **state)
{
    (void)state;
    static const size_t at[] = {0, 1, 1000, BLOB_BLOCK_BYTES - 1, BLOB_BLOCK_BYTES,
        BLOB_BLOCK_BYTES + 5, 2 * BLOB_BLOCK_BYTES - 3, 7 * BLOB_BLOCK_BYTES, BIG_BYTES - 1};
    static char read[2 * BLOB_BLOCK_BYTES];
    put_compressed(SPAN("key"), content(BIG_BYTES, false), 65536, true);
    struct blob_reader *reader = open_reader(bucket, SPAN("key"));
    for (size_t round = 0; round < 2; round++) /* forth, and back */
        for (size_t i = 0; i < ARRAY_LEN(at); i++)
            for (size_t len = 1; len <= sizeof(read); len = len * 7 + 1) {
                size_t got = 0, from = at[round ? ARRAY_LEN(at) - 1 - i : i];
                assert_int_equal(blob_read(reader, from, read, len, true, &got), STORAGE_OK);
                assert_in_range(got, 1, len);
                assert_memory_equal(read, big + from, got);
            }
    blob_close(reader);
}

static void it_takes_less_room(void **state)
{
    (void)state;
    put_compressed(SPAN("large"), content(BIG_BYTES, false), 65536, true);
    assert_true(bytes_kept() < BIG_BYTES * 6 / 10);
    uint64_t before = bytes_kept();
    put_compressed(SPAN("small"), content(100000, false), 65536, true);
    assert_true(bytes_kept() - before < 60000);
    before = bytes_kept();
    put_compressed(SPAN("noise"), content(1000000, true), 65536, true);
    assert_true(bytes_kept() - before < 1010000);
}

static void what_is_too_short_or_too_long_is_refused(void **state)
{
    (void)state;
    struct stage *stage = NULL;
    struct span bytes = content(20000, false);
    assert_int_equal(storage_stage_open(store, 20000, &stage), STORAGE_OK);
    assert_int_equal(stage_compress(stage), STORAGE_OK);
    assert_int_equal(stage_write(stage, span_first(bytes, 19999)), STORAGE_OK);
    assert_int_equal(stage_finish(stage), STORAGE_INVALID);
    stage_discard(stage);
    assert_int_equal(storage_stage_open(store, 10000, &stage), STORAGE_OK);
    assert_int_equal(stage_compress(stage), STORAGE_OK);
    assert_int_equal(stage_write(stage, bytes), STORAGE_INVALID);
    stage_discard(stage);
    assert_int_equal(storage_stage_open(store, 20000, &stage), STORAGE_OK);
    assert_int_equal(stage_write(stage, span_first(bytes, 5000)), STORAGE_OK);
    assert_int_equal(stage_compress(stage), STORAGE_INVALID);
    stage_discard(stage);
}

static void parts_and_their_copies_read_well(void **state)
{
    (void)state;
    struct span bytes = content(1500000, false);
    struct upload_id upload = begin_upload(bucket, SPAN("source"));
    for (uint32_t number = 1; number <= 2; number++) {
        struct mutation m = {.kind = MUTATION_PUT_PART, .bucket = bucket, .key = SPAN("source")};
        m.part.upload = upload;
        m.part.number = number;
        m.part.stage = compressed_stage(bytes, 65536, number == 1);
        m.part.attributes = attributes_for(bytes);
        assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    }
    complete_upload(bucket, SPAN("source"), upload, 2);
    struct object_info info;
    assert_int_equal(get(bucket, SPAN("source"), newest_version, &info), STORAGE_OK);
    assert_int_equal(info.size_bytes, 3000000);
    char *both = malloc(3000000);
    memcpy(both, bytes.ptr, 1500000);
    memcpy(both + 1500000, bytes.ptr, 1500000);
    check_bytes(bucket, SPAN("source"), newest_version, span_of(both, 3000000));

    upload = begin_upload(bucket, SPAN("target"));
    copy_part(bucket, SPAN("target"), upload, 1,
        (struct copy_from){bucket.id, SPAN("source"), info.version, 300001, 2000000});
    complete_upload(bucket, SPAN("target"), upload, 1);
    remove_key(bucket, SPAN("source"));
    gc_all();
    check_bytes(bucket, SPAN("target"), newest_version, span_of(both + 300001, 2000000));
    free(both);
    verify_clean();
}

static void compaction_moves_it(void **state)
{
    (void)state;
    char key[16];
    for (int i = 0; i < 60; i++) {
        snprintf(key, sizeof(key), "key-%02d", i);
        put_compressed(span_str(key), content(100000 + (size_t)i, false), 65536, true);
    }
    store_reopen(); /* seals */
    for (int i = 0; i < 60; i++)
        if (i % 5 != 0) {
            snprintf(key, sizeof(key), "key-%02d", i);
            remove_key(bucket, span_str(key));
        }
    gc_all();
    struct storage_stats stats;
    storage_stats(store, &stats);
    assert_true(stats.compactions > 0);
    for (int i = 0; i < 60; i += 5) {
        snprintf(key, sizeof(key), "key-%02d", i);
        check_bytes(bucket, span_str(key), newest_version, content(100000 + (size_t)i, false));
    }
    verify_clean();
}

static void its_file_is_not_for_sendfile(void **state)
{
    (void)state;
    put_compressed(SPAN("key"), content(BIG_BYTES, false), 65536, true);
    struct blob_reader *reader = open_reader(bucket, SPAN("key"));
    int fd = -1;
    uint64_t offset, len = 1;
    assert_int_equal(blob_fd_range(reader, 0, &fd, &offset, &len), STORAGE_OK);
    assert_int_equal(len, 0);
    blob_close(reader);
}

/* Flips one bit of the only own file. */
static void break_file(off_t at)
{
    char path[512] = "";
    for (int i = 0; i < 256 && path[0] == '\0'; i++) {
        char folder[256];
        snprintf(folder, sizeof(folder), "%s/files/%02x", test_dir, i);
        DIR *dir = opendir(folder);
        for (struct dirent *entry; dir && (entry = readdir(dir));)
            if (entry->d_name[0] != '.')
                snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (dir)
            closedir(dir);
    }
    int fd = open(path, O_RDWR);
    char byte;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void damage_is_found_checked_or_not(void **state)
{
    (void)state;
    static char read[BLOB_BLOCK_BYTES];
    put_compressed(SPAN("key"), content(BIG_BYTES, false), 65536, true);
    break_file(1000);
    for (int verify = 0; verify < 2; verify++) {
        struct blob_reader *reader = open_reader(bucket, SPAN("key"));
        size_t got = 0;
        assert_int_equal(blob_read(reader, 0, read, sizeof(read), verify, &got), STORAGE_CORRUPT);
        blob_close(reader);
    }
    store_close();
    assert_true(findings() > 0);
    break_file(1000);
    store_open();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_size_reads_as_it_was_written, setup, teardown_closed),
        cmocka_unit_test_setup_teardown(any_range_is_read, setup, teardown_closed),
        cmocka_unit_test_setup_teardown(it_takes_less_room, setup, teardown_closed),
        cmocka_unit_test_setup_teardown(
            what_is_too_short_or_too_long_is_refused, setup, teardown_closed),
        cmocka_unit_test_setup_teardown(parts_and_their_copies_read_well, setup, teardown_closed),
        cmocka_unit_test_setup_teardown(compaction_moves_it, setup, teardown_closed),
        cmocka_unit_test_setup_teardown(its_file_is_not_for_sendfile, setup, teardown_closed),
        cmocka_unit_test_setup_teardown(damage_is_found_checked_or_not, setup, teardown_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
