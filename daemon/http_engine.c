#include "daemon/http_engine.h"

#include "base/arena.h"
#include "base/clock.h"
#include "daemon/http_curl.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    POLL_MS = 60 * 1000, /* commands wake it, and libcurl's own times shorten it */
    HEADS_POLL_MS = 1000,
    IDLE_CONNECTIONS_MAX = 64,
    STALL_BYTES_PER_S = 1,
    DNS_KEPT_S = 60,
};

/* What is asked of the engine's thread; bits of a transfer's commands. */
enum { COMMAND_START = 1, COMMAND_RESUME = 2, COMMAND_CANCEL = 4 };

struct http_transfer {
    struct http_engine *engine;
    struct http_events events;
    void *ctx;
    atomic_uint references; /* the caller's and the engine's */

    /* under engine->lock */
    struct http_transfer *next_command;
    unsigned commands; /* not 0: it is in the engine's line */
    bool ended;

    /* the engine's thread alone */
    CURL *easy;
    struct curl_slist *headers, *resolve;
    struct http_transfer *previous, *next; /* of the running ones */
    bool running, head_over, stopped, out_of_memory;
    const char *refused; /* may_connect said no */
    struct arena arena;  /* of the head */
    struct header head[HEADERS_MAX];
    size_t head_count, head_bytes;
    uint64_t head_ns, asked_ns; /* how long the head may take; monotonic, 0: not asked yet */
    char error[CURL_ERROR_SIZE];
};

struct http_engine {
    struct http_engine_options options;
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t lock;
    struct http_transfer *first_command, *last_command;
    size_t transfer_count;
    bool stopping;
    /* the engine's thread alone */
    struct http_transfer *running;
    bool heads_wait; /* some transfers' heads are not over, and bounded */
    uint64_t heads_looked_ns;
};

static void release(struct http_transfer *transfer, unsigned count)
{
    if (atomic_fetch_sub(&transfer->references, count) != count)
        return;
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    curl_slist_free_all(transfer->resolve);
    arena_free(&transfer->arena);
    free(transfer);
}

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_transfer *transfer = ctx;
    const struct http_engine_options *options = &transfer->engine->options;
    if (purpose != CURLSOCKTYPE_IPCXN ||
        (options->may_connect != NULL && !options->may_connect(options->ctx, &address->addr))) {
        transfer->refused = "its address is refused";
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* "HTTP/1.1 200 OK": a new head begins, after a 1xx. */
static void begin_head(struct http_transfer *transfer)
{
    arena_free(&transfer->arena);
    transfer->head_count = 0;
}

static bool add_field(struct http_transfer *transfer, struct span line)
{
    size_t colon = span_find_char(line, ':', 0);
    if (colon == SIZE_MAX || colon == 0 || transfer->head_count == HEADERS_MAX)
        return false;
    struct header field = {
        .name = arena_copy(&transfer->arena, span_first(line, colon)),
        .value = arena_copy(&transfer->arena, span_trim(span_from(line, colon + 1))),
    };
    transfer->head[transfer->head_count++] = field;
    transfer->out_of_memory = transfer->arena.overflow;
    return !transfer->arena.overflow;
}

static bool end_head(struct http_transfer *transfer)
{
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 100 && status < 200)
        return true;
    if (status < 200 || status > 599)
        return false;
    transfer->head_over = true;
    struct http_head head = {(int)status, {transfer->head, transfer->head_count}};
    transfer->stopped = !transfer->events.on_head(transfer->ctx, &head);
    return !transfer->stopped;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
    struct http_transfer *transfer = ctx;
    struct span line = span_of(bytes, size * count);
    size_t len = line.len;
    transfer->head_bytes += len;
    if (transfer->head_bytes > HTTP_HEAD_MAX_BYTES)
        return 0;
    if (transfer->head_over)
        return len; /* a trailer: nobody asked for one */
    while (line.len > 0 && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
        line.len--;
    if (span_starts(line, SPAN("HTTP/"))) {
        begin_head(transfer);
        return len;
    }
    return (line.len == 0 ? end_head(transfer) : add_field(transfer, line)) ? len : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct http_transfer *transfer = ctx;
    if (!transfer->head_over)
        return 0;
    switch (transfer->events.on_body(transfer->ctx, span_of(bytes, size * count))) {
    case HTTP_TAKEN:
        return size * count;
    case HTTP_PAUSE:
        return CURL_WRITEFUNC_PAUSE;
    case HTTP_STOP:
        break;
    }
    transfer->stopped = true;
    return 0;
}

static bool prepare(struct http_transfer *transfer, const struct http_transfer_options *options)
{
    const struct http_engine_options *engine = &transfer->engine->options;
    CURL *easy = transfer->easy;
    CURLcode code = (CURLcode)http_curl_limit_protocols(easy);
#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (code == CURLE_OK)                                                                      \
            code = curl_easy_setopt(easy, option, value);                                          \
    } while (0)
    SET(CURLOPT_URL, options->url);
    SET(CURLOPT_PRIVATE, transfer);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* and no look into the environment */
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_USERAGENT, "lakegate/" LAKEGATE_VERSION);
    SET(CURLOPT_DNS_CACHE_TIMEOUT, (long)DNS_KEPT_S);
    SET(CURLOPT_BUFFERSIZE, (long)HTTP_PIECE_MAX_BYTES);
    SET(CURLOPT_CONNECTTIMEOUT_MS, options->connect_ms);
    SET(CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES_PER_S);
    SET(CURLOPT_LOW_SPEED_TIME, options->stall_s);
    SET(CURLOPT_TIMEOUT_MS, options->total_ms);
    SET(CURLOPT_ERRORBUFFER, transfer->error);
    SET(CURLOPT_HTTPHEADER, transfer->headers);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, transfer);
    if (engine->ca_file != NULL)
        SET(CURLOPT_CAINFO, engine->ca_file);
    if (transfer->resolve != NULL)
        SET(CURLOPT_RESOLVE, transfer->resolve);
    if (strcmp(options->method, "HEAD") == 0)
        SET(CURLOPT_NOBODY, 1L);
    else
        SET(CURLOPT_CUSTOMREQUEST, options->method);
#undef SET
    return code == CURLE_OK;
}

/* The transfer is over: tells. The engine's reference is then the caller's to give back. */
static void finish(struct http_transfer *transfer, enum http_end end, const char *cause)
{
    struct http_engine *engine = transfer->engine;
    if (transfer->running) {
        curl_multi_remove_handle(engine->multi, transfer->easy);
        if (transfer->previous != NULL)
            transfer->previous->next = transfer->next;
        else
            engine->running = transfer->next;
        if (transfer->next != NULL)
            transfer->next->previous = transfer->previous;
        transfer->running = false;
    }
    pthread_mutex_lock(&engine->lock);
    transfer->ended = true;
    engine->transfer_count--;
    pthread_mutex_unlock(&engine->lock);
    transfer->events.on_end(transfer->ctx, end, cause);
}

static enum http_end end_of(const struct http_transfer *transfer, CURLcode code)
{
    curl_off_t asked_us = 0;
    if (transfer->stopped)
        return HTTP_CANCELLED;
    if (code == CURLE_OUT_OF_MEMORY || transfer->out_of_memory)
        return HTTP_NO_MEMORY;
    if (code == CURLE_OK)
        return transfer->head_over ? HTTP_DONE : HTTP_BROKEN;
    /* 0 until the connection stood and the request could be sent */
    curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &asked_us);
    return asked_us == 0 ? HTTP_UNREACHABLE : HTTP_BROKEN;
}

static void finish_done(struct http_engine *engine)
{
    int left = 0;
    for (const CURLMsg *message; (message = curl_multi_info_read(engine->multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        struct http_transfer *transfer = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        const char *cause = transfer->refused != NULL    ? transfer->refused
                            : transfer->error[0] != '\0' ? transfer->error
                                                         : curl_easy_strerror(code);
        finish(transfer, end_of(transfer, code), cause);
        release(transfer, 1);
    }
}

/* A byte now and then is no stall, and would hold who waits for the head for hours. */
static void end_slow_heads(struct http_engine *engine)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (!engine->heads_wait || now_ns - engine->heads_looked_ns < HEADS_POLL_MS * NS_PER_MS)
        return;
    engine->heads_looked_ns = now_ns;
    engine->heads_wait = false;
    for (struct http_transfer *transfer = engine->running, *next; transfer != NULL;
         transfer = next) {
        curl_off_t asked_us = 0;
        next = transfer->next;
        if (transfer->head_over || transfer->head_ns == 0)
            continue;
        engine->heads_wait = true;
        curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &asked_us);
        if (transfer->asked_ns == 0 && asked_us > 0)
            transfer->asked_ns = now_ns;
        if (transfer->asked_ns == 0 || now_ns - transfer->asked_ns < transfer->head_ns)
            continue;
        finish(transfer, HTTP_BROKEN, "its head takes too long");
        release(transfer, 1);
    }
}

/* True: it is over by that. */
static bool run_command(
    struct http_engine *engine, struct http_transfer *transfer, unsigned commands)
{
    if (commands & COMMAND_CANCEL) {
        finish(transfer, HTTP_CANCELLED, "cancelled");
        return true;
    }
    if (commands & COMMAND_START) {
        transfer->running = curl_multi_add_handle(engine->multi, transfer->easy) == CURLM_OK;
        if (!transfer->running) {
            finish(transfer, HTTP_NO_MEMORY, "out of memory");
            return true;
        }
        transfer->next = engine->running;
        if (transfer->next != NULL)
            transfer->next->previous = transfer;
        engine->running = transfer;
        engine->heads_wait |= transfer->head_ns != 0;
    } else if (commands & COMMAND_RESUME) {
        curl_easy_pause(transfer->easy, CURLPAUSE_CONT); /* a failure shows as the transfer's */
    }
    return false;
}

/* False: the engine is to stop. */
static bool run_commands(struct http_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    for (struct http_transfer *transfer; (transfer = engine->first_command) != NULL;) {
        engine->first_command = transfer->next_command;
        if (engine->first_command == NULL)
            engine->last_command = NULL;
        unsigned commands = transfer->commands;
        transfer->commands = 0;
        bool ended = transfer->ended;
        pthread_mutex_unlock(&engine->lock);
        bool over = !ended && run_command(engine, transfer, commands);
        release(transfer, over ? 2 : 1); /* the line's reference, and the engine's */
        pthread_mutex_lock(&engine->lock);
    }
    bool go_on = !engine->stopping;
    pthread_mutex_unlock(&engine->lock);
    return go_on;
}

static void *run(void *ctx)
{
    struct http_engine *engine = ctx;
    while (run_commands(engine)) {
        int under_way = 0;
        curl_multi_perform(engine->multi, &under_way);
        finish_done(engine);
        end_slow_heads(engine);
        curl_multi_poll(engine->multi, NULL, 0, engine->heads_wait ? HEADS_POLL_MS : POLL_MS, NULL);
    }
    for (struct http_transfer *transfer; (transfer = engine->running) != NULL;) {
        engine->running = transfer->next;
        if (transfer->next != NULL)
            transfer->next->previous = NULL;
        curl_multi_remove_handle(engine->multi, transfer->easy);
        transfer->running = false;
        finish(transfer, HTTP_CANCELLED, "the daemon stops");
        release(transfer, 1);
    }
    return NULL;
}

/* Under the lock: puts a transfer into the line. The caller has a reference, so it cannot go away. */
static void put_in_line(struct http_transfer *transfer, unsigned bit)
{
    struct http_engine *engine = transfer->engine;
    if (transfer->commands == 0) {
        atomic_fetch_add(&transfer->references, 1);
        transfer->next_command = NULL;
        if (engine->last_command != NULL)
            engine->last_command->next_command = transfer;
        else
            engine->first_command = transfer;
        engine->last_command = transfer;
    }
    transfer->commands |= bit;
}

/* Hands a command to the engine's thread. */
static void command(struct http_transfer *transfer, unsigned bit)
{
    struct http_engine *engine = transfer->engine;
    pthread_mutex_lock(&engine->lock);
    bool wake = !transfer->ended;
    if (wake)
        put_in_line(transfer, bit);
    pthread_mutex_unlock(&engine->lock);
    if (wake)
        curl_multi_wakeup(engine->multi);
}

struct http_transfer *http_transfer_start(struct http_engine *engine,
    const struct http_transfer_options *options, const struct http_events *events, void *ctx)
{
    struct http_transfer *transfer = calloc(1, sizeof(*transfer));
    if (transfer == NULL)
        return NULL;
    transfer->engine = engine;
    transfer->events = *events;
    transfer->ctx = ctx;
    transfer->head_ns = (uint64_t)options->head_ms * 1000000u;
    atomic_init(&transfer->references, 1);
    arena_init(&transfer->arena, 2 * HTTP_HEAD_MAX_BYTES);
    transfer->easy = curl_easy_init();
    const struct http_engine_options *common = &engine->options;
    bool ready = transfer->easy != NULL && http_curl_headers(&options->headers, &transfer->headers);
    if (ready && common->resolve != NULL) {
        transfer->resolve = curl_slist_append(NULL, common->resolve(common->ctx));
        ready = transfer->resolve != NULL;
    }
    ready = ready && prepare(transfer, options);
    pthread_mutex_lock(&engine->lock);
    ready = ready && !engine->stopping && engine->transfer_count < HTTP_TRANSFERS_MAX;
    if (ready) {
        engine->transfer_count++;
        atomic_fetch_add(&transfer->references, 1); /* the engine's */
        put_in_line(
            transfer, COMMAND_START); /* at once: a halted engine looks at its line no more */
    }
    pthread_mutex_unlock(&engine->lock);
    if (!ready) {
        release(transfer, 1);
        return NULL;
    }
    curl_multi_wakeup(engine->multi);
    return transfer;
}

void http_transfer_resume(struct http_transfer *transfer)
{
    command(transfer, COMMAND_RESUME);
}

void http_transfer_cancel(struct http_transfer *transfer)
{
    command(transfer, COMMAND_CANCEL);
}

void http_transfer_free(struct http_transfer *transfer)
{
    if (transfer != NULL)
        release(transfer, 1);
}

struct http_engine *http_engine_new(const struct http_engine_options *options)
{
    struct http_engine *engine = calloc(1, sizeof(*engine));
    if (engine == NULL)
        return NULL;
    engine->options = *options;
    engine->multi = curl_multi_init();
    if (engine->multi == NULL || pthread_mutex_init(&engine->lock, NULL) != 0) {
        curl_multi_cleanup(engine->multi);
        free(engine);
        return NULL;
    }
    curl_multi_setopt(
        engine->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)options->connections_max);
    curl_multi_setopt(
        engine->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)options->connections_per_host_max);
    curl_multi_setopt(engine->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX);
    curl_multi_setopt(engine->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    if (pthread_create(&engine->thread, NULL, run, engine) != 0) {
        pthread_mutex_destroy(&engine->lock);
        curl_multi_cleanup(engine->multi);
        free(engine);
        return NULL;
    }
    return engine;
}

void http_engine_halt(struct http_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->stopping = true;
    pthread_mutex_unlock(&engine->lock);
    curl_multi_wakeup(engine->multi);
}

void http_engine_free(struct http_engine *engine)
{
    if (engine == NULL)
        return;
    http_engine_halt(engine);
    pthread_join(engine->thread, NULL);
    /* Commands that came when their transfers were about to end. */
    for (struct http_transfer *transfer; (transfer = engine->first_command) != NULL;) {
        engine->first_command = transfer->next_command;
        release(transfer, 1);
    }
    pthread_mutex_destroy(&engine->lock);
    curl_multi_cleanup(engine->multi);
    free(engine);
}
