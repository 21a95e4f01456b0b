/* Where a statement stands in its policy's text. */
#include "daemon/managed_policies.h"
#include "daemon/query/statement_place.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *text;
    size_t index;
    bool found;
    struct statement_place place;
} cases[] = {
    {"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"a\"}]}", 0, true, {1, 38, 1, 49}},
    {"{\"Version\": \"2012-10-17\", \"Statement\": [{\"Sid\":\"a\"}]}", 0, true, {1, 41, 1, 52}},
    {"{\"Statement\":{\"Sid\":\"a\"},\"Version\":\"x\"}", 0, true, {1, 14, 1, 25}},
    {"{\"Statement\":{\"Sid\":\"a\"}}", 1, false, {0}},
    {"{\"Statement\":[{\"a\":[1,{}]},{\"b\":\"}]\\\"\"} ,\n{}]}", 0, true, {1, 15, 1, 27}},
    {"{\"Statement\":[{\"a\":[1,{}]},{\"b\":\"}]\\\"\"} ,\n{}]}", 1, true, {1, 28, 1, 40}},
    {"{\"Statement\":[{\"a\":[1,{}]},{\"b\":\"}]\\\"\"} ,\n{}]}", 2, true, {1, 42, 2, 3}},
    {"{\"Statement\":[{},{}]}", 2, false, {0}},
    {"{\"Id\":\"Statement\",\"x\":{\"Statement\":[{}]},\"Statement\":[{}]}", 0, true,
        {1, 55, 1, 57}},
    {"{\"Sid\":\"\xc3\xa9\",\"Statement\":[{}]}", 0, true, {1, 25, 1, 27}},
    {"{\"\\u0053tatement\":[{}]}", 0, false, {0}},
    {"{}", 0, false, {0}},
    {"[]", 0, false, {0}},
    {"", 0, false, {0}},
    {"{\"Statement\"", 0, false, {0}},
    {"{\"Statement\":[", 0, false, {0}},
    {"{\"Statement\":[{", 0, true, {1, 15, 1, 16}},
    {"{\"State", 0, false, {0}},
    {"{\"a\\", 0, false, {0}},
};

static void test_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct statement_place place = {0};
        print_message("%s [%zu]\n", cases[i].text, cases[i].index);
        assert_int_equal(
            statement_place(span_str(cases[i].text), cases[i].index, &place), cases[i].found);
        assert_memory_equal(&place, &cases[i].place, sizeof(place));
    }
}

/* What AWS answers for its own policy: line 3, column 17 to line 8, column 6. */
static void test_as_aws_counts(void **state)
{
    (void)state;
    const struct managed_policy *policy =
        managed_policy_find(SPAN("arn:aws:iam::aws:policy/AdministratorAccess"));
    assert_non_null(policy);
    struct statement_place place;
    assert_true(statement_place(policy->document, 0, &place));
    assert_int_equal(place.start_line, 3);
    assert_int_equal(place.start_column, 17);
    assert_int_equal(place.end_line, 8);
    assert_int_equal(place.end_column, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_as_aws_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
