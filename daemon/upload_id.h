/* Multipart upload ids as text: 32 lower-case hexadecimal digits that encode (blob id, random),
 * opaque to clients. Pure and thread-safe. */
#ifndef DAEMON_UPLOAD_ID_H
#define DAEMON_UPLOAD_ID_H

#include "s3_err.h"
#include "storage/storage.h"

enum { UPLOAD_ID_TEXT_BYTES = 32 + 1 };

/* Text and a NUL. */
void upload_id_format(struct upload_id id, char ret_text[static UPLOAD_ID_TEXT_BYTES]);
/* out: ret_id  untouched on error
 * err: NO_SUCH_UPLOAD for what is no upload id, absent and empty included */
enum s3_err upload_id_parse(struct span text, struct upload_id *ret_id) MUST_USE;

#endif
