/* JSON texts, through Jansson. */
#ifndef DAEMON_JSON_H
#define DAEMON_JSON_H

#include "base/buf.h"

struct json;

/* An object that is being filled. NULL when memory runs out; the functions below then do nothing.
 */
struct json *json_new(void);
/* Takes NULL. */
void json_free(struct json *json);

/* text is UTF-8; else the member is null. */
void json_text(struct json *json, const char *name, struct span text);
void json_u64(struct json *json, const char *name, uint64_t value);
void json_bool(struct json *json, const char *name, bool value);
/* An array of texts. */
void json_texts(struct json *json, const char *name, const struct span *items, size_t count);
/* Members of an object inside, until json_close. At most four deep. */
void json_open(struct json *json, const char *name);
void json_close(struct json *json);

/* False when something did not fit. */
bool json_write(const struct json *json, struct buf *out) MUST_USE;
/* The same in one line, without its end. */
bool json_write_line(const struct json *json, struct buf *out) MUST_USE;

#endif
