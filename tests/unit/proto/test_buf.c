#include "base/buf.h"

#include "cmocka_span.h"

static void appends_everything(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf buf;
    buf_init(&buf, 1000);
    assert_span_text(buf_span(&buf), "");
    assert_true(span_present(buf_span(&buf)));
    buf_add_lit(&buf, "a");
    buf_add(&buf, SPAN_ABSENT);
    buf_add_char(&buf, 'b');
    buf_add_u64(&buf, 0);
    buf_add_u64(&buf, UINT64_MAX);
    buf_add_hex(&buf, "\x00\xfe", 2);
    buf_addf(&buf, "%s-%d", "x", -5);
    assert_span_text(buf_span(&buf), "ab01844674407370955161500fex--5");
    assert_true(buf_ok(&buf));
    buf_clear(&buf);
    assert_span_text(buf_span(&buf), "");
    buf_add_lit(&buf, "again");
    assert_span_text(buf_span(&buf), "again");
}

static void grows_to_its_maximum_and_no_further(void **state)
{
    (void)state;
    for (size_t max = 0; max < 700; max += 23) {
        CLEANUP(buf_free) struct buf buf;
        buf_init(&buf, max);
        for (size_t i = 0; i < max; i++)
            buf_add_char(&buf, (char)('a' + i % 26));
        assert_true(buf_ok(&buf));
        assert_int_equal(buf.len, max);
        assert_true(buf.capacity <= max || buf.capacity <= 1);
        buf_add_char(&buf, 'x');
        assert_false(buf_ok(&buf));
        assert_int_equal(buf.len, max);
        for (size_t i = 0; i < max; i++)
            assert_int_equal(buf.ptr[i], 'a' + i % 26);
    }
}

static void failure_is_sticky(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf buf;
    buf_init(&buf, 4);
    buf_add_lit(&buf, "abc");
    buf_add_lit(&buf, "de");
    buf_add_lit(&buf, "f");
    buf_add_hex(&buf, "g", 1);
    buf_addf(&buf, "h");
    assert_null(buf_reserve(&buf, 0));
    buf_commit(&buf, 1);
    assert_false(buf_ok(&buf));
    assert_span_text(buf_span(&buf), "abc");
    buf_clear(&buf);
    assert_true(buf_ok(&buf));
    buf_add_lit(&buf, "wxyz");
    assert_span_text(buf_span(&buf), "wxyz");
}

static void absurd_sizes_fail(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf buf;
    buf_init(&buf, SIZE_MAX);
    buf_add_lit(&buf, "a");
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_false(buf_ok(&buf));
    assert_span_text(buf_span(&buf), "a");
}

static void reserves_for_the_caller(void **state)
{
    (void)state;
    CLEANUP(buf_free) struct buf buf;
    buf_init(&buf, 100000);
    assert_non_null(buf_reserve(&buf, 0));
    for (size_t i = 0; i < 100; i++) {
        char *to = buf_reserve(&buf, 1000);
        assert_non_null(to);
        memset(to, (int)i, 1000);
        buf_commit(&buf, 1000);
    }
    for (size_t i = 0; i < 100000; i++)
        assert_int_equal(buf.ptr[i], i / 1000);
    assert_null(buf_reserve(&buf, 1));
}

static void formats_long_texts(void **state)
{
    (void)state;
    for (int len = 500; len < 530; len++) {
        CLEANUP(buf_free) struct buf buf;
        buf_init(&buf, 516);
        buf_addf(&buf, "%*d", len, 7);
        assert_int_equal(buf_ok(&buf), len <= 516);
        assert_int_equal(buf.len, len <= 516 ? len : 0);
        if (len <= 516)
            assert_int_equal(buf.ptr[len - 1], '7');
    }
}

static void frees_what_was_never_used(void **state)
{
    (void)state;
    struct buf buf = {0};
    buf_free(&buf);
    buf_init(&buf, 10);
    buf_add_lit(&buf, "abc");
    buf_free(&buf);
    assert_null(buf.ptr);
    buf_add_lit(&buf, "0123456789");
    assert_true(buf_ok(&buf));
    buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_everything),
        cmocka_unit_test(grows_to_its_maximum_and_no_further),
        cmocka_unit_test(failure_is_sticky),
        cmocka_unit_test(absurd_sizes_fail),
        cmocka_unit_test(reserves_for_the_caller),
        cmocka_unit_test(formats_long_texts),
        cmocka_unit_test(frees_what_was_never_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
