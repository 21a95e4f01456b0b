/* Multipart uploads and copies: parts put, put again, left out, copied; objects copied. */
#include "engine_support.h"

static char bytes_of_test[8 * 1024 * 1024];

/* Different bytes for each seed; at most a quarter of the buffer at once for four seeds. */
static struct span content(size_t seed, size_t len)
{
    char *at = bytes_of_test + (seed % 4) * (sizeof(bytes_of_test) / 4);
    for (size_t i = 0; i < len; i++)
        at[i] = (char)((i * 2654435761u >> 7) + seed * 31);
    return span_of(at, len);
}

static struct upload_id begin(struct bucket_ref bucket, struct span key, struct span metadata)
{
    struct mutation m = {.kind = MUTATION_CREATE_UPLOAD, .bucket = bucket, .key = key};
    m.create_upload.attributes.metadata = metadata;
    m.create_upload.attributes.storage_class = 2;
    m.create_upload.checksum_algo = DIGEST_CRC32C;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    return m.upload;
}

static void put_part(struct bucket_ref bucket, struct span key, struct upload_id upload,
    uint32_t number, struct span bytes)
{
    struct mutation m = put_part_of(bucket, key, upload, number, bytes);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_int_equal(m.result.size_bytes, bytes.len);
}

static uint64_t generation_of(struct bucket_ref bucket, struct span key, struct upload_id upload)
{
    struct upload_info info;
    assert_int_equal(
        storage_upload_get(store, bucket.id, key, upload, &test_arena, &info), STORAGE_OK);
    return info.generation;
}

static struct mutation complete_of(struct bucket_ref bucket, struct span key,
    struct upload_id upload, const struct part_choice *parts, size_t count)
{
    struct mutation m = {.kind = MUTATION_COMPLETE_UPLOAD, .bucket = bucket, .key = key};
    m.complete.upload = upload;
    m.complete.parts = parts;
    m.complete.part_count = count;
    m.complete.generation = generation_of(bucket, key, upload);
    memset(m.complete.parts_hash, (int)count, MD5_BYTES);
    m.complete.attributes.etag.part_count = (uint32_t)count;
    return m;
}

static uint64_t freed_count(void)
{
    struct storage_stats stats;
    storage_stats(store, &stats);
    return stats.freed_pending;
}

/* m would succeed, and still would afterwards. */
static void check_refused_completes(struct mutation *m)
{
    static const struct part_choice unknown[] = {{1}, {4}}, unordered[] = {{2}, {1}};
    struct mutation good = *m;
    m->complete.generation--;
    assert_int_equal(storage_commit(store, m), STORAGE_CHANGED);
    m->complete.generation++;
    m->complete.parts = unknown;
    m->complete.part_count = 2;
    assert_int_equal(storage_commit(store, m), STORAGE_NO_SUCH_PART);
    m->complete.parts = unordered;
    assert_int_equal(storage_commit(store, m), STORAGE_INVALID);
    m->complete.parts = good.complete.parts;
    m->complete.part_count = good.complete.part_count;
    m->if_match = (struct etag_list){.present = true, .any = true};
    assert_int_equal(storage_commit(store, m), STORAGE_NO_SUCH_KEY);
    m->if_match.present = false;
}

/* The same Complete again is answered as the first one, m; nothing else is taken. */
static void check_completed(const struct mutation *m)
{
    struct upload_id upload = m->complete.upload;
    struct mutation again = *m;
    assert_int_equal(storage_commit(store, &again), STORAGE_OK);
    assert_int_equal(again.result.version.sequence, m->result.version.sequence);
    again.complete.parts_hash[0] ^= 1;
    assert_int_equal(storage_commit(store, &again), STORAGE_NO_SUCH_UPLOAD);
    struct mutation late = put_part_of(m->bucket, m->key, upload, 9, SPAN("late"));
    assert_int_equal(storage_commit(store, &late), STORAGE_NO_SUCH_UPLOAD);
    struct mutation abort = {.kind = MUTATION_ABORT_UPLOAD, .bucket = m->bucket, .key = m->key};
    abort.abort.upload = upload;
    assert_int_equal(storage_commit(store, &abort), STORAGE_NO_SUCH_UPLOAD);
}

/* Of parts 1, 2 and 5. */
static void check_parts(struct blob_reader *reader)
{
    struct part_page page;
    struct part_info part;
    assert_int_equal(blob_parts(reader, 1, 10, &test_arena, &page), STORAGE_OK);
    assert_int_equal(page.total, 3);
    assert_int_equal(page.count, 2);
    assert_int_equal(page.items[1].number, 5);
    assert_int_equal(page.items[1].offset_bytes, 2 * 1024 * 1024 + 300000);
    assert_int_equal(blob_part(reader, 3, &part), STORAGE_NO_SUCH_PART);
    assert_int_equal(blob_part(reader, 5, &part), STORAGE_OK);
    assert_int_equal(part.size_bytes, 700000);
}

static void check_reads_to_and_fro(struct blob_reader *reader, const char *whole)
{
    static char piece[100000];
    static const uint64_t offsets[] = {
        2 * 1024 * 1024 - 5, 0, 2400000, 2 * 1024 * 1024 + 299999, 1};
    for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
        size_t got, done = 0;
        while (done < sizeof(piece)) {
            assert_int_equal(blob_read(reader, offsets[i] + done, piece + done,
                                 sizeof(piece) - done, i % 2 == 0, &got),
                STORAGE_OK);
            done += got;
        }
        assert_memory_equal(piece, whole + offsets[i], sizeof(piece));
    }
}

static void test_an_upload_from_begin_to_end(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("uploads");
    struct span key = SPAN("dir/object");
    struct upload_id upload = begin(bucket, key, SPAN("some metadata"));
    check_counters(bucket, 0, 0, 1);
    put_part(bucket, key, upload, 2, content(2, 1000));
    put_part(bucket, key, upload, 1, content(1, 2 * 1024 * 1024));
    put_part(bucket, key, upload, 5, content(3, 700000));
    put_part(bucket, key, upload, 3, SPAN("dropped"));
    put_part(bucket, key, upload, 2, content(0, 300000)); /* put again */
    assert_int_equal(freed_count(), 1);

    struct part_page page;
    uint64_t generation;
    assert_int_equal(
        storage_upload_parts(store, bucket.id, key, upload, 1, 2, &test_arena, &page, &generation),
        STORAGE_OK);
    assert_int_equal(page.count, 2);
    assert_true(page.truncated);
    assert_int_equal(page.items[0].number, 2);
    assert_int_equal(page.items[0].size_bytes, 300000);
    assert_int_equal(generation, 6);

    static const struct part_choice parts[] = {{1}, {2}, {5}};
    struct mutation m = complete_of(bucket, key, upload, parts, 3);
    check_refused_completes(&m);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    uint64_t size = 2 * 1024 * 1024 + 300000 + 700000;
    assert_int_equal(m.result.size_bytes, size);
    check_counters(bucket, 1, size, 0);
    assert_int_equal(freed_count(), 3); /* the old part 2, part 3, the completed row */
    check_completed(&m);

    store_reopen();
    char *whole = malloc(size);
    memcpy(whole, content(1, 2 * 1024 * 1024).ptr, 2 * 1024 * 1024);
    memcpy(whole + 2 * 1024 * 1024, content(0, 300000).ptr, 300000);
    memcpy(whole + 2 * 1024 * 1024 + 300000, content(3, 700000).ptr, 700000);
    check_bytes(bucket, key, newest_version, span_of(whole, size));

    struct object_info info;
    struct blob_reader *reader;
    assert_int_equal(
        storage_object_open(store, bucket.id, key, newest_version, &test_arena, &info, &reader),
        STORAGE_OK);
    assert_true(span_eq(info.attributes.metadata, SPAN("some metadata")));
    assert_int_equal(info.attributes.storage_class, 2);
    check_parts(reader);
    check_reads_to_and_fro(reader, whole);
    blob_close(reader);
    free(whole);
}

static void test_uploads_are_listed_and_aborted(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("listed");
    struct upload_id first = begin(bucket, SPAN("a/1"), SPAN("")),
                     second = begin(bucket, SPAN("a/1"), SPAN("")),
                     third = begin(bucket, SPAN("b"), SPAN(""));
    char long_key[1000];
    memset(long_key, 'z', sizeof(long_key));
    struct upload_id fourth = begin(bucket, span_of(long_key, 700), SPAN(""));
    struct upload_query query = {.bucket_id = bucket.id, .max = 10};
    struct upload_page page;
    assert_int_equal(storage_upload_list(store, &query, &test_arena, &page), STORAGE_OK);
    assert_int_equal(page.count, 4);
    assert_int_equal(page.items[0].info.id.blob_id, first.blob_id);
    assert_int_equal(page.items[1].info.id.blob_id, second.blob_id);
    assert_int_equal(page.items[3].info.id.random, fourth.random);
    query.max = 1;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(storage_upload_list(store, &query, &test_arena, &page), STORAGE_OK);
        assert_int_equal(page.count, 1);
        assert_int_equal(page.truncated, i < 3);
        query.after_key = page.items[0].key;
        query.after_upload = page.items[0].info.id;
    }
    assert_int_equal(storage_upload_list(store, &query, &test_arena, &page), STORAGE_OK);
    assert_int_equal(page.count, 0);
    query = (struct upload_query){.bucket_id = bucket.id, .max = 10, .delimiter = SPAN("/")};
    assert_int_equal(storage_upload_list(store, &query, &test_arena, &page), STORAGE_OK);
    assert_int_equal(page.count, 3);
    assert_true(page.items[0].is_prefix);
    query = (struct upload_query){.bucket_id = bucket.id, .max = 10, .after_key = SPAN("a/1")};
    assert_int_equal(storage_upload_list(store, &query, &test_arena, &page), STORAGE_OK);
    assert_int_equal(page.count, 2);

    put_part(bucket, SPAN("b"), third, 1, content(1, 100));
    struct mutation abort = {.kind = MUTATION_ABORT_UPLOAD, .bucket = bucket, .key = SPAN("b")};
    abort.abort.upload = third;
    abort.abort.upload.random ^= 1;
    assert_int_equal(storage_commit(store, &abort), STORAGE_NO_SUCH_UPLOAD);
    abort.abort.upload = third;
    assert_int_equal(storage_commit(store, &abort), STORAGE_OK);
    assert_int_equal(storage_commit(store, &abort), STORAGE_NO_SUCH_UPLOAD);
    check_counters(bucket, 0, 0, 3);
    struct upload_info info;
    assert_int_equal(storage_upload_get(store, bucket.id, SPAN("b"), third, &test_arena, &info),
        STORAGE_NO_SUCH_UPLOAD);
    struct mutation gone = {.kind = MUTATION_DELETE_BUCKET, .bucket = bucket};
    assert_int_equal(storage_commit(store, &gone), STORAGE_OK); /* uploads do not keep a bucket */
    bool more = true;
    for (int i = 0; more && i < 100; i++)
        assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
    assert_int_equal(freed_count(), 0);
}

static void test_copies_share_bytes(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("copies"), other = make_bucket("others");
    static const size_t sizes[] = {0, 100, 100000, 2 * 1024 * 1024};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct span bytes = content(i, sizes[i]);
        struct object_info source = put(bucket, SPAN("source"), bytes);
        struct mutation m = {.kind = MUTATION_COPY_OBJECT, .bucket = other, .key = SPAN("copy")};
        m.copy.from.bucket_id = bucket.id;
        m.copy.from.key = SPAN("source");
        m.copy.from.version = source.version;
        m.copy.attributes = attributes_for(bytes);
        m.copy.attributes.metadata = SPAN("new");
        assert_int_equal(storage_commit(store, &m), STORAGE_OK);
        m.bucket = bucket; /* onto itself */
        m.key = SPAN("source");
        assert_int_equal(storage_commit(store, &m), STORAGE_OK);
        check_bytes(bucket, SPAN("source"), newest_version, bytes);
        assert_int_equal(
            storage_commit(store, &m), STORAGE_CHANGED); /* the source is another now */
        delete_version(bucket, SPAN("source"), newest_version);
        assert_int_equal(storage_commit(store, &m), STORAGE_CHANGED);
        check_bytes(other, SPAN("copy"), newest_version, bytes);
        check_counters(other, 1, sizes[i], 0);
    }
    bool more = true;
    for (int i = 0; more && i < 100; i++)
        assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
    check_bytes(other, SPAN("copy"), newest_version, content(3, sizes[3]));
}

static struct mutation copy_part_of(struct bucket_ref bucket, struct span key,
    struct upload_id upload, uint32_t number, struct copy_from from)
{
    struct mutation m = {.kind = MUTATION_COPY_PART, .bucket = bucket, .key = key};
    m.part.upload = upload;
    m.part.number = number;
    m.part.from = from;
    return m;
}

static void test_copied_parts_point_into_the_source(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("ranges");
    struct upload_id upload = begin(bucket, SPAN("first"), SPAN(""));
    put_part(bucket, SPAN("first"), upload, 1, content(1, 400000));
    put_part(bucket, SPAN("first"), upload, 2, content(2, 300000));
    put_part(bucket, SPAN("first"), upload, 3, content(3, 1500000));
    static const struct part_choice three[] = {{1}, {2}, {3}};
    struct mutation m = complete_of(bucket, SPAN("first"), upload, three, 3);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    struct copy_from from = {.bucket_id = bucket.id,
        .key = SPAN("first"),
        .version = m.result.version,
        .offset_bytes = 100000,
        .length_bytes = 700000};
    struct object_info small = put(bucket, SPAN("small"), SPAN("small"));

    upload = begin(bucket, SPAN("second"), SPAN(""));
    struct mutation c = copy_part_of(bucket, SPAN("second"), upload, 1, from);
    assert_int_equal(storage_commit(store, &c), STORAGE_OK);
    assert_int_equal(c.result.size_bytes, 700000);
    c = copy_part_of(bucket, SPAN("second"), upload, 2, from);
    c.part.from.offset_bytes = 2000000;
    c.part.from.length_bytes = 200000;
    assert_int_equal(storage_commit(store, &c), STORAGE_OK);
    c.part.from.length_bytes++;
    assert_int_equal(storage_commit(store, &c), STORAGE_INVALID);
    c.part.from.length_bytes = 0;
    assert_int_equal(storage_commit(store, &c), STORAGE_INVALID);
    c.part.from = (struct copy_from){
        .bucket_id = bucket.id, .key = SPAN("small"), .version = small.version, .length_bytes = 5};
    assert_int_equal(storage_commit(store, &c), STORAGE_INVALID);
    c = copy_part_of(bucket, SPAN("second"), upload, 3, from); /* put again, with other pieces */
    assert_int_equal(storage_commit(store, &c), STORAGE_OK);
    c.part.from.length_bytes = 1000;
    assert_int_equal(storage_commit(store, &c), STORAGE_OK);
    m = complete_of(bucket, SPAN("second"), upload, three, 3);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_int_equal(m.result.size_bytes, 901000);

    delete_version(bucket, SPAN("first"), newest_version);
    bool more = true;
    for (int i = 0; more && i < 100; i++)
        assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
    char *first = malloc(2200000), *second = malloc(901000);
    memcpy(first, content(1, 400000).ptr, 400000);
    memcpy(first + 400000, content(2, 300000).ptr, 300000);
    memcpy(first + 700000, content(3, 1500000).ptr, 1500000);
    memcpy(second, first + 100000, 700000);
    memcpy(second + 700000, first + 2000000, 200000);
    memcpy(second + 900000, first + 100000, 1000);
    check_bytes(bucket, SPAN("second"), newest_version, span_of(second, 901000));
    free(first);
    free(second);
    struct mutation moved = copy_part_of(bucket, SPAN("second"), upload, 1, from);
    assert_int_equal(storage_commit(store, &moved), STORAGE_NO_SUCH_UPLOAD);
}

static void test_many_parts_and_empty_ones(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static struct part_choice choices[COUNT];
    struct bucket_ref bucket = make_bucket("many");
    struct span key = SPAN("many");
    struct upload_id upload = begin(bucket, key, SPAN(""));
    for (uint32_t i = 0; i < COUNT; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%u,", i);
        put_part(bucket, key, upload, i + 1, i % 10 == 9 ? SPAN("") : span_str(text));
        choices[i].number = i + 1;
    }
    struct mutation m = complete_of(bucket, key, upload, choices, COUNT);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    struct buf whole;
    buf_init(&whole, 100000);
    for (unsigned i = 0; i < COUNT; i++)
        if (i % 10 != 9)
            buf_addf(&whole, "%u,", i);
    check_bytes(bucket, key, newest_version, buf_span(&whole));
    buf_free(&whole);
    struct mutation empty = {.kind = MUTATION_PUT_PART, .bucket = bucket, .key = key};
    empty.part.number = STORAGE_PART_MAX + 1;
    assert_int_equal(storage_commit(store, &empty), STORAGE_INVALID);
    upload = begin(bucket, SPAN("nothing"), SPAN(""));
    put_part(bucket, SPAN("nothing"), upload, 7, SPAN(""));
    static const struct part_choice seven[] = {{7}};
    m = complete_of(bucket, SPAN("nothing"), upload, seven, 1);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    check_bytes(bucket, SPAN("nothing"), newest_version, SPAN(""));
}

/* ---- what reading costs ---- */

/* What the disk was asked for. */
static uint64_t read_from(struct bucket_ref bucket, struct span key, uint64_t from, size_t step,
    const char *expected, size_t size)
{
    struct object_info info;
    struct blob_reader *reader;
    char *got = malloc(size);
    assert_int_equal(
        storage_object_open(store, bucket.id, key, newest_version, &test_arena, &info, &reader),
        STORAGE_OK);
    assert_int_equal(blob_size(reader), size);
    uint64_t before = bytes_read;
    for (size_t at = (size_t)from, n = 0; at < size; at += n) {
        size_t len = size - at < step ? size - at : step;
        assert_int_equal(blob_read(reader, at, got + at, len, true, &n), STORAGE_OK);
        assert_in_range(n, 1, len);
    }
    blob_close(reader);
    assert_memory_equal(got + from, expected + from, size - from);
    free(got);
    return bytes_read - before;
}

/* Where parts were no multiple of the block, each read went over two blocks, and both were read for it; reads of
 * less than a block read all of it for each. */
static void test_parts_of_any_length_are_read_once(void **state)
{
    (void)state;
    enum { FIRST = 700001, SECOND = 1000003, SIZE = FIRST + SECOND };
    static const struct part_choice parts[] = {{1}, {2}};
    static const size_t steps[] = {BLOB_BLOCK_BYTES, 32 * 1024, 100000, 4095, SIZE};
    struct bucket_ref bucket = make_bucket("uploads");
    struct span key = SPAN("odd");
    struct upload_id upload = begin(bucket, key, SPAN(""));
    put_part(bucket, key, upload, 1, content(1, FIRST));
    put_part(bucket, key, upload, 2, content(2, SECOND));
    struct mutation m = complete_of(bucket, key, upload, parts, 2);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    char *whole = malloc(SIZE);
    memcpy(whole, content(1, FIRST).ptr, FIRST);
    memcpy(whole + FIRST, content(2, SECOND).ptr, SECOND);
    store_reopen_counting();
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        uint64_t most = steps[i] < BLOB_BLOCK_BYTES ? 2 * SIZE : SIZE;
        assert_in_range(read_from(bucket, key, 0, steps[i], whole, SIZE), SIZE, most);
        assert_in_range(read_from(bucket, key, 100000, steps[i], whole, SIZE), SIZE, most);
    }
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_an_upload_from_begin_to_end, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_uploads_are_listed_and_aborted, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_copies_share_bytes, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_copied_parts_point_into_the_source, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_many_parts_and_empty_ones, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_parts_of_any_length_are_read_once, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
