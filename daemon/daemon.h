/* What the parts of the daemon share: built by main.c, read-only from then on but for what locks or
 * counts inside. Tests fill in what they need and leave the rest zero: an operation looks at store,
 * region and verify_reads alone. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "base/span.h"
#include "storage/storage.h"

#include <stdatomic.h>

struct accounts;
struct account_blocks;
struct bucket_documents;
struct config;
struct connections;
struct copy_jobs;
struct credentials;
struct iam;
struct identities;
struct links;
struct log;
struct metrics;
struct scrubber;
struct metrics_history;
struct remote;
struct sigv4_key_cache;
struct revoked_sessions;
struct source_networks;
struct staging;
struct vault;
struct md5_group;
struct workers;

struct daemon {
    const struct config *config; /* config.h */
    struct storage *store;
    struct span region;
    bool verify_reads;
    uint64_t compare_bytes;     /* zones.h: of one request with candidates; 0: the default */
    const struct span *domains; /* virtual-host style, lower case */
    size_t domain_count;

    const struct credentials *credentials;     /* credentials.h */
    struct vault *vault;                       /* vault.h */
    struct iam *iam;                           /* iam.h */
    struct identities *identities;             /* identities.h */
    struct revoked_sessions *revoked_sessions; /* revoked_sessions.h */
    struct accounts *accounts;                 /* accounts.h; NULL: the first alone */
    struct sigv4_key_cache *key_cache;
    struct bucket_documents *documents;            /* bucket_documents.h; NULL: nothing is kept */
    struct account_blocks *account_blocks;         /* public_access.h; NULL: no account has any */
    const struct source_networks *trusted_proxies; /* source_ip.h; NULL: none */
    struct remote *remote;                         /* remote.h; NULL in tests that go nowhere */
    struct links *links;                           /* links.h; NULL: there are none */
    struct staging *staging;         /* staging.h: the memory for bodies on their way in */
    struct workers *workers;         /* workers.h */
    struct md5_group *md5_group;     /* md5_group.h */
    struct connections *connections; /* connections.h */
    struct copy_jobs *copies;        /* jobs/copy_jobs.h; NULL: there are none */
    struct metrics *metrics;         /* metrics.h; NULL: nothing is counted */
    struct metrics_history *history; /* metrics_history.h; NULL: nothing is kept */
    struct log *log;                 /* log.h; NULL: nothing is logged */
    struct scrubber *scrubber;       /* jobs/scrub.h; NULL: there is none */

    uint64_t started_ns;                  /* monotonic */
    char host_id[17];                     /* of this start: 16 hex digits and a NUL */
    atomic_uint_fast64_t request_counter; /* begins at random, so ids differ between starts */
    uint64_t client_seed;                 /* random, of this start: request_client */
    struct body_heads *heads;             /* body_head.h: the memory for beginnings of bodies */
    atomic_size_t streams;                /* stream.h: under way */
    atomic_bool draining;                 /* SIGTERM came: not ready any more */
};

/* The first account, that of the configured root keys; it alone holds system actions. */
enum { ROOT_ACCOUNT_ID = 1 };

#endif
