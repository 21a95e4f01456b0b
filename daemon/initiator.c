#include "daemon/initiator.h"

#include "daemon/authorize_rules.h"
#include "daemon/context.h"
#include "daemon/metadata.h"
#include "daemon/upload_id.h"

/* An entry: field (1 byte), length (2 bytes, little-endian), 12 digits of the account, the unique id. */
enum { HEAD_BYTES = 3, ACCOUNT_DIGITS = 12, ID_MAX_BYTES = 256 };

enum s3_err initiator_keep(struct request *request, struct span *metadata)
{
    const struct policy_principal *principal = context_principal(request);
    if (principal == NULL)
        return FAIL(request, INTERNAL, NULL);
    bool is_owner = principal->kind == POLICY_ACCOUNT_ROOT &&
                    request->principal.account_id == request->bucket.owner_id;
    if (is_owner || principal->kind == POLICY_ANONYMOUS)
        return S3_OK;
    struct span id = principal->unique_id;
    size_t bytes = ACCOUNT_DIGITS + id.len;
    char *run = arena_alloc(&request->arena, metadata->len + HEAD_BYTES + bytes);
    if (run == NULL || principal->account.len != ACCOUNT_DIGITS || id.len > ID_MAX_BYTES)
        return FAIL(request, INTERNAL, NULL);
    if (metadata->len > 0)
        memcpy(run, metadata->ptr, metadata->len);
    char *to = run + metadata->len;
    *to++ = METADATA_INITIATOR;
    *to++ = (char)(bytes & 0xff);
    *to++ = (char)(bytes >> 8);
    memcpy(to, principal->account.ptr, ACCOUNT_DIGITS);
    memcpy(to + ACCOUNT_DIGITS, id.ptr, id.len);
    *metadata = span_of(run, metadata->len + HEAD_BYTES + bytes);
    return S3_OK;
}

struct initiator initiator_of(const struct bucket_info *bucket, struct span metadata)
{
    struct initiator initiator = {.account_id = bucket->owner_id};
    while (metadata.len >= HEAD_BYTES) {
        const unsigned char *head = (const unsigned char *)metadata.ptr;
        size_t len = head[1] | (size_t)head[2] << 8;
        struct span value = span_first(span_from(metadata, HEAD_BYTES), len);
        metadata = span_from(metadata, HEAD_BYTES + len);
        uint64_t account;
        if (head[0] != METADATA_INITIATOR || value.len < ACCOUNT_DIGITS ||
            !span_to_u64(span_first(value, ACCOUNT_DIGITS), &account))
            continue;
        initiator.account_id = account;
        initiator.unique_id = span_from(value, ACCOUNT_DIGITS);
    }
    return initiator;
}

enum s3_err initiator_check(struct request *request, const struct upload_info *upload)
{
    struct initiator initiator = initiator_of(&request->bucket, upload->attributes.metadata);
    if (request->principal.kind != PRINCIPAL_ANONYMOUS &&
        request->principal.account_id == initiator.account_id)
        return S3_OK;
    return FAIL(request, ACCESS_DENIED, NULL);
}

/* ---- AbortMultipartUpload and ListParts ---- */

/* The user or session that began it, and the root of its account. */
static bool is_initiator(struct request *request, const struct initiator *initiator)
{
    const struct policy_principal *principal = context_principal(request);
    if (principal == NULL || principal->kind == POLICY_ANONYMOUS ||
        request->principal.account_id != initiator->account_id)
        return false;
    return principal->kind == POLICY_ACCOUNT_ROOT ||
           (span_present(initiator->unique_id) &&
               span_eq(principal->unique_id, initiator->unique_id));
}

bool authorize_as_initiator(struct request *request)
{
    const struct op *op = request->op;
    struct upload_id id;
    struct upload_info upload;
    if ((op->run != op_abort_multipart_upload && op->run != op_list_parts) ||
        upload_id_parse(request_query(request, SPAN("uploadId")), &id) != S3_OK ||
        storage_upload_get(request_store(request), request->bucket.id, request->target.key, id,
            &request->arena, &upload) != STORAGE_OK)
        return false;
    struct initiator initiator = initiator_of(&request->bucket, upload.attributes.metadata);
    return is_initiator(request, &initiator);
}
