#include "base/encode.h"

#include "cmocka_span.h"

static void hex_there_and_back(void **state)
{
    (void)state;
    unsigned char bytes[256], back[256];
    char text[513];
    for (unsigned i = 0; i < 256; i++)
        bytes[i] = (unsigned char)i;
    hex_encode(bytes, sizeof(bytes), text);
    assert_int_equal(strlen(text), 512);
    assert_true(hex_decode(span_str(text), back, sizeof(back)));
    assert_memory_equal(bytes, back, sizeof(bytes));
    assert_true(hex_decode(SPAN("aBCdEF"), back, 3));
    assert_memory_equal(back, "\xab\xcd\xef", 3);
    assert_true(hex_decode(SPAN(""), back, 0));
    static const char *const bad[] = {"", "a", "abc", "abcdef", "0g", "g0", " 0", "0x", "+1", "-1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(hex_decode(span_str(bad[i]), back, 1));
}

struct base64_case {
    struct span bytes;
    const char *text;
};

/* src: RFC 4648 section 10 */
static const struct base64_case base64_cases[] = {
    {SPAN(""), ""},
    {SPAN("f"), "Zg=="},
    {SPAN("fo"), "Zm8="},
    {SPAN("foo"), "Zm9v"},
    {SPAN("foob"), "Zm9vYg=="},
    {SPAN("fooba"), "Zm9vYmE="},
    {SPAN("foobar"), "Zm9vYmFy"},
    {SPAN("\xfb\xff\xfe"), "+//+"},
    {SPAN("\0\0"), "AAA="},
};

static void base64_gives_the_published_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(base64_cases); i++) {
        const struct base64_case *item = &base64_cases[i];
        CLEANUP(buf_free) struct buf buf;
        buf_init(&buf, 100);
        base64_encode(&buf, item->bytes);
        assert_span_text(buf_span(&buf), item->text);
        char back[16];
        size_t len = 99;
        assert_true(base64_decode(span_str(item->text), back, item->bytes.len, &len));
        assert_span(span_of(back, len), item->bytes);
        if (item->bytes.len > 0) {
            len = 99;
            assert_false(base64_decode(span_str(item->text), back, item->bytes.len - 1, &len));
            assert_int_equal(len, 99);
        }
    }
}

static void base64_there_and_back(void **state)
{
    (void)state;
    unsigned char bytes[300], back[300];
    uint64_t random = 5;
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        for (size_t i = 0; i < len; i++)
            bytes[i] = (unsigned char)next_random(&random);
        CLEANUP(buf_free) struct buf buf;
        buf_init(&buf, 400);
        base64_encode(&buf, span_of(bytes, len));
        assert_int_equal(buf.len, (len + 2) / 3 * 4);
        size_t got;
        assert_true(base64_decode(buf_span(&buf), back, sizeof(back), &got));
        assert_span(span_of(back, got), span_of(bytes, len));
    }
}

static void base64_is_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zm8", "====", "=",
        "Z===", "Zg==Zg==", "Zm9v\n", " Zm9v", "Zm 9", "Zm9*", "Zm-_", "Zg=a", "AAA=AAAA",
        "Zm9vZm9v=", "\xff\xff\xff\xff"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char back[16];
        size_t len = 99;
        assert_false(base64_decode(span_str(bad[i]), back, sizeof(back), &len));
        assert_int_equal(len, 99);
    }
}

static void percent_encodes_as_sigv4(void **state)
{
    (void)state;
    static const struct {
        struct span bytes;
        const char *all, *path;
    } cases[] = {
        {SPAN(""), "", ""},
        {SPAN("AZaz09-._~"), "AZaz09-._~", "AZaz09-._~"},
        {SPAN("a/b c"), "a%2Fb%20c", "a/b%20c"},
        {SPAN("+*=&%?#"), "%2B%2A%3D%26%25%3F%23", "%2B%2A%3D%26%25%3F%23"},
        {SPAN("\xe6\x97\xa5\0\x7f"), "%E6%97%A5%00%7F", "%E6%97%A5%00%7F"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf buf;
        buf_init(&buf, 100);
        percent_encode(&buf, cases[i].bytes, false);
        assert_span_text(buf_span(&buf), cases[i].all);
        buf_clear(&buf);
        percent_encode(&buf, cases[i].bytes, true);
        assert_span_text(buf_span(&buf), cases[i].path);
    }
}

/* The first four are what S3 was seen to answer, the fifth is from its API reference. */
static void encodes_listings_as_s3(void **state)
{
    (void)state;
    static const struct {
        const char *key, *text;
    } cases[] = {
        {"a b.txt", "a+b.txt"},
        {"a+b.txt", "a%2Bb.txt"},
        {"100%.csv", "100%25.csv"},
        {"\xed\x95\x9c\xea\xb8\x80/x.txt", "%ED%95%9C%EA%B8%80/x.txt"},
        {"test_file(3).png", "test_file%283%29.png"},
        {"a-b_c.d*e/f", "a-b_c.d*e/f"},
        {"~\r\n\x01<&>'\"", "%7E%0D%0A%01%3C%26%3E%27%22"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf buf;
        buf_init(&buf, 100);
        listing_url_encode(&buf, span_str(cases[i].key));
        assert_span_text(buf_span(&buf), cases[i].text);
    }
}

static void percent_decodes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct span decoded;
    } cases[] = {
        {"", SPAN("")},
        {"plain+text", SPAN("plain+text")},
        {"%41%2f%2F%00", SPAN("A//\0")},
        {"a%20b%", SPAN_ABSENT},
        {"%4", SPAN_ABSENT},
        {"%", SPAN_ABSENT},
        {"%g0", SPAN_ABSENT},
        {"%0g", SPAN_ABSENT},
        {"%%41", SPAN_ABSENT},
        {"%2541", SPAN("%41")},
    };
    CLEANUP(arena_free) struct arena arena;
    arena_init(&arena, 10000);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span decoded = percent_decode(&arena, span_str(cases[i].text));
        assert_int_equal(span_present(decoded), span_present(cases[i].decoded));
        assert_span(decoded, cases[i].decoded);
    }
    assert_false(span_present(percent_decode(&arena, SPAN_ABSENT)));
    struct span plain = SPAN("nothing to decode");
    assert_ptr_equal(percent_decode(&arena, plain).ptr, plain.ptr);
}

static void every_byte_survives_percent_encoding(void **state)
{
    (void)state;
    char bytes[256];
    for (unsigned i = 0; i < 256; i++)
        bytes[i] = (char)i;
    CLEANUP(arena_free) struct arena arena;
    CLEANUP(buf_free) struct buf buf;
    arena_init(&arena, 10000);
    buf_init(&buf, 1000);
    percent_encode(&buf, span_of(bytes, sizeof(bytes)), true);
    assert_span(percent_decode(&arena, buf_span(&buf)), span_of(bytes, sizeof(bytes)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_there_and_back),
        cmocka_unit_test(base64_gives_the_published_values),
        cmocka_unit_test(base64_there_and_back),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(percent_encodes_as_sigv4),
        cmocka_unit_test(encodes_listings_as_s3),
        cmocka_unit_test(percent_decodes),
        cmocka_unit_test(every_byte_survives_percent_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
