/* `lakegate zones`: a bucket's zones, over the same API as everybody's. */
#include "daemon/cli/zones.h"

#include "base/encode.h"
#include "libs3proto/zones.h"

#include <errno.h>

static const char help[] =
    "lakegate zones - rules for the keys of a bucket that begin with a prefix\n"
    "\n"
    "usage: lakegate zones init s3://BUCKET [NAME[=PREFIX] …] [--print]\n"
    "                                    templates as zones, each taking copies from the one\n"
    "                                    before: raw trusted refined, or their other names;\n"
    "                                    PREFIX is NAME/ when it is not said\n"
    "       lakegate zones show s3://BUCKET\n"
    "       lakegate zones set s3://BUCKET FILE     a document from a file, or - for stdin\n"
    "       lakegate zones set s3://BUCKET --none   no document\n"
    "       lakegate zones stat s3://BUCKET\n"
    "       lakegate zones promote s3://BUCKET/KEY s3://BUCKET/KEY\n"
    "                                    a copy in the store; of everything below when the first\n"
    "                                    ends in /\n"
    "       lakegate zones duplicates s3://BUCKET ZONE\n"
    "       lakegate zones lineage s3://BUCKET/KEY [--version-id ID]\n"
    "\n"
    "  --bypass-retention   set: even when less would be retained than is now\n"
    "  --print              init: print the document and send nothing\n"
    "\n"
    "and the options of lakegate --help\n";

bool zones_place_read(struct span text, struct zones_place *ret_place)
{
    if (!span_starts(text, SPAN("s3://")) || text.len == 5) {
        cli_fail("'%.*s' is no place; write s3://BUCKET or s3://BUCKET/KEY", SPAN_ARG(text));
        return false;
    }
    struct span rest = span_from(text, 5), bucket;
    if (!span_split(&rest, '/', &bucket))
        bucket = rest;
    *ret_place = (struct zones_place){bucket, rest.len > 0 ? rest : SPAN_ABSENT};
    return true;
}

const char *zones_encoded(struct arena *arena, struct span text)
{
    struct buf out CLEANUP(buf_free);
    buf_init(&out, 16 * 1024);
    percent_encode(&out, text, true);
    return buf_ok(&out) ? arena_copy(arena, buf_span(&out)).ptr : NULL;
}

const char *zones_path(struct arena *arena, const struct zones_place *place, const char *query)
{
    const char *bucket = zones_encoded(arena, place->bucket);
    const char *key = span_present(place->key) ? zones_encoded(arena, place->key) : "";
    if (bucket == NULL || key == NULL)
        return NULL;
    return arena_format(arena, "/%s%s%s%s%s", bucket, span_present(place->key) ? "/" : "", key,
        *query ? "?" : "", query)
        .ptr;
}

int zones_get_json(struct zones_call *call, const char *path, struct json_node **ret_root)
{
    struct http_reply reply;
    *ret_root = NULL;
    int code = cli_get(&call->arena, &call->options, path, &reply);
    if (code == CLI_OK && call->options.json) {
        fwrite(reply.body.ptr, 1, reply.body.len, stdout);
    } else if (code == CLI_OK) {
        char detail[JSON_DETAIL_BYTES];
        *ret_root = json_text_parse(buf_span(&reply.body), detail);
        if (*ret_root == NULL)
            code = cli_fail("%s answered with something that is no JSON: %s",
                call->options.endpoint_url, detail);
    }
    http_reply_free(&reply);
    return code;
}

/* ---- init, show, set ---- */

static int put_document(struct zones_call *call, const char *path, struct span text)
{
    struct http_reply reply;
    struct cli_call put = {.method = span_present(text) ? "PUT" : "DELETE",
        .path = path,
        .content_type = span_present(text) ? "application/json" : NULL,
        .body = text};
    if (call->bypass)
        put.extra[0] = (struct header){SPAN("x-amz-bypass-governance-retention"), SPAN("true")};
    int code = cli_send(&call->arena, &call->options, &put, &reply);
    http_reply_free(&reply);
    return code;
}

/* Zones out of "NAME" and "NAME=PREFIX". */
static bool make_zones(struct zones_call *call, struct zones_document *ret_document)
{
    static const struct span usual[] = {SPAN("raw"), SPAN("trusted"), SPAN("refined")};
    const struct span *words = call->word_count > 1 ? call->words + 1 : usual;
    size_t count = call->word_count > 1 ? call->word_count - 1 : ARRAY_LEN(usual);
    struct zones_zone *zones = arena_array(&call->arena, struct zones_zone, count);
    struct zones_source *sources = arena_array(&call->arena, struct zones_source, count);
    if (zones == NULL || sources == NULL)
        return cli_fail("out of memory") == CLI_OK;
    for (size_t i = 0; i < count; i++) {
        struct span prefix = words[i], name;
        bool said = span_split(&prefix, '=', &name) && span_present(prefix);
        if (!zones_template(name, &zones[i])) {
            cli_fail("'%.*s' is no template: see lakegate zones --help", SPAN_ARG(name));
            return false;
        }
        zones[i].prefix = said ? prefix : arena_format(&call->arena, "%.*s/", SPAN_ARG(name));
        zones[i].limits_sources = i > 0;
        zones[i].source_count = i > 0;
        zones[i].sources = &sources[i];
        if (i > 0)
            sources[i].name = zones[i - 1].name;
    }
    *ret_document = (struct zones_document){zones, count};
    return true;
}

static int run_init(struct zones_call *call)
{
    struct zones_place place;
    struct zones_document document;
    struct http_reply reply;
    if (!zones_place_read(call->words[0], &place) || !make_zones(call, &document))
        return CLI_USAGE;
    struct buf text CLEANUP(buf_free);
    buf_init(&text, ZONES_DOCUMENT_MAX_BYTES);
    zones_write(&text, &document, NULL);
    if (call->print) {
        fwrite(text.ptr, 1, text.len, stdout);
        return CLI_OK;
    }
    const char *path = zones_path(&call->arena, &place, "lakegate-zones");
    struct cli_call get = {.method = "GET", .path = path, .quiet = true};
    int code = cli_send(&call->arena, &call->options, &get, &reply);
    int status = reply.status;
    http_reply_free(&reply);
    if (code == CLI_OK)
        return cli_fail(
            "%.*s has zones already: see lakegate zones show and set", SPAN_ARG(place.bucket));
    if (status != 404) /* say what it is */
        return cli_get(&call->arena, &call->options, path, &reply);
    code = put_document(call, path, buf_span(&text));
    if (code == CLI_OK)
        fwrite(text.ptr, 1, text.len, stdout);
    return code;
}

static int run_show(struct zones_call *call)
{
    struct zones_place place;
    struct http_reply reply;
    if (!zones_place_read(call->words[0], &place))
        return CLI_USAGE;
    int code = cli_get(
        &call->arena, &call->options, zones_path(&call->arena, &place, "lakegate-zones"), &reply);
    if (code == CLI_OK) {
        fwrite(reply.body.ptr, 1, reply.body.len, stdout);
        if (!span_ends(buf_span(&reply.body), SPAN("\n")))
            putchar('\n');
    }
    http_reply_free(&reply);
    return code;
}

/* A file of up to a document's size and a little more, so that the daemon says what is wrong. */
static bool read_file(struct span name, struct buf *out)
{
    bool standard = span_eq(name, SPAN("-"));
    FILE *file = standard ? stdin : fopen(name.ptr, "rb");
    if (file == NULL) {
        cli_fail("cannot open %s: %s", name.ptr, strerror(errno));
        return false;
    }
    char block[4096];
    size_t got;
    while ((got = fread(block, 1, sizeof(block), file)) > 0)
        buf_add(out, span_of(block, got));
    bool ok = !ferror(file) && buf_ok(out);
    if (!standard)
        (void)fclose(file);
    if (!ok)
        cli_fail("cannot read %s, or it is over %zu bytes", name.ptr, out->max);
    return ok;
}

static int run_set(struct zones_call *call)
{
    struct zones_place place;
    if (call->word_count != (call->none ? 1u : 2u)) {
        cli_fail("say which file, or --none: see lakegate zones --help");
        return CLI_USAGE;
    }
    if (!zones_place_read(call->words[0], &place))
        return CLI_USAGE;
    struct buf text CLEANUP(buf_free);
    buf_init(&text, (size_t)2 * ZONES_DOCUMENT_MAX_BYTES);
    if (!call->none && !read_file(call->words[1], &text))
        return CLI_FAILED;
    return put_document(call, zones_path(&call->arena, &place, "lakegate-zones"),
        call->none ? SPAN_ABSENT : buf_span(&text));
}

/* ---- the command line ---- */

static const struct subcommand {
    const char *name;
    size_t words_min, words_max;
    int (*run)(struct zones_call *call);
} subcommands[] = {
    {"init", 1, ZONES_WORDS_MAX, run_init},
    {"show", 1, 1, run_show},
    {"set", 1, 2, run_set},
    {"stat", 1, 1, zones_stat},
    {"promote", 2, 2, zones_promote},
    {"duplicates", 2, 2, zones_duplicates},
    {"lineage", 1, 1, zones_lineage},
};

/* An option of these commands' own. */
static bool take_flag(struct zones_call *call, int count, char **arguments, int *at)
{
    const struct {
        const char *name;
        bool *place;
    } flags[] = {
        {"--bypass-retention", &call->bypass}, {"--print", &call->print}, {"--none", &call->none}};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (strcmp(arguments[*at], flags[i].name) == 0) {
            *flags[i].place = true;
            ++*at;
            return true;
        }
    if (strcmp(arguments[*at], "--version-id") == 0 && *at + 1 < count) {
        call->version_id = arguments[*at + 1];
        *at += 2;
        return true;
    }
    return false;
}

static bool read_words(struct zones_call *call, int count, char **arguments)
{
    for (int at = 0; at < count;) {
        if (take_flag(call, count, arguments, &at))
            continue;
        enum cli_taken taken = cli_option_take(&call->options, count, arguments, &at);
        if (taken == CLI_WRONG)
            return false;
        if (taken == CLI_TAKEN)
            continue;
        if ((arguments[at][0] == '-' && arguments[at][1] != '\0') ||
            call->word_count == ZONES_WORDS_MAX) {
            cli_fail("'%s' is not expected here; see lakegate zones --help", arguments[at]);
            return false;
        }
        call->words[call->word_count++] = span_str(arguments[at++]);
    }
    return true;
}

static int run(const struct subcommand *subcommand, int count, char **arguments)
{
    struct zones_call call = {.word_count = 0};
    int code = CLI_USAGE;
    arena_init(&call.arena, CLI_ARENA_BYTES);
    if (!read_words(&call, count, arguments)) {
        /* a line was printed */
    } else if (call.word_count < subcommand->words_min || call.word_count > subcommand->words_max) {
        cli_fail("zones %s: see lakegate zones --help", subcommand->name);
    } else if (!http_client_init()) {
        code = cli_fail("cannot start libcurl");
    } else {
        call.options = cli_options_fill(&call.arena, call.options);
        code = subcommand->run(&call);
        http_client_exit();
    }
    arena_free(&call.arena);
    return code;
}

int cli_zones(int count, char **arguments)
{
    if (count > 0 && (strcmp(arguments[0], "--help") == 0 || strcmp(arguments[0], "-h") == 0)) {
        fputs(help, stdout);
        return CLI_OK;
    }
    for (size_t i = 0; count > 0 && i < ARRAY_LEN(subcommands); i++)
        if (strcmp(arguments[0], subcommands[i].name) == 0)
            return run(&subcommands[i], count - 1, arguments + 1);
    fputs(help, stderr);
    return CLI_USAGE;
}
