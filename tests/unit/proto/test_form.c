/* Forms in whole and in pieces of every size; forms that are none. src: RFC 7578, RFC 2046 section 5.1 */
#include "form.h"

#include "cmocka_span.h"

#include <stdlib.h>

#define B "----b0undary"
#define PART(name) "--" B "\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define FILE_PART(filename)                                                                        \
    "--" B "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" filename               \
    "\"\r\nContent-Type: text/plain\r\n\r\n"
#define END "\r\n--" B "--\r\n"

struct outcome {
    enum s3_err err;
    struct form *form;
    struct buf file;
};

static void drop(struct outcome *outcome)
{
    form_free(outcome->form);
    buf_free(&outcome->file);
}
#define OUTCOME struct outcome __attribute__((cleanup(drop)))

/* Feeds the form in pieces, and takes the file out in runs of at most max_run bytes. Each piece is a copy of its own,
 * so that a look outside of it is seen by the address sanitizer. */
static struct outcome decoded(struct span text, size_t piece, size_t max_run)
{
    struct outcome outcome = {.form = form_new(SPAN(B), SPAN("file"))};
    bool over = false;
    assert_non_null(outcome.form);
    buf_init(&outcome.file, 16 * 1024 * 1024);
    while (text.len > 0) {
        struct span given = span_first(text, piece), run;
        char *copy = malloc(given.len);
        memcpy(copy, given.ptr, given.len);
        text = span_from(text, given.len);
        given.ptr = copy;
        if (!over && (outcome.err = form_head(outcome.form, &given, &over)) != S3_OK) {
            free(copy);
            return outcome;
        }
        while (given.len > 0) {
            form_file(outcome.form, &given, max_run, &run);
            assert_true(run.len <= max_run);
            buf_add(&outcome.file, run);
        }
        free(copy);
    }
    outcome.err = form_end(outcome.form);
    return outcome;
}

static void assert_field(const struct outcome *outcome, size_t i, const char *name,
    const char *value, const char *filename)
{
    size_t count;
    const struct form_field *fields = form_fields(outcome->form, &count);
    assert_true(i < count);
    assert_span_text(fields[i].name, name);
    assert_span_text(fields[i].value, value);
    assert_int_equal(span_present(fields[i].filename), filename != NULL);
    if (filename != NULL)
        assert_span_text(fields[i].filename, filename);
}

static void whole_forms_in_any_pieces(void **state)
{
    (void)state;
    static const char form[] = PART("key") "a/b\r\n" PART("empty") "\r\n" PART(
        "lines") "one\r\ntwo\r\n--\r\n" FILE_PART("f.txt") "hello\r\n--\r\n------b0undar\r\n\r\r\n-"
                                                           "-" END "ignored\r\n--" B "\r\nwhat";
    for (size_t piece = 1; piece < sizeof(form); piece++)
        for (size_t run = 1; run < 100; run += piece < 10 ? 1 : 33) {
            OUTCOME outcome = decoded(span_str(form), piece, run);
            size_t count;
            assert_int_equal(outcome.err, S3_OK);
            form_fields(outcome.form, &count);
            assert_int_equal(count, 4);
            assert_field(&outcome, 0, "key", "a/b", NULL);
            assert_field(&outcome, 1, "empty", "", NULL);
            assert_field(&outcome, 2, "lines", "one\r\ntwo\r\n--", NULL);
            assert_field(&outcome, 3, "file", "", "f.txt");
            assert_span_text(buf_span(&outcome.file), "hello\r\n--\r\n------b0undar\r\n\r\r\n--");
        }
}

static void shapes_that_are_fine(void **state)
{
    (void)state;
    static const struct {
        const char *text, *file, *filename;
    } cases[] = {
        {FILE_PART("a") "x" END, "x", "a"},
        {FILE_PART("a") END, "", "a"},
        {FILE_PART("") "\r\n" END, "\r\n", ""},
        {FILE_PART("a") "x\r\n--" B "--", "x", "a"},
        {FILE_PART("a") "x\r\n--" B, "x", "a"},
        {"preamble\r\n" FILE_PART("a") "x" END, "x", "a"},
        {"\r\n" FILE_PART("a") "x" END, "x", "a"},
        {"--" B " \t\r\ncontent-disposition:form-data;name=\"file\"\r\n\r\nx" END, "x", NULL},
        {"--" B "\r\nX: y\r\nContent-Disposition: Form-Data; NAME=FILE; filename=a b\r\n\r\nx" END,
            "x", "a b"},
        {FILE_PART("C:\\dir\\a.txt") "x" END, "x", "C:\\dir\\a.txt"},
        {FILE_PART("say \\\"hi\\\".txt") "x" END, "x", "say \"hi\".txt"},
        {FILE_PART("\xc3\xa4;b.txt") "x" END, "x", "\xc3\xa4;b.txt"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t piece = 1; piece < 300; piece += 7) {
            OUTCOME outcome = decoded(span_str(cases[i].text), piece, 1000);
            size_t count;
            assert_int_equal(outcome.err, S3_OK);
            const struct form_field *fields = form_fields(outcome.form, &count);
            assert_int_equal(count, 1);
            assert_true(span_eq(fields[0].filename, span_str(cases[i].filename)));
            assert_span_text(buf_span(&outcome.file), cases[i].file);
        }
}

static void shapes_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum s3_err err;
    } cases[] = {
        {"x", S3_ERR_MALFORMED_POST_REQUEST},
        {"--other\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx",
            S3_ERR_MALFORMED_POST_REQUEST},
        {"--" B "--\r\n", S3_ERR_INCORRECT_NUMBER_OF_FILES},
        {PART("key") "a" END, S3_ERR_INCORRECT_NUMBER_OF_FILES},
        {PART("key") "a", S3_ERR_INCORRECT_NUMBER_OF_FILES},
        {FILE_PART("a") "x", S3_ERR_MALFORMED_POST_REQUEST},
        {FILE_PART("a") "x\r\n--"
                        "----b0undar",
            S3_ERR_MALFORMED_POST_REQUEST},
        {"--" B "\r\n\r\nx" END, S3_ERR_MALFORMED_POST_REQUEST},
        {"--" B "junk\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx" END,
            S3_ERR_MALFORMED_POST_REQUEST},
        {"--" B "\r\nContent-Disposition: form-data\r\n\r\nx" END, S3_ERR_MALFORMED_POST_REQUEST},
        {"--" B "\r\nContent-Disposition: attachment; name=\"file\"\r\n\r\nx" END,
            S3_ERR_MALFORMED_POST_REQUEST},
        {"--" B "\r\nContent-Disposition: form-data; name=\"file\r\n\r\nx" END,
            S3_ERR_MALFORMED_POST_REQUEST},
        {"--" B "\r\nno colon\r\n\r\nx" END, S3_ERR_MALFORMED_POST_REQUEST},
        {"--" B "\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; "
         "name=\"file\"\r\n\r\nx" END,
            S3_ERR_MALFORMED_POST_REQUEST},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t piece = 1; piece < 300; piece += 7) {
            OUTCOME outcome = decoded(span_str(cases[i].text), piece, 1000);
            assert_int_equal(outcome.err, cases[i].err);
        }
}

static void heads_are_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
        size_t fill;
        enum s3_err err;
    } cases[] = {
        {PART("key"), "\r\n" FILE_PART("a") "x" END, 200 * 1024, S3_OK},
        {PART("key"), "\r\n" FILE_PART("a") "x" END, FORM_HEAD_MAX_BYTES,
            S3_ERR_MAX_POST_PRE_DATA_LENGTH_EXCEEDED},
        {"", "", FORM_HEAD_MAX_BYTES + 1, S3_ERR_MAX_POST_PRE_DATA_LENGTH_EXCEEDED},
        {"--" B, "", FORM_PART_HEAD_MAX_BYTES + 1, S3_ERR_MALFORMED_POST_REQUEST},
        {"--" B "\r\nX: ", "\r\n\r\n", FORM_PART_HEAD_MAX_BYTES + 1,
            S3_ERR_MAX_POST_PRE_DATA_LENGTH_EXCEEDED},
        {FILE_PART("a"), END, 3 * 1024 * 1024, S3_OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text CLEANUP(buf_free);
        buf_init(&text, 8 * 1024 * 1024);
        buf_add(&text, span_str(cases[i].before));
        char *fill = buf_reserve(&text, cases[i].fill);
        memset(fill, ' ', cases[i].fill);
        buf_commit(&text, cases[i].fill);
        buf_add(&text, span_str(cases[i].after));
        for (size_t piece = 1000; piece < text.len * 2; piece = piece * 3 + 1) {
            OUTCOME outcome = decoded(buf_span(&text), piece, SIZE_MAX);
            assert_int_equal(outcome.err, cases[i].err);
        }
    }
}

static void fields_are_counted(void **state)
{
    (void)state;
    for (size_t count = FORM_FIELDS_MAX - 1; count <= FORM_FIELDS_MAX; count++) {
        struct buf text CLEANUP(buf_free);
        buf_init(&text, 1024 * 1024);
        for (size_t i = 0; i < count; i++)
            buf_add_lit(&text, PART("a") "b\r\n");
        buf_add_lit(&text, FILE_PART("a") "x" END);
        OUTCOME outcome = decoded(buf_span(&text), 4096, 4096);
        assert_int_equal(outcome.err,
            count < FORM_FIELDS_MAX ? S3_OK : S3_ERR_MAX_POST_PRE_DATA_LENGTH_EXCEEDED);
    }
}

static void boundaries(void **state)
{
    (void)state;
    static const struct {
        const char *type, *boundary; /* NULL: none */
    } cases[] = {
        {"multipart/form-data; boundary=abc", "abc"},
        {"Multipart/Form-Data;BOUNDARY=\"a b\"", "a b"},
        {"multipart/form-data; charset=utf-8; boundary=----WebKitFormBoundary7MA4YWxk",
            "----WebKit"
            "FormBoundary"
            "7MA4YWxk"},
        {"multipart/form-data; boundary=a; charset=utf-8", "a"},
        {"multipart/form-data", NULL},
        {"multipart/form-data; boundary=", NULL},
        {"multipart/form-data; boundary=\"abc", NULL},
        {"multipart/form-data; boundary=\"abc \"", NULL},
        {"multipart/form-data; boundary=a\"b", NULL},
        {"multipart/form-data; boundary=a\x01", NULL},
        {"multipart/form-database; boundary=a", NULL},
        {"multipart/mixed; boundary=a", NULL},
        {"application/x-www-form-urlencoded", NULL},
        {"multipart/form-data; "
         "boundary=01234567890123456789012345678901234567890123456789012345678901234567890",
            NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span boundary = SPAN_ABSENT;
        bool found = form_boundary(span_str(cases[i].type), &boundary);
        assert_int_equal(found, cases[i].boundary != NULL);
        assert_true(span_eq(boundary, span_str(cases[i].boundary)));
    }
    struct span boundary;
    assert_false(form_boundary(SPAN_ABSENT, &boundary));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_forms_in_any_pieces),
        cmocka_unit_test(shapes_that_are_fine),
        cmocka_unit_test(shapes_that_are_refused),
        cmocka_unit_test(heads_are_bounded),
        cmocka_unit_test(fields_are_counted),
        cmocka_unit_test(boundaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
