/* Linked into what is built with AddressSanitizer: nobody forks while a thread is in its allocator. glibc's own allocator
 * can be used in a process forked beside threads, as the scrub and the snapshots do; that of GCC 12's AddressSanitizer
 * stays locked in it for ever when a thread had it locked.
 * https://sourceware.org/glibc/manual/latest/html_node/Replacing-malloc.html */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Held for reading in the allocator, for writing by who forks. Used before anything is initialized. */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static void before_fork(void)
{
    pthread_rwlock_wrlock(&lock);
}

static void after_fork(void)
{
    pthread_rwlock_unlock(&lock);
}

static void in_child(void)
{
    lock = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER; /* its owner was another thread's number */
}

/* First of all, so that it is the last to prepare: other handlers may allocate. */
__attribute__((constructor(101))) static void begin(void)
{
    pthread_atfork(before_fork, after_fork, in_child);
}

#define UNCHECKED __attribute__((no_sanitize_address, no_sanitize_undefined, visibility("default")))

/* The function of that name, by AddressSanitizer's. */
#define LOCKED(type, name, parameters, arguments)                                                  \
    type __interceptor_##name parameters;                                                          \
    UNCHECKED type name parameters                                                                 \
    {                                                                                              \
        pthread_rwlock_rdlock(&lock);                                                              \
        type result = __interceptor_##name arguments;                                              \
        pthread_rwlock_unlock(&lock);                                                              \
        return result;                                                                             \
    }

LOCKED(void *, malloc, (size_t size), (size))
LOCKED(void *, calloc, (size_t count, size_t size), (count, size))
LOCKED(void *, realloc, (void *old, size_t size), (old, size))
LOCKED(void *, reallocarray, (void *old, size_t count, size_t size), (old, count, size))
LOCKED(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
LOCKED(int, posix_memalign, (void **ret, size_t alignment, size_t size), (ret, alignment, size))
LOCKED(char *, strdup, (const char *text), (text))

void __interceptor_free(void *memory);
UNCHECKED void free(void *memory)
{
    pthread_rwlock_rdlock(&lock);
    __interceptor_free(memory);
    pthread_rwlock_unlock(&lock);
}
