/* The public access block of buckets, and by S3 Control of accounts.
 * src: Amazon S3 API Reference, "PutPublicAccessBlock" and its kind, of Amazon S3 and of Amazon S3 Control */
#include "daemon/public_access.h"

#include "daemon/daemon.h"
#include "daemon/ops/arguments.h"
#include "xml_write.h"

static enum s3_err answer(struct request *request, const struct public_access *access)
{
    struct buf *out = response_xml(request, 200);
    public_access_xml(out, access, request->target.scope == TARGET_CONTROL);
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

static enum s3_err read_body(struct request *request, struct public_access *ret_access)
{
    enum s3_err err = public_access_parse(&request->arena, request->body.text, ret_access);
    return err == S3_OK ? S3_OK : request_fail(request, err, NULL, __FILE__, __LINE__);
}

/* ---- buckets ---- */

enum s3_err op_get_public_access_block(struct request *request)
{
    const struct public_access *access;
    TRY(public_access_of_bucket(request, &request->bucket, &access));
    if (access != NULL)
        return answer(request, access);
    request_error_field(request, SPAN("BucketName"), request->bucket.name);
    return FAIL(request, NO_SUCH_PUBLIC_ACCESS_BLOCK_CONFIGURATION, NULL);
}

static enum s3_err change(struct request *request, struct mutation *mutation, int status)
{
    mutation->bucket = (struct bucket_ref){request->bucket.id, request->bucket.name};
    mutation->document.kind = DOCUMENT_PUBLIC_ACCESS_BLOCK;
    enum storage_err err = storage_commit(request_store(request), mutation);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_DOCUMENT)
        return FAIL_STORAGE(request, err);
    request->response.status = status;
    return S3_OK;
}

enum s3_err op_put_public_access_block(struct request *request)
{
    struct public_access access;
    char text[PUBLIC_ACCESS_TEXT_BYTES];
    TRY(read_body(request, &access));
    public_access_text(&access, text);
    struct mutation mutation = {
        .kind = MUTATION_PUT_DOCUMENT, .document.text = span_of(text, sizeof(text))};
    return change(request, &mutation, 200);
}

enum s3_err op_delete_public_access_block(struct request *request)
{
    struct mutation mutation = {.kind = MUTATION_DELETE_DOCUMENT};
    return change(request, &mutation, 204);
}

/* ---- accounts ---- */

/* Nobody changes another account's. */
static enum s3_err check_account(struct request *request)
{
    static const char name[] = "x-amz-account-id";
    struct span text = request_header(request, span_str(name));
    uint64_t account;
    if (text.len != 12 || !span_to_u64(text, &account))
        return FAIL_ARGUMENT(request, name, text, "An account id has 12 digits");
    if (account != request->principal.account_id)
        return FAIL(request, ACCESS_DENIED, NULL);
    return request->daemon->account_blocks != NULL ? S3_OK : FAIL(request, INTERNAL, NULL);
}

enum s3_err op_get_account_public_access_block(struct request *request)
{
    struct public_access access;
    TRY(check_account(request));
    if (account_blocks_get(request->daemon->account_blocks, request->principal.account_id, &access))
        return answer(request, &access);
    return FAIL(request, NO_SUCH_PUBLIC_ACCESS_BLOCK_CONFIGURATION, NULL);
}

static enum s3_err change_account(
    struct request *request, const struct public_access *access, int status)
{
    enum storage_err err =
        account_blocks_put(request->daemon->account_blocks, request->principal.account_id, access);
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    request->response.status = status;
    return S3_OK;
}

enum s3_err op_put_account_public_access_block(struct request *request)
{
    struct public_access access;
    TRY(check_account(request));
    TRY(read_body(request, &access));
    return change_account(request, &access, 200);
}

enum s3_err op_delete_account_public_access_block(struct request *request)
{
    TRY(check_account(request));
    return change_account(request, NULL, 204);
}
