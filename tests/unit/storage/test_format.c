/* Folders of other releases: data/schema-N.tar.gz was written by one of schema version N (1: before there were records
 * and zones); and what a newer release writes is refused as that, never as damaged.
 *
 * A release with a new schema version adds its own by `make fixture`, which runs `test_format --write DIR`. */
#include "storage/storage_lineage.h"
#include "zone_support.h"

#include <lmdb.h>

static char big[300001];

/* The versions that there are folders of. */
static unsigned versions[SCHEMA_VERSION];

static void fill_big(void)
{
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)('a' + i % 23);
}

static int unpack_old(void **state)
{
    char command[256];
    unsigned version = *(unsigned *)*state;
    memcpy(test_dir, "/tmp/lakegate-store-XXXXXX", 27);
    if (!mkdtemp(test_dir))
        return -1;
    arena_init(&test_arena, (size_t)64 * 1024 * 1024);
    fill_big();
    snprintf(command, sizeof(command),
        "tar -xzf tests/unit/storage/data/schema-%u.tar.gz --strip-components=1 -C %s", version,
        test_dir);
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

/* What a folder of schema version 2 has besides. */
static void check_since_2(void)
{
    struct bucket_ref zoned = bucket_named("zoned");
    struct span value;
    uint64_t generation;
    struct lineage_page page;
    assert_int_equal(
        storage_record_get(store, SPAN("iam/sample"), &test_arena, &value, &generation),
        STORAGE_OK);
    assert_true(span_eq(value, SPAN("a record")));
    check_bytes(zoned, SPAN("raw/first"), newest_version, span_of(big, 50000)); /* compressed */
    check_bytes(zoned, SPAN("raw/second"), newest_version, span_of(big, 50000));
    check_mark(zoned, "raw/second", "raw/first");
    struct zone_stats stats = stats_of(zoned, "raw");
    assert_true(stats.objects == 2 && stats.bytes == 100000 && stats.duplicates_found == 1);
    struct lineage_query query = {.bucket_id = zoned.id, .key = SPAN("raw/second"), .max = 10};
    assert_int_equal(storage_lineage(store, &query, &test_arena, &page), STORAGE_OK);
    assert_int_equal(page.count, 1);
    assert_true(span_eq(page.items[0].end.key, SPAN("raw/first")));
    struct bucket_ref plain = bucket_named("plain");
    struct blob_reader *reader = NULL;
    struct object_info info;
    struct part_page parts;
    assert_int_equal(storage_object_open(store, plain.id, SPAN("multipart"), newest_version,
                         &test_arena, &info, &reader),
        STORAGE_OK);
    assert_int_equal(blob_parts(reader, 0, 10, &test_arena, &parts), STORAGE_OK);
    assert_int_equal(parts.count, 2);
    blob_close(reader);
    check_bytes(plain, SPAN("multipart"), newest_version, span_of(big, 300000));
}

static void check_old_contents(unsigned version)
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
    size_t multipart = version >= 2 ? 300000 : 0;
    check_counters(plain, version >= 2 ? 7 : 6, 5000 + sizeof(big) + 11 + 16 + 5 + multipart, 1);
    if (version >= 2)
        check_since_2();
}

/* ---- writing one ---- */

static struct upload_id begin(struct bucket_ref bucket, struct span key)
{
    struct mutation m = {.kind = MUTATION_CREATE_UPLOAD, .bucket = bucket, .key = key};
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    return m.upload;
}

static void write_part(struct bucket_ref bucket, struct span key, struct upload_id upload,
    uint32_t number, struct span bytes)
{
    struct mutation m = put_part_of(bucket, key, upload, number, bytes);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
}

static void write_plain(void)
{
    static char key[1000], metadata[1000];
    static const struct part_choice parts[] = {{1}, {2}};
    struct bucket_ref plain = make_bucket("plain");
    memset(key, 'k', sizeof(key));
    memset(metadata, 'm', sizeof(metadata));
    put(plain, SPAN("empty"), SPAN(""));
    put(plain, SPAN("inline"), SPAN("small bytes"));
    put(plain, SPAN("packed"), span_of(big, 5000));
    struct mutation m = put_of(plain, SPAN("own-file"), span_of(big, sizeof(big)));
    m.put.attributes.metadata = span_of(metadata, sizeof(metadata));
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    put(plain, span_of(key, sizeof(key)), SPAN("under a long key"));
    put(plain, SPAN("replaced"), span_of(big, 3000));
    put(plain, SPAN("replaced"), SPAN("newer"));
    struct upload_id upload = begin(plain, SPAN("multipart"));
    write_part(plain, SPAN("multipart"), upload, 1, span_of(big, 230000));
    write_part(plain, SPAN("multipart"), upload, 2, span_of(big + 230000, 70000));
    m = (struct mutation){
        .kind = MUTATION_COMPLETE_UPLOAD, .bucket = plain, .key = SPAN("multipart")};
    m.complete.upload = upload;
    m.complete.generation = 3;
    m.complete.parts = parts;
    m.complete.part_count = 2;
    m.complete.attributes.etag.part_count = 2;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    upload = begin(plain, SPAN("open"));
    write_part(plain, SPAN("open"), upload, 7, span_of(big, 20000));
    m = (struct mutation){.kind = MUTATION_PUT_DOCUMENT, .bucket = plain};
    m.document.kind = DOCUMENT_TAGGING;
    m.document.text = SPAN("tags");
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
}

static void write_zoned(void)
{
    struct bucket_ref zoned = make_bucket("zoned");
    struct zone_rule rule = {.name = SPAN("raw"),
        .prefix = SPAN("raw/"),
        .duplicates = DUPLICATES_FLAG,
        .compress = true};
    struct object_info info;
    struct stage *stage = NULL;
    assert_int_equal(set_zones(zoned, &rule, 1), STORAGE_OK);
    struct mutation m = put_of(zoned, SPAN("raw/first"), SPAN("x"));
    stage_discard(m.put.stage);
    assert_int_equal(storage_stage_open(store, 50000, &stage), STORAGE_OK);
    assert_int_equal(stage_compress(stage), STORAGE_OK);
    assert_int_equal(stage_write(stage, span_of(big, 50000)), STORAGE_OK);
    assert_int_equal(stage_finish(stage), STORAGE_OK);
    m.put.stage = stage;
    m.put.attributes = attributes_for(span_of(big, 50000));
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_int_equal(get(zoned, SPAN("raw/first"), newest_version, &info), STORAGE_OK);
    struct lineage_source source = {.kind = LINEAGE_DECLARED,
        .end = {.bucket_id = zoned.id,
            .bucket = zoned.name,
            .key = SPAN("raw/first"),
            .version = info.version,
            .etag = info.attributes.etag}};
    m = put_of(zoned, SPAN("raw/second"), span_of(big, 50000));
    m.lineage.sources = &source;
    m.lineage.count = 1;
    assert_int_equal(commit_compared(zoned, &m), STORAGE_OK);
    struct record_change change = {.key = SPAN("iam/sample"), .value = SPAN("a record")};
    m = (struct mutation){.kind = MUTATION_CHANGE_RECORDS, .records = {&change, 1}};
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
}

/* Not in a test: what fails ends the process. */
static int write_folder(const char *path)
{
    if (strlen(path) >= sizeof(test_dir))
        return 2;
    snprintf(test_dir, sizeof(test_dir), "%s", path);
    arena_init(&test_arena, (size_t)64 * 1024 * 1024);
    test_segment_bytes = 2 * 1024 * 1024;
    fill_big();
    store_open();
    write_plain();
    struct bucket_ref versioned = make_bucket("versioned");
    assert_int_equal(set_versioning(versioned, VERSIONING_ON), STORAGE_OK);
    put(versioned, SPAN("gone"), SPAN("bytes"));
    delete_version(versioned, SPAN("gone"), newest_version);
    put(versioned, SPAN("key"), span_of(big, 2000));
    write_zoned();
    store_close();
    return 0;
}

/* ---- opening them ---- */

static void test_an_old_folder_is_checked_as_it_is(void **state)
{
    (void)state;
    assert_int_equal(findings(), 0);
    assert_int_equal(findings(), 0); /* checking has changed nothing */
}

/* A release that raises the version has to add a folder. */
static void test_each_version_has_a_folder(void **state)
{
    (void)state;
    for (unsigned version = 1; version <= SCHEMA_VERSION; version++) {
        char path[96];
        snprintf(path, sizeof(path), "tests/unit/storage/data/schema-%u.tar.gz", version);
        if (access(path, R_OK) != 0)
            fail_msg("there is no %s: run make fixture", path);
    }
}

static void test_an_old_folder_opens(void **state)
{
    unsigned version = *(unsigned *)*state;
    store_open();
    check_old_contents(version);
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
    check_old_contents(version);
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

/* The log that an older release wrote is enough, too. */
static void test_an_old_folder_is_salvaged(void **state)
{
    unsigned version = *(unsigned *)*state;
    char path[96];
    const char *detail = "";
    struct storage_salvage_figures figures;
    struct storage_salvage order = {.dir = test_dir, .report = print_finding};
    snprintf(path, sizeof(path), "%s/index/data.mdb", test_dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(storage_salvage(&order, &figures, &detail), STORAGE_OK);
    assert_int_equal(figures.unknown, 0);
    store_open();
    check_old_contents(version);
}

#define OLD(test, version)                                                                         \
    cmocka_unit_test_prestate_setup_teardown(                                                      \
        test, unpack_old, store_teardown, &versions[(version)-1])

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_folder(argv[2]);
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("%d\n", SCHEMA_VERSION) < 0;
    for (unsigned i = 0; i < SCHEMA_VERSION; i++)
        versions[i] = i + 1;
    const struct CMUnitTest tests[] = {
        OLD(test_an_old_folder_is_checked_as_it_is, 1),
        OLD(test_an_old_folder_opens, 1),
        OLD(test_an_old_folder_is_salvaged, 1),
        OLD(test_an_old_folder_is_checked_as_it_is, 2),
        OLD(test_an_old_folder_opens, 2),
        OLD(test_an_old_folder_is_salvaged, 2),
        cmocka_unit_test(test_each_version_has_a_folder),
        cmocka_unit_test_setup_teardown(
            test_more_tables_are_a_newer_format, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
