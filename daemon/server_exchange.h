/* What the files of the server share: a listener, a connection, a request and what HTTP knows of it. Only they see
 * libmicrohttpd. */
#ifndef DAEMON_SERVER_EXCHANGE_H
#define DAEMON_SERVER_EXCHANGE_H

#include "daemon/config.h"
#include "daemon/connections.h"
#include "daemon/http_head.h"
#include "daemon/listen.h"
#include "daemon/request.h"
#include "daemon/server.h"
#include "daemon/workers.h"

#include <microhttpd.h>

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

/* ---- server_request.c: what the library calls ---- */

/* At the request line: the target as sent, before the library takes it apart in place. NULL: no memory */
void *server_on_target(void *cls, const char *target, struct MHD_Connection *http);
/* At the head, for each run of the body, after it, and each time that the connection is resumed. */
enum MHD_Result server_on_request(void *cls, struct MHD_Connection *http, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_len,
    void **req_cls);
void server_on_completed(
    void *cls, struct MHD_Connection *http, void **req_cls, enum MHD_RequestTerminationCode how);
void server_on_connection(void *cls, struct MHD_Connection *http, void **socket_context,
    enum MHD_ConnectionNotificationCode what);

/* ---- server_response.c ---- */

/* The connection rests until exchange_resume. */
void exchange_suspend(struct exchange *exchange);
/* ctx: the exchange. On any thread; the exchange belongs to its I/O thread from here on. */
void exchange_resume(void *ctx);
/* Queues the response, which is complete. MHD_NO: it could not be */
enum MHD_Result exchange_send(struct exchange *exchange);

#endif
