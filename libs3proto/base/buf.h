/* Owned bytes that grow up to a maximum given at init. Failure (maximum reached, out of memory) is
 * sticky: appends after it do nothing, so a writer appends freely and asks buf_ok() once at the end.
 * The bytes move when the buffer grows: take spans only when it is complete. One thread at a time. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/span.h"

struct buf {
    char *ptr;
    size_t len;
    size_t capacity;
    size_t max;
    bool failed;
};

/* Allocates nothing until the first append. */
void buf_init(struct buf *buf, size_t max_bytes);
/* Frees the bytes and leaves an empty buffer with the same maximum. Takes an untouched {0} too. */
void buf_free(struct buf *buf);
/* Forgets the content and the failure, keeps the memory. */
void buf_clear(struct buf *buf);

static inline bool buf_ok(const struct buf *buf)
{
    return !buf->failed;
}

static inline struct span buf_span(const struct buf *buf)
{
    return (struct span){buf->ptr ? buf->ptr : "", buf->len};
}

void buf_add(struct buf *buf, struct span bytes);
void buf_add_char(struct buf *buf, char c);
void buf_add_u64(struct buf *buf, uint64_t value);
void buf_add_hex(struct buf *buf, const void *bytes, size_t len);
void buf_addf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
#define buf_add_lit(buf, literal) buf_add((buf), SPAN(literal))

/* Room for len more bytes to be written by the caller, who then calls buf_commit; NULL on failure. */
char *buf_reserve(struct buf *buf, size_t len);
void buf_commit(struct buf *buf, size_t len);

#endif
