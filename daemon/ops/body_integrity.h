/* Content-MD5 and x-amz-checksum-* of a body that is in memory. S3 insists on one of them where a
 * body that was cut short or mangled would do harm: DeleteObjects and the configurations of
 * buckets. */
#ifndef DAEMON_OPS_BODY_INTEGRITY_H
#define DAEMON_OPS_BODY_INTEGRITY_H

#include "daemon/request.h"

/* Verifies what the headers say of request->body.text. A checksum that came as a trailer counts: it
 * was verified where the body was received. err: INVALID_REQUEST when none was sent, or a malformed
 * one; INVALID_DIGEST for a malformed Content-MD5; BAD_DIGEST when one does not match */
enum s3_err body_integrity_require(struct request *request) MUST_USE;

#endif
