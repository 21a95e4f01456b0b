/* `lakegate copy`: starts a copy job and watches it. */
#include "daemon/cli/copy.h"

#include "daemon/cli/source.h"
#include "json_write.h"

enum { GLOBS_MAX = 64, BODY_MAX_BYTES = 128 * 1024 };

static const char help[] =
    "lakegate copy - copy what is under a prefix of a bucket elsewhere into a bucket here\n"
    "\n"
    "usage: lakegate copy s3://SOURCE/PREFIX s3://BUCKET/PREFIX [OPTIONS]\n"
    "\n"
    "The daemon does it: this command only watches. What PREFIX of the source has up to its last\n"
    "'/' is taken off the keys, that of the destination is put in front.\n"
    "\n" CLI_SOURCE_HELP
    "  --include GLOB --exclude GLOB   of the key without what is taken off; repeatable\n"
    "  --min-bytes N --max-bytes N --modified-since 2026-01-31T00:00:00Z\n"
    "  --exists skip|overwrite|fail  what to do with what is there; skip: copy what differs\n"
    "  --objects-at-once N --bytes-per-second N --total-bytes N --total-objects N\n"
    "  --dry-run                     count, and copy nothing\n"
    "  --detach                      start it, print its id, and leave it\n"
    "\n"
    "and the other options of lakegate --help\n";

struct order {
    struct cli_options options;
    const char *places[2];
    size_t place_count;
    const char *include[GLOBS_MAX], *exclude[GLOBS_MAX];
    size_t include_count, exclude_count;
    struct cli_source source;
    const char *exists, *modified_since;
    const char *min_bytes, *max_bytes;
    const char *at_once, *per_second, *total_bytes, *total_objects;
    bool dry_run, detach, help;
};

/* ---- arguments ---- */

/* An argument that is none of the common options. */
static enum cli_taken take_own(struct order *order, int count, char **arguments, int *at)
{
    const char *none = NULL;
    const char **include = &none, **exclude = &none;
    if (order->include_count < GLOBS_MAX)
        include = &order->include[order->include_count];
    if (order->exclude_count < GLOBS_MAX)
        exclude = &order->exclude[order->exclude_count];
    const struct cli_named table[] = {
        {SPAN("--include"), include, NULL},
        {SPAN("--exclude"), exclude, NULL},
        {SPAN("--exists"), &order->exists, NULL},
        {SPAN("--modified-since"), &order->modified_since, NULL},
        {SPAN("--min-bytes"), &order->min_bytes, NULL},
        {SPAN("--max-bytes"), &order->max_bytes, NULL},
        {SPAN("--objects-at-once"), &order->at_once, NULL},
        {SPAN("--bytes-per-second"), &order->per_second, NULL},
        {SPAN("--total-bytes"), &order->total_bytes, NULL},
        {SPAN("--total-objects"), &order->total_objects, NULL},
        {SPAN("--dry-run"), NULL, &order->dry_run},
        {SPAN("--detach"), NULL, &order->detach},
        {SPAN("--help"), NULL, &order->help},
    };
    enum cli_taken taken = cli_named_take(table, ARRAY_LEN(table), count, arguments, at);
    order->include_count += include != &none && *include != NULL;
    order->exclude_count += exclude != &none && *exclude != NULL;
    if (none != NULL) {
        cli_fail("more than %d globs", GLOBS_MAX);
        return CLI_WRONG;
    }
    return taken;
}

static bool take_place(struct order *order, const char *argument)
{
    if (argument[0] == '-') {
        cli_fail("unknown argument '%s'; see lakegate copy --help", argument);
        return false;
    }
    if (order->place_count == ARRAY_LEN(order->places)) {
        cli_fail("'%s' is too much; see lakegate copy --help", argument);
        return false;
    }
    order->places[order->place_count++] = argument;
    return true;
}

static bool read_arguments(struct order *order, int count, char **arguments)
{
    for (int at = 0; at < count;) {
        enum cli_taken taken =
            cli_source_take(&order->source, &order->options, count, arguments, &at);
        if (taken == CLI_NOT_TAKEN)
            taken = take_own(order, count, arguments, &at);
        if (taken == CLI_WRONG || (taken == CLI_NOT_TAKEN && !take_place(order, arguments[at++])))
            return false;
    }
    if (!order->help && order->place_count < 2) {
        cli_fail(
            "name source and destination: lakegate copy s3://SOURCE/PREFIX s3://BUCKET/PREFIX");
        return false;
    }
    return true;
}

/* ---- the job ---- */

static void add_text(struct buf *out, const char *name, const char *text)
{
    if (text == NULL)
        return;
    buf_addf(out, ",\"%s\":", name);
    json_string(out, span_str(text));
}

/* False after a line: it is no number. */
static bool add_number(struct buf *out, const char *name, const char *option, const char *text)
{
    uint64_t number;
    if (text == NULL)
        return true;
    if (!span_to_u64(span_str(text), &number)) {
        cli_fail("%s must be a whole number", option);
        return false;
    }
    buf_addf(out, ",\"%s\":%llu", name, (unsigned long long)number);
    return true;
}

static void add_globs(struct buf *out, const char *name, const char *const *globs, size_t count)
{
    buf_addf(out, "\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        json_string(out, span_str(globs[i]));
    }
    buf_add_char(out, ']');
}

static bool add_place(struct buf *out, const char *text)
{
    struct span rest = span_str(text), bucket;
    if (!span_starts(rest, SPAN("s3://")) || rest.len == 5 || !span_is_utf8(rest)) {
        cli_fail("'%s' is no place; write s3://BUCKET or s3://BUCKET/PREFIX", text);
        return false;
    }
    rest = span_from(rest, 5);
    span_split(&rest, '/', &bucket);
    buf_add_lit(out, "\"bucket\":");
    json_string(out, bucket);
    if (rest.len > 0) {
        buf_add_lit(out, ",\"prefix\":");
        json_string(out, rest);
    }
    return true;
}

static bool write_job(const struct order *order, struct buf *out)
{
    buf_add_lit(out, "{\"source\":{");
    if (!add_place(out, order->places[0]))
        return false;
    const struct cli_source *source = &order->source;
    add_text(out, "endpoint", source->is_gateway ? "local" : source->endpoint_url);
    add_text(out, "region", source->is_gateway ? NULL : source->region);
    if (source->access_key != NULL) {
        buf_add_lit(out, ",\"credentials\":{\"access_key\":");
        json_string(out, span_str(source->access_key));
        add_text(out, "secret_key", source->secret_key);
        add_text(out, "session_token", source->session_token);
        buf_add_char(out, '}');
    }
    buf_add_lit(out, "},\"destination\":{");
    if (!add_place(out, order->places[1]))
        return false;
    buf_add_lit(out, "},\"filters\":{");
    add_globs(out, "include", order->include, order->include_count);
    buf_add_char(out, ',');
    add_globs(out, "exclude", order->exclude, order->exclude_count);
    add_text(out, "modified_since", order->modified_since);
    if (!add_number(out, "min_bytes", "--min-bytes", order->min_bytes) ||
        !add_number(out, "max_bytes", "--max-bytes", order->max_bytes))
        return false;
    buf_add_char(out, '}');
    add_text(out, "exists", order->exists);
    buf_addf(out, ",\"dry_run\":%s,\"limits\":{\"objects_at_once\":%s",
        order->dry_run ? "true" : "false", order->at_once == NULL ? "null" : "");
    uint64_t at_once = 0;
    if (order->at_once != NULL && !span_to_u64(span_str(order->at_once), &at_once)) {
        cli_fail("--objects-at-once must be a whole number");
        return false;
    }
    if (order->at_once != NULL)
        buf_add_u64(out, at_once);
    if (!add_number(out, "bytes_per_second", "--bytes-per-second", order->per_second) ||
        !add_number(out, "total_bytes", "--total-bytes", order->total_bytes) ||
        !add_number(out, "total_objects", "--total-objects", order->total_objects))
        return false;
    buf_add_lit(out, "}}");
    return buf_ok(out);
}

static int run(struct arena *arena, struct order *order)
{
    struct buf body CLEANUP(buf_free);
    struct json_node *job = NULL;
    char id[COPY_ID_BYTES + 1] = "";
    buf_init(&body, BODY_MAX_BYTES);
    cli_source_fill(&order->source, arena, &order->options);
    if (!write_job(order, &body))
        return CLI_USAGE;
    bool json = order->options.json;
    struct cli_options options = order->options;
    options.json = json && order->detach;
    int code = copy_call(&options, "POST", "/-/copies", buf_span(&body), &job);
    if (code != CLI_OK || options.json) {
        json_text_free(job);
        return code;
    }
    struct span text = span_first(cli_member(job, "id"), COPY_ID_BYTES);
    memcpy(id, text.ptr, text.len);
    json_text_free(job);
    if (order->detach) {
        puts(id);
        return CLI_OK;
    }
    return copy_watch(&order->options, span_str(id));
}

int cli_copy(int count, char **arguments)
{
    struct arena arena CLEANUP(arena_free);
    struct order order = {0};
    arena_init(&arena, CLI_ARENA_BYTES);
    if (!read_arguments(&order, count, arguments))
        return CLI_USAGE;
    if (order.help) {
        fputs(help, stdout);
        return CLI_OK;
    }
    if (!http_client_init())
        return cli_fail("libcurl cannot start");
    int code = run(&arena, &order);
    http_client_exit();
    return code;
}
