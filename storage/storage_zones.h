/* What the store knows of a bucket's zones: their rules, contents, figures and duplicates. Rules are set by
 * MUTATION_PUT_ZONES, and what they decide of a change is in its zone_outcome. Part of the store's contract (storage.h). */
#ifndef STORAGE_STORAGE_ZONES_H
#define STORAGE_STORAGE_ZONES_H

#include "storage/storage.h"

/* A bucket's rules; an empty set when it has none. Does not block.
 * err: CORRUPT, IO, NO_MEMORY */
enum storage_err storage_zones_get(struct storage *storage, uint64_t bucket_id, struct arena *arena,
    struct zone_set *ret_set) MUST_USE;

struct content_match {
    struct content_ref ref;
    struct span key;
    struct version version;
};

struct content_page {
    struct content_match *items; /* the oldest key first */
    size_t count;
    bool truncated;
};

/* The current versions in a zone that have this size and CRC64NVME, but for the key itself: what the writer of
 * such bytes compares with. Nothing for a key or a size that the zone does not look at. Does not block.
 * err: CORRUPT, IO, NO_MEMORY */
enum storage_err storage_content_find(struct storage *storage, uint64_t bucket_id,
    const struct zone_rule *rule, struct span key, uint64_t size_bytes, uint64_t crc64nvme,
    size_t max, struct arena *arena, struct content_page *ret_page) MUST_USE;

struct zone_stats {
    uint64_t objects, bytes;                            /* all versions, without delete markers */
    uint64_t duplicates_found, bytes_saved, promotions; /* since the zone is there */
    int64_t oldest_ms,
        newest_ms;   /* LastModified over all versions; 0: there is none, or not known yet */
    int64_t ages_ms; /* when these two were counted; 0: not yet */
    bool indexing;   /* what was there before the rules is being counted: the figures grow */
    uint64_t indexed_objects; /* versions that it has looked at so far */
};

/* err: NO_SUCH_ZONE */
enum storage_err storage_zone_stats(struct storage *storage, uint64_t bucket_id, uint64_t zone_id,
    struct zone_stats *ret_stats) MUST_USE;

/* Groups of current versions with the same size and CRC64NVME. */
struct duplicates_after {
    uint64_t size_bytes, crc64nvme;
};

struct duplicates_query {
    uint64_t bucket_id, zone_id;
    bool has_after;
    struct duplicates_after after; /* go on behind this group */
    size_t max_groups;
    size_t max_keys; /* of a group; further ones are only counted, to DUPLICATES_COUNT_MAX */
};
enum { DUPLICATES_COUNT_MAX = 10000, DUPLICATES_ROWS_MAX = 50000 /* looked at for a page */ };

struct duplicates_group {
    uint64_t size_bytes, crc64nvme;
    struct content_match *items; /* the oldest key first */
    size_t count;                /* of items */
    size_t total;
};

struct duplicates_page {
    struct duplicates_group *items; /* by size, the largest first */
    size_t count;                   /* may be 0 though there are more */
    bool truncated;
    struct duplicates_after after; /* for the next page */
};

/* err: NO_SUCH_ZONE, CORRUPT, IO, NO_MEMORY */
enum storage_err storage_duplicates_list(struct storage *storage,
    const struct duplicates_query *query, struct arena *arena,
    struct duplicates_page *ret_page) MUST_USE;

#endif
