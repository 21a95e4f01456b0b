/* Line 1: the kind of policy, 0 to 2; line 2: an action; line 3: a resource; line 4: a value of every condition
 * key; the rest: a policy. */
#include "access.h"
#include "fuzz.h"

static struct span some_id(void *ctx, struct span principal)
{
    (void)ctx;
    return principal.len % 7 == 3 ? SPAN_ABSENT : span_first(principal, 40);
}

static void check_line(void *ctx, const char *line)
{
    (void)ctx;
    size_t len = strlen(line);
    CHECK(len > 0 && len < POLICY_DETAIL_BYTES);
    for (size_t i = 0; i < len; i++)
        CHECK(line[i] >= ' ' && line[i] < 0x7f);
}

static void note_principal(void *ctx, struct span arn)
{
    (void)ctx;
    CHECK(span_starts(arn, SPAN("arn:")));
}

static void evaluate(
    const struct policy *policy, struct span action, struct span resource, struct span value)
{
    static const struct policy_principal principals[] = {{.kind = POLICY_ANONYMOUS},
        {.kind = POLICY_USER,
            .account = {"111111111111", 12},
            .arn = {"arn:aws:iam::111111111111:user/alice", 36},
            .unique_id = {"AIDAALICEALICEALICE11", 21}},
        {.kind = POLICY_ACCOUNT_ROOT, .account = {"111111111111", 12}}};
    struct policy_context context = {.now_s = 1767225600};
    struct policy_tag tag = {SPAN("team"), value};
    for (size_t i = 0; i < POLICY_KEYS; i++)
        if (i % 2 == 0)
            context.keys[i] = (struct policy_values){&value, 1};
    for (size_t i = 0; i < POLICY_TAG_FAMILIES; i++) {
        context.tags[i].items = &tag;
        context.tags[i].count = 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(principals); i++) {
        struct access_request request = {
            .ask = {&principals[i], action, resource, &context, false},
            .resource_account = SPAN("111111111111"),
            .resource = policy,
            .identity = {&policy, 1},
        };
        struct access_result result;
        struct policy_verdict verdict;
        access_decide(&request, &result);
        policy_evaluate(policy, &request.ask, &verdict);
        CHECK(verdict.statement < policy_statement_count(policy));
        CHECK(verdict.effect != POLICY_DENY || !result.allowed);
        CHECK((verdict.effect == POLICY_ALLOW) == (verdict.named != 0));
        CHECK(!(result.allowed && result.explicit_deny));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct span kind = fuzz_line(&input), action = fuzz_line(&input), resource = fuzz_line(&input),
                value = fuzz_line(&input);
    struct policy_options options = {
        .kind = kind.len ? (enum policy_kind)(*kind.ptr % 3) : POLICY_BUCKET,
        .bucket = SPAN("lake"),
        .warn = check_line};
    struct policy *policy = NULL;
    char detail[POLICY_DETAIL_BYTES] = "";
    options.resolver.unique_id = kind.len > 1 ? some_id : NULL;
    if (!span_present(input))
        return 0;
    if (policy_compile(input, &options, &policy, detail)) {
        CHECK(policy_bytes(policy) <= POLICY_COMPILED_MAX_BYTES + 65536);
        evaluate(policy, action, resource, value);
        policy_each_principal(policy, note_principal, NULL);
        CHECK(!policy_is_public(policy) || options.kind != POLICY_IDENTITY);
        policy_free(policy);
    } else {
        CHECK(policy == NULL && detail[0] != '\0' && strlen(detail) < POLICY_DETAIL_BYTES);
    }
    if (policy_glob(value, resource, false))
        CHECK(policy_glob(value, resource, true));
    CHECK(policy_glob(SPAN("*"), resource, false));
    return 0;
}
