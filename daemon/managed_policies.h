/* The managed policies that exist from the start, with AWS's ARNs: they belong to no account, are attached
 * as any other and cannot be changed. Read-only, thread-safe. */
#ifndef DAEMON_MANAGED_POLICIES_H
#define DAEMON_MANAGED_POLICIES_H

#include "base/span.h"

#include <stdint.h>

/* A row of managed_policies.def. */
struct managed_policy {
    struct span name, arn, policy_id, version_id, description;
    int64_t created_s, updated_s; /* Unix seconds, as AWS shows them */
    struct span document;
};

extern const struct managed_policy managed_policies[];
extern const size_t managed_policies_count;

/* NULL: no managed policy of AWS's that is here has this ARN. */
const struct managed_policy *managed_policy_find(struct span arn);
/* An ARN of AWS's own policies, whether it is here or not: nobody can make, change or delete it. */
bool managed_policy_is_arn(struct span arn);

#endif
