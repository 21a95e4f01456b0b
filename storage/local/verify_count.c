#include "storage/local/verify.h"

#include <inttypes.h>

/* ---- lists of ids ---- */

void id_list_add(struct check *check, struct id_list *list, uint64_t id)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        uint64_t *ids = realloc(list->ids, capacity * sizeof(*ids));
        if (!ids) {
            check->out_of_memory = true;
            return;
        }
        list->ids = ids;
        list->capacity = capacity;
    }
    list->ids[list->count++] = id;
    list->sorted = false;
}

static int by_id(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static const uint64_t *id_list_find(struct id_list *list, uint64_t id)
{
    if (list->count == 0)
        return NULL;
    if (!list->sorted)
        qsort(list->ids, list->count, sizeof(*list->ids), by_id);
    list->sorted = true;
    return bsearch(&id, list->ids, list->count, sizeof(*list->ids), by_id);
}

bool id_list_has(struct id_list *list, uint64_t id)
{
    return id_list_find(list, id) != NULL;
}

size_t id_list_count(struct id_list *list, uint64_t id)
{
    const uint64_t *first = id_list_find(list, id), *end = first;
    if (!first)
        return 0;
    while (first > list->ids && first[-1] == id)
        first--;
    while (end < list->ids + list->count && *end == id)
        end++;
    return (size_t)(end - first);
}

/* ---- sums ---- */

static uint64_t mix(uint64_t value, uint64_t seed)
{
    value ^= seed;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

static void sum_add(struct id_sum *sum, uint64_t id, uint64_t count)
{
    sum->a += count * mix(id, 0x6a09e667f3bcc909);
    sum->b += count * mix(id, 0xbb67ae8584caa73b);
}

static struct exact_count *exact_entry(struct check *check, uint64_t id)
{
    struct exact *exact = check->exact;
    if (mix(id, 0) % exact->passes != exact->pass)
        return NULL;
    size_t i = (size_t)(mix(id, 1) % exact->capacity);
    for (size_t tries = 0; tries < exact->capacity; tries++) {
        struct exact_count *entry = &exact->counts[i];
        if (entry->id == 0)
            entry->id = id;
        if (entry->id == id)
            return entry;
        i = (i + 1) % exact->capacity;
    }
    check->out_of_memory = true;
    return NULL;
}

void count_reference(struct check *check, enum id_kind kind, uint64_t id)
{
    if (check->exact) {
        struct exact_count *entry = exact_entry(check, id);
        if (entry)
            entry->counted++;
        return;
    }
    sum_add(kind == ID_BLOB ? &check->blobs_found : &check->extents_found, id, 1);
}

void count_named(struct check *check, enum id_kind kind, uint64_t id, uint64_t count)
{
    if (check->exact) {
        struct exact_count *entry = exact_entry(check, id);
        if (entry)
            entry->named += count;
        return;
    }
    sum_add(kind == ID_BLOB ? &check->blobs_named : &check->extents_named, id, count);
}

/* ---- counting one by one ---- */

static void count_object(struct check *check, struct span key, struct span value)
{
    struct object_record record;
    if (schema_decode_object(key, value, &record) == STORAGE_OK && record.blob_id != 0)
        count_reference(check, ID_BLOB, record.blob_id);
}

static void count_upload(struct check *check, struct span key, struct span value)
{
    struct upload_record record;
    if (schema_decode_upload(key, value, &record) == STORAGE_OK && !record.completed)
        count_reference(check, ID_BLOB, record.id.blob_id);
}

static void count_blob(struct check *check, struct span key, struct span value)
{
    struct blob_record record;
    if (schema_decode_blob(key, value, &record) == STORAGE_OK)
        count_named(check, ID_BLOB, key_u64_at(key, 0), record.references);
}

static void count_piece(struct check *check, struct span key, struct span value)
{
    struct piece_record record;
    if (schema_decode_piece(key, value, &record) == STORAGE_OK && record.extent_id != 0)
        count_reference(check, ID_EXTENT, record.extent_id);
}

static void count_extent(struct check *check, struct span key, struct span value)
{
    struct extent_record record;
    if (schema_decode_extent(key, value, &record) == STORAGE_OK)
        count_named(check, ID_EXTENT, key_u64_at(key, 0), record.references);
}

static void count_pass(struct check *check, enum id_kind kind)
{
    struct exact *exact = check->exact;
    memset(exact->counts, 0, exact->capacity * sizeof(*exact->counts));
    if (kind == ID_BLOB) {
        walk_table(check, TABLE_OBJECTS, count_object, false);
        walk_table(check, TABLE_VERSIONS, count_object, false);
        walk_table(check, TABLE_UPLOADS, count_upload, false);
        walk_table(check, TABLE_BLOBS, count_blob, false);
    } else {
        walk_table(check, TABLE_PIECES, count_piece, false);
        walk_table(check, TABLE_EXTENTS, count_extent, false);
    }
    check->exact = NULL;
    for (size_t i = 0; i < exact->capacity; i++) {
        const struct exact_count *entry = &exact->counts[i];
        if (entry->named != entry->counted)
            finding(check,
                "%s %" PRIx64 ": its row counts %" PRIu64 " references, there are %" PRIu64,
                kind == ID_BLOB ? "blob" : "extent", entry->id, entry->named, entry->counted);
    }
}

static void count_exactly(struct check *check, enum id_kind kind)
{
    uint64_t before = check->findings;
    uint64_t rows = kind == ID_BLOB ? check->rows[TABLE_BLOBS] : check->rows[TABLE_EXTENTS];
    struct exact exact = {
        .passes = rows / VERIFY_PASS_IDS + 1, .capacity = 4 * (size_t)VERIFY_PASS_IDS};
    exact.counts = malloc(exact.capacity * sizeof(*exact.counts));
    if (!exact.counts) {
        check->out_of_memory = true;
        return;
    }
    for (; exact.pass < exact.passes; exact.pass++) {
        check->exact = &exact;
        count_pass(check, kind);
    }
    check->exact = NULL;
    free(exact.counts);
    if (check->findings == before)
        finding(check, "%s references do not add up", kind == ID_BLOB ? "blob" : "extent");
}

static bool sum_eq(const struct id_sum *left, const struct id_sum *right)
{
    return left->a == right->a && left->b == right->b;
}

void verify_references(struct check *check)
{
    if (!sum_eq(&check->blobs_named, &check->blobs_found))
        count_exactly(check, ID_BLOB);
    if (!sum_eq(&check->extents_named, &check->extents_found))
        count_exactly(check, ID_EXTENT);
}
