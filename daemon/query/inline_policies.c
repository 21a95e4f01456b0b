/* Inline policies of users and groups. */
#include "daemon/query/entities.h"

enum s3_err query_put_user_policy(struct request *request)
{
    return query_put_inline(request, IAM_USER, PARAM_UserName);
}

enum s3_err query_get_user_policy(struct request *request)
{
    return query_get_inline(request, IAM_USER, PARAM_UserName);
}

enum s3_err query_delete_user_policy(struct request *request)
{
    return query_delete_inline(request, IAM_USER, PARAM_UserName);
}

enum s3_err query_list_user_policies(struct request *request)
{
    return query_list_inline(request, IAM_USER, PARAM_UserName);
}

enum s3_err query_put_group_policy(struct request *request)
{
    return query_put_inline(request, IAM_GROUP, PARAM_GroupName);
}

enum s3_err query_get_group_policy(struct request *request)
{
    return query_get_inline(request, IAM_GROUP, PARAM_GroupName);
}

enum s3_err query_delete_group_policy(struct request *request)
{
    return query_delete_inline(request, IAM_GROUP, PARAM_GroupName);
}

enum s3_err query_list_group_policies(struct request *request)
{
    return query_list_inline(request, IAM_GROUP, PARAM_GroupName);
}
