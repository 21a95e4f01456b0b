/* Addresses and networks as values: version 4 is written as ::ffff:a.b.c.d throughout, so that one
 * comparison serves both. Pure. */
#ifndef DAEMON_NETWORK_H
#define DAEMON_NETWORK_H

#include "base/span.h"

enum { ADDRESS_BYTES = 16, ADDRESS_V4_BITS = 96 /* of the prefix that version 4 has */ };

struct network {
    uint8_t address[ADDRESS_BYTES];
    unsigned prefix_bits; /* 0 to 128 */
};

/* "192.0.2.1", "2001:db8::1". out: ret_is_v4: it was written as version 4 */
bool address_parse(
    struct span text, uint8_t ret_address[static ADDRESS_BYTES], bool *ret_is_v4) MUST_USE;

/* "10.0.0.0/8", "fd00::/8"; an address alone is that address. False when it is neither. */
bool network_parse(struct span text, struct network *ret_network) MUST_USE;
bool network_holds(const struct network *network, const uint8_t address[static ADDRESS_BYTES]);

#endif
