/* What the tests of reclaiming, compacting and verifying share. */
#ifndef TESTS_GC_SUPPORT_H
#define TESTS_GC_SUPPORT_H

#include "engine_support.h"
#include "tests/mortal.h"

#include "storage/local/commit.h"
#include "storage/local/space_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Steps until there is nothing more to do. */
static inline void gc_all(void)
{
    bool more = true;
    for (int i = 0; more; i++) {
        assert_in_range(i, 0, 10000);
        assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
    }
}

static inline uint64_t rows_of(enum table table)
{
    struct index_txn *txn;
    assert_int_equal(index_read_begin(store->index, &txn), STORAGE_OK);
    uint64_t count = index_tally(txn, table).count;
    index_read_end(txn);
    return count;
}

/* Nothing is left of what was freed; this many extents are. */
static inline void check_rows(uint64_t blobs, uint64_t pieces, uint64_t extents)
{
    assert_int_equal(rows_of(TABLE_BLOBS), blobs);
    assert_int_equal(rows_of(TABLE_PIECES), pieces);
    assert_int_equal(rows_of(TABLE_EXTENTS), extents);
}

static char first_finding[1024];

static inline void note_finding(void *ctx, const char *line)
{
    (void)ctx;
    if (getenv("SHOW_FINDINGS"))
        fprintf(stderr, "finding: %s\n", line);
    if (first_finding[0] == '\0')
        snprintf(first_finding, sizeof(first_finding), "%s", line);
}

/* Of the closed store. */
static inline uint64_t findings(void)
{
    uint64_t count = 12345;
    first_finding[0] = '\0';
    assert_int_equal(storage_verify(test_dir, note_finding, NULL, &count), STORAGE_OK);
    assert_int_equal(count != 0, first_finding[0] != '\0');
    return count;
}

static inline void verify_clean(void)
{
    store_close();
    uint64_t count = findings();
    if (count != 0)
        fail_msg("%s", first_finding);
    store_open();
}

/* The closed store has a finding with this text. */
static inline void expect_finding(const char *text)
{
    static char found[1024];
    uint64_t count = findings();
    assert_true(count > 0);
    snprintf(found, sizeof(found), "%s", first_finding);
    if (!strstr(found, text))
        fail_msg("\"%s\" is not in \"%s\"", text, found);
}

static inline size_t files_below(const char *folder, const char *suffix)
{
    char path[200];
    size_t count = 0;
    snprintf(path, sizeof(path), "%s/%s", test_dir, folder);
    DIR *dir = opendir(path);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        count += span_ends(span_str(entry->d_name), span_str(suffix));
    if (dir)
        closedir(dir);
    return count;
}

static inline size_t own_files(void)
{
    size_t count = 0;
    for (unsigned i = 0; i < 256; i++) {
        char folder[16];
        snprintf(folder, sizeof(folder), "files/%02x", i);
        count += files_below(folder, ".blob");
    }
    return count;
}

static char body_bytes[8 << 20];

/* Bytes that tell which body they are; good until the next call. */
static inline struct span body(size_t len, uint64_t seed)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15 + 1;
    assert_true(len <= sizeof(body_bytes));
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        body_bytes[i] = (char)x;
    }
    return span_of(body_bytes, len);
}

static inline struct span key_number(size_t number)
{
    static char key[32];
    return span_of(key, (size_t)snprintf(key, sizeof(key), "key-%06zu", number));
}

static inline void remove_key(struct bucket_ref bucket, struct span key)
{
    delete_version(bucket, key, newest_version);
}

static inline struct blob_reader *open_reader(struct bucket_ref bucket, struct span key)
{
    struct object_info info;
    struct blob_reader *reader = NULL;
    assert_int_equal(
        storage_object_open(store, bucket.id, key, newest_version, &test_arena, &info, &reader),
        STORAGE_OK);
    return reader;
}

static inline void check_reader(struct blob_reader *reader, struct span bytes)
{
    static char got[8 << 20];
    assert_int_equal(blob_size(reader), bytes.len);
    size_t n = 1;
    for (size_t at = 0; at < bytes.len; at += n) {
        assert_int_equal(blob_read(reader, at, got + at, bytes.len - at, true, &n), STORAGE_OK);
        assert_true(n > 0);
    }
    assert_memory_equal(got, bytes.ptr, bytes.len);
}

/* ---- damage ---- */

/* Of these there is one. */
static inline struct extent extent_of_length(uint64_t length)
{
    struct index_txn *txn;
    struct index_cursor *cursor;
    struct span key, value;
    struct extent_record record = {0};
    assert_int_equal(index_read_begin(store->index, &txn), STORAGE_OK);
    assert_int_equal(index_cursor_open(txn, TABLE_EXTENTS, &cursor), STORAGE_OK);
    enum storage_err err = index_seek(cursor, SPAN_ABSENT, &key, &value);
    for (; err == STORAGE_OK; err = index_next(cursor, &key, &value)) {
        assert_int_equal(schema_decode_extent(key, value, &record), STORAGE_OK);
        if (record.extent.length_bytes == length)
            break;
    }
    index_cursor_close(cursor);
    index_read_end(txn);
    assert_int_equal(record.extent.length_bytes, length);
    return record.extent;
}

/* One bit. */
static inline void flip(const char *path, uint64_t offset)
{
    char byte;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
    close(fd);
}

/* ---- many at once, in few commits ---- */

enum { AT_ONCE = 64 };

/* Objects `first` to `end` less one of this size; the seed of each is its number. */
static inline void put_many(struct bucket_ref bucket, size_t first, size_t end, size_t size)
{
    static struct mutation mutations[AT_ONCE];
    static char keys[AT_ONCE][32];
    while (first < end) {
        size_t count = 0;
        for (; count < AT_ONCE && first < end; count++, first++) {
            struct span key = key_number(first);
            memcpy(keys[count], key.ptr, key.len);
            mutations[count] = put_of(bucket, span_of(keys[count], key.len), body(size, first));
        }
        storage_commit_all(store, mutations, count);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(mutations[i].err, STORAGE_OK);
    }
}

/* Removes those for which wanted(number). */
static inline void remove_many(
    struct bucket_ref bucket, size_t first, size_t end, bool (*wanted)(size_t number))
{
    static struct mutation mutations[AT_ONCE];
    static char keys[AT_ONCE][32];
    while (first < end) {
        size_t count = 0;
        for (; count < AT_ONCE && first < end; first++) {
            struct span key = key_number(first);
            if (!wanted(first))
                continue;
            memcpy(keys[count], key.ptr, key.len);
            mutations[count] = remove_of(bucket, span_of(keys[count], key.len), newest_version);
            count++;
        }
        storage_commit_all(store, mutations, count);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(mutations[i].err, STORAGE_OK);
    }
}

/* ---- uploads ---- */

static inline struct upload_id begin_upload(struct bucket_ref bucket, struct span key)
{
    struct mutation m = {.kind = MUTATION_CREATE_UPLOAD, .bucket = bucket, .key = key};
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    return m.upload;
}

static inline void put_part(struct bucket_ref bucket, struct span key, struct upload_id upload,
    uint32_t number, struct span bytes)
{
    struct mutation m = put_part_of(bucket, key, upload, number, bytes);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
}

static inline void complete_upload(
    struct bucket_ref bucket, struct span key, struct upload_id upload, uint32_t parts)
{
    static struct part_choice choices[STORAGE_PART_MAX];
    struct mutation m = {.kind = MUTATION_COMPLETE_UPLOAD, .bucket = bucket, .key = key};
    struct upload_info info;
    assert_int_equal(
        storage_upload_get(store, bucket.id, key, upload, &test_arena, &info), STORAGE_OK);
    for (uint32_t i = 0; i < parts; i++)
        choices[i].number = i + 1;
    m.complete.upload = upload;
    m.complete.generation = info.generation;
    m.complete.parts = choices;
    m.complete.part_count = parts;
    m.complete.attributes.etag.part_count = parts;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
}

static inline void copy_object(
    struct bucket_ref bucket, struct span from, struct version version, struct span to)
{
    struct mutation m = {.kind = MUTATION_COPY_OBJECT, .bucket = bucket, .key = to};
    m.copy.from = (struct copy_from){.bucket_id = bucket.id, .key = from, .version = version};
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
}

static inline void copy_part(struct bucket_ref bucket, struct span key, struct upload_id upload,
    uint32_t number, struct copy_from from)
{
    struct mutation m = {.kind = MUTATION_COPY_PART, .bucket = bucket, .key = key};
    m.part.upload = upload;
    m.part.number = number;
    m.part.from = from;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
}

/* Opens the store in a child that has little left to live. */
static inline void mortal_open(int calls)
{
    calls_left = calls;
    struct storage_options options = {
        .dir = test_dir, .no_background = true, .segment_bytes = 2 * 1024 * 1024};
    const char *detail = NULL;
    if (engine_open(&options, mortal_sys(), &store, &detail) != STORAGE_OK)
        _exit(1);
}

#endif
