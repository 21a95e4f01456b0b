/* May this principal do this to that? Decided at the headers, before the body is read. Policies,
 * ACLs and the public access block come in here later; for now root may do everything and nobody
 * else anything. One thread at a time has a request. */
#ifndef DAEMON_AUTHORIZE_H
#define DAEMON_AUTHORIZE_H

#include "daemon/request.h"

/* Loads the target's bucket into request->bucket, unless the operation makes it.
 * err: ACCESS_DENIED, NO_SUCH_BUCKET, INVALID_BUCKET_NAME (CreateBucket only), what key_check says
 * of the key, and the store's faults */
enum s3_err authorize(struct request *request) MUST_USE;

#endif
