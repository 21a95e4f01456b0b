/* An index that is lost or damaged is made anew: from the log alone, from snapshots and log, with bytes missing, and
 * after compaction. What was acknowledged is there again to the byte, or is told of. */
#include "gc_support.h"
#include "zone_support.h"

#include "storage/local/log.h"
#include "storage/local/snapshot.h"
#include "storage/storage_lineage.h"

#include <fcntl.h>
#include <glob.h>

static struct bucket_ref plain, versioned, zoned;
static char told[64 * 1024];
static struct storage_salvage_figures figures;

static int setup(void **state)
{
    test_segment_bytes = 2 * 1024 * 1024;
    test_snapshots = 0;
    test_reserve_bytes = 0;
    if (store_setup(state) != 0)
        return -1;
    plain = make_bucket("plain");
    versioned = make_bucket("versioned");
    zoned = make_bucket("zoned");
    assert_int_equal(set_versioning(versioned, VERSIONING_ON), STORAGE_OK);
    return 0;
}

static int setup_snapshots(void **state)
{
    int result = setup(state);
    test_snapshots = 2;
    store_reopen();
    return result;
}

/* ---- a store with a history ---- */

static void put_document(struct bucket_ref bucket, enum document_kind kind, struct span text)
{
    struct mutation m = {.kind = MUTATION_PUT_DOCUMENT, .bucket = bucket};
    m.document.kind = kind;
    m.document.text = text;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
}

static void put_record(struct span key, struct span value)
{
    struct record_change change = {.key = key, .value = value};
    struct mutation m = {.kind = MUTATION_CHANGE_RECORDS, .records = {&change, 1}};
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
}

static void set_metadata(struct bucket_ref bucket, struct span key, struct version_ref version,
    struct span expected, struct span metadata)
{
    struct mutation m = {.kind = MUTATION_SET_METADATA, .bucket = bucket, .key = key};
    m.set_metadata.version = version;
    m.set_metadata.expected = expected;
    m.set_metadata.metadata = metadata;
    if (storage_commit(store, &m) != STORAGE_OK)
        fail_msg(
            "%.*s %zu %zu: %s", SPAN_ARG(key), expected.len, metadata.len, storage_err_text(m.err));
}

static void put_from(struct span key, struct span source)
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
static void complete_two(struct bucket_ref bucket, struct span key, struct upload_id upload)
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
static void settings_history(int round)
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
static void objects_history(int round)
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

static void uploads_history(int round)
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

static void zones_history(int round)
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

static void history(int round)
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

static struct known learn(void)
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

static void same_stats(const struct zone_stats *a, const struct zone_stats *b)
{
    assert_int_equal(a->objects, b->objects);
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->duplicates_found, b->duplicates_found);
    assert_int_equal(a->bytes_saved, b->bytes_saved);
    assert_int_equal(a->promotions, b->promotions);
}

/* The records of these tables are the same to the byte, by their set hashes. What differs elsewhere are ids that
 * only the index knows. */
static void check_known(const struct known *before)
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

/* ---- losing and salvaging ---- */

static void path_of(const char *name, char path[static 256])
{
    snprintf(path, 256, "%s/%s", test_dir, name);
}

static void lose_index(void)
{
    char path[256];
    path_of("index", path);
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void take_line(void *ctx, const char *line)
{
    (void)ctx;
    size_t len = strlen(told);
    snprintf(told + len, sizeof(told) - len, "%s\n", line);
}

static enum storage_err try_salvage(const char *to)
{
    const char *detail = "";
    struct storage_salvage order = {.dir = test_dir, .to = to, .report = take_line};
    told[0] = '\0';
    enum storage_err err = storage_salvage(&order, &figures, &detail);
    if (err != STORAGE_OK)
        take_line(NULL, detail);
    return err;
}

static void salvage(void)
{
    if (store)
        store_close();
    if (try_salvage(NULL) != STORAGE_OK)
        fail_msg("salvage: %s", told);
    store_open();
}

static void salvage_all(void)
{
    salvage();
    if (figures.unknown != 0)
        fail_msg("not all is known: %s", told);
}

static void expect_told(const char *text)
{
    assert_true(figures.unknown > 0);
    if (!strstr(told, text))
        fail_msg("\"%s\" is not in: %s", text, told);
}

/* ---- all of it ---- */

static void a_history_is_known_again_from_the_log_alone(void **state)
{
    (void)state;
    history(0);
    history(1);
    struct known before = learn(); /* of snapshots none was made, so all of the log is kept */
    store_close();
    lose_index();
    salvage_all();
    check_known(&before);
    check_bytes(plain, SPAN("dir/5"), newest_version, body(2000000, 105));
    check_bytes(plain, SPAN("copy/0/4"), newest_version, body(300000, 4));
    check_bytes(versioned, SPAN("key"), newest_version, body(2200, 164));
}

static void a_history_is_known_again_from_a_snapshot(void **state)
{
    (void)state;
    char path[256];
    for (int variant = 0; variant < 4; variant++) {
        int round = variant * 2;
        history(round);
        gc_all();
        if (variant != 0)
            assert_int_equal(storage_snapshot(store), STORAGE_OK);
        history(round + 1);
        gc_all();
        if (variant == 2)
            assert_int_equal(storage_snapshot(store), STORAGE_OK);
        struct known before = learn();
        store_close();
        if (variant == 1) {
            lose_index();
        } else { /* garbage in its place */
            path_of("index/data.mdb", path);
            int fd = open(path, O_WRONLY);
            assert_int_equal(pwrite(fd, body(300000, 1).ptr, 300000, 0), 300000);
            close(fd);
        }
        salvage_all();
        check_known(&before);
    }
    assert_int_equal(files_below("snapshots", ""), 4); /* two, "." and ".." */
}

static void a_damaged_snapshot_is_passed_over(void **state)
{
    (void)state;
    struct snapshot_list list;
    char path[PATH_MAX], file[PATH_MAX + 16];
    history(0);
    assert_int_equal(storage_snapshot(store), STORAGE_OK);
    history(1);
    gc_all();
    assert_int_equal(storage_snapshot(store), STORAGE_OK);
    history(2);
    struct known before = learn();
    store_close();
    assert_int_equal(snapshot_list(test_dir, &list), STORAGE_OK);
    assert_int_equal(list.count, 2);
    assert_true(snapshot_path(test_dir, list.items[1].frame_id, path));
    snprintf(file, sizeof(file), "%s/data.mdb", path);
    int fd = open(file, O_WRONLY);
    for (off_t page = 2; page < 20; page++)
        assert_int_equal(pwrite(fd, "damage", 6, page * 4096 + 4000), 6);
    close(fd);
    lose_index();
    salvage_all();
    assert_non_null(strstr(told, "is damaged and passed over"));
    check_known(&before);
}

/* ---- what is lost is told of ---- */

/* Writes nonsense where these bytes are, in whichever segment or file. */
static void damage_bytes(struct span wanted)
{
    static char bytes[4 << 20];
    char command[600], path[300];
    snprintf(command, sizeof(command), "find %s/segments %s/files -type f", test_dir, test_dir);
    FILE *names = popen(command, "r");
    bool done = false;
    while (fgets(path, sizeof(path), names)) {
        path[strcspn(path, "\n")] = '\0';
        int fd = open(path, O_RDWR);
        ssize_t len = pread(fd, bytes, sizeof(bytes), 0);
        size_t at = len > 0 ? span_find(span_of(bytes, (size_t)len), wanted, 0) : SIZE_MAX;
        if (at != SIZE_MAX) {
            assert_int_equal(pwrite(fd, "damage", 6, (off_t)at + 3), 6);
            done = true;
        }
        close(fd);
    }
    pclose(names);
    assert_true(done);
}

static void a_version_whose_bytes_are_damaged_is_left_out(void **state)
{
    (void)state;
    struct object_info info;
    put(versioned, SPAN("key"), body(3000, 1));
    put(versioned, SPAN("key"), body(3000, 2));
    put(plain, SPAN("large"), body(2000000, 3));
    put(plain, SPAN("other"), body(3000, 4));
    struct upload_id upload = begin_upload(plain, SPAN("upload"));
    put_part(plain, SPAN("upload"), upload, 1, body(3000, 5));
    put_part(plain, SPAN("upload"), upload, 2, body(3000, 6));
    put(plain, SPAN("last"), body(3000, 7));
    store_close();
    damage_bytes(span_first(body(3000, 2), 100));
    damage_bytes(span_first(body(2000000, 3), 100));
    damage_bytes(span_first(body(3000, 5), 100));
    lose_index();
    salvage();
    assert_int_equal(figures.unknown, 3);
    expect_told("object versioned/key (version ");
    expect_told("object plain/large (version null) is left out");
    expect_told("part 1 of an upload of plain/upload is left out");
    check_bytes(versioned, SPAN("key"), newest_version, body(3000, 1));
    check_bytes(plain, SPAN("other"), newest_version, body(3000, 4));
    assert_int_equal(get(plain, SPAN("large"), newest_version, &info), STORAGE_NO_SUCH_KEY);
    struct part_page page;
    uint64_t generation;
    assert_int_equal(storage_upload_parts(store, plain.id, SPAN("upload"), upload, 0, 10,
                         &test_arena, &page, &generation),
        STORAGE_OK);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.items[0].number, 2);
}

static void a_lost_segment_is_told_of(void **state)
{
    (void)state;
    char command[600];
    for (size_t i = 0; i < 60; i++)
        put(plain, key_number(i), body(i < 50 ? 100000 : 300, i));
    put(plain, SPAN("last"), body(100, 1));
    store_close();
    snprintf(command, sizeof(command), "%s/segments/*.seg", test_dir);
    glob_t found;
    assert_int_equal(glob(command, 0, NULL, &found), 0);
    assert_true(found.gl_pathc > 2);
    assert_int_equal(unlink(found.gl_pathv[1]), 0);
    globfree(&found);
    lose_index();
    salvage();
    expect_told("the log lacks changes between");
    size_t there = 0;
    for (size_t i = 0; i < 60; i++) {
        struct object_info info;
        if (get(plain, key_number(i), newest_version, &info) != STORAGE_OK)
            continue;
        there++;
        check_bytes(plain, key_number(i), newest_version, body(i < 50 ? 100000 : 300, i));
    }
    assert_true(there > 10 && there < 60);
    check_bytes(plain, SPAN("last"), newest_version, body(100, 1));
}

static void buckets_of_a_lost_beginning_are_made_without_settings(void **state)
{
    (void)state;
    char path[300], command[600];
    put_many(plain, 0, 40, 100000); /* more than one segment */
    put(plain, SPAN("last"), body(100, 1));
    store_close();
    snprintf(command, sizeof(command), "ls %s/segments | sed -n 1p", test_dir);
    FILE *names = popen(command, "r");
    assert_non_null(fgets(path, sizeof(path), names));
    pclose(names);
    path[strcspn(path, "\n")] = '\0';
    snprintf(command, sizeof(command), "%s/segments/%s", test_dir, path);
    assert_int_equal(unlink(command), 0);
    lose_index();
    salvage();
    expect_told("the log begins at");
    expect_told("bucket plain: what made it is not in the log");
    check_bytes(plain, SPAN("last"), newest_version, body(100, 1));
}

/* ---- the end of the log ---- */

/* Where the last frame is. */
static void last_frame(char path[static 300], off_t *ret_offset, struct log_header *ret_header)
{
    static char bytes[4 << 20];
    char command[300];
    snprintf(command, sizeof(command), "ls %s/segments", test_dir);
    FILE *names = popen(command, "r");
    char name[64];
    *ret_header = (struct log_header){0};
    while (fgets(name, sizeof(name), names)) {
        char file[300];
        name[strcspn(name, "\n")] = '\0';
        snprintf(file, sizeof(file), "%s/segments/%s", test_dir, name);
        int fd = open(file, O_RDONLY);
        ssize_t len = pread(fd, bytes, sizeof(bytes), 0);
        close(fd);
        for (ssize_t at = 0; at < len; at += 8) {
            struct log_header header;
            if (log_frame_open(span_of(bytes + at, (size_t)(len - at)), &header) == STORAGE_OK &&
                header.frame_id > ret_header->frame_id) {
                *ret_header = header;
                *ret_offset = at;
                memcpy(path, file, sizeof(file));
            }
        }
    }
    pclose(names);
}

static void a_torn_end_of_the_log_is_told_of(void **state)
{
    (void)state;
    char path[300];
    off_t at;
    struct log_header header;
    put(plain, SPAN("first"), body(3000, 1));
    put(plain, SPAN("torn"), body(100, 2));
    store_close();
    last_frame(path, &at, &header);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "torn", 4, at + 100), 4);
    close(fd);
    lose_index();
    salvage();
    expect_told("the log ends with a torn frame");
    check_bytes(plain, SPAN("first"), newest_version, body(3000, 1));
    struct object_info info;
    assert_int_equal(get(plain, SPAN("torn"), newest_version, &info), STORAGE_NO_SUCH_KEY);
}

/* A process that dies between its frame and its commit: no later frame names that one. */
static void a_frame_whose_commit_failed_is_left_out(void **state)
{
    (void)state;
    bool there[16];
    struct object_info info;
    size_t count = 0, died = 0;
    put(plain, SPAN("kept"), body(3000, 1));
    for (int calls = 1; count < ARRAY_LEN(there); calls++) {
        store_close();
        pid_t child = fork();
        if (child == 0) {
            mortal_open(calls);
            put(plain, key_number(count), body(3000, count));
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        died += WEXITSTATUS(status) == 77;
        store_open();
        there[count] = get(plain, key_number(count), newest_version, &info) == STORAGE_OK;
        put(plain, SPAN("after"), body(100, count++));
    }
    assert_true(died > 3);
    store_close();
    lose_index();
    salvage_all();
    check_bytes(plain, SPAN("kept"), newest_version, body(3000, 1));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(get(plain, key_number(i), newest_version, &info) == STORAGE_OK, there[i]);
        if (there[i])
            check_bytes(plain, key_number(i), newest_version, body(3000, i));
    }
}

/* The last one may be of such a commit, whose bytes were given back. */
static void a_last_frame_without_its_bytes_is_left_out(void **state)
{
    (void)state;
    put(plain, SPAN("before"), body(3000, 1));
    put(plain, SPAN("last"), body(3000, 2));
    store_close();
    damage_bytes(span_first(body(3000, 2), 100));
    lose_index();
    salvage();
    expect_told("are left out: their bytes are not whole");
    struct object_info info;
    check_bytes(plain, SPAN("before"), newest_version, body(3000, 1));
    assert_int_equal(get(plain, SPAN("last"), newest_version, &info), STORAGE_NO_SUCH_KEY);
    put(plain, SPAN("more"), body(3000, 3)); /* and again, with what was left out in the log */
    store_close();
    lose_index();
    salvage_all();
    check_bytes(plain, SPAN("more"), newest_version, body(3000, 3));
}

/* What somebody has uploaded is no part of the log or the store, whatever it looks like. */
static void an_uploaded_copy_of_a_segment_deceives_nobody(void **state)
{
    (void)state;
    static char copy[900000];
    char path[300];
    off_t at;
    struct log_header header;
    put(plain, SPAN("kept"), body(3000, 1));
    put(plain, SPAN("gone"), body(3000, 2));
    last_frame(path, &at, &header);
    int fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, copy, sizeof(copy), 0), sizeof(copy));
    close(fd);
    remove_key(plain, SPAN("gone"));
    put(plain, SPAN("copy"), span_of(copy, sizeof(copy)));
    put(plain, SPAN("last"), body(10, 1));
    store_close();
    lose_index();
    salvage_all();
    struct object_info info;
    assert_int_equal(get(plain, SPAN("gone"), newest_version, &info), STORAGE_NO_SUCH_KEY);
    check_bytes(plain, SPAN("kept"), newest_version, body(3000, 1));
    check_bytes(plain, SPAN("copy"), newest_version, span_of(copy, sizeof(copy)));
}

/* ---- the way it is done ---- */

static void another_folder_can_be_filled(void **state)
{
    (void)state;
    char to[64], own[64], command[600];
    uint64_t count = 0;
    snprintf(to, sizeof(to), "%.40s-to", test_dir);
    history(0);
    store_close();
    lose_index();
    snprintf(command, sizeof(command), "(cd %s; find . -type f | sort | xargs md5sum) > %s-before",
        test_dir, test_dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(try_salvage(to), STORAGE_OK);
    assert_int_equal(figures.unknown, 0);
    snprintf(command, sizeof(command),
        "(cd %s; find . -type f | sort | xargs md5sum) | cmp - %s-before && rm %s-before", test_dir,
        test_dir, test_dir);
    assert_int_equal(system(command), 0); /* nothing of it was touched */
    assert_int_equal(try_salvage(to), STORAGE_INVALID);
    assert_int_equal(storage_verify(to, print_finding, NULL, &count), STORAGE_OK);
    assert_int_equal(count, 0);
    memcpy(own, test_dir, sizeof(own));
    memcpy(test_dir, to, sizeof(test_dir));
    store_open();
    check_bytes(plain, SPAN("dir/5"), newest_version, body(2000000, 5));
    store_close();
    nftw(test_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    memcpy(test_dir, own, sizeof(own));
    salvage_all();
}

static void what_cannot_be_salvaged_is_refused(void **state)
{
    (void)state;
    char path[256];
    assert_int_equal(try_salvage(NULL), STORAGE_IN_USE);
    store_close();
    path_of("segments", path);
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(try_salvage(NULL), STORAGE_CORRUPT);
    assert_non_null(strstr(told, "neither a snapshot nor a log"));
    path_of("index/data.mdb", path);
    assert_int_equal(access(path, F_OK), 0); /* the old index is where it was */
    path_of("segments", path);
    assert_int_equal(mkdir(path, 0700), 0);
}

/* One that was cut off between its two renames leaves a folder without an index, which nobody opens. */
static void a_salvage_that_was_cut_off_is_begun_again(void **state)
{
    (void)state;
    char path[256], work[256];
    history(0);
    store_close();
    path_of("index", path);
    path_of("index.damaged-20260101T000000.000Z", work);
    assert_int_equal(rename(path, work), 0);
    path_of("salvage.part", path);
    assert_int_equal(mkdir(path, 0700), 0);
    path_of("salvage.part/index", path);
    assert_int_equal(mkdir(path, 0700), 0);
    struct storage_options options = {.dir = test_dir, .no_background = true};
    const char *detail = "";
    assert_int_equal(storage_open(&options, &store, &detail), STORAGE_CORRUPT);
    salvage_all();
    check_bytes(plain, SPAN("dir/5"), newest_version, body(2000000, 5));
    path_of("salvage.part", path);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_store_that_is_not_damaged_stays_what_it_is(void **state)
{
    (void)state;
    history(0);
    history(1);
    assert_int_equal(storage_snapshot(store), STORAGE_OK);
    struct known before = learn();
    salvage_all();
    check_known(&before);
    salvage_all();
    check_known(&before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, store_teardown)
#define SNAPSHOTS(name) cmocka_unit_test_setup_teardown(name, setup_snapshots, store_teardown)
    const struct CMUnitTest tests[] = {
        SNAPSHOTS(a_history_is_known_again_from_the_log_alone),
        SNAPSHOTS(a_history_is_known_again_from_a_snapshot),
        SNAPSHOTS(a_damaged_snapshot_is_passed_over),
        TEST(a_version_whose_bytes_are_damaged_is_left_out),
        TEST(a_lost_segment_is_told_of),
        TEST(buckets_of_a_lost_beginning_are_made_without_settings),
        TEST(a_torn_end_of_the_log_is_told_of),
        TEST(a_frame_whose_commit_failed_is_left_out),
        TEST(a_last_frame_without_its_bytes_is_left_out),
        TEST(an_uploaded_copy_of_a_segment_deceives_nobody),
        SNAPSHOTS(another_folder_can_be_filled),
        TEST(what_cannot_be_salvaged_is_refused),
        SNAPSHOTS(a_salvage_that_was_cut_off_is_begun_again),
        SNAPSHOTS(a_store_that_is_not_damaged_stays_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
