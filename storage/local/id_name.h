/* Names on the disk that tell an id: 16 hexadecimal digits in lower case, and a suffix. */
#ifndef STORAGE_LOCAL_ID_NAME_H
#define STORAGE_LOCAL_ID_NAME_H

#include "base/span.h"

/* False, and ret_id untouched: it is no such name, so it is not the store's. */
bool id_name_parse(const char *name, const char *suffix, uint64_t *ret_id) MUST_USE;

#endif
