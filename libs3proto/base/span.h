/* Borrowed bytes. A span never owns what it points to and is never freed; it is valid for as long as
 * the owner says. It may hold any byte, NUL included, and has no terminator. {NULL, 0} is "absent",
 * {non-NULL, 0} is "present and empty". Pure and thread-safe. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include "base/banned.h"
#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *ptr;
    size_t len;
};

#define SPAN(literal) ((struct span){"" literal, sizeof(literal) - 1})
#define SPAN_ABSENT ((struct span){NULL, 0})
/* For printf("%.*s"). Lengths over INT_MAX are not printed this way. */
#define SPAN_ARG(s) (int)(s).len, (s).ptr

static inline struct span span_of(const void *ptr, size_t len)
{
    return (struct span){(const char *)ptr, len};
}

/* A NULL string gives the absent span. */
static inline struct span span_str(const char *text)
{
    return (struct span){text, text ? strlen(text) : 0};
}

static inline bool span_present(struct span s)
{
    return s.ptr != NULL;
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Byte order, the shorter first among equals: the order of S3 listings. */
static inline int span_cmp(struct span a, struct span b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

static inline bool span_starts(struct span s, struct span prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool span_ends(struct span s, struct span suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + (s.len - suffix.len), suffix.ptr, suffix.len) == 0);
}

/* The bytes from offset on; empty when offset is past the end. */
static inline struct span span_from(struct span s, size_t offset)
{
    if (offset > s.len)
        offset = s.len;
    return (struct span){s.ptr ? s.ptr + offset : NULL, s.len - offset};
}

static inline struct span span_first(struct span s, size_t len)
{
    return (struct span){s.ptr, len < s.len ? len : s.len};
}

/* ASCII case only, as HTTP field names compare. */
bool span_eq_nocase(struct span a, struct span b);
bool span_starts_nocase(struct span s, struct span prefix);

/* Without leading and trailing spaces and tabs. */
struct span span_trim(struct span s);

/* Index of the first occurrence at or after from, or SIZE_MAX. An empty needle is never found. */
size_t span_find(struct span haystack, struct span needle, size_t from);
size_t span_find_char(struct span haystack, char wanted, size_t from);

/* Takes what stands before the first separator off the front of *rest into *ret_head and drops the
 * separator; without one takes all and leaves *rest absent. False, outputs untouched, when *rest is
 * absent already, so `while (span_split(&rest, ',', &item))` walks a list. */
bool span_split(struct span *rest, char separator, struct span *ret_head);

/* Whole-string decimal digits without sign or space; false on anything else or on overflow. */
bool span_to_u64(struct span s, uint64_t *ret_value) MUST_USE;

/* Valid UTF-8 (RFC 3629: no surrogates, no overlongs, at most U+10FFFF). NUL counts as valid. */
bool span_is_utf8(struct span s);

/* Same length and bytes, in time that depends on the lengths alone. For secrets. */
bool span_eq_constant_time(struct span a, struct span b);

#endif
