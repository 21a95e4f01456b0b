/* Where an S3 server elsewhere is: its URL taken apart, AWS's names for regions, and the URL of a request.
 * Pure. src: Amazon S3 User Guide, "Amazon S3 endpoints", "Virtual hosting of buckets", "Dual-stack
 * endpoints" */
#ifndef DAEMON_REMOTE_ENDPOINT_H
#define DAEMON_REMOTE_ENDPOINT_H

#include "base/arena.h"

enum {
    REMOTE_HOST_BYTES = 256,
    REMOTE_REGION_BYTES = 64,
    REMOTE_BUCKET_MAX_BYTES = 255, /* old buckets of us-east-1 are longer than new ones may be */
};

struct remote_endpoint {
    bool secure; /* https */
    bool is_aws; /* one of AWS's public S3 endpoints: its name follows the region */
    bool dualstack;
    uint16_t port;
    char host[REMOTE_HOST_BYTES]; /* lower case, NUL-terminated; version 6 addresses in brackets */
};

/* in:  url  http[s]://HOST[:PORT] with or without a slash at its end; absent or empty: AWS's
 * out: ret_region  that of AWS's endpoint; "" when its name says none. REMOTE_REGION_BYTES
 * False for anything else: paths, queries, users, odd bytes, an empty host, port 0. */
bool remote_endpoint_parse(struct span url, struct remote_endpoint *ret_endpoint,
    char ret_region[static REMOTE_REGION_BYTES]) MUST_USE;

/* Could that be a region's name? Of AWS's form: "eu-west-1", "us-gov-east-1"; else letters, digits and
 * "-._", since others name theirs as they like. */
bool remote_region_valid(struct span region, bool is_aws);

/* Of AWS's: names the region's endpoint. Others stay as they are. region is valid. */
void remote_endpoint_regional(struct remote_endpoint *endpoint, struct span region);

/* Letters, digits and ".-_": no ARN, no slash. */
bool remote_bucket_valid(struct span bucket);

struct remote_url {
    struct span url;    /* NUL-terminated */
    struct span host;   /* as the Host header has it */
    struct span target; /* path and query */
};

/* The URL of an object, or of the bucket. AWS's buckets whose names fit a certificate are part of the host,
 * others of the path.
 * in:  key    absent: the bucket itself
 *      query  percent-encoded, without "?"; absent: none
 * err: false on arena overflow or over REMOTE_URL_MAX_BYTES */
bool remote_url_make(struct arena *arena, const struct remote_endpoint *endpoint,
    struct span bucket, struct span key, struct span query, struct remote_url *ret_url) MUST_USE;

#endif
