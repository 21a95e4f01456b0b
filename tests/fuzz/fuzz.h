/* What the fuzz targets share: a reader of the input, and a check that stops at a broken invariant.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "base/arena.h"
#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_ARENA_BYTES = 8 << 20 };

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The next line of the input; empty at its end. */
static inline struct span fuzz_line(struct span *input)
{
    struct span line = SPAN("");
    (void)span_split(input, '\n', &line);
    return line;
}

#endif
