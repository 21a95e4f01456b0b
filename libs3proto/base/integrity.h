/* What both the protocol and the store say of content: ETags and checksums as values. How they are
 * written as text is in libs3proto (conditions.h, checksum.h). Pure and thread-safe. */
#ifndef BASE_INTEGRITY_H
#define BASE_INTEGRITY_H

#include "base/digest.h"

/* An ETag as S3 makes them: MD5 of the bytes, or MD5 of the parts' MD5s with "-N". */
struct etag {
    uint8_t md5[MD5_BYTES];
    uint32_t part_count; /* 0: not multipart */
};

/* The value of If-Match or If-None-Match: "*", or a list. Values that are no such ETag stay out of the
 * list, since they can match nothing. Borrowed memory. */
struct etag_list {
    bool present; /* the header was there */
    bool any;     /* "*" */
    const struct etag *items;
    size_t count;
};

static inline bool etag_eq(const struct etag *a, const struct etag *b)
{
    return a->part_count == b->part_count && memcmp(a->md5, b->md5, MD5_BYTES) == 0;
}

/* "*" matches whatever exists. */
static inline bool etag_list_matches(const struct etag_list *list, const struct etag *etag)
{
    if (list->any)
        return true;
    for (size_t i = 0; i < list->count; i++)
        if (etag_eq(&list->items[i], etag))
            return true;
    return false;
}

enum checksum_type {
    CHECKSUM_FULL_OBJECT = 0, /* the numbers are stored in the index: never change them */
    CHECKSUM_COMPOSITE = 1,
};

struct checksum {
    enum digest_algo algo; /* DIGEST_NONE: no checksum; never DIGEST_MD5 */
    enum checksum_type type;
    uint8_t value[DIGEST_MAX_BYTES]; /* digest_size(algo) bytes */
    uint32_t part_count;             /* of a composite, the N in "…-N"; else 0 */
};

#endif
