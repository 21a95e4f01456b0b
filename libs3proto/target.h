/* A request target and Host, taken apart: path style and virtual-host style, query parameters.
 * The raw bytes stay at hand for the signature. Pure; memory comes from the caller's arena. */
#ifndef S3PROTO_TARGET_H
#define S3PROTO_TARGET_H

#include "base/arena.h"
#include "s3_err.h"

enum { QUERY_PARAMS_MAX = 128 };

struct query_param {
    struct span raw_name;  /* as sent, still percent-encoded */
    struct span raw_value; /* absent when there was no '=' */
    struct span name;      /* decoded: %XX, and '+' is a space in values */
    struct span value;     /* decoded; absent when there was no '=' */
};

struct query {
    struct query_param *params; /* in the order sent */
    size_t count;
};

enum target_scope { TARGET_SERVICE, TARGET_BUCKET, TARGET_OBJECT, TARGET_CONTROL };

struct target {
    struct span raw_path;    /* as sent, without the query */
    struct span raw_query;   /* without the '?'; absent when there was none */
    struct span signed_path; /* decoded raw_path */
    struct span path;        /* the same, without a prefix that was stripped */
    size_t stripped_bytes;   /* of it */
    /* decoded; absent at TARGET_SERVICE. TARGET_CONTROL: the one that an ARN in the path names, absent
     * without one */
    struct span bucket;
    /* decoded; absent unless TARGET_OBJECT. Any UTF-8, "//", "." and ".." included */
    struct span key;
    struct span control; /* TARGET_CONTROL: decoded path behind "/v20180820/" */
    enum target_scope scope;
    bool virtual_host; /* the bucket came from Host */
    struct query query;
};

/* Takes a target apart. Absolute-form ("http://host/path") is accepted where its authority is the Host.
 * in:  raw_target  request target as sent; must outlive ret_target
 *      host        Host header, with or without a port; may be absent
 *      domains     base domains for virtual-host style, lower case; BUCKET.domain names BUCKET
 * out: ret_target  spans into raw_target, host and arena
 * err: S3_ERR_INVALID_URI on bad percent-encoding, on NUL in the decoded path, on invalid UTF-8 in the
 *      decoded path or query, when there are more than QUERY_PARAMS_MAX parameters, and when the
 *      target begins with neither '/' nor a scheme, or names another authority than Host; S3_ERR_INTERNAL when the arena overflows
 * Paths of S3 Control ("/v20180820/…") are its own whatever the Host: there a first label of twelve digits is
 * an account, never a bucket.
 * src: Amazon S3 User Guide, "Virtual hosting of buckets"; API Reference, "Amazon S3 Control" */
enum s3_err target_parse(struct arena *arena, struct span raw_target, struct span host,
    const struct span *domains, size_t domain_count, struct target *ret_target) MUST_USE;

/* Of "/prefix/bucket/key" the prefix, for a service that a proxy serves below a path of its own: names are read
 * anew from what follows it. What is signed stays. A path that does not begin with it stays, too.
 * in:  prefix  "/…" without a last slash; absent or empty: there is none */
void target_strip(struct target *target, struct span prefix);

/* Takes a query or an application/x-www-form-urlencoded body apart.
 * out: *ret_query  in the order sent; spans into raw and arena; untouched on error
 * err: S3_ERR_INVALID_URI on bad percent-encoding, invalid UTF-8 or more than max_params parameters;
 *      S3_ERR_INTERNAL when the arena overflows */
enum s3_err query_parse(
    struct arena *arena, struct span raw, size_t max_params, struct query *ret_query) MUST_USE;

/* The first parameter of this decoded name, or NULL. */
const struct query_param *query_find(const struct query *query, struct span name);
/* Its value: absent when there is no such parameter, empty when it has no value. */
struct span query_value(const struct query *query, struct span name);

#endif
