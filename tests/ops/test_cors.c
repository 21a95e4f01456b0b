/* A bucket's CORS configuration, and preflights. What a rule adds to other responses is tested in
 * tests/http/test_cors.py. */
#include "tests/ops/support_object.h"

#define CONFIGURATION                                                                              \
    "<CORSConfiguration><CORSRule><AllowedOrigin>http://www.example.com</AllowedOrigin>"           \
    "<AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod>"                         \
    "<AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>"                      \
    "<ExposeHeader>x-amz-meta-a</ExposeHeader><MaxAgeSeconds>3000</MaxAgeSeconds></CORSRule>"      \
    "<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>"      \
    "</CORSConfiguration>"

static void test_put_get_delete(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /bkt", NULL, NULL);
    REPLY none = world_send(world, "GET /bkt?cors", NULL, SPAN(""));
    assert_code(none, 404, "NoSuchCORSConfiguration");
    REPLY bad = world_send(world, "PUT /bkt?cors", NULL, SPAN("<CORSConfiguration/>"));
    assert_code(bad, 400, "MalformedXML");
    world_do(world, "PUT /bkt?cors", NULL, CONFIGURATION);
    world_reopen(world);
    REPLY got = world_send(world, "GET /bkt?cors", NULL, SPAN(""));
    assert_status(got, 200);
    assert_int_equal(reply_count(&got, "CORSRule"), 2);
    assert_span(reply_element(&got, "AllowedOrigin", 0), "http://www.example.com");
    assert_span(reply_element(&got, "MaxAgeSeconds", 0), "3000");
    for (int i = 0; i < 2; i++) {
        REPLY gone = world_send(world, "DELETE /bkt?cors", NULL, SPAN(""));
        assert_status(gone, 204);
    }
    REPLY after = world_send(world, "GET /bkt?cors", NULL, SPAN(""));
    assert_code(after, 404, "NoSuchCORSConfiguration");
}

#define ASKS(origin, method) "Origin: " origin "\nAccess-Control-Request-Method: " method "\n"

static void test_preflight(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *line, *headers;
        int status;
        const char *has; /* of the error */
    } refused[] = {
        {"OPTIONS /bkt/key", NULL, 400, "Insufficient information. Origin request header needed."},
        {"OPTIONS /bkt/key", "Origin: http://a", 400,
            "Invalid Access-Control-Request-Method: null"},
        {"OPTIONS /bkt/key", ASKS("http://a", "PATCH"), 400,
            "Invalid Access-Control-Request-Method: PATCH"},
        {"OPTIONS /nothere/key", ASKS("http://a", "GET"), 404, "NoSuchBucket"},
        {"OPTIONS /bkt/key", ASKS("http://a", "PUT"), 403,
            "CORSResponse: This CORS request is not allowed."},
        {"OPTIONS /bkt/key",
            ASKS("http://www.example.com", "PUT") "Access-Control-Request-Headers: authorization",
            403, "<Code>AccessForbidden</Code>"},
        {"OPTIONS /without", ASKS("http://a", "GET"), 403,
            "CORSResponse: CORS is not enabled for this bucket."},
    };
    world_do(world, "PUT /bkt", NULL, NULL);
    world_do(world, "PUT /without", NULL, NULL);
    world_do(world, "PUT /bkt?cors", NULL, CONFIGURATION);
    world->principal = (struct principal){.kind = PRINCIPAL_ANONYMOUS};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        REPLY reply = world_send(world, refused[i].line, refused[i].headers, SPAN(""));
        assert_status(reply, refused[i].status);
        assert_has(reply, refused[i].has);
        assert_header(reply, "Access-Control-Allow-Origin", NULL);
    }
    REPLY named = world_send(world, "OPTIONS /bkt/key?uploads&X-Amz-Signature=x",
        ASKS("http://www.example.com", "PUT") "Access-Control-Request-Headers: X-Amz-Date",
        SPAN(""));
    assert_status(named, 200);
    assert_header(named, "Access-Control-Allow-Origin", "http://www.example.com");
    assert_header(named, "Access-Control-Allow-Methods", "PUT, GET");
    assert_header(named, "Access-Control-Allow-Headers", "x-amz-date");
    assert_header(named, "Access-Control-Expose-Headers", "ETag, x-amz-meta-a");
    assert_header(named, "Access-Control-Max-Age", "3000");
    assert_header(named, "Access-Control-Allow-Credentials", "true");
    assert_header(
        named, "Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
    REPLY any = world_send(world, "OPTIONS /bkt", ASKS("https://b", "GET"), SPAN(""));
    assert_status(any, 200);
    assert_header(any, "Access-Control-Allow-Origin", "*");
    assert_header(any, "Access-Control-Allow-Credentials", NULL);
    assert_header(any, "Access-Control-Max-Age", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put_get_delete, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_preflight, world_make, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
