#include "daemon/ops/link_ops.h"

#include "daemon/authorize.h"
#include "daemon/daemon.h"
#include "daemon/ops/object_common.h"
#include "names.h"

#define READS(name, scope, action, run)                                                            \
    {                                                                                              \
        op_##name,                                                                                 \
        {                                                                                          \
#name, METHOD_GET, TARGET_##scope, NULL, NULL, action, BODY_NONE, CLASS_WORKER, run,   \
                false                                                                              \
        }                                                                                          \
    }

/* They wait for another server, so they run on workers. */
static const struct {
    enum s3_err (*instead_of)(struct request *request);
    struct op op;
} replaced[] = {
    READS(get_object, OBJECT, "s3:GetObject", link_get_object),
    READS(head_object, OBJECT, "s3:GetObject", link_head_object),
    READS(list_objects, BUCKET, "s3:ListBucket", link_list_objects),
    READS(list_objects_v2, BUCKET, "s3:ListBucket", link_list_objects_v2),
    READS(get_object_tagging, OBJECT, "s3:GetObjectTagging", link_object_tagging),
};

/* Of its objects nothing is known here, and an empty listing of versions, or an empty ZIP, would not be true. */
static bool is_about_objects(const struct op *op)
{
    return op->scope == TARGET_OBJECT || op->run == op_list_object_versions ||
           (op->run != op_head_bucket && strcmp(op->action, "s3:ListBucket") == 0);
}

enum s3_err link_take_over(struct request *request)
{
    const struct op *op = request->op;
    request->link = links_get(request->daemon->links, request->bucket.id);
    if (request->link == NULL)
        return S3_OK;
    if (op->method != METHOD_GET && op->method != METHOD_HEAD) {
        response_header_borrowed(request, "Allow", SPAN("GET, HEAD"));
        return FAIL(request, METHOD_NOT_ALLOWED, "The bucket is a link, which is read-only.");
    }
    for (size_t i = 0; i < ARRAY_LEN(replaced); i++)
        if (replaced[i].instead_of == op->run) {
            request->op = &replaced[i].op;
            return S3_OK;
        }
    if (is_about_objects(op))
        return FAIL(request, NOT_IMPLEMENTED, "The bucket is a link, which does not pass this on.");
    return S3_OK;
}

enum s3_err link_key(
    struct request *request, const struct link *link, struct span key, struct span *ret_key)
{
    struct span whole =
        arena_format(&request->arena, "%.*s%.*s", SPAN_ARG(link->prefix), SPAN_ARG(key));
    if (!span_present(whole))
        return FAIL(request, INTERNAL, NULL);
    if (whole.len > KEY_MAX_BYTES)
        return FAIL(request, NO_SUCH_KEY, NULL);
    *ret_key = whole;
    return S3_OK;
}

static enum s3_err not_found(struct request *request, const struct bucket_info *bucket,
    struct span key, const struct remote_failure *failure)
{
    if (!span_present(key) || span_eq(span_str(failure->code), SPAN("NoSuchBucket"))) {
        request_error_field(request, SPAN("BucketName"), bucket->name);
        return FAIL(request, NO_SUCH_BUCKET, "The bucket that the link leads to does not exist.");
    }
    TRY(authorize_missing(request, bucket));
    request_error_field(request, SPAN("Key"), key);
    return FAIL(request, NO_SUCH_KEY, NULL);
}

enum s3_err link_fail(struct request *request, const struct bucket_info *bucket, struct span key,
    const struct remote_failure *failure)
{
    const char *text = remote_text(failure->err);
    request->err_cause = text;
    switch (failure->err) {
    case REMOTE_NOT_FOUND:
        return not_found(request, bucket, key, failure);
    case REMOTE_DENIED:
        return FAIL(request, ACCESS_DENIED, "Access Denied by the bucket that the link leads to.");
    case REMOTE_CHANGED:
        return object_condition_fail(request,
            span_present(request_header(request, SPAN("if-match"))) ? SPAN("If-Match")
                                                                    : SPAN("If-Unmodified-Since"));
    case REMOTE_NOT_MODIFIED:
        return FAIL(request, NOT_MODIFIED, NULL);
    case REMOTE_RANGE:
        return FAIL(request, INVALID_RANGE, NULL);
    case REMOTE_REFUSED:
        return FAIL(request, INVALID_REQUEST, text);
    case REMOTE_NO_MEMORY:
        return FAIL(request, INTERNAL, NULL);
    case REMOTE_BUSY:
    case REMOTE_BROKEN:
    case REMOTE_NONSENSE:
        return FAIL(request, SERVICE_UNAVAILABLE, text);
    case REMOTE_OK:
    case REMOTE_NOT_ALLOWED: /* the settings' matter, not who asks's */
    case REMOTE_UNREACHABLE:
    case REMOTE_CANCELLED:
        break;
    }
    return FAIL(request, SERVICE_UNAVAILABLE, remote_text(REMOTE_UNREACHABLE));
}

enum s3_err link_enter(struct request *request, const struct link *link)
{
    if (link->remote == NULL)
        return FAIL(request, SERVICE_UNAVAILABLE, remote_text(REMOTE_UNREACHABLE));
    return links_enter(request->daemon->links) ? S3_OK : FAIL(request, SLOW_DOWN, NULL);
}

void link_leave(struct request *request)
{
    links_leave(request->daemon->links);
}
