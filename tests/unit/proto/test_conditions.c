#include "conditions.h"

#include "cmocka_span.h"

#define MD5_A "d41d8cd98f00b204e9800998ecf8427e"
#define MD5_B "9e107d9d372bb6826bd81d3542a419d6"

static void etags_there_and_back(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\"" MD5_A "\"", "\"" MD5_B "-1\"", "\"" MD5_B "-10000\"", "\"" MD5_B "-4294967295\""};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct etag etag;
        char text[ETAG_TEXT_BYTES];
        struct span quoted = span_str(texts[i]);
        assert_true(etag_parse(quoted, &etag));
        assert_int_equal(etag_format(&etag, text), quoted.len);
        assert_string_equal(text, texts[i]);
        assert_true(etag_parse(span_first(span_from(quoted, 1), quoted.len - 2), &etag));
        assert_int_equal(etag_format(&etag, text), quoted.len);
        assert_string_equal(text, texts[i]);
    }
    struct etag etag;
    assert_true(etag_parse(SPAN("D41D8CD98F00B204E9800998ECF8427E"), &etag));
    assert_int_equal(etag.part_count, 0);
}

static void refuses_other_etags(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "\"", "\"\"", "*", "abc", "\"" MD5_A, MD5_A "\"",
        MD5_A "-", MD5_A "-0", MD5_A "-01", MD5_A "-x", MD5_A "--1", MD5_A "-4294967296", MD5_A "1",
        "g41d8cd98f00b204e9800998ecf8427e", "W/\"" MD5_A "\"", " " MD5_A, "'" MD5_A "'"};
    struct etag etag = {.part_count = 7};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(etag_parse(span_str(bad[i]), &etag));
    assert_int_equal(etag.part_count, 7);
}

static enum s3_err parse_one(
    struct arena *arena, const char *name, const char *value, struct conditions *ret_conditions)
{
    struct header item = {span_str(name), span_str(value)};
    struct header_list headers = {&item, 1};
    return conditions_parse(arena, &headers, SPAN(""), ret_conditions);
}

static void reads_lists(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool any;
        size_t match_count, none_match_count; /* weak ETags are in If-None-Match only */
    } cases[] = {
        {"*", true, 0, 0},
        {" * ", true, 0, 0},
        {"\"*\"", true, 0, 0},
        {"", false, 0, 0},
        {MD5_A, false, 1, 1},
        {"\"" MD5_A "\"", false, 1, 1},
        {"\"" MD5_A "\", \"" MD5_B "-2\"", false, 2, 2},
        {MD5_A "," MD5_B ",,", false, 2, 2},
        {"\"a,b\", \"" MD5_A "\"", false, 1, 1},
        {"W/\"" MD5_A "\"", false, 0, 1},
        {"W/\"a,b\" , W/\"" MD5_A "\"", false, 0, 1},
        {"\"unfinished", false, 0, 0},
        {",,, ,", false, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_free) struct arena arena;
        arena_init(&arena, 10000);
        struct conditions conditions;
        assert_int_equal(parse_one(&arena, "If-Match", cases[i].value, &conditions), S3_OK);
        assert_true(conditions.if_match.present);
        assert_false(conditions.if_none_match.present);
        assert_int_equal(conditions.if_match.any, cases[i].any);
        assert_int_equal(conditions.if_match.count, cases[i].match_count);
        assert_int_equal(parse_one(&arena, "if-none-match", cases[i].value, &conditions), S3_OK);
        assert_true(conditions.if_none_match.present);
        assert_int_equal(conditions.if_none_match.any, cases[i].any);
        assert_int_equal(conditions.if_none_match.count, cases[i].none_match_count);
    }
}

static void bounds_lists(void **state)
{
    (void)state;
    enum { FULL_LIST_BYTES = ETAG_LIST_MAX * 2 };
    char value[FULL_LIST_BYTES + 3];
    for (size_t i = 0; i < sizeof(value) - 1; i++)
        value[i] = i % 2 ? ',' : 'x';
    value[sizeof(value) - 1] = '\0';
    CLEANUP(arena_free) struct arena arena;
    arena_init(&arena, 10000);
    struct conditions conditions;
    assert_int_equal(parse_one(&arena, "if-match", value, &conditions), S3_ERR_INVALID_ARGUMENT);
    value[FULL_LIST_BYTES] = '\0';
    assert_int_equal(parse_one(&arena, "if-match", value, &conditions), S3_OK);
    struct arena full;
    arena_init(&full, 1);
    assert_int_equal(parse_one(&full, "if-match", MD5_A, &conditions), S3_ERR_INTERNAL);
    arena_free(&full);
}

static void reads_dates_prefixes_and_conflicts(void **state)
{
    (void)state;
    const struct header items[] = {
        {SPAN("X-Amz-Copy-Source-If-Modified-Since"), SPAN("Sun, 06 Nov 1994 08:49:37 GMT")},
        {SPAN("x-amz-copy-source-if-none-match"), SPAN(MD5_A)},
        {SPAN("If-Unmodified-Since"), SPAN("yesterday")},
        {SPAN("If-Match"), SPAN(MD5_A)},
        {SPAN("if-match"), SPAN(MD5_A)},
    };
    struct header_list headers = {items, ARRAY_LEN(items)};
    CLEANUP(arena_free) struct arena arena;
    arena_init(&arena, 10000);
    struct conditions conditions;
    assert_int_equal(
        conditions_parse(&arena, &headers, SPAN("x-amz-copy-source-"), &conditions), S3_OK);
    assert_true(conditions.has_if_modified_since);
    assert_true(conditions.if_modified_since_s == 784111777);
    assert_int_equal(conditions.if_none_match.count, 1);
    assert_false(conditions.if_match.present);
    assert_int_equal(conditions_parse(&arena, &headers, SPAN(""), &conditions), S3_OK);
    assert_false(conditions.has_if_unmodified_since);
    assert_false(conditions.has_if_modified_since);
    assert_int_equal(conditions.if_match.count, 1);
    const struct header twice[] = {
        {SPAN("if-none-match"), SPAN("*")}, {SPAN("If-None-Match"), SPAN(MD5_A)}};
    headers = (struct header_list){twice, ARRAY_LEN(twice)};
    assert_int_equal(
        conditions_parse(&arena, &headers, SPAN(""), &conditions), S3_ERR_INVALID_ARGUMENT);
}

/* The object has ETag A and was modified at second 100. Dates: 0 is none. */
static void decides_in_the_order_of_the_rfc(void **state)
{
    (void)state;
    static const struct {
        const char *match, *none_match;
        int64_t modified, unmodified;
        enum s3_err wanted;
    } cases[] = {
        {NULL, NULL, 0, 0, S3_OK},
        {MD5_A, NULL, 0, 0, S3_OK},
        {"*", NULL, 0, 0, S3_OK},
        {MD5_B, NULL, 0, 0, S3_ERR_PRECONDITION_FAILED},
        {"garbage", NULL, 0, 0, S3_ERR_PRECONDITION_FAILED},
        {MD5_A "-1", NULL, 0, 0, S3_ERR_PRECONDITION_FAILED},
        {MD5_B "," MD5_A, NULL, 0, 0, S3_OK},
        {NULL, MD5_A, 0, 0, S3_ERR_NOT_MODIFIED},
        {NULL, "*", 0, 0, S3_ERR_NOT_MODIFIED},
        {NULL, MD5_B, 0, 0, S3_OK},
        {NULL, NULL, 99, 0, S3_OK},
        {NULL, NULL, 100, 0, S3_ERR_NOT_MODIFIED},
        {NULL, NULL, 101, 0, S3_ERR_NOT_MODIFIED},
        {NULL, NULL, 0, 99, S3_ERR_PRECONDITION_FAILED},
        {NULL, NULL, 0, 100, S3_OK},
        /* If-Match decides, If-Unmodified-Since is not looked at; likewise the other two. */
        {MD5_A, NULL, 0, 99, S3_OK},
        {MD5_B, NULL, 0, 101, S3_ERR_PRECONDITION_FAILED},
        {NULL, MD5_B, 101, 0, S3_OK},
        {NULL, MD5_A, 99, 0, S3_ERR_NOT_MODIFIED},
        /* Both pairs: the first failure wins. */
        {MD5_B, MD5_A, 0, 0, S3_ERR_PRECONDITION_FAILED},
        {MD5_A, MD5_A, 0, 0, S3_ERR_NOT_MODIFIED},
        {NULL, MD5_A, 0, 99, S3_ERR_PRECONDITION_FAILED},
    };
    struct etag etag;
    assert_true(etag_parse(SPAN(MD5_A), &etag));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_free) struct arena arena;
        arena_init(&arena, 10000);
        struct header items[2];
        size_t count = 0;
        if (cases[i].match != NULL)
            items[count++] = (struct header){SPAN("If-Match"), span_str(cases[i].match)};
        if (cases[i].none_match != NULL)
            items[count++] = (struct header){SPAN("If-None-Match"), span_str(cases[i].none_match)};
        struct header_list headers = {items, count};
        struct conditions conditions;
        assert_int_equal(conditions_parse(&arena, &headers, SPAN(""), &conditions), S3_OK);
        conditions.has_if_modified_since = cases[i].modified != 0;
        conditions.if_modified_since_s = cases[i].modified;
        conditions.has_if_unmodified_since = cases[i].unmodified != 0;
        conditions.if_unmodified_since_s = cases[i].unmodified;
        if (conditions_check(&conditions, &etag, 100, false) != cases[i].wanted)
            fail_msg("case %zu", i);
        enum s3_err copy_wanted =
            cases[i].wanted == S3_ERR_NOT_MODIFIED ? S3_ERR_PRECONDITION_FAILED : cases[i].wanted;
        assert_int_equal(conditions_check(&conditions, &etag, 100, true), copy_wanted);
    }
}

static void reads_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t size;
        enum s3_err err;
        bool is_range;
        uint64_t offset, length;
    } cases[] = {
        {NULL, 10, S3_OK, false, 0, 10},
        {"bytes=0-0", 10, S3_OK, true, 0, 1},
        {"bytes=0-9", 10, S3_OK, true, 0, 10},
        {"bytes=0-99", 10, S3_OK, true, 0, 10},
        {"bytes=3-", 10, S3_OK, true, 3, 7},
        {"bytes=9-", 10, S3_OK, true, 9, 1},
        {"Bytes=3-4", 10, S3_OK, true, 3, 2},
        {"bytes= 3 - 4 ", 10, S3_OK, true, 3, 2},
        {"bytes=-3", 10, S3_OK, true, 7, 3},
        {"bytes=-99", 10, S3_OK, true, 0, 10},
        {"bytes=0-99999999999999999999999", 10, S3_OK, true, 0, 10},
        {"bytes=-99999999999999999999999", 10, S3_OK, true, 0, 10},
        {"bytes=0-18446744073709551615", UINT64_MAX, S3_OK, true, 0, UINT64_MAX},
        {"bytes=10-", 10, S3_ERR_INVALID_RANGE, false, 0, 0},
        {"bytes=10-20", 10, S3_ERR_INVALID_RANGE, false, 0, 0},
        {"bytes=99999999999999999999999-", 10, S3_ERR_INVALID_RANGE, false, 0, 0},
        {"bytes=-0", 10, S3_ERR_INVALID_RANGE, false, 0, 0},
        {"bytes=0-", 0, S3_ERR_INVALID_RANGE, false, 0, 0},
        {"bytes=-5", 0, S3_ERR_INVALID_RANGE, false, 0, 0},
        {"bytes=5-4", 10, S3_OK, false, 0, 10},
        {"bytes=0-1,3-4", 10, S3_OK, false, 0, 10},
        {"bytes=", 10, S3_OK, false, 0, 10},
        {"bytes=-", 10, S3_OK, false, 0, 10},
        {"bytes=--5", 10, S3_OK, false, 0, 10},
        {"bytes=a-b", 10, S3_OK, false, 0, 10},
        {"bytes=+1-2", 10, S3_OK, false, 0, 10},
        {"bytes 0-1", 10, S3_OK, false, 0, 10},
        {"items=0-1", 10, S3_OK, false, 0, 10},
        {"", 10, S3_OK, false, 0, 10},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool is_range = true;
        struct byte_range range = {1, 1};
        enum s3_err err = range_parse(span_str(cases[i].text), cases[i].size, &is_range, &range);
        if (err != cases[i].err)
            fail_msg("%s", cases[i].text);
        if (err != S3_OK)
            continue;
        assert_int_equal(is_range, cases[i].is_range);
        assert_true(range.offset == cases[i].offset && range.length == cases[i].length);
    }
}

static void reads_copy_ranges(void **state)
{
    (void)state;
    struct byte_range range;
    assert_int_equal(copy_range_parse(SPAN("bytes=0-9"), 10, &range), S3_OK);
    assert_true(range.offset == 0 && range.length == 10);
    assert_int_equal(copy_range_parse(SPAN("bytes=9-9"), 10, &range), S3_OK);
    assert_true(range.offset == 9 && range.length == 1);
    assert_int_equal(copy_range_parse(SPAN("bytes=0-10"), 10, &range), S3_ERR_INVALID_RANGE);
    assert_int_equal(copy_range_parse(SPAN("bytes=0-0"), 0, &range), S3_ERR_INVALID_RANGE);
    assert_int_equal(
        copy_range_parse(SPAN("bytes=0-99999999999999999999"), 10, &range), S3_ERR_INVALID_RANGE);
    static const char *const bad[] = {
        "", "bytes=0-", "bytes=-5", "bytes=5-4", "0-9", "bytes=0-1,2-3", "bytes=a-b"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(copy_range_parse(span_str(bad[i]), 10, &range), S3_ERR_INVALID_ARGUMENT);
    assert_int_equal(copy_range_parse(SPAN_ABSENT, 10, &range), S3_ERR_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(etags_there_and_back),
        cmocka_unit_test(refuses_other_etags),
        cmocka_unit_test(reads_lists),
        cmocka_unit_test(bounds_lists),
        cmocka_unit_test(reads_dates_prefixes_and_conflicts),
        cmocka_unit_test(decides_in_the_order_of_the_rfc),
        cmocka_unit_test(reads_ranges),
        cmocka_unit_test(reads_copy_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
