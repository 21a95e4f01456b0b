#include "storage/local/walk.h"

/* Length of the common prefix that this key is folded into; 0: none. */
static size_t group_of(const struct walk *walk, struct span key)
{
    if (walk->delimiter.len == 0 || !span_starts(key, walk->prefix))
        return 0;
    size_t at = span_find(key, walk->delimiter, walk->prefix.len);
    return at == SIZE_MAX ? 0 : at + walk->delimiter.len;
}

static enum storage_err seek_from(struct walk *walk, struct walk_from from)
{
    struct key_cursor *cursor = &walk->cursor;
    struct span after = from.after;
    enum storage_err err;
    /* No key has a NUL: what is behind "a\0…" is what is behind "a". */
    size_t nul = span_find_char(after, '\0', 0);
    if (nul != SIZE_MAX)
        after.len = nul;
    if (after.len == 0 || span_cmp(after, walk->prefix) < 0)
        return key_cursor_seek(cursor, walk->prefix, 0);
    size_t group = group_of(walk, after);
    if (group > 0 && (!from.after_is_key || group == after.len))
        return key_cursor_skip(cursor, span_first(after, group));
    bool at_after = from.at_after && group == 0;
    err = key_cursor_seek(cursor, after, at_after ? from.after_blob : 0);
    if (at_after) {
        if (err == STORAGE_OK && cursor->valid && from.after_blob &&
            cursor->blob_id == from.after_blob && span_eq(key_cursor_key(cursor), after))
            err = key_cursor_next(cursor);
        return err;
    }
    while (err == STORAGE_OK && cursor->valid && span_eq(key_cursor_key(cursor), after))
        err = key_cursor_next(cursor);
    return err;
}

enum storage_err walk_begin(struct walk *walk, struct index_txn *txn, enum table table,
    uint64_t root_id, struct span prefix, struct span delimiter, struct walk_from from)
{
    key_cursor_init(&walk->cursor, txn, table, root_id);
    walk->prefix = prefix;
    walk->delimiter = delimiter;
    walk->last = WALK_END;
    walk->group_len = 0;
    if (prefix.len > STORAGE_KEY_MAX_BYTES || span_find_char(prefix, '\0', 0) != SIZE_MAX)
        return STORAGE_OK; /* no key begins so: the cursor is at its end */
    enum storage_err err = seek_from(walk, from);
    if (err != STORAGE_OK)
        walk_end(walk);
    return err;
}

static enum storage_err step(struct walk *walk)
{
    switch (walk->last) {
    case WALK_KEY:
        return key_cursor_next(&walk->cursor);
    case WALK_GROUP:
        return key_cursor_skip(&walk->cursor, span_of(walk->group, walk->group_len));
    case WALK_END:
        break;
    }
    return STORAGE_OK;
}

enum storage_err walk_next(struct walk *walk, enum walk_item *ret_item)
{
    struct key_cursor *cursor = &walk->cursor;
    enum storage_err err = step(walk);
    walk->last = WALK_END;
    while (err == STORAGE_OK && cursor->valid) {
        struct span key = key_cursor_key(cursor);
        if (!span_starts(key, walk->prefix))
            break;
        bool shown = false;
        if ((err = walk->look(walk->ctx, cursor, &shown)) != STORAGE_OK)
            break;
        if (!shown) {
            err = key_cursor_next(cursor);
            continue;
        }
        walk->group_len = group_of(walk, key);
        walk->last = walk->group_len > 0 ? WALK_GROUP : WALK_KEY;
        memcpy(walk->group, key.ptr, walk->group_len);
        break;
    }
    if (err == STORAGE_OK)
        *ret_item = walk->last;
    return err;
}

void walk_end(struct walk *walk)
{
    key_cursor_close(&walk->cursor);
}
