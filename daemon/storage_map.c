#include "daemon/request.h"

#include "daemon/daemon.h"
#include "daemon/jobs/scrub.h"

#include <assert.h>

/* No `default:`, so that a new error of the store does not compile until it is mapped. */
static enum s3_err map(enum storage_err err)
{
    switch (err) {
    case STORAGE_NO_SUCH_BUCKET:
        return S3_ERR_NO_SUCH_BUCKET;
    case STORAGE_BUCKET_EXISTS:
        return S3_ERR_BUCKET_ALREADY_EXISTS;
    case STORAGE_BUCKET_NOT_EMPTY:
        return S3_ERR_BUCKET_NOT_EMPTY;
    case STORAGE_TOO_MANY_BUCKETS:
        return S3_ERR_TOO_MANY_BUCKETS;
    case STORAGE_NO_SUCH_KEY:
        return S3_ERR_NO_SUCH_KEY;
    case STORAGE_NO_SUCH_VERSION:
        return S3_ERR_NO_SUCH_VERSION;
    case STORAGE_DELETE_MARKER:
        return S3_ERR_METHOD_NOT_ALLOWED;
    case STORAGE_NO_SUCH_UPLOAD:
        return S3_ERR_NO_SUCH_UPLOAD;
    case STORAGE_NO_SUCH_PART:
        return S3_ERR_INVALID_PART;
    case STORAGE_PRECONDITION_FAILED:
        return S3_ERR_PRECONDITION_FAILED;
    case STORAGE_RETAINED:
        return S3_ERR_ACCESS_DENIED;
    case STORAGE_OBJECT_EXISTS:
        return S3_ERR_OBJECT_ALREADY_EXISTS;
    case STORAGE_DUPLICATE:
        return S3_ERR_DUPLICATE_OBJECT;
    case STORAGE_QUOTA:
        return S3_ERR_QUOTA_EXCEEDED;
    case STORAGE_CHANGED: /* an operation tries again itself; this is one that lost every time */
        return S3_ERR_SERVICE_UNAVAILABLE;
    case STORAGE_INVALID:
        return S3_ERR_INVALID_ARGUMENT;
    case STORAGE_NO_SPACE:
        return S3_ERR_INSUFFICIENT_STORAGE;
    case STORAGE_BUSY:
        return S3_ERR_SLOW_DOWN;
    case STORAGE_OK:
    case STORAGE_NO_SUCH_DOCUMENT: /* each document and record has an error of its own, which its
                                      operation knows */
    case STORAGE_NO_SUCH_RECORD:
    case STORAGE_RECORD_EXISTS:
    case STORAGE_NO_SUCH_ZONE:
    case STORAGE_CORRUPT:
    case STORAGE_IO:
    case STORAGE_NO_MEMORY:
    case STORAGE_IN_USE:
    case STORAGE_NEWER_FORMAT:
    case STORAGE_UNUSABLE:
    case STORAGE_INTERNAL:
        return S3_ERR_INTERNAL;
    }
    return S3_ERR_INTERNAL;
}

/* Of a copy it is the source that is read. */
static void note_damage(const struct request *request)
{
    bool copies = span_present(request->source_bucket);
    scrubber_note(request->daemon->scrubber,
        copies ? request->source_bucket : request->target.bucket,
        copies ? request->source_key : request->target.key,
        SPAN("a request that reads it has met damage"));
}

enum s3_err request_storage_fail(
    struct request *request, enum storage_err err, const char *file, int line)
{
    assert(err != STORAGE_OK);
    enum s3_err mapped = map(err);
    request->err_cause = storage_err_text(err);
    if (err == STORAGE_CORRUPT || err == STORAGE_IO)
        note_damage(request);
    return request_fail(request, mapped, NULL, file, line);
}
