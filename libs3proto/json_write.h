/* Pieces of JSON for those who write it as they go. Pure. */
#ifndef LIBS3PROTO_JSON_WRITE_H
#define LIBS3PROTO_JSON_WRITE_H

#include "base/buf.h"

/* "text", quoted and escaped; control characters as \uXXXX. The text is valid UTF-8. */
void json_string(struct buf *out, struct span text);

#endif
