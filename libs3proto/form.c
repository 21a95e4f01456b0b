#include "form.h"

#include <assert.h>
#include <stdlib.h>

enum { DELIMITER_MAX_BYTES = 4 + FORM_BOUNDARY_MAX_BYTES };

enum state {
    STATE_PREAMBLE,  /* before the first boundary */
    STATE_PART_HEAD, /* header lines */
    STATE_VALUE,     /* of a field */
    STATE_FILE,
    STATE_AFTER, /* the file is over */
};

struct form {
    enum state state;
    struct span file_field;
    char delimiter_bytes[DELIMITER_MAX_BYTES]; /* CRLF "--" boundary */
    struct span delimiter;

    struct buf head;
    size_t parsed;   /* what is done with of head */
    size_t searched; /* no delimiter begins before this */
    struct field_at {
        size_t name, name_len, filename, filename_len, value, value_len;
        bool has_filename;
    } at[FORM_FIELDS_MAX]; /* offsets: head moves while it grows */
    struct form_field fields[FORM_FIELDS_MAX];
    size_t count;

    size_t matched;      /* of the delimiter, at the end of the last input */
    struct span pending; /* of the delimiter, and the file's after all */
};

/* ---- Content-Type and Content-Disposition ---- */

static bool is_boundary_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("'()+_,-./:=? ", c) != NULL);
}

static struct span trim_left(struct span text)
{
    while (span_present(text) && text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = span_from(text, 1);
    return text;
}

/* Takes `; name=value` off the front. The value is the raw one: a quoted string without its quotes, its
 * backslashes still there. False when there is none, or it is malformed (then *rest is absent). */
static bool next_parameter(struct span *rest, struct span *ret_name, struct span *ret_value)
{
    struct span text = trim_left(*rest);
    *rest = SPAN_ABSENT;
    if (text.len == 0 || text.ptr[0] != ';')
        return false;
    text = trim_left(span_from(text, 1));
    size_t equals = span_find_char(text, '=', 0);
    if (equals == SIZE_MAX || equals == 0 || !span_present(text))
        return false;
    *ret_name = span_trim(span_first(text, equals));
    text = span_from(text, equals + 1);
    if (text.len > 0 && text.ptr[0] == '"') {
        size_t end = 1;
        while (end < text.len && text.ptr[end] != '"')
            end += text.ptr[end] == '\\' && end + 1 < text.len && text.ptr[end + 1] == '"' ? 2 : 1;
        if (end >= text.len)
            return false;
        *ret_value = span_of(text.ptr + 1, end - 1);
        *rest = span_from(text, end + 1);
        return true;
    }
    size_t end = span_find_char(text, ';', 0);
    *ret_value = span_trim(span_first(text, end));
    *rest = span_from(text, end);
    return true;
}

bool form_boundary(struct span content_type, struct span *ret_boundary)
{
    static const struct span type = SPAN("multipart/form-data");
    if (!span_starts_nocase(content_type, type))
        return false;
    struct span rest = span_from(content_type, type.len), name, value;
    while (next_parameter(&rest, &name, &value)) {
        if (!span_eq_nocase(name, SPAN("boundary")))
            continue;
        if (value.len == 0 || value.len > FORM_BOUNDARY_MAX_BYTES ||
            value.ptr[value.len - 1] == ' ')
            return false;
        for (size_t i = 0; i < value.len; i++)
            if (!is_boundary_char(value.ptr[i]))
                return false;
        *ret_boundary = value;
        return true;
    }
    return false;
}

/* ---- the form ---- */

struct form *form_new(struct span boundary, struct span file_field)
{
    struct form *form = calloc(1, sizeof(*form));
    if (form == NULL)
        return NULL;
    buf_init(&form->head, FORM_HEAD_MAX_BYTES);
    form->file_field = file_field;
    static const struct span dashes = SPAN("\r\n--");
    memcpy(form->delimiter_bytes, dashes.ptr, dashes.len);
    memcpy(form->delimiter_bytes + dashes.len, boundary.ptr, boundary.len);
    form->delimiter = span_of(form->delimiter_bytes, dashes.len + boundary.len);
    /* The first boundary may stand at the very beginning: as if a line had ended before it. */
    buf_add_lit(&form->head, "\r\n");
    return form;
}

void form_free(struct form *form)
{
    if (form == NULL)
        return;
    buf_free(&form->head);
    free(form);
}

/* The delimiter's offset at or after what was searched; SIZE_MAX: not there yet. */
static size_t find_delimiter(struct form *form)
{
    struct span head = buf_span(&form->head);
    size_t found = span_find(head, form->delimiter, form->searched);
    size_t kept = form->delimiter.len - 1;
    if (found == SIZE_MAX && head.len > kept && head.len - kept > form->searched)
        form->searched = head.len - kept;
    return found;
}

/* Unquotes in place what next_parameter gave: only \" is an escape, since old browsers send paths with
 * backslashes. */
static size_t unquote(char *bytes, size_t len)
{
    size_t kept = 0;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\\' && i + 1 < len && bytes[i + 1] == '"')
            i++;
        bytes[kept++] = bytes[i];
    }
    return kept;
}

static enum s3_err read_disposition(struct form *form, struct span value, struct field_at *field)
{
    static const struct span type = SPAN("form-data");
    bool has_name = false;
    if (!span_starts_nocase(value, type))
        return S3_ERR_MALFORMED_POST_REQUEST;
    struct span rest = span_from(value, type.len), name, text;
    while (next_parameter(&rest, &name, &text)) {
        size_t offset = (size_t)(text.ptr - form->head.ptr);
        size_t len = unquote(form->head.ptr + offset, text.len);
        if (span_eq_nocase(name, SPAN("name"))) {
            field->name = offset;
            field->name_len = len;
            has_name = true;
        } else if (span_eq_nocase(name, SPAN("filename"))) {
            field->filename = offset;
            field->filename_len = len;
            field->has_filename = true;
        }
    }
    return has_name ? S3_OK : S3_ERR_MALFORMED_POST_REQUEST;
}

/* The header lines of a part, without the empty one behind them. */
static enum s3_err read_part_head(struct form *form, struct span lines, struct field_at *ret_field)
{
    struct field_at field = {0};
    bool has_disposition = false;
    while (lines.len > 0) {
        size_t end = span_find(lines, SPAN("\r\n"), 0);
        struct span line = span_first(lines, end);
        size_t colon = span_find_char(line, ':', 0);
        lines = end == SIZE_MAX ? SPAN_ABSENT : span_from(lines, end + 2);
        if (colon == SIZE_MAX)
            return S3_ERR_MALFORMED_POST_REQUEST;
        if (!span_eq_nocase(span_first(line, colon), SPAN("Content-Disposition")))
            continue;
        if (has_disposition)
            return S3_ERR_MALFORMED_POST_REQUEST;
        has_disposition = true;
        TRY(read_disposition(form, span_trim(span_from(line, colon + 1)), &field));
    }
    *ret_field = field;
    return has_disposition ? S3_OK : S3_ERR_MALFORMED_POST_REQUEST;
}

static void make_fields(struct form *form)
{
    struct span head = buf_span(&form->head);
    for (size_t i = 0; i < form->count; i++) {
        const struct field_at *at = &form->at[i];
        form->fields[i] = (struct form_field){
            .name = span_of(head.ptr + at->name, at->name_len),
            .value = span_of(head.ptr + at->value, at->value_len),
            .filename =
                at->has_filename ? span_of(head.ptr + at->filename, at->filename_len) : SPAN_ABSENT,
        };
    }
}

/* One of these does its part of the head; *ret_more: the next may go on. */

static enum s3_err skip_preamble(struct form *form, bool *ret_more)
{
    size_t found = find_delimiter(form);
    if (found == SIZE_MAX)
        return S3_OK;
    form->parsed = found + form->delimiter.len;
    form->state = STATE_PART_HEAD;
    *ret_more = true;
    return S3_OK;
}

/* From behind a boundary to behind the empty line. */
static enum s3_err take_part_head(struct form *form, bool *ret_more)
{
    struct span rest = span_from(buf_span(&form->head), form->parsed);
    if (rest.len < 2)
        return S3_OK;
    if (span_starts(rest, SPAN("--"))) /* the last boundary, and no file came */
        return S3_ERR_INCORRECT_NUMBER_OF_FILES;
    struct span padded = trim_left(rest);
    if (padded.len < 2 && rest.len < FORM_PART_HEAD_MAX_BYTES)
        return S3_OK;
    if (!span_starts(padded, SPAN("\r\n")))
        return S3_ERR_MALFORMED_POST_REQUEST;
    size_t end = span_find(padded, SPAN("\r\n\r\n"), 0);
    if (end == SIZE_MAX)
        return padded.len > FORM_PART_HEAD_MAX_BYTES ? S3_ERR_MAX_POST_PRE_DATA_LENGTH_EXCEEDED
                                                     : S3_OK;
    if (form->count == FORM_FIELDS_MAX || end > FORM_PART_HEAD_MAX_BYTES)
        return S3_ERR_MAX_POST_PRE_DATA_LENGTH_EXCEEDED;
    struct field_at *field = &form->at[form->count];
    TRY(read_part_head(form, end > 2 ? span_of(padded.ptr + 2, end - 2) : SPAN_ABSENT, field));
    form->count++;
    form->parsed = (size_t)(padded.ptr - form->head.ptr) + end + 4;
    form->searched = form->parsed;
    field->value = form->parsed;
    struct span name = span_of(form->head.ptr + field->name, field->name_len);
    form->state = span_eq_nocase(name, form->file_field) ? STATE_FILE : STATE_VALUE;
    *ret_more = true;
    return S3_OK;
}

static enum s3_err take_value(struct form *form, bool *ret_more)
{
    size_t found = find_delimiter(form);
    if (found == SIZE_MAX)
        return S3_OK;
    struct field_at *field = &form->at[form->count - 1];
    field->value_len = found - field->value;
    form->parsed = found + form->delimiter.len;
    form->state = STATE_PART_HEAD;
    *ret_more = true;
    return S3_OK;
}

enum s3_err form_head(struct form *form, struct span *input, bool *ret_over)
{
    /* In pieces, so that the head's bound is met wherever a large file's bytes begin. */
    enum { PIECE_BYTES = 4096 };
    *ret_over = false;
    while (input->len > 0 && form->state != STATE_FILE) {
        size_t room = form->head.max - form->head.len;
        struct span piece = span_first(*input, room < PIECE_BYTES ? room : PIECE_BYTES);
        if (room == 0)
            return S3_ERR_MAX_POST_PRE_DATA_LENGTH_EXCEEDED;
        buf_add(&form->head, piece);
        if (!buf_ok(&form->head))
            return S3_ERR_INTERNAL;
        *input = span_from(*input, piece.len);
        bool more = true;
        while (more && form->state != STATE_FILE) {
            more = false;
            if (form->state == STATE_PREAMBLE)
                TRY(skip_preamble(form, &more));
            else if (form->state == STATE_PART_HEAD)
                TRY(take_part_head(form, &more));
            else
                TRY(take_value(form, &more));
        }
    }
    if (form->state != STATE_FILE)
        return S3_OK;
    /* What was taken too much is the end of the last piece, which lies right before *input. */
    size_t excess = form->head.len - form->parsed;
    assert(excess < PIECE_BYTES);
    *input = span_of(input->ptr - excess, input->len + excess);
    form->head.len = form->parsed;
    make_fields(form);
    *ret_over = true;
    return S3_OK;
}

const struct form_field *form_fields(const struct form *form, size_t *ret_count)
{
    *ret_count = form->count;
    return form->fields;
}

/* How much of the delimiter stands at the beginning of text. */
static size_t match_length(const struct form *form, struct span text)
{
    size_t len = 0;
    while (span_present(text) && len < text.len && len < form->delimiter.len &&
           text.ptr[len] == form->delimiter.ptr[len])
        len++;
    return len;
}

/* What the last input ended with looked like the delimiter: does it go on like that? */
static void go_on_matching(struct form *form, struct span *input)
{
    while (input->len > 0 && form->matched < form->delimiter.len &&
           input->ptr[0] == form->delimiter.ptr[form->matched]) {
        form->matched++;
        *input = span_from(*input, 1);
    }
    if (form->matched == form->delimiter.len) {
        form->state = STATE_AFTER;
        form->matched = 0;
    } else if (input->len > 0) {
        form->pending = span_first(form->delimiter, form->matched);
        form->matched = 0;
    }
}

void form_file(struct form *form, struct span *input, size_t max_bytes, struct span *ret_run)
{
    *ret_run = SPAN("");
    if (form->state == STATE_FILE && form->matched > 0)
        go_on_matching(form, input);
    if (form->pending.len > 0) {
        *ret_run = span_first(form->pending, max_bytes);
        form->pending = span_from(form->pending, ret_run->len);
        return;
    }
    if (form->state != STATE_FILE) {
        if (form->state == STATE_AFTER)
            *input = span_from(*input, input->len);
        return;
    }
    struct span text = span_first(*input, max_bytes);
    /* CR stands only at the delimiter's beginning, so nothing is looked at twice. */
    for (size_t at = span_find_char(text, '\r', 0); at != SIZE_MAX;
         at = span_find_char(text, '\r', at + 1)) {
        size_t len = match_length(form, span_from(*input, at));
        if (len < form->delimiter.len && at + len < input->len)
            continue;
        *ret_run = span_first(*input, at);
        *input = span_from(*input, at + len);
        if (len == form->delimiter.len)
            form->state = STATE_AFTER;
        else
            form->matched = len;
        return;
    }
    *ret_run = text;
    *input = span_from(*input, text.len);
}

bool form_file_over(const struct form *form)
{
    return form->state == STATE_AFTER;
}

enum s3_err form_end(const struct form *form)
{
    if (form->state == STATE_AFTER)
        return S3_OK;
    return form->state == STATE_FILE                           ? S3_ERR_MALFORMED_POST_REQUEST
           : form->state == STATE_PREAMBLE || form->count == 0 ? S3_ERR_MALFORMED_POST_REQUEST
                                                               : S3_ERR_INCORRECT_NUMBER_OF_FILES;
}
