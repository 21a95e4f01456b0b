#include "daemon/query/entities.h"

void query_boundary(struct buf *out, const struct iam_entity *entity)
{
    if (!span_present(entity->boundary))
        return;
    xml_open(out, SPAN("PermissionsBoundary"));
    xml_text(out, SPAN("PermissionsBoundaryType"), SPAN("Policy"));
    xml_text(out, SPAN("PermissionsBoundaryArn"), entity->boundary);
    xml_close(out, SPAN("PermissionsBoundary"));
}

void query_role_details(struct buf *out, const struct iam_entity *role)
{
    query_document(out, SPAN("AssumeRolePolicyDocument"), role->trust);
    if (span_present(role->description))
        xml_text(out, SPAN("Description"), role->description);
    xml_u64(out, SPAN("MaxSessionDuration"), role->max_session_s);
}

void query_entities(struct buf *out, struct span list, const struct iam_page *page)
{
    xml_open(out, list);
    for (size_t i = 0; i < page->count; i++) {
        const struct iam_entity *entity = &page->items[i];
        xml_open(out, SPAN("member"));
        query_entity(out, entity);
        if (entity->kind == IAM_ROLE)
            query_role_details(out, entity);
        xml_close(out, SPAN("member"));
    }
    xml_close(out, list);
    query_page_end(out, page->truncated, page->next);
}

enum s3_err query_list_entities(struct request *request, enum iam_kind kind, struct span list)
{
    static const char *const types[] = {
        [IAM_USER] = "user", [IAM_GROUP] = "group", [IAM_ROLE] = "role"};
    struct iam_query query = query_page(request);
    TRY(query_check(request));
    /* "arn:aws:iam::ACCOUNT:user/": as AWS's refusals show it */
    TRY(query_allow(request, query_arn(request, types[kind], query.path_prefix, SPAN(""))));
    struct iam_call call = query_iam(request);
    struct iam_page page;
    TRY_IAM(request, &call, iam_list(&call, kind, &query, &page));
    query_entities(query_begin(request), list, &page);
    return query_end(request);
}

enum s3_err query_delete_entity(
    struct request *request, enum iam_kind kind, enum query_param_id name_id)
{
    struct span name = param_required(&request->query->params, name_id);
    TRY(query_check(request));
    struct iam_entity entity;
    TRY(query_target(request, kind, name, &entity));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_delete(&call, kind, name));
    return query_done(request);
}

/* ---- tags ---- */

enum s3_err query_tag_entity(
    struct request *request, enum iam_kind kind, enum query_param_id name_id)
{
    struct query_params *params = &request->query->params;
    struct span name = param_required(params, name_id);
    struct iam_ask ask = query_ask(request, SPAN_ABSENT);
    ask.request_tag_count = param_tags(params, &ask.request_tags);
    if (ask.request_tag_count == 0 && params_good(params))
        params_complain(params, SPAN("Tags"), "Member must not be null");
    TRY(query_check(request));
    struct iam_entity entity;
    TRY(query_target_ask(request, kind, name, &ask, &entity));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_tag(&call, kind, name, ask.request_tags, ask.request_tag_count));
    return query_done(request);
}

/* The tags to be taken away are aws:TagKeys of the question: names without values.
 * src: IAM User Guide, "aws:TagKeys" */
static bool ask_about_names(
    struct request *request, struct iam_ask *ask, const struct span *names, size_t count)
{
    struct policy_tag *tags = arena_array(&request->arena, struct policy_tag, count);
    for (size_t i = 0; tags != NULL && i < count; i++)
        tags[i] = (struct policy_tag){names[i], SPAN("")};
    ask->request_tags = tags;
    ask->request_tag_count = tags != NULL ? count : 0;
    return tags != NULL;
}

enum s3_err query_untag_entity(
    struct request *request, enum iam_kind kind, enum query_param_id name_id)
{
    struct query_params *params = &request->query->params;
    struct span name = param_required(params, name_id);
    const struct span *names = NULL;
    size_t count = param_list(params, PARAM_TagKeys, QUERY_TAGS_MAX, &names);
    if (count == 0 && params_good(params))
        params_complain(params, SPAN("TagKeys"), "Member must not be null");
    TRY(query_check(request));
    struct iam_ask ask = query_ask(request, SPAN_ABSENT);
    if (!ask_about_names(request, &ask, names, count))
        return FAIL(request, INTERNAL, NULL);
    struct iam_entity entity;
    TRY(query_target_ask(request, kind, name, &ask, &entity));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_untag(&call, kind, name, names, count));
    return query_done(request);
}

enum s3_err query_list_entity_tags(
    struct request *request, enum iam_kind kind, enum query_param_id name_id)
{
    struct span name = param_required(&request->query->params, name_id);
    struct iam_query page = query_page(request);
    TRY(query_check(request));
    struct iam_entity entity;
    TRY(query_target(request, kind, name, &entity));
    struct query_slice slice;
    TRY(query_slice(request, &page, entity.tag_count, &slice));
    struct buf *out = query_begin(request);
    query_tags(out, SPAN("Tags"), entity.tags + slice.from, slice.to - slice.from);
    query_page_end(out, slice.truncated, slice.next);
    return query_end(request);
}

/* ---- inline policies ---- */

enum s3_err query_target_rights(struct request *request, enum iam_kind kind, struct span name,
    struct span policy_arn, struct iam_entity *ret_entity)
{
    struct iam_value values[2];
    struct iam_ask ask = query_ask(request, SPAN_ABSENT);
    struct iam_call call = query_iam(request);
    struct iam_entity now;
    ask.values = values;
    if (span_present(policy_arn))
        values[ask.value_count++] = (struct iam_value){POLICY_KEY_IAM_POLICY_ARN, policy_arn};
    if (iam_get(&call, kind, name, &now) == IAM_OK && span_present(now.boundary))
        values[ask.value_count++] =
            (struct iam_value){POLICY_KEY_IAM_PERMISSIONS_BOUNDARY, now.boundary};
    return query_target_ask(request, kind, name, &ask, ret_entity);
}

enum s3_err query_put_inline(
    struct request *request, enum iam_kind kind, enum query_param_id name_id)
{
    struct query_params *params = &request->query->params;
    struct span name = param_required(params, name_id);
    struct span policy = param_required(params, PARAM_PolicyName);
    struct span text = param_required(params, PARAM_PolicyDocument);
    TRY(query_check(request));
    struct iam_entity entity;
    TRY(query_target_rights(request, kind, name, SPAN_ABSENT, &entity));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_inline_put(&call, kind, name, policy, text));
    return query_done(request);
}

enum s3_err query_get_inline(
    struct request *request, enum iam_kind kind, enum query_param_id name_id)
{
    static const struct span elements[] = {[IAM_USER] = SPAN("UserName"),
        [IAM_GROUP] = SPAN("GroupName"),
        [IAM_ROLE] = SPAN("RoleName")};
    struct query_params *params = &request->query->params;
    struct span name = param_required(params, name_id);
    struct span policy = param_required(params, PARAM_PolicyName);
    TRY(query_check(request));
    struct iam_entity entity;
    TRY(query_target(request, kind, name, &entity));
    struct iam_call call = query_iam(request);
    struct span text;
    TRY_IAM(request, &call, iam_inline_get(&call, kind, name, policy, &text));
    struct buf *out = query_begin(request);
    xml_text(out, elements[kind], entity.name);
    xml_text(out, SPAN("PolicyName"), policy);
    query_document(out, SPAN("PolicyDocument"), text);
    return query_end(request);
}

enum s3_err query_delete_inline(
    struct request *request, enum iam_kind kind, enum query_param_id name_id)
{
    struct query_params *params = &request->query->params;
    struct span name = param_required(params, name_id);
    struct span policy = param_required(params, PARAM_PolicyName);
    TRY(query_check(request));
    struct iam_entity entity;
    TRY(query_target_rights(request, kind, name, SPAN_ABSENT, &entity));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_inline_delete(&call, kind, name, policy));
    return query_done(request);
}

enum s3_err query_list_inline(
    struct request *request, enum iam_kind kind, enum query_param_id name_id)
{
    struct span name = param_required(&request->query->params, name_id);
    struct iam_query query = query_page(request);
    TRY(query_check(request));
    struct iam_entity entity;
    TRY(query_target(request, kind, name, &entity));
    struct iam_call call = query_iam(request);
    struct iam_inline_page page;
    TRY_IAM(request, &call, iam_inline_list(&call, kind, name, &query, &page));
    struct buf *out = query_begin(request);
    xml_open(out, SPAN("PolicyNames"));
    for (size_t i = 0; i < page.count; i++)
        xml_text(out, SPAN("member"), page.items[i].name);
    xml_close(out, SPAN("PolicyNames"));
    query_page_end(out, page.truncated, page.next);
    return query_end(request);
}
