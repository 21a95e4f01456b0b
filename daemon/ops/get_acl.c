/* GetBucketAcl and GetObjectAcl: the owner may do everything, and nobody is granted anything, which
 * is what S3 shows where the bucket's owner owns all objects.
 *
 * src: Amazon S3 API Reference,
 * "GetBucketAcl", "GetObjectAcl" */
#include "daemon/ops/object_exists.h"
#include "daemon/ops/owner_xml.h"
#include "xml_write.h"

static enum s3_err answer(struct request *request, uint64_t owner_id)
{
    struct buf *out = response_xml(request, 200);
    xml_begin_document(out, SPAN("AccessControlPolicy"));
    xml_open(out, SPAN("Owner"));
    owner_xml(out, request, owner_id);
    xml_close(out, SPAN("Owner"));
    xml_open(out, SPAN("AccessControlList"));
    xml_open(out, SPAN("Grant"));
    buf_add_lit(out, "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                     "xsi:type=\"CanonicalUser\">");
    owner_xml(out, request, owner_id);
    xml_close(out, SPAN("Grantee"));
    xml_text(out, SPAN("Permission"), SPAN("FULL_CONTROL"));
    xml_close(out, SPAN("Grant"));
    xml_close(out, SPAN("AccessControlList"));
    xml_close(out, SPAN("AccessControlPolicy"));
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

enum s3_err op_get_bucket_acl(struct request *request)
{
    return answer(request, request->bucket.owner_id);
}

enum s3_err op_get_object_acl(struct request *request)
{
    struct object_info info;
    TRY(object_exists(request, &info));
    return answer(request, request->bucket.owner_id);
}
