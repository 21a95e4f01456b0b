/* Managed policies and their tags; versions are in policy_versions.c, who has them in attachments.c.
 * src: IAM API Reference, CreatePolicy, GetPolicy, ListPolicies, DeletePolicy, TagPolicy */
#include "daemon/query/policy_target.h"
#include "daemon/query/shapes.h"

enum s3_err policy_target(struct request *request, const struct policy_tag *tags, size_t tag_count,
    struct iam_policy *ret_policy)
{
    struct span arn = param_required(&request->query->params, PARAM_PolicyArn);
    TRY(query_check(request));
    struct iam_call call = query_iam(request);
    enum iam_err found = iam_policy_get(&call, arn, ret_policy);
    struct iam_ask ask = query_ask(request, arn);
    ask.request_tags = tags;
    ask.request_tag_count = tag_count;
    if (found == IAM_OK) {
        ask.resource_tags = ret_policy->tags;
        ask.resource_tag_count = ret_policy->tag_count;
    }
    TRY(authorize_iam(request, &ask));
    TRY_IAM(request, &call, found);
    return S3_OK;
}

static enum s3_err answer_policy(struct request *request, const struct iam_policy *policy)
{
    struct buf *out = query_begin(request);
    xml_open(out, SPAN("Policy"));
    shape_policy(out, policy, true);
    xml_close(out, SPAN("Policy"));
    return query_end(request);
}

enum s3_err query_create_policy(struct request *request)
{
    struct query_params *params = &request->query->params;
    struct iam_policy_new make = {
        .name = param_required(params, PARAM_PolicyName),
        .path = param_text(params, PARAM_Path),
        .description = param_text(params, PARAM_Description),
        .text = param_required(params, PARAM_PolicyDocument),
    };
    make.tag_count = param_tags(params, &make.tags);
    TRY(query_check(request));
    struct iam_ask ask = query_ask(request, query_arn(request, "policy", make.path, make.name));
    ask.request_tags = make.tags;
    ask.request_tag_count = make.tag_count;
    TRY(authorize_iam(request, &ask));
    if (make.tag_count > 0) {
        ask.action = "iam:TagPolicy";
        TRY(authorize_iam(request, &ask));
    }
    struct iam_call call = query_iam(request);
    struct iam_policy policy;
    TRY_IAM(request, &call, iam_policy_create(&call, &make, &policy));
    return answer_policy(request, &policy);
}

enum s3_err query_get_policy(struct request *request)
{
    struct iam_policy policy;
    TRY(policy_target(request, NULL, 0, &policy));
    return answer_policy(request, &policy);
}

enum s3_err query_delete_policy(struct request *request)
{
    struct iam_policy policy;
    TRY(policy_target(request, NULL, 0, &policy));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_policy_delete(&call, policy.arn));
    return query_done(request);
}

static enum iam_usage read_usage(struct query_params *params)
{
    struct span usage = param_text(params, PARAM_PolicyUsageFilter);
    if (!span_present(usage))
        return IAM_USED_ANY;
    return span_eq(usage, SPAN("PermissionsPolicy")) ? IAM_USED_AS_POLICY : IAM_USED_AS_BOUNDARY;
}

enum s3_err query_list_policies(struct request *request)
{
    struct query_params *params = &request->query->params;
    struct span scope = param_text(params, PARAM_Scope);
    struct iam_policy_query query = {
        .page = query_page(request),
        .whose = span_eq(scope, SPAN("AWS"))     ? IAM_AWS_POLICIES
                 : span_eq(scope, SPAN("Local")) ? IAM_LOCAL_POLICIES
                                                 : IAM_ALL_POLICIES,
        .only_attached = param_bool(params, PARAM_OnlyAttached, false),
        .usage = read_usage(params),
    };
    TRY(query_check(request));
    TRY(query_allow(request, SPAN_ABSENT));
    struct iam_call call = query_iam(request);
    struct iam_policy_page page;
    TRY_IAM(request, &call, iam_policy_list(&call, &query, &page));
    struct buf *out = query_begin(request);
    xml_open(out, SPAN("Policies"));
    for (size_t i = 0; i < page.count; i++) {
        xml_open(out, SPAN("member"));
        shape_policy(out, &page.items[i], false);
        xml_close(out, SPAN("member"));
    }
    xml_close(out, SPAN("Policies"));
    query_page_end(out, page.truncated, page.next);
    return query_end(request);
}

static const struct {
    const char *filter, *list, *name, *id;
} entity_lists[] = {
    [IAM_USER] = {"User", "PolicyUsers", "UserName", "UserId"},
    [IAM_GROUP] = {"Group", "PolicyGroups", "GroupName", "GroupId"},
    [IAM_ROLE] = {"Role", "PolicyRoles", "RoleName", "RoleId"},
};

static void write_entities(struct buf *out, enum iam_kind kind, const struct iam_page *page)
{
    xml_open(out, span_str(entity_lists[kind].list));
    for (size_t i = 0; i < page->count; i++) {
        if (page->items[i].kind != kind)
            continue;
        xml_open(out, SPAN("member"));
        xml_text(out, span_str(entity_lists[kind].name), page->items[i].name);
        xml_text(out, span_str(entity_lists[kind].id), page->items[i].id);
        xml_close(out, SPAN("member"));
    }
    xml_close(out, span_str(entity_lists[kind].list));
}

enum s3_err query_list_entities_for_policy(struct request *request)
{
    struct query_params *params = &request->query->params;
    struct span filter = param_text(params, PARAM_EntityFilter);
    struct iam_users_of_policy query = {
        .usage = read_usage(params),
        .page = query_page(request),
    };
    struct iam_policy policy;
    TRY(policy_target(request, NULL, 0, &policy));
    bool none = span_present(filter); /* filters that are no entity's find nothing */
    for (size_t i = 0; i < ARRAY_LEN(entity_lists); i++) {
        query.kinds[i] = span_eq(filter, span_str(entity_lists[i].filter));
        none = none && !query.kinds[i];
    }
    struct iam_call call = query_iam(request);
    struct iam_page page = {0};
    if (!none)
        TRY_IAM(request, &call, iam_policy_entities(&call, policy.arn, &query, &page));
    struct buf *out = query_begin(request);
    write_entities(out, IAM_GROUP, &page);
    write_entities(out, IAM_USER, &page);
    write_entities(out, IAM_ROLE, &page);
    query_page_end(out, page.truncated, page.next);
    return query_end(request);
}

enum s3_err query_tag_policy(struct request *request)
{
    const struct policy_tag *tags = NULL;
    size_t count = param_tags(&request->query->params, &tags);
    if (count == 0 && request->query->params.fault == S3_OK)
        params_complain(&request->query->params, SPAN("Tags"), "Member must not be null");
    struct iam_policy policy;
    TRY(policy_target(request, tags, count, &policy));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_policy_tag(&call, policy.arn, tags, count));
    return query_done(request);
}

enum s3_err query_untag_policy(struct request *request)
{
    struct query_params *params = &request->query->params;
    const struct span *names = NULL;
    size_t count = param_list(params, PARAM_TagKeys, QUERY_TAGS_MAX, &names);
    if (count == 0 && params_good(params))
        params_complain(params, SPAN("TagKeys"), "Member must not be null");
    struct policy_tag asked[QUERY_TAGS_MAX] = {0};
    for (size_t i = 0; i < count; i++)
        asked[i] = (struct policy_tag){names[i], SPAN("")};
    struct iam_policy policy;
    TRY(policy_target(request, asked, count, &policy));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_policy_untag(&call, policy.arn, names, count));
    return query_done(request);
}

enum s3_err query_list_policy_tags(struct request *request)
{
    struct iam_query query = query_page(request);
    struct iam_policy policy;
    TRY(policy_target(request, NULL, 0, &policy));
    struct query_slice slice;
    TRY(query_slice(request, &query, policy.tag_count, &slice));
    struct buf *out = query_begin(request);
    query_tags(out, SPAN("Tags"), policy.tags + slice.from, slice.to - slice.from);
    query_page_end(out, slice.truncated, slice.next);
    return query_end(request);
}
