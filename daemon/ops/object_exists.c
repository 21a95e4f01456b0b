#include "daemon/ops/object_exists.h"

#include "daemon/acl.h"
#include "daemon/authorize.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/object_common.h"

enum s3_err object_look_up(struct request *request, struct object_info *ret_info)
{
    struct version_ref version;
    struct object_info info = {0};
    TRY(argument_version(request, &version));
    enum storage_err err = storage_object_get(request_store(request), request->bucket.id,
        request->target.key, version, &request->arena, &info);
    if (err == STORAGE_DELETE_MARKER && request->method != METHOD_GET) {
        TRY(authorize_missing(request, &request->bucket));
        version.select = VERSION_EXACT;
    }
    if (err != STORAGE_OK)
        return object_read_fail(request, err, &version, &info);
    TRY(acl_still_holds(request, request->bucket.id, request->target.key, &info));
    *ret_info = info;
    return S3_OK;
}

enum s3_err object_exists(struct request *request, struct object_info *ret_info)
{
    TRY(object_look_up(request, ret_info));
    object_version_header(request, &ret_info->version);
    return S3_OK;
}

/* What was looked at has changed, or is gone: what there is now, another look tells. */
static bool is_worth_another_look(enum storage_err err)
{
    return err == STORAGE_CHANGED || err == STORAGE_NO_SUCH_KEY || err == STORAGE_NO_SUCH_VERSION ||
           err == STORAGE_DELETE_MARKER;
}

enum s3_err object_change_metadata(struct request *request, const struct object_change *change)
{
    struct object_info info;
    enum storage_err err = STORAGE_CHANGED;
    for (int tries = 0; tries < OBJECT_CHANGED_TRIES && is_worth_another_look(err); tries++) {
        struct mutation mutation = object_mutation(request, MUTATION_SET_METADATA);
        TRY(object_look_up(request, &info));
        TRY(change->make(request, &info, change->ctx, &mutation.set_metadata.metadata));
        err = STORAGE_OK;
        if (span_eq(mutation.set_metadata.metadata, info.attributes.metadata))
            break;
        mutation.set_metadata.version =
            (struct version_ref){VERSION_EXACT, info.version.sequence, info.version.random};
        if (info.version.is_null)
            mutation.set_metadata.version = (struct version_ref){.select = VERSION_NULL};
        mutation.set_metadata.sequence = info.version.sequence;
        mutation.set_metadata.expected = info.attributes.metadata;
        err = storage_commit(request_store(request), &mutation);
    }
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    object_version_header(request, &info.version);
    return S3_OK;
}
