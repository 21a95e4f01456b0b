#include "daemon/http_head.h"

/* src: RFC 9110, section 5.6.2 */
static bool is_token(struct span name)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr(marks, c) == NULL))
            return false;
    }
    return name.len > 0;
}

/* The SDK for Go sends one for each name of the list. src: AWS SDK models, service-2.json of s3, "type": "list" */
static bool is_amz_list(struct span name)
{
    return span_starts_nocase(name, SPAN("x-amz-meta-")) ||
           span_eq_nocase(name, SPAN("x-amz-object-attributes")) ||
           span_eq_nocase(name, SPAN("x-amz-optional-object-attributes"));
}

/* Fields that decide something; user metadata and what only lists may repeat. */
static bool is_single(struct span name)
{
    static const struct span names[] = {
        SPAN("authorization"),
        SPAN("content-encoding"),
        SPAN("content-md5"),
        SPAN("content-type"),
        SPAN("date"),
        SPAN("expect"),
        SPAN("range"),
        SPAN("if-match"),
        SPAN("if-modified-since"),
        SPAN("if-none-match"),
        SPAN("if-unmodified-since"),
    };
    if (span_starts_nocase(name, SPAN("x-amz-")))
        return !is_amz_list(name);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (span_eq_nocase(name, names[i]))
            return true;
    return false;
}

static bool comes_again(const struct header_list *headers, size_t index)
{
    struct header first = headers->items[index];
    for (size_t i = index + 1; i < headers->count; i++)
        if (span_eq_nocase(headers->items[i].name, first.name) &&
            !span_eq(headers->items[i].value, first.value))
            return true;
    return false;
}

/* src: RFC 9112, section 3.2, RFC 3986, section 3.2.2 */
static bool is_host(struct span host)
{
    static const char marks[] = "-._~!$&'()*+,;=%:[]";
    size_t colon = SIZE_MAX;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || strchr(marks, c) == NULL))
            return false;
        if (c == ':' || c == ']')
            colon = c == ':' ? i : SIZE_MAX;
    }
    for (size_t i = colon + 1; colon != SIZE_MAX && i < host.len; i++)
        if (host.ptr[i] < '0' || host.ptr[i] > '9')
            return false;
    return true;
}

/* src: RFC 9110, section 5.5 */
static bool is_value(struct span value)
{
    return span_find_char(value, '\r', 0) == SIZE_MAX &&
           span_find_char(value, '\n', 0) == SIZE_MAX && span_find_char(value, '\0', 0) == SIZE_MAX;
}

static const char *what_is_wrong(const struct header_list *headers, struct span version)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (!is_token(headers->items[i].name))
            return "A header field has no valid name.";
        if (!is_value(headers->items[i].value))
            return "A header field has no valid value.";
    }
    struct span length = header_find(headers, SPAN("content-length"));
    struct span encoding = header_find(headers, SPAN("transfer-encoding"));
    if (header_count(headers, SPAN("content-length")) > 1)
        return "Content-Length came twice.";
    if (header_count(headers, SPAN("host")) > 1)
        return "Host came twice.";
    if (span_eq(version, SPAN("HTTP/1.1")) && header_count(headers, SPAN("host")) == 0)
        return "Host is missing.";
    if (!is_host(span_trim(header_find(headers, SPAN("host")))))
        return "Host is none.";
    if (!span_present(encoding))
        return NULL;
    if (span_present(length))
        return "Content-Length and Transfer-Encoding came together.";
    if (header_count(headers, SPAN("transfer-encoding")) > 1 ||
        !span_eq_nocase(encoding, SPAN("chunked")))
        return "Transfer-Encoding can only be chunked.";
    return NULL;
}

enum s3_err http_head_check(const struct header_list *headers, struct span version,
    struct http_body *ret_body, const char **ret_detail)
{
    for (size_t i = 0; i < headers->count; i++)
        if (is_single(headers->items[i].name) && comes_again(headers, i)) {
            *ret_detail = "A header field came twice with different values.";
            return S3_ERR_INVALID_ARGUMENT;
        }
    const char *wrong = what_is_wrong(headers, version);
    if (wrong != NULL) {
        *ret_detail = wrong;
        return S3_ERR_BAD_REQUEST;
    }
    struct http_body body = {0};
    struct span length = header_find(headers, SPAN("content-length"));
    if (span_present(length)) {
        if (!span_to_u64(length, &body.length)) {
            *ret_detail = "Content-Length is no number.";
            return S3_ERR_BAD_REQUEST;
        }
        body.length_known = true;
        body.expected = body.length > 0;
    } else if (span_present(header_find(headers, SPAN("transfer-encoding")))) {
        body.expected = true;
    }
    body.expects_continue =
        span_eq_nocase(header_find(headers, SPAN("expect")), SPAN("100-continue"));
    *ret_body = body;
    return S3_OK;
}

static uintptr_t end_of(struct span word)
{
    return (uintptr_t)word.ptr + word.len;
}

bool http_head_is_whole(const struct http_head_place *place, const struct header_list *headers)
{
    enum { SPACE_BYTES = 1, LINE_END_BYTES = 2, COLON_BYTES = 1 };
    uintptr_t end = end_of(place->version);
    if ((uintptr_t)place->version.ptr !=
        end_of(place->method) + SPACE_BYTES + place->target_bytes + SPACE_BYTES)
        return false;
    for (size_t i = 0; i < headers->count; i++) {
        struct header header = headers->items[i];
        if ((uintptr_t)header.name.ptr != end + LINE_END_BYTES ||
            (uintptr_t)header.value.ptr < end_of(header.name) + COLON_BYTES)
            return false;
        end = end_of(header.value);
    }
    return end + LINE_END_BYTES + LINE_END_BYTES == (uintptr_t)place->method.ptr + place->bytes;
}
