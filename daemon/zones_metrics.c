/* What zones hold, for Prometheus: of the first buckets in name order, and of so many zones. */
#include "daemon/daemon.h"
#include "daemon/zones.h"

struct sample {
    struct span bucket, zone;
    struct zone_stats stats;
};

struct samples {
    struct sample items[ZONES_METRICS_MAX];
    size_t count;
};

static void add_bucket(
    struct request *request, const struct bucket_info *bucket, struct samples *samples)
{
    const struct zone_set *set;
    if (bucket->zones_generation == 0 || zones_rules_of(request, bucket, &set) != S3_OK)
        return;
    for (size_t i = 0; i < set->count && samples->count < ZONES_METRICS_MAX; i++) {
        struct sample *sample = &samples->items[samples->count];
        *sample = (struct sample){.bucket = bucket->name, .zone = set->rules[i].name};
        if (storage_zone_stats(
                request_store(request), bucket->id, set->rules[i].id, &sample->stats) == STORAGE_OK)
            samples->count++;
    }
}

static uint64_t value_of(const struct zone_stats *stats, size_t metric)
{
    const uint64_t values[] = {stats->objects, stats->bytes, stats->duplicates_found,
        stats->bytes_saved, stats->promotions, (uint64_t)stats->oldest_ms / 1000,
        (uint64_t)stats->newest_ms / 1000};
    return values[metric];
}

static void write_samples(struct buf *out, const struct samples *samples)
{
    static const struct {
        const char *name, *type, *help;
    } metrics[] = {
        {"objects", "gauge", "Versions in the zone."},
        {"bytes", "gauge", "Bytes of all versions in the zone."},
        {"duplicates_found_total", "counter", "Writes whose content was there already."},
        {"bytes_saved_total", "counter", "Bytes that were not stored again."},
        {"promotions_total", "counter", "Copies into the zone out of another."},
        {"oldest_object_seconds", "gauge", "Unix time of the oldest version; 0: not known."},
        {"newest_object_seconds", "gauge", "Unix time of the newest version; 0: not known."},
    };
    for (size_t metric = 0; metric < ARRAY_LEN(metrics); metric++) {
        buf_addf(out, "# HELP lakegate_zone_%s %s\n# TYPE lakegate_zone_%s %s\n",
            metrics[metric].name, metrics[metric].help, metrics[metric].name, metrics[metric].type);
        for (size_t i = 0; i < samples->count; i++) /* neither name needs escaping */
            buf_addf(out, "lakegate_zone_%s{bucket=\"%.*s\",zone=\"%.*s\"} %llu\n",
                metrics[metric].name, SPAN_ARG(samples->items[i].bucket),
                SPAN_ARG(samples->items[i].zone),
                (unsigned long long)value_of(&samples->items[i].stats, metric));
    }
}

void zones_metrics(struct request *request, struct buf *out)
{
    struct bucket_page page;
    struct samples *samples = arena_new(&request->arena, struct samples);
    if (samples == NULL ||
        storage_bucket_list(request_store(request), UINT64_MAX, SPAN(""), SPAN(""),
            ZONES_METRICS_BUCKETS_MAX, &request->arena, &page) != STORAGE_OK)
        return;
    for (size_t i = 0; i < page.count && samples->count < ZONES_METRICS_MAX; i++)
        add_bucket(request, &page.items[i], samples);
    request->err = S3_OK; /* the page goes out with what could be read */
    if (samples->count > 0)
        write_samples(out, samples);
}
