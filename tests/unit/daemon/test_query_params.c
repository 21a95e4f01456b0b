/* Are parameters of the Query API read as AWS reads them, and refused in its words? */
#include "daemon/query_params.h"

#include <setjmp.h>
#include <stdarg.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static struct arena arena;

static struct query_params read_form(const char *form)
{
    struct query_params params;
    assert_int_equal(params_read(&arena, span_str(form), &params), S3_OK);
    return params;
}

static void assert_text(struct span actual, const char *expected)
{
    if (expected == NULL ? span_present(actual) : !span_eq(actual, span_str(expected)))
        fail_msg(
            "expected \"%s\", got \"%.*s\"", expected ? expected : "nothing", SPAN_ARG(actual));
}

static void assert_refused(
    const struct query_params *params, enum s3_err expected, const char *words)
{
    struct span detail = SPAN_ABSENT;
    assert_int_equal(params_check(params, &detail), expected);
    assert_text(detail, words);
}

static void test_forms(void **state)
{
    (void)state;
    struct query_params params =
        read_form("Action=CreateUser&UserName=a%2Bb&Path=%2Fx%2F&Empty&E=");
    assert_text(params_raw(&params, SPAN("Action")), "CreateUser");
    assert_text(param_text(&params, PARAM_UserName), "a+b");
    assert_text(param_text(&params, PARAM_Path), "/x/");
    assert_text(params_raw(&params, SPAN("Empty")), "");
    assert_text(params_raw(&params, SPAN("E")), "");
    assert_text(params_raw(&params, SPAN("UserNam")), NULL);
    assert_text(param_text(&params, PARAM_GroupName), NULL);
    assert_refused(&params, S3_OK, NULL);
    params = read_form("");
    assert_text(params_raw(&params, SPAN("Action")), NULL);
}

static void test_broken_forms(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "A=1&A=2", "A=%zz", "A=%", "%80=1", "A=%80", "A=%C0%80", "A=1&B=2&A=1"};
    struct query_params params;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        assert_int_equal(
            params_read(&arena, span_str(forms[i]), &params), S3_ERR_MALFORMED_QUERY_STRING);
    struct buf many CLEANUP(buf_free);
    buf_init(&many, 1 << 20);
    for (size_t i = 0; i <= QUERY_FORM_PARAMS_MAX; i++)
        buf_addf(&many, "p%zu=&", i);
    assert_int_equal(params_read(&arena, buf_span(&many), &params), S3_ERR_MALFORMED_QUERY_STRING);
}

#define ALPHANUMERIC "It must contain only alphanumeric characters and/or the following: +=,.@_-"
#define ONE "1 validation error detected: "

struct text_case {
    enum query_param_id id;
    const char *form;
    const char *words; /* NULL: it is accepted */
};

static const struct text_case text_cases[] = {
    {PARAM_UserName, "UserName=aA0_%2B%3D%2C.%40-", NULL},
    {PARAM_UserName, "UserName=",
        ONE "Value at 'userName' failed to satisfy constraint: Member must have length greater "
            "than or equal to 1"},
    {PARAM_UserName, "X=1",
        ONE "Value null at 'userName' failed to satisfy constraint: Member must not be null"},
    {PARAM_UserName, "UserName=a%20b",
        "The specified value for userName is invalid. " ALPHANUMERIC},
    {PARAM_UserName, "UserName=a%2Fb",
        "The specified value for userName is invalid. " ALPHANUMERIC},
    {PARAM_UserName, "UserName=a%00b",
        "The specified value for userName is invalid. " ALPHANUMERIC},
    {PARAM_UserName, "UserName=%C3%BC",
        "The specified value for userName is invalid. " ALPHANUMERIC},
    {PARAM_UserName, "UserName=a%0A", "The specified value for userName is invalid. " ALPHANUMERIC},
    {PARAM_Path, "Path=%2F", NULL},
    {PARAM_Path, "Path=%2Fa%2Fb%2F", NULL},
    {PARAM_Path, "Path=%2F%2F",
        "The specified value for path is invalid. It must begin and end with / and contain only "
        "alphanumeric characters and/or / characters."},
    {PARAM_Path, "Path=%2Fa",
        "The specified value for path is invalid. It must begin and end with / and contain only "
        "alphanumeric characters and/or / characters."},
    {PARAM_Path, "Path=a%2F",
        "The specified value for path is invalid. It must begin and end with / and contain only "
        "alphanumeric characters and/or / characters."},
    {PARAM_Path, "Path=%2Fa%20b%2F",
        "The specified value for path is invalid. It must begin and end with / and contain only "
        "alphanumeric characters and/or / characters."},
    {PARAM_PathPrefix, "PathPrefix=%2Fa", NULL},
    {PARAM_PathPrefix, "PathPrefix=a",
        "The specified value for pathPrefix is invalid. It must begin with / and contain only "
        "alphanumeric characters and/or / characters."},
    {PARAM_AccessKeyId, "AccessKeyId=AKIAIOSFODNN7EXAMPLE", NULL},
    {PARAM_AccessKeyId, "AccessKeyId=short",
        ONE "Value at 'accessKeyId' failed to satisfy constraint: Member must have length greater "
            "than or equal to 16"},
    {PARAM_AccessKeyId, "AccessKeyId=AKIA-OSFODNN7EXAMPLE",
        ONE "Value at 'accessKeyId' failed to satisfy constraint: Member must satisfy regular "
            "expression pattern: [\\w]+"},
    {PARAM_Status, "Status=Active", NULL},
    {PARAM_Status, "Status=Inactive", NULL},
    {PARAM_Status, "Status=active",
        ONE "Value at 'status' failed to satisfy constraint: Member must satisfy enum value set: "
            "[Active, Inactive]"},
    {PARAM_Status, "Status=Active%2C%20Inactive",
        ONE "Value at 'status' failed to satisfy constraint: Member must satisfy enum value set: "
            "[Active, Inactive]"},
    {PARAM_PolicyDocument, "PolicyDocument=%7B%0D%0A%09%C3%BF%7D", NULL},
    {PARAM_PolicyDocument, "PolicyDocument=%C4%80",
        ONE "Value at 'policyDocument' failed to satisfy constraint: Member must satisfy regular "
            "expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+"},
    {PARAM_PolicyDocument, "PolicyDocument=%00",
        ONE "Value at 'policyDocument' failed to satisfy constraint: Member must satisfy regular "
            "expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+"},
};

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(text_cases); i++) {
        const struct text_case *one = &text_cases[i];
        struct query_params params = read_form(one->form);
        bool got = span_present(param_required(&params, one->id));
        assert_int_equal(got, one->words == NULL);
        assert_refused(&params, one->words ? S3_ERR_VALIDATION_ERROR : S3_OK, one->words);
    }
}

/* Lengths are counted in characters. */
static void test_lengths(void **state)
{
    (void)state;
    struct buf form CLEANUP(buf_free);
    buf_init(&form, 1 << 20);
    buf_add_lit(&form, "TagKeys.member.1=");
    for (size_t i = 0; i < 128; i++)
        buf_add_lit(&form, "%C3%A4");
    const struct span *items = NULL;
    struct query_params params;
    assert_int_equal(params_read(&arena, buf_span(&form), &params), S3_OK);
    assert_int_equal(param_list(&params, PARAM_TagKeys, 50, &items), 1);
    assert_int_equal(items[0].len, 256);
    buf_add_lit(&form, "a");
    assert_int_equal(params_read(&arena, buf_span(&form), &params), S3_OK);
    assert_int_equal(param_list(&params, PARAM_TagKeys, 50, &items), 0);
    assert_refused(&params, S3_ERR_VALIDATION_ERROR,
        ONE "Value at 'tagKeys.member.1' failed to satisfy constraint: Member must have length "
            "less than or equal to 128");
}

static void test_new_names(void **state)
{
    (void)state;
    struct query_params params = read_form("UserName=abcde");
    assert_text(param_new_name(&params, PARAM_UserName, 5), "abcde");
    assert_refused(&params, S3_OK, NULL);
    assert_text(param_new_name(&params, PARAM_UserName, 4), NULL);
    assert_refused(&params, S3_ERR_VALIDATION_ERROR,
        ONE "Value at 'userName' failed to satisfy constraint: Member must have length less than "
            "or equal to 4");
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *form;
        uint64_t value; /* 0: refused */
    } cases[] = {{"A=1", 7}, {"MaxItems=1", 1}, {"MaxItems=1000", 1000}, {"MaxItems=0", 0},
        {"MaxItems=1001", 0}, {"MaxItems=-1", 0}, {"MaxItems=1.0", 0}, {"MaxItems=", 0},
        {"MaxItems=99999999999999999999", 0}, {"MaxItems=+5", 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct query_params params = read_form(cases[i].form);
        uint64_t value = param_number(&params, PARAM_MaxItems, 7);
        assert_int_equal(value, cases[i].value ? cases[i].value : 7);
        assert_int_equal(params.complaint_count, cases[i].value == 0);
    }
    struct query_params params = read_form("MaxItems=1001");
    param_number(&params, PARAM_MaxItems, 7);
    assert_refused(&params, S3_ERR_VALIDATION_ERROR,
        ONE "Value at 'maxItems' failed to satisfy constraint: Member must have value less than "
            "or equal to 1000");
}

static void test_several_complaints(void **state)
{
    (void)state;
    struct query_params params = read_form("MaxItems=0&UserName=");
    param_required(&params, PARAM_UserName);
    param_required(&params, PARAM_GroupName);
    param_number(&params, PARAM_MaxItems, 7);
    assert_refused(&params, S3_ERR_VALIDATION_ERROR,
        "3 validation errors detected: Value at 'userName' failed to satisfy constraint: Member "
        "must have length greater than or equal to 1; Value null at 'groupName' failed to satisfy "
        "constraint: Member must not be null; Value at 'maxItems' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1");
}

#define DUPLICATE "Duplicate tag keys found. Please note that Tag keys are case insensitive."
#define TAG(n, key, value) "Tags.member." n ".Key=" key "&Tags.member." n ".Value=" value

static const struct {
    const char *form;
    size_t count;
    enum s3_err err;
    const char *words; /* NULL: not compared */
} tag_cases[] = {
    {"X=1", 0, S3_OK, NULL},
    {TAG("1", "team", "lake"), 1, S3_OK, NULL},
    {TAG("1", "team", "") "&" TAG("2", "t%C3%A9am", "%E2%82%AC"), 2, S3_OK, NULL},
    {TAG("2", "b", "2") "&" TAG("1", "a", "1"), 2, S3_OK, NULL},
    {TAG("1", "Team", "x") "&" TAG("2", "team", "y"), 0, S3_ERR_INVALID_INPUT, DUPLICATE},
    {TAG("1", "aws:x", "y"), 0, S3_ERR_INVALID_INPUT,
        "User defined tags cannot begin with the prefix aws:"},
    {TAG("1", "AWS:x", "y"), 0, S3_ERR_INVALID_INPUT, NULL},
    {TAG("1", "", "y"), 0, S3_ERR_VALIDATION_ERROR, NULL},
    {TAG("1", "a%3Cb", "y"), 0, S3_ERR_VALIDATION_ERROR, NULL},
    {TAG("1", "a", "%7B"), 0, S3_ERR_VALIDATION_ERROR, NULL},
    {"Tags.member.1.Key=a", 0, S3_ERR_VALIDATION_ERROR,
        ONE "Value null at 'tags.member.1.Value' failed to satisfy constraint: Member must not be "
            "null"},
    {"Tags.member.1.Value=a", 0, S3_ERR_VALIDATION_ERROR, NULL},
    {TAG("1", "a", "1") "&" TAG("3", "b", "2"), 0, S3_ERR_VALIDATION_ERROR, NULL},
    {TAG("0", "a", "1"), 0, S3_ERR_VALIDATION_ERROR, NULL},
    {TAG("01", "a", "1"), 0, S3_ERR_VALIDATION_ERROR, NULL},
    {TAG("x", "a", "1"), 0, S3_ERR_VALIDATION_ERROR, NULL},
    {TAG("18446744073709551617", "a", "1"), 0, S3_ERR_VALIDATION_ERROR, NULL},
};

static void test_tags(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tag_cases); i++) {
        const struct policy_tag *tags = NULL;
        struct span detail = SPAN_ABSENT;
        struct query_params params = read_form(tag_cases[i].form);
        assert_int_equal(param_tags(&params, &tags), tag_cases[i].count);
        assert_int_equal(params_check(&params, &detail), tag_cases[i].err);
        if (tag_cases[i].words)
            assert_text(detail, tag_cases[i].words);
    }
}

/* In the order of their numbers, not of their names: 10 stands behind 2. */
static void test_lists(void **state)
{
    (void)state;
    struct buf form CLEANUP(buf_free);
    buf_init(&form, 1 << 20);
    for (size_t i = 12; i > 0; i--)
        buf_addf(&form, "TagKeys.member.%zu=key%zu&", i, i);
    struct query_params params;
    const struct span *items = NULL;
    assert_int_equal(params_read(&arena, buf_span(&form), &params), S3_OK);
    assert_int_equal(param_list(&params, PARAM_TagKeys, 50, &items), 12);
    assert_text(items[1], "key2");
    assert_text(items[11], "key12");
    assert_refused(&params, S3_OK, NULL);
    assert_int_equal(param_list(&params, PARAM_TagKeys, 11, &items), 0);
    assert_refused(&params, S3_ERR_VALIDATION_ERROR,
        ONE "Value at 'tagKeys' failed to satisfy constraint: Member must have length less than "
            "or equal to 11");
    params = read_form("ContextEntries.member.1.A=x&ContextEntries.member.2.A.member.1=y");
    assert_int_equal(params_members(&params, SPAN("ContextEntries"), 9), 2);
    assert_text(params_member(&params, SPAN("ContextEntries"), 1, SPAN("A")), "x");
    assert_text(params_member(&params, SPAN("ContextEntries"), 2, SPAN("A")), NULL);
}

static void test_booleans(void **state)
{
    (void)state;
    struct query_params params = read_form("MaxItems=true&Status=no");
    assert_true(param_bool(&params, PARAM_MaxItems, false));
    assert_true(param_bool(&params, PARAM_Marker, true));
    assert_false(param_bool(&params, PARAM_Marker, false));
    assert_int_equal(params.complaint_count, 0);
    assert_false(param_bool(&params, PARAM_Status, true));
    assert_int_equal(params.complaint_count, 1);
}

/* Memory that runs out is a fault of ours, never a request that passes. */
static void test_overflow(void **state)
{
    (void)state;
    const char *form = TAG("1", "a", "1") "&" TAG("2", "b", "%C3%A9");
    for (size_t max_bytes = 0; max_bytes < 20000; max_bytes += 64) {
        struct arena small CLEANUP(arena_free);
        arena_init(&small, max_bytes);
        struct query_params params;
        const struct policy_tag *tags = NULL;
        struct span detail = SPAN_ABSENT;
        enum s3_err err = params_read(&small, span_str(form), &params);
        if (err == S3_OK) {
            size_t count = param_tags(&params, &tags);
            err = params_check(&params, &detail);
            assert_true(err == S3_ERR_INTERNAL || count == 2);
        }
        assert_int_equal(err, small.overflow ? S3_ERR_INTERNAL : S3_OK);
    }
}

static int reset(void **state)
{
    (void)state;
    arena_free(&arena);
    arena_init(&arena, 16 << 20);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_forms, reset),
        cmocka_unit_test_setup(test_broken_forms, reset),
        cmocka_unit_test_setup(test_texts, reset),
        cmocka_unit_test_setup(test_lengths, reset),
        cmocka_unit_test_setup(test_new_names, reset),
        cmocka_unit_test_setup(test_numbers, reset),
        cmocka_unit_test_setup(test_several_complaints, reset),
        cmocka_unit_test_setup(test_tags, reset),
        cmocka_unit_test_setup(test_lists, reset),
        cmocka_unit_test_setup(test_booleans, reset),
        cmocka_unit_test_setup(test_overflow, reset),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
