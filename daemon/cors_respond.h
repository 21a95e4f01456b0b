/* Cross-origin requests: the headers that let a browser's script of another origin read a response.
 * src: Amazon S3 User Guide, "How does Amazon S3 evaluate the CORS configuration on a bucket?" */
#ifndef DAEMON_CORS_RESPOND_H
#define DAEMON_CORS_RESPOND_H

#include "cors.h"
#include "daemon/request.h"

/* The bucket's configuration; NULL: it has none. Good as long as the request. Never blocks.
 * err: INTERNAL, the store's faults */
enum s3_err cors_of(struct request *request, const struct bucket_info *bucket,
    const struct cors **ret_cors) MUST_USE;

/* The headers that a rule puts on an answer. asked_headers: Access-Control-Request-Headers of a preflight,
 * absent elsewhere. */
void cors_rule_headers(struct request *request, const struct cors_rule *rule, bool any_origin,
    struct span asked_headers);

/* For every response, errors too: nothing without an Origin header, or when no rule fits. */
void cors_respond(struct request *request);

#endif
