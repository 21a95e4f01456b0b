#include "tags.h"

#include "cmocka_span.h"

enum { ARENA_BYTES = 1024 * 1024 };

#define TAGGING(tags) "<Tagging><TagSet>" tags "</TagSet></Tagging>"
#define TAG(key, value) "<Tag><Key>" key "</Key><Value>" value "</Value></Tag>"

static void reads_and_writes(void **state)
{
    (void)state;
    struct arena arena CLEANUP(arena_free);
    struct tags tags;
    struct tags_fault fault;
    arena_init(&arena, ARENA_BYTES);
    const char *text = "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet>"
                       "<Tag><Key> a b </Key><Value/></Tag>" TAG("caf\xc3\xa9", "A_.:/=+-@ 1")
                           TAG("a", "&amp;x") "</TagSet></Tagging>";
    assert_int_equal(
        tagging_parse(&arena, span_str(text), TAGS_BUCKET_MAX, &tags, &fault), S3_ERR_INVALID_TAG);
    text = TAGGING("<Tag><Key> a b </Key><Value/></Tag>" TAG("caf\xc3\xa9", "A_.:/=+-@ 1"));
    assert_int_equal(tagging_parse(&arena, span_str(text), TAGS_BUCKET_MAX, &tags, &fault), S3_OK);
    assert_int_equal(tags.count, 2);
    assert_span_text(tags.items[0].key, " a b ");
    assert_span_text(tags_find(&tags, SPAN(" a b ")), "");
    assert_true(span_present(tags_find(&tags, SPAN(" a b "))));
    assert_span_text(tags_find(&tags, SPAN("caf\xc3\xa9")), "A_.:/=+-@ 1");
    assert_false(span_present(tags_find(&tags, SPAN("CAF\xc3\xa9"))));
    struct buf out CLEANUP(buf_free);
    struct tags again;
    buf_init(&out, 4096);
    tagging_write(&out, &tags);
    assert_int_equal(tagging_parse(&arena, buf_span(&out), TAGS_BUCKET_MAX, &again, &fault), S3_OK);
    assert_int_equal(again.count, 2);
    assert_span(again.items[0].key, tags.items[0].key);
    assert_span(again.items[1].value, tags.items[1].value);
    assert_int_equal(
        tagging_parse(&arena, SPAN(TAGGING("")), TAGS_BUCKET_MAX, &tags, &fault), S3_OK);
    assert_int_equal(tags.count, 0);
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum s3_err err;
        const char *message;
    } cases[] = {
        {"", S3_ERR_MALFORMED_XML, NULL},
        {"<Tags/>", S3_ERR_MALFORMED_XML, NULL},
        {"<Tagging/>", S3_ERR_MALFORMED_XML, NULL},
        {"<Tagging><TagSet/><TagSet/></Tagging>", S3_ERR_MALFORMED_XML, NULL},
        {TAGGING("<Tag><Key>a</Key></Tag>"), S3_ERR_MALFORMED_XML, NULL},
        {TAGGING("<Tag><Value>a</Value></Tag>"), S3_ERR_MALFORMED_XML, NULL},
        {TAGGING("<Tag><Key>a</Key><Key>b</Key><Value>a</Value></Tag>"), S3_ERR_MALFORMED_XML,
            NULL},
        {TAGGING("<Tug><Key>a</Key><Value>a</Value></Tug>"), S3_ERR_MALFORMED_XML, NULL},
        {TAGGING(TAG("", "v")), S3_ERR_INVALID_TAG, "The TagKey you have provided is invalid"},
        {TAGGING(TAG("a,b", "v")), S3_ERR_INVALID_TAG, "The TagKey you have provided is invalid"},
        {TAGGING(TAG("a\tb", "v")), S3_ERR_INVALID_TAG, "The TagKey you have provided is invalid"},
        {TAGGING(TAG("a", "v*")), S3_ERR_INVALID_TAG, "The TagValue you have provided is invalid"},
        {TAGGING(TAG("a", "\xf0\x9f\x98\x80")), S3_ERR_INVALID_TAG,
            "The TagValue you have provided is invalid"},
        {TAGGING(TAG("a", "1") TAG("a", "2")), S3_ERR_INVALID_TAG,
            "Cannot provide multiple Tags with the same key"},
        {TAGGING(TAG("aws:x", "1")), S3_ERR_INVALID_TAG,
            "System tags cannot be added/updated by requester"},
        {TAGGING(TAG("AWS:x", "1")), S3_ERR_INVALID_TAG,
            "System tags cannot be added/updated by requester"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena CLEANUP(arena_free);
        struct tags tags = {NULL, 77};
        struct tags_fault fault = {0};
        arena_init(&arena, ARENA_BYTES);
        assert_int_equal(
            tagging_parse(&arena, span_str(cases[i].text), TAGS_BUCKET_MAX, &tags, &fault),
            cases[i].err);
        assert_int_equal(tags.count, 77);
        if (cases[i].message != NULL)
            assert_string_equal(fault.message, cases[i].message);
    }
}

/* Keys of these lengths, from "0000" on. */
static enum s3_err parse_lengths(size_t count, size_t key_len, size_t value_len)
{
    struct arena arena CLEANUP(arena_free);
    struct buf text CLEANUP(buf_free);
    struct tags tags;
    struct tags_fault fault = {0};
    arena_init(&arena, ARENA_BYTES);
    buf_init(&text, 256 * 1024);
    buf_add_lit(&text, "<Tagging><TagSet>");
    for (size_t i = 0; i < count; i++) {
        buf_addf(&text, "<Tag><Key>%04zu", i);
        for (size_t k = 4; k < key_len; k++)
            buf_add_lit(&text, "\xc3\xa9");
        buf_add_lit(&text, "</Key><Value>");
        for (size_t k = 0; k < value_len; k++)
            buf_add_char(&text, 'v');
        buf_add_lit(&text, "</Value></Tag>");
    }
    buf_add_lit(&text, "</TagSet></Tagging>");
    return tagging_parse(&arena, buf_span(&text), TAGS_BUCKET_MAX, &tags, &fault);
}

static void keeps_its_bounds(void **state)
{
    (void)state;
    assert_int_equal(parse_lengths(50, 128, 256), S3_OK);
    assert_int_equal(parse_lengths(51, 4, 1), S3_ERR_BAD_REQUEST);
    assert_int_equal(parse_lengths(1, 129, 1), S3_ERR_INVALID_TAG);
    assert_int_equal(parse_lengths(1, 128, 257), S3_ERR_INVALID_TAG);
}

static void reads_the_header(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum s3_err err;
        const char *key, *value; /* of the last tag */
    } cases[] = {
        {"a=1&b=2", S3_OK, "b", "2"},
        {"a", S3_OK, "a", ""},
        {"a+b%20c=%3D+%2B", S3_OK, "a b c", "= +"},
        {"a=1&&", S3_OK, "a", "1"},
        {"0&1&2&3&4&5&6&7&8&9", S3_OK, "9", ""},
        {"0&1&2&3&4&5&6&7&8&9&10", S3_ERR_BAD_REQUEST, NULL, NULL},
        {"a=1&%61=1", S3_ERR_INVALID_ARGUMENT, NULL, NULL},
        {"a=%f", S3_ERR_INVALID_ARGUMENT, NULL, NULL},
        {"%ff=1", S3_ERR_INVALID_ARGUMENT, NULL, NULL},
        {"\xff=1", S3_ERR_INVALID_ARGUMENT, NULL, NULL},
        {"=1", S3_ERR_INVALID_TAG, NULL, NULL},
        {"a=%0a", S3_ERR_INVALID_TAG, NULL, NULL},
        {"aws:a=1", S3_ERR_INVALID_TAG, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena CLEANUP(arena_free);
        struct tags tags = {NULL, 77};
        struct tags_fault fault = {0};
        arena_init(&arena, ARENA_BYTES);
        assert_int_equal(
            tags_from_query(&arena, span_str(cases[i].text), &tags, &fault), cases[i].err);
        if (cases[i].err != S3_OK) {
            assert_int_equal(tags.count, 77);
            assert_non_null(fault.message);
            continue;
        }
        assert_span_text(tags.items[tags.count - 1].key, cases[i].key);
        assert_span_text(tags.items[tags.count - 1].value, cases[i].value);
    }
    /* Memory that is used up is no fault of the text. */
    struct arena small CLEANUP(arena_free);
    struct tags tags = {NULL, 77};
    struct tags_fault fault = {0};
    arena_init(&small, 16);
    assert_int_equal(
        tags_from_query(&small, SPAN("key=value&other=value"), &tags, &fault), S3_ERR_INTERNAL);
    assert_int_equal(tags.count, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes),
        cmocka_unit_test(refuses),
        cmocka_unit_test(keeps_its_bounds),
        cmocka_unit_test(reads_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
