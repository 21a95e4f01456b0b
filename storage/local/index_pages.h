/* LMDB's file as it lies on disk, read without LMDB, which believes its pages: whatever is in them, nothing
 * here asserts, loops or reads outside of them. Pages carry their own number but no checksum, so this finds what
 * no record's CRC and no set hash tells: which of the two meta pages is the newer one, and free pages that are in
 * use, which a later commit would overwrite. src: LMDB 0.9, mdb.c, "Page format" to "Meta-Data".
 *
 * The file must not be written meanwhile, but for pages that the snapshot looked at does not reach. Pure but for
 * reading; any thread. */
#ifndef STORAGE_LOCAL_INDEX_PAGES_H
#define STORAGE_LOCAL_INDEX_PAGES_H

#include "storage/storage.h"

struct pages_check {
    int fd;          /* data.mdb */
    uint64_t txn_id; /* the snapshot; 0: the newest */
    /* Leaf pages are only looked at where they may name others, as those with long values do. */
    bool shallow;
    void (*report)(void *ctx, const char *line);
    void (*tick)(void *ctx); /* now and then, after PAGES_TICK pages; may be NULL */
    void *ctx;
};
enum { PAGES_TICK = 1000 };

/* Is the file's beginning as LMDB writes it, and do the two meta pages follow one another? What a file that is
 * empty or was just made has is right. For a file that nobody writes to.
 * out: *ret_what    what is wrong with it, a literal; untouched when nothing is
 *      *ret_turned  the older meta page has the newer state: its number is damaged, or the last commit failed at the
 *                   meta page, and LMDB gave it the old number back
 * err: CORRUPT, IO, NO_MEMORY */
enum storage_err index_pages_metas(int fd, const char **ret_what, bool *ret_turned) MUST_USE;

/* All pages that the snapshot reaches, and its list of free ones. Reports each finding; after some hundred it
 * stops. err: CHANGED (the file has the snapshot no more), IO, NO_MEMORY */
enum storage_err index_pages_check(const struct pages_check *check) MUST_USE;

#endif
