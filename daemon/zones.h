/* Zones: the rules that a bucket's document (libs3proto/zones.h) or its tag lakegate:zone sets for the keys
 * under a prefix. The store holds the rules and decides them in the commit; here is what the daemon does
 * about them: which zone a key lies in, whether a copy may come from where it comes from, whether the same
 * content is there already (the bytes are compared before the commit), and what a refusal says.
 *
 * One thread at a time has a request. Nothing here tells a client anything before authorize has allowed
 * the request; what names another key asks for it with authorize_also. */
#ifndef DAEMON_ZONES_H
#define DAEMON_ZONES_H

#include "daemon/request.h"

struct zone_rule; /* storage/storage.h */

/* A key's zone. Memory is the request's. */
struct zone_of {
    struct span name;             /* absent: the key lies in no zone */
    const struct zone_rule *rule; /* NULL: in no zone */
};

/* The zone that a key of a bucket lies in: for the condition keys lakegate:zone and lakegate:sourceZone.
 * Never blocks. A store that cannot tell fails the request: a policy may deny by the zone.
 * out: *ret_zone  {absent, NULL} when the key is in no zone; untouched on error
 * err: INTERNAL */
enum s3_err zones_of(struct request *request, const struct bucket_info *bucket, struct span key,
    struct zone_of *ret_zone) MUST_USE;

/* x-lakegate-zone, when the request's key lies in a zone. respond calls it for every request that was
 * authorized, whatever came of it. */
void zones_respond(struct request *request);

#endif
