/* Zones in a commit: a bucket's rules, which are kept from batch to batch while they stay, and the states of its
 * zones, read once and written once in a batch. */
#ifndef STORAGE_LOCAL_COMMIT_ZONE_H
#define STORAGE_LOCAL_COMMIT_ZONE_H

#include "storage/local/commit.h"
#include "storage/local/zones.h"

enum { ZONE_BUCKETS_KEPT = 256, ZONE_RULES_MEMORY = 4 * 1024 * 1024 };

struct zone_entry {
    const struct zone_rule *rule;
    uint64_t bucket_id;
    struct zone_state state; /* state.cursor borrows from `cursor` */
    uint64_t batch;          /* the state is as of this batch */
    bool dirty;
    struct zone_entry *next_dirty;
    char cursor[STORAGE_KEY_MAX_BYTES];
};

struct bucket_zones {
    uint64_t bucket_id;
    struct arena arena; /* all that follows */
    struct zone_set set;
    struct zone_entry *entries; /* one for each rule of the set */
};

struct zone_cache *zone_cache_new(void);
void zone_cache_free(struct zone_cache *cache);
/* A new batch: no state is known. */
void zone_cache_begin(struct zone_cache *cache);
/* Writes the states that have changed. */
enum storage_err zone_cache_flush(struct commit *commit) MUST_USE;

/* A bucket's zones; NULL when it has none. Good until its rules change. */
enum storage_err commit_zones(struct commit *commit, const struct bucket_entry *bucket,
    struct bucket_zones **ret_zones) MUST_USE;
/* The zone that a key lies in, with its state; NULL: in none. */
enum storage_err commit_zone(struct commit *commit, const struct bucket_entry *bucket,
    struct span key, struct zone_entry **ret_zone) MUST_USE;
/* The state of one of a bucket's zones. */
enum storage_err commit_zone_state(struct commit *commit, struct zone_entry *zone) MUST_USE;
/* Call after changing the state. */
void commit_zone_changed(struct commit *commit, struct zone_entry *zone);
/* The same for a figure of a mutation that is refused: it is written with the batch, but is no trace of it. */
void commit_zone_noted(struct commit *commit, struct zone_entry *zone);
void zone_set_cursor(struct zone_entry *zone, struct span key, uint64_t sequence);

/* Has this version been counted, or is it to be counted by whoever writes it? Else it is left to the scan. */
static inline bool zone_counts(const struct zone_entry *zone, struct span key, uint64_t sequence)
{
    const struct zone_state *state = &zone->state;
    int order = state->scan & SCAN_COUNT ? span_cmp(key, state->cursor) : -1;
    return order < 0 || (order == 0 && sequence >= state->cursor_sequence);
}

/* A row of TABLE_CONTENT, whether it is there or not. */
enum storage_err commit_content_put(struct commit *commit, const struct zone_entry *zone,
    const struct object_record *record) MUST_USE;
enum storage_err commit_content_delete(struct commit *commit, const struct zone_entry *zone,
    const struct object_record *record) MUST_USE;

/* Puts these rules in place of all that the bucket has. Between log_record and log_record_end; the caller has
 * checked them, and writes the bucket's row. generation: 0, or that of the rules in the log, whose ids are then
 * those of new zones. */
enum storage_err commit_zones_replace(struct commit *commit, struct bucket_entry *bucket,
    const struct zone_rule *rules, size_t count, uint64_t generation) MUST_USE;

#endif
