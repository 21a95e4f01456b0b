/* `lakegate policy test`: may they? Asks the daemon to simulate, and shows what decided. */
#include "base/encode.h"
#include "daemon/cli/form.h"

enum { TEST_ITEMS_MAX = 100 };

static const char test_help[] =
    "usage: lakegate policy test [--principal WHO] --action ACTION… [--resource RESOURCE…]\n"
    "                            [--context KEY=VALUE…] [--policy FILE…] [--bucket-policy FILE]\n"
    "\n"
    "  --principal WHO        a user's name, user/NAME, role/NAME, group/NAME, or an ARN\n"
    "  --action ACTION        s3:GetObject; may come again\n"
    "  --resource RESOURCE    BUCKET, BUCKET/KEY or an ARN; may come again\n"
    "  --context KEY=VALUE    aws:SourceIp=192.0.2.1; several values of one key: KEY=A,B\n"
    "  --policy FILE          a policy to test, instead of or beside those of the principal\n"
    "  --bucket-policy FILE   instead of the one that the bucket has\n"
    "\n"
    "exit codes: 0 all allowed, 1 something is denied, 2 wrong usage, 3 it could not be done\n";

struct test_items {
    struct span items[TEST_ITEMS_MAX];
    size_t count;
};

struct test_call {
    struct arena *arena;
    struct cli_options options;
    const char *principal, *bucket_policy;
    struct test_items actions, resources, contexts, policies;
};

static struct test_items *items_of(struct test_call *call, struct span option)
{
    if (span_eq(option, SPAN("--action")))
        return &call->actions;
    if (span_eq(option, SPAN("--resource")))
        return &call->resources;
    if (span_eq(option, SPAN("--context")))
        return &call->contexts;
    return span_eq(option, SPAN("--policy")) ? &call->policies : NULL;
}

/* One of the test's own options, with its value. */
static enum cli_taken take(struct test_call *call, int count, char **arguments, int *at)
{
    struct span value = span_str(arguments[*at]), name;
    if (!span_split(&value, '=', &name))
        name = value;
    struct test_items *items = items_of(call, name);
    const char **place = span_eq(name, SPAN("--principal"))       ? &call->principal
                         : span_eq(name, SPAN("--bucket-policy")) ? &call->bucket_policy
                                                                  : NULL;
    if (!items && !place)
        return cli_option_take(&call->options, count, arguments, at);
    if (!span_present(value)) {
        if (*at + 1 >= count) {
            cli_fail("%s needs a value", arguments[*at]);
            return CLI_WRONG;
        }
        value = span_str(arguments[++*at]);
    }
    ++*at;
    if (place)
        *place = value.ptr;
    else if (items->count < TEST_ITEMS_MAX)
        items->items[items->count++] = value;
    else
        return cli_fail("at most %d of each", TEST_ITEMS_MAX) == CLI_OK ? CLI_TAKEN : CLI_WRONG;
    return CLI_TAKEN;
}

static int read_arguments(struct test_call *call, int count, char **arguments)
{
    for (int at = 0; at < count;) {
        enum cli_taken taken = take(call, count, arguments, &at);
        if (taken == CLI_NOT_TAKEN)
            cli_fail("unknown argument '%s'; see lakegate policy test --help", arguments[at]);
        if (taken != CLI_TAKEN)
            return CLI_USAGE;
    }
    if (call->actions.count == 0 || (!call->principal && call->policies.count == 0)) {
        cli_fail(
            "--action and --principal (or --policy) are needed; see lakegate policy test --help");
        return CLI_USAGE;
    }
    call->options = cli_options_fill(call->arena, call->options);
    return CLI_OK;
}

/* ---- what is asked ---- */

static void add_member(struct test_call *call, struct buf *body, const char *list, size_t number,
    const char *field, struct span value)
{
    struct span name = arena_format(call->arena, "%s.member.%zu%s", list, number, field);
    form_param(body, span_present(name) ? name : SPAN(""), value);
}

/* The ARN of a user, role or group by its name. */
static int find_principal(struct test_call *call, struct span *ret_arn)
{
    static const struct {
        struct span prefix, param, element;
        const char *action;
    } kinds[] = {
        {SPAN("user/"), SPAN("UserName"), SPAN("User"), "GetUser"},
        {SPAN("role/"), SPAN("RoleName"), SPAN("Role"), "GetRole"},
        {SPAN("group/"), SPAN("GroupName"), SPAN("Group"), "GetGroup"},
    };
    struct span who = span_str(call->principal);
    if (span_starts(who, SPAN("arn:"))) {
        *ret_arn = who;
        return CLI_OK;
    }
    size_t kind = 0;
    while (kind < ARRAY_LEN(kinds) && !span_starts(who, kinds[kind].prefix))
        kind++;
    struct span name = kind < ARRAY_LEN(kinds) ? span_from(who, kinds[kind].prefix.len) : who;
    kind %= ARRAY_LEN(kinds);
    struct buf params CLEANUP(buf_free);
    buf_init(&params, FORM_BODY_MAX_BYTES);
    form_param(&params, kinds[kind].param, name);
    struct xml_node *result = NULL;
    int code =
        form_call(call->arena, &call->options, kinds[kind].action, buf_span(&params), &result);
    if (code != CLI_OK)
        return code;
    struct xml_node *entity = xml_child(result, kinds[kind].element);
    *ret_arn = entity ? xml_child_text(entity, SPAN("Arn")) : SPAN_ABSENT;
    return span_present(*ret_arn) ? CLI_OK : cli_fail("the daemon did not say who that is");
}

static struct span resource_arn(struct test_call *call, struct span resource)
{
    if (span_starts(resource, SPAN("arn:")) || span_eq(resource, SPAN("*")))
        return resource;
    struct span arn = arena_format(call->arena, "arn:aws:s3:::%.*s", SPAN_ARG(resource));
    return span_present(arn) ? arn : resource;
}

static struct span bucket_of(struct span arn)
{
    struct span head = SPAN("arn:aws:s3:::");
    struct span name = span_starts(arn, head) ? span_from(arn, head.len) : SPAN("");
    return span_first(name, span_find_char(name, '/', 0));
}

/* The bucket that all resources lie in; empty when there is none. */
static struct span common_bucket(struct test_call *call)
{
    struct span bucket = SPAN("");
    for (size_t i = 0; i < call->resources.count; i++) {
        struct span one = bucket_of(resource_arn(call, call->resources.items[i]));
        if (one.len == 0 || (bucket.len > 0 && !span_eq(bucket, one)))
            return SPAN("");
        bucket = one;
    }
    return bucket;
}

/* The policy that the bucket has; absent without one, or when the caller may not see it. */
static struct span bucket_policy(struct test_call *call)
{
    if (call->bucket_policy)
        return form_file(call->arena, call->bucket_policy);
    struct span bucket = common_bucket(call);
    struct buf name CLEANUP(buf_free);
    buf_init(&name, FORM_BODY_MAX_BYTES);
    percent_encode(&name, bucket, false);
    struct span path = arena_format(call->arena, "/%.*s?policy", SPAN_ARG(buf_span(&name)));
    if (bucket.len == 0 || !span_present(path))
        return SPAN_ABSENT;
    struct cli_call get = {.method = "GET", .path = path.ptr, .quiet = true};
    struct http_reply reply;
    struct span text = SPAN_ABSENT;
    if (cli_send(call->arena, &call->options, &get, &reply) == CLI_OK)
        text = arena_copy(call->arena, buf_span(&reply.body));
    else if (reply.status != 404)
        fprintf(stderr, "lakegate: without the bucket's policy, which cannot be read\n");
    http_reply_free(&reply);
    return text;
}

/* KEY=VALUE, or KEY=A,B. */
static bool add_context(struct test_call *call, struct buf *body, size_t number, struct span text)
{
    struct span key, value;
    if (!span_split(&text, '=', &key) || !span_present(text))
        return false;
    bool list = span_find_char(text, ',', 0) != SIZE_MAX;
    add_member(call, body, "ContextEntries", number, ".ContextKeyName", key);
    add_member(call, body, "ContextEntries", number, ".ContextKeyType",
        list ? SPAN("stringList") : SPAN("string"));
    for (size_t i = 1; i <= TEST_ITEMS_MAX && span_split(&text, ',', &value); i++) {
        struct span field = arena_format(call->arena, ".ContextKeyValues.member.%zu", i);
        add_member(call, body, "ContextEntries", number, field.ptr ? field.ptr : "", value);
    }
    return true;
}

static int add_questions(struct test_call *call, struct buf *body)
{
    for (size_t i = 0; i < call->policies.count; i++) {
        struct span text = form_file(call->arena, call->policies.items[i].ptr);
        if (!span_present(text))
            return CLI_FAILED;
        add_member(call, body, "PolicyInputList", i + 1, "", text);
    }
    for (size_t i = 0; i < call->actions.count; i++)
        add_member(call, body, "ActionNames", i + 1, "", call->actions.items[i]);
    for (size_t i = 0; i < call->resources.count; i++)
        add_member(
            call, body, "ResourceArns", i + 1, "", resource_arn(call, call->resources.items[i]));
    for (size_t i = 0; i < call->contexts.count; i++)
        if (!add_context(call, body, i + 1, call->contexts.items[i])) {
            cli_fail("a context is KEY=VALUE");
            return CLI_USAGE;
        }
    return CLI_OK;
}

/* ---- what is answered ---- */

static void print_statements(const struct xml_node *result)
{
    const struct xml_node *list = xml_child(result, SPAN("MatchedStatements"));
    for (const struct xml_node *one = list ? list->first_child : NULL; one; one = one->next) {
        const struct xml_node *start = xml_child(one, SPAN("StartPosition"));
        const struct xml_node *end = xml_child(one, SPAN("EndPosition"));
        fputs("    by ", stdout);
        cli_print_text(xml_child_text(one, SPAN("SourcePolicyId")));
        fputs(" (", stdout);
        cli_print_text(xml_child_text(one, SPAN("SourcePolicyType")));
        fputs(")", stdout);
        if (start && end) {
            fputs(", the statement at line ", stdout);
            cli_print_text(xml_child_text(start, SPAN("Line")));
            fputs(", column ", stdout);
            cli_print_text(xml_child_text(start, SPAN("Column")));
            fputs(" to ", stdout);
            cli_print_text(xml_child_text(end, SPAN("Line")));
            fputs(", ", stdout);
            cli_print_text(xml_child_text(end, SPAN("Column")));
        }
        putchar('\n');
    }
}

static void print_members(const struct xml_node *list, const char *before)
{
    for (const struct xml_node *one = list ? list->first_child : NULL; one; one = one->next) {
        fputs(before, stdout);
        cli_print_text(one->text);
        putchar('\n');
    }
}

/* True: it is allowed. */
static bool print_decision(const struct xml_node *result)
{
    struct span decision = xml_child_text(result, SPAN("EvalDecision"));
    bool allowed = span_eq(decision, SPAN("allowed"));
    const struct xml_node *boundary = xml_child(result, SPAN("PermissionsBoundaryDecisionDetail"));
    fputs(allowed ? "allowed  " : "denied   ", stdout);
    cli_print_text(xml_child_text(result, SPAN("EvalActionName")));
    fputs("  ", stdout);
    cli_print_text(xml_child_text(result, SPAN("EvalResourceName")));
    putchar('\n');
    print_statements(result);
    if (span_eq(decision, SPAN("implicitDeny")))
        puts("    no statement allows it");
    if (boundary &&
        span_eq(xml_child_text(boundary, SPAN("AllowedByPermissionsBoundary")), SPAN("false")))
        puts("    the permissions boundary does not allow it");
    print_members(xml_child(result, SPAN("MissingContextValues")), "    not said: ");
    return allowed;
}

static bool all_allowed(const struct xml_node *result, bool print)
{
    const struct xml_node *list = xml_child(result, SPAN("EvaluationResults"));
    bool all = list != NULL;
    for (const struct xml_node *one = list ? list->first_child : NULL; one; one = one->next) {
        bool allowed = print ? print_decision(one)
                             : span_eq(xml_child_text(one, SPAN("EvalDecision")), SPAN("allowed"));
        all = all && allowed;
    }
    return all;
}

static int run_test(struct test_call *call)
{
    struct buf body CLEANUP(buf_free);
    buf_init(&body, FORM_BODY_MAX_BYTES);
    struct span arn = SPAN_ABSENT;
    int code = call->principal ? find_principal(call, &arn) : CLI_OK;
    if (code == CLI_OK)
        code = add_questions(call, &body);
    if (code != CLI_OK)
        return code;
    if (span_present(arn))
        form_param(&body, SPAN("PolicySourceArn"), arn);
    struct span policy = span_present(arn) ? bucket_policy(call) : SPAN_ABSENT;
    if (call->bucket_policy && !span_present(policy))
        return CLI_FAILED;
    if (span_present(policy))
        form_param(&body, SPAN("ResourcePolicy"), policy);
    const char *action = span_present(arn) ? "SimulatePrincipalPolicy" : "SimulateCustomPolicy";
    struct xml_node *result = NULL;
    code = form_call_all(
        call->arena, &call->options, action, buf_span(&body), "EvaluationResults", &result);
    if (code != CLI_OK)
        return code;
    bool json = call->options.json;
    bool allowed = all_allowed(result, !json);
    if (json)
        form_print_json(call->arena, &result, 1);
    else
        print_members(xml_child(result, SPAN("Warnings")), "warning: ");
    return allowed ? CLI_OK : CLI_FOUND;
}

int cli_policy_test(int count, char **arguments)
{
    for (int i = 0; i < count; i++)
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0) {
            fputs(test_help, stdout);
            return CLI_OK;
        }
    struct arena arena CLEANUP(arena_free);
    arena_init(&arena, CLI_ARENA_BYTES);
    struct test_call *call = arena_new(&arena, struct test_call);
    if (!call || !http_client_init())
        return cli_fail("cannot start");
    call->arena = &arena;
    int code = read_arguments(call, count, arguments);
    if (code == CLI_OK)
        code = run_test(call);
    http_client_exit();
    return code;
}
