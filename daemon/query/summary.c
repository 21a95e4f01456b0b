/* GetAccountSummary, with AWS's names. What cannot be had here is there in none. */
#include "daemon/query.h"

static void entry(struct buf *out, struct span key, size_t value)
{
    xml_open(out, SPAN("entry"));
    xml_text(out, SPAN("key"), key);
    xml_u64(out, SPAN("value"), value);
    xml_close(out, SPAN("entry"));
}

enum s3_err query_get_account_summary(struct request *request)
{
    TRY(query_allow(request, SPAN_ABSENT));
    struct iam_call call = query_iam(request);
    struct iam_summary summary;
    TRY_IAM(request, &call, iam_summary(&call, &summary));
    const struct {
        struct span key;
        size_t value;
    } entries[] = {
        {SPAN("Users"), summary.users},
        {SPAN("UsersQuota"), IAM_USERS_MAX},
        {SPAN("Groups"), summary.groups},
        {SPAN("GroupsQuota"), IAM_GROUPS_MAX},
        {SPAN("Roles"), summary.roles},
        {SPAN("RolesQuota"), IAM_ROLES_MAX},
        {SPAN("Policies"), summary.policies},
        {SPAN("PoliciesQuota"), IAM_POLICIES_MAX},
        {SPAN("PolicyVersionsInUse"), summary.policy_versions},
        {SPAN("VersionsPerPolicyQuota"), IAM_POLICY_VERSIONS_MAX},
        {SPAN("GroupsPerUserQuota"), IAM_GROUPS_PER_USER_MAX},
        {SPAN("AccessKeysPerUserQuota"), IAM_ACCESS_KEYS_MAX},
        {SPAN("AttachedPoliciesPerUserQuota"), IAM_ATTACHED_MAX},
        {SPAN("AttachedPoliciesPerGroupQuota"), IAM_ATTACHED_MAX},
        {SPAN("AttachedPoliciesPerRoleQuota"), IAM_ATTACHED_MAX},
        {SPAN("UserPolicySizeQuota"), IAM_USER_INLINE_MAX_BYTES},
        {SPAN("GroupPolicySizeQuota"), IAM_GROUP_INLINE_MAX_BYTES},
        {SPAN("RolePolicySizeQuota"), IAM_ROLE_INLINE_MAX_BYTES},
        {SPAN("AssumeRolePolicySizeQuota"), IAM_TRUST_MAX_BYTES},
        {SPAN("PolicySizeQuota"), POLICY_MANAGED_MAX_BYTES},
        {SPAN("AccountAccessKeysPresent"), 1},
        {SPAN("AccountMFAEnabled"), 0},
        {SPAN("AccountPasswordPresent"), 0},
        {SPAN("AccountSigningCertificatesPresent"), 0},
        {SPAN("InstanceProfiles"), 0},
        {SPAN("MFADevices"), 0},
        {SPAN("MFADevicesInUse"), 0},
        {SPAN("Providers"), 0},
        {SPAN("ServerCertificates"), 0},
    };
    struct buf *out = query_begin(request);
    xml_open(out, SPAN("SummaryMap"));
    for (size_t i = 0; i < ARRAY_LEN(entries); i++)
        entry(out, entries[i].key, entries[i].value);
    xml_close(out, SPAN("SummaryMap"));
    return query_end(request);
}
