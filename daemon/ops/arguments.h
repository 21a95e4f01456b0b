/* The arguments that operations share, read as S3 reads them and refused in S3's words. One thread
 * at a time has a request. */
#ifndef DAEMON_OPS_ARGUMENTS_H
#define DAEMON_OPS_ARGUMENTS_H

#include "daemon/request.h"

/* InvalidArgument with <ArgumentName> and, when value is present, <ArgumentValue>. detail as in
 * request_fail. */
enum s3_err argument_fail(struct request *request, const char *name, struct span value,
    const char *detail, const char *file, int line);
#define FAIL_ARGUMENT(request, name, value, detail)                                                \
    argument_fail((request), (name), (value), (detail), __FILE__, __LINE__)

/* A query parameter that is a 32-bit integer. Absent or empty is the fallback; leading zeros and
 * '-' are read, spaces and '+' are not. err: INVALID_ARGUMENT "Provided … not an integer or within
 * integer range" */
enum s3_err argument_int32(
    struct request *request, const char *name, int32_t fallback, int32_t *ret_value) MUST_USE;

/* Refuses a negative value of such a parameter. shown: the name that S3 puts into the message,
 * which is not always the parameter's. err: INVALID_ARGUMENT "Argument … must be an integer between
 * 0 and 2147483647" */
enum s3_err argument_not_negative(
    struct request *request, const char *shown, int32_t value) MUST_USE;

/* A query parameter that is a key, a part of one, or a delimiter; absent when it was not sent.
 * err: INVALID_ARGUMENT when it holds a NUL, which XML cannot carry back */
enum s3_err argument_text(
    struct request *request, const char *name, struct span *ret_text) MUST_USE;

/* The version that ?versionId= names, or the newest.
 * err: INVALID_ARGUMENT */
enum s3_err argument_version(struct request *request, struct version_ref *ret_version) MUST_USE;

/* The upload that ?uploadId= names.
 * err: NO_SUCH_UPLOAD */
enum s3_err argument_upload(struct request *request, struct upload_id *ret_upload) MUST_USE;

#endif
