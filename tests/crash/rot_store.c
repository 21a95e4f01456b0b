#include "rot.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BODY_MAX_BYTES = 3 * 1024 * 1024,
    ASK_ARENA_BYTES = 64 * 1024 * 1024,
    COPY_PART_BYTES = 300 * 1024
};

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

/* ---- questions ---- */

struct asking {
    struct storage *store;
    struct arena *arena;
    struct question *items;
    size_t count;
};

static void add(struct asking *asking, struct question question)
{
    if (asking->count < QUESTIONS_MAX)
        asking->items[asking->count++] = question;
}

static void add_objects(struct asking *asking, struct question of)
{
    struct list_query query = {.bucket_id = of.bucket_id, .max = 1000, .versions = true};
    struct list_page page;
    must(storage_list(asking->store, &query, asking->arena, &page), "listing");
    for (size_t i = 0; i < page.count; i++) {
        const struct list_entry *entry = &page.items[i];
        struct question question = of;
        question.key = entry->key;
        question.kind = ASK_OBJECT;
        question.version = (struct version_ref){
            VERSION_EXACT, entry->info.version.sequence, entry->info.version.random};
        if (!entry->info.is_newest || i % 8 == 0)
            add(asking, question);
        question.version = (struct version_ref){VERSION_NEWEST, 0, 0};
        if (entry->info.is_newest)
            add(asking, question);
        question.kind = ASK_LINEAGE;
        if (i % 16 == 0 || span_eq(entry->key, SPAN("derived")) ||
            span_eq(entry->key, SPAN("packed")))
            for (int derived = 0; derived < 2; derived++) {
                question.flag = derived;
                add(asking, question);
            }
    }
}

static void add_lists(struct asking *asking, struct question of)
{
    static const struct span prefixes[] = {SPAN(""), SPAN("a/"), SPAN("a/b/00"), SPAN("c"),
        SPAN("v/"), SPAN("raw/"), SPAN("xxxx"), SPAN("zz")};
    of.kind = ASK_LIST;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        for (int variant = 0; variant < 3; variant++) {
            of.key = prefixes[i];
            of.delimiter = variant == 1 ? SPAN("/") : SPAN_ABSENT;
            of.flag = variant == 2;
            add(asking, of);
        }
}

static void add_uploads(struct asking *asking, struct question of)
{
    struct upload_query query = {.bucket_id = of.bucket_id, .max = 100};
    struct upload_page page;
    must(storage_upload_list(asking->store, &query, asking->arena, &page), "listing uploads");
    of.kind = ASK_UPLOADS;
    add(asking, of);
    of.kind = ASK_UPLOAD;
    for (size_t i = 0; i < page.count; i++) {
        of.key = page.items[i].key;
        of.upload = page.items[i].info.id;
        add(asking, of);
    }
}

static void add_zones(struct asking *asking, struct question of)
{
    struct zone_set set;
    struct list_query query = {.bucket_id = of.bucket_id, .prefix = SPAN("raw/"), .max = 40};
    struct list_page page;
    of.kind = ASK_ZONES;
    add(asking, of);
    must(storage_zones_get(asking->store, of.bucket_id, asking->arena, &set), "zones");
    of.kind = ASK_DUPLICATES;
    for (size_t i = 0; i < set.count; i++) {
        of.number = set.rules[i].id;
        add(asking, of);
    }
    if (set.count == 0)
        return;
    must(storage_list(asking->store, &query, asking->arena, &page), "listing a zone");
    of.kind = ASK_CONTENT;
    for (size_t i = 0; i < page.count; i++) {
        of.key = page.items[i].key;
        of.number = page.items[i].info.size_bytes;
        of.crc64nvme = page.items[i].info.attributes.crc64nvme;
        add(asking, of);
    }
}

size_t rot_questions(struct storage *store, struct arena *arena, struct question *ret_questions)
{
    struct asking asking = {.store = store, .arena = arena, .items = ret_questions};
    struct bucket_page buckets;
    struct record_page records;
    add(&asking, (struct question){.kind = ASK_BUCKETS});
    add(&asking, (struct question){.kind = ASK_RECORDS});
    must(storage_bucket_list(store, UINT64_MAX, SPAN(""), SPAN(""), 100, arena, &buckets),
        "buckets");
    for (size_t i = 0; i < buckets.count; i++) {
        struct question of = {
            .kind = ASK_BUCKET, .bucket = buckets.items[i].name, .bucket_id = buckets.items[i].id};
        add(&asking, of);
        add_objects(&asking, of);
        add_lists(&asking, of);
        add_uploads(&asking, of);
        of.kind = ASK_DOCUMENT;
        for (of.number = DOCUMENT_POLICY; of.number <= DOCUMENT_ZONES; of.number++)
            add(&asking, of);
        add_zones(&asking, of);
    }
    must(storage_record_list(store, SPAN(""), SPAN(""), 1000, arena, &records), "records");
    for (size_t i = 0; i < records.count; i++)
        add(&asking, (struct question){.kind = ASK_RECORD, .key = records.items[i].key});
    return asking.count;
}

/* ---- answers ---- */

static void tell(struct answer *answer, struct span bytes)
{
    uint64_t len = bytes.len;
    answer->told = crc64nvme_update(answer->told, span_of(&len, sizeof(len)));
    answer->told = crc64nvme_update(answer->told, bytes);
}

static void tell_number(struct answer *answer, uint64_t number)
{
    tell(answer, span_of(&number, sizeof(number)));
}

static void tell_info(struct answer *answer, const struct object_info *info)
{
    tell_number(answer, info->size_bytes);
    tell_number(answer, (uint64_t)info->modified_ms);
    tell_number(answer, info->version.sequence);
    tell_number(answer, info->version.random);
    tell_number(answer, (uint64_t)info->is_newest << 1 | (uint64_t)info->is_delete_marker);
    tell(answer, info->duplicate_of);
    tell(answer, span_of(info->attributes.etag.md5, MD5_BYTES));
    tell_number(answer, info->attributes.crc64nvme);
    tell_number(answer, info->attributes.owner_id);
    tell(answer, info->attributes.metadata);
}

static void tell_parts(struct answer *answer, const struct part_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        tell_number(answer, page->items[i].number);
        tell_number(answer, page->items[i].size_bytes);
        tell_number(answer, page->items[i].crc64nvme);
    }
}

static enum storage_err ask_object(struct storage *store, const struct question *question,
    struct arena *arena, struct answer *answer)
{
    static char bytes[BLOB_BLOCK_BYTES];
    struct object_info info = {0};
    struct blob_reader *reader = NULL;
    struct part_page parts = {0};
    enum storage_err err = storage_object_open(
        store, question->bucket_id, question->key, question->version, arena, &info, &reader);
    if (err == STORAGE_OK || err == STORAGE_DELETE_MARKER)
        tell_info(answer, &info);
    if (err == STORAGE_OK)
        err = blob_parts(reader, 0, 100, arena, &parts);
    tell_parts(answer, &parts);
    size_t got = 1;
    for (uint64_t at = 0; err == STORAGE_OK && got > 0; at += got) {
        got = 0;
        err = blob_read(reader, at, bytes, sizeof(bytes), true, &got);
        answer->bytes = crc64nvme_update(answer->bytes, span_of(bytes, got));
    }
    /* A range, as a client might ask for. */
    uint64_t middle = info.size_bytes / 3;
    if (err == STORAGE_OK && info.size_bytes > 10)
        err = blob_read(reader, middle, bytes, 7, true, &got);
    if (err == STORAGE_OK && info.size_bytes > 10)
        answer->bytes = crc64nvme_update(answer->bytes, span_of(bytes, got));
    blob_close(reader);
    return err;
}

static enum storage_err ask_list(struct storage *store, const struct question *question,
    struct arena *arena, struct answer *answer)
{
    struct list_query query = {.bucket_id = question->bucket_id,
        .prefix = question->key,
        .delimiter = question->delimiter,
        .versions = question->flag,
        .max = 120};
    enum storage_err err = STORAGE_OK;
    bool more = true;
    for (int pages = 0; err == STORAGE_OK && more && pages < 100; pages++) {
        struct list_page page = {0};
        err = storage_list(store, &query, arena, &page);
        for (size_t i = 0; err == STORAGE_OK && i < page.count; i++) {
            tell(answer, page.items[i].key);
            if (!page.items[i].is_prefix)
                tell_info(answer, &page.items[i].info);
        }
        more = page.truncated && page.count > 0;
        if (more) {
            query.after = page.items[page.count - 1].key;
            query.after_sequence =
                question->flag ? page.items[page.count - 1].info.version.sequence : 0;
        }
    }
    return err;
}

static enum storage_err ask_upload(struct storage *store, const struct question *question,
    struct arena *arena, struct answer *answer)
{
    struct upload_info info;
    struct part_page page = {0};
    uint64_t generation;
    enum storage_err err = storage_upload_get(
        store, question->bucket_id, question->key, question->upload, arena, &info);
    if (err == STORAGE_OK) {
        tell_number(answer, (uint64_t)info.initiated_ms);
        tell(answer, info.attributes.metadata);
        err = storage_upload_parts(store, question->bucket_id, question->key, question->upload, 0,
            100, arena, &page, &generation);
    }
    tell_parts(answer, &page);
    return err;
}

static enum storage_err ask_buckets(struct storage *store, const struct question *question,
    struct arena *arena, struct answer *answer)
{
    struct bucket_page page = {0};
    struct bucket_info info;
    enum storage_err err = STORAGE_OK;
    if (question->kind == ASK_BUCKETS) {
        err = storage_bucket_list(store, UINT64_MAX, SPAN(""), SPAN(""), 100, arena, &page);
    } else {
        err = storage_bucket_get(store, question->bucket, arena, &info);
        page = (struct bucket_page){.items = &info, .count = err == STORAGE_OK};
    }
    for (size_t i = 0; i < page.count; i++) {
        tell(answer, page.items[i].name);
        tell_number(answer, page.items[i].id);
        tell_number(answer, page.items[i].object_count);
        tell_number(answer, page.items[i].byte_count);
        tell_number(answer, page.items[i].versioning);
        tell_number(answer, page.items[i].generation);
    }
    return err;
}

static enum storage_err ask_records(struct storage *store, const struct question *question,
    struct arena *arena, struct answer *answer)
{
    struct record_page page = {0};
    struct span text;
    uint64_t generation;
    enum storage_err err = STORAGE_OK;
    if (question->kind == ASK_RECORDS)
        err = storage_record_list(store, SPAN(""), SPAN(""), 1000, arena, &page);
    else if (question->kind == ASK_RECORD)
        err = storage_record_get(store, question->key, arena, &text, &generation);
    else
        err = storage_document_get(store, question->bucket_id, (enum document_kind)question->number,
            arena, &text, &generation);
    if (err == STORAGE_OK && question->kind != ASK_RECORDS)
        tell(answer, text);
    for (size_t i = 0; i < page.count; i++) {
        tell(answer, page.items[i].key);
        tell(answer, page.items[i].value);
    }
    return err;
}

static enum storage_err ask_zones(struct storage *store, const struct question *question,
    struct arena *arena, struct answer *answer)
{
    struct zone_set set = {0};
    struct zone_stats stats = {0};
    struct duplicates_page groups = {0};
    struct content_page matches = {0};
    enum storage_err err = storage_zones_get(store, question->bucket_id, arena, &set);
    if (err == STORAGE_OK && question->kind == ASK_DUPLICATES) {
        struct duplicates_query query = {.bucket_id = question->bucket_id,
            .zone_id = question->number,
            .max_groups = 100,
            .max_keys = 10};
        err = storage_zone_stats(store, question->bucket_id, question->number, &stats);
        if (err == STORAGE_OK)
            err = storage_duplicates_list(store, &query, arena, &groups);
    }
    const struct zone_rule *rule = question->kind == ASK_CONTENT && err == STORAGE_OK
                                       ? zone_of_key(&set, question->key)
                                       : NULL;
    if (rule)
        err = storage_content_find(store, question->bucket_id, rule, SPAN("raw/nobody"),
            question->number, question->crc64nvme, 20, arena, &matches);
    for (size_t i = 0; i < set.count; i++)
        tell(answer, set.rules[i].prefix);
    tell_number(answer, stats.objects);
    tell_number(answer, stats.bytes);
    for (size_t i = 0; i < groups.count; i++)
        tell_number(answer, groups.items[i].total);
    for (size_t i = 0; i < matches.count; i++)
        tell(answer, matches.items[i].key);
    return err;
}

static enum storage_err ask_lineage(struct storage *store, const struct question *question,
    struct arena *arena, struct answer *answer)
{
    struct lineage_page page = {0};
    struct lineage_query query = {.bucket_id = question->bucket_id,
        .key = question->key,
        .version = question->version,
        .derived = question->flag,
        .max = 20};
    enum storage_err err = storage_lineage(store, &query, arena, &page);
    for (size_t i = 0; i < page.count; i++) {
        tell(answer, page.items[i].end.key);
        tell(answer, page.items[i].who);
    }
    return err;
}

static enum storage_err ask_uploads(struct storage *store, const struct question *question,
    struct arena *arena, struct answer *answer)
{
    struct upload_page page = {0};
    struct upload_query query = {.bucket_id = question->bucket_id, .max = 100};
    enum storage_err err = storage_upload_list(store, &query, arena, &page);
    for (size_t i = 0; i < page.count; i++)
        tell(answer, page.items[i].key);
    return err;
}

struct answer rot_ask(struct storage *store, const struct question *question)
{
    struct answer answer = {0};
    struct arena arena;
    arena_init(&arena, ASK_ARENA_BYTES);
    switch (question->kind) {
    case ASK_OBJECT:
        answer.err = ask_object(store, question, &arena, &answer);
        break;
    case ASK_LIST:
        answer.err = ask_list(store, question, &arena, &answer);
        break;
    case ASK_UPLOAD:
        answer.err = ask_upload(store, question, &arena, &answer);
        break;
    case ASK_UPLOADS:
        answer.err = ask_uploads(store, question, &arena, &answer);
        break;
    case ASK_BUCKETS:
    case ASK_BUCKET:
        answer.err = ask_buckets(store, question, &arena, &answer);
        break;
    case ASK_DOCUMENT:
    case ASK_RECORD:
    case ASK_RECORDS:
        answer.err = ask_records(store, question, &arena, &answer);
        break;
    case ASK_LINEAGE:
        answer.err = ask_lineage(store, question, &arena, &answer);
        break;
    case ASK_ZONES:
    case ASK_DUPLICATES:
    case ASK_CONTENT:
        answer.err = ask_zones(store, question, &arena, &answer);
        break;
    }
    arena_free(&arena);
    return answer;
}

void rot_describe(const struct question *question, char *text, size_t capacity)
{
    static const char *const kinds[] = {"buckets", "bucket", "object", "listing", "upload",
        "uploads", "document", "record", "records", "lineage", "zones", "duplicates", "content"};
    snprintf(text, capacity, "%s of %.*s/%.60s (%s, sequence %llu, number %llu)",
        kinds[question->kind], SPAN_ARG(question->bucket),
        span_present(question->key) ? question->key.ptr : "", question->flag ? "all" : "plain",
        (unsigned long long)question->version.sequence, (unsigned long long)question->number);
    for (char *c = text; *c; c++)
        if (!isprint((unsigned char)*c))
            *c = '?';
}
