#include "daemon/cors_respond.h"

#include "daemon/bucket_documents.h"
#include "names.h"

enum { PARSED_MAX_BYTES = 1024 * 1024, JOINED_MAX_BYTES = 64 * 1024 };

struct parsed {
    struct arena arena;
    struct cors cors;
};

static void *parse(const struct bucket_info *bucket, struct span text)
{
    (void)bucket;
    struct span detail = SPAN_ABSENT;
    struct parsed *parsed = calloc(1, sizeof(*parsed));
    if (parsed == NULL)
        return NULL;
    arena_init(&parsed->arena, PARSED_MAX_BYTES);
    struct span copy = arena_copy(&parsed->arena, text);
    if (cors_parse(&parsed->arena, copy, &parsed->cors, &detail) == S3_OK)
        return parsed;
    arena_free(&parsed->arena);
    free(parsed);
    return NULL;
}

static void parsed_free(void *ctx)
{
    struct parsed *parsed = ctx;
    arena_free(&parsed->arena);
    free(parsed);
}

static size_t parsed_bytes(const void *ctx)
{
    const struct parsed *parsed = ctx;
    return sizeof(*parsed) + parsed->arena.used_bytes;
}

static const struct document_type cors_type = {
    .kind = DOCUMENT_CORS, .parse = parse, .free = parsed_free, .bytes = parsed_bytes};

enum s3_err cors_of(
    struct request *request, const struct bucket_info *bucket, const struct cors **ret_cors)
{
    const void *parsed = NULL;
    TRY(bucket_document(request, bucket, &cors_type, &parsed));
    *ret_cors = parsed != NULL ? &((const struct parsed *)parsed)->cors : NULL;
    return S3_OK;
}

/* "a, b": absent for an empty list. */
static struct span joined(struct arena *arena, const struct cors_list *list)
{
    struct buf text CLEANUP(buf_free) = {0};
    buf_init(&text, JOINED_MAX_BYTES);
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            buf_add_lit(&text, ", ");
        buf_add(&text, list->items[i]);
    }
    return list->count > 0 && buf_ok(&text) ? arena_copy(arena, buf_span(&text)) : SPAN_ABSENT;
}

void cors_rule_headers(struct request *request, const struct cors_rule *rule, bool any_origin,
    struct span asked_headers)
{
    struct arena *arena = &request->arena;
    struct span origin = any_origin ? SPAN("*") : request_header(request, SPAN("origin"));
    response_header(request, "Access-Control-Allow-Origin", origin);
    response_header_borrowed(
        request, "Access-Control-Allow-Methods", joined(arena, &rule->methods));
    if (span_present(asked_headers))
        /* AWS answers with the names in lower case. */
        response_header(request, "Access-Control-Allow-Headers", arena_lower(arena, asked_headers));
    struct span exposed = joined(arena, &rule->exposed);
    if (span_present(exposed))
        response_header_borrowed(request, "Access-Control-Expose-Headers", exposed);
    if (rule->has_max_age)
        response_header_u64(request, "Access-Control-Max-Age", rule->max_age_s);
    if (!any_origin)
        response_header_borrowed(request, "Access-Control-Allow-Credentials", SPAN("true"));
    response_header_borrowed(request, "Vary",
        SPAN("Origin, Access-Control-Request-Headers, Access-Control-Request-Method"));
}

/* A request may be refused before its bucket was looked at. */
static bool find_bucket(struct request *request, struct bucket_info *ret_bucket)
{
    struct span name = request->target.bucket;
    if (request->bucket.id != 0) {
        *ret_bucket = request->bucket;
        return true;
    }
    return span_present(name) && bucket_name_valid(name) &&
           storage_bucket_get(request_store(request), name, &request->arena, ret_bucket) ==
               STORAGE_OK;
}

void cors_respond(struct request *request)
{
    struct bucket_info bucket;
    const struct cors *cors = NULL;
    struct cors_request ask = {
        .origin = request_header(request, SPAN("origin")), .method = request->method_text};
    /* Of a preflight the operation has said what there is to say. */
    if (!span_present(ask.origin) || request->method == METHOD_OPTIONS)
        return;
    if (!find_bucket(request, &bucket) || cors_of(request, &bucket, &cors) != S3_OK || cors == NULL)
        return;
    bool any_origin = false;
    const struct cors_rule *rule = cors_match(cors, &ask, &any_origin);
    if (rule != NULL)
        cors_rule_headers(request, rule, any_origin, SPAN_ABSENT);
}
