#include "base/digest.h"

#include "base/encode.h"

#include "cmocka_span.h"

#include <pthread.h>

static void assert_hex(const uint8_t *bytes, size_t len, const char *wanted)
{
    char hex[2 * DIGEST_MAX_BYTES + 1];
    hex_encode(bytes, len, hex);
    assert_string_equal(hex, wanted);
}

struct vector {
    enum digest_algo algo;
    const char *text, *hex;
};

/* src: RFC 1321 appendix A.5 (MD5); RFC 3174 section 7.3 (SHA-1); FIPS 180-4's examples (SHA-256)
 */
static const struct vector vectors[] = {
    {DIGEST_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
    {DIGEST_MD5, "a", "0cc175b9c0f1b6a831c399e269772661"},
    {DIGEST_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72"},
    {DIGEST_MD5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
    {DIGEST_MD5, "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
    {DIGEST_MD5, "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
        "57edf4a22be3c955ac49da2e2107b67a"},
    {DIGEST_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {DIGEST_SHA1, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    {DIGEST_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {DIGEST_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {DIGEST_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {DIGEST_CRC32, "123456789", "cbf43926"},
    {DIGEST_CRC32C, "123456789", "e3069283"},
    {DIGEST_CRC64NVME, "123456789", "ae8b14860a799888"},
    {DIGEST_CRC32, "", "00000000"},
};

static void gives_the_published_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        const struct vector *vector = &vectors[i];
        struct span text = span_str(vector->text);
        /* Whole, and byte by byte. */
        for (size_t step = text.len ? text.len : 1; step > 0; step = step > 1 ? 1 : 0) {
            struct digest digest;
            uint8_t bytes[DIGEST_MAX_BYTES];
            assert_true(digest_init(&digest, vector->algo));
            for (size_t at = 0; at < text.len; at += step)
                digest_update(&digest, span_first(span_from(text, at), step));
            digest_final(&digest, bytes);
            digest_free(&digest);
            assert_hex(bytes, digest_size(vector->algo), vector->hex);
        }
        uint8_t bytes[DIGEST_MAX_BYTES];
        if (vector->algo == DIGEST_MD5)
            md5_of(text, bytes);
        else if (vector->algo == DIGEST_SHA256)
            sha256_of(text, bytes);
        else
            continue;
        assert_hex(bytes, digest_size(vector->algo), vector->hex);
    }
}

static void a_million_letters(void **state)
{
    (void)state;
    char letters[1000];
    memset(letters, 'a', sizeof(letters));
    struct digest digest;
    assert_true(digest_init(&digest, DIGEST_SHA256));
    for (int i = 0; i < 1000; i++)
        digest_update(&digest, span_of(letters, sizeof(letters)));
    uint8_t bytes[DIGEST_MAX_BYTES];
    digest_final(&digest, bytes);
    digest_free(&digest);
    assert_hex(
        bytes, SHA256_BYTES, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* src: RFC 4231 section 4 */
static void hmac_gives_the_published_values(void **state)
{
    (void)state;
    uint8_t key[131], data[50], mac[SHA256_BYTES];
    memset(key, 0x0b, 20);
    hmac_sha256(span_of(key, 20), SPAN("Hi There"), mac);
    assert_hex(
        mac, sizeof(mac), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hmac_sha256(SPAN("Jefe"), SPAN("what do ya want for nothing?"), mac);
    assert_hex(
        mac, sizeof(mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    memset(data, 0xdd, sizeof(data));
    hmac_sha256(span_of(key, 20), span_of(data, sizeof(data)), mac);
    assert_hex(
        mac, sizeof(mac), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    hmac_sha256(span_of(key, sizeof(key)),
        SPAN("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
    assert_hex(
        mac, sizeof(mac), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hmac_sha256(SPAN_ABSENT, SPAN_ABSENT, mac);
    assert_hex(
        mac, sizeof(mac), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* A MAC may be written over its own input, as a chain of keys does. */
static void hmac_may_overwrite_its_key(void **state)
{
    (void)state;
    uint8_t apart[SHA256_BYTES], chain[SHA256_BYTES] = {1, 2, 3};
    hmac_sha256(span_of(chain, sizeof(chain)), SPAN("us-east-1"), apart);
    hmac_sha256(span_of(chain, sizeof(chain)), SPAN("us-east-1"), chain);
    assert_memory_equal(apart, chain, sizeof(chain));
}

static void sizes_and_empty_digests(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 4, 4, 20, 32, 8, 16};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        assert_int_equal(digest_size((enum digest_algo)i), sizes[i]);
    struct digest digest = {0};
    digest_free(&digest);
    assert_true(digest_init(&digest, DIGEST_NONE));
    digest_update(&digest, SPAN("x"));
    uint8_t bytes[DIGEST_MAX_BYTES] = {42};
    digest_final(&digest, bytes);
    assert_int_equal(bytes[0], 42);
    digest_free(&digest);
    digest_free(&digest);
}

static void *digest_in_a_thread(void *wrong)
{
    for (int i = 0; i < 2000; i++) {
        uint8_t mac[SHA256_BYTES], md5[MD5_BYTES], wanted[MD5_BYTES];
        hmac_sha256(SPAN("Jefe"), SPAN("what do ya want for nothing?"), mac);
        md5_of(SPAN("abc"), md5);
        if (mac[0] != 0x5b || mac[31] != 0x43 ||
            !hex_decode(SPAN("900150983cd24fb0d6963f7d28e17f72"), wanted, sizeof(wanted)) ||
            memcmp(md5, wanted, sizeof(wanted)) != 0)
            *(bool *)wrong = true;
    }
    return NULL;
}

static void threads_do_not_share_contexts(void **state)
{
    (void)state;
    pthread_t threads[4];
    bool wrong[4] = {false};
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, digest_in_a_thread, &wrong[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(wrong[i]);
    }
}

static void random_bytes_differ_and_wipe_clears(void **state)
{
    (void)state;
    uint8_t a[64] = {0}, b[64] = {0};
    random_bytes(a, sizeof(a));
    random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    wipe(a, sizeof(a));
    for (size_t i = 0; i < sizeof(a); i++)
        assert_int_equal(a[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_published_values),
        cmocka_unit_test(a_million_letters),
        cmocka_unit_test(hmac_gives_the_published_values),
        cmocka_unit_test(hmac_may_overwrite_its_key),
        cmocka_unit_test(sizes_and_empty_digests),
        cmocka_unit_test(threads_do_not_share_contexts),
        cmocka_unit_test(random_bytes_differ_and_wipe_clears),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
