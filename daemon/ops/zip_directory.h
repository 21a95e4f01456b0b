/* The directory of a ZIP that is being sent: it comes last and has a record of every entry, so it is kept until then,
 * in a file without a name once it is longer than ZIP_DIRECTORY_PIECE_BYTES. A worker writes that file, since it is
 * filled from an I/O thread. One thread at a time; wakes the waker from a worker. */
#ifndef DAEMON_OPS_ZIP_DIRECTORY_H
#define DAEMON_OPS_ZIP_DIRECTORY_H

#include "base/buf.h"
#include "daemon/stream.h"

enum { ZIP_DIRECTORY_PIECE_BYTES = 64 * 1024 };

struct workers;
struct zip_directory;

/* in:  workers  NULL: the file is written by the calling thread
 *      folder   where the file is made; NULL: the system's for temporary files
 * NULL when memory runs out. The waker in it lives until zip_directory_free. */
struct zip_directory *zip_directory_new(struct workers *workers, const char *folder);
/* Takes NULL. Does not wait for a worker that still writes: that one frees it then. */
void zip_directory_free(struct zip_directory *directory);

struct stream_waker *zip_directory_waker(struct zip_directory *directory);

/* Is there room for one more record? STREAM_DATA: yes; STREAM_WAIT: a worker makes some, and wakes; STREAM_BROKEN:
 * the file cannot be written. */
enum stream_result zip_directory_ready(struct zip_directory *directory) MUST_USE;
/* Where a record is appended, after STREAM_DATA. */
struct buf *zip_directory_record_room(struct zip_directory *directory);

uint64_t zip_directory_bytes(const struct zip_directory *directory);
/* Up to max_bytes at offset; 0 at the end. False when the file cannot be read. */
bool zip_directory_read(struct zip_directory *directory, uint64_t offset, char *ret_bytes,
    size_t max_bytes, size_t *ret_len) MUST_USE;

#endif
