#include "storage/local/schema_io.h"

/* ---- META ---- */

void schema_encode_store(struct span key, const struct store_record *record, struct buf *out)
{
    struct record_writer w = record_begin(out, 36);
    put_u32(&w, record->schema_version);
    put_u64(&w, record->boot);
    put_u64(&w, (uint64_t)record->created_ms);
    put_bytes(&w, record->store_id, sizeof(record->store_id));
    record_end(&w, key);
}

enum storage_err schema_decode_store(
    struct span key, struct span value, struct store_record *ret_record)
{
    struct record_reader r;
    struct store_record record;
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    record.schema_version = take_u32(&r);
    record.boot = take_u64(&r);
    record.created_ms = (int64_t)take_u64(&r);
    take_bytes(&r, record.store_id, sizeof(record.store_id));
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_record = record;
    return err;
}

void schema_encode_state(struct span key, const struct state_record *record, struct buf *out)
{
    struct record_writer w = record_begin(out, 6 * 8 + 4 + 8 * (size_t)ACTIVE_SEGMENTS_MAX);
    put_u64(&w, record->commit_sequence);
    put_u64(&w, record->segments);
    put_u64(&w, record->segment_bytes);
    put_u64(&w, record->segment_live_bytes);
    put_u64(&w, record->files);
    put_u64(&w, record->file_bytes);
    put_u32(&w, record->active_count);
    for (uint32_t i = 0; i < record->active_count; i++)
        put_u64(&w, record->active[i]);
    record_end(&w, key);
}

enum storage_err schema_decode_state(
    struct span key, struct span value, struct state_record *ret_record)
{
    struct record_reader r;
    struct state_record record = {0};
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    record.commit_sequence = take_u64(&r);
    record.segments = take_u64(&r);
    record.segment_bytes = take_u64(&r);
    record.segment_live_bytes = take_u64(&r);
    record.files = take_u64(&r);
    record.file_bytes = take_u64(&r);
    record.active_count = take_u32(&r);
    if (record.active_count > ACTIVE_SEGMENTS_MAX)
        return STORAGE_CORRUPT;
    for (uint32_t i = 0; i < record.active_count; i++)
        record.active[i] = take_u64(&r);
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_record = record;
    return err;
}

void schema_encode_tallies(struct span key, const struct tallies_record *record, struct buf *out)
{
    struct record_writer w = record_begin(out, 4 + 24 * (size_t)TABLE_COUNT);
    put_u32(&w, TABLE_COUNT);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        put_u64(&w, record->tables[i].count);
        put_u64(&w, record->tables[i].hash[0]);
        put_u64(&w, record->tables[i].hash[1]);
    }
    record_end(&w, key);
}

/* An older release knew fewer tables: those that came since are empty. */
enum storage_err schema_decode_tallies(
    struct span key, struct span value, struct tallies_record *ret_record)
{
    struct record_reader r;
    struct tallies_record record = {0};
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    uint32_t count = take_u32(&r);
    if (count > TABLE_COUNT)
        return STORAGE_NEWER_FORMAT;
    for (size_t i = 0; i < count; i++) {
        record.tables[i].count = take_u64(&r);
        record.tables[i].hash[0] = take_u64(&r);
        record.tables[i].hash[1] = take_u64(&r);
    }
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_record = record;
    return err;
}

/* ---- buckets and documents ---- */

void schema_encode_bucket(struct span key, const struct bucket_record *record, struct buf *out)
{
    struct record_writer w = record_begin(out, 8 * 8 + 1 + 1 + UINT8_MAX);
    size_t region_len = record->region.len < UINT8_MAX ? record->region.len : UINT8_MAX;
    put_u64(&w, record->id);
    put_u64(&w, (uint64_t)record->created_ms);
    put_u64(&w, record->owner_id);
    put_u8(&w, record->versioning);
    put_u64(&w, record->generation);
    put_u64(&w, record->object_count);
    put_u64(&w, record->byte_count);
    put_u64(&w, record->upload_count);
    put_u8(&w, (uint8_t)region_len);
    put_bytes(&w, record->region.ptr, region_len);
    if (record->zones_generation != 0)
        put_u64(&w, record->zones_generation);
    record_end(&w, key);
}

enum storage_err schema_decode_bucket(
    struct span key, struct span value, struct bucket_record *ret_record)
{
    struct record_reader r;
    struct bucket_record record;
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    record.id = take_u64(&r);
    record.created_ms = (int64_t)take_u64(&r);
    record.owner_id = take_u64(&r);
    record.versioning = take_u8(&r);
    record.generation = take_u64(&r);
    record.object_count = take_u64(&r);
    record.byte_count = take_u64(&r);
    record.upload_count = take_u64(&r);
    record.region = take_span(&r, take_u8(&r));
    record.zones_generation = r.at < r.end ? take_u64(&r) : 0;
    if (record.versioning > VERSIONING_SUSPENDED)
        return STORAGE_CORRUPT;
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_record = record;
    return err;
}

void schema_encode_bytes(struct span key, struct span bytes, struct buf *out)
{
    struct record_writer w = record_begin(out, bytes.len);
    put_bytes(&w, bytes.ptr, bytes.len);
    record_end(&w, key);
}

enum storage_err schema_decode_bytes(struct span key, struct span value, struct span *ret_bytes)
{
    struct record_reader r;
    enum storage_err err = record_open(key, value, &r);
    if (err == STORAGE_OK)
        *ret_bytes = span_of(r.at, (size_t)(r.end - r.at));
    return err;
}

void schema_encode_document(struct span key, const struct document_record *record, struct buf *out)
{
    struct record_writer w = record_begin(out, 8 + record->text.len);
    put_u64(&w, record->generation);
    put_bytes(&w, record->text.ptr, record->text.len);
    record_end(&w, key);
}

enum storage_err schema_decode_document(
    struct span key, struct span value, struct document_record *ret_record)
{
    struct record_reader r;
    struct document_record record;
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    record.generation = take_u64(&r);
    record.text = take_span(&r, (size_t)(r.end - r.at));
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_record = record;
    return err;
}

/* ---- nodes and rows ---- */

void schema_encode_node(struct span key, uint64_t node_id, struct buf *out)
{
    struct record_writer w = record_begin(out, 8);
    put_u64(&w, node_id);
    record_end(&w, key);
}

enum storage_err schema_decode_node(struct span key, struct span value, uint64_t *ret_node_id)
{
    struct record_reader r;
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    uint64_t node_id = take_u64(&r);
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_node_id = node_id;
    return err;
}

void schema_encode_row(struct span key, const struct row_record *record, struct buf *out)
{
    struct record_writer w = record_begin(out, 8 + record->key.len);
    put_u64(&w, record->bucket_id);
    put_bytes(&w, record->key.ptr, record->key.len);
    record_end(&w, key);
}

enum storage_err schema_decode_row(
    struct span key, struct span value, struct row_record *ret_record)
{
    struct record_reader r;
    struct row_record record;
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    record.bucket_id = take_u64(&r);
    record.key = take_span(&r, (size_t)(r.end - r.at));
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_record = record;
    return err;
}

/* ---- bytes ---- */

void schema_encode_blob(struct span key, const struct blob_record *record, struct buf *out)
{
    struct record_writer w = record_begin(out, 20);
    put_u64(&w, record->references);
    put_u64(&w, record->length_bytes);
    put_u32(&w, record->part_count);
    record_end(&w, key);
}

enum storage_err schema_decode_blob(
    struct span key, struct span value, struct blob_record *ret_record)
{
    struct record_reader r;
    struct blob_record record;
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    record.references = take_u64(&r);
    record.length_bytes = take_u64(&r);
    record.part_count = take_u32(&r);
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_record = record;
    return err;
}

void schema_encode_piece(struct span key, const struct piece_record *record, struct buf *out)
{
    struct record_writer w =
        record_begin(out, 3 * 8 + 1 + 3 * 8 + 4 + ETAG_BYTES + CHECKSUM_MAX_BYTES);
    put_u64(&w, record->extent_id);
    put_u64(&w, record->offset_bytes);
    put_u64(&w, record->length_bytes);
    put_u8(&w, record->has_part);
    if (record->has_part) {
        put_u64(&w, record->part_size_bytes);
        put_u32(&w, record->part_pieces);
        put_u64(&w, (uint64_t)record->modified_ms);
        put_etag(&w, &record->etag);
        put_u64(&w, record->crc64nvme);
        put_checksum(&w, &record->checksum);
    }
    record_end(&w, key);
}

enum storage_err schema_decode_piece(
    struct span key, struct span value, struct piece_record *ret_record)
{
    struct record_reader r;
    struct piece_record record = {0};
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    record.extent_id = take_u64(&r);
    record.offset_bytes = take_u64(&r);
    record.length_bytes = take_u64(&r);
    record.has_part = take_u8(&r) != 0;
    if (record.has_part) {
        record.part_size_bytes = take_u64(&r);
        record.part_pieces = take_u32(&r);
        record.modified_ms = (int64_t)take_u64(&r);
        take_etag(&r, &record.etag);
        record.crc64nvme = take_u64(&r);
        take_checksum(&r, &record.checksum);
    }
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_record = record;
    return err;
}

/* The numbers are stored: never change them. */
enum { EXTENT_OWN_FILE = 1, EXTENT_COMPRESSED = 2 };

void schema_encode_extent(struct span key, const struct extent_record *record, struct buf *out)
{
    const struct extent *extent = &record->extent;
    struct record_writer w =
        record_begin(out, 8 + 1 + 8 + 8 + 8 + 4 + 4 + 4 + 4 * EXTENT_INLINE_CRCS);
    put_u64(&w, extent->segment_id);
    put_u8(&w, (uint8_t)((extent->own_file ? EXTENT_OWN_FILE : 0) |
                         (extent->content_bytes ? EXTENT_COMPRESSED : 0)));
    put_u64(&w, extent->offset_bytes);
    put_u64(&w, extent->length_bytes);
    if (extent->content_bytes)
        put_u64(&w, extent->content_bytes);
    put_u32(&w, record->references);
    put_u32(&w, extent->footer_crc);
    put_u32(&w, extent->block_count);
    if (extent->block_count <= EXTENT_INLINE_CRCS)
        for (uint32_t i = 0; i < extent->block_count; i++)
            put_u32(&w, extent->block_crcs[i]);
    record_end(&w, key);
}

enum storage_err schema_decode_extent(
    struct span key, struct span value, struct extent_record *ret_record)
{
    struct record_reader r;
    struct extent_record record = {0};
    struct extent *extent = &record.extent;
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    extent->id = key_u64_at(key, 0);
    extent->segment_id = take_u64(&r);
    uint8_t flags = take_u8(&r);
    extent->own_file = (flags & EXTENT_OWN_FILE) != 0;
    extent->offset_bytes = take_u64(&r);
    extent->length_bytes = take_u64(&r);
    if (flags & EXTENT_COMPRESSED)
        extent->content_bytes = take_u64(&r);
    record.references = take_u32(&r);
    extent->footer_crc = take_u32(&r);
    extent->block_count = take_u32(&r);
    if (extent->block_count <= EXTENT_INLINE_CRCS)
        for (uint32_t i = 0; i < extent->block_count; i++)
            extent->block_crcs[i] = take_u32(&r);
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_record = record;
    return err;
}

void schema_encode_segment(struct span key, const struct segment_record *record, struct buf *out)
{
    struct record_writer w = record_begin(out, 1 + 1 + 3 * 8);
    put_u8(&w, record->state);
    put_u8(&w, record->own_file);
    put_u64(&w, record->tail_bytes);
    put_u64(&w, record->live_bytes);
    put_u64(&w, record->log_bytes);
    record_end(&w, key);
}

enum storage_err schema_decode_segment(
    struct span key, struct span value, struct segment_record *ret_record)
{
    struct record_reader r;
    struct segment_record record;
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    record.state = take_u8(&r);
    record.own_file = take_u8(&r) != 0;
    record.tail_bytes = take_u64(&r);
    record.live_bytes = take_u64(&r);
    record.log_bytes = take_u64(&r);
    if (record.state < SEGMENT_ACTIVE || record.state > SEGMENT_DROPPED)
        return STORAGE_CORRUPT;
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_record = record;
    return err;
}

void schema_encode_freed(struct span key, const struct freed_record *record, struct buf *out)
{
    struct record_writer w = record_begin(out, 3 * 8 + record->key.len);
    put_u64(&w, record->id);
    put_u64(&w, record->bucket_id);
    put_u64(&w, (uint64_t)record->due_ms);
    put_bytes(&w, record->key.ptr, record->key.len);
    record_end(&w, key);
}

enum storage_err schema_decode_freed(
    struct span key, struct span value, struct freed_record *ret_record)
{
    struct record_reader r;
    struct freed_record record;
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    record.id = take_u64(&r);
    record.bucket_id = take_u64(&r);
    record.due_ms = (int64_t)take_u64(&r);
    record.key = take_span(&r, (size_t)(r.end - r.at));
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_record = record;
    return err;
}
