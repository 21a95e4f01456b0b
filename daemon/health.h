/* The daemon's own answers beside S3: health, metrics, status.
 *
 *     GET /-/health/live   200 while the process answers      (also /minio/health/live)
 *     GET /-/health/ready  200 until it drains, then 503      (also /minio/health/ready, /cluster)
 *     GET /-/metrics       Prometheus text; setting "metrics": public or signed
 *     GET /-/status        JSON, signed with the root keys; what `lakegate status` shows
 *
 * "-" can be no bucket. Below "minio" only requests without a signature are taken, so a bucket of
 * that name works. */
#ifndef DAEMON_HEALTH_H
#define DAEMON_HEALTH_H

#include "daemon/request.h"

/* The operation that answers, NULL when the request is S3's. */
const struct op *health_route(const struct request *request);

#endif
