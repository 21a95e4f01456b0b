#include "headers.h"
#include "s3_err.h"

#include "cmocka_span.h"

static const struct header items[] = {
    {SPAN("Host"), SPAN("a")},
    {SPAN("X-Amz-Date"), SPAN("1")},
    {SPAN("ETag"), SPAN("x")},
    {SPAN("x-amz-date"), SPAN("2")},
    {SPAN("HOST"), SPAN("a")},
};
static const struct header_list list = {items, ARRAY_LEN(items)};

static void finds_and_counts_in_any_case(void **state)
{
    (void)state;
    assert_span_text(header_find(&list, SPAN("x-amz-DATE")), "1");
    assert_false(span_present(header_find(&list, SPAN("x-amz"))));
    assert_int_equal(header_count(&list, SPAN("host")), 2);
    assert_int_equal(header_count(&list, SPAN("etag")), 1);
    assert_int_equal(header_count(&list, SPAN("nothing")), 0);
    const struct header_list empty = {NULL, 0};
    assert_false(span_present(header_find(&empty, SPAN("host"))));
}

static void sees_conflicts(void **state)
{
    (void)state;
    assert_true(header_conflicts(&list, SPAN("x-amz-date")));
    assert_false(header_conflicts(&list, SPAN("host")));
    assert_false(header_conflicts(&list, SPAN("etag")));
    assert_false(header_conflicts(&list, SPAN("nothing")));
}

static void every_error_has_a_row(void **state)
{
    (void)state;
    assert_string_equal(s3_err_info(S3_OK)->code, "");
    assert_int_equal(s3_err_info(S3_OK)->status, 200);
    for (int i = 1; i < S3_ERR_COUNT; i++) {
        const struct s3_err_info *info = s3_err_info((enum s3_err)i);
        assert_true(strlen(info->code) > 0);
        assert_true(strlen(info->message) > 0);
        assert_in_range(info->status, 300, 599);
    }
    assert_string_equal(s3_err_info(S3_ERR_NO_SUCH_KEY)->code, "NoSuchKey");
    assert_int_equal(s3_err_info(S3_ERR_NO_SUCH_KEY)->status, 404);
    assert_string_equal(s3_err_info(S3_ERR_COUNT)->code, "InternalError");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_and_counts_in_any_case),
        cmocka_unit_test(sees_conflicts),
        cmocka_unit_test(every_error_has_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
