#include "daemon/authorize_rules.h"

#include "daemon/daemon.h"
#include "daemon/identities.h"
#include "daemon/ops/object_common.h"

/* ---- versions ---- */

static const char *of_version(const char *action)
{
    static const struct {
        const char *newest, *version;
    } pairs[] = {
        {"s3:GetObject", "s3:GetObjectVersion"},
        {"s3:DeleteObject", "s3:DeleteObjectVersion"},
        {"s3:GetObjectAcl", "s3:GetObjectVersionAcl"},
        {"s3:PutObjectAcl", "s3:PutObjectVersionAcl"},
        {"s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"},
        {"s3:GetObjectTagging", "s3:GetObjectVersionTagging"},
        {"s3:PutObjectTagging", "s3:PutObjectVersionTagging"},
        {"s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (strcmp(action, pairs[i].newest) == 0)
            return pairs[i].version;
    return action;
}

/* The version is a condition of what looks at it, by a name of its own or not. */
static bool looks_at_version(const char *action)
{
    return of_version(action) != action || strcmp(action, "s3:GetObjectRetention") == 0 ||
           strcmp(action, "s3:GetObjectLegalHold") == 0 ||
           strcmp(action, "lakegate:GetObjectLineage") == 0;
}

static struct access_ask ask_for(
    const struct request *request, const struct bucket_info *bucket, const char *action)
{
    struct access_ask ask = {.action = action, .bucket = bucket};
    if (request->target.scope != TARGET_OBJECT)
        return ask;
    ask.key = request->target.key;
    struct span version = request_query(request, SPAN("versionId"));
    if (version.len == 0)
        return ask;
    if (looks_at_version(action))
        ask.version_id = version;
    ask.action = of_version(action);
    return ask;
}

struct access_ask authorize_main_ask(const struct request *request)
{
    return ask_for(request, &request->bucket, request->op->action);
}

struct access_ask authorize_ask_of(const struct request *request, const char *action)
{
    return ask_for(request, &request->bucket, action);
}

/* ---- headers ---- */

enum writers {
    OBJECTS = 1, /* PutObject, CopyObject, CreateMultipartUpload */
    BUCKETS = 2, /* CreateBucket */
    ENDS = 4,    /* what puts a whole object or removes one, so may have a condition */
    REMOVES = 8, /* what retention stands against */
};

static unsigned writers_of(const struct op *op)
{
    if (op->run == op_put_object || op->run == op_copy_object || op->run == op_post_object)
        return OBJECTS | ENDS | REMOVES;
    if (op->run == op_create_multipart_upload)
        return OBJECTS;
    if (op->run == op_complete_multipart_upload || op->run == op_delete_object)
        return ENDS | REMOVES;
    return op->run == op_create_bucket ? BUCKETS : 0;
}

static const struct rule {
    unsigned writers;
    struct span header;
    bool is_prefix;
    struct span value; /* absent: whatever it is */
    const char *action;
} rules[] = {
    {OBJECTS, SPAN("x-amz-acl"), false, {NULL, 0}, "s3:PutObjectAcl"},
    {OBJECTS, SPAN("x-amz-grant-"), true, {NULL, 0}, "s3:PutObjectAcl"},
    {OBJECTS, SPAN("x-amz-tagging"), false, {NULL, 0}, "s3:PutObjectTagging"},
    {OBJECTS, SPAN("x-amz-object-lock-mode"), false, {NULL, 0}, "s3:PutObjectRetention"},
    {OBJECTS, SPAN("x-amz-object-lock-legal-hold"), false, {NULL, 0}, "s3:PutObjectLegalHold"},
    {ENDS, SPAN("if-match"), false, {NULL, 0}, "s3:GetObject"},
    {REMOVES, SPAN("x-amz-bypass-governance-retention"), false, SPAN("true"),
        "s3:BypassGovernanceRetention"},
    {BUCKETS, SPAN("x-amz-acl"), false, {NULL, 0}, "s3:PutBucketAcl"},
    {BUCKETS, SPAN("x-amz-grant-"), true, {NULL, 0}, "s3:PutBucketAcl"},
    {BUCKETS, SPAN("x-amz-object-ownership"), false, {NULL, 0}, "s3:PutBucketOwnershipControls"},
    {BUCKETS, SPAN("x-amz-bucket-object-lock-enabled"), false, SPAN("true"),
        "s3:PutBucketObjectLockConfiguration"},
};

static bool fits(const struct rule *rule, struct span name, struct span value)
{
    bool same = rule->is_prefix ? span_starts_nocase(name, rule->header)
                                : span_eq_nocase(name, rule->header);
    return same && (!span_present(rule->value) || span_eq_nocase(rule->value, value));
}

static enum s3_err check_field(struct request *request, const struct bucket_info *bucket,
    unsigned writers, struct span name, struct span value)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if ((rules[i].writers & writers) == 0 || !fits(&rules[i], name, value))
            continue;
        struct access_ask ask = ask_for(request, bucket, rules[i].action);
        if (request->op->run != op_delete_object) { /* what is made is no version yet */
            ask.action = rules[i].action;
            ask.version_id = SPAN_ABSENT;
        }
        TRY(authorize_ask(request, &ask));
    }
    return S3_OK;
}

enum s3_err authorize_rules(struct request *request, const struct bucket_info *bucket)
{
    unsigned writers = writers_of(request->op);
    if (writers == 0)
        return S3_OK;
    for (size_t i = 0; i < request->headers.count; i++)
        TRY(check_field(request, bucket, writers, request->headers.items[i].name,
            request->headers.items[i].value));
    if (request->auth.kind == SIGV4_PRESIGNED)
        for (size_t i = 0; i < request->target.query.count; i++) {
            const struct query_param *param = &request->target.query.params[i];
            TRY(check_field(request, bucket, writers, param->name, param->value));
        }
    return S3_OK;
}

/* src: Service Authorization Reference, "Actions defined by Amazon S3", the column of condition keys */
static const struct belief {
    struct span header;
    bool is_prefix;
    enum s3_err (*only)(
        struct request *request); /* NULL: every operation that asks for one of them */
    const char *actions[5];
} beliefs[] = {
    {SPAN("if-match"), false, NULL, {"s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"}},
    {SPAN("if-none-match"), false, NULL, {"s3:PutObject"}},
    {SPAN("x-amz-acl"), false, NULL,
        {"s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectVersionAcl", "s3:PutBucketAcl",
            "s3:CreateBucket"}},
    {SPAN("x-amz-grant-"), true, NULL,
        {"s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectVersionAcl", "s3:PutBucketAcl",
            "s3:CreateBucket"}},
    {SPAN("x-amz-metadata-directive"), false, op_copy_object, {"s3:PutObject"}},
    {SPAN("x-amz-object-lock-"), true, NULL,
        {"s3:PutObject", "s3:PutObjectRetention", "s3:PutObjectLegalHold"}},
    {SPAN("x-amz-object-ownership"), false, op_create_bucket,
        {"s3:CreateBucket", "s3:PutBucketOwnershipControls"}},
    {SPAN("x-amz-server-side-encryption"), true, NULL, {"s3:PutObject"}},
    {SPAN("x-amz-storage-class"), false, NULL, {"s3:PutObject"}},
    {SPAN("x-amz-website-redirect-location"), false, NULL, {"s3:PutObject"}},
};

static bool is_of_action(const struct belief *belief, const char *action)
{
    for (size_t i = 0; i < ARRAY_LEN(belief->actions) && belief->actions[i] != NULL; i++)
        if (strcmp(belief->actions[i], action) == 0)
            return true;
    return false;
}

bool authorize_believes(const struct request *request, const char *action, struct span header)
{
    for (size_t i = 0; i < ARRAY_LEN(beliefs); i++) {
        const struct belief *belief = &beliefs[i];
        bool same = belief->is_prefix ? span_starts(header, belief->header)
                                      : span_eq(header, belief->header);
        if (same)
            return request->op != NULL && is_of_action(belief, action) &&
                   (belief->only == NULL || request->op->run == belief->only);
    }
    return true; /* of every request: Referer, User-Agent */
}

/* ---- who cannot ---- */

enum s3_err authorize_anonymous(struct request *request)
{
    const struct op *op = request->op;
    if (request->principal.kind != PRINCIPAL_ANONYMOUS)
        return S3_OK;
    if (op->run == op_create_multipart_upload)
        return FAIL(request, ACCESS_DENIED,
            "Anonymous users cannot initiate multipart uploads.  Please authenticate.");
    if (op->run == op_copy_object || op->run == op_upload_part_copy)
        return FAIL(
            request, ACCESS_DENIED, "Anonymous users cannot copy objects.  Please authenticate.");
    return S3_OK;
}

/* src: Amazon S3 API Reference, "PutBucketPolicy": 405 for who is allowed and of another account */
enum s3_err authorize_owner_only(struct request *request)
{
    static const char *const actions[] = {
        "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"};
    if (request->principal.kind != PRINCIPAL_ANONYMOUS &&
        request->principal.account_id == request->bucket.owner_id)
        return S3_OK;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(request->op->action, actions[i]) == 0)
            return FAIL(request, METHOD_NOT_ALLOWED, NULL);
    return S3_OK;
}
