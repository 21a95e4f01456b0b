/* Zones set on what is already there: counted and indexed in steps, while others write; rules that change; and
 * writers that race. After every test verify compares counters and contents with the objects. */
#include "zone_support.h"

#include "storage/local/commit.h"
#include "storage/local/gc.h"
#include "storage/local/zones.h"

static struct bucket_ref bucket;

static int setup(void **state)
{
    int result = store_setup(state);
    bucket = make_bucket("lake");
    return result;
}

static uint64_t rows_in(enum table table)
{
    struct index_txn *txn;
    assert_int_equal(index_read_begin(store->index, &txn), STORAGE_OK);
    uint64_t count = index_tally(txn, table).count;
    index_read_end(txn);
    return count;
}

static void verify_now(void)
{
    uint64_t findings = 0;
    store_close();
    assert_int_equal(storage_verify(test_dir, print_finding, NULL, &findings), STORAGE_OK);
    assert_int_equal(findings, 0);
    store_open();
}

static struct span key_number(unsigned number, char *key)
{
    /* Some keys are split. */
    int len = snprintf(key, 1024, "raw/%05u", number);
    size_t whole = (size_t)len + (number % 10 == 0 ? 600 : 0);
    memset(key + len, 'k', whole - (size_t)len);
    return span_of(key, whole);
}

static void put_many(unsigned from, unsigned to)
{
    enum { AT_ONCE = 250 };
    static struct mutation m[AT_ONCE];
    static char keys[AT_ONCE][1024], bodies[AT_ONCE][16];
    for (unsigned at = from; at < to; at += AT_ONCE) {
        unsigned count = to - at < AT_ONCE ? to - at : AT_ONCE;
        for (unsigned i = 0; i < count; i++) {
            snprintf(bodies[i], sizeof(bodies[i]), "%u", (at + i) / 2); /* pairs of the same */
            m[i] = put_of(bucket, key_number(at + i, keys[i]), span_str(bodies[i]));
        }
        storage_commit_all(store, m, count);
        for (unsigned i = 0; i < count; i++)
            assert_int_equal(m[i].err, STORAGE_OK);
    }
}

static const struct zone_rule raw_rule = {
    .name = SPAN("raw"), .prefix = SPAN("raw/"), .duplicates = DUPLICATES_FLAG};

/* Steps, with writers between them before, at and behind the cursor, reopening now and then. */
static void test_a_scan_among_writers(void **state)
{
    (void)state;
    enum { COUNT = 6000 };
    char key[1024];
    put_many(0, COUNT);
    put(bucket, SPAN("ra"), SPAN("before the zone"));
    put(bucket, SPAN("raw0"), SPAN("behind it"));
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    assert_int_equal(set_zones(bucket, &raw_rule, 1), STORAGE_OK);
    assert_true(stats_of(bucket, "raw").indexing);
    assert_int_equal(stats_of(bucket, "raw").objects, 0);
    unsigned seed = 7, steps = 0;
    for (; stats_of(bucket, "raw").indexing; steps++) {
        bool more;
        assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
        for (int i = 0; i < 20; i++) {
            struct span at = key_number((unsigned)rand_r(&seed) % (COUNT + 1000), key);
            struct object_info info;
            bool exists = get(bucket, at, newest_version, &info) == STORAGE_OK;
            switch (rand_r(&seed) % 4) {
            case 0:
                delete_version(bucket, at, newest_version);
                break;
            case 1:
                if (exists)
                    delete_version(bucket, at, exactly(info.version));
                break;
            default:
                assert_int_equal(
                    try_put(bucket, at, span_of(key, 4 + (size_t)rand_r(&seed) % 5)), STORAGE_OK);
            }
        }
        if (steps % 3 == 1)
            verify_now();
        assert_true(steps < 100);
    }
    assert_true(steps >= 6);
    struct zone_stats stats = stats_of(bucket, "raw");
    assert_false(stats.indexing);
    assert_true(stats.objects > COUNT / 2 && stats.indexed_objects >= COUNT / 2);
    assert_true(stats.oldest_ms > 0 && stats.newest_ms >= stats.oldest_ms && stats.ages_ms > 0);
    struct bucket_info info = bucket_info_of(bucket);
    assert_int_equal(stats.objects, info.object_count - 2);
    assert_int_equal(stats.bytes, info.byte_count - 15 - 9);
}

/* One key with more versions than a step takes. */
static void test_a_key_of_many_versions(void **state)
{
    (void)state;
    enum { VERSIONS = 2500 };
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    struct version first = {0}, middle = {0};
    for (int i = 0; i < VERSIONS; i++) {
        struct object_info info = put(bucket, SPAN("raw/key"), SPAN("bytes"));
        if (i == 0)
            first = info.version;
        if (i == VERSIONS / 2)
            middle = info.version;
    }
    put(bucket, SPAN("raw/next"), SPAN("x"));
    assert_int_equal(set_zones(bucket, &raw_rule, 1), STORAGE_OK);
    bool more = true;
    assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
    assert_in_range(stats_of(bucket, "raw").objects, 1, VERSIONS - 1);
    verify_now();
    delete_version(bucket, SPAN("raw/key"), exactly(first));  /* not counted yet */
    delete_version(bucket, SPAN("raw/key"), exactly(middle)); /* perhaps */
    put(bucket, SPAN("raw/key"), SPAN("newer"));
    delete_version(bucket, SPAN("raw/key"), newest_version);
    verify_now();
    scan_all();
    check_zone(bucket, "raw", VERSIONS, (VERSIONS - 1) * 5 + 1);
}

/* ---- other rules over what is there ---- */

static void test_rules_that_change(void **state)
{
    (void)state;
    struct span except = SPAN("raw*"), last = SPAN("*9");
    struct zone_rule rule = raw_rule;
    put_many(0, 3000);
    rule.duplicates = DUPLICATES_ALLOW;
    assert_int_equal(set_zones(bucket, &rule, 1), STORAGE_OK);
    scan_all();
    check_zone(bucket, "raw", 3000, bucket_info_of(bucket).byte_count);
    assert_int_equal(rows_in(TABLE_CONTENT), 0);
    const struct {
        enum zone_duplicates duplicates;
        const struct span *except;
        uint64_t min_bytes;
        uint64_t rows; /* then */
    } cases[] = {
        {DUPLICATES_REJECT, NULL, 0, 3000},
        {DUPLICATES_FLAG, NULL, 0, 3000},
        {DUPLICATES_FLAG, &last, 0, 3000 - 300},
        {DUPLICATES_FLAG, NULL, 4,
            1000}, /* 1000 / 2 and above have three digits; 1000 and above four */
        {DUPLICATES_FLAG, &last, 2, 2980 - 298},
        {DUPLICATES_ALLOW, NULL, 0, 0},
        {DUPLICATES_LINK, &except, 0, 3000},
        {DUPLICATES_LINK, NULL, 0, 3000},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        rule.duplicates = cases[i].duplicates;
        rule.except = cases[i].except;
        rule.except_count = cases[i].except != NULL;
        rule.min_bytes = cases[i].min_bytes;
        assert_int_equal(set_zones(bucket, &rule, 1), STORAGE_OK);
        check_zone(bucket, "raw", 3000, bucket_info_of(bucket).byte_count); /* at once */
        bool more = true;
        assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
        verify_now();
        if (i % 3 == 2) /* another change while it is under way */
            continue;
        scan_all();
        if (rows_in(TABLE_CONTENT) != cases[i].rows)
            fail_msg("case %zu: %llu rows", i, (unsigned long long)rows_in(TABLE_CONTENT));
        check_zone(bucket, "raw", 3000, bucket_info_of(bucket).byte_count);
    }
    /* A change in the midst of the first count begins it anew. */
    rule.name = SPAN("renamed");
    assert_int_equal(set_zones(bucket, &rule, 1), STORAGE_OK);
    bool more = true;
    assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
    assert_int_not_equal(stats_of(bucket, "renamed").objects, 0);
    rule.min_bytes = 1;
    assert_int_equal(set_zones(bucket, &rule, 1), STORAGE_OK);
    assert_int_equal(stats_of(bucket, "renamed").objects, 0);
    scan_all();
    check_zone(bucket, "renamed", 3000, bucket_info_of(bucket).byte_count);
    assert_int_equal(rows_in(TABLE_CONTENT), 3000);
    assert_int_equal(set_zones(bucket, NULL, 0), STORAGE_OK);
    verify_now();
    scan_all();
    assert_int_equal(rows_in(TABLE_CONTENT), 0);
    assert_int_equal(rows_in(TABLE_ZONES), 0);
    assert_int_equal(rows_in(TABLE_FREED), 0);
}

static void test_a_zone_goes_while_it_is_scanned(void **state)
{
    (void)state;
    put_many(0, 3000);
    assert_int_equal(set_zones(bucket, &raw_rule, 1), STORAGE_OK);
    bool more = true;
    assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
    assert_int_equal(set_zones(bucket, NULL, 0), STORAGE_OK);
    verify_now();
    scan_all();
    assert_int_equal(rows_in(TABLE_CONTENT), 0);
    assert_int_equal(rows_in(TABLE_FREED), 0);
    /* And its bucket. */
    struct bucket_ref other = make_bucket("other");
    struct object_info info = put(other, SPAN("raw/a"), SPAN("x"));
    (void)info;
    assert_int_equal(set_zones(other, &raw_rule, 1), STORAGE_OK);
    delete_version(other, SPAN("raw/a"), newest_version);
    struct mutation drop = {.kind = MUTATION_DELETE_BUCKET, .bucket = other};
    assert_int_equal(storage_commit(store, &drop), STORAGE_OK);
    verify_now();
    scan_all();
    assert_int_equal(rows_in(TABLE_FREED), 0);
}

/* ---- ages ---- */

static int64_t modified_of(unsigned number)
{
    char key[1024];
    struct object_info info;
    assert_int_equal(get(bucket, key_number(number, key), newest_version, &info), STORAGE_OK);
    return info.modified_ms;
}

static void test_ages_are_counted_anew(void **state)
{
    (void)state;
    enum { COUNT = 2600 };
    char key[1024];
    assert_int_equal(
        set_zones(bucket, &(struct zone_rule){.name = SPAN("raw"), .prefix = SPAN("raw/")}, 1),
        STORAGE_OK);
    put_many(0, 1);
    usleep(5000);
    put_many(1, COUNT);
    usleep(5000);
    put_many(COUNT, COUNT + 1);
    int64_t first = modified_of(0), second = modified_of(1), last = modified_of(COUNT);
    assert_int_equal(stats_of(bucket, "raw").oldest_ms, first);
    assert_int_equal(stats_of(bucket, "raw").newest_ms, last);
    int64_t before_last = 0;
    for (unsigned i = 1; i < COUNT; i += 50)
        before_last = modified_of(i) > before_last ? modified_of(i) : before_last;
    before_last = modified_of(COUNT - 1) > before_last ? modified_of(COUNT - 1) : before_last;
    delete_version(bucket, key_number(0, key), newest_version);
    delete_version(bucket, key_number(COUNT, key), newest_version);
    assert_int_equal(stats_of(bucket, "raw").oldest_ms, first); /* as it was counted */
    scan_all();
    struct zone_stats stats = stats_of(bucket, "raw");
    assert_int_equal(stats.oldest_ms, second);
    assert_int_equal(stats.newest_ms, before_last);
    assert_true(stats.ages_ms >= last);
    /* Older versions count, markers do not; the oldest and the newest go while it is being counted. */
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    usleep(5000);
    struct object_info over = put(bucket, key_number(7, key), SPAN("newer"));
    usleep(5000);
    delete_version(bucket, key_number(7, key), newest_version);
    put(bucket, key_number(1, key), SPAN("x"));
    struct object_info info;
    assert_int_equal(get(bucket, key_number(1, key), newest_version, &info), STORAGE_OK);
    delete_version(bucket, key_number(1, key), exactly(info.version));
    bool more = true;
    for (int i = 0; i < 2 && more; i++)
        assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
    assert_true(more);
    store_reopen();
    scan_all();
    assert_int_equal(stats_of(bucket, "raw").oldest_ms, second);
    assert_true(stats_of(bucket, "raw").newest_ms >= over.modified_ms);
    for (unsigned i = 0; i < COUNT + 1; i++) {
        delete_version(bucket, key_number(i, key), newest_version);
        delete_version(bucket, key_number(i, key), null_version);
    }
    delete_version(bucket, key_number(7, key), exactly(over.version));
    assert_int_equal(stats_of(bucket, "raw").objects, 0);
    assert_int_equal(stats_of(bucket, "raw").oldest_ms, 0);
    scan_all();
}

/* ---- the report ---- */

static void test_listing_duplicates(void **state)
{
    (void)state;
    put_many(0, 2000); /* 1000 pairs */
    for (int i = 0; i < 30; i++) {
        char key[32];
        snprintf(key, sizeof(key), "raw/many-%02d", i);
        put(bucket, span_str(key), SPAN("the same content thirty times"));
    }
    put(bucket, SPAN("raw/alone"), SPAN("the same content only once here"));
    assert_int_equal(set_zones(bucket, &raw_rule, 1), STORAGE_OK);
    scan_all();
    static const size_t sizes[] = {1, 7, 333, 5000};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        struct duplicates_query query = {.bucket_id = bucket.id,
            .zone_id = zones_read(bucket).rules[0].id,
            .max_groups = sizes[s],
            .max_keys = 5};
        size_t groups = 0;
        uint64_t smaller = UINT64_MAX;
        for (bool more = true; more; query.has_after = true) {
            struct duplicates_page page;
            assert_int_equal(
                storage_duplicates_list(store, &query, &test_arena, &page), STORAGE_OK);
            for (size_t i = 0; i < page.count; i++, groups++) {
                const struct duplicates_group *group = &page.items[i];
                assert_true(group->size_bytes <= smaller);
                smaller = group->size_bytes;
                assert_int_equal(group->total, groups == 0 ? 30 : 2);
                assert_int_equal(group->count, groups == 0 ? 5 : 2);
                assert_true(span_starts(group->items[0].key, SPAN("raw/")));
            }
            more = page.truncated;
            query.after = page.after;
        }
        assert_int_equal(groups, 1001);
    }
    struct duplicates_page page;
    struct duplicates_query query = {.bucket_id = bucket.id, .zone_id = 1, .max_groups = 1};
    assert_int_equal(
        storage_duplicates_list(store, &query, &test_arena, &page), STORAGE_NO_SUCH_ZONE);
}

/* ---- races ---- */

enum { RACERS = 8, RACES = 60 };
static struct racer {
    pthread_t thread;
    unsigned number;
    unsigned won, refused;
} racers[RACERS];
static pthread_barrier_t start;

/* In all threads at once. What they won and were refused together. */
static struct racer run_racers(void *(*run)(void *))
{
    struct racer all = {0};
    pthread_barrier_init(&start, NULL, RACERS);
    for (unsigned i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.number = i};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, run, &racers[i]), 0);
    }
    for (unsigned i = 0; i < RACERS; i++) {
        pthread_join(racers[i].thread, NULL);
        all.won += racers[i].won;
        all.refused += racers[i].refused;
    }
    pthread_barrier_destroy(&start);
    return all;
}

static void *race(void *arg)
{
    struct racer *racer = arg;
    char key[32], bytes[64];
    for (unsigned i = 0; i < RACES; i++) {
        snprintf(key, sizeof(key), "raw/%u-%u", i, racer->number);
        snprintf(bytes, sizeof(bytes), "content of race %u%*s", i, i % 2 ? 40 : 1, "");
        struct mutation m = put_of(bucket, span_str(key), span_str(bytes));
        pthread_barrier_wait(&start);
        enum storage_err err = commit_compared(bucket, &m);
        racer->won += err == STORAGE_OK;
        racer->refused += err == STORAGE_DUPLICATE;
    }
    return NULL;
}

static void test_exactly_one_wins(void **state)
{
    (void)state;
    struct zone_rule rule = raw_rule;
    rule.duplicates = DUPLICATES_REJECT;
    assert_int_equal(set_zones(bucket, &rule, 1), STORAGE_OK);
    struct racer all = run_racers(race);
    assert_int_equal(all.won, RACES);
    assert_int_equal(all.refused, RACES * (RACERS - 1));
    assert_int_equal(stats_of(bucket, "raw").objects, RACES);
    assert_int_equal(stats_of(bucket, "raw").duplicates_found, all.refused);
    assert_int_equal(rows_in(TABLE_CONTENT), RACES);
}

/* The same key by many at once, written once: one writes, those with the same bytes are told of it. */
static void *race_for_a_key(void *arg)
{
    struct racer *racer = arg;
    char key[32];
    for (unsigned i = 0; i < RACES; i++) {
        snprintf(key, sizeof(key), "raw/%u", i);
        struct mutation m =
            put_of(bucket, span_str(key), racer->number % 2 ? SPAN("one") : SPAN("the other"));
        pthread_barrier_wait(&start);
        enum storage_err err = storage_commit(store, &m);
        racer->won += err == STORAGE_OK && !m.zone_outcome.unchanged;
        racer->refused += err == STORAGE_OBJECT_EXISTS;
    }
    return NULL;
}

static void test_a_key_is_written_once(void **state)
{
    (void)state;
    struct zone_rule rule = raw_rule;
    rule.duplicates = DUPLICATES_ALLOW;
    rule.write_once = true;
    assert_int_equal(set_zones(bucket, &rule, 1), STORAGE_OK);
    struct racer all = run_racers(race_for_a_key);
    assert_int_equal(all.won, RACES);
    assert_int_equal(all.refused, RACES * RACERS / 2);
}

/* Writers, and the scan on its own thread. */
static void *write_on(void *arg)
{
    struct racer *racer = arg;
    char key[1024];
    unsigned seed = racer->number;
    for (unsigned i = 0; i < 150; i++) {
        struct span at = key_number((unsigned)rand_r(&seed) % 4000, key);
        if (rand_r(&seed) % 3 == 0)
            delete_version(bucket, at, newest_version);
        else
            put(bucket, at, span_of(key, 4 + (size_t)rand_r(&seed) % 5));
    }
    return NULL;
}

static void test_a_scan_beside_writers(void **state)
{
    (void)state;
    put_many(0, 4000);
    store_close();
    struct storage_options options = {.dir = test_dir, .segment_bytes = 16 * 1024 * 1024};
    assert_int_equal(storage_open(&options, &store, NULL), STORAGE_OK);
    struct zone_rule rule = raw_rule;
    rule.duplicates = DUPLICATES_ALLOW;
    assert_int_equal(set_zones(bucket, &rule, 1), STORAGE_OK);
    for (unsigned i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){.number = i + 1};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, write_on, &racers[i]), 0);
    }
    for (unsigned i = 0; i < RACERS; i++)
        pthread_join(racers[i].thread, NULL);
    while (stats_of(bucket, "raw").indexing)
        usleep(1000);
    struct bucket_info info = bucket_info_of(bucket);
    check_zone(bucket, "raw", info.object_count, info.byte_count);
}

/* ---- damage ---- */

struct edit {
    struct engine_work work;
    enum table table;
    bool deletes;
};

static enum storage_err edit_apply(struct engine_work *work, struct commit *commit)
{
    struct edit *edit = (struct edit *)work;
    struct index_cursor *cursor;
    struct span key, value;
    char key_bytes[512];
    assert_int_equal(index_cursor_open(commit->txn, edit->table, &cursor), STORAGE_OK);
    assert_int_equal(index_last(cursor, &key, &value), STORAGE_OK);
    memcpy(key_bytes, key.ptr, key.len);
    struct span at = span_of(key_bytes, key.len);
    struct zone_state zone;
    if (edit->table == TABLE_ZONES)
        assert_int_equal(schema_decode_zone_state(key, value, &zone), STORAGE_OK);
    index_cursor_close(cursor);
    if (edit->deletes)
        return index_delete(commit->txn, edit->table, at);
    if (edit->table == TABLE_ZONES) {
        zone.objects++;
        schema_encode_zone_state(at, &zone, &commit->value);
    } else {
        key_bytes[39] ^= 1; /* a row of a version that is not */
        schema_encode_bytes(at, SPAN_ABSENT, &commit->value);
    }
    return commit_put(commit, edit->table, at);
}

static void test_verify_finds_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        enum table table;
        bool deletes;
    } cases[] = {
        {TABLE_CONTENT, true}, {TABLE_CONTENT, false}, {TABLE_ZONES, true}, {TABLE_ZONES, false}};
    put(bucket, SPAN("raw/a"), SPAN("x"));
    put(bucket, SPAN("raw/b"), SPAN("y"));
    assert_int_equal(set_zones(bucket, &raw_rule, 1), STORAGE_OK);
    scan_all();
    verify_now();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char command[256];
        uint64_t findings = 0;
        store_close();
        snprintf(command, sizeof(command), "rm -rf %s.kept && cp -r %s %s.kept", test_dir, test_dir,
            test_dir);
        assert_int_equal(system(command), 0);
        store_open();
        struct edit edit = {{edit_apply}, cases[i].table, cases[i].deletes};
        struct mutation m = {.kind = MUTATION_ENGINE, .engine_data = &edit.work};
        assert_int_equal(storage_commit(store, &m), STORAGE_OK);
        store_close();
        assert_int_equal(storage_verify(test_dir, print_finding, NULL, &findings), STORAGE_OK);
        assert_true(findings > 0);
        snprintf(
            command, sizeof(command), "rm -rf %s && mv %s.kept %s", test_dir, test_dir, test_dir);
        assert_int_equal(system(command), 0);
        store_open();
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_scan_among_writers),
        TEST(test_a_key_of_many_versions),
        TEST(test_rules_that_change),
        TEST(test_a_zone_goes_while_it_is_scanned),
        TEST(test_ages_are_counted_anew),
        TEST(test_listing_duplicates),
        TEST(test_exactly_one_wins),
        TEST(test_a_key_is_written_once),
        TEST(test_a_scan_beside_writers),
        TEST(test_verify_finds_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
