/* Text forms of bytes: hexadecimal, base64, percent-encoding. Pure and thread-safe. */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include "base/arena.h"
#include "base/buf.h"

/* Lowercase, len*2 characters and a NUL. */
void hex_encode(const void *bytes, size_t len, char *ret_text);
/* Either case; false unless text is exactly len*2 hexadecimal digits. */
bool hex_decode(struct span text, void *ret_bytes, size_t len) MUST_USE;

/* Standard alphabet with padding. */
void base64_encode(struct buf *out, struct span bytes);
/* Strict: padding required, no white space, unused bits zero. False, *ret_len untouched, when text is
 * malformed or decodes to more than max_len bytes. */
bool base64_decode(struct span text, void *ret_bytes, size_t max_len, size_t *ret_len) MUST_USE;

/* Percent-encodes all but A-Z a-z 0-9 - . _ ~ (uppercase digits), as SigV4's UriEncode; keep_slash
 * leaves '/'. src: AWS Signature Version 4, "Create a canonical request" */
void percent_encode(struct buf *out, struct span bytes, bool keep_slash);
/* As listings under encoding-type=url: keeps A-Z a-z 0-9 - . _ * and '/', space is '+', the rest ('~'
 * too) is percent-encoded, as S3 does. */
void listing_url_encode(struct buf *out, struct span bytes);
/* Decodes %XX; '+' stays. A '%' without two hexadecimal digits after it is an error (absent span).
 * Nothing is copied when there is nothing to decode. */
struct span percent_decode(struct arena *arena, struct span text);

#endif
