#include "daemon/server.h"

#include "daemon/clock.h"
#include "daemon/config.h"
#include "daemon/connections.h"
#include "daemon/http_head.h"
#include "daemon/listen.h"
#include "daemon/log.h"
#include "daemon/metrics.h"
#include "daemon/pipeline.h"
#include "daemon/receive.h"
#include "daemon/remote.h"
#include "daemon/server_tls.h"
#include "daemon/staging.h"
#include "daemon/workers.h"
#include "storage/storage_fd.h"

#include <assert.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <unistd.h>

enum { IO_THREADS_MAX = 16, READ_SMALL_BLOCK_BYTES = 32 * 1024, STOP_POLL_MS = 20 };

struct listener {
    struct server *server;
    struct MHD_Daemon *http;
    const char *text; /* as configured */
    char bound[LISTEN_TEXT_BYTES];
    int fd; /* ours again after MHD_quiesce_daemon */
    bool tls;
};

struct server {
    struct daemon *daemon;
    struct listener listeners[CONFIG_LIST_MAX];
    size_t listener_count;
    atomic_size_t exchanges; /* requests between their first line and their end */
    atomic_size_t suspended;
    atomic_uint_fast64_t read_bytes; /* memory of bodies on their way out */
};

/* A connection, for as long as it is open. */
struct session {
    struct connection *connection;
    char peer_bytes[PEER_TEXT_BYTES];
    struct span peer;
};

enum exchange_state {
    EXCHANGE_HEAD,    /* the handler was not called yet */
    EXCHANGE_BODY,    /* the body is coming */
    EXCHANGE_DISCARD, /* refused; the rest of the body is read for nothing */
    EXCHANGE_WORK,    /* a worker has it, the connection is suspended */
    EXCHANGE_COMMIT,  /* the same, but the store has it */
    EXCHANGE_DONE,    /* the response is ready */
    EXCHANGE_SENT,    /* the response is the library's */
};

/* A request and what HTTP knows of it. */
struct exchange {
    struct job job; /* first: a worker gets this */
    struct server *server;
    struct MHD_Connection *http;
    struct session *session;
    enum exchange_state state;
    struct http_body body;
    bool close_after; /* what follows on this connection cannot be trusted */
    bool waited;      /* for room, or for a stream: the client was not to blame for slowness */
    uint64_t discarded_bytes, discard_began_ns;
    uint64_t reserved_bytes; /* of server->read_bytes */
    uint64_t bytes_out;
    uint64_t answered_ns; /* when the status went out */
    struct request request;
};

/* ---- giving a request to other threads ---- */

static void suspend(struct exchange *exchange)
{
    atomic_fetch_add(&exchange->server->suspended, 1);
    MHD_suspend_connection(exchange->http);
}

/* On any thread; the exchange belongs to its I/O thread from here on. */
static void resume(void *ctx)
{
    struct exchange *exchange = ctx;
    struct server *server = exchange->server;
    MHD_resume_connection(exchange->http);
    atomic_fetch_sub(&server->suspended, 1);
}

static void on_committed(void *ctx, struct mutation *mutation)
{
    (void)mutation;
    resume(ctx);
}

/* The connection is suspended. */
static void submit(struct exchange *exchange)
{
    exchange->state = EXCHANGE_COMMIT;
    pipeline_submit(&exchange->request, on_committed, exchange);
}

static void run_on_worker(struct job *job)
{
    struct exchange *exchange = (struct exchange *)job;
    exchange->request.may_defer = true;
    if (!pipeline_run(&exchange->request)) {
        submit(exchange);
        return;
    }
    pipeline_respond(&exchange->request);
    exchange->state = EXCHANGE_DONE;
    resume(exchange);
}

/* On any thread, the connection suspended. */
static void queue_for_worker(void *ctx)
{
    struct exchange *exchange = ctx;
    if (workers_submit(exchange->server->daemon->workers, &exchange->job))
        return;
    (void)FAIL(&exchange->request, SLOW_DOWN, NULL);
    pipeline_respond(&exchange->request);
    exchange->state = EXCHANGE_DONE;
    resume(exchange);
}

static void give_to_worker(struct exchange *exchange)
{
    exchange->state = EXCHANGE_WORK;
    exchange->job.run = run_on_worker;
    exchange->job.client = request_client(&exchange->request);
    connection_enter(exchange->session->connection, PHASE_WORK);
    suspend(exchange);
    if (!receive_busy(&exchange->request, queue_for_worker, exchange))
        queue_for_worker(exchange);
}

/* ---- responses ---- */

static ssize_t read_blob(void *ctx, uint64_t position, char *ret_bytes, size_t max)
{
    struct exchange *exchange = ctx;
    struct request *request = &exchange->request;
    uint64_t offset = request->response.blob_offset + position;
    /* To the end of the store's block, so that no block is read and verified twice. */
    uint64_t to_end = BLOB_BLOCK_BYTES - offset % BLOB_BLOCK_BYTES;
    size_t wanted = max < to_end ? max : (size_t)to_end, got = 0;
    enum storage_err err = blob_read(
        request->response.reader, offset, ret_bytes, wanted, request_verify_reads(request), &got);
    if (err == STORAGE_OK && got > 0)
        return (ssize_t)got;
    /* The status is long sent: only a broken connection can tell the client. */
    (void)FAIL_STORAGE(request, err != STORAGE_OK ? err : STORAGE_CORRUPT);
    log_message(request->daemon->log, LOG_ERROR, "request %s: reading %.*s/%.*s at %llu failed: %s",
        request->id, SPAN_ARG(request->target.bucket), SPAN_ARG(request->target.key),
        (unsigned long long)offset, request->err_cause);
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* On the reaper's thread, or the main one. */
static void wake_stream(void *ctx)
{
    struct exchange *exchange = ctx;
    stream_wake(exchange->request.response.stream.source.waker);
}

static bool is_over(const struct exchange *exchange)
{
    return exchange->request.response.stream.source.endless &&
           atomic_load(&exchange->server->daemon->draining);
}

/* Suspended first: who wakes it may be faster than this. */
static void wait_for_producer(struct exchange *exchange)
{
    struct stream *stream = &exchange->request.response.stream;
    exchange->waited = true;
    suspend(exchange);
    connection_wait(exchange->session->connection, wake_stream, exchange);
    if (is_over(exchange)) /* since a moment ago: nobody would wake it any more */
        stream_wake(stream->source.waker);
    stream_wait(stream, resume, exchange);
}

static ssize_t read_stream(void *ctx, uint64_t position, char *ret_bytes, size_t max)
{
    (void)position;
    struct exchange *exchange = ctx;
    struct request *request = &exchange->request;
    size_t len = 0;
    if (exchange->waited) {
        exchange->waited = false;
        connection_enter(exchange->session->connection, PHASE_SEND);
        if (connection_is_gone(exchange->session->connection))
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (is_over(exchange))
        return MHD_CONTENT_READER_END_OF_STREAM;
    switch (stream_next(&request->response.stream, ret_bytes, max, &len)) {
    case STREAM_DATA:
        exchange->bytes_out += len;
        return (ssize_t)len;
    case STREAM_WAIT:
        wait_for_producer(exchange);
        return 0;
    case STREAM_END:
        return MHD_CONTENT_READER_END_OF_STREAM;
    case STREAM_BROKEN:
        break;
    }
    log_message(request->daemon->log, LOG_ERROR, "request %s: broken off after %llu bytes%s%s",
        request->id, (unsigned long long)exchange->bytes_out,
        request->err_cause != NULL ? ": " : "",
        request->err_cause != NULL ? request->err_cause : "");
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_nothing(void *ctx, uint64_t position, char *ret_bytes, size_t max)
{
    (void)ctx, (void)position, (void)ret_bytes, (void)max;
    return MHD_CONTENT_READER_END_WITH_ERROR; /* bodies of HEAD are never asked for */
}

/* Unchecked bytes that lie in one file go out by sendfile. NULL: they cannot. */
static struct MHD_Response *file_response(struct exchange *exchange)
{
    struct response *response = &exchange->request.response;
    uint64_t file_offset = 0, len = 0;
    int fd = -1;
    if (request_verify_reads(&exchange->request) || response->blob_length <= BLOB_BLOCK_BYTES ||
        blob_fd_range(response->reader, response->blob_offset, &fd, &file_offset, &len) !=
            STORAGE_OK ||
        len < response->blob_length)
        return NULL;
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* the library closes it with the response */
    if (fd < 0)
        return NULL;
    struct MHD_Response *made =
        MHD_create_response_from_fd_at_offset64(response->blob_length, fd, file_offset);
    if (made == NULL)
        close(fd);
    return made;
}

/* Large blocks while the budget lasts, else small ones, which cost more reading. */
static size_t reserve_block(struct exchange *exchange)
{
    struct server *server = exchange->server;
    uint64_t budget = server->daemon->config->read_bytes;
    if (atomic_fetch_add(&server->read_bytes, BLOB_BLOCK_BYTES) + BLOB_BLOCK_BYTES <= budget) {
        exchange->reserved_bytes = BLOB_BLOCK_BYTES;
        return BLOB_BLOCK_BYTES;
    }
    atomic_fetch_sub(&server->read_bytes, BLOB_BLOCK_BYTES);
    return READ_SMALL_BLOCK_BYTES;
}

static struct MHD_Response *blob_response(struct exchange *exchange)
{
    struct MHD_Response *file = file_response(exchange);
    return file != NULL ? file
                        : MHD_create_response_from_callback(exchange->request.response.blob_length,
                              reserve_block(exchange), read_blob, exchange, NULL);
}

/* Of chunks the library makes what fits in the connection's own memory, and needs no block. */
static struct MHD_Response *stream_response(struct exchange *exchange)
{
    uint64_t length = exchange->request.response.content_length;
    if (length == 0)
        return MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    size_t block = length == STREAM_LENGTH_UNKNOWN ? 1 : reserve_block(exchange);
    return MHD_create_response_from_callback(length, block, read_stream, exchange, NULL);
}

static struct MHD_Response *response_body(struct exchange *exchange)
{
    struct response *response = &exchange->request.response;
    switch (response->kind) {
    case RESPONSE_BLOB:
        exchange->bytes_out = response->blob_length;
        return blob_response(exchange);
    case RESPONSE_BUFFER: {
        size_t len = response->buffer.len;
        exchange->bytes_out = exchange->request.method == METHOD_HEAD ? 0 : len;
        struct MHD_Response *made = MHD_create_response_from_buffer(
            len, len > 0 ? response->buffer.ptr : "", MHD_RESPMEM_PERSISTENT);
        return made; /* the buffer lives as long as the request */
    }
    case RESPONSE_STREAM:
        return stream_response(exchange);
    case RESPONSE_EMPTY:
        break;
    }
    if (response->has_content_length && response->content_length > 0)
        return MHD_create_response_from_callback(
            response->content_length, 1, read_nothing, NULL, NULL);
    return MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
}

static void add_header(struct MHD_Response *made, const char *name, struct span value)
{
    char text[4096], *copy = text;
    if (value.len >= sizeof(text))
        copy = malloc(value.len + 1);
    if (copy == NULL)
        return;
    memcpy(copy, value.ptr, value.len);
    copy[value.len] = '\0';
    /* libmicrohttpd refuses an empty value; white space around a value is no part of it. */
    MHD_add_response_header(made, name, value.len > 0 ? copy : " ");
    if (copy != text)
        free(copy);
}

static enum MHD_Result send_response(struct exchange *exchange)
{
    struct response *response = &exchange->request.response;
    struct MHD_Response *made = response_body(exchange);
    if (made == NULL)
        return MHD_NO;
    for (size_t i = 0; i < response->header_count; i++)
        add_header(made, response->headers[i].name.ptr, response->headers[i].value);
    if (exchange->close_after || atomic_load(&exchange->server->daemon->draining))
        MHD_add_response_header(made, MHD_HTTP_HEADER_CONNECTION, "close");
    exchange->state = EXCHANGE_SENT;
    exchange->waited = false;
    if (response->kind == RESPONSE_STREAM)
        exchange->answered_ns = clock_monotonic_ns();
    connection_enter(exchange->session->connection, PHASE_SEND);
    enum MHD_Result queued = MHD_queue_response(exchange->http, (unsigned)response->status, made);
    MHD_destroy_response(made);
    return queued;
}

static enum MHD_Result respond_now(struct exchange *exchange)
{
    pipeline_respond(&exchange->request);
    return send_response(exchange);
}

/* ---- requests ---- */

static enum MHD_Result gather_header(void *ctx, enum MHD_ValueKind kind, const char *name,
    size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    struct exchange *exchange = ctx;
    struct header_list *list = &exchange->request.headers;
    if (list->count == HEADERS_MAX)
        return MHD_NO;
    struct header *items = (struct header *)list->items;
    items[list->count++] = (struct header){span_of(name, name_len),
        span_of(value != NULL ? value : "", value != NULL ? value_len : 0)};
    return MHD_YES;
}

static enum s3_err gather_headers(struct exchange *exchange)
{
    struct request *request = &exchange->request;
    int count = MHD_get_connection_values_n(exchange->http, MHD_HEADER_KIND, NULL, NULL);
    if (count > HEADERS_MAX)
        return FAIL(request, REQUEST_HEADER_SECTION_TOO_LARGE, NULL);
    request->headers.items =
        arena_array(&request->arena, struct header, count > 0 ? (size_t)count : 1);
    if (request->headers.items == NULL)
        return FAIL(request, INTERNAL, NULL);
    MHD_get_connection_values_n(exchange->http, MHD_HEADER_KIND, gather_header, exchange);
    return S3_OK;
}

/* Newer libraries refuse by themselves what may not be in a head, and take it apart in another way. */
static bool library_is_lenient(void)
{
    return strcmp(MHD_get_version(), "0.9.77") < 0;
}

static enum s3_err check_head(struct exchange *exchange, const char *method, const char *version)
{
    struct request *request = &exchange->request;
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(exchange->http, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    struct http_head_place place = {.method = span_str(method),
        .target_bytes = request->raw_target.len,
        .version = span_str(version),
        .bytes = size != NULL ? size->header_size : 0};
    const char *detail = NULL;
    if (library_is_lenient() && !http_head_is_whole(&place, &request->headers))
        return FAIL(request, BAD_REQUEST, "The lines of the request cannot be told apart.");
    enum s3_err err = http_head_check(&request->headers, place.version, &exchange->body, &detail);
    return err == S3_OK ? S3_OK : request_fail(request, err, detail, __FILE__, __LINE__);
}

static enum s3_err begin(struct exchange *exchange, const char *method, const char *version)
{
    struct request *request = &exchange->request;
    request->method_text = span_str(method);
    request->method = span_eq(request->method_text, SPAN("HEAD")) ? METHOD_HEAD : METHOD_OTHER;
    request->peer = exchange->session->peer;
    exchange->close_after = true; /* until the head is known to be sound */
    TRY(gather_headers(exchange));
    TRY(check_head(exchange, method, version));
    struct header *items = (struct header *)request->headers.items;
    for (size_t i = 0; i < request->headers.count; i++)
        items[i].value = span_trim(items[i].value);
    if (connection_is_over(exchange->session->connection))
        return FAIL(request, SLOW_DOWN, NULL);
    exchange->close_after = false;
    TRY(pipeline_begin(request));
    if (request->op->body == BODY_NONE && exchange->body.length > SERVER_DISCARD_MAX_BYTES)
        return FAIL(request, MAX_MESSAGE_LENGTH_EXCEEDED, NULL);
    return S3_OK;
}

static void start_discarding(struct exchange *exchange)
{
    exchange->state = EXCHANGE_DISCARD;
    exchange->discard_began_ns = clock_monotonic_ns();
}

/* The last byte is in, or there was no body. */
static enum MHD_Result finish(struct exchange *exchange)
{
    struct request *request = &exchange->request;
    if (exchange->state == EXCHANGE_DISCARD || pipeline_end(request) != S3_OK)
        return respond_now(exchange);
    if (!pipeline_is_quick(request)) {
        give_to_worker(exchange);
        return MHD_YES;
    }
    request->may_defer = true;
    if (pipeline_run(request))
        return respond_now(exchange);
    connection_enter(exchange->session->connection, PHASE_WORK);
    suspend(exchange);
    submit(exchange);
    return MHD_YES;
}

static enum MHD_Result on_head(struct exchange *exchange, const char *method, const char *version)
{
    enum s3_err err = begin(exchange, method, version);
    const struct http_body *body = &exchange->body;
    connection_enter(exchange->session->connection, PHASE_BODY);
    if (err == S3_OK) {
        exchange->state = EXCHANGE_BODY;
        return MHD_YES;
    }
    /* The library closes the connection behind an answer that is queued here, and a client that
     * sends on sees a broken pipe instead of it: the body is read first, unless the client waits
     * for 100 Continue or has too much. */
    if (exchange->close_after ||
        (body->expected && (body->expects_continue || body->length > SERVER_DISCARD_MAX_BYTES)))
        return respond_now(exchange);
    start_discarding(exchange);
    return MHD_YES;
}

/* MHD_NO closes the connection: the client had its time. */
static enum MHD_Result discard(struct exchange *exchange, size_t len)
{
    exchange->discarded_bytes += len;
    uint64_t waited_ns = clock_monotonic_ns() - exchange->discard_began_ns;
    return exchange->discarded_bytes <= SERVER_DISCARD_MAX_BYTES &&
                   waited_ns <= SERVER_DISCARD_MAX_S * 1000000000ull
               ? MHD_YES
               : MHD_NO;
}

static enum MHD_Result on_body(struct exchange *exchange, const char *bytes, size_t *len)
{
    struct request *request = &exchange->request;
    struct span input = span_of(bytes, *len);
    bool wait = false;
    if (exchange->waited) {
        exchange->waited = false;
        connection_enter(exchange->session->connection, PHASE_BODY);
    }
    if (request->receive == NULL &&
        request->head == NULL) { /* a body that the operation does not want */
        request->bytes_in += *len;
        *len = 0;
        return request->bytes_in <= SERVER_DISCARD_MAX_BYTES ? MHD_YES : MHD_NO;
    }
    enum s3_err err = pipeline_body(request, &input, &wait);
    if (err != S3_OK) {
        request->bytes_in += *len;
        *len = 0;
        start_discarding(exchange);
        return discard(exchange, input.len);
    }
    request->bytes_in += *len - input.len;
    *len = input.len;
    if (wait) {
        exchange->waited = true;
        connection_enter(exchange->session->connection, PHASE_WORK);
        suspend(exchange);
        receive_wait(request, resume, exchange);
        return MHD_YES;
    }
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *http, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_len, void **req_cls)
{
    (void)cls, (void)http, (void)url;
    struct exchange *exchange = *req_cls;
    if (exchange == NULL) /* memory ran out when it began */
        return MHD_NO;
    switch (exchange->state) {
    case EXCHANGE_HEAD:
        return on_head(exchange, method, version);
    case EXCHANGE_BODY:
        return *upload_len > 0 ? on_body(exchange, upload, upload_len) : finish(exchange);
    case EXCHANGE_DISCARD:
        if (*upload_len > 0) {
            size_t len = *upload_len;
            exchange->request.bytes_in += len;
            *upload_len = 0;
            return discard(exchange, len);
        }
        return finish(exchange);
    case EXCHANGE_COMMIT:
        if (pipeline_resume(&exchange->request))
            return respond_now(exchange);
        give_to_worker(exchange);
        return MHD_YES;
    case EXCHANGE_DONE:
        return send_response(exchange);
    case EXCHANGE_WORK:
    case EXCHANGE_SENT:
        break;
    }
    *upload_len = 0;
    return MHD_YES;
}

static struct session *session_of(struct MHD_Connection *http)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(http, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

static struct span tls_version(struct MHD_Connection *http)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(http, MHD_CONNECTION_INFO_PROTOCOL);
    return info != NULL ? server_tls_version(info->protocol) : SPAN_ABSENT;
}

/* The request line: the target as sent, before the library takes it apart in place. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *http)
{
    struct listener *listener = cls;
    struct session *session = session_of(http);
    struct exchange *exchange = session != NULL ? malloc(sizeof(*exchange)) : NULL;
    if (exchange == NULL)
        return NULL;
    /* The request is the larger part, and request_init clears it. */
    memset(exchange, 0, offsetof(struct exchange, request));
    exchange->server = listener->server;
    exchange->http = http;
    exchange->session = session;
    request_init(&exchange->request, listener->server->daemon);
    exchange->request.http = exchange;
    exchange->request.secure = listener->tls;
    if (listener->tls)
        exchange->request.tls_version = tls_version(http);
    exchange->request.raw_target =
        arena_copy(&exchange->request.arena, target != NULL ? span_str(target) : SPAN(""));
    atomic_fetch_add(&listener->server->exchanges, 1);
    return exchange;
}

static void exchange_free(void *ctx)
{
    struct exchange *exchange = ctx;
    struct server *server = exchange->server;
    request_free(&exchange->request);
    free(exchange);
    atomic_fetch_sub(&server->exchanges, 1);
}

static void on_completed(
    void *cls, struct MHD_Connection *http, void **req_cls, enum MHD_RequestTerminationCode how)
{
    (void)cls, (void)http;
    struct exchange *exchange = *req_cls;
    if (exchange == NULL)
        return;
    *req_cls = NULL;
    struct request *request = &exchange->request;
    struct daemon *daemon = exchange->server->daemon;
    connection_enter(exchange->session->connection, PHASE_HEAD);
    if (exchange->state == EXCHANGE_SENT && how != MHD_REQUEST_TERMINATED_COMPLETED_OK)
        connection_give_up(exchange->session->connection);
    atomic_fetch_sub(&exchange->server->read_bytes, exchange->reserved_bytes);
    if (exchange->state != EXCHANGE_HEAD) {
        struct log_access access = {.bytes_out = exchange->bytes_out,
            .duration_ns = clock_monotonic_ns() - request->received_ns,
            .aborted = how != MHD_REQUEST_TERMINATED_COMPLETED_OK};
        /* How long somebody listened to events says nothing of how fast we are. */
        uint64_t counted_ns = request->response.stream.source.endless
                                  ? exchange->answered_ns - request->received_ns
                                  : access.duration_ns;
        metrics_request(daemon->metrics, request, access.bytes_out, counted_ns);
        log_access(daemon->log, request, &access);
    }
    if (!receive_busy(request, exchange_free, exchange))
        exchange_free(exchange);
}

static void on_connection(void *cls, struct MHD_Connection *http, void **socket_context,
    enum MHD_ConnectionNotificationCode what)
{
    struct listener *listener = cls;
    struct connections *connections = listener->server->daemon->connections;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        struct session *session = *socket_context;
        if (session != NULL)
            connection_closed(connections, session->connection);
        free(session);
        *socket_context = NULL;
        return;
    }
    struct session *session = calloc(1, sizeof(*session));
    const union MHD_ConnectionInfo *address =
        MHD_get_connection_info(http, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(http, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (session != NULL && fd != NULL) {
        session->peer =
            peer_text(address != NULL ? address->client_addr : NULL, session->peer_bytes);
        session->connection = connection_opened(connections, fd->connect_fd);
    }
    *socket_context = session;
}

/* ---- starting and stopping ---- */

/* Escapes stay as they were sent. */
static size_t keep_escapes(void *cls, struct MHD_Connection *http, char *text)
{
    (void)cls, (void)http;
    return strlen(text);
}

__attribute__((format(printf, 2, 0))) static void on_library_log(
    void *cls, const char *format, va_list args)
{
    struct listener *listener = cls;
    char text[512];
    /* Clients come and go as they like: the access log has it. */
    struct span words = span_str(format);
    if (span_starts(words, SPAN("Connection ")) || span_starts(words, SPAN("Failed to send ")))
        return;
    vsnprintf(text, sizeof(text), format, args);
    log_message(listener->server->daemon->log, LOG_WARNING, "http: %s", text);
}

static unsigned io_threads(const struct config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t threads = config->io_threads != 0 ? config->io_threads
                       : processors > 0        ? (uint64_t)processors
                                               : 1;
    return (
        unsigned)(threads > IO_THREADS_MAX && config->io_threads == 0 ? IO_THREADS_MAX : threads);
}

static bool serve(struct listener *listener)
{
    const struct config *config = listener->server->daemon->config;
    unsigned threads = io_threads(config);
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem options[8];
    size_t count = 0;
    if (threads > 1)
        options[count++] =
            (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL};
    if (listener->tls) {
        flags |= MHD_USE_TLS;
        options[count++] = (struct MHD_OptionItem){
            MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)server_tls_retrieve()};
    }
    options[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    /* The library stops accepting at its own limit and shares it out among its threads: 25 % above
     * ours, so that those over it get an answer. */
    unsigned limit = (unsigned)(config->connections + config->connections / 4 + threads);
    listener->http = MHD_start_daemon(flags, 0, NULL, NULL, on_request, listener,
        MHD_OPTION_EXTERNAL_LOGGER, on_library_log, listener, MHD_OPTION_LISTEN_SOCKET,
        listener->fd, MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)config->idle_timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)config->header_bytes, MHD_OPTION_NOTIFY_COMPLETED, on_completed, listener,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener, MHD_OPTION_URI_LOG_CALLBACK,
        on_target, listener, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY,
        options, MHD_OPTION_END);
    return listener->http != NULL;
}

static bool bind_all(struct server *server, char ret_error[static SERVER_ERROR_BYTES])
{
    const struct config *config = server->daemon->config;
    for (size_t i = 0; i < config->listen.count; i++) {
        struct listener *listener = &server->listeners[i];
        bool is_unix = false;
        listener->server = server;
        listener->text = config->listen.items[i];
        if (!listen_open(listener->text, &listener->fd, &is_unix, listener->bound, ret_error))
            return false;
        server->listener_count++;
        listener->tls = config->tls_cert[0] != '\0' && !is_unix;
    }
    return true;
}

static bool serve_all(struct server *server, char ret_error[static SERVER_ERROR_BYTES])
{
    for (size_t i = 0; i < server->listener_count; i++)
        if (!serve(&server->listeners[i])) {
            snprintf(ret_error, SERVER_ERROR_BYTES,
                "cannot serve %s: no threads, memory or descriptors left",
                server->listeners[i].text);
            return false;
        }
    return true;
}

/* The way out must not lead back in, so it opens once it is known what is listened on. */
static void open_way_out(const struct server *server)
{
    struct span addresses[CONFIG_LIST_MAX];
    for (size_t i = 0; i < server->listener_count; i++)
        addresses[i] = server_address(server, i);
    if (server->daemon->remote != NULL)
        remote_listening(server->daemon->remote, addresses, server->listener_count);
}

bool server_start(
    struct daemon *daemon, struct server **ret_server, char ret_error[static SERVER_ERROR_BYTES])
{
    struct server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        snprintf(ret_error, SERVER_ERROR_BYTES, "out of memory");
        return false;
    }
    server->daemon = daemon;
    /* All or none: nobody is served on one address while another may still be refused. */
    bool bound = bind_all(server, ret_error);
    if (bound)
        open_way_out(server);
    if (!bound || !serve_all(server, ret_error)) {
        server_stop(server, 0);
        return false;
    }
    *ret_server = server;
    return true;
}

struct span server_address(const struct server *server, size_t index)
{
    return index < server->listener_count ? span_str(server->listeners[index].bound) : SPAN_ABSENT;
}

static void wait_until_zero(atomic_size_t *count, uint64_t timeout_s)
{
    uint64_t until_ns = clock_monotonic_ns() + timeout_s * 1000000000u;
    while (atomic_load(count) > 0 && clock_monotonic_ns() < until_ns)
        nanosleep(&(struct timespec){.tv_nsec = STOP_POLL_MS * 1000000L}, NULL);
}

void server_stop(struct server *server, uint64_t timeout_s)
{
    struct daemon *daemon = server->daemon;
    atomic_store(&daemon->draining, true);
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].http != NULL)
            MHD_quiesce_daemon(server->listeners[i].http);
        /* Nobody gets in any more. The library's threads may still look at the descriptor, so that
         * its number must not be another's yet. */
        shutdown(server->listeners[i].fd, SHUT_RDWR);
        listen_forget(server->listeners[i].text);
    }
    connections_wake(daemon->connections); /* streams without an end come to it */
    wait_until_zero(&server->exchanges, timeout_s);
    /* What is left is cut off. Nobody waits for memory any more, and what is suspended comes back
     * by itself: the library must not be stopped before. */
    staging_cancel(daemon->staging);
    remote_halt(daemon->remote); /* nor for a source elsewhere */
    do {
        connections_shutdown(daemon->connections);
        wait_until_zero(&server->exchanges, 1);
    } while (atomic_load(&server->exchanges) > 0 || atomic_load(&server->suspended) > 0);
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].http != NULL)
            MHD_stop_daemon(server->listeners[i].http);
        close(server->listeners[i].fd);
    }
    free(server);
}
