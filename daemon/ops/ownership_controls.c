/* GetBucketOwnershipControls, PutBucketOwnershipControls, DeleteBucketOwnershipControls.
 * src: Amazon S3 API Reference, the operations of these names */
#include "daemon/acl.h"
#include "daemon/ownership.h"
#include "xml_read.h"
#include "xml_write.h"

enum s3_err op_get_ownership_controls(struct request *request)
{
    bool there = false;
    enum object_ownership ownership = OWNERSHIP_BUCKET_OWNER_ENFORCED;
    TRY(ownership_controls(request, &request->bucket, &there, &ownership));
    if (!there) {
        request_error_field(request, SPAN("BucketName"), request->bucket.name);
        return FAIL(request, OWNERSHIP_CONTROLS_NOT_FOUND, NULL);
    }
    struct buf *out = response_xml(request, 200);
    xml_begin_document(out, SPAN("OwnershipControls"));
    xml_open(out, SPAN("Rule"));
    xml_text(out, SPAN("ObjectOwnership"), ownership_name(ownership));
    xml_close(out, SPAN("Rule"));
    xml_close(out, SPAN("OwnershipControls"));
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

static enum s3_err read_document(struct request *request, enum object_ownership *ret_ownership)
{
    struct xml_node *root;
    enum s3_err err = xml_read(&request->arena, request->body.text, &root);
    if (err != S3_OK)
        return request_fail(request, err, NULL, __FILE__, __LINE__);
    const struct xml_node *rule = xml_child(root, SPAN("Rule"));
    if (!span_eq(root->name, SPAN("OwnershipControls")) || rule == NULL || rule->next != NULL ||
        !ownership_by_name(xml_child_text(rule, SPAN("ObjectOwnership")), ret_ownership))
        return FAIL(request, MALFORMED_XML, NULL);
    return S3_OK;
}

static enum s3_err commit(struct request *request, struct mutation *mutation, int status)
{
    mutation->bucket = (struct bucket_ref){request->bucket.id, request->bucket.name};
    mutation->document.kind = DOCUMENT_OWNERSHIP_CONTROLS;
    enum storage_err err = storage_commit(request_store(request), mutation);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_DOCUMENT)
        return FAIL_STORAGE(request, err);
    request->response.status = status;
    return S3_OK;
}

enum s3_err op_put_ownership_controls(struct request *request)
{
    struct acl acl = {0};
    enum object_ownership ownership = OWNERSHIP_BUCKET_OWNER_ENFORCED;
    TRY(read_document(request, &ownership));
    /* With ACLs off, what the bucket's ACL grants would silently go: it has to be taken back first. */
    TRY(acl_of_bucket(request, &request->bucket, &acl));
    if (ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED && !acl_is_default(&acl))
        return FAIL(request, INVALID_BUCKET_ACL_WITH_OBJECT_OWNERSHIP, NULL);
    struct mutation mutation = {
        .kind = MUTATION_PUT_DOCUMENT, .document.text = ownership_name(ownership)};
    return commit(request, &mutation, 200);
}

enum s3_err op_delete_ownership_controls(struct request *request)
{
    struct mutation mutation = {.kind = MUTATION_DELETE_DOCUMENT};
    return commit(request, &mutation, 204);
}
