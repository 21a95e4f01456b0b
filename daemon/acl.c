#include "daemon/acl.h"

#include "daemon/bucket_documents.h"
#include "daemon/metadata.h"
#include "daemon/ownership.h"
#include "daemon/public_access.h"
#include "daemon/version_id.h"

#include <stdlib.h>

/* ---- as it is kept: "1:F *:R", a grant for each word; "-" without any ---- */

enum { GRANT_TEXT_BYTES = 32, ACL_TEXT_BYTES = ACL_GRANTS_MAX * GRANT_TEXT_BYTES };

static const struct {
    enum acl_permission permission;
    struct span letter, name;
} permissions[] = {
    {ACL_FULL_CONTROL, SPAN("F"), SPAN("FULL_CONTROL")},
    {ACL_READ, SPAN("R"), SPAN("READ")},
    {ACL_WRITE, SPAN("W"), SPAN("WRITE")},
    {ACL_READ_ACP, SPAN("r"), SPAN("READ_ACP")},
    {ACL_WRITE_ACP, SPAN("w"), SPAN("WRITE_ACP")},
};

/* Letters in what is kept, URIs in requests and answers. */
static const struct {
    enum acl_grantee grantee;
    struct span letter, uri;
} groups[] = {
    {ACL_ALL_USERS, SPAN("*"), SPAN("http://acs.amazonaws.com/groups/global/AllUsers")},
    {ACL_AUTHENTICATED_USERS, SPAN("@"),
        SPAN("http://acs.amazonaws.com/groups/global/AuthenticatedUsers")},
    {ACL_LOG_DELIVERY, SPAN("log"), SPAN("http://acs.amazonaws.com/groups/s3/LogDelivery")},
};

struct span acl_permission_name(enum acl_permission permission)
{
    for (size_t i = 0; i < ARRAY_LEN(permissions); i++)
        if (permissions[i].permission == permission)
            return permissions[i].name;
    return SPAN("");
}

bool acl_permission_by_name(struct span name, enum acl_permission *ret_permission)
{
    for (size_t i = 0; i < ARRAY_LEN(permissions); i++)
        if (span_eq(permissions[i].name, name)) {
            *ret_permission = permissions[i].permission;
            return true;
        }
    return false;
}

struct span acl_group_uri(enum acl_grantee grantee)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (groups[i].grantee == grantee)
            return groups[i].uri;
    return SPAN_ABSENT;
}

bool acl_group_by_uri(struct span uri, enum acl_grantee *ret_grantee)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (span_eq(groups[i].uri, uri)) {
            *ret_grantee = groups[i].grantee;
            return true;
        }
    return false;
}

bool acl_is_default(const struct acl *acl)
{
    return acl->count == 1 && acl->grants[0].grantee == ACL_ACCOUNT &&
           acl->grants[0].account_id == acl->owner_id &&
           acl->grants[0].permission == ACL_FULL_CONTROL;
}

struct span acl_text(struct arena *arena, const struct acl *acl)
{
    struct buf text CLEANUP(buf_free) = {0};
    buf_init(&text, ACL_TEXT_BYTES);
    if (acl->count == 0)
        buf_add_char(&text, '-');
    for (size_t i = 0; i < acl->count; i++) {
        const struct acl_grant *grant = &acl->grants[i];
        if (i > 0)
            buf_add_char(&text, ' ');
        if (grant->grantee == ACL_ACCOUNT)
            buf_add_u64(&text, grant->account_id);
        for (size_t g = 0; g < ARRAY_LEN(groups); g++)
            if (groups[g].grantee == grant->grantee)
                buf_add(&text, groups[g].letter);
        buf_add_char(&text, ':');
        for (size_t p = 0; p < ARRAY_LEN(permissions); p++)
            if (permissions[p].permission == grant->permission)
                buf_add(&text, permissions[p].letter);
    }
    return buf_ok(&text) ? arena_copy(arena, buf_span(&text)) : SPAN_ABSENT;
}

static bool read_grant(struct span word, struct acl_grant *ret_grant)
{
    struct acl_grant grant = {.grantee = ACL_ACCOUNT};
    bool known = false;
    struct span what = word, who;
    if (!span_split(&what, ':', &who) || !span_present(what))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(permissions); i++)
        if (span_eq(permissions[i].letter, what)) {
            grant.permission = permissions[i].permission;
            known = true;
        }
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (span_eq(groups[i].letter, who))
            grant.grantee = groups[i].grantee;
    if (!known || (grant.grantee == ACL_ACCOUNT && !span_to_u64(who, &grant.account_id)))
        return false;
    *ret_grant = grant;
    return true;
}

bool acl_read(
    struct span text, struct acl_grant ret_grants[static ACL_GRANTS_MAX], size_t *ret_count)
{
    struct span rest = text, word;
    size_t count = 0;
    if (span_eq(text, SPAN("-")))
        rest = SPAN_ABSENT;
    while (rest.len > 0 && span_split(&rest, ' ', &word))
        if (count == ACL_GRANTS_MAX || !read_grant(word, &ret_grants[count++]))
            return false;
    *ret_count = count;
    return true;
}

/* ---- what a bucket or an object has ---- */

struct kept {
    size_t count;
    struct acl_grant grants[ACL_GRANTS_MAX];
};

static void *parse(const struct bucket_info *bucket, struct span text)
{
    (void)bucket;
    struct kept *kept = calloc(1, sizeof(*kept));
    if (kept != NULL && acl_read(text, kept->grants, &kept->count))
        return kept;
    free(kept);
    return NULL;
}

static size_t kept_bytes(const void *parsed)
{
    (void)parsed;
    return sizeof(struct kept);
}

static const struct document_type acl_type = {
    .kind = DOCUMENT_ACL, .parse = parse, .free = free, .bytes = kept_bytes};

static enum s3_err owners_own(struct request *request, uint64_t owner_id, struct acl *ret_acl)
{
    struct acl_grant *grant = arena_new(&request->arena, struct acl_grant);
    if (grant == NULL)
        return FAIL(request, INTERNAL, NULL);
    *grant = (struct acl_grant){ACL_ACCOUNT, owner_id, ACL_FULL_CONTROL};
    *ret_acl = (struct acl){owner_id, grant, 1};
    return S3_OK;
}

enum s3_err acl_of_bucket(
    struct request *request, const struct bucket_info *bucket, struct acl *ret_acl)
{
    const void *parsed = NULL;
    TRY(bucket_document(request, bucket, &acl_type, &parsed));
    const struct kept *kept = parsed;
    if (kept == NULL)
        return owners_own(request, bucket->owner_id, ret_acl);
    *ret_acl = (struct acl){bucket->owner_id, kept->grants, kept->count};
    return S3_OK;
}

enum s3_err acl_of_object(
    struct request *request, const struct object_info *info, struct acl *ret_acl)
{
    uint64_t owner_id = info->attributes.owner_id;
    struct span text = metadata_entry(info->attributes.metadata, METADATA_ACL);
    if (!span_present(text))
        return owners_own(request, owner_id, ret_acl);
    size_t count = 0;
    struct acl_grant *grants = arena_array(&request->arena, struct acl_grant, ACL_GRANTS_MAX);
    if (grants == NULL || !acl_read(text, grants, &count))
        return FAIL(request, INTERNAL, NULL);
    *ret_acl = (struct acl){owner_id, grants, count};
    return S3_OK;
}

/* ---- what it says of an action ---- */

/* src: S3 User Guide, "Mapping of ACL permissions and access policy permissions" */
static const struct {
    const char *action;
    bool of_object; /* asks the object's list, else the bucket's */
    enum acl_permission permission;
} mapping[] = {
    {"s3:ListBucket", false, ACL_READ},
    {"s3:ListBucketVersions", false, ACL_READ},
    {"s3:ListBucketMultipartUploads", false, ACL_READ},
    {"s3:PutObject", false, ACL_WRITE},
    {"s3:DeleteObject", false, ACL_WRITE},
    {"s3:GetBucketAcl", false, ACL_READ_ACP},
    {"s3:PutBucketAcl", false, ACL_WRITE_ACP},
    {"s3:GetObject", true, ACL_READ},
    {"s3:GetObjectVersion", true, ACL_READ},
    {"s3:GetObjectAcl", true, ACL_READ_ACP},
    {"s3:GetObjectVersionAcl", true, ACL_READ_ACP},
    {"s3:PutObjectAcl", true, ACL_WRITE_ACP},
    {"s3:PutObjectVersionAcl", true, ACL_WRITE_ACP},
};

/* The bucket's owner may write over, delete and archive what is in it, whoever owns the object. */
static bool is_bucket_owners(const char *action)
{
    static const char *const actions[] = {"s3:PutObject", "s3:DeleteObject",
        "s3:DeleteObjectVersion", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"};
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(action, actions[i]) == 0)
            return true;
    return false;
}

static bool is_for(
    const struct principal *who, const struct acl_grant *grant, uint64_t owner_id, bool no_public)
{
    bool anonymous = who->kind == PRINCIPAL_ANONYMOUS;
    switch (grant->grantee) {
    case ACL_ALL_USERS:
        return !no_public;
    case ACL_AUTHENTICATED_USERS:
        return !no_public && !anonymous;
    case ACL_ACCOUNT:
        return !anonymous && grant->account_id == who->account_id && grant->account_id != owner_id;
    case ACL_LOG_DELIVERY:
        break;
    }
    return false;
}

static enum s3_err grants_it(struct request *request, const struct principal *who,
    const struct bucket_info *bucket, const struct acl *acl, enum acl_permission permission,
    bool *ret_grants)
{
    struct public_access access;
    TRY(public_access_of(request, bucket, &access));
    *ret_grants = false;
    for (size_t i = 0; i < acl->count; i++)
        *ret_grants |= (acl->grants[i].permission & permission) == permission &&
                       is_for(who, &acl->grants[i], acl->owner_id, access.ignore_public_acls);
    return S3_OK;
}

/* *ret_there: false where there is no such object, or a delete marker. */
static enum s3_err load(struct request *request, const struct bucket_info *bucket, struct span key,
    struct span version_id, struct object_info *ret_info, bool *ret_there)
{
    struct version_ref version = {.select = VERSION_NEWEST};
    *ret_there = false;
    if (version_id_parse(version_id, &version, NULL) != S3_OK)
        return S3_OK; /* the operation refuses it */
    enum storage_err err = storage_object_get(
        request_store(request), bucket->id, key, version, &request->arena, ret_info);
    if (err == STORAGE_NO_SUCH_KEY || err == STORAGE_NO_SUCH_VERSION ||
        err == STORAGE_DELETE_MARKER || err == STORAGE_INVALID)
        return S3_OK;
    *ret_there = err == STORAGE_OK;
    return err == STORAGE_OK ? S3_OK : FAIL_STORAGE(request, err);
}

/* Who may write may delete what is their own. src: S3 User Guide, "Access control list (ACL) overview":
 * WRITE "for the bucket and object owners of existing objects" */
static bool may_delete(const struct principal *who, const struct object_info *info)
{
    return who->kind != PRINCIPAL_ANONYMOUS && info->attributes.owner_id == who->account_id;
}

static enum s3_err judge_missing(struct request *request, const struct principal *who,
    const struct bucket_info *bucket, struct acl_verdict *verdict)
{
    struct acl acl = {0};
    TRY(acl_of_bucket(request, bucket, &acl));
    return grants_it(request, who, bucket, &acl, ACL_READ, &verdict->missing);
}

enum s3_err acl_look_at(struct request *request, const struct bucket_info *bucket, struct span key,
    struct span version_id, struct object_info *ret_info, bool *ret_there)
{
    *ret_there = false;
    TRY(load(request, bucket, key, version_id, ret_info, ret_there));
    request->judged =
        (struct acl_judged){true, bucket->id, key, *ret_there ? ret_info->version.sequence : 0};
    return S3_OK;
}

static enum s3_err judge_object(struct request *request, const struct principal *who,
    const struct bucket_info *bucket, struct span key, struct span version_id,
    enum acl_permission permission, struct acl_verdict *verdict)
{
    struct object_info info;
    struct acl acl = {0};
    bool there = false;
    TRY(acl_look_at(request, bucket, key, version_id, &info, &there));
    if (!there)
        return permission == ACL_READ && version_id.len == 0
                   ? judge_missing(request, who, bucket, verdict)
                   : S3_OK;
    verdict->owner_id = info.attributes.owner_id;
    verdict->foreign = verdict->owner_id != bucket->owner_id;
    if (permission == ACL_NOTHING)
        return S3_OK;
    TRY(acl_of_object(request, &info, &acl));
    return grants_it(request, who, bucket, &acl, permission, &verdict->allows);
}

static enum s3_err judge_bucket(struct request *request, const struct principal *who,
    const struct bucket_info *bucket, struct span key, const char *action,
    enum acl_permission permission, struct acl_verdict *verdict)
{
    struct object_info info;
    struct acl acl = {0};
    bool there = false;
    TRY(acl_of_bucket(request, bucket, &acl));
    TRY(grants_it(request, who, bucket, &acl, permission, &verdict->allows));
    if (!verdict->allows || strcmp(action, "s3:DeleteObject") != 0)
        return S3_OK;
    if (span_present(key))
        TRY(load(request, bucket, key, SPAN_ABSENT, &info, &there));
    verdict->allows = !there || may_delete(who, &info);
    return S3_OK;
}

/* Of a write that says who is granted what: the object is still to come, and is the writer's. */
static const char *meant(
    const struct request *request, const struct principal *who, const char *action)
{
    bool on_write = who == &request->principal && strcmp(action, "s3:PutObjectAcl") == 0 &&
                    request->op != NULL &&
                    !span_eq(span_str(request->op->sub_resource), SPAN("acl"));
    return on_write ? "s3:PutObject" : action;
}

bool acl_is_of_new_object(const struct request *request, const char *action)
{
    return strcmp(action, "s3:PutObjectTagging") == 0 && request->op != NULL &&
           request->op->scope != TARGET_SERVICE && /* a question of the simulator */
           !span_eq(span_str(request->op->sub_resource), SPAN("tagging"));
}

enum s3_err acl_judge(struct request *request, const struct principal *who,
    const struct bucket_info *bucket, struct span key, struct span version_id, const char *action,
    struct acl_verdict *ret_verdict)
{
    enum object_ownership ownership = OWNERSHIP_BUCKET_OWNER_ENFORCED;
    struct acl_verdict verdict = {.owner_id = bucket->owner_id};
    enum acl_permission permission = ACL_NOTHING;
    bool of_object = true;
    TRY(ownership_of(request, bucket, &ownership));
    *ret_verdict = verdict;
    if (ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED)
        return S3_OK;
    action = meant(request, who, action);
    for (size_t i = 0; i < ARRAY_LEN(mapping); i++)
        if (strcmp(mapping[i].action, action) == 0) {
            permission = mapping[i].permission;
            of_object = mapping[i].of_object;
        }
    bool is_new = who == &request->principal && acl_is_of_new_object(request, action);
    if (span_present(key) && of_object && !is_bucket_owners(action) && !is_new)
        TRY(judge_object(request, who, bucket, key, version_id, permission, &verdict));
    else if (permission != ACL_NOTHING && !of_object)
        TRY(judge_bucket(request, who, bucket, key, action, permission, &verdict));
    *ret_verdict = verdict;
    return S3_OK;
}

enum s3_err acl_still_holds(
    struct request *request, uint64_t bucket_id, struct span key, const struct object_info *info)
{
    const struct acl_judged *judged = &request->judged;
    bool is_it = judged->set && judged->bucket_id == bucket_id && span_eq(judged->key, key);
    return !is_it || judged->sequence == info->version.sequence
               ? S3_OK
               : FAIL(request, SERVICE_UNAVAILABLE, NULL);
}
