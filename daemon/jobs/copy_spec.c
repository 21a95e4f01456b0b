#include "daemon/jobs/copy_spec.h"

#include "daemon/ops/json_answer.h"
#include "http_time.h"
#include "json_write.h"
#include "names.h"

#include <stdio.h>

struct reader {
    struct arena *arena;
    char *detail;
};

static bool wrong(struct reader *reader, const char *path, const char *what)
{
    snprintf(reader->detail, COPY_SPEC_DETAIL_BYTES, "%s %s", path, what);
    return false;
}

static bool absent(const struct json_node *node)
{
    return node == NULL || json_node_kind(node) == JSON_KIND_NULL;
}

/* Only these members, as far as it is there. names ends with NULL. */
static bool check_members(
    struct reader *reader, const struct json_node *node, const char *path, const char *const *names)
{
    if (absent(node))
        return true;
    if (json_node_kind(node) != JSON_KIND_OBJECT)
        return wrong(reader, path, "must be an object");
    void *at = NULL;
    struct span name;
    const struct json_node *value;
    while (json_node_next(node, &at, &name, &value)) {
        bool known = false;
        for (size_t i = 0; names[i] != NULL && !known; i++)
            known = span_eq(name, span_str(names[i]));
        if (!known) {
            snprintf(reader->detail, COPY_SPEC_DETAIL_BYTES, "%s has an unknown member: %.*s", path,
                SPAN_ARG(span_first(name, 64)));
            return false;
        }
    }
    return true;
}

static bool read_text(struct reader *reader, const struct json_node *node, const char *path,
    size_t max_bytes, struct span *ret_text)
{
    *ret_text = SPAN_ABSENT;
    if (absent(node))
        return true;
    if (json_node_kind(node) != JSON_KIND_STRING)
        return wrong(reader, path, "must be a string");
    struct span text = json_node_string(node, SPAN(""));
    if (text.len > max_bytes)
        return wrong(reader, path, "is too long");
    *ret_text = arena_copy(reader->arena, text);
    return span_present(*ret_text) || wrong(reader, path, "does not fit");
}

static bool read_number(
    struct reader *reader, const struct json_node *node, const char *path, uint64_t *number)
{
    if (absent(node))
        return true;
    int64_t value = json_node_integer(node, -1);
    if (value < 0)
        return wrong(reader, path, "must be a whole number from 0");
    *number = (uint64_t)value;
    return true;
}

static bool read_globs(struct reader *reader, const struct json_node *node, const char *path,
    struct copy_globs *ret_globs)
{
    *ret_globs = (struct copy_globs){NULL, 0};
    if (absent(node))
        return true;
    if (json_node_kind(node) != JSON_KIND_ARRAY)
        return wrong(reader, path, "must be an array of strings");
    size_t count = json_node_count(node);
    if (count > COPY_GLOBS_MAX)
        return wrong(reader, path, "has over 64 globs");
    struct span *items = arena_array(reader->arena, struct span, count);
    if (items == NULL)
        return wrong(reader, path, "does not fit");
    for (size_t i = 0; i < count; i++) {
        const struct json_node *item = json_node_item(node, i);
        if (!read_text(reader, item, path, COPY_GLOB_MAX_BYTES, &items[i]))
            return false;
        if (items[i].len == 0)
            return wrong(reader, path, "has a glob that is empty or no string");
    }
    *ret_globs = (struct copy_globs){items, count};
    return true;
}

static bool read_filters(
    struct reader *reader, const struct json_node *node, struct copy_filters *filters)
{
    static const char *const names[] = {
        "include", "exclude", "min_bytes", "max_bytes", "modified_since", NULL};
    *filters = (struct copy_filters){.max_bytes = UINT64_MAX, .modified_since_ms = INT64_MIN};
    struct span since;
    if (!check_members(reader, node, "filters", names) ||
        !read_globs(
            reader, json_node_member(node, "include"), "filters.include", &filters->include) ||
        !read_globs(
            reader, json_node_member(node, "exclude"), "filters.exclude", &filters->exclude) ||
        !read_number(reader, json_node_member(node, "min_bytes"), "filters.min_bytes",
            &filters->min_bytes) ||
        !read_number(reader, json_node_member(node, "max_bytes"), "filters.max_bytes",
            &filters->max_bytes) ||
        !read_text(
            reader, json_node_member(node, "modified_since"), "filters.modified_since", 64, &since))
        return false;
    if (span_present(since) && !iso_time_parse(since, &filters->modified_since_ms))
        return wrong(reader, "filters.modified_since", "must be a time: 2026-01-31T00:00:00Z");
    return true;
}

static bool read_limits(
    struct reader *reader, const struct json_node *node, struct copy_limits *limits)
{
    static const char *const names[] = {
        "objects_at_once", "bytes_per_second", "total_bytes", "total_objects", NULL};
    *limits = (struct copy_limits){.objects_at_once = COPY_AT_ONCE_DEFAULT};
    if (!check_members(reader, node, "limits", names) ||
        !read_number(reader, json_node_member(node, "objects_at_once"), "limits.objects_at_once",
            &limits->objects_at_once) ||
        !read_number(reader, json_node_member(node, "bytes_per_second"), "limits.bytes_per_second",
            &limits->bytes_per_second) ||
        !read_number(reader, json_node_member(node, "total_bytes"), "limits.total_bytes",
            &limits->total_bytes) ||
        !read_number(reader, json_node_member(node, "total_objects"), "limits.total_objects",
            &limits->total_objects))
        return false;
    if (limits->objects_at_once < 1 || limits->objects_at_once > COPY_AT_ONCE_MAX)
        return wrong(reader, "limits.objects_at_once", "must be from 1 to 256");
    return true;
}

bool copy_credentials_read(struct arena *arena, const struct json_node *node,
    struct copy_credentials *ret_credentials, char ret_detail[static COPY_SPEC_DETAIL_BYTES])
{
    static const char *const names[] = {"access_key", "secret_key", "session_token", NULL};
    struct reader reader = {arena, ret_detail};
    struct copy_credentials credentials = {.access_key = SPAN_ABSENT};
    *ret_credentials = credentials;
    if (absent(node))
        return true;
    if (!check_members(&reader, node, "credentials", names) ||
        !read_text(&reader, json_node_member(node, "access_key"), "credentials.access_key",
            COPY_CREDENTIAL_MAX_BYTES, &credentials.access_key) ||
        !read_text(&reader, json_node_member(node, "secret_key"), "credentials.secret_key",
            COPY_CREDENTIAL_MAX_BYTES, &credentials.secret_key) ||
        !read_text(&reader, json_node_member(node, "session_token"), "credentials.session_token",
            COPY_CREDENTIAL_MAX_BYTES, &credentials.session_token))
        return false;
    if (credentials.access_key.len == 0 || credentials.secret_key.len == 0)
        return wrong(&reader, "credentials", "must have an access_key and a secret_key");
    *ret_credentials = credentials;
    return true;
}

static bool read_source(struct reader *reader, const struct json_node *node, struct copy_spec *spec,
    struct copy_credentials *credentials)
{
    static const char *const names[] = {
        "bucket", "prefix", "endpoint", "region", "credentials", "anonymous", NULL};
    if (!check_members(reader, node, "source", names) ||
        !read_text(
            reader, json_node_member(node, "bucket"), "source.bucket", 255, &spec->source_bucket) ||
        !read_text(reader, json_node_member(node, "prefix"), "source.prefix", KEY_MAX_BYTES,
            &spec->source_prefix) ||
        !read_text(reader, json_node_member(node, "endpoint"), "source.endpoint",
            COPY_ENDPOINT_MAX_BYTES, &spec->endpoint) ||
        !read_text(reader, json_node_member(node, "region"), "source.region", COPY_REGION_MAX_BYTES,
            &spec->region) ||
        !copy_credentials_read(
            reader->arena, json_node_member(node, "credentials"), credentials, reader->detail))
        return false;
    if (spec->source_bucket.len == 0)
        return wrong(reader, "source.bucket", "is missing");
    if (!span_present(spec->source_prefix))
        spec->source_prefix = SPAN("");
    if (spec->endpoint.len == 0)
        spec->endpoint = SPAN_ABSENT;
    if (spec->region.len == 0)
        spec->region = SPAN_ABSENT;
    spec->local = span_eq(spec->endpoint, SPAN("local"));
    if (spec->local)
        spec->endpoint = SPAN_ABSENT;
    if (spec->local && span_present(credentials->access_key))
        return wrong(reader, "source.credentials", "are not for a bucket of this gateway");
    const struct json_node *anonymous = json_node_member(node, "anonymous");
    spec->anonymous = absent(anonymous) ? !span_present(credentials->access_key)
                                        : json_node_bool(anonymous, true);
    if (spec->anonymous && span_present(credentials->access_key))
        return wrong(reader, "source.anonymous", "contradicts the credentials");
    return true;
}

static bool read_destination(
    struct reader *reader, const struct json_node *node, struct copy_spec *spec)
{
    static const char *const names[] = {"bucket", "prefix", NULL};
    if (!check_members(reader, node, "destination", names) ||
        !read_text(
            reader, json_node_member(node, "bucket"), "destination.bucket", 255, &spec->bucket) ||
        !read_text(reader, json_node_member(node, "prefix"), "destination.prefix", KEY_MAX_BYTES,
            &spec->prefix))
        return false;
    if (!bucket_name_valid(spec->bucket))
        return wrong(reader, "destination.bucket", "is missing, or is no name of a bucket");
    if (!span_present(spec->prefix))
        spec->prefix = SPAN("");
    /* Into itself: what was copied would be listed and copied again, deeper each time. */
    if (spec->local && span_eq(spec->bucket, spec->source_bucket) &&
        span_starts(spec->prefix, spec->source_prefix))
        return wrong(reader, "destination", "lies within the source");
    return true;
}

static const char *const exists_texts[] = {
    [COPY_SKIP] = "skip", [COPY_OVERWRITE] = "overwrite", [COPY_FAIL] = "fail"};

static bool read_exists(
    struct reader *reader, const struct json_node *node, enum copy_exists *ret_exists)
{
    struct span text = absent(node) ? SPAN("skip") : json_node_string(node, SPAN(""));
    for (size_t i = 0; i < ARRAY_LEN(exists_texts); i++)
        if (span_eq(text, span_str(exists_texts[i]))) {
            *ret_exists = (enum copy_exists)i;
            return true;
        }
    return wrong(reader, "exists", "must be skip, overwrite or fail");
}

bool copy_spec_read(struct arena *arena, const struct json_node *node, struct copy_spec *ret_spec,
    struct copy_credentials *ret_credentials, char ret_detail[static COPY_SPEC_DETAIL_BYTES])
{
    static const char *const names[] = {
        "source", "destination", "filters", "exists", "limits", "dry_run", NULL};
    struct reader reader = {arena, ret_detail};
    struct copy_spec spec = {.local = false};
    if (json_node_kind(node) != JSON_KIND_OBJECT)
        return wrong(&reader, "a job", "must be an object");
    const struct json_node *dry_run = json_node_member(node, "dry_run");
    if (!check_members(&reader, node, "a job", names) ||
        !read_source(&reader, json_node_member(node, "source"), &spec, ret_credentials) ||
        !read_destination(&reader, json_node_member(node, "destination"), &spec) ||
        !read_filters(&reader, json_node_member(node, "filters"), &spec.filters) ||
        !read_exists(&reader, json_node_member(node, "exists"), &spec.exists) ||
        !read_limits(&reader, json_node_member(node, "limits"), &spec.limits))
        return false;
    if (!absent(dry_run) && json_node_kind(dry_run) != JSON_KIND_BOOL)
        return wrong(&reader, "dry_run", "must be true or false");
    spec.dry_run = json_node_bool(dry_run, false);
    *ret_spec = spec;
    return true;
}

/* ---- writing ---- */

static void text_or_null(struct buf *out, const char *name, struct span text)
{
    if (span_present(text))
        json_answer_text(out, false, name, text);
    else
        buf_addf(out, ",\"%s\":null", name);
}

static void write_globs(
    struct buf *out, bool first, const char *name, const struct copy_globs *globs)
{
    buf_addf(out, "%s\"%s\":[", first ? "" : ",", name);
    for (size_t i = 0; i < globs->count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        json_string(out, globs->items[i]);
    }
    buf_add_char(out, ']');
}

static void write_filters(struct buf *out, const struct copy_filters *filters)
{
    buf_add_lit(out, ",\"filters\":{");
    write_globs(out, true, "include", &filters->include);
    write_globs(out, false, "exclude", &filters->exclude);
    if (filters->min_bytes > 0)
        json_answer_u64(out, "min_bytes", filters->min_bytes);
    else
        buf_add_lit(out, ",\"min_bytes\":null");
    if (filters->max_bytes != UINT64_MAX)
        json_answer_u64(out, "max_bytes", filters->max_bytes);
    else
        buf_add_lit(out, ",\"max_bytes\":null");
    if (filters->modified_since_ms != INT64_MIN) {
        char text[ISO_TIME_BYTES];
        iso_time_format(filters->modified_since_ms, text);
        json_answer_text(out, false, "modified_since", span_str(text));
    } else {
        buf_add_lit(out, ",\"modified_since\":null");
    }
    buf_add_char(out, '}');
}

void copy_spec_write(const struct copy_spec *spec, bool with_region, struct buf *out)
{
    buf_add_lit(out, "\"source\":{");
    json_answer_text(out, true, "bucket", spec->source_bucket);
    json_answer_text(out, false, "prefix", spec->source_prefix);
    text_or_null(out, "endpoint", spec->local ? SPAN("local") : spec->endpoint);
    text_or_null(out, "region", with_region ? spec->region : SPAN_ABSENT);
    json_answer_bool(out, "anonymous", spec->anonymous);
    buf_add_lit(out, "},\"destination\":{");
    json_answer_text(out, true, "bucket", spec->bucket);
    json_answer_text(out, false, "prefix", spec->prefix);
    buf_add_char(out, '}');
    write_filters(out, &spec->filters);
    json_answer_text(out, false, "exists", span_str(exists_texts[spec->exists]));
    const struct copy_limits *limits = &spec->limits;
    buf_addf(
        out, ",\"limits\":{\"objects_at_once\":%llu", (unsigned long long)limits->objects_at_once);
    json_answer_u64(out, "bytes_per_second", limits->bytes_per_second);
    json_answer_u64(out, "total_bytes", limits->total_bytes);
    json_answer_u64(out, "total_objects", limits->total_objects);
    buf_add_char(out, '}');
    json_answer_bool(out, "dry_run", spec->dry_run);
}
