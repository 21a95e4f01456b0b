/* MD5 (RFC 1321), alone and several at once. One message cannot be hashed faster than one step after the other, which
 * leaves most of a processor idle; the lanes of its vector registers take a message each. S3 wants an MD5 of every
 * body, so with many uploads it is what costs most. Not for secrets: MD5 is broken, and is here a checksum alone.
 * A struct md5 is used by one thread at a time; it holds no memory. */
#ifndef BASE_MD5_H
#define BASE_MD5_H

#include "base/span.h"

enum { MD5_BYTES = 16, MD5_BLOCK_BYTES = 64, MD5_LANES = 8 };

struct md5 {
    uint32_t state[4];
    uint64_t byte_count;
    unsigned char rest[MD5_BLOCK_BYTES]; /* of a block that is not whole yet: byte_count % 64 */
};

/* What one of several is to take in. */
struct md5_run {
    struct md5 *md5;
    struct span bytes;
};

void md5_init(struct md5 *md5);
void md5_update(struct md5 *md5, struct span bytes);
/* The same for each run; the runs are of different digests. The more there are, up to MD5_LANES, the less each costs:
 * from three on it is less than one after the other. */
void md5_update_many(const struct md5_run *runs, size_t count);
void md5_final(struct md5 *md5, uint8_t ret_digest[static MD5_BYTES]);

#endif
