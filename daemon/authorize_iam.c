/* Questions of the Query API and of the daemon itself: no bucket, so neither bucket policy nor ACL. */
#include "daemon/accounts.h"
#include "daemon/authorize.h"
#include "daemon/authorize_decide.h"
#include "daemon/context.h"
#include "daemon/daemon.h"

static enum s3_err add_tags(
    struct request *request, const struct iam_ask *ask, struct context *context)
{
    context->policy.tags[POLICY_TAGS_REQUEST].items = ask->request_tags;
    context->policy.tags[POLICY_TAGS_REQUEST].count = ask->request_tag_count;
    context->policy.tags[POLICY_TAGS_RESOURCE].items = ask->resource_tags;
    context->policy.tags[POLICY_TAGS_RESOURCE].count = ask->resource_tag_count;
    if (ask->request_tag_count == 0)
        return S3_OK;
    struct span *names = arena_array(&request->arena, struct span, ask->request_tag_count);
    if (names == NULL)
        return FAIL(request, INTERNAL, NULL);
    for (size_t i = 0; i < ask->request_tag_count; i++)
        names[i] = ask->request_tags[i].name;
    context->policy.keys[POLICY_KEY_AWS_TAG_KEYS] =
        (struct policy_values){names, ask->request_tag_count};
    return S3_OK;
}

/* A key that comes several times in a row has all these values. */
static enum s3_err add_values(
    struct request *request, const struct iam_ask *ask, struct context *context)
{
    struct span *items = arena_array(&request->arena, struct span, ask->value_count);
    if (items == NULL)
        return FAIL(request, INTERNAL, NULL);
    for (size_t i = 0; i < ask->value_count; i++) {
        enum policy_key key = ask->values[i].key;
        struct policy_values *values = &context->policy.keys[key];
        items[i] = ask->values[i].value;
        if (i > 0 && ask->values[i - 1].key == key)
            values->count++;
        else
            *values = (struct policy_values){&items[i], 1};
    }
    return S3_OK;
}

static enum s3_err fill(struct request *request, const struct iam_ask *ask,
    const struct access_request *access, struct context *ret_context)
{
    TRY(context_fill(request, NULL, access, ret_context));
    TRY(add_tags(request, ask, ret_context));
    if (access->resource_account.len > 0)
        context_set(ret_context, POLICY_KEY_AWS_RESOURCE_ACCOUNT, access->resource_account);
    return add_values(request, ask, ret_context);
}

static enum s3_err decide_iam(
    struct request *request, const struct iam_ask *ask, struct access_result *ret_result)
{
    char account[ACCOUNT_ID_DIGITS + 1];
    struct context context;
    struct access_request access = {
        .resource = ask->resource_policy, .resource_must_allow = ask->resource_policy != NULL};
    TRY(decide_subject(request, ask->action, &access));
    access.ask.resource = span_present(ask->resource) ? ask->resource : SPAN("*");
    if (ask->account_id != 0) {
        account_digits(ask->account_id, account);
        access.resource_account = span_of(account, ACCOUNT_ID_DIGITS);
    }
    TRY(fill(request, ask, &access, &context));
    access.ask.context = &context.policy;
    access_decide(&access, ret_result);
    return S3_OK;
}

enum s3_err authorize_iam(struct request *request, const struct iam_ask *ask)
{
    struct access_result result;
    TRY(decide_iam(request, ask, &result));
    if (result.allowed)
        return S3_OK;
    struct span resource = span_present(ask->resource) ? ask->resource : SPAN("*");
    return FAIL(request, ACCESS_DENIED, decide_refusal(request, ask->action, resource, 0, &result));
}

enum s3_err authorize_system(struct request *request, const char *action)
{
    struct iam_ask ask = {.action = action, .account_id = ROOT_ACCOUNT_ID};
    if (request->principal.kind == PRINCIPAL_ANONYMOUS ||
        request->principal.account_id != ROOT_ACCOUNT_ID)
        return FAIL(request, ACCESS_DENIED, NULL);
    return authorize_iam(request, &ask);
}

enum s3_err authorize_own(struct request *request, const char *action)
{
    struct iam_ask ask = {.action = action, .account_id = request->principal.account_id};
    if (request->principal.kind == PRINCIPAL_ANONYMOUS)
        return FAIL(request, ACCESS_DENIED, NULL);
    return authorize_iam(request, &ask);
}
