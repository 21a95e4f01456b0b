/* DeleteObject: what goes, what does not, and on what condition. */
#include "tests/ops/support.h"

#define ETAG "\"5eb63bbbe01eeed093cb22bb8f5acdc3\""

static int setup(void **state)
{
    world_make(state);
    world_do(*state, "PUT /bkt", NULL, NULL);
    return 0;
}

static void test_delete_is_idempotent(void **state)
{
    world_do(*state, "PUT /bkt/k", NULL, "x");
    for (int i = 0; i < 2; i++) {
        REPLY reply = world_send(*state, "DELETE /bkt/k", NULL, SPAN(""));
        assert_status(reply, 204);
        assert_int_equal(reply.body.len, 0);
        assert_false(span_present(reply_header(&reply, "x-amz-delete-marker")));
        assert_false(span_present(reply_header(&reply, "x-amz-version-id")));
    }
    REPLY gone = world_send(*state, "GET /bkt/k", NULL, SPAN(""));
    assert_code(gone, 404, "NoSuchKey");
}

static void test_neighbours_stay(void **state)
{
    world_do(*state, "PUT /bkt/a", NULL, "1");
    world_do(*state, "PUT /bkt/a/", NULL, "2");
    world_do(*state, "PUT /bkt/a/b", NULL, "3");
    world_do(*state, "DELETE /bkt/a/", NULL, NULL);
    REPLY plain = world_send(*state, "GET /bkt/a", NULL, SPAN(""));
    assert_span(plain.body, "1");
    REPLY folder = world_send(*state, "GET /bkt/a/", NULL, SPAN(""));
    assert_status(folder, 404);
    REPLY below = world_send(*state, "GET /bkt/a/b", NULL, SPAN(""));
    assert_span(below.body, "3");
}

/* A condition always needs an object: only without one is a missing key no error. */
static void test_conditions(void **state)
{
    static const struct {
        const char *key;
        const char *headers;
        int status;
        const char *code;
    } cases[] = {
        {"c", "If-Match: \"00000000000000000000000000000000\"", 412, "PreconditionFailed"},
        {"c", "If-Match: nonsense", 412, "PreconditionFailed"},
        {"missing", "If-Match: " ETAG, 404, "NoSuchKey"},
        {"missing", "If-Match: *", 404, "NoSuchKey"},
        {"c?versionId=null", "If-Match: " ETAG, 501, "NotImplemented"},
        {"c", "If-None-Match: *", 501, "NotImplemented"},
        {"c", "x-amz-if-match-size: 3", 501, "NotImplemented"},
        {"c", "x-amz-if-match-last-modified-time: Sun, 06 Nov 1994 08:49:37 GMT", 501,
            "NotImplemented"},
    };
    world_do(*state, "PUT /bkt/c", NULL, "hello world");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[64];
        snprintf(line, sizeof(line), "DELETE /bkt/%s", cases[i].key);
        REPLY reply = world_send(*state, line, cases[i].headers, SPAN(""));
        assert_code(reply, cases[i].status, cases[i].code);
        REPLY still = world_send(*state, "HEAD /bkt/c", NULL, SPAN(""));
        assert_status(still, 200);
    }
    world_do(*state, "DELETE /bkt/c", "If-Match: " ETAG, NULL);
    REPLY gone = world_send(*state, "HEAD /bkt/c", NULL, SPAN(""));
    assert_status(gone, 404);
    world_do(*state, "PUT /bkt/c", NULL, "hello world");
    world_do(*state, "DELETE /bkt/c", "If-Match: *", NULL);
}

static void test_versions_of_an_unversioned_bucket(void **state)
{
    world_do(*state, "PUT /bkt/v", NULL, "x");
    REPLY bad = world_send(*state, "DELETE /bkt/v?versionId=what", NULL, SPAN(""));
    assert_code(bad, 400, "InvalidArgument");
    REPLY other = world_send(
        *state, "DELETE /bkt/v?versionId=0000000000ffffff00000000000000ff", NULL, SPAN(""));
    assert_status(other, 204);
    REPLY still = world_send(*state, "HEAD /bkt/v", NULL, SPAN(""));
    assert_status(still, 200);
    world_do(*state, "DELETE /bkt/v?versionId=null", NULL, NULL);
    REPLY gone = world_send(*state, "HEAD /bkt/v", NULL, SPAN(""));
    assert_status(gone, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delete_is_idempotent),
        cmocka_unit_test(test_neighbours_stay),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_versions_of_an_unversioned_bucket),
    };
    return cmocka_run_group_tests(tests, setup, world_drop);
}
