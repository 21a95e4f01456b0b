#include "rot.h"
#include "storage/storage_care.h"

#include <stdio.h>
#include <stdlib.h>

enum { BODY_MAX_BYTES = 3 * 1024 * 1024, COPY_PART_BYTES = 300 * 1024 };

static struct bucket_ref lake, versioned, zoned;

static void must(enum storage_err err, const char *what)
{
    if (err == STORAGE_OK)
        return;
    fprintf(stderr, "rot: making the store: %s: %s\n", what, storage_err_text(err));
    exit(1);
}

/* ---- filling ---- */

/* seed 0: text, which deflates. */
static struct span body(size_t len, uint64_t seed)
{
    static char bytes[BODY_MAX_BYTES];
    uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;
    for (size_t i = 0; i < len; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes[i] = seed == 0 ? (char)('a' + i % 23) : (char)state;
    }
    return span_of(bytes, len);
}

static struct object_attributes attributes(struct span bytes)
{
    struct object_attributes made = {
        .crc64nvme = crc64nvme_update(0, bytes), .owner_id = 1, .metadata = SPAN("type=x")};
    md5_of(bytes, made.etag.md5);
    return made;
}

static struct stage *stage_of(struct storage *store, struct span bytes, bool compress)
{
    struct stage *stage = NULL;
    if (bytes.len == 0)
        return NULL;
    if (bytes.len <= STAGE_LENT_MAX_BYTES && !compress)
        return storage_stage_lend(store, bytes, &stage) == STORAGE_OK ? stage : NULL;
    if (storage_stage_open(store, bytes.len, &stage) != STORAGE_OK ||
        (compress && stage_compress(stage) != STORAGE_OK) ||
        stage_write(stage, bytes) != STORAGE_OK || stage_finish(stage) != STORAGE_OK) {
        stage_discard(stage);
        return NULL;
    }
    return stage;
}

struct put_order {
    struct bucket_ref bucket;
    struct span key, bytes, metadata;
    bool compress;
    const struct lineage_source *source;
};

static enum storage_err put(
    struct storage *store, const struct put_order *order, struct object_info *ret_info)
{
    struct mutation m = {.kind = MUTATION_PUT_OBJECT, .bucket = order->bucket, .key = order->key};
    m.put.stage = stage_of(store, order->bytes, order->compress);
    m.put.attributes = attributes(order->bytes);
    if (span_present(order->metadata))
        m.put.attributes.metadata = order->metadata;
    m.lineage.sources = order->source;
    m.lineage.count = order->source != NULL;
    m.lineage.who = SPAN("somebody");
    m.zone.undecided = true; /* nothing is compared; what looks the same is only marked */
    if (order->bytes.len > 0 && !m.put.stage)
        return STORAGE_NO_SPACE;
    enum storage_err err = storage_commit(store, &m);
    if (m.put.stage)
        stage_discard(m.put.stage);
    if (err == STORAGE_OK && ret_info)
        *ret_info = m.result;
    return err;
}

static enum storage_err put_bytes(
    struct storage *store, struct bucket_ref bucket, struct span key, struct span bytes)
{
    return put(store, &(struct put_order){.bucket = bucket, .key = key, .bytes = bytes}, NULL);
}

static struct bucket_ref make_bucket(struct storage *store, const char *name)
{
    struct mutation m = {.kind = MUTATION_CREATE_BUCKET, .bucket.name = span_str(name)};
    m.create_bucket.owner_id = 1;
    m.create_bucket.region = SPAN("us-east-1");
    must(storage_commit(store, &m), "a bucket");
    return (struct bucket_ref){m.bucket_info.id, span_str(name)};
}

static enum storage_err remove_key(struct storage *store, struct bucket_ref bucket, struct span key)
{
    struct mutation m = {.kind = MUTATION_DELETE_OBJECT, .bucket = bucket, .key = key};
    return storage_commit(store, &m);
}

static enum storage_err set_document(struct storage *store, size_t len)
{
    struct mutation m = {.kind = MUTATION_PUT_DOCUMENT, .bucket = lake};
    m.document.kind = DOCUMENT_POLICY;
    m.document.text = body(len, len);
    return storage_commit(store, &m);
}

static enum storage_err set_record(struct storage *store, unsigned number, size_t len)
{
    char key[32];
    snprintf(key, sizeof(key), "record/%03u", number);
    struct record_change change = {.key = span_str(key), .value = body(len, number + 1)};
    struct mutation m = {.kind = MUTATION_CHANGE_RECORDS};
    m.records.changes = &change;
    m.records.count = 1;
    return storage_commit(store, &m);
}

static struct upload_id begin_upload(struct storage *store, struct span key)
{
    struct mutation m = {.kind = MUTATION_CREATE_UPLOAD, .bucket = lake, .key = key};
    m.create_upload.attributes.metadata = SPAN("an upload's");
    must(storage_commit(store, &m), "an upload");
    return m.upload;
}

static void put_part(
    struct storage *store, struct span key, struct upload_id id, uint32_t number, struct span bytes)
{
    struct mutation m = {.kind = MUTATION_PUT_PART, .bucket = lake, .key = key};
    m.part.upload = id;
    m.part.number = number;
    m.part.stage = stage_of(store, bytes, false);
    m.part.attributes = attributes(bytes);
    must(storage_commit(store, &m), "a part");
}

static void copy_part(struct storage *store, struct span key, struct upload_id id, uint32_t number,
    struct copy_from from)
{
    struct mutation m = {.kind = MUTATION_COPY_PART, .bucket = lake, .key = key};
    m.part.upload = id;
    m.part.number = number;
    m.part.from = from;
    must(storage_commit(store, &m), "a copied part");
}

static void complete(struct storage *store, struct span key, struct upload_id id)
{
    static const struct part_choice choices[] = {{1}, {2}, {3}};
    struct arena arena;
    struct upload_info info;
    arena_init(&arena, 1024 * 1024);
    must(storage_upload_get(store, lake.id, key, id, &arena, &info), "reading an upload");
    struct mutation m = {.kind = MUTATION_COMPLETE_UPLOAD, .bucket = lake, .key = key};
    m.complete.upload = id;
    m.complete.generation = info.generation;
    m.complete.parts = choices;
    m.complete.part_count = 3;
    m.complete.attributes.etag.part_count = 3;
    must(storage_commit(store, &m), "completing");
    arena_free(&arena);
}

static void set_zones(struct storage *store)
{
    struct zone_rule rules[] = {
        {.name = SPAN("raw"), .prefix = SPAN("raw/"), .duplicates = DUPLICATES_FLAG},
        {.name = SPAN("refined"),
            .prefix = SPAN("refined/"),
            .duplicates = DUPLICATES_LINK,
            .max_objects = 100000},
    };
    struct mutation m = {.kind = MUTATION_PUT_ZONES, .bucket = zoned};
    m.zones.kind = DOCUMENT_ZONES;
    m.zones.text = SPAN("{\"zones\": []}");
    m.zones.rules = rules;
    m.zones.count = ARRAY_LEN(rules);
    must(storage_commit(store, &m), "zones");
}

static void collect(struct storage *store)
{
    bool more = true;
    for (int i = 0; more && i < 500; i++)
        if (storage_gc_step(store, &more) != STORAGE_OK)
            return;
}

static struct span numbered(const char *format, unsigned number)
{
    static char key[64];
    int len = snprintf(key, sizeof(key), "%s%05u", format, number);
    return span_of(key, (size_t)len);
}

static void fill_small(struct storage *store)
{
    for (unsigned i = 0; i < 400; i++)
        must(put_bytes(store, lake, numbered(i % 2 ? "a/b/" : "c/", i),
                 body(i % 3 ? 100 + i : 600 + 7 * i, i + 1)),
            "small objects");
    for (unsigned i = 0; i < 60; i++)
        must(remove_key(store, lake, numbered(i % 2 ? "a/b/" : "c/", 3 * i)), "deleting");
    for (unsigned i = 0; i < 60; i++)
        must(put_bytes(store, versioned, numbered("v/", i % 20), body(200 + 40 * i, 1000 + i)),
            "versions");
    for (unsigned i = 0; i < 3; i++)
        must(remove_key(store, versioned, numbered("v/", i)), "a delete marker");
    for (unsigned i = 0; i < 80; i++)
        must(put_bytes(
                 store, zoned, numbered(i % 2 ? "raw/" : "refined/", i), body(900, 2000 + i / 4)),
            "objects in zones");
    for (unsigned i = 0; i < 60; i++)
        must(set_record(store, i, i % 20 == 0 ? 6000 : 100 + i), "records");
}

static void fill_large(struct storage *store)
{
    static char long_key[1000], metadata[3000];
    struct object_info packed;
    memset(long_key, 'x', sizeof(long_key));
    memset(metadata, 'm', sizeof(metadata));
    must(put_bytes(store, lake, SPAN("empty"), SPAN("")), "an empty object");
    must(put_bytes(store, lake, SPAN("blocks"), body(700000, 11)), "blocks");
    must(put_bytes(store, lake, SPAN("file"), body(2500000, 12)), "a file");
    must(put(store,
             &(struct put_order){
                 .bucket = lake, .key = SPAN("text"), .bytes = body(600000, 0), .compress = true},
             NULL),
        "a compressed object");
    must(put(store,
             &(struct put_order){.bucket = lake,
                 .key = SPAN("described"),
                 .bytes = body(3000, 13),
                 .metadata = span_of(metadata, sizeof(metadata))},
             NULL),
        "long metadata");
    must(put_bytes(store, lake, span_of(long_key, 1000), body(2000, 14)), "a long key");
    must(put_bytes(store, lake, span_of(long_key, 700), body(2000, 15)), "a long key");
    must(put(store,
             &(struct put_order){.bucket = lake, .key = SPAN("packed"), .bytes = body(400000, 16)},
             &packed),
        "a source");
    struct copy_from from = {
        .bucket_id = lake.id, .key = SPAN("packed"), .version = packed.version};
    struct mutation copy = {.kind = MUTATION_COPY_OBJECT, .bucket = lake, .key = SPAN("copied")};
    copy.copy.from = from;
    copy.copy.attributes = packed.attributes;
    must(storage_commit(store, &copy), "a copy");
    struct lineage_source source = {.kind = LINEAGE_DECLARED,
        .end = {.bucket_id = lake.id,
            .bucket = lake.name,
            .key = SPAN("packed"),
            .version = packed.version}};
    must(
        put(store,
            &(struct put_order){
                .bucket = lake, .key = SPAN("derived"), .bytes = body(1000, 17), .source = &source},
            NULL),
        "a derived object");
    struct upload_id done = begin_upload(store, SPAN("multipart"));
    put_part(store, SPAN("multipart"), done, 1, body(1500000, 18));
    put_part(store, SPAN("multipart"), done, 2, body(5000, 19));
    from.offset_bytes = 1000;
    from.length_bytes = COPY_PART_BYTES;
    copy_part(store, SPAN("multipart"), done, 3, from);
    complete(store, SPAN("multipart"), done);
    struct upload_id open = begin_upload(store, SPAN("open"));
    put_part(store, SPAN("open"), open, 4, body(9000, 20));
    must(set_document(store, 5000), "a document");
}

void rot_fill(struct storage *store)
{
    lake = make_bucket(store, "lake");
    versioned = make_bucket(store, "versioned");
    zoned = make_bucket(store, "zoned");
    struct mutation m = {
        .kind = MUTATION_SET_VERSIONING, .bucket = versioned, .versioning = VERSIONING_ON};
    must(storage_commit(store, &m), "versioning");
    set_zones(store);
    fill_large(store);
    fill_small(store);
    collect(store);
    must(put_bytes(store, lake, SPAN("last"), body(1200, 21)), "the last object");
}

void rot_change(struct storage *store)
{
    enum storage_err errs[5] = {0};
    for (unsigned i = 0; i < 30; i++)
        errs[0] = put_bytes(store, lake, numbered("new/", i), body(300 + 30 * i, 5000 + i));
    for (unsigned i = 0; i < 20; i++)
        errs[1] = remove_key(store, lake, numbered("new/", i));
    for (unsigned i = 0; i < 10; i++)
        errs[2] = set_record(store, 500 + i, 3000);
    collect(store);
    errs[3] = put_bytes(store, lake, SPAN("new/file"), body(2000000, 6000));
    errs[4] = remove_key(store, lake, SPAN("new/file"));
    collect(store);
    (void)errs; /* what is refused is no change */
}
