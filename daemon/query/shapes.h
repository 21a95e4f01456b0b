/* How IAM writes what several of its actions answer: managed policies, their versions, lists of
 * attached ones. src: IAM API Reference, "Data Types" */
#ifndef DAEMON_QUERY_SHAPES_H
#define DAEMON_QUERY_SHAPES_H

#include "daemon/query.h"

/* The members of a managed policy; `whole` adds the tags and the description. */
void shape_policy(struct buf *out, const struct iam_policy *policy, bool whole);
/* The members of a policy's version, with its text or without. */
void shape_version(struct buf *out, const struct iam_version *version, bool with_text);
/* PolicyName and PolicyArn of each, as list `name`. */
void shape_attached(
    struct buf *out, struct span name, const struct iam_policy *items, size_t count);

#endif
