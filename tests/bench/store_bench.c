/* How fast is the store without HTTP?  store_bench DIR [SECONDS] [THREADS] [OBJECT BYTES]
 * Puts with a full sync each, then gets and listings of what was put. One line for each. */
#include "storage/storage.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { KEY_BYTES = 32, THREADS_MAX = 256, BODY_MAX_BYTES = 4 * 1024 * 1024, LIST_KEYS = 1000 };

static struct {
    struct storage *storage;
    struct bucket_ref bucket;
    size_t body_bytes;
    char *body;
    atomic_bool stop;
    bool puts;
    struct worker {
        pthread_t thread;
        unsigned number;
        uint64_t count, written;
    } workers[THREADS_MAX];
} bench;

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void must(enum storage_err err, const char *what)
{
    if (err == STORAGE_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, storage_err_text(err));
    exit(1);
}

static struct span key_of(char *key, unsigned worker, uint64_t number)
{
    int len = snprintf(key, KEY_BYTES, "%03u/%08llu", worker, (unsigned long long)number);
    return span_of(key, (size_t)len);
}

static void put_one(struct worker *worker)
{
    char key[KEY_BYTES];
    struct mutation m = {.kind = MUTATION_PUT_OBJECT, .bucket = bench.bucket};
    m.key = key_of(key, worker->number, worker->written++);
    m.put.attributes.metadata = SPAN("content-type: application/octet-stream");
    must(storage_stage_open(bench.storage, bench.body_bytes, &m.put.stage), "stage");
    must(stage_write(m.put.stage, span_of(bench.body, bench.body_bytes)), "write");
    must(stage_finish(m.put.stage), "finish");
    must(storage_commit(bench.storage, &m), "commit");
}

static void get_one(struct worker *worker, char *bytes)
{
    char key[KEY_BYTES];
    struct arena arena;
    struct object_info info;
    struct blob_reader *reader = NULL;
    uint64_t number = (worker->count * 7919) % worker->written;
    arena_init(&arena, 65536);
    must(storage_object_open(bench.storage, bench.bucket.id, key_of(key, worker->number, number),
             (struct version_ref){VERSION_NEWEST, 0, 0}, &arena, &info, &reader),
        "open");
    for (uint64_t at = 0; at < info.size_bytes;) {
        size_t got = 0;
        must(blob_read(reader, at, bytes, BODY_MAX_BYTES, true, &got), "read");
        at += got;
    }
    blob_close(reader);
    arena_free(&arena);
}

static void *work(void *ctx)
{
    struct worker *worker = ctx;
    char *bytes = bench.puts ? NULL : malloc(BODY_MAX_BYTES);
    for (worker->count = 0; !atomic_load(&bench.stop); worker->count++) {
        if (bench.puts)
            put_one(worker);
        else
            get_one(worker, bytes);
    }
    free(bytes);
    return NULL;
}

static double run(bool puts, unsigned threads, double seconds)
{
    uint64_t total = 0;
    bench.puts = puts;
    atomic_store(&bench.stop, false);
    double begin = now();
    for (unsigned i = 0; i < threads; i++) {
        bench.workers[i].number = i;
        if (pthread_create(&bench.workers[i].thread, NULL, work, &bench.workers[i]) != 0)
            exit(1);
    }
    struct timespec span = {(time_t)seconds, 0};
    nanosleep(&span, NULL);
    atomic_store(&bench.stop, true);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(bench.workers[i].thread, NULL);
        total += bench.workers[i].count;
    }
    return (double)total / (now() - begin);
}

static void time_listing(const char *what, struct list_query query, size_t rounds)
{
    size_t entries = 0;
    double begin = now();
    for (size_t i = 0; i < rounds; i++) {
        struct arena arena;
        struct list_page page;
        arena_init(&arena, (size_t)16 * 1024 * 1024);
        must(storage_list(bench.storage, &query, &arena, &page), "list");
        entries = page.count;
        arena_free(&arena);
    }
    printf(
        "%-28s %8.3f ms for %zu entries\n", what, (now() - begin) / (double)rounds * 1000, entries);
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 5;
    unsigned threads = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 32;
    bench.body_bytes = argc > 4 ? strtoul(argv[4], NULL, 10) : 4096;
    if (argc < 2 || threads == 0 || threads > THREADS_MAX || bench.body_bytes > BODY_MAX_BYTES) {
        fprintf(stderr, "usage: store_bench DIR [SECONDS] [THREADS] [OBJECT BYTES]\n");
        return 2;
    }
    struct storage_options options = {.dir = argv[1]};
    const char *detail = "";
    double begin = now();
    must(storage_open(&options, &bench.storage, &detail), "open");
    printf("%-28s %8.3f ms\n", "open", (now() - begin) * 1000);
    struct mutation create = {.kind = MUTATION_CREATE_BUCKET, .bucket.name = SPAN("bench")};
    enum storage_err err = storage_commit(bench.storage, &create);
    if (err != STORAGE_BUCKET_EXISTS)
        must(err, "bucket");
    bench.bucket = (struct bucket_ref){create.bucket_info.id, SPAN("bench")};
    bench.body = malloc(bench.body_bytes + 1);
    if (!bench.body)
        return 1;
    memset(bench.body, 'b', bench.body_bytes);

    double puts = run(true, threads, seconds);
    struct storage_stats stats;
    storage_stats(bench.storage, &stats);
    printf("%-28s %8.0f /s, %.1f in a commit\n", "put, synced", puts,
        (double)stats.mutations / (double)stats.commits);
    printf("%-28s %8.0f /s\n", "get, verified", run(false, threads < 2 ? 1 : 2, seconds));
    time_listing("list", (struct list_query){.bucket_id = bench.bucket.id, .max = LIST_KEYS}, 500);
    time_listing("list with delimiter",
        (struct list_query){.bucket_id = bench.bucket.id, .max = LIST_KEYS, .delimiter = SPAN("/")},
        500);
    storage_close(bench.storage);
    free(bench.body);
    return 0;
}
