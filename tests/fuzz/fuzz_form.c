/* First line: Content-Type. Second: how long the pieces and runs are. The rest is the body. Decoded in pieces it must be
 * what it is in one. */
#include "form.h"
#include "fuzz.h"

#include <stdlib.h>

enum { FILE_MAX_BYTES = 1024 * 1024 };

struct outcome {
    enum s3_err err;
    struct form *form;
    struct buf file;
};

static struct outcome decode(struct span boundary, struct span body, size_t piece, size_t max_run)
{
    struct outcome outcome = {.form = form_new(boundary, SPAN("file"))};
    bool over = false;
    CHECK(outcome.form != NULL);
    buf_init(&outcome.file, FILE_MAX_BYTES);
    while (body.len > 0) {
        struct span given = span_first(body, piece), run;
        body = span_from(body, given.len);
        if (!over && (outcome.err = form_head(outcome.form, &given, &over)) != S3_OK)
            return outcome;
        while (given.len > 0) {
            form_file(outcome.form, &given, max_run, &run);
            CHECK(run.len <= max_run);
            buf_add(&outcome.file, run);
        }
    }
    outcome.err = form_end(outcome.form);
    return outcome;
}

static void same(const struct outcome *a, const struct outcome *b)
{
    size_t a_count, b_count;
    CHECK(a->err == b->err);
    if (a->err != S3_OK)
        return;
    const struct form_field *a_fields = form_fields(a->form, &a_count);
    const struct form_field *b_fields = form_fields(b->form, &b_count);
    CHECK(a_count == b_count && a_count > 0);
    for (size_t i = 0; i < a_count; i++)
        CHECK(span_eq(a_fields[i].name, b_fields[i].name) &&
              span_eq(a_fields[i].value, b_fields[i].value) &&
              span_eq(a_fields[i].filename, b_fields[i].filename));
    CHECK(span_eq(buf_span(&a->file), buf_span(&b->file)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size), boundary;
    struct span type = fuzz_line(&input), sizes = fuzz_line(&input);
    if (!form_boundary(type, &boundary) || !span_present(input))
        return 0;
    CHECK(boundary.len > 0 && boundary.len <= FORM_BOUNDARY_MAX_BYTES);
    size_t piece = sizes.len > 0 ? (size_t)(uint8_t)sizes.ptr[0] + 1 : 1;
    size_t max_run = sizes.len > 1 ? (size_t)(uint8_t)sizes.ptr[1] + 1 : 1;
    struct outcome whole = decode(boundary, input, SIZE_MAX, SIZE_MAX);
    struct outcome pieces = decode(boundary, input, piece, max_run);
    same(&whole, &pieces);
    form_free(whole.form);
    form_free(pieces.form);
    buf_free(&whole.file);
    buf_free(&pieces.file);
    return 0;
}
