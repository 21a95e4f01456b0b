#include "daemon/jobs/copy_parts.h"

#include "base/encode.h"
#include "daemon/daemon.h"
#include "storage/storage_uploads.h"

enum { PARTS_ARENA_BYTES = 8 * 1024 * 1024, COMPLETE_MAX_BYTES = 2 * 1024 * 1024 };
#define OWN_PART_BYTES (UINT64_C(64) << 20)

/* ---- which parts ---- */

static bool make_parts(struct copy_parts *parts, uint32_t count)
{
    free(parts->parts);
    parts->parts = calloc(count > 0 ? count : 1, sizeof(*parts->parts));
    parts->count = count;
    parts->done = 0;
    return parts->parts != NULL;
}

/* Boundaries of our own: the ETag will be another. */
static uint64_t own_part_bytes(uint64_t size_bytes)
{
    uint64_t part_bytes = OWN_PART_BYTES;
    while (size_bytes / part_bytes >= STORAGE_PART_MAX)
        part_bytes *= 2;
    return part_bytes;
}

bool copy_parts_choose(struct copy_object *object, bool by_number)
{
    struct copy_parts *parts = object->task->parts;
    const struct copy_entry *entry = &object->entry;
    uint32_t count = entry->etag.part_count != COPY_ETAG_HASHED ? entry->etag.part_count : 0;
    if (count > STORAGE_PART_MAX)
        count = 0;
    parts->by_number = by_number && count > 1;
    parts->probed = !parts->by_number;
    parts->etag_fits = count > 0 && parts->etag_fits;
    parts->part_bytes =
        count == 1 ? entry->size_bytes : copy_guess_part_bytes(entry->size_bytes, count);
    if (!parts->by_number && parts->part_bytes == 0 && count != 1) {
        parts->part_bytes = own_part_bytes(entry->size_bytes);
        count = (uint32_t)((entry->size_bytes + parts->part_bytes - 1) / parts->part_bytes);
        parts->etag_fits = false;
    }
    return make_parts(parts, count);
}

uint64_t copy_parts_range_bytes(const struct copy_object *object, uint32_t number)
{
    const struct copy_parts *parts = object->task->parts;
    uint64_t first = (number - 1) * parts->part_bytes, left = object->entry.size_bytes - first;
    return left < parts->part_bytes ? left : parts->part_bytes;
}

void copy_parts_done(
    struct copy_parts *parts, uint32_t number, const uint8_t *md5, uint64_t size_bytes)
{
    struct copy_part *part = &parts->parts[number - 1];
    memcpy(part->md5, md5, MD5_BYTES);
    part->size_bytes = size_bytes;
    part->state = COPY_PART_DONE;
    parts->done++;
}

/* ---- the upload ---- */

static struct storage *store_of(const struct copy_object *object)
{
    return object->run->daemon->store;
}

void copy_upload_abort(struct copy_object *object, struct upload_id id)
{
    struct mutation mutation = {.kind = MUTATION_ABORT_UPLOAD,
        .bucket = {object->run->destination.id, object->run->job->spec.bucket},
        .key = object->key,
        .abort = {id}};
    enum storage_err err = storage_commit(store_of(object), &mutation);
    (void)err; /* it may be gone already */
}

void copy_upload_abort_forgotten(struct copy_object *object)
{
    struct arena arena CLEANUP(arena_free);
    struct upload_page page;
    struct upload_query query = {
        .bucket_id = object->run->destination.id, .prefix = object->key, .max = 10};
    arena_init(&arena, PARTS_ARENA_BYTES);
    if (storage_upload_list(store_of(object), &query, &arena, &page) != STORAGE_OK)
        return;
    for (size_t i = 0; i < page.count; i++) {
        const struct upload_info *info = &page.items[i].info;
        struct part_page parts;
        uint64_t generation;
        if (page.items[i].is_prefix || !span_eq(page.items[i].key, object->key) ||
            info->initiated_ms < object->run->job->created_ms ||
            storage_upload_parts(store_of(object), query.bucket_id, object->key, info->id, 0, 1,
                &arena, &parts, &generation) != STORAGE_OK ||
            parts.count > 0)
            continue;
        copy_upload_abort(object, info->id);
    }
}

bool copy_upload_take_up(struct copy_object *object, bool *ret_complete)
{
    struct arena arena CLEANUP(arena_free);
    struct copy_parts *parts = object->task->parts;
    struct copy_large *record = copy_upload_record(object);
    struct upload_info info;
    struct part_page page;
    uint64_t generation;
    uint64_t bucket_id = object->run->destination.id;
    arena_init(&arena, PARTS_ARENA_BYTES);
    if (storage_upload_get(
            store_of(object), bucket_id, object->key, record->upload, &arena, &info) != STORAGE_OK)
        return false;
    *ret_complete = info.completed;
    if (info.completed)
        return true;
    if (storage_upload_parts(store_of(object), bucket_id, object->key, record->upload, 0,
            STORAGE_PART_MAX, &arena, &page, &generation) != STORAGE_OK)
        return false;
    for (size_t i = 0; i < page.count; i++) {
        const struct part_info *part = &page.items[i];
        if (part->number > parts->count ||
            (!parts->by_number && part->size_bytes != copy_parts_range_bytes(object, part->number)))
            continue;
        copy_parts_done(parts, part->number, part->etag.md5, part->size_bytes);
    }
    return true;
}

void copy_upload_forget(struct copy_object *object)
{
    copy_upload_record(object)->upload = (struct upload_id){0};
    object->run->dirty = true;
}

/* ---- what they make ---- */

uint64_t copy_parts_rebuilt(const struct copy_parts *parts, struct etag *ret_etag)
{
    struct digest md5 = {0};
    uint8_t result[DIGEST_MAX_BYTES] = {0};
    uint64_t size_bytes = 0;
    if (!digest_init(&md5, DIGEST_MD5))
        return UINT64_MAX;
    for (uint32_t i = 0; i < parts->count; i++) {
        digest_update(&md5, span_of(parts->parts[i].md5, MD5_BYTES));
        size_bytes += parts->parts[i].size_bytes;
    }
    digest_final(&md5, result);
    digest_free(&md5);
    memcpy(ret_etag->md5, result, MD5_BYTES);
    ret_etag->part_count = parts->count;
    return size_bytes;
}

void copy_parts_write(struct copy_parts *parts)
{
    char hex[2 * MD5_BYTES + 1];
    buf_init(&parts->complete, COMPLETE_MAX_BYTES);
    buf_add_lit(&parts->complete, "<CompleteMultipartUpload>");
    for (uint32_t i = 0; i < parts->count; i++) {
        hex_encode(parts->parts[i].md5, MD5_BYTES, hex);
        buf_addf(&parts->complete,
            "<Part><PartNumber>%u</PartNumber><ETag>&quot;%s&quot;</ETag></Part>",
            (unsigned)(i + 1), hex);
    }
    buf_add_lit(&parts->complete, "</CompleteMultipartUpload>");
}
