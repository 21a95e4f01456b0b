/* The head of a body that says who asks, or what: of a form all fields before its file, of the Query API
 * all of it. It is received before the request is authenticated, so it is bounded.
 *
 *     body_head_begin   at the headers
 *     body_head_bytes   for each run of bytes, until the head is over
 *     body_head_end     after the last byte, when the head was not over by then
 *
 * When it is over, request->head is NULL, of a Query body request->body.text is the whole body, and of a
 * form the request is what its fields make of it (form.h). What follows the head is receive's.
 * One thread at a time; never blocks. */
#ifndef DAEMON_BODY_HEAD_H
#define DAEMON_BODY_HEAD_H

#include "daemon/request.h"

/* All heads together, of which an address has three quarters at most: whoever sends them is not known yet. What a head took
 * is given back with the request, since its fields are used until then. */
enum { BODY_HEAD_MAX_BYTES = 256 * 1024, BODY_HEADS_MAX_BYTES = 64 * 1024 * 1024 };

struct body_heads;
/* NULL: out of memory. */
struct body_heads *body_heads_new(void);
/* Takes NULL. */
void body_heads_free(struct body_heads *heads);
/* Thread-safe. False: there is too little left, or left for this client (shares.h). */
bool body_heads_take(struct body_heads *heads, uint32_t client, size_t bytes) MUST_USE;
void body_heads_give(struct body_heads *heads, uint32_t client, size_t bytes);
uint64_t body_heads_used(struct body_heads *heads);

/* err: MISSING_CONTENT_LENGTH (forms), MAX_MESSAGE_LENGTH_EXCEEDED, PRECONDITION_FAILED (no form),
 * INVALID_ARGUMENT */
enum s3_err body_head_begin(struct request *request) MUST_USE;

/* Takes bytes off the front of *input. *ret_over: the head is complete.
 * err: SLOW_DOWN: there are too many of them at this moment; MAX_MESSAGE_LENGTH_EXCEEDED (forms: MAX_POST_PRE_DATA_LENGTH_EXCEEDED), MALFORMED_POST_REQUEST */
enum s3_err body_head_bytes(struct request *request, struct span *input, bool *ret_over) MUST_USE;

/* err: what a form lacks that ends in its head */
enum s3_err body_head_end(struct request *request) MUST_USE;

/* Gives memory back, of a form too; also of one that is refused: what still comes is then read for nothing, as slowly as
 * its client likes, and nobody is to want for memory meanwhile. Takes a request without a head. */
void body_head_drop(struct request *request);

#endif
