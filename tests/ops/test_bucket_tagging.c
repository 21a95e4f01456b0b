/* Tags of buckets, by both doors: S3's sub-resource and S3 Control. */
#include "tests/ops/support_object.h"

#define TAGGING(tags) "<Tagging><TagSet>" tags "</TagSet></Tagging>"
#define TAG(key, value) "<Tag><Key>" key "</Key><Value>" value "</Value></Tag>"
#define CONTROL "/v20180820/tags/arn%3Aaws%3As3%3A%3A%3A"
#define RESOURCE_TAGS(tags)                                                                        \
    "<TagResourceRequest xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\"><Tags>" tags  \
    "</Tags></TagResourceRequest>"

static int setup(void **state)
{
    world_make(state);
    world_do(*state, "PUT /bkt", NULL, NULL);
    return 0;
}

static void test_put_get_delete(void **state)
{
    REPLY none = world_send(*state, "GET /bkt?tagging", NULL, SPAN(""));
    assert_code(none, 404, "NoSuchTagSet");
    REPLY put =
        world_send(*state, "PUT /bkt?tagging", NULL, SPAN(TAGGING(TAG("b", "1") TAG("a", "x y"))));
    assert_status(put, 204);
    REPLY get = world_send(*state, "GET /bkt?tagging", NULL, SPAN(""));
    assert_status(get, 200);
    assert_has(get, TAGGING(TAG("b", "1") TAG("a", "x y")) + 9);
    world_reopen(*state);
    REPLY again = world_send(*state, "GET /bkt?tagging", NULL, SPAN(""));
    assert_int_equal(reply_count(&again, "Tag"), 2);
    world_do(*state, "PUT /bkt?tagging", NULL, TAGGING(TAG("c", "")));
    REPLY other = world_send(*state, "GET /bkt?tagging", NULL, SPAN(""));
    assert_int_equal(reply_count(&other, "Tag"), 1);
    assert_span(reply_element(&other, "Key", 0), "c");
    REPLY gone = world_send(*state, "DELETE /bkt?tagging", NULL, SPAN(""));
    assert_status(gone, 204);
    REPLY twice = world_send(*state, "DELETE /bkt?tagging", NULL, SPAN(""));
    assert_status(twice, 204);
    REPLY after = world_send(*state, "GET /bkt?tagging", NULL, SPAN(""));
    assert_code(after, 404, "NoSuchTagSet");
    world_do(*state, "PUT /bkt?tagging", NULL, TAGGING(TAG("c", "")));
    world_do(*state, "PUT /bkt?tagging", NULL, TAGGING(""));
    REPLY empty = world_send(*state, "GET /bkt?tagging", NULL, SPAN(""));
    assert_code(empty, 404, "NoSuchTagSet");
}

static void test_what_is_refused(void **state)
{
    world_do(*state, "PUT /bkt?tagging", NULL, TAGGING(TAG("kept", "1")));
    static const struct {
        const char *body, *code, *has;
    } cases[] = {
        {"", "MalformedXML", "well-formed"},
        {"<Tagging/>", "MalformedXML", "well-formed"},
        {TAGGING(TAG("a", "1") TAG("a", "2")), "InvalidTag", "<TagKey>a</TagKey>"},
        {TAGGING(TAG("", "1")), "InvalidTag", "The TagKey you have provided is invalid"},
        {TAGGING(TAG("a", "*")), "InvalidTag", "<TagValue>*</TagValue>"},
        {TAGGING(TAG("aws:a", "1")), "InvalidTag",
            "System tags cannot be added/updated by requester"},
        {TAGGING(TAG("lakegate:zone", "platinum")), "InvalidTag", "raw, landing, bronze"},
        {TAGGING(TAG("lakegate:zone", "")), "InvalidTag", "<TagKey>lakegate:zone</TagKey>"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        REPLY reply = world_send(*state, "PUT /bkt?tagging", NULL, span_str(cases[i].body));
        assert_code(reply, 400, cases[i].code);
        assert_has(reply, cases[i].has);
    }
    REPLY get = world_send(*state, "GET /bkt?tagging", NULL, SPAN(""));
    assert_span(reply_element(&get, "Key", 0), "kept");
}

static void test_create_bucket_with_tags(void **state)
{
    world_do(*state, "PUT /tagged", NULL,
        "<CreateBucketConfiguration><Tags>" TAG("team", "lake")
            TAG("env", "dev") "</Tags>"
                              "</CreateBucketConfiguration>");
    REPLY get = world_send(*state, "GET /tagged?tagging", NULL, SPAN(""));
    assert_int_equal(reply_count(&get, "Tag"), 2);
    assert_span(reply_element(&get, "Value", 0), "lake");
    REPLY bad = world_send(*state, "PUT /untagged", NULL,
        SPAN("<CreateBucketConfiguration><Tags>" TAG("a", "1")
                TAG("a", "1") "</Tags>"
                              "</CreateBucketConfiguration>"));
    assert_code(bad, 400, "InvalidTag");
    bad = (reply_free(&bad), world_send(*state, "PUT /untagged", NULL,
                                 SPAN("<CreateBucketConfiguration><Tags>" TAG(
                                     "lakegate:zone", "blue") "</Tags>"
                                                              "</CreateBucketConfiguration>")));
    assert_code(bad, 400, "InvalidTag");
    REPLY head = world_send(*state, "HEAD /untagged", NULL, SPAN(""));
    assert_int_equal(head.status, 404);
}

static void test_s3_control(void **state)
{
    REPLY none = world_send(*state, "GET " CONTROL "bkt", NULL, SPAN(""));
    assert_status(none, 200);
    assert_has(none, "<Tags></Tags>");
    assert_has(none, "http://awss3control.amazonaws.com/doc/2018-08-20/");
    REPLY add = world_send(*state, "POST " CONTROL "bkt", "x-amz-account-id: 000000000001",
        SPAN(RESOURCE_TAGS(TAG("a", "1") TAG("b", "2"))));
    assert_status(add, 204);
    world_do(*state, "POST " CONTROL "bkt", NULL, RESOURCE_TAGS(TAG("b", "3") TAG("c", "4")));
    REPLY list = world_send(*state, "GET " CONTROL "bkt", NULL, SPAN(""));
    assert_has(list, "<Tags>" TAG("a", "1") TAG("b", "3") TAG("c", "4") "</Tags>");
    REPLY same = world_send(*state, "GET /bkt?tagging", NULL, SPAN(""));
    assert_has(same, TAG("a", "1") TAG("b", "3") TAG("c", "4"));
    world_do(*state, "DELETE " CONTROL "bkt?tagKeys=a&tagKeys=c&tagKeys=nothing", NULL, NULL);
    REPLY left = world_send(*state, "GET " CONTROL "bkt", NULL, SPAN(""));
    assert_has(left, "<Tags>" TAG("b", "3") "</Tags>");
    world_do(*state, "DELETE " CONTROL "bkt?tagKeys=b", NULL, NULL);
    REPLY gone = world_send(*state, "GET /bkt?tagging", NULL, SPAN(""));
    assert_code(gone, 404, "NoSuchTagSet");
}

static void test_s3_control_refuses(void **state)
{
    REPLY missing = world_send(*state, "GET " CONTROL "nothing-here", NULL, SPAN(""));
    assert_code(missing, 404, "NoSuchBucket");
    REPLY other = world_send(*state,
        "GET /v20180820/tags/arn%3Aaws%3As3%3Aus-east-1%3A000000000001%3Astorage-lens-group%2Fx",
        NULL, SPAN(""));
    assert_code(other, 400, "InvalidArgument");
    REPLY account =
        world_send(*state, "GET " CONTROL "bkt", "x-amz-account-id: 000000000002", SPAN(""));
    assert_code(account, 403, "AccessDenied");
    REPLY unknown = world_send(*state, "GET /v20180820/accesspoint", NULL, SPAN(""));
    assert_code(unknown, 501, "NotImplemented");
    REPLY malformed = world_send(*state, "POST " CONTROL "bkt", NULL, SPAN(TAGGING(TAG("a", "1"))));
    assert_code(malformed, 400, "MalformedXML");
    struct buf body CLEANUP(buf_free);
    buf_init(&body, 64 * 1024);
    buf_add_lit(&body, "<TagResourceRequest><Tags>");
    for (int i = 0; i < 50; i++)
        buf_addf(&body, "<Tag><Key>k%d</Key><Value/></Tag>", i);
    buf_add_lit(&body, "</Tags></TagResourceRequest>");
    REPLY full = world_send(*state, "POST " CONTROL "bkt", NULL, buf_span(&body));
    assert_status(full, 204);
    REPLY over =
        world_send(*state, "POST " CONTROL "bkt", NULL, SPAN(RESOURCE_TAGS(TAG("x", "1"))));
    assert_code(over, 400, "BadRequest");
    REPLY list = world_send(*state, "GET " CONTROL "bkt", NULL, SPAN(""));
    assert_int_equal(reply_count(&list, "Tag"), 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put_get_delete, setup, world_drop),
        cmocka_unit_test_setup_teardown(test_what_is_refused, setup, world_drop),
        cmocka_unit_test_setup_teardown(test_create_bucket_with_tags, setup, world_drop),
        cmocka_unit_test_setup_teardown(test_s3_control, setup, world_drop),
        cmocka_unit_test_setup_teardown(test_s3_control_refuses, setup, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
