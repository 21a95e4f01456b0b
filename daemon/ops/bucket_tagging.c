/* GetBucketTagging, PutBucketTagging, DeleteBucketTagging.
 * src: Amazon S3 API Reference */
#include "daemon/bucket_tags.h"

enum s3_err op_get_bucket_tagging(struct request *request)
{
    const struct tags *tags;
    TRY(bucket_tags_of(request, &request->bucket, &tags));
    if (tags == NULL) {
        request_error_field(request, SPAN("BucketName"), request->bucket.name);
        return FAIL(request, NO_SUCH_TAG_SET, NULL);
    }
    struct buf *out = response_xml(request, 200);
    tagging_write(out, tags);
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

static enum s3_err replace(
    struct request *request, const struct tags *before, const void *ctx, struct tags *ret_after)
{
    (void)request, (void)before;
    *ret_after = *(const struct tags *)ctx;
    return S3_OK;
}

enum s3_err op_put_bucket_tagging(struct request *request)
{
    struct tags tags;
    struct tags_fault fault = {0};
    enum s3_err err =
        tagging_parse(&request->arena, request->body.text, TAGS_BUCKET_MAX, &tags, &fault);
    if (err != S3_OK)
        return tags_fail(request, err, &fault);
    TRY(bucket_tags_change(request, &(struct bucket_tags_change){replace, &tags}));
    request->response.status = 204;
    return S3_OK;
}

enum s3_err op_delete_bucket_tagging(struct request *request)
{
    static const struct tags none = {NULL, 0};
    TRY(bucket_tags_change(request, &(struct bucket_tags_change){replace, &none}));
    request->response.status = 204;
    return S3_OK;
}
