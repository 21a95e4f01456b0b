/* Whose bytes are damaged: there is no way back from an extent to its objects but to look at all of them, which is
 * done once at the end of a pass that has found something. */
#include "storage/local/scrub.h"

struct names {
    struct scrub *scrub;
    uint64_t blobs[SCRUB_NAMES_MAX];
    size_t blob_count;
};

typedef void row_fn(struct names *names, struct index_txn *txn, struct span key, struct span value);

/* A table in read transactions of SCRUB_NAMES_ROWS rows each. err: BUSY, NO_MEMORY */
static enum storage_err each_row(struct names *names, enum table table, row_fn *row)
{
    char last[INDEX_KEY_MAX_BYTES];
    size_t last_len = 0;
    enum storage_err err = STORAGE_OK;
    while (err == STORAGE_OK) {
        struct index_txn *txn = NULL;
        struct index_cursor *cursor = NULL;
        struct span key, value;
        uint64_t bytes = 0;
        err = index_read_begin(names->scrub->storage->index, &txn);
        if (err == STORAGE_OK)
            err = index_cursor_open(txn, table, &cursor);
        if (err == STORAGE_OK)
            err = index_seek(cursor, span_of(last, last_len), &key, &value);
        if (err == STORAGE_OK && last_len > 0 && span_eq(key, span_of(last, last_len)))
            err = index_next(cursor, &key, &value);
        for (int i = 0; i < SCRUB_NAMES_ROWS && err == STORAGE_OK; i++) {
            if (key.len > sizeof(last) || span_cmp(key, span_of(last, last_len)) <= 0) {
                err = STORAGE_CORRUPT;
                break;
            }
            row(names, txn, key, value);
            memcpy(last, key.ptr, last_len = key.len);
            bytes += key.len + value.len;
            err = index_next(cursor, &key, &value);
        }
        index_cursor_close(cursor);
        index_read_end(txn);
        if (err == STORAGE_OK && !scrub_go_on(names->scrub, bytes))
            err = STORAGE_BUSY;
    }
    /* That a table cannot be read was told of before. */
    return err == STORAGE_BUSY || err == STORAGE_NO_MEMORY ? err : STORAGE_OK;
}

static void take_piece(
    struct names *names, struct index_txn *txn, struct span key, struct span value)
{
    const struct scrub_position *position = names->scrub->position;
    struct piece_record piece;
    (void)txn;
    if (schema_decode_piece(key, value, &piece) != STORAGE_OK ||
        names->blob_count == SCRUB_NAMES_MAX)
        return;
    for (uint32_t i = 0; i < position->bad_count && i < SCRUB_BAD_MAX; i++)
        if (position->bad[i] == piece.extent_id) {
            uint64_t blob = key_u64_at(key, 0);
            if (names->blob_count == 0 || names->blobs[names->blob_count - 1] != blob)
                names->blobs[names->blob_count++] = blob;
        }
}

/* They were met in ascending order. */
static bool has_blob(const struct names *names, uint64_t blob)
{
    size_t low = 0, high = names->blob_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (names->blobs[middle] < blob)
            low = middle + 1;
        else
            high = middle;
    }
    return low < names->blob_count && names->blobs[low] == blob;
}

static void report_named(struct names *names, struct index_txn *txn, struct span what,
    uint64_t row_id, struct version version)
{
    struct index_key buffer;
    struct span value, name_value, name, key = key_of_u64(&buffer, row_id);
    struct row_record row;
    if (index_get(txn, TABLE_ROWS, key, &value) != STORAGE_OK ||
        schema_decode_row(key, value, &row) != STORAGE_OK)
        return;
    struct index_key id_buffer;
    struct span id_key = key_of_u64(&id_buffer, row.bucket_id);
    if (index_get(txn, TABLE_BUCKET_IDS, id_key, &name_value) != STORAGE_OK ||
        schema_decode_bytes(id_key, name_value, &name) != STORAGE_OK)
        return;
    struct scrub_finding finding = {
        .kind = SCRUB_CONTENT, .what = what, .bucket = name, .key = row.key, .version = version};
    names->scrub->order->report(names->scrub->order->ctx, &finding);
}

static void take_object(
    struct names *names, struct index_txn *txn, struct span key, struct span value)
{
    struct object_record record;
    if (schema_decode_object(key, value, &record) == STORAGE_OK && record.blob_id != 0 &&
        has_blob(names, record.blob_id))
        report_named(names, txn, SPAN("its content is damaged"), record.row_id, record.version);
}

static void take_upload(
    struct names *names, struct index_txn *txn, struct span key, struct span value)
{
    struct upload_record record;
    (void)txn;
    if (schema_decode_upload(key, value, &record) == STORAGE_OK && !record.completed &&
        has_blob(names, record.id.blob_id))
        scrub_report(names->scrub, SCRUB_CONTENT, "a part of open upload %llx is damaged",
            (unsigned long long)record.id.blob_id);
}

enum storage_err scrub_names(struct scrub *scrub)
{
    if (scrub->position->bad_count == 0)
        return STORAGE_OK;
    struct names *names = calloc(1, sizeof(*names));
    if (!names)
        return STORAGE_NO_MEMORY;
    names->scrub = scrub;
    enum storage_err err = each_row(names, TABLE_PIECES, take_piece);
    if (err == STORAGE_OK)
        err = each_row(names, TABLE_OBJECTS, take_object);
    if (err == STORAGE_OK)
        err = each_row(names, TABLE_VERSIONS, take_object);
    if (err == STORAGE_OK)
        err = each_row(names, TABLE_UPLOADS, take_upload);
    free(names);
    return err;
}
