/* Users: CreateUser, GetUser, ListUsers, UpdateUser, DeleteUser and their tags. */
#include "daemon/accounts.h"
#include "daemon/daemon.h"
#include "daemon/query/entities.h"

/* src: IAM API Reference, "CreateUser" */
enum { NEW_USER_NAME_MAX = 64 };

static void write_user(struct buf *out, const struct iam_entity *user)
{
    xml_open(out, SPAN("User"));
    query_entity(out, user);
    query_boundary(out, user);
    if (user->tag_count > 0)
        query_tags(out, SPAN("Tags"), user->tags, user->tag_count);
    xml_close(out, SPAN("User"));
}

enum s3_err query_create_user(struct request *request)
{
    struct query_params *params = &request->query->params;
    struct iam_new make = {.kind = IAM_USER,
        .name = param_new_name(params, PARAM_UserName, NEW_USER_NAME_MAX),
        .path = param_text(params, PARAM_Path),
        .boundary = param_text(params, PARAM_PermissionsBoundary)};
    make.tag_count = param_tags(params, &make.tags);
    TRY(query_check(request));
    struct iam_ask ask = query_ask(request, query_arn(request, "user", make.path, make.name));
    struct iam_value boundary = {POLICY_KEY_IAM_PERMISSIONS_BOUNDARY, make.boundary};
    ask.request_tags = make.tags;
    ask.request_tag_count = make.tag_count;
    ask.values = &boundary;
    ask.value_count = span_present(make.boundary);
    TRY(authorize_iam(request, &ask));
    if (make.tag_count > 0) { /* src: IAM User Guide, "Tag IAM users" */
        ask.action = "iam:TagUser";
        TRY(authorize_iam(request, &ask));
    }
    struct iam_call call = query_iam(request);
    struct iam_entity user;
    TRY_IAM(request, &call, iam_create(&call, &make, &user));
    write_user(query_begin(request), &user);
    return query_end(request);
}

/* The account's root, which is no entity. */
static enum s3_err get_root(struct request *request)
{
    uint64_t id = request->principal.account_id;
    char digits[ACCOUNT_ID_DIGITS + 1];
    account_digits(id, digits);
    struct span arn = query_root_arn(request);
    TRY(query_allow(request, arn));
    struct account account = {0};
    if (request->daemon->accounts != NULL && !accounts_get(request->daemon->accounts, id, &account))
        account.created_ms = 0;
    struct buf *out = query_begin(request);
    xml_open(out, SPAN("User"));
    xml_text(out, SPAN("UserId"), span_str(digits));
    xml_text(out, SPAN("Arn"), arn);
    query_time(out, SPAN("CreateDate"), account.created_ms);
    xml_close(out, SPAN("User"));
    return query_end(request);
}

enum s3_err query_get_user(struct request *request)
{
    struct span name;
    TRY(query_user_name(request, &name));
    if (!span_present(name))
        return get_root(request);
    struct iam_entity user;
    TRY(query_target(request, IAM_USER, name, &user));
    write_user(query_begin(request), &user);
    return query_end(request);
}

enum s3_err query_list_users(struct request *request)
{
    return query_list_entities(request, IAM_USER, SPAN("Users"));
}

/* Who moves or renames must be allowed to do it there, too.
 * src: IAM User Guide, "Renaming an IAM user" */
static enum s3_err allow_new_place(
    struct request *request, const struct iam_entity *user, const struct iam_update *update)
{
    struct span path = span_present(update->new_path) ? update->new_path : user->path;
    struct span name = span_present(update->new_name) ? update->new_name : user->name;
    struct iam_ask ask = query_ask(request, query_arn(request, "user", path, name));
    ask.resource_tags = user->tags;
    ask.resource_tag_count = user->tag_count;
    return authorize_iam(request, &ask);
}

enum s3_err query_update_user(struct request *request)
{
    struct query_params *params = &request->query->params;
    struct span name = param_required(params, PARAM_UserName);
    struct iam_update update = {.new_name = param_text(params, PARAM_NewUserName),
        .new_path = param_text(params, PARAM_NewPath)};
    TRY(query_check(request));
    struct iam_entity user;
    TRY(query_target(request, IAM_USER, name, &user));
    TRY(allow_new_place(request, &user, &update));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_update(&call, IAM_USER, name, &update));
    return query_done(request);
}

enum s3_err query_delete_user(struct request *request)
{
    return query_delete_entity(request, IAM_USER, PARAM_UserName);
}

/* ---- tags ---- */

enum s3_err query_tag_user(struct request *request)
{
    return query_tag_entity(request, IAM_USER, PARAM_UserName);
}

enum s3_err query_untag_user(struct request *request)
{
    return query_untag_entity(request, IAM_USER, PARAM_UserName);
}

enum s3_err query_list_user_tags(struct request *request)
{
    return query_list_entity_tags(request, IAM_USER, PARAM_UserName);
}
