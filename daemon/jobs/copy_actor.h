/* As whom a copy job acts: who created it, with the policies of the moment. Users and roots by who they are, so that
 * a change of keys does not matter; sessions of roles and federated users by their token, since nobody else
 * is what they are, until they expire. */
#ifndef DAEMON_JOBS_COPY_ACTOR_H
#define DAEMON_JOBS_COPY_ACTOR_H

#include "daemon/request.h"

#include <pthread.h>

struct copy_actor {
    struct span arn, unique_id;
    uint64_t account_id;
    struct span session_key; /* absent: by ARN */
    /* of the request that made the job, for conditions */
    struct span peer, user_agent, tls_version;
    bool secure;
};

/* out: *ret_token  a session's, to be kept sealed; absent: none is needed. Texts are copied into the arena.
 * False: memory */
bool copy_actor_of(const struct request *request, struct arena *arena, struct copy_actor *ret_actor,
    struct span *ret_token) MUST_USE;

/* Is it the same principal, perhaps in another session? */
bool copy_actor_is(const struct copy_actor *actor, const struct copy_actor *other);

enum copy_actor_err { COPY_ACTOR_OK, COPY_ACTOR_GONE, COPY_ACTOR_EXPIRED, COPY_ACTOR_BUSY };

/* Who acts, resolved and kept until anything about identities changes. Thread-safe. */
struct copy_who {
    struct daemon *daemon;
    const struct copy_actor *actor;
    struct span token; /* the session's; borrowed */
    pthread_mutex_t lock;
    uint64_t generation;
    const struct identity *identity; /* NULL: not resolved */
};
void copy_who_init(
    struct copy_who *who, struct daemon *daemon, const struct copy_actor *actor, struct span token);
void copy_who_free(struct copy_who *who);
/* Does not block. out: *ret_identity  a reference */
enum copy_actor_err copy_who_get(
    struct copy_who *who, const struct identity **ret_identity) MUST_USE;

/* Makes a zeroed request that this one makes, before its target and headers are set: request_init, identity,
 * address and so on; request_free it, whatever comes.
 * err: ACCESS_DENIED when it is nobody any more, SLOW_DOWN */
enum copy_actor_err copy_who_begin(struct copy_who *who, struct request *request) MUST_USE;

#endif
