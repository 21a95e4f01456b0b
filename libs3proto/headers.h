/* A list of header fields as received: borrowed spans, in order, names in any case. */
#ifndef S3PROTO_HEADERS_H
#define S3PROTO_HEADERS_H

#include "base/span.h"

enum { HEADERS_MAX = 256 };

struct header {
    struct span name;
    struct span value; /* without surrounding white space */
};

struct header_list {
    const struct header *items;
    size_t count;
};

/* The first field of this name, absent when there is none. */
struct span header_find(const struct header_list *headers, struct span name);
/* How many fields have this name. */
size_t header_count(const struct header_list *headers, struct span name);
/* Twice or more with values that differ: never decide on such a field. */
bool header_conflicts(const struct header_list *headers, struct span name);

#endif
