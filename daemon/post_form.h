/* POST of a form to a bucket: key, signature, policy and metadata are fields before the file. When the head of the
 * body is over (body_head.h), the request is turned into what PutObject gets: the key into the target, the other
 * fields into headers, so that from there on both go the same way.
 * One thread at a time; never blocks.
 * src: Amazon S3 API Reference, "POST Object", "Authenticating Requests in Browser-Based Uploads Using POST" */
#ifndef DAEMON_POST_FORM_H
#define DAEMON_POST_FORM_H

#include "daemon/request.h"
#include "form.h"

struct post_form {
    struct form *decoder;
    uint64_t body_bytes; /* Content-Length */
    bool has_range;      /* content-length-range, of the file */
    uint64_t min_bytes, max_bytes;
    struct span redirect; /* success_action_redirect; absent: none that is a URL */
    struct span status;   /* success_action_status; absent without one */
};

/* At the headers. Sets request->form.
 * err: POST_NOT_MULTIPART, MISSING_CONTENT_LENGTH, INVALID_ARGUMENT, INTERNAL */
enum s3_err post_form_begin(struct request *request) MUST_USE;

/* Takes head bytes off the front of *input; when the head is over, the request is what the form says.
 * err: those of form_head, INVALID_ARGUMENT, USER_KEY_MUST_BE_SPECIFIED */
enum s3_err post_form_head(struct request *request, struct span *input, bool *ret_over) MUST_USE;

/* Who posts: verifies the signature over the policy document, then the policy itself. A form without policy and
 * signature is anonymous.
 * err: INVALID_ARGUMENT (a field is missing), ACCESS_DENIED, INVALID_POLICY_DOCUMENT, SIGNATURE_DOES_NOT_MATCH,
 *      and what authenticate_scope and authenticate_find say */
enum s3_err post_form_authenticate(struct request *request) MUST_USE;

/* Bytes that the file has at most: all that is left of the body. */
uint64_t post_form_room(const struct request *request);

/* Is a file of this size within the policy's range? more_comes: the size is only what came so far.
 * err: ENTITY_TOO_LARGE, ENTITY_TOO_SMALL */
enum s3_err post_form_check_size(
    struct request *request, uint64_t size_bytes, bool more_comes) MUST_USE;

/* Takes a request without one. */
void post_form_free(struct request *request);

#endif
