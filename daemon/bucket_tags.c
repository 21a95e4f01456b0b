#include "daemon/bucket_tags.h"

#include "daemon/bucket_documents.h"

enum { TAGS_ARENA_BYTES = 512 * 1024, TAGS_TEXT_MAX_BYTES = 256 * 1024 };

struct parsed {
    struct arena arena;
    struct tags tags;
};

static void parsed_free(void *parsed)
{
    struct parsed *tags = parsed;
    if (tags != NULL)
        arena_free(&tags->arena);
    free(tags);
}

static void *parse(const struct bucket_info *bucket, struct span text)
{
    (void)bucket;
    struct tags_fault fault;
    struct parsed *tags = calloc(1, sizeof(*tags));
    if (tags == NULL)
        return NULL;
    arena_init(&tags->arena, TAGS_ARENA_BYTES);
    if (tagging_parse(&tags->arena, text, TAGS_BUCKET_MAX, &tags->tags, &fault) == S3_OK)
        return tags;
    parsed_free(tags);
    return NULL;
}

static size_t parsed_bytes(const void *parsed)
{
    return sizeof(struct parsed) + ((const struct parsed *)parsed)->arena.used_bytes;
}

static const struct document_type tags_type = {
    .kind = DOCUMENT_TAGGING, .parse = parse, .free = parsed_free, .bytes = parsed_bytes};

enum s3_err bucket_tags_of(
    struct request *request, const struct bucket_info *bucket, const struct tags **ret_tags)
{
    const void *parsed;
    TRY(bucket_document(request, bucket, &tags_type, &parsed));
    *ret_tags = parsed != NULL ? &((const struct parsed *)parsed)->tags : NULL;
    return S3_OK;
}

enum s3_err bucket_tags_text(
    struct request *request, const struct tags *tags, struct span *ret_text)
{
    struct buf text CLEANUP(buf_free);
    buf_init(&text, TAGS_TEXT_MAX_BYTES);
    tagging_write(&text, tags);
    if (buf_ok(&text))
        *ret_text = arena_copy(&request->arena, buf_span(&text));
    return buf_ok(&text) && !request->arena.overflow ? S3_OK : FAIL(request, INTERNAL, NULL);
}

enum s3_err tags_fail(struct request *request, enum s3_err err, const struct tags_fault *fault)
{
    request_error_field(request, SPAN("TagKey"), fault->key);
    request_error_field(request, SPAN("TagValue"), fault->value);
    return request_fail(request, err, fault->message, __FILE__, __LINE__);
}
