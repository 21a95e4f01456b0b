#include "daemon/server.h"

#include "base/clock.h"
#include "daemon/config.h"
#include "daemon/connections.h"
#include "daemon/log.h"
#include "daemon/remote.h"
#include "daemon/server_exchange.h"
#include "daemon/server_tls.h"
#include "daemon/staging.h"

#include <unistd.h>

enum { IO_THREADS_MAX = 16, STOP_POLL_MS = 20 };

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
    /* With epoll, the library asks again and again, all of a processor's time, for the rest of a TLS
     * handshake that is under way (0.9.75): a client that sends a few bytes and waits would do. */
    unsigned flags = listener->tls ? MHD_USE_POLL_INTERNAL_THREAD : MHD_USE_EPOLL_INTERNAL_THREAD;
    flags |= MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
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
    listener->http = MHD_start_daemon(flags, 0, NULL, NULL, server_on_request, listener,
        MHD_OPTION_EXTERNAL_LOGGER, on_library_log, listener, MHD_OPTION_LISTEN_SOCKET,
        listener->fd, MHD_OPTION_CONNECTION_LIMIT, limit, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)config->idle_timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)config->header_bytes, MHD_OPTION_NOTIFY_COMPLETED, server_on_completed, listener,
        MHD_OPTION_NOTIFY_CONNECTION, server_on_connection, listener, MHD_OPTION_URI_LOG_CALLBACK,
        server_on_target, listener, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
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
    uint64_t until_ns = clock_monotonic_ns() + timeout_s * NS_PER_S;
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
