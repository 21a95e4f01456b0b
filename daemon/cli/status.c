#include "daemon/cli/cli.h"

#include "json_read.h"

enum { STATUS_DEPTH_MAX = 8, STATUS_NAME_MAX_BYTES = 200 };

/* Where the walk through the answer is: members of members are shown as "outer.inner". */
struct walk {
    char name[STATUS_NAME_MAX_BYTES];
    int depth;
};

static void print_bytes(double bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < ARRAY_LEN(units)) {
        bytes /= 1024;
        unit++;
    }
    printf(unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

static void print_seconds(double seconds)
{
    long long whole = (long long)seconds;
    if (seconds < 60)
        printf("%.3g s", seconds);
    else if (whole < 3600)
        printf("%lld min %lld s", whole / 60, whole % 60);
    else if (whole < 86400)
        printf("%lld h %lld min", whole / 3600, whole % 3600 / 60);
    else
        printf("%lld d %lld h", whole / 86400, whole % 86400 / 3600);
}

/* Numbers carry their unit at the end of their name. */
static void print_number(struct span name, const struct json_node *value)
{
    double number = json_node_number(value, 0);
    if (span_ends(name, SPAN("bytes")))
        print_bytes(number);
    else if (span_ends(name, SPAN("_s")) || span_ends(name, SPAN("seconds")))
        print_seconds(number);
    else if (json_node_kind(value) == JSON_KIND_INTEGER)
        printf("%lld", (long long)json_node_integer(value, 0));
    else
        printf("%g", number);
}

static void print_node(void *ctx, const char *name, const struct json_node *value);

static void print_nested(struct walk *walk, const struct json_node *value)
{
    if (walk->depth == STATUS_DEPTH_MAX)
        return;
    walk->depth++;
    if (json_node_kind(value) == JSON_KIND_OBJECT)
        json_node_each(value, print_node, walk);
    for (size_t i = 0; json_node_item(value, i); i++) {
        char index[24];
        snprintf(index, sizeof(index), "%zu", i);
        print_node(walk, index, json_node_item(value, i));
    }
    walk->depth--;
}

static void print_node(void *ctx, const char *name, const struct json_node *value)
{
    struct walk *walk = ctx;
    size_t outer = strlen(walk->name);
    snprintf(walk->name + outer, sizeof(walk->name) - outer, "%s%s", outer ? "." : "", name);
    enum json_kind kind = json_node_kind(value);
    if (kind == JSON_KIND_OBJECT || kind == JSON_KIND_ARRAY) {
        print_nested(walk, value);
        walk->name[outer] = '\0';
        return;
    }
    cli_print_text(span_str(walk->name));
    for (size_t width = strlen(walk->name); width < 28; width++)
        putchar(' ');
    fputs("  ", stdout);
    switch (kind) {
    case JSON_KIND_STRING:
        cli_print_text(json_node_string(value, SPAN("")));
        break;
    case JSON_KIND_INTEGER:
    case JSON_KIND_REAL:
        print_number(span_str(walk->name), value);
        break;
    case JSON_KIND_BOOL:
        fputs(json_node_bool(value, false) ? "yes" : "no", stdout);
        break;
    case JSON_KIND_NULL:
    case JSON_KIND_OBJECT:
    case JSON_KIND_ARRAY:
        putchar('-');
        break;
    }
    putchar('\n');
    walk->name[outer] = '\0';
}

static int print_status(const struct cli_options *options, struct span text)
{
    if (options->json) {
        fwrite(text.ptr, 1, text.len, stdout);
        if (!span_ends(text, SPAN("\n")))
            putchar('\n');
        return CLI_OK;
    }
    char detail[JSON_DETAIL_BYTES];
    struct json_node *root = json_text_parse(text, detail);
    if (!root || json_node_kind(root) != JSON_KIND_OBJECT) {
        json_text_free(root);
        return cli_fail("%s answered with something that is no status: is that a lakegated?",
            options->endpoint_url);
    }
    struct walk walk = {0};
    json_node_each(root, print_node, &walk);
    json_text_free(root);
    return CLI_OK;
}

int cli_status(int count, char **arguments)
{
    struct arena arena;
    arena_init(&arena, CLI_ARENA_BYTES);
    struct cli_options options;
    if (!cli_options_read(&arena, count, arguments, &options)) {
        arena_free(&arena);
        return CLI_USAGE;
    }
    int code = CLI_FAILED;
    if (http_client_init()) {
        struct http_reply reply;
        code = cli_get(&arena, &options, "/-/status", &reply);
        if (code == CLI_OK)
            code = print_status(&options, buf_span(&reply.body));
        http_reply_free(&reply);
        http_client_exit();
    } else {
        cli_fail("cannot start libcurl");
    }
    arena_free(&arena);
    return code;
}
