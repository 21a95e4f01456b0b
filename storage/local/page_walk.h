/* The pages of LMDB's file, and walks through the trees that they make: whatever is in them, nothing here asserts, loops
 * or reads outside of them, and each page is reached once. Private to index_pages.c, whose header tells what for. */
#ifndef STORAGE_LOCAL_PAGE_WALK_H
#define STORAGE_LOCAL_PAGE_WALK_H

#include "storage/local/index_pages.h"

/* A page: 0 number  8 pad  10 flags  12 end of the offsets  14 begin of the nodes  16 offsets of nodes, 2 bytes
 * each; of a run of overflow pages 12 has their number. A node: 0 size, or of a branch the page's number  6 length
 * of the key  8 key, value. A meta page, from 16: magic, version, address, map size, the records of the list of
 * free pages and of the main table, last page, transaction. Numbers are as the machine has them. */
enum {
    PAGE_HEADER_BYTES = 16,
    NODE_HEADER_BYTES = 8,
    DB_BYTES = 48,
    PAGE_DEPTH_MAX = 32,
    FLAG_BRANCH = 1,
    FLAG_LEAF = 2,
    FLAG_OVERFLOW = 4,
    FLAG_META = 8,
    NODE_BIG = 1,
    NODE_TABLE = 2,
};
#define NO_PAGE UINT64_MAX

struct page_db {
    uint32_t page_bytes; /* of the list of free pages alone */
    uint16_t flags, depth;
    uint64_t overflow_pages, entries, root;
};

struct page_meta {
    struct page_db free, main;
    uint64_t last_page, txn_id;
};

struct page_walk {
    const struct pages_check *check;
    struct page_meta meta;
    size_t page_bytes;
    uint64_t reports, pages_read;
    bool failed;   /* reading */
    uint8_t *seen; /* a bit for each page */
    unsigned char *pages[PAGE_DEPTH_MAX];
    const char *table;
    bool wants_leaves;
};

static inline uint16_t page_u16(const unsigned char *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static inline uint32_t page_u32(const unsigned char *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static inline uint64_t page_u64(const unsigned char *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

/* Of a leaf; within its page. */
static inline const unsigned char *page_value(const unsigned char *node)
{
    return node + NODE_HEADER_BYTES + page_u16(node + 6);
}

struct page_db page_db_at(const unsigned char *bytes);

/* After some hundred it says nothing more. */
void page_report(struct page_walk *walk, const char *format, ...) PRINTF_LIKE(2, 3);

/* Marks pages as reached. Reports, and false: one is used twice, or is not in the index. */
bool page_reach(struct page_walk *walk, uint64_t first, uint64_t count);

/* err: NO_MEMORY */
enum storage_err page_walk_begin(
    struct page_walk *walk, const struct pages_check *check, const struct page_meta *meta) MUST_USE;
void page_walk_end(struct page_walk *walk);

/* A record of a leaf; len: of its value as far as it lies in the page. */
typedef void page_leaf_fn(struct page_walk *walk, const unsigned char *node, size_t len, void *ctx);
/* All pages of a table. each may be NULL. */
void page_walk_db(struct page_walk *walk, const char *name, const struct page_db *db,
    page_leaf_fn *each, void *ctx);

#endif
