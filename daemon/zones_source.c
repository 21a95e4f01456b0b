/* PromoteFrom: which zones a zone takes copies from. */
#include "daemon/zones.h"

static const struct zones_zone *find_zone(const struct zones_document *document, struct span name)
{
    for (size_t i = 0; document != NULL && i < document->count; i++)
        if (span_eq(document->zones[i].name, name))
            return &document->zones[i];
    return NULL;
}

static bool is_listed(const struct zones_zone *zone, const struct bucket_info *bucket,
    const struct bucket_info *source_bucket, struct span source_name)
{
    for (size_t i = 0; i < zone->source_count; i++) {
        const struct zones_source *source = &zone->sources[i];
        bool any = span_eq(source->bucket, SPAN("*"));
        struct span named = span_present(source->bucket) ? source->bucket : bucket->name;
        bool right_bucket =
            any ? source_bucket->owner_id == bucket->owner_id : span_eq(named, source_bucket->name);
        if (right_bucket && span_eq(source->name, source_name))
            return true;
    }
    return false;
}

static enum s3_err refuse(
    struct request *request, struct span zone, struct span source_bucket, struct span source_zone)
{
    request_error_field(request, SPAN("Zone"), zone);
    request_error_field(request, SPAN("Rule"), SPAN("PromoteFrom"));
    request_error_field(request, SPAN("SourceZone"), source_zone);
    struct span detail = arena_format(&request->arena,
        "Access Denied because the zone %.*s takes no copies from the zone %.*s of %.*s "
        "(PromoteFrom)",
        SPAN_ARG(zone), SPAN_ARG(source_zone), SPAN_ARG(source_bucket));
    return FAIL(request, ACCESS_DENIED, detail.ptr);
}

enum s3_err zones_check_source(struct request *request, const struct bucket_info *source_bucket,
    struct span source_key, bool *ret_promotes)
{
    struct zone_of to, from;
    *ret_promotes = false;
    TRY(zones_of(request, &request->bucket, request->target.key, &to));
    TRY(zones_of(request, source_bucket, source_key, &from));
    if (to.rule == NULL || from.rule == NULL ||
        (source_bucket->id == request->bucket.id && span_eq(to.name, from.name)))
        return S3_OK;
    const struct zones_document *document;
    TRY(zones_document_of(request, &request->bucket, &document, NULL));
    const struct zones_zone *zone = find_zone(document, to.name);
    if (zone != NULL && zone->limits_sources &&
        !is_listed(zone, &request->bucket, source_bucket, from.name))
        return refuse(request, to.name, source_bucket->name, from.name);
    *ret_promotes = true;
    return S3_OK;
}
