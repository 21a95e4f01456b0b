#include "base/arena.h"

#include "cmocka_span.h"

#include <stdalign.h>

static void gives_aligned_zeroed_memory_that_does_not_overlap(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    CLEANUP(arena_free) struct arena arena;
    arena_init(&arena, 64 << 20);
    static unsigned char *blocks[COUNT];
    static size_t sizes[COUNT];
    uint64_t random = 1;
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i] = next_random(&random) % (i % 50 == 0 ? 100000 : 300);
        blocks[i] = arena_alloc(&arena, sizes[i]);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(blocks[i][k], 0);
        memset(blocks[i], (int)(i % 255 + 1), sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(blocks[i][k], i % 255 + 1);
    assert_false(arena.overflow);
}

static void overflow_is_sticky(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena arena;
    arena_init(&arena, 1000);
    assert_non_null(arena_alloc(&arena, 900));
    assert_null(arena_alloc(&arena, 200));
    assert_true(arena.overflow);
    assert_null(arena_alloc(&arena, 1));
    assert_false(span_present(arena_copy(&arena, SPAN("a"))));
    assert_false(span_present(arena_format(&arena, "a")));
    arena_free(&arena);
    assert_false(arena.overflow);
    assert_non_null(arena_alloc(&arena, 900));
}

static void absurd_sizes_overflow(void **state)
{
    (void)state;
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2, SIZE_MAX / 4, 1u << 21};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CLEANUP(arena_free) struct arena arena;
        arena_init(&arena, 1 << 20);
        assert_null(arena_alloc(&arena, sizes[i]));
        assert_true(arena.overflow);
    }
    CLEANUP(arena_free) struct arena arena;
    arena_init(&arena, SIZE_MAX);
    assert_null(arena_array(&arena, uint64_t, SIZE_MAX / 4));
    assert_true(arena.overflow);
}

static void a_size_of_zero_is_a_pointer(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena arena;
    arena_init(&arena, 1000);
    void *first = arena_alloc(&arena, 0), *second = arena_alloc(&arena, 0);
    assert_non_null(first);
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    struct arena empty;
    arena_init(&empty, 0);
    assert_null(arena_alloc(&empty, 0));
    arena_free(&empty);
}

static void copies_and_formats(void **state)
{
    (void)state;
    CLEANUP(arena_free) struct arena arena;
    arena_init(&arena, 10000);
    char text[] = "a\0b";
    struct span copy = arena_copy(&arena, span_of(text, 3));
    text[0] = 'x';
    assert_span(copy, SPAN("a\0b"));
    assert_int_equal(copy.ptr[3], 0);
    assert_false(span_present(arena_copy(&arena, SPAN_ABSENT)));
    assert_true(span_present(arena_copy(&arena, SPAN(""))));
    assert_false(arena.overflow);
    struct span line = arena_format(&arena, "%05d %s", 42, "x");
    assert_span_text(line, "00042 x");
    assert_int_equal(line.ptr[line.len], 0);
    assert_int_equal(arena_format(&arena, "%*d", 5000, 1).len, 5000);
    assert_false(span_present(arena_format(&arena, "%*d", 5000, 1)));
    assert_true(arena.overflow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_aligned_zeroed_memory_that_does_not_overlap),
        cmocka_unit_test(overflow_is_sticky),
        cmocka_unit_test(absurd_sizes_overflow),
        cmocka_unit_test(a_size_of_zero_is_a_pointer),
        cmocka_unit_test(copies_and_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
