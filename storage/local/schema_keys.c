#include "storage/local/schema.h"

#include <endian.h>

static size_t add_u64(struct index_key *key, size_t at, uint64_t value)
{
    value = htobe64(value);
    memcpy(key->bytes + at, &value, 8);
    return at + 8;
}

static size_t add_u32(struct index_key *key, size_t at, uint32_t value)
{
    value = htobe32(value);
    memcpy(key->bytes + at, &value, 4);
    return at + 4;
}

static struct span done(const struct index_key *key, size_t len)
{
    return span_of(key->bytes, len);
}

struct span key_of_u64(struct index_key *key, uint64_t id)
{
    return done(key, add_u64(key, 0, id));
}

struct span key_of_document(struct index_key *key, uint64_t bucket_id, enum document_kind kind)
{
    size_t at = add_u64(key, 0, bucket_id);
    key->bytes[at] = (uint8_t)kind;
    return done(key, at + 1);
}

struct span key_of_version(struct index_key *key, uint64_t row_id, uint64_t sequence)
{
    return done(key, add_u64(key, add_u64(key, 0, row_id), ~sequence));
}

struct span key_of_side(struct index_key *key, uint64_t row_id, uint64_t sequence)
{
    return done(key, add_u64(key, add_u64(key, 0, row_id), sequence));
}

struct span key_of_piece(struct index_key *key, uint64_t blob_id, uint32_t part, uint32_t index)
{
    return done(key, add_u32(key, add_u32(key, add_u64(key, 0, blob_id), part), index));
}

struct span key_of_freed(struct index_key *key, enum freed_kind kind, uint64_t sequence)
{
    key->bytes[0] = (uint8_t)kind;
    return done(key, add_u64(key, 1, sequence));
}

struct span key_of_node_prefix(struct index_key *key, uint64_t node_id, struct span piece)
{
    size_t at = add_u64(key, 0, node_id);
    size_t len = piece.len < NODE_KEY_BYTES ? piece.len : NODE_KEY_BYTES;
    if (len > 0)
        memcpy(key->bytes + at, piece.ptr, len);
    return done(key, at + len);
}

static struct span key_of_piece_and_mark(
    struct index_key *key, uint64_t node_id, struct span piece, uint8_t mark)
{
    size_t at = key_of_node_prefix(key, node_id, piece).len;
    key->bytes[at] = mark;
    return done(key, at + 1);
}

struct span key_of_leaf(struct index_key *key, uint64_t node_id, struct span piece)
{
    return key_of_piece_and_mark(key, node_id, piece, 0x00);
}

struct span key_of_continuation(struct index_key *key, uint64_t node_id, struct span piece)
{
    return key_of_piece_and_mark(key, node_id, piece, 0x01);
}

struct span key_of_upload_leaf(
    struct index_key *key, uint64_t node_id, struct span piece, uint64_t blob_id)
{
    size_t at = key_of_leaf(key, node_id, piece).len;
    return done(key, add_u64(key, at, blob_id));
}

uint64_t key_u64_at(struct span key, size_t offset)
{
    uint64_t value = 0;
    if (offset + 8 <= key.len)
        memcpy(&value, key.ptr + offset, 8);
    return be64toh(value);
}

uint32_t key_u32_at(struct span key, size_t offset)
{
    uint32_t value = 0;
    if (offset + 4 <= key.len)
        memcpy(&value, key.ptr + offset, 4);
    return be32toh(value);
}
