/* Many HTTP transfers at once, driven by one thread through libcurl's multi interface: connections are
 * kept alive and shared, bodies stream and can be paused. Redirects are not followed; only http and https
 * are spoken, HTTP/1.1; proxies of the environment, .netrc, cookies and credentials in URLs are not
 * looked at. Who may be connected to is asked for each new connection, once its address is known.
 *
 * All functions are thread-safe. Callbacks run on the engine's thread, never within a call to this module
 * but those that they make themselves, and must not block. */
#ifndef DAEMON_HTTP_ENGINE_H
#define DAEMON_HTTP_ENGINE_H

#include "headers.h"

struct http_engine;
struct http_transfer;
struct sockaddr;

enum {
    HTTP_HEAD_MAX_BYTES = 64 * 1024, /* of all heads of a transfer together, 1xx too */
    HTTP_CAUSE_BYTES = 256,
    HTTP_PIECE_MAX_BYTES = 64 * 1024,
    HTTP_TRANSFERS_MAX = 8192, /* started and not ended, of an engine */
};

struct http_engine_options {
    size_t connections_max;          /* in all */
    size_t connections_per_host_max; /* what is over it waits in line */
    const char *ca_file; /* PEM; NULL: the system's authorities. Borrowed until the end */
    /* May a connection be made to this address? Runs on the engine's thread. NULL: to all. */
    bool (*may_connect)(void *ctx, const struct sockaddr *address);
    void *ctx;
    /* For tests: "HOST:PORT:ADDRESS" for a transfer's look-up, instead of the resolver's. NULL: none. */
    const char *(*resolve)(void *ctx);
};

/* NULL when memory or threads run out. http_client_init has been called. */
struct http_engine *http_engine_new(const struct http_engine_options *options);
/* Breaks off what is under way (HTTP_CANCELLED) and starts nothing more, so that nobody waits any longer. Does not
 * block; the engine is still to be freed. */
void http_engine_halt(struct http_engine *engine);
/* Halts it and ends the thread. Takes NULL. */
void http_engine_free(struct http_engine *engine);

struct http_head {
    int status; /* 200 to 599 */
    struct header_list headers;
};

enum http_take {
    HTTP_TAKEN,
    HTTP_PAUSE, /* none was taken: the same bytes come again after http_transfer_resume */
    HTTP_STOP,  /* the transfer ends as HTTP_CANCELLED */
};

enum http_end {
    HTTP_DONE,        /* the whole response came, as its framing says */
    HTTP_UNREACHABLE, /* no connection: no such name, may_connect said no, closed, too slow, TLS */
    HTTP_BROKEN,      /* it ended, stalled or was nonsense after the request was sent */
    HTTP_CANCELLED,
    HTTP_NO_MEMORY,
};

struct http_events {
    /* Once, before the body; spans are valid within the call. False: as HTTP_STOP. */
    bool (*on_head)(void *ctx, const struct http_head *head);
    /* Bytes of the body as they come, at most HTTP_PIECE_MAX_BYTES a call. */
    enum http_take (*on_body)(void *ctx, struct span bytes);
    /* Exactly once, and last. cause: for the log, one line, never for who asked */
    void (*on_end)(void *ctx, enum http_end end, const char *cause);
};

struct http_transfer_options {
    const char *method; /* "HEAD": a response without a body is expected */
    const char *url;
    struct header_list headers; /* sent as they are; a Host among them replaces the URL's */
    long connect_ms;            /* until the connection stands, TLS included */
    long stall_s;  /* less than one byte a second for so long breaks it; not while paused */
    long head_ms;  /* from the request to the end of the head, to a second; 0: no bound */
    long total_ms; /* 0: no bound */
};

/* Starts a transfer; options are copied.
 * out: the transfer, to be freed with http_transfer_free after on_end; NULL when memory runs out or
 *      there are too many (no callback comes then) */
struct http_transfer *http_transfer_start(struct http_engine *engine,
    const struct http_transfer_options *options, const struct http_events *events,
    void *ctx) MUST_USE;
/* Goes on after HTTP_PAUSE. One that comes while on_body is about to return HTTP_PAUSE is not lost, so a
 * callback may decide under a lock of the caller's; without a pause it does nothing. */
void http_transfer_resume(struct http_transfer *transfer);
/* on_end comes with HTTP_CANCELLED, unless it is coming already. */
void http_transfer_cancel(struct http_transfer *transfer);
/* Only when on_end was called (in it, too). Takes NULL. */
void http_transfer_free(struct http_transfer *transfer);

#endif
