/* Finds the operation of a request: the first row of ops.def that fits. Pure. */
#ifndef DAEMON_ROUTE_H
#define DAEMON_ROUTE_H

#include "daemon/request.h"

/* METHOD_OTHER for what S3 does not know. Case matters, as RFC 9110 section 9.1 says. */
enum method method_of(struct span text);

/* out: *ret_op untouched on error
 * err: NOT_IMPLEMENTED  the request names a sub-resource of S3 that no row has
 *      METHOD_NOT_ALLOWED  nothing at this scope has this method */
enum s3_err route(enum method method, const struct target *target,
    const struct header_list *headers, const struct op **ret_op) MUST_USE;

/* Does a query parameter of this name make a request another operation? */
bool route_knows(struct span sub_resource);

#endif
