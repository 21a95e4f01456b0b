/* storage_verify's parts. verify.c runs them in a child process, since LMDB may assert, loop or
 * fault on a damaged index; verify_index.c checks the records and what names what, verify_bytes.c
 * the blobs, their pieces and the bytes on disk. Memory is bounded by what is pending in
 * TABLE_FREED and by the number of packed segments: references are compared as sums over hashes,
 * and counted one by one, in passes, only where the sums differ. */
#ifndef STORAGE_LOCAL_VERIFY_H
#define STORAGE_LOCAL_VERIFY_H

#include "storage/local/engine.h"

enum {
    VERIFY_LINES_MAX = 10000, /* told one by one; more are only counted */
    VERIFY_NAMED_MAX = 1000,  /* damaged extents whose objects are named */
    VERIFY_PASS_IDS = 1 << 20,
};

struct id_list {
    uint64_t *ids;
    size_t count, capacity;
    bool sorted;
};

/* Ids with a number each, as sums that are equal if and, but for chance, only if the numbers are.
 */
struct id_sum {
    uint64_t a, b;
};

struct packed_check {
    uint64_t id;
    uint64_t live_bytes, tail_bytes, log_bytes; /* of its row */
    uint64_t found_bytes;
};

/* Counting references of the ids of one pass. */
struct exact {
    uint64_t passes, pass;
    size_t capacity;
    struct exact_count {
        uint64_t id;
        uint64_t named, counted; /* by the row itself; by those that refer to it */
    } * counts;
};

struct check {
    int out; /* lines go here */
    uint64_t findings;
    bool out_of_memory;
    struct index *index;
    struct index_txn *txn;
    struct space *space;
    struct exact *exact; /* set in the passes that count; nothing else is told then */

    struct id_list freed_blobs, freed_extents, freed_buckets, freed_contents;
    struct id_list bad_extents, bad_blobs;
    struct packed_check *packed; /* ascending ids */
    size_t packed_count, packed_capacity;
    struct id_sum blobs_named, blobs_found, extents_named, extents_found;
    struct state_record state, counted_state;
    uint8_t store_id[16];
    uint64_t rows[TABLE_COUNT];
    uint64_t object_leaves, upload_leaves, sides, own_extents;
    uint64_t object_leaves_reached, upload_leaves_reached;
    uint64_t zone_rows_reached, contents_reached;
    struct {
        bool any;
        uint64_t blob_id;
        uint64_t length_bytes;
        uint32_t parts, last_part;
        uint64_t part_left_bytes; /* of the part that is being walked */
        uint32_t part_left_pieces;
    } group; /* pieces of one blob */
};

/* storage_verify without the lock, and with the index in this folder (NULL: the store's own). */
enum storage_err verify_run(const char *dir, const char *index_dir,
    void (*report)(void *ctx, const char *line), void *ctx, uint64_t *ret_findings) MUST_USE;

void finding(struct check *check, const char *format, ...) PRINTF_LIKE(2, 3);

void id_list_add(struct check *check, struct id_list *list, uint64_t id);
bool id_list_has(struct id_list *list, uint64_t id);
size_t id_list_count(struct id_list *list, uint64_t id);

/* One reference to a blob or extent was seen; or its row, which claims `count` of them. */
enum id_kind { ID_BLOB, ID_EXTENT };
void count_reference(struct check *check, enum id_kind kind, uint64_t id);
void count_named(struct check *check, enum id_kind kind, uint64_t id, uint64_t count);

typedef void visit_fn(struct check *check, struct span key, struct span value);
/* Every record in key order; with `check_rows` each is also looked up from the root, the order of
 * keys is checked, and the table's count and set hash. */
void walk_table(struct check *check, enum table table, visit_fn *visit, bool check_rows);

/* Is there such a record? A fault in the index is a finding. */
bool find_record(struct check *check, enum table table, struct span key, struct span *ret_value);

/* verify_index.c: all tables, then the trees of keys. */
void verify_index(struct check *check);
void verify_trees(struct check *check);
/* verify_zone.c: the tables, a bucket's zones while its objects are walked, and what is in none. */
visit_fn visit_zone, visit_content;
struct zones_check *zones_check_begin(
    struct check *check, struct span name, const struct bucket_record *bucket);
void zones_check_version(struct check *check, struct zones_check *zones, struct span key,
    const struct object_record *record, bool is_current);
void zones_check_end(struct check *check, struct zones_check *zones);
void verify_zones(struct check *check);
/* verify_bytes.c */
visit_fn visit_blob, visit_piece, visit_extent, visit_segment;
void end_pieces(struct check *check);
void verify_segments(struct check *check);
void verify_data(struct check *check);
void verify_logs(struct check *check);
/* verify_count.c: compares the sums; counts where they differ. */
void verify_references(struct check *check);

#endif
