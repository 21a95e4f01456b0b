/* Sub-resources that every bucket has and that cannot be changed here: the documents that S3 gives
 * for a bucket that nobody configured.
 *
 * src: Amazon S3 API Reference, "GetBucketVersioning",
 * "GetBucketAccelerateConfiguration", "GetBucketRequestPayment", "GetBucketLogging",
 * "GetBucketNotificationConfiguration" */
#include "daemon/request.h"
#include "xml_write.h"

/* <root/> with at most one element in it. */
static enum s3_err answer(
    struct request *request, struct span root, struct span element, struct span text)
{
    struct buf *out = response_xml(request, 200);
    xml_begin_document(out, root);
    if (span_present(text))
        xml_text(out, element, text);
    xml_close(out, root);
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

enum s3_err op_get_bucket_versioning(struct request *request)
{
    struct span status = SPAN_ABSENT; /* never turned on: no element */
    if (request->bucket.versioning == VERSIONING_ON)
        status = SPAN("Enabled");
    else if (request->bucket.versioning == VERSIONING_SUSPENDED)
        status = SPAN("Suspended");
    return answer(request, SPAN("VersioningConfiguration"), SPAN("Status"), status);
}

enum s3_err op_get_bucket_accelerate(struct request *request)
{
    return answer(request, SPAN("AccelerateConfiguration"), SPAN("Status"), SPAN_ABSENT);
}

enum s3_err op_get_bucket_payment(struct request *request)
{
    return answer(request, SPAN("RequestPaymentConfiguration"), SPAN("Payer"), SPAN("BucketOwner"));
}

enum s3_err op_get_bucket_logging(struct request *request)
{
    return answer(request, SPAN("BucketLoggingStatus"), SPAN("LoggingEnabled"), SPAN_ABSENT);
}

enum s3_err op_get_bucket_notification(struct request *request)
{
    return answer(
        request, SPAN("NotificationConfiguration"), SPAN("TopicConfiguration"), SPAN_ABSENT);
}
