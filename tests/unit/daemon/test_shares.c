/* One client alone does not take what all live of: memory of bodies, threads, places in the queue. */
#include "daemon/staging.h"
#include "daemon/workers.h"
#include "storage/storage.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { GREEDY = 1, MODEST = 2, BUFFERS = 16 };

static void count_wake(void *ctx)
{
    ++*(unsigned *)ctx;
}

static void one_client_leaves_staging_to_others(void **state)
{
    (void)state;
    enum { OWN = BUFFERS - BUFFERS / 4 };
    struct staging *staging = staging_new((uint64_t)BUFFERS * STAGE_BUFFER_BYTES);
    void *taken[BUFFERS + 1], *others = NULL;
    unsigned count = 0, woken = 0, woken_modest = 0;
    while (staging_get(staging, GREEDY, STAGE_BUFFER_BYTES, &taken[count]) == STAGING_OK)
        assert_in_range(++count, 1, OWN);
    assert_int_equal(count, OWN);
    struct staging_place place = {
        .client = GREEDY, .bytes = STAGE_BUFFER_BYTES, .wake = count_wake, .ctx = &woken};
    staging_wait(staging, &place);
    assert_int_equal(woken, 0);
    /* Others pass it by. */
    struct staging_place modest = {
        .client = MODEST, .bytes = STAGE_BUFFER_BYTES, .wake = count_wake, .ctx = &woken_modest};
    staging_wait(staging, &modest);
    assert_int_equal(woken_modest, 1);
    staging_put(staging, MODEST, modest.memory, STAGE_BUFFER_BYTES);
    assert_int_equal(woken, 0);
    /* What it gives back it gets again. */
    staging_put(staging, GREEDY, taken[--count], STAGE_BUFFER_BYTES);
    assert_int_equal(woken, 1);
    assert_int_equal(staging_get(staging, MODEST, STAGE_BUFFER_BYTES, &others), STAGING_OK);
    staging_put(staging, MODEST, others, STAGE_BUFFER_BYTES);
    staging_put(staging, GREEDY, place.memory, STAGE_BUFFER_BYTES);
    while (count > 0)
        staging_put(staging, GREEDY, taken[--count], STAGE_BUFFER_BYTES);
    assert_int_equal(staging_used_bytes(staging), 0);
    staging_free(staging);
}

/* A job that runs until it is let go. */
struct held {
    struct job job; /* first */
    bool running, over;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool let_go;
static unsigned running, over;

static void run_held(struct job *job)
{
    (void)job;
    pthread_mutex_lock(&lock);
    running++;
    pthread_cond_broadcast(&changed);
    while (!let_go)
        pthread_cond_wait(&changed, &lock);
    over++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void run_short(struct job *job)
{
    pthread_mutex_lock(&lock);
    ((struct held *)job)->over = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void one_client_leaves_threads_and_places_to_others(void **state)
{
    (void)state;
    enum { THREADS = 4, OWN_THREADS = 3, QUEUE = 8, OWN_PLACES = 6 };
    struct workers *workers = workers_new(THREADS, QUEUE);
    struct held greedy[OWN_THREADS + OWN_PLACES + 1] = {0};
    struct held modest = {.job = {.run = run_short, .client = MODEST}};
    assert_non_null(workers);
    for (size_t i = 0; i < ARRAY_LEN(greedy); i++)
        greedy[i].job = (struct job){.run = run_held, .client = GREEDY};
    for (size_t i = 0; i < OWN_THREADS; i++)
        assert_true(workers_submit(workers, &greedy[i].job));
    pthread_mutex_lock(&lock);
    while (running < OWN_THREADS)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    for (size_t i = OWN_THREADS; i < OWN_THREADS + OWN_PLACES; i++)
        assert_true(workers_submit(workers, &greedy[i].job));
    assert_false(workers_submit(workers, &greedy[OWN_THREADS + OWN_PLACES].job));
    /* The last thread is there for others. */
    assert_true(workers_submit(workers, &modest.job));
    pthread_mutex_lock(&lock);
    while (!modest.over)
        pthread_cond_wait(&changed, &lock);
    assert_int_equal(running, OWN_THREADS);
    let_go = true;
    pthread_cond_broadcast(&changed);
    while (over < OWN_THREADS + OWN_PLACES)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    workers_free(workers);
}

/* ---- giving way ---- */

static struct workers *pool;
static char order[8];

static void note(char what)
{
    order[strlen(order)] = what;
}

static void run_other(struct job *job)
{
    note('o');
    run_short(job);
}

static struct held other = {.job = {.run = run_other, .client = MODEST}};

/* In two turns; another job comes in the first. */
static void run_in_turns(struct job *job)
{
    note('1' + (char)strlen(order) / 2);
    if (order[1] == '\0') {
        assert_true(workers_submit(pool, &other.job));
        assert_true(workers_give_way(pool, job));
        return;
    }
    assert_false(workers_give_way(pool, job));
    run_short(job);
}

static void a_long_job_gives_way_to_those_who_wait(void **state)
{
    (void)state;
    struct held turns = {.job = {.run = run_in_turns, .client = GREEDY}};
    pool = workers_new(1, 4);
    assert_non_null(pool);
    assert_true(workers_submit(pool, &turns.job));
    pthread_mutex_lock(&lock);
    while (!turns.over)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    workers_free(pool);
    assert_string_equal(order, "1o2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_client_leaves_staging_to_others),
        cmocka_unit_test(one_client_leaves_threads_and_places_to_others),
        cmocka_unit_test(a_long_job_gives_way_to_those_who_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
