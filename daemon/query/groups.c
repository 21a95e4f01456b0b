/* Groups, and who is in them. */
#include "daemon/query/entities.h"

static void write_group(struct buf *out, const struct iam_entity *group)
{
    xml_open(out, SPAN("Group"));
    query_entity(out, group);
    xml_close(out, SPAN("Group"));
}

enum s3_err query_create_group(struct request *request)
{
    struct query_params *params = &request->query->params;
    struct iam_new make = {.kind = IAM_GROUP,
        .name = param_required(params, PARAM_GroupName),
        .path = param_text(params, PARAM_Path)};
    TRY(query_check(request));
    TRY(query_allow(request, query_arn(request, "group", make.path, make.name)));
    struct iam_call call = query_iam(request);
    struct iam_entity group;
    TRY_IAM(request, &call, iam_create(&call, &make, &group));
    write_group(query_begin(request), &group);
    return query_end(request);
}

enum s3_err query_get_group(struct request *request)
{
    struct span name = param_required(&request->query->params, PARAM_GroupName);
    struct iam_query query = query_page(request);
    TRY(query_check(request));
    struct iam_entity group;
    TRY(query_target(request, IAM_GROUP, name, &group));
    struct iam_call call = query_iam(request);
    struct iam_page page;
    TRY_IAM(request, &call, iam_group_members(&call, name, &query, &page));
    struct buf *out = query_begin(request);
    write_group(out, &group);
    query_entities(out, SPAN("Users"), &page);
    return query_end(request);
}

enum s3_err query_list_groups(struct request *request)
{
    return query_list_entities(request, IAM_GROUP, SPAN("Groups"));
}

enum s3_err query_update_group(struct request *request)
{
    struct query_params *params = &request->query->params;
    struct span name = param_required(params, PARAM_GroupName);
    struct iam_update update = {.new_name = param_text(params, PARAM_NewGroupName),
        .new_path = param_text(params, PARAM_NewPath)};
    TRY(query_check(request));
    struct iam_entity group;
    TRY(query_target(request, IAM_GROUP, name, &group));
    struct span path = span_present(update.new_path) ? update.new_path : group.path;
    struct span new_name = span_present(update.new_name) ? update.new_name : group.name;
    TRY(query_allow(request, query_arn(request, "group", path, new_name)));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_update(&call, IAM_GROUP, name, &update));
    return query_done(request);
}

enum s3_err query_delete_group(struct request *request)
{
    return query_delete_entity(request, IAM_GROUP, PARAM_GroupName);
}

/* ---- members ---- */

static enum s3_err change_member(struct request *request,
    enum iam_err (*change)(struct iam_call *call, struct span group, struct span user))
{
    struct query_params *params = &request->query->params;
    struct span name = param_required(params, PARAM_GroupName);
    struct span user = param_required(params, PARAM_UserName);
    TRY(query_check(request));
    struct iam_entity group;
    TRY(query_target(request, IAM_GROUP, name, &group));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, change(&call, name, user));
    return query_done(request);
}

enum s3_err query_add_user_to_group(struct request *request)
{
    return change_member(request, iam_group_add);
}

enum s3_err query_remove_user_from_group(struct request *request)
{
    return change_member(request, iam_group_remove);
}

enum s3_err query_list_groups_for_user(struct request *request)
{
    struct span name = param_required(&request->query->params, PARAM_UserName);
    struct iam_query query = query_page(request);
    TRY(query_check(request));
    struct iam_entity user;
    TRY(query_target(request, IAM_USER, name, &user));
    struct iam_call call = query_iam(request);
    struct iam_page page;
    TRY_IAM(request, &call, iam_user_groups(&call, name, &query, &page));
    query_entities(query_begin(request), SPAN("Groups"), &page);
    return query_end(request);
}
