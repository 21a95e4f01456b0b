/* Access keys of users and of the account's root. */
#include "daemon/query.h"

/* The user whose keys are meant, and whether the caller may. *ret_name absent: the account's root. */
static enum s3_err find_owner(struct request *request, struct span *ret_name)
{
    struct iam_entity user;
    TRY(query_user_name(request, ret_name));
    if (span_present(*ret_name))
        return query_target(request, IAM_USER, *ret_name, &user);
    return query_allow(request, query_root_arn(request));
}

static void write_owner(struct buf *out, struct span name)
{
    if (span_present(name))
        xml_text(out, SPAN("UserName"), name);
}

static struct span status_of(const struct iam_key *key)
{
    return key->active ? SPAN("Active") : SPAN("Inactive");
}

enum s3_err query_create_access_key(struct request *request)
{
    struct span name;
    TRY(find_owner(request, &name));
    struct iam_call call = query_iam(request);
    struct iam_key key;
    struct span secret;
    TRY_IAM(request, &call, iam_key_create(&call, name, &key, &secret));
    struct buf *out = query_begin(request);
    xml_open(out, SPAN("AccessKey"));
    write_owner(out, key.user_name);
    xml_text(out, SPAN("AccessKeyId"), key.id);
    xml_text(out, SPAN("Status"), status_of(&key));
    xml_text(out, SPAN("SecretAccessKey"), secret);
    query_time(out, SPAN("CreateDate"), key.created_ms);
    xml_close(out, SPAN("AccessKey"));
    wipe((char *)secret.ptr, secret.len);
    return query_end(request);
}

enum s3_err query_list_access_keys(struct request *request)
{
    struct span name;
    struct iam_query page = query_page(request);
    TRY(find_owner(request, &name));
    struct iam_call call = query_iam(request);
    struct iam_key *keys = NULL;
    size_t count = 0;
    TRY_IAM(request, &call, iam_key_list(&call, name, &keys, &count));
    struct query_slice slice;
    TRY(query_slice(request, &page, count, &slice));
    struct buf *out = query_begin(request);
    xml_open(out, SPAN("AccessKeyMetadata"));
    for (size_t i = slice.from; i < slice.to; i++) {
        xml_open(out, SPAN("member"));
        write_owner(out, keys[i].user_name);
        xml_text(out, SPAN("AccessKeyId"), keys[i].id);
        xml_text(out, SPAN("Status"), status_of(&keys[i]));
        query_time(out, SPAN("CreateDate"), keys[i].created_ms);
        xml_close(out, SPAN("member"));
    }
    xml_close(out, SPAN("AccessKeyMetadata"));
    query_page_end(out, slice.truncated, slice.next);
    return query_end(request);
}

enum s3_err query_update_access_key(struct request *request)
{
    struct query_params *params = &request->query->params;
    struct span id = param_required(params, PARAM_AccessKeyId);
    struct span status = param_required(params, PARAM_Status);
    struct span name;
    TRY(find_owner(request, &name));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_key_set_active(&call, name, id, span_eq(status, SPAN("Active"))));
    return query_done(request);
}

enum s3_err query_delete_access_key(struct request *request)
{
    struct span id = param_required(&request->query->params, PARAM_AccessKeyId);
    struct span name;
    TRY(find_owner(request, &name));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_key_delete(&call, name, id));
    return query_done(request);
}

/* A key of the caller's account; of another account's nothing is told. */
static enum s3_err find_key(struct request *request, struct span id, struct iam_key *ret_key)
{
    struct iam_call call = query_iam(request);
    enum iam_err err = iam_key_get(&call, id, ret_key);
    if (err != IAM_OK && err != IAM_NO_SUCH_ENTITY)
        TRY_IAM(request, &call, err);
    bool own = err == IAM_OK && ret_key->account == request->principal.account_id;
    struct iam_entity user;
    if (own && span_present(ret_key->user_name))
        return query_target(request, IAM_USER, ret_key->user_name, &user);
    TRY(query_allow(request, own ? query_root_arn(request) : SPAN_ABSENT));
    if (own)
        return S3_OK;
    return FAIL(request, NO_SUCH_ENTITY,
        arena_format(&request->arena, "The Access Key with id %.*s cannot be found.", SPAN_ARG(id))
            .ptr);
}

enum s3_err query_get_access_key_last_used(struct request *request)
{
    struct span id = param_required(&request->query->params, PARAM_AccessKeyId);
    TRY(query_check(request));
    struct iam_key key;
    TRY(find_key(request, id, &key));
    bool used = key.used_ms != 0;
    struct buf *out = query_begin(request);
    write_owner(out, key.user_name);
    xml_open(out, SPAN("AccessKeyLastUsed"));
    if (used)
        query_time(out, SPAN("LastUsedDate"), key.used_ms);
    xml_text(out, SPAN("ServiceName"), used ? key.used_service : SPAN("N/A"));
    xml_text(out, SPAN("Region"), used ? key.used_region : SPAN("N/A"));
    xml_close(out, SPAN("AccessKeyLastUsed"));
    return query_end(request);
}
