/* Sub-resources of objects that are not there yet: no object has tags, and no bucket an object
 * lock. The object is looked up first, since a missing one is the error that a client has to see.
 * src: Amazon S3 API Reference, "GetObjectTagging", "GetObjectRetention", "GetObjectLegalHold" */
#include "daemon/ops/object_exists.h"
#include "xml_write.h"

enum s3_err op_get_object_tagging(struct request *request)
{
    struct object_info info;
    TRY(object_exists(request, &info));
    struct buf *out = response_xml(request, 200);
    xml_begin_document(out, SPAN("Tagging"));
    xml_text(out, SPAN("TagSet"), SPAN(""));
    xml_close(out, SPAN("Tagging"));
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

static enum s3_err no_lock(struct request *request)
{
    struct object_info info;
    TRY(object_exists(request, &info));
    return FAIL(request, INVALID_REQUEST, "Bucket is missing Object Lock Configuration");
}

enum s3_err op_get_object_retention(struct request *request)
{
    return no_lock(request);
}

enum s3_err op_get_object_legal_hold(struct request *request)
{
    return no_lock(request);
}
