/* Waiting while somebody sets the clock. */
#include "cmocka_span.h"

#include "base/clock.h"

#include <sys/syscall.h>
#include <unistd.h>

static int64_t ahead_s; /* of the system's clock; read by whoever asks in this program */

int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, ret_now);
    if (clock == CLOCK_REALTIME)
        ret_now->tv_sec += ahead_s;
    return result;
}

/* A deadline that was computed by a clock an hour ahead of the kernel's would be waited for that long. */
static void a_wait_is_as_long_as_it_should_be_whatever_the_clock_says(void **state)
{
    (void)state;
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    ahead_s = 3600;
    uint64_t begin_ns = clock_monotonic_ns();
    pthread_mutex_lock(&lock);
    while (clock_wait(&condition, &lock, begin_ns + 20 * NS_PER_MS))
        continue;                                          /* for nothing */
    assert_false(clock_wait(&condition, &lock, begin_ns)); /* is over */
    pthread_mutex_unlock(&lock);
    uint64_t took_ns = clock_monotonic_ns() - begin_ns;
    ahead_s = 0;
    assert_in_range(took_ns, 20 * NS_PER_MS, 600 * NS_PER_S);
}

static void the_clocks_agree_with_the_systems(void **state)
{
    (void)state;
    int64_t before_ms = (int64_t)time(NULL) * 1000;
    int64_t now_ms = clock_unix_ms();
    assert_in_range(now_ms, before_ms, before_ms + 60000);
    assert_in_range(clock_monotonic_ms() * NS_PER_MS, 1, clock_monotonic_ns());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_is_as_long_as_it_should_be_whatever_the_clock_says),
        cmocka_unit_test(the_clocks_agree_with_the_systems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
