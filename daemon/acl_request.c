#include "daemon/acl_request.h"

#include "daemon/accounts.h"
#include "daemon/daemon.h"
#include "daemon/metadata.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/object_common.h"
#include "daemon/ops/owner_xml.h"
#include "daemon/ownership.h"
#include "daemon/public_access.h"
#include "xml_read.h"
#include "xml_write.h"

/* A list that grows. */
struct draft {
    struct acl_grant *grants; /* ACL_GRANTS_MAX */
    size_t count;
};

static enum s3_err start(struct request *request, struct draft *draft)
{
    *draft =
        (struct draft){.grants = arena_array(&request->arena, struct acl_grant, ACL_GRANTS_MAX)};
    return draft->grants != NULL ? S3_OK : FAIL(request, INTERNAL, NULL);
}

static enum s3_err add(struct request *request, struct draft *draft, struct acl_grant grant)
{
    if (draft->count == ACL_GRANTS_MAX)
        return FAIL(request, MALFORMED_ACL, "An ACL has at most 100 grants.");
    draft->grants[draft->count++] = grant;
    return S3_OK;
}

/* ---- canned ACLs ---- */

enum { OWNER_READS = 1, OWNER_CONTROLS = 2 }; /* the bucket's, of an object */

/* src: User Guide, "Canned ACL". Nobody here is the account that aws-exec-read means. */
static const struct {
    struct span name;
    bool of_buckets_only;
    struct {
        enum acl_grantee grantee;
        enum acl_permission permission;
    } group[2];
    unsigned bucket_owner;
} canned[] = {
    {SPAN("private"), false, {{0}}, 0},
    {SPAN("public-read"), false, {{ACL_ALL_USERS, ACL_READ}}, 0},
    {SPAN("public-read-write"), false, {{ACL_ALL_USERS, ACL_READ}, {ACL_ALL_USERS, ACL_WRITE}}, 0},
    {SPAN("authenticated-read"), false, {{ACL_AUTHENTICATED_USERS, ACL_READ}}, 0},
    {SPAN("aws-exec-read"), false, {{0}}, 0},
    {SPAN("bucket-owner-read"), false, {{0}}, OWNER_READS},
    {SPAN("bucket-owner-full-control"), false, {{0}}, OWNER_CONTROLS},
    {SPAN("log-delivery-write"), true,
        {{ACL_LOG_DELIVERY, ACL_WRITE}, {ACL_LOG_DELIVERY, ACL_READ_ACP}}, 0},
};

static enum s3_err from_canned(struct request *request, const struct acl_subject *subject,
    struct span name, struct draft *draft)
{
    size_t row = 0;
    while (row < ARRAY_LEN(canned) && !span_eq(canned[row].name, name))
        row++;
    if (row == ARRAY_LEN(canned) || (canned[row].of_buckets_only && !subject->is_bucket))
        return FAIL_ARGUMENT(request, "x-amz-acl", name, NULL);
    TRY(add(request, draft, (struct acl_grant){ACL_ACCOUNT, subject->owner_id, ACL_FULL_CONTROL}));
    for (size_t i = 0; i < ARRAY_LEN(canned[row].group); i++)
        if (canned[row].group[i].permission != ACL_NOTHING)
            TRY(add(request, draft,
                (struct acl_grant){
                    canned[row].group[i].grantee, 0, canned[row].group[i].permission}));
    bool other = !subject->is_bucket && subject->owner_id != subject->bucket_owner_id;
    if (canned[row].bucket_owner == 0 || !other)
        return S3_OK;
    return add(request, draft,
        (struct acl_grant){ACL_ACCOUNT, subject->bucket_owner_id,
            canned[row].bucket_owner == OWNER_READS ? ACL_READ : ACL_FULL_CONTROL});
}

/* ---- grantees ---- */

static enum s3_err find_account(struct request *request, struct span id, uint64_t *ret_id)
{
    char first[CANONICAL_ID_BYTES + 1];
    struct account account;
    account_canonical_of(ROOT_ACCOUNT_ID, first);
    if (span_eq(id, span_str(first))) {
        *ret_id = ROOT_ACCOUNT_ID;
        return S3_OK;
    }
    if (request->daemon->accounts != NULL &&
        accounts_find(request->daemon->accounts, id, &account)) {
        *ret_id = account.id;
        return S3_OK;
    }
    if (span_eq(id, owner_canonical_id(request, ANONYMOUS_ACCOUNT_ID))) {
        *ret_id = ANONYMOUS_ACCOUNT_ID;
        return S3_OK;
    }
    return FAIL_ARGUMENT(request, "CanonicalUser/ID", id, "Invalid id");
}

static enum s3_err find_group(
    struct request *request, struct span uri, enum acl_grantee *ret_grantee)
{
    return acl_group_by_uri(uri, ret_grantee)
               ? S3_OK
               : FAIL_ARGUMENT(request, "uri", uri, "Invalid group uri");
}

/* ---- grant headers ---- */

static const struct {
    struct span header;
    enum acl_permission permission;
} grant_headers[] = {
    {SPAN("x-amz-grant-full-control"), ACL_FULL_CONTROL},
    {SPAN("x-amz-grant-read"), ACL_READ},
    {SPAN("x-amz-grant-read-acp"), ACL_READ_ACP},
    {SPAN("x-amz-grant-write"), ACL_WRITE},
    {SPAN("x-amz-grant-write-acp"), ACL_WRITE_ACP},
};

/* id="…", uri="…" or emailAddress="…"; quotes may be left out. */
static enum s3_err read_grantee(
    struct request *request, struct span item, struct span header, struct acl_grant *grant)
{
    size_t equals = span_find_char(item, '=', 0);
    struct span type = span_trim(span_first(item, equals));
    struct span value = equals != SIZE_MAX ? span_trim(span_from(item, equals + 1)) : SPAN("");
    if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
        value = span_of(value.ptr + 1, value.len - 2);
    if (span_eq_nocase(type, SPAN("emailAddress")))
        return FAIL(request, UNRESOLVABLE_GRANT_BY_EMAIL, NULL);
    if (value.len > 0 && span_eq_nocase(type, SPAN("id"))) {
        grant->grantee = ACL_ACCOUNT;
        return find_account(request, value, &grant->account_id);
    }
    if (value.len > 0 && span_eq_nocase(type, SPAN("uri")))
        return find_group(request, value, &grant->grantee);
    return FAIL_ARGUMENT(request, header.ptr, item, "Argument format not recognized");
}

static enum s3_err from_grants(struct request *request, struct draft *draft, bool *ret_any)
{
    *ret_any = false;
    for (size_t i = 0; i < ARRAY_LEN(grant_headers); i++) {
        struct span rest = object_amz_header(request, grant_headers[i].header), item;
        *ret_any |= span_present(rest);
        while (span_split(&rest, ',', &item)) {
            struct acl_grant grant = {.permission = grant_headers[i].permission};
            TRY(read_grantee(request, span_trim(item), grant_headers[i].header, &grant));
            TRY(add(request, draft, grant));
        }
    }
    return S3_OK;
}

enum s3_err acl_from_headers(
    struct request *request, const struct acl_subject *subject, struct acl *ret_acl, bool *ret_said)
{
    struct draft draft;
    bool has_grants = false;
    struct span name = object_amz_header(request, SPAN("x-amz-acl"));
    TRY(start(request, &draft));
    TRY(from_grants(request, &draft, &has_grants));
    if (has_grants && span_present(name))
        return FAIL(request, INVALID_REQUEST,
            "Specifying both Canned ACLs and Header Grants is not allowed");
    if (span_present(name))
        TRY(from_canned(request, subject, name, &draft));
    *ret_said = has_grants || span_present(name);
    *ret_acl = (struct acl){subject->owner_id, draft.grants, draft.count};
    return S3_OK;
}

/* ---- documents ---- */

static enum s3_err read_grant(
    struct request *request, const struct xml_node *node, struct acl_grant *ret_grant)
{
    struct acl_grant grant = {.grantee = ACL_ACCOUNT};
    const struct xml_node *grantee = xml_child(node, SPAN("Grantee"));
    if (!span_eq(node->name, SPAN("Grant")) || grantee == NULL ||
        !acl_permission_by_name(xml_child_text(node, SPAN("Permission")), &grant.permission))
        return FAIL(request, MALFORMED_ACL, NULL);
    struct span id = xml_child_text(grantee, SPAN("ID"));
    struct span uri = xml_child_text(grantee, SPAN("URI"));
    if (span_present(xml_child_text(grantee, SPAN("EmailAddress"))))
        return FAIL(request, UNRESOLVABLE_GRANT_BY_EMAIL, NULL);
    if (span_present(id) == span_present(uri))
        return FAIL(request, MALFORMED_ACL, NULL);
    if (span_present(uri))
        TRY(find_group(request, uri, &grant.grantee));
    else
        TRY(find_account(request, id, &grant.account_id));
    *ret_grant = grant;
    return S3_OK;
}

/* The owner that a document names must be who owns it: an ACL does not give away. */
static enum s3_err check_owner(
    struct request *request, const struct xml_node *root, uint64_t owner_id)
{
    const struct xml_node *owner = xml_child(root, SPAN("Owner"));
    struct span id = owner != NULL ? xml_child_text(owner, SPAN("ID")) : SPAN_ABSENT;
    if (id.len == 0)
        return FAIL(request, MALFORMED_ACL, NULL);
    return span_eq(id, owner_canonical_id(request, owner_id)) ? S3_OK
                                                              : FAIL(request, ACCESS_DENIED, NULL);
}

enum s3_err acl_from_xml(struct request *request, const struct acl_subject *subject,
    struct span document, struct acl *ret_acl)
{
    struct draft draft;
    struct xml_node *root;
    TRY(start(request, &draft));
    if (xml_read(&request->arena, document, &root) != S3_OK ||
        !span_eq(root->name, SPAN("AccessControlPolicy")))
        return FAIL(request, MALFORMED_ACL, NULL);
    const struct xml_node *list = xml_child(root, SPAN("AccessControlList"));
    if (list == NULL)
        return FAIL(request, MALFORMED_ACL, NULL);
    TRY(check_owner(request, root, subject->owner_id));
    for (const struct xml_node *node = list->first_child; node != NULL; node = node->next) {
        struct acl_grant grant = {.grantee = ACL_ACCOUNT};
        TRY(read_grant(request, node, &grant));
        TRY(add(request, &draft, grant));
    }
    *ret_acl = (struct acl){subject->owner_id, draft.grants, draft.count};
    return S3_OK;
}

/* ---- public access ---- */

bool acl_is_public(const struct acl *acl)
{
    for (size_t i = 0; i < acl->count; i++)
        if (acl->grants[i].grantee == ACL_ALL_USERS ||
            acl->grants[i].grantee == ACL_AUTHENTICATED_USERS)
            return true;
    return false;
}

enum s3_err acl_check_public(
    struct request *request, const struct bucket_info *bucket, const struct acl *acl)
{
    struct public_access of_bucket = {false, false, false, false}, of_account = of_bucket;
    if (!acl_is_public(acl))
        return S3_OK;
    TRY(public_access_levels(request, bucket, &of_bucket, &of_account));
    if (of_bucket.block_public_acls)
        return FAIL(request, ACCESS_DENIED,
            "The ACL grants something to everybody, and public ACLs are blocked by BlockPublicAcls "
            "in "
            "the bucket's public access block. To lift it: aws s3api put-public-access-block or "
            "delete-public-access-block.");
    if (of_account.block_public_acls)
        return FAIL(request, ACCESS_DENIED,
            "The ACL grants something to everybody, and public ACLs are blocked by BlockPublicAcls "
            "in "
            "the account's public access block. To lift it: aws s3control put-public-access-block "
            "or "
            "delete-public-access-block.");
    return S3_OK;
}

/* ---- new objects and buckets ---- */

/* Where ownership is enforced, only what gives the bucket's owner everything may be said.
 * src: User Guide, "Controlling ownership of objects and disabling ACLs for your bucket" */
static bool says_nothing_new(const struct acl *acl, uint64_t bucket_owner_id)
{
    for (size_t i = 0; i < acl->count; i++)
        if (acl->grants[i].grantee != ACL_ACCOUNT || acl->grants[i].account_id != bucket_owner_id ||
            acl->grants[i].permission != ACL_FULL_CONTROL)
            return false;
    return true;
}

/* aws-exec-read and bucket-owner-read come to nothing here and are refused by name. */
static bool is_named_plainly(const struct request *request)
{
    struct span name = object_amz_header(request, SPAN("x-amz-acl"));
    return !span_present(name) || span_eq(name, SPAN("private")) ||
           span_eq(name, SPAN("bucket-owner-full-control"));
}

static enum s3_err read_object_acl(struct request *request, struct acl *ret_acl)
{
    enum object_ownership ownership = OWNERSHIP_BUCKET_OWNER_ENFORCED;
    const struct bucket_info *bucket = &request->bucket;
    struct acl_subject subject = {
        .owner_id = request->principal.account_id, .bucket_owner_id = bucket->owner_id};
    bool said = false;
    TRY(ownership_of(request, bucket, &ownership));
    struct span name = object_amz_header(request, SPAN("x-amz-acl"));
    bool given = ownership == OWNERSHIP_BUCKET_OWNER_PREFERRED &&
                 span_eq(name, SPAN("bucket-owner-full-control"));
    if (ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED || given)
        subject.owner_id = bucket->owner_id;
    TRY(acl_from_headers(request, &subject, ret_acl, &said));
    if (ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED) {
        if (!says_nothing_new(ret_acl, bucket->owner_id) || !is_named_plainly(request))
            return FAIL(request, ACCESS_CONTROL_LIST_NOT_SUPPORTED, NULL);
        said = false;
    }
    if (!said) {
        ret_acl->count = 0;
        return S3_OK;
    }
    return acl_check_public(request, bucket, ret_acl);
}

enum s3_err acl_check_object(struct request *request)
{
    struct acl acl = {0};
    return read_object_acl(request, &acl);
}

enum s3_err acl_new_object(struct request *request, struct object_attributes *attributes)
{
    struct acl acl = {0};
    TRY(read_object_acl(request, &acl));
    struct span text = SPAN_ABSENT;
    if (acl.count > 0 && !acl_is_default(&acl)) {
        text = acl_text(&request->arena, &acl);
        if (!span_present(text))
            return FAIL(request, INTERNAL, NULL);
    }
    attributes->owner_id = acl.owner_id;
    if (!span_present(text) && !span_present(metadata_entry(attributes->metadata, METADATA_ACL)))
        return S3_OK;
    return metadata_with_entry(
        request, attributes->metadata, METADATA_ACL, text, &attributes->metadata);
}

enum s3_err acl_new_bucket(struct request *request, bool blocks_public,
    struct span *ret_ownership_text, struct span *ret_acl_text)
{
    struct acl acl = {0};
    bool said = false;
    enum object_ownership ownership = OWNERSHIP_BUCKET_OWNER_ENFORCED;
    struct acl_subject subject = {.is_bucket = true,
        .owner_id = request->principal.account_id,
        .bucket_owner_id = request->principal.account_id};
    TRY(ownership_of_new_bucket(request, &ownership));
    TRY(acl_from_headers(request, &subject, &acl, &said));
    *ret_ownership_text = ownership_name(ownership);
    *ret_acl_text = SPAN_ABSENT;
    if (!said || acl_is_default(&acl))
        return S3_OK;
    if (ownership == OWNERSHIP_BUCKET_OWNER_ENFORCED)
        return FAIL(request, INVALID_BUCKET_ACL_WITH_OBJECT_OWNERSHIP, NULL);
    if (acl_is_public(&acl) && blocks_public)
        return FAIL(request, INVALID_BUCKET_ACL_WITH_BLOCK_PUBLIC_ACCESS, NULL);
    *ret_acl_text = acl_text(&request->arena, &acl);
    return span_present(*ret_acl_text) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

/* ---- answers ---- */

static void grant_xml(struct buf *out, struct request *request, const struct acl_grant *grant)
{
    xml_open(out, SPAN("Grant"));
    buf_add_lit(
        out, "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"");
    if (grant->grantee == ACL_ACCOUNT) {
        buf_add_lit(out, "CanonicalUser\">");
        owner_xml(out, request, grant->account_id);
    } else {
        buf_add_lit(out, "Group\">");
        xml_text(out, SPAN("URI"), acl_group_uri(grant->grantee));
    }
    xml_close(out, SPAN("Grantee"));
    xml_text(out, SPAN("Permission"), acl_permission_name(grant->permission));
    xml_close(out, SPAN("Grant"));
}

enum s3_err acl_respond(struct request *request, const struct acl *acl)
{
    struct buf *out = response_xml(request, 200);
    xml_begin_document(out, SPAN("AccessControlPolicy"));
    xml_open(out, SPAN("Owner"));
    owner_xml(out, request, acl->owner_id);
    xml_close(out, SPAN("Owner"));
    xml_open(out, SPAN("AccessControlList"));
    for (size_t i = 0; i < acl->count; i++)
        grant_xml(out, request, &acl->grants[i]);
    xml_close(out, SPAN("AccessControlList"));
    xml_close(out, SPAN("AccessControlPolicy"));
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}
