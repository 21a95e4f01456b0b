#include "base/encode.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

void hex_encode(const void *bytes, size_t len, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;
    for (size_t i = 0; i < len; i++) {
        ret_text[2 * i] = digits[from[i] >> 4];
        ret_text[2 * i + 1] = digits[from[i] & 15];
    }
    ret_text[2 * len] = '\0';
}

bool hex_decode(struct span text, void *ret_bytes, size_t len)
{
    unsigned char *to = ret_bytes;
    if (text.len % 2 != 0 || text.len / 2 != len)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (hex_digit(text.ptr[i]) < 0)
            return false;
    for (size_t i = 0; i < len; i++)
        to[i] = (unsigned char)(hex_digit(text.ptr[2 * i]) * 16 + hex_digit(text.ptr[2 * i + 1]));
    return true;
}

void base64_encode(struct buf *out, struct span bytes)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = (const unsigned char *)bytes.ptr;
    if (bytes.len == 0)
        return;
    size_t groups = bytes.len / 3 + (bytes.len % 3 != 0);
    char *to = buf_reserve(out, groups <= SIZE_MAX / 4 ? groups * 4 : SIZE_MAX);
    if (to == NULL)
        return;
    size_t i = 0;
    for (; i + 3 <= bytes.len; i += 3) {
        uint32_t word = (uint32_t)from[i] << 16 | (uint32_t)from[i + 1] << 8 | from[i + 2];
        *to++ = alphabet[word >> 18];
        *to++ = alphabet[word >> 12 & 63];
        *to++ = alphabet[word >> 6 & 63];
        *to++ = alphabet[word & 63];
    }
    if (i < bytes.len) {
        bool two = i + 2 == bytes.len;
        uint32_t word = (uint32_t)from[i] << 16 | (two ? (uint32_t)from[i + 1] << 8 : 0);
        *to++ = alphabet[word >> 18];
        *to++ = alphabet[word >> 12 & 63];
        *to++ = (char)(two ? alphabet[word >> 6 & 63] : '=');
        *to++ = '=';
    }
    buf_commit(out, groups * 4);
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

bool base64_decode(struct span text, void *ret_bytes, size_t max_len, size_t *ret_len)
{
    unsigned char *to = ret_bytes;
    if (text.len % 4 != 0)
        return false;
    size_t padding = 0;
    while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=')
        padding++;
    size_t len = text.len / 4 * 3 - padding;
    if (len > max_len)
        return false;
    uint32_t word = 0;
    size_t digits = text.len - padding, written = 0;
    for (size_t i = 0; i < digits; i++) {
        int digit = base64_digit(text.ptr[i]);
        if (digit < 0)
            return false;
        word = word << 6 | (uint32_t)digit;
        if (i % 4 == 3) {
            to[written++] = (unsigned char)(word >> 16);
            to[written++] = (unsigned char)(word >> 8);
            to[written++] = (unsigned char)word;
            word = 0;
        }
    }
    if (padding == 2) {
        if ((word & 15) != 0)
            return false;
        to[written++] = (unsigned char)(word >> 4);
    } else if (padding == 1) {
        if ((word & 3) != 0)
            return false;
        to[written++] = (unsigned char)(word >> 10);
        to[written++] = (unsigned char)(word >> 2);
    }
    *ret_len = written;
    return true;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

enum escape_set { ESCAPE_URI, ESCAPE_URI_KEEP_SLASH, ESCAPE_LISTING };

static bool is_kept(char c, enum escape_set set)
{
    if (is_alphanumeric(c) || c == '-' || c == '.' || c == '_')
        return true;
    if (c == '~')
        return set != ESCAPE_LISTING;
    if (c == '/')
        return set != ESCAPE_URI;
    return c == '*' && set == ESCAPE_LISTING;
}

static void escape(struct buf *out, struct span bytes, enum escape_set set)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t kept_from = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        if (is_kept(c, set))
            continue;
        buf_add(out, span_of(bytes.ptr + kept_from, i - kept_from));
        kept_from = i + 1;
        unsigned char byte = (unsigned char)c;
        if (c == ' ' && set == ESCAPE_LISTING)
            buf_add_char(out, '+');
        else
            buf_add(out, span_of((char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3));
    }
    if (bytes.len > kept_from)
        buf_add(out, span_of(bytes.ptr + kept_from, bytes.len - kept_from));
}

void percent_encode(struct buf *out, struct span bytes, bool keep_slash)
{
    escape(out, bytes, keep_slash ? ESCAPE_URI_KEEP_SLASH : ESCAPE_URI);
}

void listing_url_encode(struct buf *out, struct span bytes)
{
    escape(out, bytes, ESCAPE_LISTING);
}

struct span percent_decode(struct arena *arena, struct span text)
{
    size_t first = span_find_char(text, '%', 0);
    if (first == SIZE_MAX)
        return text;
    char *decoded = arena_alloc(arena, text.len + 1);
    if (decoded == NULL)
        return SPAN_ABSENT;
    memcpy(decoded, text.ptr, first);
    size_t len = first;
    for (size_t i = first; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            decoded[len++] = text.ptr[i];
            continue;
        }
        if (text.len - i < 3)
            return SPAN_ABSENT;
        int high = hex_digit(text.ptr[i + 1]), low = hex_digit(text.ptr[i + 2]);
        if (high < 0 || low < 0)
            return SPAN_ABSENT;
        decoded[len++] = (char)(high * 16 + low);
        i += 2;
    }
    return (struct span){decoded, len};
}
