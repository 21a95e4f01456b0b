/* Addresses to listen on, bound by ourselves: IPv4, IPv6, Unix sockets. Any thread. */
#ifndef DAEMON_LISTEN_H
#define DAEMON_LISTEN_H

#include "base/span.h"

enum { LISTEN_ERROR_BYTES = 512, LISTEN_TEXT_BYTES = 160, PEER_TEXT_BYTES = 48 };

/* A listening socket.
 * in:  text      "ADDRESS:PORT", "[IPV6]:PORT", ":PORT" or "*:PORT" for all addresses, "unix:/PATH"
 * out: ret_fd    non-blocking; untouched on error
 *      ret_bound the address as bound, with the port that the system chose for 0
 *      ret_error a line for the user */
bool listen_open(const char *text, int *ret_fd, bool *ret_is_unix,
    char ret_bound[static LISTEN_TEXT_BYTES], char ret_error[static LISTEN_ERROR_BYTES]) MUST_USE;
/* Removes the file of a Unix socket; nothing for others. */
void listen_forget(const char *text);

struct sockaddr;
/* The peer's address as text without a port: "127.0.0.1", "::1"; "unix" for a local one. An IPv4
 * address that came over IPv6 is shown as IPv4. */
struct span peer_text(const struct sockaddr *address, char ret_text[static PEER_TEXT_BYTES]);

#endif
