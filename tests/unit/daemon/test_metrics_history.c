/* Does the history tell what was counted between two samples, for a day and no longer; are quantiles where they
 * should be; and who counts as local? */
#include "daemon/config.h"
#include "daemon/connections.h"
#include "daemon/daemon.h"
#include "daemon/metrics.h"
#include "daemon/metrics_history.h"
#include "daemon/metrics_pages.h"
#include "daemon/source_ip.h"
#include "daemon/staging.h"
#include "daemon/workers.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
// clang-format off
#include <cmocka.h>
// clang-format on

enum { BEGAN_S = 1700000000 };

static struct daemon world;
static char dir[] = "/tmp/lakegate-history-XXXXXX";

static int open_world(void **state)
{
    (void)state;
    struct storage_options options = {.dir = dir};
    if (mkdtemp(dir) == NULL || storage_open(&options, &world.store, NULL) != STORAGE_OK)
        return -1;
    world.metrics = metrics_new(2);
    world.workers = workers_new(1, 1);
    world.staging = staging_new(8 * 1024 * 1024);
    world.connections = connections_new(16, 15, 0);
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
    connections_free(world.connections);
    metrics_free(world.metrics);
    workers_free(world.workers);
    staging_free(world.staging);
    storage_close(world.store);
    return nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void count(const char *op, const char *bucket, int status, uint64_t us, uint64_t bytes)
{
    struct request request = {.daemon = &world, .bytes_in = bytes};
    request.response.status = status;
    request.bucket = (struct bucket_info){.id = 1, .name = span_str(bucket)};
    for (size_t i = 0; i < ops_count; i++)
        if (strcmp(ops_table[i].name, op) == 0)
            request.op = &ops_table[i];
    metrics_request(world.metrics, &request, 2 * bytes, us * 1000);
}

static void assert_written(struct metrics_history *history, int64_t since_s, const char *expected)
{
    struct buf out CLEANUP(buf_free);
    buf_init(&out, HISTORY_TEXT_MAX_BYTES);
    metrics_history_write(history, since_s, &out);
    buf_add_char(&out, '\0');
    if (strstr(out.ptr, expected) == NULL)
        fail_msg("%s not in %.2000s", expected, out.ptr);
}

static size_t rows(struct metrics_history *history, int64_t since_s)
{
    struct buf out CLEANUP(buf_free);
    buf_init(&out, HISTORY_TEXT_MAX_BYTES);
    metrics_history_write(history, since_s, &out);
    assert_true(buf_ok(&out));
    size_t found = 0;
    for (size_t at = span_find(buf_span(&out), SPAN("\n["), 0); at != SIZE_MAX;
         at = span_find(buf_span(&out), SPAN("\n["), at + 1))
        found++;
    return found;
}

/* Of the samples that a test takes itself: the thread's own, every ten seconds, would come in between. */
static struct metrics_history *history_of_the_test(void)
{
    struct metrics_history *history = metrics_history_new(&world);
    assert_non_null(history);
    return history;
}

static void test_a_sample_has_what_came_since_the_last(void **state)
{
    (void)state;
    struct metrics_history *history = history_of_the_test();
    metrics_history_sample(history, BEGAN_S);
    for (int i = 0; i < 99; i++)
        count("get_object", "one", 200, 80, 10);
    count("put_object", "one", 500, 4000, 100);
    count("delete_objects", "one", 200, 80, 0);
    count("list_objects_v2", "one", 403, 80, 0);
    count("put_bucket_policy", "one", 200, 80, 0);
    count("upload_part", "one", 200, 80, 0);
    count("none", "one", 404, 80, 0);
    metrics_history_sample(history, BEGAN_S + 10);
    metrics_history_sample(history, BEGAN_S + 20);
    assert_written(history, 0,
        "\"columns\":[\"time_s\",\"reads\",\"writes\",\"deletes\",\"lists\",\"others\","
        "\"errors_4xx\",\"errors_5xx\",\"bytes_in\",\"bytes_out\",\"p50_us\",\"p99_us\"");
    assert_written(history, 0, "[1700000010,99,2,1,1,2,2,1,1090,2180,50,100,0,0,0,");
    assert_written(history, 0, "[1700000020,0,0,0,0,0,0,0,0,0,0,0,0,0,0,");
    assert_int_equal(rows(history, BEGAN_S), 2);
    assert_int_equal(rows(history, INT64_MAX), 0);
    metrics_history_free(history);
}

static void test_it_ends_after_a_day(void **state)
{
    (void)state;
    struct metrics_history *history = history_of_the_test();
    for (int64_t i = 0; i < HISTORY_SAMPLES + 100; i++)
        metrics_history_sample(history, BEGAN_S + 10 * i);
    assert_int_equal(rows(history, 0), HISTORY_SAMPLES);
    assert_int_equal(rows(history, BEGAN_S + 10 * (HISTORY_SAMPLES + 100 - 6)), 5);
    metrics_history_free(history);
    metrics_history_free(NULL);
}

static void test_quantiles(void **state)
{
    (void)state;
    uint64_t counts[METRICS_LATENCY_BUCKETS] = {0};
    assert_int_equal(metrics_history_quantile_us(counts, 500), 0);
    counts[0] = 1;
    assert_int_equal(metrics_history_quantile_us(counts, 500), 100);
    counts[0] = 50;
    counts[3] = 50; /* 500 to 1000 us */
    assert_int_equal(metrics_history_quantile_us(counts, 500), 100);
    assert_int_equal(metrics_history_quantile_us(counts, 510), 510);
    assert_int_equal(metrics_history_quantile_us(counts, 1000), 1000);
    counts[METRICS_LATENCY_BUCKETS - 1] = 900; /* has no end: where it begins is what is known */
    assert_int_equal(metrics_history_quantile_us(counts, 990), 10000000);
}

static void test_buckets_are_bounded(void **state)
{
    (void)state;
    struct buf out CLEANUP(buf_free);
    buf_init(&out, METRICS_TEXT_MAX_BYTES);
    count("get_object", "two", 200, 1, 1);
    count("get_object", "three", 200, 1, 5);
    count("get_object", "four", 404, 1, 7);
    metrics_write(world.metrics, &world, true, &out);
    assert_true(span_find(buf_span(&out),
                    SPAN("lakegate_bucket_requests_total{bucket=\"two\",status=\"2xx\"} 1\n"),
                    0) != SIZE_MAX);
    assert_true(
        span_find(buf_span(&out), SPAN("{bucket=\"one\",status=\"5xx\"} 1\n"), 0) != SIZE_MAX);
    assert_true(
        span_find(buf_span(&out), SPAN("{bucket=\"(others)\",status=\"4xx\"} 1\n"), 0) != SIZE_MAX);
    assert_true(
        span_find(buf_span(&out),
            SPAN("lakegate_bucket_bytes_received_total{bucket=\"(others)\"} 12\n"), 0) != SIZE_MAX);
    assert_true(span_find(buf_span(&out), SPAN("three"), 0) == SIZE_MAX);
    buf_clear(&out);
    metrics_write(world.metrics, &world, false, &out);
    assert_true(span_find(buf_span(&out), SPAN("bucket=\"two\""), 0) == SIZE_MAX);
}

struct local_case {
    const char *peer, *host, *header, *value;
    bool is_local;
};

static void check_local(const struct daemon *daemon, const struct local_case *wanted)
{
    struct header headers[] = {{SPAN("Host"), span_str(wanted->host)},
        {span_str(wanted->header), span_str(wanted->value)}};
    struct request request = {.daemon = (struct daemon *)daemon,
        .peer = span_str(wanted->peer),
        .headers = {headers, wanted->header != NULL ? 2 : 1}};
    if (metrics_is_local(&request) != wanted->is_local)
        fail_msg("%s, Host %s, %s: %s", wanted->peer, wanted->host,
            wanted->header != NULL ? wanted->header : "no other header",
            wanted->is_local ? "is not local" : "is local");
}

static void test_who_is_local(void **state)
{
    (void)state;
    static const struct local_case cases[] = {
        {"127.0.0.1", "127.0.0.1:9000", NULL, NULL, true},
        {"127.0.0.1", "localhost", NULL, NULL, true},
        {"127.8.9.1", "LOCALHOST:9000", NULL, NULL, true},
        {"::1", "[::1]:9000", NULL, NULL, true},
        {"192.0.2.7", "localhost", NULL, NULL, false},
        {"unix", "localhost", NULL, NULL, false},
        {"127.0.0.1", "lake.example.com", NULL, NULL, false}, /* a page whose name points here */
        {"127.0.0.1", "localhost.example.com", NULL, NULL, false},
        {"127.0.0.1", "127.0.0.1.example.com", NULL, NULL, false},
        {"127.0.0.1", "", NULL, NULL, false},
        {"127.0.0.1", "localhost", "X-Forwarded-For", "192.0.2.7", false},
        {"127.0.0.1", "localhost", "X-Forwarded-For", "127.0.0.1", false},
        {"127.0.0.1", "localhost", "Forwarded", "for=127.0.0.1", false},
        {"127.0.0.1", "localhost", "X-Real-IP", "127.0.0.1", false},
        {"127.0.0.1", "localhost", "Via", "1.1 proxy", false},
        {"::ffff:7f00:1", "localhost", NULL, NULL, true},
    };
    struct config config = {.path_prefix = "", .public_url = "", .metrics_token = ""};
    struct daemon plain = {.config = &config};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_local(&plain, &cases[i]);

    /* Behind a proxy on the same machine that adds no header. */
    const struct local_case unknown = {"127.0.0.1", "127.0.0.1:9000", NULL, NULL, false};
    config.public_url = "https://lake.example.com";
    check_local(&plain, &unknown);
    config.public_url = "";
    config.path_prefix = "/lake";
    check_local(&plain, &unknown);
    /* One that is trusted tells whom it speaks for; who comes without that is no client of it. */
    struct source_networks trusted = {.count = 1};
    assert_true(network_parse(SPAN("127.0.0.1"), &trusted.items[0]));
    plain.trusted_proxies = &trusted;
    config.trusted_proxies.count = 1;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_local(&plain, &cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sample_has_what_came_since_the_last),
        cmocka_unit_test(test_it_ends_after_a_day),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_buckets_are_bounded),
        cmocka_unit_test(test_who_is_local),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
