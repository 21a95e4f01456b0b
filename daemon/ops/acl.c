/* GetBucketAcl, PutBucketAcl, GetObjectAcl, PutObjectAcl. Where ownership is enforced, everything shows the owner's
 * FULL_CONTROL alone, as S3 does.
 * src: Amazon S3 API Reference, the operations of these names */
#include "daemon/acl_request.h"
#include "daemon/metadata.h"
#include "daemon/ops/object_common.h"
#include "daemon/ops/object_exists.h"
#include "daemon/ownership.h"

static enum s3_err owner_alone(struct request *request, uint64_t owner_id)
{
    const struct acl_grant grant = {ACL_ACCOUNT, owner_id, ACL_FULL_CONTROL};
    return acl_respond(request, &(struct acl){owner_id, &grant, 1});
}

enum s3_err op_get_bucket_acl(struct request *request)
{
    struct acl acl = {0};
    enum object_ownership ownership = OWNERSHIP_BUCKET_OWNER_ENFORCED;
    TRY(ownership_of(request, &request->bucket, &ownership));
    if (ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED)
        return owner_alone(request, request->bucket.owner_id);
    TRY(acl_of_bucket(request, &request->bucket, &acl));
    return acl_respond(request, &acl);
}

enum s3_err op_get_object_acl(struct request *request)
{
    struct acl acl = {0};
    struct object_info info;
    enum object_ownership ownership = OWNERSHIP_BUCKET_OWNER_ENFORCED;
    TRY(object_exists(request, &info));
    TRY(ownership_of(request, &request->bucket, &ownership));
    if (ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED)
        return owner_alone(request, request->bucket.owner_id);
    TRY(acl_of_object(request, &info, &acl));
    return acl_respond(request, &acl);
}

/* In the body or in headers, not both. */
static enum s3_err read_request(
    struct request *request, const struct acl_subject *subject, struct acl *ret_acl)
{
    bool said = false;
    TRY(acl_from_headers(request, subject, ret_acl, &said));
    if (said && request->body.text.len > 0)
        return FAIL(request, UNEXPECTED_CONTENT, NULL);
    if (!said && request->body.text.len == 0) {
        request_error_field(request, SPAN("MissingHeaderName"), SPAN("x-amz-acl"));
        return FAIL(request, MISSING_SECURITY_HEADER, NULL);
    }
    if (!said)
        TRY(acl_from_xml(request, subject, request->body.text, ret_acl));
    return acl_check_public(request, &request->bucket, ret_acl);
}

enum s3_err op_put_bucket_acl(struct request *request)
{
    struct acl acl = {0};
    enum object_ownership ownership = OWNERSHIP_BUCKET_OWNER_ENFORCED;
    const struct bucket_info *bucket = &request->bucket;
    struct acl_subject subject = {
        .is_bucket = true, .owner_id = bucket->owner_id, .bucket_owner_id = bucket->owner_id};
    TRY(ownership_of(request, bucket, &ownership));
    if (ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED)
        return FAIL(request, ACCESS_CONTROL_LIST_NOT_SUPPORTED, NULL);
    TRY(read_request(request, &subject, &acl));
    struct mutation mutation = {.kind = MUTATION_DELETE_DOCUMENT,
        .bucket = {bucket->id, bucket->name},
        .document.kind = DOCUMENT_ACL};
    if (!acl_is_default(&acl)) {
        mutation.kind = MUTATION_PUT_DOCUMENT;
        mutation.document.text = acl_text(&request->arena, &acl);
        if (!span_present(mutation.document.text))
            return FAIL(request, INTERNAL, NULL);
    }
    enum storage_err err = storage_commit(request_store(request), &mutation);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_DOCUMENT)
        return FAIL_STORAGE(request, err);
    request->response.status = 200;
    return S3_OK;
}

static enum s3_err make_metadata(struct request *request, const struct object_info *info,
    const void *ctx, struct span *ret_metadata)
{
    struct acl acl = {0};
    struct span text = SPAN_ABSENT;
    struct acl_subject subject = {
        .owner_id = info->attributes.owner_id, .bucket_owner_id = request->bucket.owner_id};
    (void)ctx;
    TRY(read_request(request, &subject, &acl));
    if (!acl_is_default(&acl) && !span_present(text = acl_text(&request->arena, &acl)))
        return FAIL(request, INTERNAL, NULL);
    return metadata_with_entry(
        request, info->attributes.metadata, METADATA_ACL, text, ret_metadata);
}

/* Where ownership is enforced, an ACL that says what is so anyway is taken and changes nothing. */
static enum s3_err put_where_enforced(struct request *request)
{
    struct acl acl = {0};
    struct acl_subject subject = {
        .owner_id = request->bucket.owner_id, .bucket_owner_id = request->bucket.owner_id};
    if (request->body.text.len == 0)
        TRY(acl_check_object(request));
    TRY(read_request(request, &subject, &acl));
    if (!acl_is_default(&acl))
        return FAIL(request, ACCESS_CONTROL_LIST_NOT_SUPPORTED, NULL);
    request->response.status = 200;
    return S3_OK;
}

enum s3_err op_put_object_acl(struct request *request)
{
    struct object_info info;
    enum object_ownership ownership = OWNERSHIP_BUCKET_OWNER_ENFORCED;
    TRY(object_look_up(request, &info));
    TRY(ownership_of(request, &request->bucket, &ownership));
    if (ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED) {
        object_version_header(request, &info.version);
        return put_where_enforced(request);
    }
    TRY(object_change_metadata(request, &(struct object_change){.make = make_metadata}));
    request->response.status = 200;
    return S3_OK;
}
