#include "policy_internal.h"

/* What a statement names: actions and resources, and whether they fit each other. */

struct names {
    struct statement *statement;
    struct pattern *patterns;
    size_t count;
    bool on[2]; /* POLICY_ON_OBJECT, POLICY_ON_BUCKET: the resources have some */
};

static bool of_set(struct span text, const char *set)
{
    for (size_t i = 0; i < text.len; i++)
        if (!text.ptr[i] || !strchr(set, text.ptr[i]))
            return false;
    return text.len > 0;
}

static bool served(struct span pattern)
{
    const struct policy_action *at = NULL;
    while ((at = policy_action_next(pattern, at)) != NULL)
        if (at->served)
            return true;
    return false;
}

static bool is_ours(struct span service)
{
    return span_eq_nocase(service, SPAN("s3")) || span_eq_nocase(service, SPAN("lakegate"));
}

static bool is_query_service(struct span service)
{
    return span_eq_nocase(service, SPAN("iam")) || span_eq_nocase(service, SPAN("sts"));
}

/* Compares with every known action: only for who wants to hear of it. */
static void warn_of_action(struct compiler *compiler, struct span text, struct span service)
{
    if (!compiler->options->warn || is_query_service(service) || served(text))
        return;
    if (!is_ours(service))
        policy_warn(compiler, "an action of another service, never asked for here", text);
    else if (policy_action_next(text, NULL))
        policy_warn(compiler, "an action that is never asked for here", text);
    else
        policy_warn(compiler, "no action", text);
}

static bool action_good(struct compiler *compiler, struct span text)
{
    static const char service_set[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    static const char name_set[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_*?";
    enum policy_kind kind = compiler->options->kind;
    size_t colon = span_find_char(text, ':', 0);
    struct span service = span_first(text, colon), name = span_from(text, colon);
    if (span_eq(text, SPAN("*")) || span_eq(text, SPAN("*:*")))
        return kind != POLICY_TRUST;
    if (colon == SIZE_MAX || !of_set(service, service_set) || !of_set(span_from(name, 1), name_set))
        return false;
    if (kind == POLICY_TRUST)
        return span_eq_nocase(service, SPAN("sts"));
    if (kind == POLICY_BUCKET && !policy_action_next(text, NULL))
        return false;
    warn_of_action(compiler, text, service);
    return true;
}

static const char *action_message(enum policy_kind kind)
{
    switch (kind) {
    case POLICY_BUCKET:
        return "Policy has invalid action";
    case POLICY_TRUST:
        return "AssumeRole policy may only specify STS AssumeRole actions";
    case POLICY_IDENTITY:
        break;
    }
    return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
}

static bool add_action(struct compiler *compiler, struct span text, size_t index, void *ctx)
{
    struct names *names = ctx;
    if (!action_good(compiler, text))
        return policy_fail(compiler, action_message(compiler->options->kind));
    bool variables = compiler->variables;
    compiler->variables = false;
    bool good = policy_compile_pattern(compiler, text, true, &names->patterns[index]);
    compiler->variables = variables;
    return good;
}

/* Resources of a bucket policy lie in its bucket: "arn:aws:s3:::BUCKET", with a wildcard or a key after it. */
static bool in_bucket(struct compiler *compiler, struct span text, struct names *names)
{
    static const struct span prefix = {"arn:aws:s3:::", 13};
    struct span bucket = compiler->options->bucket;
    if (!span_starts(text, prefix) || !span_starts(span_from(text, prefix.len), bucket))
        return false;
    struct span rest = span_from(text, prefix.len + bucket.len);
    bool wildcard = rest.len > 0 && (*rest.ptr == '*' || *rest.ptr == '?');
    if (rest.len > 0 && *rest.ptr != '/' && !wildcard)
        return false;
    names->on[POLICY_ON_OBJECT] = names->on[POLICY_ON_OBJECT] || rest.len > 0;
    names->on[POLICY_ON_BUCKET] =
        names->on[POLICY_ON_BUCKET] || rest.len == 0 || (rest.len == 1 && *rest.ptr == '*');
    return true;
}

static void warn_of_resource(struct compiler *compiler, struct span text)
{
    struct span arn[6];
    if (policy_arn_components(text, compiler->variables, arn) < 6)
        return;
    bool here = policy_glob(arn[2], SPAN("s3"), false) || policy_glob(arn[2], SPAN("iam"), false) ||
                policy_glob(arn[2], SPAN("sts"), false) ||
                policy_glob(arn[2], SPAN("lakegate"), false);
    if (!here || !policy_glob(arn[1], SPAN("aws"), false))
        policy_warn(compiler, "a resource that is not here", text);
}

static bool add_resource(struct compiler *compiler, struct span text, size_t index, void *ctx)
{
    struct names *names = ctx;
    bool is_arn = false;
    if (compiler->options->kind == POLICY_BUCKET && !in_bucket(compiler, text, names))
        return policy_fail(compiler, "Policy has invalid resource");
    warn_of_resource(compiler, text);
    if (policy_compile_arn(compiler, text, &names->patterns[index], &is_arn))
        return true;
    return is_arn ? false : policy_fail(compiler, "Resource must be in ARN format or \"*\"");
}

/* Either of two members, exactly one. */
static bool compile_either(struct compiler *compiler, const struct json_node *node,
    const char *const members[2], struct names *names, struct patterns *ret_patterns, bool *ret_not)
{
    const struct json_node *plain = json_node_member(node, members[0]);
    const struct json_node *other = json_node_member(node, members[1]);
    char line[80];
    compiler->place.element = NULL;
    if (plain && other) {
        snprintf(line, sizeof(line), "%s and %s exclude each other", members[0], members[1]);
        return policy_fail(compiler, line);
    }
    if (!plain && !other) {
        snprintf(line, sizeof(line), "Missing required field %s", members[0]);
        return policy_fail(compiler, line);
    }
    compiler->place.element = plain ? members[0] : members[1];
    node = plain ? plain : other;
    *ret_not = other != NULL;
    names->count = policy_string_count(node);
    names->patterns = arena_array(&compiler->policy->arena, struct pattern, names->count);
    if (!names->patterns)
        return policy_fail(compiler, "The policy is too large when compiled");
    *ret_patterns = (struct patterns){names->patterns, names->count};
    snprintf(line, sizeof(line), "Missing required field %s cannot be empty!", members[0]);
    bool actions = ret_patterns == &names->statement->actions;
    return policy_each_string(compiler, node, line, actions ? add_action : add_resource, names);
}

static bool has_resource(struct span pattern, const struct names *names)
{
    const struct policy_action *at = NULL;
    while ((at = policy_action_next(pattern, at)) != NULL)
        if (at->on != POLICY_ON_SYSTEM && names->on[at->on])
            return true;
    return false;
}

static bool check_action(struct compiler *compiler, struct span text, size_t index, void *ctx)
{
    (void)index;
    if (has_resource(span_eq(text, SPAN("*:*")) ? SPAN("*") : text, ctx))
        return true;
    return policy_fail(compiler, "Action does not apply to any resource(s) in statement");
}

bool policy_compile_names(
    struct compiler *compiler, const struct json_node *node, struct statement *statement)
{
    static const char *const action_members[2] = {"Action", "NotAction"};
    static const char *const resource_members[2] = {"Resource", "NotResource"};
    struct names names = {.statement = statement};
    enum policy_kind kind = compiler->options->kind;
    if (!compile_either(
            compiler, node, action_members, &names, &statement->actions, &statement->not_action))
        return false;
    if (kind == POLICY_TRUST) {
        compiler->place.element = NULL;
        if (json_node_member(node, "Resource") || json_node_member(node, "NotResource"))
            return policy_fail(compiler, "Has prohibited field Resource");
        return true;
    }
    if (!compile_either(compiler, node, resource_members, &names, &statement->resources,
            &statement->not_resource))
        return false;
    if (kind != POLICY_BUCKET || statement->not_action || statement->not_resource)
        return true;
    compiler->place.element = "Action";
    return policy_each_string(compiler, json_node_member(node, "Action"), "", check_action, &names);
}
