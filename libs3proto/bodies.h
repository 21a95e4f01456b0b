/* The XML bodies of requests, read into structs. Text is borrowed from the arena. Pure. */
#ifndef S3PROTO_BODIES_H
#define S3PROTO_BODIES_H

#include "checksum.h"
#include "conditions.h"
#include "xml_read.h"

enum { DELETE_OBJECTS_MAX = 1000, PART_NUMBER_MAX = 10000 };

struct delete_entry {
    struct span key;
    struct span version_id; /* absent: the newest */
    struct span etag_text;  /* absent: no condition. As sent, "*" included */
};

struct delete_objects_body {
    bool quiet;
    struct delete_entry *entries;
    size_t count; /* 1 to DELETE_OBJECTS_MAX */
};

/* err: MALFORMED_XML, also for none and for more than 1000 keys; NOT_IMPLEMENTED for the conditions of
 *      directory buckets (LastModifiedTime, Size) */
enum s3_err delete_objects_parse(
    struct arena *arena, struct span document, struct delete_objects_body *ret_body) MUST_USE;

struct complete_part {
    uint32_t number; /* 1 to PART_NUMBER_MAX */
    struct etag etag;
    bool etag_valid;          /* false: text of another form, which matches no part */
    struct checksum checksum; /* DIGEST_NONE: none given */
};

struct complete_body {
    struct complete_part *parts; /* in the order sent, which the caller checks */
    size_t count;
};

/* err: MALFORMED_XML (no parts, more than 10,000, no number or ETag), INVALID_REQUEST (bad checksum) */
enum s3_err complete_multipart_parse(
    struct arena *arena, struct span document, struct complete_body *ret_body) MUST_USE;

struct create_bucket_body {
    struct span location_constraint; /* absent without one */
    struct xml_node *root; /* for what later readers want (Tags …); NULL for an empty body */
};

/* An empty document is an empty body. err: MALFORMED_XML */
enum s3_err create_bucket_parse(
    struct arena *arena, struct span document, struct create_bucket_body *ret_body) MUST_USE;

#endif
