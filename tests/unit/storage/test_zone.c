/* Which rule a key falls under, and what is excepted of it. */
#include "storage/zone.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>

static const struct span defaults[] = {SPAN("*/"), SPAN("_SUCCESS"), SPAN("_temporary"),
    SPAN(".spark-staging-*"), SPAN(".hive-staging*"), SPAN("__magic*"), SPAN("_delta_log"),
    SPAN("metadata"), SPAN("*_$folder$"), SPAN("_committed_*"), SPAN("_started_*"), SPAN(".*.crc")};

static void test_excepted_keys(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        bool excepted;
    } cases[] = {
        {"raw/data.csv", false},
        {"raw/", false}, /* nothing is behind the prefix */
        {"raw/folder/", true},
        {"raw/a/b/", true},
        {"raw/_SUCCESS", true},
        {"raw/day=1/_SUCCESS", true},
        {"raw/day=1/_SUCCESSFUL", false},
        {"raw/_temporary/0/task/part-0", true},
        {"raw/t/_temporary/0/part-0", true},
        {"raw/_temporary2/part-0", false},
        {"raw/.spark-staging-77/part-0", true},
        {"raw/.hive-staging_hive_2026/part-0", true},
        {"raw/__magic_job-1/part", true},
        {"raw/t/_delta_log/00000000000000000001.json", true},
        {"raw/delta_log/1.json", false},
        {"raw/t/metadata/v1.metadata.json", true},
        {"raw/t/metadata.json", false},
        {"raw/t_$folder$", true},
        {"raw/_committed_123", true},
        {"raw/_started_123", true},
        {"raw/.part-0.parquet.crc", true},
        {"raw/part-0.parquet.crc", false},
    };
    struct zone_rule rule = {.name = SPAN("raw"),
        .prefix = SPAN("raw/"),
        .except = defaults,
        .except_count = ARRAY_LEN(defaults)};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (zone_excepts(&rule, span_str(cases[i].key)) != cases[i].excepted)
            fail_msg("%s", cases[i].key);
    }
}

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *key;
        bool matches;
    } cases[] = {
        {"a", "a", true},
        {"a", "b", false},
        {"a", "x/a/y", true},
        {"a", "ab", false},
        {"*", "anything", true},
        {"?", "x", true},
        {"?", "\xc3\xa9", true}, /* one character of two bytes */
        {"?", "xy", false},
        {"a?c", "abc", true},
        {"a*c", "abbbc", true},
        {"a*c", "ab/c", false}, /* a bare name does not reach over a slash */
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXbYbZ", false},
        {"tmp/*", "tmp/x/y", true},
        {"tmp/*", "a/tmp/x", false}, /* one with a slash is for the whole rest */
        {"*/tmp/*", "a/tmp/x", true},
        {"*.tmp", "a/b.tmp", true},
        {"*.tmp", "a/b.tmp/c", true}, /* everything below a segment that matches */
        {"*/", "a", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span pattern = span_str(cases[i].pattern);
        struct zone_rule rule = {.prefix = SPAN(""), .except = &pattern, .except_count = 1};
        if (zone_excepts(&rule, span_str(cases[i].key)) != cases[i].matches)
            fail_msg("%s for %s", cases[i].pattern, cases[i].key);
    }
}

static void test_hostile_patterns_end(void **state)
{
    (void)state;
    static char key[1024], pattern[ZONE_EXCEPT_MAX_BYTES];
    memset(key, 'a', sizeof(key));
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = i % 2 ? 'a' : '*';
    pattern[sizeof(pattern) - 1] = 'b';
    struct span bad = span_of(pattern, sizeof(pattern));
    struct zone_rule rule = {.except = &bad, .except_count = 1};
    for (int i = 0; i < 100; i++)
        assert_false(zone_excepts(&rule, span_of(key, sizeof(key))));
}

static void test_the_zone_of_a_key(void **state)
{
    (void)state;
    static const struct zone_rule rules[] = {{.prefix = SPAN("Raw/")}, {.prefix = SPAN("a")},
        {.prefix = SPAN("raw/")}, {.prefix = SPAN("raw0")}, {.prefix = SPAN("trusted/\xff")}};
    static const struct {
        const char *key;
        int rule;
    } cases[] = {{"", -1}, {"Raw/x", 0}, {"Rbw/", -1}, {"a", 1}, {"abc", 1}, {"b", -1}, {"raw", -1},
        {"raw/", 2}, {"raw/x", 2}, {"raw.", -1}, {"raw0x", 3}, {"trusted/", -1},
        {"trusted/\xff\xff", 4}, {"\xff", -1}};
    struct zone_set set = {1, rules, ARRAY_LEN(rules)};
    assert_true(zone_rules_valid(rules, 0));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct zone_rule *rule = zone_of_key(&set, span_str(cases[i].key));
        assert_int_equal(rule ? rule - rules : -1, cases[i].rule);
    }
    struct zone_rule whole = {.prefix = SPAN("")};
    set = (struct zone_set){1, &whole, 1};
    assert_ptr_equal(zone_of_key(&set, SPAN("anything")), &whole);
    set.count = 0;
    assert_null(zone_of_key(&set, SPAN("anything")));
    assert_null(zone_of_key(NULL, SPAN("anything")));
}

static void test_which_rules_are_valid(void **state)
{
    (void)state;
    static char text[2000];
    static struct span many[ZONE_EXCEPT_MAX + 1];
    static struct zone_rule lots[ZONE_RULES_MAX + 1];
    static char names[ZONE_RULES_MAX + 1][8];
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = SPAN("x");
    const struct zone_rule good = {.name = SPAN("raw"), .prefix = SPAN("raw/")};
    struct zone_rule bad[8];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        bad[i] = good;
    struct span empty = SPAN(""), long_one = span_of(text, ZONE_EXCEPT_MAX_BYTES + 1);
    struct span total[17];
    for (size_t i = 0; i < ARRAY_LEN(total); i++)
        total[i] = span_of(text, ZONE_EXCEPT_MAX_BYTES);
    bad[0].name = SPAN("");
    bad[1].name = span_of(text, ZONE_NAME_MAX_BYTES + 1);
    bad[2].prefix = span_of(text, ZONE_PREFIX_MAX_BYTES + 1);
    bad[3].except = many, bad[3].except_count = ARRAY_LEN(many);
    bad[4].except = &empty, bad[4].except_count = 1;
    bad[5].except = &long_one, bad[5].except_count = 1;
    bad[6].retention_ms = -1;
    bad[7].except = total, bad[7].except_count = ARRAY_LEN(total);
    assert_true(zone_rules_valid(&good, 1));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (zone_rules_valid(&bad[i], 1))
            fail_msg("case %zu", i);
    struct zone_rule two[2] = {good, {.name = SPAN("b"), .prefix = SPAN("raw/b/")}};
    assert_false(zone_rules_valid(two, 2)); /* one within the other */
    two[1].prefix = SPAN("b/");
    assert_true(zone_rules_valid(two, 2));
    two[1].name = SPAN("raw");
    assert_false(zone_rules_valid(two, 2));
    two[1].name = SPAN("b"), two[1].prefix = SPAN("");
    assert_false(zone_rules_valid(two, 2));
    for (size_t i = 0; i < ARRAY_LEN(lots); i++) {
        snprintf(names[i], sizeof(names[i]), "%03zu", i);
        lots[i] = (struct zone_rule){.name = span_str(names[i]), .prefix = span_str(names[i])};
    }
    assert_true(zone_rules_valid(lots, ZONE_RULES_MAX));
    assert_false(zone_rules_valid(lots, ZONE_RULES_MAX + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_excepted_keys),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_hostile_patterns_end),
        cmocka_unit_test(test_the_zone_of_a_key),
        cmocka_unit_test(test_which_rules_are_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
