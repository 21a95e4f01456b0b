#include "policy_internal.h"

#include "http_time.h"

#include <arpa/inet.h>

enum { NUMBER_MAX_BYTES = 64, IP_TEXT_MAX_BYTES = 64 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool policy_parse_number(struct span text, double *ret_number)
{
    char copy[NUMBER_MAX_BYTES];
    size_t digits = 0, points = 0;
    text = span_trim(text);
    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (is_digit(c))
            digits++;
        else if (c == '.')
            points++;
        else if (i > 0 || (c != '-' && c != '+'))
            return false;
    }
    if (digits == 0 || points > 1)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *ret_number = strtod(copy, NULL);
    return true;
}

/* "+hh:mm" at the end of a time becomes "Z" and an offset. */
static bool take_offset(char *text, size_t *len, int64_t *ret_offset_ms)
{
    uint64_t hours, minutes;
    *ret_offset_ms = 0;
    if (*len < 17)
        return true;
    char *at = text + *len - 6;
    if ((at[0] != '+' && at[0] != '-') || at[3] != ':')
        return true;
    if (!span_to_u64(span_of(at + 1, 2), &hours) || !span_to_u64(span_of(at + 4, 2), &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    int64_t offset_ms = (int64_t)(hours * 60 + minutes) * 60 * 1000;
    *ret_offset_ms = at[0] == '-' ? -offset_ms : offset_ms;
    *at = 'Z';
    *len -= 5;
    return true;
}

static void add_text(char *text, size_t *len, const char *more)
{
    while (*more)
        text[(*len)++] = *more++;
}

/* Puts what the short forms leave out: "2024", "2024-05", "2024-05-01T10:30Z". */
static void complete_time(char *text, size_t *len)
{
    if (*len == 4)
        add_text(text, len, "-01-01");
    else if (*len == 7)
        add_text(text, len, "-01");
    else if (*len == 17 && text[16] == 'Z') {
        *len = 16;
        add_text(text, len, ":00Z");
    }
}

bool policy_parse_time(struct span text, int64_t *ret_time_ms)
{
    char copy[NUMBER_MAX_BYTES];
    size_t len = text.len;
    int64_t time_ms, offset_ms;
    uint64_t time_s;
    if (text.len == 0 || text.len > sizeof(copy) - 8)
        return false;
    if (text.len != 4 && span_to_u64(text, &time_s)) {
        if (time_s > INT64_MAX / 1000)
            return false;
        *ret_time_ms = (int64_t)time_s * 1000;
        return true;
    }
    memcpy(copy, text.ptr, len);
    if (!take_offset(copy, &len, &offset_ms))
        return false;
    complete_time(copy, &len);
    if (!iso_time_parse(span_of(copy, len), &time_ms))
        return false;
    *ret_time_ms = time_ms - offset_ms;
    return true;
}

bool policy_parse_bool(struct span text, bool *ret_value)
{
    bool truth = span_eq_nocase(text, SPAN("true"));
    if (!truth && !span_eq_nocase(text, SPAN("false")))
        return false;
    *ret_value = truth;
    return true;
}

bool policy_parse_ip(struct span text, struct ip_net *ret_net)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char copy[IP_TEXT_MAX_BYTES];
    struct ip_net net = {.family_bytes = 16};
    size_t slash = span_find_char(text, '/', 0);
    struct span address = span_first(text, slash), prefix = span_from(text, slash);
    uint64_t bits;
    if (address.len == 0 || address.len >= sizeof(copy) ||
        memchr(address.ptr, '\0', address.len) != NULL)
        return false;
    memcpy(copy, address.ptr, address.len);
    copy[address.len] = '\0';
    if (inet_pton(AF_INET6, copy, net.bytes) != 1) {
        if (inet_pton(AF_INET, copy, net.bytes) != 1)
            return false;
        net.family_bytes = 4;
    }
    bits = net.family_bytes * 8;
    if (prefix.len > 0 && (prefix.len > 4 || !span_to_u64(span_from(prefix, 1), &bits) ||
                              bits > net.family_bytes * 8))
        return false;
    net.bits = (unsigned)bits;
    if (net.family_bytes == 16 && net.bits >= 96 &&
        memcmp(net.bytes, mapped, sizeof(mapped)) == 0) {
        memmove(net.bytes, net.bytes + 12, 4);
        net.family_bytes = 4;
        net.bits -= 96;
    }
    *ret_net = net;
    return true;
}

bool policy_ip_within(const struct ip_net *address, const struct ip_net *net)
{
    unsigned whole = net->bits / 8, rest = net->bits % 8;
    if (address->family_bytes != net->family_bytes || address->bits < net->bits)
        return false;
    if (memcmp(address->bytes, net->bytes, whole) != 0)
        return false;
    unsigned mask = 0xffu << (8 - rest) & 0xffu;
    return rest == 0 || ((address->bytes[whole] ^ net->bytes[whole]) & mask) == 0;
}
