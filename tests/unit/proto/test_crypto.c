/* Is AES-256-GCM the one that others speak, and is everything altered refused? */
#include "base/crypto.h"
#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
// clang-format off
#include <cmocka.h>
// clang-format on

/* src: McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16 */
#define KEY "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"
#define NONCE "cafebabefacedbaddecaf888"
#define EXTRA "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define PLAIN                                                                                      \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6" \
    "b525b16aedf5aa0de657ba637b39"
#define SEALED                                                                                     \
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b105682" \
    "8838c5f6"                                                                                     \
    "1e6393ba7a0abcc9f662"                                                                         \
    "76fc6ece0f4e1768cddf8853bb2d551b"
enum { PLAIN_BYTES = 60, EXTRA_BYTES = 20 };

static void bytes_of(const char *hex, uint8_t *ret_bytes, size_t len)
{
    assert_true(hex_decode(span_str(hex), ret_bytes, len));
}

static void test_published_vector(void **state)
{
    (void)state;
    uint8_t key[GCM_KEY_BYTES], nonce[GCM_NONCE_BYTES], extra[EXTRA_BYTES], plain[PLAIN_BYTES];
    uint8_t expected[PLAIN_BYTES + GCM_TAG_BYTES], sealed[PLAIN_BYTES + GCM_TAG_BYTES];
    bytes_of(KEY, key, sizeof(key));
    bytes_of(NONCE, nonce, sizeof(nonce));
    bytes_of(EXTRA, extra, sizeof(extra));
    bytes_of(PLAIN, plain, sizeof(plain));
    bytes_of(SEALED, expected, sizeof(expected));
    assert_true(
        gcm_seal(key, nonce, span_of(extra, EXTRA_BYTES), span_of(plain, PLAIN_BYTES), sealed));
    assert_memory_equal(sealed, expected, sizeof(expected));
    uint8_t opened[PLAIN_BYTES];
    assert_true(
        gcm_open(key, nonce, span_of(extra, EXTRA_BYTES), span_of(sealed, sizeof(sealed)), opened));
    assert_memory_equal(opened, plain, sizeof(plain));
}

static void test_nothing_sealed_with_nothing(void **state)
{
    (void)state;
    static const uint8_t zero[GCM_KEY_BYTES];
    uint8_t sealed[GCM_TAG_BYTES], expected[GCM_TAG_BYTES], opened[1];
    bytes_of("530f8afbc74536b9a963b4f1c4cb738b", expected, sizeof(expected)); /* test case 13 */
    assert_true(gcm_seal(zero, zero, SPAN_ABSENT, SPAN_ABSENT, sealed));
    assert_memory_equal(sealed, expected, sizeof(expected));
    assert_true(gcm_open(zero, zero, SPAN_ABSENT, span_of(sealed, sizeof(sealed)), opened));
}

static void test_every_altered_bit_is_refused(void **state)
{
    (void)state;
    uint8_t key[GCM_KEY_BYTES] = {1}, nonce[GCM_NONCE_BYTES] = {2}, sealed[8 + GCM_TAG_BYTES];
    uint8_t opened[8];
    assert_true(gcm_seal(key, nonce, SPAN("what"), SPAN("12345678"), sealed));
    for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(gcm_open(key, nonce, SPAN("what"), span_of(sealed, sizeof(sealed)), opened));
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    static const uint8_t wiped[8];
    assert_memory_equal(opened, wiped, sizeof(opened));
    assert_false(gcm_open(key, nonce, SPAN("that"), span_of(sealed, sizeof(sealed)), opened));
    assert_false(gcm_open(key, nonce, SPAN("what"), span_of(sealed, GCM_TAG_BYTES - 1), opened));
    key[0]++;
    assert_false(gcm_open(key, nonce, SPAN("what"), span_of(sealed, sizeof(sealed)), opened));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vector),
        cmocka_unit_test(test_nothing_sealed_with_nothing),
        cmocka_unit_test(test_every_altered_bit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
