/* A request on its way through the pipeline: what the library calls for its head, its body and its end. */
#include "daemon/server_exchange.h"

#include "base/clock.h"
#include "daemon/log.h"
#include "daemon/metrics.h"
#include "daemon/pipeline.h"
#include "daemon/receive.h"
#include "daemon/server_tls.h"

/* ---- giving a request to other threads ---- */

static void on_committed(void *ctx, struct mutation *mutation)
{
    (void)mutation;
    exchange_resume(ctx);
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
    exchange_resume(exchange);
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
    exchange_resume(exchange);
}

static void give_to_worker(struct exchange *exchange)
{
    exchange->state = EXCHANGE_WORK;
    exchange->job.run = run_on_worker;
    exchange->job.client = request_client(&exchange->request);
    connection_enter(exchange->session->connection, PHASE_WORK);
    exchange_suspend(exchange);
    if (!receive_busy(&exchange->request, queue_for_worker, exchange))
        queue_for_worker(exchange);
}

/* ---- from the head to the answer ---- */

static enum MHD_Result respond_now(struct exchange *exchange)
{
    pipeline_respond(&exchange->request);
    return exchange_send(exchange);
}

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
    exchange_suspend(exchange);
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
        exchange_suspend(exchange);
        receive_wait(request, exchange_resume, exchange);
        return MHD_YES;
    }
    return MHD_YES;
}

enum MHD_Result server_on_request(void *cls, struct MHD_Connection *http, const char *url,
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
        return exchange_send(exchange);
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
void *server_on_target(void *cls, const char *target, struct MHD_Connection *http)
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

void server_on_completed(
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

void server_on_connection(void *cls, struct MHD_Connection *http, void **socket_context,
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
