#include "daemon/authorize.h"

#include "daemon/daemon.h"
#include "names.h"

static enum s3_err allow(struct request *request, const char *action)
{
    if (action == NULL || request->principal.kind == PRINCIPAL_ROOT)
        return S3_OK;
    return FAIL(request, ACCESS_DENIED, NULL);
}

static bool makes_its_bucket(const struct op *op)
{
    return op->run == op_create_bucket;
}

static enum s3_err load_bucket(struct request *request)
{
    struct span name = request->target.bucket;
    if (!bucket_name_valid(name)) {
        request_error_field(request, SPAN("BucketName"), name);
        return makes_its_bucket(request->op) ? FAIL(request, INVALID_BUCKET_NAME, NULL)
                                             : FAIL(request, NO_SUCH_BUCKET, NULL);
    }
    if (makes_its_bucket(request->op))
        return S3_OK;
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
    struct span text = request_header(request, SPAN("x-amz-expected-bucket-owner"));
    uint64_t account;
    if (!span_present(text) || makes_its_bucket(request->op) ||
        (span_to_u64(text, &account) && account == request->bucket.owner_id))
        return S3_OK;
    return FAIL(request, ACCESS_DENIED, NULL);
}

enum s3_err authorize(struct request *request)
{
    const struct target *target = &request->target;
    /* Who is not known learns nothing of what exists: the bucket comes after. */
    TRY(allow(request, request->op->action));
    if (request->op->scope == TARGET_OBJECT) {
        enum s3_err err = key_check(target->key);
        if (err != S3_OK)
            return request_fail(request, err, NULL, __FILE__, __LINE__);
    }
    if (request->op->scope == TARGET_SERVICE ||
        (request->op->scope == TARGET_CONTROL && !span_present(target->bucket)))
        return S3_OK;
    TRY(load_bucket(request));
    return check_expected_owner(request);
}

enum s3_err authorize_also(
    struct request *request, const char *action, const struct bucket_info *bucket, struct span key)
{
    (void)bucket;
    (void)key;
    return allow(request, action);
}
