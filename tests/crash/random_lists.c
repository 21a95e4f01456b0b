#include "random.h"

/* ---- listings: each parameter by chance, then on from page to page ---- */

static const char *const delimiters[] = {"", "/", "/", "//", "b/", "kkkk", "/b"};
static const char *const prefixes[] = {"", "", "a", "a/", "b", "dir", "kkkkkkkkk/", "none"};

static struct span any_delimiter(void)
{
    return span_str(delimiters[dice(ARRAY_LEN(delimiters))]);
}

static struct span any_prefix(void)
{
    return span_str(prefixes[dice(ARRAY_LEN(prefixes))]);
}

/* Of as many as there are at most; now and then none. */
static size_t any_max(size_t all)
{
    return dice(12) == 0 ? 0 : 1 + dice(dice(2) ? 4 : all);
}

/* A key, the beginning of one, or nothing. */
static struct span any_after(void)
{
    if (dice(2))
        return SPAN_ABSENT;
    struct span key = model_key((unsigned)dice(MODEL_KEYS));
    return dice(2) ? key : span_first(key, 1 + dice(key.len));
}

static bool entries_same(const struct list_page *page, const struct model_list *wanted)
{
    if (page->count != wanted->count || page->truncated != wanted->truncated)
        return false;
    for (size_t i = 0; i < page->count; i++) {
        const struct list_entry *got = &page->items[i];
        const struct model_entry *entry = &wanted->entries[i];
        if (!span_eq(got->key, entry->key) || got->is_prefix != entry->is_prefix ||
            (!got->is_prefix && !info_same(&got->info, entry->version, false)))
            return false;
    }
    return true;
}

static void check_list(
    const struct model_bucket *bucket, const struct list_query *query, struct list_page *ret_page)
{
    static struct model_list wanted;
    same_err("list", storage_list(store, query, &arena, ret_page), STORAGE_OK);
    model_list(bucket, query, &wanted);
    shared->tried.listings++;
    if (!entries_same(ret_page, &wanted))
        fail("list prefix '%.*s' delimiter '%.*s' after '%.*s' (%zu bytes%s) sequence %llu max "
             "%zu%s: %zu%s entries, the model has %zu%s",
            SPAN_ARG(query->prefix), SPAN_ARG(query->delimiter),
            SPAN_ARG(span_first(query->after, 20)), query->after.len,
            query->after_is_key ? ", a key" : "", (unsigned long long)query->after_sequence,
            query->max, query->versions ? " versions" : "", ret_page->count,
            ret_page->truncated ? " and more" : "", wanted.count,
            wanted.truncated ? " and more" : "");
}

void step_list(void)
{
    struct model_bucket *bucket;
    (void)any_bucket(&bucket);
    struct list_query query = {.bucket_id = bucket->id,
        .prefix = any_prefix(),
        .delimiter = any_delimiter(),
        .after = any_after(),
        .after_is_key = dice(2),
        .versions = dice(2),
        .max = any_max(MODEL_ENTRIES)};
    struct list_page page;
    if (!bucket->used) {
        query.bucket_id = UINT64_MAX - 1;
        same_err("list", storage_list(store, &query, &arena, &page), STORAGE_NO_SUCH_BUCKET);
        return;
    }
    query.after_is_key = query.after_is_key && !query.versions;
    if (query.versions && span_present(query.after) && dice(2)) {
        unsigned key = (unsigned)dice(MODEL_KEYS);
        const struct model_version *version = any_version(bucket, key);
        query.after = model_key(key);
        query.after_sequence = version ? version->version.sequence + dice(2) : 1 + dice(1000);
    }
    check_list(bucket, &query, &page);
    for (size_t i = 0; page.truncated && page.count > 0 && i < MODEL_ENTRIES; i++) {
        const struct list_entry *last = &page.items[page.count - 1];
        query.after = last->key;
        query.after_is_key = false;
        query.after_sequence = query.versions && !last->is_prefix ? last->info.version.sequence : 0;
        check_list(bucket, &query, &page);
    }
}

static void check_uploads(const struct model_bucket *bucket, const struct upload_query *query,
    struct upload_page *ret_page)
{
    struct model_upload_list wanted;
    same_err("list uploads", storage_upload_list(store, query, &arena, ret_page), STORAGE_OK);
    model_upload_list(bucket, query, &wanted);
    shared->tried.listings++;
    bool same = ret_page->count == wanted.count && ret_page->truncated == wanted.truncated;
    for (size_t i = 0; same && i < wanted.count; i++) {
        const struct upload_entry *got = &ret_page->items[i];
        const struct model_upload *upload = wanted.entries[i].upload;
        same = span_eq(got->key, wanted.entries[i].key) && got->is_prefix == !upload &&
               (!upload || (got->info.id.blob_id == upload->id.blob_id &&
                               got->info.id.random == upload->id.random && !got->info.completed));
    }
    if (!same)
        fail("list uploads prefix '%.*s' delimiter '%.*s' after '%.*s' (%zu bytes) upload %llu max "
             "%zu: %zu%s entries, the model has %zu%s",
            SPAN_ARG(query->prefix), SPAN_ARG(query->delimiter),
            SPAN_ARG(span_first(query->after_key, 20)), query->after_key.len,
            (unsigned long long)query->after_upload.blob_id, query->max, ret_page->count,
            ret_page->truncated ? " and more" : "", wanted.count,
            wanted.truncated ? " and more" : "");
}

void step_list_uploads(void)
{
    struct model_bucket *bucket;
    struct upload_page page;
    (void)any_bucket(&bucket);
    if (!bucket->used)
        return;
    struct upload_query query = {.bucket_id = bucket->id,
        .prefix = any_prefix(),
        .delimiter = any_delimiter(),
        .after_key = any_after(),
        .max = any_max(MODEL_UPLOADS)};
    const struct model_upload *upload = &bucket->uploads[dice(MODEL_UPLOADS)];
    if (span_present(query.after_key) && upload->used && dice(2)) {
        query.after_key = model_key(upload->key);
        query.after_upload = upload->id;
    }
    check_uploads(bucket, &query, &page);
    for (size_t i = 0; page.truncated && page.count > 0 && i < MODEL_UPLOADS; i++) {
        const struct upload_entry *last = &page.items[page.count - 1];
        query.after_key = last->key;
        query.after_upload = last->is_prefix ? (struct upload_id){0} : last->info.id;
        check_uploads(bucket, &query, &page);
    }
}

void step_list_parts(void)
{
    struct model_bucket *bucket;
    struct part_page page;
    uint64_t generation;
    (void)any_bucket(&bucket);
    const struct model_upload *upload = &bucket->uploads[dice(MODEL_UPLOADS)];
    if (!bucket->used || !upload->used)
        return;
    uint32_t after = (uint32_t)dice(MODEL_PARTS + 2);
    size_t max = any_max(MODEL_PARTS), count = 0;
    enum storage_err err = storage_upload_parts(store, bucket->id, model_key(upload->key),
        upload->id, after, max, &arena, &page, &generation);
    same_err("list parts", err, upload->completed ? STORAGE_NO_SUCH_UPLOAD : STORAGE_OK);
    shared->tried.listings++;
    bool same = true, more = false;
    for (uint32_t i = after; err == STORAGE_OK && same && i < MODEL_PARTS; i++) {
        const struct model_part *part = &upload->parts[i];
        if (!part->used)
            continue;
        more = count == max;
        if (more)
            break;
        same = count < page.count && page.items[count].number == i + 1 &&
               page.items[count].size_bytes == content_size(&part->content) &&
               page.items[count].crc64nvme == mix(part->mark + 3);
        count++;
    }
    if (err == STORAGE_OK && (!same || page.count != count || page.truncated != (more && max > 0)))
        fail("list parts after %u max %zu: %zu%s, the model has %zu%s", after, max, page.count,
            page.truncated ? " and more" : "", count, more ? " and more" : "");
}

void check_parts(struct blob_reader *reader, const struct model_version *version)
{
    struct part_info part;
    struct part_page page;
    uint32_t after = (uint32_t)dice(MODEL_PARTS + 1), number = (uint32_t)dice(MODEL_PARTS + 2);
    size_t max = 1 + dice(MODEL_PARTS), count = 0;
    uint64_t offset = 0;
    enum storage_err wanted = STORAGE_NO_SUCH_PART;
    same_err("parts", blob_parts(reader, after, max, &arena, &page), STORAGE_OK);
    enum storage_err err = blob_part(reader, number, &part);
    bool same = true, more = false;
    for (uint32_t i = 0; i < version->part_count; offset += version->part_sizes[i++]) {
        if (version->part_numbers[i] == number) {
            wanted = STORAGE_OK;
            same = same && (err != STORAGE_OK || (part.offset_bytes == offset &&
                                                     part.size_bytes == version->part_sizes[i]));
        }
        if (version->part_numbers[i] <= after)
            continue;
        more = count == max;
        if (more)
            break;
        same = same && count < page.count && page.items[count].number == version->part_numbers[i] &&
               page.items[count].offset_bytes == offset &&
               page.items[count].size_bytes == version->part_sizes[i];
        count++;
    }
    for (uint32_t i = 0; more && i < version->part_count; i++)
        wanted = version->part_numbers[i] == number ? STORAGE_OK : wanted;
    same_err("part", err, wanted);
    if (!same || page.count != count || page.truncated != more)
        fail("parts after %u max %zu, and part %u: the model has others", after, max, number);
}

void step_list_buckets(void)
{
    static const char *const beginnings[] = {"", "", "f", "second", "t", "x"};
    struct span prefix = span_str(beginnings[dice(ARRAY_LEN(beginnings))]);
    struct span after =
        span_str(dice(2) ? model_bucket_name((unsigned)dice(MODEL_BUCKETS)) : beginnings[dice(6)]);
    uint64_t owner_id = (uint64_t[]){UINT64_MAX, 7, 8, 9}[dice(4)];
    size_t max = any_max(MODEL_BUCKETS), count = 0;
    struct bucket_page page;
    same_err("list buckets",
        storage_bucket_list(store, owner_id, prefix, after, max, &arena, &page), STORAGE_OK);
    shared->tried.listings++;
    bool same = true, more = false;
    for (unsigned i = 0; same && i < MODEL_BUCKETS; i++) {
        const struct model_bucket *bucket = &shared->model.buckets[i];
        struct span name = span_str(model_bucket_name(i));
        if (!bucket->used || !span_starts(name, prefix) || span_cmp(name, after) <= 0 ||
            (owner_id != UINT64_MAX && bucket->owner_id != owner_id))
            continue;
        more = count == max;
        if (more)
            break;
        same = count < page.count && span_eq(page.items[count].name, name) &&
               page.items[count].owner_id == bucket->owner_id;
        count++;
    }
    if (!same || page.count != count || page.truncated != (more && max > 0))
        fail("list buckets prefix '%.*s' after '%.*s' max %zu: %zu%s, the model has %zu%s",
            SPAN_ARG(prefix), SPAN_ARG(after), max, page.count, page.truncated ? " and more" : "",
            count, more ? " and more" : "");
}

void step_list_records(void)
{
    static const char *const words[] = {"", "record/", "record/3", "record/33", "s"};
    struct span prefix = span_str(words[dice(ARRAY_LEN(words) - 1)]);
    struct span after = span_str(words[dice(ARRAY_LEN(words))]);
    size_t max = any_max(MODEL_RECORDS), count = 0;
    struct record_page page;
    char text[3000], key[16];
    same_err(
        "list records", storage_record_list(store, prefix, after, max, &arena, &page), STORAGE_OK);
    shared->tried.listings++;
    bool same = true, more = false;
    for (unsigned i = 0; same && i < MODEL_RECORDS; i++) {
        struct span name = record_key(i, key);
        uint64_t seed = shared->model.records[i];
        if (!seed || !span_starts(name, prefix) || (after.len > 0 && span_cmp(name, after) <= 0))
            continue;
        more = count == max;
        if (more)
            break;
        same = count < page.count && span_eq(page.items[count].key, name) &&
               span_eq(page.items[count].value, model_text(seed, text, sizeof text)) &&
               page.items[count].generation == shared->model.record_generations[i];
        count++;
    }
    if (!same || page.count != count || page.truncated != (more && max > 0))
        fail("list records prefix '%.*s' after '%.*s' max %zu: %zu%s, the model has %zu%s",
            SPAN_ARG(prefix), SPAN_ARG(after), max, page.count, page.truncated ? " and more" : "",
            count, more ? " and more" : "");
}
