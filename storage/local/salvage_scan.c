#include "storage/local/id_name.h"
#include "storage/local/log.h"
#include "storage/local/salvage.h"
#include "storage/local/space_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20, FOUND_BATCH = 20000 };

static void note_id(struct salvage *salvage, uint64_t id)
{
    if (id >> 40 > salvage->boot)
        salvage->boot = id >> 40;
}

/* ---- what is found ---- */

struct scan {
    struct salvage *salvage;
    struct index_txn *txn; /* of found */
    uint64_t changes;
    struct buf value;
    struct salvage_segment *segment;
    unsigned char *bytes;
    size_t len;
};

static enum storage_err flush(struct scan *scan)
{
    enum index_failure failure;
    enum storage_err err = scan->txn ? index_write_commit(TAKE(scan->txn), &failure) : STORAGE_OK;
    scan->changes = 0;
    return err == STORAGE_OK
               ? err
               : salvage_refuse(scan->salvage, "the list of what was found cannot be written",
                     failure == INDEX_NO_SPACE ? STORAGE_NO_SPACE : STORAGE_INTERNAL);
}

static struct span key_of_found(struct index_key *buffer, uint64_t extent_id, uint64_t segment_id)
{
    return key_of_side(buffer, extent_id, segment_id);
}

static enum storage_err add_extent(struct scan *scan, const struct extent *extent)
{
    struct index_key buffer;
    struct span key = key_of_found(&buffer, extent->id, extent->segment_id);
    enum storage_err err = STORAGE_OK;
    if (!scan->txn)
        err = index_write_begin(scan->salvage->found, &scan->txn);
    if (err != STORAGE_OK)
        return err;
    note_id(scan->salvage, extent->id);
    schema_encode_extent(key, &(struct extent_record){*extent, 1}, &scan->value);
    err = index_put(scan->txn, TABLE_EXTENTS, key, buf_span(&scan->value));
    if (err != STORAGE_OK) {
        index_write_abort(TAKE(scan->txn));
        return salvage_refuse(
            scan->salvage, "the list of what was found cannot be written", STORAGE_NO_SPACE);
    }
    return ++scan->changes < FOUND_BATCH ? STORAGE_OK : flush(scan);
}

static uint8_t store_of(struct salvage *salvage, const uint8_t *store_id)
{
    size_t i = 0;
    while (i < salvage->store_count && memcmp(salvage->stores[i], store_id, 16) != 0)
        i++;
    if (i == SALVAGE_STORES_MAX)
        return UINT8_MAX;
    if (i == salvage->store_count)
        memcpy(salvage->stores[salvage->store_count++], store_id, 16);
    salvage->store_frames[i]++;
    return (uint8_t)i;
}

static void raise_tail(struct salvage_segment *segment, uint64_t end)
{
    if (segment->tail_bytes < end)
        segment->tail_bytes = end;
}

static enum storage_err add_frame(struct scan *scan, size_t at)
{
    struct salvage *salvage = scan->salvage;
    struct log_header header;
    uint32_t payload_crc;
    struct span bytes = span_of(scan->bytes + at, scan->len - at);
    if (log_header_open(bytes, &header, &payload_crc) != STORAGE_OK)
        return STORAGE_OK;
    struct salvage_frame frame = {
        .id = header.frame_id,
        .previous_id = header.previous_id,
        .time_ms = header.time_ms,
        .segment_id = scan->segment->id,
        .offset_bytes = at,
        .size_bytes = LOG_HEADER_BYTES + header.payload_bytes,
        .store = store_of(salvage, header.store_id),
        .torn = log_frame_open(bytes, &header) != STORAGE_OK,
    };
    if (frame.store == UINT8_MAX)
        return STORAGE_OK;
    if (salvage->frame_count == salvage->frame_capacity) {
        size_t capacity = salvage->frame_capacity ? salvage->frame_capacity * 2 : 1024;
        struct salvage_frame *frames = realloc(salvage->frames, capacity * sizeof(*frames));
        if (!frames)
            return STORAGE_NO_MEMORY;
        salvage->frames = frames;
        salvage->frame_capacity = capacity;
    }
    salvage->frames[salvage->frame_count++] = frame;
    if (frame.torn)
        return STORAGE_OK;
    note_id(salvage, frame.id);
    scan->segment->log_bytes += frame.size_bytes;
    raise_tail(scan->segment, at + frame.size_bytes);
    return STORAGE_OK;
}

/* ---- one segment ---- */

static bool blocks_match(
    const struct scan *scan, const struct extent *extent, const unsigned char *footer)
{
    for (uint32_t i = 0; i < extent->block_count; i++) {
        uint64_t begin = (uint64_t)i * BLOB_BLOCK_BYTES, left = extent->length_bytes - begin;
        size_t len = left < BLOB_BLOCK_BYTES ? (size_t)left : BLOB_BLOCK_BYTES;
        uint32_t crc = crc32c_update(0, span_of(scan->bytes + extent->offset_bytes + begin, len));
        const unsigned char *kept = footer + 44 + 4 * (size_t)i;
        if (crc != ((uint32_t)kept[0] | (uint32_t)kept[1] << 8 | (uint32_t)kept[2] << 16 |
                       (uint32_t)kept[3] << 24))
            return false;
    }
    return true;
}

/* From the end, so that an extent is met before what its data may look like: an uploaded copy of a segment has
 * footers and frames, too. */
static enum storage_err scan_bytes(struct scan *scan)
{
    enum storage_err err = STORAGE_OK;
    size_t end = scan->len & ~(size_t)(EXTENT_ALIGN_BYTES - 1);
    while (end > 0 && err == STORAGE_OK) {
        struct extent extent;
        size_t at = end - EXTENT_ALIGN_BYTES;
        const unsigned char *bytes = scan->bytes + at;
        end = at;
        if (bytes[0] != 'L' || bytes[1] != 'G')
            continue;
        if (!footer_decode(bytes, scan->len - at, scan->segment->id, at, &extent)) {
            err = add_frame(scan, at);
            continue;
        }
        raise_tail(scan->segment, at + footer_bytes(extent.block_count));
        if (!blocks_match(scan, &extent, bytes))
            continue;
        end = (size_t)extent.offset_bytes;
        err = add_extent(scan, &extent);
    }
    return err;
}

/* What cannot be read counts as zeros. */
static void read_all(struct scan *scan, int fd, const char *path)
{
    bool told = false;
    for (size_t at = 0; at < scan->len;) {
        size_t wanted = scan->len - at < READ_BYTES ? scan->len - at : READ_BYTES;
        ssize_t got = pread(fd, scan->bytes + at, wanted, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            if (!told)
                salvage_lost(scan->salvage, "%s cannot be read at byte %zu: %s", path, at,
                    got < 0 ? strerror(errno) : "it became shorter");
            told = true;
            memset(scan->bytes + at, 0, wanted);
            got = (ssize_t)wanted;
        }
        at += (size_t)got;
    }
}

static enum storage_err scan_segment(struct scan *scan)
{
    struct salvage *salvage = scan->salvage;
    char path[PATH_MAX];
    struct stat info;
    if (snprintf(path, sizeof(path), "%s/segments/%016llx.seg", salvage->order->dir,
            (unsigned long long)scan->segment->id) >= (int)sizeof(path))
        return salvage_refuse(salvage, "a path is too long", STORAGE_INVALID);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &info) != 0) {
        salvage_lost(salvage, "%s cannot be opened: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return STORAGE_OK;
    }
    scan->len = (size_t)info.st_size;
    scan->segment->size_bytes = scan->len;
    scan->bytes = malloc(scan->len ? scan->len : 1);
    if (scan->bytes)
        read_all(scan, fd, path);
    close(fd);
    enum storage_err err = scan->bytes ? scan_bytes(scan) : STORAGE_NO_MEMORY;
    free(TAKE(scan->bytes));
    salvage->figures.segments++;
    salvage->figures.bytes += scan->len;
    return err;
}

/* ---- all of them ---- */

static int by_id(const void *a, const void *b)
{
    const struct salvage_segment *left = a, *right = b;
    return left->id < right->id ? -1 : left->id > right->id;
}

static enum storage_err list_segments(struct salvage *salvage)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/segments", salvage->order->dir);
    DIR *folder = opendir(path);
    if (!folder)
        return STORAGE_OK; /* then there are none */
    const struct dirent *entry;
    enum storage_err err = STORAGE_OK;
    while (err == STORAGE_OK && (entry = readdir(folder))) {
        uint64_t id;
        if (!id_name_parse(entry->d_name, ".seg", &id))
            continue;
        if (salvage->segment_count == salvage->segment_capacity) {
            size_t capacity = salvage->segment_capacity ? salvage->segment_capacity * 2 : 64;
            struct salvage_segment *segments =
                realloc(salvage->segments, capacity * sizeof(*segments));
            if (!segments) {
                err = STORAGE_NO_MEMORY;
                break;
            }
            salvage->segments = segments;
            salvage->segment_capacity = capacity;
        }
        note_id(salvage, id);
        salvage->segments[salvage->segment_count++] = (struct salvage_segment){.id = id};
    }
    closedir(folder);
    if (salvage->segment_count > 0)
        qsort(salvage->segments, salvage->segment_count, sizeof(*salvage->segments), by_id);
    return err;
}

/* Their boots count, too. */
static void list_files(struct salvage *salvage)
{
    for (unsigned i = 0; i < 256; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%s/files/%02x", salvage->order->dir, i);
        DIR *folder = opendir(path);
        const struct dirent *entry;
        while (folder && (entry = readdir(folder))) {
            uint64_t id;
            if (id_name_parse(entry->d_name, ".blob", &id))
                note_id(salvage, id);
        }
        if (folder)
            closedir(folder);
    }
}

enum storage_err salvage_scan(struct salvage *salvage)
{
    struct scan scan = {.salvage = salvage};
    buf_init(&scan.value, 4096);
    list_files(salvage);
    enum storage_err err = list_segments(salvage);
    for (size_t i = 0; i < salvage->segment_count && err == STORAGE_OK; i++) {
        scan.segment = &salvage->segments[i];
        err = scan_segment(&scan);
    }
    if (err == STORAGE_OK)
        err = flush(&scan);
    index_write_abort(scan.txn);
    buf_free(&scan.value);
    return err;
}

/* ---- looking it up ---- */

static bool same_content(const struct extent *left, const struct extent *right)
{
    return left->length_bytes == right->length_bytes && left->block_count == right->block_count &&
           (left->block_count > EXTENT_INLINE_CRCS ||
               memcmp(left->block_crcs, right->block_crcs,
                   left->block_count * sizeof(left->block_crcs[0])) == 0);
}

bool salvage_find_extent(
    struct salvage *salvage, const struct extent *extent, struct extent *ret_place)
{
    struct index_txn *txn = NULL;
    struct index_cursor *cursor = NULL;
    struct index_key buffer;
    struct span key, value;
    bool found = false;
    enum storage_err err = index_read_begin(salvage->found, &txn);
    if (err == STORAGE_OK)
        err = index_cursor_open(txn, TABLE_EXTENTS, &cursor);
    if (err == STORAGE_OK)
        err = index_seek(cursor, key_of_found(&buffer, extent->id, 0), &key, &value);
    for (; err == STORAGE_OK && key_u64_at(key, 0) == extent->id;
         err = index_next(cursor, &key, &value)) {
        struct extent_record record;
        if (schema_decode_extent(key, value, &record) != STORAGE_OK ||
            !same_content(&record.extent, extent))
            continue;
        found = true;
        *ret_place = *extent;
        ret_place->segment_id = record.extent.segment_id;
        ret_place->offset_bytes = record.extent.offset_bytes;
        ret_place->footer_crc = record.extent.footer_crc;
        if (ret_place->segment_id == extent->segment_id)
            break;
    }
    index_cursor_close(cursor);
    index_read_end(txn);
    return found;
}

bool salvage_file_whole(struct salvage *salvage, const struct extent *extent)
{
    static char block[BLOB_BLOCK_BYTES];
    struct segment *segment = NULL;
    uint32_t *crcs = NULL;
    struct space *space = salvage->store.space;
    if (extent->block_count != extent_block_count(extent->length_bytes) ||
        segment_acquire(space, extent->segment_id, true, &segment) != STORAGE_OK)
        return false;
    bool whole = extent_load_footer(segment, extent, &crcs) == STORAGE_OK;
    for (uint32_t i = 0; i < extent->block_count && whole; i++) {
        size_t got;
        whole = extent_read(segment, extent, crcs, (uint64_t)i * BLOB_BLOCK_BYTES, block,
                    sizeof(block), &got) == STORAGE_OK;
    }
    free(crcs);
    segment_release(segment);
    return whole;
}
