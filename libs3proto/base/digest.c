#include "base/digest.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/random.h>

enum { HMAC_BLOCK_BYTES = 64 };

/* Fetched once: an implicit fetch in every EVP_DigestInit_ex costs more than hashing a small input.
 */
struct digest_methods {
    EVP_MD *sha1;
    EVP_MD *sha256;
    pthread_key_t scratch; /* a thread's EVP_MD_CTX for one-call digests */
};

static struct digest_methods methods_fetched;
static pthread_once_t methods_once = PTHREAD_ONCE_INIT;

static void free_scratch(void *context)
{
    EVP_MD_CTX_free(context);
}

static void fetch_methods(void)
{
    methods_fetched.sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    methods_fetched.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (pthread_key_create(&methods_fetched.scratch, free_scratch) != 0)
        abort();
}

static const struct digest_methods *methods(void)
{
    (void)pthread_once(&methods_once, fetch_methods);
    return &methods_fetched;
}

size_t digest_size(enum digest_algo algo)
{
    static const uint8_t sizes[] = {
        [DIGEST_NONE] = 0,
        [DIGEST_CRC32] = 4,
        [DIGEST_CRC32C] = 4,
        [DIGEST_SHA1] = 20,
        [DIGEST_SHA256] = SHA256_BYTES,
        [DIGEST_CRC64NVME] = 8,
        [DIGEST_MD5] = MD5_BYTES,
    };
    return (size_t)algo < ARRAY_LEN(sizes) ? sizes[algo] : 0;
}

/* NULL for what is no digest of OpenSSL's. */
static const EVP_MD *method_of(enum digest_algo algo)
{
    switch (algo) {
    case DIGEST_SHA1:
        return methods()->sha1;
    case DIGEST_SHA256:
        return methods()->sha256;
    case DIGEST_NONE:
    case DIGEST_CRC32:
    case DIGEST_CRC32C:
    case DIGEST_CRC64NVME:
    case DIGEST_MD5:
        break;
    }
    return NULL;
}

static bool is_crc(enum digest_algo algo)
{
    return algo == DIGEST_CRC32 || algo == DIGEST_CRC32C || algo == DIGEST_CRC64NVME;
}

bool digest_init(struct digest *digest, enum digest_algo algo)
{
    *digest = (struct digest){.algo = algo};
    if (algo == DIGEST_MD5)
        md5_init(&digest->md5);
    if (algo == DIGEST_NONE || algo == DIGEST_MD5 || is_crc(algo))
        return true;
    const EVP_MD *method = method_of(algo);
    EVP_MD_CTX *context = method ? EVP_MD_CTX_new() : NULL;
    if (context == NULL || EVP_DigestInit_ex(context, method, NULL) != 1) {
        EVP_MD_CTX_free(context);
        return false;
    }
    digest->context = context;
    return true;
}

void digest_update(struct digest *digest, struct span bytes)
{
    switch (digest->algo) {
    case DIGEST_CRC32:
        digest->crc = crc32_update((uint32_t)digest->crc, bytes);
        break;
    case DIGEST_CRC32C:
        digest->crc = crc32c_update((uint32_t)digest->crc, bytes);
        break;
    case DIGEST_CRC64NVME:
        digest->crc = crc64nvme_update(digest->crc, bytes);
        break;
    case DIGEST_MD5:
        md5_update(&digest->md5, bytes);
        break;
    case DIGEST_SHA1:
    case DIGEST_SHA256:
        if (EVP_DigestUpdate(digest->context, bytes.ptr, bytes.len) != 1)
            abort(); /* only a bug can do this: nothing is allocated and the context is set up */
        break;
    case DIGEST_NONE:
        break;
    }
}

void digest_final(struct digest *digest, uint8_t ret_bytes[static DIGEST_MAX_BYTES])
{
    size_t size = digest_size(digest->algo);
    if (is_crc(digest->algo)) {
        for (size_t i = 0; i < size; i++)
            ret_bytes[i] = (uint8_t)(digest->crc >> (8 * (size - 1 - i)));
    } else if (digest->algo == DIGEST_MD5) {
        md5_final(&digest->md5, ret_bytes);
    } else if (digest->context != NULL) {
        if (EVP_DigestFinal_ex(digest->context, ret_bytes, NULL) != 1)
            abort();
    }
}

void digest_free(struct digest *digest)
{
    EVP_MD_CTX_free(digest->context);
    *digest = (struct digest){0};
}

/* This thread's context, to be used and left within one call. Aborts when memory runs out, as the
 * callers have no way to fail: it happens at most once in a thread's life. */
static EVP_MD_CTX *scratch_context(void)
{
    EVP_MD_CTX *context = pthread_getspecific(methods()->scratch);
    if (context == NULL) {
        context = EVP_MD_CTX_new();
        if (context == NULL || pthread_setspecific(methods()->scratch, context) != 0)
            abort();
    }
    return context;
}

static void digest_two(
    EVP_MD_CTX *context, const EVP_MD *method, struct span a, struct span b, uint8_t *ret_digest)
{
    bool good = method != NULL && EVP_DigestInit_ex(context, method, NULL) == 1 &&
                EVP_DigestUpdate(context, a.ptr, a.len) == 1 &&
                (b.len == 0 || EVP_DigestUpdate(context, b.ptr, b.len) == 1) &&
                EVP_DigestFinal_ex(context, ret_digest, NULL) == 1;
    if (!good)
        abort(); /* a library without SHA-1 or SHA-256 cannot serve S3 at all */
}

void md5_of(struct span bytes, uint8_t ret_digest[static MD5_BYTES])
{
    struct md5 md5;
    md5_init(&md5);
    md5_update(&md5, bytes);
    md5_final(&md5, ret_digest);
}

void sha256_of(struct span bytes, uint8_t ret_digest[static SHA256_BYTES])
{
    digest_two(scratch_context(), methods()->sha256, bytes, SPAN_ABSENT, ret_digest);
}

/* By hand over two digests: measured at a third of EVP_MAC's time for short inputs.
 * src: RFC 2104 section 2 */
static void hmac_of(
    const EVP_MD *method, size_t digest_bytes, struct span key, struct span bytes, uint8_t *ret_mac)
{
    EVP_MD_CTX *context = scratch_context();
    uint8_t pad[HMAC_BLOCK_BYTES] = {0};
    uint8_t inner[DIGEST_MAX_BYTES];
    if (key.len > sizeof(pad))
        digest_two(context, method, key, SPAN_ABSENT, pad);
    else if (key.len > 0)
        memcpy(pad, key.ptr, key.len);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36;
    digest_two(context, method, span_of(pad, sizeof(pad)), bytes, inner);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36 ^ 0x5c;
    digest_two(context, method, span_of(pad, sizeof(pad)), span_of(inner, digest_bytes), ret_mac);
    wipe(pad, sizeof(pad));
    wipe(inner, sizeof(inner));
}

void hmac_sha256(struct span key, struct span bytes, uint8_t ret_mac[static SHA256_BYTES])
{
    hmac_of(methods()->sha256, SHA256_BYTES, key, bytes, ret_mac);
}

void hmac_sha1(struct span key, struct span bytes, uint8_t ret_mac[static SHA1_BYTES])
{
    hmac_of(methods()->sha1, SHA1_BYTES, key, bytes, ret_mac);
}

void random_bytes(void *ret_bytes, size_t len)
{
    uint8_t *to = ret_bytes;
    while (len > 0) {
        ssize_t got = getrandom(to, len, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            abort();
        }
        to += got;
        len -= (size_t)got;
    }
}

void wipe(void *bytes, size_t len)
{
    OPENSSL_cleanse(bytes, len);
}
