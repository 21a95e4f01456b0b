/* lakegate link add|list|remove: read-only names here for buckets elsewhere (daemon/link_api.h). */
#include "daemon/cli/cli.h"
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
    "\n"
    "  --no-sign-request             the source is public\n"
    "  --source-endpoint-url URL     an S3 server other than AWS's\n"
    "  --source-region NAME          else learnt from the source\n"
    "  --source-access-key KEY       (LAKEGATE_SOURCE_ACCESS_KEY)\n"
    "  --source-secret-key SECRET    (LAKEGATE_SOURCE_SECRET_KEY): rather use the environment\n"
    "\n"
    "Other options as of lakegate --help; --endpoint-url is the gateway's.\n";

struct wish {
    struct cli_options options;
    const char *words[2];
    size_t word_count;
    const char *source, *endpoint, *region, *access_key, *secret_key;
    bool anonymous, help;
};

/* ---- arguments ---- */

static const char **value_place(struct wish *wish, struct span name)
{
    const struct {
        struct span name;
        const char **place;
    } table[] = {
        {SPAN("--source"), &wish->source},
        {SPAN("--source-endpoint-url"), &wish->endpoint},
        {SPAN("--source-region"), &wish->region},
        {SPAN("--source-access-key"), &wish->access_key},
        {SPAN("--source-secret-key"), &wish->secret_key},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (span_eq(table[i].name, name))
            return table[i].place;
    return NULL;
}

/* An argument that is none of the common options. False after a line. */
static bool take_own(struct wish *wish, int count, char **arguments, int *at)
{
    struct span rest = span_str(arguments[*at]), name;
    if (span_eq(rest, SPAN("--no-sign-request")) || span_eq(rest, SPAN("--help")) ||
        span_eq(rest, SPAN("-h"))) {
        *(span_starts(rest, SPAN("--no")) ? &wish->anonymous : &wish->help) = true;
        ++*at;
        return true;
    }
    if (!span_starts(rest, SPAN("-"))) {
        if (wish->word_count == ARRAY_LEN(wish->words)) {
            cli_fail("'%s' is too much; see lakegate link --help", arguments[*at]);
            return false;
        }
        wish->words[wish->word_count++] = arguments[(*at)++];
        return true;
    }
    const char **place = span_split(&rest, '=', &name) ? value_place(wish, name) : NULL;
    if (place == NULL) {
        cli_fail("unknown argument '%s'; see lakegate link --help", arguments[*at]);
        return false;
    }
    if (!span_present(rest) && *at + 1 == count) {
        cli_fail("%s needs a value", arguments[*at]);
        return false;
    }
    *place = span_present(rest) ? rest.ptr : arguments[++*at];
    ++*at;
    return true;
}

static bool read_arguments(struct wish *wish, int count, char **arguments)
{
    for (int at = 0; at < count;) {
        enum cli_taken taken = cli_option_take(&wish->options, count, arguments, &at);
        if (taken == CLI_WRONG ||
            (taken == CLI_NOT_TAKEN && !take_own(wish, count, arguments, &at)))
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
    if (!wish->anonymous && wish->access_key == NULL && wish->secret_key == NULL) {
        wish->access_key = getenv("LAKEGATE_SOURCE_ACCESS_KEY");
        wish->secret_key = getenv("LAKEGATE_SOURCE_SECRET_KEY");
    }
    if (wish->source == NULL || (!wish->anonymous && wish->access_key == NULL)) {
        cli_fail(wish->source == NULL ? "name the source: --source s3://BUCKET[/PREFIX]"
                                      : "no keys of the source: is it public? Then say "
                                        "--no-sign-request");
        return CLI_USAGE;
    }
    const char *const texts[] = {wish->words[1], wish->source, wish->endpoint, wish->region,
        wish->access_key, wish->secret_key};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i] != NULL && !span_is_utf8(span_str(texts[i])))
            return cli_fail("an argument is no UTF-8");
    buf_add_char(&body, '{');
    add_text(&body, "name", wish->words[1]);
    add_text(&body, "source", wish->source);
    add_text(&body, "endpoint_url", wish->endpoint);
    add_text(&body, "region", wish->region);
    if (!wish->anonymous) {
        add_text(&body, "access_key", wish->access_key);
        add_text(&body, "secret_key", wish->secret_key);
    }
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
    if (strcmp(verb, "add") == 0 && wish->word_count == 2)
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
    struct wish wish = {.source = NULL};
    int code = CLI_USAGE;
    arena_init(&arena, CLI_ARENA_BYTES);
    bool read = read_arguments(&wish, count, arguments);
    if (read && wish.help) {
        fputs(help, stdout);
        code = CLI_OK;
    } else if (read && http_client_init()) {
        wish.options = cli_options_fill(&arena, wish.options);
        code = run(&arena, &wish);
        http_client_exit();
    } else if (read) {
        code = cli_fail("cannot start libcurl");
    }
    arena_free(&arena);
    return code;
}
