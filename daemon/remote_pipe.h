/* An object elsewhere as bytes to be pulled: the engine fills a bounded ring and is paused while it is full;
 * who reads takes from it, waiting (workers) or not (streams of responses, stream.h). One thread at a time
 * reads. */
#ifndef DAEMON_REMOTE_PIPE_H
#define DAEMON_REMOTE_PIPE_H

#include "daemon/remote.h"
#include "daemon/stream.h"

enum { REMOTE_PIPE_BYTES = 256 * 1024 };

struct remote_pipe;

/* Asks, and waits for the head. Blocks.
 * in:  arena  what *ret_object points to
 * out: *ret_pipe  to be closed; untouched on error
 * err: what the answer says; ret_failure is always filled */
enum remote_err remote_pipe_open(struct remote_bucket *bucket, const struct remote_get *get,
    struct arena *arena, struct remote_object *ret_object, struct remote_pipe **ret_pipe,
    struct remote_failure *ret_failure) MUST_USE;

/* Waits for bytes. out: *ret_len  0: that was all of content_length
 * err: BROKEN and its kind, with fewer bytes than were promised */
enum remote_err remote_pipe_read(
    struct remote_pipe *pipe, void *ret_bytes, size_t max_bytes, size_t *ret_len) MUST_USE;

/* The same without waiting: the source of a response. Takes the pipe over. */
struct stream_source remote_pipe_stream(struct remote_pipe *pipe);

/* Breaks off what has not come. Does not block. Takes NULL. */
void remote_pipe_close(struct remote_pipe *pipe);

#endif
