#include "daemon/lineage.h"

#include "daemon/authorize.h"
#include "daemon/identities.h"
#include "daemon/metadata.h"
#include "daemon/ops/arguments.h"
#include "daemon/version_id.h"
#include "daemon/zones.h"
#include "names.h"

static const struct span source_header = SPAN("x-lakegate-source");
static const struct span source_metadata = SPAN("lakegate-source");

struct sources {
    struct lineage_source *items;
    size_t count;
    enum lineage_missing missing;
};

static enum s3_err fail_source(struct request *request, struct span text, const char *detail)
{
    return FAIL_ARGUMENT(request, source_header.ptr, text, detail);
}

static enum s3_err find_bucket(
    struct request *request, struct span name, struct bucket_info *ret_bucket)
{
    if (span_eq(name, request->bucket.name)) {
        *ret_bucket = request->bucket;
        return S3_OK;
    }
    enum storage_err err =
        storage_bucket_get(request_store(request), name, &request->arena, ret_bucket);
    if (err == STORAGE_OK)
        return S3_OK;
    request_error_field(request, SPAN("BucketName"), name);
    return FAIL_STORAGE(request, err);
}

/* What the store has seen itself needs no declaring. */
static bool is_there(const struct sources *sources, const struct version *version)
{
    for (size_t i = 0; i < sources->count; i++)
        if (sources->items[i].end.version.sequence == version->sequence &&
            sources->items[i].end.version.random == version->random)
            return true;
    return false;
}

/* One source: may it be read, and which version is it? */
static enum s3_err read_source(struct request *request, struct span text, struct sources *sources)
{
    static const char form[] = "A source is /bucket/key, percent-encoded, with or without "
                               "?versionId=";
    struct copy_source source;
    struct version_ref version;
    struct bucket_info bucket;
    struct object_info info;
    struct zone_of zone;
    if (copy_source_parse(&request->arena, text, &source) != S3_OK ||
        version_id_parse(source.version_id, &version, NULL) != S3_OK)
        return fail_source(request, text, form);
    TRY(find_bucket(request, source.bucket, &bucket));
    struct access_ask ask = {
        .action = span_present(source.version_id) ? "s3:GetObjectVersion" : "s3:GetObject",
        .bucket = &bucket,
        .key = source.key,
        .version_id = source.version_id};
    TRY(authorize_ask(request, &ask));
    enum storage_err err = storage_object_get(
        request_store(request), bucket.id, source.key, version, &request->arena, &info);
    if (err == STORAGE_NO_SUCH_KEY || err == STORAGE_NO_SUCH_VERSION ||
        err == STORAGE_DELETE_MARKER) {
        TRY(authorize_missing(request, &bucket));
        if (sources->missing == LINEAGE_MISSING_LEFT_OUT)
            return S3_OK;
        return fail_source(request, text, "The declared source does not exist");
    }
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    if (is_there(sources, &info.version))
        return S3_OK;
    TRY(zones_of(request, &bucket, source.key, &zone));
    sources->items[sources->count++] = (struct lineage_source){.kind = LINEAGE_DECLARED,
        .end = {.bucket_id = bucket.id,
            .bucket = bucket.name,
            .key = source.key,
            .zone = zone.name,
            .version = info.version,
            .etag = info.attributes.etag}};
    return S3_OK;
}

static size_t count_items(struct span list)
{
    struct span item;
    size_t count = 0;
    while (span_split(&list, ',', &item))
        count += span_trim(item).len > 0;
    return count;
}

static enum s3_err read_list(struct request *request, struct span list, struct sources *sources)
{
    struct span item;
    while (span_split(&list, ',', &item)) {
        item = span_trim(item);
        if (item.len == 0)
            continue;
        TRY(read_source(request, item, sources));
    }
    return S3_OK;
}

static size_t count_declared(const struct request *request, struct span in_metadata)
{
    size_t count = count_items(in_metadata);
    for (size_t i = 0; i < request->headers.count; i++)
        if (span_eq_nocase(request->headers.items[i].name, source_header))
            count += count_items(request->headers.items[i].value);
    return count;
}

static struct span who(const struct request *request)
{
    if (request->identity != NULL)
        return request->identity->principal.arn;
    return request->principal.kind == PRINCIPAL_ANONYMOUS ? SPAN("anonymous") : SPAN("root");
}

/* What a copy job fetched has one source, whatever its metadata says. */
static enum s3_err fill_fetched(struct request *request, struct mutation *mutation)
{
    struct lineage_source *source = arena_new(&request->arena, struct lineage_source);
    struct zone_of zone;
    if (request->fetched == NULL)
        return S3_OK;
    if (source == NULL)
        return FAIL(request, INTERNAL, NULL);
    TRY(zones_of(request, &request->bucket, mutation->key, &zone));
    *source = (struct lineage_source){LINEAGE_COPIED, *request->fetched};
    mutation->lineage.sources = source;
    mutation->lineage.count = 1;
    mutation->lineage.who = who(request);
    mutation->lineage.zone = zone.name;
    return S3_OK;
}

enum s3_err lineage_fill(struct request *request, struct mutation *mutation,
    const struct lineage_end *copied, struct span metadata, enum lineage_missing missing)
{
    if (request->made_here && copied == NULL)
        return fill_fetched(request, mutation);
    /* What another's metadata says nobody here declares. */
    struct span in_metadata = metadata.len > 0 && !request->made_here
                                  ? metadata_user(metadata, source_metadata)
                                  : SPAN_ABSENT;
    size_t declared = count_declared(request, in_metadata);
    if (declared == 0 && copied == NULL)
        return S3_OK;
    if (declared > LINEAGE_DECLARED_MAX)
        return fail_source(request, SPAN_ABSENT, "At most 100 sources can be declared");
    struct sources sources = {.missing = missing};
    struct zone_of zone;
    sources.items = arena_array(&request->arena, struct lineage_source, declared + 1);
    if (sources.items == NULL)
        return FAIL(request, INTERNAL, NULL);
    if (copied != NULL)
        sources.items[sources.count++] = (struct lineage_source){
            copied->bucket_id != 0 ? LINEAGE_RECORDED : LINEAGE_COPIED, *copied};
    for (size_t i = 0; i < request->headers.count; i++)
        if (span_eq_nocase(request->headers.items[i].name, source_header))
            TRY(read_list(request, request->headers.items[i].value, &sources));
    TRY(read_list(request, in_metadata, &sources));
    TRY(zones_of(request, &request->bucket, mutation->key, &zone));
    mutation->lineage.sources = sources.items;
    mutation->lineage.count = sources.count;
    mutation->lineage.who = who(request);
    mutation->lineage.zone = zone.name;
    return S3_OK;
}
