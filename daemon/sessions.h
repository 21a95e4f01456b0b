/* Temporary credentials. They are stateless: all that the session is stands in its token, sealed by the vault,
 * with the access key id as associated data; so their number is unbounded and nothing has to be cleaned up.
 * That the user, role or key behind it still is there is looked at when it is used (identities.h). Thread-safe.
 *
 * src: STS API Reference, AssumeRole, GetSessionToken, GetFederationToken */
#ifndef DAEMON_SESSIONS_H
#define DAEMON_SESSIONS_H

#include "base/arena.h"
#include "daemon/vault.h"
#include "policy.h"

enum {
    SESSION_TOKEN_MAX_BYTES = 8 * 1024, /* as text */
    SESSION_POLICY_MAX_BYTES = 2048,    /* inline session policy. src: AssumeRole, Policy */
    SESSION_POLICY_ARNS_MAX = 10,
    SESSION_NAME_MAX_BYTES = 64, /* [\w+=,.@-]{2,64}; 32 of a federated user */
    SESSION_TAGS_MAX = 50,
    SESSION_ACCESS_KEY_BYTES = 20, /* ASIA… */
    SESSION_SECRET_BYTES = 40,
};

enum session_kind { SESSION_ASSUMED_ROLE = 1, SESSION_TOKEN = 2, SESSION_FEDERATED = 3 };

struct session {
    enum session_kind kind;
    uint64_t account;
    /* ASSUMED_ROLE: the role's unique id. Else the user's who asked, or the account's 12 digits for its root */
    struct span principal_id;
    struct span name; /* RoleSessionName; Name of a federated user; absent for SESSION_TOKEN */
    struct span
        made_by; /* access key of a user who asked: the session ends with it. Absent for roles */
    struct span source_identity; /* absent: none */
    bool has_policies;           /* federated users always have */
    struct span policy;          /* inline session policy; absent: none */
    const struct span *policy_arns;
    size_t policy_arn_count;
    const struct policy_tag
        *tags; /* session tags: aws:PrincipalTag beside the role's own, winning */
    size_t tag_count;
    size_t transitive_count;     /* so many of them, the first ones, go along a chain of roles */
    int64_t issued_s, expires_s; /* Unix seconds */
};

struct session_credentials {
    struct span access_key, secret, token; /* arena memory */
    int64_t expires_s;
    unsigned
        packed_percent; /* PackedPolicySize: how much of the token's room is used by policies and tags */
};

enum session_err {
    SESSION_OK = 0,
    SESSION_TOO_LARGE, /* PackedPolicyTooLarge */
    SESSION_INVALID,   /* InvalidToken: not ours, altered, of another access key */
    SESSION_EXPIRED,   /* ExpiredToken */
    SESSION_FAILED,    /* memory */
};

/* Nothing is looked up or checked but sizes: names, durations and policies are the caller's to check
 * (policies by policy_compile, kind POLICY_IDENTITY). */
enum session_err session_make(struct vault *vault, const struct session *session,
    struct arena *arena, struct session_credentials *ret_credentials) MUST_USE;

/* What a token says; spans live in the arena.
 * out: ret_secret  wipe it */
enum session_err session_open(struct vault *vault, struct span access_key, struct span token,
    int64_t now_s, struct arena *arena, struct session *ret_session,
    char ret_secret[static SESSION_SECRET_BYTES]) MUST_USE;

/* The account that a temporary access key id was made in: it is part of the id. False: none of ours. For
 * GetAccessKeyInfo. */
bool session_key_account(struct span access_key, uint64_t *ret_account) MUST_USE;

#endif
