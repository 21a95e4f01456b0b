#include "storage/local/lineage.h"
#include "storage/local/verify.h"

#include "storage/local/cursor.h"

#include <inttypes.h>

/* ---- walking ---- */

bool find_record(struct check *check, enum table table, struct span key, struct span *ret_value)
{
    enum storage_err err = index_get(check->txn, table, key, ret_value);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_KEY)
        finding(check, "table %s: a record cannot be looked up", index_table_name(table));
    return err == STORAGE_OK;
}

/* Keys that do not ascend may go round in a ring for ever. */
static bool in_order(struct span before, struct span key)
{
    return key.len <= INDEX_KEY_MAX_BYTES && (!span_present(before) || span_cmp(before, key) < 0);
}

void walk_table(struct check *check, enum table table, visit_fn *visit, bool check_rows)
{
    struct index_cursor *cursor = NULL;
    struct tally tally = {0}, kept = index_tally(check->txn, table);
    struct index_key before;
    struct span key, value, last = SPAN_ABSENT;
    enum storage_err err = index_cursor_open(check->txn, table, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, SPAN(""), &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        struct span found;
        if (!in_order(last, key)) {
            finding(check, "table %s: keys are out of order", index_table_name(table));
            break;
        }
        if (check_rows && (!find_record(check, table, key, &found) || !span_eq(found, value)))
            finding(check, "table %s: a record is not found by its key", index_table_name(table));
        memcpy(before.bytes, key.ptr, key.len);
        last = span_of(before.bytes, key.len);
        tally_add(&tally, key, value);
        visit(check, key, value);
    }
    index_cursor_close(cursor);
    if (err != STORAGE_NO_SUCH_KEY && err != STORAGE_OK)
        finding(check, "table %s: cannot be read to its end", index_table_name(table));
    check->rows[table] = tally.count;
    if (check_rows && tally.count != kept.count)
        finding(check, "table %s: %" PRIu64 " records, but there should be %" PRIu64,
            index_table_name(table), tally.count, kept.count);
    else if (check_rows && memcmp(tally.hash, kept.hash, sizeof(tally.hash)) != 0)
        finding(check, "table %s: its records are not those that were written",
            index_table_name(table));
}

static void damaged(struct check *check, enum table table, struct span key)
{
    char text[2 * 24 + 1] = "";
    for (size_t i = 0; i < key.len && i < 24; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned)(uint8_t)key.ptr[i]);
    finding(check, "table %s: the record with key %s%s is damaged", index_table_name(table), text,
        key.len > 24 ? "..." : "");
}

/* ---- records ---- */

static void visit_freed(struct check *check, struct span key, struct span value)
{
    struct freed_record record;
    if (key.len != 9 || schema_decode_freed(key, value, &record) != STORAGE_OK) {
        damaged(check, TABLE_FREED, key);
        return;
    }
    if ((uint8_t)key.ptr[0] == FREED_BLOB)
        id_list_add(check, &check->freed_blobs, record.id);
    if ((uint8_t)key.ptr[0] == FREED_BUCKET)
        id_list_add(check, &check->freed_buckets, record.id);
    if ((uint8_t)key.ptr[0] == FREED_CONTENT)
        id_list_add(check, &check->freed_contents, record.id);
}

static void visit_bucket(struct check *check, struct span key, struct span value)
{
    struct bucket_record record;
    struct index_key buffer;
    struct span row, name, id_key;
    if (schema_decode_bucket(key, value, &record) != STORAGE_OK) {
        damaged(check, TABLE_BUCKETS, key);
        return;
    }
    id_key = key_of_u64(&buffer, record.id);
    if (!find_record(check, TABLE_BUCKET_IDS, id_key, &row) ||
        schema_decode_bytes(id_key, row, &name) != STORAGE_OK || !span_eq(name, key))
        finding(check, "bucket %.*s: it is not found by its id", SPAN_ARG(key));
}

static void visit_bucket_id(struct check *check, struct span key, struct span value)
{
    struct span name, row;
    if (schema_decode_bytes(key, value, &name) != STORAGE_OK)
        damaged(check, TABLE_BUCKET_IDS, key);
    else if (!find_record(check, TABLE_BUCKETS, name, &row))
        finding(check, "bucket id %" PRIx64 ": its bucket does not exist", key_u64_at(key, 0));
}

static void visit_document(struct check *check, struct span key, struct span value)
{
    struct document_record record;
    struct span row;
    if (schema_decode_document(key, value, &record) != STORAGE_OK)
        damaged(check, TABLE_DOCUMENTS, key);
    else if (!find_record(check, TABLE_BUCKET_IDS, span_first(key, 8), &row))
        finding(
            check, "a document of bucket %" PRIx64 ", which does not exist", key_u64_at(key, 0));
}

static void check_content(struct check *check, const struct object_record *record)
{
    struct index_key buffer;
    struct span row, key = key_of_u64(&buffer, record->blob_id);
    struct blob_record blob;
    uint64_t size = record->size_bytes;
    if (record->is_inline ? record->inline_bytes.len != size || record->blob_id != 0
                          : record->blob_id == 0 && size != 0)
        finding(check, "version %" PRIx64 ": its bytes and its size do not agree",
            record->version.sequence);
    if (record->is_delete_marker && (size != 0 || record->blob_id != 0))
        finding(
            check, "version %" PRIx64 ": a delete marker with content", record->version.sequence);
    if (record->blob_id == 0)
        return;
    count_reference(check, ID_BLOB, record->blob_id);
    if (!find_record(check, TABLE_BLOBS, key, &row))
        finding(check, "version %" PRIx64 ": names blob %" PRIx64 ", which does not exist",
            record->version.sequence, record->blob_id);
    else if (schema_decode_blob(key, row, &blob) == STORAGE_OK && blob.length_bytes != size)
        finding(check, "version %" PRIx64 ": %" PRIu64 " bytes long, its blob %" PRIu64,
            record->version.sequence, size, blob.length_bytes);
}

static void check_version(struct check *check, const struct object_record *record)
{
    struct index_key buffer;
    struct span row;
    check_content(check, record);
    if (!find_record(check, TABLE_ROWS, key_of_u64(&buffer, record->row_id), &row))
        finding(check, "version %" PRIx64 ": its row does not exist", record->version.sequence);
    check->sides += record->has_side;
    struct span side = key_of_side(&buffer, record->row_id, record->version.sequence);
    if (record->has_side && !find_record(check, TABLE_SIDE, side, &row))
        finding(check, "version %" PRIx64 ": its metadata is missing", record->version.sequence);
}

/* Is there an older version of this row? */
static bool has_versions(struct check *check, uint64_t row_id)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    bool found = index_cursor_open(check->txn, TABLE_VERSIONS, &cursor) == STORAGE_OK &&
                 index_seek(cursor, key_of_u64(&buffer, row_id), &key, &value) == STORAGE_OK &&
                 key_u64_at(key, 0) == row_id;
    index_cursor_close(cursor);
    return found;
}

static bool is_continuation(struct span key)
{
    return key.len > 0 && key.ptr[key.len - 1] == 1;
}

static void visit_object(struct check *check, struct span key, struct span value)
{
    struct object_record record;
    uint64_t node_id;
    if (is_continuation(key) && key.len == 8 + NODE_KEY_BYTES + 1) {
        if (schema_decode_node(key, value, &node_id) != STORAGE_OK)
            damaged(check, TABLE_OBJECTS, key);
        return;
    }
    check->object_leaves++;
    if (schema_decode_object(key, value, &record) != STORAGE_OK) {
        damaged(check, TABLE_OBJECTS, key);
        return;
    }
    check_version(check, &record);
    if (has_versions(check, record.row_id) != record.has_older)
        finding(check, "version %" PRIx64 ": wrong about older versions", record.version.sequence);
}

static void visit_version(struct check *check, struct span key, struct span value)
{
    struct object_record record;
    struct index_key buffer;
    if (schema_decode_object(key, value, &record) != STORAGE_OK) {
        damaged(check, TABLE_VERSIONS, key);
        return;
    }
    check_version(check, &record);
    if (!span_eq(key, key_of_version(&buffer, record.row_id, record.version.sequence)))
        finding(check, "version %" PRIx64 ": filed under another", record.version.sequence);
}

static void visit_row(struct check *check, struct span key, struct span value)
{
    struct row_record record;
    struct span row;
    struct index_key buffer;
    if (schema_decode_row(key, value, &record) != STORAGE_OK)
        damaged(check, TABLE_ROWS, key);
    else if (!find_record(check, TABLE_BUCKET_IDS, key_of_u64(&buffer, record.bucket_id), &row))
        finding(check, "row %" PRIx64 ": its bucket does not exist", key_u64_at(key, 0));
}

static void visit_side(struct check *check, struct span key, struct span value)
{
    struct span bytes;
    if (schema_decode_bytes(key, value, &bytes) != STORAGE_OK)
        damaged(check, TABLE_SIDE, key);
}

static void visit_upload(struct check *check, struct span key, struct span value)
{
    struct upload_record record;
    struct index_key buffer;
    struct span row;
    uint64_t node_id;
    if (is_continuation(key) && key.len == 8 + NODE_KEY_BYTES + 1 &&
        schema_decode_node(key, value, &node_id) == STORAGE_OK)
        return;
    check->upload_leaves++;
    if (schema_decode_upload(key, value, &record) != STORAGE_OK) {
        damaged(check, TABLE_UPLOADS, key);
        return;
    }
    if (record.completed)
        return;
    count_reference(check, ID_BLOB, record.id.blob_id);
    if (!find_record(check, TABLE_BLOBS, key_of_u64(&buffer, record.id.blob_id), &row))
        finding(check, "upload %" PRIx64 ": its blob does not exist", record.id.blob_id);
}

static void visit_meta(struct check *check, struct span key, struct span value)
{
    struct store_record store;
    struct state_record state;
    struct tallies_record tallies;
    bool is_store = span_eq(key, SPAN("store"));
    if (is_store && schema_decode_store(key, value, &store) != STORAGE_OK)
        damaged(check, TABLE_META, key);
    else if (is_store)
        memcpy(check->store_id, store.store_id, sizeof(check->store_id));
    bool is_tallies = span_eq(key, SPAN("tables")) || span_eq(key, SPAN("tallies"));
    if (is_tallies && schema_decode_tallies(key, value, &tallies) != STORAGE_OK)
        damaged(check, TABLE_META, key);
    if (!span_eq(key, SPAN("state")))
        return;
    if (schema_decode_state(key, value, &state) == STORAGE_OK)
        check->state = state;
    else
        damaged(check, TABLE_META, key);
}

static void visit_record(struct check *check, struct span key, struct span value)
{
    struct document_record record;
    if (key.len > STORAGE_RECORD_KEY_MAX_BYTES ||
        schema_decode_document(key, value, &record) != STORAGE_OK)
        damaged(check, TABLE_RECORDS, key);
}

/* The tables whose visitors say nothing of a record that does not decode. */
#define DECODED(name, table, record_type, decode)                                                  \
    static void name##_checked(struct check *check, struct span key, struct span value)            \
    {                                                                                              \
        struct record_type record;                                                                 \
        if (decode(key, value, &record) != STORAGE_OK)                                             \
            damaged(check, table, key);                                                            \
        name(check, key, value);                                                                   \
    }
DECODED(visit_blob, TABLE_BLOBS, blob_record, schema_decode_blob)
DECODED(visit_piece, TABLE_PIECES, piece_record, schema_decode_piece)
DECODED(visit_extent, TABLE_EXTENTS, extent_record, schema_decode_extent)
DECODED(visit_segment, TABLE_SEGMENTS, segment_record, schema_decode_segment)

/* An edge stands under both of its ends, or is a tombstone. */
static void visit_lineage(struct check *check, struct span key, struct span value)
{
    struct lineage_record record;
    struct index_key buffer;
    struct span mirror_value;
    if (key.len != LINEAGE_KEY_BYTES || schema_decode_lineage(key, value, &record) != STORAGE_OK) {
        damaged(check, TABLE_LINEAGE, key);
        return;
    }
    struct lineage_node at = lineage_at(key);
    if (at.sequence == 0 || record.edge.kind == LINEAGE_COPIED) /* an upload's; from elsewhere */
        return;
    uint8_t direction = (uint8_t)key.ptr[16] == LINEAGE_SOURCES ? LINEAGE_DERIVED : LINEAGE_SOURCES;
    struct span mirror = key_of_lineage(&buffer, lineage_other(key), direction, at);
    if (find_record(check, TABLE_LINEAGE, mirror, &mirror_value) == record.edge.gone)
        finding(
            check, "lineage of row %" PRIx64 ": an edge is not the same at both ends", at.row_id);
}

void verify_index(struct check *check)
{
    /* What is freed and where segments are is needed by those that follow. */
    walk_table(check, TABLE_META, visit_meta, false);
    struct span value;
    if (!find_record(check, TABLE_META, SPAN("store"), &value))
        finding(check, "the store's own record is missing");
    if (index_tally(check->txn, TABLE_SEGMENTS).count > 0 &&
        !find_record(check, TABLE_META, SPAN("state"), &value))
        finding(check, "the record of the last commit is missing");
    walk_table(check, TABLE_FREED, visit_freed, true);
    walk_table(check, TABLE_SEGMENTS, visit_segment_checked, true);
    walk_table(check, TABLE_BUCKETS, visit_bucket, true);
    walk_table(check, TABLE_BUCKET_IDS, visit_bucket_id, true);
    walk_table(check, TABLE_DOCUMENTS, visit_document, true);
    walk_table(check, TABLE_OBJECTS, visit_object, true);
    walk_table(check, TABLE_VERSIONS, visit_version, true);
    walk_table(check, TABLE_ROWS, visit_row, true);
    walk_table(check, TABLE_SIDE, visit_side, true);
    walk_table(check, TABLE_UPLOADS, visit_upload, true);
    walk_table(check, TABLE_RECORDS, visit_record, true);
    walk_table(check, TABLE_ZONES, visit_zone, true);
    walk_table(check, TABLE_CONTENT, visit_content, true);
    walk_table(check, TABLE_LINEAGE, visit_lineage, true);
    walk_table(check, TABLE_BLOBS, visit_blob_checked, true);
    walk_table(check, TABLE_PIECES, visit_piece_checked, true);
    end_pieces(check);
    walk_table(check, TABLE_EXTENTS, visit_extent_checked, true);
    if (check->rows[TABLE_BUCKETS] != check->rows[TABLE_BUCKET_IDS])
        finding(check, "buckets by name and by id are not the same");
    if (check->object_leaves != check->rows[TABLE_ROWS])
        finding(check, "%" PRIu64 " keys, but %" PRIu64 " rows", check->object_leaves,
            check->rows[TABLE_ROWS]);
    if (check->sides != check->rows[TABLE_SIDE])
        finding(check, "metadata that belongs to no version");
}
