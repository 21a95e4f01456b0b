/* May they? AWS's evaluation order over all policies that bear on a request. Pure; never allocates.
 * src: IAM User Guide, "Policy evaluation logic", "Cross-account policy evaluation logic" */
#ifndef LIBS3PROTO_ACCESS_H
#define LIBS3PROTO_ACCESS_H

#include "policy.h"

struct access_policies {
    const struct policy *const *items;
    size_t count;
};

struct access_request {
    struct policy_request ask; /* has_boundary is set from here */
    struct span
        resource_account; /* who owns the resource, 12 digits; absent: no owner (ListBuckets …) */
    struct access_policies
        identity;                  /* inline and managed, of the user and its groups, or the role */
    const struct policy *boundary; /* NULL: none */
    struct access_policies session; /* session policies: one must allow */
    bool has_session;               /* then an empty list of session policies allows nothing */
    const struct policy *resource;  /* bucket policy, trust policy; NULL: none */
    bool
        resource_must_allow; /* trust policies: an identity policy's Allow is not enough by itself */
    bool
        resource_cannot_allow; /* its Allow does not reach this object (owned by another account) */
    /* An ACL grant, already looked up, allows the action. Within the resource's account only grants to
     * everybody count. */
    bool acl_allows;
    bool root_may_always; /* get, put and delete of the own bucket's policy: root passes any Deny */
};

enum access_reason {
    ACCESS_BY_ROOT,     /* the account's root, and nothing denied */
    ACCESS_BY_IDENTITY, /* allowed or denied by identity policy `by` */
    ACCESS_BY_RESOURCE, /* by the resource policy */
    ACCESS_BY_ACL,
    ACCESS_BY_BOUNDARY,        /* denied by the boundary, explicitly or since it does not allow */
    ACCESS_BY_SESSION,         /* the same of session policies */
    ACCESS_BY_NOTHING,         /* nothing allowed it */
    ACCESS_BY_RESOURCE_LACKING /* another account's resource, whose policy does not allow it */
};

struct access_result {
    bool allowed;
    bool explicit_deny;
    enum access_reason reason;
    const struct policy *by; /* the policy that decided, NULL when none did */
    size_t statement;        /* of it */
};

void access_decide(const struct access_request *request, struct access_result *ret_result);

#endif
