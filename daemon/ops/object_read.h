/* How GetObject and HeadObject choose what they answer: version, preconditions, range or part. They
 * differ in the body alone, so they share all of it. */
#ifndef DAEMON_OPS_OBJECT_READ_H
#define DAEMON_OPS_OBJECT_READ_H

#include "conditions.h"
#include "daemon/request.h"

/* Looks the object up, decides, and writes status and headers. For with_body the reader is left in
 * request->response.reader (it is there whenever the store opened one, so that it is closed with
 * the request). One look-up of the key. out: ret_range  the bytes that are asked for err: those of
 * GetObject; the headers that go with them (304, 416, delete markers) are set */
enum s3_err object_read(
    struct request *request, bool with_body, struct byte_range *ret_range) MUST_USE;

/* The preconditions of a read against an object: 304 with its headers, or 412 with the condition.
 * err: NOT_MODIFIED, PRECONDITION_FAILED, INVALID_ARGUMENT */
enum s3_err object_read_conditions(
    struct request *request, const struct object_info *info) MUST_USE;

/* Last-Modified and ETag. */
void object_validator_headers(struct request *request, const struct object_info *info);

#endif
