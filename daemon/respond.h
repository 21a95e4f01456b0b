/* Turns what came of a request into status, headers and body: every error becomes the S3 error XML.
 * Knows nothing of HTTP's transport. One thread at a time has a request. */
#ifndef DAEMON_RESPOND_H
#define DAEMON_RESPOND_H

#include "daemon/request.h"

/* A blob up to this size is read whole, so that it is verified before its status is sent. */
enum { RESPOND_WHOLE_MAX_BYTES = BLOB_BLOCK_BYTES };

/* Completes request->response: afterwards it has a status, all headers but Date and Content-Length,
 * and a body that is empty, a buffer, a stream, or a blob longer than RESPOND_WHOLE_MAX_BYTES. Never fails:
 * what fails here is answered as InternalError. May block on the disk, to read. */
void respond(struct request *request);

#endif
