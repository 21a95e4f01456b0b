#include "daemon/link_api.h"
#include "daemon/accounts.h"

#include "base/clock.h"
#include "daemon/daemon.h"
#include "daemon/identities.h"
#include "daemon/links.h"
#include "daemon/ops/json_answer.h"
#include "daemon/ops/link_ops.h"
#include "json_read.h"
#include "names.h"

#define LINKS_PATH "/-/links"

enum { PAGE_MAX = 100, CHECK_ARENA_BYTES = 4 * 1024 * 1024, KEYS_MAX_BYTES = 128 };

static void write_link(struct request *request, struct buf *out, const struct link *link)
{
    buf_add_char(out, '{');
    json_answer_text(out, true, "name", link->name);
    struct span source = arena_format(&request->arena, "s3://%.*s%s%.*s", SPAN_ARG(link->bucket),
        link->prefix.len > 0 ? "/" : "", SPAN_ARG(link->prefix));
    json_answer_text(out, false, "source", span_present(source) ? source : SPAN(""));
    json_answer_text(out, false, "endpoint_url", link->endpoint_url);
    json_answer_text(out, false, "region", link->region);
    json_answer_text(out, false, "access_key", link->access_key);
    json_answer_text(out, false, "created_by", link->created_by);
    json_answer_time(out, "created", link->created_ms);
    json_answer_bool(out, "usable", link->remote != NULL);
    buf_add_char(out, '}');
}

static enum s3_err list_links(struct request *request)
{
    size_t max;
    struct span after = request_query(request, SPAN("after"));
    TRY(json_answer_limit(request, "max", PAGE_MAX, &max));
    const struct link **page = arena_array(&request->arena, const struct link *, max + 1);
    if (page == NULL)
        return FAIL(request, INTERNAL, NULL);
    size_t count = links_list(request->daemon->links, request->principal.account_id,
        span_present(after) ? after : SPAN(""), page, max + 1);
    struct buf *out = json_answer(request);
    buf_add_lit(out, "{\"links\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && i < max)
            buf_add_char(out, ',');
        if (i < max)
            write_link(request, out, page[i]);
        link_release(page[i]);
    }
    buf_add_char(out, ']');
    json_answer_bool(out, "truncated", count > max);
    buf_add_lit(out, "}\n");
    return S3_OK;
}

static struct span name_of(const struct request *request)
{
    return span_from(request->target.path, sizeof(LINKS_PATH "/") - 1);
}

static enum s3_err no_such_link(struct request *request)
{
    request_error_field(request, SPAN("BucketName"), name_of(request));
    return FAIL(request, NO_SUCH_BUCKET, "There is no such link");
}

static enum s3_err get_link(struct request *request)
{
    struct bucket_info bucket;
    struct span name = name_of(request);
    if (!bucket_name_valid(name))
        return no_such_link(request);
    enum storage_err err =
        storage_bucket_get(request_store(request), name, &request->arena, &bucket);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_BUCKET)
        return FAIL_STORAGE(request, err);
    const struct link *link = err == STORAGE_OK && bucket.owner_id == request->principal.account_id
                                  ? links_get(request->daemon->links, bucket.id)
                                  : NULL;
    if (link == NULL)
        return no_such_link(request);
    struct buf *out = json_answer(request);
    write_link(request, out, link);
    buf_add_char(out, '\n');
    link_release(link);
    return S3_OK;
}

static enum s3_err delete_link(struct request *request)
{
    enum storage_err stored = STORAGE_OK;
    enum links_err err = links_remove(
        request->daemon->links, request->principal.account_id, name_of(request), &stored);
    if (err == LINKS_MISSING)
        return no_such_link(request);
    if (err != LINKS_OK)
        return FAIL_STORAGE(request, stored);
    request->response.status = 204;
    return S3_OK;
}

/* ---- making one ---- */

struct wish {
    struct link link;
    struct span secret_key;
};

static struct span member(struct request *request, const struct json_node *root, const char *name)
{
    return arena_copy(&request->arena, json_node_string(json_node_member(root, name), SPAN("")));
}

/* What is misspelt would be left out in silence. */
static enum s3_err check_members(struct request *request, const struct json_node *root)
{
    static const char *const known[] = {
        "name", "source", "endpoint_url", "region", "access_key", "secret_key"};
    void *at = NULL;
    struct span name;
    const struct json_node *value;
    while (json_node_next(root, &at, &name, &value)) {
        bool found = false;
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            found |= span_eq(name, span_str(known[i]));
        if (!found || json_node_kind(value) != JSON_KIND_STRING)
            return FAIL(request, INVALID_ARGUMENT,
                "A link has name, source, endpoint_url, region, access_key and secret_key, all "
                "texts");
    }
    return S3_OK;
}

/* s3://BUCKET[/PREFIX]; a prefix is a folder. */
static enum s3_err read_source(struct request *request, struct span source, struct link *link)
{
    if (!span_starts(source, SPAN("s3://")))
        return FAIL(request, INVALID_ARGUMENT, "source must be s3://BUCKET or s3://BUCKET/PREFIX");
    struct span rest = span_from(source, 5);
    size_t slash = span_find_char(rest, '/', 0);
    link->bucket = span_first(rest, slash);
    link->prefix = slash != SIZE_MAX ? span_from(rest, slash + 1) : SPAN("");
    if (link->prefix.len > 0 && !span_ends(link->prefix, SPAN("/")))
        link->prefix = arena_format(&request->arena, "%.*s/", SPAN_ARG(link->prefix));
    if (link->prefix.len > LINK_PREFIX_MAX_BYTES)
        return FAIL(request, INVALID_ARGUMENT, "The prefix of a link has at most 512 bytes");
    return S3_OK;
}

static enum s3_err read_members(
    struct request *request, const struct json_node *root, struct wish *wish)
{
    struct link *link = &wish->link;
    TRY(check_members(request, root));
    link->name = member(request, root, "name");
    link->endpoint_url = member(request, root, "endpoint_url");
    link->region = member(request, root, "region");
    link->access_key = member(request, root, "access_key");
    wish->secret_key = member(request, root, "secret_key");
    TRY(read_source(request, member(request, root, "source"), link));
    if (request->arena.overflow)
        return FAIL(request, INTERNAL, NULL);
    if (!bucket_name_valid(link->name)) {
        request_error_field(request, SPAN("BucketName"), link->name);
        return FAIL(request, INVALID_BUCKET_NAME, NULL);
    }
    if ((link->access_key.len > 0) != (wish->secret_key.len > 0) ||
        link->access_key.len > KEYS_MAX_BYTES || wish->secret_key.len > KEYS_MAX_BYTES)
        return FAIL(request, INVALID_ARGUMENT,
            "access_key and secret_key go together, and have at most 128 bytes");
    link->owner_id = request->principal.account_id;
    link->created_by = request->identity != NULL ? request->identity->principal.arn : SPAN("root");
    link->created_ms = request->received_ms;
    return S3_OK;
}

static enum s3_err read_wish(struct request *request, struct wish *wish)
{
    char detail[JSON_DETAIL_BYTES];
    struct json_node *root = json_text_parse(request->body.text, detail);
    if (root == NULL)
        return FAIL(request, INVALID_ARGUMENT, "The body is no JSON text of a link");
    enum s3_err err = read_members(request, root, wish);
    json_text_free(root);
    return err;
}

/* Is there such a bucket? One that does not let itself be listed may still be read. */
static enum s3_err ask_source(struct request *request, struct link *link)
{
    struct arena arena CLEANUP(arena_free);
    struct remote_listing listing;
    struct remote_failure failure;
    struct remote_list_query query = {.prefix = link->prefix, .max_keys = 1};
    arena_init(&arena, CHECK_ARENA_BYTES);
    TRY(link_enter(request, link));
    enum remote_err err = remote_list(link->remote, &arena, &query, &listing, &failure);
    link_leave(request);
    link->region = remote_bucket_region(link->remote, &request->arena);
    if (err == REMOTE_OK || err == REMOTE_DENIED)
        return S3_OK;
    struct bucket_info bucket = {.name = link->name};
    return link_fail(request, &bucket, SPAN_ABSENT, &failure);
}

static enum s3_err add_link(struct request *request, struct wish *wish)
{
    enum storage_err stored = STORAGE_OK;
    TRY(ask_source(request, &wish->link));
    struct accounts *accounts = request->daemon->accounts;
    if (!accounts_hold(accounts, wish->link.owner_id))
        return FAIL(request, INVALID_ACCESS_KEY_ID, NULL);
    enum links_err err = links_add(
        request->daemon->links, &wish->link, wish->secret_key, request_region(request), &stored);
    accounts_release(accounts);
    switch (err) {
    case LINKS_OK:
        break;
    case LINKS_EXISTS:
        request_error_field(request, SPAN("BucketName"), wish->link.name);
        return FAIL(request, BUCKET_ALREADY_EXISTS, NULL);
    case LINKS_TOO_MANY:
        return FAIL(request, INVALID_REQUEST, "There are 256 links, the maximum");
    case LINKS_STORAGE:
        return FAIL_STORAGE(request, stored);
    case LINKS_MISSING:
    case LINKS_NO_MEMORY:
        return FAIL(request, INTERNAL, NULL);
    }
    struct buf *out = json_answer(request);
    write_link(request, out, &wish->link);
    buf_add_char(out, '\n');
    wish->link.remote = NULL; /* the table's now */
    return S3_OK;
}

static enum s3_err create_link(struct request *request)
{
    struct wish wish = {.secret_key = SPAN_ABSENT};
    TRY(read_wish(request, &wish));
    struct remote_source source = {.endpoint_url = wish.link.endpoint_url,
        .bucket = wish.link.bucket,
        .region = wish.link.region,
        .access_key = wish.link.access_key,
        .secret_key = wish.secret_key};
    enum remote_err opened =
        remote_bucket_open(request->daemon->remote, &source, &wish.link.remote);
    if (opened == REMOTE_NO_MEMORY)
        return FAIL(request, INTERNAL, NULL);
    if (opened != REMOTE_OK)
        return FAIL(request, INVALID_ARGUMENT,
            "The source is none that this server's settings allow, or its name is none");
    enum s3_err err = add_link(request, &wish);
    remote_bucket_close(wish.link.remote);
    return err;
}

/* ---- routing ---- */

static const struct {
    enum method method;
    bool named;
    struct op op;
} resources[] = {
    {METHOD_GET, false, {.name = "list_links", .action = "lakegate:ListLinks", .run = list_links}},
    {METHOD_GET, true, {.name = "get_link", .action = "lakegate:GetLink", .run = get_link}},
    {METHOD_POST, false,
        {.name = "create_link",
            .action = "lakegate:CreateLink",
            .body = BODY_XML, /* in memory, as it comes */
            .class = CLASS_WORKER,
            .run = create_link}},
    {METHOD_DELETE, true,
        {.name = "delete_link",
            .action = "lakegate:DeleteLink",
            .class = CLASS_WORKER,
            .run = delete_link}},
};

const struct op *link_route(const struct request *request)
{
    struct span path = request->target.path;
    bool named = span_starts(path, SPAN(LINKS_PATH "/"));
    if (request->target.virtual_host || (!named && !span_eq(path, SPAN(LINKS_PATH))))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(resources); i++)
        if (resources[i].method == request->method && resources[i].named == named)
            return &resources[i].op;
    return NULL;
}
