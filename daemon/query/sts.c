/* Who is it, and credentials for a while that act for a user. Those of roles are in assume_role.c.
 * src: STS API Reference, GetCallerIdentity, GetAccessKeyInfo, GetSessionToken, GetFederationToken */
#include "daemon/query/sts.h"

#include "daemon/accounts.h"
#include "daemon/credentials.h"
#include "daemon/daemon.h"
#include "daemon/identities.h"

enum {
    TOKEN_DEFAULT_S = 43200,
    ROOT_TOKEN_MAX_S = 3600,
    FEDERATED_NAME_MAX = 32,
};

static struct span account_text(struct request *request, uint64_t account)
{
    char digits[ACCOUNT_ID_DIGITS + 1];
    account_digits(account, digits);
    return arena_copy(&request->arena, span_str(digits));
}

enum s3_err query_get_caller_identity(struct request *request)
{
    const struct identity *identity = request->identity;
    TRY(query_check(request));
    struct buf *out = query_begin(request);
    xml_text(out, SPAN("UserId"), identity->user_id);
    xml_text(out, SPAN("Account"), identity->principal.account);
    xml_text(out, SPAN("Arn"), identity->principal.arn);
    return query_end(request);
}

enum s3_err query_get_access_key_info(struct request *request)
{
    struct span id = param_required(&request->query->params, PARAM_AccessKeyId);
    TRY(query_check(request));
    TRY(query_allow(request, SPAN_ABSENT));
    struct iam_call call = query_iam(request);
    struct iam_key key;
    uint64_t account = ROOT_ACCOUNT_ID;
    if (!session_key_account(id, &account) &&
        !span_eq(id, credentials_access_key(request->daemon->credentials))) {
        enum iam_err err = iam_key_get(&call, id, &key);
        if (err == IAM_NO_SUCH_ENTITY)
            return FAIL(request, VALIDATION_ERROR, "The access key ID is not known here.");
        TRY_IAM(request, &call, err);
        account = key.account;
    }
    struct buf *out = query_begin(request);
    xml_text(out, SPAN("Account"), account_text(request, account));
    return query_end(request);
}

/* ---- what all temporary credentials share ---- */

enum s3_err sts_no_mfa(struct request *request)
{
    struct query_params *params = &request->query->params;
    bool asked = span_present(param_text(params, PARAM_SerialNumber));
    asked = span_present(param_text(params, PARAM_TokenCode)) || asked;
    TRY(query_check(request));
    return asked ? FAIL(request, ACCESS_DENIED,
                       "MultiFactorAuthentication failed with invalid MFA one time pass code.")
                 : S3_OK;
}

enum s3_err sts_refuse(struct request *request, const char *action, struct span resource)
{
    struct span who = request->identity->principal.arn;
    struct span words = arena_format(&request->arena,
        "User: %.*s is not authorized to perform: %s on resource: %.*s", SPAN_ARG(who), action,
        SPAN_ARG(resource));
    return FAIL(request, ACCESS_DENIED, words.ptr);
}

enum s3_err sts_ask(struct request *request, const struct iam_ask *ask)
{
    enum s3_err err = authorize_iam(request, ask);
    return err == S3_ERR_ACCESS_DENIED ? sts_refuse(request, ask->action, ask->resource) : err;
}

static enum s3_err check_session_policy(struct request *request, struct span text)
{
    const struct policy_options options = {
        .kind = POLICY_IDENTITY, .max_bytes = SESSION_POLICY_MAX_BYTES};
    char detail[POLICY_DETAIL_BYTES] = "";
    struct policy *policy = NULL;
    if (!policy_compile(text, &options, &policy, detail))
        return FAIL(
            request, MALFORMED_POLICY_DOCUMENT, arena_copy(&request->arena, span_str(detail)).ptr);
    policy_free(policy);
    return S3_OK;
}

/* PolicyArns.member.N.arn */
static size_t read_policy_arns(struct request *request, const struct span **ret_arns)
{
    struct query_params *params = &request->query->params;
    size_t count = params_members(params, SPAN("PolicyArns"), SESSION_POLICY_ARNS_MAX);
    struct span *arns = arena_array(&request->arena, struct span, count);
    for (size_t i = 0; arns != NULL && i < count; i++) {
        arns[i] = params_member(params, SPAN("PolicyArns"), i + 1, SPAN("arn"));
        if (arns[i].len < 20 || arns[i].len > IAM_ARN_MAX_BYTES)
            params_complain(params, SPAN("PolicyArns"), "Members must be ARNs of managed policies");
    }
    *ret_arns = arns;
    return arns == NULL ? 0 : count;
}

enum s3_err sts_read_policies(struct request *request, uint64_t account, struct session *session)
{
    session->policy = param_text(&request->query->params, PARAM_Policy);
    session->policy_arn_count = read_policy_arns(request, &session->policy_arns);
    TRY(query_check(request));
    session->has_policies =
        span_present(session->policy) || session->policy_arn_count > 0 || session->has_policies;
    size_t bytes = session->policy.len;
    struct iam_call call = query_iam(request);
    call.account = account;
    for (size_t i = 0; i < session->policy_arn_count; i++) {
        struct iam_policy policy;
        bytes += session->policy_arns[i].len;
        enum iam_err err = iam_policy_get(&call, session->policy_arns[i], &policy);
        if (err == IAM_NO_SUCH_ENTITY)
            return FAIL(request, VALIDATION_ERROR, call.detail.ptr);
        TRY_IAM(request, &call, err);
    }
    if (bytes > SESSION_POLICY_MAX_BYTES)
        return FAIL(request, PACKED_POLICY_TOO_LARGE, NULL);
    return span_present(session->policy) ? check_session_policy(request, session->policy) : S3_OK;
}

enum s3_err sts_make(struct request *request, struct session *session, uint64_t lifetime_s,
    struct session_credentials *ret_credentials)
{
    session->issued_s = request->received_ms / 1000;
    session->expires_s = session->issued_s + (int64_t)lifetime_s;
    switch (session_make(request->daemon->vault, session, &request->arena, ret_credentials)) {
    case SESSION_OK:
        return S3_OK;
    case SESSION_TOO_LARGE:
        return FAIL(request, PACKED_POLICY_TOO_LARGE, NULL);
    case SESSION_INVALID:
    case SESSION_EXPIRED:
    case SESSION_FAILED:
        break;
    }
    return FAIL(request, INTERNAL, NULL);
}

void sts_credentials(struct buf *out, const struct session_credentials *credentials)
{
    xml_open(out, SPAN("Credentials"));
    xml_text(out, SPAN("AccessKeyId"), credentials->access_key);
    xml_text(out, SPAN("SecretAccessKey"), credentials->secret);
    xml_text(out, SPAN("SessionToken"), credentials->token);
    query_time(out, SPAN("Expiration"), credentials->expires_s * 1000);
    xml_close(out, SPAN("Credentials"));
}

/* ---- tokens of users ---- */

/* A user's session, or root's, for so long: root's last an hour at most, whatever was asked. */
static struct session of_caller(
    const struct identity *identity, enum session_kind kind, uint64_t *lifetime_s)
{
    if (identity->is_root && *lifetime_s > ROOT_TOKEN_MAX_S)
        *lifetime_s = ROOT_TOKEN_MAX_S;
    return (struct session){
        .kind = kind,
        .account = identity->account_id,
        .principal_id = identity->principal.unique_id,
        .made_by = identity->access_key,
    };
}

enum s3_err query_get_session_token(struct request *request)
{
    uint64_t lifetime_s =
        param_number(&request->query->params, PARAM_DurationSeconds, TOKEN_DEFAULT_S);
    TRY(sts_no_mfa(request));
    /* Nobody needs a permission for it, and no policy can forbid it. */
    struct session session = of_caller(request->identity, SESSION_TOKEN, &lifetime_s);
    struct session_credentials made;
    TRY(sts_make(request, &session, lifetime_s, &made));
    struct buf *out = query_begin(request);
    sts_credentials(out, &made);
    return query_end(request);
}

/* May the caller have a session for this federated user, with these tags? */
static enum s3_err may_federate(
    struct request *request, struct span resource, const struct session *session)
{
    struct iam_ask ask = query_ask(request, resource);
    ask.request_tags = session->tags;
    ask.request_tag_count = session->tag_count;
    TRY(sts_ask(request, &ask));
    if (session->tag_count == 0)
        return S3_OK;
    ask.action = "sts:TagSession";
    return sts_ask(request, &ask);
}

enum s3_err query_get_federation_token(struct request *request)
{
    struct query_params *params = &request->query->params;
    uint64_t lifetime_s = param_number(params, PARAM_DurationSeconds, TOKEN_DEFAULT_S);
    struct session session = of_caller(request->identity, SESSION_FEDERATED, &lifetime_s);
    session.name = param_required(params, PARAM_Name);
    session.has_policies = true; /* none of them: then nothing is allowed */
    session.tag_count = param_tags(params, &session.tags);
    TRY(query_check(request));
    struct span account = account_text(request, session.account);
    struct span arn = arena_format(&request->arena, "arn:aws:sts::%.*s:federated-user/%.*s",
        SPAN_ARG(account), SPAN_ARG(session.name));
    TRY(may_federate(request, arn, &session));
    TRY(sts_read_policies(request, session.account, &session));
    struct session_credentials made;
    TRY(sts_make(request, &session, lifetime_s, &made));
    struct buf *out = query_begin(request);
    sts_credentials(out, &made);
    xml_open(out, SPAN("FederatedUser"));
    struct span id =
        arena_format(&request->arena, "%.*s:%.*s", SPAN_ARG(account), SPAN_ARG(session.name));
    xml_text(out, SPAN("FederatedUserId"), id);
    xml_text(out, SPAN("Arn"), arn);
    xml_close(out, SPAN("FederatedUser"));
    xml_u64(out, SPAN("PackedPolicySize"), made.packed_percent);
    return query_end(request);
}
