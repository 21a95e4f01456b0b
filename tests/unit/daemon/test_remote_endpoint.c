#include "daemon/remote_endpoint.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *endpoint, *region; /* region: learnt; NULL: as the endpoint says */
    const char *bucket, *key, *query;
    const char *url, *host;
} urls[] = {
    {"", "us-east-1", "data", NULL, "list-type=2",
        "https://data.s3.us-east-1.amazonaws.com/?list-type=2", "data.s3.us-east-1.amazonaws.com"},
    {"https://s3.amazonaws.com", "eu-west-1", "data", "a/b", NULL,
        "https://data.s3.eu-west-1.amazonaws.com/a/b", "data.s3.eu-west-1.amazonaws.com"},
    {"https://s3-eu-west-1.amazonaws.com", "eu-central-1", "data", "k", NULL,
        "https://data.s3.eu-central-1.amazonaws.com/k", "data.s3.eu-central-1.amazonaws.com"},
    {"https://s3.dualstack.us-west-2.amazonaws.com/", "ap-south-1", "data", "k", NULL,
        "https://data.s3.dualstack.ap-south-1.amazonaws.com/k",
        "data.s3.dualstack.ap-south-1.amazonaws.com"},
    {"", "cn-north-1", "data", "k", NULL, "https://data.s3.cn-north-1.amazonaws.com.cn/k",
        "data.s3.cn-north-1.amazonaws.com.cn"},
    /* Dots are more labels than a certificate's wildcard covers. */
    {"", "us-east-1", "my.data", "k", NULL, "https://s3.us-east-1.amazonaws.com/my.data/k",
        "s3.us-east-1.amazonaws.com"},
    {"", "us-east-1", "Old_Bucket", NULL, "tagging",
        "https://s3.us-east-1.amazonaws.com/Old_Bucket?tagging", "s3.us-east-1.amazonaws.com"},
    {"http://127.0.0.1:9000", "eu-west-1", "data", "a b/ü+~", NULL,
        "http://127.0.0.1:9000/data/a%20b/%C3%BC%2B~", "127.0.0.1:9000"},
    {"https://[2001:DB8::1]:9000", NULL, "data", "../..//x", NULL,
        "https://[2001:db8::1]:9000/data/../..//x", "[2001:db8::1]:9000"},
    {"https://minio.lan:443", NULL, "data", "k", NULL, "https://minio.lan/data/k", "minio.lan"},
    {"http://minio.lan:443", NULL, "data", "k", NULL, "http://minio.lan:443/data/k",
        "minio.lan:443"},
};

static void urls_are_made(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct remote_endpoint endpoint;
        char region[REMOTE_REGION_BYTES];
        struct arena arena;
        struct remote_url url;
        arena_init(&arena, 64 * 1024);
        assert_true(remote_endpoint_parse(span_str(urls[i].endpoint), &endpoint, region));
        if (urls[i].region != NULL) {
            assert_true(remote_region_valid(span_str(urls[i].region), endpoint.is_aws));
            remote_endpoint_regional(&endpoint, span_str(urls[i].region));
        }
        assert_true(remote_bucket_valid(span_str(urls[i].bucket)));
        assert_true(remote_url_make(&arena, &endpoint, span_str(urls[i].bucket),
            span_str(urls[i].key), span_str(urls[i].query), &url));
        assert_string_equal(url.url.ptr, urls[i].url);
        assert_string_equal(url.host.ptr, urls[i].host);
        assert_true(span_ends(url.url, url.target));
        arena_free(&arena);
    }
}

static void regions_are_read_from_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"", ""}, {"https://s3.amazonaws.com", ""},
        {"https://s3.us-gov-east-1.amazonaws.com", "us-gov-east-1"},
        {"https://S3-AP-SOUTHEAST-2.amazonaws.com", "ap-southeast-2"},
        {"https://s3.dualstack.eu-west-3.amazonaws.com:443", "eu-west-3"},
        {"http://s3.eu-west-3.amazonaws.com", ""}, {"https://minio.eu-west-3.lan", ""}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct remote_endpoint endpoint;
        char region[REMOTE_REGION_BYTES];
        assert_true(remote_endpoint_parse(span_str(cases[i][0]), &endpoint, region));
        assert_string_equal(region, cases[i][1]);
    }
}

static void what_is_no_endpoint_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"s3.amazonaws.com", "ftp://a", "file:///etc/passwd",
        "https://", "https:///", "https://a/b", "https://a//", "https://a?b", "https://a#b",
        "https://u:p@a", "https://a:", "https://a:0", "https://a:65536", "https://a:9x",
        "https://a b", "https://a\r\nX: y", "https://a%2eb", "https://[::1", "https://[a.b]x",
        "https://[fe80::1%25eth0]", "https://ä.example", "https://[]g", "gopher://a", "https:/a"};
    struct remote_endpoint endpoint;
    char region[REMOTE_REGION_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (remote_endpoint_parse(span_str(wrong[i]), &endpoint, region))
            fail_msg("%s passes", wrong[i]);
    char text[400] = "https://";
    memset(text + 8, 'a', sizeof(text) - 9);
    assert_false(remote_endpoint_parse(span_str(text), &endpoint, region));
    assert_false(remote_endpoint_parse(span_of("https://a\0b", 11), &endpoint, region));
}

static void buckets_and_regions_are_checked(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "ab", "a/b", "..", "...", ".aa", "a b", "a%2fb", "a?b", "arn:aws:s3:::x", "a@b"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(remote_bucket_valid(span_str(wrong[i])));
    assert_true(remote_bucket_valid(SPAN("nyc-tlc")));
    static const char *const regions[] = {"", "x", "us-east", "us-east-", "us--east-1", "US-EAST-1",
        "us-east-1.evil", "us-east-1/", "1s-east-1", "us.east-1", "us-1", "evil.com#-1"};
    for (size_t i = 0; i < ARRAY_LEN(regions); i++)
        if (remote_region_valid(span_str(regions[i]), true))
            fail_msg("%s passes", regions[i]);
    assert_true(remote_region_valid(SPAN("garage"), false));
    assert_false(remote_region_valid(SPAN("a/b"), false));
    assert_false(remote_region_valid(SPAN(""), false));
}

static void long_urls_are_refused(void **state)
{
    (void)state;
    struct remote_endpoint endpoint;
    char region[REMOTE_REGION_BYTES];
    static char key[20000];
    struct arena arena;
    struct remote_url url;
    memset(key, 'k', sizeof(key));
    arena_init(&arena, 1024 * 1024);
    assert_true(remote_endpoint_parse(SPAN("https://a"), &endpoint, region));
    assert_false(remote_url_make(
        &arena, &endpoint, SPAN("data"), span_of(key, sizeof(key)), SPAN_ABSENT, &url));
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_made),
        cmocka_unit_test(regions_are_read_from_names),
        cmocka_unit_test(what_is_no_endpoint_is_refused),
        cmocka_unit_test(buckets_and_regions_are_checked),
        cmocka_unit_test(long_urls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
