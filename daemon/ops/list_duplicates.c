/* ListDuplicates: groups of equal content in a zone, the largest first, by pages. */
#include "base/encode.h"
#include "daemon/ops/arguments.h"
#include "daemon/ops/json_answer.h"
#include "daemon/ops/object_common.h"
#include "daemon/zones.h"
#include "names.h"

enum { GROUPS_MAX = 100, KEYS_MAX = 20, AFTER_BYTES = 16 };

/* A token is size and CRC64NVME of the last group, 8 bytes each. */
static struct span make_token(struct request *request, const struct duplicates_after *after)
{
    uint8_t bytes[AFTER_BYTES];
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(after->size_bytes >> (56 - 8 * i));
        bytes[8 + i] = (uint8_t)(after->crc64nvme >> (56 - 8 * i));
    }
    return token_encode(&request->arena, span_of(bytes, sizeof(bytes)));
}

static enum s3_err read_token(struct request *request, struct duplicates_query *query)
{
    struct span token = request_query(request, SPAN("continuation-token")), after;
    if (!span_present(token))
        return S3_OK;
    if (token_decode(&request->arena, token, &after) != S3_OK || after.len != AFTER_BYTES)
        return FAIL_ARGUMENT(request, "continuation-token", SPAN_ABSENT,
            "The continuation token provided is incorrect");
    const uint8_t *bytes = (const uint8_t *)after.ptr;
    for (size_t i = 0; i < 8; i++) {
        query->after.size_bytes = query->after.size_bytes << 8 | bytes[i];
        query->after.crc64nvme = query->after.crc64nvme << 8 | bytes[8 + i];
    }
    query->has_after = true;
    return S3_OK;
}

static enum s3_err find_zone(
    struct request *request, struct span name, const struct zone_rule **ret_rule)
{
    const struct zone_set *set;
    if (!span_present(name))
        return FAIL_ARGUMENT(request, "zone", SPAN_ABSENT, "Say which zone: zone=NAME");
    TRY(zones_rules_of(request, &request->bucket, &set));
    for (size_t i = 0; i < set->count; i++)
        if (span_eq(set->rules[i].name, name)) {
            *ret_rule = &set->rules[i];
            return S3_OK;
        }
    request_error_field(request, SPAN("Zone"), name);
    return FAIL(request, NO_SUCH_ZONE, NULL);
}

static void write_group(struct buf *out, const struct duplicates_group *group)
{
    struct checksum checksum = checksum_of_crc64nvme(group->crc64nvme);
    buf_addf(
        out, "{\"SizeBytes\":%llu,\"ChecksumCRC64NVME\":\"", (unsigned long long)group->size_bytes);
    base64_encode(out, span_of(checksum.value, sizeof(group->crc64nvme)));
    buf_addf(out, "\",\"Count\":%zu,\"Keys\":[", group->total);
    for (size_t i = 0; i < group->count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        json_string(out, group->items[i].key);
    }
    buf_add_lit(out, "]}");
}

enum s3_err op_list_duplicates(struct request *request)
{
    static const struct zone_rule none = {.id = 0};
    const struct zone_rule *rule = &none;
    struct duplicates_query query = {.bucket_id = request->bucket.id};
    struct duplicates_page page;
    TRY(find_zone(request, request_query(request, SPAN("zone")), &rule));
    TRY(json_answer_limit(request, "max-groups", GROUPS_MAX, &query.max_groups));
    TRY(json_answer_limit(request, "max-keys", KEYS_MAX, &query.max_keys));
    TRY(read_token(request, &query));
    query.zone_id = rule->id;
    enum storage_err err =
        storage_duplicates_list(request_store(request), &query, &request->arena, &page);
    if (err != STORAGE_OK)
        return FAIL_STORAGE(request, err);
    struct buf *out = json_answer(request);
    buf_add_char(out, '{');
    json_answer_text(out, true, "Bucket", request->bucket.name);
    json_answer_text(out, false, "Zone", rule->name);
    buf_add_lit(out, ",\"Groups\":[");
    for (size_t i = 0; i < page.count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        write_group(out, &page.items[i]);
    }
    buf_add_char(out, ']');
    json_answer_bool(out, "IsTruncated", page.truncated);
    if (page.truncated)
        json_answer_text(out, false, "NextContinuationToken", make_token(request, &page.after));
    buf_add_lit(out, "}\n");
    return buf_ok(out) ? S3_OK : FAIL(request, INTERNAL, NULL);
}
