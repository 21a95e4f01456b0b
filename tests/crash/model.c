#include "model.h"

/* ---- keys: beside, above and below each other, and split by the index ---- */

static char long_keys[6][STORAGE_KEY_MAX_BYTES];
static struct span keys[MODEL_KEYS];

static struct span long_key(unsigned number, size_t len, const char *tail)
{
    char *key = long_keys[number];
    size_t tail_len = strlen(tail);
    memset(key, 'k', len);
    key[9] = '/';
    memcpy(key + len - tail_len, tail, tail_len);
    return span_of(key, len);
}

static int compare_keys(const void *a, const void *b)
{
    return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

void model_init(void)
{
    static const char *const short_keys[] = {"a", "a/", "a/b", "a/b/c", "a/b/d", "a//", "b",
        "dir/x", "dir/y/z", "\xc3\xa4/\xf0\x9f\x8c\x8a"};
    unsigned count = 0;
    for (; count < ARRAY_LEN(short_keys); count++)
        keys[count] = span_str(short_keys[count]);
    keys[count++] = long_key(0, 480, "");
    keys[count++] = long_key(1, 481, "/");
    keys[count++] = long_key(2, 485, "/tail");
    keys[count++] = long_key(3, 960, "/");
    keys[count++] = long_key(4, 963, "//x");
    keys[count++] = long_key(5, 1024, "/end");
    qsort(keys, count, sizeof keys[0], compare_keys);
}

struct span model_key(unsigned number)
{
    return keys[number % MODEL_KEYS];
}

const char *model_bucket_name(unsigned number)
{
    static const char *const names[MODEL_BUCKETS] = {"first", "second", "third"};
    return names[number % MODEL_BUCKETS];
}

/* ---- content ---- */

uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

uint64_t content_size(const struct model_content *content)
{
    uint64_t size = 0;
    for (size_t i = 0; i < content->run_count; i++)
        size += content->runs[i].length;
    return size;
}

static char stream_byte(uint64_t seed, uint64_t offset)
{
    uint64_t word = (seed + offset / 8 + 1) * 0x9e3779b97f4a7c15;
    return (char)((word ^ word >> 29) >> (offset % 8 * 8));
}

void content_bytes(
    const struct model_content *content, uint64_t offset, char *ret_bytes, size_t len)
{
    for (size_t i = 0; i < content->run_count && len > 0; i++) {
        const struct model_run *run = &content->runs[i];
        for (; offset < run->length && len > 0; offset++, len--)
            *ret_bytes++ = stream_byte(run->seed, run->offset + offset);
        offset -= len > 0 ? run->length : 0;
    }
}

bool content_add(
    struct model_content *to, const struct model_content *from, uint64_t offset, uint64_t length)
{
    for (size_t i = 0; i < from->run_count && length > 0; i++) {
        struct model_run run = from->runs[i];
        if (offset >= run.length) {
            offset -= run.length;
            continue;
        }
        run.offset += offset;
        run.length -= offset;
        offset = 0;
        if (run.length > length)
            run.length = length;
        length -= run.length;
        if (to->run_count == MODEL_RUNS)
            return false;
        to->runs[to->run_count++] = run;
    }
    return true;
}

struct span model_text(uint64_t seed, char *buffer, size_t capacity)
{
    size_t len = 1 + (size_t)(seed % (capacity - 1));
    for (size_t i = 0; i < len; i++)
        buffer[i] = stream_byte(seed, i);
    return span_of(buffer, len);
}

/* ---- versions ---- */

enum storage_err model_check(const struct model_version *current, enum model_condition condition)
{
    bool absent = current == NULL || current->is_marker;
    switch (condition) {
    case MODEL_IF_MATCH:
    case MODEL_IF_MATCH_ANY:
    case MODEL_IF_MATCH_ONE_OF:
        return absent ? STORAGE_NO_SUCH_KEY : STORAGE_OK;
    case MODEL_IF_MATCH_WRONG:
    case MODEL_IF_MATCH_NOTHING:
    case MODEL_IF_BOTH:
        return absent ? STORAGE_NO_SUCH_KEY : STORAGE_PRECONDITION_FAILED;
    case MODEL_IF_NONE_MATCH:
    case MODEL_IF_NONE_MATCH_ANY:
        return absent ? STORAGE_OK : STORAGE_PRECONDITION_FAILED;
    case MODEL_IF_NONE_MATCH_WRONG:
    case MODEL_NONE:
    case MODEL_CONDITIONS:
        break;
    }
    return STORAGE_OK;
}

struct model_version *model_newest(struct model_bucket *bucket, unsigned key)
{
    return bucket->version_counts[key] > 0 ? &bucket->versions[key][0] : NULL;
}

bool model_has_room(const struct model_bucket *bucket, unsigned key)
{
    return bucket->version_counts[key] + 1 < MODEL_VERSIONS;
}

size_t model_find_null(const struct model_bucket *bucket, unsigned key)
{
    size_t place = 0;
    while (place < bucket->version_counts[key] && !bucket->versions[key][place].version.is_null)
        place++;
    return place;
}

void model_remove(struct model_bucket *bucket, unsigned key, size_t place)
{
    struct model_version *versions = bucket->versions[key];
    size_t behind = --bucket->version_counts[key] - place;
    memmove(&versions[place], &versions[place + 1], behind * sizeof *versions);
}

struct model_version *model_write(struct model_bucket *bucket, unsigned key)
{
    bool is_null = bucket->versioning != VERSIONING_ON;
    size_t null_place = model_find_null(bucket, key);
    if (is_null && null_place < bucket->version_counts[key])
        model_remove(bucket, key, null_place);
    struct model_version *versions = bucket->versions[key];
    memmove(&versions[1], &versions[0], bucket->version_counts[key]++ * sizeof *versions);
    versions[0] = (struct model_version){.version.is_null = is_null, .unknown = true};
    return &versions[0];
}

bool model_is_empty(const struct model_bucket *bucket)
{
    size_t count = 0;
    for (unsigned key = 0; key < MODEL_KEYS; key++)
        count += bucket->version_counts[key];
    return count == 0;
}

void model_count(const struct model_bucket *bucket, uint64_t *ret_objects, uint64_t *ret_bytes,
    uint64_t *ret_uploads)
{
    *ret_objects = *ret_bytes = *ret_uploads = 0;
    for (unsigned key = 0; key < MODEL_KEYS; key++)
        for (size_t i = 0; i < bucket->version_counts[key]; i++)
            if (!bucket->versions[key][i].is_marker) {
                ++*ret_objects;
                *ret_bytes += content_size(&bucket->versions[key][i].content);
            }
    for (size_t i = 0; i < MODEL_UPLOADS; i++)
        *ret_uploads += bucket->uploads[i].used && !bucket->uploads[i].completed;
}

/* ---- listings ---- */

static struct span group_of(struct span key, const struct list_query *query)
{
    struct span rest = span_from(key, query->prefix.len);
    if (query->delimiter.len == 0)
        return SPAN_ABSENT;
    for (size_t at = 0; at + query->delimiter.len <= rest.len; at++)
        if (span_eq(span_first(span_from(rest, at), query->delimiter.len), query->delimiter))
            return span_first(key, query->prefix.len + at + query->delimiter.len);
    return SPAN_ABSENT;
}

/* Does the page begin behind this key, or its group? */
static bool is_passed(struct span key, struct span group, const struct list_query *query)
{
    if (!span_present(query->after) || query->after.len == 0)
        return false;
    if (!span_present(group))
        return span_cmp(key, query->after) < 0 ||
               (span_eq(key, query->after) && query->after_sequence == 0);
    if (span_eq(group, query->after))
        return true;
    if (query->after_is_key)
        return span_cmp(key, query->after) <= 0;
    return span_cmp(group, query->after) < 0;
}

static bool add_entry(
    struct model_list *list, const struct list_query *query, struct model_entry entry)
{
    if (list->count == query->max) {
        list->truncated = true;
        return false;
    }
    list->entries[list->count++] = entry;
    return true;
}

static bool add_versions(const struct model_bucket *bucket, unsigned key,
    const struct list_query *query, struct model_list *list)
{
    const struct model_version *versions = bucket->versions[key];
    size_t first = 0, count = bucket->version_counts[key];
    if (query->after_sequence != 0 && span_eq(model_key(key), query->after))
        while (first < count && versions[first].version.sequence >= query->after_sequence)
            first++;
    for (size_t i = first; i < (query->versions ? count : 1); i++)
        if (!add_entry(list, query, (struct model_entry){model_key(key), false, &versions[i]}))
            return false;
    return true;
}

void model_list(
    const struct model_bucket *bucket, const struct list_query *query, struct model_list *ret_list)
{
    struct span last_group = SPAN_ABSENT;
    ret_list->count = 0;
    ret_list->truncated = false;
    for (unsigned i = 0; i < MODEL_KEYS && query->max > 0; i++) {
        struct span key = model_key(i), group = group_of(key, query);
        bool visible =
            bucket->version_counts[i] > 0 && (query->versions || !bucket->versions[i][0].is_marker);
        if (!visible || !span_starts(key, query->prefix) || is_passed(key, group, query))
            continue;
        if (!span_present(group)) {
            if (!add_versions(bucket, i, query, ret_list))
                return;
        } else if (!span_present(last_group) || !span_eq(group, last_group)) {
            last_group = group;
            if (!add_entry(ret_list, query, (struct model_entry){group, true, NULL}))
                return;
        }
    }
}

/* The key's open uploads in the order of their beginning, from behind this one. */
static const struct model_upload *next_upload(
    const struct model_bucket *bucket, unsigned key, uint64_t behind)
{
    const struct model_upload *next = NULL;
    for (size_t i = 0; i < MODEL_UPLOADS; i++) {
        const struct model_upload *one = &bucket->uploads[i];
        if (one->used && !one->completed && one->key == key && one->id.blob_id > behind &&
            (!next || one->id.blob_id < next->id.blob_id))
            next = one;
    }
    return next;
}

static bool add_upload(struct model_upload_list *list, const struct upload_query *query,
    struct model_upload_entry entry)
{
    list->truncated = list->count == query->max;
    if (!list->truncated)
        list->entries[list->count++] = entry;
    return !list->truncated;
}

void model_upload_list(const struct model_bucket *bucket, const struct upload_query *query,
    struct model_upload_list *ret_list)
{
    /* The keys follow the rules of objects' listings; behind an upload is as behind a version. */
    struct list_query as_list = {.prefix = query->prefix,
        .delimiter = query->delimiter,
        .after = query->after_key,
        .after_sequence = query->after_upload.blob_id};
    struct span last_group = SPAN_ABSENT;
    ret_list->count = 0;
    ret_list->truncated = false;
    for (unsigned i = 0; i < MODEL_KEYS && query->max > 0; i++) {
        struct span key = model_key(i), group = group_of(key, &as_list);
        uint64_t behind = span_eq(key, query->after_key) ? query->after_upload.blob_id : 0;
        const struct model_upload *upload = next_upload(bucket, i, 0);
        if (!upload || !span_starts(key, query->prefix) || is_passed(key, group, &as_list))
            continue;
        if (span_present(group)) {
            bool again = span_present(last_group) && span_eq(group, last_group);
            last_group = group;
            if (!again && !add_upload(ret_list, query, (struct model_upload_entry){group, NULL}))
                return;
            continue;
        }
        while ((upload = next_upload(bucket, i, behind))) {
            behind = upload->id.blob_id;
            if (!add_upload(ret_list, query, (struct model_upload_entry){key, upload}))
                return;
        }
    }
}
