#include "daemon/post_form.h"

#include "daemon/ops/arguments.h"
#include "daemon/receive.h"

#include <inttypes.h>

enum { KEY_TEXT_MAX_BYTES = 64 * 1024 };

enum s3_err post_form_begin(struct request *request)
{
    struct span boundary, content_type = request_header(request, SPAN("content-type"));
    uint64_t length;
    if (!form_boundary(content_type, &boundary))
        return FAIL(request, POST_NOT_MULTIPART, NULL);
    struct span declared = request_header(request, SPAN("content-length"));
    if (!span_present(declared))
        return FAIL(request, MISSING_CONTENT_LENGTH, NULL);
    if (!span_to_u64(declared, &length))
        return FAIL(request, INVALID_ARGUMENT, "The value of Content-Length is not valid.");
    struct post_form *post = arena_new(&request->arena, struct post_form);
    if (post == NULL)
        return FAIL(request, INTERNAL, NULL);
    post->decoder = form_new(boundary, SPAN("file"));
    post->body_bytes = length;
    request->form = post;
    return post->decoder != NULL ? S3_OK : FAIL(request, INTERNAL, NULL);
}

void post_form_free(struct request *request)
{
    if (request->form == NULL)
        return;
    form_free(request->form->decoder);
    request->form = NULL;
}

/* ---- the key ---- */

static struct span find_field(const struct request *request, struct span name)
{
    size_t count;
    const struct form_field *fields = form_fields(request->form->decoder, &count);
    for (size_t i = 0; i < count; i++)
        if (span_eq_nocase(fields[i].name, name))
            return fields[i].value;
    return SPAN_ABSENT;
}

/* What follows the last slash or backslash: some browsers send a path. */
static struct span base_name(struct span path)
{
    for (size_t i = path.len; i > 0; i--)
        if (path.ptr[i - 1] == '/' || path.ptr[i - 1] == '\\')
            return span_from(path, i);
    return path;
}

static struct span with_filename(struct request *request, struct span key, struct span filename)
{
    static const struct span variable = SPAN("${filename}");
    struct buf text CLEANUP(buf_free) = {0};
    size_t at = span_find(key, variable, 0), done = 0;
    if (at == SIZE_MAX)
        return key;
    buf_init(&text, KEY_TEXT_MAX_BYTES);
    for (; at != SIZE_MAX; at = span_find(key, variable, done)) {
        buf_add(&text, span_of(key.ptr + done, at - done));
        buf_add(&text, filename);
        done = at + variable.len;
    }
    buf_add(&text, span_from(key, done));
    return buf_ok(&text) ? arena_copy(&request->arena, buf_span(&text)) : SPAN_ABSENT;
}

static enum s3_err find_key(struct request *request, struct span *ret_key)
{
    size_t count;
    const struct form_field *fields = form_fields(request->form->decoder, &count);
    struct span key = find_field(request, SPAN("key"));
    if (!span_present(key))
        return FAIL_ARGUMENT(request, "key", SPAN(""),
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the "
            "order of the fields.");
    struct span filename = fields[count - 1].filename;
    key = with_filename(request, key, span_present(filename) ? base_name(filename) : SPAN(""));
    if (!span_present(key))
        return FAIL(request, KEY_TOO_LONG, NULL);
    if (key.len == 0)
        return FAIL(request, USER_KEY_MUST_BE_SPECIFIED, NULL);
    if (!span_is_utf8(key) || span_find_char(key, '\0', 0) != SIZE_MAX)
        return FAIL_ARGUMENT(request, "key", SPAN_ABSENT, "The key is not valid UTF-8 text.");
    *ret_key = key;
    return S3_OK;
}

/* ---- fields as headers ---- */

/* Of the HTTP request only what tells who and where from is the object's business. */
static bool stays(struct span name)
{
    static const struct span kept[] = {SPAN("host"), SPAN("origin"), SPAN("referer"),
        SPAN("user-agent"), SPAN("x-forwarded-for"), SPAN("x-amz-expected-bucket-owner")};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (span_eq_nocase(name, kept[i]))
            return true;
    return span_starts_nocase(name, SPAN("access-control-"));
}

/* The header that a field stands for; absent: none. */
static struct span header_of(struct span field)
{
    static const struct span same[] = {SPAN("Cache-Control"), SPAN("Content-Type"),
        SPAN("Content-Disposition"), SPAN("Content-Encoding"), SPAN("Content-Language"),
        SPAN("Content-MD5"), SPAN("Expires")};
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        if (span_eq_nocase(field, same[i]))
            return same[i];
    if (span_eq_nocase(field, SPAN("acl")))
        return SPAN("x-amz-acl");
    if (span_eq_nocase(field, SPAN("tagging")))
        return SPAN("x-amz-tagging");
    return span_starts_nocase(field, SPAN("x-amz-")) ? field : SPAN_ABSENT;
}

/* src: RFC 9110, section 5.6.2 */
static bool is_token(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return text.len > 0;
}

static bool is_header_value(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static enum s3_err add_field(
    struct request *request, const struct form_field *field, struct header *items, size_t *count)
{
    struct span name = header_of(field->name);
    if (!span_present(name))
        return S3_OK;
    /* A document, of which no header is ever made, may have lines. */
    bool is_text = span_eq_nocase(field->name, SPAN("tagging"));
    if (!is_token(name) || (!is_text && !is_header_value(field->value))) {
        struct span shown = span_is_utf8(field->name) ? span_first(field->name, 256) : SPAN("?");
        return FAIL_ARGUMENT(request,
            arena_copy(&request->arena, span_is_utf8(shown) ? shown : SPAN("?")).ptr, SPAN_ABSENT,
            "A field that becomes a header has a name or a value that no header can have.");
    }
    items[(*count)++] = (struct header){name, span_trim(field->value)};
    return S3_OK;
}

static enum s3_err become_headers(
    struct request *request, const struct form_field *fields, size_t field_count)
{
    size_t count = 0;
    struct header *items =
        arena_array(&request->arena, struct header, request->headers.count + field_count);
    if (items == NULL)
        return FAIL(request, INTERNAL, NULL);
    for (size_t i = 0; i < request->headers.count; i++)
        if (stays(request->headers.items[i].name))
            items[count++] = request->headers.items[i];
    for (size_t i = 0; i < field_count; i++)
        TRY(add_field(request, &fields[i], items, &count));
    request->headers = (struct header_list){items, count};
    return S3_OK;
}

/* A field that came twice would be checked by the policy once and used as the other. */
static enum s3_err refuse_twice(
    struct request *request, const struct form_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (span_eq_nocase(fields[i].name, fields[j].name) &&
                !span_starts_nocase(fields[i].name, SPAN("x-ignore-")))
                return FAIL(
                    request, INVALID_ARGUMENT, "POST requires each field to be there only once.");
    return S3_OK;
}

static bool is_url(struct span text)
{
    return (span_starts_nocase(text, SPAN("http://")) ||
               span_starts_nocase(text, SPAN("https://"))) &&
           is_header_value(text) && span_is_utf8(text);
}

static void read_success(struct request *request)
{
    struct post_form *post = request->form;
    struct span url = find_field(request, SPAN("success_action_redirect"));
    if (!span_present(url))
        url = find_field(request, SPAN("redirect"));
    if (is_url(url))
        post->redirect = url;
    post->status = find_field(request, SPAN("success_action_status"));
}

enum s3_err post_form_head(struct request *request, struct span *input, bool *ret_over)
{
    struct form *decoder = request->form->decoder;
    struct span key;
    size_t count;
    enum s3_err err = form_head(decoder, input, ret_over);
    if (err != S3_OK)
        return request_fail(request, err, NULL, __FILE__, __LINE__);
    if (!*ret_over)
        return S3_OK;
    const struct form_field *fields = form_fields(decoder, &count);
    TRY(refuse_twice(request, fields, count));
    TRY(find_key(request, &key));
    TRY(become_headers(request, fields, count));
    read_success(request);
    request->target.key = key;
    request->target.scope = TARGET_OBJECT;
    return S3_OK;
}

/* ---- the file ---- */

uint64_t post_form_room(const struct request *request)
{
    return request->form->body_bytes;
}

static void add_number(struct request *request, struct span name, uint64_t value)
{
    request_error_field(request, name, arena_format(&request->arena, "%" PRIu64, value));
}

enum s3_err post_form_check_size(struct request *request, uint64_t size_bytes, bool more_comes)
{
    const struct post_form *post = request->form;
    uint64_t max_bytes = RECEIVE_BLOB_MAX_BYTES;
    if (post->has_range && post->max_bytes < max_bytes)
        max_bytes = post->max_bytes;
    if (size_bytes > max_bytes) {
        add_number(request, SPAN("ProposedSize"), size_bytes);
        add_number(request, SPAN("MaxSizeAllowed"), max_bytes);
        return FAIL(request, ENTITY_TOO_LARGE, NULL);
    }
    if (!more_comes && post->has_range && size_bytes < post->min_bytes) {
        add_number(request, SPAN("ProposedSize"), size_bytes);
        add_number(request, SPAN("MinSizeAllowed"), post->min_bytes);
        return FAIL(request, ENTITY_TOO_SMALL, NULL);
    }
    return S3_OK;
}
