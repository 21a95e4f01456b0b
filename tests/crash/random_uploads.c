#include "random.h"

/* ---- uploads ---- */

static struct model_upload *any_upload(struct model_bucket *bucket, bool used)
{
    size_t first = dice(MODEL_UPLOADS);
    for (size_t i = 0; bucket->used && i < MODEL_UPLOADS; i++) {
        struct model_upload *upload = &bucket->uploads[(first + i) % MODEL_UPLOADS];
        if (upload->used == used)
            return upload;
    }
    return NULL;
}

void step_create_upload(void)
{
    struct model_bucket *bucket;
    unsigned number = any_bucket(&bucket), key = (unsigned)dice(MODEL_KEYS);
    struct model_upload *upload = any_upload(bucket, false);
    if (!upload)
        return;
    struct mutation m = {
        .kind = MUTATION_CREATE_UPLOAD, .bucket = bucket_ref(number), .key = model_key(key)};
    uint64_t mark = dice(UINT64_MAX);
    uint32_t metadata_bytes = (uint32_t)dice(600);
    m.create_upload.attributes = attributes_of(mark, mark, 0, metadata_bytes);
    *upload = (struct model_upload){
        .used = true, .key = key, .mark = mark, .metadata_bytes = metadata_bytes};
    if (commit("create upload", &m, STORAGE_OK))
        upload->id = m.upload;
}

void step_put_part(void)
{
    struct model_bucket *bucket;
    unsigned number = any_bucket(&bucket);
    struct model_upload *upload = any_upload(bucket, true);
    size_t part = dice(MODEL_PARTS);
    if (!upload || upload->id.blob_id == 0)
        return;
    struct mutation m = {
        .kind = MUTATION_PUT_PART, .bucket = bucket_ref(number), .key = model_key(upload->key)};
    struct model_content content = new_content();
    uint64_t mark = dice(UINT64_MAX);
    m.part.upload = upload->id;
    m.part.number = (uint32_t)part + 1;
    m.part.stage = stage_content(&content);
    m.part.attributes = attributes_of(mark, mark, 0, 0);
    enum storage_err wanted = upload->completed ? STORAGE_NO_SUCH_UPLOAD : STORAGE_OK;
    if (wanted == STORAGE_OK)
        upload->parts[part] = (struct model_part){true, content, mark};
    (void)commit("put part", &m, wanted);
}

void step_copy_part(void)
{
    struct model_bucket *bucket, *from_bucket;
    unsigned number = any_bucket(&bucket), from_key = (unsigned)dice(MODEL_KEYS);
    (void)any_bucket(&from_bucket);
    struct model_upload *upload = any_upload(bucket, true);
    const struct model_version *from = any_version(from_bucket, from_key);
    size_t part = dice(MODEL_PARTS);
    uint64_t size = from && !from->is_marker ? content_size(&from->content) : 0;
    if (!upload || upload->completed || upload->id.blob_id == 0 || size < 2000)
        return;
    uint64_t offset = dice(size - 1), length = 1 + dice(size - offset);
    uint64_t mark = dice(UINT64_MAX);
    struct model_content content = {0};
    if (!content_add(&content, &from->content, offset, length))
        return;
    struct mutation m = {
        .kind = MUTATION_COPY_PART, .bucket = bucket_ref(number), .key = model_key(upload->key)};
    m.part.upload = upload->id;
    m.part.number = (uint32_t)part + 1;
    m.part.from =
        (struct copy_from){from_bucket->id, model_key(from_key), from->version, offset, length};
    m.part.attributes = attributes_of(mark, mark, 0, 0);
    bool changed = dice(8) == 0; /* another version is there than was read */
    m.part.from.version.sequence += changed;
    if (!changed)
        upload->parts[part] = (struct model_part){true, content, mark};
    (void)commit("copy part", &m, changed ? STORAGE_CHANGED : STORAGE_OK);
}

/* Does the Complete name a part that there is not? */
static bool names_missing(const struct model_upload *upload, const struct mutation *complete)
{
    for (size_t i = 0; i < complete->complete.part_count; i++)
        if (!upload->parts[complete->complete.parts[i].number - 1].used)
            return true;
    return false;
}

/* Names some of the parts; now and then again, or too late, or with parts that are not there. */
void step_complete(void)
{
    struct model_bucket *bucket;
    unsigned number = any_bucket(&bucket);
    struct model_upload *upload = any_upload(bucket, true);
    struct upload_info info;
    struct part_choice choices[MODEL_PARTS];
    struct model_content content = {0};
    if (!upload || upload->id.blob_id == 0 || !model_has_room(bucket, upload->key))
        return;
    unsigned key = upload->key;
    struct mutation m = {
        .kind = MUTATION_COMPLETE_UPLOAD, .bucket = bucket_ref(number), .key = model_key(key)};
    same_err("upload", storage_upload_get(store, bucket->id, m.key, upload->id, &arena, &info),
        STORAGE_OK);
    bool missing = dice(8) == 0, late = dice(8) == 0;
    uint64_t part_sizes[MODEL_PARTS];
    uint32_t part_numbers[MODEL_PARTS];
    for (uint32_t i = 0; i < MODEL_PARTS; i++) {
        const struct model_part *part = &upload->parts[i];
        if ((part->used || missing) && dice(5) != 0) {
            part_sizes[m.complete.part_count] = content_size(&part->content);
            part_numbers[m.complete.part_count] = i + 1;
            choices[m.complete.part_count++].number = i + 1;
            missing = missing && part->used;
            if (part->used &&
                !content_add(&content, &part->content, 0, content_size(&part->content)))
                return;
        }
    }
    if (m.complete.part_count == 0)
        return;
    uint64_t mark = dice(UINT64_MAX);
    m.complete.upload = upload->id;
    m.complete.generation = info.generation + late;
    m.complete.parts = choices;
    memset(m.complete.parts_hash, (int)dice(2), MD5_BYTES);
    m.complete.attributes = attributes_of(mark, mark, (uint32_t)m.complete.part_count, 0);
    if (upload->completed) {
        bool again = memcmp(upload->parts_hash, m.complete.parts_hash, MD5_BYTES) == 0;
        if (commit("complete again", &m, again ? STORAGE_OK : STORAGE_NO_SUCH_UPLOAD) &&
            m.result.version.sequence != upload->result.sequence)
            fail("a repeated complete made another version");
        return;
    }
    enum model_condition condition = any_condition();
    set_condition(&m, condition, model_newest(bucket, key));
    enum storage_err wanted = late ? STORAGE_CHANGED
                              : names_missing(upload, &m)
                                  ? STORAGE_NO_SUCH_PART
                                  : model_check(model_newest(bucket, key), condition);
    struct model_version *version = NULL;
    if (wanted == STORAGE_OK) {
        version = model_write(bucket, key);
        version->content = content;
        version->mark = mark;
        version->writer = upload->mark;
        version->etag_parts = (uint32_t)m.complete.part_count;
        version->metadata_bytes = upload->metadata_bytes;
        version->part_count = (uint32_t)m.complete.part_count;
        memcpy(version->part_sizes, part_sizes, sizeof part_sizes);
        memcpy(version->part_numbers, part_numbers, sizeof part_numbers);
        memcpy(upload->parts_hash, m.complete.parts_hash, MD5_BYTES);
        upload->completed = true;
    }
    if (commit("complete", &m, wanted)) {
        learn_version(version, &m);
        upload->result = m.result.version;
    }
}

void step_abort(void)
{
    struct model_bucket *bucket;
    unsigned number = any_bucket(&bucket);
    struct model_upload *upload = any_upload(bucket, true);
    if (!upload || upload->id.blob_id == 0)
        return;
    struct mutation m = {
        .kind = MUTATION_ABORT_UPLOAD, .bucket = bucket_ref(number), .key = model_key(upload->key)};
    m.abort.upload = upload->id;
    enum storage_err wanted = upload->completed ? STORAGE_NO_SUCH_UPLOAD : STORAGE_OK;
    if (wanted == STORAGE_OK)
        *upload = (struct model_upload){0};
    (void)commit("abort", &m, wanted);
}
