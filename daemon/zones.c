#include "daemon/zones.h"

#include "base/encode.h"
#include "daemon/authorize.h"
#include "daemon/ops/object_common.h"

/* What a request has read of buckets' rules: mostly of one, of two for a copy. */
struct zones_held {
    uint64_t bucket_id;
    struct zone_set set;
    struct zones_held *next;
};

enum s3_err zones_rules_of(
    struct request *request, const struct bucket_info *bucket, const struct zone_set **ret_set)
{
    static const struct zone_set none = {0, NULL, 0};
    if (bucket->zones_generation == 0) {
        *ret_set = &none;
        return S3_OK;
    }
    for (struct zones_held *held = request->zones; held != NULL; held = held->next)
        if (held->bucket_id == bucket->id && held->set.generation >= bucket->zones_generation) {
            *ret_set = &held->set;
            return S3_OK;
        }
    struct zones_held *held = arena_new(&request->arena, struct zones_held);
    if (held == NULL)
        return FAIL(request, INTERNAL, NULL);
    enum storage_err err =
        storage_zones_get(request_store(request), bucket->id, &request->arena, &held->set);
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    held->bucket_id = bucket->id;
    held->next = request->zones;
    request->zones = held;
    *ret_set = &held->set;
    return S3_OK;
}

enum s3_err zones_of(struct request *request, const struct bucket_info *bucket, struct span key,
    struct zone_of *ret_zone)
{
    const struct zone_set *set = NULL;
    TRY(zones_rules_of(request, bucket, &set));
    const struct zone_rule *rule = zone_of_key(set, key);
    *ret_zone = (struct zone_of){rule != NULL ? rule->name : SPAN_ABSENT, rule};
    return S3_OK;
}

enum s3_err zones_announce(struct request *request)
{
    struct zone_of zone;
    bool anybodys = request->op->action == NULL; /* a preflight: nobody was asked */
    if (request->bucket.zones_generation == 0 || !span_present(request->target.key) || anybodys)
        return S3_OK;
    TRY(zones_of(request, &request->bucket, request->target.key, &zone));
    if (zone.rule != NULL)
        response_header_borrowed(request, "x-lakegate-zone", zone.name);
    return S3_OK;
}

/* Whose policies allow it to see the key, by reading or by listing. */
static bool may_know(struct request *request, struct span key)
{
    struct access_ask read = {.action = "s3:GetObject", .bucket = &request->bucket, .key = key};
    struct access_ask list = {.action = "s3:ListBucket", .bucket = &request->bucket, .prefix = key};
    return authorize_allows(request, &read, NULL) || authorize_allows(request, &list, NULL);
}

void zones_duplicate_header(struct request *request, struct span key)
{
    if (!span_present(key) || !may_know(request, key))
        return;
    struct buf text CLEANUP(buf_free);
    buf_init(&text, 3 * STORAGE_KEY_MAX_BYTES);
    percent_encode(&text, key, true);
    response_header(request, "x-lakegate-duplicate-of", buf_span(&text));
}

bool zones_bypass_retention(struct request *request, struct span key)
{
    struct span text = object_amz_header(request, SPAN("x-amz-bypass-governance-retention"));
    struct access_ask ask = {
        .action = "s3:BypassGovernanceRetention", .bucket = &request->bucket, .key = key};
    return span_eq_nocase(text, SPAN("true")) && authorize_allows(request, &ask, NULL);
}
