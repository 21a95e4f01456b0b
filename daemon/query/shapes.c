#include "daemon/query/shapes.h"

void shape_policy(struct buf *out, const struct iam_policy *policy, bool whole)
{
    xml_text(out, SPAN("PolicyName"), policy->name);
    xml_text(out, SPAN("PolicyId"), policy->id);
    xml_text(out, SPAN("Arn"), policy->arn);
    xml_text(out, SPAN("Path"), policy->path);
    xml_text(out, SPAN("DefaultVersionId"), policy->default_version);
    xml_u64(out, SPAN("AttachmentCount"), policy->attachment_count);
    xml_u64(out, SPAN("PermissionsBoundaryUsageCount"), policy->boundary_count);
    xml_bool(out, SPAN("IsAttachable"), true);
    query_time(out, SPAN("CreateDate"), policy->created_ms);
    query_time(out, SPAN("UpdateDate"), policy->updated_ms);
    if (!whole)
        return;
    if (span_present(policy->description))
        xml_text(out, SPAN("Description"), policy->description);
    if (policy->tag_count > 0)
        query_tags(out, SPAN("Tags"), policy->tags, policy->tag_count);
}

void shape_version(struct buf *out, const struct iam_version *version, bool with_text)
{
    if (with_text)
        query_document(out, SPAN("Document"), version->text);
    xml_text(out, SPAN("VersionId"), version->id);
    xml_bool(out, SPAN("IsDefaultVersion"), version->is_default);
    query_time(out, SPAN("CreateDate"), version->created_ms);
}

void shape_attached(struct buf *out, struct span name, const struct iam_policy *items, size_t count)
{
    xml_open(out, name);
    for (size_t i = 0; i < count; i++) {
        xml_open(out, SPAN("member"));
        xml_text(out, SPAN("PolicyName"), items[i].name);
        xml_text(out, SPAN("PolicyArn"), items[i].arn);
        xml_close(out, SPAN("member"));
    }
    xml_close(out, name);
}
