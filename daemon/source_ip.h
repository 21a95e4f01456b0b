/* Whose address a request has: the peer's, unless the peer is a proxy that is trusted by the setting
 * trusted_proxies; then the right-most address of X-Forwarded-For that is not a trusted proxy's. Pure. */
#ifndef DAEMON_SOURCE_IP_H
#define DAEMON_SOURCE_IP_H

#include "daemon/config.h"
#include "daemon/network.h"
#include "daemon/request.h"

struct source_networks {
    struct network items[CONFIG_LIST_MAX];
    size_t count;
};

/* As text, without a port. Absent where nobody can tell: a Unix socket's peer, or a trusted proxy that
 * forwards something that is no address. Borrowed from the request. */
struct span source_ip(const struct request *request);

#endif
