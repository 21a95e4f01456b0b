/* Who is it? SigV4 by header, presigned and streaming; nobody is a principal too, not an error.
 * One thread at a time has a request. */
#ifndef DAEMON_AUTHENTICATE_H
#define DAEMON_AUTHENTICATE_H

#include "daemon/request.h"

/* Fills request->auth, principal, identity and signing_key. The time is request->received_ms.
 * err: what sigv4_parse, sigv4_check_time and sigv4_verify say, and authenticate_find;
 * AUTHORIZATION_HEADER_MALFORMED (AUTHORIZATION_QUERY_PARAMETERS_ERROR when presigned) for a scope
 * of another region or service; X_AMZ_CONTENT_SHA256_MISMATCH of a Query body */
enum s3_err authenticate(struct request *request) MUST_USE;

/* Whoever a request says it is from, until its signature is verified. For who verifies signatures that stand
 * elsewhere (forms): find, compare, let in. */
struct claimant {
    const struct identity *identity; /* a reference */
    struct span secret;              /* as long as the reference; never to be logged */
};

/* Is request->auth's scope this service's and region's?
 * err: AUTHORIZATION_HEADER_MALFORMED (AUTHORIZATION_QUERY_PARAMETERS_ERROR when presigned) */
enum s3_err authenticate_scope(struct request *request) MUST_USE;
/* By request->auth's access key and session token.
 * err: INVALID_ACCESS_KEY_ID (unknown, inactive, gone), INVALID_TOKEN, EXPIRED_TOKEN, SLOW_DOWN,
 *      INTERNAL */
enum s3_err authenticate_find(struct request *request, struct claimant *ret_claimant) MUST_USE;
/* Takes one that is zeroed, or was let in. */
void claimant_drop(struct claimant *claimant);
/* The request is the claimant's: takes the reference over. */
void authenticate_let_in(struct request *request, struct claimant *claimant);

#endif
