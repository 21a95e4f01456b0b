/* Folders of other releases: data/schema-1.tar.gz was written by one of schema version 1, before there were
 * records and zones; and what a newer release writes is refused as that, never as damaged. */
#include "engine_support.h"

#include <lmdb.h>

static char big[300001];

static int unpack_old(void **state)
{
    char command[256];
    (void)state;
    memcpy(test_dir, "/tmp/lakegate-store-XXXXXX", 27);
    if (!mkdtemp(test_dir))
        return -1;
    arena_init(&test_arena, (size_t)64 * 1024 * 1024);
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)('a' + i % 23);
    snprintf(command, sizeof(command),
        "tar -xzf tests/unit/storage/data/schema-1.tar.gz --strip-components=1 -C %s", test_dir);
    return system(command);
}

static uint64_t findings(void)
{
    uint64_t count = 0;
    assert_int_equal(storage_verify(test_dir, print_finding, NULL, &count), STORAGE_OK);
    return count;
}

static struct bucket_ref bucket_named(const char *name)
{
    struct bucket_info info;
    assert_int_equal(storage_bucket_get(store, span_str(name), &test_arena, &info), STORAGE_OK);
    return (struct bucket_ref){info.id, span_str(name)};
}

static void check_old_contents(void)
{
    static char key[1024];
    struct bucket_ref plain = bucket_named("plain"), versioned = bucket_named("versioned");
    struct object_info info;
    struct span text;
    uint64_t generation;
    memset(key, 'k', 1000);
    check_bytes(plain, SPAN("empty"), newest_version, SPAN(""));
    check_bytes(plain, SPAN("inline"), newest_version, SPAN("small bytes"));
    check_bytes(plain, SPAN("packed"), newest_version, span_of(big, 5000));
    check_bytes(plain, SPAN("own-file"), newest_version, span_of(big, sizeof(big)));
    check_bytes(plain, span_of(key, 1000), newest_version, SPAN("under a long key"));
    check_bytes(plain, SPAN("replaced"), newest_version, SPAN("newer"));
    assert_int_equal(get(plain, SPAN("own-file"), newest_version, &info), STORAGE_OK);
    assert_int_equal(info.attributes.metadata.len, 1000);
    check_bytes(versioned, SPAN("key"), newest_version, span_of(big, 2000));
    assert_int_equal(get(versioned, SPAN("gone"), newest_version, &info), STORAGE_DELETE_MARKER);
    assert_int_equal(
        list((struct list_query){.bucket_id = versioned.id, .versions = true}).count, 3);
    assert_int_equal(
        storage_document_get(store, plain.id, DOCUMENT_TAGGING, &test_arena, &text, &generation),
        STORAGE_OK);
    assert_true(span_eq(text, SPAN("tags")));
    check_counters(plain, 6, 5000 + sizeof(big) + 11 + 16 + 5, 1);
}

static void test_an_old_folder_is_checked_as_it_is(void **state)
{
    (void)state;
    assert_int_equal(findings(), 0);
    assert_int_equal(findings(), 0); /* checking has changed nothing */
}

static void test_an_old_folder_opens(void **state)
{
    (void)state;
    store_open();
    check_old_contents();
    check_tallies();
    struct record_change one = {.key = SPAN("new"), .value = SPAN("table")};
    struct mutation m = {.kind = MUTATION_CHANGE_RECORDS, .records = {&one, 1}};
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    put(bucket_named("plain"), SPAN("packed"), span_of(big, 5000));
    struct zone_rule rule = {.name = SPAN("raw"), .duplicates = DUPLICATES_FLAG};
    struct mutation zones = {.kind = MUTATION_PUT_ZONES, .bucket = bucket_named("versioned")};
    zones.zones.kind = DOCUMENT_ZONES;
    zones.zones.text = SPAN("{}");
    zones.zones.rules = &rule;
    zones.zones.count = 1;
    assert_int_equal(storage_commit(store, &zones), STORAGE_OK);
    bool more = true;
    while (more)
        assert_int_equal(storage_gc_step(store, &more), STORAGE_OK);
    store_close();
    assert_int_equal(findings(), 0);
    store_open();
    check_old_contents();
    check_tallies();
    struct zone_set set;
    struct zone_stats stats;
    uint64_t id = zones.bucket.id;
    assert_int_equal(storage_zones_get(store, id, &test_arena, &set), STORAGE_OK);
    assert_int_equal(storage_zone_stats(store, id, set.rules[0].id, &stats), STORAGE_OK);
    assert_true(!stats.indexing && stats.objects == 2 && stats.bytes == 2005);
}

/* ---- newer ones ---- */

/* The tables' row as a release with one table more writes it: behind the engine's back, through LMDB. */
static void write_newer_tables(void)
{
    char path[96], bytes[4096];
    struct tallies_record tallies = {0};
    struct buf out;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta;
    buf_init(&out, sizeof(bytes));
    schema_encode_tallies(SPAN("tables"), &tallies, &out);
    size_t len = out.len + 24;
    uint32_t count = TABLE_COUNT + 1;
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, out.ptr, out.len - 4);
    memcpy(bytes + 1, &count, 4);
    uint32_t crc = crc32c_update(crc32c_update(0, SPAN("tables")), span_of(bytes, len - 4));
    memcpy(bytes + len - 4, &crc, 4);
    buf_free(&out);
    snprintf(path, sizeof(path), "%s/index", test_dir);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 1), 0);
    assert_int_equal(mdb_env_open(env, path, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "meta", 0, &meta), 0);
    MDB_val key = {6, (void *)"tables"}, value = {len, bytes};
    assert_int_equal(mdb_put(txn, meta, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void test_more_tables_are_a_newer_format(void **state)
{
    (void)state;
    struct storage_options options = {.dir = test_dir, .no_background = true};
    const char *detail = "";
    uint64_t count;
    store_close();
    write_newer_tables();
    assert_int_equal(storage_open(&options, &store, &detail), STORAGE_NEWER_FORMAT);
    assert_non_null(strstr(detail, "newer release"));
    assert_int_equal(storage_verify(test_dir, print_finding, NULL, &count), STORAGE_NEWER_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_an_old_folder_is_checked_as_it_is, unpack_old, store_teardown),
        cmocka_unit_test_setup_teardown(test_an_old_folder_opens, unpack_old, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_more_tables_are_a_newer_format, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
