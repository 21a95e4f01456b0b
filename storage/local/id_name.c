#include "storage/local/id_name.h"

bool id_name_parse(const char *name, const char *suffix, uint64_t *ret_id)
{
    struct span text = span_str(name);
    uint64_t id = 0;
    if (text.len != 16 + strlen(suffix) || strcmp(name + 16, suffix) != 0)
        return false;
    for (size_t i = 0; i < 16; i++) {
        char c = name[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && !(c >= 'a' && c <= 'f'))
            return false;
        id = id << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    *ret_id = id;
    return true;
}
