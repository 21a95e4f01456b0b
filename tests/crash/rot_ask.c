#include "rot.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { ASK_ARENA_BYTES = 64 * 1024 * 1024 };

static void must(enum storage_err err, const char *what)
{
    if (err == STORAGE_OK)
        return;
    fprintf(stderr, "rot: asking: %s: %s\n", what, storage_err_text(err));
    exit(1);
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
