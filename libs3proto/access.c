#include "access.h"

/* What one set of policies says: whether one allows, and which. */
struct side {
    bool allows;
    const struct policy *by;
    size_t statement;
};

static void decide(
    struct access_result *result, bool allowed, enum access_reason reason, const struct side *side)
{
    result->allowed = allowed;
    result->reason = reason;
    result->by = side ? side->by : NULL;
    result->statement = side ? side->statement : 0;
}

/* True: one of the policies denies, and *result says so. Else *side says whether one allows. */
static bool denied(const struct policy *const *policies, size_t count,
    const struct policy_request *ask, enum access_reason reason, struct side *side,
    struct access_result *result)
{
    *side = (struct side){0};
    for (size_t i = 0; i < count; i++) {
        struct policy_verdict verdict;
        policy_evaluate(policies[i], ask, &verdict);
        if (verdict.effect == POLICY_DENY) {
            decide(result, false, reason, &(struct side){false, policies[i], verdict.statement});
            result->explicit_deny = true;
            return true;
        }
        if (verdict.effect == POLICY_ALLOW && !side->allows)
            *side = (struct side){true, policies[i], verdict.statement};
    }
    return false;
}

struct sides {
    struct side identity, boundary, session, resource;
    unsigned named; /* by the resource's policy and ACL */
    bool within;    /* boundary and session allow, as far as there are any */
};

/* Explicit denies of every kind come before any Allow. */
static bool denied_by_any(
    const struct access_request *request, struct sides *sides, struct access_result *result)
{
    struct policy_request ask = request->ask;
    struct policy_verdict verdict = {POLICY_NO_MATCH, 0, 0};
    ask.has_boundary = request->boundary != NULL;
    if (denied(request->identity.items, request->identity.count, &ask, ACCESS_BY_IDENTITY,
            &sides->identity, result) ||
        denied(&request->boundary, request->boundary != NULL, &ask, ACCESS_BY_BOUNDARY,
            &sides->boundary, result) ||
        denied(request->session.items, request->session.count, &ask, ACCESS_BY_SESSION,
            &sides->session, result))
        return true;
    if (request->resource)
        policy_evaluate(request->resource, &ask, &verdict);
    bool root = ask.principal->kind == POLICY_ACCOUNT_ROOT &&
                span_eq(ask.principal->account, request->resource_account);
    if (verdict.effect == POLICY_DENY && !(root && request->root_may_always)) {
        decide(result, false, ACCESS_BY_RESOURCE,
            &(struct side){false, request->resource, verdict.statement});
        result->explicit_deny = true;
        return true;
    }
    if (verdict.effect == POLICY_ALLOW && !request->resource_cannot_allow) {
        sides->resource = (struct side){true, request->resource, verdict.statement};
        sides->named = verdict.named;
    }
    sides->within = (!request->boundary || sides->boundary.allows) &&
                    (!request->has_session || sides->session.allows);
    return false;
}

/* Why what an identity policy allows is not allowed after all. */
static void decide_within(
    const struct access_request *request, const struct sides *sides, struct access_result *result)
{
    if (request->boundary && !sides->boundary.allows)
        decide(result, false, ACCESS_BY_BOUNDARY, &(struct side){false, request->boundary, 0});
    else
        decide(result, false, ACCESS_BY_SESSION, NULL);
}

static void decide_same_account(
    const struct access_request *request, const struct sides *sides, struct access_result *result)
{
    bool directly = sides->named & (POLICY_NAMED_EXACTLY | POLICY_NAMED_ANYONE);
    bool as_role = sides->named & POLICY_NAMED_ROLE;
    if (request->resource_must_allow && !sides->resource.allows)
        decide(result, false, ACCESS_BY_RESOURCE_LACKING, NULL);
    else if (request->ask.principal->kind == POLICY_ACCOUNT_ROOT)
        decide(result, true, ACCESS_BY_ROOT, NULL);
    else if (directly)
        decide(result, true, ACCESS_BY_RESOURCE, &sides->resource);
    else if (request->acl_allows)
        decide(result, true, ACCESS_BY_ACL, NULL);
    else if (sides->identity.allows && sides->within)
        decide(result, true, ACCESS_BY_IDENTITY, &sides->identity);
    else if (as_role && sides->within)
        decide(result, true, ACCESS_BY_RESOURCE, &sides->resource);
    else if (sides->identity.allows || as_role)
        decide_within(request, sides, result);
    else
        decide(result, false, ACCESS_BY_NOTHING, NULL);
}

static void decide_cross_account(
    const struct access_request *request, const struct sides *sides, struct access_result *result)
{
    bool root = request->ask.principal->kind == POLICY_ACCOUNT_ROOT;
    bool theirs = sides->resource.allows || request->acl_allows;
    if (!root && !sides->identity.allows)
        decide(result, false, ACCESS_BY_NOTHING, NULL);
    else if (!root && !sides->within)
        decide_within(request, sides, result);
    else if (!theirs)
        decide(result, false, ACCESS_BY_RESOURCE_LACKING, NULL);
    else if (sides->resource.allows)
        decide(result, true, ACCESS_BY_RESOURCE, &sides->resource);
    else
        decide(result, true, ACCESS_BY_ACL, NULL);
}

static void decide_anonymous(
    const struct access_request *request, const struct sides *sides, struct access_result *result)
{
    if (sides->resource.allows)
        decide(result, true, ACCESS_BY_RESOURCE, &sides->resource);
    else if (request->acl_allows)
        decide(result, true, ACCESS_BY_ACL, NULL);
    else
        decide(result, false, ACCESS_BY_NOTHING, NULL);
}

void access_decide(const struct access_request *request, struct access_result *ret_result)
{
    const struct policy_principal *principal = request->ask.principal;
    struct access_result result = {0};
    struct sides sides = {0};
    if (!denied_by_any(request, &sides, &result)) {
        if (principal->kind == POLICY_ANONYMOUS)
            decide_anonymous(request, &sides, &result);
        else if (!span_present(request->resource_account) ||
                 span_eq(principal->account, request->resource_account))
            decide_same_account(request, &sides, &result);
        else
            decide_cross_account(request, &sides, &result);
    }
    *ret_result = result;
}
