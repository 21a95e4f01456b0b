#include "daemon/acl.h"
#include "daemon/bucket_tags.h"
#include "daemon/context.h"
#include "daemon/object_tags.h"

static enum s3_err set_tags(struct request *request, struct policy_context *context,
    enum policy_tag_family family, const struct tags *tags)
{
    struct policy_tag *items = arena_array(&request->arena, struct policy_tag, tags->count);
    if (items == NULL)
        return FAIL(request, INTERNAL, NULL);
    for (size_t i = 0; i < tags->count; i++)
        items[i] = (struct policy_tag){tags->items[i].key, tags->items[i].value};
    context->tags[family].items = items;
    context->tags[family].count = tags->count;
    return S3_OK;
}

/* A bucket's own tags are its ResourceTags; they are asked for of the bucket and of what is in it. */
static enum s3_err fill_bucket_tags(struct request *request, const struct access_ask *ask,
    const struct access_request *access, struct context *context)
{
    const struct tags *tags;
    if (ask->bucket == NULL || ask->bucket->id == 0 ||
        !context_uses_tags(access, POLICY_TAGS_RESOURCE))
        return S3_OK;
    TRY(bucket_tags_of(request, ask->bucket, &tags));
    if (tags == NULL || tags->count == 0)
        return S3_OK;
    return set_tags(request, &context->policy, POLICY_TAGS_RESOURCE, tags);
}

/* src: Service Authorization Reference, "Actions defined by Amazon S3", the column of condition keys */
static bool looks_at_existing_tags(const struct request *request, const char *action)
{
    static const char *const actions[] = {"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAcl",
        "s3:GetObjectVersionAcl", "s3:GetObjectAttributes", "s3:GetObjectVersionAttributes",
        "s3:GetObjectTagging", "s3:GetObjectVersionTagging", "s3:PutObjectAcl",
        "s3:PutObjectVersionAcl", "s3:PutObjectTagging", "s3:PutObjectVersionTagging",
        "s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"};
    if (acl_is_of_new_object(request, action))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(action, actions[i]) == 0)
            return true;
    return false;
}

enum s3_err context_fill_existing_tags(struct request *request, const struct access_ask *ask,
    const struct access_request *access, struct policy_context *context)
{
    struct object_info info;
    struct tags tags;
    bool there = false;
    if (ask->bucket == NULL || ask->bucket->id == 0 || !span_present(ask->key) ||
        !context_uses_tags(access, POLICY_TAGS_EXISTING_OBJECT) ||
        !looks_at_existing_tags(request, ask->action))
        return S3_OK;
    TRY(acl_look_at(request, ask->bucket, ask->key, ask->version_id, &info, &there));
    if (!there)
        return S3_OK;
    TRY(object_tags_kept(request, info.attributes.metadata, &tags));
    return set_tags(request, context, POLICY_TAGS_EXISTING_OBJECT, &tags);
}

/* src: Service Authorization Reference, "Actions defined by Amazon S3", the column of condition keys */
static bool tags_buckets(const char *action)
{
    return strcmp(action, "s3:TagResource") == 0 || strcmp(action, "s3:UntagResource") == 0 ||
           strcmp(action, "s3:CreateBucket") == 0;
}

static enum s3_err set_names(
    struct request *request, struct context *context, enum policy_key key, const struct tags *tags)
{
    struct span *names = arena_array(&request->arena, struct span, tags->count);
    if (names == NULL)
        return FAIL(request, INTERNAL, NULL);
    for (size_t i = 0; i < tags->count; i++)
        names[i] = tags->items[i].key;
    context->policy.keys[key] = (struct policy_values){names, tags->count};
    return S3_OK;
}

/* Those that a bucket is to get: aws:RequestTag and aws:TagKeys; of those that it is to lose the keys alone. */
static enum s3_err fill_new_bucket_tags(struct request *request, const struct access_ask *ask,
    const struct access_request *access, struct context *context)
{
    const struct tags *tags = ask->tags;
    if (!tags_buckets(ask->action) || !context_uses_bucket_tags(access))
        return S3_OK;
    request->tags_unread =
        tags == NULL && request->op != NULL &&
        (request->op->run == op_tag_resource || request->op->run == op_untag_resource);
    if (tags == NULL || tags->count == 0)
        return S3_OK;
    TRY(set_names(request, context, POLICY_KEY_AWS_TAG_KEYS, tags));
    return strcmp(ask->action, "s3:UntagResource") == 0
               ? S3_OK
               : set_tags(request, &context->policy, POLICY_TAGS_REQUEST, tags);
}

bool context_uses_bucket_tags(const struct access_request *access)
{
    return context_uses_key(access, POLICY_KEY_AWS_TAG_KEYS) ||
           context_uses_tags(access, POLICY_TAGS_REQUEST);
}

static bool gives_tags(const char *action)
{
    return strcmp(action, "s3:PutObject") == 0 || strcmp(action, "s3:PutObjectTagging") == 0 ||
           strcmp(action, "s3:PutObjectVersionTagging") == 0;
}

/* Those that an object is to get. */
static enum s3_err fill_new_tags(struct request *request, const struct access_ask *ask,
    const struct access_request *access, struct context *context)
{
    const struct tags *tags = ask->tags;
    bool uses_keys = context_uses_key(access, POLICY_KEY_S3_REQUEST_OBJECT_TAG_KEYS);
    if (!gives_tags(ask->action) ||
        (!uses_keys && !context_uses_tags(access, POLICY_TAGS_REQUEST_OBJECT)))
        return S3_OK;
    request->tags_unread =
        tags == NULL && request->op != NULL && request->op->run == op_put_object_tagging;
    if (tags == NULL)
        TRY(object_tags_requested(request, &tags));
    TRY(set_names(request, context, POLICY_KEY_S3_REQUEST_OBJECT_TAG_KEYS, tags));
    return set_tags(request, &context->policy, POLICY_TAGS_REQUEST_OBJECT, tags);
}

enum s3_err context_fill_tags(struct request *request, const struct access_ask *ask,
    const struct access_request *access, struct context *context)
{
    TRY(fill_bucket_tags(request, ask, access, context));
    TRY(context_fill_existing_tags(request, ask, access, &context->policy));
    TRY(fill_new_bucket_tags(request, ask, access, context));
    return fill_new_tags(request, ask, access, context);
}
