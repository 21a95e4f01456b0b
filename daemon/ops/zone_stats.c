/* GetZoneStats: what each zone of a bucket holds, and what its rules have done. */
#include "daemon/ops/json_answer.h"
#include "daemon/zones.h"

static void write_zone(
    struct buf *out, const struct zone_rule *rule, const struct zone_stats *stats)
{
    buf_add_char(out, '{');
    json_answer_text(out, true, "Name", rule->name);
    json_answer_text(out, false, "Prefix", rule->prefix);
    json_answer_u64(out, "Objects", stats->objects);
    json_answer_u64(out, "Bytes", stats->bytes);
    json_answer_u64(out, "MaxObjects", rule->max_objects);
    json_answer_u64(out, "MaxBytes", rule->max_bytes);
    json_answer_u64(out, "DuplicatesFound", stats->duplicates_found);
    json_answer_u64(out, "BytesSaved", stats->bytes_saved);
    json_answer_u64(out, "Promotions", stats->promotions);
    json_answer_time(out, "OldestObject", stats->oldest_ms);
    json_answer_time(out, "NewestObject", stats->newest_ms);
    json_answer_time(out, "AgesCountedAt", stats->ages_ms);
    json_answer_bool(out, "Indexing", stats->indexing);
    json_answer_u64(out, "IndexedObjects", stats->indexed_objects);
    buf_add_char(out, '}');
}

enum s3_err op_get_zone_stats(struct request *request)
{
    const struct zone_set *set;
    TRY(zones_rules_of(request, &request->bucket, &set));
    struct buf *out = json_answer(request);
    buf_add_char(out, '{');
    json_answer_text(out, true, "Bucket", request->bucket.name);
    buf_add_lit(out, ",\"Zones\":[");
    bool first = true;
    for (size_t i = 0; i < set->count; i++) {
        struct zone_stats stats;
        enum storage_err err = storage_zone_stats(
            request_store(request), request->bucket.id, set->rules[i].id, &stats);
        if (err == STORAGE_NO_SUCH_ZONE) /* it went away just now */
            continue;
        if (err != STORAGE_OK)
            return FAIL_STORAGE(request, err);
        if (!first)
            buf_add_char(out, ',');
        first = false;
        write_zone(out, &set->rules[i], &stats);
    }
    buf_add_lit(out, "]}\n");
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}
