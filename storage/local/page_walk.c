#include "storage/local/page_walk.h"

#include "storage/local/schema.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { REPORTS_MAX = 200 };

struct page_db page_db_at(const unsigned char *bytes)
{
    return (struct page_db){.page_bytes = page_u32(bytes),
        .flags = page_u16(bytes + 4),
        .depth = page_u16(bytes + 6),
        .overflow_pages = page_u64(bytes + 24),
        .entries = page_u64(bytes + 32),
        .root = page_u64(bytes + 40)};
}

void page_report(struct page_walk *walk, const char *format, ...)
{
    char line[200];
    va_list args;
    if (walk->reports++ >= REPORTS_MAX)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    walk->check->report(walk->check->ctx, line);
}

void page_walk_end(struct page_walk *walk)
{
    free(walk->seen);
    for (size_t i = 0; i < PAGE_DEPTH_MAX; i++)
        free(walk->pages[i]);
}

enum storage_err page_walk_begin(
    struct page_walk *walk, const struct pages_check *check, const struct page_meta *meta)
{
    *walk = (struct page_walk){.check = check, .meta = *meta, .page_bytes = meta->free.page_bytes};
    walk->seen = calloc(1, (size_t)(meta->last_page / 8) + 1);
    bool ok = walk->seen != NULL;
    for (size_t i = 0; i < PAGE_DEPTH_MAX; i++)
        ok &= (walk->pages[i] = malloc(walk->page_bytes)) != NULL;
    if (!ok)
        page_walk_end(walk);
    return ok ? STORAGE_OK : STORAGE_NO_MEMORY;
}

static bool page_read(struct page_walk *walk, uint64_t number, unsigned char *ret_page)
{
    ssize_t got =
        pread(walk->check->fd, ret_page, walk->page_bytes, (off_t)(number * walk->page_bytes));
    walk->failed |= got < 0;
    if (++walk->pages_read % PAGES_TICK == 0 && walk->check->tick)
        walk->check->tick(walk->check->ctx);
    return got == (ssize_t)walk->page_bytes;
}

bool page_reach(struct page_walk *walk, uint64_t first, uint64_t count)
{
    if (first < 2 || first > walk->meta.last_page || count > walk->meta.last_page - first + 1) {
        page_report(walk, "table %s: page %" PRIu64 " is not in the index", walk->table, first);
        return false;
    }
    for (uint64_t page = first; page < first + count; page++) {
        uint8_t bit = (uint8_t)(1u << page % 8);
        if (walk->seen[page / 8] & bit) {
            page_report(walk, "table %s: page %" PRIu64 " is used twice", walk->table, page);
            return false;
        }
        walk->seen[page / 8] |= bit;
    }
    return true;
}

/* Number of nodes; 0: it is no page of a tree. */
static size_t page_nodes(const struct page_walk *walk, const unsigned char *page, uint64_t number)
{
    unsigned flags = page_u16(page + 10);
    size_t lower = page_u16(page + 12), upper = page_u16(page + 14);
    if (page_u64(page) != number || (flags != FLAG_BRANCH && flags != FLAG_LEAF) ||
        lower % 2 != 0 || lower <= PAGE_HEADER_BYTES || lower > upper || upper > walk->page_bytes)
        return 0;
    return (lower - PAGE_HEADER_BYTES) / 2;
}

/* NULL: it reaches out of its page. len: of the value as far as it lies in the page. */
static const unsigned char *node_at(
    const struct page_walk *walk, const unsigned char *page, size_t i, size_t *ret_len)
{
    size_t at = page_u16(page + PAGE_HEADER_BYTES + 2 * i);
    if (at < page_u16(page + 14) || at % 2 != 0 || at + NODE_HEADER_BYTES > walk->page_bytes)
        return NULL;
    const unsigned char *node = page + at;
    size_t key = page_u16(node + 6), len = 0;
    if (page_u16(page + 10) & FLAG_LEAF)
        len = page_u16(node + 4) & NODE_BIG
                  ? 8
                  : (size_t)page_u16(node) | (size_t)page_u16(node + 2) << 16;
    if (key > INDEX_KEY_MAX_BYTES || len > walk->page_bytes ||
        at + NODE_HEADER_BYTES + key + len > walk->page_bytes)
        return NULL;
    *ret_len = len;
    return node;
}

static uint64_t child_of(const unsigned char *node)
{
    return (uint64_t)page_u16(node) | (uint64_t)page_u16(node + 2) << 16 |
           (uint64_t)page_u16(node + 4) << 32;
}

/* A value on pages of its own. */
static void reach_overflow(struct page_walk *walk, const unsigned char *node)
{
    unsigned char head[PAGE_HEADER_BYTES];
    uint64_t first = page_u64(page_value(node));
    uint64_t size = (uint64_t)page_u16(node) | (uint64_t)page_u16(node + 2) << 16;
    /* More than it needs are left of a longer value that was there before. */
    uint64_t needed = (PAGE_HEADER_BYTES + size + walk->page_bytes - 1) / walk->page_bytes;
    if (first > walk->meta.last_page) {
        page_report(walk, "table %s: page %" PRIu64 " is not in the index", walk->table, first);
        return;
    }
    ssize_t got = pread(walk->check->fd, head, sizeof(head), (off_t)(first * walk->page_bytes));
    walk->failed |= got < 0;
    if (got != (ssize_t)sizeof(head) || page_u64(head) != first ||
        page_u16(head + 10) != FLAG_OVERFLOW || page_u32(head + 12) < needed)
        page_report(walk, "table %s: page %" PRIu64 " is not what its record takes it for",
            walk->table, first);
    else
        (void)page_reach(walk, first, page_u32(head + 12));
}

static void walk_leaf(struct page_walk *walk, const unsigned char *page, uint64_t number,
    size_t nodes, page_leaf_fn *each, void *ctx)
{
    for (size_t i = 0; i < nodes; i++) {
        size_t len = 0;
        const unsigned char *node = node_at(walk, page, i, &len);
        if (!node) {
            page_report(
                walk, "table %s: a record reaches out of page %" PRIu64, walk->table, number);
            return;
        }
        unsigned flags = page_u16(node + 4);
        if (flags & NODE_BIG)
            reach_overflow(walk, node);
        if ((flags & (unsigned)~(NODE_BIG | NODE_TABLE)) != 0)
            page_report(walk, "table %s: a record in page %" PRIu64 " has flags that are not ours",
                walk->table, number);
        if (each)
            each(walk, node, len, ctx);
    }
}

/* Depth first; the depth of leaves is the table's. */
static void walk_tree(struct page_walk *walk, uint64_t number, unsigned level, unsigned depth,
    page_leaf_fn *each, void *ctx)
{
    bool is_leaf = level + 1 == depth;
    if (!page_reach(walk, number, 1) || (is_leaf && !walk->wants_leaves && !each))
        return;
    unsigned char *page = walk->pages[level];
    size_t nodes = page_read(walk, number, page) ? page_nodes(walk, page, number) : 0;
    if (nodes == 0 || is_leaf != ((page_u16(page + 10) & FLAG_LEAF) != 0)) {
        page_report(walk, "table %s: page %" PRIu64 " is none of its", walk->table, number);
        return;
    }
    if (is_leaf) {
        walk_leaf(walk, page, number, nodes, each, ctx);
        return;
    }
    for (size_t i = 0; i < nodes; i++) {
        size_t len;
        const unsigned char *node = node_at(walk, page, i, &len);
        if (node)
            walk_tree(walk, child_of(node), level + 1, depth, each, ctx);
        else
            page_report(
                walk, "table %s: a branch reaches out of page %" PRIu64, walk->table, number);
    }
}

void page_walk_db(struct page_walk *walk, const char *name, const struct page_db *db,
    page_leaf_fn *each, void *ctx)
{
    walk->table = name;
    walk->wants_leaves = !walk->check->shallow || db->overflow_pages > 0;
    if (db->root == NO_PAGE && db->depth == 0 && db->entries == 0)
        return;
    if (db->depth == 0 || db->depth > PAGE_DEPTH_MAX)
        page_report(walk, "table %s: a tree cannot be %u deep", name, db->depth);
    else
        walk_tree(walk, db->root, 0, db->depth, each, ctx);
}
