#include "storage/local/index.h"
#include "storage/local/schema_io.h"

/* Keys that do not ascend may go round in a ring for ever. */
static enum storage_err check_table(struct index_txn *txn, enum table table)
{
    struct index_cursor *cursor = NULL;
    struct tally tally = {0}, kept = index_tally(txn, table);
    struct index_key before;
    struct span key, value, last = SPAN_ABSENT;
    enum storage_err err = index_cursor_open(txn, table, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, SPAN_ABSENT, &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        struct record_reader reader;
        if (key.len > INDEX_KEY_MAX_BYTES || (span_present(last) && span_cmp(last, key) >= 0)) {
            err = STORAGE_CORRUPT;
            break;
        }
        if ((err = record_open(key, value, &reader)) != STORAGE_OK)
            break;
        memcpy(before.bytes, key.ptr, key.len);
        last = span_of(before.bytes, key.len);
        tally_add(&tally, key, value);
    }
    index_cursor_close(cursor);
    if (err != STORAGE_NO_SUCH_KEY)
        return err;
    bool same = tally.count == kept.count && memcmp(tally.hash, kept.hash, sizeof(tally.hash)) == 0;
    return table == TABLE_META || same ? STORAGE_OK : STORAGE_CORRUPT;
}

enum storage_err index_check(struct index *index)
{
    struct index_txn *txn = NULL;
    enum storage_err err = index_read_begin(index, &txn);
    for (enum table table = 0; table < TABLE_COUNT && err == STORAGE_OK; table++)
        err = check_table(txn, table);
    index_read_end(txn);
    return err;
}
