/* Is each error of the store answered as a client expects, and none forgotten? */
#include "daemon/daemon.h"
#include "daemon/request.h"

#include <setjmp.h>
#include <stdarg.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static void test_each_error(void **state)
{
    (void)state;
    static const struct {
        enum storage_err from;
        const char *code;
        int status;
    } cases[] = {
        {STORAGE_NO_SUCH_BUCKET, "NoSuchBucket", 404},
        {STORAGE_BUCKET_EXISTS, "BucketAlreadyExists", 409},
        {STORAGE_BUCKET_NOT_EMPTY, "BucketNotEmpty", 409},
        {STORAGE_TOO_MANY_BUCKETS, "TooManyBuckets", 400},
        {STORAGE_NO_SUCH_KEY, "NoSuchKey", 404},
        {STORAGE_NO_SUCH_VERSION, "NoSuchVersion", 404},
        {STORAGE_DELETE_MARKER, "MethodNotAllowed", 405},
        {STORAGE_NO_SUCH_UPLOAD, "NoSuchUpload", 404},
        {STORAGE_NO_SUCH_PART, "InvalidPart", 400},
        {STORAGE_NO_SUCH_DOCUMENT, "InternalError", 500},
        {STORAGE_NO_SUCH_RECORD, "InternalError", 500},
        {STORAGE_RECORD_EXISTS, "InternalError", 500},
        {STORAGE_NO_SUCH_ZONE, "InternalError", 500},
        {STORAGE_PRECONDITION_FAILED, "PreconditionFailed", 412},
        {STORAGE_RETAINED, "AccessDenied", 403},
        {STORAGE_OBJECT_EXISTS, "ObjectAlreadyExists", 409},
        {STORAGE_DUPLICATE, "DuplicateObject", 409},
        {STORAGE_QUOTA, "QuotaExceeded", 403},
        {STORAGE_CHANGED, "ServiceUnavailable", 503},
        {STORAGE_INVALID, "InvalidArgument", 400},
        {STORAGE_NO_SPACE, "InsufficientStorage", 507},
        {STORAGE_BUSY, "SlowDown", 503},
        {STORAGE_CORRUPT, "InternalError", 500},
        {STORAGE_IO, "InternalError", 500},
        {STORAGE_NO_MEMORY, "InternalError", 500},
        {STORAGE_IN_USE, "InternalError", 500},
        {STORAGE_NEWER_FORMAT, "InternalError", 500},
        {STORAGE_UNUSABLE, "InternalError", 500},
        {STORAGE_INTERNAL, "InternalError", 500},
    };
    assert_int_equal(ARRAY_LEN(cases), STORAGE_INTERNAL); /* all but OK */
    struct daemon daemon = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct request request;
        request_init(&request, &daemon);
        enum s3_err err = FAIL_STORAGE(&request, cases[i].from);
        assert_int_equal(request.err, err);
        assert_string_equal(s3_err_info(err)->code, cases[i].code);
        assert_int_equal(s3_err_info(err)->status, cases[i].status);
        assert_non_null(request.err_cause);
        assert_non_null(request.err_file);
        request_free(&request);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
