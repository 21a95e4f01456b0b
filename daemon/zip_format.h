/* The records of a ZIP archive whose entries are stored, not compressed: ZIP64 where numbers need it. Pure: bytes are
 * appended to a buffer. src: PKWARE APPNOTE.TXT 6.3.10; Info-ZIP's extra field 0x5455 */
#ifndef DAEMON_ZIP_FORMAT_H
#define DAEMON_ZIP_FORMAT_H

#include "base/buf.h"

struct zip_entry {
    struct span name; /* UTF-8, at most 65,535 bytes; a folder's ends with '/' */
    bool is_folder;
    uint64_t size_bytes;
    bool crc_follows; /* the CRC is not known yet when the entry begins: a descriptor has it */
    uint32_t crc32;
    int64_t modified_ms;   /* Unix */
    uint64_t offset_bytes; /* of the local header in the archive; for the directory */
};

/* In front of an entry's bytes. With crc_follows the sizes are given all the same: they are known, and readers that
 * do not seek need them. */
void zip_local_header(struct buf *out, const struct zip_entry *entry);
/* Behind them, with crc_follows. */
void zip_descriptor(struct buf *out, const struct zip_entry *entry);
/* The entry's record in the directory. */
void zip_directory_record(struct buf *out, const struct zip_entry *entry);
/* Behind the directory. */
void zip_end(
    struct buf *out, uint64_t entries, uint64_t directory_offset, uint64_t directory_bytes);

#endif
