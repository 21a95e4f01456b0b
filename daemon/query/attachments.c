/* Managed policies of users, groups and roles, and permissions boundaries of users and roles.
 * src: IAM API Reference, AttachUserPolicy, ListAttachedUserPolicies, PutUserPermissionsBoundary */
#include "daemon/query/entities.h"
#include "daemon/query/shapes.h"

static const enum query_param_id name_params[] = {
    [IAM_USER] = PARAM_UserName,
    [IAM_GROUP] = PARAM_GroupName,
    [IAM_ROLE] = PARAM_RoleName,
};

static struct span name_of(struct request *request, enum iam_kind kind)
{
    return param_required(&request->query->params, name_params[kind]);
}

static enum s3_err attach_or_detach(struct request *request, enum iam_kind kind,
    enum iam_err (*change)(struct iam_call *, enum iam_kind, struct span, struct span))
{
    struct span name = name_of(request, kind);
    struct span arn = param_required(&request->query->params, PARAM_PolicyArn);
    TRY(query_check(request));
    struct iam_entity entity;
    TRY(query_target_rights(request, kind, name, arn, &entity));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, change(&call, kind, entity.name, arn));
    return query_done(request);
}

enum s3_err query_attach_user_policy(struct request *request)
{
    return attach_or_detach(request, IAM_USER, iam_attach);
}

enum s3_err query_attach_group_policy(struct request *request)
{
    return attach_or_detach(request, IAM_GROUP, iam_attach);
}

enum s3_err query_attach_role_policy(struct request *request)
{
    return attach_or_detach(request, IAM_ROLE, iam_attach);
}

enum s3_err query_detach_user_policy(struct request *request)
{
    return attach_or_detach(request, IAM_USER, iam_detach);
}

enum s3_err query_detach_group_policy(struct request *request)
{
    return attach_or_detach(request, IAM_GROUP, iam_detach);
}

enum s3_err query_detach_role_policy(struct request *request)
{
    return attach_or_detach(request, IAM_ROLE, iam_detach);
}

static enum s3_err list_attached(struct request *request, enum iam_kind kind)
{
    struct span name = name_of(request, kind);
    struct iam_query query = query_page(request);
    TRY(query_check(request));
    struct iam_entity entity;
    TRY(query_target(request, kind, name, &entity));
    struct iam_call call = query_iam(request);
    struct iam_policy_page page;
    TRY_IAM(request, &call, iam_attached_list(&call, kind, entity.name, &query, &page));
    struct buf *out = query_begin(request);
    shape_attached(out, SPAN("AttachedPolicies"), page.items, page.count);
    query_page_end(out, page.truncated, page.next);
    return query_end(request);
}

enum s3_err query_list_attached_user_policies(struct request *request)
{
    return list_attached(request, IAM_USER);
}

enum s3_err query_list_attached_group_policies(struct request *request)
{
    return list_attached(request, IAM_GROUP);
}

enum s3_err query_list_attached_role_policies(struct request *request)
{
    return list_attached(request, IAM_ROLE);
}

/* ---- boundaries ---- */

static enum s3_err put_boundary(struct request *request, enum iam_kind kind)
{
    struct span name = name_of(request, kind);
    struct span arn = param_required(&request->query->params, PARAM_PermissionsBoundary);
    TRY(query_check(request));
    struct iam_value boundary = {POLICY_KEY_IAM_PERMISSIONS_BOUNDARY, arn};
    struct iam_ask ask = query_ask(request, SPAN_ABSENT);
    ask.values = &boundary;
    ask.value_count = 1;
    struct iam_entity entity;
    TRY(query_target_ask(request, kind, name, &ask, &entity));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_boundary_put(&call, kind, entity.name, arn));
    return query_done(request);
}

static enum s3_err delete_boundary(struct request *request, enum iam_kind kind)
{
    struct span name = name_of(request, kind);
    TRY(query_check(request));
    struct iam_entity entity;
    TRY(query_target_rights(request, kind, name, SPAN_ABSENT, &entity));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_boundary_put(&call, kind, entity.name, SPAN_ABSENT));
    return query_done(request);
}

enum s3_err query_put_user_permissions_boundary(struct request *request)
{
    return put_boundary(request, IAM_USER);
}

enum s3_err query_put_role_permissions_boundary(struct request *request)
{
    return put_boundary(request, IAM_ROLE);
}

enum s3_err query_delete_user_permissions_boundary(struct request *request)
{
    return delete_boundary(request, IAM_USER);
}

enum s3_err query_delete_role_permissions_boundary(struct request *request)
{
    return delete_boundary(request, IAM_ROLE);
}
