/* The committer: batches, refusals, replays, growth of the map, failures, restarts. */
#include "engine_support.h"

#include "storage/local/commit.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ---- batches ---- */

static void test_conflicts_within_a_batch(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    static struct mutation m[COUNT];
    struct bucket_ref bucket = make_bucket("batch");
    for (size_t i = 0; i < COUNT; i++) {
        m[i] = put_of(bucket, SPAN("same"), SPAN("0123456789"));
        m[i].if_none_match = (struct etag_list){.present = true, .any = true};
    }
    storage_commit_all(store, m, COUNT);
    size_t won = 0;
    for (size_t i = 0; i < COUNT; i++) {
        won += m[i].err == STORAGE_OK;
        if (m[i].err != STORAGE_OK)
            assert_int_equal(m[i].err, STORAGE_PRECONDITION_FAILED);
    }
    assert_int_equal(won, 1);
    assert_int_equal(m[0].err, STORAGE_OK); /* in the order they were queued */
    check_counters(bucket, 1, 10, 0);
    for (size_t i = 0; i < COUNT; i++)
        m[i] = i % 2 ? remove_of(bucket, SPAN("same"), newest_version)
                     : put_of(bucket, SPAN("same"), SPAN("abc"));
    storage_commit_all(store, m, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(m[i].err, STORAGE_OK);
        assert_int_not_equal(m[i].result.version.sequence, 0);
    }
    check_counters(bucket, 0, 0, 0);
}

static void test_a_bucket_made_filled_and_deleted_in_one_batch(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("reused");
    struct mutation m[4] = {
        {.kind = MUTATION_DELETE_BUCKET, .bucket = bucket},
        {.kind = MUTATION_CREATE_BUCKET, .bucket.name = SPAN("reused")},
        put_of(bucket, SPAN("key"), SPAN("to the old one")),
        {.kind = MUTATION_CREATE_BUCKET, .bucket.name = SPAN("reused")},
    };
    storage_commit_all(store, m, 4);
    assert_int_equal(m[0].err, STORAGE_OK);
    assert_int_equal(m[1].err, STORAGE_OK);
    assert_int_equal(m[2].err, STORAGE_NO_SUCH_BUCKET);
    assert_int_equal(m[3].err, STORAGE_BUCKET_EXISTS);
    assert_int_equal(m[3].bucket_info.id, m[1].bucket_info.id);
    check_counters((struct bucket_ref){m[1].bucket_info.id, SPAN("reused")}, 0, 0, 0);
}

/* What is lent is written by the commit, of one that is refused too; nothing of that stays. */
static void test_lent_bodies_of_a_batch(void **state)
{
    (void)state;
    enum { COUNT = 60, BYTES = 3000 };
    static char bytes[COUNT][BYTES], keys[COUNT][8];
    static struct mutation m[COUNT];
    struct bucket_ref bucket = make_bucket("lent");
    for (size_t i = 0; i < COUNT; i++) {
        size_t len = i % 5 == 0 ? 100 : BYTES; /* into the index, or a segment */
        memset(bytes[i], 'a' + (int)(i % 26), len);
        snprintf(keys[i], sizeof(keys[i]), "%zu", i / 2);
        m[i] = put_of(bucket, span_str(keys[i]), SPAN_ABSENT);
        m[i].put.attributes = attributes_for(span_of(bytes[i], len));
        assert_int_equal(
            storage_stage_lend(store, span_of(bytes[i], len), &m[i].put.stage), STORAGE_OK);
        m[i].if_none_match = (struct etag_list){.present = true, .any = true};
    }
    storage_commit_all(store, m, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(m[i].err, i % 2 ? STORAGE_PRECONDITION_FAILED : STORAGE_OK);
        assert_null(m[i].put.stage);
        if (i % 2 == 0)
            check_bytes(bucket, span_str(keys[i]), newest_version,
                span_of(bytes[i], i % 5 == 0 ? 100 : BYTES));
    }
}

/* ---- replays ---- */

static enum storage_err change_then_refuse(struct engine_work *work, struct commit *commit)
{
    (void)work;
    schema_encode_bytes(SPAN("trace"), SPAN("left behind"), &commit->value);
    assert_int_equal(commit_put(commit, TABLE_SIDE, SPAN("trace")), STORAGE_OK);
    return STORAGE_INVALID;
}

static enum storage_err add_twice(struct engine_work *work, struct commit *commit)
{
    (void)work;
    schema_encode_bytes(SPAN("twice"), SPAN("x"), &commit->value);
    enum storage_err err = commit_add(commit, TABLE_SIDE, SPAN("twice"));
    return err == STORAGE_OK ? commit_add(commit, TABLE_SIDE, SPAN("twice")) : err;
}

static void test_only_the_guilty_one_fails(void **state)
{
    (void)state;
    struct engine_work refuse = {change_then_refuse}, misuse = {add_twice};
    struct bucket_ref bucket = make_bucket("guilty");
    struct mutation m[5] = {
        put_of(bucket, SPAN("a"), SPAN("1")),
        {.kind = MUTATION_ENGINE, .engine_data = &refuse},
        put_of(bucket, SPAN("b"), SPAN("22")),
        {.kind = MUTATION_ENGINE, .engine_data = &misuse},
        put_of(bucket, SPAN("c"), SPAN("333")),
    };
    storage_commit_all(store, m, 5);
    static const enum storage_err wanted[] = {
        STORAGE_OK, STORAGE_INVALID, STORAGE_OK, STORAGE_INTERNAL, STORAGE_OK};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(m[i].err, wanted[i]);
    check_counters(bucket, 3, 6, 0);
    struct index_txn *txn;
    struct span value;
    assert_int_equal(index_read_begin(store->index, &txn), STORAGE_OK);
    assert_int_equal(index_get(txn, TABLE_SIDE, SPAN("trace"), &value), STORAGE_NO_SUCH_KEY);
    assert_int_equal(index_get(txn, TABLE_SIDE, SPAN("twice"), &value), STORAGE_NO_SUCH_KEY);
    index_read_end(txn);
}

/* ---- the queue's limit ---- */

struct blocker {
    struct engine_work work;
    sem_t entered, go;
};

static enum storage_err block(struct engine_work *work, struct commit *commit)
{
    (void)commit;
    struct blocker *blocker = (struct blocker *)work;
    sem_post(&blocker->entered);
    sem_wait(&blocker->go);
    return STORAGE_OK;
}

static void count_err(void *ctx, struct mutation *m)
{
    size_t *counts = ctx;
    counts[m->err == STORAGE_BUSY]++;
}

static void test_a_full_queue_is_busy(void **state)
{
    (void)state;
    enum { COUNT = QUEUE_MAX + 100 };
    struct bucket_ref bucket = make_bucket("queue");
    struct blocker blocker = {.work.apply = block};
    sem_init(&blocker.entered, 0, 0);
    sem_init(&blocker.go, 0, 0);
    struct mutation first = {.kind = MUTATION_ENGINE, .engine_data = &blocker};
    struct mutation *m = calloc(COUNT, sizeof(*m));
    size_t busy_first[2] = {0}, queued[2] = {0};
    first.done = count_err;
    first.done_ctx = busy_first;
    storage_submit(store, &first);
    sem_wait(&blocker.entered);
    for (size_t i = 0; i < COUNT; i++) {
        m[i] = remove_of(bucket, SPAN("none"), newest_version);
        m[i].done = count_err;
        m[i].done_ctx = queued;
        storage_submit(store, &m[i]);
    }
    assert_int_equal(queued[1], 101); /* the first one is in the queue's count, too */
    sem_post(&blocker.go);
    struct mutation last;
    do /* while the queue is full */
        last = put_of(bucket, SPAN("last"), SPAN("x"));
    while (storage_commit(store, &last) == STORAGE_BUSY);
    assert_int_equal(last.err, STORAGE_OK); /* and it comes after all of them */
    assert_int_equal(queued[0], COUNT - 101);
    assert_int_equal(busy_first[0], 1);
    free(m);
    sem_destroy(&blocker.entered);
    sem_destroy(&blocker.go);
}

/* ---- many threads, a small map ---- */

enum { WRITERS = 32, PUTS = 150, READERS = 4 };

static struct bucket_ref shared;
static atomic_bool stop_reading;

static void *write_many(void *ctx)
{
    size_t number = (size_t)(uintptr_t)ctx;
    char metadata[600], key[32];
    memset(metadata, 'm', sizeof(metadata));
    for (size_t i = 0; i < PUTS; i++) {
        snprintf(key, sizeof(key), "%zu/%zu", number, i % 100); /* some are overwritten */
        struct mutation m = put_of(shared, span_str(key), span_of(metadata, 1 + i));
        m.put.attributes.metadata = span_of(metadata, i * 4);
        if (storage_commit(store, &m) != STORAGE_OK)
            return ctx;
        if (i % 10 == 9) {
            struct mutation gone = remove_of(shared, span_str(key), newest_version);
            if (storage_commit(store, &gone) != STORAGE_OK)
                return ctx;
        }
    }
    return NULL;
}

static void *read_many(void *ctx)
{
    (void)ctx;
    while (!atomic_load(&stop_reading)) {
        struct arena arena;
        struct list_page page;
        struct list_query query = {.bucket_id = shared.id, .max = 200};
        arena_init(&arena, (size_t)1024 * 1024);
        if (storage_list(store, &query, &arena, &page) != STORAGE_OK)
            return &shared;
        for (size_t i = 0; i < page.count; i += 17) {
            struct object_info info;
            struct blob_reader *reader = NULL;
            char bytes[PUTS];
            size_t got;
            enum storage_err err = storage_object_open(
                store, shared.id, page.items[i].key, newest_version, &arena, &info, &reader);
            if (err == STORAGE_NO_SUCH_KEY)
                continue;
            if (err != STORAGE_OK ||
                blob_read(reader, 0, bytes, sizeof(bytes), true, &got) != STORAGE_OK ||
                got != info.size_bytes)
                return &shared;
            blob_close(reader);
        }
        arena_free(&arena);
    }
    return NULL;
}

static int small_map_setup(void **state)
{
    test_map_bytes = (uint64_t)1024 * 1024;
    return store_setup(state);
}

static int small_map_teardown(void **state)
{
    test_map_bytes = 0;
    return store_teardown(state);
}

static void test_the_map_grows_under_readers(void **state)
{
    (void)state;
    pthread_t writers[WRITERS], readers[READERS];
    void *failed = NULL;
    shared = make_bucket("shared");
    atomic_store(&stop_reading, false);
    for (size_t i = 0; i < READERS; i++)
        pthread_create(&readers[i], NULL, read_many, NULL);
    for (size_t i = 0; i < WRITERS; i++)
        pthread_create(&writers[i], NULL, write_many, (void *)(uintptr_t)(i + 1));
    for (size_t i = 0; i < WRITERS; i++) {
        pthread_join(writers[i], &failed);
        assert_null(failed);
    }
    atomic_store(&stop_reading, true);
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(readers[i], &failed);
        assert_null(failed);
    }
    struct storage_stats stats;
    storage_stats(store, &stats);
    assert_true(stats.index_map_bytes > 1024 * 1024);
    assert_int_equal(stats.queue_depth, 0);

    uint64_t objects = 0, bytes = 0;
    struct list_query query = {.bucket_id = shared.id, .max = SIZE_MAX};
    struct list_page page = list(query);
    for (size_t i = 0; i < page.count; i++, objects++)
        bytes += page.items[i].info.size_bytes;
    assert_int_equal(objects, (uint64_t)WRITERS * 90);
    check_counters(shared, objects, bytes, 0);
    store_reopen();
    check_counters(shared, objects, bytes, 0);
    check_tallies();
}

/* ---- no space ---- */

static void test_the_reserve_is_kept_for_deletes(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("reserve");
    put(bucket, SPAN("key"), SPAN("value"));
    store_close();
    struct storage_options options = {
        .dir = test_dir, .no_background = true, .reserve_bytes = UINT64_MAX / 2};
    const char *detail = "";
    assert_int_equal(storage_open(&options, &store, &detail), STORAGE_OK);
    struct stage *stage;
    assert_int_equal(storage_stage_open(store, 100, &stage), STORAGE_NO_SPACE);
    struct mutation m = {.kind = MUTATION_PUT_OBJECT, .bucket = bucket, .key = SPAN("empty")};
    assert_int_equal(storage_commit(store, &m), STORAGE_NO_SPACE);
    m = (struct mutation){.kind = MUTATION_CREATE_UPLOAD, .bucket = bucket, .key = SPAN("up")};
    assert_int_equal(storage_commit(store, &m), STORAGE_NO_SPACE);
    check_bytes(bucket, SPAN("key"), newest_version, SPAN("value"));
    delete_version(bucket, SPAN("key"), newest_version);
    check_counters(bucket, 0, 0, 0);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_an_index_without_room_goes_on(void **state)
{
    (void)state;
    static char text[STORAGE_DOCUMENT_MAX_BYTES];
    memset(text, 't', sizeof(text));
    signal(SIGXFSZ, SIG_IGN);
    struct bucket_ref bucket = make_bucket("full");
    put(bucket, SPAN("before"), SPAN("here"));
    limit_files((rlim_t)20 * 1024 * 1024);
    struct mutation m = {.kind = MUTATION_PUT_DOCUMENT, .bucket = bucket};
    m.document.text = span_of(text, sizeof(text));
    enum storage_err err = STORAGE_OK;
    unsigned kind = 1;
    for (; kind < 100 && err == STORAGE_OK; kind++) {
        m.document.kind = (enum document_kind)kind;
        err = storage_commit(store, &m);
    }
    assert_int_equal(err, STORAGE_NO_SPACE);
    assert_true(kind > 10);
    check_bytes(bucket, SPAN("before"), newest_version, SPAN("here"));
    assert_int_equal(bucket_info_of(bucket).generation, kind - 1);
    check_tallies();
    limit_files(RLIM_INFINITY);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    put(bucket, SPAN("after"), SPAN("here too"));
    assert_int_equal(bucket_info_of(bucket).generation, kind);
    store_reopen();
    check_counters(bucket, 2, 12, 0);
}

/* ---- ends ---- */

static void end_with_71(void *ctx, const char *what, int error_number)
{
    (void)ctx, (void)what;
    _exit(error_number == EIO ? 71 : 72);
}

static int broken_fdatasync(int fd)
{
    (void)fd;
    errno = EIO;
    return -1;
}

static void test_a_failed_sync_is_the_end(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("sync");
    put(bucket, SPAN("safe"), SPAN("value"));
    store_close();
    pid_t child = fork();
    if (child == 0) {
        struct sys sys = sys_posix;
        struct storage_options options = {
            .dir = test_dir, .no_background = true, .on_fatal = end_with_71};
        sys.fdatasync = broken_fdatasync;
        if (engine_open(&options, &sys, &store, NULL) != STORAGE_OK)
            _exit(1);
        struct mutation m = remove_of(bucket, SPAN("safe"), newest_version);
        storage_commit_all(store, &m, 1);
        _exit(2); /* was acknowledged */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 71);
    store_open();
    check_bytes(bucket, SPAN("safe"), newest_version, SPAN("value"));
}

static void test_what_was_acknowledged_outlives_the_process(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("killed");
    for (int round = 0; round < 5; round++) {
        int channel[2];
        store_close();
        assert_int_equal(pipe(channel), 0);
        pid_t child = fork();
        if (child == 0) {
            store_open();
            for (uint32_t i = 0;; i++) {
                char key[16];
                snprintf(key, sizeof(key), "%d-%u", round, i);
                put(bucket, span_str(key), span_str(key));
                if (write(channel[1], &i, sizeof(i)) != sizeof(i))
                    _exit(1);
            }
        }
        close(channel[1]);
        uint32_t last = 0, acknowledged;
        while (last < 50 && read(channel[0], &acknowledged, sizeof(acknowledged)) > 0)
            last = acknowledged;
        kill(child, SIGKILL);
        while (read(channel[0], &acknowledged, sizeof(acknowledged)) > 0)
            last = acknowledged;
        close(channel[0]);
        waitpid(child, NULL, 0);
        store_open();
        for (uint32_t i = 0; i <= last; i++) {
            char key[16];
            snprintf(key, sizeof(key), "%d-%u", round, i);
            check_bytes(bucket, span_str(key), newest_version, span_str(key));
        }
        check_tallies();
    }
}

static void test_a_newer_format_is_refused(void **state)
{
    (void)state;
    struct index_txn *txn;
    struct span value;
    struct store_record record;
    struct buf out;
    enum index_failure failure;
    buf_init(&out, 4096);
    store_close();
    struct index *index;
    assert_int_equal(engine_open_index(test_dir, false, 0, &index), STORAGE_OK);
    assert_int_equal(index_write_begin(index, &txn), STORAGE_OK);
    assert_int_equal(index_get(txn, TABLE_META, SPAN("store"), &value), STORAGE_OK);
    assert_int_equal(schema_decode_store(SPAN("store"), value, &record), STORAGE_OK);
    record.schema_version = SCHEMA_VERSION + 1;
    schema_encode_store(SPAN("store"), &record, &out);
    assert_int_equal(index_put(txn, TABLE_META, SPAN("store"), buf_span(&out)), STORAGE_OK);
    assert_int_equal(index_write_commit(txn, &failure), STORAGE_OK);
    index_close(index);
    buf_free(&out);
    struct storage_options options = {.dir = test_dir, .no_background = true};
    const char *detail = "";
    assert_int_equal(storage_open(&options, &store, &detail), STORAGE_NEWER_FORMAT);
    assert_non_null(strstr(detail, "newer release"));
}

static void test_unusable_folders(void **state)
{
    (void)state;
    struct storage *other;
    const char *detail = "";
    struct storage_options options = {.dir = "/proc/none/here", .no_background = true};
    assert_int_equal(storage_open(&options, &other, &detail), STORAGE_UNUSABLE);
    options.dir = "/dev/null";
    assert_int_equal(storage_open(&options, &other, NULL), STORAGE_UNUSABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_conflicts_within_a_batch, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_a_bucket_made_filled_and_deleted_in_one_batch, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_only_the_guilty_one_fails, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_lent_bodies_of_a_batch, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_a_full_queue_is_busy, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_the_map_grows_under_readers, small_map_setup, small_map_teardown),
        cmocka_unit_test_setup_teardown(
            test_the_reserve_is_kept_for_deletes, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_an_index_without_room_goes_on, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_a_failed_sync_is_the_end, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_what_was_acknowledged_outlives_the_process, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_a_newer_format_is_refused, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(test_unusable_folders, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
