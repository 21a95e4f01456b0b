/* A request as conditions and policy variables see it: the values of the condition keys. Only those are
 * filled that one of the policies looks at, since most policies look at none. Memory is the request's arena
 * and the struct itself; nothing blocks.
 * src: IAM User Guide, "AWS global condition context keys"; Service Authorization Reference, "Condition keys
 * for Amazon S3" */
#ifndef DAEMON_CONTEXT_H
#define DAEMON_CONTEXT_H

#include "daemon/authorize.h"

struct context {
    struct policy_context policy;
    struct span values[POLICY_KEYS]; /* what single values point to */
};

/* Who asks, for policies. A request that is signed by root keys alone is its account's root. Arena memory;
 * NULL when that is used up. */
const struct policy_principal *context_principal(struct request *request);

/* access: its policies say which keys are filled. ask: of S3; NULL for the Query API's, whose own keys the
 * caller adds. err: the store's faults, where a key needs to look something up */
enum s3_err context_fill(struct request *request, const struct access_ask *ask,
    const struct access_request *access, struct context *ret_context) MUST_USE;

/* Does any policy of a question look at this key? */
bool context_uses_key(const struct access_request *access, enum policy_key key);
bool context_uses_tags(const struct access_request *access, enum policy_tag_family family);

/* Tags of the bucket, of the object that is there, and of the one that is to come, where policies look at them
 * (context_tags.c). err: the store's faults, those of object_tags_requested */
enum s3_err context_fill_tags(struct request *request, const struct access_ask *ask,
    const struct access_request *access, struct context *context) MUST_USE;

/* Of these those of the object that is there, where the action looks at them. */
enum s3_err context_fill_existing_tags(struct request *request, const struct access_ask *ask,
    const struct access_request *access, struct policy_context *context) MUST_USE;

/* Sets a key to one value; absent: leaves it absent. */
void context_set(struct context *context, enum policy_key key, struct span value);

/* Do they look at the tags that a bucket is to get or to lose? */
bool context_uses_bucket_tags(const struct access_request *access);

#endif
