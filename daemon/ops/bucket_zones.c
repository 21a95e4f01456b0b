/* GetBucketZones, PutBucketZones, DeleteBucketZones: the document as it was put, or what the bucket's tag
 * stands for. */
#include "daemon/bucket_documents.h"
#include "daemon/ops/json_answer.h"
#include "daemon/zones.h"

enum s3_err op_get_bucket_zones(struct request *request)
{
    const struct zones_document *document;
    struct span text;
    bool by_tag;
    TRY(zones_document_of(request, &request->bucket, &document, &by_tag));
    if (document == NULL) {
        request_error_field(request, SPAN("BucketName"), request->bucket.name);
        return FAIL(request, NO_SUCH_ZONES_CONFIGURATION, NULL);
    }
    TRY(bucket_document_text(request, &request->bucket, DOCUMENT_ZONES, &text));
    struct buf *out = json_answer(request);
    if (by_tag || !span_present(text))
        zones_write(out, document, by_tag ? "tag" : NULL);
    else
        buf_add(out, text);
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

enum s3_err op_put_bucket_zones(struct request *request)
{
    struct span text = request->body.text;
    TRY(zones_put(request, span_present(text) ? text : SPAN("")));
    request->response.status = 204;
    return S3_OK;
}

enum s3_err op_delete_bucket_zones(struct request *request)
{
    TRY(zones_put(request, SPAN_ABSENT));
    request->response.status = 204;
    return S3_OK;
}
