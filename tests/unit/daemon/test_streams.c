/* Does a body that is made while it is sent arrive as it was made, wait without a thread, and leave nothing behind
 * when its client, its producer or the daemon ends first? With the real server on a port of the loopback; this
 * program stands in for daemon/health.c, so that its paths are the streams of this test. */
#include "daemon/config.h"
#include "daemon/connections.h"
#include "daemon/daemon.h"
#include "daemon/health.h"
#include "daemon/server.h"
#include "daemon/staging.h"
#include "daemon/workers.h"

#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
// clang-format off
#include <cmocka.h>
// clang-format on

enum { STREAMS = 3, REPLY_BYTES = 1 << 20, LARGE_BYTES = 3 * 1000 * 1000, DRAIN_S = 60 };

/* What the test's own thread tells the producer of the moment. */
static struct producer {
    struct stream_waker waker;
    pthread_mutex_t lock;
    char text[256]; /* to be sent, then result */
    enum stream_result then;
    uint64_t made, calls; /* by next_large */
    sem_t waiting;        /* posted with each STREAM_WAIT */
    sem_t closed;
} producer;

static struct daemon world;
static struct config config;
static struct server *server;
static char dir[] = "/tmp/lakegate-streams-XXXXXX";
static uint16_t port;

static enum stream_result next(void *ctx, char *ret_bytes, size_t max_bytes, size_t *ret_len)
{
    struct producer *of = ctx;
    pthread_mutex_lock(&of->lock);
    size_t len = strlen(of->text) < max_bytes ? strlen(of->text) : max_bytes;
    memcpy(ret_bytes, of->text, len);
    memmove(of->text, of->text + len, strlen(of->text + len) + 1);
    *ret_len = len;
    enum stream_result result = len > 0 ? STREAM_DATA : of->then;
    pthread_mutex_unlock(&of->lock);
    if (result == STREAM_WAIT)
        sem_post(&of->waiting);
    return result;
}

static void closed(void *ctx)
{
    struct producer *of = ctx;
    sem_post(&of->closed);
}

static enum s3_err start(struct request *request, bool endless, uint64_t length_bytes)
{
    struct stream_source source = {.next = next,
        .close = closed,
        .ctx = &producer,
        .waker = &producer.waker,
        .endless = endless};
    return response_stream(request, 200, &source, length_bytes);
}

static enum s3_err run_events(struct request *request)
{
    return start(request, true, STREAM_LENGTH_UNKNOWN);
}

static enum s3_err run_chunks(struct request *request)
{
    return start(request, false, STREAM_LENGTH_UNKNOWN);
}

static enum s3_err run_ten(struct request *request)
{
    return start(request, false, 10);
}

static enum s3_err run_then_fail(struct request *request)
{
    TRY(start(request, false, 10));
    return FAIL(request, NO_SUCH_KEY, NULL);
}

/* Bytes that say where they stand, as many as go. */
static enum stream_result next_large(void *ctx, char *ret_bytes, size_t max_bytes, size_t *ret_len)
{
    struct producer *of = ctx; /* one at a time */
    size_t len = LARGE_BYTES - of->made < max_bytes ? LARGE_BYTES - of->made : max_bytes;
    for (size_t i = 0; i < len; i++)
        ret_bytes[i] = (char)((of->made + i) % 251);
    of->made += len;
    of->calls++;
    *ret_len = len;
    return len > 0 ? STREAM_DATA : STREAM_END;
}

static enum s3_err large(struct request *request, uint64_t length_bytes)
{
    struct stream_source source = {.next = next_large, .close = closed, .ctx = &producer};
    return response_stream(request, 200, &source, length_bytes);
}

static enum s3_err run_large(struct request *request)
{
    return large(request, LARGE_BYTES);
}

static enum stream_result next_flood(void *ctx, char *ret_bytes, size_t max_bytes, size_t *ret_len)
{
    (void)ctx;
    memset(ret_bytes, '.', max_bytes);
    *ret_len = max_bytes;
    return STREAM_DATA;
}

static enum s3_err run_flood(struct request *request)
{
    struct stream_source source = {.next = next_flood, .close = closed, .ctx = &producer};
    return response_stream(request, 200, &source, STREAM_LENGTH_UNKNOWN);
}

static enum s3_err run_large_chunks(struct request *request)
{
    return large(request, STREAM_LENGTH_UNKNOWN);
}

const struct op *health_route(const struct request *request)
{
    static const struct op ops[] = {
        {.name = "events", .run = run_events},
        {.name = "chunks", .run = run_chunks, .class = CLASS_WORKER},
        {.name = "ten", .run = run_ten},
        {.name = "then-fail", .run = run_then_fail, .class = CLASS_WORKER},
        {.name = "flood", .run = run_flood},
        {.name = "large", .run = run_large},
        {.name = "large-chunks", .run = run_large_chunks},
    };
    struct span path = request->target.path;
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        if (span_starts(path, SPAN("/-/")) && span_eq(span_from(path, 3), span_str(ops[i].name)))
            return &ops[i];
    return NULL;
}

/* ---- the world ---- */

static char *environment(const char *name)
{
    return strcmp(name, "LAKEGATE_STREAMS") == 0 ? (char *)"3" : NULL;
}

static void serve(void)
{
    char error[SERVER_ERROR_BYTES];
    atomic_store(&world.draining, false);
    if (!server_start(&world, &server, error))
        fail_msg("%s", error);
    struct span address = server_address(server, 0);
    port = (uint16_t)strtoul(strrchr(address.ptr, ':') + 1, NULL, 10);
}

static int open_world(void **state)
{
    (void)state;
    static const char *const arguments[] = {"lakegated", "--listen", "127.0.0.1:0"};
    char error[CONFIG_ERROR_BYTES];
    struct storage_options options = {.dir = dir};
    if (mkdtemp(dir) == NULL || storage_open(&options, &world.store, NULL) != STORAGE_OK ||
        !config_load(&config, ARRAY_LEN(arguments), arguments, environment, error))
        return -1;
    world.config = &config;
    world.region = SPAN("us-east-1");
    world.staging = staging_new(8 * 1024 * 1024);
    world.workers = workers_new(2, 16);
    world.connections = connections_new(64, 15, 1024);
    stream_waker_init(&producer.waker);
    pthread_mutex_init(&producer.lock, NULL);
    serve();
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status, (void)kind, (void)at;
    return remove(path);
}

static int close_world(void **state)
{
    (void)state;
    server_stop(server, DRAIN_S);
    workers_free(world.workers);
    connections_free(world.connections);
    staging_free(world.staging);
    storage_close(world.store);
    config_free(&config);
    stream_waker_free(&producer.waker);
    return nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int begin(void **state)
{
    (void)state;
    /* A stream gives back its place after it closed its source, which is all that the last test waited for. */
    for (int ms = 0; atomic_load(&world.streams) > 0; ms++) {
        if (ms == 10 * 1000)
            return -1;
        usleep(1000);
    }
    pthread_mutex_lock(&producer.lock);
    producer.text[0] = '\0';
    producer.then = STREAM_WAIT;
    producer.made = producer.calls = 0;
    pthread_mutex_unlock(&producer.lock);
    sem_init(&producer.waiting, 0, 0);
    sem_init(&producer.closed, 0, 0);
    return 0;
}

/* What comes next, from another thread than the server's. */
static void produce(const char *text, enum stream_result then)
{
    pthread_mutex_lock(&producer.lock);
    snprintf(producer.text, sizeof(producer.text), "%s", text);
    producer.then = then;
    pthread_mutex_unlock(&producer.lock);
    stream_wake(&producer.waker);
}

static void wait_for(sem_t *what)
{
    while (sem_wait(what) != 0)
        assert_int_equal(errno, EINTR);
}

/* ---- clients ---- */

struct client {
    int fd;
    char bytes[REPLY_BYTES];
    size_t len;
};

static void ask(struct client *client, const char *line)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    client->len = 0;
    client->bytes[0] = '\0';
    assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    char text[256];
    int len = snprintf(text, sizeof(text), "%s\r\nHost: localhost\r\n\r\n", line);
    assert_int_equal(send(client->fd, text, (size_t)len, MSG_NOSIGNAL), len);
}

/* False: the server ended the connection. */
static bool receive_some(struct client *client)
{
    ssize_t got =
        recv(client->fd, client->bytes + client->len, sizeof(client->bytes) - 1 - client->len, 0);
    if (got <= 0)
        return false;
    client->len += (size_t)got;
    client->bytes[client->len] = '\0';
    return true;
}

static void receive_until(struct client *client, const char *mark)
{
    while (strstr(client->bytes, mark) == NULL)
        if (!receive_some(client))
            fail_msg("%s expected, got: %s", mark, client->bytes);
}

static void receive_rest(struct client *client)
{
    while (receive_some(client))
        continue;
}

static bool has(const struct client *client, const char *text)
{
    return strstr(client->bytes, text) != NULL;
}

/* ---- the tests ---- */

static void test_chunks_arrive_as_they_are_made(void **state)
{
    (void)state;
    static struct client client;
    ask(&client, "GET /-/chunks HTTP/1.1");
    wait_for(&producer.waiting);
    produce("first", STREAM_WAIT);
    receive_until(&client, "first\r\n");
    assert_true(has(&client, "HTTP/1.1 200") && has(&client, "Transfer-Encoding: chunked"));
    assert_false(has(&client, "Content-Length"));
    wait_for(&producer.waiting);
    produce("second", STREAM_END);
    receive_until(&client, "second\r\n0\r\n\r\n");
    wait_for(&producer.closed);
    close(client.fd);
}

static void test_the_connection_lives_on_after_a_whole_stream(void **state)
{
    (void)state;
    static struct client client;
    produce("0123456789", STREAM_END);
    ask(&client, "GET /-/ten HTTP/1.1");
    receive_until(&client, "\r\n\r\n0123456789");
    assert_true(has(&client, "Content-Length: 10\r\n"));
    wait_for(&producer.closed);
    static const char again[] = "GET /-/chunks HTTP/1.1\r\nHost: localhost\r\n\r\n";
    produce("again", STREAM_END);
    assert_int_equal(send(client.fd, again, sizeof(again) - 1, MSG_NOSIGNAL), sizeof(again) - 1);
    receive_until(&client, "again\r\n0\r\n\r\n");
    wait_for(&producer.closed);
    close(client.fd);
}

static void test_http_1_0_gets_a_stream_until_the_end(void **state)
{
    (void)state;
    static struct client client;
    produce("old", STREAM_END);
    ask(&client, "GET /-/chunks HTTP/1.0");
    receive_rest(&client);
    assert_true(has(&client, "\r\n\r\nold"));
    assert_false(has(&client, "chunked"));
    wait_for(&producer.closed);
    close(client.fd);
}

static void test_a_broken_stream_has_no_last_chunk(void **state)
{
    (void)state;
    static struct client client;
    produce("half", STREAM_BROKEN);
    ask(&client, "GET /-/chunks HTTP/1.1");
    receive_rest(&client);
    assert_true(has(&client, "half"));
    assert_false(has(&client, "\r\n0\r\n"));
    wait_for(&producer.closed);
    close(client.fd);
}

static void test_an_end_before_the_length_breaks_off(void **state)
{
    (void)state;
    static struct client client;
    produce("01234", STREAM_END);
    ask(&client, "GET /-/ten HTTP/1.1");
    receive_rest(&client); /* a kept connection would never end */
    assert_true(has(&client, "Content-Length: 10\r\n") && has(&client, "\r\n\r\n01234"));
    wait_for(&producer.closed);
    close(client.fd);
}

static void test_head_closes_the_stream_unread(void **state)
{
    (void)state;
    static struct client client;
    ask(&client, "HEAD /-/ten HTTP/1.1");
    receive_until(&client, "\r\n\r\n");
    assert_true(has(&client, "Content-Length: 10\r\n"));
    wait_for(&producer.closed);
    close(client.fd);
    ask(&client, "HEAD /-/chunks HTTP/1.1");
    receive_until(&client, "\r\n\r\n");
    assert_false(has(&client, "Content-Length"));
    wait_for(&producer.closed);
    close(client.fd);
    assert_int_not_equal(sem_trywait(&producer.waiting), 0);
}

static void test_an_error_closes_the_stream_and_is_answered(void **state)
{
    (void)state;
    static struct client client;
    ask(&client, "GET /-/then-fail HTTP/1.1");
    receive_until(&client, "</Error>");
    assert_true(has(&client, "HTTP/1.1 404") && has(&client, "NoSuchKey"));
    wait_for(&producer.closed);
    close(client.fd);
}

static void test_large_streams_arrive_byte_for_byte(void **state)
{
    (void)state;
    static struct client client;
    ask(&client, "GET /-/large HTTP/1.1");
    receive_until(&client, "\r\n\r\n");
    size_t head = (size_t)(strstr(client.bytes, "\r\n\r\n") + 4 - client.bytes);
    uint64_t at = 0;
    for (size_t from = head; at < LARGE_BYTES; from = 0) {
        for (size_t i = from; i < client.len; i++, at++)
            if ((unsigned char)client.bytes[i] != at % 251)
                fail_msg("byte %llu is wrong", (unsigned long long)at);
        client.len = 0;
        assert_true(at == LARGE_BYTES || receive_some(&client));
    }
    wait_for(&producer.closed);
    close(client.fd);
    assert_int_equal(producer.made, LARGE_BYTES);
}

/* A block of one byte made one send of each. */
static void test_http_1_0_gets_more_than_a_byte_at_once(void **state)
{
    (void)state;
    static struct client client;
    ask(&client, "GET /-/large-chunks HTTP/1.0");
    uint64_t got = 0;
    while (receive_some(&client)) {
        got += client.len;
        client.len = 0;
    }
    assert_true(got > LARGE_BYTES && got < LARGE_BYTES + 1024);
    wait_for(&producer.closed);
    close(client.fd);
    assert_in_range(producer.calls, 1, LARGE_BYTES / 8192);
}

static void test_a_client_that_leaves_a_waiting_stream_frees_it(void **state)
{
    (void)state;
    static struct client client;
    ask(&client, "GET /-/events HTTP/1.1");
    wait_for(&producer.waiting);
    close(client.fd);
    wait_for(&producer.closed);   /* nobody wakes it but the reaper */
    stream_wake(&producer.waker); /* and a producer that learns of it late does no harm */
}

static void test_a_client_that_leaves_with_bytes_unread_frees_it(void **state)
{
    (void)state;
    static struct client client;
    static const char more[] = "GET /-/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    ask(&client, "GET /-/events HTTP/1.1");
    wait_for(&producer.waiting);
    assert_int_equal(send(client.fd, more, sizeof(more) - 1, MSG_NOSIGNAL), sizeof(more) - 1);
    close(client.fd);
    wait_for(&producer.closed);
}

static void test_past_their_number_streams_are_refused(void **state)
{
    (void)state;
    static struct client clients[STREAMS], refused;
    for (size_t i = 0; i < STREAMS; i++) {
        ask(&clients[i], "GET /-/flood HTTP/1.1"); /* more than sockets hold: it stays open */
        receive_until(&clients[i], "\r\n\r\n");
    }
    ask(&refused, "GET /-/events HTTP/1.1");
    receive_until(&refused, "</Error>");
    assert_true(has(&refused, "HTTP/1.1 503") && has(&refused, "SlowDown"));
    wait_for(&producer.closed);
    close(refused.fd);
    for (size_t i = 0; i < STREAMS; i++) {
        close(clients[i].fd);
        wait_for(&producer.closed);
    }
    produce("room", STREAM_END);
    ask(&refused, "GET /-/chunks HTTP/1.1");
    receive_until(&refused, "room\r\n0\r\n\r\n");
    wait_for(&producer.closed);
    close(refused.fd);
}

static void *wake_without_end(void *ctx)
{
    atomic_bool *stop = ctx;
    while (!atomic_load(stop)) {
        stream_wake(&producer.waker);
        sched_yield();
    }
    return NULL;
}

static void test_waking_for_nothing_loses_nothing(void **state)
{
    (void)state;
    static struct client client;
    atomic_bool stop = false;
    pthread_t threads[2];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wake_without_end, &stop), 0);
    for (int round = 0; round < 5; round++) {
        produce("", STREAM_WAIT);
        ask(&client, "GET /-/chunks HTTP/1.1");
        wait_for(&producer.waiting);
        wait_for(&producer.waiting);
        produce("late", STREAM_END);
        receive_until(&client, "late\r\n0\r\n\r\n");
        wait_for(&producer.closed);
        close(client.fd);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
}

static void *stop_server(void *ctx)
{
    (void)ctx;
    server_stop(server, DRAIN_S);
    return NULL;
}

static void test_stopping_ends_events_whole_and_lets_others_finish(void **state)
{
    (void)state;
    static struct client events, chunks;
    pthread_t thread;
    ask(&chunks, "GET /-/chunks HTTP/1.1");
    wait_for(&producer.waiting);
    produce("one", STREAM_WAIT);
    receive_until(&chunks, "one");
    wait_for(&producer.waiting);
    assert_int_equal(pthread_create(&thread, NULL, stop_server, NULL), 0);
    while (!atomic_load(&world.draining))
        usleep(1000);
    produce("two", STREAM_END);
    receive_until(&chunks, "two\r\n0\r\n\r\n");
    pthread_join(thread, NULL);
    wait_for(&producer.closed);
    close(chunks.fd);

    while (sem_trywait(&producer.waiting) == 0) /* it may have waited more than once */
        continue;
    produce("", STREAM_WAIT);
    serve();
    ask(&events, "GET /-/events HTTP/1.1");
    wait_for(&producer.waiting);
    assert_int_equal(pthread_create(&thread, NULL, stop_server, NULL), 0);
    receive_until(&events, "\r\n0\r\n\r\n");
    pthread_join(thread, NULL);
    wait_for(&producer.closed);
    close(events.fd);
    serve();
}

static void test_stopping_cuts_off_what_does_not_end(void **state)
{
    (void)state;
    static struct client client;
    ask(&client, "GET /-/chunks HTTP/1.1");
    wait_for(&producer.waiting);
    server_stop(server, 0);
    receive_rest(&client);
    assert_false(has(&client, "\r\n0\r\n\r\n"));
    wait_for(&producer.closed);
    close(client.fd);
    serve();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_chunks_arrive_as_they_are_made, begin),
        cmocka_unit_test_setup(test_the_connection_lives_on_after_a_whole_stream, begin),
        cmocka_unit_test_setup(test_http_1_0_gets_a_stream_until_the_end, begin),
        cmocka_unit_test_setup(test_a_broken_stream_has_no_last_chunk, begin),
        cmocka_unit_test_setup(test_an_end_before_the_length_breaks_off, begin),
        cmocka_unit_test_setup(test_head_closes_the_stream_unread, begin),
        cmocka_unit_test_setup(test_an_error_closes_the_stream_and_is_answered, begin),
        cmocka_unit_test_setup(test_large_streams_arrive_byte_for_byte, begin),
        cmocka_unit_test_setup(test_http_1_0_gets_more_than_a_byte_at_once, begin),
        cmocka_unit_test_setup(test_a_client_that_leaves_a_waiting_stream_frees_it, begin),
        cmocka_unit_test_setup(test_a_client_that_leaves_with_bytes_unread_frees_it, begin),
        cmocka_unit_test_setup(test_past_their_number_streams_are_refused, begin),
        cmocka_unit_test_setup(test_waking_for_nothing_loses_nothing, begin),
        cmocka_unit_test_setup(test_stopping_ends_events_whole_and_lets_others_finish, begin),
        cmocka_unit_test_setup(test_stopping_cuts_off_what_does_not_end, begin),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
