/* Answers in JSON, and lists that come page by page. */
#include "base/encode.h"
#include "daemon/cli/cli.h"
#include "json_read.h"

enum { PAGES_MAX = 10000, PATH_MAX_BYTES = 8 * 1024 };

struct json_node *cli_json(const struct cli_options *options, const struct http_reply *reply)
{
    char detail[JSON_DETAIL_BYTES];
    struct json_node *root = json_text_parse(buf_span(&reply->body), detail);
    if (root == NULL)
        cli_fail("%s answered with something that cannot be read: is that a lakegated?",
            options->endpoint_url);
    return root;
}

struct span cli_member(const struct json_node *node, const char *name)
{
    return json_node_string(json_node_member(node, name), SPAN(""));
}

void cli_print_members(const struct json_node *node, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        fputs(i > 0 ? "  " : "", stdout);
        cli_print_text(cli_member(node, names[i]));
    }
    putchar('\n');
}

/* The path of the page behind an item. */
static void write_next(
    struct buf *path, const struct cli_pages *pages, const struct json_node *last)
{
    struct span text = cli_member(last, pages->after);
    buf_clear(path);
    buf_addf(path, "%s?after=", pages->path);
    if (text.len > 0)
        percent_encode(path, text, false);
    else
        buf_addf(
            path, "%lld", (long long)json_node_integer(json_node_member(last, pages->after), 0));
}

/* Prints the page at path, which becomes the next one's, or empty. */
static int print_page(
    const struct cli_options *options, const struct cli_pages *pages, struct buf *path)
{
    struct arena arena CLEANUP(arena_free);
    struct http_reply reply = {0};
    struct json_node *root = NULL;
    arena_init(&arena, CLI_ARENA_BYTES);
    struct span target = arena_copy(&arena, buf_span(path));
    int code = span_present(target) && buf_ok(path) ? cli_get(&arena, options, target.ptr, &reply)
                                                    : cli_fail("out of memory");
    buf_clear(path);
    if (code == CLI_OK && options->json)
        printf("%.*s\n", SPAN_ARG(span_trim(buf_span(&reply.body))));
    if (code == CLI_OK && (root = cli_json(options, &reply)) == NULL)
        code = CLI_FAILED;
    const struct json_node *items = json_node_member(root, pages->items), *item, *last = NULL;
    for (size_t i = 0; (item = json_node_item(items, i)) != NULL; i++) {
        if (!options->json)
            pages->print(item);
        last = item;
    }
    if (last != NULL && json_node_bool(json_node_member(root, "truncated"), false))
        write_next(path, pages, last);
    json_text_free(root);
    http_reply_free(&reply);
    return code;
}

int cli_list(const struct cli_options *options, const struct cli_pages *pages)
{
    struct buf path CLEANUP(buf_free);
    int code = CLI_OK;
    buf_init(&path, PATH_MAX_BYTES);
    buf_add(&path, span_str(pages->path));
    for (int page = 0; page < PAGES_MAX && path.len > 0 && code == CLI_OK; page++)
        code = print_page(options, pages, &path);
    return code;
}
