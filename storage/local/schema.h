/* The index's records as structs, and their encodings (schema.c alone knows the bytes; docs/FORMAT.md
 * describes them). Every value begins with a format version and ends with a CRC32C over key and value.
 * Integers in keys are big-endian, so that byte order is number order. Decoding borrows from the bytes
 * given, which for LMDB are valid until the transaction ends. Pure. */
#ifndef STORAGE_LOCAL_SCHEMA_H
#define STORAGE_LOCAL_SCHEMA_H

#include "storage/local/space.h"
#include "storage/storage.h"

enum {
    SCHEMA_VERSION = 1, /* of the whole store; a newer one is refused */
    INLINE_RECORD_MAX_BYTES = 512, /* an object record with its bytes inside stays under this */
    SIDE_METADATA_BYTES = 256, /* longer metadata goes to the side table */
    NODE_KEY_BYTES = 480, /* of a key in one node; longer keys are split */
    INDEX_KEY_MAX_BYTES = 511,
};

enum table {
    TABLE_META, /* name → counters, format, set hashes, active segments */
    TABLE_BUCKETS, /* name → bucket_record */
    TABLE_DOCUMENTS, /* bucket id, kind → document */
    TABLE_OBJECTS, /* node id, up to 480 bytes, 0x00 → object_record | 0x01 → node id */
    TABLE_VERSIONS, /* row id, ~sequence → object_record: the older versions */
    TABLE_ROWS, /* row id → bucket id, full key */
    TABLE_SIDE, /* row id, sequence → long metadata */
    TABLE_UPLOADS, /* node id, up to 480 bytes, 0x00, upload blob id → upload_record | 0x01 → node id */
    TABLE_BLOBS, /* blob id → blob_record */
    TABLE_PIECES, /* blob id, part number (u32), index in the part (u32) → piece_record */
    TABLE_EXTENTS, /* extent id → extent_record */
    TABLE_SEGMENTS, /* segment id → segment_record */
    TABLE_FREED, /* sequence → blob id, cursor: blobs to be taken apart */
    TABLE_COUNT
};

struct bucket_record {
    uint64_t id; /* also the node id of its objects; uploads_node is that of its uploads */
    uint64_t uploads_node;
    int64_t created_ms;
    uint64_t owner_id;
    uint8_t versioning;
    uint64_t generation;
    uint64_t object_count, byte_count, upload_count;
    struct span region;
};

/* Newest version (TABLE_OBJECTS) or an older one (TABLE_VERSIONS). */
struct object_record {
    struct version version;
    bool is_delete_marker;
    bool has_older; /* TABLE_OBJECTS: there are rows in TABLE_VERSIONS */
    bool has_side; /* metadata is in TABLE_SIDE */
    bool is_inline; /* inline_bytes is the content */
    uint64_t row_id;
    uint64_t null_sequence; /* TABLE_OBJECTS: sequence of the key's null version, 0: none */
    int64_t modified_ms;
    uint64_t size_bytes;
    uint64_t blob_id; /* 0: empty or inline */
    struct object_attributes attributes; /* metadata absent when has_side */
    struct span inline_bytes;
};

struct upload_record {
    struct upload_id id;
    int64_t initiated_ms;
    uint64_t generation;
    enum digest_algo checksum_algo;
    enum checksum_type checksum_type;
    struct object_attributes attributes; /* with its metadata, whatever its length */
    bool completed;
    int64_t completed_ms;
    uint8_t parts_hash[MD5_BYTES];
    struct version result_version;
    int64_t result_modified_ms;
    uint64_t result_size_bytes;
    struct etag result_etag;
    uint64_t result_crc64nvme;
    struct checksum result_checksum;
};

struct blob_record {
    uint64_t references; /* object versions, or 1 for an open upload */
    uint64_t length_bytes;
    uint32_t part_count; /* parts of a multipart blob; 0: a single piece */
};

/* A run of an extent. Index 0 of a part carries what the part is. */
struct piece_record {
    uint64_t extent_id; /* 0: an empty part */
    uint64_t offset_bytes; /* in the extent */
    uint64_t length_bytes;
    bool has_part; /* index 0 */
    uint64_t part_size_bytes; /* over all pieces of the part */
    uint32_t part_pieces; /* pieces of the part */
    int64_t modified_ms;
    struct etag etag;
    uint64_t crc64nvme;
    struct checksum checksum;
};

struct extent_record {
    struct extent extent; /* extent.id is the key */
    uint32_t references; /* pieces that point to it */
};

enum segment_state { SEGMENT_ACTIVE = 1, SEGMENT_SEALED = 2, SEGMENT_DROPPED = 3 };

struct segment_record {
    uint8_t state;
    bool own_file;
    uint64_t tail_bytes; /* committed */
    uint64_t live_bytes; /* extent_disk_bytes of the extents in it */
};

struct freed_record {
    uint64_t blob_id;
};

#endif
