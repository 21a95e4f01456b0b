#include "daemon/key_text.h"

#include "base/digest.h"

/* Bytes past the last whole multiple of the alphabet are thrown away, or some letters would be likelier. */
static void make_text(const char *alphabet, size_t alphabet_len, char *ret_text, size_t len)
{
    size_t filled = 0;
    while (filled < len) {
        uint8_t random;
        random_bytes(&random, 1);
        if (random < 256 / alphabet_len * alphabet_len)
            ret_text[filled++] = alphabet[random % alphabet_len];
    }
    ret_text[len] = '\0';
}

void key_text_id(char *ret_text, size_t len)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    make_text(alphabet, sizeof(alphabet) - 1, ret_text, len);
}

void key_text_secret(char *ret_text, size_t len)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    make_text(alphabet, sizeof(alphabet) - 1, ret_text, len);
}
