#include "storage/local/lineage.h"
#include "storage/local/schema_io.h"

/* ---- keys: row id, sequence, direction (1 byte), the other's row id, its sequence ---- */

static void store_u64(uint8_t *to, uint64_t value)
{
    value = htobe64(value);
    memcpy(to, &value, 8);
}

struct span key_of_lineage(
    struct index_key *key, struct lineage_node at, uint8_t direction, struct lineage_node other)
{
    store_u64(key->bytes, at.row_id);
    store_u64(key->bytes + 8, at.sequence);
    key->bytes[16] = direction;
    store_u64(key->bytes + 17, other.row_id);
    store_u64(key->bytes + 25, other.sequence);
    return span_of(key->bytes, LINEAGE_KEY_BYTES);
}

struct lineage_node lineage_at(struct span key)
{
    return (struct lineage_node){key_u64_at(key, 0), key_u64_at(key, 8)};
}

struct lineage_node lineage_other(struct span key)
{
    return (struct lineage_node){key_u64_at(key, 17), key_u64_at(key, 25)};
}

/* ---- values ---- */

enum { LINEAGE_GONE = 1, LINEAGE_ZONE = 2 };

static void put_text(struct record_writer *w, struct span text)
{
    put_u16(w, (uint16_t)text.len);
    put_bytes(w, text.ptr, text.len);
}

static struct span take_text(struct record_reader *r)
{
    return take_span(r, take_u16(r));
}

void schema_encode_lineage(struct span key, const struct lineage_record *record, struct buf *out)
{
    const struct lineage_edge *edge = &record->edge;
    const struct lineage_end *end = &edge->end;
    bool zone = span_present(end->zone);
    struct record_writer w =
        record_begin(out, 2 + 8 + 8 + 17 + ETAG_BYTES + 4 * 2 + end->bucket.len + end->key.len +
                              edge->who.len + end->zone.len);
    put_u8(&w, (uint8_t)((edge->gone ? LINEAGE_GONE : 0) | (zone ? LINEAGE_ZONE : 0)));
    put_u8(&w, (uint8_t)edge->kind);
    put_u64(&w, (uint64_t)edge->at_ms);
    put_u64(&w, end->bucket_id);
    put_version(&w, &end->version);
    put_etag(&w, &end->etag);
    put_text(&w, end->bucket);
    put_text(&w, end->key);
    put_text(&w, edge->who);
    if (zone)
        put_text(&w, end->zone);
    record_end(&w, key);
}

enum storage_err schema_decode_lineage(
    struct span key, struct span value, struct lineage_record *ret_record)
{
    struct record_reader r;
    struct lineage_record record = {.edge.gone = false};
    struct lineage_edge *edge = &record.edge;
    enum storage_err err = record_open(key, value, &r);
    if (err != STORAGE_OK)
        return err;
    uint8_t flags = take_u8(&r);
    edge->gone = (flags & LINEAGE_GONE) != 0;
    edge->kind = (enum lineage_kind)take_u8(&r);
    edge->at_ms = (int64_t)take_u64(&r);
    edge->end.bucket_id = take_u64(&r);
    take_version(&r, &edge->end.version);
    take_etag(&r, &edge->end.etag);
    edge->end.bucket = take_text(&r);
    edge->end.key = take_text(&r);
    edge->who = take_text(&r);
    if (flags & LINEAGE_ZONE)
        edge->end.zone = take_text(&r);
    if ((err = record_closed(&r)) == STORAGE_OK)
        *ret_record = record;
    return err;
}
