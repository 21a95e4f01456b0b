#include "daemon/reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct sockaddr_storage address_of(const char *text, uint16_t port)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        memcpy(&storage, &in, sizeof(in));
    else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
        memcpy(&storage, &in6, sizeof(in6));
    else
        fail_msg("%s", text);
    return storage;
}

static const char *judge(const struct reach *reach, const char *text, uint16_t port)
{
    struct sockaddr_storage storage = address_of(text, port);
    return reach_refuses(reach, (const struct sockaddr *)&storage);
}

static struct reach rules(const char *endpoints, const char *addresses)
{
    struct config_list lists[2] = {{.count = 0}, {.count = 0}};
    const char *texts[2] = {endpoints, addresses};
    static char copies[2][512];
    for (size_t i = 0; i < 2; i++) {
        snprintf(copies[i], sizeof(copies[i]), "%s", texts[i]);
        char *rest = copies[i];
        for (char *word; (word = strsep(&rest, " ")) != NULL;)
            if (word[0] != '\0')
                lists[i].items[lists[i].count++] = word;
    }
    struct reach reach;
    char error[REACH_ERROR_BYTES];
    if (!reach_parse(&lists[0], &lists[1], &reach, error))
        fail_msg("%s", error);
    return reach;
}

static void addresses_are_judged_by_where_they_lead(void **state)
{
    (void)state;
    static const char *const refused[] = {"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255",
        "100.64.0.1", "100.127.255.255", "100.100.100.200", "127.0.0.1", "127.255.255.254",
        "168.63.129.16", "169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255",
        "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255",
        "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::127.0.0.1", "::10.0.0.1", "::ffff:0:127.0.0.1",
        "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:169.254.169.254", "fe80::1", "fec0::1",
        "fc00::1", "fd00:ec2::254", "fd20:ce::254", "ff02::1", "100::1", "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::1", "64:ff9b:1::8.8.8.8",
        "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::1", "2001:0:1::1", "2001:10::1",
        "2001:db8::1", "3fff::1", "2600::5efe:10.0.0.1", "2600::200:5efe:127.0.0.1", "4000::1",
        "8000::1"};
    static const char *const reached[] = {"1.1.1.1", "52.216.0.1", "8.8.8.8", "100.63.255.255",
        "100.128.0.0", "172.15.255.255", "172.32.0.1", "192.0.1.1", "192.167.1.1", "198.17.0.1",
        "198.20.0.1", "168.63.129.15", "223.255.255.255", "11.0.0.1", "9.255.255.255", "128.0.0.1",
        "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2600:1fa0::1", "2a05:d050::1",
        "2001:4860::1", "2600::5efe:8.8.8.8", "3ffe::1"};
    struct reach reach = rules("aws", "");
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (judge(&reach, refused[i], 443) == NULL)
            fail_msg("%s can be reached", refused[i]);
    for (size_t i = 0; i < ARRAY_LEN(reached); i++)
        if (judge(&reach, reached[i], 443) != NULL)
            fail_msg("%s is refused: %s", reached[i], judge(&reach, reached[i], 443));
}

static void other_families_are_refused(void **state)
{
    (void)state;
    struct reach reach = rules("aws", "0.0.0.0/0 ::/0");
    struct sockaddr local = {.sa_family = AF_UNIX};
    assert_non_null(reach_refuses(&reach, &local));
}

static void settings_name_exceptions(void **state)
{
    (void)state;
    struct reach reach = rules("aws", "127.0.0.1:9001 10.0.0.0/8 [::1]:9002 192.168.7.7 fd00::/16");
    assert_null(judge(&reach, "127.0.0.1", 9001));
    assert_null(judge(&reach, "::ffff:127.0.0.1", 9001));
    assert_non_null(judge(&reach, "127.0.0.1", 9002));
    assert_non_null(judge(&reach, "127.0.0.2", 9001));
    assert_null(judge(&reach, "10.9.8.7", 1));
    assert_null(judge(&reach, "::1", 9002));
    assert_non_null(judge(&reach, "::1", 9001));
    assert_null(judge(&reach, "192.168.7.7", 80));
    assert_non_null(judge(&reach, "192.168.7.8", 80));
    assert_null(judge(&reach, "fd00::1", 80));
    assert_non_null(judge(&reach, "fd01::1", 80));
    /* Named is the address itself, not every way that could lead there. */
    assert_non_null(judge(&reach, "64:ff9b::10.9.8.7", 80));
    assert_non_null(judge(&reach, "2002:a09:807::1", 80));
}

static bool all_is_local(const uint8_t address[static ADDRESS_BYTES])
{
    (void)address;
    return true;
}

static void own_listeners_are_refused(void **state)
{
    (void)state;
    struct reach reach = rules("aws", "127.0.0.0/8 127.0.0.1:9001 8.8.0.0/16 ::1");
    assert_true(reach_add_own(&reach, SPAN("127.0.0.1:9000")));
    assert_true(reach_add_own(&reach, SPAN("127.0.0.1:9001")));
    assert_true(reach_add_own(&reach, SPAN("[::1]:9000")));
    assert_true(reach_add_own(&reach, SPAN("0.0.0.0:9443")));
    assert_true(reach_add_own(&reach, SPAN("unix:/run/x")));
    assert_false(reach_add_own(&reach, SPAN("here")));
    assert_non_null(judge(&reach, "127.0.0.1", 9000)); /* a network names none of them */
    assert_non_null(judge(&reach, "::ffff:127.0.0.1", 9000));
    assert_non_null(judge(&reach, "::1", 9000));
    assert_null(judge(&reach, "127.0.0.1", 9001));
    assert_null(judge(&reach, "127.0.0.1", 9002));
    assert_null(judge(&reach, "127.0.0.1", 9443)); /* is_local says no to all */
    reach.is_local = all_is_local;
    assert_non_null(judge(&reach, "127.0.0.1", 9443));
    assert_non_null(judge(&reach, "8.8.8.8", 9443)); /* a public address of this machine */
    assert_non_null(judge(&reach, "1.1.1.1", 9443));
    assert_null(judge(&reach, "8.8.8.8", 443));
    for (size_t i = reach.own_count; i < REACH_OWN_MAX; i++)
        assert_true(reach_add_own(&reach, SPAN("127.0.0.1:1")));
    assert_false(reach_add_own(&reach, SPAN("127.0.0.1:1")));
}

static bool allows(const struct reach *reach, const char *url)
{
    struct remote_endpoint endpoint;
    char region[REMOTE_REGION_BYTES];
    return remote_endpoint_parse(span_str(url), &endpoint, region) &&
           reach_allows_endpoint(reach, &endpoint);
}

static void endpoints_are_named_by_settings(void **state)
{
    (void)state;
    struct reach aws = rules("aws", "");
    assert_true(allows(&aws, ""));
    assert_true(allows(&aws, "https://s3.eu-west-1.amazonaws.com"));
    assert_true(allows(&aws, "https://s3.dualstack.us-east-2.amazonaws.com"));
    assert_true(allows(&aws, "https://s3.cn-north-1.amazonaws.com.cn"));
    static const char *const others[] = {"http://s3.amazonaws.com", "https://s3.amazonaws.com:444",
        "https://ec2-1-2-3-4.compute-1.amazonaws.com", "https://s3.amazonaws.com.evil.example",
        "https://evils3.amazonaws.com", "https://s3.evil.amazonaws.com",
        "https://s3-accelerate.amazonaws.com", "https://s3.amazonaws.com.",
        "https://s3.x.us-east-1.amazonaws.com", "https://127.0.0.1", "https://amazonaws.com"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (allows(&aws, others[i]))
            fail_msg("%s is allowed", others[i]);
    struct reach named =
        rules("http://127.0.0.1:* https://s3.example.com minio.lan:9000 *.r2.example [::1]:7", "");
    assert_true(allows(&named, "http://127.0.0.1:1234/"));
    assert_false(allows(&named, "https://127.0.0.1:1234"));
    assert_true(allows(&named, "https://S3.Example.com"));
    assert_false(allows(&named, "http://s3.example.com:443"));
    assert_false(allows(&named, "https://s3.example.com:8443"));
    assert_true(allows(&named, "https://minio.lan:9000"));
    assert_false(allows(&named, "https://minio.lan"));
    assert_true(allows(&named, "https://a.b.r2.example"));
    assert_false(allows(&named, "https://r2.example"));
    assert_false(allows(&named, "https://.r2.example.com"));
    assert_true(allows(&named, "https://[::1]:7"));
    assert_false(allows(&named, ""));
    struct reach none = rules("", "");
    assert_false(allows(&none, ""));
}

static void what_is_no_setting_is_refused(void **state)
{
    (void)state;
    static const char *const endpoints[] = {"", "a b", "http://", "ftp://a", "a/b", "a:0", "a:x",
        "a:70000", "user@a", "*", "*.", "a.*", "a?b", "[::1", "a:*:1", "https://a/"};
    static const char *const addresses[] = {"", "localhost", "1.2.3.4:0", "1.2.3.4:x", "::1:80x",
        "[1.2.3.4]:80", "1.2.3.4/33", "1.2.3.4:80:81", "[::1]", "*"};
    struct reach reach;
    char error[REACH_ERROR_BYTES];
    const struct config_list none = {.count = 0};
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        struct config_list list = {{endpoints[i]}, 1};
        if (reach_parse(&list, &none, &reach, error))
            fail_msg("'%s' passes", endpoints[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct config_list list = {{addresses[i]}, 1};
        if (reach_parse(&none, &list, &reach, error))
            fail_msg("'%s' passes", addresses[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_judged_by_where_they_lead),
        cmocka_unit_test(other_families_are_refused),
        cmocka_unit_test(settings_name_exceptions),
        cmocka_unit_test(own_listeners_are_refused),
        cmocka_unit_test(endpoints_are_named_by_settings),
        cmocka_unit_test(what_is_no_setting_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
