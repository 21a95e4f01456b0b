/* Optional second header of the store: blobs as runs of files, for sendfile. An engine without files leaves
 * it out. Bytes taken this way are not checked against the blocks' CRCs. */
#ifndef STORAGE_STORAGE_FD_H
#define STORAGE_STORAGE_FD_H

#include "storage/storage.h"

/* Where the bytes at offset lie: from there to the end of the run that is in one file.
 * out: ret_fd           the reader's; good until the reader is next used or closed: duplicate it to keep it.
 *                       The bytes stay in the file until the reader is closed
 *      ret_file_offset  in bytes
 *      ret_len          0 when the bytes are in no file, or at the end
 * err: CORRUPT, IO */
enum storage_err blob_fd_range(struct blob_reader *reader, uint64_t offset, int *ret_fd,
    uint64_t *ret_file_offset, uint64_t *ret_len) MUST_USE;

#endif
