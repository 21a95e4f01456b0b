/* Versions of managed policies: up to five texts, one of which is the one that acts.
 * src: IAM API Reference, CreatePolicyVersion, ListPolicyVersions, SetDefaultPolicyVersion */
#include "daemon/query/policy_target.h"
#include "daemon/query/shapes.h"

static enum s3_err answer_version(
    struct request *request, const struct iam_version *version, bool with_text)
{
    struct buf *out = query_begin(request);
    xml_open(out, SPAN("PolicyVersion"));
    shape_version(out, version, with_text);
    xml_close(out, SPAN("PolicyVersion"));
    return query_end(request);
}

enum s3_err query_create_policy_version(struct request *request)
{
    struct query_params *params = &request->query->params;
    struct span text = param_required(params, PARAM_PolicyDocument);
    bool make_default = param_bool(params, PARAM_SetAsDefault, false);
    struct iam_policy policy;
    TRY(policy_target(request, NULL, 0, &policy));
    struct iam_call call = query_iam(request);
    struct iam_version version;
    TRY_IAM(request, &call, iam_version_create(&call, policy.arn, text, make_default, &version));
    return answer_version(request, &version, false);
}

enum s3_err query_get_policy_version(struct request *request)
{
    struct span id = param_required(&request->query->params, PARAM_VersionId);
    struct iam_policy policy;
    TRY(policy_target(request, NULL, 0, &policy));
    struct iam_call call = query_iam(request);
    struct iam_version version;
    TRY_IAM(request, &call, iam_version_get(&call, policy.arn, id, &version));
    return answer_version(request, &version, true);
}

enum s3_err query_delete_policy_version(struct request *request)
{
    struct span id = param_required(&request->query->params, PARAM_VersionId);
    struct iam_policy policy;
    TRY(policy_target(request, NULL, 0, &policy));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_version_delete(&call, policy.arn, id));
    return query_done(request);
}

enum s3_err query_set_default_policy_version(struct request *request)
{
    struct span id = param_required(&request->query->params, PARAM_VersionId);
    struct iam_policy policy;
    TRY(policy_target(request, NULL, 0, &policy));
    struct iam_call call = query_iam(request);
    TRY_IAM(request, &call, iam_version_set_default(&call, policy.arn, id));
    return query_done(request);
}

enum s3_err query_list_policy_versions(struct request *request)
{
    struct iam_query query = query_page(request);
    struct iam_policy policy;
    TRY(policy_target(request, NULL, 0, &policy));
    struct iam_call call = query_iam(request);
    struct iam_version *versions = NULL;
    size_t count = 0;
    TRY_IAM(request, &call, iam_version_list(&call, policy.arn, &versions, &count));
    struct query_slice slice;
    TRY(query_slice(request, &query, count, &slice));
    struct buf *out = query_begin(request);
    xml_open(out, SPAN("Versions"));
    for (size_t i = slice.from; i < slice.to; i++) {
        xml_open(out, SPAN("member"));
        shape_version(out, &versions[i], false);
        xml_close(out, SPAN("member"));
    }
    xml_close(out, SPAN("Versions"));
    query_page_end(out, slice.truncated, slice.next);
    return query_end(request);
}
