/* Records: what the caller keeps of its own. Small values under byte-string keys, of no bucket: identities, accounts,
 * settings, jobs. Reads do not block. A record's generation is of the change that wrote it, and never used again. Part
 * of the store's contract (storage.h); they are changed by MUTATION_CHANGE_RECORDS. */
#ifndef STORAGE_STORAGE_RECORDS_H
#define STORAGE_STORAGE_RECORDS_H

#include "storage/storage.h"

enum {
    STORAGE_RECORD_KEY_MAX_BYTES = 400,
    STORAGE_RECORD_VALUE_MAX_BYTES = 64 * 1024,
    STORAGE_RECORD_CHANGES_MAX = 256, /* in one mutation */
};

struct record_entry {
    struct span key, value;
    uint64_t generation;
};

/* err: NO_SUCH_RECORD, INVALID (no key), CORRUPT, IO, NO_MEMORY */
enum storage_err storage_record_get(struct storage *storage, struct span key, struct arena *arena,
    struct span *ret_value, uint64_t *ret_generation) MUST_USE;

struct record_page {
    struct record_entry *items; /* in byte order of the keys */
    size_t count;
    bool truncated; /* then the next page's `after` is the last key */
};

/* Records whose keys begin with prefix and come after `after` (both may be empty). */
enum storage_err storage_record_list(struct storage *storage, struct span prefix, struct span after,
    size_t max, struct arena *arena, struct record_page *ret_page) MUST_USE;

/* What a change wants to find; decided in the commit. */
enum record_expectation {
    RECORD_ANY,
    RECORD_ABSENT,    /* else STORAGE_RECORD_EXISTS */
    RECORD_PRESENT,   /* else NO_SUCH_RECORD */
    RECORD_UNCHANGED, /* of this generation; else CHANGED, or NO_SUCH_RECORD when it is gone */
};

struct record_change {
    struct span key;   /* 1 to STORAGE_RECORD_KEY_MAX_BYTES, any bytes */
    struct span value; /* absent: the record goes, if there is one */
    bool keep;         /* nothing is written: an expectation alone */
    enum record_expectation expect;
    uint64_t generation; /* RECORD_UNCHANGED */
};

#endif
