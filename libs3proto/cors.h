/* A bucket's CORS configuration: which origins' scripts may use it, and how. Pure.
 * src: Amazon S3 User Guide, "Elements of a CORS configuration"; Fetch Standard, "CORS protocol" */
#ifndef S3PROTO_CORS_H
#define S3PROTO_CORS_H

#include "base/arena.h"
#include "base/buf.h"
#include "s3_err.h"

enum {
    CORS_RULES_MAX = 100,
    CORS_DOCUMENT_MAX_BYTES = 64 * 1024,
    CORS_ID_MAX_BYTES = 255,
    CORS_REQUEST_HEADERS_MAX = 256, /* names in Access-Control-Request-Headers */
};

struct cors_list {
    const struct span *items;
    size_t count;
};

struct cors_rule {
    struct span id;           /* absent without one */
    struct cors_list origins; /* each with at most one '*' */
    struct cors_list methods; /* GET PUT POST DELETE HEAD */
    struct cors_list headers; /* allowed ones, each with at most one '*' */
    struct cors_list exposed; /* no '*' */
    bool has_max_age;
    uint32_t max_age_s;
};

struct cors {
    const struct cors_rule *rules; /* the first that fits decides */
    size_t count;                  /* 1 to CORS_RULES_MAX */
};

/* out: ret_cors  spans into the arena; *ret_detail (may stay untouched) AWS's message, in the arena
 * err: MALFORMED_XML, INVALID_REQUEST, INTERNAL when the arena overflows */
enum s3_err cors_parse(struct arena *arena, struct span document, struct cors *ret_cors,
    struct span *ret_detail) MUST_USE;

/* The document that says the same, as it is kept and as GetBucketCors answers. */
void cors_xml(struct buf *out, const struct cors *cors);

struct cors_request {
    struct span origin;
    struct span method;
    struct span headers; /* Access-Control-Request-Headers; absent: none */
};

/* The rule for a request, NULL when none allows it. *ret_any_origin: its origin "*" matched, so that the
 * answer may be the same for all. */
const struct cors_rule *cors_match(
    const struct cors *cors, const struct cors_request *request, bool *ret_any_origin);

#endif
