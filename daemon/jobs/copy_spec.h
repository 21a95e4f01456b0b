/* What a copy job is to do, as docs/BULK-COPY.md has it: read from JSON and written as JSON. Pure; memory is
 * the arena's, and spans live as long as it. */
#ifndef DAEMON_JOBS_COPY_SPEC_H
#define DAEMON_JOBS_COPY_SPEC_H

#include "base/arena.h"
#include "base/buf.h"
#include "json_read.h"

enum {
    COPY_GLOBS_MAX = 64, /* of include, and of exclude */
    COPY_GLOB_MAX_BYTES = 256,
    COPY_ENDPOINT_MAX_BYTES = 1024,
    COPY_REGION_MAX_BYTES = 64,
    COPY_CREDENTIAL_MAX_BYTES = 8 * 1024, /* each of the three */
    COPY_AT_ONCE_DEFAULT = 64,
    COPY_AT_ONCE_MAX = 256,
    COPY_SPEC_DETAIL_BYTES = 200,
};

enum copy_exists { COPY_SKIP, COPY_OVERWRITE, COPY_FAIL };

struct copy_globs {
    struct span *items;
    size_t count;
};

struct copy_filters {
    struct copy_globs include, exclude;
    uint64_t min_bytes, max_bytes; /* max_bytes UINT64_MAX: no limit */
    int64_t modified_since_ms;     /* INT64_MIN: whenever */
};

struct copy_limits {
    uint64_t objects_at_once;
    uint64_t bytes_per_second; /* 0, as in what follows: no limit */
    uint64_t total_bytes, total_objects;
};

struct copy_spec {
    struct span source_bucket, source_prefix;
    struct span endpoint; /* absent: AWS */
    bool local;           /* a bucket of this gateway */
    struct span region;   /* absent: learnt */
    bool anonymous;
    struct span bucket, prefix; /* the destination */
    struct copy_filters filters;
    enum copy_exists exists;
    struct copy_limits limits;
    bool dry_run;
};

struct copy_credentials {
    struct span access_key, secret_key; /* absent: none */
    struct span session_token;          /* may be absent */
};

/* out: ret_detail  what is wrong, one line for the client; valid when false
 * False: a member that is unknown, missing, or not as it must be. */
bool copy_spec_read(struct arena *arena, const struct json_node *node, struct copy_spec *ret_spec,
    struct copy_credentials *ret_credentials,
    char ret_detail[static COPY_SPEC_DETAIL_BYTES]) MUST_USE;
/* The value of "credentials". */
bool copy_credentials_read(struct arena *arena, const struct json_node *node,
    struct copy_credentials *ret_credentials,
    char ret_detail[static COPY_SPEC_DETAIL_BYTES]) MUST_USE;

/* The members "source" to "dry_run", without braces; never the credentials. copy_spec_read reads it again. */
void copy_spec_write(const struct copy_spec *spec, bool with_region, struct buf *out);

#endif
