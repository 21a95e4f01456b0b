/* What temporary credentials may not call, whatever the policies say. A token of GetSessionToken would need a
 * second factor for IAM, which nobody has here; so a stolen one cannot make lasting keys.
 * src: STS API Reference, GetSessionToken, GetFederationToken and AssumeRole, "Permissions" */
#include "daemon/identities.h"
#include "daemon/query.h"

static enum s3_err refuse_with_sessions(struct request *request, const char *name)
{
    struct span words =
        arena_format(&request->arena, "Cannot call %s with session credentials", name);
    return FAIL(request, ACCESS_DENIED, words.ptr);
}

enum s3_err query_session_limits(struct request *request, const struct query_action *action)
{
    const struct identity *identity = request->identity;
    if (identity == NULL) /* STS speaks of nothing else */
        return action->service == QUERY_STS ? FAIL(request, INTERNAL, NULL) : S3_OK;
    if (!identity->is_temporary || action->run == query_get_caller_identity)
        return S3_OK;
    if (identity->principal.kind == POLICY_ROLE_SESSION) {
        bool token =
            action->run == query_get_session_token || action->run == query_get_federation_token;
        return token ? refuse_with_sessions(request, action->name) : S3_OK;
    }
    if (action->service == QUERY_IAM)
        return FAIL(request, INVALID_CLIENT_TOKEN_ID, NULL);
    bool federated = identity->principal.kind == POLICY_FEDERATED_USER;
    if (action->run == query_assume_role && !federated)
        return S3_OK;
    return refuse_with_sessions(request, action->name);
}
