#include "policy_internal.h"

void policy_free(struct policy *policy)
{
    if (!policy)
        return;
    arena_free(&policy->arena);
    free(policy);
}

size_t policy_bytes(const struct policy *policy)
{
    return sizeof(*policy) + policy->arena.used_bytes;
}

size_t policy_statement_count(const struct policy *policy)
{
    return policy->statement_count;
}

struct span policy_statement_sid(const struct policy *policy, size_t index)
{
    return policy->statements[index].sid;
}

bool policy_uses_key(const struct policy *policy, enum policy_key key)
{
    return policy->uses_key[key];
}

bool policy_uses_tags(const struct policy *policy, enum policy_tag_family family)
{
    return policy->uses_tags[family];
}

static bool any_matches(const struct patterns *patterns, struct span text,
    struct evaluation *evaluation, bool ignore_case)
{
    bool unresolved = evaluation->unresolved;
    for (size_t i = 0; i < patterns->count; i++) {
        if (policy_match(&patterns->items[i], text, evaluation, ignore_case)) {
            evaluation->unresolved = unresolved;
            return true;
        }
    }
    return false;
}

/* AWS looks at the account, the role and the session one after the other: an exception holds for who is
 * listed in each way. src: IAM User Guide, "IAM JSON policy elements: NotPrincipal" */
static bool is_excepted(unsigned named, const struct policy_request *request)
{
    unsigned needed = POLICY_NAMED_ACCOUNT;
    if (request->has_boundary)
        return false;
    if (named & POLICY_NAMED_ANYONE)
        return true;
    switch (request->principal->kind) {
    case POLICY_ANONYMOUS:
        return false;
    case POLICY_ACCOUNT_ROOT:
        break;
    case POLICY_USER:
    case POLICY_FEDERATED_USER:
        needed |= POLICY_NAMED_EXACTLY;
        break;
    case POLICY_ROLE_SESSION:
        needed |= POLICY_NAMED_ROLE | POLICY_NAMED_EXACTLY;
        break;
    }
    return (named & needed) == needed;
}

/* enum policy_named; 0: the statement is not about who asks. */
static unsigned named_by(const struct statement *statement, const struct policy_request *request)
{
    unsigned named = 0;
    if (!statement->principals)
        return POLICY_NAMED_EXACTLY;
    for (size_t i = 0; i < statement->principal_count; i++)
        named |= policy_who_matches(&statement->principals[i], request->principal);
    if (statement->not_principal)
        return is_excepted(named, request) ? 0 : POLICY_NAMED_ANYONE;
    return named;
}

static bool concerns(const struct statement *statement, const struct policy_request *request,
    struct evaluation *evaluation)
{
    return any_matches(&statement->actions, request->action, evaluation, true) !=
               statement->not_action &&
           (statement->resources.count == 0 || any_matches(&statement->resources, request->resource,
                                                   evaluation, false) != statement->not_resource);
}

/* enum policy_named, 0: it does not apply. Once the steps are used up, Denies do and Allows do not.
 * An Allow that a variable without a value had a part in does not apply, not even by what it excludes.
 * src: IAM User Guide, "Variables and tags": the entire statement may be invalid */
static unsigned applies(
    const struct statement *statement, const struct policy_request *request, size_t *steps)
{
    struct evaluation evaluation = {.context = request->context, .steps = *steps};
    unsigned named = 0;
    if (concerns(statement, request, &evaluation)) {
        named = named_by(statement, request);
        if (named && !policy_conditions_hold(statement, &evaluation))
            named = 0;
    }
    *steps = evaluation.steps;
    if (evaluation.steps == 0)
        return statement->allow ? 0 : POLICY_NAMED_ANYONE;
    return statement->allow && evaluation.unresolved ? 0 : named;
}

/* How far an Allow reaches that names whom it names: access_decide */
static int reach(unsigned named)
{
    return named & (POLICY_NAMED_EXACTLY | POLICY_NAMED_ANYONE) ? 2
           : named & POLICY_NAMED_ROLE                          ? 1
                                                                : 0;
}

void policy_evaluate(const struct policy *policy, const struct policy_request *request,
    struct policy_verdict *ret_verdict)
{
    struct policy_verdict verdict = {POLICY_NO_MATCH, 0, 0};
    size_t steps = POLICY_STEPS_MAX;
    for (size_t i = 0; i < policy->statement_count; i++) {
        const struct statement *statement = &policy->statements[i];
        /* Nothing that an Allow could add. */
        if (statement->allow && reach(verdict.named) == 2)
            continue;
        unsigned named = applies(statement, request, &steps);
        if (!named)
            continue;
        if (!statement->allow) {
            *ret_verdict = (struct policy_verdict){POLICY_DENY, i, 0};
            return;
        }
        if (verdict.effect == POLICY_NO_MATCH || reach(named) > reach(verdict.named))
            verdict.statement = i;
        verdict.effect = POLICY_ALLOW;
        verdict.named |= named;
    }
    *ret_verdict = verdict;
}
