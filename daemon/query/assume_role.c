/* AssumeRole: a role's credentials for whom its trust policy and the caller's own policies let have them.
 * src: STS API Reference, AssumeRole; IAM User Guide, "Roles terms and concepts" (role chaining), "Pass
 * session tags in AWS STS", "Monitor and control actions taken with assumed roles" (source identity) */
#include "daemon/query/sts.h"

#include "daemon/daemon.h"
#include "daemon/identities.h"

enum {
    ROLE_SESSION_DEFAULT_S = 3600,
    CHAINED_MAX_S = 3600,
    VALUES_MAX = 4 + SESSION_TAGS_MAX, /* keys of a question */
};

struct assume {
    struct span role_arn, external_id;
    uint64_t duration_s;
    const struct policy_tag *asked_tags;
    size_t asked_count;
    const struct span *transitive; /* keys of those that go along */
    size_t transitive_count;
    struct session session;
    struct iam_entity role;
    uint64_t role_account;
    bool found;
};

static enum s3_err read(struct request *request, struct assume *ret_assume)
{
    struct query_params *params = &request->query->params;
    ret_assume->role_arn = param_required(params, PARAM_RoleArn);
    ret_assume->external_id = param_text(params, PARAM_ExternalId);
    ret_assume->duration_s = param_number(params, PARAM_DurationSeconds, ROLE_SESSION_DEFAULT_S);
    if (ret_assume->duration_s > IAM_SESSION_MAX_S)
        params_complain(
            params, SPAN("DurationSeconds"), "Member must have value less than or equal to 43200");
    ret_assume->session.kind = SESSION_ASSUMED_ROLE;
    ret_assume->session.name = param_required(params, PARAM_RoleSessionName);
    struct span source = param_text(params, PARAM_SourceIdentity);
    if (span_starts_nocase(source, SPAN("aws:")))
        params_complain(params, SPAN("SourceIdentity"), "Member must not begin with aws:");
    ret_assume->session.source_identity = source;
    ret_assume->asked_count = param_tags(params, &ret_assume->asked_tags);
    ret_assume->transitive_count =
        param_list(params, PARAM_TransitiveTagKeys, SESSION_TAGS_MAX, &ret_assume->transitive);
    return sts_no_mfa(request);
}

/* The role that RoleArn names, of any account; the path is part of the name. */
static enum s3_err find_role(struct request *request, struct assume *assume)
{
    struct iam_arn_parts parts;
    if (!iam_arn_split(assume->role_arn, &parts) || !span_eq(parts.type, SPAN("role"))) {
        struct span words =
            arena_format(&request->arena, "%.*s is invalid", SPAN_ARG(assume->role_arn));
        return FAIL(request, VALIDATION_ERROR, words.ptr);
    }
    struct iam_call call = query_iam(request);
    call.account = assume->role_account = parts.account;
    enum iam_err err = iam_get(&call, IAM_ROLE, parts.name, &assume->role);
    if (err != IAM_OK && err != IAM_NO_SUCH_ENTITY && err != IAM_INVALID_INPUT)
        TRY_IAM(request, &call, err);
    assume->found = err == IAM_OK && span_eq(assume->role.arn, assume->role_arn);
    assume->session.account = parts.account;
    assume->session.principal_id = assume->role.id;
    return S3_OK;
}

static bool has_tag(const struct policy_tag *tags, size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++)
        if (span_eq_nocase(tags[i].name, name))
            return true;
    return false;
}

static bool has_name(const struct span *names, size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++)
        if (span_eq_nocase(names[i], name))
            return true;
    return false;
}

/* Tags that the caller's own session hands on, read from its token. */
static enum s3_err inherit(struct request *request, struct policy_tag *tags, size_t *ret_count)
{
    *ret_count = 0;
    if (request->identity->principal.kind != POLICY_ROLE_SESSION)
        return S3_OK;
    struct session own = {.kind = SESSION_ASSUMED_ROLE};
    char secret[SESSION_SECRET_BYTES];
    enum session_err err = session_open(request->daemon->vault, request->identity->access_key,
        request->auth.session_token, request->received_ms / 1000, &request->arena, &own, secret);
    explicit_bzero(secret, sizeof(secret));
    if (err != SESSION_OK)
        return FAIL(request, ACCESS_DENIED, NULL);
    for (size_t i = 0; i < own.transitive_count && i < SESSION_TAGS_MAX; i++)
        tags[(*ret_count)++] = own.tags[i];
    return S3_OK;
}

/* The session's tags: first those that go along a chain (inherited, then asked for), then the others. */
static enum s3_err gather_tags(struct request *request, struct assume *assume)
{
    struct session *session = &assume->session;
    size_t asked = assume->asked_count, inherited = 0;
    struct policy_tag *tags = arena_array(&request->arena, struct policy_tag, 2 * SESSION_TAGS_MAX);
    if (tags == NULL)
        return FAIL(request, INTERNAL, NULL);
    TRY(inherit(request, tags, &inherited));
    size_t count = inherited;
    for (int going_along = 1; going_along >= 0; going_along--) {
        for (size_t i = 0; i < asked; i++) {
            struct span name = assume->asked_tags[i].name;
            if (has_name(assume->transitive, assume->transitive_count, name) == (going_along == 1))
                tags[count++] = assume->asked_tags[i];
        }
        if (going_along)
            session->transitive_count = count;
    }
    for (size_t i = 0; i < asked; i++)
        if (has_tag(tags, inherited, assume->asked_tags[i].name))
            return FAIL(request, VALIDATION_ERROR,
                "One of the specified transitive tag keys can't be set because it conflicts with a "
                "transitive tag key from the calling session.");
    for (size_t i = 0; i < assume->transitive_count; i++)
        if (!has_tag(assume->asked_tags, asked, assume->transitive[i]))
            return FAIL(request, VALIDATION_ERROR,
                "The specified transitive tag key must be included in the requested tags.");
    if (count > SESSION_TAGS_MAX)
        return FAIL(request, PACKED_POLICY_TOO_LARGE, NULL);
    session->tags = tags;
    session->tag_count = count;
    return S3_OK;
}

/* The condition keys of AssumeRole. */
static size_t fill_values(
    struct request *request, const struct assume *assume, struct iam_value values[VALUES_MAX])
{
    const struct session *session = &assume->session;
    struct span seconds =
        arena_format(&request->arena, "%llu", (unsigned long long)assume->duration_s);
    size_t count = 0;
    values[count++] = (struct iam_value){POLICY_KEY_STS_ROLE_SESSION_NAME, session->name};
    values[count++] = (struct iam_value){POLICY_KEY_STS_DURATION_SECONDS, seconds};
    if (span_present(assume->external_id))
        values[count++] = (struct iam_value){POLICY_KEY_STS_EXTERNAL_ID, assume->external_id};
    if (span_present(session->source_identity))
        values[count++] =
            (struct iam_value){POLICY_KEY_STS_SOURCE_IDENTITY, session->source_identity};
    for (size_t i = 0; i < session->transitive_count; i++)
        values[count++] =
            (struct iam_value){POLICY_KEY_STS_TRANSITIVE_TAG_KEYS, session->tags[i].name};
    return count;
}

/* Each action that the call stands for must be allowed, by the trust policy and, unless that names the caller
 * itself, by the caller's own policies. What is refused says nothing of why, nor whether there is such a
 * role. */
static enum s3_err may_assume(struct request *request, const struct assume *assume)
{
    struct policy *trust = NULL;
    struct iam_call call = query_iam(request);
    if (!assume->found)
        return sts_refuse(request, "sts:AssumeRole", assume->role_arn);
    TRY_IAM(request, &call, iam_trust_compile(&call, &assume->role, &trust));
    const struct {
        const char *name;
        bool needed;
    } actions[] = {
        {"sts:AssumeRole", true},
        {"sts:TagSession", assume->session.tag_count > 0},
        {"sts:SetSourceIdentity", span_present(assume->session.source_identity)},
    };
    struct iam_value values[VALUES_MAX];
    struct iam_ask ask = query_ask(request, assume->role_arn);
    ask.account_id = assume->role_account;
    ask.resource_policy = trust;
    ask.request_tags = assume->session.tags;
    ask.request_tag_count = assume->session.tag_count;
    ask.resource_tags = assume->role.tags;
    ask.resource_tag_count = assume->role.tag_count;
    ask.values = values;
    ask.value_count = fill_values(request, assume, values);
    enum s3_err err = S3_OK;
    for (size_t i = 0; i < ARRAY_LEN(actions) && err == S3_OK; i++) {
        ask.action = actions[i].name;
        if (actions[i].needed)
            err = sts_ask(request, &ask);
    }
    policy_free(trust);
    return err;
}

static enum s3_err check_duration(struct request *request, const struct assume *assume)
{
    if (request->identity->is_temporary && assume->duration_s > CHAINED_MAX_S)
        return FAIL(request, VALIDATION_ERROR,
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining.");
    if (assume->duration_s > assume->role.max_session_s)
        return FAIL(request, VALIDATION_ERROR,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    return S3_OK;
}

static enum s3_err answer(
    struct request *request, const struct assume *assume, const struct session_credentials *made)
{
    const struct session *session = &assume->session;
    const struct iam_entity *role = &assume->role;
    struct buf *out = query_begin(request);
    sts_credentials(out, made);
    xml_open(out, SPAN("AssumedRoleUser"));
    struct span id =
        arena_format(&request->arena, "%.*s:%.*s", SPAN_ARG(role->id), SPAN_ARG(session->name));
    struct span arn = arena_format(&request->arena, "arn:aws:sts::%012llu:assumed-role/%.*s/%.*s",
        (unsigned long long)assume->role_account, SPAN_ARG(role->name), SPAN_ARG(session->name));
    xml_text(out, SPAN("AssumedRoleId"), id);
    xml_text(out, SPAN("Arn"), arn);
    xml_close(out, SPAN("AssumedRoleUser"));
    if (span_present(session->source_identity))
        xml_text(out, SPAN("SourceIdentity"), session->source_identity);
    xml_u64(out, SPAN("PackedPolicySize"), made->packed_percent);
    return query_end(request);
}

enum s3_err query_assume_role(struct request *request)
{
    struct assume assume = {0};
    TRY(read(request, &assume));
    if (request->identity->is_root)
        return FAIL(request, ACCESS_DENIED, "Roles may not be assumed by root accounts.");
    TRY(find_role(request, &assume));
    /* A source identity stays along a chain; nobody can set another. */
    struct span own = request->identity->source_identity;
    struct span asked = assume.session.source_identity;
    if (span_present(own) && span_present(asked) && !span_eq(own, asked))
        return sts_refuse(request, "sts:SetSourceIdentity", assume.role_arn);
    if (span_present(own))
        assume.session.source_identity = own;
    TRY(gather_tags(request, &assume));
    TRY(may_assume(request, &assume));
    TRY(check_duration(request, &assume));
    TRY(sts_read_policies(request, assume.role_account, &assume.session));
    struct session_credentials made;
    TRY(sts_make(request, &assume.session, assume.duration_s, &made));
    return answer(request, &assume, &made);
}
