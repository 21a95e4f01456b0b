/* The zones document and the tag that stands for one: what is kept, shown, refused. */
#include "tests/ops/support_object.h"

#define DOCUMENT(zones) "{\"Version\":\"2026-11-01\",\"Zones\":[" zones "]}"
#define ZONE_RAW                                                                                   \
    "{\"Name\":\"raw\",\"Prefix\":\"raw/\",\"WriteOnce\":true,\"Duplicates\":\"reject\"}"
#define TAGGING(tags) "<Tagging><TagSet>" tags "</TagSet></Tagging>"
#define TAG(key, value) "<Tag><Key>" key "</Key><Value>" value "</Value></Tag>"

static int setup(void **state)
{
    world_make(state);
    world_do(*state, "PUT /bkt", NULL, NULL);
    return 0;
}

static void test_put_get_delete(void **state)
{
    REPLY none = world_send(*state, "GET /bkt?lakegate-zones", NULL, SPAN(""));
    assert_code(none, 404, "NoSuchZonesConfiguration");
    static const char text[] = "  " DOCUMENT(" " ZONE_RAW " ") "\n";
    REPLY put = world_send(*state, "PUT /bkt?lakegate-zones", NULL, span_str(text));
    assert_status(put, 204);
    world_reopen(*state);
    REPLY get = world_send(*state, "GET /bkt?lakegate-zones", NULL, SPAN(""));
    assert_status(get, 200);
    assert_header(get, "Content-Type", "application/json");
    assert_span(get.body, text);
    REPLY gone = world_send(*state, "DELETE /bkt?lakegate-zones", NULL, SPAN(""));
    assert_status(gone, 204);
    REPLY twice = world_send(*state, "DELETE /bkt?lakegate-zones", NULL, SPAN(""));
    assert_status(twice, 204);
    REPLY after = world_send(*state, "GET /bkt?lakegate-zones", NULL, SPAN(""));
    assert_code(after, 404, "NoSuchZonesConfiguration");
}

static void test_a_bad_document_names_the_place(void **state)
{
    world_do(*state, "PUT /bkt?lakegate-zones", NULL, DOCUMENT(ZONE_RAW));
    static const struct {
        const char *text, *has;
    } cases[] = {
        {"", "line 1"},
        {"{}", "Version: is missing"},
        {DOCUMENT(ZONE_RAW ",{\"Name\":\"a\",\"Prefix\":\"raw/a/\"}"),
            "Zones[1].Prefix: overlaps with that of Zones[0]"},
        {DOCUMENT("{\"Name\":\"a\",\"Prefix\":\"a\",\"PromoteFrom\":[\"bkt/b\"]},"
                  "{\"Name\":\"b\",\"Prefix\":\"b\",\"PromoteFrom\":[\"a\"]}"),
            "a cycle: a &lt;- b &lt;- a"},
        {DOCUMENT("{\"Name\":\"a\",\"Prefix\":\"a\",\"Colour\":1}"),
            "Zones[0].Colour: unknown member"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        REPLY reply = world_send(*state, "PUT /bkt?lakegate-zones", NULL, span_str(cases[i].text));
        assert_code(reply, 400, "MalformedZones");
        assert_has(reply, cases[i].has);
    }
    REPLY get = world_send(*state, "GET /bkt?lakegate-zones", NULL, SPAN(""));
    assert_span(get.body, DOCUMENT(ZONE_RAW));
}

static void test_the_tag_is_a_template(void **state)
{
    world_do(
        *state, "PUT /bkt?tagging", NULL, TAGGING(TAG("a", "1") TAG("lakegate:zone", "bronze")));
    REPLY get = world_send(*state, "GET /bkt?lakegate-zones", NULL, SPAN(""));
    assert_status(get, 200);
    assert_has(get, "\"From\": \"tag\"");
    assert_has(get, "\"Name\": \"bronze\", \"Prefix\": \"\", \"WriteOnce\": true, \"Duplicates\": "
                    "\"reject\"");
    world_put(*state, "bkt", SPAN("a"), SPAN("one"));
    REPLY again = world_send(*state, "PUT /bkt/a", NULL, SPAN("two"));
    assert_code(again, 409, "ObjectAlreadyExists");
    assert_has(again, "bronze");
    /* Other tags may change without the rules being touched. */
    world_do(
        *state, "PUT /bkt?tagging", NULL, TAGGING(TAG("lakegate:zone", "bronze") TAG("b", "1")));
    REPLY kept = world_send(*state, "PUT /bkt/a", NULL, SPAN("two"));
    assert_code(kept, 409, "ObjectAlreadyExists");
    /* Another stage. */
    world_do(*state, "PUT /bkt?tagging", NULL, TAGGING(TAG("lakegate:zone", "gold")));
    world_put(*state, "bkt", SPAN("a"), SPAN("two"));
    REPLY gold = world_send(*state, "GET /bkt?lakegate-zones", NULL, SPAN(""));
    assert_has(
        gold, "\"PromoteFrom\": [\"*/trusted\", \"*/staging\", \"*/processed\", \"*/silver\"]");
    world_do(*state, "DELETE /bkt?tagging", NULL, NULL);
    REPLY none = world_send(*state, "GET /bkt?lakegate-zones", NULL, SPAN(""));
    assert_code(none, 404, "NoSuchZonesConfiguration");
}

static void test_a_document_wins_over_the_tag(void **state)
{
    world_do(*state, "PUT /bkt?tagging", NULL, TAGGING(TAG("lakegate:zone", "raw")));
    world_do(
        *state, "PUT /bkt?lakegate-zones", NULL, DOCUMENT("{\"Name\":\"free\",\"Prefix\":\"\"}"));
    world_put(*state, "bkt", SPAN("a"), SPAN("one"));
    world_put(*state, "bkt", SPAN("a"), SPAN("two"));
    REPLY get = world_send(*state, "GET /bkt?lakegate-zones", NULL, SPAN(""));
    assert_lacks(get, "From");
    /* A change of the tag waits for the document to go. */
    world_do(*state, "PUT /bkt?tagging", NULL, TAGGING(TAG("lakegate:zone", "landing")));
    world_put(*state, "bkt", SPAN("a"), SPAN("three"));
    world_do(*state, "DELETE /bkt?lakegate-zones", NULL, NULL);
    REPLY back = world_send(*state, "GET /bkt?lakegate-zones", NULL, SPAN(""));
    assert_has(back, "\"Name\": \"landing\"");
    REPLY again = world_send(*state, "PUT /bkt/a", NULL, SPAN("four"));
    assert_code(again, 409, "ObjectAlreadyExists");
    /* No zones at all is a document, too. */
    world_do(*state, "PUT /bkt?lakegate-zones", NULL, DOCUMENT(""));
    world_put(*state, "bkt", SPAN("a"), SPAN("four"));
}

static void test_the_tag_by_its_other_doors(void **state)
{
    world_do(*state, "PUT /made", NULL,
        "<CreateBucketConfiguration><Tags>" TAG(
            "lakegate:zone", "raw") "</Tags>"
                                    "</CreateBucketConfiguration>");
    world_put(*state, "made", SPAN("a"), SPAN("one"));
    REPLY made = world_send(*state, "PUT /made/a", NULL, SPAN("two"));
    assert_code(made, 409, "ObjectAlreadyExists");
    world_do(*state, "POST /v20180820/tags/arn:aws:s3:::bkt", NULL,
        "<TagResourceRequest><Tags>" TAG("lakegate:zone", "raw") "</Tags></TagResourceRequest>");
    world_put(*state, "bkt", SPAN("a"), SPAN("one"));
    REPLY tagged = world_send(*state, "PUT /bkt/a", NULL, SPAN("two"));
    assert_code(tagged, 409, "ObjectAlreadyExists");
    world_do(*state, "DELETE /v20180820/tags/arn:aws:s3:::bkt?tagKeys=lakegate:zone", NULL, NULL);
    world_put(*state, "bkt", SPAN("a"), SPAN("two"));
}

static void test_stages_by_tag_across_buckets(void **state)
{
    static const char *const tags[][2] = {
        {"one", "landing"}, {"two", "trusted"}, {"three", "gold"}};
    char line[64], body[256];
    for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
        snprintf(line, sizeof(line), "PUT /bucket-%s", tags[i][0]);
        snprintf(body, sizeof(body),
            "<CreateBucketConfiguration><Tags><Tag><Key>lakegate:zone</Key><Value>%s</Value></Tag>"
            "</Tags></CreateBucketConfiguration>",
            tags[i][1]);
        world_do(*state, line, NULL, body);
    }
    world_put(*state, "bkt", SPAN("plain"), SPAN("plain"));
    world_put(*state, "bucket-one", SPAN("a"), SPAN("one"));
    world_do(*state, "PUT /bucket-two/a", "x-amz-copy-source: bucket-one/a", NULL);
    world_do(*state, "PUT /bucket-three/a", "x-amz-copy-source: bucket-two/a", NULL);
    world_do(*state, "PUT /bucket-three/b", "x-amz-copy-source: bkt/plain", NULL);
    REPLY skip =
        world_send(*state, "PUT /bucket-three/c", "x-amz-copy-source: bucket-one/a", SPAN(""));
    assert_code(skip, 403, "AccessDenied");
    assert_has(skip, "gold");
    assert_has(skip, "PromoteFrom");
    assert_has(skip, "landing");
    REPLY back =
        world_send(*state, "PUT /bucket-two/b", "x-amz-copy-source: bucket-three/a", SPAN(""));
    assert_code(back, 403, "AccessDenied");
}

static void test_who_may(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /bkt?lakegate-zones", NULL, DOCUMENT(ZONE_RAW));
    world->principal = (struct principal){.kind = PRINCIPAL_ANONYMOUS};
    static const char *const lines[] = {"GET /bkt?lakegate-zones", "PUT /bkt?lakegate-zones",
        "DELETE /bkt?lakegate-zones", "GET /bkt?lakegate-zone-stats",
        "GET /bkt?lakegate-duplicates&zone=raw", "GET /bkt?tagging", "PUT /bkt?tagging",
        "DELETE /bkt?tagging", "GET /v20180820/tags/arn:aws:s3:::bkt"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        REPLY reply = world_send(world, lines[i], NULL, SPAN(DOCUMENT("")));
        assert_code(reply, 403, "AccessDenied");
        assert_header(reply, "x-lakegate-zone", NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put_get_delete, setup, world_drop),
        cmocka_unit_test_setup_teardown(test_a_bad_document_names_the_place, setup, world_drop),
        cmocka_unit_test_setup_teardown(test_the_tag_is_a_template, setup, world_drop),
        cmocka_unit_test_setup_teardown(test_a_document_wins_over_the_tag, setup, world_drop),
        cmocka_unit_test_setup_teardown(test_the_tag_by_its_other_doors, setup, world_drop),
        cmocka_unit_test_setup_teardown(test_stages_by_tag_across_buckets, setup, world_drop),
        cmocka_unit_test_setup_teardown(test_who_may, setup, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
