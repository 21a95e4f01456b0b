#include "daemon/reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const uint8_t v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct range {
    uint8_t prefix[ADDRESS_BYTES];
    unsigned bits;
    const char *what;
};

#define V4(a, b, c, d, bits, what)                                                                 \
    {                                                                                              \
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, ADDRESS_V4_BITS + (bits), what     \
    }

/* No public server is here. Version 6 outside 2000::/3 is refused as a whole, further down. */
static const struct range refused[] = {
    V4(0, 0, 0, 0, 8, "this network"),
    V4(10, 0, 0, 0, 8, "private"),
    V4(100, 64, 0, 0, 10, "shared"),
    V4(127, 0, 0, 0, 8, "loopback"),
    V4(168, 63, 129, 16, 32, "a cloud's metadata"), /* Azure's, in public space */
    V4(169, 254, 0, 0, 16, "link-local"),           /* 169.254.169.254: metadata */
    V4(172, 16, 0, 0, 12, "private"),
    V4(192, 0, 0, 0, 24, "protocol assignments"),
    V4(192, 0, 2, 0, 24, "documentation"),
    V4(192, 88, 99, 0, 24, "6to4 relays"),
    V4(192, 168, 0, 0, 16, "private"),
    V4(198, 18, 0, 0, 15, "benchmarks"),
    V4(198, 51, 100, 0, 24, "documentation"),
    V4(203, 0, 113, 0, 24, "documentation"),
    V4(224, 0, 0, 0, 4, "multicast"),
    V4(240, 0, 0, 0, 4, "reserved"),
    {{0x20, 0x01, 0x00}, 23, "protocol assignments"}, /* Teredo, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "documentation"},
    {{0x3f, 0xff, 0x00}, 20, "documentation"},
};

static bool in_prefix(
    const uint8_t address[static ADDRESS_BYTES], const uint8_t *prefix, unsigned bits)
{
    struct network network = {.prefix_bits = bits};
    memcpy(network.address, prefix, ADDRESS_BYTES);
    return network_holds(&network, address);
}

static bool is_v4(const uint8_t address[static ADDRESS_BYTES])
{
    return memcmp(address, v4_mapped, sizeof(v4_mapped)) == 0;
}

static void set_v4(uint8_t address[static ADDRESS_BYTES], const uint8_t *v4)
{
    uint8_t copy[4];
    memcpy(copy, v4, sizeof(copy));
    memcpy(address, v4_mapped, sizeof(v4_mapped));
    memcpy(address + sizeof(v4_mapped), copy, sizeof(copy));
}

/* Where a version 6 address leads to a version 4 one, that one. */
static void unwrap(uint8_t address[static ADDRESS_BYTES])
{
    static const uint8_t nat64[ADDRESS_BYTES] = {0x00, 0x64, 0xff, 0x9b};
    static const uint8_t six_to_four[ADDRESS_BYTES] = {0x20, 0x02};
    if (in_prefix(address, nat64, 96))
        set_v4(address, address + 12);
    else if (in_prefix(address, six_to_four, 16))
        set_v4(address, address + 2);
    /* ISATAP: the interface's half is 0000:5efe or 0200:5efe and the address. */
    else if ((address[8] & 0xfd) == 0 && address[9] == 0 && address[10] == 0x5e &&
             address[11] == 0xfe && !is_v4(address))
        set_v4(address, address + 12);
}

static const char *refuses_address(const uint8_t original[static ADDRESS_BYTES])
{
    static const uint8_t global[ADDRESS_BYTES] = {0x20};
    uint8_t address[ADDRESS_BYTES];
    memcpy(address, original, sizeof(address));
    unwrap(address);
    if (!is_v4(address) && !in_prefix(address, global, 3))
        return "not a global address"; /* ::1, fe80::, fc00:: with fd00:ec2::254, ff00:: … */
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (in_prefix(address, refused[i].prefix, refused[i].bits))
            return refused[i].what;
    return NULL;
}

static bool read_sockaddr(
    const struct sockaddr *from, uint8_t ret_address[static ADDRESS_BYTES], uint16_t *ret_port)
{
    if (from->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, from, sizeof(in));
        uint8_t v4[4];
        memcpy(v4, &in.sin_addr, sizeof(v4));
        set_v4(ret_address, v4);
        *ret_port = ntohs(in.sin_port);
        return true;
    }
    if (from->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 in6;
    memcpy(&in6, from, sizeof(in6));
    memcpy(ret_address, &in6.sin6_addr, ADDRESS_BYTES);
    *ret_port = ntohs(in6.sin6_port);
    return true;
}

static bool is_own(
    const struct reach *reach, const uint8_t address[static ADDRESS_BYTES], uint16_t port)
{
    uint8_t behind[ADDRESS_BYTES];
    memcpy(behind, address, sizeof(behind));
    unwrap(behind);
    for (size_t i = 0; i < reach->own_count; i++) {
        const struct reach_own *own = &reach->own[i];
        if (own->port != port)
            continue;
        if (memcmp(own->address, behind, ADDRESS_BYTES) == 0)
            return true;
        if (own->all_addresses && reach->is_local != NULL &&
            (reach->is_local(address) || reach->is_local(behind)))
            return true;
    }
    return false;
}

const char *reach_refuses(const struct reach *reach, const struct sockaddr *to)
{
    uint8_t address[ADDRESS_BYTES];
    uint16_t port;
    if (!read_sockaddr(to, address, &port))
        return "not an address of the Internet";
    bool own = is_own(reach, address, port), excepted = false;
    for (size_t i = 0; i < reach->exception_count && !excepted; i++) {
        const struct reach_exception *exception = &reach->exceptions[i];
        excepted = network_holds(&exception->network, address) &&
                   (exception->port == port || (exception->port == 0 && !own));
    }
    if (excepted)
        return NULL;
    return own ? "the daemon's own" : refuses_address(address);
}

bool reach_allows_endpoint(const struct reach *reach, const struct remote_endpoint *endpoint)
{
    struct span host = span_str(endpoint->host);
    for (size_t i = 0; i < reach->endpoint_count; i++) {
        const struct reach_endpoint *allowed = &reach->endpoints[i];
        if (allowed->aws) {
            if (endpoint->is_aws)
                return true;
            continue;
        }
        if (allowed->plain == endpoint->secure ||
            (!allowed->any_port && allowed->port != endpoint->port))
            continue;
        if (span_starts(allowed->host, SPAN("*"))) {
            struct span under = span_from(allowed->host, 1); /* with its dot */
            if (host.len > under.len && span_ends(host, under))
                return true;
        } else if (span_eq_nocase(allowed->host, host)) {
            return true;
        }
    }
    return false;
}

/* HOST, HOST:PORT, HOST:* with or without a scheme. */
static bool parse_endpoint(struct span text, struct reach_endpoint *ret_endpoint)
{
    struct reach_endpoint endpoint = {.plain = span_starts(text, SPAN("http://"))};
    if (span_eq(text, SPAN("aws"))) {
        *ret_endpoint = (struct reach_endpoint){.aws = true};
        return true;
    }
    if (endpoint.plain)
        text = span_from(text, SPAN("http://").len);
    else if (span_starts(text, SPAN("https://")))
        text = span_from(text, SPAN("https://").len);
    endpoint.any_port = span_ends(text, SPAN(":*"));
    if (endpoint.any_port)
        text.len -= 2;
    endpoint.host = text;
    bool wild = span_starts(text, SPAN("*."));
    char url[REMOTE_HOST_BYTES + 32], region[REMOTE_REGION_BYTES];
    struct remote_endpoint parsed;
    if (text.len >= REMOTE_HOST_BYTES || (wild && text.len == 2))
        return false;
    snprintf(url, sizeof(url), "%s%.*s", endpoint.plain ? "http://" : "https://",
        SPAN_ARG(span_from(text, wild ? 2 : 0)));
    if (span_ends(text, SPAN("/")) || !remote_endpoint_parse(span_str(url), &parsed, region))
        return false;
    endpoint.port = parsed.port;
    endpoint.host.len = strlen(parsed.host) + (wild ? 2 : 0);
    *ret_endpoint = endpoint;
    return true;
}

/* ADDRESS:PORT and [ADDRESS]:PORT. */
static bool parse_address_port(
    struct span text, uint8_t ret_address[static ADDRESS_BYTES], uint16_t *ret_port)
{
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    uint64_t port;
    if (colon == 0 || !span_to_u64(span_from(text, colon), &port) || port == 0 || port > UINT16_MAX)
        return false;
    struct span host = span_first(text, colon - 1);
    bool bracketed = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    if (bracketed)
        host = span_of(host.ptr + 1, host.len - 2);
    bool v4;
    if (!address_parse(host, ret_address, &v4) || v4 == bracketed)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static bool parse_exception(struct span text, struct reach_exception *ret_exception)
{
    struct reach_exception exception = {.network.prefix_bits = 128};
    if (!network_parse(text, &exception.network) &&
        !parse_address_port(text, exception.network.address, &exception.port))
        return false;
    *ret_exception = exception;
    return true;
}

bool reach_parse(const struct config_list *endpoints, const struct config_list *addresses,
    struct reach *ret_reach, char ret_error[static REACH_ERROR_BYTES])
{
    struct reach reach = {0};
    for (size_t i = 0; i < endpoints->count; i++)
        if (!parse_endpoint(span_str(endpoints->items[i]), &reach.endpoints[i])) {
            snprintf(ret_error, REACH_ERROR_BYTES,
                "remote_endpoints: %.100s is not aws, HOST, HOST:PORT or *.NAME, with http:// "
                "where it has no TLS",
                endpoints->items[i]);
            return false;
        }
    reach.endpoint_count = endpoints->count;
    for (size_t i = 0; i < addresses->count; i++)
        if (!parse_exception(span_str(addresses->items[i]), &reach.exceptions[i])) {
            snprintf(ret_error, REACH_ERROR_BYTES,
                "remote_addresses: %.100s is no address, ADDRESS:PORT or network",
                addresses->items[i]);
            return false;
        }
    reach.exception_count = addresses->count;
    *ret_reach = reach;
    return true;
}

bool reach_add_own(struct reach *reach, struct span text)
{
    static const uint8_t any_v6[ADDRESS_BYTES];
    if (span_starts(text, SPAN("unix:")))
        return true;
    struct reach_own own = {0};
    if (reach->own_count == REACH_OWN_MAX || !parse_address_port(text, own.address, &own.port))
        return false;
    own.all_addresses = memcmp(own.address, any_v6, ADDRESS_BYTES) == 0 ||
                        (is_v4(own.address) && memcmp(own.address + 12, any_v6, 4) == 0);
    reach->own[reach->own_count++] = own;
    return true;
}
