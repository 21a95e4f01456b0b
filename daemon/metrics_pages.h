/* GET /-/metrics, for Prometheus, and GET /-/metrics/history, for the console's charts; and who may read them: who has
 * the token of the settings, who is on this machine, or who may lakegate:GetMetrics. */
#ifndef DAEMON_METRICS_PAGES_H
#define DAEMON_METRICS_PAGES_H

#include "daemon/request.h"

/* NULL when the path is none of these. */
const struct op *metrics_route(const struct request *request) MUST_USE;

/* Does the request come from this machine itself? Not through a proxy on it, which would make everybody local: no
 * header that proxies add, and for a Host that only this machine reaches, which also keeps out web pages that have
 * their name point here. Behind a proxy that is told of by path_prefix or public_url, but not by trusted_proxies,
 * nobody is. Pure. */
bool metrics_is_local(const struct request *request);

#endif
