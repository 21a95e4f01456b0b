/* Uploads that go by themselves: of buckets that are gone, and completed ones that were kept long enough. */
#include "base/clock.h"
#include "storage/local/cursor.h"
#include "storage/local/gc.h"
#include "storage/local/uploads.h"

struct old_upload {
    uint64_t sequence; /* its FREED_UPLOAD row; 0: none */
    uint64_t bucket_id;
    uint64_t blob_id;
    size_t key_len;
    char key[STORAGE_KEY_MAX_BYTES];
};

struct upload_batch {
    struct engine_work work;
    uint64_t bucket_sequence; /* FREED_BUCKET row that goes when this was the last batch; 0: none */
    size_t count;
    struct old_upload uploads[RECLAIM_UPLOADS];
};

static enum storage_err uploads_apply(struct engine_work *work, struct commit *commit)
{
    struct upload_batch *batch = (struct upload_batch *)work;
    enum storage_err err = STORAGE_OK;
    for (size_t i = 0; i < batch->count && err == STORAGE_OK; i++) {
        const struct old_upload *upload = &batch->uploads[i];
        err = commit_upload_remove(
            commit, upload->bucket_id, span_of(upload->key, upload->key_len), upload->blob_id);
        if (err == STORAGE_NO_SUCH_UPLOAD)
            err = STORAGE_OK;
        if (err == STORAGE_OK && upload->sequence != 0)
            err = commit_freed_remove(commit, FREED_UPLOAD, upload->sequence);
    }
    if (err == STORAGE_OK && batch->bucket_sequence != 0)
        err = commit_freed_remove(commit, FREED_BUCKET, batch->bucket_sequence);
    return err;
}

static bool add_upload(struct upload_batch *batch, struct span key, struct old_upload upload)
{
    if (key.len > sizeof upload.key)
        return false;
    struct old_upload *to = &batch->uploads[batch->count++];
    *to = upload;
    to->key_len = key.len;
    if (key.len > 0)
        memcpy(to->key, key.ptr, key.len);
    return true;
}

/* The first freed row of this kind. err: NO_SUCH_KEY */
static enum storage_err first_freed(struct index_cursor *cursor, enum freed_kind kind,
    uint64_t from_sequence, uint64_t *ret_sequence, struct freed_record *ret_record)
{
    struct index_key buffer;
    struct span key, value;
    enum storage_err err =
        index_seek(cursor, key_of_freed(&buffer, kind, from_sequence), &key, &value);
    if (err != STORAGE_OK)
        return err;
    if (key.len == 0 || (uint8_t)key.ptr[0] != kind)
        return STORAGE_NO_SUCH_KEY;
    *ret_sequence = key_u64_at(key, 1);
    return schema_decode_freed(key, value, ret_record);
}

static enum storage_err gather_of_bucket(
    struct index_txn *txn, struct index_cursor *freed, struct upload_batch *batch)
{
    struct freed_record bucket;
    uint64_t sequence;
    enum storage_err err = first_freed(freed, FREED_BUCKET, 0, &sequence, &bucket);
    if (err != STORAGE_OK)
        return err;
    struct key_cursor cursor;
    key_cursor_init(&cursor, txn, TABLE_UPLOADS, bucket.id);
    err = key_cursor_seek(&cursor, SPAN(""), 0);
    while (err == STORAGE_OK && cursor.valid && batch->count < RECLAIM_UPLOADS) {
        struct old_upload upload = {.bucket_id = bucket.id, .blob_id = cursor.blob_id};
        if (!add_upload(batch, key_cursor_key(&cursor), upload))
            err = STORAGE_CORRUPT;
        if (err == STORAGE_OK)
            err = key_cursor_next(&cursor);
    }
    if (err == STORAGE_OK && !cursor.valid)
        batch->bucket_sequence = sequence;
    key_cursor_close(&cursor);
    return err;
}

static enum storage_err gather_completed(struct index_cursor *freed, struct upload_batch *batch)
{
    uint64_t sequence = 0;
    int64_t now_ms = clock_unix_ms();
    enum storage_err err = STORAGE_OK;
    while (err == STORAGE_OK && batch->count < RECLAIM_UPLOADS) {
        struct freed_record record;
        err = first_freed(freed, FREED_UPLOAD, sequence + 1, &sequence, &record);
        if (err != STORAGE_OK || record.due_ms > now_ms)
            break;
        struct old_upload upload = {
            .sequence = sequence, .bucket_id = record.bucket_id, .blob_id = record.id};
        if (!add_upload(batch, record.key, upload))
            err = STORAGE_CORRUPT;
    }
    return err == STORAGE_NO_SUCH_KEY ? STORAGE_OK : err;
}

enum storage_err uploads_reclaim(struct index *index, bool completed,
    enum storage_err (*run)(void *ctx, struct engine_work *work), void *ctx, bool *ret_more)
{
    struct upload_batch *batch = calloc(1, sizeof *batch);
    struct index_txn *txn = NULL;
    struct index_cursor *freed = NULL;
    enum storage_err err = batch ? STORAGE_OK : STORAGE_NO_MEMORY;
    if (err == STORAGE_OK)
        err = index_read_begin(index, &txn);
    if (err == STORAGE_OK)
        err = index_cursor_open(txn, TABLE_FREED, &freed);
    if (err == STORAGE_OK)
        err = gather_of_bucket(txn, freed, batch);
    if (err == STORAGE_NO_SUCH_KEY)
        err = completed ? gather_completed(freed, batch) : STORAGE_OK;
    index_cursor_close(freed);
    index_read_end(txn);
    *ret_more = false;
    if (err == STORAGE_OK && (batch->count > 0 || batch->bucket_sequence != 0)) {
        batch->work.apply = uploads_apply;
        err = run(ctx, &batch->work);
        *ret_more = err == STORAGE_OK;
    }
    free(batch);
    return err;
}
