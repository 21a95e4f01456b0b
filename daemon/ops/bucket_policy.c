/* PutBucketPolicy, GetBucketPolicy, DeleteBucketPolicy, GetBucketPolicyStatus.
 * src: Amazon S3 API Reference, the operations of these names */
#include "daemon/bucket_policy.h"

#include "access.h"
#include "daemon/authorize_decide.h"
#include "daemon/bucket_documents.h"
#include "daemon/ops/object_common.h"
#include "daemon/public_access.h"
#include "xml_write.h"

static enum s3_err no_policy(struct request *request)
{
    request_error_field(request, SPAN("BucketName"), request->bucket.name);
    return FAIL(request, NO_SUCH_BUCKET_POLICY, NULL);
}

enum s3_err op_get_bucket_policy(struct request *request)
{
    struct span document;
    TRY(bucket_document_text(request, &request->bucket, DOCUMENT_POLICY, &document));
    if (!span_present(document))
        return no_policy(request);
    struct span text = bucket_policy_shown(request, document);
    if (!span_present(text))
        return FAIL(request, INTERNAL, NULL);
    struct response *response = &request->response;
    response->status = 200;
    response->kind = RESPONSE_BUFFER;
    buf_init(&response->buffer, STORAGE_DOCUMENT_MAX_BYTES);
    buf_add(&response->buffer, text);
    response_header_borrowed(request, "Content-Type", SPAN("application/json"));
    return buf_ok(&response->buffer) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

enum s3_err op_get_bucket_policy_status(struct request *request)
{
    const struct bucket_policy *policy;
    TRY(bucket_policy_of(request, &request->bucket, &policy));
    if (policy == NULL)
        return no_policy(request);
    struct buf *out = response_xml(request, 200);
    xml_begin_document(out, SPAN("PolicyStatus"));
    xml_bool(out, SPAN("IsPublic"), policy->is_public);
    xml_close(out, SPAN("PolicyStatus"));
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

/* ---- changing ---- */

/* src: Amazon S3 User Guide, "Blocking public access": BlockPublicPolicy */
static enum s3_err check_block(struct request *request, const struct policy *policy)
{
    struct public_access own, account;
    if (!policy_is_public(policy))
        return S3_OK;
    TRY(public_access_levels(request, &request->bucket, &own, &account));
    if (!own.block_public_policy && !account.block_public_policy)
        return S3_OK;
    const struct policy_principal *principal;
    struct access_request access = {.acl_allows = false};
    TRY(decide_subject(request, "s3:PutBucketPolicy", &access));
    principal = access.ask.principal;
    struct span name = request->bucket.name;
    struct span where =
        account.block_public_policy
            ? arena_format(&request->arena,
                  "It is on for account %012llu: turn it off there with aws s3control "
                  "put-public-access-block%s",
                  (unsigned long long)request->bucket.owner_id,
                  own.block_public_policy ? ", and for the bucket" : "")
            : arena_format(&request->arena,
                  "It is on for this bucket: turn it off with aws s3api "
                  "delete-public-access-block --bucket %.*s, or PutPublicAccessBlock",
                  SPAN_ARG(name));
    struct span message = arena_format(&request->arena,
        "User: %.*s is not authorized to perform: s3:PutBucketPolicy on resource: "
        "\"arn:aws:s3:::%.*s\" because public policies are blocked by the BlockPublicPolicy block "
        "public access setting. %.*s.",
        SPAN_ARG(principal->arn), SPAN_ARG(name), SPAN_ARG(where));
    return FAIL(request, ACCESS_DENIED, message.ptr);
}

/* A policy that would keep its author from changing it again is put only when that is wanted. The account's
 * root always may. */
static enum s3_err check_lockout(struct request *request, const struct policy *policy)
{
    static const char *const header = "x-amz-confirm-remove-self-bucket-access";
    if (span_eq_nocase(object_amz_header(request, span_str(header)), SPAN("true")))
        return S3_OK;
    struct access_ask ask = {.action = "s3:PutBucketPolicy", .bucket = &request->bucket};
    struct access_result result;
    TRY(decide_with(request, &ask, policy, &result));
    if (!result.explicit_deny)
        return S3_OK;
    return FAIL(request, ACCESS_DENIED,
        "This policy would deny you changing it again. Send "
        "x-amz-confirm-remove-self-bucket-access: true if that is what you want.");
}

static enum s3_err commit(struct request *request, struct mutation *mutation)
{
    mutation->bucket = (struct bucket_ref){request->bucket.id, request->bucket.name};
    mutation->document.kind = DOCUMENT_POLICY;
    enum storage_err err = storage_commit(request_store(request), mutation);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_DOCUMENT)
        return FAIL_STORAGE(request, err);
    request->response.status = 204;
    return S3_OK;
}

static enum s3_err check(struct request *request, const struct policy *policy)
{
    TRY(check_block(request, policy));
    return check_lockout(request, policy);
}

enum s3_err op_put_bucket_policy(struct request *request)
{
    struct mutation mutation = {.kind = MUTATION_PUT_DOCUMENT};
    struct policy *policy;
    if (request->body.text.len == 0)
        return FAIL(request, MISSING_REQUEST_BODY, NULL);
    TRY(bucket_policy_read(request, request->body.text, &mutation.document.text, &policy));
    enum s3_err err = check(request, policy);
    policy_free(policy);
    TRY(err);
    return commit(request, &mutation);
}

enum s3_err op_delete_bucket_policy(struct request *request)
{
    struct mutation mutation = {.kind = MUTATION_DELETE_DOCUMENT};
    return commit(request, &mutation);
}
