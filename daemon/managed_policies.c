#include "daemon/managed_policies.h"

#define ARN_HEAD "arn:aws:iam::aws:policy/"
#define LITERAL(text)                                                                              \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
#define MANAGED_POLICY(name, id, version, created, updated, description, document)                 \
    {LITERAL(name), LITERAL(ARN_HEAD name), LITERAL(id), LITERAL(version), LITERAL(description),   \
        created, updated, LITERAL(document)},

/* clang-format off */
const struct managed_policy managed_policies[] = {
#include "daemon/managed_policies.def"
};
/* clang-format on */
const size_t managed_policies_count = ARRAY_LEN(managed_policies);

const struct managed_policy *managed_policy_find(struct span arn)
{
    for (size_t i = 0; i < managed_policies_count; i++) {
        if (span_eq(managed_policies[i].arn, arn))
            return &managed_policies[i];
    }
    return NULL;
}

bool managed_policy_is_arn(struct span arn)
{
    return span_starts(arn, SPAN(ARN_HEAD));
}
