#include "daemon/authorize_decide.h"

#include "daemon/accounts.h"
#include "daemon/acl.h"
#include "daemon/bucket_policy.h"
#include "daemon/context.h"
#include "daemon/daemon.h"
#include "daemon/identities.h"
#include "daemon/public_access.h"

struct span decide_arn(const struct access_ask *ask, char room[static DECIDE_ARN_BYTES])
{
    if (ask->bucket == NULL)
        return SPAN("*");
    static const struct span scheme = {"arn:aws:s3:::", 13};
    const struct span parts[] = {
        scheme, ask->bucket->name, span_present(ask->key) ? SPAN("/") : SPAN(""), ask->key};
    size_t len = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].len > DECIDE_ARN_BYTES - len)
            return SPAN_ABSENT;
        if (parts[i].len > 0)
            memcpy(room + len, parts[i].ptr, parts[i].len);
        len += parts[i].len;
    }
    return span_of(room, len);
}

/* ---- who asks ---- */

enum s3_err decide_subject(
    struct request *request, const char *action, struct access_request *ret_access)
{
    const struct identity *identity = request->identity;
    ret_access->ask.action = span_str(action);
    ret_access->ask.principal = context_principal(request);
    if (ret_access->ask.principal == NULL)
        return FAIL(request, INTERNAL, NULL);
    if (identity == NULL)
        return S3_OK;
    ret_access->identity = identity->policies;
    ret_access->boundary = identity->boundary;
    ret_access->session = identity->session_policies;
    ret_access->has_session = identity->has_session;
    return S3_OK;
}

static bool has_policies(const struct access_request *access)
{
    return access->resource != NULL || access->boundary != NULL || access->has_session ||
           access->identity.count > 0;
}

/* ---- what is asked for ---- */

/* Only the bucket's own account may use what a public policy gives, when its bucket is restricted. Its
 * denials stand. */
static enum s3_err restrict_public(struct request *request, const struct bucket_info *bucket,
    bool policy_is_public, struct access_request *access)
{
    const struct policy_principal *principal = access->ask.principal;
    struct public_access block;
    if (!policy_is_public || (principal->kind != POLICY_ANONYMOUS &&
                                 span_eq(principal->account, access->resource_account)))
        return S3_OK;
    TRY(public_access_of(request, bucket, &block));
    access->resource_cannot_allow |= block.restrict_public_buckets;
    return S3_OK;
}

static enum s3_err look_at_bucket(
    struct request *request, const struct access_ask *ask, struct access_request *access)
{
    const struct bucket_policy *policy = NULL;
    if (access->resource != NULL || ask->bucket->id == 0) /* given, or about to be made */
        return S3_OK;
    TRY(bucket_policy_of(request, ask->bucket, &policy));
    if (policy == NULL)
        return S3_OK;
    access->resource = policy->policy;
    return restrict_public(request, ask->bucket, policy->is_public, access);
}

static enum s3_err look_at_acl(struct request *request, const struct principal *who,
    const struct access_ask *ask, struct access_request *access, bool *ret_missing)
{
    struct acl_verdict verdict;
    if (ask->bucket->id == 0)
        return S3_OK;
    TRY(acl_judge(request, who, ask->bucket, ask->key, ask->version_id, ask->action, &verdict));
    *ret_missing = verdict.missing;
    access->acl_allows = verdict.allows;
    access->resource_cannot_allow |= verdict.foreign;
    if (verdict.owner_id != ask->bucket->owner_id)
        access->resource_account =
            arena_format(&request->arena, "%012llu", (unsigned long long)verdict.owner_id);
    return S3_OK;
}

enum s3_err decide_state(struct request *request, const struct principal *who,
    const struct access_ask *ask, struct access_request *access)
{
    bool missing = false;
    if (access->resource != NULL)
        TRY(restrict_public(request, ask->bucket, policy_is_public(access->resource), access));
    return look_at_acl(request, who, ask, access, &missing);
}

/* The account's root can always mend a policy that locks everybody out. */
static bool mends_policy(const char *action)
{
    static const char *const actions[] = {
        "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"};
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(action, actions[i]) == 0)
            return true;
    return false;
}

/* Who may list sees what is not there. err: NO_SUCH_KEY */
static enum s3_err tell_missing(struct request *request, const struct access_ask *ask)
{
    struct access_ask list = {.action = "s3:ListBucket", .bucket = ask->bucket};
    struct access_result result = {.allowed = false};
    TRY(decide(request, &list, &result));
    return result.allowed ? FAIL(request, NO_SUCH_KEY, NULL) : S3_OK;
}

enum s3_err decide_with(struct request *request, const struct access_ask *ask,
    const struct policy *policy, struct access_result *ret_result)
{
    static const struct policy_context nothing = {.now_s = 0};
    char arn[DECIDE_ARN_BYTES], owner[ACCOUNT_ID_DIGITS + 1];
    struct context context;
    struct access_request access = {.resource = policy};
    bool missing = false;
    TRY(decide_subject(request, ask->action, &access));
    if (ask->bucket != NULL) {
        account_digits(ask->bucket->owner_id, owner);
        access.resource_account = span_of(owner, ACCOUNT_ID_DIGITS);
        access.root_may_always = mends_policy(ask->action);
        TRY(look_at_bucket(request, ask, &access));
        TRY(look_at_acl(request, &request->principal, ask, &access, &missing));
    }
    access.ask.resource = decide_arn(ask, arn);
    if (!span_present(access.ask.resource))
        return FAIL(request, INTERNAL, NULL);
    access.ask.context = &nothing;
    if (has_policies(&access)) {
        TRY(context_fill(request, ask, &access, &context));
        access.ask.context = &context.policy;
    }
    access_decide(&access, ret_result);
    return missing && !ret_result->allowed && !ret_result->explicit_deny
               ? tell_missing(request, ask)
               : S3_OK;
}

enum s3_err decide(
    struct request *request, const struct access_ask *ask, struct access_result *ret_result)
{
    return decide_with(request, ask, NULL, ret_result);
}

/* ---- why not ---- */

static const char *kind_of(enum access_reason reason)
{
    switch (reason) {
    case ACCESS_BY_RESOURCE:
    case ACCESS_BY_RESOURCE_LACKING:
        return "resource-based policy";
    case ACCESS_BY_BOUNDARY:
        return "permissions boundary";
    case ACCESS_BY_SESSION:
        return "session policy";
    case ACCESS_BY_ROOT:
    case ACCESS_BY_IDENTITY:
    case ACCESS_BY_ACL:
    case ACCESS_BY_NOTHING:
        return "identity-based policy";
    }
    return "identity-based policy";
}

/* src: IAM User Guide, "Troubleshoot access denied error messages"; S3 says so within an account alone */
const char *decide_refusal(struct request *request, const char *action, struct span resource,
    uint64_t resource_account, const struct access_result *result)
{
    const struct policy_principal *principal = context_principal(request);
    if (principal == NULL || principal->kind == POLICY_ANONYMOUS ||
        (resource_account != 0 && resource_account != request->principal.account_id))
        return NULL;
    const char *kind = kind_of(result->reason);
    struct span because =
        result->explicit_deny
            ? arena_format(&request->arena, "with an explicit deny in a%s %s",
                  kind[0] == 'i' ? "n" : "", kind)
            : arena_format(&request->arena, "because no %s allows the %s action", kind, action);
    struct span text = arena_format(&request->arena,
        "User: %.*s is not authorized to perform: %s on resource: %.*s %.*s",
        SPAN_ARG(principal->arn), action, SPAN_ARG(resource), SPAN_ARG(because));
    return text.ptr;
}
