#include "daemon/context.h"

#include "daemon/authorize_rules.h"
#include "daemon/daemon.h"
#include "daemon/identities.h"
#include "daemon/ops/object_common.h"
#include "daemon/source_ip.h"
#include "daemon/zones.h"
#include "http_time.h"
#include "names.h"

static struct span account_text(struct arena *arena, uint64_t account_id)
{
    return arena_format(arena, "%012llu", (unsigned long long)account_id);
}

const struct policy_principal *context_principal(struct request *request)
{
    static const struct policy_principal nobody = {.kind = POLICY_ANONYMOUS};
    if (request->identity != NULL)
        return &request->identity->principal;
    if (request->principal.kind == PRINCIPAL_ANONYMOUS)
        return &nobody;
    struct arena *arena = &request->arena;
    struct policy_principal *root = arena_new(arena, struct policy_principal);
    if (root == NULL)
        return NULL;
    root->kind = POLICY_ACCOUNT_ROOT;
    root->account = account_text(arena, request->principal.account_id);
    root->arn = arena_format(arena, "arn:aws:iam::%.*s:root", SPAN_ARG(root->account));
    root->unique_id = root->account;
    root->canonical_id = account_canonical_id(request, request->principal.account_id);
    return span_present(root->arn) ? root : NULL;
}

/* ---- which keys ---- */

static bool any_uses(const struct access_policies *policies, enum policy_key key)
{
    for (size_t i = 0; i < policies->count; i++)
        if (policy_uses_key(policies->items[i], key))
            return true;
    return false;
}

bool context_uses_key(const struct access_request *access, enum policy_key key)
{
    return (access->resource != NULL && policy_uses_key(access->resource, key)) ||
           any_uses(&access->identity, key) ||
           (access->boundary != NULL && policy_uses_key(access->boundary, key)) ||
           any_uses(&access->session, key);
}

static bool any_uses_tags(const struct access_policies *policies, enum policy_tag_family family)
{
    for (size_t i = 0; i < policies->count; i++)
        if (policy_uses_tags(policies->items[i], family))
            return true;
    return false;
}

bool context_uses_tags(const struct access_request *access, enum policy_tag_family family)
{
    return (access->resource != NULL && policy_uses_tags(access->resource, family)) ||
           any_uses_tags(&access->identity, family) ||
           (access->boundary != NULL && policy_uses_tags(access->boundary, family)) ||
           any_uses_tags(&access->session, family);
}

void context_set(struct context *context, enum policy_key key, struct span value)
{
    if (!span_present(value))
        return;
    context->values[key] = value;
    context->policy.keys[key] = (struct policy_values){&context->values[key], 1};
}

/* ---- their values ---- */

struct fill {
    struct request *request;
    const struct access_ask *ask; /* NULL: not of S3 */
    const struct policy_principal *principal;
    enum s3_err err;
};

static struct span bool_text(bool value)
{
    return value ? SPAN("true") : SPAN("false");
}

/* 2026-01-31T12:00:00Z */
static struct span time_text(struct fill *fill, int64_t time_s)
{
    char text[ISO_TIME_BYTES];
    iso_time_format(time_s * 1000, text);
    return arena_copy(&fill->request->arena, span_str(text));
}

static struct span current_time(struct fill *fill)
{
    return time_text(fill, fill->request->received_ms / 1000);
}

static struct span epoch_time(struct fill *fill)
{
    return arena_format(
        &fill->request->arena, "%lld", (long long)(fill->request->received_ms / 1000));
}

static struct span principal_account(struct fill *fill)
{
    return fill->principal->kind == POLICY_ANONYMOUS ? SPAN("anonymous") : fill->principal->account;
}

static struct span principal_arn(struct fill *fill)
{
    /* Of an assumed role it is the role's, as AWS has it. */
    return fill->principal->kind == POLICY_ROLE_SESSION ? fill->principal->role_arn
                                                        : fill->principal->arn;
}

static struct span principal_type(struct fill *fill)
{
    switch (fill->principal->kind) {
    case POLICY_ANONYMOUS:
        return SPAN("Anonymous");
    case POLICY_ACCOUNT_ROOT:
        return SPAN("Account");
    case POLICY_USER:
        return SPAN("User");
    case POLICY_ROLE_SESSION:
        return SPAN("AssumedRole");
    case POLICY_FEDERATED_USER:
        return SPAN("FederatedUser");
    }
    return SPAN_ABSENT;
}

static struct span user_id(struct fill *fill)
{
    const struct identity *identity = fill->request->identity;
    if (fill->principal->kind == POLICY_ANONYMOUS)
        return SPAN("anonymous");
    return identity != NULL ? identity->user_id : fill->principal->unique_id;
}

static struct span user_name(struct fill *fill)
{
    const struct identity *identity = fill->request->identity;
    return identity != NULL ? identity->user_name : SPAN_ABSENT;
}

static struct span source_identity(struct fill *fill)
{
    const struct identity *identity = fill->request->identity;
    return identity != NULL ? identity->source_identity : SPAN_ABSENT;
}

static struct span token_issue_time(struct fill *fill)
{
    const struct identity *identity = fill->request->identity;
    return identity != NULL && identity->is_temporary ? time_text(fill, identity->issued_s)
                                                      : SPAN_ABSENT;
}

/* Temporary credentials say whether there was a second factor: there is none here. */
static struct span second_factor(struct fill *fill)
{
    const struct identity *identity = fill->request->identity;
    return identity != NULL && identity->is_temporary ? bool_text(false) : SPAN_ABSENT;
}

static struct span never(struct fill *fill)
{
    (void)fill;
    return bool_text(false);
}

static struct span peer_address(struct fill *fill)
{
    return source_ip(fill->request);
}

static struct span secure_transport(struct fill *fill)
{
    return bool_text(fill->request->secure);
}

static struct span tls_version(struct fill *fill)
{
    return fill->request->tls_version;
}

static struct span region(struct fill *fill)
{
    return request_region(fill->request);
}

static struct span resource_account(struct fill *fill)
{
    if (fill->ask == NULL || fill->ask->bucket == NULL)
        return SPAN_ABSENT;
    return account_text(&fill->request->arena, fill->ask->bucket->owner_id);
}

/* ---- S3's ---- */

static bool is_signed(const struct fill *fill)
{
    return fill->request->auth.kind != SIGV4_ANONYMOUS;
}

/* Only version 4 has a scope, with a date. */
static bool is_version_2(const struct fill *fill)
{
    return is_signed(fill) && !span_present(fill->request->auth.date);
}

static struct span auth_type(struct fill *fill)
{
    if (!is_signed(fill))
        return SPAN_ABSENT;
    if (fill->request->form != NULL)
        return SPAN("POST");
    return fill->request->auth.kind == SIGV4_PRESIGNED ? SPAN("REST-QUERY-STRING")
                                                       : SPAN("REST-HEADER");
}

static struct span signature_version(struct fill *fill)
{
    if (!is_signed(fill))
        return SPAN_ABSENT;
    return is_version_2(fill) ? SPAN("AWS") : SPAN("AWS4-HMAC-SHA256");
}

/* Milliseconds since it was signed; of version 2, which does not say when, always 0, as on AWS.
 * src: Amazon S3 API Reference, "Amazon S3 Signature Version 4 Authentication Specific Policy Keys" */
static struct span signature_age(struct fill *fill)
{
    const struct request *request = fill->request;
    if (!is_signed(fill))
        return SPAN_ABSENT;
    if (is_version_2(fill))
        return SPAN("0");
    int64_t age_ms = request->received_ms - request->auth.time_s * 1000;
    return arena_format(&fill->request->arena, "%lld", (long long)(age_ms > 0 ? age_ms : 0));
}

/* What the signature says of the body, wherever it was said; who signs nothing of it and does not say so has it
 * unsigned all the same. Of a form and of version 2 nothing is told. */
static struct span content_sha256(struct fill *fill)
{
    const struct request *request = fill->request;
    struct span value = request_header(request, SPAN("x-amz-content-sha256"));
    if (request->form != NULL || is_version_2(fill))
        return SPAN_ABSENT;
    if (is_signed(fill) && request->auth.payload == SIGV4_PAYLOAD_UNSIGNED)
        return SPAN("UNSIGNED-PAYLOAD");
    return span_present(value) || !is_signed(fill) ? value : request->auth.payload_sha256_hex;
}

/* What a listing reads of these; elsewhere a parameter of the name says nothing, to the operation and so to the
 * policy. */
enum list_reads { READS_PREFIX = 1, READS_DELIMITER = 2, READS_MAX_KEYS = 4 };

static unsigned list_reads_of(const struct op *op)
{
    if (op->run == op_list_objects || op->run == op_list_objects_v2 ||
        op->run == op_list_object_versions)
        return READS_PREFIX | READS_DELIMITER | READS_MAX_KEYS;
    if (op->run == op_list_multipart_uploads)
        return READS_PREFIX | READS_DELIMITER;
    return op->run == op_zip_objects ? READS_PREFIX : 0;
}

static struct span list_query(struct fill *fill, unsigned reads, struct span name)
{
    const struct request *request = fill->request;
    bool lists = request->op != NULL && request->op->action != NULL && fill->ask != NULL &&
                 strcmp(request->op->action, fill->ask->action) == 0 &&
                 (list_reads_of(request->op) & reads) != 0;
    return lists ? request_query(request, name) : SPAN_ABSENT;
}

static struct span prefix(struct fill *fill)
{
    if (fill->ask != NULL && span_present(fill->ask->prefix))
        return fill->ask->prefix;
    return list_query(fill, READS_PREFIX, SPAN("prefix"));
}

static struct span delimiter(struct fill *fill)
{
    return list_query(fill, READS_DELIMITER, SPAN("delimiter"));
}

static struct span max_keys(struct fill *fill)
{
    return list_query(fill, READS_MAX_KEYS, SPAN("max-keys"));
}

static struct span version_id(struct fill *fill)
{
    return fill->ask != NULL ? fill->ask->version_id : SPAN_ABSENT;
}

static struct span location(struct fill *fill)
{
    return fill->ask != NULL ? fill->ask->location : SPAN_ABSENT;
}

/* A form's field of this name copies nothing, nor does the header of what begins or ends an upload. */
static bool read_copy_source(struct fill *fill, struct copy_source *ret_source)
{
    const struct op *op = fill->request->op;
    struct span text = request_header(fill->request, SPAN("x-amz-copy-source"));
    return op != NULL && (op->run == op_copy_object || op->run == op_upload_part_copy) &&
           span_present(text) &&
           copy_source_parse(&fill->request->arena, text, ret_source) == S3_OK;
}

/* bucket/key, decoded: the header has it in several forms. */
static struct span copy_source(struct fill *fill)
{
    struct copy_source source;
    if (!read_copy_source(fill, &source))
        return SPAN_ABSENT;
    return arena_format(
        &fill->request->arena, "%.*s/%.*s", SPAN_ARG(source.bucket), SPAN_ARG(source.key));
}

/* Does the request make an object, or only a part of one? */
static struct span creates_object(struct fill *fill)
{
    const struct op *op = fill->request->op;
    if (op == NULL || op->action == NULL || strcmp(op->action, "s3:PutObject") != 0)
        return SPAN_ABSENT;
    return bool_text(op->run != op_create_multipart_upload && op->run != op_upload_part &&
                     op->run != op_upload_part_copy);
}

static struct span header_value(const struct fill *fill, struct span name)
{
    if (!authorize_believes(fill->request, fill->ask != NULL ? fill->ask->action : "", name))
        return SPAN_ABSENT;
    return span_starts(name, SPAN("x-amz-")) ? object_amz_header(fill->request, name)
                                             : request_header(fill->request, name);
}

/* DeleteObjects has a condition for each key in its body; what its header says is never looked at.
 * src: Amazon S3 User Guide, "Enforce conditional deletes on Amazon S3 buckets" */
static struct span if_match(struct fill *fill)
{
    const struct op *op = fill->request->op;
    if (op != NULL && op->run == op_delete_objects)
        return fill->ask != NULL ? fill->ask->if_match : SPAN_ABSENT;
    return header_value(fill, SPAN("if-match"));
}

/* ---- zones ---- */

/* A listing is in the zone that its prefix lies in. */
static struct span zone_of(struct fill *fill, const struct bucket_info *bucket, struct span key)
{
    struct zone_of zone;
    if (bucket == NULL || bucket->id == 0 || !span_present(key))
        return SPAN_ABSENT;
    enum s3_err err = zones_of(fill->request, bucket, key, &zone);
    if (err != S3_OK) {
        fill->err = err;
        return SPAN_ABSENT;
    }
    return zone.name;
}

static struct span zone(struct fill *fill)
{
    if (fill->ask == NULL)
        return SPAN_ABSENT;
    struct span key = fill->ask->key;
    return zone_of(fill, fill->ask->bucket, span_present(key) ? key : prefix(fill));
}

static struct span source_zone(struct fill *fill)
{
    struct copy_source source;
    struct bucket_info bucket;
    struct request *request = fill->request;
    if (fill->ask == NULL || !read_copy_source(fill, &source))
        return SPAN_ABSENT;
    enum storage_err err =
        storage_bucket_get(request_store(request), source.bucket, &request->arena, &bucket);
    if (err == STORAGE_NO_SUCH_BUCKET)
        return SPAN_ABSENT;
    if (err != STORAGE_OK) {
        fill->err = FAIL_STORAGE(request, err);
        return SPAN_ABSENT;
    }
    return zone_of(fill, &bucket, source.key);
}

/* ---- the table ---- */

static const struct {
    enum policy_key key;
    const char *header; /* x-amz-*: or the query parameter of a presigned request */
    struct span (*value)(struct fill *fill);
} rows[] = {
    {POLICY_KEY_AWS_SOURCE_IP, NULL, peer_address},
    {POLICY_KEY_AWS_SECURE_TRANSPORT, NULL, secure_transport},
    {POLICY_KEY_AWS_CURRENT_TIME, NULL, current_time},
    {POLICY_KEY_AWS_EPOCH_TIME, NULL, epoch_time},
    {POLICY_KEY_AWS_PRINCIPAL_ACCOUNT, NULL, principal_account},
    {POLICY_KEY_AWS_PRINCIPAL_ARN, NULL, principal_arn},
    {POLICY_KEY_AWS_PRINCIPAL_TYPE, NULL, principal_type},
    {POLICY_KEY_AWS_PRINCIPAL_IS_AWS_SERVICE, NULL, never},
    {POLICY_KEY_AWS_VIA_AWS_SERVICE, NULL, never},
    {POLICY_KEY_AWS_USERID, NULL, user_id},
    {POLICY_KEY_AWS_USERNAME, NULL, user_name},
    {POLICY_KEY_AWS_SOURCE_IDENTITY, NULL, source_identity},
    {POLICY_KEY_AWS_TOKEN_ISSUE_TIME, NULL, token_issue_time},
    {POLICY_KEY_AWS_MULTI_FACTOR_AUTH_PRESENT, NULL, second_factor},
    {POLICY_KEY_AWS_REFERER, "referer", NULL},
    {POLICY_KEY_AWS_USER_AGENT, "user-agent", NULL},
    {POLICY_KEY_AWS_REQUESTED_REGION, NULL, region},
    {POLICY_KEY_AWS_RESOURCE_ACCOUNT, NULL, resource_account},
    {POLICY_KEY_S3_RESOURCE_ACCOUNT, NULL, resource_account},
    {POLICY_KEY_S3_AUTH_TYPE, NULL, auth_type},
    {POLICY_KEY_S3_SIGNATURE_VERSION, NULL, signature_version},
    {POLICY_KEY_S3_SIGNATURE_AGE, NULL, signature_age},
    {POLICY_KEY_S3_TLS_VERSION, NULL, tls_version},
    {POLICY_KEY_S3_PREFIX, NULL, prefix},
    {POLICY_KEY_S3_DELIMITER, NULL, delimiter},
    {POLICY_KEY_S3_MAX_KEYS, NULL, max_keys},
    {POLICY_KEY_S3_VERSION_ID, NULL, version_id},
    {POLICY_KEY_S3_LOCATION_CONSTRAINT, NULL, location},
    {POLICY_KEY_S3_OBJECT_CREATION_OPERATION, NULL, creates_object},
    {POLICY_KEY_S3_IF_MATCH, NULL, if_match},
    {POLICY_KEY_S3_IF_NONE_MATCH, "if-none-match", NULL},
    {POLICY_KEY_S3_X_AMZ_COPY_SOURCE, NULL, copy_source},
    {POLICY_KEY_S3_X_AMZ_ACL, "x-amz-acl", NULL},
    {POLICY_KEY_S3_X_AMZ_CONTENT_SHA256, NULL, content_sha256},
    {POLICY_KEY_S3_X_AMZ_GRANT_FULL_CONTROL, "x-amz-grant-full-control", NULL},
    {POLICY_KEY_S3_X_AMZ_GRANT_READ, "x-amz-grant-read", NULL},
    {POLICY_KEY_S3_X_AMZ_GRANT_READ_ACP, "x-amz-grant-read-acp", NULL},
    {POLICY_KEY_S3_X_AMZ_GRANT_WRITE, "x-amz-grant-write", NULL},
    {POLICY_KEY_S3_X_AMZ_GRANT_WRITE_ACP, "x-amz-grant-write-acp", NULL},
    {POLICY_KEY_S3_X_AMZ_METADATA_DIRECTIVE, "x-amz-metadata-directive", NULL},
    {POLICY_KEY_S3_X_AMZ_OBJECT_OWNERSHIP, "x-amz-object-ownership", NULL},
    {POLICY_KEY_S3_X_AMZ_SERVER_SIDE_ENCRYPTION, "x-amz-server-side-encryption", NULL},
    {POLICY_KEY_S3_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID,
        "x-amz-server-side-encryption-aws-kms-key-id", NULL},
    {POLICY_KEY_S3_X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM,
        "x-amz-server-side-encryption-customer-algorithm", NULL},
    {POLICY_KEY_S3_X_AMZ_STORAGE_CLASS, "x-amz-storage-class", NULL},
    {POLICY_KEY_S3_X_AMZ_WEBSITE_REDIRECT_LOCATION, "x-amz-website-redirect-location", NULL},
    {POLICY_KEY_S3_OBJECT_LOCK_MODE, "x-amz-object-lock-mode", NULL},
    {POLICY_KEY_S3_OBJECT_LOCK_RETAIN_UNTIL_DATE, "x-amz-object-lock-retain-until-date", NULL},
    {POLICY_KEY_S3_OBJECT_LOCK_LEGAL_HOLD, "x-amz-object-lock-legal-hold", NULL},
    {POLICY_KEY_LAKEGATE_ZONE, NULL, zone},
    {POLICY_KEY_LAKEGATE_SOURCE_ZONE, NULL, source_zone},
};

enum s3_err context_fill(struct request *request, const struct access_ask *ask,
    const struct access_request *access, struct context *ret_context)
{
    struct fill fill = {.request = request, .ask = ask, .principal = access->ask.principal};
    ret_context->policy = (struct policy_context){.now_s = request->received_ms / 1000};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!context_uses_key(access, rows[i].key))
            continue;
        struct span value = rows[i].value != NULL ? rows[i].value(&fill)
                                                  : header_value(&fill, span_str(rows[i].header));
        context_set(ret_context, rows[i].key, value);
        TRY(fill.err);
    }
    const struct identity *identity = request->identity;
    if (identity != NULL && context_uses_tags(access, POLICY_TAGS_PRINCIPAL)) {
        ret_context->policy.tags[POLICY_TAGS_PRINCIPAL].items = identity->tags;
        ret_context->policy.tags[POLICY_TAGS_PRINCIPAL].count = identity->tag_count;
    }
    if (ask != NULL)
        TRY(context_fill_tags(request, ask, access, ret_context));
    return request->arena.overflow ? FAIL(request, INTERNAL, NULL) : S3_OK;
}
