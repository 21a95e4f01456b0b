#include "storage/storage.h"

const char *storage_err_text(enum storage_err err)
{
    switch (err) {
    case STORAGE_OK:
        return "done";
    case STORAGE_NO_SUCH_BUCKET:
        return "no such bucket";
    case STORAGE_BUCKET_EXISTS:
        return "the bucket exists";
    case STORAGE_BUCKET_NOT_EMPTY:
        return "the bucket is not empty";
    case STORAGE_TOO_MANY_BUCKETS:
        return "too many buckets";
    case STORAGE_NO_SUCH_KEY:
        return "no such key";
    case STORAGE_NO_SUCH_VERSION:
        return "no such version";
    case STORAGE_DELETE_MARKER:
        return "the version is a delete marker";
    case STORAGE_NO_SUCH_UPLOAD:
        return "no such upload";
    case STORAGE_NO_SUCH_PART:
        return "no such part";
    case STORAGE_NO_SUCH_DOCUMENT:
        return "no such document";
    case STORAGE_NO_SUCH_RECORD:
        return "no such record";
    case STORAGE_RECORD_EXISTS:
        return "the record exists";
    case STORAGE_NO_SUCH_ZONE:
        return "no such zone";
    case STORAGE_PRECONDITION_FAILED:
        return "a precondition failed";
    case STORAGE_RETAINED:
        return "the zone retains the version";
    case STORAGE_OBJECT_EXISTS:
        return "the zone's objects are written once";
    case STORAGE_DUPLICATE:
        return "the zone has the same content";
    case STORAGE_QUOTA:
        return "a limit of the zone is reached";
    case STORAGE_CHANGED:
        return "changed meanwhile";
    case STORAGE_INVALID:
        return "an argument is out of its bounds";
    case STORAGE_NO_SPACE:
        return "no space left on the data folder's disk";
    case STORAGE_BUSY:
        return "too much is queued";
    case STORAGE_CORRUPT:
        return "a checksum of the store does not match";
    case STORAGE_IO:
        return "a read from disk failed";
    case STORAGE_NO_MEMORY:
        return "out of memory";
    case STORAGE_IN_USE:
        return "another process uses the data folder";
    case STORAGE_NEWER_FORMAT:
        return "the data folder was written by a newer release";
    case STORAGE_UNUSABLE:
        return "the data folder cannot be used";
    case STORAGE_INTERNAL:
        return "internal error of the store";
    }
    return "unknown error";
}
