/* policy_compile.c and what belongs to it: what is refused, with what words, and what is kept.
 * Decisions are in test_policy_vectors.c. */
#include "policy.h"

#include "cmocka_span.h"

enum { WARNINGS_BYTES = 4096 };

static char warnings[WARNINGS_BYTES];

static void note_warning(void *ctx, const char *line)
{
    (void)ctx;
    size_t len = strlen(warnings);
    snprintf(warnings + len, sizeof(warnings) - len, "%s\n", line);
}

static struct policy *compile(enum policy_kind kind, const char *text, char *detail)
{
    struct policy_options options = {
        .kind = kind, .bucket = SPAN("lake"), .warn = note_warning, .max_bytes = 20480};
    struct policy *policy = NULL;
    warnings[0] = '\0';
    detail[0] = '\0';
    bool good = policy_compile(span_str(text), &options, &policy, detail);
    assert_int_equal(good, policy != NULL);
    assert_int_equal(good, detail[0] == '\0');
    return policy;
}

static void allows_what_pipelines_paste(void **state)
{
    (void)state;
    char detail[POLICY_DETAIL_BYTES];
    struct policy *policy = compile(POLICY_BUCKET,
        "{\"Version\": \"2012-10-17\", \"Statement\": ["
        "{\"Sid\": \"AllowAllLambdaPutObject\", \"Effect\": \"Allow\", \"Principal\": \"*\","
        " \"Action\": \"s3:PutObject\", \"Resource\": \"arn:aws:s3:::lake/*\"},"
        "{\"Sid\": \"AllowDeleteObjects\", \"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\":"
        " [\"s3:DeleteObject\", \"s3:AbortMultipartUpload\"], \"Resource\": "
        "\"arn:aws:s3:::lake/*\"},"
        "{\"Sid\": \"AllowListBucket\", \"Effect\": \"Allow\", \"Principal\": \"*\","
        " \"Action\": \"s3:ListBucket\", \"Resource\": \"arn:aws:s3:::lake\"}]}",
        detail);
    assert_string_equal(detail, "");
    static const struct {
        const char *action, *resource;
        size_t statement;
        enum policy_effect effect;
    } cases[] = {
        {"s3:PutObject", "arn:aws:s3:::lake/a", 0, POLICY_ALLOW},
        {"s3:DeleteObject", "arn:aws:s3:::lake/a/b", 1, POLICY_ALLOW},
        {"s3:ListBucket", "arn:aws:s3:::lake", 2, POLICY_ALLOW},
        {"s3:GetObject", "arn:aws:s3:::lake/a", 0, POLICY_NO_MATCH},
        {"s3:ListBucket", "arn:aws:s3:::lakes", 0, POLICY_NO_MATCH},
        {"s3:PutObject", "arn:aws:s3:::other/a", 0, POLICY_NO_MATCH},
    };
    static const struct policy_principal anonymous = {.kind = POLICY_ANONYMOUS};
    static const struct policy_context context = {.now_s = 0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct policy_request request = {.principal = &anonymous,
            .action = span_str(cases[i].action),
            .resource = span_str(cases[i].resource),
            .context = &context};
        struct policy_verdict verdict;
        policy_evaluate(policy, &request, &verdict);
        assert_int_equal(verdict.effect, cases[i].effect);
        assert_int_equal(verdict.statement, cases[i].statement);
    }
    assert_int_equal(policy_statement_count(policy), 3);
    assert_span_text(policy_statement_sid(policy, 1), "AllowDeleteObjects");
    assert_true(policy_is_public(policy));
    assert_true(policy_bytes(policy) > 0 && policy_bytes(policy) < 16384);
    policy_free(policy);
}

static enum policy_effect effect_on(const struct policy *policy, const char *action,
    struct span resource, const struct policy_context *context)
{
    static const struct policy_principal alice = {.kind = POLICY_USER,
        .account = {"111111111111", 12},
        .arn = {"arn:aws:iam::111111111111:user/alice", 36},
        .unique_id = {"AIDAALICEALICEALICE11", 21}};
    static const struct policy_context nothing = {.now_s = 0};
    struct policy_request request = {.principal = &alice,
        .action = span_str(action),
        .resource = resource,
        .context = context ? context : &nothing};
    struct policy_verdict verdict;
    policy_evaluate(policy, &request, &verdict);
    return verdict.effect;
}

/* ---- texts ---- */

static bool takes(enum policy_kind kind, struct span text, size_t max_bytes, char *detail)
{
    struct policy_options options = {.kind = kind, .bucket = SPAN("lake"), .max_bytes = max_bytes};
    struct policy *policy = NULL;
    bool good = policy_compile(text, &options, &policy, detail);
    policy_free(policy);
    return good;
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    static char text[POLICY_TEXT_MAX_BYTES + 2];
    static const char body[] =
        "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}}";
    char detail[POLICY_DETAIL_BYTES];
    memset(text, ' ', sizeof(text));
    memcpy(text, body, sizeof(body) - 1);
    assert_int_equal(policy_text_bytes(span_of(text, sizeof(text))), sizeof(body) - 1);
    assert_true(
        takes(POLICY_IDENTITY, span_of(text, POLICY_TEXT_MAX_BYTES), sizeof(body) - 1, detail));
    assert_false(
        takes(POLICY_IDENTITY, span_of(text, POLICY_TEXT_MAX_BYTES), sizeof(body) - 2, detail));
    assert_string_equal(detail, "Policy exceeds the maximum allowed document size");
    assert_false(takes(POLICY_IDENTITY, span_of(text, POLICY_TEXT_MAX_BYTES + 1), 4096, detail));
    /* Of a bucket policy white space counts, and 20 KiB are the most without a word. */
    static const char other[] =
        "{\"Statement\":{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\","
        "\"Resource\":\"arn:aws:s3:::lake/*\"}}";
    memcpy(text, other, sizeof(other) - 1);
    assert_true(takes(POLICY_BUCKET, span_of(text, POLICY_BUCKET_MAX_BYTES), 0, detail));
    assert_false(takes(POLICY_BUCKET, span_of(text, POLICY_BUCKET_MAX_BYTES + 1), 0, detail));
}

static void bytes_are_checked(void **state)
{
    (void)state;
    char detail[POLICY_DETAIL_BYTES];
    static const struct span bad[] = {
        {"{\"Id\":\"\xff\"}", 10},
        {"{\"Id\":\"\xc3\"}", 10},
        {"{\"Id\":\"\xed\xa0\x80\"}", 12},
        {"{\"Id\":\"a\0b\"}", 12},
        {"{}\0", 3},
        {"\xef\xbb\xbf{}", 5},
        {NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(takes(POLICY_BUCKET, bad[i], 0, detail));
    /* What a message shows of a text is plain and short. */
    static char text[4096];
    size_t len = (size_t)snprintf(text, sizeof(text), "{\"Statement\":{\"<\xc3\xa9\\u0001");
    memset(text + len, 'x', 2000);
    snprintf(text + len + 2000, 100, "\":1}}");
    assert_false(takes(POLICY_BUCKET, span_str(text), 0, detail));
    assert_true(span_starts(span_str(detail), SPAN("Unknown field: Statement[0].<???xxx")));
    assert_true(strlen(detail) < 120);
}

/* ---- patterns ---- */

static bool naive(struct span pattern, struct span text)
{
    if (pattern.len == 0)
        return text.len == 0;
    struct span rest = span_from(pattern, 1);
    if (*pattern.ptr == '*')
        return naive(rest, text) || (text.len > 0 && naive(pattern, span_from(text, 1)));
    return text.len > 0 && (*pattern.ptr == '?' || *pattern.ptr == *text.ptr) &&
           naive(rest, span_from(text, 1));
}

static struct span random_text(uint64_t *seed, const char *alphabet, char *to, size_t max)
{
    size_t len = next_random(seed) % max;
    for (size_t i = 0; i < len; i++)
        to[i] = alphabet[next_random(seed) % strlen(alphabet)];
    return span_of(to, len);
}

static struct policy *policy_of_resource(struct span key)
{
    char text[400], detail[POLICY_DETAIL_BYTES];
    snprintf(text, sizeof(text),
        "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::%.*"
        "s\"}}",
        SPAN_ARG(key));
    return compile(POLICY_IDENTITY, text, detail);
}

static void patterns_match_as_the_simple_way(void **state)
{
    (void)state;
    uint64_t seed = 4;
    for (size_t i = 0; i < 3000; i++) {
        char pattern_bytes[12], text_bytes[64] = "arn:aws:s3:::";
        struct span pattern = random_text(&seed, "ab*?", pattern_bytes, sizeof(pattern_bytes));
        struct policy *policy = policy_of_resource(pattern);
        for (size_t j = 0; j < 10; j++) {
            struct span text = random_text(&seed, "ab", text_bytes + 13, 14);
            bool expect = naive(pattern, text);
            assert_int_equal(policy_glob(pattern, text, false), expect);
            struct span arn = span_of(text_bytes, text.len + 13);
            assert_int_equal(effect_on(policy, "s3:GetObject", arn, NULL) == POLICY_ALLOW, expect);
        }
        policy_free(policy);
    }
}

static void globs_know_characters_and_case(void **state)
{
    (void)state;
    assert_true(policy_glob(SPAN("a?c"),
        SPAN("a\xc3\xa9"
             "c"),
        false));
    assert_false(policy_glob(SPAN("a??c"),
        SPAN("a\xc3\xa9"
             "c"),
        false));
    assert_true(policy_glob(SPAN("*?"), SPAN("\xf0\x9f\x98\x80"), false));
    assert_false(policy_glob(SPAN("*??"), SPAN("\xf0\x9f\x98\x80"), false));
    assert_true(policy_glob(SPAN("??"), SPAN("\xff\xe2"), false)); /* no UTF-8 */
    assert_true(policy_glob(SPAN("s3:GET*"), SPAN("S3:getObject"), true));
    assert_false(policy_glob(SPAN("s3:GET*"), SPAN("S3:getObject"), false));
    assert_true(policy_glob(SPAN(""), SPAN(""), false));
    assert_true(policy_glob(SPAN("**"), SPAN_ABSENT, false));
    assert_false(policy_glob(SPAN("?"), SPAN_ABSENT, false));
}

/* Wildcards that take the length of the pattern times that of the text: an Allow ends, a Deny stands. */
static void slow_patterns_end(void **state)
{
    (void)state;
    static char text[POLICY_BUCKET_MAX_BYTES], key[8192];
    char detail[POLICY_DETAIL_BYTES];
    memset(key, 'a', sizeof(key));
    for (int deny = 0; deny < 2; deny++) {
        size_t len = (size_t)snprintf(text, sizeof(text),
            "{\"Statement\":{\"Effect\":\"%s\",\"Action\":\"s3:*\",\"Resource\":[\"arn:aws:s3:::"
            "b\"",
            deny ? "Deny" : "Allow");
        for (int i = 0; i < 20; i++) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, ",\"arn:aws:s3:::*");
            for (int j = 0; j < 300; j++)
                len += (size_t)snprintf(text + len, sizeof(text) - len, "?a");
            len += (size_t)snprintf(text + len, sizeof(text) - len, "b\"");
        }
        snprintf(text + len, sizeof(text) - len, "]}}");
        struct policy *policy = compile(POLICY_IDENTITY, text, detail);
        memcpy(key, "arn:aws:s3:::", 13);
        assert_int_equal(effect_on(policy, "s3:GetObject", span_of(key, sizeof(key)), NULL),
            deny ? POLICY_DENY : POLICY_NO_MATCH);
        assert_int_equal(effect_on(policy, "s3:GetObject", SPAN("arn:aws:s3:::b"), NULL),
            deny ? POLICY_DENY : POLICY_ALLOW);
        assert_int_equal(
            effect_on(policy, "s3:GetObject", span_of(key, 200), NULL), POLICY_NO_MATCH);
        policy_free(policy);
    }
}

/* A long header that a variable puts into a pattern, compared at each place of another long one: without a bound it
 * took a tenth of a second for each request. */
static void slow_variables_end(void **state)
{
    (void)state;
    static char agent[4096], referer[8192];
    char detail[POLICY_DETAIL_BYTES];
    struct policy *policy = compile(POLICY_IDENTITY,
        "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\","
        "\"Resource\":\"*\",\"Condition\":"
        "{\"StringLike\":{\"aws:Referer\":\"*${aws:UserAgent}\"}}}}",
        detail);
    assert_string_equal(detail, "");
    memset(agent, 'a', sizeof(agent));
    memset(referer, 'a', sizeof(referer));
    agent[sizeof(agent) - 1] = 'b';
    struct span values[] = {span_of(agent, sizeof(agent)), span_of(referer, sizeof(referer))};
    struct policy_context context = {.now_s = 0};
    context.keys[POLICY_KEY_AWS_USER_AGENT] = (struct policy_values){&values[0], 1};
    context.keys[POLICY_KEY_AWS_REFERER] = (struct policy_values){&values[1], 1};
    assert_int_equal(
        effect_on(policy, "s3:GetObject", SPAN("arn:aws:s3:::b"), &context), POLICY_DENY);
    values[1].len = 100;
    assert_int_equal(
        effect_on(policy, "s3:GetObject", SPAN("arn:aws:s3:::b"), &context), POLICY_NO_MATCH);
    policy_free(policy);
}

/* ---- names ---- */

static void keys_are_known_by_name(void **state)
{
    (void)state;
    enum policy_tag_family family;
    struct span tag;
    assert_int_equal(
        policy_key_named(SPAN("AWS:sourceip"), &family, &tag), POLICY_KEY_AWS_SOURCE_IP);
    assert_int_equal(family, POLICY_TAG_FAMILIES);
    assert_int_equal(
        policy_key_named(SPAN("s3:versionid"), &family, &tag), POLICY_KEY_S3_VERSION_ID);
    assert_int_equal(
        policy_key_named(SPAN("s3:ExistingObjectTag/a/b"), &family, &tag), POLICY_KEYS);
    assert_int_equal(family, POLICY_TAGS_EXISTING_OBJECT);
    assert_span_text(tag, "a/b");
    assert_int_equal(policy_key_named(SPAN("aws:PrincipalTag/"), &family, &tag), POLICY_KEYS);
    assert_int_equal(family, POLICY_TAG_FAMILIES);
    assert_int_equal(policy_key_named(SPAN(""), &family, &tag), POLICY_KEYS);
    /* Each has one name, and is found by it. */
    for (size_t i = 0; i < POLICY_KEYS; i++)
        assert_int_equal(policy_key_named(policy_key_name((enum policy_key)i), &family, &tag), i);
}

static void actions_are_known_by_pattern(void **state)
{
    (void)state;
    const struct policy_action *at = policy_action_next(SPAN("S3:PUTobject"), NULL);
    assert_non_null(at);
    assert_span_text(at->name, "s3:PutObject");
    assert_int_equal(at->on, POLICY_ON_OBJECT);
    assert_true(at->served);
    assert_null(policy_action_next(SPAN("s3:PutObject"), at));
    assert_null(policy_action_next(SPAN("s3:PutObjct"), NULL));
    size_t count = 0;
    for (at = NULL; (at = policy_action_next(SPAN("*"), at)) != NULL; count++) {
        const struct policy_action *other = policy_action_next(at->name, NULL);
        assert_ptr_equal(other, at); /* none stands twice */
    }
    assert_true(count > 190);
}

static void tells_what_a_policy_looks_at(void **state)
{
    (void)state;
    char detail[POLICY_DETAIL_BYTES];
    struct policy *policy = compile(POLICY_IDENTITY,
        "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:*\","
        "\"Resource\":\"arn:aws:s3:::lake/${aws:PrincipalTag/team}/*\",\"Condition\":"
        "{\"StringLike\":{\"S3:Prefix\":\"${aws:userName}*\"}}}}",
        detail);
    for (size_t i = 0; i < POLICY_KEYS; i++)
        assert_int_equal(policy_uses_key(policy, (enum policy_key)i),
            i == POLICY_KEY_S3_PREFIX || i == POLICY_KEY_AWS_USERNAME);
    for (size_t i = 0; i < POLICY_TAG_FAMILIES; i++)
        assert_int_equal(
            policy_uses_tags(policy, (enum policy_tag_family)i), i == POLICY_TAGS_PRINCIPAL);
    policy_free(policy);
    policy_free(NULL);
}

/* ---- principals ---- */

static void count_principal(void *ctx, struct span arn)
{
    char *names = ctx;
    size_t len = strlen(names);
    snprintf(names + len, 400 - len, "%.*s ", SPAN_ARG(arn));
}

/* Compiles the text, and checks which principals it calls back. The caller's. */
static struct policy *check_principals(
    const char *text, const struct policy_options *options, const char *wanted)
{
    char names[400] = "", detail[POLICY_DETAIL_BYTES];
    struct policy *policy = NULL;
    assert_true(policy_compile(span_str(text), options, &policy, detail));
    policy_each_principal(policy, count_principal, names);
    assert_string_equal(names, wanted);
    return policy;
}

static struct span new_id(void *ctx, struct span principal)
{
    (void)ctx;
    return span_starts(principal, SPAN("arn:")) ? SPAN("AIDANEWALICENEWALICE1") : principal;
}

static void principals_are_kept_by_id(void **state)
{
    (void)state;
    static const char text[] =
        "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":["
        "\"arn:aws:iam::111111111111:user/"
        "alice\",\"111111111111\",\"arn:aws:iam::111111111111:root\","
        "\"arn:aws:sts::111111111111:assumed-role/r/s\"],\"Service\":\"s3.amazonaws.com\"},"
        "\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::lake/*\"},{\"Effect\":\"Deny\","
        "\"NotPrincipal\":{\"AWS\":\"arn:aws:iam::222222222222:role/x/"
        "r\"},\"Action\":\"s3:PutObject\","
        "\"Resource\":\"arn:aws:s3:::lake/*\"}]}";
    struct policy_options options = {.kind = POLICY_BUCKET, .bucket = SPAN("lake")};
    struct policy_verdict verdict;
    static const struct policy_context context = {.now_s = 0};
    struct policy_principal alice = {.kind = POLICY_USER,
        .account = SPAN("111111111111"),
        .arn = SPAN("arn:aws:iam::111111111111:user/alice"),
        .unique_id = SPAN("AIDAALICEALICEALICE11")};
    struct policy_request request = {.principal = &alice,
        .action = SPAN("s3:GetObject"),
        .resource = SPAN("arn:aws:s3:::lake/a"),
        .context = &context};
    options.resolver.unique_id = new_id;
    struct policy *policy = check_principals(
        text, &options, "arn:aws:iam::111111111111:user/alice arn:aws:iam::222222222222:role/x/r ");
    policy_evaluate(policy, &request, &verdict);
    assert_int_equal(verdict.named, POLICY_NAMED_ACCOUNT); /* the old one is not meant */
    alice.unique_id = SPAN("AIDANEWALICENEWALICE1");
    policy_evaluate(policy, &request, &verdict);
    assert_int_equal(verdict.named, POLICY_NAMED_ACCOUNT | POLICY_NAMED_EXACTLY);
    policy_free(policy);
}

/* A provider's or service's name is no principal of ours, whatever it looks like (found by fuzzing). */
static void only_arns_of_users_and_roles_are_called_back(void **state)
{
    (void)state;
    static const char text[] =
        "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"AROACLEANERCLEANER111:job-"
        "7\","
        "\"Service\":\"a.b:aws:iam::111111111111:user/c\","
        "\"Federated\":\"arn:aws:iam::111111111111:user/provider\"},"
        "\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::lake/*\"}]}";
    struct policy_options options = {.kind = POLICY_BUCKET, .bucket = SPAN("lake")};
    policy_free(check_principals(text, &options, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allows_what_pipelines_paste),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(bytes_are_checked),
        cmocka_unit_test(patterns_match_as_the_simple_way),
        cmocka_unit_test(globs_know_characters_and_case),
        cmocka_unit_test(slow_patterns_end),
        cmocka_unit_test(slow_variables_end),
        cmocka_unit_test(keys_are_known_by_name),
        cmocka_unit_test(actions_are_known_by_pattern),
        cmocka_unit_test(tells_what_a_policy_looks_at),
        cmocka_unit_test(principals_are_kept_by_id),
        cmocka_unit_test(only_arns_of_users_and_roles_are_called_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
