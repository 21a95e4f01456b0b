/* Buckets and objects through storage.h: do they come back as they went in? */
#include "engine_support.h"

static char big[3 * 1024 * 1024];

static struct span pattern(size_t len)
{
    for (size_t i = 0; i < len; i++)
        big[i] = (char)(i * 131 + (i >> 8) * 7 + len);
    return span_of(big, len);
}

static void test_buckets_come_and_go(void **state)
{
    (void)state;
    struct bucket_ref a = make_bucket("alpha");
    make_bucket("beta");
    struct mutation again = {.kind = MUTATION_CREATE_BUCKET, .bucket.name = SPAN("alpha")};
    assert_int_equal(storage_commit(store, &again), STORAGE_BUCKET_EXISTS);
    assert_int_equal(again.bucket_info.id, a.id);
    assert_int_equal(again.bucket_info.owner_id, 7);

    struct bucket_info info = bucket_info_of(a);
    assert_int_equal(info.id, a.id);
    assert_true(span_eq(info.region, SPAN("us-east-1")));
    struct bucket_page page;
    assert_int_equal(
        storage_bucket_list(store, UINT64_MAX, SPAN(""), SPAN(""), 1, &test_arena, &page),
        STORAGE_OK);
    assert_int_equal(page.count, 1);
    assert_true(page.truncated);
    assert_int_equal(
        storage_bucket_list(store, 7, SPAN(""), page.items[0].name, 10, &test_arena, &page),
        STORAGE_OK);
    assert_int_equal(page.count, 1);
    assert_false(page.truncated);
    assert_true(span_eq(page.items[0].name, SPAN("beta")));
    assert_int_equal(
        storage_bucket_list(store, 8, SPAN(""), SPAN(""), 10, &test_arena, &page), STORAGE_OK);
    assert_int_equal(page.count, 0);

    put(a, SPAN("k"), SPAN("v"));
    struct mutation gone = {.kind = MUTATION_DELETE_BUCKET, .bucket = a};
    assert_int_equal(storage_commit(store, &gone), STORAGE_BUCKET_NOT_EMPTY);
    delete_version(a, SPAN("k"), newest_version);
    assert_int_equal(storage_commit(store, &gone), STORAGE_OK);
    assert_int_equal(storage_bucket_get(store, a.name, &test_arena, &info), STORAGE_NO_SUCH_BUCKET);
    assert_int_equal(storage_commit(store, &gone), STORAGE_NO_SUCH_BUCKET);
    struct bucket_ref anew = make_bucket("alpha");
    assert_int_not_equal(anew.id, a.id);
    struct mutation stale = put_of(a, SPAN("k"), SPAN("v"));
    assert_int_equal(storage_commit(store, &stale), STORAGE_NO_SUCH_BUCKET);
}

static void test_objects_of_all_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 400, 511, 512, 600, 4096, 65536, 262144, 262145,
        1024 * 1024, 1024 * 1024 + 1, sizeof(big)};
    struct bucket_ref bucket = make_bucket("sizes");
    uint64_t total = 0;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char key[32];
        snprintf(key, sizeof(key), "size-%zu", sizes[i]);
        put(bucket, span_str(key), pattern(sizes[i]));
        check_bytes(bucket, span_str(key), newest_version, pattern(sizes[i]));
        total += sizes[i];
    }
    check_counters(bucket, ARRAY_LEN(sizes), total, 0);
    store_reopen();
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char key[32];
        snprintf(key, sizeof(key), "size-%zu", sizes[i]);
        check_bytes(bucket, span_str(key), newest_version, pattern(sizes[i]));
        delete_version(bucket, span_str(key), newest_version);
    }
    check_counters(bucket, 0, 0, 0);
}

static void test_overwrites_and_metadata(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("meta");
    static char metadata[STORAGE_METADATA_MAX_BYTES];
    static const size_t lengths[] = {0, 1, 256, 257, 5000, sizeof(metadata)};
    memset(metadata, 'm', sizeof(metadata));
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct mutation m = put_of(bucket, SPAN("key"), pattern(10 * i));
        m.put.attributes.metadata = span_of(metadata, lengths[i]);
        m.put.attributes.storage_class = 3;
        m.put.attributes.checksum =
            (struct checksum){.algo = DIGEST_SHA256, .type = CHECKSUM_FULL_OBJECT, .value = {1, 2}};
        assert_int_equal(storage_commit(store, &m), STORAGE_OK);
        assert_int_equal(m.result.size_bytes, 10 * i);
        struct object_info info;
        assert_int_equal(get(bucket, SPAN("key"), newest_version, &info), STORAGE_OK);
        assert_int_equal(info.attributes.metadata.len, lengths[i]);
        assert_true(span_eq(info.attributes.metadata, span_of(metadata, lengths[i])));
        assert_int_equal(info.attributes.storage_class, 3);
        assert_int_equal(info.attributes.checksum.algo, DIGEST_SHA256);
        assert_int_equal(info.attributes.checksum.value[1], 2);
        assert_true(info.version.is_null);
        assert_int_equal(info.version.sequence, m.result.version.sequence);
        check_counters(bucket, 1, 10 * i, 0);
    }
    struct mutation too_long = put_of(bucket, SPAN("key"), SPAN("x"));
    too_long.put.attributes.metadata = span_of(metadata, sizeof(metadata));
    too_long.put.attributes.metadata.len++;
    assert_int_equal(storage_commit(store, &too_long), STORAGE_INVALID);
}

static void test_conditions(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("conditions");
    struct etag first = etag_of(SPAN("first")), other = etag_of(SPAN("other"));
    struct etag_list any = {.present = true, .any = true};
    struct etag_list is_first = {.present = true, .items = &first, .count = 1};
    struct etag_list is_other = {.present = true, .items = &other, .count = 1};
    static const struct {
        int match, none_match; /* 0: not given, 1: any, 2: first, 3: other */
        enum storage_err absent, present;
    } cases[] = {
        {1, 0, STORAGE_NO_SUCH_KEY, STORAGE_OK},
        {2, 0, STORAGE_NO_SUCH_KEY, STORAGE_OK},
        {3, 0, STORAGE_NO_SUCH_KEY, STORAGE_PRECONDITION_FAILED},
        {0, 1, STORAGE_OK, STORAGE_PRECONDITION_FAILED},
        {0, 2, STORAGE_OK, STORAGE_PRECONDITION_FAILED},
        {0, 3, STORAGE_OK, STORAGE_OK},
        {2, 3, STORAGE_NO_SUCH_KEY, STORAGE_OK},
        {2, 2, STORAGE_NO_SUCH_KEY, STORAGE_PRECONDITION_FAILED},
    };
    const struct etag_list lists[] = {{0}, any, is_first, is_other};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int exists = 0; exists < 2; exists++) {
            delete_version(bucket, SPAN("key"), newest_version);
            if (exists)
                put(bucket, SPAN("key"), SPAN("first"));
            struct mutation m = put_of(bucket, SPAN("key"), SPAN("second"));
            m.if_match = lists[cases[i].match];
            m.if_none_match = lists[cases[i].none_match];
            enum storage_err wanted = exists ? cases[i].present : cases[i].absent;
            assert_int_equal(storage_commit(store, &m), wanted);
            if (wanted != STORAGE_OK && exists)
                check_bytes(bucket, SPAN("key"), newest_version, SPAN("first"));
        }
    }
    struct object_info info = put(bucket, SPAN("key"), SPAN("first"));
    struct mutation gone = remove_of(bucket, SPAN("key"), newest_version);
    gone.if_match = is_other;
    assert_int_equal(storage_commit(store, &gone), STORAGE_PRECONDITION_FAILED);
    gone.if_match = is_first;
    assert_int_equal(storage_commit(store, &gone), STORAGE_OK);
    assert_int_equal(gone.result.version.sequence, info.version.sequence);
    assert_int_equal(storage_commit(store, &gone), STORAGE_NO_SUCH_KEY);
    gone.if_match = (struct etag_list){0};
    assert_int_equal(storage_commit(store, &gone), STORAGE_OK);
    assert_int_equal(gone.result.version.sequence, 0);
}

static void test_arguments(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("arguments");
    char key[STORAGE_KEY_MAX_BYTES + 1];
    memset(key, 'k', sizeof(key));
    struct mutation m = put_of(bucket, span_of(key, sizeof(key)), SPAN("x"));
    assert_int_equal(storage_commit(store, &m), STORAGE_INVALID);
    m = put_of(bucket, SPAN(""), SPAN("x"));
    assert_int_equal(storage_commit(store, &m), STORAGE_INVALID);
    m = put_of(bucket, SPAN("a\0b"), SPAN("x"));
    assert_int_equal(storage_commit(store, &m), STORAGE_INVALID);
    put(bucket, span_of(key, STORAGE_KEY_MAX_BYTES), SPAN("x"));
    struct object_info info;
    assert_int_equal(get(bucket, SPAN("none"), newest_version, &info), STORAGE_NO_SUCH_KEY);
    assert_int_equal(get(bucket, SPAN("none"), null_version, &info), STORAGE_NO_SUCH_VERSION);
    assert_int_equal(
        get(bucket, span_of(key, sizeof(key)), newest_version, &info), STORAGE_NO_SUCH_KEY);
    check_counters(bucket, 1, 1, 0);
}

static void test_documents(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("documents");
    static char text[STORAGE_DOCUMENT_MAX_BYTES];
    memset(text, 't', sizeof(text));
    struct span found;
    uint64_t generation, before = bucket_info_of(bucket).generation;
    assert_int_equal(
        storage_document_get(store, bucket.id, DOCUMENT_POLICY, &test_arena, &found, &generation),
        STORAGE_NO_SUCH_DOCUMENT);
    struct mutation m = {.kind = MUTATION_PUT_DOCUMENT, .bucket = bucket};
    m.document.kind = DOCUMENT_POLICY;
    m.document.text = span_of(text, sizeof(text));
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    m.document.kind = DOCUMENT_CORS;
    m.document.text = SPAN("cors");
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_int_equal(
        storage_document_get(store, bucket.id, DOCUMENT_POLICY, &test_arena, &found, &generation),
        STORAGE_OK);
    assert_true(span_eq(found, span_of(text, sizeof(text))));
    assert_int_equal(generation, before + 1);
    assert_int_equal(bucket_info_of(bucket).generation, before + 2);
    m.kind = MUTATION_DELETE_DOCUMENT;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_int_equal(storage_commit(store, &m), STORAGE_NO_SUCH_DOCUMENT);
    m.kind = MUTATION_DELETE_BUCKET;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_int_equal(
        storage_document_get(store, bucket.id, DOCUMENT_POLICY, &test_arena, &found, &generation),
        STORAGE_NO_SUCH_DOCUMENT);
}

static void test_a_second_process_is_refused(void **state)
{
    (void)state;
    struct storage_options options = {.dir = test_dir, .no_background = true};
    struct storage *second;
    const char *detail = "";
    assert_int_equal(storage_open(&options, &second, &detail), STORAGE_IN_USE);
    assert_non_null(strstr(detail, "another process"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_buckets_come_and_go, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_objects_of_all_sizes, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_overwrites_and_metadata, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_conditions, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_arguments, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_documents, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_a_second_process_is_refused, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
