/* The templates, and documents as text. */
#include "json_write.h"
#include "zones.h"

/* The names of a stage; the first is the one that it is known by. */
static const struct span raw_names[] = {SPAN("raw"), SPAN("landing"), SPAN("bronze")};
static const struct span trusted_names[] = {
    SPAN("trusted"), SPAN("staging"), SPAN("processed"), SPAN("silver")};
static const struct span refined_names[] = {
    SPAN("refined"), SPAN("final"), SPAN("aggregated"), SPAN("gold")};

static const struct zones_source from_raw[] = {
    {SPAN("*"), SPAN("raw")}, {SPAN("*"), SPAN("landing")}, {SPAN("*"), SPAN("bronze")}};
static const struct zones_source from_trusted[] = {{SPAN("*"), SPAN("trusted")},
    {SPAN("*"), SPAN("staging")}, {SPAN("*"), SPAN("processed")}, {SPAN("*"), SPAN("silver")}};

static const struct stage {
    const struct span *names;
    size_t name_count;
    bool write_once;
    enum zones_duplicates duplicates;
    const struct zones_source *sources; /* NULL: PromoteFrom is absent */
    size_t source_count;
} stages[] = {
    {raw_names, ARRAY_LEN(raw_names), true, ZONES_REJECT, NULL, 0},
    {trusted_names, ARRAY_LEN(trusted_names), false, ZONES_FLAG, from_raw, ARRAY_LEN(from_raw)},
    {refined_names, ARRAY_LEN(refined_names), false, ZONES_ALLOW, from_trusted,
        ARRAY_LEN(from_trusted)},
};

bool zones_template(struct span name, struct zones_zone *ret_zone)
{
    for (size_t i = 0; i < ARRAY_LEN(stages); i++)
        for (size_t k = 0; k < stages[i].name_count; k++) {
            if (!span_eq(stages[i].names[k], name))
                continue;
            struct zones_zone zone = {.name = name,
                .prefix = SPAN(""),
                .write_once = stages[i].write_once,
                .duplicates = stages[i].duplicates,
                .min_bytes = 1,
                .limits_sources = stages[i].sources != NULL,
                .sources = stages[i].sources,
                .source_count = stages[i].source_count};
            zone.except = zones_default_except(&zone.except_count);
            *ret_zone = zone;
            return true;
        }
    return false;
}

struct span zones_template_name(size_t index)
{
    for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
        if (index < stages[i].name_count)
            return stages[i].names[index];
        index -= stages[i].name_count;
    }
    return SPAN_ABSENT;
}

/* ---- writing ---- */

static void write_count(struct buf *out, const char *name, uint64_t value, uint64_t otherwise)
{
    if (value != otherwise)
        buf_addf(out, ", \"%s\": %llu", name, (unsigned long long)value);
}

static bool except_is_default(const struct zones_zone *zone)
{
    size_t count;
    const struct span *patterns = zones_default_except(&count);
    if (count != zone->except_count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!span_eq(patterns[i], zone->except[i]))
            return false;
    return true;
}

static void write_except(struct buf *out, const struct zones_zone *zone)
{
    if (except_is_default(zone))
        return;
    buf_add_lit(out, ", \"Except\": [");
    for (size_t i = 0; i < zone->except_count; i++) {
        if (i > 0)
            buf_add_lit(out, ", ");
        json_string(out, zone->except[i]);
    }
    buf_add_char(out, ']');
}

static void write_sources(struct buf *out, const struct zones_zone *zone)
{
    if (!zone->limits_sources)
        return;
    buf_add_lit(out, ", \"PromoteFrom\": [");
    for (size_t i = 0; i < zone->source_count; i++) {
        const struct zones_source *source = &zone->sources[i];
        if (i > 0)
            buf_add_lit(out, ", ");
        /* Names of buckets and zones need no escaping. */
        buf_addf(out, "\"%.*s%s%.*s\"", SPAN_ARG(source->bucket),
            span_present(source->bucket) ? "/" : "", SPAN_ARG(source->name));
    }
    buf_add_char(out, ']');
}

static void write_zone(struct buf *out, const struct zones_zone *zone)
{
    buf_add_lit(out, "{\"Name\": ");
    json_string(out, zone->name);
    buf_add_lit(out, ", \"Prefix\": ");
    json_string(out, zone->prefix);
    if (zone->write_once)
        buf_add_lit(out, ", \"WriteOnce\": true");
    if (zone->duplicates != ZONES_ALLOW)
        buf_addf(out, ", \"Duplicates\": \"%s\"", zones_duplicates_name(zone->duplicates));
    write_except(out, zone);
    write_count(out, "MinBytes", zone->min_bytes, 1);
    write_sources(out, zone);
    write_count(out, "RetentionDays", zone->retention_days, 0);
    write_count(out, "MaxBytes", zone->max_bytes, 0);
    write_count(out, "MaxObjects", zone->max_objects, 0);
    if (zone->compress)
        buf_add_lit(out, ", \"Compress\": true");
    buf_add_char(out, '}');
}

void zones_write(struct buf *out, const struct zones_document *document, const char *from)
{
    buf_add_lit(out, "{\"Version\": \"" ZONES_VERSION "\", ");
    if (from != NULL)
        buf_addf(out, "\"From\": \"%s\", ", from);
    buf_add_lit(out, "\"Zones\": [");
    for (size_t i = 0; i < document->count; i++) {
        buf_add(out, i > 0 ? SPAN(",\n  ") : SPAN("\n  "));
        write_zone(out, &document->zones[i]);
    }
    buf_add_lit(out, "]}\n");
}
