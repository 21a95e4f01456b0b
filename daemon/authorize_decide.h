/* One question of access put together from all that bears on it: identity, bucket policy, public access
 * block, ACL, context. authorize.c asks; access.h decides. */
#ifndef DAEMON_AUTHORIZE_DECIDE_H
#define DAEMON_AUTHORIZE_DECIDE_H

#include "daemon/authorize.h"

/* err: INTERNAL, the store's faults: then nothing is allowed */
enum s3_err decide(struct request *request, const struct access_ask *ask,
    struct access_result *ret_result) MUST_USE;

/* The same under another bucket policy than the one that is there: what would be, were it put. */
enum s3_err decide_with(struct request *request, const struct access_ask *ask,
    const struct policy *policy, struct access_result *ret_result) MUST_USE;

/* Adds what no policy says of somebody, whose ask.principal and policies are filled in already: whether an ACL allows it, and
 * whether the public access block keeps the bucket policy from allowing it. For simulations.
 * in: who  the same principal, as a request has it */
enum s3_err decide_state(struct request *request, const struct principal *who,
    const struct access_ask *ask, struct access_request *access) MUST_USE;

/* Identity policies, boundary and session of who asks, and the account's root as a principal that no policy
 * binds. The context is left to the caller. err: INTERNAL */
enum s3_err decide_subject(
    struct request *request, const char *action, struct access_request *ret_access) MUST_USE;

/* Why not, as AWS says it: "User: ARN is not authorized to perform: s3:GetObject on resource: …" To an outsider
 * only that it is so. The text is the arena's. */
const char *decide_refusal(struct request *request, const char *action, struct span resource,
    uint64_t resource_account, const struct access_result *result);

/* arn:aws:s3:::bucket/key. Room for the longest. */
enum { DECIDE_ARN_BYTES = 13 + 63 + 1 + 1024 + 1 };
struct span decide_arn(const struct access_ask *ask, char room[static DECIDE_ARN_BYTES]);

#endif
