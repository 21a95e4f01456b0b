/* Does an operation's stream reach its end without HTTP, however its producer is late, and is it closed once? */
#include "tests/ops/support.h"

#include <pthread.h>

struct counter {
    struct stream_waker waker;
    pthread_t thread;
    atomic_int ready; /* how many letters there are by now */
    int sent, last, closed;
    enum stream_result then;
};

static enum stream_result next(void *ctx, char *ret_bytes, size_t max_bytes, size_t *ret_len)
{
    struct counter *counter = ctx;
    assert_true(max_bytes > 0);
    if (counter->sent == counter->last)
        return counter->then;
    if (counter->sent == atomic_load(&counter->ready))
        return STREAM_WAIT;
    ret_bytes[0] = (char)('a' + counter->sent++);
    *ret_len = 1;
    return STREAM_DATA;
}

static void close_it(void *ctx)
{
    struct counter *counter = ctx;
    counter->closed++;
}

static void *produce(void *ctx)
{
    struct counter *counter = ctx;
    for (int i = 0; i < counter->last; i++) {
        atomic_fetch_add(&counter->ready, 1);
        stream_wake(&counter->waker);
    }
    return NULL;
}

static enum s3_err start(struct request *request, struct counter *counter)
{
    stream_waker_init(&counter->waker);
    struct stream_source source = {
        .next = next, .close = close_it, .ctx = counter, .waker = &counter->waker};
    return response_stream(request, 200, &source, STREAM_LENGTH_UNKNOWN);
}

/* A reply of an operation that does nothing but this. */
static void open_reply(struct world *world, struct counter *counter, struct reply *reply)
{
    *reply = (struct reply){.request = calloc(1, sizeof(*reply->request))};
    assert_non_null(reply->request);
    request_init(reply->request, &world->daemon);
    buf_init(&reply->bytes, 64 * 1024);
    reply->err = start(reply->request, counter);
}

static void test_a_stream_is_drained_to_its_end(void **state)
{
    struct counter counter = {.last = 20, .then = STREAM_END};
    struct reply reply;
    open_reply(*state, &counter, &reply);
    assert_int_equal(pthread_create(&counter.thread, NULL, produce, &counter), 0);
    while (reply_pull(&reply) == STREAM_DATA)
        continue;
    assert_span(reply.body, "abcdefghijklmnopqrst");
    assert_false(reply.broken);
    pthread_join(counter.thread, NULL);
    reply_free(&reply);
    assert_int_equal(counter.closed, 1);
    stream_waker_free(&counter.waker);
}

static void test_a_broken_stream_shows(void **state)
{
    struct counter counter = {.last = 2, .ready = 2, .then = STREAM_BROKEN};
    struct reply reply;
    open_reply(*state, &counter, &reply);
    while (reply_pull(&reply) == STREAM_DATA)
        continue;
    assert_span(reply.body, "ab");
    assert_true(reply.broken);
    reply_free(&reply);
    assert_int_equal(counter.closed, 1);
    stream_waker_free(&counter.waker);
}

static void test_one_too_many_is_refused_and_closed(void **state)
{
    struct world *world = *state;
    struct counter counter = {.last = 1, .then = STREAM_END};
    struct reply reply;
    atomic_store(&world->daemon.streams, STREAMS_DEFAULT);
    open_reply(world, &counter, &reply);
    assert_int_equal(reply.err, S3_ERR_SLOW_DOWN);
    assert_int_equal(counter.closed, 1);
    reply_free(&reply);
    assert_int_equal(counter.closed, 1);
    assert_int_equal(atomic_load(&world->daemon.streams), STREAMS_DEFAULT);
    stream_waker_free(&counter.waker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_a_stream_is_drained_to_its_end, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_a_broken_stream_shows, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_one_too_many_is_refused_and_closed, world_make, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
