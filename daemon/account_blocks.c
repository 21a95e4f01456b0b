/* The accounts' public access blocks: records of the store, mirrored in memory, since every anonymous request
 * asks. Only this process changes them, and each change is committed before it is mirrored. */
#include "daemon/public_access.h"
#include "daemon/records.h"

#include <pthread.h>
#include <stdlib.h>

#define PREFIX "public-access-block/"

enum { KEY_BYTES = sizeof(PREFIX) + 20 };

struct account_block {
    uint64_t account_id;
    struct public_access access;
};

struct account_blocks {
    struct storage *storage;
    pthread_mutex_t changing; /* held over a commit */
    pthread_rwlock_t lock;
    struct account_block *items; /* ascending */
    size_t count, capacity;
    atomic_size_t published; /* count: most installations have none, and look no further */
};

/* Where the account is, or would be. */
static size_t place_of(const struct account_blocks *blocks, uint64_t account_id)
{
    size_t low = 0, high = blocks->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (blocks->items[middle].account_id < account_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct account_blocks *blocks, size_t at, uint64_t account_id)
{
    return at < blocks->count && blocks->items[at].account_id == account_id;
}

static bool make_room(struct account_blocks *blocks)
{
    if (blocks->count < blocks->capacity)
        return true;
    size_t capacity = blocks->capacity ? blocks->capacity * 2 : 16;
    struct account_block *grown = realloc(blocks->items, capacity * sizeof(*grown));
    if (grown == NULL)
        return false;
    blocks->items = grown;
    blocks->capacity = capacity;
    return true;
}

/* Under the lock, with room made. */
static void set(
    struct account_blocks *blocks, uint64_t account_id, const struct public_access *access)
{
    size_t at = place_of(blocks, account_id);
    bool there = is_at(blocks, at, account_id);
    size_t behind = blocks->count - at - (there ? 1 : 0);
    struct account_block *item = &blocks->items[at];
    if (access != NULL) {
        if (!there)
            memmove(item + 1, item, behind * sizeof(*item));
        *item = (struct account_block){account_id, *access};
        blocks->count += there ? 0 : 1;
    } else if (there) {
        memmove(item, item + 1, behind * sizeof(*item));
        blocks->count--;
    }
    atomic_store(&blocks->published, blocks->count);
}

static bool read_record(void *ctx, const struct record_entry *record)
{
    struct account_blocks *blocks = ctx;
    uint64_t account_id;
    struct public_access access;
    if (!span_to_u64(span_from(record->key, sizeof(PREFIX) - 1), &account_id) ||
        !public_access_read(record->value, &access) || !make_room(blocks))
        return false;
    set(blocks, account_id, &access);
    return true;
}

struct account_blocks *account_blocks_open(struct storage *storage)
{
    struct account_blocks *blocks = calloc(1, sizeof(*blocks));
    if (blocks == NULL)
        return NULL;
    blocks->storage = storage;
    pthread_mutex_init(&blocks->changing, NULL);
    pthread_rwlock_init(&blocks->lock, NULL);
    if (records_each(storage, SPAN(PREFIX), read_record, blocks))
        return blocks;
    account_blocks_free(blocks);
    return NULL;
}

void account_blocks_free(struct account_blocks *blocks)
{
    if (blocks == NULL)
        return;
    pthread_rwlock_destroy(&blocks->lock);
    pthread_mutex_destroy(&blocks->changing);
    free(blocks->items);
    free(blocks);
}

bool account_blocks_get(
    struct account_blocks *blocks, uint64_t account_id, struct public_access *ret_access)
{
    if (blocks == NULL || atomic_load(&blocks->published) == 0)
        return false;
    pthread_rwlock_rdlock(&blocks->lock);
    size_t at = place_of(blocks, account_id);
    bool there = is_at(blocks, at, account_id);
    if (there)
        *ret_access = blocks->items[at].access;
    pthread_rwlock_unlock(&blocks->lock);
    return there;
}

static enum storage_err commit(
    struct account_blocks *blocks, uint64_t account_id, const struct public_access *access)
{
    char key[KEY_BYTES], text[PUBLIC_ACCESS_TEXT_BYTES];
    int len = snprintf(key, sizeof(key), PREFIX "%012llu", (unsigned long long)account_id);
    struct record_change change = {.key = span_of(key, (size_t)len), .expect = RECORD_ANY};
    if (access != NULL) {
        public_access_text(access, text);
        change.value = span_of(text, sizeof(text));
    }
    struct mutation mutation = {
        .kind = MUTATION_CHANGE_RECORDS, .records = {.changes = &change, .count = 1}};
    return storage_commit(blocks->storage, &mutation);
}

enum storage_err account_blocks_put(
    struct account_blocks *blocks, uint64_t account_id, const struct public_access *access)
{
    pthread_mutex_lock(&blocks->changing);
    pthread_rwlock_wrlock(&blocks->lock);
    bool room = make_room(blocks);
    pthread_rwlock_unlock(&blocks->lock);
    enum storage_err err = room ? commit(blocks, account_id, access) : STORAGE_NO_MEMORY;
    if (err == STORAGE_OK) {
        pthread_rwlock_wrlock(&blocks->lock);
        set(blocks, account_id, access);
        pthread_rwlock_unlock(&blocks->lock);
    }
    pthread_mutex_unlock(&blocks->changing);
    return err;
}
