/* Buckets with zones, and writers that compare before they commit, as the daemon does. */
#ifndef TESTS_ZONE_SUPPORT_H
#define TESTS_ZONE_SUPPORT_H

#include "engine_support.h"
#include "storage/storage_zones.h"

#define DAY_MS (24ll * 3600 * 1000)

static inline struct mutation zones_of(
    struct bucket_ref bucket, const struct zone_rule *rules, size_t count)
{
    struct mutation m = {.kind = MUTATION_PUT_ZONES, .bucket = bucket};
    m.zones.kind = DOCUMENT_ZONES;
    m.zones.text = SPAN("{}");
    m.zones.rules = rules;
    m.zones.count = count;
    return m;
}

static inline enum storage_err set_zones(
    struct bucket_ref bucket, const struct zone_rule *rules, size_t count)
{
    struct mutation m = zones_of(bucket, rules, count);
    return storage_commit(store, &m);
}

/* The whole bucket under one rule. */
static inline void set_rule(struct bucket_ref bucket, struct zone_rule rule)
{
    rule.name = SPAN("zone");
    assert_int_equal(set_zones(bucket, &rule, 1), STORAGE_OK);
}

static inline struct zone_set zones_read(struct bucket_ref bucket)
{
    struct zone_set set;
    assert_int_equal(storage_zones_get(store, bucket.id, &test_arena, &set), STORAGE_OK);
    return set;
}

static inline struct zone_stats stats_of(struct bucket_ref bucket, const char *name)
{
    struct zone_set set = zones_read(bucket);
    struct zone_stats stats = {0};
    for (size_t i = 0; i < set.count; i++)
        if (span_eq(set.rules[i].name, span_str(name)))
            assert_int_equal(
                storage_zone_stats(store, bucket.id, set.rules[i].id, &stats), STORAGE_OK);
    return stats;
}

static inline void check_zone(
    struct bucket_ref bucket, const char *name, uint64_t objects, uint64_t bytes)
{
    struct zone_stats stats = stats_of(bucket, name);
    assert_int_equal(stats.objects, objects);
    assert_int_equal(stats.bytes, bytes);
}

static inline bool readers_equal(struct blob_reader *left, struct blob_reader *right)
{
    char a[4096], b[4096];
    uint64_t size = blob_size(left);
    if (blob_size(right) != size)
        return false;
    if (blob_is_same(left, right))
        return true;
    for (uint64_t at = 0; at < size;) {
        size_t got_a = 0, got_b = 0;
        assert_int_equal(blob_read(left, at, a, sizeof(a), true, &got_a), STORAGE_OK);
        assert_int_equal(blob_read(right, at, b, got_a, true, &got_b), STORAGE_OK);
        if (memcmp(a, b, got_b) != 0)
            return false;
        at += got_b;
    }
    return true;
}

/* What the writer of these bytes claims: everything that looks the same is compared. others must have room for
 * 64. Any thread. */
static inline void make_claims(struct bucket_ref bucket, struct mutation *m,
    struct blob_reader *bytes, uint64_t crc64nvme, struct content_ref *others)
{
    struct arena arena;
    struct zone_set set;
    struct content_page page = {0};
    arena_init(&arena, 1024 * 1024);
    assert_int_equal(storage_zones_get(store, bucket.id, &arena, &set), STORAGE_OK);
    const struct zone_rule *rule = zone_of_key(&set, m->key);
    m->zone.duplicate = (struct content_ref){0};
    m->zone.others = others;
    m->zone.other_count = 0;
    if (rule)
        assert_int_equal(storage_content_find(store, bucket.id, rule, m->key, blob_size(bytes),
                             crc64nvme, 64, &arena, &page),
            STORAGE_OK);
    for (size_t i = 0; i < page.count && m->zone.duplicate.sequence == 0; i++) {
        struct object_info info;
        struct blob_reader *reader = NULL;
        enum storage_err err = storage_object_open(store, bucket.id, page.items[i].key,
            exactly(page.items[i].version), &arena, &info, &reader);
        if (err != STORAGE_OK)
            continue;
        if (readers_equal(bytes, reader))
            m->zone.duplicate = page.items[i].ref;
        else
            others[m->zone.other_count++] = page.items[i].ref;
        blob_close(reader);
    }
    arena_free(&arena);
}

/* Commits a put, comparing first, and again as long as something new turns up. */
static inline enum storage_err commit_compared(struct bucket_ref bucket, struct mutation *m)
{
    struct content_ref others[64];
    enum storage_err err = STORAGE_CHANGED;
    while (err == STORAGE_CHANGED) {
        struct blob_reader *reader = NULL;
        if (m->put.stage)
            assert_int_equal(storage_stage_reader(store, m->put.stage, &reader), STORAGE_OK);
        if (reader)
            make_claims(bucket, m, reader, m->put.attributes.crc64nvme, others);
        blob_close(reader);
        err = storage_commit(store, m);
        assert_true(err == STORAGE_CHANGED || m->put.stage == NULL);
    }
    m->zone.others = NULL;
    return err;
}

static inline struct mutation put_compared(
    struct bucket_ref bucket, struct span key, struct span bytes)
{
    struct mutation m = put_of(bucket, key, bytes);
    m.err = commit_compared(bucket, &m);
    return m;
}

static inline enum storage_err try_put(struct bucket_ref bucket, struct span key, struct span bytes)
{
    return put_compared(bucket, key, bytes).err;
}

static inline void check_mark(struct bucket_ref bucket, const char *key, const char *wanted)
{
    struct object_info info;
    assert_int_equal(get(bucket, span_str(key), newest_version, &info), STORAGE_OK);
    assert_int_equal(span_present(info.duplicate_of), wanted != NULL);
    if (wanted)
        assert_true(span_eq(info.duplicate_of, span_str(wanted)));
}

/* The background work to its end. */
static inline void scan_all(void)
{
    bool more = true;
    for (int steps = 0; more; steps++) {
        assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
        assert_true(steps < 100000);
    }
}

#endif
