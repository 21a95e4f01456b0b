#include "daemon/authorize.h"

#include "daemon/authorize_decide.h"
#include "daemon/authorize_rules.h"
#include "daemon/context.h"
#include "daemon/daemon.h"
#include "daemon/ops/link_ops.h"
#include "daemon/ops/object_common.h"
#include "names.h"

/* ---- questions ---- */

bool authorize_allows(
    struct request *request, const struct access_ask *ask, struct access_result *ret_result)
{
    struct access_result result = {.allowed = false, .reason = ACCESS_BY_NOTHING};
    if (decide(request, ask, &result) != S3_OK) {
        request->err = S3_OK; /* no is the answer, not an error */
        request->err_detail = SPAN_ABSENT;
        result.allowed = false;
    }
    if (ret_result != NULL)
        *ret_result = result;
    return result.allowed;
}

static enum s3_err refuse(
    struct request *request, const struct access_ask *ask, const struct access_result *result)
{
    char arn[DECIDE_ARN_BYTES];
    uint64_t owner = ask->bucket != NULL ? ask->bucket->owner_id : 0;
    struct span quoted = arena_format(&request->arena, "\"%.*s\"", SPAN_ARG(decide_arn(ask, arn)));
    return FAIL(
        request, ACCESS_DENIED, decide_refusal(request, ask->action, quoted, owner, result));
}

enum s3_err authorize_ask(struct request *request, const struct access_ask *ask)
{
    struct access_result result;
    TRY(decide(request, ask, &result));
    return result.allowed ? S3_OK : refuse(request, ask, &result);
}

enum s3_err authorize_also(
    struct request *request, const char *action, const struct bucket_info *bucket, struct span key)
{
    return authorize_ask(
        request, &(struct access_ask){.action = action, .bucket = bucket, .key = key});
}

enum s3_err authorize_missing(struct request *request, const struct bucket_info *bucket)
{
    struct access_ask ask = {.action = "s3:ListBucket", .bucket = bucket};
    struct access_result result;
    TRY(decide(request, &ask, &result));
    return result.allowed ? S3_OK : refuse(request, &ask, &result);
}

/* ---- the bucket ---- */

static bool makes_its_bucket(const struct op *op)
{
    return op->run == op_create_bucket;
}

static enum s3_err load_bucket(struct request *request)
{
    struct span name = request->target.bucket;
    if (!bucket_name_valid(name)) {
        request_error_field(request, SPAN("BucketName"), name);
        return FAIL(request, NO_SUCH_BUCKET, NULL);
    }
    enum storage_err err =
        storage_bucket_get(request_store(request), name, &request->arena, &request->bucket);
    if (err == STORAGE_OK)
        return S3_OK;
    request->bucket = (struct bucket_info){0};
    if (err == STORAGE_NO_SUCH_BUCKET)
        request_error_field(request, SPAN("BucketName"), name);
    return FAIL_STORAGE(request, err);
}

/* Who names the owner wants no other's bucket, though it has the same name. */
static enum s3_err check_expected_owner(struct request *request)
{
    struct span text = object_amz_header(request, SPAN("x-amz-expected-bucket-owner"));
    uint64_t account;
    if (!span_present(text) || (span_to_u64(text, &account) && account == request->bucket.owner_id))
        return S3_OK;
    return FAIL(request, ACCESS_DENIED, NULL);
}

/* ---- CreateBucket ---- */

static struct access_ask ask_to_make(
    const struct request *request, struct bucket_info *bucket, struct span location)
{
    *bucket = (struct bucket_info){
        .name = request->target.bucket, .owner_id = request->principal.account_id};
    return (struct access_ask){
        .action = request->op->action, .bucket = bucket, .location = location};
}

static enum s3_err make_bucket(struct request *request)
{
    struct bucket_info bucket;
    struct access_ask ask = ask_to_make(request, &bucket, SPAN_ABSENT);
    struct access_request access = {.acl_allows = false};
    if (!bucket_name_valid(request->target.bucket) &&
        request->principal.kind != PRINCIPAL_ANONYMOUS) {
        request_error_field(request, SPAN("BucketName"), request->target.bucket);
        return FAIL(request, INVALID_BUCKET_NAME, NULL);
    }
    TRY(decide_subject(request, ask.action, &access));
    /* Then the answer waits for the body: authorize_create_bucket. */
    if (!context_uses_key(&access, POLICY_KEY_S3_LOCATION_CONSTRAINT) &&
        !context_uses_bucket_tags(&access))
        TRY(authorize_ask(request, &ask));
    return authorize_rules(request, &bucket);
}

enum s3_err authorize_create_bucket(
    struct request *request, struct span location, const struct tags *tags)
{
    struct bucket_info bucket;
    struct access_ask ask = ask_to_make(request, &bucket, location);
    ask.tags = tags;
    return authorize_ask(request, &ask);
}

/* ---- the step ---- */

/* What is not the first account's alone. */
static bool is_of_any_account(const char *action)
{
    static const char *const actions[] = {
        "lakegate:CreateLink", "lakegate:DeleteLink", "lakegate:GetLink", "lakegate:ListLinks"};
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(action, actions[i]) == 0)
            return true;
    return false;
}

static enum s3_err of_service(struct request *request)
{
    const char *action = request->op->action;
    if (action == NULL)
        return S3_OK;
    if (is_of_any_account(action))
        return authorize_own(request, action);
    if (span_starts(span_str(action), SPAN("lakegate:")))
        return authorize_system(request, action);
    return authorize_ask(request, &(struct access_ask){.action = action});
}

static enum s3_err of_bucket(struct request *request)
{
    const struct op *op = request->op;
    TRY(load_bucket(request));
    if (op->action == NULL)
        return S3_OK;
    TRY(authorize_anonymous(request));
    struct access_ask ask = authorize_main_ask(request);
    struct access_result result;
    if (op->run == op_delete_objects) { /* each key is asked for */
        TRY(check_expected_owner(request));
        return link_take_over(request);
    }
    TRY(decide(request, &ask, &result));
    /* Then the answer waits for the body: who reads the tags asks again. */
    if (!result.allowed && !request->tags_unread &&
        (result.explicit_deny || !authorize_as_initiator(request)))
        return refuse(request, &ask, &result);
    TRY(authorize_owner_only(request));
    TRY(authorize_rules(request, &request->bucket));
    TRY(check_expected_owner(request));
    return link_take_over(request);
}

enum s3_err authorize(struct request *request)
{
    const struct target *target = &request->target;
    if (target->scope == TARGET_OBJECT) { /* a form's key is not in its URL */
        enum s3_err err = key_check(target->key);
        if (err != S3_OK)
            return request_fail(request, err, NULL, __FILE__, __LINE__);
    }
    if (request->op->scope == TARGET_SERVICE ||
        (request->op->scope == TARGET_CONTROL && !span_present(target->bucket)))
        return of_service(request);
    return makes_its_bucket(request->op) ? make_bucket(request) : of_bucket(request);
}
