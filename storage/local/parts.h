/* The parts of a blob, out of its piece rows. */
#ifndef STORAGE_LOCAL_PARTS_H
#define STORAGE_LOCAL_PARTS_H

#include "storage/local/index.h"

struct part_range {
    uint32_t after; /* part number */
    size_t max;
    bool with_offsets; /* where each begins in the object: looks at the parts before, too */
};

/* page.total stays 0. err: CORRUPT, IO, NO_MEMORY */
enum storage_err parts_read(struct index_txn *txn, uint64_t blob_id, struct part_range range,
    struct arena *arena, struct part_page *ret_page) MUST_USE;

#endif
