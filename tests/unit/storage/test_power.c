/* Power cuts: a process works on a store with many threads and is killed at a random moment. What it wrote
 * to segments and files without a sync is lost, and so are files whose folder was not synced. Then every
 * acknowledged change is there, the one under way is there whole or not at all, and the store is
 * consistent. Now and then the disk is full meanwhile. (The index is LMDB's business: it loses nothing
 * here.) */
#include "power_support.h"

#include <signal.h>

enum {
    ROUNDS = 14,
    WORKERS = 6,
    KEYS_EACH = 8,
    KEYS = WORKERS * KEYS_EACH,
};

static const size_t body_sizes[] = {
    0, 60, 300, 511, 3000, 20000, 70000, 300000, PACKED_MAX_BYTES, PACKED_MAX_BYTES + 4097};

/* Shared with the process that is killed. */
static struct shared {
    atomic_uint_fast64_t acknowledged[KEYS]; /* seed of the content; 0: absent */
    atomic_uint_fast64_t trying[KEYS];       /* the same, of the change under way */
    atomic_bool is_trying[KEYS];
    atomic_uint_fast64_t records[WORKERS]; /* acknowledged number of the worker's two records */
    atomic_uint_fast64_t next_seed, changes;
} * shared;

/* ---- contents: the seed tells size and bytes ---- */

static size_t content_size(uint64_t seed)
{
    return seed ? body_sizes[seed % ARRAY_LEN(body_sizes)] : 0;
}

static void content_fill(uint64_t seed, size_t offset, char *ret_bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint64_t word = (seed + (offset + i) / 8) * 0x9e3779b97f4a7c15;
        ret_bytes[i] = (char)((word ^ word >> 29) >> ((offset + i) % 8 * 8));
    }
}

struct worker {
    unsigned number, seed;
    struct bucket_ref bucket;
    uint64_t values[KEYS_EACH];
    char bytes[PACKED_MAX_BYTES + 8192], wanted[PACKED_MAX_BYTES + 8192];
};

static unsigned pick(struct worker *worker, unsigned below)
{
    return (unsigned)rand_r(&worker->seed) % below;
}

/* Keys of all lengths, so that some are split. */
static struct span power_key(unsigned number, char *key)
{
    int len = snprintf(key, 1024, "%03u-", number);
    size_t whole = (size_t)len + number * 23 % 1000;
    memset(key + len, 'k', whole - (size_t)len);
    return span_of(key, whole);
}

static bool holds(struct worker *worker, unsigned number, uint64_t seed)
{
    char key[1024];
    struct arena arena;
    struct object_info info;
    struct blob_reader *reader = NULL;
    size_t size = content_size(seed), got = 1;
    arena_init(&arena, 65536);
    enum storage_err err = storage_object_open(
        store, worker->bucket.id, power_key(number, key), newest_version, &arena, &info, &reader);
    bool same =
        seed == 0 ? err == STORAGE_NO_SUCH_KEY : err == STORAGE_OK && info.size_bytes == size;
    for (size_t at = 0; same && at < size; at += got)
        same = blob_read(reader, at, worker->bytes + at, size - at, true, &got) == STORAGE_OK;
    content_fill(seed, 0, worker->wanted, size);
    same = same && memcmp(worker->bytes, worker->wanted, size) == 0;
    blob_close(reader);
    arena_free(&arena);
    return same;
}

/* ---- the work ---- */

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "power: %s\n", what);
    _exit(9);
}

static bool went_well(enum storage_err err, const char *what)
{
    if (err != STORAGE_OK && err != STORAGE_NO_SPACE)
        fprintf(stderr, "power: %s: %s\n", what, storage_err_text(err));
    must(err == STORAGE_OK || err == STORAGE_NO_SPACE, what);
    must(err == STORAGE_OK || atomic_load(&disk->full), "no space without a reason");
    return err == STORAGE_OK;
}

/* Absent when the disk was full. */
static struct stage *content_stage(struct worker *worker, uint64_t seed, size_t offset, size_t len)
{
    struct stage *stage = NULL;
    bool known = pick(worker, 4) != 0;
    enum storage_err err = storage_stage_open(store, known ? len : STAGE_SIZE_UNKNOWN, &stage);
    content_fill(seed, offset, worker->bytes, len);
    if (err == STORAGE_OK && pick(worker, 4) == 0)
        err = stage_compress(stage);
    for (size_t at = 0; err == STORAGE_OK && at < len; at += 65536)
        err = stage_write(stage, span_of(worker->bytes + at, len - at < 65536 ? len - at : 65536));
    if (err == STORAGE_OK)
        err = stage_finish(stage);
    if (went_well(err, "staging"))
        return stage;
    stage_discard(stage);
    return NULL;
}

static struct mutation change_of(
    struct worker *worker, enum mutation_kind kind, unsigned number, char *key)
{
    return (struct mutation){.kind = kind, .bucket = worker->bucket, .key = power_key(number, key)};
}

/* Makes a change that the key's value depends on. */
static void change(struct worker *worker, unsigned i, struct mutation *m, uint64_t seed)
{
    unsigned number = worker->number * KEYS_EACH + i;
    atomic_store(&shared->trying[number], seed);
    atomic_store(&shared->is_trying[number], true);
    m->zone.undecided = true; /* what looks the same is marked */
    if (went_well(storage_commit(store, m), "a change")) {
        worker->values[i] = seed;
        atomic_store(&shared->acknowledged[number], seed);
        atomic_fetch_add(&shared->changes, 1);
    }
    atomic_store(&shared->is_trying[number], false);
}

static void put_content(struct worker *worker, unsigned i)
{
    char key[1024];
    uint64_t seed = atomic_fetch_add(&shared->next_seed, 1);
    struct mutation m = change_of(worker, MUTATION_PUT_OBJECT, worker->number * KEYS_EACH + i, key);
    m.put.stage = content_stage(worker, seed, 0, content_size(seed));
    if (m.put.stage)
        change(worker, i, &m, seed);
}

static struct copy_from source_of(struct worker *worker, unsigned i, char *key)
{
    struct arena arena;
    struct object_info info;
    struct copy_from from = {.bucket_id = worker->bucket.id};
    from.key = power_key(worker->number * KEYS_EACH + i, key);
    arena_init(&arena, 65536);
    must(storage_object_get(store, worker->bucket.id, from.key, newest_version, &arena, &info) ==
             STORAGE_OK,
        "an acknowledged object is not there");
    from.version = info.version;
    arena_free(&arena);
    return from;
}

static void copy_content(struct worker *worker, unsigned i, unsigned from)
{
    char key[1024], from_key[1024];
    struct mutation m =
        change_of(worker, MUTATION_COPY_OBJECT, worker->number * KEYS_EACH + i, key);
    if (worker->values[from] == 0)
        return;
    m.copy.from = source_of(worker, from, from_key);
    change(worker, i, &m, worker->values[from]);
}

static bool put_content_part(
    struct worker *worker, struct mutation *part, uint64_t seed, size_t offset, size_t len)
{
    struct mutation m = *part;
    m.kind = MUTATION_PUT_PART;
    m.part.stage = content_stage(worker, seed, offset, len);
    return m.part.stage && went_well(storage_commit(store, &m), "a part");
}

/* Two parts of one content, each written or copied from where it is; some parts twice, some in vain. */
static bool put_parts(struct worker *worker, struct mutation *part, uint64_t seed, unsigned from,
    struct copy_from source)
{
    size_t size = content_size(seed), cut = 1 + pick(worker, (unsigned)size - 1);
    for (uint32_t number = 1; number <= 2; number++) {
        size_t offset = number == 1 ? 0 : cut, len = number == 1 ? cut : size - cut;
        part->part.number = number;
        if (pick(worker, 3) == 0 && !put_content_part(worker, part, seed + 1, 7, len / 2 + 1))
            return false;
        if (worker->values[from] == seed && pick(worker, 2)) {
            struct mutation m = *part;
            m.kind = MUTATION_COPY_PART;
            m.part.from = source;
            m.part.from.offset_bytes = offset;
            m.part.from.length_bytes = len;
            if (!went_well(storage_commit(store, &m), "a copied part"))
                return false;
        } else if (!put_content_part(worker, part, seed, offset, len)) {
            return false;
        }
    }
    part->part.number = 3;
    return pick(worker, 3) != 0 || put_content_part(worker, part, seed + 2, 0, 5000);
}

static void compose_content(struct worker *worker, unsigned i, unsigned from)
{
    static const struct part_choice parts[] = {{1}, {2}};
    char key[1024], from_key[1024];
    unsigned number = worker->number * KEYS_EACH + i;
    uint64_t seed = worker->values[from];
    struct copy_from source = {0};
    struct arena arena;
    struct upload_info info;
    if (content_size(seed) < STORAGE_COPY_PART_MIN_BYTES)
        return;
    source = source_of(worker, from, from_key);
    struct mutation create = change_of(worker, MUTATION_CREATE_UPLOAD, number, key);
    if (!went_well(storage_commit(store, &create), "an upload"))
        return;
    struct mutation part = change_of(worker, MUTATION_PUT_PART, number, key);
    part.part.upload = create.upload;
    bool whole = put_parts(worker, &part, seed, from, source);
    unsigned end = pick(worker, 5);
    if (!whole || end == 0) {
        struct mutation abort = change_of(worker, MUTATION_ABORT_UPLOAD, number, key);
        abort.abort.upload = create.upload;
        if (pick(worker, 2))
            went_well(storage_commit(store, &abort), "an abort");
        return;
    }
    struct mutation complete = change_of(worker, MUTATION_COMPLETE_UPLOAD, number, key);
    arena_init(&arena, 65536);
    must(storage_upload_get(store, worker->bucket.id, complete.key, create.upload, &arena, &info) ==
             STORAGE_OK,
        "an upload is not there");
    arena_free(&arena);
    complete.complete.upload = create.upload;
    complete.complete.generation = info.generation;
    complete.complete.parts = parts;
    complete.complete.part_count = 2;
    change(worker, i, &complete, seed);
}

/* ---- records: two of one number, changed together ---- */

static uint64_t read_record(unsigned worker, unsigned which)
{
    char key[16];
    struct arena arena;
    struct span value;
    uint64_t generation, number = 0;
    snprintf(key, sizeof(key), "%u-%u", worker, which);
    arena_init(&arena, 65536);
    if (storage_record_get(store, span_str(key), &arena, &value, &generation) == STORAGE_OK)
        memcpy(&number, value.ptr, sizeof(number));
    arena_free(&arena);
    return number;
}

static void change_records(struct worker *worker)
{
    char keys[2][16];
    uint64_t number = read_record(worker->number, 0) + 1;
    struct record_change changes[2];
    for (unsigned i = 0; i < 2; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%u-%u", worker->number, i);
        changes[i] = (struct record_change){
            .key = span_str(keys[i]), .value = span_of(&number, sizeof(number))};
    }
    struct mutation m = {.kind = MUTATION_CHANGE_RECORDS, .records = {changes, 2}};
    if (went_well(storage_commit(store, &m), "records"))
        atomic_store(&shared->records[worker->number], number);
}

static void check_records(void)
{
    for (unsigned worker = 0; worker < WORKERS; worker++) {
        uint64_t acknowledged = atomic_load(&shared->records[worker]);
        uint64_t first = read_record(worker, 0), second = read_record(worker, 1);
        assert_int_equal(first, second);
        assert_in_range(first, acknowledged, acknowledged + 1);
        atomic_store(&shared->records[worker], first);
    }
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    char key[1024];
    for (;;) {
        unsigned i = pick(worker, KEYS_EACH), from = pick(worker, KEYS_EACH);
        unsigned action = pick(worker, 13);
        if (action < 5) {
            put_content(worker, i);
        } else if (action < 6) {
            copy_content(worker, i, from);
        } else if (action < 8) {
            compose_content(worker, i, from);
        } else if (action < 9) {
            struct mutation m =
                change_of(worker, MUTATION_DELETE_OBJECT, worker->number * KEYS_EACH + i, key);
            change(worker, i, &m, 0);
        } else if (action < 10) {
            change_records(worker);
        } else {
            must(holds(worker, worker->number * KEYS_EACH + i, worker->values[i]),
                "an acknowledged content is not what it was");
        }
    }
    return NULL;
}

/* Other rules in each round, over what is there: they are scanned while the workers write. */
static void set_zones(struct bucket_ref bucket, unsigned round)
{
    struct span except = SPAN("*kkk");
    struct zone_rule rules[] = {
        {.name = SPAN("first"),
            .prefix = round % 4 < 2 ? SPAN("00") : SPAN("0"),
            .duplicates = round % 3 ? DUPLICATES_FLAG : DUPLICATES_ALLOW,
            .min_bytes = round % 5 * 100,
            .except = &except,
            .except_count = round % 2},
        {.name = SPAN("second"), .prefix = SPAN("1"), .duplicates = DUPLICATES_FLAG},
    };
    struct mutation m = {.kind = MUTATION_PUT_ZONES, .bucket = bucket};
    m.zones.kind = DOCUMENT_ZONES;
    m.zones.text = SPAN("{}");
    m.zones.rules = rules;
    m.zones.count = round % 6 == 5 ? 0 : 2;
    went_well(storage_commit(store, &m), "zones");
}

_Noreturn static void live_until_killed(struct bucket_ref bucket, unsigned round)
{
    static struct sys sys;
    static struct worker workers[WORKERS];
    sys = power_sys();
    struct storage_options options = {.dir = test_dir,
        .segment_bytes = 4 * 1024 * 1024,
        .map_bytes = 1024 * 1024,
        .no_background = round % 2 == 0};
    must(engine_open(&options, &sys, &store, NULL) == STORAGE_OK, "the store does not open");
    for (unsigned w = 0; w < WORKERS; w++) {
        workers[w].number = w;
        workers[w].seed = round * WORKERS + w + 1;
        workers[w].bucket = bucket;
        for (unsigned i = 0; i < KEYS_EACH; i++)
            workers[w].values[i] = atomic_load(&shared->acknowledged[w * KEYS_EACH + i]);
        pthread_t thread;
        must(pthread_create(&thread, NULL, work, &workers[w]) == 0, "no thread");
    }
    set_zones(bucket, round);
    for (;;) {
        bool more = false;
        enum storage_err err = options.no_background ? storage_gc_step(store, &more) : STORAGE_OK;
        went_well(err, "a step of GC");
        usleep(more ? 100 : 3000);
    }
}

static void check_all(struct bucket_ref bucket)
{
    static struct worker worker;
    worker.bucket = bucket;
    for (unsigned number = 0; number < KEYS; number++) {
        uint64_t seed = atomic_load(&shared->acknowledged[number]);
        bool trying = atomic_exchange(&shared->is_trying[number], false);
        if (trying && !holds(&worker, number, seed)) {
            seed = atomic_load(&shared->trying[number]);
            atomic_store(&shared->acknowledged[number], seed);
        }
        if (!holds(&worker, number, seed))
            fail_msg("key %u does not hold content %llu", number, (unsigned long long)seed);
    }
}

/* However fast the machine is; but where the disk is full, changes may not come. */
static void wait_for_changes(uint64_t count)
{
    uint64_t end = atomic_load(&shared->changes) + count;
    for (int ms = 0; ms < 3000 && atomic_load(&shared->changes) < end; ms++)
        usleep(1000);
}

static bool any_freed_blob(void)
{
    struct index_txn *txn;
    struct index_cursor *cursor;
    struct index_key buffer;
    struct span key, value;
    assert_int_equal(index_read_begin(store->index, &txn), STORAGE_OK);
    assert_int_equal(index_cursor_open(txn, TABLE_FREED, &cursor), STORAGE_OK);
    bool any =
        index_seek(cursor, key_of_freed(&buffer, FREED_BLOB, 0), &key, &value) == STORAGE_OK &&
        key.ptr[0] == FREED_BLOB;
    index_cursor_close(cursor);
    index_read_end(txn);
    return any;
}

static void a_power_cut_loses_nothing_acknowledged(void **state)
{
    (void)state;
    unsigned seed = (unsigned)getpid();
    const char *rounds = getenv("POWER_ROUNDS");
    shared = map_shared(sizeof(*shared));
    disk = map_shared(sizeof(*disk));
    atomic_store(&shared->next_seed, 1);
    struct bucket_ref bucket = make_bucket("bucket");
    for (unsigned round = 0; round < (rounds ? (unsigned)strtoul(rounds, NULL, 10) : ROUNDS);
         round++) {
        store_close();
        atomic_store(&disk->full, round % 3 == 2);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            live_until_killed(bucket, round);
        wait_for_changes(20 + (unsigned)rand_r(&seed) % 80);
        usleep((unsigned)rand_r(&seed) % 8000);
        kill(child, SIGKILL);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        take_unsynced();
        if (findings() != 0)
            fail_msg("round %u: %s", round, first_finding);
        store_open();
        check_all(bucket);
        check_records();
        gc_all();
        struct storage_stats stats;
        storage_stats(store, &stats);
        assert_false(any_freed_blob());
        assert_int_equal(own_files(), stats.files); /* no litter */
        assert_in_range(files_below("segments", ".seg"), stats.segments, stats.segments + 1);
        verify_clean();
        check_all(bucket);
    }
    assert_true(atomic_load(&shared->changes) > 100);
    if (rounds)
        print_message("%llu changes\n", (unsigned long long)atomic_load(&shared->changes));
    munmap(shared, sizeof(*shared));
    munmap(disk, sizeof(*disk));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_power_cut_loses_nothing_acknowledged, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
