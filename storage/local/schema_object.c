#include "storage/local/schema_io.h"

void put_etag(struct record_writer *w, const struct etag *etag)
{
    put_bytes(w, etag->md5, MD5_BYTES);
    put_u32(w, etag->part_count);
}

void take_etag(struct record_reader *r, struct etag *ret_etag)
{
    take_bytes(r, ret_etag->md5, MD5_BYTES);
    ret_etag->part_count = take_u32(r);
}

void put_checksum(struct record_writer *w, const struct checksum *checksum)
{
    put_u8(w, (uint8_t)checksum->algo);
    if (checksum->algo == DIGEST_NONE)
        return;
    put_u8(w, (uint8_t)checksum->type);
    put_u32(w, checksum->part_count);
    put_bytes(w, checksum->value, digest_size(checksum->algo));
}

void take_checksum(struct record_reader *r, struct checksum *ret_checksum)
{
    struct checksum checksum = {0};
    uint8_t algo = take_u8(r);
    if (algo != DIGEST_NONE) {
        uint8_t type = take_u8(r);
        if (algo > DIGEST_CRC64NVME || type > CHECKSUM_COMPOSITE) {
            r->bad = true;
            return;
        }
        checksum.algo = (enum digest_algo)algo;
        checksum.type = (enum checksum_type)type;
        checksum.part_count = take_u32(r);
        take_bytes(r, checksum.value, digest_size(checksum.algo));
    }
    *ret_checksum = checksum;
}

void put_version(struct record_writer *w, const struct version *version)
{
    put_u64(w, version->sequence);
    put_u64(w, version->random);
    put_u8(w, version->is_null);
}

void take_version(struct record_reader *r, struct version *ret_version)
{
    ret_version->sequence = take_u64(r);
    ret_version->random = take_u64(r);
    ret_version->is_null = take_u8(r) != 0;
}

/* ---- objects: flags say which fields follow, since these records shall be dense ---- */

enum object_flag {
    OBJECT_IS_NULL = 1 << 0,
    OBJECT_DELETE_MARKER = 1 << 1,
    OBJECT_HAS_OLDER = 1 << 2,
    OBJECT_HAS_SIDE = 1 << 3,
    OBJECT_INLINE = 1 << 4,
    OBJECT_OWN_NULL = 1 << 5, /* the null version is this one: its sequence is not repeated */
    OBJECT_OTHER_NULL = 1 << 6,
    OBJECT_BLOB = 1 << 7,
    OBJECT_MULTIPART_ETAG = 1 << 8,
    OBJECT_CHECKSUM = 1 << 9,
    OBJECT_METADATA = 1 << 10,
    OBJECT_DUPLICATE = 1 << 11,
    OBJECT_ALL_FLAGS = (1 << 12) - 1,
};

static uint16_t object_flags(const struct object_record *record)
{
    unsigned flags = 0;
    flags |= record->version.is_null ? OBJECT_IS_NULL : 0;
    flags |= record->is_delete_marker ? OBJECT_DELETE_MARKER : 0;
    flags |= record->has_older ? OBJECT_HAS_OLDER : 0;
    flags |= record->has_side ? OBJECT_HAS_SIDE : 0;
    flags |= record->is_inline ? OBJECT_INLINE : 0;
    if (record->null_sequence != 0)
        flags |=
            record->null_sequence == record->version.sequence ? OBJECT_OWN_NULL : OBJECT_OTHER_NULL;
    flags |= record->blob_id ? OBJECT_BLOB : 0;
    flags |= record->attributes.etag.part_count ? OBJECT_MULTIPART_ETAG : 0;
    flags |= record->attributes.checksum.algo != DIGEST_NONE ? OBJECT_CHECKSUM : 0;
    flags |= !record->has_side && record->attributes.metadata.len > 0 ? OBJECT_METADATA : 0;
    flags |= record->duplicate_of.sequence ? OBJECT_DUPLICATE : 0;
    return (uint16_t)flags;
}

size_t schema_object_bytes(const struct object_record *record)
{
    uint16_t flags = object_flags(record);
    size_t bytes = RECORD_OVERHEAD_BYTES + 2 + 4 * 8;
    bytes += flags & OBJECT_OTHER_NULL ? 8 : 0;
    if (flags & OBJECT_DELETE_MARKER)
        return bytes + 8;
    bytes += 8 + 8 + 1 + 8 + MD5_BYTES;
    bytes += flags & OBJECT_BLOB ? 8 : 0;
    bytes += flags & OBJECT_MULTIPART_ETAG ? 4 : 0;
    bytes += flags & OBJECT_DUPLICATE ? 16 : 0;
    if (flags & OBJECT_CHECKSUM) {
        bytes += 2 + digest_size(record->attributes.checksum.algo);
        bytes += record->attributes.checksum.type == CHECKSUM_COMPOSITE ? 4 : 0;
    }
    bytes += flags & OBJECT_METADATA ? 2 + record->attributes.metadata.len : 0;
    return bytes + (flags & OBJECT_INLINE ? record->inline_bytes.len : 0);
}

static void put_content(struct record_writer *w, const struct object_record *record, uint16_t flags)
{
    const struct object_attributes *attributes = &record->attributes;
    put_u64(w, record->size_bytes);
    put_u64(w, attributes->crc64nvme);
    put_u8(w, attributes->storage_class);
    put_bytes(w, attributes->etag.md5, MD5_BYTES);
    if (flags & OBJECT_BLOB)
        put_u64(w, record->blob_id);
    if (flags & OBJECT_MULTIPART_ETAG)
        put_u32(w, attributes->etag.part_count);
    if (flags & OBJECT_CHECKSUM) {
        put_u8(w, (uint8_t)attributes->checksum.algo);
        put_u8(w, (uint8_t)attributes->checksum.type);
        if (attributes->checksum.type == CHECKSUM_COMPOSITE)
            put_u32(w, attributes->checksum.part_count);
        put_bytes(w, attributes->checksum.value, digest_size(attributes->checksum.algo));
    }
    if (flags & OBJECT_DUPLICATE) {
        put_u64(w, record->duplicate_of.row_id);
        put_u64(w, record->duplicate_of.sequence);
    }
    if (flags & OBJECT_METADATA) {
        put_u16(w, (uint16_t)attributes->metadata.len);
        put_bytes(w, attributes->metadata.ptr, attributes->metadata.len);
    }
    if (flags & OBJECT_INLINE)
        put_bytes(w, record->inline_bytes.ptr, record->inline_bytes.len);
}

void schema_encode_object(struct span key, const struct object_record *record, struct buf *out)
{
    uint16_t flags = object_flags(record);
    struct record_writer w = record_begin(out, schema_object_bytes(record));
    put_u16(&w, flags);
    put_u64(&w, record->version.sequence);
    put_u64(&w, record->version.random);
    put_u64(&w, record->row_id);
    put_u64(&w, (uint64_t)record->modified_ms);
    if (flags & OBJECT_OTHER_NULL)
        put_u64(&w, record->null_sequence);
    put_u64(&w, record->attributes.owner_id);
    if (!record->is_delete_marker)
        put_content(&w, record, flags);
    record_end(&w, key);
}

static void take_content(struct record_reader *r, uint16_t flags, struct object_record *record)
{
    struct object_attributes *attributes = &record->attributes;
    record->size_bytes = take_u64(r);
    attributes->crc64nvme = take_u64(r);
    attributes->storage_class = take_u8(r);
    take_bytes(r, attributes->etag.md5, MD5_BYTES);
    if (flags & OBJECT_BLOB)
        record->blob_id = take_u64(r);
    if (flags & OBJECT_MULTIPART_ETAG)
        attributes->etag.part_count = take_u32(r);
    if (flags & OBJECT_CHECKSUM) {
        uint8_t algo = take_u8(r), type = take_u8(r);
        if (algo > DIGEST_CRC64NVME || type > CHECKSUM_COMPOSITE) {
            r->bad = true;
            return;
        }
        attributes->checksum.algo = (enum digest_algo)algo;
        attributes->checksum.type = (enum checksum_type)type;
        if (type == CHECKSUM_COMPOSITE)
            attributes->checksum.part_count = take_u32(r);
        take_bytes(r, attributes->checksum.value, digest_size(attributes->checksum.algo));
    }
    if (flags & OBJECT_DUPLICATE) {
        record->duplicate_of.row_id = take_u64(r);
        record->duplicate_of.sequence = take_u64(r);
    }
    if (flags & OBJECT_METADATA)
        attributes->metadata = take_span(r, take_u16(r));
    if (flags & OBJECT_INLINE) {
        record->is_inline = true;
        record->inline_bytes = take_span(r, (size_t)(r->end - r->at));
        r->bad |= record->inline_bytes.len != record->size_bytes;
    }
}

enum storage_err schema_decode_object(
    struct span key, struct span value, struct object_record *ret_record)
{
    struct record_reader r;
    struct object_record record = {0};
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    uint16_t flags = take_u16(&r);
    if (flags & ~OBJECT_ALL_FLAGS)
        return STORAGE_CORRUPT;
    record.version.is_null = flags & OBJECT_IS_NULL;
    record.is_delete_marker = flags & OBJECT_DELETE_MARKER;
    record.has_older = flags & OBJECT_HAS_OLDER;
    record.has_side = flags & OBJECT_HAS_SIDE;
    record.version.sequence = take_u64(&r);
    record.version.random = take_u64(&r);
    record.row_id = take_u64(&r);
    record.modified_ms = (int64_t)take_u64(&r);
    if (flags & OBJECT_OWN_NULL)
        record.null_sequence = record.version.sequence;
    else if (flags & OBJECT_OTHER_NULL)
        record.null_sequence = take_u64(&r);
    record.attributes.owner_id = take_u64(&r);
    if (!record.is_delete_marker)
        take_content(&r, flags, &record);
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_record = record;
    return err;
}

/* ---- uploads ---- */

void schema_encode_upload(struct span key, const struct upload_record *record, struct buf *out)
{
    const struct object_attributes *attributes = &record->attributes;
    struct record_writer w = record_begin(
        out, 200 + MD5_BYTES + ETAG_BYTES + CHECKSUM_MAX_BYTES + attributes->metadata.len);
    put_u64(&w, record->id.blob_id);
    put_u64(&w, record->id.random);
    put_u64(&w, (uint64_t)record->initiated_ms);
    put_u64(&w, record->generation);
    put_u32(&w, record->piece_count);
    put_u8(&w, (uint8_t)record->checksum_algo);
    put_u8(&w, (uint8_t)record->checksum_type);
    put_u8(&w, attributes->storage_class);
    put_u64(&w, attributes->owner_id);
    put_u8(&w, record->completed);
    if (record->completed) {
        put_u64(&w, (uint64_t)record->completed_ms);
        put_bytes(&w, record->parts_hash, MD5_BYTES);
        put_version(&w, &record->result_version);
        put_u64(&w, (uint64_t)record->result_modified_ms);
        put_u64(&w, record->result_size_bytes);
        put_etag(&w, &record->result_etag);
        put_u64(&w, record->result_crc64nvme);
        put_checksum(&w, &record->result_checksum);
    }
    put_bytes(&w, attributes->metadata.ptr, attributes->metadata.len);
    record_end(&w, key);
}

static void take_result(struct record_reader *r, struct upload_record *record)
{
    record->completed_ms = (int64_t)take_u64(r);
    take_bytes(r, record->parts_hash, MD5_BYTES);
    take_version(r, &record->result_version);
    record->result_modified_ms = (int64_t)take_u64(r);
    record->result_size_bytes = take_u64(r);
    take_etag(r, &record->result_etag);
    record->result_crc64nvme = take_u64(r);
    take_checksum(r, &record->result_checksum);
}

enum storage_err schema_decode_upload(
    struct span key, struct span value, struct upload_record *ret_record)
{
    struct record_reader r;
    struct upload_record record = {0};
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    record.id.blob_id = take_u64(&r);
    record.id.random = take_u64(&r);
    record.initiated_ms = (int64_t)take_u64(&r);
    record.generation = take_u64(&r);
    record.piece_count = take_u32(&r);
    uint8_t algo = take_u8(&r), type = take_u8(&r);
    if (algo > DIGEST_CRC64NVME || type > CHECKSUM_COMPOSITE)
        return STORAGE_CORRUPT;
    record.checksum_algo = (enum digest_algo)algo;
    record.checksum_type = (enum checksum_type)type;
    record.attributes.storage_class = take_u8(&r);
    record.attributes.owner_id = take_u64(&r);
    record.completed = take_u8(&r) != 0;
    if (record.completed)
        take_result(&r, &record);
    record.attributes.metadata = take_span(&r, (size_t)(r.end - r.at));
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_record = record;
    return err;
}
