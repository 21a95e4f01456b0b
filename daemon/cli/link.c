/* lakegate link add|list|remove: read-only names here for buckets elsewhere (daemon/link_api.h). */
#include "daemon/cli/source.h"
#include "json_read.h"
#include "json_write.h"

enum { BODY_MAX_BYTES = 16 * 1024 };

static const char help[] =
    "usage: lakegate link add NAME --source s3://BUCKET[/PREFIX] [OPTIONS]\n"
    "       lakegate link list             the account's links\n"
    "       lakegate link remove NAME\n"
    "\n"
    "A link is a bucket here whose objects are elsewhere: reads, listings and copies out of it "
    "pass\n"
    "through, writes are refused.\n"
    "\n" CLI_SOURCE_HELP "\n"
    "Other options as of lakegate --help.\n";

struct wish {
    struct cli_options options;
    const char *words[2];
    size_t word_count;
    const char *place;
    struct cli_source source;
    bool help;
};

/* ---- arguments ---- */

static bool take_word(struct wish *wish, const char *argument)
{
    if (argument[0] == '-') {
        cli_fail("unknown argument '%s'; see lakegate link --help", argument);
        return false;
    }
    if (wish->word_count == ARRAY_LEN(wish->words)) {
        cli_fail("'%s' is too much; see lakegate link --help", argument);
        return false;
    }
    wish->words[wish->word_count++] = argument;
    return true;
}

static bool read_arguments(struct wish *wish, int count, char **arguments)
{
    const struct cli_named own[] = {
        {SPAN("--source"), &wish->place, NULL},
        {SPAN("--help"), NULL, &wish->help},
        {SPAN("-h"), NULL, &wish->help},
    };
    for (int at = 0; at < count;) {
        enum cli_taken taken =
            cli_source_take(&wish->source, &wish->options, count, arguments, &at);
        if (taken == CLI_NOT_TAKEN)
            taken = cli_named_take(own, ARRAY_LEN(own), count, arguments, &at);
        if (taken == CLI_WRONG || (taken == CLI_NOT_TAKEN && !take_word(wish, arguments[at++])))
            return false;
    }
    return true;
}

/* ---- the commands ---- */

static void add_text(struct buf *out, const char *name, const char *text)
{
    if (text == NULL)
        return;
    buf_addf(out, "%s\"%s\":", out->len > 1 ? "," : "", name);
    json_string(out, span_str(text));
}

static int add(struct arena *arena, struct wish *wish)
{
    struct http_reply reply = {0};
    struct buf body CLEANUP(buf_free);
    buf_init(&body, BODY_MAX_BYTES);
    const struct cli_source *source = &wish->source;
    if (wish->place == NULL || (!source->anonymous && source->access_key == NULL)) {
        cli_fail(wish->place == NULL ? "name the source: --source s3://BUCKET[/PREFIX]"
                                     : "no keys of the source: is it public? Then say "
                                       "--no-sign-request");
        return CLI_USAGE;
    }
    const char *const texts[] = {wish->words[1], wish->place, source->endpoint_url, source->region,
        source->access_key, source->secret_key};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i] != NULL && !span_is_utf8(span_str(texts[i])))
            return cli_fail("an argument is no UTF-8");
    buf_add_char(&body, '{');
    add_text(&body, "name", wish->words[1]);
    add_text(&body, "source", wish->place);
    add_text(&body, "endpoint_url", source->endpoint_url);
    add_text(&body, "region", source->region);
    add_text(&body, "access_key", source->access_key);
    add_text(&body, "secret_key", source->secret_key);
    buf_add_char(&body, '}');
    if (!buf_ok(&body))
        return cli_fail("the arguments are too long");
    struct cli_call call = {.method = "POST",
        .path = "/-/links",
        .content_type = "application/json",
        .body = buf_span(&body)};
    int code = cli_send(arena, &wish->options, &call, &reply);
    if (code == CLI_OK && wish->options.json)
        fwrite(reply.body.ptr, 1, reply.body.len, stdout);
    http_reply_free(&reply);
    return code;
}

static void print_link(const struct json_node *link)
{
    struct span endpoint = cli_member(link, "endpoint_url"), key = cli_member(link, "access_key");
    cli_print_text(cli_member(link, "name"));
    printf("  ");
    cli_print_text(cli_member(link, "source"));
    printf("  ");
    cli_print_text(endpoint.len > 0 ? endpoint : SPAN("aws"));
    printf("  ");
    cli_print_text(cli_member(link, "region"));
    printf("  ");
    cli_print_text(key.len > 0 ? key : SPAN("anonymous"));
    puts(json_node_bool(json_node_member(link, "usable"), true) ? "" : "  NOT USABLE");
}

static const struct cli_pages links = {"/-/links", "links", "name", print_link};

/* Names of buckets need no encoding; others are none. */
static bool is_bucket_name(struct span name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!(name.ptr[i] >= 'a' && name.ptr[i] <= 'z') &&
            !(name.ptr[i] >= '0' && name.ptr[i] <= '9') && name.ptr[i] != '-' && name.ptr[i] != '.')
            return false;
    return name.len > 0;
}

static int remove_one(struct arena *arena, const struct wish *wish)
{
    struct http_reply reply = {0};
    struct cli_call call = {.method = "DELETE"};
    if (!is_bucket_name(span_str(wish->words[1]))) {
        cli_fail("'%s' is no name of a link", wish->words[1]);
        return CLI_USAGE;
    }
    call.path = arena_format(arena, "/-/links/%s", wish->words[1]).ptr;
    int code = call.path != NULL ? cli_send(arena, &wish->options, &call, &reply)
                                 : cli_fail("out of memory");
    http_reply_free(&reply);
    return code;
}

static int run(struct arena *arena, struct wish *wish)
{
    const char *verb = wish->word_count > 0 ? wish->words[0] : "";
    bool adds = strcmp(verb, "add") == 0 && wish->word_count == 2;
    if (adds)
        cli_source_fill(&wish->source, arena, &wish->options);
    else
        wish->options = cli_options_fill(arena, wish->options);
    if (adds)
        return add(arena, wish);
    if (strcmp(verb, "list") == 0 && wish->word_count == 1)
        return cli_list(&wish->options, &links);
    if (strcmp(verb, "remove") == 0 && wish->word_count == 2)
        return remove_one(arena, wish);
    fputs(help, stderr);
    return CLI_USAGE;
}

int cli_link(int count, char **arguments)
{
    struct arena arena;
    struct wish wish = {.place = NULL};
    int code = CLI_USAGE;
    arena_init(&arena, CLI_ARENA_BYTES);
    bool read = read_arguments(&wish, count, arguments);
    if (read && wish.help) {
        fputs(help, stdout);
        code = CLI_OK;
    } else if (read && http_client_init()) {
        code = run(&arena, &wish);
        http_client_exit();
    } else if (read) {
        code = cli_fail("cannot start libcurl");
    }
    arena_free(&arena);
    return code;
}
