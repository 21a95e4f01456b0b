/* GetBucketLocation. Clients sign for the region that they read here.
 * src: Amazon S3 API Reference, "GetBucketLocation": us-east-1 is the empty location */
#include "daemon/request.h"
#include "xml_write.h"

enum s3_err op_get_bucket_location(struct request *request)
{
    struct span region = request_region(request);
    struct buf *out = response_xml(request, 200);
    xml_begin_document(out, SPAN("LocationConstraint"));
    if (!span_eq(region, SPAN("us-east-1")))
        xml_escape(out, region);
    xml_close(out, SPAN("LocationConstraint"));
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}
