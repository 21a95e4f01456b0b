/* How fast is the store without HTTP?  store_bench DIR [SECONDS] [THREADS] [OBJECT BYTES]
 * Puts with a full sync each, then gets and listings of what was put. One line for each. Then, turn by turn,
 * puts and gets in a bucket without zones and in one that looks for duplicates. */
#include "storage/storage_care.h"
#include "storage/storage_zones.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum {
    KEY_BYTES = 32,
    THREADS_MAX = 256,
    BODY_MAX_BYTES = 4 * 1024 * 1024,
    LIST_KEYS = 1000,
    TURNS = 15,
};

static struct {
    struct storage *storage;
    struct bucket_ref bucket;
    const struct zone_rule *rule; /* NULL: no zone */
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

/* As the daemon does: what has the same size and CRC would be compared. */
static void look_for_duplicates(const struct mutation *m)
{
    struct arena arena;
    struct content_page page;
    arena_init(&arena, 65536);
    must(storage_content_find(bench.storage, bench.bucket.id, bench.rule, m->key, bench.body_bytes,
             m->put.attributes.crc64nvme, 16, &arena, &page),
        "contents");
    if (page.count > 0)
        must(STORAGE_INTERNAL, "a duplicate");
    arena_free(&arena);
}

static void put_one(struct worker *worker)
{
    char key[KEY_BYTES];
    struct mutation m = {.kind = MUTATION_PUT_OBJECT, .bucket = bench.bucket};
    m.key = key_of(key, worker->number, worker->written++);
    m.put.attributes.crc64nvme = crc64nvme_update(0, m.key); /* stands for bodies that differ */
    if (bench.rule)
        look_for_duplicates(&m);
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
    struct timespec span = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
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

static struct bucket_ref make_bucket(struct span name)
{
    struct mutation create = {.kind = MUTATION_CREATE_BUCKET, .bucket.name = name};
    enum storage_err err = storage_commit(bench.storage, &create);
    if (err != STORAGE_BUCKET_EXISTS)
        must(err, "bucket");
    return (struct bucket_ref){create.bucket_info.id, name};
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static double median(double *values)
{
    qsort(values, TURNS, sizeof(*values), by_value);
    return values[TURNS / 2];
}

static void compare_zones(unsigned threads, double seconds)
{
    static const struct span except[] = {SPAN("*/"), SPAN("_SUCCESS"), SPAN("_temporary"),
        SPAN(".spark-staging-*"), SPAN(".hive-staging*"), SPAN("__magic*"), SPAN("_delta_log"),
        SPAN("metadata"), SPAN("*_$folder$"), SPAN("_committed_*"), SPAN("_started_*"),
        SPAN(".*.crc")};
    static const struct zone_rule rule = {.name = SPAN("raw"),
        .write_once = true,
        .duplicates = DUPLICATES_REJECT,
        .min_bytes = 1,
        .except = except,
        .except_count = ARRAY_LEN(except)};
    struct arena arena;
    struct zone_set set;
    double rates[2][2][TURNS]; /* in a zone; puts; each turn */
    uint64_t written[2][THREADS_MAX] = {{0}};
    struct bucket_ref buckets[2] = {make_bucket(SPAN("plain")), make_bucket(SPAN("zone"))};
    struct mutation m = {.kind = MUTATION_PUT_ZONES, .bucket = buckets[1]};
    m.zones.kind = DOCUMENT_ZONES;
    m.zones.text = SPAN("{}");
    m.zones.rules = &rule;
    m.zones.count = 1;
    must(storage_commit(bench.storage, &m), "zones");
    arena_init(&arena, 65536);
    must(storage_zones_get(bench.storage, buckets[1].id, &arena, &set), "zones");
    for (int turn = 0; turn < 2 * TURNS; turn++) {
        int in_zone = turn % 2;
        bench.bucket = buckets[in_zone];
        bench.rule = in_zone ? &set.rules[0] : NULL;
        for (unsigned i = 0; i < threads; i++)
            bench.workers[i].written = written[in_zone][i];
        rates[in_zone][1][turn / 2] = run(true, threads, seconds);
        for (unsigned i = 0; i < threads; i++)
            written[in_zone][i] = bench.workers[i].written;
        rates[in_zone][0][turn / 2] = run(false, threads < 2 ? 1 : 2, seconds);
    }
    arena_free(&arena);
    for (int puts = 1; puts >= 0; puts--) {
        double ratios[TURNS]; /* of neighbours, which the machine treated alike */
        for (int turn = 0; turn < TURNS; turn++)
            ratios[turn] = rates[1][puts][turn] / rates[0][puts][turn];
        printf("%-28s %8.0f /s, without %8.0f /s: %.0f %%\n",
            puts ? "put in a zone" : "get in a zone", median(rates[1][puts]),
            median(rates[0][puts]), 100 * median(ratios));
    }
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
    bench.bucket = make_bucket(SPAN("bench"));
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
    compare_zones(threads, seconds / 10);
    storage_close(bench.storage);
    free(bench.body);
    return 0;
}
