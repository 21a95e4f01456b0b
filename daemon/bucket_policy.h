/* A bucket's policy as it is kept and as it is evaluated. The document in the store is the text as it was
 * put, behind a line for each user and role that it names: "ARN UNIQUE-ID\n", and an empty line. So a
 * principal that is deleted stays what it was, and one made anew under its name is another. Any thread. */
#ifndef DAEMON_BUCKET_POLICY_H
#define DAEMON_BUCKET_POLICY_H

#include "daemon/request.h"
#include "policy.h"

struct bucket_policy {
    struct policy *policy;
    bool is_public; /* policy_is_public */
};

/* NULL when the bucket has none. A stored text that does not compile any more (a damaged one, or one of a
 * later release) is an error, never "no policy".
 * err: INTERNAL, the store's faults */
enum s3_err bucket_policy_of(struct request *request, const struct bucket_info *bucket,
    const struct bucket_policy **ret_policy) MUST_USE;

/* Checks a text that is being put, and makes the document that is kept.
 * out: ret_document  in the request's arena
 *      ret_policy    compiled; the caller's, policy_free
 * err: MALFORMED_POLICY with the place */
enum s3_err bucket_policy_read(struct request *request, struct span text, struct span *ret_document,
    struct policy **ret_policy) MUST_USE;

/* The text of a document as GetBucketPolicy shows it: as it was put, but for principals that are gone (their
 * unique id stands in their place) or have another name now. Absent when memory ran out. */
struct span bucket_policy_shown(struct request *request, struct span document);

#endif
