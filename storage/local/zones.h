/* Zones in the index: rules, what is counted of them, and the index of contents.
 *
 * - A zone has two rows in TABLE_ZONES, its rule and its state; the bucket's record has the generation of its
 *   rules, 0 when there are none, so that a bucket without zones costs nothing.
 * - TABLE_CONTENT has a row without value for each current version that the zone looks at for duplicates, under
 *   the zone's content id, which is another each time that duplicates begin to be looked for.
 * - What was there before the rules is counted and indexed in steps by zone_scan.c. The state has a cursor: what
 *   is at or before it was counted, so a writer counts there, and leaves what lies behind to the cursor. */
#ifndef STORAGE_LOCAL_ZONES_H
#define STORAGE_LOCAL_ZONES_H

#include "storage/local/index.h"
#include "storage/storage_zones.h"

enum zone_row { ZONE_ROW_RULE = 0, ZONE_ROW_STATE = 1 };
enum { ZONE_KEY_BYTES = 17, CONTENT_KEY_BYTES = 40 };
enum { CONTENT_LOOK_ROWS = 4096 /* for one storage_content_find */ };

/* What a scan does; SCAN_COUNT: counters are not yet of all that is there. */
enum zone_scan { SCAN_COUNT = 1, SCAN_CONTENT = 2, SCAN_ALL = 3 };

struct zone_state {
    uint64_t content_id; /* 0: duplicates are not looked for */
    uint64_t objects, bytes, duplicates_found, bytes_saved, promotions;
    int64_t oldest_ms, newest_ms; /* 0: none; newest is never too low, oldest never too high */
    int64_t ages_ms;              /* when they were counted */
    bool ages_stale;              /* what was the oldest or newest is gone since */
    uint8_t scan;                 /* enum zone_scan, together */
    uint64_t scanned;
    /* Keys up to this one are done; of it itself the versions from this sequence on, 0: all. */
    uint64_t cursor_sequence;
    struct span cursor;
};

struct content_hash {
    uint64_t size_bytes, crc64nvme;
};

struct span key_of_zone(
    struct index_key *key, uint64_t bucket_id, uint64_t zone_id, enum zone_row row);
struct span key_of_content(
    struct index_key *key, uint64_t content_id, struct content_hash hash, struct content_ref ref);
struct content_hash content_hash_at(struct span key);
struct content_ref content_ref_at(struct span key);

void schema_encode_rule(
    struct span key, const struct zone_rule *rule, uint64_t generation, struct buf *out);
/* The rule's spans are in the arena. err: NO_MEMORY, too */
enum storage_err schema_decode_rule(struct span key, struct span value, struct arena *arena,
    struct zone_rule *ret_rule, uint64_t *ret_generation) MUST_USE;
void schema_encode_zone_state(struct span key, const struct zone_state *state, struct buf *out);
enum storage_err schema_decode_zone_state(
    struct span key, struct span value, struct zone_state *ret_state) MUST_USE;

/* All rules of a bucket; generation 0 and none when it has none. */
enum storage_err zones_load(struct index_txn *txn, uint64_t bucket_id, struct arena *arena,
    struct zone_set *ret_set) MUST_USE;
/* The cursor borrows from the index. err: NO_SUCH_ZONE, CORRUPT, IO */
enum storage_err zone_state_read(struct index_txn *txn, uint64_t bucket_id, uint64_t zone_id,
    struct zone_state *ret_state) MUST_USE;

/* Are versions of the key of this size in the zone's index of contents? */
static inline bool zone_looks_at(const struct zone_rule *rule, struct span key, uint64_t size_bytes)
{
    return rule->duplicates != DUPLICATES_ALLOW && size_bytes >= rule->min_bytes &&
           !zone_excepts(rule, key);
}

/* The current version that a row of TABLE_CONTENT or a mark names; the record and key borrow from the index.
 * err: NO_SUCH_VERSION when it is not current any more, CORRUPT, IO */
struct object_record;
enum storage_err content_version(struct index_txn *txn, struct content_ref ref,
    struct span *ret_key, struct object_record *ret_record) MUST_USE;

#endif
