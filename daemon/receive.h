/* Takes the body by the kind that the operation wants: NONE, XML (gathered) or BLOB (staged in the
 * store). Decodes aws-chunked, digests in one pass, verifies payload hash, Content-MD5 and
 * checksum. No operation ever sees chunks, or a byte that is not verified.
 *
 *     receive_begin   at the headers; what can be refused there is
 *     receive_bytes   for each run of bytes; never blocks, tells to wait instead
 *     receive_end     after the last byte: is everything there?
 *     receive_busy    a large body's last bytes are still worked on: waits without blocking
 *     receive_store   digests compared, the body is handed to the store; blocks unless receive_is_quick
 *
 * One thread at a time. */
#ifndef DAEMON_RECEIVE_H
#define DAEMON_RECEIVE_H

#include "daemon/request.h"

/* src: Amazon S3 User Guide, "Uploading objects": one PUT takes up to 5 GiB */
#define RECEIVE_BLOB_MAX_BYTES (5ull * 1024 * 1024 * 1024)
enum {
    RECEIVE_XML_MAX_BYTES = 1024 * 1024,
    /* DeleteObjects with 1000 keys of 1024 bytes, CompleteMultipartUpload with 10,000 parts and
     * their checksums: 400 bytes a part, 4 KiB a key. */
    RECEIVE_LONG_XML_MAX_BYTES = 4 * 1024 * 1024,
};

/* err: MISSING_CONTENT_LENGTH, ENTITY_TOO_LARGE, MAX_MESSAGE_LENGTH_EXCEEDED, INVALID_DIGEST,
 * INVALID_REQUEST, INVALID_ARGUMENT, INSUFFICIENT_STORAGE, INTERNAL, and what upload_admit says */
enum s3_err receive_begin(struct request *request) MUST_USE;

/* Takes bytes off the front of *input. *ret_wait: there is no room for the rest; receive_wait tells
 * when to come again with it. err: what is wrong with the body; nothing more is to be brought then
 */
enum s3_err receive_bytes(struct request *request, struct span *input, bool *ret_wait) MUST_USE;
/* wake is called once, on any thread, perhaps before this returns. */
void receive_wait(struct request *request, void (*wake)(void *ctx), void *ctx);

/* Compares what can be compared without blocking.
 * err: INCOMPLETE_BODY, what aws_chunked_finish says, and for a body that was gathered in memory
 *      X_AMZ_CONTENT_SHA256_MISMATCH, BAD_DIGEST */
enum s3_err receive_end(struct request *request) MUST_USE;

/* Do other threads still work on bytes of this body? Then over is called, on one of them, when they have
 * done; receive_store and receive_free come no earlier. */
bool receive_busy(struct request *request, void (*over)(void *ctx), void *ctx);

/* Is there no body, or so short a one that receive_store does not block? The store writes that with its commit, and
 * until then it stays in the request's memory. */
bool receive_is_quick(const struct request *request);

/* Compares what was streamed, and hands the body to the store.
 * err: X_AMZ_CONTENT_SHA256_MISMATCH, BAD_DIGEST, INSUFFICIENT_STORAGE, SLOW_DOWN, INTERNAL */
enum s3_err receive_store(struct request *request) MUST_USE;

/* Gives back what is left of it. Takes a request without a body. */
void receive_free(struct request *request);

#endif
