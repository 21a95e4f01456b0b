#include "conditions.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/object_common.h"
#include "daemon/zones.h"

/* To ignore a condition would delete what should stay: the two of directory buckets are refused,
 * and so is one on a named version, which AWS does not take. src: Amazon S3 User Guide, "How to
 * perform conditional deletes" */
static enum s3_err read_conditions(struct request *request, struct mutation *mutation)
{
    static const struct span refused[] = {
        SPAN("x-amz-if-match-last-modified-time"), SPAN("x-amz-if-match-size")};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (span_present(object_amz_header(request, refused[i]))) {
            request_error_field(request, SPAN("Header"), refused[i]);
            return FAIL(request, NOT_IMPLEMENTED, NULL);
        }
    struct conditions conditions;
    enum s3_err err = conditions_parse(&request->arena, &request->headers, SPAN(""), &conditions);
    if (err != S3_OK)
        return request_fail(request, err, NULL, __FILE__, __LINE__);
    bool named = mutation->remove.version.select != VERSION_NEWEST;
    if (conditions.if_none_match.present || (conditions.if_match.present && named)) {
        request_error_field(request, SPAN("Header"),
            conditions.if_none_match.present ? SPAN("If-None-Match") : SPAN("If-Match"));
        return FAIL(request, NOT_IMPLEMENTED, NULL);
    }
    mutation->if_match = conditions.if_match;
    return S3_OK;
}

static enum s3_err answer(struct request *request, struct mutation *mutation)
{
    if (mutation->err != STORAGE_OK)
        return object_write_fail(request, mutation, mutation->err);
    request->response.status = 204;
    if (mutation->result.version.sequence != 0)
        object_version_header(request, &mutation->result.version);
    if (mutation->result.is_delete_marker)
        response_header_borrowed(request, "x-amz-delete-marker", SPAN("true"));
    return S3_OK;
}

enum s3_err op_delete_object(struct request *request)
{
    struct mutation *mutation = arena_new(&request->arena, struct mutation);
    if (mutation == NULL)
        return FAIL(request, INTERNAL, NULL);
    *mutation = object_mutation(request, MUTATION_DELETE_OBJECT);
    TRY(argument_version(request, &mutation->remove.version));
    TRY(read_conditions(request, mutation));
    mutation->zone.bypass_retention = zones_bypass_retention(request, mutation->key);
    return request_commit(request, mutation, answer);
}
