/* Write-once and retention: what they refuse in the commit, and in which order. */
#include "zone_bucket.h"

/* ---- write once ---- */

static void test_write_once(void **state)
{
    (void)state;
    struct span except = SPAN("_SUCCESS");
    set_rule(bucket, (struct zone_rule){.write_once = true, .except = &except, .except_count = 1});
    struct object_info first = put(bucket, SPAN("key"), SPAN("one"));
    assert_int_equal(try_put(bucket, SPAN("key"), SPAN("two")), STORAGE_OBJECT_EXISTS);
    check_bytes(bucket, SPAN("key"), newest_version, SPAN("one"));
    /* The same again changes nothing and is told of what is there. */
    struct mutation again = put_compared(bucket, SPAN("key"), SPAN("one"));
    assert_int_equal(again.err, STORAGE_OK);
    assert_true(again.zone_outcome.unchanged);
    assert_int_equal(again.result.version.sequence, first.version.sequence);
    assert_int_equal(again.result.modified_ms, first.modified_ms);
    /* The same bytes with other metadata are another object. */
    struct mutation other = put_of(bucket, SPAN("key"), SPAN("one"));
    other.put.attributes.metadata = SPAN("type: text");
    assert_int_equal(storage_commit(store, &other), STORAGE_OBJECT_EXISTS);
    /* Excepted keys are free, and so is one that was deleted. */
    assert_int_equal(try_put(bucket, SPAN("_SUCCESS"), SPAN("1")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("_SUCCESS"), SPAN("2")), STORAGE_OK);
    delete_version(bucket, SPAN("key"), newest_version);
    assert_int_equal(try_put(bucket, SPAN("key"), SPAN("two")), STORAGE_OK);
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("key"), SPAN("three")), STORAGE_OBJECT_EXISTS);
    delete_version(bucket, SPAN("key"), newest_version); /* a marker */
    assert_int_equal(try_put(bucket, SPAN("key"), SPAN("three")), STORAGE_OK);
}

/* The same bytes under another ETag (parts of other sizes) count once they were compared. */
static void test_the_same_bytes_with_another_etag(void **state)
{
    (void)state;
    set_rule(bucket, (struct zone_rule){.write_once = true});
    struct object_info first = put(bucket, SPAN("key"), span_of(large, sizeof(large)));
    struct mutation m = put_of(bucket, SPAN("key"), span_of(large, sizeof(large)));
    m.put.attributes.etag.part_count = 2;
    assert_int_equal(storage_commit(store, &m), STORAGE_OBJECT_EXISTS);
    m = put_of(bucket, SPAN("key"), span_of(large, sizeof(large)));
    m.put.attributes.etag.part_count = 2;
    m.zone.same_sequence = first.version.sequence;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_true(m.zone_outcome.unchanged);
    /* Never so with another CRC, whatever is claimed. */
    m = put_of(bucket, SPAN("key"), span_of(large, sizeof(large)));
    m.put.attributes.crc64nvme++;
    m.zone.same_sequence = first.version.sequence;
    assert_int_equal(storage_commit(store, &m), STORAGE_OBJECT_EXISTS);
}

static void test_preconditions_come_before_write_once(void **state)
{
    (void)state;
    set_rule(bucket, (struct zone_rule){.write_once = true});
    put(bucket, SPAN("key"), SPAN("one"));
    static const struct {
        const char *bytes, *etag_of;
        bool match, none_match;
        enum storage_err wanted;
    } cases[] = {
        {"one", NULL, false, true, STORAGE_PRECONDITION_FAILED}, /* though the bytes are equal */
        {"two", NULL, false, true, STORAGE_PRECONDITION_FAILED},
        {"one", "two", true, false, STORAGE_PRECONDITION_FAILED},
        {"two", "one", true, false, STORAGE_OBJECT_EXISTS},
        {"one", "one", true, false, STORAGE_OBJECT_EXISTS},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mutation m = put_of(bucket, SPAN("key"), span_str(cases[i].bytes));
        struct etag etag = etag_of(span_str(cases[i].etag_of ? cases[i].etag_of : ""));
        struct etag_list list = {.present = true,
            .any = !cases[i].etag_of,
            .items = &etag,
            .count = cases[i].etag_of ? 1 : 0};
        if (cases[i].match)
            m.if_match = list;
        else
            m.if_none_match = list;
        assert_int_equal(storage_commit(store, &m), cases[i].wanted);
    }
}

/* ---- retention ---- */

static void test_retention(void **state)
{
    (void)state;
    enum action { OVERWRITE, PLAIN_DELETE, DELETE_VERSION };
    static const struct {
        enum versioning versioning;
        enum action action;
        bool retained;
    } cases[] = {
        {VERSIONING_OFF, OVERWRITE, true},
        {VERSIONING_OFF, PLAIN_DELETE, true},
        {VERSIONING_OFF, DELETE_VERSION, true},
        {VERSIONING_ON, OVERWRITE, false},
        {VERSIONING_ON, PLAIN_DELETE, false},
        {VERSIONING_ON, DELETE_VERSION, true},
        {VERSIONING_SUSPENDED, OVERWRITE, true},
        {VERSIONING_SUSPENDED, PLAIN_DELETE, true},
        {VERSIONING_SUSPENDED, DELETE_VERSION, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char name[32];
        snprintf(name, sizeof(name), "bucket-%zu", i);
        struct bucket_ref here = make_bucket(name);
        set_rule(here, (struct zone_rule){.retention_ms = 30 * DAY_MS});
        if (cases[i].versioning == VERSIONING_SUSPENDED)
            assert_int_equal(set_versioning(here, VERSIONING_ON), STORAGE_OK);
        if (cases[i].versioning != VERSIONING_OFF)
            assert_int_equal(set_versioning(here, cases[i].versioning), STORAGE_OK);
        struct object_info info = put(here, SPAN("key"), SPAN("one"));
        for (int bypass = 0; bypass < 2; bypass++) {
            struct mutation m = put_of(here, SPAN("key"), SPAN("two"));
            if (cases[i].action != OVERWRITE) {
                stage_discard(m.put.stage);
                m = remove_of(here, SPAN("key"),
                    cases[i].action == PLAIN_DELETE ? newest_version
                    : info.version.is_null          ? null_version
                                                    : exactly(info.version));
            }
            m.zone.bypass_retention = bypass;
            bool refused = cases[i].retained && !bypass;
            assert_int_equal(storage_commit(store, &m), refused ? STORAGE_RETAINED : STORAGE_OK);
            if (refused)
                assert_int_equal(m.zone_outcome.retained_until_ms, info.modified_ms + 30 * DAY_MS);
        }
    }
}

static void test_what_retention_lets_go(void **state)
{
    (void)state;
    struct span except = SPAN("*.tmp");
    struct zone_rule rule = {.retention_ms = 20, .except = &except, .except_count = 1};
    set_rule(bucket, rule);
    put(bucket, SPAN("short"), SPAN("x"));
    usleep(40 * 1000);
    assert_int_equal(try_put(bucket, SPAN("short"), SPAN("y")), STORAGE_OK);
    usleep(40 * 1000);
    rule.retention_ms = DAY_MS;
    set_rule(bucket, rule);
    put(bucket, SPAN("a.tmp"), SPAN("x"));
    delete_version(bucket, SPAN("a.tmp"), newest_version);
    /* A marker holds nothing, and neither does a version whose rule is gone. */
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    put(bucket, SPAN("key"), SPAN("x"));
    struct object_info marker = delete_version(bucket, SPAN("key"), newest_version);
    delete_version(bucket, SPAN("key"), exactly(marker.version));
    struct mutation drop = zones_of(bucket, NULL, 0);
    drop.zones.bypass_retention = true;
    assert_int_equal(storage_commit(store, &drop), STORAGE_OK);
    struct object_info info;
    assert_int_equal(get(bucket, SPAN("key"), newest_version, &info), STORAGE_OK);
    delete_version(bucket, SPAN("key"), exactly(info.version));
}

static void test_an_older_null_version_is_retained(void **state)
{
    (void)state;
    set_rule(bucket, (struct zone_rule){.retention_ms = DAY_MS});
    put(bucket, SPAN("key"), SPAN("null"));
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    put(bucket, SPAN("key"), SPAN("newer"));
    assert_int_equal(set_versioning(bucket, VERSIONING_SUSPENDED), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("key"), SPAN("newest")), STORAGE_RETAINED);
    struct mutation m = remove_of(bucket, SPAN("key"), newest_version);
    assert_int_equal(storage_commit(store, &m), STORAGE_RETAINED);
    check_bytes(bucket, SPAN("key"), null_version, SPAN("null"));
    check_bytes(bucket, SPAN("key"), newest_version, SPAN("newer"));
}

static void test_retention_cannot_be_lowered_unseen(void **state)
{
    (void)state;
    struct span tmp = SPAN("*.tmp"), both[] = {SPAN("*.tmp"), SPAN("*.log")};
    const struct zone_rule now = {.name = SPAN("raw"),
        .prefix = SPAN("raw/"),
        .retention_ms = DAY_MS,
        .except = &tmp,
        .except_count = 1};
    struct zone_rule shorter = now, wider = now, renamed = now, moved = now, longer = now;
    shorter.retention_ms--;
    wider.except = both, wider.except_count = 2;
    renamed.name = SPAN("landing");
    moved.prefix = SPAN("raw/x/");
    longer.retention_ms++, longer.except_count = 0;
    const struct {
        struct zone_rule rule;
        bool lowers;
    } cases[] = {{now, false}, {longer, false}, {renamed, false}, {shorter, true}, {wider, true},
        {moved, true}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char name[32];
        snprintf(name, sizeof(name), "bucket-%zu", i);
        struct bucket_ref here = make_bucket(name);
        assert_int_equal(set_zones(here, &now, 1), STORAGE_OK);
        /* Nothing there: nothing that is retained. */
        assert_int_equal(set_zones(here, &cases[i].rule, 1), STORAGE_OK);
        assert_int_equal(set_zones(here, &now, 1), STORAGE_OK);
        struct object_info info = put(here, SPAN("raw/key"), SPAN("x"));
        struct mutation m = zones_of(here, &cases[i].rule, 1);
        assert_int_equal(
            storage_commit(store, &m), cases[i].lowers ? STORAGE_RETAINED : STORAGE_OK);
        if (!cases[i].lowers)
            continue;
        assert_int_equal(m.zone_outcome.retained_until_ms, info.modified_ms + DAY_MS);
        assert_int_equal(zones_read(here).rules[0].retention_ms, DAY_MS);
        m = zones_of(here, NULL, 0);
        assert_int_equal(storage_commit(store, &m), STORAGE_RETAINED);
        m = zones_of(here, &cases[i].rule, 1);
        m.zones.bypass_retention = true;
        assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_write_once),
        TEST(test_the_same_bytes_with_another_etag),
        TEST(test_preconditions_come_before_write_once),
        TEST(test_retention),
        TEST(test_what_retention_lets_go),
        TEST(test_an_older_null_version_is_retained),
        TEST(test_retention_cannot_be_lowered_unseen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
