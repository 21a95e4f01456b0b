/* A response on its way out: of memory, a file, a blob in blocks, or a stream that may have to wait. */
#include "daemon/server_exchange.h"

#include "base/clock.h"
#include "daemon/log.h"
#include "storage/storage_fd.h"

#include <fcntl.h>
#include <unistd.h>

enum { READ_SMALL_BLOCK_BYTES = 32 * 1024 };

/* ---- the connection rests ---- */

void exchange_suspend(struct exchange *exchange)
{
    atomic_fetch_add(&exchange->server->suspended, 1);
    MHD_suspend_connection(exchange->http);
}

void exchange_resume(void *ctx)
{
    struct exchange *exchange = ctx;
    struct server *server = exchange->server;
    MHD_resume_connection(exchange->http);
    atomic_fetch_sub(&server->suspended, 1);
}

/* ---- bodies ---- */

static ssize_t read_blob(void *ctx, uint64_t position, char *ret_bytes, size_t max)
{
    struct exchange *exchange = ctx;
    struct request *request = &exchange->request;
    uint64_t offset = request->response.blob_offset + position;
    size_t got = 0;
    enum storage_err err = blob_read(
        request->response.reader, offset, ret_bytes, max, request_verify_reads(request), &got);
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
    exchange_suspend(exchange);
    connection_wait(exchange->session->connection, wake_stream, exchange);
    if (is_over(exchange)) /* since a moment ago: nobody would wake it any more */
        stream_wake(stream->source.waker);
    stream_wait(stream, exchange_resume, exchange);
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

/* Chunks are made in the connection's own memory; where HTTP/1.0 has none, the block is all that goes out at once. */
static struct MHD_Response *stream_response(struct exchange *exchange)
{
    uint64_t length = exchange->request.response.content_length;
    if (length == 0)
        return MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    size_t block =
        length == STREAM_LENGTH_UNKNOWN ? READ_SMALL_BLOCK_BYTES : reserve_block(exchange);
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

enum MHD_Result exchange_send(struct exchange *exchange)
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
