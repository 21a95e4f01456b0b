/* Roles: who may become what, for how long; their tags and inline policies.
 * src: IAM API Reference, CreateRole, GetRole, ListRoles, UpdateRole, UpdateAssumeRolePolicy, DeleteRole */
#include "daemon/query/entities.h"

static enum s3_err answer_role(struct request *request, const struct iam_entity *role)
{
    struct buf *out = query_begin(request);
    xml_open(out, SPAN("Role"));
    query_entity(out, role);
    query_role_details(out, role);
    query_boundary(out, role);
    if (role->tag_count > 0)
        query_tags(out, SPAN("Tags"), role->tags, role->tag_count);
    /* When a role was last used is not kept. */
    xml_text(out, SPAN("RoleLastUsed"), SPAN(""));
    xml_close(out, SPAN("Role"));
    return query_end(request);
}

static enum s3_err may_create(struct request *request, const struct iam_new *make)
{
    struct iam_value boundary = {POLICY_KEY_IAM_PERMISSIONS_BOUNDARY, make->boundary};
    struct iam_ask ask = query_ask(request, query_arn(request, "role", make->path, make->name));
    ask.request_tags = make->tags;
    ask.request_tag_count = make->tag_count;
    ask.values = &boundary;
    ask.value_count = span_present(make->boundary) ? 1 : 0;
    TRY(authorize_iam(request, &ask));
    if (make->tag_count == 0)
        return S3_OK;
    ask.action = "iam:TagRole";
    return authorize_iam(request, &ask);
}

enum s3_err query_create_role(struct request *request)
{
    struct query_params *params = &request->query->params;
    struct iam_new make = {
        .kind = IAM_ROLE,
        .name = param_required(params, PARAM_RoleName),
        .path = param_text(params, PARAM_Path),
        .boundary = param_text(params, PARAM_PermissionsBoundary),
        .description = param_text(params, PARAM_Description),
        .trust = param_required(params, PARAM_AssumeRolePolicyDocument),
        .max_session_s = (uint32_t)param_number(params, PARAM_MaxSessionDuration, 0),
    };
    make.tag_count = param_tags(params, &make.tags);
    TRY(query_check(request));
    TRY(may_create(request, &make));
    struct iam_call call = query_iam(request);
    struct iam_entity role;
    TRY_IAM(request, &call, iam_create(&call, &make, &role));
    return answer_role(request, &role);
}

enum s3_err query_get_role(struct request *request)
{
    struct span name = param_required(&request->query->params, PARAM_RoleName);
    TRY(query_check(request));
    struct iam_entity role;
    TRY(query_target(request, IAM_ROLE, name, &role));
    return answer_role(request, &role);
}

enum s3_err query_list_roles(struct request *request)
{
    return query_list_entities(request, IAM_ROLE, SPAN("Roles"));
}

enum s3_err query_delete_role(struct request *request)
{
    return query_delete_entity(request, IAM_ROLE, PARAM_RoleName);
}

static enum s3_err update(
    struct request *request, struct span name, const struct iam_update *change)
{
    struct iam_entity role;
    TRY(query_check(request));
    TRY(query_target(request, IAM_ROLE, name, &role));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_update(&call, IAM_ROLE, role.name, change));
    return S3_OK;
}

enum s3_err query_update_role(struct request *request)
{
    struct query_params *params = &request->query->params;
    struct span name = param_required(params, PARAM_RoleName);
    struct iam_update change = {
        .description = param_text(params, PARAM_Description),
        .max_session_s = (uint32_t)param_number(params, PARAM_MaxSessionDuration, 0),
    };
    TRY(update(request, name, &change));
    query_begin(request); /* an empty result, which SDKs look for */
    return query_end(request);
}

enum s3_err query_update_role_description(struct request *request)
{
    struct query_params *params = &request->query->params;
    struct span name = param_required(params, PARAM_RoleName);
    struct iam_update change = {.description = param_required(params, PARAM_Description)};
    TRY(update(request, name, &change));
    struct iam_call call = query_iam(request);
    struct iam_entity role;
    TRY_IAM(request, &call, iam_get(&call, IAM_ROLE, name, &role));
    return answer_role(request, &role);
}

enum s3_err query_update_assume_role_policy(struct request *request)
{
    struct query_params *params = &request->query->params;
    struct span name = param_required(params, PARAM_RoleName);
    struct span text = param_required(params, PARAM_PolicyDocument);
    TRY(query_check(request));
    struct iam_entity role;
    TRY(query_target(request, IAM_ROLE, name, &role));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_trust_put(&call, role.name, text));
    return query_done(request);
}

/* ---- tags and inline policies ---- */

enum s3_err query_tag_role(struct request *request)
{
    return query_tag_entity(request, IAM_ROLE, PARAM_RoleName);
}

enum s3_err query_untag_role(struct request *request)
{
    return query_untag_entity(request, IAM_ROLE, PARAM_RoleName);
}

enum s3_err query_list_role_tags(struct request *request)
{
    return query_list_entity_tags(request, IAM_ROLE, PARAM_RoleName);
}

enum s3_err query_put_role_policy(struct request *request)
{
    return query_put_inline(request, IAM_ROLE, PARAM_RoleName);
}

enum s3_err query_get_role_policy(struct request *request)
{
    return query_get_inline(request, IAM_ROLE, PARAM_RoleName);
}

enum s3_err query_delete_role_policy(struct request *request)
{
    return query_delete_inline(request, IAM_ROLE, PARAM_RoleName);
}

enum s3_err query_list_role_policies(struct request *request)
{
    return query_list_inline(request, IAM_ROLE, PARAM_RoleName);
}
