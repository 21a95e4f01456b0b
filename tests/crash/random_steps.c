#include "random.h"
#include "storage/storage_care.h"

/* ---- what steps need ---- */

static const size_t sizes[] = {
    0, 1, 100, 300, 511, 600, 3000, 5000, 70000, 262144, 262145, 1048576, 1100000};

struct model_content new_content(void)
{
    size_t size = dice(4) == 0 ? sizes[dice(ARRAY_LEN(sizes))] : sizes[dice(9)];
    struct model_content content = {.run_count = size > 0};
    content.runs[0] = (struct model_run){.seed = dice(UINT64_MAX), .length = size};
    return content;
}

struct stage *stage_content(const struct model_content *content)
{
    static char bytes[65536];
    uint64_t size = content_size(content);
    struct stage *stage = NULL;
    if (size == 0)
        return NULL;
    if (size <= STAGE_LENT_MAX_BYTES && dice(2) == 0) {
        content_bytes(content, 0, bytes, (size_t)size);
        same_err(
            "lending", storage_stage_lend(store, span_of(bytes, (size_t)size), &stage), STORAGE_OK);
        return stage;
    }
    enum storage_err err = storage_stage_open(store, dice(4) ? size : STAGE_SIZE_UNKNOWN, &stage);
    if (err == STORAGE_OK && dice(4) == 0)
        err = stage_compress(stage);
    for (uint64_t at = 0; err == STORAGE_OK && at < size; at += sizeof bytes) {
        size_t len = size - at < sizeof bytes ? (size_t)(size - at) : sizeof bytes;
        content_bytes(content, at, bytes, len);
        err = stage_write(stage, span_of(bytes, len));
    }
    if (err == STORAGE_OK)
        err = stage_finish(stage);
    same_err("staging", err, STORAGE_OK);
    return stage;
}

unsigned any_bucket(struct model_bucket **ret_bucket)
{
    unsigned number = (unsigned)dice(MODEL_BUCKETS * 2); /* the first one more often */
    number = number < MODEL_BUCKETS ? number : 0;
    *ret_bucket = &shared->model.buckets[number];
    return number;
}

struct bucket_ref bucket_ref(unsigned number)
{
    const struct model_bucket *bucket = &shared->model.buckets[number];
    return (struct bucket_ref){
        bucket->used ? bucket->id : UINT64_MAX - 1, span_str(model_bucket_name(number))};
}

void set_condition(
    struct mutation *m, enum model_condition condition, const struct model_version *current)
{
    static struct etag both[2]; /* a wrong one, the right one */
    struct object_attributes attributes = {0};
    if (current && !current->is_marker)
        attributes = attributes_of(current->mark, 0, current->etag_parts, 0);
    both[0] = both[1] = attributes.etag;
    both[0].md5[0] ^= 1;
    struct etag_list wrong = {.present = true, .items = both, .count = 1};
    struct etag_list right = {.present = true, .items = &both[1], .count = 1};
    struct etag_list any = {.present = true, .any = true};
    m->if_match = (struct etag_list[MODEL_CONDITIONS]){
        [MODEL_IF_MATCH] = right,
        [MODEL_IF_MATCH_WRONG] = wrong,
        [MODEL_IF_MATCH_ANY] = any,
        [MODEL_IF_MATCH_ONE_OF] = {.present = true, .items = both, .count = 2},
        [MODEL_IF_MATCH_NOTHING] = {.present = true},
        [MODEL_IF_BOTH] = right,
    }[condition];
    m->if_none_match = (struct etag_list[MODEL_CONDITIONS]){
        [MODEL_IF_NONE_MATCH] = right,
        [MODEL_IF_NONE_MATCH_WRONG] = wrong,
        [MODEL_IF_NONE_MATCH_ANY] = any,
        [MODEL_IF_BOTH] = right,
    }[condition];
}

enum model_condition any_condition(void)
{
    return dice(3) ? MODEL_NONE : (enum model_condition)dice(MODEL_CONDITIONS);
}

void learn_version(struct model_version *version, const struct mutation *m)
{
    version->version = m->result.version;
    version->unknown = false;
    if (!version->version.sequence)
        fail("a version without a sequence");
}

/* Commits, and compares with what the model said. */
bool commit(const char *what, struct mutation *m, enum storage_err wanted)
{
    if (show)
        fprintf(stderr, "  %u %s bucket %.*s key %.*s: %s\n", shared->next_step, what,
            SPAN_ARG(m->bucket.name), SPAN_ARG(span_first(m->key, 30)), storage_err_text(wanted));
    same_err(what, storage_commit(store, m), wanted);
    shared->tried.refused += wanted != STORAGE_OK;
    return wanted == STORAGE_OK;
}

/* ---- steps ---- */

static void step_create_bucket(void)
{
    struct model_bucket *bucket;
    unsigned number = any_bucket(&bucket);
    struct mutation m = {.kind = MUTATION_CREATE_BUCKET, .bucket.name = bucket_ref(number).name};
    m.create_bucket.owner_id = 7 + dice(2);
    m.create_bucket.region = SPAN("us-east-1");
    enum storage_err wanted = bucket->used ? STORAGE_BUCKET_EXISTS : STORAGE_OK;
    if (wanted == STORAGE_OK)
        *bucket = (struct model_bucket){.used = true, .owner_id = m.create_bucket.owner_id};
    if (commit("create bucket", &m, wanted))
        bucket->id = m.bucket_info.id;
}

static void step_delete_bucket(void)
{
    struct model_bucket *bucket;
    unsigned number = any_bucket(&bucket);
    struct mutation m = {.kind = MUTATION_DELETE_BUCKET, .bucket = bucket_ref(number)};
    enum storage_err wanted = !bucket->used            ? STORAGE_NO_SUCH_BUCKET
                              : model_is_empty(bucket) ? STORAGE_OK
                                                       : STORAGE_BUCKET_NOT_EMPTY;
    if (wanted == STORAGE_OK)
        *bucket = (struct model_bucket){0};
    (void)commit("delete bucket", &m, wanted);
}

static void step_versioning(void)
{
    struct model_bucket *bucket;
    unsigned number = any_bucket(&bucket);
    struct mutation m = {.kind = MUTATION_SET_VERSIONING,
        .bucket = bucket_ref(number),
        .versioning = dice(2) ? VERSIONING_ON : VERSIONING_SUSPENDED};
    enum storage_err wanted = bucket->used ? STORAGE_OK : STORAGE_NO_SUCH_BUCKET;
    if (wanted == STORAGE_OK)
        bucket->versioning = m.versioning;
    (void)commit("versioning", &m, wanted);
}

static void step_document(void)
{
    char text[3000];
    struct model_bucket *bucket;
    unsigned number = any_bucket(&bucket), kind = (unsigned)dice(MODEL_DOCUMENTS);
    bool put = dice(3) != 0;
    uint64_t text_seed = dice(UINT64_MAX - 1) + 1;
    struct mutation m = {.kind = put ? MUTATION_PUT_DOCUMENT : MUTATION_DELETE_DOCUMENT,
        .bucket = bucket_ref(number)};
    m.document.kind = (enum document_kind)(kind + 1);
    m.document.text = model_text(text_seed, text, sizeof text);
    enum storage_err wanted = !bucket->used                         ? STORAGE_NO_SUCH_BUCKET
                              : put || bucket->documents[kind] != 0 ? STORAGE_OK
                                                                    : STORAGE_NO_SUCH_DOCUMENT;
    if (wanted == STORAGE_OK)
        bucket->documents[kind] = put ? text_seed : 0;
    (void)commit("document", &m, wanted);
}

/* Some records at once, all or none. */
void step_record(unsigned number)
{
    static char text[3000], key[16];
    uint64_t text_seed = dice(UINT64_MAX - 1) + 1;
    struct record_change change = {
        .key = record_key(number, key), .value = model_text(text_seed, text, sizeof text)};
    struct mutation m = {.kind = MUTATION_CHANGE_RECORDS, .records = {&change, 1}};
    shared->model.records[number] = text_seed;
    shared->model.record_generations[number] = 0;
    if (commit("record", &m, STORAGE_OK))
        shared->model.record_generations[number] = m.record_generation;
}

/* What the change is answered, of a record with this value and generation. */
static enum storage_err expectation(
    const struct record_change *change, bool exists, uint64_t generation)
{
    switch (change->expect) {
    case RECORD_ABSENT:
        return exists ? STORAGE_RECORD_EXISTS : STORAGE_OK;
    case RECORD_PRESENT:
        return exists ? STORAGE_OK : STORAGE_NO_SUCH_RECORD;
    case RECORD_UNCHANGED:
        return !exists                            ? STORAGE_NO_SUCH_RECORD
               : change->generation != generation ? STORAGE_CHANGED
                                                  : STORAGE_OK;
    case RECORD_ANY:
        break;
    }
    return STORAGE_OK;
}

static void step_records(void)
{
    enum { CHANGES = 3 };
    static char texts[CHANGES][3000], keys[CHANGES][16];
    struct record_change changes[CHANGES];
    size_t count = 1 + dice(CHANGES), failed = 0;
    enum storage_err wanted = STORAGE_OK;
    unsigned first = (unsigned)dice(MODEL_RECORDS);
    struct model *model = &shared->model, after = shared->model;
    for (size_t i = 0; i < count; i++) {
        unsigned number = (first + (unsigned)i) % MODEL_RECORDS;
        bool remove = dice(4) == 0;
        uint64_t text_seed = dice(UINT64_MAX - 1) + 1;
        changes[i] = (struct record_change){
            .key = record_key(number, keys[i]),
            .value = remove ? SPAN_ABSENT : model_text(text_seed, texts[i], sizeof texts[i]),
            .keep = dice(6) == 0,
            .expect = (enum record_expectation)dice(RECORD_UNCHANGED + 1),
            .generation = model->record_generations[number] + (dice(4) == 0),
        };
        if (wanted == STORAGE_OK) {
            failed = i;
            wanted = expectation(
                &changes[i], model->records[number] != 0, model->record_generations[number]);
        }
        if (!changes[i].keep) {
            after.records[number] = remove ? 0 : text_seed;
            after.record_generations[number] = 0;
        }
    }
    struct mutation m = {.kind = MUTATION_CHANGE_RECORDS};
    m.records.changes = changes;
    m.records.count = count;
    if (wanted == STORAGE_OK)
        *model = after;
    if (commit("records", &m, wanted)) {
        for (unsigned i = 0; i < MODEL_RECORDS; i++)
            if (model->records[i] != 0 && model->record_generations[i] == 0)
                model->record_generations[i] = m.record_generation;
    } else if (m.failed_record != failed) {
        fail("records: the store refuses change %zu, the model %zu", m.failed_record, failed);
    }
}

static void step_put(void)
{
    struct model_bucket *bucket;
    unsigned number = any_bucket(&bucket), key = (unsigned)dice(MODEL_KEYS);
    enum model_condition condition = any_condition();
    struct mutation m = {
        .kind = MUTATION_PUT_OBJECT, .bucket = bucket_ref(number), .key = model_key(key)};
    struct model_content content = new_content();
    uint64_t mark = dice(UINT64_MAX);
    uint32_t metadata_bytes = (uint32_t[]){0, 0, 50, 255, 257, 2000}[dice(6)];
    struct model_version *version = NULL;
    enum storage_err wanted = STORAGE_NO_SUCH_BUCKET;
    if (bucket->used && !model_has_room(bucket, key))
        return;
    if (bucket->used) {
        set_condition(&m, condition, model_newest(bucket, key));
        wanted = model_check(model_newest(bucket, key), condition);
    }
    m.put.stage = stage_content(&content);
    m.put.attributes = attributes_of(mark, mark, 0, metadata_bytes);
    if (wanted == STORAGE_OK) {
        version = model_write(bucket, key);
        version->content = content;
        version->mark = version->writer = mark;
        version->metadata_bytes = metadata_bytes;
    }
    if (commit("put", &m, wanted))
        learn_version(version, &m);
}

/* Some version that there is; NULL when the key has none. */
struct model_version *any_version(struct model_bucket *bucket, unsigned key)
{
    size_t count = bucket->used ? bucket->version_counts[key] : 0;
    return count ? &bucket->versions[key][dice(2) ? 0 : dice(count)] : NULL;
}

static void step_copy(void)
{
    struct model_bucket *from_bucket, *bucket;
    (void)any_bucket(&from_bucket);
    unsigned number = any_bucket(&bucket);
    unsigned from_key = (unsigned)dice(MODEL_KEYS), key = (unsigned)dice(MODEL_KEYS);
    const struct model_version *from = any_version(from_bucket, from_key);
    enum model_condition condition = any_condition();
    if (!bucket->used || !from || from->is_marker || !model_has_room(bucket, key))
        return;
    struct model_version source = *from, *version = NULL;
    struct mutation m = {
        .kind = MUTATION_COPY_OBJECT, .bucket = bucket_ref(number), .key = model_key(key)};
    m.copy.from = (struct copy_from){
        .bucket_id = from_bucket->id, .key = model_key(from_key), .version = source.version};
    uint64_t mark = dice(UINT64_MAX);
    uint32_t metadata_bytes = (uint32_t)dice(400);
    m.copy.attributes = attributes_of(mark, mark, source.etag_parts, metadata_bytes);
    set_condition(&m, condition, model_newest(bucket, key));
    enum storage_err wanted = model_check(model_newest(bucket, key), condition);
    if (dice(8) == 0) { /* another version is there than was read */
        m.copy.from.version.sequence++;
        wanted = STORAGE_CHANGED;
    }
    if (wanted == STORAGE_OK) {
        version = model_write(bucket, key);
        struct version made = version->version;
        *version = source;
        version->version = made;
        version->unknown = true;
        version->mark = version->writer = mark;
        version->metadata_bytes = metadata_bytes;
        version->metadata_mark = 0;
    }
    if (commit("copy", &m, wanted))
        learn_version(version, &m);
}

static void delete_newest(struct model_bucket *bucket, unsigned key, struct mutation *m)
{
    struct model_version *marker = NULL;
    enum model_condition condition = any_condition();
    set_condition(m, condition, model_newest(bucket, key));
    enum storage_err wanted = model_check(model_newest(bucket, key), condition);
    if (wanted == STORAGE_OK && bucket->versioning != VERSIONING_OFF) {
        marker = model_write(bucket, key);
        marker->is_marker = true;
    } else if (wanted == STORAGE_OK && bucket->version_counts[key] > 0 &&
               !(breaking && key % 4 == 3)) {
        model_remove(bucket, key, 0);
    }
    if (commit("delete", m, wanted) && marker)
        learn_version(marker, m);
}

static void step_delete(void)
{
    struct model_bucket *bucket;
    unsigned number = any_bucket(&bucket), key = (unsigned)dice(MODEL_KEYS);
    struct mutation m = {
        .kind = MUTATION_DELETE_OBJECT, .bucket = bucket_ref(number), .key = model_key(key)};
    if (!bucket->used || !model_has_room(bucket, key))
        return;
    uint64_t how = dice(4);
    if (how < 2) {
        delete_newest(bucket, key, &m);
        return;
    }
    size_t count = bucket->version_counts[key], place = count;
    if (how == 2 && count > 0) {
        place = dice(count);
        m.remove.version = ref_of(&bucket->versions[key][place]);
    } else {
        place = model_find_null(bucket, key);
        m.remove.version.select = VERSION_NULL;
    }
    const struct model_version *going = place < count ? &bucket->versions[key][place] : NULL;
    enum model_condition condition = any_condition();
    set_condition(&m, condition, going);
    enum storage_err wanted = model_check(going, condition);
    if (going && wanted == STORAGE_OK)
        model_remove(bucket, key, place);
    (void)commit("delete version", &m, wanted);
}

/* ---- reading ---- */

static void step_read(void)
{
    static char got[300000], bytes[sizeof got];
    struct model_bucket *bucket;
    (void)any_bucket(&bucket);
    unsigned key = (unsigned)dice(MODEL_KEYS);
    struct model_version *version = any_version(bucket, key);
    struct object_info info;
    struct blob_reader *reader = NULL;
    if (!version) {
        if (bucket->used)
            same_err("get",
                storage_object_get(store, bucket->id, model_key(key),
                    (struct version_ref){.select = VERSION_NEWEST}, &arena, &info),
                STORAGE_NO_SUCH_KEY);
        return;
    }
    same_err("get",
        storage_object_open(
            store, bucket->id, model_key(key), ref_of(version), &arena, &info, &reader),
        version->is_marker ? STORAGE_DELETE_MARKER : STORAGE_OK);
    if (!info_same(&info, version, true))
        fail("get: another version than the model's");
    uint64_t size = content_size(&version->content);
    for (int i = 0; i < 4 && size > 0; i++) {
        uint64_t offset = dice(size);
        size_t len = 0, max = 1 + dice(sizeof got - 1);
        same_err("read", blob_read(reader, offset, got, max, dice(2), &len), STORAGE_OK);
        content_bytes(&version->content, offset, bytes, len);
        if (len == 0 || memcmp(got, bytes, len) != 0)
            fail("read of %zu bytes at %llu of %llu: other bytes", max, (unsigned long long)offset,
                (unsigned long long)size);
    }
    if (!version->is_marker)
        check_parts(reader, version);
    blob_close(reader);
}

static void step_gc(void)
{
    bool more = true;
    for (int i = 0; more && i < 1000; i++)
        same_err("gc", storage_gc_step(store, &more), STORAGE_OK);
}

static void step_reopen(void)
{
    storage_close(TAKE(store));
    open_store();
    shared->tried.reopenings++;
    if (dice(2))
        check_all();
}

/* One of the changes to come does not come back. */
static void step_die_soon(void)
{
    die_after(1 + (int)dice(12));
}

static const struct {
    void (*run)(void);
    unsigned weight;
} kinds[] = {
    {step_create_bucket, 3},
    {step_delete_bucket, 2},
    {step_versioning, 2},
    {step_document, 2},
    {step_records, 3},
    {step_put, 22},
    {step_copy, 8},
    {step_set_metadata, 8},
    {step_delete, 12},
    {step_create_upload, 4},
    {step_put_part, 8},
    {step_copy_part, 4},
    {step_complete, 5},
    {step_abort, 1},
    {step_list, 12},
    {step_list_uploads, 3},
    {step_list_parts, 2},
    {step_list_buckets, 2},
    {step_list_records, 2},
    {step_read, 10},
    {step_gc, 2},
    {step_reopen, 1},
    {step_die_soon, 1},
    /* only when salvaging */
    {step_snapshot, 2},
    {step_salvage, 3},
};
enum { SALVAGE_KINDS = 2 };

void run_step(void)
{
    unsigned total = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds) - (salvaging ? 0 : SALVAGE_KINDS); i++)
        total += kinds[i].weight;
    uint64_t pick = dice(total);
    size_t kind = 0;
    while (pick >= kinds[kind].weight)
        pick -= kinds[kind++].weight;
    kinds[kind].run();
}
