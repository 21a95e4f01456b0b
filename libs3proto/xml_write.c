#include "xml_write.h"

#include "http_time.h"

#define XML_DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define S3_NAMESPACE "http://s3.amazonaws.com/doc/2006-03-01/"

enum { ESCAPE_CONTROL = 1, ESCAPE_MARKUP = 2, ESCAPE_NONCHARACTER = 3 };

/* What may not stand in text as it is. Tab and line feed may; carriage return would be read back as
 * a line feed. 0xEF begins, among others, U+FFFE and U+FFFF. src: XML 1.0, sections 2.2 and 2.11 */
static const uint8_t escape_class[256] = {
    [0x00] = 1,
    [0x01] = 1,
    [0x02] = 1,
    [0x03] = 1,
    [0x04] = 1,
    [0x05] = 1,
    [0x06] = 1,
    [0x07] = 1,
    [0x08] = 1,
    [0x0b] = 1,
    [0x0c] = 1,
    [0x0d] = 1,
    [0x0e] = 1,
    [0x0f] = 1,
    [0x10] = 1,
    [0x11] = 1,
    [0x12] = 1,
    [0x13] = 1,
    [0x14] = 1,
    [0x15] = 1,
    [0x16] = 1,
    [0x17] = 1,
    [0x18] = 1,
    [0x19] = 1,
    [0x1a] = 1,
    [0x1b] = 1,
    [0x1c] = 1,
    [0x1d] = 1,
    [0x1e] = 1,
    [0x1f] = 1,
    ['&'] = 2,
    ['<'] = 2,
    ['>'] = 2,
    ['"'] = 2,
    [0xef] = 3,
};

/* Length of the run at the front that needs no escape. */
static size_t plain_run(struct span text)
{
    size_t len = 0;
    while (len < text.len && escape_class[(uint8_t)text.ptr[len]] == 0)
        len++;
    return len;
}

static struct span markup_reference(char c)
{
    switch (c) {
    case '&':
        return SPAN("&amp;");
    case '<':
        return SPAN("&lt;");
    case '>':
        return SPAN("&gt;");
    default:
        return SPAN("&quot;");
    }
}

/* Writes what begins with a byte of some class at text, left bytes before its end; returns how many
 * bytes of text it took. */
static size_t escape_one(struct buf *out, const char *text, size_t left)
{
    uint8_t byte = (uint8_t)*text;
    if (escape_class[byte] == ESCAPE_MARKUP) {
        buf_add(out, markup_reference(*text));
        return 1;
    }
    if (escape_class[byte] == ESCAPE_CONTROL) {
        buf_add_lit(out, "&#");
        buf_add_u64(out, byte);
        buf_add_char(out, ';');
        return 1;
    }
    if (left >= 3 && memcmp(text, "\xef\xbf\xbe", 3) == 0) {
        buf_add_lit(out, "&#65534;");
        return 3;
    }
    if (left >= 3 && memcmp(text, "\xef\xbf\xbf", 3) == 0) {
        buf_add_lit(out, "&#65535;");
        return 3;
    }
    buf_add_char(out, *text);
    return 1;
}

void xml_escape(struct buf *out, struct span text)
{
    size_t at = 0;
    while (at < text.len) {
        size_t run = plain_run(span_of(text.ptr + at, text.len - at));
        buf_add(out, span_of(text.ptr + at, run));
        at += run;
        if (at < text.len)
            at += escape_one(out, text.ptr + at, text.len - at);
    }
}

static char *put(char *to, struct span bytes)
{
    memcpy(to, bytes.ptr, bytes.len);
    return to + bytes.len;
}

/* <name>text</name> in one reservation, for text that needs no escape. */
static void element(struct buf *out, struct span name, struct span text)
{
    size_t len = 2 * name.len + text.len + sizeof("<></>") - 1;
    char *to = buf_reserve(out, len);
    if (to == NULL)
        return;
    *to++ = '<';
    to = put(to, name);
    *to++ = '>';
    if (text.len > 0)
        to = put(to, text);
    *to++ = '<';
    *to++ = '/';
    to = put(to, name);
    *to = '>';
    buf_commit(out, len);
}

void xml_begin_document(struct buf *out, struct span root)
{
    buf_add_lit(out, XML_DECLARATION);
    xml_begin_document_in(out, root, SPAN(S3_NAMESPACE));
}

void xml_begin_document_in(struct buf *out, struct span root, struct span xmlns)
{
    buf_add_char(out, '<');
    buf_add(out, root);
    buf_add_lit(out, " xmlns=\"");
    buf_add(out, xmlns);
    buf_add_lit(out, "\">");
}

void xml_begin_document_plain(struct buf *out, struct span root)
{
    buf_add_lit(out, XML_DECLARATION);
    xml_open(out, root);
}

void xml_open(struct buf *out, struct span name)
{
    char *to = buf_reserve(out, name.len + 2);
    if (to == NULL)
        return;
    *to++ = '<';
    to = put(to, name);
    *to = '>';
    buf_commit(out, name.len + 2);
}

void xml_close(struct buf *out, struct span name)
{
    char *to = buf_reserve(out, name.len + 3);
    if (to == NULL)
        return;
    *to++ = '<';
    *to++ = '/';
    to = put(to, name);
    *to = '>';
    buf_commit(out, name.len + 3);
}

void xml_text(struct buf *out, struct span name, struct span text)
{
    if (plain_run(text) == text.len) {
        element(out, name, text);
        return;
    }
    xml_open(out, name);
    xml_escape(out, text);
    xml_close(out, name);
}

void xml_u64(struct buf *out, struct span name, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    element(out, name, span_of(digits + at, sizeof(digits) - at));
}

void xml_bool(struct buf *out, struct span name, bool value)
{
    element(out, name, value ? SPAN("true") : SPAN("false"));
}

void xml_time(struct buf *out, struct span name, int64_t time_ms)
{
    char text[ISO_TIME_BYTES];
    iso_time_format(time_ms, text);
    element(out, name, span_of(text, ISO_TIME_BYTES - 1));
}
