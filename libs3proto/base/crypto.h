/* AES-256-GCM through OpenSSL: bytes that only who has the key can read or change. Thread-safe. */
#ifndef BASE_CRYPTO_H
#define BASE_CRYPTO_H

#include "base/span.h"

enum { GCM_KEY_BYTES = 32, GCM_NONCE_BYTES = 12, GCM_TAG_BYTES = 16 };

/* in:  nonce   never twice under one key; random ones are good for 2^32 seals
 *      extra   is not part of the result, but must be the same when it is opened
 * out: ret_sealed  plain.len bytes and the tag
 * err: false when memory runs out */
bool gcm_seal(const uint8_t key[static GCM_KEY_BYTES], const uint8_t nonce[static GCM_NONCE_BYTES],
    struct span extra, struct span plain, uint8_t *ret_sealed) MUST_USE;

/* in:  sealed     at least a tag's bytes
 * out: ret_plain  sealed.len - GCM_TAG_BYTES bytes, wiped on error
 * err: false: another key, nonce or extra, or altered */
bool gcm_open(const uint8_t key[static GCM_KEY_BYTES], const uint8_t nonce[static GCM_NONCE_BYTES],
    struct span extra, struct span sealed, uint8_t *ret_plain) MUST_USE;

#endif
