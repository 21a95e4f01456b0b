#include "policy_internal.h"

enum { PLACE_BYTES = 240, SHOWN_MAX_BYTES = 80 };

/* ---- messages ---- */

static void add_shown(struct buf *out, struct span text)
{
    struct span shown = span_first(text, SHOWN_MAX_BYTES);
    for (size_t i = 0; i < shown.len; i++)
        buf_add_char(out, shown.ptr[i] >= ' ' && shown.ptr[i] < 0x7f ? shown.ptr[i] : '?');
}

static void add_step(struct buf *out, struct span step)
{
    if (!span_present(step))
        return;
    if (out->len > 0)
        buf_add_char(out, '.');
    add_shown(out, step);
}

/* "Statement[2].Condition.StringLike.aws:username[1]" */
static void add_place(struct buf *out, const struct policy_place *place)
{
    if (place->in_statement)
        buf_addf(out, "Statement[%zu]", place->statement);
    add_step(out, span_str(place->element));
    add_step(out, place->outer);
    add_step(out, place->inner);
    if (place->in_list)
        buf_addf(out, "[%zu]", place->item);
}

static void copy_line(struct buf *line, char *to, size_t size)
{
    struct span text = span_first(buf_span(line), size - 1);
    memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
}

bool policy_fail(struct compiler *compiler, const char *message)
{
    struct buf CLEANUP(buf_free) place = {0};
    struct buf CLEANUP(buf_free) line = {0};
    buf_init(&place, PLACE_BYTES);
    buf_init(&line, POLICY_DETAIL_BYTES);
    add_place(&place, &compiler->place);
    buf_addf(&line, "%s%s%.*s", message, place.len > 0 ? ": " : "", SPAN_ARG(buf_span(&place)));
    copy_line(&line, compiler->detail, POLICY_DETAIL_BYTES);
    return false;
}

void policy_warn(struct compiler *compiler, const char *what, struct span name)
{
    char text[POLICY_DETAIL_BYTES];
    struct buf CLEANUP(buf_free) line = {0};
    if (!compiler->options->warn)
        return;
    buf_init(&line, POLICY_DETAIL_BYTES);
    add_place(&line, &compiler->place);
    buf_add_lit(&line, ": ");
    add_shown(&line, name);
    buf_addf(&line, " is %s", what);
    copy_line(&line, text, sizeof(text));
    compiler->options->warn(compiler->options->warn_ctx, text);
}

/* ---- strings and lists of them ---- */

size_t policy_string_count(const struct json_node *node)
{
    return json_node_kind(node) == JSON_KIND_ARRAY ? json_node_count(node) : 1;
}

/* Numbers and truth values may stand without quotes in conditions. */
static struct span scalar_text(const struct json_node *node, bool bare, char *scratch, size_t size)
{
    int len = 0;
    enum json_kind kind = json_node_kind(node);
    if (kind == JSON_KIND_STRING)
        return json_node_string(node, SPAN_ABSENT);
    if (bare && kind == JSON_KIND_INTEGER)
        len = snprintf(scratch, size, "%lld", (long long)json_node_integer(node, 0));
    else if (bare && kind == JSON_KIND_REAL)
        len = snprintf(scratch, size, "%.15g", json_node_number(node, 0));
    else if (bare && kind == JSON_KIND_BOOL)
        len = snprintf(scratch, size, "%s", json_node_bool(node, false) ? "true" : "false");
    return len > 0 ? span_of(scratch, (size_t)len) : SPAN_ABSENT;
}

bool policy_each_string(struct compiler *compiler, const struct json_node *node,
    const char *otherwise,
    bool (*each)(struct compiler *compiler, struct span text, size_t index, void *ctx), void *ctx)
{
    char scratch[40];
    bool list = json_node_kind(node) == JSON_KIND_ARRAY;
    bool bare = span_present(compiler->place.inner);
    size_t count = policy_string_count(node);
    if (count == 0)
        return policy_fail(compiler, otherwise);
    for (size_t i = 0; i < count; i++) {
        compiler->place.in_list = list;
        compiler->place.item = i;
        struct span text =
            scalar_text(list ? json_node_item(node, i) : node, bare, scratch, sizeof(scratch));
        if (!span_present(text))
            return policy_fail(compiler, otherwise);
        if (!each(compiler, text, i, ctx))
            return false;
    }
    compiler->place.in_list = false;
    return true;
}

/* ---- statements ---- */

static bool known_member(struct span name)
{
    static const char *const names[] = {"Sid", "Effect", "Principal", "NotPrincipal", "Action",
        "NotAction", "Resource", "NotResource", "Condition"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (span_eq(name, span_str(names[i])))
            return true;
    return false;
}

/* IAM wants letters and digits; S3 takes what can be shown. */
static bool sid_good(enum policy_kind kind, struct span sid)
{
    for (size_t i = 0; i < sid.len; i++) {
        unsigned char c = (unsigned char)sid.ptr[i];
        bool word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (kind == POLICY_BUCKET ? c < ' ' || c == 0x7f : !word)
            return false;
    }
    return true;
}

static bool compile_sid(
    struct compiler *compiler, const struct json_node *node, struct statement *statement)
{
    enum policy_kind kind = compiler->options->kind;
    if (!node)
        return true;
    compiler->place.element = "Sid";
    struct span sid = json_node_string(node, SPAN_ABSENT);
    if (!span_present(sid))
        return policy_fail(compiler, "Statement IDs (SID) must be strings");
    if (!sid_good(kind, sid))
        return policy_fail(compiler, "Statement IDs (SID) must be alpha-numeric");
    const struct policy *policy = compiler->policy;
    for (size_t i = 0; sid.len > 0 && i < compiler->place.statement; i++)
        if (kind != POLICY_BUCKET && span_eq(policy->statements[i].sid, sid))
            return policy_fail(compiler, "Statement IDs (SID) in a single policy must be unique");
    statement->sid = arena_copy(&compiler->policy->arena, sid);
    return true;
}

static bool compile_effect(
    struct compiler *compiler, const struct json_node *node, struct statement *statement)
{
    compiler->place.element = NULL;
    if (!node)
        return policy_fail(compiler, "Missing required field Effect");
    compiler->place.element = "Effect";
    struct span effect = json_node_string(node, SPAN_ABSENT);
    statement->allow = span_eq(effect, SPAN("Allow"));
    if (!statement->allow && !span_eq(effect, SPAN("Deny")))
        return policy_fail(compiler, "Invalid effect, it is Allow or Deny");
    return true;
}

static bool compile_who(
    struct compiler *compiler, const struct json_node *node, struct statement *statement)
{
    const struct json_node *principal = json_node_member(node, "Principal");
    const struct json_node *other = json_node_member(node, "NotPrincipal");
    enum policy_kind kind = compiler->options->kind;
    compiler->place.element = NULL;
    if (kind == POLICY_IDENTITY && (principal || other))
        return policy_fail(compiler, "Policy document should not specify a principal");
    if (kind == POLICY_IDENTITY)
        return true;
    if (!principal && !other)
        return policy_fail(compiler, "Missing required field Principal");
    if (principal && other)
        return policy_fail(compiler, "Principal and NotPrincipal exclude each other");
    if (other && (kind == POLICY_TRUST || statement->allow))
        return policy_fail(compiler, kind == POLICY_TRUST
                                         ? "Has prohibited field NotPrincipal"
                                         : "NotPrincipal is not supported with the effect Allow");
    statement->not_principal = other != NULL;
    compiler->place.element = other ? "NotPrincipal" : "Principal";
    return policy_compile_principals(compiler, other ? other : principal, statement);
}

static bool compile_statement(
    struct compiler *compiler, const struct json_node *node, struct statement *statement)
{
    struct span name;
    const struct json_node *value, *condition = json_node_member(node, "Condition");
    void *at = NULL;
    compiler->place.element = NULL;
    if (json_node_kind(node) != JSON_KIND_OBJECT)
        return policy_fail(compiler, "Invalid policy syntax");
    while (json_node_next(node, &at, &name, &value)) {
        if (!known_member(name)) {
            compiler->place.outer = name;
            return policy_fail(compiler, "Unknown field");
        }
    }
    return compile_effect(compiler, json_node_member(node, "Effect"), statement) &&
           compile_sid(compiler, json_node_member(node, "Sid"), statement) &&
           compile_who(compiler, node, statement) &&
           policy_compile_names(compiler, node, statement) &&
           (!condition || policy_compile_conditions(compiler, condition, statement));
}

/* ---- the document ---- */

static bool compile_statements(struct compiler *compiler, const struct json_node *node)
{
    struct policy *policy = compiler->policy;
    bool list = json_node_kind(node) == JSON_KIND_ARRAY;
    size_t count = list ? json_node_count(node) : 1;
    compiler->place = (struct policy_place){0};
    if (!list && json_node_kind(node) != JSON_KIND_OBJECT)
        return policy_fail(compiler, "Invalid policy syntax: Statement");
    if (count == 0)
        return policy_fail(compiler, "Could not parse the policy: Statement is empty!");
    struct statement *statements = arena_array(&policy->arena, struct statement, count);
    if (!statements)
        return policy_fail(compiler, "The policy is too large when compiled");
    policy->statements = statements;
    policy->statement_count = count;
    for (size_t i = 0; i < count; i++) {
        compiler->place = (struct policy_place){.in_statement = true, .statement = i};
        if (!compile_statement(compiler, list ? json_node_item(node, i) : node, &statements[i]))
            return false;
    }
    return true;
}

static bool compile_version(struct compiler *compiler, const struct json_node *node)
{
    if (!node)
        return true;
    struct span version = json_node_string(node, SPAN_ABSENT);
    compiler->variables = span_eq(version, SPAN("2012-10-17"));
    if (compiler->variables || span_eq(version, SPAN("2008-10-17")))
        return true;
    compiler->place.element = "Version";
    return policy_fail(compiler, "The policy must contain a valid version string");
}

static bool compile_document(struct compiler *compiler, const struct json_node *root)
{
    struct span name;
    const struct json_node *value, *id = json_node_member(root, "Id");
    void *at = NULL;
    if (json_node_kind(root) != JSON_KIND_OBJECT)
        return policy_fail(compiler, "Policies must be valid JSON and the first byte must be '{'");
    while (json_node_next(root, &at, &name, &value)) {
        if (!span_eq(name, SPAN("Version")) && !span_eq(name, SPAN("Id")) &&
            !span_eq(name, SPAN("Statement"))) {
            compiler->place.outer = name;
            return policy_fail(compiler, "Unknown field");
        }
    }
    if (id && json_node_kind(id) != JSON_KIND_STRING)
        return policy_fail(compiler, "Invalid policy syntax: Id");
    if (!compile_version(compiler, json_node_member(root, "Version")))
        return false;
    if (!json_node_member(root, "Statement"))
        return policy_fail(compiler, "Missing required field Statement");
    return compile_statements(compiler, json_node_member(root, "Statement"));
}

size_t policy_text_bytes(struct span text)
{
    size_t bytes = 0;
    for (size_t i = 0; i < text.len; i++)
        bytes += !strchr(" \t\r\n", text.ptr[i]) || !text.ptr[i];
    return bytes;
}

static struct json_node *read_text(struct compiler *compiler, struct span text)
{
    char reason[JSON_DETAIL_BYTES], line[POLICY_DETAIL_BYTES];
    const struct policy_options *options = compiler->options;
    size_t bytes = options->kind == POLICY_BUCKET ? text.len : policy_text_bytes(text);
    if (bytes > (options->max_bytes ? options->max_bytes : POLICY_BUCKET_MAX_BYTES) ||
        text.len > POLICY_TEXT_MAX_BYTES) {
        (void)policy_fail(compiler, "Policy exceeds the maximum allowed document size");
        return NULL;
    }
    while (text.len > 0 && strchr(" \t\r\n", *text.ptr) && *text.ptr)
        text = span_from(text, 1);
    if (text.len == 0 || *text.ptr != '{') {
        (void)policy_fail(compiler, "Policies must be valid JSON and the first byte must be '{'");
        return NULL;
    }
    struct json_node *root = json_text_parse(text, reason);
    if (!root) {
        snprintf(line, sizeof(line), "This policy contains invalid Json: %s", reason);
        (void)policy_fail(compiler, line);
    }
    return root;
}

bool policy_compile(struct span text, const struct policy_options *options,
    struct policy **ret_policy, char ret_detail[static POLICY_DETAIL_BYTES])
{
    struct policy *policy = calloc(1, sizeof(*policy));
    struct compiler compiler = {.policy = policy, .options = options, .detail = ret_detail};
    if (!policy)
        return policy_fail(&compiler, "Out of memory");
    arena_init(&policy->arena, POLICY_COMPILED_MAX_BYTES);
    struct json_node *root = read_text(&compiler, text);
    bool good = root && compile_document(&compiler, root);
    json_text_free(root);
    if (good && policy->arena.overflow) {
        compiler.place = (struct policy_place){0};
        good = policy_fail(&compiler, "The policy is too large when compiled");
    }
    if (good)
        *ret_policy = TAKE(policy);
    policy_free(policy);
    return good;
}
