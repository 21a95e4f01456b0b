/* Names of a ZIP's entries out of keys: whoever unpacks it gets files below the folder that he chose, and nowhere
 * else. Two keys that come to the same name get different ones. One thread at a time. */
#ifndef DAEMON_ZIP_NAMES_H
#define DAEMON_ZIP_NAMES_H

#include "base/buf.h"

/* Names that were changed, remembered to tell them apart; from then on each gets a mark of its own. */
enum { ZIP_NAMES_MAX = 1024, ZIP_NAME_BYTES = 2048 };

struct zip_names {
    uint64_t seen[ZIP_NAMES_MAX]; /* hashes */
    size_t count;
};

/* Makes the name safe: no empty part, "." or "..", no backslash, control character or drive letter, so nothing
 * absolute. A slash at the end stays. Empty when nothing is left.
 * in:  name  UTF-8, a key or the end of one
 * out: true when it is another now */
bool zip_name_safe(struct span name, struct buf *out);

/* The safe name of a key, marked ("name~1f2e3d4c.ext") where it would not be its own alone.
 * in:  key       the whole one, of which the mark is made
 *      name      what of it becomes the name
 *      is_taken  whether another entry may have this name: asked of names that were changed; may be NULL
 * out: ret_name  replaced */
void zip_name_of(struct zip_names *names, struct span key, struct span name,
    bool (*is_taken)(void *ctx, struct span name), void *ctx, struct buf *ret_name);

/* The same with a mark whatever it is. */
void zip_name_marked(struct span key, struct span name, struct buf *ret_name);

#endif
