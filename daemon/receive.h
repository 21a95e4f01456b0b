/* Takes the body by the kind that the operation wants: NONE, XML (gathered) or BLOB (staged in the
 * store). Decodes aws-chunked, digests in one pass, verifies payload hash, Content-MD5 and
 * checksum. No operation ever sees chunks, or a byte that is not verified.
 *
 *     receive_begin   at the headers; what can be refused there is
 *     receive_bytes   for each run of bytes; never blocks, tells to wait instead
 *     receive_end     after the last byte: everything is compared
 *     receive_store   hands it to the store; blocks
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

/* err: INCOMPLETE_BODY, X_AMZ_CONTENT_SHA256_MISMATCH, BAD_DIGEST, and what aws_chunked_finish says
 */
enum s3_err receive_end(struct request *request) MUST_USE;
/* err: INSUFFICIENT_STORAGE, SLOW_DOWN, INTERNAL */
enum s3_err receive_store(struct request *request) MUST_USE;

/* Does the store still write bytes of this body? Then gone is called, on another thread, when the
 * request may be freed. */
bool receive_busy(struct request *request, void (*gone)(void *ctx), void *ctx);
/* Gives back what is left of it. Takes a request without a body. */
void receive_free(struct request *request);

#endif
