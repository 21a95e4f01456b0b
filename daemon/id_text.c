#include "daemon/id_text.h"

#include "base/encode.h"

enum { ID_BYTES = 16, HALF_BYTES = 8 };

static void put_u64(uint8_t to[static HALF_BYTES], uint64_t value)
{
    for (size_t i = 0; i < HALF_BYTES; i++)
        to[i] = (uint8_t)(value >> (8 * (HALF_BYTES - 1 - i)));
}

static uint64_t get_u64(const uint8_t from[static HALF_BYTES])
{
    uint64_t value = 0;
    for (size_t i = 0; i < HALF_BYTES; i++)
        value = value << 8 | from[i];
    return value;
}

void id_text_format(uint64_t first, uint64_t second, char ret_text[static ID_TEXT_BYTES])
{
    uint8_t bytes[ID_BYTES];
    put_u64(bytes, first);
    put_u64(bytes + HALF_BYTES, second);
    hex_encode(bytes, sizeof(bytes), ret_text);
}

bool id_text_parse(struct span text, uint64_t *ret_first, uint64_t *ret_second)
{
    uint8_t bytes[ID_BYTES];
    if (!hex_decode(text, bytes, sizeof(bytes)))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= 'A' && text.ptr[i] <= 'F')
            return false;
    *ret_first = get_u64(bytes);
    *ret_second = get_u64(bytes + HALF_BYTES);
    return true;
}
