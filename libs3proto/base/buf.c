#include "base/buf.h"

#include <stdarg.h>

enum { BUF_FIRST_BYTES = 256 };

void buf_init(struct buf *buf, size_t max_bytes)
{
    *buf = (struct buf){.max = max_bytes};
}

void buf_free(struct buf *buf)
{
    free(buf->ptr);
    *buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

/* Capacity doubles, so that n appends move O(n) bytes, and never passes the maximum. */
static bool buf_grow(struct buf *buf, size_t needed)
{
    size_t capacity = buf->capacity ? buf->capacity : BUF_FIRST_BYTES;
    while (capacity < needed && capacity <= SIZE_MAX / 2)
        capacity *= 2;
    if (capacity < needed || capacity > buf->max)
        capacity = buf->max;
    char *moved = realloc(buf->ptr, capacity ? capacity : 1);
    if (moved == NULL)
        return false;
    buf->ptr = moved;
    buf->capacity = capacity;
    return true;
}

char *buf_reserve(struct buf *buf, size_t len)
{
    if (buf->failed)
        return NULL;
    if (len > buf->max || buf->len > buf->max - len) {
        buf->failed = true;
        return NULL;
    }
    bool fits = buf->ptr != NULL && buf->len + len <= buf->capacity;
    if (!fits && !buf_grow(buf, buf->len + len)) {
        buf->failed = true;
        return NULL;
    }
    return buf->ptr + buf->len;
}

void buf_commit(struct buf *buf, size_t len)
{
    if (buf->failed)
        return;
    if (len > buf->capacity - buf->len)
        abort(); /* more than was reserved: the bytes are already out of bounds */
    buf->len += len;
}

void buf_add(struct buf *buf, struct span bytes)
{
    if (bytes.len == 0)
        return;
    char *to = buf_reserve(buf, bytes.len);
    if (to == NULL)
        return;
    memcpy(to, bytes.ptr, bytes.len);
    buf->len += bytes.len;
}

void buf_add_char(struct buf *buf, char c)
{
    buf_add(buf, (struct span){&c, 1});
}

void buf_add_u64(struct buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    buf_add(buf, (struct span){digits + at, sizeof(digits) - at});
}

void buf_add_hex(struct buf *buf, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;
    if (len == 0)
        return;
    char *to = buf_reserve(buf, len <= SIZE_MAX / 2 ? len * 2 : SIZE_MAX);
    if (to == NULL)
        return;
    for (size_t i = 0; i < len; i++) {
        to[2 * i] = digits[from[i] >> 4];
        to[2 * i + 1] = digits[from[i] & 15];
    }
    buf->len += len * 2;
}

void buf_addf(struct buf *buf, const char *format, ...)
{
    char small[512];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (len < 0) {
        buf->failed = true;
    } else if ((size_t)len < sizeof(small)) {
        buf_add(buf, span_of(small, (size_t)len));
    } else {
        /* One byte more for the NUL that vsnprintf writes and the buffer does not count. */
        char *to = buf_reserve(buf, (size_t)len);
        char *text = to ? malloc((size_t)len + 1) : NULL;
        if (text == NULL) {
            buf->failed = true;
        } else {
            (void)vsnprintf(text, (size_t)len + 1, format, again);
            buf_add(buf, span_of(text, (size_t)len));
        }
        free(text);
    }
    va_end(again);
}
