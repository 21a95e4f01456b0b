/* HTTP: only server*.c know libmicrohttpd. Its I/O threads take requests apart,
 * lead them through the pipeline, and run operations that never block; what may block runs on a
 * worker while the connection is suspended. */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

#include "daemon/daemon.h"

struct server;

enum {
    SERVER_ERROR_BYTES = 512,
    SERVER_ADDRESS_BYTES = 160,
    /* A refused body is read to its end up to here, so that the client sees the answer. */
    SERVER_DISCARD_MAX_BYTES = 8 * 1024 * 1024,
    SERVER_DISCARD_MAX_S = 2,
};

/* Binds and serves every address of the configuration.
 * out: ret_server  untouched on error
 *      ret_error   a line for the user */
bool server_start(struct daemon *daemon, struct server **ret_server,
    char ret_error[static SERVER_ERROR_BYTES]) MUST_USE;

/* The address of the n-th listener as bound; absent past the last. */
struct span server_address(const struct server *server, size_t index);

/* Accepts nothing more, lets requests under way end for up to timeout_s, then ends them. */
void server_stop(struct server *server, uint64_t timeout_s);

#endif
