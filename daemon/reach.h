/* Where the daemon may go by itself, so that nobody can use it to look into the network that it stands in.
 * Two questions: may this endpoint be named (before a request is made), and may this address be connected
 * to (at each connect, since names resolve as their owners like). Pure but for is_local.
 * src: IANA's registries of special-purpose IPv4 and IPv6 addresses; RFC 6052 (NAT64), RFC 3056 (6to4) */
#ifndef DAEMON_REACH_H
#define DAEMON_REACH_H

#include "daemon/config.h"
#include "daemon/network.h"
#include "daemon/remote_endpoint.h"

struct sockaddr;

enum { REACH_OWN_MAX = 32, REACH_ERROR_BYTES = 256 };

struct reach_endpoint {
    bool aws;   /* the word "aws": its public S3 endpoints */
    bool plain; /* http:// was written: no TLS */
    bool any_port;
    uint16_t port;
    struct span host; /* may begin with "*.": any name under it */
};

struct reach_exception {
    struct network network;
    uint16_t port; /* 0: any; never so for one of the daemon's own */
};

struct reach_own {
    uint8_t address[ADDRESS_BYTES];
    bool all_addresses;
    uint16_t port;
};

struct reach {
    struct reach_endpoint endpoints[CONFIG_LIST_MAX];
    size_t endpoint_count;
    struct reach_exception exceptions[CONFIG_LIST_MAX];
    size_t exception_count;
    struct reach_own own[REACH_OWN_MAX];
    size_t own_count;
    /* Is it an address of this machine? NULL: no, none is. */
    bool (*is_local)(const uint8_t address[static ADDRESS_BYTES]);
};

/* in:  endpoints  "aws", [http[s]://]HOST[:PORT|:*]; HOST may be "*.NAME"; without http:// it is https
 *      addresses  NETWORK, ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT that may be connected to although they
 *                 would be refused
 * Both are borrowed until the end.
 * out: ret_reach  own_count and is_local are zero; ret_error a line for the user
 * err: false for a value that is none of these */
bool reach_parse(const struct config_list *endpoints, const struct config_list *addresses,
    struct reach *ret_reach, char ret_error[static REACH_ERROR_BYTES]) MUST_USE;

/* A listener of the daemon's own: "127.0.0.1:9000", "[::]:9000"; "unix:…" needs no rule. False when the
 * text is no such address or there are more than REACH_OWN_MAX. */
bool reach_add_own(struct reach *reach, struct span text) MUST_USE;

/* May this endpoint be asked? */
bool reach_allows_endpoint(const struct reach *reach, const struct remote_endpoint *endpoint);

/* NULL: it may be connected to. Else why not, a literal for the log. */
const char *reach_refuses(const struct reach *reach, const struct sockaddr *address);

#endif
