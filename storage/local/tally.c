#include "storage/local/index.h"

#include <endian.h>

__extension__ typedef unsigned __int128 u128;

/* Odd constants without structure: the first 64-bit words of the fractional parts of square roots
 * of 2, 3, 5, 7. src: FIPS 180-4, SHA-512's initial values */
static const uint64_t seeds[4] = {
    0x6a09e667f3bcc909, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1};

static uint64_t fold(uint64_t a, uint64_t b)
{
    u128 product = (u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static void hash_bytes(struct span bytes, uint64_t hash[2])
{
    const char *at = bytes.ptr;
    size_t left = bytes.len;
    hash[0] ^= bytes.len;
    hash[1] ^= bytes.len;
    while (left > 0) {
        uint64_t words[2] = {0, 0};
        size_t taken = left < sizeof(words) ? left : sizeof(words);
        memcpy(words, at, taken);
        words[0] = le64toh(words[0]);
        words[1] = le64toh(words[1]);
        hash[0] = fold(words[0] ^ seeds[0] ^ hash[0], words[1] ^ seeds[1]);
        hash[1] = fold(words[1] ^ seeds[2] ^ hash[1], words[0] ^ seeds[3]);
        at += taken;
        left -= taken;
    }
}

static void hash_record(struct span key, struct span value, uint64_t ret_hash[2])
{
    ret_hash[0] = seeds[2];
    ret_hash[1] = seeds[0];
    hash_bytes(key, ret_hash);
    hash_bytes(value, ret_hash);
}

void tally_add(struct tally *tally, struct span key, struct span value)
{
    uint64_t hash[2];
    hash_record(key, value, hash);
    tally->count++;
    tally->hash[0] += hash[0];
    tally->hash[1] += hash[1];
}

void tally_remove(struct tally *tally, struct span key, struct span value)
{
    uint64_t hash[2];
    hash_record(key, value, hash);
    tally->count--;
    tally->hash[0] -= hash[0];
    tally->hash[1] -= hash[1];
}
