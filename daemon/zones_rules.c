/* Where a bucket's rules come from: its document, else its tag; and how they get into the store. */
#include "daemon/authorize.h"
#include "daemon/bucket_documents.h"
#include "daemon/bucket_tags.h"
#include "daemon/ops/object_common.h"
#include "daemon/zones.h"

enum { DOCUMENT_ARENA_BYTES = 512 * 1024 };

struct parsed {
    struct arena arena;
    struct zones_document document;
};

static void parsed_free(void *parsed)
{
    struct parsed *zones = parsed;
    if (zones != NULL)
        arena_free(&zones->arena);
    free(zones);
}

static void *parse(const struct bucket_info *bucket, struct span text)
{
    char detail[ZONES_DETAIL_BYTES];
    struct parsed *zones = calloc(1, sizeof(*zones));
    if (zones == NULL)
        return NULL;
    arena_init(&zones->arena, DOCUMENT_ARENA_BYTES);
    if (zones_parse(&zones->arena, text, bucket->name, &zones->document, detail))
        return zones;
    parsed_free(zones);
    return NULL;
}

static size_t parsed_bytes(const void *parsed)
{
    return sizeof(struct parsed) + ((const struct parsed *)parsed)->arena.used_bytes;
}

static const struct document_type zones_type = {
    .kind = DOCUMENT_ZONES, .parse = parse, .free = parsed_free, .bytes = parsed_bytes};

static enum s3_err put_document(struct request *request, const struct bucket_info *bucket,
    const struct zones_document **ret_document)
{
    const void *parsed;
    TRY(bucket_document(request, bucket, &zones_type, &parsed));
    *ret_document = parsed != NULL ? &((const struct parsed *)parsed)->document : NULL;
    return S3_OK;
}

/* ---- the tag ---- */

static enum s3_err unknown_template(struct request *request, struct span value)
{
    struct buf names CLEANUP(buf_free);
    buf_init(&names, 1024);
    for (size_t i = 0; span_present(zones_template_name(i)); i++) {
        if (i > 0)
            buf_add_lit(&names, ", ");
        buf_add(&names, zones_template_name(i));
    }
    struct span detail = arena_format(&request->arena,
        "The tag lakegate:zone names no template. It is one of: %.*s", SPAN_ARG(buf_span(&names)));
    struct tags_fault fault = {.message = detail.ptr, .key = ZONES_TAG, .value = value};
    return tags_fail(request, S3_ERR_INVALID_TAG, &fault);
}

enum s3_err zones_of_tag(
    struct request *request, struct span value, const struct zones_document **ret_document)
{
    *ret_document = NULL;
    if (!span_present(value))
        return S3_OK;
    struct zones_document *document = arena_new(&request->arena, struct zones_document);
    struct zones_zone *zone = arena_new(&request->arena, struct zones_zone);
    if (document == NULL || zone == NULL)
        return FAIL(request, INTERNAL, NULL);
    if (!zones_template(value, zone))
        return unknown_template(request, value);
    *document = (struct zones_document){zone, 1};
    *ret_document = document;
    return S3_OK;
}

static enum s3_err tag_document(struct request *request, const struct bucket_info *bucket,
    const struct zones_document **ret_document)
{
    const struct tags *tags;
    TRY(bucket_tags_of(request, bucket, &tags));
    return zones_of_tag(
        request, tags != NULL ? tags_find(tags, ZONES_TAG) : SPAN_ABSENT, ret_document);
}

enum s3_err zones_document_of(struct request *request, const struct bucket_info *bucket,
    const struct zones_document **ret_document, bool *ret_by_tag)
{
    TRY(put_document(request, bucket, ret_document));
    bool by_tag = *ret_document == NULL;
    if (by_tag)
        TRY(tag_document(request, bucket, ret_document));
    if (ret_by_tag != NULL)
        *ret_by_tag = by_tag;
    return S3_OK;
}

/* ---- into the store ---- */

static struct zone_rule make_rule(const struct zones_zone *zone)
{
    static const enum zone_duplicates duplicates[] = {
        [ZONES_ALLOW] = DUPLICATES_ALLOW,
        [ZONES_FLAG] = DUPLICATES_FLAG,
        [ZONES_LINK] = DUPLICATES_LINK,
        [ZONES_REJECT] = DUPLICATES_REJECT,
    };
    return (struct zone_rule){
        .name = zone->name,
        .prefix = zone->prefix,
        .write_once = zone->write_once,
        .duplicates = duplicates[zone->duplicates],
        .except = zone->except,
        .except_count = zone->except_count,
        .min_bytes = zone->min_bytes,
        .retention_ms = (int64_t)zone->retention_days * 86400 * 1000,
        .max_bytes = zone->max_bytes,
        .max_objects = zone->max_objects,
        .compress = zone->compress,
    };
}

enum s3_err zones_make_rules(struct request *request, const struct zones_document *document,
    const struct zone_rule **ret_rules, size_t *ret_count)
{
    size_t count = document != NULL ? document->count : 0;
    struct zone_rule *rules = arena_array(&request->arena, struct zone_rule, count);
    if (rules == NULL)
        return FAIL(request, INTERNAL, NULL);
    for (size_t i = 0; i < count; i++)
        rules[i] = make_rule(&document->zones[i]);
    *ret_rules = rules;
    *ret_count = count;
    return S3_OK;
}

/* Reads the bucket anew: what was read of it has changed. */
static enum s3_err read_bucket_again(struct request *request)
{
    uint64_t id = request->bucket.id;
    enum storage_err err = storage_bucket_get(
        request_store(request), request->bucket.name, &request->arena, &request->bucket);
    if (err == STORAGE_OK && request->bucket.id != id)
        err = STORAGE_NO_SUCH_BUCKET;
    return err == STORAGE_OK ? S3_OK : FAIL_STORAGE(request, err);
}

/* Makes the change out of what is there, again and again until nobody came in between.
 * in:  fill  sets mutation->zones */
static enum s3_err commit(struct request *request,
    enum s3_err (*fill)(struct request *request, struct mutation *mutation, const void *ctx),
    const void *ctx)
{
    struct mutation mutation;
    enum storage_err err = STORAGE_CHANGED;
    bool bypass = zones_bypass_retention(request, SPAN_ABSENT);
    for (int tries = 0; tries < OBJECT_CHANGED_TRIES && err == STORAGE_CHANGED; tries++) {
        if (tries > 0)
            TRY(read_bucket_again(request));
        mutation = (struct mutation){
            .kind = MUTATION_PUT_ZONES, .bucket = {request->bucket.id, request->bucket.name}};
        mutation.zones.generation = request->bucket.generation;
        mutation.zones.bypass_retention = bypass;
        TRY(fill(request, &mutation, ctx));
        err = storage_commit(request_store(request), &mutation);
    }
    if (zones_refused(err))
        return zones_fail(request, &mutation, err);
    return err == STORAGE_OK ? S3_OK : FAIL_STORAGE(request, err);
}

static enum s3_err fill_document(
    struct request *request, struct mutation *mutation, const void *ctx)
{
    const struct span *text = ctx;
    struct zones_document document;
    const struct zones_document *effective = &document;
    char detail[ZONES_DETAIL_BYTES];
    mutation->zones.kind = DOCUMENT_ZONES;
    mutation->zones.text = *text;
    if (!span_present(*text)) {
        TRY(tag_document(request, &request->bucket, &effective));
    } else if (!zones_parse(&request->arena, *text, request->bucket.name, &document, detail)) {
        if (request->arena.overflow)
            return FAIL(request, INTERNAL, NULL);
        return FAIL(request, MALFORMED_ZONES, arena_copy(&request->arena, span_str(detail)).ptr);
    }
    return zones_make_rules(request, effective, &mutation->zones.rules, &mutation->zones.count);
}

enum s3_err zones_put(struct request *request, struct span text)
{
    return commit(request, fill_document, &text);
}

/* ---- a change of the bucket's tags ---- */

static bool same_value(struct span a, struct span b)
{
    return span_present(a) == span_present(b) && span_eq(a, b);
}

static enum s3_err fill_tags(struct request *request, struct mutation *mutation, const void *ctx)
{
    const struct bucket_tags_change *change = ctx;
    const struct tags *before;
    struct tags after;
    const struct zones_document *document, *effective;
    TRY(bucket_tags_of(request, &request->bucket, &before));
    TRY(change->make(request, before, change->ctx, &after));
    mutation->zones.kind = DOCUMENT_TAGGING;
    if (after.count > 0)
        TRY(bucket_tags_text(request, &after, &mutation->zones.text));
    struct span old_zone = before != NULL ? tags_find(before, ZONES_TAG) : SPAN_ABSENT;
    struct span new_zone = tags_find(&after, ZONES_TAG);
    mutation->zones.keep_rules = same_value(old_zone, new_zone);
    if (mutation->zones.keep_rules)
        return S3_OK;
    TRY(zones_of_tag(request, new_zone, &effective));
    TRY(authorize_also(request, "lakegate:PutBucketZones", &request->bucket, SPAN_ABSENT));
    TRY(put_document(request, &request->bucket, &document));
    mutation->zones.keep_rules = document != NULL;
    if (document != NULL)
        return S3_OK;
    return zones_make_rules(request, effective, &mutation->zones.rules, &mutation->zones.count);
}

enum s3_err bucket_tags_change(struct request *request, const struct bucket_tags_change *change)
{
    return commit(request, fill_tags, change);
}
