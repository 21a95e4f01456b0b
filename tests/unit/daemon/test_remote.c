#include "base/buf.h"
#include "daemon/config.h"
#include "daemon/remote.h"
#include "scripted_server.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HEAD_OK "HTTP/1.1 200 OK\r\nETag: \"d41d8cd98f00b204e9800998ecf8427e\"\r\n"

struct fixture {
    struct scripted_server server;
    struct remote *remote;
    struct remote_bucket *bucket;
    char endpoint[64], allowed[64];
};

static struct remote *make_remote(const char *endpoint, const char *address)
{
    struct config config = {.remote_ca_file = ""};
    char error[REMOTE_ERROR_BYTES];
    config.remote_endpoints = (struct config_list){{endpoint}, 1};
    config.remote_addresses = (struct config_list){{address}, address != NULL};
    struct remote *remote = remote_new(&config, NULL, error);
    if (remote == NULL)
        fail_msg("%s", error);
    return remote;
}

static void start(struct fixture *fixture, const char *const *answers, bool with_keys)
{
    *fixture = (struct fixture){0};
    for (; answers[fixture->server.answer_count] != NULL; fixture->server.answer_count++)
        fixture->server.answers[fixture->server.answer_count] =
            span_str(answers[fixture->server.answer_count]);
    scripted_start(&fixture->server);
    snprintf(fixture->endpoint, sizeof(fixture->endpoint), "http://127.0.0.1:%u",
        (unsigned)fixture->server.port);
    snprintf(
        fixture->allowed, sizeof(fixture->allowed), "127.0.0.1:%u", (unsigned)fixture->server.port);
    fixture->remote = make_remote(fixture->endpoint, fixture->allowed);
    remote_listening(fixture->remote, NULL, 0);
    struct remote_source source = {
        .endpoint_url = span_str(fixture->endpoint), .bucket = SPAN("data")};
    if (with_keys) {
        source.access_key = SPAN("AKIDEXAMPLE");
        source.secret_key = SPAN("secret");
        source.session_token = SPAN("session");
    }
    assert_int_equal(remote_bucket_open(fixture->remote, &source, &fixture->bucket), REMOTE_OK);
}

static void stop(struct fixture *fixture)
{
    remote_free(fixture->remote);
    remote_bucket_close(fixture->bucket);
    scripted_stop(&fixture->server);
}

/* A read whose end the test's thread waits for. */
struct reader {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool paused, ended, pause_each, refuse_head;
    uint64_t bytes, first;
    size_t pauses;
    struct remote_failure failure;
};

static bool on_head(void *ctx, const struct remote_object *object)
{
    struct reader *reader = ctx;
    reader->first = object->first;
    return !reader->refuse_head;
}

static enum http_take on_body(void *ctx, struct span bytes)
{
    struct reader *reader = ctx;
    enum http_take take = HTTP_TAKEN;
    pthread_mutex_lock(&reader->lock);
    /* Every piece is refused once. */
    if (reader->pause_each && !reader->paused) {
        reader->paused = true;
        reader->pauses++;
        take = HTTP_PAUSE;
        pthread_cond_signal(&reader->changed);
    } else {
        reader->paused = false;
        reader->bytes += bytes.len;
    }
    pthread_mutex_unlock(&reader->lock);
    return take;
}

static void on_end(void *ctx, const struct remote_failure *failure)
{
    struct reader *reader = ctx;
    pthread_mutex_lock(&reader->lock);
    reader->failure = *failure;
    reader->ended = true;
    pthread_cond_signal(&reader->changed);
    pthread_mutex_unlock(&reader->lock);
}

static const struct remote_read_events events = {on_head, on_body, on_end};

static void reader_init(struct reader *reader)
{
    *reader = (struct reader){0};
    assert_int_equal(pthread_mutex_init(&reader->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&reader->changed, NULL), 0);
}

static void wait_end(struct reader *reader, struct remote_read *read)
{
    assert_non_null(read);
    pthread_mutex_lock(&reader->lock);
    while (!reader->ended)
        pthread_cond_wait(&reader->changed, &reader->lock);
    pthread_mutex_unlock(&reader->lock);
    remote_read_free(read);
}

static struct remote_failure read_all(
    struct remote_bucket *bucket, const struct remote_get *get, uint64_t *ret_bytes)
{
    struct reader reader;
    struct remote_failure failure;
    reader_init(&reader);
    wait_end(&reader, remote_read_start(bucket, get, &events, &reader, &failure));
    *ret_bytes = reader.bytes;
    return reader.failure;
}

#define PLAIN                                                                                      \
    {                                                                                              \
        .head = false                                                                              \
    }

static const struct {
    const char *name, *answer;
    struct remote_get get;
    enum remote_err err;
    uint64_t retry_after_ms;
    const char *code;
} reads[] = {
    {"whole", HEAD_OK "Content-Length: 5\r\n\r\nhello", PLAIN, REMOTE_OK, 0, ""},
    {"empty", HEAD_OK "Content-Length: 0\r\n\r\n", PLAIN, REMOTE_OK, 0, ""},
    {"after 100", "HTTP/1.1 100 Continue\r\nETag: x\r\n\r\n" HEAD_OK "Content-Length: 2\r\n\r\nab",
        PLAIN, REMOTE_OK, 0, ""},
    {"range",
        "HTTP/1.1 206 Partial\r\nETag: x\r\nContent-Range: bytes 2-4/9\r\n"
        "Content-Length: 3\r\n\r\nabc",
        {.has_range = true, .first = 2, .last = 4}, REMOTE_OK, 0, ""},
    {"range to the end",
        "HTTP/1.1 206 Partial\r\nETag: x\r\nContent-Range: bytes 7-8/9\r\n"
        "Content-Length: 2\r\n\r\nab",
        {.has_range = true, .first = 7, .last = 100}, REMOTE_OK, 0, ""},
    {"suffix",
        "HTTP/1.1 206 Partial\r\nETag: x\r\nContent-Range: bytes 7-8/9\r\n"
        "Content-Length: 2\r\n\r\nab",
        {.suffix_range = true, .last = 2}, REMOTE_OK, 0, ""},
    {"another range",
        "HTTP/1.1 206 Partial\r\nETag: x\r\nContent-Range: bytes 3-5/9\r\n"
        "Content-Length: 3\r\n\r\nabc",
        {.has_range = true, .first = 2, .last = 4}, REMOTE_NONSENSE, 0, ""},
    {"range and length differ",
        "HTTP/1.1 206 Partial\r\nETag: x\r\nContent-Range: bytes 2-4/9\r\n"
        "Content-Length: 5\r\n\r\nabcde",
        {.has_range = true, .first = 2, .last = 4}, REMOTE_NONSENSE, 0, ""},
    {"range past its size",
        "HTTP/1.1 206 Partial\r\nETag: x\r\nContent-Range: bytes 2-4/3\r\n"
        "Content-Length: 3\r\n\r\nabc",
        {.has_range = true, .first = 2, .last = 4}, REMOTE_NONSENSE, 0, ""},
    {"all instead of a range", HEAD_OK "Content-Length: 5\r\n\r\nhello",
        {.has_range = true, .first = 2, .last = 4}, REMOTE_NONSENSE, 0, ""},
    {"a range unasked",
        "HTTP/1.1 206 Partial\r\nETag: x\r\nContent-Range: bytes 0-0/9\r\n"
        "Content-Length: 1\r\n\r\na",
        PLAIN, REMOTE_NONSENSE, 0, ""},
    {"a part",
        "HTTP/1.1 206 Partial\r\nETag: x\r\nContent-Range: bytes 5-9/20\r\n"
        "Content-Length: 5\r\n\r\nhello",
        {.part_number = 2}, REMOTE_OK, 0, ""},
    {"shorter than it says", HEAD_OK "Content-Length: 10\r\n\r\nhello", PLAIN, REMOTE_BROKEN, 0,
        ""},
    {"longer than it says", HEAD_OK "Content-Length: 3\r\n\r\nhello", PLAIN, REMOTE_OK, 0, ""},
    {"no length", HEAD_OK "\r\nhello", PLAIN, REMOTE_NONSENSE, 0, ""},
    {"chunked", HEAD_OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", PLAIN,
        REMOTE_NONSENSE, 0, ""},
    {"no etag", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", PLAIN, REMOTE_NONSENSE, 0, ""},
    {"status of old", "HTTP/1.1 203 Eh\r\nETag: x\r\nContent-Length: 1\r\n\r\na", PLAIN,
        REMOTE_NONSENSE, 0, ""},
    {"reset", "", PLAIN, REMOTE_BROKEN, 0, ""},
    {"no HTTP", "220 mail.example ESMTP\r\n", PLAIN, REMOTE_BROKEN, 0, ""},
    {"odd field", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", PLAIN, REMOTE_BROKEN, 0, ""},
    {"not found",
        "HTTP/1.1 404 No\r\nConnection: close\r\n\r\n"
        "<Error><Code>NoSuchKey</Code><A>1</A></Error>",
        PLAIN, REMOTE_NOT_FOUND, 0, "NoSuchKey"},
    {"code with markup",
        "HTTP/1.1 403 No\r\nConnection: close\r\n\r\n"
        "<Error><Code>Access&lt;b&gt;</Code></Error>",
        PLAIN, REMOTE_DENIED, 0, "Access"},
    {"no body", "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", PLAIN, REMOTE_DENIED, 0, ""},
    {"changed", "HTTP/1.1 412 No\r\nContent-Length: 0\r\n\r\n", PLAIN, REMOTE_CHANGED, 0, ""},
    {"not modified", "HTTP/1.1 304 No\r\n\r\n", PLAIN, REMOTE_NOT_MODIFIED, 0, ""},
    {"no such range", "HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n", PLAIN, REMOTE_RANGE, 0, ""},
    {"busy", "HTTP/1.1 503 Slow Down\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", PLAIN,
        REMOTE_BUSY, 7000, ""},
    {"busy for ages", "HTTP/1.1 429 No\r\nRetry-After: 99999999\r\nContent-Length: 0\r\n\r\n",
        PLAIN, REMOTE_BUSY, REMOTE_RETRY_AFTER_MAX_MS, ""},
    {"busy since long ago", "HTTP/1.1 500 No\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
        PLAIN, REMOTE_BUSY, 0, ""},
    {"redirect",
        "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
        PLAIN, REMOTE_REFUSED, 0, ""},
    {"teapot", "HTTP/1.1 418 No\r\nContent-Length: 0\r\n\r\n", PLAIN, REMOTE_REFUSED, 0, ""},
};

static void answers_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
        struct fixture fixture;
        uint64_t bytes;
        start(&fixture, (const char *const[]){reads[i].answer, NULL}, false);
        struct remote_get get = reads[i].get;
        get.key = SPAN("k");
        struct remote_failure failure = read_all(fixture.bucket, &get, &bytes);
        if (failure.err != reads[i].err || failure.retry_after_ms != reads[i].retry_after_ms ||
            strcmp(failure.code, reads[i].code) != 0)
            fail_msg("%s: %s, %llu, %s", reads[i].name, remote_text(failure.err),
                (unsigned long long)failure.retry_after_ms, failure.code);
        /* One that broke on a connection that was new is not asked again. */
        assert_int_equal(atomic_load(&fixture.server.asked), 1);
        if (!span_starts(span_str(fixture.server.requests[0]), SPAN("GET /data/k")))
            fail_msg("%s: %s", reads[i].name, fixture.server.requests[0]);
        assert_null(strcasestr(fixture.server.requests[0], "\r\nauthorization:"));
        stop(&fixture);
    }
}

static void endless_heads_are_broken_off(void **state)
{
    (void)state;
    static char answer[1024 * 1024];
    struct fixture fixture;
    uint64_t bytes;
    size_t len = (size_t)snprintf(answer, sizeof(answer), HEAD_OK);
    while (len + 200 < sizeof(answer))
        len += (size_t)snprintf(answer + len, sizeof(answer) - len, "X-%zu: %0150d\r\n", len, 1);
    start(&fixture, (const char *const[]){answer, NULL}, false);
    assert_int_equal(read_all(fixture.bucket, &(struct remote_get){.key = SPAN("k")}, &bytes).err,
        REMOTE_BROKEN);
    stop(&fixture);
}

static void regions_are_learnt(void **state)
{
    (void)state;
    static const char *const answers[][4] = {
        {"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-3\r\nContent-Length: 0\r\n\r\n",
            HEAD_OK "Content-Length: 2\r\n\r\nab", NULL},
        {"HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n<Error><Code>AuthorizationHeaderMalformed"
         "</Code><Region>eu-west-3</Region></Error>",
            HEAD_OK "Content-Length: 2\r\n\r\nab", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct fixture fixture;
        struct arena arena;
        uint64_t bytes;
        start(&fixture, answers[i], true);
        arena_init(&arena, 4096);
        assert_int_equal(
            read_all(fixture.bucket, &(struct remote_get){.key = SPAN("k")}, &bytes).err,
            REMOTE_OK);
        assert_int_equal(bytes, 2);
        assert_true(span_eq(remote_bucket_region(fixture.bucket, &arena), SPAN("eu-west-3")));
        const char *second = fixture.server.requests[1];
        assert_non_null(strstr(fixture.server.requests[0], "/us-east-1/s3/aws4_request"));
        assert_non_null(strstr(second, "/eu-west-3/s3/aws4_request"));
        assert_non_null(strcasestr(second, "\r\nx-amz-security-token: session\r\n"));
        assert_null(strstr(second, "secret"));
        arena_free(&arena);
        stop(&fixture);
    }
}

static void circles_of_regions_end(void **state)
{
    (void)state;
    static const char a[] =
        "HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-1\r\nContent-Length: 0\r\n\r\n";
    static const char b[] =
        "HTTP/1.1 301 Moved\r\nx-amz-bucket-region: eu-west-2\r\nContent-Length: 0\r\n\r\n";
    struct fixture fixture;
    uint64_t bytes;
    start(&fixture, (const char *const[]){a, b, a, b, a, NULL}, true);
    assert_int_equal(read_all(fixture.bucket, &(struct remote_get){.key = SPAN("k")}, &bytes).err,
        REMOTE_REFUSED);
    assert_int_equal(atomic_load(&fixture.server.asked), 3);
    stop(&fixture);
}

static void pauses_hold_bytes_back(void **state)
{
    (void)state;
    enum { BODY_BYTES = 700 * 1000 };
    static char answer[BODY_BYTES + 256];
    struct fixture fixture;
    struct reader reader;
    struct remote_failure failure;
    int len = snprintf(answer, sizeof(answer), HEAD_OK "Content-Length: %d\r\n\r\n", BODY_BYTES);
    memset(answer + len, 'x', BODY_BYTES);
    start(&fixture, (const char *const[]){answer, NULL}, false);
    reader_init(&reader);
    reader.pause_each = true;
    struct remote_read *read = remote_read_start(
        fixture.bucket, &(struct remote_get){.key = SPAN("k")}, &events, &reader, &failure);
    assert_non_null(read);
    size_t resumed = 0;
    pthread_mutex_lock(&reader.lock);
    while (!reader.ended) {
        if (reader.pauses > resumed) {
            resumed = reader.pauses;
            pthread_mutex_unlock(&reader.lock);
            remote_read_resume(read);
            pthread_mutex_lock(&reader.lock);
            continue;
        }
        pthread_cond_wait(&reader.changed, &reader.lock);
    }
    pthread_mutex_unlock(&reader.lock);
    assert_int_equal(reader.failure.err, REMOTE_OK);
    assert_int_equal(reader.bytes, BODY_BYTES);
    assert_true(reader.pauses > 1);
    remote_read_free(read);
    stop(&fixture);
}

static void cancelled_reads_end(void **state)
{
    (void)state;
    struct fixture fixture;
    struct reader reader;
    struct remote_failure failure;
    start(&fixture,
        (const char *const[]){HEAD_OK "Content-Length: 5\r\n\r\nhello",
            HEAD_OK "Content-Length: 5\r\n\r\nhello", HEAD_OK "Content-Length: 5\r\n\r\nhello",
            NULL},
        false);
    /* paused for ever */
    reader_init(&reader);
    reader.pause_each = true;
    const struct remote_get get = {.key = SPAN("k")};
    struct remote_read *read = remote_read_start(fixture.bucket, &get, &events, &reader, &failure);
    assert_non_null(read);
    pthread_mutex_lock(&reader.lock);
    while (!reader.paused)
        pthread_cond_wait(&reader.changed, &reader.lock);
    pthread_mutex_unlock(&reader.lock);
    remote_read_cancel(read);
    remote_read_cancel(read);
    wait_end(&reader, read);
    assert_int_equal(reader.failure.err, REMOTE_CANCELLED);
    /* by its head */
    reader_init(&reader);
    reader.refuse_head = true;
    wait_end(&reader, remote_read_start(fixture.bucket, &get, &events, &reader, &failure));
    assert_int_equal(reader.failure.err, REMOTE_CANCELLED);
    /* by the daemon's end */
    reader_init(&reader);
    reader.pause_each = true;
    read = remote_read_start(fixture.bucket, &get, &events, &reader, &failure);
    assert_non_null(read);
    remote_free(TAKE(fixture.remote));
    wait_end(&reader, read);
    assert_int_equal(reader.failure.err, REMOTE_CANCELLED);
    stop(&fixture);
}

/* What may not be reached, what is closed and what has no address: one answer. */
static void refusals_look_alike(void **state)
{
    (void)state;
    struct remote_failure failures[4];
    struct arena arena;
    char closed[64], closed_address[64];
    struct scripted_server gone = {0};
    scripted_start(&gone);
    scripted_stop(&gone);
    snprintf(closed, sizeof(closed), "http://127.0.0.1:%u", (unsigned)gone.port);
    snprintf(closed_address, sizeof(closed_address), "127.0.0.1:%u", (unsigned)gone.port);
    struct fixture fixture;
    start(&fixture, (const char *const[]){NULL}, false);
    const struct {
        const char *endpoint, *address;
        bool listening;
    } ways[] = {
        {closed, closed_address, true}, {fixture.endpoint, NULL, true}, /* loopback */
        {"http://name.invalid", NULL, true},                            /* no such name */
        {fixture.endpoint, fixture.allowed, false}, /* own listeners are not known yet */
    };
    arena_init(&arena, 1024 * 1024);
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct remote *remote = make_remote(ways[i].endpoint, ways[i].address);
        struct remote_bucket *bucket = NULL;
        struct remote_object object;
        struct remote_source source = {
            .endpoint_url = span_str(ways[i].endpoint), .bucket = SPAN("data")};
        if (ways[i].listening)
            remote_listening(remote, NULL, 0);
        assert_int_equal(remote_bucket_open(remote, &source, &bucket), REMOTE_OK);
        assert_int_equal(remote_head(bucket, &arena, &(struct remote_get){.key = SPAN("k")},
                             &object, &failures[i]),
            REMOTE_UNREACHABLE);
        assert_memory_equal(&failures[i], &failures[0], sizeof(failures[0]));
        remote_bucket_close(bucket);
        remote_free(remote);
    }
    assert_int_equal(atomic_load(&fixture.server.asked), 0);
    arena_free(&arena);
    stop(&fixture);
}

static void endpoints_that_are_not_named_are_refused(void **state)
{
    (void)state;
    struct remote *remote = make_remote("http://127.0.0.1:1", NULL);
    static const char *const endpoints[] = {"", "http://127.0.0.1:2", "https://127.0.0.1:1",
        "http://127.0.0.2:1", "file:///etc/passwd", "x"};
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        struct remote_bucket *bucket = NULL;
        struct remote_source source = {
            .endpoint_url = span_str(endpoints[i]), .bucket = SPAN("data")};
        assert_int_equal(remote_bucket_open(remote, &source, &bucket), REMOTE_NOT_ALLOWED);
        assert_null(bucket);
    }
    remote_free(remote);
}

static void heads_are_read(void **state)
{
    (void)state;
    static const char answer[] =
        "HTTP/1.1 206 Partial\r\nETag: \"9b2cf535f27731c974343645a3985328-3\"\r\n"
        "Content-Length: 100\r\nContent-Range: bytes 200-299/1000\r\n"
        "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nx-amz-mp-parts-count: 3\r\n"
        "x-amz-tagging-count: 2\r\nx-amz-checksum-crc32c: 4waSgw==\r\n"
        "Content-Type: text/csv\r\nx-amz-meta-a: b\r\n\r\n";
    struct fixture fixture;
    struct arena arena;
    struct remote_object object;
    struct remote_failure failure;
    arena_init(&arena, 1024 * 1024);
    start(&fixture, (const char *const[]){answer, NULL}, false);
    struct remote_get get = {
        .key = SPAN("k"), .part_number = 3, .version_id = SPAN("v/1"), .if_match = SPAN("\"x\"")};
    assert_int_equal(remote_head(fixture.bucket, &arena, &get, &object, &failure), REMOTE_OK);
    const char *request = fixture.server.requests[0];
    assert_non_null(strstr(request, "HEAD /data/k?partNumber=3&versionId=v%2F1 HTTP/1.1\r\n"));
    assert_non_null(strcasestr(request, "\r\nif-match: \"x\"\r\n"));
    assert_non_null(strcasestr(request, "\r\nx-amz-checksum-mode: ENABLED\r\n"));
    assert_int_equal(object.status, 206);
    assert_int_equal(object.content_length, 100);
    assert_int_equal(object.size_bytes, 1000);
    assert_int_equal(object.first, 200);
    assert_int_equal(object.modified_ms, 784111777000);
    assert_int_equal(object.parts_count, 3);
    assert_int_equal(object.tag_count, 2);
    assert_true(object.has_etag);
    assert_int_equal(object.etag.part_count, 3);
    assert_int_equal(object.checksum.algo, DIGEST_CRC32C);
    assert_true(span_eq(header_find(&object.headers, SPAN("x-amz-meta-a")), SPAN("b")));
    arena_free(&arena);
    stop(&fixture);
}

static void tags_are_read(void **state)
{
    (void)state;
    struct fixture fixture;
    struct arena arena;
    struct tags tags;
    struct remote_failure failure;
    arena_init(&arena, 1024 * 1024);
    start(&fixture,
        (const char *const[]){
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<Tagging><TagSet><Tag><Key>a</Key><Value>1"
            "</Value></Tag></TagSet></Tagging>",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html></html>", NULL},
        false);
    assert_int_equal(
        remote_tags(fixture.bucket, &arena, SPAN("k"), SPAN_ABSENT, &tags, &failure), REMOTE_OK);
    assert_non_null(strstr(fixture.server.requests[0], "GET /data/k?tagging HTTP/1.1\r\n"));
    assert_int_equal(tags.count, 1);
    assert_true(span_eq(tags_find(&tags, SPAN("a")), SPAN("1")));
    assert_int_equal(remote_tags(fixture.bucket, &arena, SPAN("k"), SPAN_ABSENT, &tags, &failure),
        REMOTE_NONSENSE);
    arena_free(&arena);
    stop(&fixture);
}

static void waits_grow_and_end(void **state)
{
    (void)state;
    struct remote_backoff backoff = {0};
    struct remote_failure failure = {.err = REMOTE_BUSY};
    uint64_t wait_ms = 0, longest = 0;
    for (unsigned i = 0; i < 11; i++) {
        assert_true(remote_backoff_next(&backoff, &failure, 12, &wait_ms));
        uint64_t whole = 200u << i > 20000 ? 20000 : 200u << i;
        assert_in_range(wait_ms, whole / 2, whole);
        longest = wait_ms > longest ? wait_ms : longest;
    }
    assert_false(remote_backoff_next(&backoff, &failure, 12, &wait_ms));
    backoff.failures = 0;
    failure.retry_after_ms = 90000;
    assert_true(remote_backoff_next(&backoff, &failure, 2, &wait_ms));
    assert_int_equal(wait_ms, 90000);
    failure.err = REMOTE_NOT_FOUND;
    backoff.failures = 0;
    assert_false(remote_backoff_next(&backoff, &failure, 5, &wait_ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_judged),
        cmocka_unit_test(endless_heads_are_broken_off),
        cmocka_unit_test(regions_are_learnt),
        cmocka_unit_test(circles_of_regions_end),
        cmocka_unit_test(pauses_hold_bytes_back),
        cmocka_unit_test(cancelled_reads_end),
        cmocka_unit_test(refusals_look_alike),
        cmocka_unit_test(endpoints_that_are_not_named_are_refused),
        cmocka_unit_test(heads_are_read),
        cmocka_unit_test(tags_are_read),
        cmocka_unit_test(waits_grow_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
