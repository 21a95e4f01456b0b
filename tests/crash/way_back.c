/* A store of many objects with a history: backed up while it is open, restored, and its index salvaged; each time every
 * object is compared with what was written.
 *
 * usage: way_back [--objects N] [--seed N] */
#include "model.h"
#include "storage/local/engine.h"
#include "storage/storage_care.h"

#include <ftw.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 512, BODY_MAX = 300000, OBJECTS_DEFAULT = 100000, METADATA_MAX = 400 };

/* What a key should have. */
struct truth {
    uint64_t body; /* seed of the bytes; 0: the key is not there */
    uint64_t tags; /* seed of the metadata; 0: none */
    uint32_t size;
    uint32_t older; /* further versions, in the second half of the keys */
};

static struct storage *store;
static struct truth *truths;
static size_t objects = OBJECTS_DEFAULT;
static uint64_t seed = 1, step;
static char dir[64], other[80], third[80];
static struct bucket_ref plain, versioned;
static struct arena arena;
static uint64_t compared;

_Noreturn static void PRINTF_LIKE(1, 2) fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(
        stderr, "FAILED (way_back --objects %zu --seed %llu): ", objects, (unsigned long long)seed);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

static void must(const char *what, enum storage_err err)
{
    if (err != STORAGE_OK)
        fail("%s: %s", what, storage_err_text(err));
}

static uint64_t dice(uint64_t sides)
{
    return mix(seed * 0x9e3779b97f4a7c15 + ++step) % sides;
}

/* ---- what is written ---- */

static struct span key_of(size_t number, char buffer[static 64])
{
    return span_of(
        buffer, (size_t)snprintf(buffer, 64, "folder-%zu/sub/%08zu", number % 97, number));
}

static struct bucket_ref bucket_of(size_t number)
{
    return number < objects / 2 ? plain : versioned;
}

static void fill(uint64_t body, char *bytes, size_t len)
{
    for (size_t at = 0; at < len; at += 8) {
        uint64_t word = mix(body + at);
        memcpy(bytes + at, &word, len - at < 8 ? len - at : 8);
    }
}

static struct span metadata_of(uint64_t tags, char buffer[static METADATA_MAX])
{
    size_t len = tags ? 20 + tags % (METADATA_MAX - 20) : 0;
    fill(tags, buffer, len);
    return span_of(buffer, len);
}

/* Mostly within the index, many packed, few in files of their own. */
static uint32_t any_size(void)
{
    uint64_t kind = dice(1000);
    return (uint32_t)(kind < 600 ? dice(300) : kind < 990 ? 300 + dice(3000) : dice(BODY_MAX));
}

struct change {
    struct mutation mutation;
    char key[64], from_key[64], metadata[METADATA_MAX], expected[METADATA_MAX];
};
static struct change changes[AT_ONCE];
static struct mutation batch[AT_ONCE];

static struct stage *stage_of(uint64_t body, uint32_t size)
{
    static char bytes[BODY_MAX];
    struct stage *stage = NULL;
    if (size == 0)
        return NULL;
    fill(body, bytes, size);
    must("stage", storage_stage_open(store, size, &stage));
    must("write", stage_write(stage, span_of(bytes, size)));
    must("finish", stage_finish(stage));
    return stage;
}

static void plan_put(struct change *change, struct truth *truth)
{
    struct mutation *m = &change->mutation;
    truth->older += truth->body != 0;
    *truth =
        (struct truth){.body = dice(UINT64_MAX - 1) + 1, .size = any_size(), .older = truth->older};
    m->kind = MUTATION_PUT_OBJECT;
    m->put.stage = stage_of(truth->body, truth->size);
    m->put.attributes.crc64nvme = truth->body;
}

static void plan_tags(struct change *change, struct truth *truth)
{
    struct mutation *m = &change->mutation;
    m->kind = MUTATION_SET_METADATA;
    m->set_metadata.expected = metadata_of(truth->tags, change->expected);
    truth->tags = dice(1u << 30) + 1;
    m->set_metadata.metadata = metadata_of(truth->tags, change->metadata);
}

/* From a key of the other half, which no change of this batch touches. */
static bool plan_copy(struct change *change, struct truth *truth, size_t number)
{
    struct mutation *m = &change->mutation;
    struct object_info info;
    size_t from = (number + objects / 2) % objects;
    const struct truth *source = &truths[from];
    if (source->body == 0)
        return false;
    struct span key = key_of(from, change->from_key);
    must("source", storage_object_get(store, bucket_of(from).id, key,
                       (struct version_ref){.select = VERSION_NEWEST}, &arena, &info));
    truth->older += truth->body != 0;
    *truth = (struct truth){.body = source->body, .size = source->size, .older = truth->older};
    m->kind = MUTATION_COPY_OBJECT;
    m->copy.from =
        (struct copy_from){.bucket_id = bucket_of(from).id, .key = key, .version = info.version};
    m->copy.attributes.crc64nvme = source->body;
    return true;
}

static void plan(struct change *change, size_t number, bool first)
{
    struct truth *truth = &truths[number];
    memset(&change->mutation, 0, sizeof change->mutation);
    change->mutation.bucket = bucket_of(number);
    change->mutation.key = key_of(number, change->key);
    uint64_t kind = first ? 0 : dice(10);
    if (kind == 9 && plan_copy(change, truth, number))
        return;
    if (kind < 5 || truth->body == 0) {
        plan_put(change, truth);
    } else if (kind < 8) {
        change->mutation.kind = MUTATION_DELETE_OBJECT;
        *truth = (struct truth){.older = truth->older + 2}; /* it, and a marker */
    } else {
        plan_tags(change, truth);
    }
}

/* One change each of a run of keys; of keys that are far from where copies come from. */
static void change_keys(size_t first, size_t end, size_t stride, bool is_first)
{
    for (size_t at = first; at < end;) {
        size_t count = 0;
        for (; at < end && count < AT_ONCE; at += stride)
            plan(&changes[count++], at, is_first);
        for (size_t i = 0; i < count; i++)
            batch[i] = changes[i].mutation;
        storage_commit_all(store, batch, count);
        for (size_t i = 0; i < count; i++)
            must("change", batch[i].err);
        arena_free(&arena);
    }
}

/* Multipart objects, in the place of some. */
static void upload(size_t number)
{
    static char bytes[BODY_MAX];
    char buffer[64];
    struct truth *truth = &truths[number];
    struct mutation m = {
        .kind = MUTATION_CREATE_UPLOAD, .bucket = bucket_of(number), .key = key_of(number, buffer)};
    must("upload", storage_commit(store, &m));
    struct upload_id id = m.upload;
    uint32_t size = (uint32_t)(1000 + dice(BODY_MAX - 1000)), half = size / 2;
    truth->older += truth->body != 0;
    *truth = (struct truth){.body = dice(UINT64_MAX / 2) + 1, .size = size, .older = truth->older};
    fill(truth->body, bytes, size);
    for (uint32_t part = 1; part <= 2; part++) {
        struct span body = part == 1 ? span_of(bytes, half) : span_of(bytes + half, size - half);
        m = (struct mutation){
            .kind = MUTATION_PUT_PART, .bucket = bucket_of(number), .key = key_of(number, buffer)};
        m.part.upload = id;
        m.part.number = part;
        must("stage", storage_stage_open(store, body.len, &m.part.stage));
        must("write", stage_write(m.part.stage, body));
        must("part", storage_commit(store, &m));
    }
    const struct part_choice parts[] = {{1}, {2}};
    m = (struct mutation){.kind = MUTATION_COMPLETE_UPLOAD,
        .bucket = bucket_of(number),
        .key = key_of(number, buffer)};
    m.complete.upload = id;
    m.complete.generation = 3;
    m.complete.parts = parts;
    m.complete.part_count = 2;
    m.complete.attributes.etag.part_count = 2;
    m.complete.attributes.crc64nvme = truth->body;
    must("complete", storage_commit(store, &m));
}

/* ---- comparing ---- */

static void same(size_t number)
{
    static char got[BODY_MAX], wanted[BODY_MAX];
    char buffer[64], metadata[METADATA_MAX];
    const struct truth *truth = &truths[number];
    struct object_info info;
    struct blob_reader *reader = NULL;
    struct span key = key_of(number, buffer);
    enum storage_err err = storage_object_open(store, bucket_of(number).id, key,
        (struct version_ref){.select = VERSION_NEWEST}, &arena, &info, &reader);
    if (truth->body == 0) {
        if (err != STORAGE_NO_SUCH_KEY && err != STORAGE_DELETE_MARKER)
            fail("%.*s should be gone: %s", SPAN_ARG(key), storage_err_text(err));
        return;
    }
    if (err != STORAGE_OK || info.size_bytes != truth->size ||
        info.attributes.crc64nvme != truth->body ||
        !span_eq(info.attributes.metadata, metadata_of(truth->tags, metadata)))
        fail("%.*s is not what was written: %s", SPAN_ARG(key), storage_err_text(err));
    for (size_t at = 0, n = 0; at < truth->size; at += n)
        if (blob_read(reader, at, got + at, truth->size - at, true, &n) != STORAGE_OK || n == 0)
            fail("%.*s cannot be read", SPAN_ARG(key));
    blob_close(reader);
    fill(truth->body, wanted, truth->size);
    if (memcmp(got, wanted, truth->size) != 0)
        fail("%.*s has other bytes", SPAN_ARG(key));
}

static void open_store(const char *path)
{
    struct storage_options options = {
        .dir = path, .no_background = true, .segment_bytes = 16 * 1024 * 1024, .snapshots = 2};
    const char *detail = "";
    if (storage_open(&options, &store, &detail) != STORAGE_OK)
        fail("%s does not open: %s", path, detail);
}

static void print_line(void *ctx, const char *line)
{
    (void)ctx;
    fprintf(stderr, "%s\n", line);
}

/* Versions of a bucket, markers included. */
static uint64_t count_versions(struct bucket_ref bucket)
{
    uint64_t count = 0;
    char after[64] = "";
    struct list_query query = {.bucket_id = bucket.id, .versions = true, .max = 1000};
    for (bool more = true; more;) {
        struct list_page page;
        must("list", storage_list(store, &query, &arena, &page));
        count += page.count;
        more = page.truncated;
        if (more) {
            const struct list_entry *last = &page.items[page.count - 1];
            query.after =
                span_of(after, (size_t)snprintf(after, sizeof after, "%.*s", SPAN_ARG(last->key)));
            query.after_sequence = last->info.version.sequence;
        }
        arena_free(&arena);
    }
    return count;
}

/* The folder is clean, and has everything; then it is closed. */
static void compare(const char *path)
{
    uint64_t findings = 0, wanted = 0;
    must("verify", storage_verify(path, print_line, NULL, &findings));
    if (findings > 0)
        fail("%s has %llu findings", path, (unsigned long long)findings);
    open_store(path);
    for (size_t i = 0; i < objects; i++) {
        same(i);
        if (i % 1000 == 0)
            arena_free(&arena);
        if (i >= objects / 2) /* what is current, or its marker, and those below */
            wanted += truths[i].older + (truths[i].body != 0);
    }
    uint64_t versions = count_versions(versioned);
    if (versions != wanted)
        fail("%llu versions, %llu were written", (unsigned long long)versions,
            (unsigned long long)wanted);
    compared += objects;
    storage_close(TAKE(store));
}

/* ---- the ways back ---- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void copy(const char *from, const char *to)
{
    struct storage_backup_figures figures;
    const char *detail = "";
    struct storage_backup order = {.from = from, .to = to};
    if (storage_backup(&order, &figures, &detail) != STORAGE_OK)
        fail("copying %s: %s", from, detail);
}

/* As another process does it, since this one has the store open. */
static void back_up(void)
{
    uint64_t hold;
    int status = 0;
    must("hold", storage_hold(store, 60000, &hold));
    pid_t child = fork();
    if (child == 0) {
        copy(dir, other);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        fail("the backup failed");
    storage_hold_release(store, hold);
}

static uint64_t salvage(const char *to)
{
    char index[96];
    const char *detail = "";
    struct storage_salvage_figures figures;
    struct storage_salvage order = {.dir = dir, .to = to, .report = print_line};
    snprintf(index, sizeof index, "%s/index", dir);
    remove_tree(index);
    enum storage_err err = storage_salvage(&order, &figures, &detail);
    if (err != STORAGE_OK || figures.unknown > 0)
        fail("salvage: %s, %llu unknown: %s", storage_err_text(err),
            (unsigned long long)figures.unknown, detail);
    return figures.changes;
}

static void gc(void)
{
    for (bool more = true; more;)
        must("gc", storage_gc_step(store, &more));
}

static struct bucket_ref make_bucket(const char *name)
{
    struct mutation m = {.kind = MUTATION_CREATE_BUCKET, .bucket.name = span_str(name)};
    must("bucket", storage_commit(store, &m));
    return (struct bucket_ref){m.bucket_info.id, span_str(name)};
}

static void make_history(void)
{
    plain = make_bucket("plain");
    versioned = make_bucket("versioned");
    struct mutation m = {.kind = MUTATION_SET_VERSIONING, .bucket = versioned};
    m.versioning = VERSIONING_ON;
    must("versioning", storage_commit(store, &m));
    change_keys(0, objects, 1, true);
    change_keys(0, objects / 2, 3, false);
    for (size_t i = 0; i < 100; i++)
        upload(dice(objects));
    gc();
}

static void go_on_with_history(void)
{
    must("snapshot", storage_snapshot(store));
    change_keys(objects / 2, objects, 3, false);
    change_keys(1, objects / 2, 5, false);
    for (size_t i = 0; i < 100; i++)
        upload(dice(objects));
    gc();
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long long value = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--objects") == 0)
            objects = value > 10 ? (size_t)value : 10;
        else if (strcmp(argv[i], "--seed") == 0)
            seed = value;
    }
    snprintf(dir, sizeof dir, "/tmp/lakegate-way-back-XXXXXX");
    truths = calloc(objects, sizeof *truths);
    if (!truths || !mkdtemp(dir))
        fail("no memory, or no folder");
    snprintf(other, sizeof other, "%s-copy", dir);
    snprintf(third, sizeof third, "%s-restored", dir);
    arena_init(&arena, (size_t)256 * 1024 * 1024);
    open_store(dir);
    make_history();
    storage_close(TAKE(store));
    uint64_t all = salvage(NULL); /* there is no snapshot yet */
    compare(dir);
    open_store(dir);
    go_on_with_history();
    back_up();
    storage_close(TAKE(store));
    copy(other, third); /* what lakegate restore does */
    compare(other);
    compare(third);
    remove_tree(other);
    remove_tree(third);
    uint64_t behind = salvage(third);
    compare(third);
    (void)salvage(NULL);
    compare(dir);
    remove_tree(dir);
    remove_tree(third);
    printf("%zu objects with a history, backed up, restored, and salvaged from %llu changes in the "
           "log and from a "
           "snapshot with %llu behind it: %llu comparisons\n",
        objects, (unsigned long long)all, (unsigned long long)behind, (unsigned long long)compared);
    return 0;
}
