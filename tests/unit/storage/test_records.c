/* The caller's own records, and metadata that is replaced where it is. */
#include "engine_support.h"

#include "storage/local/commit.h"
#include "storage/local/gc.h"

#include <fcntl.h>

static enum storage_err change(
    const struct record_change *changes, size_t count, uint64_t *ret_generation, size_t *ret_failed)
{
    struct mutation m = {.kind = MUTATION_CHANGE_RECORDS, .failed_record = SIZE_MAX};
    m.records.changes = changes;
    m.records.count = count;
    enum storage_err err = storage_commit(store, &m);
    if (ret_generation)
        *ret_generation = m.record_generation;
    if (ret_failed)
        *ret_failed = m.failed_record;
    return err;
}

static enum storage_err set(const char *key, const char *value, enum record_expectation expect)
{
    struct record_change one = {
        .key = span_str(key), .value = value ? span_str(value) : SPAN_ABSENT, .expect = expect};
    return change(&one, 1, NULL, NULL);
}

static enum storage_err read_record(const char *key, struct span *value, uint64_t *generation)
{
    return storage_record_get(store, span_str(key), &test_arena, value, generation);
}

static void check_record(const char *key, const char *wanted)
{
    struct span value = SPAN_ABSENT;
    uint64_t generation = 0;
    enum storage_err err = read_record(key, &value, &generation);
    assert_int_equal(err, wanted ? STORAGE_OK : STORAGE_NO_SUCH_RECORD);
    if (wanted)
        assert_true(span_eq(value, span_str(wanted)) && generation != 0);
}

static void test_each_expectation(void **state)
{
    (void)state;
    static const struct {
        const char *there, *value;
        enum record_expectation expect;
        bool wrong_generation;
        enum storage_err wanted;
        const char *after;
    } cases[] = {
        {NULL, "n", RECORD_ANY, false, STORAGE_OK, "n"},
        {NULL, "n", RECORD_ABSENT, false, STORAGE_OK, "n"},
        {NULL, "n", RECORD_PRESENT, false, STORAGE_NO_SUCH_RECORD, NULL},
        {NULL, "n", RECORD_UNCHANGED, false, STORAGE_NO_SUCH_RECORD, NULL},
        {NULL, NULL, RECORD_ANY, false, STORAGE_OK, NULL},
        {NULL, NULL, RECORD_PRESENT, false, STORAGE_NO_SUCH_RECORD, NULL},
        {"o", "n", RECORD_ANY, false, STORAGE_OK, "n"},
        {"o", "n", RECORD_ABSENT, false, STORAGE_RECORD_EXISTS, "o"},
        {"o", "n", RECORD_PRESENT, false, STORAGE_OK, "n"},
        {"o", "n", RECORD_UNCHANGED, false, STORAGE_OK, "n"},
        {"o", "n", RECORD_UNCHANGED, true, STORAGE_CHANGED, "o"},
        {"o", "", RECORD_ANY, false, STORAGE_OK, ""},
        {"o", NULL, RECORD_ANY, false, STORAGE_OK, NULL},
        {"o", NULL, RECORD_UNCHANGED, false, STORAGE_OK, NULL},
        {"o", NULL, RECORD_UNCHANGED, true, STORAGE_CHANGED, "o"},
        {"o", NULL, RECORD_ABSENT, false, STORAGE_RECORD_EXISTS, "o"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t generation = 99;
        assert_int_equal(set("key", NULL, RECORD_ANY), STORAGE_OK);
        if (cases[i].there) {
            struct record_change first = {
                .key = SPAN("key"), .value = span_str(cases[i].there), .expect = RECORD_ABSENT};
            assert_int_equal(change(&first, 1, &generation, NULL), STORAGE_OK);
        }
        struct record_change one = {
            .key = SPAN("key"),
            .value = cases[i].value ? span_str(cases[i].value) : SPAN_ABSENT,
            .expect = cases[i].expect,
            .generation = generation + cases[i].wrong_generation,
        };
        assert_int_equal(change(&one, 1, NULL, NULL), cases[i].wanted);
        check_record("key", cases[i].after);
    }
}

static void test_all_or_none(void **state)
{
    (void)state;
    size_t failed = 0;
    uint64_t first = 0, second = 0, read = 0;
    struct span value;
    assert_int_equal(set("b", "old", RECORD_ANY), STORAGE_OK);
    struct record_change three[] = {
        {.key = SPAN("a"), .value = SPAN("1"), .expect = RECORD_ABSENT},
        {.key = SPAN("b"), .expect = RECORD_PRESENT},
        {.key = SPAN("c"), .value = SPAN("3"), .expect = RECORD_PRESENT},
    };
    assert_int_equal(change(three, 3, NULL, &failed), STORAGE_NO_SUCH_RECORD);
    assert_int_equal(failed, 2);
    check_record("a", NULL);
    check_record("b", "old");
    three[2].expect = RECORD_ABSENT;
    assert_int_equal(change(three, 3, &first, NULL), STORAGE_OK);
    check_record("a", "1");
    check_record("b", NULL);
    check_record("c", "3");
    /* One that is only looked at keeps what it is. */
    struct record_change guarded[] = {
        {.key = SPAN("a"), .keep = true, .expect = RECORD_UNCHANGED, .generation = first},
        {.key = SPAN("d"), .value = SPAN("4"), .expect = RECORD_ANY},
    };
    assert_int_equal(change(guarded, 2, &second, NULL), STORAGE_OK);
    assert_int_equal(read_record("a", &value, &read), STORAGE_OK);
    assert_int_equal(read, first);
    assert_int_equal(read_record("d", &value, &read), STORAGE_OK);
    assert_int_equal(read, second);
    assert_true(second > first);
    store_reopen();
    check_record("a", "1");
    check_record("d", "4");
}

/* In one batch: a change sees those before it, a refused one costs nobody else anything, and what must be
 * replayed without a guilty one comes out the same. */
static enum storage_err trace_then_refuse(struct engine_work *work, struct commit *commit)
{
    (void)work;
    schema_encode_bytes(SPAN("trace"), SPAN("left behind"), &commit->value);
    assert_int_equal(commit_put(commit, TABLE_SIDE, SPAN("trace")), STORAGE_OK);
    return STORAGE_INVALID;
}

static void test_a_replayed_batch(void **state)
{
    (void)state;
    struct engine_work guilty = {trace_then_refuse};
    struct record_change create = {
        .key = SPAN("user"), .value = SPAN("1"), .expect = RECORD_ABSENT};
    struct record_change again = {.key = SPAN("user"), .value = SPAN("2"), .expect = RECORD_ABSENT};
    struct record_change drop = {.key = SPAN("user"), .expect = RECORD_PRESENT};
    struct record_change last = {.key = SPAN("user"), .value = SPAN("3"), .expect = RECORD_ABSENT};
    struct mutation m[] = {
        {.kind = MUTATION_CHANGE_RECORDS, .records = {&create, 1}},
        {.kind = MUTATION_CHANGE_RECORDS, .records = {&again, 1}},
        {.kind = MUTATION_ENGINE, .engine_data = &guilty},
        {.kind = MUTATION_CHANGE_RECORDS, .records = {&drop, 1}},
        {.kind = MUTATION_CHANGE_RECORDS, .records = {&last, 1}},
        {.kind = MUTATION_CHANGE_RECORDS, .records = {&again, 1}},
    };
    static const enum storage_err wanted[] = {STORAGE_OK, STORAGE_RECORD_EXISTS, STORAGE_INVALID,
        STORAGE_OK, STORAGE_OK, STORAGE_RECORD_EXISTS};
    storage_commit_all(store, m, ARRAY_LEN(m));
    for (size_t i = 0; i < ARRAY_LEN(m); i++)
        assert_int_equal(m[i].err, wanted[i]);
    check_record("user", "3");
}

static struct record_page page_of(const char *prefix, struct span after, size_t max)
{
    struct record_page page;
    assert_int_equal(
        storage_record_list(store, span_str(prefix), after, max, &test_arena, &page), STORAGE_OK);
    return page;
}

static void test_listing(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static char keys[COUNT][32];
    static struct record_change changes[STORAGE_RECORD_CHANGES_MAX];
    for (size_t i = 0; i < COUNT; i += 250) {
        for (size_t j = 0; j < 250; j++) {
            snprintf(keys[i + j], sizeof(keys[0]), "iam/%03zu", i + j);
            changes[j] = (struct record_change){.key = span_str(keys[i + j]),
                .value = span_str(keys[i + j]),
                .expect = RECORD_ABSENT};
        }
        assert_int_equal(change(changes, 250, NULL, NULL), STORAGE_OK);
    }
    assert_int_equal(set("iam", "before", RECORD_ANY), STORAGE_OK);
    assert_int_equal(set("iam0", "behind", RECORD_ANY), STORAGE_OK);
    static const size_t sizes[] = {1, 7, 250, 999, 1000, 1001};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        struct span after = SPAN_ABSENT;
        size_t seen = 0;
        for (bool more = true; more;) {
            struct record_page page = page_of("iam/", after, sizes[s]);
            assert_in_range(page.count, 1, sizes[s]);
            for (size_t i = 0; i < page.count; i++, seen++) {
                assert_true(span_eq(page.items[i].key, span_str(keys[seen])));
                assert_true(span_eq(page.items[i].value, span_str(keys[seen])));
            }
            more = page.truncated;
            after = span_str(keys[seen - 1]);
        }
        assert_int_equal(seen, COUNT);
    }
    assert_int_equal(page_of("", SPAN_ABSENT, 2000).count, COUNT + 2);
    assert_int_equal(page_of("iam/5", SPAN_ABSENT, 2000).count, 100);
    assert_int_equal(page_of("iam/", SPAN("iam/998"), 10).count, 1);
    assert_int_equal(page_of("none", SPAN_ABSENT, 10).count, 0);
    struct record_page none = page_of("iam/", SPAN_ABSENT, 0);
    assert_true(none.count == 0 && !none.truncated);
}

static void test_bounds(void **state)
{
    (void)state;
    static char key[STORAGE_RECORD_KEY_MAX_BYTES + 1], value[STORAGE_RECORD_VALUE_MAX_BYTES + 1];
    static struct record_change many[STORAGE_RECORD_CHANGES_MAX + 1];
    struct span read;
    uint64_t generation;
    memset(key, 0xff, sizeof(key));
    memset(value, 'v', sizeof(value));
    struct record_change longest = {
        .key = span_of(key, sizeof(key) - 1), .value = span_of(value, sizeof(value) - 1)};
    assert_int_equal(change(&longest, 1, NULL, NULL), STORAGE_OK);
    assert_int_equal(
        storage_record_get(store, longest.key, &test_arena, &read, &generation), STORAGE_OK);
    assert_true(span_eq(read, longest.value));
    struct record_change bad[] = {
        {.key = span_of(key, sizeof(key)), .value = SPAN("x")},
        {.key = SPAN("k"), .value = span_of(value, sizeof(value))},
        {.key = SPAN_ABSENT, .value = SPAN("x")},
        {.key = SPAN("k"), .value = SPAN("x"), .expect = (enum record_expectation)9},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(change(&bad[i], 1, NULL, NULL), STORAGE_INVALID);
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = (struct record_change){.key = span_of(value, 1 + i), .value = SPAN("x")};
    assert_int_equal(change(many, ARRAY_LEN(many), NULL, NULL), STORAGE_INVALID);
    assert_int_equal(change(many, ARRAY_LEN(many) - 1, NULL, NULL), STORAGE_OK);
    assert_int_equal(change(NULL, 0, NULL, NULL), STORAGE_INVALID);
    assert_int_equal(
        storage_record_get(store, SPAN_ABSENT, &test_arena, &read, &generation), STORAGE_INVALID);
    /* Full: nothing new, but what is there can go. */
    store_close();
    struct storage_options options = {
        .dir = test_dir, .no_background = true, .reserve_bytes = UINT64_MAX / 2};
    assert_int_equal(storage_open(&options, &store, NULL), STORAGE_OK);
    assert_int_equal(set("more", "x", RECORD_ANY), STORAGE_NO_SPACE);
    longest.value = SPAN_ABSENT;
    assert_int_equal(change(&longest, 1, NULL, NULL), STORAGE_OK);
}

/* ---- the log ---- */

/* The last record of this kind in the store's segments: its rows' tags, as text. */
static void tags_in_log(enum mutation_kind kind, char *ret_tags, size_t max)
{
    char path[160], command[256];
    snprintf(command, sizeof(command), "cat %s/segments/*.seg > %s/all", test_dir, test_dir);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof(path), "%s/all", test_dir);
    int fd = open(path, O_RDONLY);
    static char bytes[8 * 1024 * 1024];
    ssize_t len = read(fd, bytes, sizeof(bytes));
    assert_true(len > 0);
    close(fd);
    ret_tags[0] = '\0';
    for (size_t at = 0; at + LOG_HEADER_BYTES < (size_t)len; at += 8) {
        struct log_header header;
        if (log_frame_open(span_of(bytes + at, (size_t)len - at), &header) != STORAGE_OK)
            continue;
        const char *record = bytes + at + LOG_HEADER_BYTES;
        for (uint32_t i = 0; i < header.count; i++) {
            uint32_t size;
            uint16_t name, key;
            memcpy(&size, record, 4);
            memcpy(&name, record + 13, 2);
            memcpy(&key, record + 15, 2);
            const char *row = record + 17 + name + key, *end = record + 4 + size;
            if ((enum mutation_kind)(uint8_t)record[4] == kind)
                ret_tags[0] = '\0';
            for (size_t used = 0; row < end && (uint8_t)record[4] == kind;) {
                uint16_t row_key;
                uint32_t row_value;
                memcpy(&row_key, row + 1, 2);
                memcpy(&row_value, row + 3, 4);
                used += (size_t)snprintf(
                    ret_tags + used, max - used, "%d%s ", row[0], row_value ? "" : "-");
                row += 7 + row_key + row_value;
            }
            record = end;
        }
    }
}

static void test_the_log_tells(void **state)
{
    (void)state;
    char tags[64];
    struct record_change two[] = {
        {.key = SPAN("a"), .value = SPAN("1")}, {.key = SPAN("b"), .value = SPAN_ABSENT}};
    assert_int_equal(change(two, 2, NULL, NULL), STORAGE_OK);
    tags_in_log(MUTATION_CHANGE_RECORDS, tags, sizeof(tags));
    assert_string_equal(tags, "12 12- ");
}

/* ---- metadata in place ---- */

static struct mutation metadata_of(struct bucket_ref bucket, struct version_ref version,
    struct span expected, struct span metadata)
{
    struct mutation m = {.kind = MUTATION_SET_METADATA, .bucket = bucket, .key = SPAN("key")};
    m.set_metadata.version = version;
    m.set_metadata.expected = expected;
    m.set_metadata.metadata = metadata;
    return m;
}

static void check_metadata(struct bucket_ref bucket, const struct object_info *wanted,
    struct span metadata, struct span bytes)
{
    struct object_info info;
    struct version_ref version = exactly(wanted->version);
    assert_int_equal(get(bucket, SPAN("key"), version, &info), STORAGE_OK);
    assert_true(span_eq(info.attributes.metadata, metadata));
    assert_int_equal(info.modified_ms, wanted->modified_ms);
    assert_memory_equal(&info.attributes.etag, &wanted->attributes.etag, sizeof(struct etag));
    assert_int_equal(info.is_newest, wanted->is_newest);
    check_bytes(bucket, SPAN("key"), version, bytes);
}

static void test_metadata_in_place(void **state)
{
    (void)state;
    static char large[60000], body[2000];
    static const size_t sizes[] = {0, 10, SIDE_METADATA_BYTES, SIDE_METADATA_BYTES + 1, 60000};
    struct bucket_ref bucket = make_bucket("metadata");
    memset(large, 'm', sizeof(large));
    memset(body, 'b', sizeof(body));
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    struct object_info older = put(bucket, SPAN("key"), SPAN("older"));
    struct object_info newer = put(bucket, SPAN("key"), span_of(body, sizeof(body)));
    older.is_newest = false;
    size_t before = 0;
    for (size_t from = 0; from < ARRAY_LEN(sizes); from++) {
        for (size_t to = 0; to < ARRAY_LEN(sizes); to++) {
            struct span olds[] = {span_of(large, before), span_of(large, sizes[from])};
            struct span news[] = {span_of(large, sizes[from]), span_of(large, sizes[to])};
            for (size_t step = 0; step < 2; step++) {
                struct mutation old =
                    metadata_of(bucket, exactly(older.version), olds[step], news[step]);
                struct mutation new = metadata_of(bucket, newest_version, olds[step], news[step]);
                new.set_metadata.sequence = newer.version.sequence;
                assert_int_equal(storage_commit(store, &old), STORAGE_OK);
                assert_int_equal(storage_commit(store, &new), STORAGE_OK);
                assert_int_equal(new.result.version.sequence, newer.version.sequence);
                check_metadata(bucket, &older, news[step], SPAN("older"));
                check_metadata(bucket, &newer, news[step], span_of(body, sizeof(body)));
            }
            before = sizes[to];
            arena_free(&test_arena);
            arena_init(&test_arena, (size_t)64 * 1024 * 1024);
        }
    }
    char tags[64];
    tags_in_log(MUTATION_SET_METADATA, tags, sizeof(tags));
    assert_string_equal(tags, "1 2 ");
    check_counters(bucket, 2, 2005, 0);
}

static void test_metadata_refusals(void **state)
{
    (void)state;
    static char huge[STORAGE_METADATA_MAX_BYTES + 1];
    struct bucket_ref bucket = make_bucket("metadata");
    struct mutation m = metadata_of(bucket, newest_version, SPAN(""), SPAN("acl"));
    assert_int_equal(storage_commit(store, &m), STORAGE_NO_SUCH_KEY);
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    struct object_info info = put(bucket, SPAN("key"), SPAN("bytes"));
    m = metadata_of(bucket, newest_version, SPAN("other"), SPAN("acl"));
    assert_int_equal(storage_commit(store, &m), STORAGE_CHANGED);
    m = metadata_of(bucket, newest_version, SPAN(""), SPAN("acl"));
    m.set_metadata.sequence = info.version.sequence + 1;
    assert_int_equal(storage_commit(store, &m), STORAGE_CHANGED);
    struct version unknown = {info.version.sequence, info.version.random + 1, false};
    m = metadata_of(bucket, exactly(unknown), SPAN(""), SPAN("acl"));
    assert_int_equal(storage_commit(store, &m), STORAGE_NO_SUCH_VERSION);
    m = metadata_of(bucket, newest_version, SPAN(""), span_of(huge, sizeof(huge)));
    assert_int_equal(storage_commit(store, &m), STORAGE_INVALID);
    m = metadata_of(
        (struct bucket_ref){bucket.id + 1, bucket.name}, newest_version, SPAN(""), SPAN("acl"));
    assert_int_equal(storage_commit(store, &m), STORAGE_NO_SUCH_BUCKET);
    delete_version(bucket, SPAN("key"), newest_version);
    m = metadata_of(bucket, newest_version, SPAN(""), SPAN("acl"));
    assert_int_equal(storage_commit(store, &m), STORAGE_DELETE_MARKER);
    check_metadata(bucket,
        &(struct object_info){.version = info.version,
            .modified_ms = info.modified_ms,
            .attributes.etag = info.attributes.etag},
        SPAN(""), SPAN("bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_expectation, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_all_or_none, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_a_replayed_batch, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_listing, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_bounds, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_the_log_tells, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_metadata_in_place, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_metadata_refusals, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
