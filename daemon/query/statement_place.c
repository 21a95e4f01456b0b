#include "daemon/query/statement_place.h"

static size_t skip_space(struct span text, size_t at)
{
    while (at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\t' || text.ptr[at] == '\n' ||
                                text.ptr[at] == '\r'))
        at++;
    return at;
}

/* Behind the string that begins here. */
static size_t skip_string(struct span text, size_t at)
{
    for (at++; at < text.len && text.ptr[at] != '"'; at++)
        if (text.ptr[at] == '\\')
            at++;
    return at < text.len ? at + 1 : text.len;
}

/* Behind the value that begins here: to the ',', '}' or ']' that ends it, at the depth where it began. */
static size_t skip_value(struct span text, size_t at)
{
    size_t depth = 0;
    while (at < text.len) {
        char c = text.ptr[at];
        if (c == '"') {
            at = skip_string(text, at);
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']'))
            return at;
        if (c == '{' || c == '[')
            depth++;
        at++;
        if ((c == '}' || c == ']') && --depth == 0)
            return at;
    }
    return at;
}

/* Just behind the colon of the outermost member; text.len without it. */
static size_t find_member(struct span text, struct span name)
{
    size_t at = skip_space(text, 0);
    if (at >= text.len || text.ptr[at] != '{')
        return text.len;
    at++;
    while (at < text.len && text.ptr[at] != '}') {
        at = skip_space(text, at);
        if (at >= text.len || text.ptr[at] != '"')
            return text.len;
        size_t end = skip_string(text, at);
        if (end - at < 2)
            return text.len;
        struct span found = span_of(text.ptr + at + 1, end - at - 2);
        at = skip_space(text, end) + 1; /* the colon */
        if (at > text.len)
            return text.len;
        if (span_eq(found, name))
            return at;
        at = skip_space(text, skip_value(text, skip_space(text, at)));
        at += at < text.len && text.ptr[at] == ',';
    }
    return text.len;
}

static void count(struct span text, size_t offset, uint32_t *ret_line, uint32_t *ret_column)
{
    uint32_t line = 1, column = 1;
    for (size_t i = 0; i < offset && i < text.len; i++) {
        bool begins = ((unsigned char)text.ptr[i] & 0xc0) != 0x80; /* a character */
        line += text.ptr[i] == '\n';
        column = text.ptr[i] == '\n' ? 1 : column + begins;
    }
    *ret_line = line;
    *ret_column = column;
}

bool statement_place(struct span text, size_t index, struct statement_place *ret_place)
{
    size_t from = find_member(text, SPAN("Statement"));
    size_t at = skip_space(text, from);
    if (at < text.len && text.ptr[at] == '[') {
        from = at + 1;
        for (size_t i = 0; i < index; i++) {
            size_t end = skip_space(text, skip_value(text, skip_space(text, from)));
            if (end >= text.len || text.ptr[end] != ',')
                return false;
            from = end + 1;
        }
        at = skip_space(text, from);
    } else if (index > 0)
        return false;
    if (at >= text.len || text.ptr[at] != '{')
        return false;
    count(text, from, &ret_place->start_line, &ret_place->start_column);
    count(text, skip_value(text, at), &ret_place->end_line, &ret_place->end_column);
    return true;
}
