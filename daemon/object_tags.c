#include "daemon/object_tags.h"

#include "daemon/authorize.h"
#include "daemon/authorize_rules.h"
#include "daemon/bucket_tags.h"
#include "daemon/metadata.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/object_common.h"

/* Ten tags of letters that take three bytes, and their newlines. */
enum { KEPT_MAX_BYTES = TAGS_OBJECT_MAX * (3 * (TAG_KEY_MAX_UNITS + TAG_VALUE_MAX_UNITS) + 2) };

/* ---- requests ---- */

enum s3_err object_tags_replaced(struct request *request, bool *ret_replaced)
{
    struct span text = object_amz_header(request, SPAN("x-amz-tagging-directive"));
    bool replaced = span_eq(text, SPAN("REPLACE"));
    if (span_present(text) && !replaced && !span_eq(text, SPAN("COPY")))
        return FAIL_ARGUMENT(
            request, "x-amz-tagging-directive", text, "Unknown tagging directive.");
    *ret_replaced = replaced;
    return S3_OK;
}

static enum s3_err makes_tagged_object(struct request *request, bool *ret_makes)
{
    const struct op *op = request->op;
    *ret_makes = op->run == op_put_object || op->run == op_post_object ||
                 op->run == op_create_multipart_upload;
    return op->run == op_copy_object ? object_tags_replaced(request, ret_makes) : S3_OK;
}

/* A form has a document in its field `tagging`, or the header's text in x-amz-tagging. */
static enum s3_err read_text(struct request *request, struct span text, struct tags *ret_tags)
{
    struct tags_fault fault = {.message = NULL};
    enum s3_err err = request->form != NULL && text.len > 0 && text.ptr[0] == '<'
                          ? tagging_parse(&request->arena, text, TAGS_OBJECT_MAX, ret_tags, &fault)
                          : tags_from_query(&request->arena, text, ret_tags, &fault);
    if (err == S3_ERR_INVALID_ARGUMENT)
        return FAIL_ARGUMENT(request, "x-amz-tagging", SPAN_ABSENT, fault.message);
    return err == S3_OK ? S3_OK : tags_fail(request, err, &fault);
}

enum s3_err object_tags_requested(struct request *request, const struct tags **ret_tags)
{
    static const struct span name = SPAN("x-amz-tagging");
    static const struct tags none = {NULL, 0};
    bool makes = false;
    *ret_tags = request->tags != NULL ? request->tags : &none;
    if (request->tags != NULL)
        return S3_OK;
    struct span text = object_amz_header(request, name);
    if (text.len > 0)
        TRY(makes_tagged_object(request, &makes));
    if (!makes)
        return S3_OK;
    if (header_conflicts(&request->headers, name))
        return FAIL_ARGUMENT(
            request, "x-amz-tagging", SPAN_ABSENT, "Tags can be given in one place only.");
    struct tags *tags = arena_new(&request->arena, struct tags);
    if (tags == NULL)
        return FAIL(request, INTERNAL, NULL);
    TRY(read_text(request, text, tags));
    *ret_tags = request->tags = tags;
    return S3_OK;
}

enum s3_err object_tags_of_body(struct request *request, struct tags *ret_tags)
{
    struct tags_fault fault = {.message = NULL};
    enum s3_err err =
        tagging_parse(&request->arena, request->body.text, TAGS_OBJECT_MAX, ret_tags, &fault);
    return err == S3_OK ? S3_OK : tags_fail(request, err, &fault);
}

/* ---- what is kept ---- */

static bool next_tag(struct span *rest, struct tag *ret_tag)
{
    return rest->len > 0 && span_split(rest, '\n', &ret_tag->key) &&
           span_split(rest, '\n', &ret_tag->value);
}

enum s3_err object_tags_kept(struct request *request, struct span metadata, struct tags *ret_tags)
{
    struct span rest = metadata_entry(metadata, METADATA_TAGS);
    struct tags tags = {NULL, 0};
    struct tag tag;
    if (rest.len > 0)
        tags.items = arena_array(&request->arena, struct tag, TAGS_OBJECT_MAX);
    if (rest.len > 0 && tags.items == NULL)
        return FAIL(request, INTERNAL, NULL);
    while (tags.count < TAGS_OBJECT_MAX && next_tag(&rest, &tag))
        tags.items[tags.count++] = tag;
    *ret_tags = tags;
    return S3_OK;
}

static int by_key(const void *left, const void *right)
{
    return span_cmp(((const struct tag *)left)->key, ((const struct tag *)right)->key);
}

enum s3_err object_tags_keep(
    struct request *request, const struct tags *tags, struct span *metadata)
{
    struct tag sorted[TAGS_OBJECT_MAX];
    struct buf text CLEANUP(buf_free) = {0};
    if (tags->count == 0 && !span_present(metadata_entry(*metadata, METADATA_TAGS)))
        return S3_OK;
    if (tags->count > TAGS_OBJECT_MAX)
        return FAIL(request, INTERNAL, NULL);
    if (tags->count > 0)
        memcpy(sorted, tags->items, tags->count * sizeof(sorted[0]));
    qsort(sorted, tags->count, sizeof(sorted[0]), by_key);
    buf_init(&text, KEPT_MAX_BYTES);
    for (size_t i = 0; i < tags->count; i++) {
        buf_add(&text, sorted[i].key);
        buf_add_char(&text, '\n');
        buf_add(&text, sorted[i].value);
        buf_add_char(&text, '\n');
    }
    if (!buf_ok(&text))
        return FAIL(request, INTERNAL, NULL);
    return metadata_with_entry(request, *metadata, METADATA_TAGS, buf_span(&text), metadata);
}

size_t object_tags_count(struct span metadata)
{
    struct span rest = metadata.len > 0 ? metadata_entry(metadata, METADATA_TAGS) : SPAN_ABSENT;
    struct tag tag;
    size_t count = 0;
    while (next_tag(&rest, &tag))
        count++;
    return count;
}

void object_tags_count_header(struct request *request, size_t count)
{
    if (count == 0)
        return;
    struct access_ask ask = authorize_ask_of(request, "s3:GetObjectTagging");
    if (authorize_allows(request, &ask, NULL))
        response_header_u64(request, "x-amz-tagging-count", count);
}
