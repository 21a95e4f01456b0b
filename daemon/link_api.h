/* Links by request, each account's own. Signed as any request to S3; answers are JSON, errors S3's XML.
 *
 *     GET    /-/links?after=NAME&max=100   lakegate:ListLinks
 *     POST   /-/links                      lakegate:CreateLink
 *     GET    /-/links/NAME                 lakegate:GetLink
 *     DELETE /-/links/NAME                 lakegate:DeleteLink
 *
 * The body of POST: {"name": "public-data", "source": "s3://bucket/prefix", "endpoint_url": "https://…",
 * "region": "eu-west-1", "access_key": "…", "secret_key": "…"}; what is left out is AWS's, learnt, and anonymous.
 * Before a link is made its source is asked for one key. */
#ifndef DAEMON_LINK_API_H
#define DAEMON_LINK_API_H

#include "daemon/request.h"

/* NULL when the path or the method is none of these. */
const struct op *link_route(const struct request *request);

#endif
