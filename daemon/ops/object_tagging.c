/* GetObjectTagging, PutObjectTagging, DeleteObjectTagging: with the object's metadata, so that ETag and LastModified
 * stay as they are. src: Amazon S3 API Reference, the operations of these names */
#include "daemon/authorize.h"
#include "daemon/authorize_rules.h"
#include "daemon/object_tags.h"
#include "daemon/ops/object_exists.h"

enum s3_err op_get_object_tagging(struct request *request)
{
    struct object_info info;
    struct tags tags;
    TRY(object_exists(request, &info));
    TRY(object_tags_kept(request, info.attributes.metadata, &tags));
    struct buf *out = response_xml(request, 200);
    tagging_write(out, &tags);
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

static enum s3_err make_metadata(struct request *request, const struct object_info *info,
    const void *ctx, struct span *ret_metadata)
{
    *ret_metadata = info->attributes.metadata;
    return object_tags_keep(request, ctx, ret_metadata);
}

enum s3_err op_put_object_tagging(struct request *request)
{
    struct tags tags;
    struct access_ask ask = authorize_main_ask(request);
    TRY(object_tags_of_body(request, &tags));
    ask.tags = &tags; /* policies may look at them */
    TRY(authorize_ask(request, &ask));
    TRY(object_change_metadata(request, &(struct object_change){make_metadata, &tags}));
    request->response.status = 200;
    return S3_OK;
}

enum s3_err op_delete_object_tagging(struct request *request)
{
    static const struct tags none = {NULL, 0};
    TRY(object_change_metadata(request, &(struct object_change){make_metadata, &none}));
    request->response.status = 204;
    return S3_OK;
}
