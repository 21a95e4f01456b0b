/* The same bytes again in a zone: marked, linked, refused; of objects and of uploads. */
#include "zone_bucket.h"

/* ---- duplicates ---- */

static void test_duplicates_flagged(void **state)
{
    (void)state;
    set_rule(bucket, (struct zone_rule){.duplicates = DUPLICATES_FLAG, .min_bytes = 3});
    put(bucket, SPAN("a"), SPAN("bytes"));
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("bytes")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("c"), SPAN("other")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("d"), SPAN("xy")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("e"), SPAN("xy")), STORAGE_OK); /* too small to look at */
    check_mark(bucket, "a", NULL);
    check_mark(bucket, "b", "a");
    check_mark(bucket, "c", NULL);
    check_mark(bucket, "e", NULL);
    assert_int_equal(stats_of(bucket, "zone").duplicates_found, 1);
    assert_int_equal(stats_of(bucket, "zone").bytes_saved, 0);
    /* A key's own content again is no duplicate of itself. */
    assert_int_equal(try_put(bucket, SPAN("c"), SPAN("other")), STORAGE_OK);
    check_mark(bucket, "c", NULL);
    /* When the first goes, or is overwritten, the other stands on its own. */
    delete_version(bucket, SPAN("a"), newest_version);
    check_mark(bucket, "b", NULL);
    assert_int_equal(try_put(bucket, SPAN("f"), SPAN("bytes")), STORAGE_OK);
    check_mark(bucket, "f", "b");
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("changed")), STORAGE_OK);
    check_mark(bucket, "f", NULL);
    store_reopen();
    assert_int_equal(try_put(bucket, SPAN("g"), SPAN("bytes")), STORAGE_OK);
    check_mark(bucket, "g", "f");
}

static void test_duplicates_linked(void **state)
{
    (void)state;
    struct span bytes = span_of(large, sizeof(large));
    set_rule(bucket, (struct zone_rule){.duplicates = DUPLICATES_LINK});
    put(bucket, SPAN("a"), bytes);
    struct storage_stats before, after;
    storage_stats(store, &before);
    struct mutation m = put_of(bucket, SPAN("b"), bytes);
    m.put.attributes.metadata = SPAN("its own");
    assert_int_equal(commit_compared(bucket, &m), STORAGE_OK);
    assert_true(m.zone_outcome.linked);
    storage_stats(store, &after);
    assert_int_equal(after.segment_live_bytes, before.segment_live_bytes);
    check_mark(bucket, "b", "a");
    check_bytes(bucket, SPAN("b"), newest_version, bytes);
    assert_int_equal(stats_of(bucket, "zone").bytes_saved, sizeof(large));
    check_zone(bucket, "zone", 2, 2 * sizeof(large));
    delete_version(bucket, SPAN("a"), newest_version);
    scan_all();
    check_bytes(bucket, SPAN("b"), newest_version, bytes);
    /* Bytes inside of the index are not shared, only marked. */
    put(bucket, SPAN("small"), SPAN("tiny"));
    m = put_compared(bucket, SPAN("small-2"), SPAN("tiny"));
    assert_int_equal(m.err, STORAGE_OK);
    assert_false(m.zone_outcome.linked);
    check_mark(bucket, "small-2", "small");
}

static void test_duplicates_rejected(void **state)
{
    (void)state;
    struct span except[] = {SPAN("_temporary"), SPAN("*/")};
    set_rule(bucket,
        (struct zone_rule){
            .duplicates = DUPLICATES_REJECT, .min_bytes = 1, .except = except, .except_count = 2});
    struct object_info first = put(bucket, SPAN("a"), SPAN("bytes"));
    struct mutation m = put_compared(bucket, SPAN("b"), SPAN("bytes"));
    assert_int_equal(m.err, STORAGE_DUPLICATE);
    assert_int_equal(m.zone_outcome.duplicate_of.sequence, first.version.sequence);
    assert_int_equal(stats_of(bucket, "zone").duplicates_found, 1);
    assert_int_equal(stats_of(bucket, "zone").bytes_saved, 5);
    assert_int_equal(try_put(bucket, SPAN("a"), SPAN("bytes")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("_temporary/x"), SPAN("bytes")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("_temporary/y"), SPAN("bytes")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("f1/"), SPAN("")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("empty"), SPAN("")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("empty-2"), SPAN("")), STORAGE_OK);
    /* A rename out of what is excepted: the source is no obstacle. */
    assert_int_equal(try_put(bucket, SPAN("_temporary/z"), SPAN("renamed")), STORAGE_OK);
    struct object_info source;
    assert_int_equal(get(bucket, SPAN("_temporary/z"), newest_version, &source), STORAGE_OK);
    struct mutation copy = {.kind = MUTATION_COPY_OBJECT, .bucket = bucket, .key = SPAN("final")};
    copy.copy.attributes = source.attributes;
    copy.copy.from = (struct copy_from){
        .bucket_id = bucket.id, .key = SPAN("_temporary/z"), .version = source.version};
    assert_int_equal(storage_commit(store, &copy), STORAGE_OK);
    copy.key = SPAN("final-2");
    assert_int_equal(storage_commit(store, &copy), STORAGE_CHANGED); /* compare first */
    assert_int_equal(get(bucket, SPAN("final"), newest_version, &source), STORAGE_OK);
    struct zone_set set = zones_read(bucket);
    struct content_page page;
    assert_int_equal(storage_content_find(store, bucket.id, &set.rules[0], SPAN("final-2"), 7,
                         source.attributes.crc64nvme, 10, &test_arena, &page),
        STORAGE_OK);
    assert_int_equal(page.count, 1);
    assert_true(span_eq(page.items[0].key, SPAN("final")));
    copy.zone.duplicate = page.items[0].ref;
    assert_int_equal(storage_commit(store, &copy), STORAGE_DUPLICATE);
}

/* Same size and CRC, other bytes: what a checksum cannot tell. */
static void test_what_only_looks_the_same(void **state)
{
    (void)state;
    set_rule(bucket, (struct zone_rule){.duplicates = DUPLICATES_REJECT});
    struct mutation first = put_of(bucket, SPAN("a"), SPAN("bytes-1"));
    first.put.attributes.crc64nvme = 77;
    assert_int_equal(storage_commit(store, &first), STORAGE_OK);
    struct mutation m = put_of(bucket, SPAN("b"), SPAN("bytes-2"));
    m.put.attributes.crc64nvme = 77;
    /* Nothing was compared: the request is sent back with its bytes, and can be sent again. */
    assert_int_equal(storage_commit(store, &m), STORAGE_CHANGED);
    assert_non_null(m.put.stage);
    assert_int_equal(storage_commit(store, &m), STORAGE_CHANGED);
    assert_int_equal(commit_compared(bucket, &m), STORAGE_OK);
    check_mark(bucket, "b", NULL);
    /* What was compared and is gone is no obstacle; nor does it help against what came since. */
    struct content_ref a = {0}, others[64];
    struct mutation third = put_of(bucket, SPAN("c"), SPAN("bytes-1"));
    third.put.attributes.crc64nvme = 77;
    struct blob_reader *reader = NULL;
    assert_int_equal(storage_stage_reader(store, third.put.stage, &reader), STORAGE_OK);
    make_claims(bucket, &third, reader, 77, others);
    blob_close(reader);
    a = third.zone.duplicate;
    assert_int_not_equal(a.sequence, 0);
    delete_version(bucket, SPAN("a"), newest_version);
    assert_int_equal(storage_commit(store, &third), STORAGE_CHANGED); /* b was not compared */
    assert_int_equal(commit_compared(bucket, &third), STORAGE_OK);
    check_mark(bucket, "c", NULL);
    /* Too much to compare: stored, and marked. */
    struct mutation fourth = put_of(bucket, SPAN("d"), SPAN("bytes-3"));
    fourth.put.attributes.crc64nvme = 77;
    fourth.zone.undecided = true;
    assert_int_equal(storage_commit(store, &fourth), STORAGE_OK);
    check_mark(bucket, "d", "b");
    /* One that is given up gives its space back. */
    struct mutation last = put_of(bucket, SPAN("e"), span_of(large, sizeof(large)));
    last.put.attributes.crc64nvme = 78;
    struct mutation same = put_of(bucket, SPAN("f"), span_of(large, sizeof(large)));
    same.put.attributes.crc64nvme = 78;
    assert_int_equal(storage_commit(store, &last), STORAGE_OK);
    assert_int_equal(storage_commit(store, &same), STORAGE_CHANGED);
    stage_discard(same.put.stage);
}

static void test_what_makes_and_ends_a_duplicate(void **state)
{
    (void)state;
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    set_rule(bucket, (struct zone_rule){.duplicates = DUPLICATES_REJECT});
    struct object_info a1 = put(bucket, SPAN("a"), SPAN("one"));
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("one")), STORAGE_DUPLICATE);
    /* Only current versions count: not one that was overwritten … */
    assert_int_equal(try_put(bucket, SPAN("a"), SPAN("two")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("one")), STORAGE_OK);
    /* … nor one under a marker … */
    struct object_info marker = delete_version(bucket, SPAN("b"), newest_version);
    assert_int_equal(try_put(bucket, SPAN("c"), SPAN("one")), STORAGE_OK);
    delete_version(bucket, SPAN("c"), newest_version);
    /* … until that goes. */
    delete_version(bucket, SPAN("b"), exactly(marker.version));
    assert_int_equal(try_put(bucket, SPAN("d"), SPAN("one")), STORAGE_DUPLICATE);
    /* An older version that becomes the newest again counts again. */
    struct object_info newest;
    assert_int_equal(get(bucket, SPAN("a"), newest_version, &newest), STORAGE_OK);
    delete_version(bucket, SPAN("b"), newest_version);
    assert_int_equal(try_put(bucket, SPAN("d"), SPAN("one")), STORAGE_OK);
    delete_version(bucket, SPAN("d"), newest_version);
    delete_version(bucket, SPAN("a"), exactly(newest.version));
    assert_int_equal(try_put(bucket, SPAN("e"), SPAN("one")), STORAGE_DUPLICATE);
    delete_version(bucket, SPAN("a"), exactly(a1.version));
    assert_int_equal(try_put(bucket, SPAN("e"), SPAN("one")), STORAGE_OK);
}

/* ---- uploads ---- */

static struct mutation upload_of(struct span key, const size_t *sizes, uint32_t count)
{
    struct mutation create = {.kind = MUTATION_CREATE_UPLOAD, .bucket = bucket, .key = key};
    assert_int_equal(storage_commit(store, &create), STORAGE_OK);
    size_t at = 0;
    static struct part_choice choices[8];
    for (uint32_t i = 0; i < count; i++) {
        struct span bytes = span_of(large + at, sizes[i]);
        struct mutation part = put_part_of(bucket, key, create.upload, 2 * i + 1, bytes);
        assert_int_equal(storage_commit(store, &part), STORAGE_OK);
        choices[i].number = 2 * i + 1;
        at += sizes[i];
        /* One that will not be named. */
        part.part.number = 2 * i + 2;
        part.part.stage = stage_of_bytes(span_of(large, 700));
        assert_int_equal(storage_commit(store, &part), STORAGE_OK);
    }
    struct upload_info info;
    assert_int_equal(
        storage_upload_get(store, bucket.id, key, create.upload, &test_arena, &info), STORAGE_OK);
    struct mutation complete = {.kind = MUTATION_COMPLETE_UPLOAD, .bucket = bucket, .key = key};
    complete.complete.upload = create.upload;
    complete.complete.generation = info.generation;
    complete.complete.parts = choices;
    complete.complete.part_count = count;
    complete.complete.attributes = attributes_for(span_of(large, at));
    complete.complete.attributes.etag.part_count = count;
    complete.complete.attributes.etag.md5[0] = (uint8_t)sizes[0];
    complete.complete.parts_hash[0] = 1;
    return complete;
}

static enum storage_err complete_compared(struct mutation *m)
{
    struct content_ref others[64];
    struct blob_reader *reader = NULL;
    assert_int_equal(
        storage_upload_open(store, bucket.id, m->key, m->complete.upload, m->complete.generation,
            m->complete.parts, m->complete.part_count, &reader),
        STORAGE_OK);
    assert_int_equal(blob_size(reader), sizeof(large));
    make_claims(bucket, m, reader, m->complete.attributes.crc64nvme, others);
    blob_close(reader);
    enum storage_err err = storage_commit(store, m);
    m->zone.others = NULL;
    return err;
}

static void test_duplicates_of_uploads(void **state)
{
    (void)state;
    static const size_t halves[] = {1500, 1500}, thirds[] = {1000, 1000, 1000};
    struct span bytes = span_of(large, sizeof(large));
    set_rule(bucket, (struct zone_rule){.duplicates = DUPLICATES_LINK, .write_once = true});
    put(bucket, SPAN("simple"), bytes);
    struct mutation m = upload_of(SPAN("halves"), halves, 2);
    assert_int_equal(storage_commit(store, &m), STORAGE_CHANGED);
    assert_int_equal(complete_compared(&m), STORAGE_OK);
    assert_false(
        m.zone_outcome.linked); /* its parts can be read by number, those of the first not */
    check_mark(bucket, "halves", "simple");
    check_bytes(bucket, SPAN("halves"), newest_version, bytes);
    /* With the very same parts it can share. */
    delete_version(bucket, SPAN("simple"), newest_version);
    m = upload_of(SPAN("halves-2"), halves, 2);
    assert_int_equal(complete_compared(&m), STORAGE_OK);
    assert_true(m.zone_outcome.linked);
    check_mark(bucket, "halves-2", "halves");
    check_bytes(bucket, SPAN("halves-2"), newest_version, bytes);
    struct mutation again = m;
    assert_int_equal(storage_commit(store, &again), STORAGE_OK); /* Complete once more */
    assert_int_equal(again.result.version.sequence, m.result.version.sequence);
    m = upload_of(SPAN("thirds"), thirds, 3);
    assert_int_equal(complete_compared(&m), STORAGE_OK);
    assert_false(m.zone_outcome.linked);
    /* The same upload once more for a key that is there: nothing changes, and the upload ends. */
    struct object_info there;
    assert_int_equal(get(bucket, SPAN("thirds"), newest_version, &there), STORAGE_OK);
    m = upload_of(SPAN("thirds"), thirds, 3);
    assert_int_equal(complete_compared(&m), STORAGE_OK);
    assert_true(m.zone_outcome.unchanged);
    assert_int_equal(m.result.version.sequence, there.version.sequence);
    again = m;
    assert_int_equal(storage_commit(store, &again), STORAGE_OK);
    m = upload_of(SPAN("thirds"), halves, 2);
    assert_int_equal(complete_compared(&m), STORAGE_OBJECT_EXISTS);
    struct mutation abort = {.kind = MUTATION_ABORT_UPLOAD, .bucket = bucket, .key = m.key};
    abort.abort.upload = m.complete.upload;
    assert_int_equal(storage_commit(store, &abort), STORAGE_OK);
    check_counters(bucket, 3, 3 * sizeof(large), 0);
    scan_all();
    check_bytes(bucket, SPAN("halves"), newest_version, bytes);
    check_bytes(bucket, SPAN("halves-2"), newest_version, bytes);
    check_bytes(bucket, SPAN("thirds"), newest_version, bytes);
}

static void test_readers_of_uploads(void **state)
{
    (void)state;
    static const size_t halves[] = {1500, 1500};
    static const struct part_choice wrong[] = {{1}, {9}}, descending[] = {{3}, {1}};
    struct mutation m = upload_of(SPAN("key"), halves, 2);
    struct blob_reader *reader = NULL;
    const struct upload_id id = m.complete.upload;
    uint64_t generation = m.complete.generation;
    const struct part_choice *parts = m.complete.parts;
    assert_int_equal(
        storage_upload_open(store, bucket.id, m.key, id, generation, wrong, 2, &reader),
        STORAGE_NO_SUCH_PART);
    assert_int_equal(
        storage_upload_open(store, bucket.id, m.key, id, generation, descending, 2, &reader),
        STORAGE_INVALID);
    assert_int_equal(
        storage_upload_open(store, bucket.id, m.key, id, generation + 1, parts, 2, &reader),
        STORAGE_CHANGED);
    assert_int_equal(
        storage_upload_open(store, bucket.id, m.key, id, generation, parts, 2, &reader),
        STORAGE_OK);
    char read[sizeof(large)];
    size_t got = 0;
    assert_int_equal(blob_read(reader, 1000, read, sizeof(read), true, &got), STORAGE_OK);
    assert_int_equal(got, 500);
    assert_memory_equal(read, large + 1000, got);
    struct mutation part = put_part_of(bucket, m.key, id, 3, SPAN("replaced"));
    assert_int_equal(storage_commit(store, &part), STORAGE_OK);
    scan_all();
    assert_int_equal(blob_read(reader, 1500, read, sizeof(read), true, &got), STORAGE_CHANGED);
    blob_close(reader);
}

static void test_readers_of_stages(void **state)
{
    (void)state;
    static char big[2 * 1024 * 1024 + 5];
    static const size_t sizes[] = {1, 511, 512, 5000, 300000, 1024 * 1024, sizeof(big)};
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 7 + i / 251);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (int kind = 0; kind < 3; kind++) {
            struct stage *stage = NULL;
            struct blob_reader *reader = NULL, *other = NULL;
            uint64_t declared = kind == 1 ? STAGE_SIZE_UNKNOWN : sizes[i];
            assert_int_equal(storage_stage_open(store, declared, &stage), STORAGE_OK);
            if (kind == 2)
                assert_int_equal(stage_compress(stage), STORAGE_OK);
            assert_int_equal(stage_write(stage, span_of(big, sizes[i])), STORAGE_OK);
            assert_int_equal(stage_finish(stage), STORAGE_OK);
            struct mutation m = {.kind = MUTATION_PUT_OBJECT, .bucket = bucket, .key = SPAN("key")};
            m.put.attributes = attributes_for(span_of(big, sizes[i]));
            m.put.stage = stage_of_bytes(span_of(big, sizes[i]));
            assert_int_equal(storage_commit(store, &m), STORAGE_OK);
            struct object_info info;
            assert_int_equal(storage_stage_reader(store, stage, &reader), STORAGE_OK);
            assert_int_equal(storage_object_open(store, bucket.id, SPAN("key"), newest_version,
                                 &test_arena, &info, &other),
                STORAGE_OK);
            assert_true(readers_equal(reader, other));
            assert_false(blob_is_same(reader, other));
            blob_close(other);
            blob_close(reader);
            stage_discard(stage);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_duplicates_flagged),
        TEST(test_duplicates_linked),
        TEST(test_duplicates_rejected),
        TEST(test_what_only_looks_the_same),
        TEST(test_what_makes_and_ends_a_duplicate),
        TEST(test_duplicates_of_uploads),
        TEST(test_readers_of_uploads),
        TEST(test_readers_of_stages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
