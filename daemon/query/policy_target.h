/* Managed policies as the resource of a question. */
#ifndef DAEMON_QUERY_POLICY_TARGET_H
#define DAEMON_QUERY_POLICY_TARGET_H

#include "daemon/query.h"

/* Reads PolicyArn, loads the policy and asks whether the caller may do this action to it, its tags included.
 * Of one that is not there the question is asked before that is told.
 * in:  tags   aws:RequestTag of the question
 * err: VALIDATION_ERROR and its kind, ACCESS_DENIED, NO_SUCH_ENTITY */
enum s3_err policy_target(struct request *request, const struct policy_tag *tags, size_t tag_count,
    struct iam_policy *ret_policy) MUST_USE;

#endif
