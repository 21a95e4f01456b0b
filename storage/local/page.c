#include "storage/local/page.h"

enum { PAGE_FIRST_ITEMS = 64, PAGE_GROWTH = 4 };

void *page_grow(
    struct arena *arena, void *items, size_t item_bytes, size_t count, size_t *capacity, size_t max)
{
    if (count < *capacity)
        return items;
    size_t wanted = *capacity ? *capacity * PAGE_GROWTH : PAGE_FIRST_ITEMS;
    if (wanted > max)
        wanted = max;
    if (wanted <= count)
        wanted = count + 1;
    void *grown = arena_alloc_array(arena, item_bytes, wanted);
    if (!grown)
        return items;
    if (count > 0)
        memcpy(grown, items, count * item_bytes);
    *capacity = wanted;
    return grown;
}

enum storage_err bucket_must_exist(struct index_txn *txn, uint64_t bucket_id)
{
    struct index_key key;
    struct span value;
    enum storage_err err = index_get(txn, TABLE_BUCKET_IDS, key_of_u64(&key, bucket_id), &value);
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_NO_SUCH_BUCKET : err;
}
