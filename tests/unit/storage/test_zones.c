/* A zone's limits and figures, and how its rules are set. */
#include "zone_bucket.h"

/* ---- limits and figures ---- */

static void test_limits(void **state)
{
    (void)state;
    set_rule(bucket, (struct zone_rule){.max_bytes = 10, .max_objects = 3});
    put(bucket, SPAN("a"), SPAN("1234"));
    put(bucket, SPAN("b"), SPAN("1234"));
    struct mutation m = put_compared(bucket, SPAN("c"), SPAN("123"));
    assert_int_equal(m.err, STORAGE_QUOTA);
    assert_int_equal(m.zone_outcome.bytes, 8);
    assert_int_equal(m.zone_outcome.objects, 2);
    assert_int_equal(m.zone_outcome.max_bytes, 10);
    assert_int_equal(m.zone_outcome.max_objects, 3);
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("123456")), STORAGE_OK); /* in its place */
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("1234567")), STORAGE_QUOTA);
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("12")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("c"), SPAN("")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("d"), SPAN("")), STORAGE_QUOTA);
    /* Older versions count. */
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    delete_version(bucket, SPAN("c"), null_version);
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("1")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("1")), STORAGE_QUOTA);
    check_zone(bucket, "zone", 3, 7);
    /* What is over a limit that was lowered may become less. */
    set_rule(bucket, (struct zone_rule){.max_bytes = 5});
    assert_int_equal(set_versioning(bucket, VERSIONING_SUSPENDED), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("a"), SPAN("12345")), STORAGE_QUOTA);
    assert_int_equal(try_put(bucket, SPAN("a"), SPAN("123")), STORAGE_OK);
    check_zone(bucket, "zone", 3, 6);
}

static void test_figures(void **state)
{
    (void)state;
    struct zone_rule rules[] = {{.name = SPAN("raw"), .prefix = SPAN("raw/")},
        {.name = SPAN("trusted"), .prefix = SPAN("trusted/")}};
    assert_int_equal(set_zones(bucket, rules, 2), STORAGE_OK);
    struct object_info info = put(bucket, SPAN("raw/a"), SPAN("12345"));
    put(bucket, SPAN("nowhere"), SPAN("1"));
    struct mutation copy = {
        .kind = MUTATION_COPY_OBJECT, .bucket = bucket, .key = SPAN("trusted/a")};
    copy.copy.from =
        (struct copy_from){.bucket_id = bucket.id, .key = SPAN("raw/a"), .version = info.version};
    copy.copy.attributes = info.attributes;
    copy.zone.promotes = true;
    assert_int_equal(storage_commit(store, &copy), STORAGE_OK);
    check_zone(bucket, "raw", 1, 5);
    check_zone(bucket, "trusted", 1, 5);
    struct zone_stats stats = stats_of(bucket, "trusted");
    assert_int_equal(stats.promotions, 1);
    assert_int_equal(stats.oldest_ms, copy.result.modified_ms);
    assert_int_equal(stats.newest_ms, copy.result.modified_ms);
    assert_false(stats.indexing);
    delete_version(bucket, SPAN("trusted/a"), newest_version);
    stats = stats_of(bucket, "trusted");
    assert_true(stats.objects == 0 && stats.oldest_ms == 0 && stats.promotions == 1);
    struct zone_stats none;
    assert_int_equal(storage_zone_stats(store, bucket.id, 12345, &none), STORAGE_NO_SUCH_ZONE);
}

/* ---- setting rules ---- */

/* Two that could be set. */
static void check_refused_rules(struct zone_rule *rules)
{
    rules[0].name = rules[1].name;
    assert_int_equal(set_zones(bucket, rules, 2), STORAGE_INVALID);
    struct mutation m = zones_of(bucket, rules, 1);
    m.zones.kind = DOCUMENT_POLICY;
    assert_int_equal(storage_commit(store, &m), STORAGE_INVALID);
    m = zones_of((struct bucket_ref){bucket.id + 1, bucket.name}, rules, 1);
    assert_int_equal(storage_commit(store, &m), STORAGE_NO_SUCH_BUCKET);
}

static void test_rules_are_set_and_read(void **state)
{
    (void)state;
    struct span except[] = {SPAN("*/"), SPAN("_SUCCESS")};
    struct zone_rule rules[] = {
        {.name = SPAN("trusted"), .prefix = SPAN("trusted/"), .max_objects = 7},
        {.name = SPAN("raw"),
            .prefix = SPAN("raw/"),
            .write_once = true,
            .compress = true,
            .duplicates = DUPLICATES_REJECT,
            .min_bytes = 9,
            .retention_ms = DAY_MS,
            .max_bytes = 1000,
            .except = except,
            .except_count = 2},
    };
    struct bucket_info before = bucket_info_of(bucket);
    assert_int_equal(before.zones_generation, 0);
    assert_int_equal(zones_read(bucket).count, 0);
    assert_int_equal(set_zones(bucket, rules, 2), STORAGE_OK);
    struct bucket_info info = bucket_info_of(bucket);
    struct zone_set set = zones_read(bucket);
    assert_int_equal(set.generation, info.zones_generation);
    assert_true(info.generation > before.generation);
    assert_int_equal(set.count, 2);
    assert_true(span_eq(set.rules[0].name, SPAN("raw")) && set.rules[0].write_once &&
                set.rules[0].compress && set.rules[0].duplicates == DUPLICATES_REJECT);
    assert_true(set.rules[0].min_bytes == 9 && set.rules[0].retention_ms == DAY_MS &&
                set.rules[0].max_bytes == 1000 && set.rules[0].max_objects == 0);
    assert_true(
        set.rules[0].except_count == 2 && span_eq(set.rules[0].except[1], SPAN("_SUCCESS")));
    assert_true(span_eq(set.rules[1].prefix, SPAN("trusted/")) && set.rules[1].max_objects == 7);
    struct span text;
    uint64_t generation;
    assert_int_equal(
        storage_document_get(store, bucket.id, DOCUMENT_ZONES, &test_arena, &text, &generation),
        STORAGE_OK);
    assert_true(span_eq(text, SPAN("{}")));
    /* Ids stay with name and prefix. */
    rules[1].max_bytes = 2000;
    rules[0].prefix = SPAN("other/");
    assert_int_equal(set_zones(bucket, rules, 2), STORAGE_OK);
    struct zone_set changed = zones_read(bucket);
    assert_int_equal(changed.rules[1].id, set.rules[0].id);
    assert_int_not_equal(changed.rules[0].id, set.rules[1].id);
    assert_int_not_equal(changed.generation, set.generation);
    /* The document alone, of an expected generation. */
    struct mutation m = zones_of(bucket, NULL, 0);
    m.zones.keep_rules = true;
    m.zones.kind = DOCUMENT_TAGGING;
    m.zones.generation = info.generation;
    assert_int_equal(storage_commit(store, &m), STORAGE_CHANGED);
    m.zones.generation = bucket_info_of(bucket).generation;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_int_equal(zones_read(bucket).count, 2);
    /* None at all. */
    m = zones_of(bucket, NULL, 0);
    m.zones.text = SPAN_ABSENT;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_int_equal(bucket_info_of(bucket).zones_generation, 0);
    assert_int_equal(zones_read(bucket).count, 0);
    assert_int_equal(
        storage_document_get(store, bucket.id, DOCUMENT_ZONES, &test_arena, &text, &generation),
        STORAGE_NO_SUCH_DOCUMENT);
    check_refused_rules(rules);
}

static void test_buckets_come_and_go_with_zones(void **state)
{
    (void)state;
    struct zone_rule rule = {
        .name = SPAN("raw"), .write_once = true, .duplicates = DUPLICATES_FLAG};
    struct bucket_document document = {DOCUMENT_TAGGING, SPAN("<tags/>")};
    struct mutation m = {.kind = MUTATION_CREATE_BUCKET, .bucket.name = SPAN("tagged")};
    m.create_bucket.documents = &document;
    m.create_bucket.document_count = 1;
    m.create_bucket.rules = &rule;
    m.create_bucket.rule_count = 1;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    struct bucket_ref tagged = {m.bucket_info.id, SPAN("tagged")};
    assert_int_not_equal(m.bucket_info.zones_generation, 0);
    put(tagged, SPAN("a"), SPAN("x"));
    assert_int_equal(try_put(tagged, SPAN("a"), SPAN("y")), STORAGE_OBJECT_EXISTS);
    delete_version(tagged, SPAN("a"), newest_version);
    struct mutation drop = {.kind = MUTATION_DELETE_BUCKET, .bucket = tagged};
    assert_int_equal(storage_commit(store, &drop), STORAGE_OK);
    scan_all();
    struct index_txn *txn;
    assert_int_equal(index_read_begin(store->index, &txn), STORAGE_OK);
    assert_int_equal(index_tally(txn, TABLE_ZONES).count, 0);
    assert_int_equal(index_tally(txn, TABLE_CONTENT).count, 0);
    assert_int_equal(index_tally(txn, TABLE_FREED).count, 0);
    index_read_end(txn);
}

/* In one batch each change sees those before it: rules that were just set, and contents. */
static void test_rules_within_a_batch(void **state)
{
    (void)state;
    struct zone_rule rule = {.name = SPAN("z"), .write_once = true};
    struct mutation m[] = {
        put_of(bucket, SPAN("a"), SPAN("1")),
        zones_of(bucket, &rule, 1),
        put_of(bucket, SPAN("a"), SPAN("2")),
        put_of(bucket, SPAN("b"), SPAN("1")),
        put_of(bucket, SPAN("b"), SPAN("2")),
        zones_of(bucket, NULL, 0),
        put_of(bucket, SPAN("b"), SPAN("2")),
        zones_of(bucket, &rule, 1),
        put_of(bucket, SPAN("c"), SPAN("22")),
    };
    static const enum storage_err wanted[] = {STORAGE_OK, STORAGE_OK, STORAGE_OBJECT_EXISTS,
        STORAGE_OK, STORAGE_OBJECT_EXISTS, STORAGE_OK, STORAGE_OK, STORAGE_OK, STORAGE_OK};
    storage_commit_all(store, m, ARRAY_LEN(m));
    for (size_t i = 0; i < ARRAY_LEN(m); i++)
        assert_int_equal(m[i].err, wanted[i]);
    scan_all();
    check_zone(bucket, "z", 3, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_limits),
        TEST(test_figures),
        TEST(test_rules_are_set_and_read),
        TEST(test_buckets_come_and_go_with_zones),
        TEST(test_rules_within_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
