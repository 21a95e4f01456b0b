#include "base/encode.h"
#include "daemon/cli/form.h"

void form_param(struct buf *body, struct span name, struct span value)
{
    if (body->len > 0)
        buf_add_char(body, '&');
    percent_encode(body, name, false);
    buf_add_char(body, '=');
    percent_encode(body, value, false);
}

static bool is_sts(const char *action)
{
    return strcmp(action, "GetCallerIdentity") == 0;
}

static struct xml_node *result_of(struct xml_node *root)
{
    for (struct xml_node *child = root->first_child; child; child = child->next)
        if (span_ends(child->name, SPAN("Result")))
            return child;
    return root;
}

int form_call(struct arena *arena, const struct cli_options *options, const char *action,
    struct span params, struct xml_node **ret_result)
{
    struct buf body CLEANUP(buf_free);
    buf_init(&body, FORM_BODY_MAX_BYTES);
    form_param(&body, SPAN("Action"), span_str(action));
    form_param(&body, SPAN("Version"), is_sts(action) ? SPAN("2011-06-15") : SPAN("2010-05-08"));
    if (params.len > 0) {
        buf_add_char(&body, '&');
        buf_add(&body, params);
    }
    if (!buf_ok(&body))
        return cli_fail("that is more than the %d KiB of a call", FORM_BODY_MAX_BYTES / 1024);
    struct cli_call call = {.method = "POST",
        .path = "/",
        .service = is_sts(action) ? "sts" : "iam",
        .content_type = "application/x-www-form-urlencoded",
        .body = buf_span(&body)};
    struct http_reply reply;
    struct xml_node *root = NULL;
    int code = cli_send(arena, options, &call, &reply);
    if (code == CLI_OK) {
        struct span document = arena_copy(arena, buf_span(&reply.body));
        if (!span_present(document) || xml_read(arena, document, &root) != S3_OK)
            code = cli_fail(
                "%s answered with something that is no answer of IAM's", options->endpoint_url);
        else
            *ret_result = result_of(root);
    }
    http_reply_free(&reply);
    return code;
}

static void append_members(struct xml_node *list, struct xml_node *more)
{
    struct xml_node **end = &list->first_child;
    while (*end)
        end = &(*end)->next;
    *end = more ? more->first_child : NULL;
}

int form_call_all(struct arena *arena, const struct cli_options *options, const char *action,
    struct span params, const char *list, struct xml_node **ret_result)
{
    struct xml_node *first = NULL, *gathered = NULL;
    struct span marker = SPAN_ABSENT;
    for (int page = 0; page < FORM_PAGES_MAX; page++) {
        struct buf body CLEANUP(buf_free);
        buf_init(&body, FORM_BODY_MAX_BYTES);
        buf_add(&body, params);
        form_param(&body, SPAN("MaxItems"), SPAN("1000"));
        if (span_present(marker))
            form_param(&body, SPAN("Marker"), marker);
        struct xml_node *result = NULL;
        int code = form_call(arena, options, action, buf_span(&body), &result);
        if (code != CLI_OK)
            return code;
        struct xml_node *part = xml_child(result, span_str(list));
        if (!first) {
            first = result;
            gathered = part;
        } else if (gathered) {
            append_members(gathered, part);
        }
        marker = xml_child_text(result, SPAN("Marker"));
        if (!span_eq(xml_child_text(result, SPAN("IsTruncated")), SPAN("true")) ||
            !span_present(marker)) {
            *ret_result = first;
            return CLI_OK;
        }
    }
    return cli_fail("the list does not end");
}

int form_policy_arn(
    struct arena *arena, const struct cli_options *options, struct span given, struct span *ret_arn)
{
    if (span_starts(given, SPAN("arn:"))) {
        *ret_arn = given;
        return CLI_OK;
    }
    struct xml_node *result = NULL;
    int code = form_call_all(arena, options, "ListPolicies", SPAN_ABSENT, "Policies", &result);
    if (code != CLI_OK)
        return code;
    struct xml_node *list = xml_child(result, SPAN("Policies"));
    for (struct xml_node *policy = list ? list->first_child : NULL; policy; policy = policy->next)
        if (span_eq_nocase(xml_child_text(policy, SPAN("PolicyName")), given)) {
            *ret_arn = xml_child_text(policy, SPAN("Arn"));
            return CLI_OK;
        }
    return cli_fail("there is no managed policy '%.*s'", SPAN_ARG(given));
}

static void file_close(FILE **file)
{
    if (*file && *file != stdin)
        fclose(*file);
}

struct span form_file(struct arena *arena, const char *path)
{
    CLEANUP(file_close) FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *bytes = arena_alloc(arena, FORM_BODY_MAX_BYTES);
    if (!file || !bytes) {
        cli_fail("cannot read %s", path);
        return SPAN_ABSENT;
    }
    size_t len = fread(bytes, 1, FORM_BODY_MAX_BYTES, file);
    if (ferror(file) || len == FORM_BODY_MAX_BYTES) {
        cli_fail(ferror(file) ? "cannot read %s" : "%s is too long for a policy", path);
        return SPAN_ABSENT;
    }
    return span_of(bytes, len);
}
