/* The tags of a bucket by S3 Control, as Terraform and new SDKs read and write them: one added or taken away
 * without the others. A bucket without tags has an empty set, which is no error here.
 * src: Amazon S3 API Reference, "Amazon S3 Control": ListTagsForResource, TagResource, UntagResource */
#include "daemon/authorize.h"
#include "daemon/authorize_rules.h"
#include "daemon/bucket_tags.h"
#include "daemon/ops/arguments.h"

/* Only buckets have tags here; of the account that the request names. */
static enum s3_err check_resource(struct request *request)
{
    if (request->bucket.id == 0)
        return FAIL_ARGUMENT(request, "ResourceArn", request->target.control,
            "Only buckets can be tagged: arn:aws:s3:::BUCKET");
    struct span text = request_header(request, SPAN("x-amz-account-id"));
    uint64_t account;
    if (!span_present(text) || (span_to_u64(text, &account) && account == request->bucket.owner_id))
        return S3_OK;
    return FAIL(request, ACCESS_DENIED, NULL);
}

enum s3_err op_list_tags_for_resource(struct request *request)
{
    const struct tags *tags;
    TRY(check_resource(request));
    TRY(bucket_tags_of(request, &request->bucket, &tags));
    struct buf *out = response_xml(request, 200);
    xml_begin_document_in(out, SPAN("ListTagsForResourceResult"), XML_S3_CONTROL);
    xml_open(out, SPAN("Tags"));
    if (tags != NULL)
        tags_write(out, tags);
    xml_close(out, SPAN("Tags"));
    xml_close(out, SPAN("ListTagsForResourceResult"));
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}

/* Policies may look at the tags, which nobody had read when they were asked first. */
static enum s3_err ask_again(struct request *request, const struct tags *tags)
{
    struct access_ask ask = authorize_main_ask(request);
    ask.tags = tags;
    return authorize_ask(request, &ask);
}

static enum s3_err read_tag_resource(struct request *request, struct tags *ret_tags)
{
    struct xml_node *root;
    struct tags_fault fault = {0};
    enum s3_err err = xml_read(&request->arena, request->body.text, &root);
    const struct xml_node *list = err == S3_OK ? xml_child(root, SPAN("Tags")) : NULL;
    if (err == S3_OK && (!span_eq(root->name, SPAN("TagResourceRequest")) || list == NULL))
        err = S3_ERR_MALFORMED_XML;
    if (err == S3_OK)
        err = tags_read(&request->arena, list, TAGS_BUCKET_MAX, ret_tags, &fault);
    return err == S3_OK ? S3_OK : tags_fail(request, err, &fault);
}

/* The bucket's tags, with room for more. */
static enum s3_err copy_tags(
    struct request *request, const struct tags *from, size_t more, struct tags *ret_tags)
{
    size_t count = from != NULL ? from->count : 0;
    struct tags tags = {arena_array(&request->arena, struct tag, count + more), count};
    if (tags.items == NULL)
        return FAIL(request, INTERNAL, NULL);
    if (count > 0)
        memcpy(tags.items, from->items, count * sizeof(*tags.items));
    *ret_tags = tags;
    return S3_OK;
}

static void set_tag(struct tags *tags, struct tag tag)
{
    for (size_t i = 0; i < tags->count; i++)
        if (span_eq(tags->items[i].key, tag.key)) {
            tags->items[i].value = tag.value;
            return;
        }
    tags->items[tags->count++] = tag;
}

static enum s3_err add(
    struct request *request, const struct tags *before, const void *ctx, struct tags *ret_after)
{
    const struct tags *added = ctx;
    TRY(copy_tags(request, before, added->count, ret_after));
    for (size_t i = 0; i < added->count; i++)
        set_tag(ret_after, added->items[i]);
    if (ret_after->count > TAGS_BUCKET_MAX)
        return FAIL(request, BAD_REQUEST, "Bucket tag count cannot be greater than 50");
    return S3_OK;
}

enum s3_err op_tag_resource(struct request *request)
{
    struct tags added;
    TRY(check_resource(request));
    TRY(read_tag_resource(request, &added));
    TRY(ask_again(request, &added));
    TRY(bucket_tags_change(request, &(struct bucket_tags_change){add, &added}));
    request->response.status = 204;
    return S3_OK;
}

static bool is_named(const struct query *query, struct span key)
{
    for (size_t i = 0; i < query->count; i++)
        if (span_eq(query->params[i].name, SPAN("tagKeys")) && span_eq(query->params[i].value, key))
            return true;
    return false;
}

static enum s3_err take_away(
    struct request *request, const struct tags *before, const void *ctx, struct tags *ret_after)
{
    const struct query *query = ctx;
    size_t kept = 0;
    TRY(copy_tags(request, before, 0, ret_after));
    for (size_t i = 0; i < ret_after->count; i++)
        if (!is_named(query, ret_after->items[i].key))
            ret_after->items[kept++] = ret_after->items[i];
    ret_after->count = kept;
    return S3_OK;
}

/* The keys alone. */
static enum s3_err read_untag_resource(struct request *request, struct tags *ret_tags)
{
    const struct query *query = &request->target.query;
    *ret_tags = (struct tags){arena_array(&request->arena, struct tag, query->count), 0};
    if (ret_tags->items == NULL)
        return FAIL(request, INTERNAL, NULL);
    for (size_t i = 0; i < query->count; i++)
        if (span_eq(query->params[i].name, SPAN("tagKeys")))
            ret_tags->items[ret_tags->count++] = (struct tag){.key = query->params[i].value};
    return S3_OK;
}

enum s3_err op_untag_resource(struct request *request)
{
    struct tags removed;
    TRY(check_resource(request));
    TRY(read_untag_resource(request, &removed));
    TRY(ask_again(request, &removed));
    TRY(bucket_tags_change(
        request, &(struct bucket_tags_change){take_away, &request->target.query}));
    request->response.status = 204;
    return S3_OK;
}
