/* What the unit tests share: cmocka with the headers that it wants, and comparing spans. */
#ifndef TESTS_CMOCKA_SPAN_H
#define TESTS_CMOCKA_SPAN_H

#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static inline void assert_span_at(struct span got, struct span wanted, const char *file, int line)
{
    if (!span_eq(got, wanted))
        print_error("got \"%.*s\", wanted \"%.*s\"\n", SPAN_ARG(got), SPAN_ARG(wanted));
    _assert_true(span_eq(got, wanted), "spans are equal", file, line);
}
#define assert_span(got, wanted) assert_span_at((got), (wanted), __FILE__, __LINE__)
#define assert_span_text(got, text) assert_span((got), span_str(text))

/* A small deterministic generator, so that a failure comes again. xorshift64* */
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

#endif
