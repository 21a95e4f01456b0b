#include "storage/local/engine.h"

enum storage_err storage_document_get(struct storage *storage, uint64_t bucket_id,
    enum document_kind kind, struct arena *arena, struct span *ret_text, uint64_t *ret_generation)
{
    struct index_txn *txn = NULL;
    struct index_key buffer;
    struct span value, key = key_of_document(&buffer, bucket_id, kind);
    struct document_record record;
    enum storage_err err = index_read_begin(storage->index, &txn);
    if (err == STORAGE_OK)
        err = index_get(txn, TABLE_DOCUMENTS, key, &value);
    if (err == STORAGE_NO_SUCH_KEY)
        err = STORAGE_NO_SUCH_DOCUMENT;
    if (err == STORAGE_OK)
        err = schema_decode_document(key, value, &record);
    if (err == STORAGE_OK) {
        struct span text = arena_copy(arena, record.text);
        if (arena->overflow)
            err = STORAGE_NO_MEMORY;
        else {
            *ret_text = text;
            *ret_generation = record.generation;
        }
    }
    index_read_end(txn);
    return err;
}
