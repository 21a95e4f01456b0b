/* Test support: an HTTP request as text, taken apart into what libs3proto wants. */
#ifndef TESTS_REQUEST_TEXT_H
#define TESTS_REQUEST_TEXT_H

#include "sigv4.h"

struct text_request {
    struct span method;
    struct target target;
    struct header items[HEADERS_MAX];
    struct header_list headers;
    struct span body;
};

/* Lines end with LF or CRLF; a line that begins with a space goes on with the value before. False
 * when it is no request. */
static inline bool text_request_parse(
    struct arena *arena, struct span text, struct text_request *ret_request)
{
    struct span rest = text, line, uri;
    size_t count = 0;
    memset(ret_request, 0, sizeof(*ret_request));
    if (!span_split(&rest, '\n', &line))
        return false;
    if (span_ends(line, SPAN("\r")))
        line.len--;
    size_t first = span_find_char(line, ' ', 0), version = span_find(line, SPAN(" HTTP/"), 0);
    if (first == SIZE_MAX || version == SIZE_MAX || version <= first)
        return false;
    ret_request->method = span_first(line, first);
    uri = span_of(line.ptr + first + 1, version - first - 1);
    while (span_split(&rest, '\n', &line)) {
        if (span_ends(line, SPAN("\r")))
            line.len--;
        if (line.len == 0)
            break;
        if (line.ptr[0] == ' ' && count > 0) {
            struct span *value = &ret_request->items[count - 1].value;
            value->len = (size_t)(line.ptr + line.len - value->ptr);
            continue;
        }
        size_t colon = span_find_char(line, ':', 0);
        if (colon == SIZE_MAX || count == HEADERS_MAX)
            return false;
        ret_request->items[count++] =
            (struct header){span_first(line, colon), span_trim(span_from(line, colon + 1))};
    }
    ret_request->body = rest;
    ret_request->headers = (struct header_list){ret_request->items, count};
    return target_parse(arena, uri, header_find(&ret_request->headers, SPAN("host")), NULL, 0,
               &ret_request->target) == S3_OK;
}

#endif
