#include "daemon/records.h"

enum {
    PAGE_RECORDS = 64,
    PAGE_ARENA_BYTES =
        (PAGE_RECORDS + 1) * (STORAGE_RECORD_KEY_MAX_BYTES + STORAGE_RECORD_VALUE_MAX_BYTES) * 2
};

bool records_each(struct storage *storage, struct span prefix,
    bool (*take)(void *ctx, const struct record_entry *record), void *ctx)
{
    char last[STORAGE_RECORD_KEY_MAX_BYTES];
    struct span after = SPAN("");
    for (;;) {
        struct arena arena CLEANUP(arena_free);
        arena_init(&arena, PAGE_ARENA_BYTES);
        struct record_page page;
        if (storage_record_list(storage, prefix, after, PAGE_RECORDS, &arena, &page) != STORAGE_OK)
            return false;
        for (size_t i = 0; i < page.count; i++)
            if (!take(ctx, &page.items[i]))
                return false;
        if (!page.truncated || page.count == 0)
            return true;
        struct span key = page.items[page.count - 1].key;
        memcpy(last, key.ptr, key.len);
        after = span_of(last, key.len);
    }
}
