/* Runs tests/vectors/policy: each decision, each refused text, each warning, each public policy. */
#include "access.h"

#include "base/arena.h"
#include "cmocka_span.h"

#include <dirent.h>
#include <jansson.h>

enum { POLICIES_MAX = 8, VALUES_MAX = 64, TAGS_MAX = 16, DECISIONS_MIN = 300, LINES_BYTES = 4096 };

static const char folder[] = "tests/vectors/policy";

static json_t *load(const char *name)
{
    char path[512];
    json_error_t error;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    json_t *tree = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!tree)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    return tree;
}

static struct span text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? span_of(json_string_value(value), json_string_length(value))
                                 : SPAN_ABSENT;
}

static const json_t *either(const json_t *ask, const json_t *group, const char *name)
{
    const json_t *own = json_object_get(ask, name);
    return own ? own : json_object_get(group, name);
}

/* ---- policies ---- */

static char *policy_text(const json_t *file, const json_t *policy)
{
    if (json_is_string(policy))
        policy = json_object_get(json_object_get(file, "policies"), json_string_value(policy));
    assert_non_null(policy);
    json_t *document = json_is_array(policy)
                           ? json_pack("{s:s,s:O}", "Version", "2012-10-17", "Statement", policy)
                           : json_incref((json_t *)policy);
    char *text = json_dumps(document, JSON_COMPACT);
    json_decref(document);
    assert_non_null(text);
    return text;
}

static struct policy *compile(const json_t *file, const json_t *policy, enum policy_kind kind)
{
    struct policy_options options = {
        .kind = kind, .bucket = SPAN("lake"), .max_bytes = POLICY_BUCKET_MAX_BYTES};
    char detail[POLICY_DETAIL_BYTES];
    struct policy *compiled = NULL;
    char *text = policy_text(file, policy);
    if (!policy_compile(span_str(text), &options, &compiled, detail))
        fail_msg("%s\n%s", detail, text);
    free(text);
    return compiled;
}

/* The policies of one ask, and what frees them. */
struct held {
    struct policy *items[2 * POLICIES_MAX + 3];
    const struct policy *lists[2 * POLICIES_MAX];
    size_t count, listed;
};

static const struct policy *hold(struct held *held, struct policy *policy)
{
    assert_true(held->count < ARRAY_LEN(held->items));
    return held->items[held->count++] = policy;
}

static const struct policy *one(
    struct held *held, const json_t *file, const json_t *policy, enum policy_kind kind)
{
    return policy ? hold(held, compile(file, policy, kind)) : NULL;
}

static struct access_policies many(struct held *held, const json_t *file, const json_t *list)
{
    struct access_policies policies = {&held->lists[held->listed], json_array_size(list)};
    assert_true(policies.count <= POLICIES_MAX);
    for (size_t i = 0; i < policies.count; i++)
        held->lists[held->listed++] =
            hold(held, compile(file, json_array_get(list, i), POLICY_IDENTITY));
    return policies;
}

/* ---- the request ---- */

static struct policy_principal principal_of(const json_t *principals, const char *name)
{
    static const char *const kinds[] = {"anonymous", "root", "user", "session", "federated"};
    const json_t *entry = json_object_get(principals, name);
    if (!entry)
        fail_msg("no principal %s", name);
    struct policy_principal principal = {.account = text_of(entry, "account"),
        .arn = text_of(entry, "arn"),
        .unique_id = text_of(entry, "id"),
        .role_arn = text_of(entry, "role_arn"),
        .role_id = text_of(entry, "role_id"),
        .canonical_id = text_of(entry, "canonical")};
    size_t kind = 0;
    while (kind < ARRAY_LEN(kinds) && !span_eq(span_str(kinds[kind]), text_of(entry, "kind")))
        kind++;
    assert_true(kind < ARRAY_LEN(kinds));
    principal.kind = (enum policy_principal_kind)kind;
    return principal;
}

struct filled {
    struct policy_context context;
    struct span values[VALUES_MAX];
    struct policy_tag tags[POLICY_TAG_FAMILIES][TAGS_MAX];
    size_t count, tag_counts[POLICY_TAG_FAMILIES];
};

static void fill_key(struct filled *filled, const char *name, const json_t *value)
{
    enum policy_tag_family family;
    struct span tag;
    enum policy_key key = policy_key_named(span_str(name), &family, &tag);
    if (key == POLICY_KEYS && family == POLICY_TAG_FAMILIES)
        fail_msg("no key %s", name);
    if (key == POLICY_KEYS) {
        size_t at = filled->tag_counts[family]++;
        assert_true(at < TAGS_MAX);
        filled->tags[family][at] = (struct policy_tag){tag, span_str(json_string_value(value))};
        filled->context.tags[family].items = filled->tags[family];
        filled->context.tags[family].count = at + 1;
        return;
    }
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    assert_true(filled->count + count <= VALUES_MAX);
    filled->context.keys[key].items = &filled->values[filled->count];
    filled->context.keys[key].count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        filled->values[filled->count++] =
            span_of(json_string_value(item), json_string_length(item));
    }
}

static void fill(struct filled *filled, const json_t *ask, const json_t *group)
{
    const char *name;
    json_t *value;
    memset(filled, 0, sizeof(*filled));
    filled->context.now_s = json_integer_value(either(ask, group, "now"));
    json_object_foreach((json_t *)json_object_get(group, "context"), name, value)
        fill_key(filled, name, value);
    json_object_foreach((json_t *)json_object_get(ask, "context"), name, value)
        fill_key(filled, name, value);
}

/* ---- one decision ---- */

static const char *outcome(const struct access_result *result)
{
    return result->allowed ? "allow" : result->explicit_deny ? "explicit deny" : "deny";
}

static const char *reason_name(enum access_reason reason)
{
    static const char *const names[] = {"root", "identity", "resource", "acl", "boundary",
        "session", "nothing", "resource lacking"};
    return names[reason];
}

static void compare(const char *file, const char *title, size_t number, const json_t *ask,
    const struct access_result *result)
{
    const char *expect = json_string_value(json_object_get(ask, "expect"));
    const char *by = json_string_value(json_object_get(ask, "by"));
    const json_t *statement = json_object_get(ask, "statement");
    bool good =
        expect && strcmp(expect, outcome(result)) == 0 &&
        (!by || strcmp(by, reason_name(result->reason)) == 0) &&
        (!statement || (result->by && (size_t)json_integer_value(statement) == result->statement));
    if (!good)
        fail_msg("%s, \"%s\", ask %zu: %s by %s, statement %zu; expected %s%s%s: %s", file, title,
            number, outcome(result), reason_name(result->reason), result->statement,
            expect ? expect : "something", by ? " by " : "", by ? by : "",
            json_string_value(json_object_get(ask, "why")));
}

static void decide(const char *name, const json_t *file, const json_t *principals,
    const json_t *group, const json_t *ask, size_t number)
{
    struct held held = {.count = 0};
    struct filled filled;
    struct access_request request = {.boundary = NULL};
    struct access_result result;
    const char *title = json_string_value(json_object_get(group, "title"));
    const char *who = json_string_value(either(ask, group, "who"));
    assert_non_null(who);
    struct policy_principal principal = principal_of(principals, who);
    const json_t *action = either(ask, group, "action"), *resource = either(ask, group, "resource");
    const json_t *owner = either(ask, group, "owner"), *trust = either(ask, group, "trust");
    fill(&filled, ask, group);
    request.ask = (struct policy_request){.principal = &principal,
        .action = span_str(action ? json_string_value(action) : "s3:GetObject"),
        .resource = span_str(resource ? json_string_value(resource) : "arn:aws:s3:::lake/data.csv"),
        .context = &filled.context};
    request.resource_account = span_str(owner ? json_string_value(owner) : "111111111111");
    request.identity = many(&held, file, either(ask, group, "identity"));
    request.session = many(&held, file, either(ask, group, "session"));
    request.has_session = either(ask, group, "session") != NULL;
    request.boundary = one(&held, file, either(ask, group, "boundary"), POLICY_IDENTITY);
    request.resource = trust ? one(&held, file, trust, POLICY_TRUST)
                             : one(&held, file, either(ask, group, "bucket"), POLICY_BUCKET);
    request.acl_allows = json_is_true(either(ask, group, "acl"));
    request.resource_cannot_allow = json_is_true(either(ask, group, "foreign_object"));
    request.root_may_always = json_is_true(either(ask, group, "root_may_always"));
    request.resource_must_allow = json_is_true(either(ask, group, "must_allow"));
    if (!json_object_get(ask, "why") && !json_object_get(group, "why"))
        fail_msg("%s, \"%s\", ask %zu has no reason", name, title, number);
    access_decide(&request, &result);
    compare(name, title, number, ask, &result);
    for (size_t i = 0; i < held.count; i++)
        policy_free(held.items[i]);
}

static size_t run_file(const char *name, const json_t *principals)
{
    json_t *file = load(name), *group, *ask;
    const json_t *groups = json_object_get(file, "groups");
    size_t i, j, count = 0;
    json_array_foreach((json_t *)groups, i, group)
    {
        json_array_foreach(json_object_get(group, "asks"), j, ask)
        {
            decide(name, file, principals, group, ask, j);
            count++;
        }
    }
    if (groups) {
        print_message("%4zu decisions: %s\n", count, name);
        assert_true(count > 0);
        assert_non_null(json_object_get(file, "source"));
    }
    json_decref(file);
    return count;
}

static void decides_as_documented(void **state)
{
    (void)state;
    json_t *principals = load("principals.json");
    DIR *listing = opendir(folder);
    size_t count = 0;
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
        if (span_ends(span_str(entry->d_name), SPAN(".json")))
            count += run_file(entry->d_name, principals);
    closedir(listing);
    json_decref(principals);
    assert_true(count >= DECISIONS_MIN);
}

/* ---- what is refused, what is kept ---- */

static enum policy_kind kind_of(const json_t *entry)
{
    struct span kind = text_of(entry, "kind");
    assert_true(span_eq(kind, SPAN("bucket")) || span_eq(kind, SPAN("identity")) ||
                span_eq(kind, SPAN("trust")));
    return span_eq(kind, SPAN("bucket"))  ? POLICY_BUCKET
           : span_eq(kind, SPAN("trust")) ? POLICY_TRUST
                                          : POLICY_IDENTITY;
}

static void note_line(void *ctx, const char *line)
{
    char *lines = ctx;
    size_t len = strlen(lines);
    snprintf(lines + len, LINES_BYTES - len, "%s\n", line);
}

/* Who exists, as far as the vectors name them. */
static struct span known_id(void *ctx, struct span principal)
{
    static const struct {
        const char *principal, *id;
    } known[] = {
        {"arn:aws:iam::111111111111:user/alice", "AIDAALICEALICEALICE11"},
        {"arn:aws:iam::111111111111:role/cleaner", "AROACLEANERCLEANER111"},
        {"AIDAALICEALICEALICE11", "AIDAALICEALICEALICE11"},
        {"111111111111", "111111111111"},
    };
    (void)ctx;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (span_eq(principal, span_str(known[i].principal)))
            return span_str(known[i].id);
    return SPAN_ABSENT;
}

static bool compile_entry(const json_t *entry, char *detail, char *lines)
{
    struct policy_options options = {.kind = kind_of(entry), .bucket = SPAN("lake")};
    struct policy *policy = NULL;
    const char *raw = json_string_value(json_object_get(entry, "text"));
    char *text = raw ? strdup(raw) : policy_text(NULL, json_object_get(entry, "policy"));
    if (json_is_true(json_object_get(entry, "resolve")))
        options.resolver.unique_id = known_id;
    options.warn = lines ? note_line : NULL;
    options.warn_ctx = lines;
    bool good = policy_compile(span_str(text), &options, &policy, detail);
    policy_free(policy);
    free(text);
    return good;
}

/* A message that ends in "…" goes on in the words of the JSON library. */
static bool says(const char *detail, struct span expect)
{
    static const struct span rest = {"\xe2\x80\xa6", 3};
    if (span_ends(expect, rest))
        return span_starts(span_str(detail), span_first(expect, expect.len - rest.len));
    return span_eq(span_str(detail), expect);
}

static void refuses_with_the_place(void **state)
{
    (void)state;
    json_t *file = load("refused.json"), *entry;
    size_t i, wrong = 0;
    json_array_foreach(json_object_get(file, "refused"), i, entry)
    {
        char detail[POLICY_DETAIL_BYTES] = "";
        struct span expect = text_of(entry, "detail");
        bool good = compile_entry(entry, detail, NULL);
        if (good || !says(detail, expect)) {
            print_error("entry %zu: \"%s\", expected \"%.*s\"\n", i, detail, SPAN_ARG(expect));
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    assert_true(i > 150);
    json_decref(file);
}

static void keeps_and_warns(void **state)
{
    (void)state;
    json_t *file = load("kept.json"), *entry, *warning;
    size_t i, j;
    json_array_foreach(json_object_get(file, "kept"), i, entry)
    {
        char detail[POLICY_DETAIL_BYTES] = "", lines[LINES_BYTES] = "", expect[LINES_BYTES] = "";
        json_array_foreach(json_object_get(entry, "warnings"), j, warning)
            note_line(expect, json_string_value(warning));
        if (!compile_entry(entry, detail, lines) || strcmp(lines, expect) != 0)
            fail_msg("entry %zu: \"%s\"\n%s\nexpected\n%s", i, detail, lines, expect);
    }
    assert_true(i > 20);
    json_decref(file);
}

static void knows_what_is_public(void **state)
{
    (void)state;
    json_t *file = load("public.json"), *entry;
    size_t i;
    json_array_foreach(json_object_get(file, "policies"), i, entry)
    {
        struct policy *policy = compile(NULL, json_object_get(entry, "policy"), POLICY_BUCKET);
        if (policy_is_public(policy) != json_is_true(json_object_get(entry, "public")))
            fail_msg("entry %zu: %s", i, json_string_value(json_object_get(entry, "why")));
        policy_free(policy);
    }
    assert_true(i > 30);
    json_decref(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_as_documented),
        cmocka_unit_test(refuses_with_the_place),
        cmocka_unit_test(keeps_and_warns),
        cmocka_unit_test(knows_what_is_public),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
