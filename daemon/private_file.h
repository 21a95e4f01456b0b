/* Small files with secrets in the data folder: readable by the owner alone, and written whole or not at all. */
#ifndef DAEMON_PRIVATE_FILE_H
#define DAEMON_PRIVATE_FILE_H

#include "base/span.h"

enum { PRIVATE_FILE_MAX_BYTES = 4096, PRIVATE_FILE_PATH_BYTES = 4096 };

enum private_file { PRIVATE_FILE_READ, PRIVATE_FILE_ABSENT, PRIVATE_FILE_REFUSED };

/* in:  owner_only  refuse a file that others may read
 * out: ret_text    its bytes, of PRIVATE_FILE_MAX_BYTES; wipe them
 *      ret_error   REFUSED: a line for the user, in error_bytes. Blocks on the disk. */
enum private_file private_file_read(const char *path, bool owner_only,
    char ret_text[static PRIVATE_FILE_MAX_BYTES], size_t *ret_len, char *ret_error,
    size_t error_bytes) MUST_USE;

/* Mode 0600; synced under another name first, so that a crash leaves the old file or the new one.
 * err: false; errno tells */
bool private_file_write(const char *dir, const char *path, struct span text) MUST_USE;

#endif
