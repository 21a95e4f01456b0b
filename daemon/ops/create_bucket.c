/* CreateBucket. What a request asks for and Lakegate cannot give is refused, never ignored.
 * src: Amazon S3 API Reference, "CreateBucket" */
#include "bodies.h"
#include "daemon/accounts.h"
#include "daemon/acl_request.h"
#include "daemon/authorize.h"
#include "daemon/bucket_tags.h"
#include "daemon/config.h"
#include "daemon/daemon.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/object_common.h"
#include "daemon/public_access.h"
#include "daemon/zones.h"

/* Object lock needs versions that cannot be deleted: not there yet. */
static enum s3_err check_lock(struct request *request)
{
    static const char name[] = "x-amz-bucket-object-lock-enabled";
    struct span value = object_amz_header(request, span_str(name));
    if (!span_present(value) || span_eq_nocase(value, SPAN("false")))
        return S3_OK;
    if (span_eq_nocase(value, SPAN("true")))
        return FAIL(request, NOT_IMPLEMENTED, NULL);
    return FAIL_ARGUMENT(request, name, value, NULL);
}

/* Does this look like a region's name (eu-west-1)? S3 tells such from nonsense. */
static bool looks_like_region(struct span name)
{
    size_t dashes = 0;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        dashes += c == '-';
        if (c != '-' && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            return false;
    }
    return dashes >= 2 && name.ptr[name.len - 1] >= '1' && name.ptr[name.len - 1] <= '9';
}

/* One daemon is one region. None said is this one, whatever its name. */
static enum s3_err check_location(struct request *request, struct span location)
{
    struct span region = request_region(request);
    if (location.len == 0 || span_eq(location, region))
        return S3_OK;
    if (span_eq(location, SPAN("EU")) && span_eq(region, SPAN("eu-west-1")))
        return S3_OK;
    if (!looks_like_region(location) && !span_eq(location, SPAN("EU"))) {
        request_error_field(request, SPAN("LocationConstraint"), location);
        return FAIL(request, INVALID_LOCATION_CONSTRAINT, NULL);
    }
    struct span detail = arena_format(&request->arena,
        "The %.*s location constraint is incompatible for the region specific endpoint this "
        "request "
        "was sent to.",
        SPAN_ARG(location));
    return FAIL(request, ILLEGAL_LOCATION_CONSTRAINT, detail.ptr);
}

static enum s3_err read_tags(
    struct request *request, const struct xml_node *node, struct tags *ret_tags)
{
    struct tags_fault fault = {0};
    enum s3_err err =
        node != NULL ? tags_read(&request->arena, node, TAGS_BUCKET_MAX, ret_tags, &fault) : S3_OK;
    return err == S3_OK ? S3_OK : tags_fail(request, err, &fault);
}

/* Of a new bucket. The tag lakegate:zone makes it a zone, and needs what that needs. */
static enum s3_err may_tag(struct request *request, const struct tags *tags)
{
    struct bucket_info bucket = {
        .name = request->target.bucket, .owner_id = request->principal.account_id};
    struct access_ask ask = {.action = "s3:TagResource", .bucket = &bucket, .tags = tags};
    if (tags->count == 0)
        return S3_OK;
    TRY(authorize_ask(request, &ask));
    if (span_present(tags_find(tags, ZONES_TAG)))
        TRY(authorize_also(request, "lakegate:PutBucketZones", &bucket, SPAN_ABSENT));
    return S3_OK;
}

static enum s3_err check_body(struct request *request, struct tags *ret_tags)
{
    struct create_bucket_body body;
    enum s3_err err = create_bucket_parse(&request->arena, request->body.text, &body);
    if (err != S3_OK)
        return request_fail(request, err, NULL, __FILE__, __LINE__);
    for (const struct xml_node *node = body.root ? body.root->first_child : NULL; node != NULL;
         node = node->next) {
        bool is_tags = span_eq(node->name, SPAN("Tags"));
        if (!span_eq(node->name, SPAN("LocationConstraint")) && !is_tags)
            return FAIL(request, NOT_IMPLEMENTED, NULL); /* directory buckets */
    }
    TRY(read_tags(
        request, body.root != NULL ? xml_child(body.root, SPAN("Tags")) : NULL, ret_tags));
    TRY(authorize_create_bucket(request, body.location_constraint, ret_tags));
    TRY(may_tag(request, ret_tags));
    return check_location(request, body.location_constraint);
}

/* What a bucket has from the start, in the commit that makes it. */
struct first_documents {
    struct bucket_document items[4];
    size_t count;
    char public_access[PUBLIC_ACCESS_TEXT_BYTES];
};

static void block_public_access(const struct request *request, struct first_documents *documents)
{
    static const struct public_access all = {true, true, true, true};
    const struct config *config = request->daemon->config;
    if (config != NULL && config->new_buckets != NEW_BUCKETS_AWS)
        return;
    public_access_text(&all, documents->public_access);
    documents->items[documents->count++] = (struct bucket_document){DOCUMENT_PUBLIC_ACCESS_BLOCK,
        span_of(documents->public_access, sizeof(documents->public_access))};
}

/* Its own block is there by now, and the account's holds for it, too. */
static bool blocks_public_acls(
    const struct request *request, const struct first_documents *documents)
{
    struct public_access account = {false, false, false, false};
    struct account_blocks *blocks = request->daemon->account_blocks;
    return documents->count > 0 ||
           (blocks != NULL && account_blocks_get(blocks, request->principal.account_id, &account) &&
               account.block_public_acls);
}

static enum s3_err add_ownership(struct request *request, struct first_documents *documents)
{
    struct span ownership, acl;
    bool blocks = blocks_public_acls(request, documents);
    TRY(acl_new_bucket(request, blocks, &ownership, &acl));
    documents->items[documents->count++] =
        (struct bucket_document){DOCUMENT_OWNERSHIP_CONTROLS, ownership};
    if (span_present(acl))
        documents->items[documents->count++] = (struct bucket_document){DOCUMENT_ACL, acl};
    return S3_OK;
}

static enum s3_err add_tags(struct request *request, const struct tags *tags,
    struct first_documents *documents, struct mutation *mutation)
{
    const struct zones_document *zones;
    if (tags->count == 0)
        return S3_OK;
    struct bucket_document *document = &documents->items[documents->count++];
    document->kind = DOCUMENT_TAGGING;
    TRY(bucket_tags_text(request, tags, &document->text));
    TRY(zones_of_tag(request, tags_find(tags, ZONES_TAG), &zones));
    return zones_make_rules(
        request, zones, &mutation->create_bucket.rules, &mutation->create_bucket.rule_count);
}

static enum s3_err exists(struct request *request, const struct bucket_info *there)
{
    request_error_field(request, SPAN("BucketName"), request->target.bucket);
    if (there->owner_id == request->principal.account_id)
        return FAIL(request, BUCKET_ALREADY_OWNED_BY_YOU, NULL);
    return FAIL(request, BUCKET_ALREADY_EXISTS, NULL);
}

enum s3_err op_create_bucket(struct request *request)
{
    TRY(check_lock(request));
    struct tags tags = {NULL, 0};
    TRY(check_body(request, &tags));

    struct first_documents documents = {.count = 0};
    block_public_access(request, &documents);
    TRY(add_ownership(request, &documents));
    struct span name = request->target.bucket;
    struct mutation mutation = {
        .kind = MUTATION_CREATE_BUCKET,
        .bucket = {.name = name},
        .create_bucket = {.owner_id = request->principal.account_id,
            .region = request_region(request),
            .documents = documents.items},
    };
    TRY(add_tags(request, &tags, &documents, &mutation));
    mutation.create_bucket.document_count = documents.count;
    struct accounts *accounts = request->daemon->accounts;
    if (!accounts_hold(accounts, request->principal.account_id))
        return FAIL(
            request, INVALID_ACCESS_KEY_ID, NULL); /* removed since it was asked who comes */
    enum storage_err err = storage_commit(request_store(request), &mutation);
    accounts_release(accounts);
    if (err == STORAGE_BUCKET_EXISTS)
        return exists(request, &mutation.bucket_info);
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    request->response.status = 200;
    response_header(request, "Location", arena_format(&request->arena, "/%.*s", SPAN_ARG(name)));
    return S3_OK;
}
