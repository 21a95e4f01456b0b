/* `lakegate zones promote`: copies in the store, one by one, of an object or of all below a prefix. */
#include "daemon/cli/zones.h"
#include "xml_read.h"

enum { PROMOTE_ARENA_BYTES = 16 * 1024 * 1024 };

static int copy_one(struct zones_call *call, struct arena *arena, const struct zones_place *from,
    const struct zones_place *to)
{
    struct http_reply reply;
    const char *source = zones_path(arena, from, "");
    const char *path = zones_path(arena, to, "");
    if (source == NULL || path == NULL)
        return cli_fail("out of memory");
    struct cli_call copy = {.method = "PUT",
        .path = path,
        .body = SPAN(""),
        .extra = {{SPAN("x-amz-copy-source"), span_str(source)}}};
    int code = cli_send(arena, &call->options, &copy, &reply);
    http_reply_free(&reply);
    if (code == CLI_OK) {
        cli_print_text(from->key);
        printf(" -> ");
        cli_print_text(to->key);
        putchar('\n');
    }
    return code;
}

/* The keys of a page; its memory is the caller's.
 * out: *ret_token  absent: it is the last */
static int list_page(struct zones_call *call, struct arena *arena, const struct zones_place *from,
    struct span token, struct xml_node **ret_root, struct span *ret_token)
{
    struct http_reply reply;
    struct zones_place bucket = {from->bucket, SPAN_ABSENT};
    const char *prefix = zones_encoded(arena, from->key);
    struct span query = arena_format(arena, "list-type=2&prefix=%s%s%.*s", prefix,
        span_present(token) ? "&continuation-token=" : "", SPAN_ARG(token));
    int code = cli_get(arena, &call->options, zones_path(arena, &bucket, query.ptr), &reply);
    struct span text = code == CLI_OK ? arena_copy(arena, buf_span(&reply.body)) : SPAN_ABSENT;
    http_reply_free(&reply);
    if (code != CLI_OK)
        return code;
    if (xml_read(arena, text, ret_root) != S3_OK)
        return cli_fail(
            "%s answered with something that is no listing", call->options.endpoint_url);
    *ret_token = xml_child_text(*ret_root, SPAN("NextContinuationToken"));
    return CLI_OK;
}

/* Every key of a page, though some may be refused. */
static int copy_page(struct zones_call *call, const struct xml_node *root,
    const struct zones_place *from, const struct zones_place *to)
{
    int worst = CLI_OK;
    for (const struct xml_node *node = root->first_child; node != NULL; node = node->next) {
        const struct xml_node *key = xml_child(node, SPAN("Key"));
        if (!span_eq(node->name, SPAN("Contents")) || key == NULL)
            continue;
        struct arena arena CLEANUP(arena_free);
        arena_init(&arena, PROMOTE_ARENA_BYTES);
        struct span rest = span_from(key->text, from->key.len);
        struct zones_place source = {from->bucket, key->text};
        struct zones_place target = {
            to->bucket, arena_format(&arena, "%.*s%.*s", SPAN_ARG(to->key), SPAN_ARG(rest))};
        int code = rest.len == 0 ? CLI_OK : copy_one(call, &arena, &source, &target);
        worst = code > worst ? code : worst;
    }
    return worst;
}

static int copy_all(
    struct zones_call *call, const struct zones_place *from, const struct zones_place *to)
{
    char token_text[1024] = "";
    int worst = CLI_OK;
    for (;;) {
        struct arena arena CLEANUP(arena_free);
        arena_init(&arena, PROMOTE_ARENA_BYTES);
        struct xml_node *root = NULL;
        struct span token = token_text[0] != '\0' ? span_str(token_text) : SPAN_ABSENT;
        int code = list_page(call, &arena, from, token, &root, &token);
        if (code != CLI_OK)
            return code;
        code = copy_page(call, root, from, to);
        worst = code > worst ? code : worst;
        if (token.len == 0)
            return worst;
        if (token.len >= sizeof(token_text))
            return cli_fail(
                "%s answered with a token that is too long", call->options.endpoint_url);
        memcpy(token_text, token.ptr, token.len);
        token_text[token.len] = '\0';
    }
}

int zones_promote(struct zones_call *call)
{
    struct zones_place from, to;
    if (!zones_place_read(call->words[0], &from) || !zones_place_read(call->words[1], &to))
        return CLI_USAGE;
    if (!span_present(from.key)) {
        cli_fail("say what to copy: s3://BUCKET/KEY, or s3://BUCKET/PREFIX/");
        return CLI_USAGE;
    }
    bool all = span_ends(from.key, SPAN("/"));
    if (!span_present(to.key))
        to.key = SPAN("");
    if (all && to.key.len > 0 && !span_ends(to.key, SPAN("/"))) {
        cli_fail("a prefix is copied below a prefix: s3://BUCKET/PREFIX/");
        return CLI_USAGE;
    }
    if (all)
        return copy_all(call, &from, &to);
    size_t slash = from.key.len;
    while (slash > 0 && from.key.ptr[slash - 1] != '/')
        slash--;
    if (to.key.len == 0 || span_ends(to.key, SPAN("/")))
        to.key = arena_format(
            &call->arena, "%.*s%.*s", SPAN_ARG(to.key), SPAN_ARG(span_from(from.key, slash)));
    return copy_one(call, &call->arena, &from, &to);
}
