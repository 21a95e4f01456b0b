/* Version ids as text: "null", or 32 lower-case hexadecimal digits that encode (sequence, random),
 * so that a lookup is one seek and an id cannot be guessed. Pure and thread-safe. */
#ifndef DAEMON_VERSION_ID_H
#define DAEMON_VERSION_ID_H

#include "s3_err.h"
#include "storage/storage.h"

enum { VERSION_ID_TEXT_BYTES = 32 + 1 };

/* Text and a NUL. Returns the length without the NUL. */
size_t version_id_format(
    const struct version *version, char ret_text[static VERSION_ID_TEXT_BYTES]);

/* in:  text        absent: the newest version
 * out: ret_ref     untouched on error
 *      ret_detail  on error the literal that AWS answers with; may be NULL
 * err: INVALID_ARGUMENT for what is no version id, the empty string included */
enum s3_err version_id_parse(
    struct span text, struct version_ref *ret_ref, const char **ret_detail) MUST_USE;

#endif
