/* The times of HTTP and S3 as text. Proleptic Gregorian UTC without libc's time zone; pure. */
#ifndef S3PROTO_HTTP_TIME_H
#define S3PROTO_HTTP_TIME_H

#include "base/span.h"

enum { HTTP_TIME_BYTES = 30, ISO_TIME_BYTES = 25, AMZ_TIME_BYTES = 17 };

/* "Sun, 06 Nov 1994 08:49:37 GMT" and a NUL. time_s: Unix seconds, years 0000 to 9999. */
void http_time_format(int64_t time_s, char ret_text[static HTTP_TIME_BYTES]);
/* "1994-11-06T08:49:37.000Z" and a NUL. time_ms: Unix milliseconds. */
void iso_time_format(int64_t time_ms, char ret_text[static ISO_TIME_BYTES]);
/* "19941106T084937Z" and a NUL. */
void amz_time_format(int64_t time_s, char ret_text[static AMZ_TIME_BYTES]);

/* IMF-fixdate, RFC 850 and asctime forms, as RFC 9110 section 5.6.7 wants; false on anything else. */
bool http_time_parse(struct span text, int64_t *ret_time_s) MUST_USE;
/* ISO 8601: "1994-11-06T08:49:37Z", with or without fractional seconds, or a date alone. */
bool iso_time_parse(struct span text, int64_t *ret_time_ms) MUST_USE;
/* "19941106T084937Z" only. */
bool amz_time_parse(struct span text, int64_t *ret_time_s) MUST_USE;

#endif
