/* Digests and checksums: SHA-1, SHA-256 and HMAC-SHA256 through OpenSSL; MD5 (md5.h); CRC32, CRC32C and CRC64NVME
 * by the processor's instructions with table fallbacks, chosen once at run time (crc.h). A struct digest
 * is used by one thread at a time; the rest is thread-safe. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/md5.h"

enum digest_algo {
    DIGEST_NONE = 0, /* the numbers are stored in the index: never change them */
    DIGEST_CRC32 = 1,
    DIGEST_CRC32C = 2,
    DIGEST_SHA1 = 3,
    DIGEST_SHA256 = 4,
    DIGEST_CRC64NVME = 5,
    DIGEST_MD5 = 6,
};

enum {
    DIGEST_MAX_BYTES = 32,
    SHA1_BYTES = 20,
    SHA256_BYTES = 32,
};

/* A running digest. CRC results are big-endian bytes, as S3 encodes them. */
struct digest {
    enum digest_algo algo;
    uint64_t crc;
    struct md5 md5;
    void *context; /* the digest library's, for SHA; else NULL */
};

/* Length of a result in bytes: 4, 4, 20, 32, 8, 16; 0 for DIGEST_NONE. */
size_t digest_size(enum digest_algo algo);

/* err: false when memory runs out; the digest is then safe to free */
bool digest_init(struct digest *digest, enum digest_algo algo) MUST_USE;
void digest_update(struct digest *digest, struct span bytes);
/* Writes digest_size() bytes. The digest may then only be freed. */
void digest_final(struct digest *digest, uint8_t ret_bytes[static DIGEST_MAX_BYTES]);
/* Takes a zeroed or freed digest too. */
void digest_free(struct digest *digest);

/* One call for bytes at hand. */
void md5_of(struct span bytes, uint8_t ret_digest[static MD5_BYTES]);
void sha256_of(struct span bytes, uint8_t ret_digest[static SHA256_BYTES]);
void hmac_sha256(struct span key, struct span bytes, uint8_t ret_mac[static SHA256_BYTES]);
void hmac_sha1(struct span key, struct span bytes, uint8_t ret_mac[static SHA1_BYTES]);

/* Continues a CRC; begin with 0. Standard forms: reflected, initial and final complement inside. */
uint32_t crc32_update(uint32_t crc, struct span bytes);
uint32_t crc32c_update(uint32_t crc, struct span bytes);
uint64_t crc64nvme_update(uint64_t crc, struct span bytes);

/* The CRC of A followed by B, from the CRCs of each and B's length in bytes. */
uint32_t crc32_combine_of(uint32_t crc_a, uint32_t crc_b, uint64_t len_b);
uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t len_b);
uint64_t crc64nvme_combine(uint64_t crc_a, uint64_t crc_b, uint64_t len_b);

/* Bytes from the system's random generator; aborts the process if there is none. */
void random_bytes(void *ret_bytes, size_t len);

/* Overwrites a secret in a way that the compiler keeps. */
void wipe(void *bytes, size_t len);

#endif
