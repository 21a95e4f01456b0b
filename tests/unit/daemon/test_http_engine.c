#include "daemon/http_client.h"
#include "daemon/http_engine.h"
#include "scripted_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <strings.h>

#include <cmocka.h>

#define ANSWER "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab"

/* Names that resolve to another address each time, as an attacker's do. */
struct names {
    char entries[2][64];
    size_t looked_up, refused;
};

static const char *resolve(void *ctx)
{
    struct names *names = ctx;
    return names->entries[names->looked_up++ % 2];
}

static bool only_the_first(void *ctx, const struct sockaddr *address)
{
    struct names *names = ctx;
    struct sockaddr_in in;
    memcpy(&in, address, sizeof(in));
    bool good = in.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
    names->refused += !good;
    return good;
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ended;
    enum http_end end;
    size_t bytes;
};

static bool on_head(void *ctx, const struct http_head *head)
{
    (void)ctx;
    return head->status == 200;
}

static enum http_take on_body(void *ctx, struct span bytes)
{
    struct waiter *waiter = ctx;
    waiter->bytes += bytes.len;
    return HTTP_TAKEN;
}

static void on_end(void *ctx, enum http_end end, const char *cause)
{
    struct waiter *waiter = ctx;
    assert_non_null(cause);
    pthread_mutex_lock(&waiter->lock);
    waiter->end = end;
    waiter->ended = true;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
}

static enum http_end get_within(struct http_engine *engine, const char *url, long head_ms)
{
    static const struct http_events events = {on_head, on_body, on_end};
    struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct http_transfer_options options = {
        .method = "GET", .url = url, .connect_ms = 5000, .stall_s = 500, .head_ms = head_ms};
    struct http_transfer *transfer = http_transfer_start(engine, &options, &events, &waiter);
    assert_non_null(transfer);
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.ended)
        pthread_cond_wait(&waiter.changed, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    http_transfer_free(transfer);
    return waiter.end;
}

static enum http_end get(struct http_engine *engine, const char *url)
{
    return get_within(engine, url, 0);
}

static void a_name_that_moves_inside_is_refused(void **state)
{
    (void)state;
    struct scripted_server server = {.answers = {SPAN(ANSWER), SPAN(ANSWER)}, .answer_count = 2};
    struct names names = {.looked_up = 0};
    char url[64];
    scripted_start(&server);
    snprintf(url, sizeof(url), "http://rebind.example:%u/", (unsigned)server.port);
    for (size_t i = 0; i < 2; i++)
        snprintf(names.entries[i], sizeof(names.entries[i]), "rebind.example:%u:127.0.0.%u",
            (unsigned)server.port, (unsigned)i + 1);
    struct http_engine_options options = {.connections_max = 4,
        .connections_per_host_max = 2,
        .may_connect = only_the_first,
        .ctx = &names,
        .resolve = resolve};
    struct http_engine *engine = http_engine_new(&options);
    assert_non_null(engine);
    assert_int_equal(get(engine, url), HTTP_DONE);
    assert_int_equal(get(engine, url), HTTP_UNREACHABLE);
    assert_int_equal(get(engine, url), HTTP_DONE);
    http_engine_free(engine);
    assert_int_equal(names.refused, 1);
    assert_int_equal(atomic_load(&server.asked), 2);
    scripted_stop(&server);
}

static void the_environment_names_no_proxy(void **state)
{
    (void)state;
    struct scripted_server server = {.answers = {SPAN(ANSWER)}, .answer_count = 1};
    char url[64];
    scripted_start(&server);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", (unsigned)server.port);
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    struct http_engine_options options = {.connections_max = 4, .connections_per_host_max = 2};
    struct http_engine *engine = http_engine_new(&options);
    assert_non_null(engine);
    assert_int_equal(get(engine, url), HTTP_DONE);
    http_engine_free(engine);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    scripted_stop(&server);
}

static void other_protocols_are_not_spoken(void **state)
{
    (void)state;
    struct http_engine_options options = {.connections_max = 4, .connections_per_host_max = 2};
    struct http_engine *engine = http_engine_new(&options);
    assert_non_null(engine);
    static const char *const urls[] = {
        "file:///etc/passwd", "gopher://127.0.0.1:1/", "ftp://127.0.0.1:1/", "dict://127.0.0.1:1/"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        assert_int_equal(get(engine, urls[i]), HTTP_UNREACHABLE);
    http_engine_free(engine);
}

static void many_wait_in_line(void **state)
{
    (void)state;
    enum { MANY = 8 };
    static const struct http_events events = {on_head, on_body, on_end};
    struct scripted_server server = {.answer_count = MANY};
    struct waiter waiters[MANY];
    struct http_transfer *transfers[MANY];
    char url[64];
    for (size_t i = 0; i < MANY; i++)
        server.answers[i] = SPAN(ANSWER);
    scripted_start(&server);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", (unsigned)server.port);
    struct http_engine_options options = {.connections_max = 2, .connections_per_host_max = 1};
    struct http_engine *engine = http_engine_new(&options);
    assert_non_null(engine);
    for (size_t i = 0; i < MANY; i++) {
        struct http_transfer_options transfer = {
            .method = "GET", .url = url, .connect_ms = 5000, .stall_s = 5};
        waiters[i] =
            (struct waiter){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
        transfers[i] = http_transfer_start(engine, &transfer, &events, &waiters[i]);
        assert_non_null(transfers[i]);
    }
    for (size_t i = 0; i < MANY; i++) {
        pthread_mutex_lock(&waiters[i].lock);
        while (!waiters[i].ended)
            pthread_cond_wait(&waiters[i].changed, &waiters[i].lock);
        pthread_mutex_unlock(&waiters[i].lock);
        assert_int_equal(waiters[i].end, HTTP_DONE);
        assert_int_equal(waiters[i].bytes, 2);
        http_transfer_free(transfers[i]);
    }
    http_engine_free(engine);
    scripted_stop(&server);
}

static void heads_that_never_end_are_broken_off(void **state)
{
    (void)state;
    struct scripted_server server = {
        .answers = {SPAN("HTTP/1.1 200 OK\r\nX: "), SPAN(ANSWER)}, .answer_count = 2, .hold = true};
    char url[64];
    scripted_start(&server);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", (unsigned)server.port);
    struct http_engine_options options = {.connections_max = 4, .connections_per_host_max = 2};
    struct http_engine *engine = http_engine_new(&options);
    assert_non_null(engine);
    assert_int_equal(get_within(engine, url, 1), HTTP_BROKEN);
    assert_int_equal(get_within(engine, url, 60 * 1000), HTTP_DONE);
    http_engine_free(engine);
    scripted_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_moves_inside_is_refused),
        cmocka_unit_test(the_environment_names_no_proxy),
        cmocka_unit_test(other_protocols_are_not_spoken),
        cmocka_unit_test(many_wait_in_line),
        cmocka_unit_test(heads_that_never_end_are_broken_off),
    };
    if (!http_client_init())
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    http_client_exit();
    return failed;
}
