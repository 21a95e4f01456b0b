/* Every key as a listing would find it: the trees of long keys, the rows' way back, buckets'
 * counters. */
#include "storage/local/cursor.h"
#include "storage/local/verify.h"

#include <ctype.h>
#include <inttypes.h>

/* Printable, and not too long for a line. */
static const char *key_text(struct span key, char *text, size_t capacity)
{
    size_t at = 0;
    for (size_t i = 0; i < key.len && at + 8 < capacity; i++) {
        unsigned char c = (unsigned char)key.ptr[i];
        if (isprint(c) && c != '\\')
            text[at++] = (char)c;
        else
            at += (size_t)snprintf(text + at, capacity - at, "\\x%02x", (unsigned)c);
    }
    text[at] = '\0';
    return text;
}

struct bucket_check {
    struct span name;
    struct bucket_record record;
    uint64_t objects, bytes, uploads;
    struct zones_check *zones;
};

static void count_version(struct check *check, struct bucket_check *bucket, struct span key,
    const struct object_record *record, bool is_current)
{
    char text[256];
    zones_check_version(check, bucket->zones, key, record, is_current);
    if (!record->is_delete_marker) {
        bucket->objects++;
        bucket->bytes += record->size_bytes;
    }
    if (record->blob_id != 0 && id_list_has(&check->bad_blobs, record->blob_id))
        finding(check, "object %.*s/%s: its content is damaged", SPAN_ARG(bucket->name),
            key_text(key, text, sizeof(text)));
}

static void count_older(
    struct check *check, struct bucket_check *bucket, struct span object_key, uint64_t row_id)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    struct object_record record;
    enum storage_err err = index_cursor_open(check->txn, TABLE_VERSIONS, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, key_of_u64(&buffer, row_id), &key, &value);
    while (err == STORAGE_OK && key_u64_at(key, 0) == row_id) {
        if (schema_decode_object(key, value, &record) == STORAGE_OK)
            count_version(check, bucket, object_key, &record, false);
        err = index_next(cursor, &key, &value);
    }
    index_cursor_close(cursor);
}

static void check_object(
    struct check *check, struct bucket_check *bucket, const struct key_cursor *cursor)
{
    struct index_key buffer;
    struct object_record record;
    struct row_record row;
    struct span value, key = key_cursor_key(cursor);
    char text[256];
    check->object_leaves_reached++;
    if (schema_decode_object(cursor->leaf, cursor->value, &record) != STORAGE_OK)
        return;
    count_version(check, bucket, key, &record, true);
    if (record.has_older)
        count_older(check, bucket, key, record.row_id);
    struct span row_key = key_of_u64(&buffer, record.row_id);
    if (!find_record(check, TABLE_ROWS, row_key, &value) ||
        schema_decode_row(row_key, value, &row) != STORAGE_OK)
        return;
    if (row.bucket_id != bucket->record.id || !span_eq(row.key, key))
        finding(check, "object %.*s/%s: its row names another", SPAN_ARG(bucket->name),
            key_text(key, text, sizeof(text)));
}

static void walk_tree(
    struct check *check, struct bucket_check *bucket, enum table table, uint64_t root_id)
{
    struct key_cursor cursor;
    struct upload_record upload;
    key_cursor_init(&cursor, check->txn, table, root_id);
    enum storage_err err = key_cursor_seek(&cursor, SPAN(""), 0);
    for (; err == STORAGE_OK && cursor.valid; err = key_cursor_next(&cursor)) {
        if (table == TABLE_OBJECTS) {
            check_object(check, bucket, &cursor);
            continue;
        }
        check->upload_leaves_reached++;
        if (bucket && schema_decode_upload(cursor.leaf, cursor.value, &upload) == STORAGE_OK)
            bucket->uploads += !upload.completed;
    }
    key_cursor_close(&cursor);
    if (err != STORAGE_OK)
        finding(check, "bucket %.*s: its %s cannot be listed",
            SPAN_ARG(bucket ? bucket->name : SPAN("that was deleted")),
            table == TABLE_OBJECTS ? "objects" : "uploads");
}

static void check_bucket(struct check *check, struct span key, struct span value)
{
    struct bucket_check bucket = {.name = key};
    if (schema_decode_bucket(key, value, &bucket.record) != STORAGE_OK)
        return;
    bucket.zones = zones_check_begin(check, key, &bucket.record);
    walk_tree(check, &bucket, TABLE_OBJECTS, bucket.record.id);
    zones_check_end(check, bucket.zones);
    walk_tree(check, &bucket, TABLE_UPLOADS, bucket.record.id);
    const struct bucket_record *record = &bucket.record;
    if (record->object_count != bucket.objects || record->byte_count != bucket.bytes ||
        record->upload_count != bucket.uploads)
        finding(check,
            "bucket %.*s: it counts %" PRIu64 " objects of %" PRIu64 " bytes and %" PRIu64
            " uploads, there are %" PRIu64 " of %" PRIu64 " and %" PRIu64,
            SPAN_ARG(bucket.name), record->object_count, record->byte_count, record->upload_count,
            bucket.objects, bucket.bytes, bucket.uploads);
}

void verify_trees(struct check *check)
{
    walk_table(check, TABLE_BUCKETS, check_bucket, false);
    for (size_t i = 0; i < check->freed_buckets.count; i++)
        walk_tree(check, NULL, TABLE_UPLOADS, check->freed_buckets.ids[i]);
    if (check->object_leaves_reached != check->object_leaves)
        finding(check, "%" PRIu64 " keys are in no bucket",
            check->object_leaves - check->object_leaves_reached);
    if (check->upload_leaves_reached != check->upload_leaves)
        finding(check, "%" PRIu64 " uploads are in no bucket",
            check->upload_leaves - check->upload_leaves_reached);
}
