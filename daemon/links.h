/* Linked buckets: names here for buckets elsewhere, read-only. A link is a bucket of the store that stays empty, so
 * that name, owner and policies are those of any bucket, and a record ("link/NAME") that says where its
 * objects are; its credentials are sealed by the vault. All links are in memory. Thread-safe.
 *
 * What a link does when it is asked is in ops/link_*.c; how it is made by request, in link_api.c. */
#ifndef DAEMON_LINKS_H
#define DAEMON_LINKS_H

#include "base/arena.h"
#include "daemon/remote.h"
#include "storage/storage.h"

struct links;
struct vault;

enum {
    LINKS_MAX = 256, /* of all accounts */
    LINK_PREFIX_MAX_BYTES = 512,
};

/* Never changed once it is made; a reference keeps it, and its way out. */
struct link {
    uint64_t bucket_id, owner_id;
    struct span name;         /* of the bucket here */
    struct span endpoint_url; /* empty: AWS's */
    struct span bucket;       /* there */
    struct span prefix;       /* of keys there; empty, or ends in a slash */
    struct span region;       /* empty: it is learnt */
    struct span access_key;   /* empty: anonymous */
    struct span created_by;   /* ARN */
    int64_t created_ms;
    struct remote_bucket *remote; /* NULL: its settings or credentials are not usable any more */
};

/* in:  remote     the way out
 *      calls_max  requests that may wait for an answer from elsewhere at once
 * out: NULL when memory runs out or the records cannot be read. Records of buckets that are gone are dropped */
struct links *links_open(struct storage *storage, struct vault *vault, struct remote *remote,
    struct log *log, size_t calls_max);
/* Takes NULL. */
void links_free(struct links *links);

/* The link that a bucket is, to be released; NULL: it is none. Costs nothing where there are no links.
 * links NULL: there are none. */
const struct link *links_get(struct links *links, uint64_t bucket_id);
/* Takes NULL. */
void link_release(const struct link *link);

/* Those of an account in the order of names, from behind after; each to be released. Returns their number. */
size_t links_list(struct links *links, uint64_t owner_id, struct span after,
    const struct link **ret_links, size_t max);

enum links_err {
    LINKS_OK,
    LINKS_EXISTS, /* there is a bucket of this name */
    LINKS_TOO_MANY,
    LINKS_MISSING,
    LINKS_NO_MEMORY,
    LINKS_STORAGE, /* ret_storage_err says what */
};

/* Makes the bucket and the record. Blocks on the commits.
 * in:  link    name, owner and source; remote is handed in open and taken over when it succeeds
 *      secret  of access_key; absent for anonymous
 *      region  of the daemon, as the bucket's */
enum links_err links_add(struct links *links, const struct link *link, struct span secret,
    struct span region, enum storage_err *ret_storage_err) MUST_USE;
/* Takes both away; what is being read from it goes on to its end. */
enum links_err links_remove(struct links *links, uint64_t owner_id, struct span name,
    enum storage_err *ret_storage_err) MUST_USE;

/* Seals credentials with the newest key. False when one cannot be written: then no key may be dropped.
 * *ret_count is raised by how many were sealed anew. */
bool links_reseal(struct links *links, size_t *ret_count) MUST_USE;

/* Room for one more request that waits for an answer? Then links_leave gives it back. */
bool links_enter(struct links *links) MUST_USE;
void links_leave(struct links *links);

#endif
