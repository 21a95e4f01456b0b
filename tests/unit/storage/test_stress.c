/* Everything at once: threads that put, overwrite, copy, compose, delete and read while GC and compaction
 * run. Readers must see whole contents, and the store must be consistent at the end. */
#include "engine_support.h"

enum { THREADS = 8, SECONDS = 4, KEYS = 40, SIZES = 6 };

static const size_t sizes[SIZES] = {0, 50, 2000, 40000, 400000, 1200000};
static struct bucket_ref bucket;
static atomic_bool stop;
static atomic_uint wrong;
static char source[2 * 1200000];

/* A content says where in the source it begins, so that a reader can check it alone. */
static struct span content(unsigned seed)
{
    size_t size = sizes[seed % SIZES];
    return span_of(source + seed % 1000, size);
}

static void expect(bool condition)
{
    if (!condition)
        atomic_fetch_add(&wrong, 1);
}

static struct span key_of(char *key, unsigned number)
{
    int len = snprintf(key, 32, "key-%02u", number % KEYS);
    return span_of(key, (size_t)len);
}

static struct stage *stage_quietly(struct span bytes)
{
    struct stage *stage = NULL;
    if (bytes.len == 0 || storage_stage_open(store, bytes.len, &stage) != STORAGE_OK)
        return NULL;
    expect(stage_write(stage, bytes) == STORAGE_OK && stage_finish(stage) == STORAGE_OK);
    return stage;
}

static void step_put(struct span key, unsigned seed)
{
    struct mutation m = {.kind = MUTATION_PUT_OBJECT, .bucket = bucket, .key = key};
    struct span bytes = content(seed);
    m.put.stage = stage_quietly(bytes);
    m.put.attributes.crc64nvme = crc64nvme_update(0, bytes);
    expect(storage_commit(store, &m) == STORAGE_OK);
}

static void step_remove(struct span key)
{
    struct mutation m = {.kind = MUTATION_DELETE_OBJECT, .bucket = bucket, .key = key};
    expect(storage_commit(store, &m) == STORAGE_OK);
}

static void step_copy(struct span from, struct span to)
{
    struct arena arena;
    struct object_info info;
    arena_init(&arena, 65536);
    if (storage_object_get(store, bucket.id, from, newest_version, &arena, &info) == STORAGE_OK) {
        struct mutation m = {.kind = MUTATION_COPY_OBJECT, .bucket = bucket, .key = to};
        m.copy.from.bucket_id = bucket.id;
        m.copy.from.key = from;
        m.copy.from.version = info.version;
        m.copy.attributes = info.attributes;
        enum storage_err err = storage_commit(store, &m);
        expect(err == STORAGE_OK || err == STORAGE_CHANGED);
    }
    arena_free(&arena);
}

/* Composes a copy out of two ranges of the source. */
static void step_compose(struct span from, struct span to, unsigned seed)
{
    struct arena arena;
    struct object_info info;
    struct mutation begin = {.kind = MUTATION_CREATE_UPLOAD, .bucket = bucket, .key = to};
    arena_init(&arena, 65536);
    enum storage_err err =
        storage_object_get(store, bucket.id, from, newest_version, &arena, &info);
    if (err == STORAGE_OK && info.size_bytes >= 2 * STORAGE_COPY_PART_MIN_BYTES) {
        expect(storage_commit(store, &begin) == STORAGE_OK);
        struct part_choice parts[] = {{1}, {2}};
        uint64_t half = 1 + seed % (info.size_bytes - 1);
        for (unsigned i = 0; i < 2 && err == STORAGE_OK; i++) {
            struct mutation part = {.kind = MUTATION_COPY_PART, .bucket = bucket, .key = to};
            part.part.upload = begin.upload;
            part.part.number = i + 1;
            part.part.from = (struct copy_from){
                bucket.id, from, info.version, i ? half : 0, i ? info.size_bytes - half : half};
            err = storage_commit(store, &part);
            expect(err == STORAGE_OK || err == STORAGE_CHANGED);
        }
        struct mutation end = {.kind = MUTATION_COMPLETE_UPLOAD, .bucket = bucket, .key = to};
        if (err == STORAGE_OK && seed % 5 != 0) {
            end.complete.upload = begin.upload;
            end.complete.generation = 3;
            end.complete.parts = parts;
            end.complete.part_count = 2;
            end.complete.attributes.crc64nvme = info.attributes.crc64nvme;
        } else {
            end.kind = MUTATION_ABORT_UPLOAD;
            end.abort.upload = begin.upload;
        }
        expect(storage_commit(store, &end) == STORAGE_OK);
    }
    arena_free(&arena);
}

/* Reads in pieces, slowly, so that much is deleted and moved meanwhile. */
static void step_read(struct span key, unsigned seed)
{
    struct arena arena;
    struct object_info info;
    struct blob_reader *reader = NULL;
    char *bytes = malloc(300000);
    arena_init(&arena, 65536);
    if (bytes && storage_object_open(
                     store, bucket.id, key, newest_version, &arena, &info, &reader) == STORAGE_OK) {
        uint64_t crc = 0, at = 0;
        for (size_t got = 1; got > 0; at += got) {
            got = 0;
            if (blob_read(reader, at, bytes, 100000 + seed % 200000, seed % 4 != 0, &got) !=
                STORAGE_OK)
                break;
            crc = crc64nvme_update(crc, span_of(bytes, got));
            usleep(seed % 3000);
        }
        expect(at == info.size_bytes);
        expect(crc == info.attributes.crc64nvme);
    }
    blob_close(reader);
    arena_free(&arena);
    free(bytes);
}

static void *work(void *ctx)
{
    unsigned seed = *(const unsigned *)ctx;
    while (!atomic_load(&stop)) {
        char key_bytes[32], other_bytes[32];
        unsigned action = (unsigned)rand_r(&seed), number = (unsigned)rand_r(&seed);
        struct span key = key_of(key_bytes, number);
        struct span other = key_of(other_bytes, number / KEYS);
        switch (action % 8) {
        case 0:
        case 1:
        case 2:
            step_put(key, number);
            break;
        case 3:
            step_copy(key, other);
            break;
        case 4:
            step_compose(key, other, number);
            break;
        case 5:
            step_remove(key);
            break;
        default:
            step_read(key, number);
        }
    }
    return NULL;
}

static void test_everything_at_once(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    unsigned seeds[THREADS];
    for (size_t i = 0; i < sizeof(source); i++)
        source[i] = (char)(i * 2654435761u >> 13);
    bucket = make_bucket("stress");
    store_close();
    struct storage_options options = {
        .dir = test_dir, .segment_bytes = 8 * 1024 * 1024, .map_bytes = 1024 * 1024};
    assert_int_equal(storage_open(&options, &store, NULL), STORAGE_OK);
    for (unsigned i = 0; i < THREADS; i++) {
        seeds[i] = i + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &seeds[i]), 0);
    }
    sleep(SECONDS);
    atomic_store(&stop, true);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&wrong), 0);
    struct storage_stats stats;
    storage_stats(store, &stats);
    assert_int_equal(stats.corrupt_blocks, 0);
    uint64_t objects = 0, bytes = 0;
    struct list_page page = list((struct list_query){.bucket_id = bucket.id});
    for (size_t i = 0; i < page.count; i++, objects++)
        bytes += page.items[i].info.size_bytes;
    check_counters(bucket, objects, bytes, 0);
    bool more = true;
    for (int i = 0; more && i < 3000; i++)
        assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
    assert_false(more);
    store_close(); /* the background threads, so that the teardown sees the index at rest */
    store_open();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_everything_at_once, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
