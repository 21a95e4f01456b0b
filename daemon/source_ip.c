#include "daemon/source_ip.h"

#include "daemon/daemon.h"

#include <arpa/inet.h>

enum { ADDRESS_TEXT_BYTES = 64, MAPPED_BITS = 96 };

static bool parse_address(struct span text, uint8_t ret_address[static 16], bool *ret_is_v4)
{
    char copy[ADDRESS_TEXT_BYTES];
    if (text.len == 0 || text.len >= sizeof(copy) || span_find_char(text, '\0', 0) != SIZE_MAX)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    uint8_t v4[4];
    *ret_is_v4 = inet_pton(AF_INET, copy, v4) == 1;
    if (!*ret_is_v4)
        return inet_pton(AF_INET6, copy, ret_address) == 1;
    memcpy(ret_address, mapped, sizeof(mapped));
    memcpy(ret_address + sizeof(mapped), v4, sizeof(v4));
    return true;
}

bool source_network_parse(struct span text, struct source_network *ret_network)
{
    struct source_network network = {.prefix_bits = 128};
    size_t slash = span_find_char(text, '/', 0);
    bool is_v4;
    if (!parse_address(slash == SIZE_MAX ? text : span_first(text, slash), network.address, &is_v4))
        return false;
    if (slash != SIZE_MAX) {
        uint64_t bits;
        if (!span_to_u64(span_from(text, slash + 1), &bits) || bits > (is_v4 ? 32u : 128u))
            return false;
        network.prefix_bits = (unsigned)bits + (is_v4 ? MAPPED_BITS : 0);
    }
    *ret_network = network;
    return true;
}

static bool holds(const struct source_network *network, const uint8_t address[static 16])
{
    size_t bytes = network->prefix_bits / 8, rest = network->prefix_bits % 8;
    if (memcmp(network->address, address, bytes) != 0)
        return false;
    return rest == 0 || ((network->address[bytes] ^ address[bytes]) >> (8 - rest)) == 0;
}

static bool is_trusted(const struct source_networks *networks, struct span text)
{
    uint8_t address[16];
    bool is_v4;
    if (!parse_address(text, address, &is_v4))
        return false;
    for (size_t i = 0; i < networks->count; i++)
        if (holds(&networks->items[i], address))
            return true;
    return false;
}

/* Some proxies write a port: 192.0.2.1:50000, [2001:db8::1]:50000. */
static struct span without_port(struct span text)
{
    if (span_starts(text, SPAN("["))) {
        size_t end = span_find_char(text, ']', 0);
        return end == SIZE_MAX ? text : span_of(text.ptr + 1, end - 1);
    }
    size_t colon = span_find_char(text, ':', 0);
    bool one = colon != SIZE_MAX && span_find_char(text, ':', colon + 1) == SIZE_MAX;
    return one ? span_first(text, colon) : text;
}

/* ::ffff:192.0.2.1 is what proxies on dual-stack sockets write for version 4. */
static struct span without_mapping(struct span text)
{
    static const struct span mapped = {"::ffff:", 7};
    bool is_mapped = span_starts_nocase(text, mapped) && span_find_char(text, '.', 0) != SIZE_MAX;
    return is_mapped ? span_from(text, mapped.len) : text;
}

/* Takes the last item off a list. */
static struct span take_last(struct span *list)
{
    size_t at = list->len;
    while (at > 0 && list->ptr[at - 1] != ',')
        at--;
    struct span item = span_trim(span_from(*list, at));
    *list = at > 0 ? span_first(*list, at - 1) : SPAN_ABSENT;
    return without_mapping(without_port(item));
}

struct span source_ip(const struct request *request)
{
    const struct source_networks *trusted = request->daemon->trusted_proxies;
    struct span found = request->peer;
    uint8_t address[16];
    bool is_v4;
    if (!parse_address(found, address, &is_v4))
        return SPAN_ABSENT;
    if (trusted == NULL || !is_trusted(trusted, found))
        return found;
    for (size_t i = request->headers.count; i-- > 0;) {
        const struct header *header = &request->headers.items[i];
        if (!span_eq_nocase(header->name, SPAN("x-forwarded-for")))
            continue;
        struct span rest = header->value;
        while (span_present(rest)) {
            found = take_last(&rest);
            if (!parse_address(found, address, &is_v4))
                return SPAN_ABSENT;
            if (!is_trusted(trusted, found))
                return found;
        }
    }
    return found;
}
