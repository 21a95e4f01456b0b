#include "storage/local/parts.h"

#include "storage/local/page.h"

static void part_of(
    uint32_t number, uint64_t offset, const struct piece_record *piece, struct part_info *ret_part)
{
    *ret_part = (struct part_info){
        .number = number,
        .offset_bytes = offset,
        .size_bytes = piece->part_size_bytes,
        .modified_ms = piece->modified_ms,
        .etag = piece->etag,
        .crc64nvme = piece->crc64nvme,
        .checksum = piece->checksum,
    };
}

enum storage_err parts_read(struct index_txn *txn, uint64_t blob_id, struct part_range range,
    struct arena *arena, struct part_page *ret_page)
{
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span found, value;
    struct part_page page = {0};
    size_t capacity = 0;
    uint64_t offset = 0;
    enum storage_err err = index_cursor_open(txn, TABLE_PIECES, &cursor);
    if (err != STORAGE_OK)
        return err;
    uint32_t first = range.with_offsets ? 0 : range.after + 1;
    err = index_seek(cursor, key_of_piece(&buffer, blob_id, first, 0), &found, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &found, &value)) {
        struct piece_record piece;
        uint32_t number = key_u32_at(found, 8);
        if (key_u64_at(found, 0) != blob_id)
            break;
        if (key_u32_at(found, 12) != 0)
            continue;
        if ((err = schema_decode_piece(found, value, &piece)) != STORAGE_OK)
            break;
        if (number > range.after && piece.has_part) {
            if (page.count == range.max) {
                page.truncated = range.max > 0;
                break;
            }
            page.items =
                page_grow(arena, page.items, sizeof(*page.items), page.count, &capacity, range.max);
            if (arena->overflow) {
                err = STORAGE_NO_MEMORY;
                break;
            }
            part_of(number, range.with_offsets ? offset : 0, &piece, &page.items[page.count++]);
        }
        offset += piece.part_size_bytes;
    }
    index_cursor_close(cursor);
    if (err != STORAGE_OK && err != STORAGE_NO_SUCH_KEY)
        return err;
    *ret_page = page;
    return STORAGE_OK;
}
