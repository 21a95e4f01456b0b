#include "daemon/ops/object_exists.h"

#include "daemon/acl.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/object_common.h"

enum s3_err object_exists(struct request *request, struct object_info *ret_info)
{
    struct version_ref version;
    struct object_info info = {0};
    TRY(argument_version(request, &version));
    enum storage_err err = storage_object_get(request_store(request), request->bucket.id,
        request->target.key, version, &request->arena, &info);
    if (err != STORAGE_OK)
        return object_read_fail(request, err, &version, &info);
    TRY(acl_still_holds(request, request->bucket.id, request->target.key, &info));
    object_version_header(request, &info.version);
    *ret_info = info;
    return S3_OK;
}
