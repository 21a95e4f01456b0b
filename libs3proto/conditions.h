/* ETags, preconditions of RFC 9110 section 13, and ranges of section 14. Pure. */
#ifndef S3PROTO_CONDITIONS_H
#define S3PROTO_CONDITIONS_H

#include "base/arena.h"
#include "base/integrity.h"
#include "headers.h"
#include "s3_err.h"

enum { ETAG_TEXT_BYTES = 32 + 1 + 10 + 2 + 1, ETAG_LIST_MAX = 64 };

/* Quoted, with a NUL: "d41d8…" or "d41d8…-2". Returns the length without the NUL. */
size_t etag_format(const struct etag *etag, char ret_text[static ETAG_TEXT_BYTES]);
/* With or without quotes, either case; false when it is no ETag of this form. */
bool etag_parse(struct span text, struct etag *ret_etag) MUST_USE;

struct conditions {
    struct etag_list if_match;
    struct etag_list if_none_match;
    bool has_if_modified_since, has_if_unmodified_since;
    int64_t if_modified_since_s, if_unmodified_since_s; /* Unix seconds */
};

/* Reads the four headers, prefix "" or "x-amz-copy-source-". A date that does not parse is as absent.
 * err: INVALID_ARGUMENT for more than ETAG_LIST_MAX ETags and for a header that came twice with values
 *      that differ, INTERNAL on arena overflow */
enum s3_err conditions_parse(struct arena *arena, const struct header_list *headers,
    struct span prefix, struct conditions *ret_conditions) MUST_USE;

/* The order of RFC 9110 section 13.2.2. modified_s: Unix seconds.
 * err: PRECONDITION_FAILED; NOT_MODIFIED (for a copy source, pass is_copy: then PRECONDITION_FAILED) */
enum s3_err conditions_check(const struct conditions *conditions, const struct etag *etag,
    int64_t modified_s, bool is_copy) MUST_USE;

/* One satisfiable range of an object, in bytes. */
struct byte_range {
    uint64_t offset;
    uint64_t length;
};

/* Reads a Range header against an object's size. S3 serves one range; more than one, or what is no byte
 * range, is answered with the whole object, as AWS does.
 * out: *ret_is_range false: the whole object, ret_range covers it
 * err: INVALID_RANGE when it is well-formed and not satisfiable */
enum s3_err range_parse(struct span text, uint64_t size_bytes, bool *ret_is_range,
    struct byte_range *ret_range) MUST_USE;

/* Reads x-amz-copy-source-range: "bytes=first-last", both needed and inside the object.
 * err: INVALID_ARGUMENT when malformed, INVALID_RANGE when outside */
enum s3_err copy_range_parse(
    struct span text, uint64_t size_bytes, struct byte_range *ret_range) MUST_USE;

#endif
