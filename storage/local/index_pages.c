#include "storage/local/index_pages.h"

#include "storage/local/page_walk.h"
#include "storage/local/schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    META_BYTES = 16 + 24 + 2 * DB_BYTES + 16,
    PAGE_MIN_BYTES = 512,
    PAGE_MAX_BYTES = 65536,
    READ_TRIES = 20,
    DB_INTEGER_KEY = 8,
};
#define META_MAGIC UINT32_C(0xBEEFC0DE)
#define PAGES_MAX (UINT64_C(1) << 32) /* 16 TiB of 4 KiB each; more are not believed */

/* ---- meta pages ---- */

static const char *meta_parse(
    const unsigned char *page, uint64_t number, struct page_meta *ret_meta)
{
    const unsigned char *at = page + PAGE_HEADER_BYTES;
    if (page_u64(page) != number || page_u16(page + 10) != FLAG_META)
        return "a meta page is none";
    if (page_u32(at) != META_MAGIC || page_u32(at + 4) != 1)
        return "a meta page is not LMDB's";
    struct page_meta meta = {.free = page_db_at(at + 24),
        .main = page_db_at(at + 24 + DB_BYTES),
        .last_page = page_u64(at + 24 + 2 * DB_BYTES),
        .txn_id = page_u64(at + 32 + 2 * DB_BYTES)};
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
static const char *metas_read(int fd, struct page_meta ret_metas[2], bool *ret_io)
{
    unsigned char page[PAGE_HEADER_BYTES + META_BYTES];
    struct page_meta metas[2] = {0};
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

/* ---- the tables ---- */

/* One by one behind the main table's walk, whose page buffers they use. */
struct table_list {
    struct named {
        char name[32];
        struct page_db db;
    } items[TABLE_COUNT + 8];
    size_t count;
};

static void take_table(struct page_walk *walk, const unsigned char *node, size_t len, void *ctx)
{
    struct table_list *list = ctx;
    size_t name_len = page_u16(node + 6);
    if (len != DB_BYTES || (page_u16(node + 4) & NODE_TABLE) == 0 ||
        list->count == ARRAY_LEN(list->items) || name_len >= sizeof(list->items[0].name)) {
        page_report(walk, "the list of tables is damaged");
        return;
    }
    struct named *item = &list->items[list->count++];
    memcpy(item->name, node + NODE_HEADER_BYTES, name_len);
    for (size_t i = 0; i < name_len; i++)
        if (item->name[i] < 'a' || item->name[i] > 'z')
            item->name[i] = item->name[i] == '_' ? '_' : '?';
    item->name[name_len] = '\0';
    item->db = page_db_at(page_value(node));
    if (item->db.flags != 0)
        page_report(walk, "table %s: flags that are not ours", item->name);
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
static void take_free(struct page_walk *walk, const unsigned char *node, size_t len, void *ctx)
{
    struct free_list *list = ctx;
    const unsigned char *bytes = page_value(node);
    unsigned char *whole = NULL;
    uint64_t key = 0;
    if (page_u16(node + 6) == sizeof(key))
        key = page_u64(node + NODE_HEADER_BYTES);
    if (page_u16(node + 4) & NODE_BIG) {
        uint64_t first = page_u64(bytes);
        len = (size_t)page_u16(node) | (size_t)page_u16(node + 2) << 16;
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
    uint64_t count = len >= 8 ? page_u64(bytes) : NO_PAGE;
    if (count >= len / 8 || key == 0 || key > walk->meta.txn_id)
        page_report(walk, "the list of free pages is damaged");
    else
        add_free(list, bytes + 8, count);
    free(whole);
}

/* A free page is no other's, and is free once. */
static void check_free(struct page_walk *walk, const struct free_list *list)
{
    walk->table = "of free pages";
    for (size_t i = 0; i < list->count; i++)
        if (!page_reach(walk, list->ids[i], 1))
            page_report(walk, "page %" PRIu64 " is named as free", list->ids[i]);
}

/* ---- the whole ---- */

static enum storage_err walk_all(struct page_walk *walk)
{
    struct free_list list = {0};
    struct table_list tables = {0};
    page_walk_db(walk, "of tables", &walk->meta.main, take_table, &tables);
    for (size_t i = 0; i < tables.count; i++)
        page_walk_db(walk, tables.items[i].name, &tables.items[i].db, NULL, NULL);
    page_walk_db(walk, "of free pages", &walk->meta.free, take_free, &list);
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

static void take_age(struct page_walk *walk, const unsigned char *node, size_t len, void *ctx)
{
    struct age *age = ctx;
    struct store_record store;
    struct state_record state;
    struct span key = span_of(node + NODE_HEADER_BYTES, page_u16(node + 6));
    struct span value = span_of(page_value(node), len);
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

static enum storage_err age_of(int fd, const struct page_meta *meta, struct age *ret_age)
{
    struct pages_check check = {.fd = fd, .shallow = true, .report = no_report};
    struct table_list tables = {0};
    struct page_walk walk;
    enum storage_err err = page_walk_begin(&walk, &check, meta);
    if (err != STORAGE_OK)
        return err;
    page_walk_db(&walk, "of tables", &meta->main, take_table, &tables);
    for (size_t i = 0; i < tables.count; i++)
        if (strcmp(tables.items[i].name, "meta") == 0)
            page_walk_db(&walk, "meta", &tables.items[i].db, take_age, ret_age);
    page_walk_end(&walk);
    return STORAGE_OK;
}

/* What is written with each commit only ever grows. The older snapshot is whole as long as the newer one is the
 * last. When it cannot write the meta page, LMDB gives the new one the old number back, and it looks the same: so
 * this refuses nothing. */
static enum storage_err compare_ages(int fd, const struct page_meta metas[2], bool *ret_turned)
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
    struct page_meta metas[2];
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
    struct page_meta metas[2];
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
    struct page_meta *meta = &metas[1];
    if (check->txn_id != 0 && metas[0].txn_id == check->txn_id)
        meta = &metas[0];
    if (check->txn_id != 0 && meta->txn_id != check->txn_id)
        return STORAGE_CHANGED;
    bool turned = false;
    struct page_walk walk;
    enum storage_err err =
        check->txn_id == 0 ? compare_ages(check->fd, metas, &turned) : STORAGE_OK;
    if (turned)
        check->report(check->ctx, "its older meta page has a newer state: a number is damaged, or "
                                  "the last commit failed");
    if (err == STORAGE_OK)
        err = page_walk_begin(&walk, check, meta);
    if (err != STORAGE_OK)
        return err;
    err = walk_all(&walk);
    page_walk_end(&walk);
    return err;
}
