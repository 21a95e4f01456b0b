/* Zones: rules for the keys of a bucket that begin with a prefix, which the store keeps and decides in the
 * commit. Here are the rules as data, and which of them a key falls under; pure, and the same for every engine.
 *
 * The prefixes of a bucket's zones do not begin with one another, so a key lies in one zone or in none. */
#ifndef STORAGE_ZONE_H
#define STORAGE_ZONE_H

#include "base/span.h"

enum {
    ZONE_RULES_MAX = 64, /* of a bucket */
    ZONE_NAME_MAX_BYTES = 64,
    ZONE_PREFIX_MAX_BYTES = 1000,
    ZONE_EXCEPT_MAX = 64,
    ZONE_EXCEPT_MAX_BYTES = 256,        /* of one pattern */
    ZONE_EXCEPT_TOTAL_MAX_BYTES = 4096, /* of all of a zone: matching them is work in the commit */
};

/* What becomes of the same bytes as those of a current version in the zone. */
enum zone_duplicates { /* the numbers are stored in the index: never change them */
    DUPLICATES_ALLOW = 0,
    DUPLICATES_FLAG = 1, /* stored, and marked */
    DUPLICATES_LINK = 2, /* marked, and shares the first one's bytes */
    DUPLICATES_REJECT = 3,
};

struct zone_rule {
    uint64_t
        id; /* given by the store; stays while name and prefix stay. Ignored when rules are set */
    struct span name, prefix;
    bool write_once;
    enum zone_duplicates duplicates;
    const struct span
        *except; /* patterns: write_once, duplicates and retention do not act on these keys */
    size_t except_count;
    uint64_t min_bytes;              /* smallest size that is looked at for duplicates */
    int64_t retention_ms;            /* 0: none */
    uint64_t max_bytes, max_objects; /* of all versions; 0: no limit */
    bool compress;                   /* bodies of text are kept compressed; the caller sees to it */
};

/* A bucket's rules, in byte order of the prefixes. */
struct zone_set {
    uint64_t
        generation; /* bucket_info.zones_generation; another for every change, never used again */
    const struct zone_rule *rules;
    size_t count;
};

/* NULL: in no zone. set may be NULL. */
const struct zone_rule *zone_of_key(const struct zone_set *set, struct span key);

/* Is the key, which lies in the zone, excepted? Patterns are for the key without the zone's prefix. `*` is any
 * run of bytes, `?` any one character. A pattern without `/` is for path segments: a key is excepted when any
 * of its segments matches, so also everything below. One with `/` is for the whole rest of the key. */
bool zone_excepts(const struct zone_rule *rule, struct span key);

/* Are these rules that a bucket may have: within their bounds, prefixes that do not overlap, no name twice?
 * In any order. */
bool zone_rules_valid(const struct zone_rule *rules, size_t count);

#endif
