#include "base/clock.h"
#include "daemon/log.h"
#include "daemon/remote_internal.h"
#include "http_time.h"
#include "sigv4.h"
#include "xml_read.h"

/* A request, its transfer, and when the bucket turns out to be elsewhere, the transfer after it. All but
 * what the lock guards is the engine's thread's, once it is started. */
struct remote_read {
    struct remote_bucket *bucket;
    struct arena arena;
    struct remote_ask ask; /* its spans are the arena's */
    struct remote_get get; /* copied where ask.get is not NULL */
    struct remote_read_events events;
    void *ctx;
    pthread_mutex_t lock; /* of the next two */
    struct http_transfer *transfer;
    bool cancelled;

    unsigned regions_tried;
    bool good; /* the status is what was asked for: the body is the caller's */
    struct remote_failure failure;
    char region[REMOTE_REGION_BYTES]; /* that the answer names */
    uint64_t expected, received;
    struct buf error_body;
};

enum {
    READ_ARENA_BYTES = 128 * 1024,
    ERROR_BODY_MAX_BYTES = 16 * 1024,
    ERROR_ARENA_BYTES = 256 * 1024,
    CONNECT_MS = 10 * 1000,
    STALL_S = 30,
    HEAD_MS = 60 * 1000,
    REGIONS_MAX = 2,
};

/* One that is too long is none. */
static void keep_region(struct remote_read *read, struct span region)
{
    size_t len = region.len < sizeof(read->region) ? region.len : 0;
    if (len > 0)
        memcpy(read->region, region.ptr, len);
    read->region[len] = '\0';
}

/* The status and the head of an answer. False ends the transfer, for failure.err's reason. */
static bool on_head(void *ctx, const struct http_head *head)
{
    struct remote_read *read = ctx;
    read->failure = (struct remote_failure){.status = head->status};
    read->region[0] = '\0';
    read->received = read->expected = 0;
    buf_clear(&read->error_body);
    read->good = read->ask.get != NULL ? head->status / 100 == 2 : head->status == 200;
    if (!read->good) {
        remote_failure_of(head, &read->failure);
        struct span region = header_find(&head->headers, SPAN("x-amz-bucket-region"));
        keep_region(read, region);
        return true;
    }
    struct remote_object object = {.status = head->status, .headers = head->headers};
    if (read->ask.get != NULL) {
        read->failure.err = remote_object_read(read->ask.get, head, &object);
        if (read->failure.err != REMOTE_OK)
            return false;
        read->expected = object.content_length;
    }
    if (read->events.on_head(read->ctx, &object))
        return true;
    read->failure.err = REMOTE_CANCELLED;
    return false;
}

static enum http_take on_body(void *ctx, struct span bytes)
{
    struct remote_read *read = ctx;
    if (!read->good) {
        buf_add(&read->error_body, bytes);
        return buf_ok(&read->error_body) ? HTTP_TAKEN : HTTP_STOP;
    }
    if (read->ask.get != NULL && bytes.len > read->expected - read->received) {
        read->failure.err = REMOTE_NONSENSE;
        return HTTP_STOP;
    }
    enum http_take take = read->events.on_body(read->ctx, bytes);
    if (take == HTTP_TAKEN)
        read->received += bytes.len;
    return take;
}

/* <Error>'s Code, and the region where it names one. */
static void read_error_body(struct remote_read *read)
{
    struct arena arena;
    struct xml_node *root;
    arena_init(&arena, ERROR_ARENA_BYTES);
    if (buf_ok(&read->error_body) &&
        xml_read(&arena, buf_span(&read->error_body), &root) == S3_OK) {
        struct span code = xml_child_text(root, SPAN("Code"));
        size_t len = 0;
        for (; len < code.len && len + 1 < REMOTE_CODE_BYTES; len++) {
            char c = code.ptr[len];
            if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9'))
                break;
            read->failure.code[len] = c;
        }
        read->failure.code[len] = '\0';
        struct span region = xml_child_text(root, SPAN("Region"));
        if (read->region[0] == '\0' && region.len > 0)
            keep_region(read, region);
    }
    arena_free(&arena);
}

static bool says_other_region(const struct remote_read *read)
{
    int status = read->failure.status;
    return (status == 301 || status == 307 || status == 400) && read->region[0] != '\0';
}

/* The bucket is elsewhere. False when there is no sense in asking there. */
static bool learn_region(struct remote_read *read)
{
    struct remote_bucket *bucket = read->bucket;
    struct span region = span_str(read->region);
    if (!says_other_region(read) || read->regions_tried == REGIONS_MAX)
        return false;
    pthread_mutex_lock(&bucket->lock);
    struct remote_endpoint endpoint = bucket->endpoint;
    bool allowed = remote_region_valid(region, endpoint.is_aws);
    if (allowed)
        remote_endpoint_regional(&endpoint, region);
    allowed = allowed && reach_allows_endpoint(&bucket->remote->reach, &endpoint);
    if (allowed) {
        bucket->endpoint = endpoint;
        memcpy(bucket->region, region.ptr, region.len + 1);
    }
    pthread_mutex_unlock(&bucket->lock);
    /* Another request may have learnt it meanwhile; a circle of answers is ended by the count. */
    read->regions_tried++;
    return allowed;
}

static enum remote_err failure_of_end(const struct remote_read *read, enum http_end end)
{
    switch (end) {
    case HTTP_DONE:
        if (!read->good)
            return read->failure.err;
        return read->ask.get != NULL && !read->ask.get->head && read->received != read->expected
                   ? REMOTE_BROKEN
                   : REMOTE_OK;
    case HTTP_UNREACHABLE:
        return REMOTE_UNREACHABLE;
    case HTTP_BROKEN:
        return REMOTE_BROKEN;
    case HTTP_CANCELLED: /* for a reason of our own, perhaps */
        return read->failure.err != REMOTE_OK ? read->failure.err : REMOTE_CANCELLED;
    case HTTP_NO_MEMORY:
        return REMOTE_NO_MEMORY;
    }
    return REMOTE_NO_MEMORY;
}

static void tell_log(const struct remote_read *read, const char *cause)
{
    enum remote_err err = read->failure.err;
    struct remote_bucket *bucket = read->bucket;
    if (err != REMOTE_UNREACHABLE && err != REMOTE_BROKEN && err != REMOTE_NONSENSE)
        return;
    pthread_mutex_lock(&bucket->lock);
    struct remote_endpoint endpoint = bucket->endpoint;
    pthread_mutex_unlock(&bucket->lock);
    log_message(bucket->remote->log, LOG_WARNING, "bucket %.*s at %s: %s (%s)",
        SPAN_ARG(bucket->name), endpoint.host, remote_text(err), cause);
}

static enum remote_err start_transfer(struct remote_read *read);

static void on_end(void *ctx, enum http_end end, const char *cause)
{
    struct remote_read *read = ctx;
    bool answered = read->failure.status != 0 && !read->good;
    if (answered)
        read_error_body(read);
    read->failure.err =
        answered && end != HTTP_NO_MEMORY ? read->failure.err : failure_of_end(read, end);
    pthread_mutex_lock(&read->lock);
    bool cancelled = read->cancelled;
    pthread_mutex_unlock(&read->lock);
    if (cancelled && read->failure.err != REMOTE_OK)
        read->failure.err = REMOTE_CANCELLED;
    if (!cancelled && answered && learn_region(read)) {
        pthread_mutex_lock(&read->lock);
        http_transfer_free(TAKE(read->transfer));
        pthread_mutex_unlock(&read->lock);
        read->failure.err = start_transfer(read);
        if (read->failure.err == REMOTE_OK)
            return;
    }
    tell_log(read, cause);
    read->events.on_end(read->ctx, &read->failure);
}

static void copy_ask(struct remote_read *read, const struct remote_ask *ask)
{
    struct arena *arena = &read->arena;
    read->ask = *ask;
    read->ask.key = arena_copy(arena, ask->key);
    read->ask.query = arena_copy(arena, ask->query);
    struct header *items = arena_array(arena, struct header, ask->headers.count);
    for (size_t i = 0; items != NULL && i < ask->headers.count; i++)
        items[i] = (struct header){arena_copy(arena, ask->headers.items[i].name),
            arena_copy(arena, ask->headers.items[i].value)};
    read->ask.headers.items = items;
    if (ask->get != NULL) {
        read->get = *ask->get; /* its spans are looked at no more: they are in the headers */
        read->ask.get = &read->get;
    }
}

/* The headers to send: signed, or as they are. */
static enum remote_err make_headers(struct remote_read *read, struct arena *arena,
    struct span method, const struct remote_url *url, struct span region,
    struct header_list *ret_headers)
{
    static const struct span no_body =
        SPAN("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const struct remote_bucket *bucket = read->bucket;
    if (!span_present(bucket->access_key)) { /* anonymous */
        *ret_headers = read->ask.headers;
        return REMOTE_OK;
    }
    struct sigv4_signer signer = {
        bucket->access_key, bucket->secret_key, bucket->session_token, region, SPAN("s3")};
    enum s3_err err = sigv4_sign_request(arena, &signer, method, url->target, url->host,
        &read->ask.headers, no_body, clock_unix_ms() / 1000, ret_headers);
    if (err == S3_OK)
        return REMOTE_OK;
    return arena->overflow ? REMOTE_NO_MEMORY : REMOTE_REFUSED;
}

static enum remote_err start_transfer(struct remote_read *read)
{
    struct remote_bucket *bucket = read->bucket;
    bool head = read->ask.get != NULL && read->ask.get->head;
    struct arena arena;
    struct remote_url url;
    struct header_list headers;
    static const struct http_events events = {on_head, on_body, on_end};
    arena_init(&arena, READ_ARENA_BYTES);
    read->failure = (struct remote_failure){0};
    read->good = false;
    pthread_mutex_lock(&bucket->lock);
    bool made = remote_url_make(
        &arena, &bucket->endpoint, bucket->name, read->ask.key, read->ask.query, &url);
    struct span region = arena_copy(&arena, span_str(bucket->region));
    pthread_mutex_unlock(&bucket->lock);
    enum remote_err err = arena.overflow ? REMOTE_NO_MEMORY : REMOTE_REFUSED;
    if (made && !arena.overflow)
        err = make_headers(read, &arena, head ? SPAN("HEAD") : SPAN("GET"), &url, region, &headers);
    if (err == REMOTE_OK) {
        struct http_transfer_options options = {.method = head ? "HEAD" : "GET",
            .url = url.url.ptr,
            .headers = headers,
            .connect_ms = CONNECT_MS,
            .stall_s = STALL_S,
            .head_ms = HEAD_MS,
            .total_ms = read->ask.total_ms};
        /* Its callbacks may come before it is kept: those that look at it take the lock. */
        pthread_mutex_lock(&read->lock);
        read->transfer = http_transfer_start(bucket->remote->engine, &options, &events, read);
        err = read->transfer == NULL ? REMOTE_NO_MEMORY : REMOTE_OK;
        if (err == REMOTE_OK && read->cancelled)
            http_transfer_cancel(read->transfer);
        pthread_mutex_unlock(&read->lock);
    }
    arena_free(&arena);
    return err;
}

struct remote_read *remote_ask_start(struct remote_bucket *bucket, const struct remote_ask *ask,
    const struct remote_read_events *events, void *ctx, struct remote_failure *ret_failure)
{
    *ret_failure = (struct remote_failure){.err = REMOTE_NO_MEMORY};
    struct remote_read *read = calloc(1, sizeof(*read));
    if (read == NULL)
        return NULL;
    if (pthread_mutex_init(&read->lock, NULL) != 0) {
        free(read);
        return NULL;
    }
    atomic_fetch_add(&bucket->references, 1);
    read->bucket = bucket;
    read->events = *events;
    read->ctx = ctx;
    arena_init(&read->arena, READ_ARENA_BYTES);
    buf_init(&read->error_body, ERROR_BODY_MAX_BYTES);
    copy_ask(read, ask);
    enum remote_err err = read->arena.overflow ? REMOTE_NO_MEMORY : start_transfer(read);
    if (err != REMOTE_OK) {
        ret_failure->err = err;
        remote_read_free(read);
        return NULL;
    }
    ret_failure->err = REMOTE_OK;
    return read;
}

void remote_read_resume(struct remote_read *read)
{
    pthread_mutex_lock(&read->lock);
    if (read->transfer != NULL)
        http_transfer_resume(read->transfer);
    pthread_mutex_unlock(&read->lock);
}

void remote_read_cancel(struct remote_read *read)
{
    pthread_mutex_lock(&read->lock);
    read->cancelled = true;
    if (read->transfer != NULL)
        http_transfer_cancel(read->transfer);
    pthread_mutex_unlock(&read->lock);
}

void remote_read_free(struct remote_read *read)
{
    if (read == NULL)
        return;
    http_transfer_free(read->transfer);
    pthread_mutex_destroy(&read->lock);
    remote_bucket_close(read->bucket);
    buf_free(&read->error_body);
    arena_free(&read->arena);
    free(read);
}
