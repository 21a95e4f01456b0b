#include "cmocka_span.h"

static void compares_as_listings_order(void **state)
{
    (void)state;
    assert_int_equal(span_cmp(SPAN("a"), SPAN("a")), 0);
    assert_true(span_cmp(SPAN("a"), SPAN("a/b")) < 0);
    assert_true(span_cmp(SPAN("a/b"), SPAN("a")) > 0);
    assert_true(span_cmp(SPAN("a\x7f"), SPAN("a\xc3\xa4")) < 0);
    assert_true(span_cmp(SPAN(""), SPAN("\0")) < 0);
    assert_int_equal(span_cmp(SPAN_ABSENT, SPAN("")), 0);
}

static void ignores_ascii_case_alone(void **state)
{
    (void)state;
    assert_true(span_eq_nocase(SPAN("X-Amz-Date"), SPAN("x-amz-dAtE")));
    assert_false(span_eq_nocase(SPAN("a"), SPAN("ab")));
    assert_false(span_eq_nocase(SPAN("@"), SPAN("`")));
    assert_false(span_eq_nocase(SPAN("["), SPAN("{")));
    assert_false(span_eq_nocase(SPAN("\xc4"), SPAN("\xe4")));
    assert_true(span_eq_nocase(SPAN_ABSENT, SPAN("")));
    assert_true(span_starts_nocase(SPAN("BYTES=0-"), SPAN("bytes=")));
    assert_false(span_starts_nocase(SPAN("byte"), SPAN("bytes=")));
}

static void starts_and_ends(void **state)
{
    (void)state;
    assert_true(span_starts(SPAN("abc"), SPAN("")));
    assert_true(span_starts(SPAN("abc"), SPAN("abc")));
    assert_false(span_starts(SPAN("abc"), SPAN("abcd")));
    assert_true(span_ends(SPAN("abc"), SPAN("bc")));
    assert_false(span_ends(SPAN("c"), SPAN("bc")));
    assert_span_text(span_from(SPAN("abc"), 2), "c");
    assert_span_text(span_from(SPAN("abc"), 9), "");
    assert_false(span_present(span_from(SPAN_ABSENT, 1)));
    assert_span_text(span_first(SPAN("abc"), 2), "ab");
    assert_span_text(span_first(SPAN("abc"), 9), "abc");
}

static void trims_spaces_and_tabs(void **state)
{
    (void)state;
    static const struct {
        const char *text, *trimmed;
    } cases[] = {{"", ""}, {"a", "a"}, {" \ta b\t ", "a b"}, {" \t ", ""}, {"\r\na\n", "\r\na\n"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_span_text(span_trim(span_str(cases[i].text)), cases[i].trimmed);
}

static void finds(void **state)
{
    (void)state;
    struct span text = SPAN("a\0b--a\0b");
    assert_int_equal(span_find(text, SPAN("\0b"), 0), 1);
    assert_int_equal(span_find(text, SPAN("\0b"), 2), 6);
    assert_int_equal(span_find(text, SPAN("\0b"), 7), SIZE_MAX);
    assert_int_equal(span_find(text, SPAN("\0b"), 99), SIZE_MAX);
    assert_int_equal(span_find(text, SPAN(""), 0), SIZE_MAX);
    assert_int_equal(span_find(SPAN_ABSENT, SPAN("a"), 0), SIZE_MAX);
    assert_int_equal(span_find_char(text, 'a', 0), 0);
    assert_int_equal(span_find_char(text, 'a', 1), 5);
    assert_int_equal(span_find_char(text, 'z', 0), SIZE_MAX);
    assert_int_equal(span_find_char(text, 'a', SIZE_MAX), SIZE_MAX);
}

static void splits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        const char *items[4];
    } cases[] = {
        {"a,b,c", 3, {"a", "b", "c"}},
        {"", 1, {""}},
        {",", 2, {"", ""}},
        {"a", 1, {"a"}},
        {"a,,b", 3, {"a", "", "b"}},
        {NULL, 0, {NULL}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span rest = span_str(cases[i].text), item = SPAN("untouched");
        size_t count = 0;
        while (span_split(&rest, ',', &item))
            assert_span_text(item, cases[i].items[count++]);
        assert_int_equal(count, cases[i].count);
        if (count == 0)
            assert_span_text(item, "untouched");
    }
}

static void reads_numbers(void **state)
{
    (void)state;
    uint64_t value = 7;
    assert_true(span_to_u64(SPAN("0"), &value));
    assert_int_equal(value, 0);
    assert_true(span_to_u64(SPAN("000123"), &value));
    assert_int_equal(value, 123);
    assert_true(span_to_u64(SPAN("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "0x1", "1a",
        "18446744073709551616", "99999999999999999999999", "/", ":", "1.0"};
    value = 7;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(span_to_u64(span_str(bad[i]), &value));
        assert_int_equal(value, 7);
    }
    assert_false(span_to_u64(SPAN_ABSENT, &value));
}

static void knows_utf8(void **state)
{
    (void)state;
    static const struct {
        struct span text;
        bool valid;
    } cases[] = {
        {SPAN(""), true},
        {SPAN("plain ascii, longer than a word"), true},
        {SPAN("a\0b"), true},
        {SPAN("\xc2\x80 \xdf\xbf"), true},
        {SPAN("\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf"), true},
        {SPAN("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"), true},
        {SPAN("12345678\xe6\x97\xa5\xe6\x9c\xac"), true},
        {SPAN("\x80"), false},
        {SPAN("\xc0\x80"), false},
        {SPAN("\xc1\xbf"), false},
        {SPAN("\xc2"), false},
        {SPAN("\xc2\x7f"), false},
        {SPAN("\xe0\x9f\xbf"), false},
        {SPAN("\xed\xa0\x80"), false},
        {SPAN("\xe1\x80"), false},
        {SPAN("\xe1\x80\xc0"), false},
        {SPAN("\xf0\x8f\xbf\xbf"), false},
        {SPAN("\xf4\x90\x80\x80"), false},
        {SPAN("\xf5\x80\x80\x80"), false},
        {SPAN("\xf1\x80\x80"), false},
        {SPAN("\xff"), false},
        {SPAN("1234567\xff 12345678"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(span_is_utf8(cases[i].text), cases[i].valid);
}

/* Every code point, encoded by hand, is valid; every surrogate is not. */
static void knows_every_code_point(void **state)
{
    (void)state;
    for (uint32_t point = 0x80; point <= 0x10FFFF; point++) {
        char bytes[4];
        size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        for (size_t i = len; i > 1; i--)
            bytes[i - 1] = (char)(0x80 | (point >> (6 * (len - i)) & 0x3F));
        static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
        bytes[0] = (char)(leads[len] | point >> (6 * (len - 1)));
        bool surrogate = point >= 0xD800 && point <= 0xDFFF;
        if (span_is_utf8(span_of(bytes, len)) == surrogate)
            fail_msg("U+%04X", point);
    }
}

static void compares_secrets(void **state)
{
    (void)state;
    assert_true(span_eq_constant_time(SPAN("secret"), SPAN("secret")));
    assert_false(span_eq_constant_time(SPAN("secret"), SPAN("secreT")));
    assert_false(span_eq_constant_time(SPAN("Secret"), SPAN("secret")));
    assert_false(span_eq_constant_time(SPAN("secret"), SPAN("secre")));
    assert_true(span_eq_constant_time(SPAN(""), SPAN_ABSENT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_as_listings_order),
        cmocka_unit_test(ignores_ascii_case_alone),
        cmocka_unit_test(starts_and_ends),
        cmocka_unit_test(trims_spaces_and_tabs),
        cmocka_unit_test(finds),
        cmocka_unit_test(splits),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(knows_utf8),
        cmocka_unit_test(knows_every_code_point),
        cmocka_unit_test(compares_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
