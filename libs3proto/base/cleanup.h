/* Release at declaration: CLEANUP(fn) runs fn(&variable) when the variable's scope ends. TAKE hands
 * ownership on: it yields the pointer and leaves NULL behind, and every destructor takes NULL. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define TAKE(ptr)                                                                                  \
    ({                                                                                             \
        __typeof__(ptr) taken_ = (ptr);                                                            \
        (ptr) = NULL;                                                                              \
        taken_;                                                                                    \
    })
#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_arg)                                                       \
    __attribute__((format(printf, format_index, first_arg)))
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#endif
