/* What all listings share: keys of a node tree in order, under a prefix, folded into groups at a
 * delimiter, from a marker on. A group is skipped with one seek. */
#ifndef STORAGE_LOCAL_WALK_H
#define STORAGE_LOCAL_WALK_H

#include "storage/local/cursor.h"

enum walk_item { WALK_END, WALK_KEY, WALK_GROUP };

struct walk {
    struct key_cursor cursor; /* at WALK_KEY it stands on the entry */
    struct span prefix, delimiter;
    /* Decodes the entry the cursor stands on and tells whether the listing shows it. */
    enum storage_err (*look)(void *ctx, const struct key_cursor *cursor, bool *ret_shown);
    void *ctx;
    enum walk_item last;
    size_t group_len; /* at WALK_GROUP */
    char group[NODE_DEPTH_MAX * NODE_KEY_BYTES];
};

struct walk_from {
    struct span after; /* as list_query.after */
    bool after_is_key;
    bool at_after;       /* begin at the entries of `after` itself, where it is in no group */
    uint64_t after_blob; /* TABLE_UPLOADS with at_after: behind this upload of it */
};

/* prefix and delimiter are borrowed for as long as the walk. err: CORRUPT, IO, NO_MEMORY */
enum storage_err walk_begin(struct walk *walk, struct index_txn *txn, enum table table,
    uint64_t root_id, struct span prefix, struct span delimiter, struct walk_from from) MUST_USE;
enum storage_err walk_next(struct walk *walk, enum walk_item *ret_item) MUST_USE;
void walk_end(struct walk *walk);

#endif
