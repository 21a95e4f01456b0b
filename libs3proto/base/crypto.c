#include "base/crypto.h"

#include "base/digest.h"

#include <limits.h>
#include <openssl/evp.h>

static void free_context(EVP_CIPHER_CTX **context)
{
    EVP_CIPHER_CTX_free(*context);
}

bool gcm_seal(const uint8_t key[static GCM_KEY_BYTES], const uint8_t nonce[static GCM_NONCE_BYTES],
    struct span extra, struct span plain, uint8_t *ret_sealed)
{
    EVP_CIPHER_CTX *context CLEANUP(free_context) = EVP_CIPHER_CTX_new();
    int len = 0;
    if (context == NULL || plain.len > INT_MAX || extra.len > INT_MAX ||
        EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
        EVP_EncryptUpdate(context, NULL, &len, (const unsigned char *)extra.ptr, (int)extra.len) !=
            1)
        return false;
    if (plain.len > 0 && EVP_EncryptUpdate(context, ret_sealed, &len,
                             (const unsigned char *)plain.ptr, (int)plain.len) != 1)
        return false;
    return EVP_EncryptFinal_ex(context, ret_sealed + plain.len, &len) == 1 &&
           EVP_CIPHER_CTX_ctrl(
               context, EVP_CTRL_GCM_GET_TAG, GCM_TAG_BYTES, ret_sealed + plain.len) == 1;
}

bool gcm_open(const uint8_t key[static GCM_KEY_BYTES], const uint8_t nonce[static GCM_NONCE_BYTES],
    struct span extra, struct span sealed, uint8_t *ret_plain)
{
    if (sealed.len < GCM_TAG_BYTES || sealed.len > INT_MAX || extra.len > INT_MAX)
        return false;
    size_t plain_len = sealed.len - GCM_TAG_BYTES;
    uint8_t tag[GCM_TAG_BYTES];
    memcpy(tag, sealed.ptr + plain_len, sizeof(tag));
    EVP_CIPHER_CTX *context CLEANUP(free_context) = EVP_CIPHER_CTX_new();
    int len = 0;
    bool opened = context != NULL &&
                  EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
                  EVP_DecryptUpdate(
                      context, NULL, &len, (const unsigned char *)extra.ptr, (int)extra.len) == 1 &&
                  (plain_len == 0 || EVP_DecryptUpdate(context, ret_plain, &len,
                                         (const unsigned char *)sealed.ptr, (int)plain_len) == 1) &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, GCM_TAG_BYTES, tag) == 1 &&
                  EVP_DecryptFinal_ex(context, ret_plain + plain_len, &len) == 1;
    if (!opened && plain_len > 0)
        wipe(ret_plain, plain_len);
    return opened;
}
