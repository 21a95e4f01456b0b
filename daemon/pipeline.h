/* The way of a request, from its headers to its response:
 *
 *     parse_target → route → authenticate → authorize → receive → op->run → respond
 *
 * Of a form and of the Query API's body the head is received before authenticate, since it says who
 * asks, or what (body_head.h).
 *
 * Each step is one file; an error ends the way at once and becomes the response. HTTP forces it
 * into pieces, since the body comes in between; who has a whole request calls them one after the
 * other. */
#ifndef DAEMON_PIPELINE_H
#define DAEMON_PIPELINE_H

#include "daemon/request.h"

/* At the headers, with request->method_text, raw_target, headers, peer and secure filled in.
 * Decides all that can be decided without the body. err: the request is refused: what is left of
 * its body is of no use */
enum s3_err pipeline_begin(struct request *request) MUST_USE;

/* For each run of the body. As receive_bytes. */
enum s3_err pipeline_body(struct request *request, struct span *input, bool *ret_wait) MUST_USE;

/* After the last byte: is the body what it was said to be? err: the request is refused */
enum s3_err pipeline_end(struct request *request) MUST_USE;

/* May pipeline_run be called on an I/O thread? */
bool pipeline_is_quick(const struct request *request);

/* Runs the operation. Blocks, unless pipeline_is_quick. False: it has a change to commit first. Then
 * pipeline_submit hands that to the store, done is called once it is on disk or refused, on a thread of
 * the store's that must not be held up, and pipeline_resume takes the operation to its end: false when it
 * has to be run again, on a worker. Only with request->may_defer. */
bool pipeline_run(struct request *request) MUST_USE;
void pipeline_submit(
    struct request *request, void (*done)(void *ctx, struct mutation *mutation), void *ctx);
bool pipeline_resume(struct request *request) MUST_USE;

/* The last step, for those that were refused too: the response is then complete. */
void pipeline_respond(struct request *request);

#endif
