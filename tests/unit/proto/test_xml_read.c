#include "base/buf.h"
#include "xml_read.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { ARENA_BYTES = 32 << 20 };

static enum s3_err read_only(const char *document)
{
    struct arena arena;
    struct xml_node *root = NULL;
    arena_init(&arena, ARENA_BYTES);
    enum s3_err err = xml_read(&arena, span_str(document), &root);
    assert_true((err == S3_OK) == (root != NULL));
    arena_free(&arena);
    return err;
}

static void bad_documents_are_refused(void **state)
{
    (void)state;
    static const char *const documents[] = {
        "",
        " ",
        "text",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>text",
        "<a>&undeclared;</a>",
        "<a b='&undeclared;'/>",
        "<a>&#0;</a>",
        "<a>&#1;</a>",
        "<a>\x01</a>",
        "<a>\xff</a>",
        "<a>\xed\xa0\x80</a>",
        "<a b='1' b='2'/>",
        "<a>]]></a>",
        "<a><![CDATA[</a>",
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        "<!DOCTYPE a PUBLIC \"p\" \"http://127.0.0.1:1/a.dtd\"><a/>",
        "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>",
        "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>",
        "<!DOCTYPE a [<!ENTITY % p SYSTEM \"file:///etc/passwd\"> %p;]><a/>",
        "<?xml version=\"1.0\" encoding=\"no-such\"?><a/>",
        "{\"json\": 1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(documents); i++)
        if (read_only(documents[i]) != S3_ERR_MALFORMED_XML)
            fail_msg("accepted: %s", documents[i]);
}

static void documents_become_trees(void **state)
{
    (void)state;
    struct arena arena;
    struct xml_node *root;
    arena_init(&arena, ARENA_BYTES);
    struct span document = SPAN("\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- c --><?pi x?>"
                                "<s:Delete xmlns:s=\"urn:x\" xmlns=\"urn:y\" attr='1'>\n"
                                " <Object><Key> a&amp;b&#13;<![CDATA[<c>]]>\xc3\xa9</Key></Object>"
                                "<s:Object/>tail<Quiet>\n true\t</Quiet></s:Delete>\n");
    assert_int_equal(xml_read(&arena, document, &root), S3_OK);
    assert_true(span_eq(root->name, SPAN("Delete")));
    assert_true(span_eq(root->text, SPAN("\n tail")));
    assert_null(root->next);
    struct xml_node *object = xml_child(root, SPAN("Object"));
    assert_ptr_equal(object, root->first_child);
    assert_true(span_eq(xml_child(object, SPAN("Key"))->text, SPAN(" a&b\r<c>\xc3\xa9")));
    assert_true(span_eq(xml_child_text(object, SPAN("Key")), SPAN("a&b\r<c>\xc3\xa9")));
    assert_true(span_eq(object->next->name, SPAN("Object")));
    assert_null(object->next->first_child);
    assert_int_equal(object->next->text.len, 0);
    assert_true(span_eq(xml_child_text(root, SPAN("Quiet")), SPAN("true")));
    assert_false(span_present(xml_child_text(root, SPAN("quiet"))));
    assert_null(xml_child(root, SPAN("Key")));
    arena_free(&arena);
}

static void other_encodings_become_utf8(void **state)
{
    (void)state;
    struct arena arena;
    struct xml_node *root;
    arena_init(&arena, ARENA_BYTES);
    struct span document = SPAN("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xe9</a>");
    assert_int_equal(xml_read(&arena, document, &root), S3_OK);
    assert_true(span_eq(root->text, SPAN("\xc3\xa9")));
    arena_free(&arena);
}

static enum s3_err read_nested(size_t depth)
{
    struct buf document;
    struct arena arena;
    struct xml_node *root;
    buf_init(&document, 1 << 20);
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < depth; i++)
        buf_add_lit(&document, "<a>");
    for (size_t i = 0; i < depth; i++)
        buf_add_lit(&document, "</a>");
    enum s3_err err = xml_read(&arena, buf_span(&document), &root);
    arena_free(&arena);
    buf_free(&document);
    return err;
}

static enum s3_err read_wide(size_t elements, size_t arena_bytes)
{
    struct buf document;
    struct arena arena;
    struct xml_node *root;
    buf_init(&document, 1 << 20);
    arena_init(&arena, arena_bytes);
    buf_add_lit(&document, "<a>");
    for (size_t i = 1; i < elements; i++)
        buf_add_lit(&document, "<b/>");
    buf_add_lit(&document, "</a>");
    enum s3_err err = xml_read(&arena, buf_span(&document), &root);
    arena_free(&arena);
    buf_free(&document);
    return err;
}

static void depth_and_elements_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(read_nested(XML_DEPTH_MAX), S3_OK);
    assert_int_equal(read_nested(XML_DEPTH_MAX + 1), S3_ERR_MALFORMED_XML);
    assert_int_equal(read_nested(100000), S3_ERR_MALFORMED_XML);
    assert_int_equal(read_wide(XML_ELEMENTS_MAX, ARENA_BYTES), S3_OK);
    assert_int_equal(read_wide(XML_ELEMENTS_MAX + 1, ARENA_BYTES), S3_ERR_MALFORMED_XML);
    assert_int_equal(read_wide(1000, 4096), S3_ERR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_documents_are_refused),
        cmocka_unit_test(documents_become_trees),
        cmocka_unit_test(other_encodings_become_utf8),
        cmocka_unit_test(depth_and_elements_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
