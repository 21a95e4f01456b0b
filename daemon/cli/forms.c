#include "daemon/cli/form.h"

#define USER                                                                                       \
    {                                                                                              \
        "USER", "UserName", FORM_TEXT, true                                                        \
    }
#define GROUP                                                                                      \
    {                                                                                              \
        "GROUP", "GroupName", FORM_TEXT, true                                                      \
    }
#define ROLE                                                                                       \
    {                                                                                              \
        "ROLE", "RoleName", FORM_TEXT, true                                                        \
    }
#define POLICY                                                                                     \
    {                                                                                              \
        "POLICY", "PolicyArn", FORM_POLICY, true                                                   \
    }
#define INLINE                                                                                     \
    {                                                                                              \
        "NAME", "PolicyName", FORM_TEXT, true                                                      \
    }
#define DOCUMENT                                                                                   \
    {                                                                                              \
        "FILE", "PolicyDocument", FORM_FILE, true                                                  \
    }
#define PATH                                                                                       \
    {                                                                                              \
        "--path", "Path", FORM_TEXT, false                                                         \
    }
#define PREFIX                                                                                     \
    {                                                                                              \
        "--path-prefix", "PathPrefix", FORM_TEXT, false                                            \
    }
#define BOUNDARY                                                                                   \
    {                                                                                              \
        "--boundary", "PermissionsBoundary", FORM_POLICY, false                                    \
    }
#define TAG                                                                                        \
    {                                                                                              \
        "--tag", "Tags", FORM_TAG, false                                                           \
    }
#define DESCRIPTION                                                                                \
    {                                                                                              \
        "--description", "Description", FORM_TEXT, false                                           \
    }
#define INLINE_NAMES(action)                                                                       \
    {                                                                                              \
        action, "PolicyNames", NULL, NULL                                                          \
    }
#define ATTACHED(action)                                                                           \
    {                                                                                              \
        action, "AttachedPolicies", "PolicyName PolicyArn", NULL                                   \
    }

const struct cli_form cli_forms[] = {
    {"whoami", "who the keys belong to", {{0}}, {{"GetCallerIdentity", NULL, NULL, NULL}}, NULL},

    {"user add", "make a user", {USER, PATH, BOUNDARY, TAG}, {{"CreateUser", NULL, NULL, NULL}},
        NULL},
    {"user list", "all users", {PREFIX},
        {{"ListUsers", "Users", "UserName UserId Path CreateDate", NULL}}, NULL},
    {"user show", "a user, its groups, keys and policies", {USER},
        {{"GetUser", NULL, NULL, NULL},
            {"ListGroupsForUser", "Groups", "GroupName GroupId Path", NULL},
            {"ListAccessKeys", "AccessKeyMetadata", "AccessKeyId Status CreateDate", NULL},
            INLINE_NAMES("ListUserPolicies"), ATTACHED("ListAttachedUserPolicies")},
        NULL},
    {"user update", "rename or move a user",
        {USER, {"--name", "NewUserName", FORM_TEXT, false},
            {"--path", "NewPath", FORM_TEXT, false}},
        {{"UpdateUser", NULL, NULL, NULL}}, NULL},
    {"user remove", "remove a user that has nothing left", {USER},
        {{"DeleteUser", NULL, NULL, NULL}}, NULL},
    {"user tag", "add or change tags", {USER, {"--tag", "Tags", FORM_TAG, true}},
        {{"TagUser", NULL, NULL, NULL}}, NULL},
    {"user untag", "take tags away", {USER, {"--key", "TagKeys", FORM_ITEM, true}},
        {{"UntagUser", NULL, NULL, NULL}}, NULL},
    {"user boundary set", "permissions boundary of a user",
        {USER, {"POLICY", "PermissionsBoundary", FORM_POLICY, true}},
        {{"PutUserPermissionsBoundary", NULL, NULL, NULL}}, NULL},
    {"user boundary remove", "no boundary any more", {USER},
        {{"DeleteUserPermissionsBoundary", NULL, NULL, NULL}}, NULL},
    {"user key add", "a new access key; its secret is shown this once", {USER},
        {{"CreateAccessKey", NULL, NULL, NULL}}, NULL},
    {"user key list", "a user's access keys", {USER},
        {{"ListAccessKeys", "AccessKeyMetadata", "AccessKeyId Status CreateDate", NULL}}, NULL},
    {"user key used", "when a key was used last", {{"KEY", "AccessKeyId", FORM_TEXT, true}},
        {{"GetAccessKeyLastUsed", NULL, NULL, NULL}}, NULL},
    {"user key disable", "a key that nobody can use for now",
        {USER, {"KEY", "AccessKeyId", FORM_TEXT, true}}, {{"UpdateAccessKey", NULL, NULL, NULL}},
        "Status=Inactive"},
    {"user key enable", "a key that can be used again",
        {USER, {"KEY", "AccessKeyId", FORM_TEXT, true}}, {{"UpdateAccessKey", NULL, NULL, NULL}},
        "Status=Active"},
    {"user key remove", "remove an access key", {USER, {"KEY", "AccessKeyId", FORM_TEXT, true}},
        {{"DeleteAccessKey", NULL, NULL, NULL}}, NULL},
    {"user policy put", "an inline policy of a user", {USER, INLINE, DOCUMENT},
        {{"PutUserPolicy", NULL, NULL, NULL}}, NULL},
    {"user policy list", "inline and attached policies", {USER},
        {INLINE_NAMES("ListUserPolicies"), ATTACHED("ListAttachedUserPolicies")}, NULL},
    {"user policy show", "the text of an inline policy", {USER, INLINE},
        {{"GetUserPolicy", NULL, NULL, "PolicyDocument"}}, NULL},
    {"user policy remove", "remove an inline policy", {USER, INLINE},
        {{"DeleteUserPolicy", NULL, NULL, NULL}}, NULL},
    {"user policy attach", "attach a managed policy", {USER, POLICY},
        {{"AttachUserPolicy", NULL, NULL, NULL}}, NULL},
    {"user policy detach", "detach it", {USER, POLICY}, {{"DetachUserPolicy", NULL, NULL, NULL}},
        NULL},

    {"group add", "make a group", {GROUP, PATH}, {{"CreateGroup", NULL, NULL, NULL}}, NULL},
    {"group list", "all groups", {PREFIX},
        {{"ListGroups", "Groups", "GroupName GroupId Path CreateDate", NULL}}, NULL},
    {"group show", "a group's members and policies", {GROUP},
        {{"GetGroup", "Users", "UserName UserId Path", NULL}, INLINE_NAMES("ListGroupPolicies"),
            ATTACHED("ListAttachedGroupPolicies")},
        NULL},
    {"group update", "rename or move a group",
        {GROUP, {"--name", "NewGroupName", FORM_TEXT, false},
            {"--path", "NewPath", FORM_TEXT, false}},
        {{"UpdateGroup", NULL, NULL, NULL}}, NULL},
    {"group remove", "remove a group that has nothing left", {GROUP},
        {{"DeleteGroup", NULL, NULL, NULL}}, NULL},
    {"group member add", "put a user into a group", {GROUP, USER},
        {{"AddUserToGroup", NULL, NULL, NULL}}, NULL},
    {"group member remove", "take a user out of a group", {GROUP, USER},
        {{"RemoveUserFromGroup", NULL, NULL, NULL}}, NULL},
    {"group policy put", "an inline policy of a group", {GROUP, INLINE, DOCUMENT},
        {{"PutGroupPolicy", NULL, NULL, NULL}}, NULL},
    {"group policy list", "inline and attached policies", {GROUP},
        {INLINE_NAMES("ListGroupPolicies"), ATTACHED("ListAttachedGroupPolicies")}, NULL},
    {"group policy show", "the text of an inline policy", {GROUP, INLINE},
        {{"GetGroupPolicy", NULL, NULL, "PolicyDocument"}}, NULL},
    {"group policy remove", "remove an inline policy", {GROUP, INLINE},
        {{"DeleteGroupPolicy", NULL, NULL, NULL}}, NULL},
    {"group policy attach", "attach a managed policy", {GROUP, POLICY},
        {{"AttachGroupPolicy", NULL, NULL, NULL}}, NULL},
    {"group policy detach", "detach it", {GROUP, POLICY}, {{"DetachGroupPolicy", NULL, NULL, NULL}},
        NULL},

    {"role add", "make a role; FILE says who may assume it",
        {ROLE, {"FILE", "AssumeRolePolicyDocument", FORM_FILE, true}, PATH, DESCRIPTION, BOUNDARY,
            TAG, {"--max-session", "MaxSessionDuration", FORM_TEXT, false}},
        {{"CreateRole", NULL, NULL, NULL}}, NULL},
    {"role list", "all roles", {PREFIX},
        {{"ListRoles", "Roles", "RoleName RoleId Path CreateDate", NULL}}, NULL},
    {"role show", "a role and its policies", {ROLE},
        {{"GetRole", NULL, NULL, NULL}, INLINE_NAMES("ListRolePolicies"),
            ATTACHED("ListAttachedRolePolicies")},
        NULL},
    {"role trust", "who may assume it from now on", {ROLE, DOCUMENT},
        {{"UpdateAssumeRolePolicy", NULL, NULL, NULL}}, NULL},
    {"role update", "change description or duration",
        {ROLE, DESCRIPTION, {"--max-session", "MaxSessionDuration", FORM_TEXT, false}},
        {{"UpdateRole", NULL, NULL, NULL}}, NULL},
    {"role remove", "remove a role that has nothing left", {ROLE},
        {{"DeleteRole", NULL, NULL, NULL}}, NULL},
    {"role tag", "add or change tags", {ROLE, {"--tag", "Tags", FORM_TAG, true}},
        {{"TagRole", NULL, NULL, NULL}}, NULL},
    {"role untag", "take tags away", {ROLE, {"--key", "TagKeys", FORM_ITEM, true}},
        {{"UntagRole", NULL, NULL, NULL}}, NULL},
    {"role boundary set", "permissions boundary of a role",
        {ROLE, {"POLICY", "PermissionsBoundary", FORM_POLICY, true}},
        {{"PutRolePermissionsBoundary", NULL, NULL, NULL}}, NULL},
    {"role boundary remove", "no boundary any more", {ROLE},
        {{"DeleteRolePermissionsBoundary", NULL, NULL, NULL}}, NULL},
    {"role policy put", "an inline policy of a role", {ROLE, INLINE, DOCUMENT},
        {{"PutRolePolicy", NULL, NULL, NULL}}, NULL},
    {"role policy list", "inline and attached policies", {ROLE},
        {INLINE_NAMES("ListRolePolicies"), ATTACHED("ListAttachedRolePolicies")}, NULL},
    {"role policy show", "the text of an inline policy", {ROLE, INLINE},
        {{"GetRolePolicy", NULL, NULL, "PolicyDocument"}}, NULL},
    {"role policy remove", "remove an inline policy", {ROLE, INLINE},
        {{"DeleteRolePolicy", NULL, NULL, NULL}}, NULL},
    {"role policy attach", "attach a managed policy", {ROLE, POLICY},
        {{"AttachRolePolicy", NULL, NULL, NULL}}, NULL},
    {"role policy detach", "detach it", {ROLE, POLICY}, {{"DetachRolePolicy", NULL, NULL, NULL}},
        NULL},

    {"policy create", "make a managed policy", {INLINE, DOCUMENT, PATH, DESCRIPTION, TAG},
        {{"CreatePolicy", NULL, NULL, NULL}}, NULL},
    {"policy list", "managed policies; --scope All, AWS or Local",
        {PREFIX, {"--scope", "Scope", FORM_TEXT, false},
            {"--attached", "OnlyAttached", FORM_FLAG, false}},
        {{"ListPolicies", "Policies", "PolicyName Arn DefaultVersionId AttachmentCount", NULL}},
        NULL},
    {"policy show", "a managed policy, its versions and who has it", {POLICY},
        {{"GetPolicy", NULL, NULL, NULL},
            {"ListPolicyVersions", "Versions", "VersionId IsDefaultVersion CreateDate", NULL},
            {"ListEntitiesForPolicy", NULL, NULL, NULL}},
        NULL},
    {"policy remove", "remove a managed policy that nobody has", {POLICY},
        {{"DeletePolicy", NULL, NULL, NULL}}, NULL},
    {"policy version add", "another version; --default makes it the one in use",
        {POLICY, DOCUMENT, {"--default", "SetAsDefault", FORM_FLAG, false}},
        {{"CreatePolicyVersion", NULL, NULL, NULL}}, NULL},
    {"policy version list", "versions of a managed policy", {POLICY},
        {{"ListPolicyVersions", "Versions", "VersionId IsDefaultVersion CreateDate", NULL}}, NULL},
    {"policy version show", "the text of a version",
        {POLICY, {"VERSION", "VersionId", FORM_TEXT, true}},
        {{"GetPolicyVersion", NULL, NULL, "Document"}}, NULL},
    {"policy version default", "the version in use",
        {POLICY, {"VERSION", "VersionId", FORM_TEXT, true}},
        {{"SetDefaultPolicyVersion", NULL, NULL, NULL}}, NULL},
    {"policy version remove", "remove a version",
        {POLICY, {"VERSION", "VersionId", FORM_TEXT, true}},
        {{"DeletePolicyVersion", NULL, NULL, NULL}}, NULL},
    {"policy attach", "attach a managed policy to a user,",
        {POLICY, {"--user", "UserName", FORM_TEXT, true}}, {{"AttachUserPolicy", NULL, NULL, NULL}},
        NULL},
    {"policy attach", "to a group,", {POLICY, {"--group", "GroupName", FORM_TEXT, true}},
        {{"AttachGroupPolicy", NULL, NULL, NULL}}, NULL},
    {"policy attach", "or to a role", {POLICY, {"--role", "RoleName", FORM_TEXT, true}},
        {{"AttachRolePolicy", NULL, NULL, NULL}}, NULL},
    {"policy detach", "detach it from a user,", {POLICY, {"--user", "UserName", FORM_TEXT, true}},
        {{"DetachUserPolicy", NULL, NULL, NULL}}, NULL},
    {"policy detach", "from a group,", {POLICY, {"--group", "GroupName", FORM_TEXT, true}},
        {{"DetachGroupPolicy", NULL, NULL, NULL}}, NULL},
    {"policy detach", "or from a role", {POLICY, {"--role", "RoleName", FORM_TEXT, true}},
        {{"DetachRolePolicy", NULL, NULL, NULL}}, NULL},
};
const size_t cli_form_count = ARRAY_LEN(cli_forms);
