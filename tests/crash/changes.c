#include "changes.h"
#include "storage/storage_care.h"

static struct model_bucket *lake(void)
{
    return &shared->model.buckets[0];
}

static uint64_t texts_made;

static struct bucket_ref lake_ref(void)
{
    return (struct bucket_ref){lake()->id, span_str(model_bucket_name(0))};
}

static void learn(struct model_version *version, const struct mutation *m)
{
    version->version = m->result.version;
    version->unknown = false;
    change_learnt();
}

static struct stage *stage_bytes_of(
    const struct model_content *content, bool own_file, bool compress)
{
    static char bytes[400000];
    struct stage *stage = NULL;
    uint64_t size = content_size(content);
    content_bytes(content, 0, bytes, (size_t)size);
    if (size <= STAGE_LENT_MAX_BYTES && !compress) { /* as the daemon does */
        if (storage_stage_lend(store, span_of(bytes, (size_t)size), &stage) != STORAGE_OK)
            change_failed("lending");
        return stage;
    }
    /* Of unknown size: a file of its own from 256 KiB on, without a megabyte to be written. */
    if (storage_stage_open(store, own_file ? STAGE_SIZE_UNKNOWN : size, &stage) != STORAGE_OK ||
        (compress && stage_compress(stage) != STORAGE_OK) ||
        stage_write(stage, span_of(bytes, (size_t)size)) != STORAGE_OK ||
        stage_finish(stage) != STORAGE_OK) {
        stage_discard(stage);
        change_failed("staging");
        return NULL;
    }
    return stage;
}

static struct model_content content_of(uint64_t size)
{
    static uint64_t next;
    return (struct model_content){{{mix(++next), 0, size}}, 1};
}

static void put(unsigned key, uint64_t size, bool own_file, bool compress)
{
    struct model_content content = content_of(size);
    struct mutation m = {.kind = MUTATION_PUT_OBJECT, .bucket = lake_ref(), .key = model_key(key)};
    uint64_t mark = mix(size + key);
    if (!(m.put.stage = stage_bytes_of(&content, own_file, compress)))
        return;
    m.put.attributes = attributes_of(mark, mark, 0, 300);
    struct model_version *version = model_write(lake(), key);
    version->content = content;
    version->mark = version->writer = mark;
    version->metadata_bytes = 300;
    if (commit_change(&m))
        learn(version, &m);
}

static void put_inline(void)
{
    put(0, 100, false, false);
}
static void put_packed(void)
{
    put(1, 5000, false, false);
}
static void put_compressed(void)
{
    put(1, 9000, false, true);
}
static void put_two_blocks(void)
{
    put(3, 300000, false, false);
}
static void put_own_file(void)
{
    put(2, 280000, true, false);
}

static void remove_key(unsigned key)
{
    struct mutation m = {
        .kind = MUTATION_DELETE_OBJECT, .bucket = lake_ref(), .key = model_key(key)};
    struct model_version *marker = NULL;
    if (lake()->versioning != VERSIONING_OFF) {
        marker = model_write(lake(), key);
        marker->is_marker = true;
    } else if (lake()->version_counts[key] > 0) {
        model_remove(lake(), key, 0);
    }
    if (commit_change(&m) && marker)
        learn(marker, &m);
}

static void delete_packed(void)
{
    remove_key(1);
}
static void delete_own_file(void)
{
    remove_key(2);
}

static void copy(void)
{
    struct model_version *from = model_newest(lake(), 1);
    if (!from || from->is_marker)
        return;
    struct model_version source = *from;
    struct mutation m = {.kind = MUTATION_COPY_OBJECT, .bucket = lake_ref(), .key = model_key(5)};
    m.copy.from =
        (struct copy_from){.bucket_id = lake()->id, .key = model_key(1), .version = source.version};
    m.copy.attributes = attributes_of(9, 9, source.etag_parts, 0);
    struct model_version *version = model_write(lake(), 5);
    bool is_null = version->version.is_null;
    *version = source;
    version->version = (struct version){.is_null = is_null};
    version->unknown = true;
    version->mark = version->writer = 9;
    version->metadata_bytes = 0;
    version->metadata_mark = 0;
    if (commit_change(&m))
        learn(version, &m);
}

/* Metadata in the record, then in a row beside it, then none. */
static void set_metadata(void)
{
    static char expected[METADATA_MAX_BYTES], text[METADATA_MAX_BYTES];
    static const uint32_t bytes[] = {200, 900, 0};
    for (unsigned key = 0; key < 3; key++) {
        struct model_version *version = model_newest(lake(), key);
        if (!version || version->is_marker || version->unknown)
            continue;
        struct mutation m = {
            .kind = MUTATION_SET_METADATA, .bucket = lake_ref(), .key = model_key(key)};
        m.set_metadata.version = (struct version_ref){.select = VERSION_NEWEST};
        m.set_metadata.expected = metadata_of(version, expected);
        version->metadata_mark = mix(++texts_made) | 1;
        version->metadata_bytes = bytes[(key + texts_made) % ARRAY_LEN(bytes)];
        m.set_metadata.metadata =
            metadata_text(version->metadata_mark, version->metadata_bytes, text);
        if (!commit_change(&m))
            return;
    }
}

static bool make_upload(unsigned key, struct model_upload *upload)
{
    struct mutation m = {
        .kind = MUTATION_CREATE_UPLOAD, .bucket = lake_ref(), .key = model_key(key)};
    m.create_upload.attributes = attributes_of(4, 4, 0, 0);
    *upload = (struct model_upload){.used = true, .key = key, .mark = 4};
    if (!commit_change(&m))
        return false;
    upload->id = m.upload;
    change_learnt();
    return true;
}

static bool make_part(struct model_upload *upload, uint32_t number, uint64_t size)
{
    struct model_content content = content_of(size);
    struct mutation m = {
        .kind = MUTATION_PUT_PART, .bucket = lake_ref(), .key = model_key(upload->key)};
    m.part.upload = upload->id;
    m.part.number = number;
    m.part.attributes = attributes_of(number, number, 0, 0);
    if (!(m.part.stage = stage_bytes_of(&content, size > 262144, false)))
        return false;
    upload->parts[number - 1] = (struct model_part){true, content, number};
    return commit_change(&m);
}

static void complete_upload(struct model_upload *upload)
{
    static const struct part_choice choices[] = {{1}, {2}};
    struct upload_info info;
    struct mutation m = {
        .kind = MUTATION_COMPLETE_UPLOAD, .bucket = lake_ref(), .key = model_key(upload->key)};
    if (storage_upload_get(store, lake()->id, m.key, upload->id, &arena, &info) != STORAGE_OK) {
        change_failed("reading an upload");
        return;
    }
    m.complete.upload = upload->id;
    m.complete.generation = info.generation;
    m.complete.parts = choices;
    m.complete.part_count = 2;
    m.complete.attributes = attributes_of(11, 11, 2, 0);
    struct model_version *version = model_write(lake(), upload->key);
    for (size_t i = 0; i < 2; i++) {
        const struct model_content *part = &upload->parts[i].content;
        version->part_sizes[i] = content_size(part);
        (void)content_add(&version->content, part, 0, content_size(part));
    }
    version->mark = 11;
    version->writer = upload->mark;
    version->etag_parts = version->part_count = 2;
    upload->completed = true;
    if (commit_change(&m))
        learn(version, &m);
}

static void multipart(void)
{
    struct model_upload *upload = &lake()->uploads[0];
    if (!upload->used && make_upload(6, upload) && make_part(upload, 1, 270000) &&
        make_part(upload, 2, 700))
        complete_upload(upload);
}

static void create_bucket(void)
{
    struct model_bucket *bucket = &shared->model.buckets[1];
    if (bucket->used)
        return;
    struct mutation m = {
        .kind = MUTATION_CREATE_BUCKET, .bucket.name = span_str(model_bucket_name(1))};
    *bucket = (struct model_bucket){.used = true};
    if (!commit_change(&m))
        return;
    bucket->id = m.bucket_info.id;
    change_learnt();
}

static void delete_bucket(void)
{
    struct model_bucket *bucket = &shared->model.buckets[1];
    if (!bucket->used)
        return;
    struct mutation m = {
        .kind = MUTATION_DELETE_BUCKET, .bucket = {bucket->id, span_str(model_bucket_name(1))}};
    *bucket = (struct model_bucket){0};
    (void)commit_change(&m);
}

static void put_document(void)
{
    static char text[3000];
    struct mutation m = {.kind = MUTATION_PUT_DOCUMENT, .bucket = lake_ref()};
    lake()->documents[0] = mix(++texts_made) | 1;
    m.document.kind = (enum document_kind)1;
    m.document.text = model_text(lake()->documents[0], text, sizeof text);
    (void)commit_change(&m);
}

static void change_records(void)
{
    static char texts[2][3000], keys[2][16];
    struct record_change pair[2];
    for (unsigned i = 0; i < 2; i++) {
        shared->model.records[i] = mix(++texts_made) | 1;
        pair[i] = (struct record_change){.key = record_key(i, keys[i]),
            .value = model_text(shared->model.records[i], texts[i], sizeof texts[i])};
    }
    struct mutation m = {.kind = MUTATION_CHANGE_RECORDS};
    m.records.changes = pair;
    m.records.count = 2;
    (void)commit_change(&m);
}

static void versioning_on(void)
{
    struct mutation m = {
        .kind = MUTATION_SET_VERSIONING, .bucket = lake_ref(), .versioning = VERSIONING_ON};
    lake()->versioning = VERSIONING_ON;
    (void)commit_change(&m);
}

static void collect(void)
{
    bool more = true;
    for (int i = 0; more && i < 200; i++)
        if (storage_gc_step(store, &more) != STORAGE_OK) {
            change_failed("gc");
            return;
        }
}

static void give_up_staging(void)
{
    struct model_content content = content_of(5000);
    stage_discard(stage_bytes_of(&content, false, false));
}

const struct change changes[CHANGES] = {
    {"inline", put_inline},
    {"packed", put_packed},
    {"compressed", put_compressed},
    {"blocks", put_two_blocks},
    {"file", put_own_file},
    {"delete", delete_packed},
    {"delete-file", delete_own_file},
    {"copy", copy},
    {"metadata", set_metadata},
    {"multipart", multipart},
    {"bucket", create_bucket},
    {"delete-bucket", delete_bucket},
    {"document", put_document},
    {"records", change_records},
    {"versioning", versioning_on},
    {"gc", collect},
    {"give-up", give_up_staging},
    {"reopen", change_reopen},
};

void change_begin(void)
{
    struct mutation m = {
        .kind = MUTATION_CREATE_BUCKET, .bucket.name = span_str(model_bucket_name(0))};
    lake()->used = true;
    if (!commit_change(&m))
        return;
    lake()->id = m.bucket_info.id;
    change_learnt();
    put_inline();
    put_packed();
    put_own_file();
}
