#include "xml_read.h"
#include "xml_write.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_buf(const struct buf *out, const char *expected)
{
    assert_true(buf_ok(out));
    if (!span_eq(buf_span(out), span_str(expected)))
        fail_msg("expected %s\ngot %.*s", expected, SPAN_ARG(buf_span(out)));
}

static void text_is_escaped(void **state)
{
    (void)state;
    static const struct {
        struct span text;
        const char *escaped;
    } cases[] = {
        {{"", 0}, ""},
        {{"plain/key.txt", 13}, "plain/key.txt"},
        {{"a&b<c>d\"e'f", 11}, "a&amp;b&lt;c&gt;d&quot;e'f"},
        {{"&&", 2}, "&amp;&amp;"},
        {{"\0\1\x1f\x7f", 4}, "&#0;&#1;&#31;\x7f"},
        {{"a\tb\nc\rd", 7}, "a\tb\nc&#13;d"},
        {{"\xe1\x88\xb4\xf0\x9f\x98\x80", 7}, "\xe1\x88\xb4\xf0\x9f\x98\x80"},
        {{"\xef\xbf\xbd\xef\xbf\xbe\xef\xbf\xbf\xef\xbc\xa1", 12},
            "\xef\xbf\xbd&#65534;&#65535;\xef\xbc\xa1"},
        {{"]]>", 3}, "]]&gt;"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out;
        buf_init(&out, 4096);
        xml_escape(&out, cases[i].text);
        assert_buf(&out, cases[i].escaped);
        buf_free(&out);
    }
}

static void documents_are_literal(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    xml_begin_document(&out, SPAN("R"));
    xml_open(&out, SPAN("C"));
    xml_text(&out, SPAN("K"), SPAN("a<b"));
    xml_text(&out, SPAN("K"), SPAN("ab"));
    xml_text(&out, SPAN("K"), SPAN_ABSENT);
    xml_u64(&out, SPAN("S"), UINT64_MAX);
    xml_u64(&out, SPAN("S"), 0);
    xml_bool(&out, SPAN("T"), true);
    xml_bool(&out, SPAN("T"), false);
    xml_time(&out, SPAN("L"), 1369353600123);
    xml_close(&out, SPAN("C"));
    xml_close(&out, SPAN("R"));
    assert_buf(&out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<R xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><C><K>a&lt;b</K><K>ab</K>"
        "<K></K><S>18446744073709551615</S><S>0</S><T>true</T><T>false</T>"
        "<L>2013-05-24T00:00:00.123Z</L></C></R>");
    buf_clear(&out);
    xml_begin_document_plain(&out, SPAN("Error"));
    xml_close(&out, SPAN("Error"));
    assert_buf(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error></Error>");
    buf_free(&out);
}

/* What XML can carry comes back as it was, through another's parser. */
static void text_comes_back(void **state)
{
    (void)state;
    struct buf text, out;
    struct arena arena;
    struct xml_node *root;
    buf_init(&text, 4096);
    buf_init(&out, 65536);
    arena_init(&arena, 65536);
    for (unsigned byte = 0x20; byte < 0x80; byte++)
        buf_add_char(&text, (char)byte);
    buf_add_lit(&text, "\t\n\r\n\r ]]> <![CDATA[x]]> &amp; \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    xml_begin_document(&out, SPAN("Root"));
    xml_text(&out, SPAN("Key"), buf_span(&text));
    xml_close(&out, SPAN("Root"));
    assert_int_equal(xml_read(&arena, buf_span(&out), &root), S3_OK);
    assert_true(span_eq(xml_child(root, SPAN("Key"))->text, buf_span(&text)));
    arena_free(&arena);
    buf_free(&out);
    buf_free(&text);
}

static void full_buffer_fails(void **state)
{
    (void)state;
    for (size_t max = 0; max < 60; max++) {
        struct buf out;
        buf_init(&out, max);
        xml_open(&out, SPAN("Root"));
        xml_text(&out, SPAN("Key"), SPAN("a\rb"));
        xml_u64(&out, SPAN("Size"), 10);
        xml_close(&out, SPAN("Root"));
        assert_int_equal(
            buf_ok(&out), max >= strlen("<Root><Key>a&#13;b</Key><Size>10</Size></Root>"));
        assert_true(out.len <= max);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(documents_are_literal),
        cmocka_unit_test(text_comes_back),
        cmocka_unit_test(full_buffer_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
