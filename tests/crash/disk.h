/* What a disk could have left: every call that changes a file below one folder is recorded with its data, the
 * store's and LMDB's alike, by standing in for the C library's functions in this program. Then the folder is made
 * anew as it could look after a power cut at any point between two calls, or within one.
 *
 * What was not synced when the power went may be there or not, each change by itself and in any order; a write
 * may be torn at 512 bytes or 4 KiB. A sync makes durable what was done to that file before; that of a folder what
 * was made, renamed or removed in it. Writes through a descriptor opened with O_DSYNC are durable when they
 * return. A file or folder that is renamed has the one name or the other. src: the model of CrashMonkey and ALICE
 *
 * disk_calls.c records, disk_log.c is the log, disk_states.c makes the states. */
#ifndef TESTS_CRASH_DISK_H
#define TESTS_CRASH_DISK_H

#include "base/span.h"

enum disk_call {
    DISK_MAKE, /* a file or folder */
    DISK_WRITE,
    DISK_SIZE, /* ftruncate, and fallocate that makes a file longer */
    DISK_PUNCH,
    DISK_UNLINK,
    DISK_RENAME,
    DISK_SYNC,
    DISK_MARK, /* disk_mark was called */
};

enum { DISK_CALLS_MAX = 20000, DISK_FILES_MAX = 400 };
#define DISK_NEVER UINT32_MAX

struct disk_entry {
    enum disk_call call;
    uint32_t file; /* of DISK_SYNC of a folder: the folder */
    uint32_t mark;
    uint64_t offset, length;
    char *data;         /* DISK_WRITE; of DISK_RENAME the new name */
    uint32_t synced_by; /* the call that made it durable; DISK_NEVER */
};

/* The log of this process. */
extern struct disk_entry disk_calls[DISK_CALLS_MAX];
extern uint32_t disk_call_count;

/* Records from now on what happens below this folder, whose files are durable as they are. */
void disk_record(const char *folder);
/* Lets calls through unrecorded again. */
void disk_stop(void);
/* Something was acknowledged. */
void disk_mark(uint32_t mark);

/* Faults that the tests must find: syncs that are not done, though they say so. */
enum disk_fault {
    DISK_HONEST,
    DISK_NO_SEGMENT_SYNC, /* so the index is durable before the data */
    DISK_NO_FILE_SYNC,    /* of blobs with a file of their own */
    DISK_NO_FOLDER_SYNC,
    DISK_NO_INDEX_SYNC,
};
extern enum disk_fault disk_fault;
/* Or only the nth sync since disk_record is not done (1: the first), of those that have to do more than give space back.
 * 0: all are. */
extern uint32_t disk_skipped_sync;
/* What that was a sync of, below the folder; NULL: there were not so many. */
const char *disk_skipped_path(void);

/* From now on the nth call that changes a file, or reads one at a place, fails (0: none), and with `forever` all that
 * follow. error_number 0: a write takes half of its bytes. Reads fail with EIO alone. Only below the folder that is
 * recorded. */
void disk_fail(uint32_t nth, int error_number, bool forever);
/* How many such calls there were since then, and did one fail? */
uint32_t disk_calls_tried(void);
bool disk_has_failed(void);

/* Are the call's effects pending when the power goes before call `at` has returned? */
bool disk_is_pending(uint32_t call, uint32_t at);

enum disk_tear { DISK_WHOLE, DISK_TORN_512, DISK_TORN_4096 };

/* Makes `folder`, which must not exist, as the disk would be: all that was durable before call `at`, and of what is
 * pending the calls for which kept[call] is set. torn: this call, if it is a write, is there in part.
 * in: seed  which part
 * out: a hash of what was made: equal ones look the same */
uint64_t disk_make(const char *folder, uint32_t at, const bool *kept, uint32_t torn,
    enum disk_tear tear, uint64_t seed);

#endif
