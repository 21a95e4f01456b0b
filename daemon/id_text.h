/* Two numbers as one opaque word of 32 lower-case hexadecimal digits: what version ids and upload
 * ids are made of. Digits of the other case are refused, so that an id has one text. Pure and
 * thread-safe. */
#ifndef DAEMON_ID_TEXT_H
#define DAEMON_ID_TEXT_H

#include "base/span.h"

enum { ID_TEXT_BYTES = 32 + 1 };

/* 32 digits and a NUL. */
void id_text_format(uint64_t first, uint64_t second, char ret_text[static ID_TEXT_BYTES]);
/* False, outputs untouched, unless text is exactly such a word. */
bool id_text_parse(struct span text, uint64_t *ret_first, uint64_t *ret_second) MUST_USE;

#endif
