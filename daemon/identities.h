/* Who asks, resolved: the principal, its policies compiled, boundary and session policies. An identity never
 * changes and is counted; who has a reference may read it on any thread. The cache is bounded in entries and
 * bytes, and what is older than the last change of iam.h is resolved anew, so a disabled key or a changed
 * policy acts on the next request. A hit allocates nothing.
 *
 * A policy that does not compile any more denies everything (ACCESS sees a deny of all), and is logged. */
#ifndef DAEMON_IDENTITIES_H
#define DAEMON_IDENTITIES_H

#include "access.h"
#include "base/arena.h"
#include "s3_err.h"

struct credentials;
struct iam;
struct identities;
struct log;
struct vault;

enum {
    IDENTITIES_MAX = 4096,
    IDENTITIES_MAX_BYTES = 64 * 1024 * 1024,
};

struct identity {
    struct policy_principal principal;
    uint64_t account_id;
    bool is_root;      /* of its account; also in a session token that root asked for */
    bool is_temporary; /* a session's credentials */
    bool is_key;       /* found by an access key, not by ARN */

    struct access_policies
        policies; /* inline and managed, of the user and its groups, or of the role */
    const struct span *policy_names; /* of each: ARN of a managed one, name of an inline one */
    const struct policy *boundary;   /* NULL: none */
    struct span boundary_arn;
    struct access_policies session_policies;
    bool has_session; /* then session_policies must allow, and an empty list allows nothing */

    const struct policy_tag *tags; /* aws:PrincipalTag: of user, role and session */
    size_t tag_count;
    struct span user_name; /* users: aws:username; else absent */
    struct span user_id;   /* aws:userid: AIDA…, AROA…:name, ACCOUNT:name, ACCOUNT for root */
    struct span role_name; /* role sessions; else absent */
    struct span session_name; /* role sessions, federated users */
    struct span source_identity;
    struct span access_key;
    int64_t issued_s, expires_s; /* temporary ones, Unix seconds; else 0 */
};

/* out: NULL when memory runs out. in: all outlive it; credentials are the first account's root keys. Without
 * iam and vault (NULL) nobody else is known. */
struct identities *identities_new(
    struct iam *iam, struct vault *vault, const struct credentials *credentials, struct log *log);
/* Takes NULL. All references must be given back. */
void identities_free(struct identities *identities);

struct revoked_sessions;
/* Sessions that are over before they expire; it outlives the identities. NULL, as at first: none is. */
void identities_set_revoked(struct identities *identities, struct revoked_sessions *revoked);

/* By an access key and, for temporary ones, its token. Reads the store where it is not cached; does not block.
 * in:  access_key, token (absent: none)
 * out: *ret_identity  a reference; identity_unref
 *      *ret_secret    lives as long as the reference; never to be logged
 * err: INVALID_ACCESS_KEY_ID (unknown, inactive, its user gone), INVALID_TOKEN, EXPIRED_TOKEN (or revoked),
 *      SLOW_DOWN, INTERNAL */
enum s3_err identities_find(struct identities *identities, struct span access_key,
    struct span token, int64_t now_s, const struct identity **ret_identity,
    struct span *ret_secret) MUST_USE;

/* The same, of a session that is revoked, too: who ends it may say so twice. */
enum s3_err identities_find_revoked(struct identities *identities, struct span access_key,
    struct span token, int64_t now_s, const struct identity **ret_identity,
    struct span *ret_secret) MUST_USE;

/* It signed a request: remembered for GetAccessKeyLastUsed, at most every 30 s and not at once on disk. */
void identities_used(struct identities *identities, const struct identity *identity, int64_t now_ms,
    struct span service, struct span region);

/* By ARN, for Simulate: a user, a role (as a session of it without a name), a group (its policies alone) or an
 * account's root. Not cached.
 * err: INVALID_ACCESS_KEY_ID: there is none; SLOW_DOWN, INTERNAL */
enum s3_err identities_by_arn(
    struct identities *identities, struct span arn, const struct identity **ret_identity) MUST_USE;

/* Takes NULL, and gives what it took. */
const struct identity *identity_ref(const struct identity *identity);
void identity_unref(const struct identity *identity);

struct identities_stats {
    uint64_t hits, misses;
    size_t entries, bytes;
};
void identities_stats(struct identities *identities, struct identities_stats *ret_stats);

#endif
