/* Resolving: from a user, group, role or session to a struct identity. What identities.c and its helpers
 * share; nothing else includes it. */
#ifndef DAEMON_IDENTITY_MAKE_H
#define DAEMON_IDENTITY_MAKE_H

#include "daemon/iam.h"
#include "daemon/identities.h"
#include "daemon/sessions.h"

#include <stdatomic.h>

enum { IDENTITY_ARENA_BYTES = 8 * 1024 * 1024, IDENTITY_SECRET_MAX_BYTES = 128 };

/* An identity with what it lives in. */
struct identity_full {
    struct identity is; /* the first: identity_unref goes from it to the whole */
    struct arena arena;
    atomic_size_t references;
    size_t bytes;
    char secret[IDENTITY_SECRET_MAX_BYTES];
    size_t secret_len;
    struct span token;     /* temporary ones */
    uint64_t generation;   /* of iam when it was resolved */
    bool is_kept_key;      /* a key of iam.h: its uses are noted */
    atomic_llong noted_ms; /* when one was last */
};

/* Zeroed, with one reference. NULL when memory runs out. */
struct identity_full *identity_full_new(void);

/* What resolving needs. */
struct identity_maker {
    struct iam *iam;
    struct log *log;
    struct iam_call call; /* its arena is scratch memory: nothing of it stays in the identity */
    struct identity_full *into;
};

/* in:  user, role, group  as read
 * err: IAM_FAILED */
enum iam_err identity_make_user(
    struct identity_maker *maker, uint64_t account, const struct iam_entity *user) MUST_USE;
enum iam_err identity_make_group(
    struct identity_maker *maker, uint64_t account, const struct iam_entity *group) MUST_USE;
/* session NULL: the role itself, without a session's name. */
enum iam_err identity_make_role(struct identity_maker *maker, uint64_t account,
    const struct iam_entity *role, const struct session *session) MUST_USE;
enum iam_err identity_make_root(struct identity_maker *maker, uint64_t account) MUST_USE;
/* After one of the above: what the session takes away and adds. */
enum iam_err identity_add_session(
    struct identity_maker *maker, const struct session *session) MUST_USE;
/* Counts its bytes. */
void identity_finish(struct identity_full *full);

#endif
