#include "zones.h"

#include "json_read.h"
#include "names.h"

#include <stdarg.h>

static const struct span duplicates_names[] = {
    [ZONES_ALLOW] = SPAN("allow"),
    [ZONES_FLAG] = SPAN("flag"),
    [ZONES_LINK] = SPAN("link"),
    [ZONES_REJECT] = SPAN("reject"),
};

const char *zones_duplicates_name(enum zones_duplicates duplicates)
{
    return duplicates_names[duplicates].ptr;
}

static const struct span default_except[] = {
    SPAN("*/"),
    SPAN("_SUCCESS"),
    SPAN("_temporary"),
    SPAN(".spark-staging-*"),
    SPAN(".hive-staging*"),
    SPAN("__magic*"),
    SPAN("_delta_log"),
    SPAN("metadata"),
    SPAN("*_$folder$"),
    SPAN("_committed_*"),
    SPAN("_started_*"),
    SPAN(".*.crc"),
};

const struct span *zones_default_except(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(default_except);
    return default_except;
}

static struct zones_zone default_zone(void)
{
    return (struct zones_zone){
        .except = default_except, .except_count = ARRAY_LEN(default_except), .min_bytes = 1};
}

/* ---- reading ---- */

struct reading {
    struct arena *arena;
    struct span bucket;
    char *detail; /* ZONES_DETAIL_BYTES; empty: nothing is wrong so far */
    struct zones_zone *zones;
    size_t count;
    size_t at; /* the zone that is being read */
};

/* The first fault counts. Always false. */
PRINTF_LIKE(2, 3) static bool wrong(struct reading *reading, const char *format, ...)
{
    if (reading->detail[0] != '\0')
        return false;
    va_list args;
    va_start(args, format);
    vsnprintf(reading->detail, ZONES_DETAIL_BYTES, format, args);
    va_end(args);
    /* What was cut off may have been the middle of a character. */
    size_t len = strlen(reading->detail);
    while (len > 0 && !span_is_utf8(span_of(reading->detail, len)))
        reading->detail[--len] = '\0';
    return false;
}

static bool wrong_member(struct reading *reading, const char *member, const char *what)
{
    return wrong(reading, "Zones[%zu].%s: %s", reading->at, member, what);
}

static bool is_kind(const struct json_node *node, enum json_kind kind)
{
    return node != NULL && json_node_kind(node) == kind;
}

static bool copy(struct reading *reading, struct span text, struct span *ret_copy)
{
    *ret_copy = arena_copy(reading->arena, text);
    if (span_present(*ret_copy))
        return true;
    (void)wrong(reading, "out of memory");
    return false;
}

typedef bool read_fn(struct reading *reading, const char *member, const struct json_node *value,
    struct zones_zone *zone);

static bool read_text(struct reading *reading, const char *member, const struct json_node *value,
    struct span *ret_text)
{
    if (!is_kind(value, JSON_KIND_STRING))
        return wrong_member(reading, member, "must be a string");
    return copy(reading, json_node_string(value, SPAN("")), ret_text);
}

static bool is_name(struct span text)
{
    if (!span_present(text))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == '-' || c == '_' || c == '.'))
            return false;
    }
    return text.len > 0 && text.len <= ZONES_NAME_MAX_BYTES;
}

static bool read_name(struct reading *reading, const char *member, const struct json_node *value,
    struct zones_zone *zone)
{
    if (!read_text(reading, member, value, &zone->name))
        return false;
    return is_name(zone->name) ||
           wrong_member(reading, member, "must be 1 to 64 of A-Z a-z 0-9 - _ .");
}

static bool read_prefix(struct reading *reading, const char *member, const struct json_node *value,
    struct zones_zone *zone)
{
    if (!read_text(reading, member, value, &zone->prefix))
        return false;
    return zone->prefix.len <= ZONES_PREFIX_MAX_BYTES ||
           wrong_member(reading, member, "must be at most 1000 bytes long");
}

static bool read_bool(
    struct reading *reading, const char *member, const struct json_node *value, bool *ret_value)
{
    if (!is_kind(value, JSON_KIND_BOOL))
        return wrong_member(reading, member, "must be true or false");
    *ret_value = json_node_bool(value, false);
    return true;
}

static bool read_write_once(struct reading *reading, const char *member,
    const struct json_node *value, struct zones_zone *zone)
{
    return read_bool(reading, member, value, &zone->write_once);
}

static bool read_compress(struct reading *reading, const char *member,
    const struct json_node *value, struct zones_zone *zone)
{
    return read_bool(reading, member, value, &zone->compress);
}

static bool read_duplicates(struct reading *reading, const char *member,
    const struct json_node *value, struct zones_zone *zone)
{
    struct span text =
        is_kind(value, JSON_KIND_STRING) ? json_node_string(value, SPAN("")) : SPAN_ABSENT;
    for (unsigned i = 0; i < ARRAY_LEN(duplicates_names); i++)
        if (span_eq(text, duplicates_names[i])) {
            zone->duplicates = (enum zones_duplicates)i;
            return true;
        }
    return wrong_member(reading, member, "must be one of allow, flag, link, reject");
}

static bool read_number(struct reading *reading, const char *member, const struct json_node *value,
    uint64_t max, uint64_t *ret_value)
{
    int64_t number = is_kind(value, JSON_KIND_INTEGER) ? json_node_integer(value, -1) : -1;
    if (number < 0 || (uint64_t)number > max)
        return wrong(reading, "Zones[%zu].%s: must be an integer from 0 to %llu", reading->at,
            member, (unsigned long long)max);
    *ret_value = (uint64_t)number;
    return true;
}

static bool read_min_bytes(struct reading *reading, const char *member,
    const struct json_node *value, struct zones_zone *zone)
{
    return read_number(reading, member, value, INT64_MAX, &zone->min_bytes);
}

static bool read_max_bytes(struct reading *reading, const char *member,
    const struct json_node *value, struct zones_zone *zone)
{
    return read_number(reading, member, value, INT64_MAX, &zone->max_bytes);
}

static bool read_max_objects(struct reading *reading, const char *member,
    const struct json_node *value, struct zones_zone *zone)
{
    return read_number(reading, member, value, INT64_MAX, &zone->max_objects);
}

static bool read_retention(struct reading *reading, const char *member,
    const struct json_node *value, struct zones_zone *zone)
{
    uint64_t days = 0;
    bool ok = read_number(reading, member, value, ZONES_RETENTION_MAX_DAYS, &days);
    zone->retention_days = (uint32_t)days;
    return ok;
}

/* An array of strings, copied.
 * out: *ret_texts  never NULL when true */
static bool read_texts(struct reading *reading, const char *member, const struct json_node *value,
    size_t max, struct span **ret_texts, size_t *ret_count)
{
    if (!is_kind(value, JSON_KIND_ARRAY))
        return wrong_member(reading, member, "must be an array of strings");
    size_t count = json_node_count(value);
    if (count > max)
        return wrong(reading, "Zones[%zu].%s: more than %zu of them", reading->at, member, max);
    struct span *texts = arena_array(reading->arena, struct span, count);
    if (texts == NULL)
        return wrong(reading, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const struct json_node *item = json_node_item(value, i);
        if (!is_kind(item, JSON_KIND_STRING))
            return wrong(reading, "Zones[%zu].%s[%zu]: must be a string", reading->at, member, i);
        if (!copy(reading, json_node_string(item, SPAN("")), &texts[i]))
            return false;
    }
    *ret_texts = texts;
    *ret_count = count;
    return true;
}

static bool read_except(struct reading *reading, const char *member, const struct json_node *value,
    struct zones_zone *zone)
{
    struct span *patterns = NULL;
    size_t count = 0;
    if (!read_texts(reading, member, value, ZONES_EXCEPT_MAX, &patterns, &count))
        return false;
    size_t total_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (patterns[i].len == 0 || patterns[i].len > ZONES_EXCEPT_MAX_BYTES)
            return wrong(reading, "Zones[%zu].%s[%zu]: must be 1 to %d bytes long", reading->at,
                member, i, ZONES_EXCEPT_MAX_BYTES);
        total_bytes += patterns[i].len;
    }
    if (total_bytes > ZONES_EXCEPT_TOTAL_MAX_BYTES)
        return wrong(reading, "Zones[%zu].%s: more than %d bytes together", reading->at, member,
            ZONES_EXCEPT_TOTAL_MAX_BYTES);
    zone->except = patterns;
    zone->except_count = count;
    return true;
}

static bool read_source(struct reading *reading, struct span text, struct zones_source *ret_source)
{
    struct zones_source source = {.name = text};
    size_t slash = span_find_char(text, '/', 0);
    if (slash != SIZE_MAX) {
        source.bucket = span_first(text, slash);
        source.name = span_from(text, slash + 1);
        if (!span_eq(source.bucket, SPAN("*")) && !bucket_name_valid(source.bucket))
            return false;
        if (span_eq(source.bucket, reading->bucket))
            source.bucket = SPAN_ABSENT;
    }
    *ret_source = source;
    return is_name(source.name);
}

static bool read_promote_from(struct reading *reading, const char *member,
    const struct json_node *value, struct zones_zone *zone)
{
    struct span *texts = NULL;
    size_t count = 0;
    if (!read_texts(reading, member, value, ZONES_PROMOTE_FROM_MAX, &texts, &count))
        return false;
    struct zones_source *sources = arena_array(reading->arena, struct zones_source, count);
    if (sources == NULL)
        return wrong(reading, "out of memory");
    for (size_t i = 0; i < count; i++)
        if (!read_source(reading, texts[i], &sources[i]))
            return wrong(reading,
                "Zones[%zu].%s[%zu]: must be \"zone\", \"bucket/zone\" or \"*/zone\"", reading->at,
                member, i);
    zone->limits_sources = true;
    zone->sources = sources;
    zone->source_count = count;
    return true;
}

static const struct member {
    const char *name;
    read_fn *read;
    bool required;
} members[] = {
    {"Name", read_name, true},
    {"Prefix", read_prefix, true},
    {"WriteOnce", read_write_once, false},
    {"Duplicates", read_duplicates, false},
    {"Except", read_except, false},
    {"MinBytes", read_min_bytes, false},
    {"PromoteFrom", read_promote_from, false},
    {"RetentionDays", read_retention, false},
    {"MaxBytes", read_max_bytes, false},
    {"MaxObjects", read_max_objects, false},
    {"Compress", read_compress, false},
};

static void read_member(void *ctx, const char *name, const struct json_node *value)
{
    struct reading *reading = ctx;
    if (reading->detail[0] != '\0')
        return;
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (strcmp(members[i].name, name) == 0) {
            (void)members[i].read(reading, name, value, &reading->zones[reading->at]);
            return;
        }
    (void)wrong(reading, "Zones[%zu].%.100s: unknown member", reading->at, name);
}

static bool read_zone(struct reading *reading, const struct json_node *node)
{
    if (!is_kind(node, JSON_KIND_OBJECT))
        return wrong(reading, "Zones[%zu]: must be an object", reading->at);
    reading->zones[reading->at] = default_zone();
    json_node_each(node, read_member, reading);
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (members[i].required && json_node_member(node, members[i].name) == NULL)
            return wrong_member(reading, members[i].name, "is missing");
    return reading->detail[0] == '\0';
}

static void read_top(void *ctx, const char *name, const struct json_node *value)
{
    struct reading *reading = ctx;
    if (strcmp(name, "Version") == 0) {
        if (!is_kind(value, JSON_KIND_STRING) ||
            !span_eq(json_node_string(value, SPAN("")), SPAN(ZONES_VERSION)))
            (void)wrong(reading, "Version: must be \"" ZONES_VERSION "\"");
    } else if (strcmp(name, "Zones") == 0) {
        if (!is_kind(value, JSON_KIND_ARRAY))
            (void)wrong(reading, "Zones: must be an array");
        else if (json_node_count(value) > ZONES_MAX)
            (void)wrong(reading, "Zones: more than %d of them", ZONES_MAX);
        else
            reading->count = json_node_count(value);
    } else {
        (void)wrong(reading, "%.100s: unknown member", name);
    }
}

static bool read_document(struct reading *reading, const struct json_node *root)
{
    if (!is_kind(root, JSON_KIND_OBJECT))
        return wrong(reading, "the document must be an object");
    json_node_each(root, read_top, reading);
    const struct json_node *zones = json_node_member(root, "Zones");
    if (json_node_member(root, "Version") == NULL)
        return wrong(reading, "Version: is missing");
    if (zones == NULL)
        return wrong(reading, "Zones: is missing");
    if (reading->detail[0] != '\0')
        return false;
    reading->zones = arena_array(reading->arena, struct zones_zone, reading->count);
    if (reading->zones == NULL)
        return wrong(reading, "out of memory");
    for (reading->at = 0; reading->at < reading->count; reading->at++)
        if (!read_zone(reading, json_node_item(zones, reading->at)))
            return false;
    return true;
}

/* ---- the zones among each other ---- */

static size_t find_zone(const struct reading *reading, struct span name)
{
    for (size_t i = 0; i < reading->count; i++)
        if (span_eq(reading->zones[i].name, name))
            return i;
    return SIZE_MAX;
}

static bool check_apart(struct reading *reading)
{
    for (size_t i = 0; i < reading->count; i++)
        for (size_t k = 0; k < i; k++) {
            const struct zones_zone *a = &reading->zones[k], *b = &reading->zones[i];
            if (span_eq(a->name, b->name))
                return wrong(reading, "Zones[%zu].Name: \"%.*s\" is the name of Zones[%zu] too", i,
                    SPAN_ARG(b->name), k);
            if (span_starts(a->prefix, b->prefix) || span_starts(b->prefix, a->prefix))
                return wrong(reading,
                    "Zones[%zu].Prefix: overlaps with that of Zones[%zu]: a key lies in one zone "
                    "at most",
                    i, k);
        }
    return true;
}

static bool check_sources_exist(struct reading *reading)
{
    for (size_t i = 0; i < reading->count; i++)
        for (size_t k = 0; k < reading->zones[i].source_count; k++) {
            const struct zones_source *source = &reading->zones[i].sources[k];
            if (!span_present(source->bucket) && find_zone(reading, source->name) == SIZE_MAX)
                return wrong(reading,
                    "Zones[%zu].PromoteFrom[%zu]: there is no zone \"%.*s\" in this document; one "
                    "of another bucket is \"bucket/zone\"",
                    i, k, SPAN_ARG(source->name));
        }
    return true;
}

/* Depth first along PromoteFrom. */
struct search {
    size_t path[ZONES_MAX];
    size_t next[ZONES_MAX]; /* of each on the path: the source to look at next */
    size_t depth;
    bool on_path[ZONES_MAX];
    bool done[ZONES_MAX];
};

static bool found_cycle(struct reading *reading, const struct search *search, size_t again)
{
    char text[200];
    size_t from = 0, len = 0;
    while (search->path[from] != again)
        from++;
    for (size_t i = from; i <= search->depth && len < sizeof(text); i++) {
        size_t zone = i < search->depth ? search->path[i] : again;
        int added = snprintf(text + len, sizeof(text) - len, "%s%.*s", i > from ? " <- " : "",
            SPAN_ARG(reading->zones[zone].name));
        len += added > 0 ? (size_t)added : 0;
    }
    return wrong(reading, "Zones[%zu].PromoteFrom: a cycle: %s", again, text);
}

static void enter(struct search *search, size_t zone)
{
    search->path[search->depth] = zone;
    search->next[search->depth++] = 0;
    search->on_path[zone] = true;
}

static bool check_from(struct reading *reading, struct search *search, size_t start)
{
    enter(search, start);
    while (search->depth > 0) {
        size_t zone = search->path[search->depth - 1];
        const struct zones_zone *here = &reading->zones[zone];
        if (search->next[search->depth - 1] == here->source_count) {
            search->on_path[zone] = false;
            search->done[zone] = true;
            search->depth--;
            continue;
        }
        const struct zones_source *source = &here->sources[search->next[search->depth - 1]++];
        if (span_present(source->bucket))
            continue;
        size_t from = find_zone(reading, source->name);
        if (search->on_path[from])
            return found_cycle(reading, search, from);
        if (!search->done[from])
            enter(search, from);
    }
    return true;
}

static bool check_cycles(struct reading *reading)
{
    struct search search = {.depth = 0};
    for (size_t i = 0; i < reading->count; i++)
        if (!search.done[i] && !check_from(reading, &search, i))
            return false;
    return true;
}

bool zones_parse(struct arena *arena, struct span text, struct span bucket,
    struct zones_document *ret_document, char ret_detail[static ZONES_DETAIL_BYTES])
{
    struct reading reading = {.arena = arena, .bucket = bucket, .detail = ret_detail};
    ret_detail[0] = '\0';
    if (text.len > ZONES_DOCUMENT_MAX_BYTES)
        return wrong(&reading, "the document is over %d bytes", ZONES_DOCUMENT_MAX_BYTES);
    char json_detail[JSON_DETAIL_BYTES];
    struct json_node *root = json_text_parse(text, json_detail);
    if (root == NULL)
        return wrong(&reading, "%s", json_detail);
    bool ok = read_document(&reading, root);
    json_text_free(root);
    if (!ok || !check_apart(&reading) || !check_sources_exist(&reading) || !check_cycles(&reading))
        return false;
    *ret_document = (struct zones_document){reading.zones, reading.count};
    return true;
}
