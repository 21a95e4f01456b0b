#include "base/span.h"

static unsigned char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : (unsigned char)c;
}

bool span_starts_nocase(struct span s, struct span prefix)
{
    if (s.len < prefix.len)
        return false;
    for (size_t i = 0; i < prefix.len; i++)
        if (to_lower(s.ptr[i]) != to_lower(prefix.ptr[i]))
            return false;
    return true;
}

bool span_eq_nocase(struct span a, struct span b)
{
    return a.len == b.len && span_starts_nocase(a, b);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = span_from(s, 1);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

size_t span_find(struct span haystack, struct span needle, size_t from)
{
    if (needle.len == 0 || from >= haystack.len)
        return SIZE_MAX;
    const char *found = memmem(haystack.ptr + from, haystack.len - from, needle.ptr, needle.len);
    return found ? (size_t)(found - haystack.ptr) : SIZE_MAX;
}

size_t span_find_char(struct span haystack, char wanted, size_t from)
{
    if (from >= haystack.len)
        return SIZE_MAX;
    const char *found = memchr(haystack.ptr + from, wanted, haystack.len - from);
    return found ? (size_t)(found - haystack.ptr) : SIZE_MAX;
}

bool span_split(struct span *rest, char separator, struct span *ret_head)
{
    if (!span_present(*rest))
        return false;
    size_t at = span_find_char(*rest, separator, 0);
    if (at == SIZE_MAX) {
        *ret_head = *rest;
        *rest = SPAN_ABSENT;
    } else {
        *ret_head = span_first(*rest, at);
        *rest = span_from(*rest, at + 1);
    }
    return true;
}

bool span_to_u64(struct span s, uint64_t *ret_value)
{
    if (s.len == 0)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value))
            return false;
    }
    *ret_value = value;
    return true;
}

/* Bytes of the UTF-8 sequence at the front, 0 when there is no valid one. The second byte's bounds
 * shut out overlongs, surrogates and what is past U+10FFFF. src: RFC 3629 section 4 */
static size_t utf8_sequence(const unsigned char *at, size_t len)
{
    unsigned char lead = at[0];
    unsigned char low = 0x80, high = 0xBF;
    size_t need;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF) {
        need = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        need = 3;
        low = lead == 0xE0 ? 0xA0 : low;
        high = lead == 0xED ? 0x9F : high;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        need = 4;
        low = lead == 0xF0 ? 0x90 : low;
        high = lead == 0xF4 ? 0x8F : high;
    } else {
        return 0;
    }
    if (len < need || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if (at[i] < 0x80 || at[i] > 0xBF)
            return 0;
    return need;
}

bool span_is_utf8(struct span s)
{
    const unsigned char *at = (const unsigned char *)s.ptr;
    size_t left = s.len;
    while (left > 0) {
        uint64_t word;
        if (left >= sizeof(word)) {
            memcpy(&word, at, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof(word);
                left -= sizeof(word);
                continue;
            }
        }
        size_t step = utf8_sequence(at, left);
        if (step == 0)
            return false;
        at += step;
        left -= step;
    }
    return true;
}

bool span_eq_constant_time(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    unsigned char difference = 0;
    for (size_t i = 0; i < a.len; i++)
        difference = (unsigned char)(difference | (a.ptr[i] ^ b.ptr[i]));
    /* Keeps the compiler from turning the loop into one that stops early. */
    __asm__ volatile("" : "+r"(difference));
    return difference == 0;
}
