/* A store with a history, and what of it must be the same after a salvage. */
#ifndef TESTS_SALVAGE_HISTORY_H
#define TESTS_SALVAGE_HISTORY_H

#include "salvage_support.h"
#include "storage/storage_lineage.h"

static inline void put_document(struct bucket_ref bucket, enum document_kind kind, struct span text)
{
    struct mutation m = {.kind = MUTATION_PUT_DOCUMENT, .bucket = bucket};
    m.document.kind = kind;
    m.document.text = text;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
}

static inline void put_record(struct span key, struct span value)
{
    struct record_change change = {.key = key, .value = value};
    struct mutation m = {.kind = MUTATION_CHANGE_RECORDS, .records = {&change, 1}};
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
}

static inline void set_metadata(struct bucket_ref bucket, struct span key,
    struct version_ref version, struct span expected, struct span metadata)
{
    struct mutation m = {.kind = MUTATION_SET_METADATA, .bucket = bucket, .key = key};
    m.set_metadata.version = version;
    m.set_metadata.expected = expected;
    m.set_metadata.metadata = metadata;
    if (storage_commit(store, &m) != STORAGE_OK)
        fail_msg(
            "%.*s %zu %zu: %s", SPAN_ARG(key), expected.len, metadata.len, storage_err_text(m.err));
}

static inline void put_from(struct span key, struct span source)
{
    struct object_info info;
    assert_int_equal(get(zoned, source, newest_version, &info), STORAGE_OK);
    struct lineage_source from = {.kind = LINEAGE_RECORDED,
        .end = {.bucket_id = zoned.id,
            .bucket = zoned.name,
            .key = source,
            .zone = SPAN("raw"),
            .version = info.version,
            .etag = info.attributes.etag}};
    struct mutation m = put_of(zoned, key, body(3000, 99));
    m.lineage.sources = &from;
    m.lineage.count = 1;
    m.lineage.zone = SPAN("trusted");
    m.zone.promotes = true;
    assert_int_equal(commit_compared(zoned, &m), STORAGE_OK);
}

static struct upload_id open_upload;

/* Parts 1 and 3: what is between them goes. */
static inline void complete_two(struct bucket_ref bucket, struct span key, struct upload_id upload)
{
    static const struct part_choice choices[] = {{1}, {3}};
    struct mutation m = {.kind = MUTATION_COMPLETE_UPLOAD, .bucket = bucket, .key = key};
    struct upload_info info;
    assert_int_equal(
        storage_upload_get(store, bucket.id, key, upload, &test_arena, &info), STORAGE_OK);
    m.complete.upload = upload;
    m.complete.generation = info.generation;
    m.complete.parts = choices;
    m.complete.part_count = 2;
    m.complete.attributes.etag.part_count = 2;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
}

/* Buckets, documents, records. */
static inline void settings_history(int round)
{
    char name[32], text[64];
    snprintf(name, sizeof(name), "temporary-%d", round);
    struct bucket_ref gone = make_bucket(name);
    put(gone, SPAN("key"), body(100, 1));
    remove_key(gone, SPAN("key"));
    (void)begin_upload(gone, SPAN("never-completed"));
    struct mutation m = {.kind = MUTATION_DELETE_BUCKET, .bucket = gone};
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    snprintf(text, sizeof(text), "policy of round %d", round);
    put_document(plain, DOCUMENT_POLICY, span_str(text));
    put_document(plain, DOCUMENT_TAGGING, span_str(text));
    m = (struct mutation){.kind = MUTATION_DELETE_DOCUMENT, .bucket = plain};
    m.document.kind = DOCUMENT_TAGGING;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    put_record(SPAN("iam/user"), span_str(text));
    put_record(SPAN("iam/gone"), span_str(text));
    put_record(SPAN("iam/gone"), SPAN_ABSENT);
}

/* Objects of all sizes, overwritten, copied, deleted; versions, markers, null versions; tags. */
static inline void objects_history(int round)
{
    static const size_t sizes[] = {0, 20, 400, 3000, 300000, 2000000};
    static char tags[600];
    char key[64];
    struct object_info info;
    uint64_t seed = (uint64_t)round * 100;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        snprintf(key, sizeof(key), "dir/%zu", i);
        put(plain, span_str(key), body(sizes[i], seed + i));
        snprintf(key, sizeof(key), "copy/%d/%zu", round, i);
        char from[16];
        snprintf(from, sizeof(from), "dir/%zu", i);
        assert_int_equal(get(plain, span_str(from), newest_version, &info), STORAGE_OK);
        copy_object(plain, span_str(from), info.version, span_str(key));
    }
    remove_key(plain, SPAN("dir/3"));
    put(plain, SPAN("dir/3"), body(5000, seed + 50)); /* another row id */
    memset(tags, 'a' + round, sizeof(tags));
    for (int i = 0; i < 3; i++)
        put(versioned, SPAN("key"), body(1000 + (size_t)i, seed + 60));
    assert_int_equal(get(versioned, SPAN("key"), newest_version, &info), STORAGE_OK);
    put(versioned, SPAN("key"), body(10, seed + 61));
    set_metadata(versioned, SPAN("key"), exactly(info.version), SPAN(""), span_of(tags, 600));
    set_metadata(versioned, SPAN("key"), newest_version, SPAN(""), span_of(tags, 50));
    set_metadata(versioned, SPAN("key"), newest_version, span_of(tags, 50), span_of(tags, 590));
    set_metadata(versioned, SPAN("key"), newest_version, span_of(tags, 590), span_of(tags, 40));
    remove_key(versioned, SPAN("key")); /* a marker */
    if (round > 0)
        delete_version(versioned, SPAN("key"), exactly(info.version));
    assert_int_equal(set_versioning(versioned, VERSIONING_SUSPENDED), STORAGE_OK);
    put(versioned, SPAN("key"), body(2000, seed + 62));
    put(versioned, SPAN("key"), body(2100, seed + 63));
    assert_int_equal(set_versioning(versioned, VERSIONING_ON), STORAGE_OK);
    put(versioned, SPAN("key"), body(2200, seed + 64));
}

static inline void uploads_history(int round)
{
    struct object_info info;
    struct upload_id upload = begin_upload(plain, SPAN("multi"));
    for (uint32_t i = 1; i <= 3; i++)
        put_part(plain, SPAN("multi"), upload, i, body(100000 * i, (uint64_t)round + i));
    put_part(plain, SPAN("multi"), upload, 3, body(77777, 5)); /* again */
    complete_two(plain, SPAN("multi"), upload);
    upload = begin_upload(versioned, SPAN("from-copies"));
    assert_int_equal(get(plain, SPAN("multi"), newest_version, &info), STORAGE_OK);
    copy_part(versioned, SPAN("from-copies"), upload, 1,
        (struct copy_from){.bucket_id = plain.id,
            .key = SPAN("multi"),
            .version = info.version,
            .offset_bytes = 50000,
            .length_bytes = 100000});
    put_part(versioned, SPAN("from-copies"), upload, 3, body(2000000, 3));
    complete_two(versioned, SPAN("from-copies"), upload);
    upload = begin_upload(plain, SPAN("aborted"));
    put_part(plain, SPAN("aborted"), upload, 1, body(30000, 3));
    struct mutation m = {.kind = MUTATION_ABORT_UPLOAD, .bucket = plain, .key = SPAN("aborted")};
    m.abort.upload = upload;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    if (round == 0)
        open_upload = begin_upload(plain, SPAN("open"));
    put_part(plain, SPAN("open"), open_upload, 1 + (uint32_t)round, body(40000, 9));
    put_part(plain, SPAN("open"), open_upload, 1, body(50000, 10));
}

static inline void zones_history(int round)
{
    struct zone_rule rules[] = {
        {.name = SPAN("raw"), .prefix = SPAN("raw/"), .duplicates = DUPLICATES_LINK},
        {.name = SPAN("trusted"), .prefix = SPAN("trusted/"), .duplicates = DUPLICATES_FLAG},
        {.name = SPAN("later"), .prefix = SPAN("later/")},
    };
    char key[64];
    if (round == 0)
        put(zoned, SPAN("raw/before"), body(4000, 1));
    assert_int_equal(set_zones(zoned, rules, round == 0 ? 2 : 3), STORAGE_OK);
    scan_all();
    for (int i = 0; i < 3; i++) {
        snprintf(key, sizeof(key), "raw/%d-%d", round, i);
        struct mutation m = put_compared(zoned, span_str(key), body(4000, 1));
        assert_int_equal(m.err, STORAGE_OK);
        snprintf(key, sizeof(key), "trusted/%d-%d", round, i);
        put_from(span_str(key), SPAN("raw/before"));
    }
    snprintf(key, sizeof(key), "trusted/%d-0", round);
    remove_key(zoned, span_str(key));
}

static inline void history(int round)
{
    settings_history(round);
    objects_history(round);
    uploads_history(round);
    zones_history(round);
}

/* ---- what must be the same ---- */

struct known {
    struct tally tallies[TABLE_COUNT];
    struct zone_stats raw, trusted;
};

static inline struct known learn(void)
{
    struct known known;
    struct index_txn *txn = NULL;
    gc_all();
    assert_int_equal(index_read_begin(store->index, &txn), STORAGE_OK);
    for (enum table table = 0; table < TABLE_COUNT; table++)
        known.tallies[table] = index_tally(txn, table);
    index_read_end(txn);
    known.raw = stats_of(zoned, "raw");
    known.trusted = stats_of(zoned, "trusted");
    return known;
}

static inline void same_stats(const struct zone_stats *a, const struct zone_stats *b)
{
    assert_int_equal(a->objects, b->objects);
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->duplicates_found, b->duplicates_found);
    assert_int_equal(a->bytes_saved, b->bytes_saved);
    assert_int_equal(a->promotions, b->promotions);
}

/* The records of these tables are the same to the byte, by their set hashes. What differs elsewhere are ids that
 * only the index knows. */
static inline void check_known(const struct known *before)
{
    static const enum table exact[] = {TABLE_BUCKETS, TABLE_BUCKET_IDS, TABLE_DOCUMENTS,
        TABLE_OBJECTS, TABLE_VERSIONS, TABLE_ROWS, TABLE_SIDE, TABLE_UPLOADS, TABLE_BLOBS,
        TABLE_PIECES, TABLE_EXTENTS, TABLE_RECORDS, TABLE_LINEAGE};
    struct known after = learn();
    for (size_t i = 0; i < ARRAY_LEN(exact); i++) {
        const struct tally *a = &before->tallies[exact[i]], *b = &after.tallies[exact[i]];
        if (a->count != b->count || memcmp(a->hash, b->hash, sizeof(a->hash)) != 0)
            fail_msg("table %s: %llu records, %llu before", index_table_name(exact[i]),
                (unsigned long long)b->count, (unsigned long long)a->count);
    }
    assert_int_equal(before->tallies[TABLE_CONTENT].count, after.tallies[TABLE_CONTENT].count);
    assert_int_equal(before->tallies[TABLE_FREED].count, after.tallies[TABLE_FREED].count);
    same_stats(&before->raw, &after.raw);
    same_stats(&before->trusted, &after.trusted);
}

#endif
