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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allows_what_pipelines_paste),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
