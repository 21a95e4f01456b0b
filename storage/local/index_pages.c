#include "storage/local/index_pages.h"

#include "storage/local/schema.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A page: 0 number  8 pad  10 flags  12 end of the offsets  14 begin of the nodes  16 offsets of nodes, 2 bytes
 * each; of a run of overflow pages 12 has their number. A node: 0 size, or of a branch the page's number  6 length
 * of the key  8 key, value. A meta page, from 16: magic, version, address, map size, the records of the list of
 * free pages and of the main table, last page, transaction. Numbers are as the machine has them. */
enum {
    PAGE_HEADER_BYTES = 16,
    NODE_HEADER_BYTES = 8,
    DB_BYTES = 48,
    META_BYTES = 16 + 24 + 2 * DB_BYTES + 16,
    PAGE_MIN_BYTES = 512,
    PAGE_MAX_BYTES = 65536,
    DEPTH_MAX = 32,
    REPORTS_MAX = 200,
    READ_TRIES = 20,
    FLAG_BRANCH = 1,
    FLAG_LEAF = 2,
    FLAG_OVERFLOW = 4,
    FLAG_META = 8,
    NODE_BIG = 1,
    NODE_TABLE = 2,
    DB_INTEGER_KEY = 8,
};
#define META_MAGIC UINT32_C(0xBEEFC0DE)
#define NO_PAGE UINT64_MAX
#define PAGES_MAX (UINT64_C(1) << 32) /* 16 TiB of 4 KiB each; more are not believed */

struct db {
    uint32_t page_bytes; /* of the list of free pages alone */
    uint16_t flags, depth;
    uint64_t overflow_pages, entries, root;
};

struct meta {
    struct db free, main;
    uint64_t last_page, txn_id;
};

struct walk {
    const struct pages_check *check;
    struct meta meta;
    size_t page_bytes;
    uint64_t reports, pages_read;
    bool failed;   /* reading */
    uint8_t *seen; /* a bit for each page */
    unsigned char *pages[DEPTH_MAX];
    const char *table;
    bool wants_leaves;
};

static uint16_t u16_at(const unsigned char *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static uint32_t u32_at(const unsigned char *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static uint64_t u64_at(const unsigned char *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static struct db db_at(const unsigned char *bytes)
{
    return (struct db){.page_bytes = u32_at(bytes),
        .flags = u16_at(bytes + 4),
        .depth = u16_at(bytes + 6),
        .overflow_pages = u64_at(bytes + 24),
        .entries = u64_at(bytes + 32),
        .root = u64_at(bytes + 40)};
}

static void report(struct walk *walk, const char *format, ...) PRINTF_LIKE(2, 3);
static void report(struct walk *walk, const char *format, ...)
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

/* ---- meta pages ---- */

static const char *meta_parse(const unsigned char *page, uint64_t number, struct meta *ret_meta)
{
    const unsigned char *at = page + PAGE_HEADER_BYTES;
    if (u64_at(page) != number || u16_at(page + 10) != FLAG_META)
        return "a meta page is none";
    if (u32_at(at) != META_MAGIC || u32_at(at + 4) != 1)
        return "a meta page is not LMDB's";
    struct meta meta = {.free = db_at(at + 24),
        .main = db_at(at + 24 + DB_BYTES),
        .last_page = u64_at(at + 24 + 2 * DB_BYTES),
        .txn_id = u64_at(at + 32 + 2 * DB_BYTES)};
    uint32_t size = meta.free.page_bytes;
    if (size < PAGE_MIN_BYTES || size > PAGE_MAX_BYTES || (size & (size - 1)) != 0)
        return "a meta page has no page size";
    if (meta.free.flags != DB_INTEGER_KEY || meta.main.flags != 0 || meta.main.page_bytes != 0)
        return "a meta page has flags that are not ours";
    if (meta.last_page > PAGES_MAX)
        return "a meta page names a last page that cannot be";
    *ret_meta = meta;
    return NULL;
}

/* Both of them, the older one first. A transaction's number is odd or even as its page's is, and the two are one
 * after the other; an index that was just made has two zeros. */
static const char *metas_read(int fd, struct meta ret_metas[2], bool *ret_io)
{
    unsigned char page[PAGE_HEADER_BYTES + META_BYTES];
    struct meta metas[2] = {0};
    uint64_t page_bytes = 0;
    for (uint64_t i = 0; i < 2; i++) {
        ssize_t got = pread(fd, page, sizeof(page), (off_t)(i * page_bytes));
        *ret_io = got < 0;
        if (got != (ssize_t)sizeof(page))
            return got < 0 ? "it cannot be read" : "it has no two meta pages";
        const char *wrong = meta_parse(page, i, &metas[i]);
        if (wrong)
            return wrong;
        page_bytes = metas[i].free.page_bytes;
    }
    if (metas[0].free.page_bytes != metas[1].free.page_bytes)
        return "its meta pages have different page sizes";
    bool second = metas[1].txn_id > metas[0].txn_id;
    ret_metas[0] = metas[!second];
    ret_metas[1] = metas[second];
    bool fresh = metas[0].txn_id == 0 && metas[1].txn_id == 0;
    if (!fresh && (metas[0].txn_id % 2 != 0 || ret_metas[1].txn_id - ret_metas[0].txn_id != 1))
        return "its meta pages do not follow one another";
    return NULL;
}

/* ---- pages ---- */

static bool page_read(struct walk *walk, uint64_t number, unsigned char *ret_page)
{
    ssize_t got =
        pread(walk->check->fd, ret_page, walk->page_bytes, (off_t)(number * walk->page_bytes));
    walk->failed |= got < 0;
    if (++walk->pages_read % PAGES_TICK == 0 && walk->check->tick)
        walk->check->tick(walk->check->ctx);
    return got == (ssize_t)walk->page_bytes;
}

/* Marks pages as reached. Each is reached once. */
static bool reach(struct walk *walk, uint64_t first, uint64_t count)
{
    if (first < 2 || first > walk->meta.last_page || count > walk->meta.last_page - first + 1) {
        report(walk, "table %s: page %" PRIu64 " is not in the index", walk->table, first);
        return false;
    }
    for (uint64_t page = first; page < first + count; page++) {
        uint8_t bit = (uint8_t)(1u << page % 8);
        if (walk->seen[page / 8] & bit) {
            report(walk, "table %s: page %" PRIu64 " is used twice", walk->table, page);
            return false;
        }
        walk->seen[page / 8] |= bit;
    }
    return true;
}

/* Number of nodes; 0: it is no page of a tree. */
static size_t page_nodes(const struct walk *walk, const unsigned char *page, uint64_t number)
{
    unsigned flags = u16_at(page + 10);
    size_t lower = u16_at(page + 12), upper = u16_at(page + 14);
    if (u64_at(page) != number || (flags != FLAG_BRANCH && flags != FLAG_LEAF) || lower % 2 != 0 ||
        lower <= PAGE_HEADER_BYTES || lower > upper || upper > walk->page_bytes)
        return 0;
    return (lower - PAGE_HEADER_BYTES) / 2;
}

/* NULL: it reaches out of its page. len: of the value as far as it lies in the page. */
static const unsigned char *node_at(
    const struct walk *walk, const unsigned char *page, size_t i, size_t *ret_len)
{
    size_t at = u16_at(page + PAGE_HEADER_BYTES + 2 * i);
    if (at < u16_at(page + 14) || at % 2 != 0 || at + NODE_HEADER_BYTES > walk->page_bytes)
        return NULL;
    const unsigned char *node = page + at;
    size_t key = u16_at(node + 6), len = 0;
    if (u16_at(page + 10) & FLAG_LEAF)
        len =
            u16_at(node + 4) & NODE_BIG ? 8 : (size_t)u16_at(node) | (size_t)u16_at(node + 2) << 16;
    if (key > INDEX_KEY_MAX_BYTES || len > walk->page_bytes ||
        at + NODE_HEADER_BYTES + key + len > walk->page_bytes)
        return NULL;
    *ret_len = len;
    return node;
}

static uint64_t child_of(const unsigned char *node)
{
    return (uint64_t)u16_at(node) | (uint64_t)u16_at(node + 2) << 16 |
           (uint64_t)u16_at(node + 4) << 32;
}

static const unsigned char *value_of(const unsigned char *node)
{
    return node + NODE_HEADER_BYTES + u16_at(node + 6);
}

typedef void leaf_fn(struct walk *walk, const unsigned char *node, size_t len, void *ctx);

/* A value on pages of its own. */
static void reach_overflow(struct walk *walk, const unsigned char *node)
{
    unsigned char head[PAGE_HEADER_BYTES];
    uint64_t first = u64_at(value_of(node));
    uint64_t size = (uint64_t)u16_at(node) | (uint64_t)u16_at(node + 2) << 16;
    /* More than it needs are left of a longer value that was there before. */
    uint64_t needed = (PAGE_HEADER_BYTES + size + walk->page_bytes - 1) / walk->page_bytes;
    if (first > walk->meta.last_page) {
        report(walk, "table %s: page %" PRIu64 " is not in the index", walk->table, first);
        return;
    }
    ssize_t got = pread(walk->check->fd, head, sizeof(head), (off_t)(first * walk->page_bytes));
    walk->failed |= got < 0;
    if (got != (ssize_t)sizeof(head) || u64_at(head) != first ||
        u16_at(head + 10) != FLAG_OVERFLOW || u32_at(head + 12) < needed)
        report(walk, "table %s: page %" PRIu64 " is not what its record takes it for", walk->table,
            first);
    else
        (void)reach(walk, first, u32_at(head + 12));
}

static void walk_leaf(struct walk *walk, const unsigned char *page, uint64_t number, size_t nodes,
    leaf_fn *each, void *ctx)
{
    for (size_t i = 0; i < nodes; i++) {
        size_t len = 0;
        const unsigned char *node = node_at(walk, page, i, &len);
        if (!node) {
            report(walk, "table %s: a record reaches out of page %" PRIu64, walk->table, number);
            return;
        }
        unsigned flags = u16_at(node + 4);
        if (flags & NODE_BIG)
            reach_overflow(walk, node);
        if ((flags & (unsigned)~(NODE_BIG | NODE_TABLE)) != 0)
            report(walk, "table %s: a record in page %" PRIu64 " has flags that are not ours",
                walk->table, number);
        if (each)
            each(walk, node, len, ctx);
    }
}

/* Depth first; the depth of leaves is the table's. */
static void walk_tree(
    struct walk *walk, uint64_t number, unsigned level, unsigned depth, leaf_fn *each, void *ctx)
{
    bool is_leaf = level + 1 == depth;
    if (!reach(walk, number, 1) || (is_leaf && !walk->wants_leaves && !each))
        return;
    unsigned char *page = walk->pages[level];
    size_t nodes = page_read(walk, number, page) ? page_nodes(walk, page, number) : 0;
    if (nodes == 0 || is_leaf != ((u16_at(page + 10) & FLAG_LEAF) != 0)) {
        report(walk, "table %s: page %" PRIu64 " is none of its", walk->table, number);
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
            report(walk, "table %s: a branch reaches out of page %" PRIu64, walk->table, number);
    }
}

static void walk_db(
    struct walk *walk, const char *name, const struct db *db, leaf_fn *each, void *ctx)
{
    walk->table = name;
    walk->wants_leaves = !walk->check->shallow || db->overflow_pages > 0;
    if (db->root == NO_PAGE && db->depth == 0 && db->entries == 0)
        return;
    if (db->depth == 0 || db->depth > DEPTH_MAX)
        report(walk, "table %s: a tree cannot be %u deep", name, db->depth);
    else
        walk_tree(walk, db->root, 0, db->depth, each, ctx);
}

/* ---- the tables ---- */

/* One by one behind the main table's walk, whose page buffers they use. */
struct table_list {
    struct named {
        char name[32];
        struct db db;
    } items[TABLE_COUNT + 8];
    size_t count;
};

static void take_table(struct walk *walk, const unsigned char *node, size_t len, void *ctx)
{
    struct table_list *list = ctx;
    size_t name_len = u16_at(node + 6);
    if (len != DB_BYTES || (u16_at(node + 4) & NODE_TABLE) == 0 ||
        list->count == ARRAY_LEN(list->items) || name_len >= sizeof(list->items[0].name)) {
        report(walk, "the list of tables is damaged");
        return;
    }
    struct named *item = &list->items[list->count++];
    memcpy(item->name, node + NODE_HEADER_BYTES, name_len);
    for (size_t i = 0; i < name_len; i++)
        if (item->name[i] < 'a' || item->name[i] > 'z')
            item->name[i] = item->name[i] == '_' ? '_' : '?';
    item->name[name_len] = '\0';
    item->db = db_at(value_of(node));
    if (item->db.flags != 0)
        report(walk, "table %s: flags that are not ours", item->name);
}

struct free_list {
    uint64_t *ids;
    size_t count, capacity;
    bool no_memory;
};

static void add_free(struct free_list *list, const unsigned char *ids, uint64_t count)
{
    if (list->count + count > list->capacity) {
        size_t capacity = 2 * list->capacity + count + 64;
        uint64_t *grown = realloc(list->ids, capacity * sizeof(*grown));
        list->no_memory |= !grown;
        if (!grown)
            return;
        list->ids = grown;
        list->capacity = capacity;
    }
    memcpy(list->ids + list->count, ids, count * sizeof(*list->ids));
    list->count += count;
}

/* A record of the list: how many pages, and which. Long ones lie on pages of their own. */
static void take_free(struct walk *walk, const unsigned char *node, size_t len, void *ctx)
{
    struct free_list *list = ctx;
    const unsigned char *bytes = value_of(node);
    unsigned char *whole = NULL;
    uint64_t key = 0;
    if (u16_at(node + 6) == sizeof(key))
        key = u64_at(node + NODE_HEADER_BYTES);
    if (u16_at(node + 4) & NODE_BIG) {
        uint64_t first = u64_at(bytes);
        len = (size_t)u16_at(node) | (size_t)u16_at(node + 2) << 16;
        bytes = whole = malloc(len + 8);
        if (!whole) {
            list->no_memory = true;
            return;
        }
        ssize_t got = pread(
            walk->check->fd, whole, len, (off_t)(first * walk->page_bytes + PAGE_HEADER_BYTES));
        walk->failed |= got < 0;
        if (got != (ssize_t)len)
            len = 0;
    }
    uint64_t count = len >= 8 ? u64_at(bytes) : NO_PAGE;
    if (count >= len / 8 || key == 0 || key > walk->meta.txn_id)
        report(walk, "the list of free pages is damaged");
    else
        add_free(list, bytes + 8, count);
    free(whole);
}

/* A free page is no other's, and is free once. */
static void check_free(struct walk *walk, const struct free_list *list)
{
    walk->table = "of free pages";
    for (size_t i = 0; i < list->count; i++)
        if (!reach(walk, list->ids[i], 1))
            report(walk, "page %" PRIu64 " is named as free", list->ids[i]);
}

/* ---- the whole ---- */

static void walk_end(struct walk *walk)
{
    free(walk->seen);
    for (size_t i = 0; i < DEPTH_MAX; i++)
        free(walk->pages[i]);
}

static enum storage_err walk_begin(
    struct walk *walk, const struct pages_check *check, const struct meta *meta)
{
    *walk = (struct walk){.check = check, .meta = *meta, .page_bytes = meta->free.page_bytes};
    walk->seen = calloc(1, (size_t)(meta->last_page / 8) + 1);
    bool ok = walk->seen != NULL;
    for (size_t i = 0; i < DEPTH_MAX; i++)
        ok &= (walk->pages[i] = malloc(walk->page_bytes)) != NULL;
    if (!ok)
        walk_end(walk);
    return ok ? STORAGE_OK : STORAGE_NO_MEMORY;
}

static enum storage_err walk_all(struct walk *walk)
{
    struct free_list list = {0};
    struct table_list tables = {0};
    walk_db(walk, "of tables", &walk->meta.main, take_table, &tables);
    for (size_t i = 0; i < tables.count; i++)
        walk_db(walk, tables.items[i].name, &tables.items[i].db, NULL, NULL);
    walk_db(walk, "of free pages", &walk->meta.free, take_free, &list);
    check_free(walk, &list);
    free(list.ids);
    if (list.no_memory)
        return STORAGE_NO_MEMORY;
    return walk->failed ? STORAGE_IO : STORAGE_OK;
}

static void no_report(void *ctx, const char *line)
{
    (void)ctx, (void)line;
}

/* ---- which of two snapshots is the newer one, by what is in them ---- */

struct age {
    bool has_store, has_state;
    uint64_t boot, frame_id;
};

static void take_age(struct walk *walk, const unsigned char *node, size_t len, void *ctx)
{
    struct age *age = ctx;
    struct store_record store;
    struct state_record state;
    struct span key = span_of(node + NODE_HEADER_BYTES, u16_at(node + 6));
    struct span value = span_of(value_of(node), len);
    (void)walk;
    if (span_eq(key, SPAN("store")) && schema_decode_store(key, value, &store) == STORAGE_OK) {
        age->has_store = true;
        age->boot = store.boot;
    }
    if (span_eq(key, SPAN("state")) && schema_decode_state(key, value, &state) == STORAGE_OK) {
        age->has_state = true;
        age->frame_id = state.commit_sequence;
    }
}

static enum storage_err age_of(int fd, const struct meta *meta, struct age *ret_age)
{
    struct pages_check check = {.fd = fd, .shallow = true, .report = no_report};
    struct table_list tables = {0};
    struct walk walk;
    enum storage_err err = walk_begin(&walk, &check, meta);
    if (err != STORAGE_OK)
        return err;
    walk_db(&walk, "of tables", &meta->main, take_table, &tables);
    for (size_t i = 0; i < tables.count; i++)
        if (strcmp(tables.items[i].name, "meta") == 0)
            walk_db(&walk, "meta", &tables.items[i].db, take_age, ret_age);
    walk_end(&walk);
    return STORAGE_OK;
}

/* What is written with each commit only ever grows. The older snapshot is whole as long as the newer one is the
 * last. When it cannot write the meta page, LMDB gives the new one the old number back, and it looks the same: so
 * this refuses nothing. */
static enum storage_err compare_ages(int fd, const struct meta metas[2], bool *ret_turned)
{
    struct age older = {0}, newer = {0};
    enum storage_err err = age_of(fd, &metas[0], &older);
    if (err == STORAGE_OK)
        err = age_of(fd, &metas[1], &newer);
    if (err != STORAGE_OK)
        return err;
    *ret_turned = (older.has_store && newer.has_store && older.boot > newer.boot) ||
                  (older.has_state && newer.has_state && older.frame_id > newer.frame_id) ||
                  (older.has_store && !newer.has_store) || (older.has_state && !newer.has_state);
    return STORAGE_OK;
}

enum storage_err index_pages_metas(int fd, const char **ret_what, bool *ret_turned)
{
    struct meta metas[2];
    bool io = false;
    off_t size = lseek(fd, 0, SEEK_END);
    if (size <= 0)
        return size == 0 ? STORAGE_OK : STORAGE_IO;
    const char *wrong = metas_read(fd, metas, &io);
    if (wrong) {
        *ret_what = wrong;
        return io ? STORAGE_IO : STORAGE_CORRUPT;
    }
    return compare_ages(fd, metas, ret_turned);
}

enum storage_err index_pages_check(const struct pages_check *check)
{
    struct meta metas[2];
    const char *wrong = NULL;
    bool io = false;
    /* A meta page may be in the middle of being written. */
    for (int i = 0; i < READ_TRIES && (i == 0 || wrong); i++) {
        wrong = metas_read(check->fd, metas, &io);
        if (wrong && check->txn_id == 0)
            break;
    }
    if (wrong) {
        check->report(check->ctx, wrong);
        return io ? STORAGE_IO : STORAGE_OK;
    }
    struct meta *meta = &metas[1];
    if (check->txn_id != 0 && metas[0].txn_id == check->txn_id)
        meta = &metas[0];
    if (check->txn_id != 0 && meta->txn_id != check->txn_id)
        return STORAGE_CHANGED;
    bool turned = false;
    struct walk walk;
    enum storage_err err =
        check->txn_id == 0 ? compare_ages(check->fd, metas, &turned) : STORAGE_OK;
    if (turned)
        check->report(check->ctx, "its older meta page has a newer state: a number is damaged, or "
                                  "the last commit failed");
    if (err == STORAGE_OK)
        err = walk_begin(&walk, check, meta);
    if (err != STORAGE_OK)
        return err;
    err = walk_all(&walk);
    walk_end(&walk);
    return err;
}
