#include "daemon/network.h"

#include <arpa/inet.h>

enum { ADDRESS_TEXT_BYTES = 64 };

bool address_parse(struct span text, uint8_t ret_address[static ADDRESS_BYTES], bool *ret_is_v4)
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

bool network_parse(struct span text, struct network *ret_network)
{
    struct network network = {.prefix_bits = 128};
    size_t slash = span_find_char(text, '/', 0);
    bool is_v4;
    if (!address_parse(slash == SIZE_MAX ? text : span_first(text, slash), network.address, &is_v4))
        return false;
    if (slash != SIZE_MAX) {
        uint64_t bits;
        if (!span_to_u64(span_from(text, slash + 1), &bits) || bits > (is_v4 ? 32u : 128u))
            return false;
        network.prefix_bits = (unsigned)bits + (is_v4 ? ADDRESS_V4_BITS : 0);
    }
    *ret_network = network;
    return true;
}

bool network_holds(const struct network *network, const uint8_t address[static ADDRESS_BYTES])
{
    size_t bytes = network->prefix_bits / 8, rest = network->prefix_bits % 8;
    if (memcmp(network->address, address, bytes) != 0)
        return false;
    return rest == 0 || ((network->address[bytes] ^ address[bytes]) >> (8 - rest)) == 0;
}
