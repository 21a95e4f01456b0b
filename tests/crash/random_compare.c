#include "random.h"

/* ---- what the store is told of a mark ---- */

struct span metadata_text(uint64_t mark, uint32_t bytes, char *buffer)
{
    for (size_t i = 0; i < bytes; i++)
        buffer[i] = (char)('a' + (mark + i) % 26);
    return bytes ? span_of(buffer, bytes) : SPAN_ABSENT;
}

struct span metadata_of(const struct model_version *version, char *buffer)
{
    uint64_t mark = version->metadata_mark ? version->metadata_mark : version->writer;
    return metadata_text(mark, version->metadata_bytes, buffer);
}

struct object_attributes attributes_of(
    uint64_t mark, uint64_t writer, uint32_t parts, uint32_t metadata_bytes)
{
    static char metadata[METADATA_MAX_BYTES];
    struct object_attributes attributes = {
        .etag.part_count = parts,
        .crc64nvme = mix(mark + 3),
        .owner_id = writer % 1000,
        .storage_class = (uint8_t)(writer % 3),
        .metadata = metadata_text(writer, metadata_bytes, metadata),
    };
    for (size_t i = 0; i < MD5_BYTES; i++)
        attributes.etag.md5[i] = (uint8_t)(mix(mark) >> (i % 8 * 8));
    return attributes;
}

static bool attributes_same(
    const struct object_attributes *a, const struct object_attributes *b, bool metadata)
{
    return etag_eq(&a->etag, &b->etag) && a->crc64nvme == b->crc64nvme &&
           a->owner_id == b->owner_id && a->storage_class == b->storage_class &&
           (!metadata || span_eq(a->metadata, b->metadata));
}

bool info_same(const struct object_info *info, const struct model_version *version, bool metadata)
{
    if (!version->unknown && (info->version.sequence != version->version.sequence ||
                                 info->version.random != version->version.random))
        return false;
    if (info->version.is_null != version->version.is_null ||
        info->is_delete_marker != version->is_marker)
        return false;
    static char buffer[METADATA_MAX_BYTES];
    struct object_attributes wanted =
        attributes_of(version->mark, version->writer, version->etag_parts, 0);
    wanted.metadata = metadata_of(version, buffer);
    return version->is_marker || (info->size_bytes == content_size(&version->content) &&
                                     attributes_same(&info->attributes, &wanted, metadata));
}

/* ---- comparing all that there is ---- */

const char *difference; /* the first one */

static bool differs(const char *what)
{
    difference = what;
    return false;
}

static bool bytes_same(struct blob_reader *reader, const struct model_content *content)
{
    static char got[400000], wanted[sizeof got];
    uint64_t size = content_size(content), at = 0;
    if (blob_size(reader) != size)
        return differs("a size");
    while (at < size) {
        size_t len = 0;
        if (blob_read(reader, at, got, sizeof got, true, &len) != STORAGE_OK || len == 0)
            return differs("bytes that cannot be read");
        content_bytes(content, at, wanted, len);
        if (memcmp(got, wanted, len) != 0)
            return differs("bytes");
        at += len;
    }
    return true;
}

struct version_ref ref_of(const struct model_version *version)
{
    return (struct version_ref){VERSION_EXACT, version->version.sequence, version->version.random};
}

static bool parts_same(struct blob_reader *reader, const struct model_version *version)
{
    struct part_page page;
    if (blob_parts(reader, 0, 100, &arena, &page) != STORAGE_OK)
        return differs("parts that cannot be read");
    if (page.count != version->part_count || page.total != version->part_count)
        return differs("the number of parts");
    for (size_t i = 0; i < page.count; i++)
        if (page.items[i].size_bytes != version->part_sizes[i])
            return differs("the size of a part");
    return true;
}

static bool version_same(
    uint64_t bucket_id, unsigned key, struct model_version *version, bool learn)
{
    struct object_info info;
    struct blob_reader *reader = NULL;
    struct version_ref ref = ref_of(version);
    if (version->unknown)
        ref = (struct version_ref){.select = VERSION_NEWEST};
    enum storage_err err =
        storage_object_open(store, bucket_id, model_key(key), ref, &arena, &info, &reader);
    if (err != (version->is_marker ? STORAGE_DELETE_MARKER : STORAGE_OK))
        return differs("a version that should be there");
    bool same = info_same(&info, version, true) || differs("what is kept of a version");
    if (same && !version->is_marker)
        same = bytes_same(reader, &version->content) && parts_same(reader, version);
    if (same && learn && version->unknown) {
        version->version = info.version;
        version->unknown = false;
    }
    blob_close(reader);
    return same;
}

static bool upload_same(uint64_t bucket_id, const struct model_upload *upload)
{
    struct upload_info info;
    struct part_page page;
    uint64_t generation;
    enum storage_err err =
        storage_upload_get(store, bucket_id, model_key(upload->key), upload->id, &arena, &info);
    if (err != STORAGE_OK || info.completed != upload->completed)
        return differs("an upload");
    if (upload->completed)
        return true;
    err = storage_upload_parts(
        store, bucket_id, model_key(upload->key), upload->id, 0, 100, &arena, &page, &generation);
    size_t count = 0;
    for (size_t i = 0; err == STORAGE_OK && i < MODEL_PARTS; i++) {
        if (!upload->parts[i].used)
            continue;
        if (count == page.count || page.items[count].number != i + 1 ||
            page.items[count].size_bytes != content_size(&upload->parts[i].content) ||
            page.items[count].crc64nvme != mix(upload->parts[i].mark + 3))
            return differs("a part of an upload");
        count++;
    }
    return err == STORAGE_OK && count == page.count ? true : differs("the parts of an upload");
}

/* The whole listing with all versions, against the model's. */
static bool listing_same(struct model_bucket *bucket)
{
    static struct model_list wanted;
    struct list_page page;
    struct list_query query = {.bucket_id = bucket->id, .max = MODEL_ENTRIES, .versions = true};
    if (storage_list(store, &query, &arena, &page) != STORAGE_OK)
        return differs("a listing");
    model_list(bucket, &query, &wanted);
    if (page.count != wanted.count || page.truncated)
        return differs("the number of versions");
    for (size_t i = 0; i < page.count; i++)
        if (!span_eq(page.items[i].key, wanted.entries[i].key) ||
            !info_same(&page.items[i].info, wanted.entries[i].version, false))
            return differs("an entry of the listing");
    return true;
}

static bool open_uploads_same(const struct model_bucket *bucket, uint64_t wanted)
{
    struct upload_page page;
    struct upload_query query = {.bucket_id = bucket->id, .max = 100};
    if (storage_upload_list(store, &query, &arena, &page) != STORAGE_OK || page.count != wanted)
        return differs("the list of uploads");
    return true;
}

static bool documents_same(const struct model_bucket *bucket)
{
    char text[3000];
    for (unsigned kind = 0; kind < MODEL_DOCUMENTS; kind++) {
        struct span got;
        uint64_t generation, text_seed = bucket->documents[kind];
        enum storage_err err = storage_document_get(
            store, bucket->id, (enum document_kind)(kind + 1), &arena, &got, &generation);
        if (err != (text_seed ? STORAGE_OK : STORAGE_NO_SUCH_DOCUMENT) ||
            (text_seed && !span_eq(got, model_text(text_seed, text, sizeof text))))
            return differs("a document");
    }
    return true;
}

static bool bucket_same(unsigned number, struct model_bucket *bucket, bool learn)
{
    struct bucket_info info;
    uint64_t objects, bytes, uploads;
    enum storage_err err =
        storage_bucket_get(store, span_str(model_bucket_name(number)), &arena, &info);
    if (err != (bucket->used ? STORAGE_OK : STORAGE_NO_SUCH_BUCKET))
        return differs("whether a bucket exists");
    if (!bucket->used)
        return true;
    if (bucket->id == 0 && learn)
        bucket->id = info.id;
    model_count(bucket, &objects, &bytes, &uploads);
    if ((bucket->id != 0 && info.id != bucket->id) || info.versioning != bucket->versioning ||
        (bucket->owner_id != 0 && info.owner_id != bucket->owner_id))
        return differs("a bucket");
    struct model_bucket *known = bucket;
    if (bucket->id == 0) /* made by the step that never came back */
        return info.object_count == 0 ? true : differs("a new bucket");
    if (info.object_count != objects || info.byte_count != bytes || info.upload_count != uploads)
        return differs("the counters of a bucket");
    if (!listing_same(known) || !open_uploads_same(known, uploads) || !documents_same(known))
        return false;
    for (unsigned key = 0; key < MODEL_KEYS; key++)
        for (size_t i = 0; i < bucket->version_counts[key]; i++)
            if (!version_same(bucket->id, key, &bucket->versions[key][i], learn))
                return false;
    for (size_t i = 0; i < MODEL_UPLOADS; i++)
        if (bucket->uploads[i].used && bucket->uploads[i].id.blob_id != 0 &&
            !upload_same(bucket->id, &bucket->uploads[i]))
            return false;
    return true;
}

struct span record_key(unsigned number, char buffer[static 16])
{
    return span_of(buffer, (size_t)snprintf(buffer, 16, "record/%u", number));
}

static bool records_same(struct model *model, bool learn)
{
    char text[3000], key[16];
    for (unsigned i = 0; i < MODEL_RECORDS; i++) {
        struct span value;
        uint64_t generation;
        enum storage_err err =
            storage_record_get(store, record_key(i, key), &arena, &value, &generation);
        if (err != (model->records[i] ? STORAGE_OK : STORAGE_NO_SUCH_RECORD) ||
            (model->records[i] &&
                !span_eq(value, model_text(model->records[i], text, sizeof text))))
            return differs("a record");
        if (err != STORAGE_OK)
            continue;
        if (model->record_generations[i] != 0 && model->record_generations[i] != generation)
            return differs("a record's generation");
        if (learn)
            model->record_generations[i] = generation;
    }
    return true;
}

/* learn: what an unfinished step has made gets its ids from the store. */
bool all_same(struct model *model, bool learn)
{
    for (unsigned i = 0; i < MODEL_BUCKETS; i++)
        if (!bucket_same(i, &model->buckets[i], learn))
            return false;
    return records_same(model, learn);
}

void check_all(void)
{
    if (!all_same(&shared->model, true))
        fail("the store and the model differ in %s", difference);
}
