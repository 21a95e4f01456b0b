/* What a zone's refusal says: which zone, which rule, and what is in the way. */
#include "daemon/zones.h"
#include "http_time.h"

bool zones_refused(enum storage_err err)
{
    return err == STORAGE_RETAINED || err == STORAGE_OBJECT_EXISTS || err == STORAGE_DUPLICATE ||
           err == STORAGE_QUOTA;
}

/* The rules may have changed since: then there is no name to tell. */
static struct span name_of_zone(struct request *request, const struct mutation *mutation)
{
    const struct zone_set *set;
    if (zones_rules_of(request, &request->bucket, &set) != S3_OK) {
        request->err = S3_OK;
        return SPAN("?");
    }
    for (size_t i = 0; i < set->count; i++)
        if (set->rules[i].id == mutation->zone_outcome.zone_id)
            return set->rules[i].name;
    const struct zone_rule *rule = zone_of_key(set, mutation->key);
    return rule != NULL ? rule->name : SPAN("?");
}

static enum s3_err say(struct request *request, enum s3_err err, struct span zone, const char *rule,
    struct span detail)
{
    request_error_field(request, SPAN("Zone"), zone);
    request_error_field(request, SPAN("Rule"), span_str(rule));
    return request_fail(request, err, detail.ptr, __FILE__, __LINE__);
}

static enum s3_err retained(
    struct request *request, const struct mutation *mutation, struct span zone)
{
    char until[ISO_TIME_BYTES];
    iso_time_format(mutation->zone_outcome.retained_until_ms, until);
    const char *what = mutation->kind == MUTATION_PUT_ZONES
                           ? "has objects that are retained; less would be than now, the last"
                           : "retains this object";
    struct span detail = arena_format(&request->arena,
        "Access Denied because the zone %.*s %s until %s (RetentionDays). "
        "x-amz-bypass-governance-retention: true, with s3:BypassGovernanceRetention, passes over "
        "it.",
        SPAN_ARG(zone), what, until);
    request_error_field(request, SPAN("RetainUntilDate"), span_str(until));
    return say(request, S3_ERR_ACCESS_DENIED, zone, "RetentionDays", detail);
}

static enum s3_err over_quota(
    struct request *request, const struct mutation *mutation, struct span zone)
{
    const struct zone_outcome *outcome = &mutation->zone_outcome;
    bool by_count = outcome->max_objects != 0 && outcome->objects >= outcome->max_objects;
    struct span detail = arena_format(&request->arena,
        "The zone %.*s has %llu objects of %llu bytes; at most %llu %s are allowed (%s).",
        SPAN_ARG(zone), (unsigned long long)outcome->objects, (unsigned long long)outcome->bytes,
        (unsigned long long)(by_count ? outcome->max_objects : outcome->max_bytes),
        by_count ? "objects" : "bytes", by_count ? "MaxObjects" : "MaxBytes");
    return say(request, S3_ERR_QUOTA_EXCEEDED, zone, by_count ? "MaxObjects" : "MaxBytes", detail);
}

enum s3_err zones_fail(
    struct request *request, const struct mutation *mutation, enum storage_err err)
{
    struct span zone = name_of_zone(request, mutation);
    if (err == STORAGE_RETAINED)
        return retained(request, mutation, zone);
    if (err == STORAGE_QUOTA)
        return over_quota(request, mutation, zone);
    if (err == STORAGE_DUPLICATE) {
        zones_duplicate_header(request, request->duplicate_key);
        return say(request, S3_ERR_DUPLICATE_OBJECT, zone, "Duplicates",
            arena_format(&request->arena,
                "The zone %.*s has the same content under another key (Duplicates).",
                SPAN_ARG(zone)));
    }
    return say(request, S3_ERR_OBJECT_ALREADY_EXISTS, zone, "WriteOnce",
        arena_format(&request->arena,
            "The zone %.*s is written once: there is an object of this key (WriteOnce).",
            SPAN_ARG(zone)));
}
