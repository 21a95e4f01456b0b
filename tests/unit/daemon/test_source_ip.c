#include "daemon/daemon.h"
#include "daemon/source_ip.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_networks(void **state)
{
    (void)state;
    static const char *const right[] = {"10.0.0.0/8", "192.0.2.1", "0.0.0.0/0", "::/0", "fd00::/8",
        "::1", "2001:db8::1/128", "255.255.255.255/32"};
    static const char *const wrong[] = {"", "/", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",
        "10.0.0/8", "::/129", "x", "10.0.0.0/8/8", "1.2.3.4.5", "fe80::1%eth0", " 10.0.0.0/8",
        "unix"};
    struct network network;
    for (size_t i = 0; i < ARRAY_LEN(right); i++)
        assert_true(network_parse(span_str(right[i]), &network));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(network_parse(span_str(wrong[i]), &network));
    char text[100];
    memset(text, '1', sizeof(text));
    assert_false(network_parse(span_of(text, sizeof(text)), &network));
    assert_false(network_parse(span_of("10.0.0.1\0/8", 11), &network));
}

static const struct {
    const char *peer;
    const char *forwarded[3]; /* each a field of its own */
    const char *source;       /* NULL: nobody can tell */
} cases[] = {
    {"192.0.2.1", {NULL}, "192.0.2.1"},
    {"192.0.2.1", {"198.51.100.7"}, "192.0.2.1"}, /* not a proxy that is trusted: it lies */
    {"2001:db8::9", {"198.51.100.7"}, "2001:db8::9"},
    {"unix", {NULL}, NULL},
    {"unix", {"198.51.100.7"}, NULL},
    {"10.1.2.3", {NULL}, "10.1.2.3"},
    {"10.1.2.3", {"198.51.100.7"}, "198.51.100.7"},
    {"10.1.2.3", {"203.0.113.5, 198.51.100.7"},
        "198.51.100.7"}, /* what stands left was only said */
    {"10.1.2.3", {"203.0.113.5 ,198.51.100.7 , 10.9.9.9"}, "198.51.100.7"},
    {"10.1.2.3", {"203.0.113.5", "198.51.100.7"}, "198.51.100.7"},
    {"10.1.2.3", {"198.51.100.7", "10.4.4.4", "10.5.5.5"}, "198.51.100.7"},
    {"10.1.2.3", {"10.4.4.4, 10.5.5.5"}, "10.4.4.4"},
    {"10.1.2.3", {"198.51.100.7:4711"}, "198.51.100.7"},
    {"10.1.2.3", {"[2001:db8::1]:4711"}, "2001:db8::1"},
    {"10.1.2.3", {"2001:db8::1"}, "2001:db8::1"},
    {"10.1.2.3", {"::ffff:198.51.100.7"}, "198.51.100.7"},
    {"10.1.2.3", {"[::FFFF:198.51.100.7]:80, ::ffff:10.3.3.3"}, "198.51.100.7"},
    {"fd00::5", {"2001:db8::1"}, "2001:db8::1"},
    {"10.1.2.3", {"unknown"}, NULL},
    {"10.1.2.3", {"198.51.100.7, unknown"}, NULL},
    {"10.1.2.3", {"198.51.100.7,"}, NULL},
    {"10.1.2.3", {""}, NULL},
    {"10.1.2.3", {"198.51.100.7 203.0.113.5"}, NULL},
    {"10.1.2.3", {"[2001:db8::1"}, NULL},
    {"11.0.0.1", {"198.51.100.7"}, "11.0.0.1"}, /* just beside 10.0.0.0/8 */
    {"172.16.0.9", {"198.51.100.7"}, "198.51.100.7"},
    {"172.16.0.10", {"198.51.100.7"}, "172.16.0.10"},
};

static void test_sources(void **state)
{
    (void)state;
    struct source_networks trusted = {.count = 3};
    static const char *const networks[] = {"10.0.0.0/8", "fd00::/8", "172.16.0.9"};
    for (size_t i = 0; i < trusted.count; i++)
        assert_true(network_parse(span_str(networks[i]), &trusted.items[i]));
    struct daemon daemon = {.trusted_proxies = &trusted};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct header headers[4] = {{SPAN("Forwarded"), SPAN("for=203.0.113.99")}};
        size_t count = 1;
        for (size_t k = 0; k < 3 && cases[i].forwarded[k] != NULL; k++)
            headers[count++] =
                (struct header){SPAN("X-Forwarded-For"), span_str(cases[i].forwarded[k])};
        struct request request = {
            .daemon = &daemon, .peer = span_str(cases[i].peer), .headers = {headers, count}};
        struct span source = source_ip(&request);
        if (!span_eq(source, span_str(cases[i].source)) ||
            span_present(source) != (cases[i].source != NULL))
            fail_msg("case %zu: %.*s", i, SPAN_ARG(source));
        daemon.trusted_proxies = NULL;
        if (strcmp(cases[i].peer, "unix") != 0)
            assert_true(span_eq(source_ip(&request), span_str(cases[i].peer)));
        daemon.trusted_proxies = &trusted;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_sources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
