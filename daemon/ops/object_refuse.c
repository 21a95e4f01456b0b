#include "daemon/acl_request.h"
#include "daemon/object_tags.h"
#include "daemon/ops/object_common.h"

struct refused {
    struct span name;
    bool is_prefix;
    bool on_reads;
    bool allow_empty; /* without a value it says nothing */
    enum s3_err err;
    const char *message; /* NULL: the error's own */
};

static const char no_encryption[] =
    "This server does not encrypt objects. Put its data folder on an encrypted file system.";

static const struct refused refused[] = {
    {SPAN("x-amz-server-side-encryption-customer-"), true, true, false, S3_ERR_NOT_IMPLEMENTED,
        no_encryption},
    {SPAN("x-amz-server-side-encryption"), true, false, false, S3_ERR_NOT_IMPLEMENTED,
        no_encryption},
    {SPAN("x-amz-copy-source-server-side-encryption"), true, false, false, S3_ERR_NOT_IMPLEMENTED,
        no_encryption},
    {SPAN("x-amz-object-lock-"), true, false, false, S3_ERR_NOT_IMPLEMENTED, NULL},
    {SPAN("x-amz-website-redirect-location"), false, false, true, S3_ERR_NOT_IMPLEMENTED, NULL},
    {SPAN("x-amz-write-offset-bytes"), false, false, false, S3_ERR_NOT_IMPLEMENTED, NULL},
};

static enum s3_err refuse_field(
    struct request *request, enum object_use use, struct span name, struct span value)
{
    const struct tags *tags;
    if (!span_starts_nocase(name, SPAN("x-amz-")))
        return S3_OK;
    if (use == OBJECT_WRITE && span_eq_nocase(name, SPAN("x-amz-tagging")))
        return object_tags_requested(request, &tags);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        const struct refused *row = &refused[i];
        if (use == OBJECT_READ && !row->on_reads)
            continue;
        bool same =
            row->is_prefix ? span_starts_nocase(name, row->name) : span_eq_nocase(name, row->name);
        if (!same || (row->allow_empty && value.len == 0))
            continue;
        request_error_field(request, SPAN("Header"), name);
        return request_fail(request, row->err, row->message, __FILE__, __LINE__);
    }
    return S3_OK;
}

/* SDKs that presign a copy put its source into the query, where it names none, on AWS neither: an upload of nothing would
 * take the place of what is there. */
static enum s3_err refuse_copy_in_query(struct request *request, struct span name)
{
    if (!span_starts_nocase(name, SPAN("x-amz-copy-source")))
        return S3_OK;
    request_error_field(request, SPAN("Header"), name);
    return FAIL(request, INVALID_REQUEST,
        "The source of a copy and its conditions have to be signed headers; here they are in the "
        "query.");
}

enum s3_err object_refuse_unsupported(struct request *request, enum object_use use)
{
    for (size_t i = 0; i < request->headers.count; i++)
        TRY(refuse_field(
            request, use, request->headers.items[i].name, request->headers.items[i].value));
    if (request->auth.kind == SIGV4_PRESIGNED)
        for (size_t i = 0; i < request->target.query.count; i++) {
            const struct query_param *param = &request->target.query.params[i];
            TRY(refuse_field(request, use, param->name, param->value));
            if (use == OBJECT_WRITE)
                TRY(refuse_copy_in_query(request, param->name));
        }
    return use == OBJECT_WRITE ? acl_check_object(request) : S3_OK;
}
