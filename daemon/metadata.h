/* The headers that an object keeps: six of HTTP's own and x-amz-meta-*. The store keeps them as one
 * run of bytes that it does not look into; this is the one place that writes and reads it. What the
 * client left out takes no bytes, so most objects have an empty run. Pure but for the request. */
#ifndef DAEMON_METADATA_H
#define DAEMON_METADATA_H

#include "daemon/request.h"

/* Names and values of x-amz-meta-*, counted without the prefix.
 * src: Amazon S3 User Guide, "Working with object metadata" */
enum { METADATA_USER_MAX_BYTES = 2 * 1024 };

enum metadata_field {
    METADATA_USER = 0, /* the numbers are stored in the index: never change them */
    METADATA_CONTENT_TYPE = 1,
    METADATA_CONTENT_ENCODING = 2,
    METADATA_CONTENT_LANGUAGE = 3,
    METADATA_CONTENT_DISPOSITION = 4,
    METADATA_CACHE_CONTROL = 5,
    METADATA_EXPIRES = 6,
    METADATA_FIELDS,
    /* what follows is no header */
    METADATA_INITIATOR = 9, /* of an upload; initiator.h */
};

/* What is kept beside headers, in the same run. The numbers are stored, too. */
enum { METADATA_ACL = 7, METADATA_TAGS = 8 };

/* Encodes what the request's headers say, and in a presigned request its x-amz-meta-* query
 * parameters, since SDKs move headers there. Values stay as sent; names of user metadata become
 * lower case; the same name twice is one list, as HTTP has it. "aws-chunked" is taken out of
 * Content-Encoding: it is a framing, not an encoding.
 * out: ret_encoded  arena memory, at most STORAGE_METADATA_MAX_BYTES
 * err: METADATA_TOO_LARGE, INVALID_ARGUMENT for a name that is empty, INTERNAL on arena overflow */
enum s3_err metadata_read(struct request *request, struct span *ret_encoded) MUST_USE;

/* The same out of an object's headers from elsewhere. */
enum s3_err metadata_read_from(
    struct request *request, const struct header_list *headers, struct span *ret_encoded) MUST_USE;

/* What a request wants to see instead of what is kept: response-content-type … */
struct metadata_overrides {
    struct span values[METADATA_FIELDS]; /* absent: what is kept */
};

/* err: INVALID_REQUEST when an anonymous request asks for any */
enum s3_err metadata_overrides_read(
    struct request *request, struct metadata_overrides *ret_overrides) MUST_USE;

/* Writes the response headers; Content-Type is never missing. Values are borrowed from encoded and
 * overrides, which live as long as the request. User metadata past the number of headers that a
 * response may have is counted in x-amz-missing-meta. */
void metadata_respond(
    struct request *request, struct span encoded, const struct metadata_overrides *overrides);
/* Only Cache-Control and Expires, as 304 wants them. src: RFC 9110, section 15.4.5 */
void metadata_respond_not_modified(struct request *request, struct span encoded);

/* The value of x-amz-meta-<name>, name in lower case; borrowed; absent when there is none. */
struct span metadata_user(struct span encoded, struct span name);

/* What is kept of this header; borrowed; absent when there is none. Not METADATA_USER. */
struct span metadata_header(struct span encoded, enum metadata_field field);

/* An entry that is no header: METADATA_ACL as acl_text wrote it, METADATA_TAGS as object_tags.h has it; borrowed;
 * absent: none. */
struct span metadata_entry(struct span encoded, unsigned field);
/* The run with this entry instead of the one it has; absent or empty: with none. Entries that are no headers stand
 * behind these in the order of their numbers, so what is equal is so byte for byte.
 * out: ret_encoded  arena memory; may be absent
 * err: METADATA_TOO_LARGE, INTERNAL on arena overflow */
enum s3_err metadata_with_entry(struct request *request, struct span encoded, unsigned field,
    struct span bytes, struct span *ret_encoded) MUST_USE;

#endif
