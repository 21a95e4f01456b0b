/* A store in a folder of its own, and short ways to say what the tests do with it. Included by the
 * tests of the engine; each is a program of its own, so the state is static. */
#ifndef TESTS_ENGINE_SUPPORT_H
#define TESTS_ENGINE_SUPPORT_H

#include "storage/local/engine.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <ftw.h>
#include <pthread.h>
#include <unistd.h>

static char test_dir[64];
static struct storage *store;
static struct arena test_arena;
static uint64_t test_map_bytes, test_segment_bytes, test_reserve_bytes;
static uint32_t test_snapshots;

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void store_open(void)
{
    struct storage_options options = {
        .dir = test_dir,
        .no_background = true,
        .map_bytes = test_map_bytes,
        .reserve_bytes = test_reserve_bytes,
        .snapshots = test_snapshots,
        .segment_bytes = test_segment_bytes ? test_segment_bytes : (uint64_t)16 * 1024 * 1024,
    };
    const char *detail = "";
    assert_int_equal(storage_open(&options, &store, &detail), STORAGE_OK);
}

static inline void store_close(void)
{
    storage_close(TAKE(store));
}

static inline void store_reopen(void)
{
    store_close();
    store_open();
}

static inline int store_setup(void **state)
{
    (void)state;
    memcpy(test_dir, "/tmp/lakegate-store-XXXXXX", 27);
    if (!mkdtemp(test_dir))
        return -1;
    arena_init(&test_arena, (size_t)64 * 1024 * 1024);
    store_open();
    return 0;
}

/* ---- what the disk is asked for ---- */

static atomic_uint_fast64_t bytes_read;

static inline ssize_t counting_pread(int fd, void *bytes, size_t len, off_t offset)
{
    ssize_t got = sys_posix.pread(fd, bytes, len, offset);
    bytes_read += got > 0 ? (uint64_t)got : 0;
    return got;
}

/* From here on bytes_read counts. */
static inline void store_reopen_counting(void)
{
    static struct sys counting;
    counting = sys_posix;
    counting.pread = counting_pread;
    struct storage_options options = {.dir = test_dir, .no_background = true};
    const char *detail = "";
    store_close();
    assert_int_equal(engine_open(&options, &counting, &store, &detail), STORAGE_OK);
}

/* The index's counts and set hashes against a full scan. */
static inline void check_tallies(void)
{
    struct index_txn *txn;
    assert_int_equal(index_read_begin(store->index, &txn), STORAGE_OK);
    for (enum table table = TABLE_BUCKETS; table < TABLE_COUNT; table++) {
        struct tally counted = {0}, stored = index_tally(txn, table);
        struct index_cursor *cursor;
        struct span key, value;
        assert_int_equal(index_cursor_open(txn, table, &cursor), STORAGE_OK);
        enum storage_err err = index_seek(cursor, SPAN_ABSENT, &key, &value);
        for (; err == STORAGE_OK; err = index_next(cursor, &key, &value))
            tally_add(&counted, key, value);
        assert_int_equal(err, STORAGE_NO_SUCH_KEY);
        index_cursor_close(cursor);
        assert_int_equal(counted.count, stored.count);
        assert_int_equal(counted.hash[0], stored.hash[0]);
        assert_int_equal(counted.hash[1], stored.hash[1]);
    }
    index_read_end(txn);
}

static inline void print_finding(void *ctx, const char *line)
{
    (void)ctx;
    print_message("verify: %s\n", line);
}

/* Whatever a test did, the store is consistent after it. */
static inline int store_teardown(void **state)
{
    (void)state;
    uint64_t findings = 0;
    if (store) {
        check_tallies();
        store_close();
        assert_int_equal(storage_verify(test_dir, print_finding, NULL, &findings), STORAGE_OK);
        assert_int_equal(findings, 0);
    }
    arena_free(&test_arena);
    return nftw(test_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- mutations ---- */

static inline struct etag etag_of(struct span bytes)
{
    struct etag etag = {0};
    md5_of(bytes, etag.md5);
    return etag;
}

static inline struct object_attributes attributes_for(struct span bytes)
{
    return (struct object_attributes){
        .etag = etag_of(bytes), .crc64nvme = crc64nvme_update(0, bytes), .owner_id = 7};
}

static inline struct stage *stage_of_bytes(struct span bytes)
{
    struct stage *stage = NULL;
    if (bytes.len == 0)
        return NULL;
    assert_int_equal(storage_stage_open(store, bytes.len, &stage), STORAGE_OK);
    assert_int_equal(stage_write(stage, bytes), STORAGE_OK);
    assert_int_equal(stage_finish(stage), STORAGE_OK);
    return stage;
}

static inline struct bucket_ref make_bucket(const char *name)
{
    struct mutation m = {.kind = MUTATION_CREATE_BUCKET, .bucket.name = span_str(name)};
    m.create_bucket.owner_id = 7;
    m.create_bucket.region = SPAN("us-east-1");
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    return (struct bucket_ref){m.bucket_info.id, span_str(name)};
}

static inline enum storage_err set_versioning(struct bucket_ref bucket, enum versioning versioning)
{
    struct mutation m = {
        .kind = MUTATION_SET_VERSIONING, .bucket = bucket, .versioning = versioning};
    return storage_commit(store, &m);
}

static inline struct mutation put_of(struct bucket_ref bucket, struct span key, struct span bytes)
{
    struct mutation m = {.kind = MUTATION_PUT_OBJECT, .bucket = bucket, .key = key};
    m.put.stage = stage_of_bytes(bytes);
    m.put.attributes = attributes_for(bytes);
    return m;
}

static inline struct mutation put_part_of(struct bucket_ref bucket, struct span key,
    struct upload_id upload, uint32_t number, struct span bytes)
{
    struct mutation m = {.kind = MUTATION_PUT_PART, .bucket = bucket, .key = key};
    m.part.upload = upload;
    m.part.number = number;
    m.part.stage = stage_of_bytes(bytes);
    m.part.attributes = attributes_for(bytes);
    return m;
}

static inline struct object_info put(struct bucket_ref bucket, struct span key, struct span bytes)
{
    struct mutation m = put_of(bucket, key, bytes);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    return m.result;
}

static const struct version_ref newest_version = {VERSION_NEWEST, 0, 0};
static const struct version_ref null_version = {VERSION_NULL, 0, 0};

static inline struct version_ref exactly(struct version version)
{
    return (struct version_ref){VERSION_EXACT, version.sequence, version.random};
}

static inline struct mutation remove_of(
    struct bucket_ref bucket, struct span key, struct version_ref version)
{
    struct mutation m = {.kind = MUTATION_DELETE_OBJECT, .bucket = bucket, .key = key};
    m.remove.version = version;
    return m;
}

static inline struct object_info delete_version(
    struct bucket_ref bucket, struct span key, struct version_ref version)
{
    struct mutation m = remove_of(bucket, key, version);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    return m.result;
}

/* ---- reads ---- */

static inline enum storage_err get(
    struct bucket_ref bucket, struct span key, struct version_ref version, struct object_info *info)
{
    return storage_object_get(store, bucket.id, key, version, &test_arena, info);
}

static inline void check_bytes(
    struct bucket_ref bucket, struct span key, struct version_ref version, struct span bytes)
{
    struct object_info info;
    struct blob_reader *reader = NULL;
    assert_int_equal(
        storage_object_open(store, bucket.id, key, version, &test_arena, &info, &reader),
        STORAGE_OK);
    assert_int_equal(info.size_bytes, bytes.len);
    assert_int_equal(blob_size(reader), bytes.len);
    char *read = malloc(bytes.len + 1);
    uint64_t at = 0;
    for (size_t got = 1; got > 0; at += got)
        assert_int_equal(
            blob_read(reader, at, read + at, bytes.len + 1 - (size_t)at, true, &got), STORAGE_OK);
    assert_int_equal(at, bytes.len);
    if (bytes.len)
        assert_memory_equal(read, bytes.ptr, bytes.len);
    free(read);
    blob_close(reader);
}

static inline struct bucket_info bucket_info_of(struct bucket_ref bucket)
{
    struct bucket_info info;
    assert_int_equal(storage_bucket_get(store, bucket.name, &test_arena, &info), STORAGE_OK);
    return info;
}

static inline void check_counters(
    struct bucket_ref bucket, uint64_t objects, uint64_t bytes, uint64_t uploads)
{
    struct bucket_info info = bucket_info_of(bucket);
    assert_int_equal(info.object_count, objects);
    assert_int_equal(info.byte_count, bytes);
    assert_int_equal(info.upload_count, uploads);
}

static inline struct list_page list(struct list_query query)
{
    struct list_page page;
    if (query.max == 0)
        query.max = 1000;
    assert_int_equal(storage_list(store, &query, &test_arena, &page), STORAGE_OK);
    return page;
}

#endif
