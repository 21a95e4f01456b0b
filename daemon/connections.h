/* The open connections: admission, and a reaper that ends those that are too slow, which the HTTP
 * library cannot (its timeouts see only idleness: a byte a second lives for ever), and those whose
 * peer is gone without the library's notice. A connection is
 * ended by shutdown(2), never close, under the lock that connection_closed takes too, so that no
 * descriptor of somebody else is met. Progress is asked of the kernel (TCP_INFO), so serving costs
 * nothing extra. Thread-safe; a struct connection belongs to the thread that serves it. */
#ifndef DAEMON_CONNECTIONS_H
#define DAEMON_CONNECTIONS_H

#include "base/span.h"

struct connections;
struct connection;

enum connection_phase {
    PHASE_HEAD, /* between requests, or the head of one is coming */
    PHASE_BODY, /* a body is coming */
    PHASE_WORK, /* we work: nothing is expected of the client */
    PHASE_SEND, /* the response is going out */
    PHASE_WAIT, /* the response has to wait for whoever makes it; connection_wait enters it */
};

/* min_rate: bytes a second over REAPER_WINDOW_S; 0: no bound */
enum { REAPER_WINDOW_S = 30 };

/* Starts the reaper. NULL when memory or threads run out. */
struct connections *connections_new(uint64_t limit, uint64_t header_timeout_s, uint64_t min_rate);
/* All connections are closed before. Takes NULL. */
void connections_free(struct connections *connections);

/* NULL when memory runs out: the connection is then neither counted nor watched. */
struct connection *connection_opened(struct connections *connections, int fd);
/* Before the descriptor is closed. Takes NULL. */
void connection_closed(struct connections *connections, struct connection *connection);

/* Was the limit reached when it came? Then its requests are answered SlowDown. NULL: true. */
bool connection_is_over(const struct connection *connection);
void connection_enter(struct connection *connection, enum connection_phase phase);

/* PHASE_WAIT: the library does not look after the connection, so the reaper does: it calls wake, on its thread
 * and at most once, when the peer is gone (connection_is_gone then) or connections_wake was called. Not after
 * connection_enter. wake must not call into this module. */
void connection_wait(struct connection *connection, void (*wake)(void *ctx), void *ctx);
bool connection_is_gone(struct connection *connection);

/* It is about to be closed in the middle of a response, of which nothing more is to be sent. Takes NULL. */
void connection_give_up(struct connection *connection);

/* Shuts every connection down. Those in PHASE_WAIT are gone, and woken. */
void connections_shutdown(struct connections *connections);
/* Wakes all that are in PHASE_WAIT. */
void connections_wake(struct connections *connections);

struct connections_stats {
    uint64_t open, accepted, refused, reaped;
};
/* Takes NULL. */
void connections_stats(struct connections *connections, struct connections_stats *ret_stats);

#endif
