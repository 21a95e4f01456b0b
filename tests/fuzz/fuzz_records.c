/* Byte 0: the kind of record; byte 1: how long its key is; then the key and a value without format and checksum,
 * which are put around it. What is read is written, and read again to the same. The value as it came, whose checksum
 * never fits, is refused. */
#include "base/digest.h"
#include "fuzz.h"
#include "storage/local/lineage.h"
#include "storage/local/schema_io.h"
#include "storage/local/zones.h"

static struct arena arena;

/* Reads a record and writes it again; false when it is refused. */
typedef bool again_fn(struct span key, struct span value, struct buf *out);

#define RECORD(name, type)                                                                         \
    static bool again_##name(struct span key, struct span value, struct buf *out)                  \
    {                                                                                              \
        type record;                                                                               \
        if (schema_decode_##name(key, value, &record) != STORAGE_OK)                               \
            return false;                                                                          \
        schema_encode_##name(key, &record, out);                                                   \
        return true;                                                                               \
    }
RECORD(store, struct store_record)
RECORD(state, struct state_record)
RECORD(tallies, struct tallies_record)
RECORD(bucket, struct bucket_record)
RECORD(document, struct document_record)
RECORD(object, struct object_record)
RECORD(row, struct row_record)
RECORD(upload, struct upload_record)
RECORD(blob, struct blob_record)
RECORD(piece, struct piece_record)
RECORD(extent, struct extent_record)
RECORD(segment, struct segment_record)
RECORD(freed, struct freed_record)
RECORD(zone_state, struct zone_state)
RECORD(lineage, struct lineage_record)

static bool again_bytes(struct span key, struct span value, struct buf *out)
{
    struct span bytes;
    if (schema_decode_bytes(key, value, &bytes) != STORAGE_OK)
        return false;
    schema_encode_bytes(key, bytes, out);
    return true;
}

static bool again_node(struct span key, struct span value, struct buf *out)
{
    uint64_t id;
    if (schema_decode_node(key, value, &id) != STORAGE_OK)
        return false;
    schema_encode_node(key, id, out);
    return true;
}

static bool again_rule(struct span key, struct span value, struct buf *out)
{
    struct zone_rule rule;
    uint64_t generation;
    if (schema_decode_rule(key, value, &arena, &rule, &generation) != STORAGE_OK)
        return false;
    schema_encode_rule(key, &rule, generation, out);
    return true;
}

static again_fn *const kinds[] = {again_store, again_state, again_tallies, again_bucket,
    again_document, again_object, again_row, again_upload, again_blob, again_piece, again_extent,
    again_segment, again_freed, again_zone_state, again_lineage, again_bytes, again_node,
    again_rule};

static void check(again_fn *again, struct span key, struct span body)
{
    struct buf value, once, twice;
    buf_init(&value, SCHEMA_VALUE_MAX_BYTES);
    buf_init(&once, SCHEMA_VALUE_MAX_BYTES);
    buf_init(&twice, SCHEMA_VALUE_MAX_BYTES);
    struct record_writer writer = record_begin(&value, body.len);
    put_bytes(&writer, body.ptr, body.len);
    record_end(&writer, key);
    if (again(key, buf_span(&value), &once)) {
        CHECK(buf_ok(&once));
        CHECK(again(key, buf_span(&once), &twice));
        CHECK(span_eq(buf_span(&once), buf_span(&twice)));
    }
    buf_free(&value);
    buf_free(&once);
    buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > SCHEMA_VALUE_MAX_BYTES / 2)
        return 0;
    again_fn *again = kinds[data[0] % ARRAY_LEN(kinds)];
    struct span rest = span_of(data + 2, size - 2), key = span_first(rest, data[1]);
    arena_init(&arena, FUZZ_ARENA_BYTES);
    check(again, key, span_from(rest, key.len));
    struct buf out;
    buf_init(&out, SCHEMA_VALUE_MAX_BYTES);
    (void)again(SPAN("k"), rest, &out);
    buf_free(&out);
    arena_free(&arena);
    return 0;
}
