#include "base/buf.h"
#include "bodies.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { ARENA_BYTES = 32 << 20 };

static enum s3_err parse_delete(const char *document)
{
    struct arena arena;
    struct delete_objects_body body;
    arena_init(&arena, ARENA_BYTES);
    enum s3_err err = delete_objects_parse(&arena, span_str(document), &body);
    arena_free(&arena);
    return err;
}

static void delete_bodies(void **state)
{
    (void)state;
    struct arena arena;
    struct delete_objects_body body;
    arena_init(&arena, ARENA_BYTES);
    struct span document =
        SPAN("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>\n"
             "<Object><Key> a </Key></Object><Object><VersionId>null</VersionId><Key>b</Key>"
             "<ETag>\"x\"</ETag></Object><Object><Key>c</Key><VersionId/></Object></Delete>");
    assert_int_equal(delete_objects_parse(&arena, document, &body), S3_OK);
    assert_true(body.quiet);
    assert_int_equal(body.count, 3);
    assert_true(span_eq(body.entries[0].key, SPAN(" a ")));
    assert_false(span_present(body.entries[0].version_id));
    assert_false(span_present(body.entries[0].etag_text));
    assert_true(span_eq(body.entries[1].key, SPAN("b")));
    assert_true(span_eq(body.entries[1].version_id, SPAN("null")));
    assert_true(span_eq(body.entries[1].etag_text, SPAN("\"x\"")));
    assert_false(span_present(body.entries[2].version_id));
    document = SPAN("<Delete><Object><Key>a</Key></Object></Delete>");
    assert_int_equal(delete_objects_parse(&arena, document, &body), S3_OK);
    assert_false(body.quiet);
    arena_free(&arena);

    assert_int_equal(parse_delete(""), S3_ERR_MALFORMED_XML);
    assert_int_equal(parse_delete("<Delete/>"), S3_ERR_MALFORMED_XML);
    assert_int_equal(parse_delete("<Delete><Quiet>true</Quiet></Delete>"), S3_ERR_MALFORMED_XML);
    assert_int_equal(
        parse_delete("<Other><Object><Key>a</Key></Object></Other>"), S3_ERR_MALFORMED_XML);
    assert_int_equal(parse_delete("<Delete><Object/></Delete>"), S3_ERR_MALFORMED_XML);
    assert_int_equal(
        parse_delete("<Delete><Object><Key/></Object></Delete>"), S3_ERR_MALFORMED_XML);
    assert_int_equal(
        parse_delete("<Delete><Object><Key>a&#1;</Key></Object></Delete>"), S3_ERR_MALFORMED_XML);
    assert_int_equal(parse_delete("<Delete><Object><Key>a</Key><Size>1</Size></Object></Delete>"),
        S3_ERR_NOT_IMPLEMENTED);
}

static void delete_bodies_are_bounded(void **state)
{
    (void)state;
    for (size_t count = DELETE_OBJECTS_MAX; count <= DELETE_OBJECTS_MAX + 1; count++) {
        struct buf document;
        buf_init(&document, 1 << 20);
        buf_add_lit(&document, "<Delete>");
        for (size_t i = 0; i < count; i++)
            buf_addf(&document, "<Object><Key>%zu</Key></Object>", i);
        buf_add_lit(&document, "</Delete>");
        buf_add_char(&document, '\0');
        assert_int_equal(
            parse_delete(document.ptr), count <= DELETE_OBJECTS_MAX ? S3_OK : S3_ERR_MALFORMED_XML);
        buf_free(&document);
    }
}

#define PART(number, rest) "<Part><PartNumber>" number "</PartNumber>" rest "</Part>"
#define COMPLETE(parts) "<CompleteMultipartUpload>" parts "</CompleteMultipartUpload>"
#define ETAG "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag>"

static void complete_bodies(void **state)
{
    (void)state;
    struct arena arena;
    struct complete_body body;
    arena_init(&arena, ARENA_BYTES);
    struct span document = SPAN(COMPLETE(PART("1", ETAG "<ChecksumCRC32>NhCmhg==</ChecksumCRC32>")
            PART("10000", "<ETag>d41d8cd98f00b204e9800998ecf8427e</ETag><ChecksumSHA1/>")
                PART("3", "<ETag>other</ETag>")));
    assert_int_equal(complete_multipart_parse(&arena, document, &body), S3_OK);
    assert_int_equal(body.count, 3);
    assert_int_equal(body.parts[0].number, 1);
    assert_true(body.parts[0].etag_valid);
    assert_int_equal(body.parts[0].etag.md5[0], 0xd4);
    assert_int_equal(body.parts[0].checksum.algo, DIGEST_CRC32);
    assert_int_equal(body.parts[0].checksum.value[0], 0x36);
    assert_int_equal(body.parts[1].number, PART_NUMBER_MAX);
    assert_true(body.parts[1].etag_valid);
    assert_int_equal(body.parts[1].checksum.algo, DIGEST_NONE);
    assert_false(body.parts[2].etag_valid);
    arena_free(&arena);
}

static void bad_complete_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *document;
        enum s3_err err;
    } cases[] = {
        {"", S3_ERR_MALFORMED_XML},
        {COMPLETE(""), S3_ERR_MALFORMED_XML},
        {"<Other>" PART("1", ETAG) "</Other>", S3_ERR_MALFORMED_XML},
        {COMPLETE(PART("0", ETAG)), S3_ERR_MALFORMED_XML},
        {COMPLETE(PART("10001", ETAG)), S3_ERR_MALFORMED_XML},
        {COMPLETE(PART("-1", ETAG)), S3_ERR_MALFORMED_XML},
        {COMPLETE(PART("4294967297", ETAG)), S3_ERR_MALFORMED_XML},
        {COMPLETE(PART("", ETAG)), S3_ERR_MALFORMED_XML},
        {COMPLETE("<Part>" ETAG "</Part>"), S3_ERR_MALFORMED_XML},
        {COMPLETE(PART("1", "")), S3_ERR_MALFORMED_XML},
        {COMPLETE(PART("1", ETAG "<ChecksumCRC32>x</ChecksumCRC32>")), S3_ERR_INVALID_REQUEST},
        {COMPLETE(PART("1", ETAG "<ChecksumCRC32>NhCmhg==</ChecksumCRC32>"
                                 "<ChecksumCRC32C>NhCmhg==</ChecksumCRC32C>")),
            S3_ERR_INVALID_REQUEST},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena;
        struct complete_body body;
        arena_init(&arena, ARENA_BYTES);
        enum s3_err err = complete_multipart_parse(&arena, span_str(cases[i].document), &body);
        if (err != cases[i].err)
            fail_msg("%s: %s", cases[i].document, s3_err_info(err)->code);
        arena_free(&arena);
    }
}

static void complete_bodies_are_bounded(void **state)
{
    (void)state;
    for (size_t count = PART_NUMBER_MAX; count <= PART_NUMBER_MAX + 1; count++) {
        struct buf document;
        struct arena arena;
        struct complete_body body;
        buf_init(&document, 4 << 20);
        arena_init(&arena, ARENA_BYTES);
        buf_add_lit(&document, "<CompleteMultipartUpload>");
        for (size_t i = 0; i < count; i++)
            buf_addf(&document,
                "<Part><ChecksumCRC32>NhCmhg==</ChecksumCRC32>" ETAG
                "<PartNumber>%zu</PartNumber></Part>",
                i < PART_NUMBER_MAX ? i + 1 : 1);
        buf_add_lit(&document, "</CompleteMultipartUpload>");
        assert_int_equal(complete_multipart_parse(&arena, buf_span(&document), &body),
            count <= PART_NUMBER_MAX ? S3_OK : S3_ERR_MALFORMED_XML);
        print_message("%zu parts took %zu bytes of arena\n", count, arena.used_bytes);
        arena_free(&arena);
        buf_free(&document);
    }
}

static void create_bucket_bodies(void **state)
{
    (void)state;
    struct arena arena;
    struct create_bucket_body body;
    arena_init(&arena, ARENA_BYTES);
    assert_int_equal(create_bucket_parse(&arena, SPAN(""), &body), S3_OK);
    assert_null(body.root);
    assert_false(span_present(body.location_constraint));
    struct span document =
        SPAN("<CreateBucketConfiguration xmlns='x'><LocationConstraint> eu-west-1 "
             "</LocationConstraint><Tags/></CreateBucketConfiguration>");
    assert_int_equal(create_bucket_parse(&arena, document, &body), S3_OK);
    assert_true(span_eq(body.location_constraint, SPAN("eu-west-1")));
    assert_non_null(xml_child(body.root, SPAN("Tags")));
    document = SPAN("<CreateBucketConfiguration><LocationConstraint/></CreateBucketConfiguration>");
    assert_int_equal(create_bucket_parse(&arena, document, &body), S3_OK);
    assert_false(span_present(body.location_constraint));
    assert_int_equal(create_bucket_parse(&arena, SPAN("<Other/>"), &body), S3_ERR_MALFORMED_XML);
    assert_int_equal(create_bucket_parse(&arena, SPAN("junk"), &body), S3_ERR_MALFORMED_XML);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delete_bodies),
        cmocka_unit_test(delete_bodies_are_bounded),
        cmocka_unit_test(complete_bodies),
        cmocka_unit_test(bad_complete_bodies),
        cmocka_unit_test(complete_bodies_are_bounded),
        cmocka_unit_test(create_bucket_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
