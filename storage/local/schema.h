/* The index's records as structs, and their encodings (schema.c alone knows the bytes;
 * docs/FORMAT.md describes them). Every value begins with a format version and ends with a CRC32C
 * over key and value. Integers in keys are big-endian, so that byte order is number order. Decoding
 * borrows from the bytes given, which for LMDB are valid until the transaction ends. Pure. */
#ifndef STORAGE_LOCAL_SCHEMA_H
#define STORAGE_LOCAL_SCHEMA_H

#include "base/buf.h"
#include "storage/local/space.h"
#include "storage/storage.h"

enum {
    SCHEMA_VERSION = 2,            /* of the whole store; a newer one is refused */
    INLINE_RECORD_MAX_BYTES = 512, /* an object record with its key and bytes stays under this */
    SIDE_METADATA_BYTES = 256,     /* longer metadata goes to the side table */
    NODE_KEY_BYTES = 480,          /* of a key in one node; longer keys are split */
    INDEX_KEY_MAX_BYTES = 511,
    SCHEMA_VALUE_MAX_BYTES = STORAGE_DOCUMENT_MAX_BYTES + 4096,
    ACTIVE_SEGMENTS_MAX = 64,
};

enum table {
    TABLE_META, /* "store" → store_record, "state" → state_record, "tables" → tallies_record */
    TABLE_BUCKETS,    /* name → bucket_record */
    TABLE_BUCKET_IDS, /* bucket id → name (name_record) */
    TABLE_DOCUMENTS,  /* bucket id, kind (u8) → document_record */
    TABLE_OBJECTS,    /* node id, up to 480 bytes, 0x00 → object_record | 0x01 → node_record */
    TABLE_VERSIONS,   /* row id, ~sequence → object_record: the older versions */
    TABLE_ROWS,       /* row id → row_record */
    TABLE_SIDE,       /* row id, sequence → long metadata (bytes_record) */
    TABLE_UPLOADS, /* node id, up to 480 bytes, 0x00, blob id → upload_record | 0x01 → node_record
                    */
    TABLE_BLOBS,   /* blob id → blob_record; gone when nothing refers to it, see TABLE_FREED */
    TABLE_PIECES,   /* blob id, part number (u32), index in the part (u32) → piece_record */
    TABLE_EXTENTS,  /* extent id → extent_record */
    TABLE_SEGMENTS, /* segment id → segment_record; files of their own too */
    TABLE_FREED,    /* kind (u8), sequence → freed_record: what GC is to take apart */
    /* since schema version 2 */
    TABLE_RECORDS, /* the caller's key → document_record */
    TABLE_LINEAGE, /* row id, sequence, direction (u8), the other's row id, sequence → lineage.h */
    TABLE_ZONES,   /* bucket id, zone id, row (u8) → zone_rule, zone_state: zones.h */
    TABLE_CONTENT, /* content id, size, CRC64NVME, row id, sequence → nothing (bytes): zones.h */
    TABLE_COUNT
};
enum { TABLES_OF_SCHEMA_1 = TABLE_FREED + 1 };

/* ---- META ---- */

/* Written at open only. */
struct store_record {
    uint32_t schema_version;
    uint64_t boot; /* raised by every open: ids begin with it */
    int64_t created_ms;
    uint8_t store_id[16]; /* random */
};

/* Written by every commit. */
struct state_record {
    uint64_t commit_sequence; /* of the last log frame whose commit went well */
    uint64_t segments, segment_bytes,
        segment_live_bytes; /* packed: rows, sum of tails, of live bytes */
    uint64_t files, file_bytes;
    uint32_t active_count; /* packed segments not sealed yet; sealed at the next open */
    uint64_t active[ACTIVE_SEGMENTS_MAX];
};

/* Number of a table's records, and the sum of two 64-bit hashes over them (index.c). */
struct tally {
    uint64_t count;
    uint64_t hash[2];
};
struct tallies_record {
    struct tally tables[TABLE_COUNT]; /* TABLE_META's stays zero */
};

/* ---- buckets ---- */

struct bucket_record {
    uint64_t id; /* also the root node id of its objects and of its uploads */
    int64_t created_ms;
    uint64_t owner_id;
    uint8_t versioning;
    uint64_t generation;
    uint64_t object_count, byte_count, upload_count;
    uint64_t zones_generation; /* 0: it has no zones */
    struct span region;
};

struct document_record {
    uint64_t generation; /* the bucket's, when it was written */
    struct span text;
};

/* ---- objects ---- */

/* Newest version (TABLE_OBJECTS) or an older one (TABLE_VERSIONS). */
struct object_record {
    struct version version;
    bool is_delete_marker;
    bool has_older; /* TABLE_OBJECTS: there are rows in TABLE_VERSIONS */
    bool has_side;  /* metadata is in TABLE_SIDE */
    bool is_inline; /* inline_bytes is the content */
    uint64_t row_id;
    uint64_t null_sequence; /* TABLE_OBJECTS: sequence of the key's null version, 0: none */
    int64_t modified_ms;
    uint64_t size_bytes;
    uint64_t blob_id;                    /* 0: empty or inline */
    struct content_ref duplicate_of;     /* sequence 0: not marked */
    struct object_attributes attributes; /* metadata absent when has_side */
    struct span inline_bytes;
};

struct row_record {
    uint64_t bucket_id;
    struct span key;
};

struct upload_record {
    struct upload_id id;
    int64_t initiated_ms;
    uint64_t generation;
    uint32_t piece_count; /* rows in TABLE_PIECES */
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

/* ---- bytes ---- */

struct blob_record {
    uint64_t references;   /* object versions, or 1 for an open upload; never 0 */
    uint64_t length_bytes; /* 0 while the upload is open */
    uint32_t part_count;   /* parts of a multipart blob; 0: a single piece with part number 0 */
};

/* A run of an extent. Index 0 of a part carries what the part is. Part 0: a whole simple object. */
struct piece_record {
    uint64_t extent_id;    /* 0: an empty part */
    uint64_t offset_bytes; /* in the extent */
    uint64_t length_bytes;
    bool has_part;            /* index 0 of a part number over 0 */
    uint64_t part_size_bytes; /* over all pieces of the part */
    uint32_t part_pieces;     /* pieces of the part */
    int64_t modified_ms;
    struct etag etag;
    uint64_t crc64nvme;
    struct checksum checksum;
};

struct extent_record {
    struct extent extent; /* extent.id is the key */
    uint32_t references;  /* pieces that point to it */
};

enum segment_state { SEGMENT_ACTIVE = 1, SEGMENT_SEALED = 2, SEGMENT_DROPPED = 3 };

struct segment_record {
    uint8_t state;
    bool own_file;
    uint64_t tail_bytes; /* committed: extents and log frames end before it */
    uint64_t live_bytes; /* extent_disk_bytes of the extents in it that the index names */
    uint64_t log_bytes;  /* of log frames in it */
};

/* What GC is to take apart, in the order of the commits that freed it. */
enum freed_kind {
    FREED_BLOB =
        1, /* no blob row any more; its pieces and extents are still there for those who read */
    FREED_BUCKET = 2,    /* the bucket is gone; its uploads (root node: id) are to be aborted */
    FREED_UPLOAD = 3,    /* a completed upload's record, to be dropped at due_ms */
    FREED_LINEAGE = 4,   /* a version with edges went: id, bucket_id are its row id and sequence */
    FREED_TOMBSTONE = 5, /* key: of a row in TABLE_LINEAGE, to be dropped at due_ms */
    FREED_SCAN = 6,      /* a zone's objects are to be counted: id, bucket_id */
    FREED_CONTENT = 7,   /* rows in TABLE_CONTENT: id is their content id */
};

struct freed_record {
    uint64_t id; /* blob id, bucket id; for FREED_UPLOAD the upload's blob id, which is not freed */
    uint64_t bucket_id; /* FREED_UPLOAD */
    struct span key;    /* FREED_UPLOAD */
    int64_t due_ms;     /* FREED_UPLOAD: Unix milliseconds; not earlier */
};

/* ---- keys: built into the caller's buffer; the span borrows from it ---- */

struct index_key {
    uint8_t bytes[INDEX_KEY_MAX_BYTES + 1];
};

struct span key_of_u64(
    struct index_key *key, uint64_t id); /* blobs, extents, segments, rows, bucket ids */
struct span key_of_document(struct index_key *key, uint64_t bucket_id, enum document_kind kind);
struct span key_of_version(struct index_key *key, uint64_t row_id, uint64_t sequence);
struct span key_of_side(struct index_key *key, uint64_t row_id, uint64_t sequence);
struct span key_of_piece(struct index_key *key, uint64_t blob_id, uint32_t part, uint32_t index);
struct span key_of_freed(struct index_key *key, enum freed_kind kind, uint64_t sequence);
/* TABLE_OBJECTS and TABLE_UPLOADS; piece of a key: at most NODE_KEY_BYTES. Long keys: see node.h.
 */
struct span key_of_leaf(struct index_key *key, uint64_t node_id, struct span piece);
struct span key_of_upload_leaf(
    struct index_key *key, uint64_t node_id, struct span piece, uint64_t blob_id);
struct span key_of_continuation(struct index_key *key, uint64_t node_id, struct span piece);
/* Node id and piece alone: not above any key with this beginning. */
struct span key_of_node_prefix(struct index_key *key, uint64_t node_id, struct span piece);

/* Big-endian integers out of a key; 0 when it is too short. */
uint64_t key_u64_at(struct span key, size_t offset);
uint32_t key_u32_at(struct span key, size_t offset);

/* ---- values ----
 * Encoders empty `out` and fill it; ask buf_ok(). Decoders leave ret_record untouched on error.
 * err of all decoders: CORRUPT; NEWER_FORMAT when the record's format is unknown */

void schema_encode_store(struct span key, const struct store_record *record, struct buf *out);
enum storage_err schema_decode_store(
    struct span key, struct span value, struct store_record *ret_record) MUST_USE;
void schema_encode_state(struct span key, const struct state_record *record, struct buf *out);
enum storage_err schema_decode_state(
    struct span key, struct span value, struct state_record *ret_record) MUST_USE;
void schema_encode_tallies(struct span key, const struct tallies_record *record, struct buf *out);
enum storage_err schema_decode_tallies(
    struct span key, struct span value, struct tallies_record *ret_record) MUST_USE;

void schema_encode_bucket(struct span key, const struct bucket_record *record, struct buf *out);
enum storage_err schema_decode_bucket(
    struct span key, struct span value, struct bucket_record *ret_record) MUST_USE;
/* TABLE_BUCKET_IDS (the name), TABLE_SIDE (metadata): bytes as they are. */
void schema_encode_bytes(struct span key, struct span bytes, struct buf *out);
enum storage_err schema_decode_bytes(
    struct span key, struct span value, struct span *ret_bytes) MUST_USE;
void schema_encode_document(struct span key, const struct document_record *record, struct buf *out);
enum storage_err schema_decode_document(
    struct span key, struct span value, struct document_record *ret_record) MUST_USE;

void schema_encode_object(struct span key, const struct object_record *record, struct buf *out);
enum storage_err schema_decode_object(
    struct span key, struct span value, struct object_record *ret_record) MUST_USE;
/* Bytes that the encoded record takes. */
size_t schema_object_bytes(const struct object_record *record);
/* A continuation row: the node below. */
void schema_encode_node(struct span key, uint64_t node_id, struct buf *out);
enum storage_err schema_decode_node(
    struct span key, struct span value, uint64_t *ret_node_id) MUST_USE;
void schema_encode_row(struct span key, const struct row_record *record, struct buf *out);
enum storage_err schema_decode_row(
    struct span key, struct span value, struct row_record *ret_record) MUST_USE;
void schema_encode_upload(struct span key, const struct upload_record *record, struct buf *out);
enum storage_err schema_decode_upload(
    struct span key, struct span value, struct upload_record *ret_record) MUST_USE;

void schema_encode_blob(struct span key, const struct blob_record *record, struct buf *out);
enum storage_err schema_decode_blob(
    struct span key, struct span value, struct blob_record *ret_record) MUST_USE;
void schema_encode_piece(struct span key, const struct piece_record *record, struct buf *out);
enum storage_err schema_decode_piece(
    struct span key, struct span value, struct piece_record *ret_record) MUST_USE;
void schema_encode_extent(struct span key, const struct extent_record *record, struct buf *out);
enum storage_err schema_decode_extent(
    struct span key, struct span value, struct extent_record *ret_record) MUST_USE;
void schema_encode_segment(struct span key, const struct segment_record *record, struct buf *out);
enum storage_err schema_decode_segment(
    struct span key, struct span value, struct segment_record *ret_record) MUST_USE;
void schema_encode_freed(struct span key, const struct freed_record *record, struct buf *out);
enum storage_err schema_decode_freed(
    struct span key, struct span value, struct freed_record *ret_record) MUST_USE;

#endif
