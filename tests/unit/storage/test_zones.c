/* A zone's rules in the commit: what each refuses, in which order, and what is counted. */
#include "zone_support.h"

#include <errno.h>

static struct bucket_ref bucket;
static char large[3000];

static int setup(void **state)
{
    int result = store_setup(state);
    bucket = make_bucket("lake");
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)('a' + i % 26);
    return result;
}

/* ---- write once ---- */

static void test_write_once(void **state)
{
    (void)state;
    struct span except = SPAN("_SUCCESS");
    set_rule(bucket, (struct zone_rule){.write_once = true, .except = &except, .except_count = 1});
    struct object_info first = put(bucket, SPAN("key"), SPAN("one"));
    assert_int_equal(try_put(bucket, SPAN("key"), SPAN("two")), STORAGE_OBJECT_EXISTS);
    check_bytes(bucket, SPAN("key"), newest_version, SPAN("one"));
    /* The same again changes nothing and is told of what is there. */
    struct mutation again = put_compared(bucket, SPAN("key"), SPAN("one"));
    assert_int_equal(again.err, STORAGE_OK);
    assert_true(again.zone_outcome.unchanged);
    assert_int_equal(again.result.version.sequence, first.version.sequence);
    assert_int_equal(again.result.modified_ms, first.modified_ms);
    /* The same bytes with other metadata are another object. */
    struct mutation other = put_of(bucket, SPAN("key"), SPAN("one"));
    other.put.attributes.metadata = SPAN("type: text");
    assert_int_equal(storage_commit(store, &other), STORAGE_OBJECT_EXISTS);
    /* Excepted keys are free, and so is one that was deleted. */
    assert_int_equal(try_put(bucket, SPAN("_SUCCESS"), SPAN("1")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("_SUCCESS"), SPAN("2")), STORAGE_OK);
    delete_version(bucket, SPAN("key"), newest_version);
    assert_int_equal(try_put(bucket, SPAN("key"), SPAN("two")), STORAGE_OK);
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("key"), SPAN("three")), STORAGE_OBJECT_EXISTS);
    delete_version(bucket, SPAN("key"), newest_version); /* a marker */
    assert_int_equal(try_put(bucket, SPAN("key"), SPAN("three")), STORAGE_OK);
}

/* The same bytes under another ETag (parts of other sizes) count once they were compared. */
static void test_the_same_bytes_with_another_etag(void **state)
{
    (void)state;
    set_rule(bucket, (struct zone_rule){.write_once = true});
    struct object_info first = put(bucket, SPAN("key"), span_of(large, sizeof(large)));
    struct mutation m = put_of(bucket, SPAN("key"), span_of(large, sizeof(large)));
    m.put.attributes.etag.part_count = 2;
    assert_int_equal(storage_commit(store, &m), STORAGE_OBJECT_EXISTS);
    m = put_of(bucket, SPAN("key"), span_of(large, sizeof(large)));
    m.put.attributes.etag.part_count = 2;
    m.zone.same_sequence = first.version.sequence;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_true(m.zone_outcome.unchanged);
    /* Never so with another CRC, whatever is claimed. */
    m = put_of(bucket, SPAN("key"), span_of(large, sizeof(large)));
    m.put.attributes.crc64nvme++;
    m.zone.same_sequence = first.version.sequence;
    assert_int_equal(storage_commit(store, &m), STORAGE_OBJECT_EXISTS);
}

static void test_preconditions_come_before_write_once(void **state)
{
    (void)state;
    set_rule(bucket, (struct zone_rule){.write_once = true});
    put(bucket, SPAN("key"), SPAN("one"));
    static const struct {
        const char *bytes, *etag_of;
        bool match, none_match;
        enum storage_err wanted;
    } cases[] = {
        {"one", NULL, false, true, STORAGE_PRECONDITION_FAILED}, /* though the bytes are equal */
        {"two", NULL, false, true, STORAGE_PRECONDITION_FAILED},
        {"one", "two", true, false, STORAGE_PRECONDITION_FAILED},
        {"two", "one", true, false, STORAGE_OBJECT_EXISTS},
        {"one", "one", true, false, STORAGE_OBJECT_EXISTS},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mutation m = put_of(bucket, SPAN("key"), span_str(cases[i].bytes));
        struct etag etag = etag_of(span_str(cases[i].etag_of ? cases[i].etag_of : ""));
        struct etag_list list = {.present = true,
            .any = !cases[i].etag_of,
            .items = &etag,
            .count = cases[i].etag_of ? 1 : 0};
        if (cases[i].match)
            m.if_match = list;
        else
            m.if_none_match = list;
        assert_int_equal(storage_commit(store, &m), cases[i].wanted);
    }
}

/* ---- retention ---- */

static void test_retention(void **state)
{
    (void)state;
    enum action { OVERWRITE, PLAIN_DELETE, DELETE_VERSION };
    static const struct {
        enum versioning versioning;
        enum action action;
        bool retained;
    } cases[] = {
        {VERSIONING_OFF, OVERWRITE, true},
        {VERSIONING_OFF, PLAIN_DELETE, true},
        {VERSIONING_OFF, DELETE_VERSION, true},
        {VERSIONING_ON, OVERWRITE, false},
        {VERSIONING_ON, PLAIN_DELETE, false},
        {VERSIONING_ON, DELETE_VERSION, true},
        {VERSIONING_SUSPENDED, OVERWRITE, true},
        {VERSIONING_SUSPENDED, PLAIN_DELETE, true},
        {VERSIONING_SUSPENDED, DELETE_VERSION, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char name[32];
        snprintf(name, sizeof(name), "bucket-%zu", i);
        struct bucket_ref here = make_bucket(name);
        set_rule(here, (struct zone_rule){.retention_ms = 30 * DAY_MS});
        if (cases[i].versioning == VERSIONING_SUSPENDED)
            assert_int_equal(set_versioning(here, VERSIONING_ON), STORAGE_OK);
        if (cases[i].versioning != VERSIONING_OFF)
            assert_int_equal(set_versioning(here, cases[i].versioning), STORAGE_OK);
        struct object_info info = put(here, SPAN("key"), SPAN("one"));
        for (int bypass = 0; bypass < 2; bypass++) {
            struct mutation m = put_of(here, SPAN("key"), SPAN("two"));
            if (cases[i].action != OVERWRITE) {
                stage_discard(m.put.stage);
                m = remove_of(here, SPAN("key"),
                    cases[i].action == PLAIN_DELETE ? newest_version
                    : info.version.is_null          ? null_version
                                                    : exactly(info.version));
            }
            m.zone.bypass_retention = bypass;
            bool refused = cases[i].retained && !bypass;
            assert_int_equal(storage_commit(store, &m), refused ? STORAGE_RETAINED : STORAGE_OK);
            if (refused)
                assert_int_equal(m.zone_outcome.retained_until_ms, info.modified_ms + 30 * DAY_MS);
        }
    }
}

static void test_what_retention_lets_go(void **state)
{
    (void)state;
    struct span except = SPAN("*.tmp");
    struct zone_rule rule = {.retention_ms = 20, .except = &except, .except_count = 1};
    set_rule(bucket, rule);
    put(bucket, SPAN("short"), SPAN("x"));
    usleep(40 * 1000);
    assert_int_equal(try_put(bucket, SPAN("short"), SPAN("y")), STORAGE_OK);
    usleep(40 * 1000);
    rule.retention_ms = DAY_MS;
    set_rule(bucket, rule);
    put(bucket, SPAN("a.tmp"), SPAN("x"));
    delete_version(bucket, SPAN("a.tmp"), newest_version);
    /* A marker holds nothing, and neither does a version whose rule is gone. */
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    put(bucket, SPAN("key"), SPAN("x"));
    struct object_info marker = delete_version(bucket, SPAN("key"), newest_version);
    delete_version(bucket, SPAN("key"), exactly(marker.version));
    struct mutation drop = zones_of(bucket, NULL, 0);
    drop.zones.bypass_retention = true;
    assert_int_equal(storage_commit(store, &drop), STORAGE_OK);
    struct object_info info;
    assert_int_equal(get(bucket, SPAN("key"), newest_version, &info), STORAGE_OK);
    delete_version(bucket, SPAN("key"), exactly(info.version));
}

static void test_an_older_null_version_is_retained(void **state)
{
    (void)state;
    set_rule(bucket, (struct zone_rule){.retention_ms = DAY_MS});
    put(bucket, SPAN("key"), SPAN("null"));
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    put(bucket, SPAN("key"), SPAN("newer"));
    assert_int_equal(set_versioning(bucket, VERSIONING_SUSPENDED), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("key"), SPAN("newest")), STORAGE_RETAINED);
    struct mutation m = remove_of(bucket, SPAN("key"), newest_version);
    assert_int_equal(storage_commit(store, &m), STORAGE_RETAINED);
    check_bytes(bucket, SPAN("key"), null_version, SPAN("null"));
    check_bytes(bucket, SPAN("key"), newest_version, SPAN("newer"));
}

static void test_retention_cannot_be_lowered_unseen(void **state)
{
    (void)state;
    struct span tmp = SPAN("*.tmp"), both[] = {SPAN("*.tmp"), SPAN("*.log")};
    const struct zone_rule now = {.name = SPAN("raw"),
        .prefix = SPAN("raw/"),
        .retention_ms = DAY_MS,
        .except = &tmp,
        .except_count = 1};
    struct zone_rule shorter = now, wider = now, renamed = now, moved = now, longer = now;
    shorter.retention_ms--;
    wider.except = both, wider.except_count = 2;
    renamed.name = SPAN("landing");
    moved.prefix = SPAN("raw/x/");
    longer.retention_ms++, longer.except_count = 0;
    const struct {
        struct zone_rule rule;
        bool lowers;
    } cases[] = {{now, false}, {longer, false}, {renamed, false}, {shorter, true}, {wider, true},
        {moved, true}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char name[32];
        snprintf(name, sizeof(name), "bucket-%zu", i);
        struct bucket_ref here = make_bucket(name);
        assert_int_equal(set_zones(here, &now, 1), STORAGE_OK);
        /* Nothing there: nothing that is retained. */
        assert_int_equal(set_zones(here, &cases[i].rule, 1), STORAGE_OK);
        assert_int_equal(set_zones(here, &now, 1), STORAGE_OK);
        struct object_info info = put(here, SPAN("raw/key"), SPAN("x"));
        struct mutation m = zones_of(here, &cases[i].rule, 1);
        assert_int_equal(
            storage_commit(store, &m), cases[i].lowers ? STORAGE_RETAINED : STORAGE_OK);
        if (!cases[i].lowers)
            continue;
        assert_int_equal(m.zone_outcome.retained_until_ms, info.modified_ms + DAY_MS);
        assert_int_equal(zones_read(here).rules[0].retention_ms, DAY_MS);
        m = zones_of(here, NULL, 0);
        assert_int_equal(storage_commit(store, &m), STORAGE_RETAINED);
        m = zones_of(here, &cases[i].rule, 1);
        m.zones.bypass_retention = true;
        assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    }
}

/* ---- duplicates ---- */

static void test_duplicates_flagged(void **state)
{
    (void)state;
    set_rule(bucket, (struct zone_rule){.duplicates = DUPLICATES_FLAG, .min_bytes = 3});
    put(bucket, SPAN("a"), SPAN("bytes"));
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("bytes")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("c"), SPAN("other")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("d"), SPAN("xy")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("e"), SPAN("xy")), STORAGE_OK); /* too small to look at */
    check_mark(bucket, "a", NULL);
    check_mark(bucket, "b", "a");
    check_mark(bucket, "c", NULL);
    check_mark(bucket, "e", NULL);
    assert_int_equal(stats_of(bucket, "zone").duplicates_found, 1);
    assert_int_equal(stats_of(bucket, "zone").bytes_saved, 0);
    /* A key's own content again is no duplicate of itself. */
    assert_int_equal(try_put(bucket, SPAN("c"), SPAN("other")), STORAGE_OK);
    check_mark(bucket, "c", NULL);
    /* When the first goes, or is overwritten, the other stands on its own. */
    delete_version(bucket, SPAN("a"), newest_version);
    check_mark(bucket, "b", NULL);
    assert_int_equal(try_put(bucket, SPAN("f"), SPAN("bytes")), STORAGE_OK);
    check_mark(bucket, "f", "b");
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("changed")), STORAGE_OK);
    check_mark(bucket, "f", NULL);
    store_reopen();
    assert_int_equal(try_put(bucket, SPAN("g"), SPAN("bytes")), STORAGE_OK);
    check_mark(bucket, "g", "f");
}

static void test_duplicates_linked(void **state)
{
    (void)state;
    struct span bytes = span_of(large, sizeof(large));
    set_rule(bucket, (struct zone_rule){.duplicates = DUPLICATES_LINK});
    put(bucket, SPAN("a"), bytes);
    struct storage_stats before, after;
    storage_stats(store, &before);
    struct mutation m = put_of(bucket, SPAN("b"), bytes);
    m.put.attributes.metadata = SPAN("its own");
    assert_int_equal(commit_compared(bucket, &m), STORAGE_OK);
    assert_true(m.zone_outcome.linked);
    storage_stats(store, &after);
    assert_int_equal(after.segment_live_bytes, before.segment_live_bytes);
    check_mark(bucket, "b", "a");
    check_bytes(bucket, SPAN("b"), newest_version, bytes);
    assert_int_equal(stats_of(bucket, "zone").bytes_saved, sizeof(large));
    check_zone(bucket, "zone", 2, 2 * sizeof(large));
    delete_version(bucket, SPAN("a"), newest_version);
    scan_all();
    check_bytes(bucket, SPAN("b"), newest_version, bytes);
    /* Bytes inside of the index are not shared, only marked. */
    put(bucket, SPAN("small"), SPAN("tiny"));
    m = put_compared(bucket, SPAN("small-2"), SPAN("tiny"));
    assert_int_equal(m.err, STORAGE_OK);
    assert_false(m.zone_outcome.linked);
    check_mark(bucket, "small-2", "small");
}

static void test_duplicates_rejected(void **state)
{
    (void)state;
    struct span except[] = {SPAN("_temporary"), SPAN("*/")};
    set_rule(bucket,
        (struct zone_rule){
            .duplicates = DUPLICATES_REJECT, .min_bytes = 1, .except = except, .except_count = 2});
    struct object_info first = put(bucket, SPAN("a"), SPAN("bytes"));
    struct mutation m = put_compared(bucket, SPAN("b"), SPAN("bytes"));
    assert_int_equal(m.err, STORAGE_DUPLICATE);
    assert_int_equal(m.zone_outcome.duplicate_of.sequence, first.version.sequence);
    assert_int_equal(stats_of(bucket, "zone").duplicates_found, 1);
    assert_int_equal(stats_of(bucket, "zone").bytes_saved, 5);
    assert_int_equal(try_put(bucket, SPAN("a"), SPAN("bytes")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("_temporary/x"), SPAN("bytes")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("_temporary/y"), SPAN("bytes")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("f1/"), SPAN("")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("empty"), SPAN("")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("empty-2"), SPAN("")), STORAGE_OK);
    /* A rename out of what is excepted: the source is no obstacle. */
    assert_int_equal(try_put(bucket, SPAN("_temporary/z"), SPAN("renamed")), STORAGE_OK);
    struct object_info source;
    assert_int_equal(get(bucket, SPAN("_temporary/z"), newest_version, &source), STORAGE_OK);
    struct mutation copy = {.kind = MUTATION_COPY_OBJECT, .bucket = bucket, .key = SPAN("final")};
    copy.copy.attributes = source.attributes;
    copy.copy.from = (struct copy_from){
        .bucket_id = bucket.id, .key = SPAN("_temporary/z"), .version = source.version};
    assert_int_equal(storage_commit(store, &copy), STORAGE_OK);
    copy.key = SPAN("final-2");
    assert_int_equal(storage_commit(store, &copy), STORAGE_CHANGED); /* compare first */
    assert_int_equal(get(bucket, SPAN("final"), newest_version, &source), STORAGE_OK);
    struct zone_set set = zones_read(bucket);
    struct content_page page;
    assert_int_equal(storage_content_find(store, bucket.id, &set.rules[0], SPAN("final-2"), 7,
                         source.attributes.crc64nvme, 10, &test_arena, &page),
        STORAGE_OK);
    assert_int_equal(page.count, 1);
    assert_true(span_eq(page.items[0].key, SPAN("final")));
    copy.zone.duplicate = page.items[0].ref;
    assert_int_equal(storage_commit(store, &copy), STORAGE_DUPLICATE);
}

/* Same size and CRC, other bytes: what a checksum cannot tell. */
static void test_what_only_looks_the_same(void **state)
{
    (void)state;
    set_rule(bucket, (struct zone_rule){.duplicates = DUPLICATES_REJECT});
    struct mutation first = put_of(bucket, SPAN("a"), SPAN("bytes-1"));
    first.put.attributes.crc64nvme = 77;
    assert_int_equal(storage_commit(store, &first), STORAGE_OK);
    struct mutation m = put_of(bucket, SPAN("b"), SPAN("bytes-2"));
    m.put.attributes.crc64nvme = 77;
    /* Nothing was compared: the request is sent back with its bytes, and can be sent again. */
    assert_int_equal(storage_commit(store, &m), STORAGE_CHANGED);
    assert_non_null(m.put.stage);
    assert_int_equal(storage_commit(store, &m), STORAGE_CHANGED);
    assert_int_equal(commit_compared(bucket, &m), STORAGE_OK);
    check_mark(bucket, "b", NULL);
    /* What was compared and is gone is no obstacle; nor does it help against what came since. */
    struct content_ref a = {0}, others[64];
    struct mutation third = put_of(bucket, SPAN("c"), SPAN("bytes-1"));
    third.put.attributes.crc64nvme = 77;
    struct blob_reader *reader = NULL;
    assert_int_equal(storage_stage_reader(store, third.put.stage, &reader), STORAGE_OK);
    make_claims(bucket, &third, reader, 77, others);
    blob_close(reader);
    a = third.zone.duplicate;
    assert_int_not_equal(a.sequence, 0);
    delete_version(bucket, SPAN("a"), newest_version);
    assert_int_equal(storage_commit(store, &third), STORAGE_CHANGED); /* b was not compared */
    assert_int_equal(commit_compared(bucket, &third), STORAGE_OK);
    check_mark(bucket, "c", NULL);
    /* Too much to compare: stored, and marked. */
    struct mutation fourth = put_of(bucket, SPAN("d"), SPAN("bytes-3"));
    fourth.put.attributes.crc64nvme = 77;
    fourth.zone.undecided = true;
    assert_int_equal(storage_commit(store, &fourth), STORAGE_OK);
    check_mark(bucket, "d", "b");
    /* One that is given up gives its space back. */
    struct mutation last = put_of(bucket, SPAN("e"), span_of(large, sizeof(large)));
    last.put.attributes.crc64nvme = 78;
    struct mutation same = put_of(bucket, SPAN("f"), span_of(large, sizeof(large)));
    same.put.attributes.crc64nvme = 78;
    assert_int_equal(storage_commit(store, &last), STORAGE_OK);
    assert_int_equal(storage_commit(store, &same), STORAGE_CHANGED);
    stage_discard(same.put.stage);
}

static void test_what_makes_and_ends_a_duplicate(void **state)
{
    (void)state;
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    set_rule(bucket, (struct zone_rule){.duplicates = DUPLICATES_REJECT});
    struct object_info a1 = put(bucket, SPAN("a"), SPAN("one"));
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("one")), STORAGE_DUPLICATE);
    /* Only current versions count: not one that was overwritten … */
    assert_int_equal(try_put(bucket, SPAN("a"), SPAN("two")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("one")), STORAGE_OK);
    /* … nor one under a marker … */
    struct object_info marker = delete_version(bucket, SPAN("b"), newest_version);
    assert_int_equal(try_put(bucket, SPAN("c"), SPAN("one")), STORAGE_OK);
    delete_version(bucket, SPAN("c"), newest_version);
    /* … until that goes. */
    delete_version(bucket, SPAN("b"), exactly(marker.version));
    assert_int_equal(try_put(bucket, SPAN("d"), SPAN("one")), STORAGE_DUPLICATE);
    /* An older version that becomes the newest again counts again. */
    struct object_info newest;
    assert_int_equal(get(bucket, SPAN("a"), newest_version, &newest), STORAGE_OK);
    delete_version(bucket, SPAN("b"), newest_version);
    assert_int_equal(try_put(bucket, SPAN("d"), SPAN("one")), STORAGE_OK);
    delete_version(bucket, SPAN("d"), newest_version);
    delete_version(bucket, SPAN("a"), exactly(newest.version));
    assert_int_equal(try_put(bucket, SPAN("e"), SPAN("one")), STORAGE_DUPLICATE);
    delete_version(bucket, SPAN("a"), exactly(a1.version));
    assert_int_equal(try_put(bucket, SPAN("e"), SPAN("one")), STORAGE_OK);
}

/* ---- uploads ---- */

static struct mutation upload_of(struct span key, const size_t *sizes, uint32_t count)
{
    struct mutation create = {.kind = MUTATION_CREATE_UPLOAD, .bucket = bucket, .key = key};
    assert_int_equal(storage_commit(store, &create), STORAGE_OK);
    size_t at = 0;
    static struct part_choice choices[8];
    for (uint32_t i = 0; i < count; i++) {
        struct mutation part = {.kind = MUTATION_PUT_PART, .bucket = bucket, .key = key};
        part.part.upload = create.upload;
        part.part.number = 2 * i + 1;
        part.part.stage = stage_of_bytes(span_of(large + at, sizes[i]));
        part.part.attributes = attributes_for(span_of(large + at, sizes[i]));
        assert_int_equal(storage_commit(store, &part), STORAGE_OK);
        choices[i].number = 2 * i + 1;
        at += sizes[i];
        /* One that will not be named. */
        part.part.number = 2 * i + 2;
        part.part.stage = stage_of_bytes(span_of(large, 700));
        assert_int_equal(storage_commit(store, &part), STORAGE_OK);
    }
    struct upload_info info;
    assert_int_equal(
        storage_upload_get(store, bucket.id, key, create.upload, &test_arena, &info), STORAGE_OK);
    struct mutation complete = {.kind = MUTATION_COMPLETE_UPLOAD, .bucket = bucket, .key = key};
    complete.complete.upload = create.upload;
    complete.complete.generation = info.generation;
    complete.complete.parts = choices;
    complete.complete.part_count = count;
    complete.complete.attributes = attributes_for(span_of(large, at));
    complete.complete.attributes.etag.part_count = count;
    complete.complete.attributes.etag.md5[0] = (uint8_t)sizes[0];
    complete.complete.parts_hash[0] = 1;
    return complete;
}

static enum storage_err complete_compared(struct mutation *m)
{
    struct content_ref others[64];
    struct blob_reader *reader = NULL;
    assert_int_equal(
        storage_upload_open(store, bucket.id, m->key, m->complete.upload, m->complete.generation,
            m->complete.parts, m->complete.part_count, &reader),
        STORAGE_OK);
    assert_int_equal(blob_size(reader), sizeof(large));
    make_claims(bucket, m, reader, m->complete.attributes.crc64nvme, others);
    blob_close(reader);
    enum storage_err err = storage_commit(store, m);
    m->zone.others = NULL;
    return err;
}

static void test_duplicates_of_uploads(void **state)
{
    (void)state;
    static const size_t halves[] = {1500, 1500}, thirds[] = {1000, 1000, 1000};
    struct span bytes = span_of(large, sizeof(large));
    set_rule(bucket, (struct zone_rule){.duplicates = DUPLICATES_LINK, .write_once = true});
    put(bucket, SPAN("simple"), bytes);
    struct mutation m = upload_of(SPAN("halves"), halves, 2);
    assert_int_equal(storage_commit(store, &m), STORAGE_CHANGED);
    assert_int_equal(complete_compared(&m), STORAGE_OK);
    assert_false(
        m.zone_outcome.linked); /* its parts can be read by number, those of the first not */
    check_mark(bucket, "halves", "simple");
    check_bytes(bucket, SPAN("halves"), newest_version, bytes);
    /* With the very same parts it can share. */
    delete_version(bucket, SPAN("simple"), newest_version);
    m = upload_of(SPAN("halves-2"), halves, 2);
    assert_int_equal(complete_compared(&m), STORAGE_OK);
    assert_true(m.zone_outcome.linked);
    check_mark(bucket, "halves-2", "halves");
    check_bytes(bucket, SPAN("halves-2"), newest_version, bytes);
    struct mutation again = m;
    assert_int_equal(storage_commit(store, &again), STORAGE_OK); /* Complete once more */
    assert_int_equal(again.result.version.sequence, m.result.version.sequence);
    m = upload_of(SPAN("thirds"), thirds, 3);
    assert_int_equal(complete_compared(&m), STORAGE_OK);
    assert_false(m.zone_outcome.linked);
    /* The same upload once more for a key that is there: nothing changes, and the upload ends. */
    struct object_info there;
    assert_int_equal(get(bucket, SPAN("thirds"), newest_version, &there), STORAGE_OK);
    m = upload_of(SPAN("thirds"), thirds, 3);
    assert_int_equal(complete_compared(&m), STORAGE_OK);
    assert_true(m.zone_outcome.unchanged);
    assert_int_equal(m.result.version.sequence, there.version.sequence);
    again = m;
    assert_int_equal(storage_commit(store, &again), STORAGE_OK);
    m = upload_of(SPAN("thirds"), halves, 2);
    assert_int_equal(complete_compared(&m), STORAGE_OBJECT_EXISTS);
    struct mutation abort = {.kind = MUTATION_ABORT_UPLOAD, .bucket = bucket, .key = m.key};
    abort.abort.upload = m.complete.upload;
    assert_int_equal(storage_commit(store, &abort), STORAGE_OK);
    check_counters(bucket, 3, 3 * sizeof(large), 0);
    scan_all();
    check_bytes(bucket, SPAN("halves"), newest_version, bytes);
    check_bytes(bucket, SPAN("halves-2"), newest_version, bytes);
    check_bytes(bucket, SPAN("thirds"), newest_version, bytes);
}

static void test_readers_of_uploads(void **state)
{
    (void)state;
    static const size_t halves[] = {1500, 1500};
    static const struct part_choice wrong[] = {{1}, {9}}, descending[] = {{3}, {1}};
    struct mutation m = upload_of(SPAN("key"), halves, 2);
    struct blob_reader *reader = NULL;
    const struct upload_id id = m.complete.upload;
    uint64_t generation = m.complete.generation;
    const struct part_choice *parts = m.complete.parts;
    assert_int_equal(
        storage_upload_open(store, bucket.id, m.key, id, generation, wrong, 2, &reader),
        STORAGE_NO_SUCH_PART);
    assert_int_equal(
        storage_upload_open(store, bucket.id, m.key, id, generation, descending, 2, &reader),
        STORAGE_INVALID);
    assert_int_equal(
        storage_upload_open(store, bucket.id, m.key, id, generation + 1, parts, 2, &reader),
        STORAGE_CHANGED);
    assert_int_equal(
        storage_upload_open(store, bucket.id, m.key, id, generation, parts, 2, &reader),
        STORAGE_OK);
    char read[sizeof(large)];
    size_t got = 0;
    assert_int_equal(blob_read(reader, 1000, read, sizeof(read), true, &got), STORAGE_OK);
    assert_int_equal(got, 500);
    assert_memory_equal(read, large + 1000, got);
    struct mutation part = {.kind = MUTATION_PUT_PART, .bucket = bucket, .key = m.key};
    part.part.upload = id;
    part.part.number = 3;
    part.part.stage = stage_of_bytes(SPAN("replaced"));
    part.part.attributes = attributes_for(SPAN("replaced"));
    assert_int_equal(storage_commit(store, &part), STORAGE_OK);
    scan_all();
    assert_int_equal(blob_read(reader, 1500, read, sizeof(read), true, &got), STORAGE_CHANGED);
    blob_close(reader);
}

static void test_readers_of_stages(void **state)
{
    (void)state;
    static char big[2 * 1024 * 1024 + 5];
    static const size_t sizes[] = {1, 511, 512, 5000, 300000, 1024 * 1024, sizeof(big)};
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 7 + i / 251);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (int kind = 0; kind < 3; kind++) {
            struct stage *stage = NULL;
            struct blob_reader *reader = NULL, *other = NULL;
            uint64_t declared = kind == 1 ? STAGE_SIZE_UNKNOWN : sizes[i];
            assert_int_equal(storage_stage_open(store, declared, &stage), STORAGE_OK);
            if (kind == 2)
                assert_int_equal(stage_compress(stage), STORAGE_OK);
            assert_int_equal(stage_write(stage, span_of(big, sizes[i])), STORAGE_OK);
            assert_int_equal(stage_finish(stage), STORAGE_OK);
            struct mutation m = {.kind = MUTATION_PUT_OBJECT, .bucket = bucket, .key = SPAN("key")};
            m.put.attributes = attributes_for(span_of(big, sizes[i]));
            m.put.stage = stage_of_bytes(span_of(big, sizes[i]));
            assert_int_equal(storage_commit(store, &m), STORAGE_OK);
            struct object_info info;
            assert_int_equal(storage_stage_reader(store, stage, &reader), STORAGE_OK);
            assert_int_equal(storage_object_open(store, bucket.id, SPAN("key"), newest_version,
                                 &test_arena, &info, &other),
                STORAGE_OK);
            assert_true(readers_equal(reader, other));
            assert_false(blob_is_same(reader, other));
            blob_close(other);
            blob_close(reader);
            stage_discard(stage);
        }
    }
}

/* ---- limits and figures ---- */

static void test_limits(void **state)
{
    (void)state;
    set_rule(bucket, (struct zone_rule){.max_bytes = 10, .max_objects = 3});
    put(bucket, SPAN("a"), SPAN("1234"));
    put(bucket, SPAN("b"), SPAN("1234"));
    struct mutation m = put_compared(bucket, SPAN("c"), SPAN("123"));
    assert_int_equal(m.err, STORAGE_QUOTA);
    assert_int_equal(m.zone_outcome.bytes, 8);
    assert_int_equal(m.zone_outcome.objects, 2);
    assert_int_equal(m.zone_outcome.max_bytes, 10);
    assert_int_equal(m.zone_outcome.max_objects, 3);
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("123456")), STORAGE_OK); /* in its place */
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("1234567")), STORAGE_QUOTA);
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("12")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("c"), SPAN("")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("d"), SPAN("")), STORAGE_QUOTA);
    /* Older versions count. */
    assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    delete_version(bucket, SPAN("c"), null_version);
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("1")), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("b"), SPAN("1")), STORAGE_QUOTA);
    check_zone(bucket, "zone", 3, 7);
    /* What is over a limit that was lowered may become less. */
    set_rule(bucket, (struct zone_rule){.max_bytes = 5});
    assert_int_equal(set_versioning(bucket, VERSIONING_SUSPENDED), STORAGE_OK);
    assert_int_equal(try_put(bucket, SPAN("a"), SPAN("12345")), STORAGE_QUOTA);
    assert_int_equal(try_put(bucket, SPAN("a"), SPAN("123")), STORAGE_OK);
    check_zone(bucket, "zone", 3, 6);
}

static void test_figures(void **state)
{
    (void)state;
    struct zone_rule rules[] = {{.name = SPAN("raw"), .prefix = SPAN("raw/")},
        {.name = SPAN("trusted"), .prefix = SPAN("trusted/")}};
    assert_int_equal(set_zones(bucket, rules, 2), STORAGE_OK);
    struct object_info info = put(bucket, SPAN("raw/a"), SPAN("12345"));
    put(bucket, SPAN("nowhere"), SPAN("1"));
    struct mutation copy = {
        .kind = MUTATION_COPY_OBJECT, .bucket = bucket, .key = SPAN("trusted/a")};
    copy.copy.from =
        (struct copy_from){.bucket_id = bucket.id, .key = SPAN("raw/a"), .version = info.version};
    copy.copy.attributes = info.attributes;
    copy.zone.promotes = true;
    assert_int_equal(storage_commit(store, &copy), STORAGE_OK);
    check_zone(bucket, "raw", 1, 5);
    check_zone(bucket, "trusted", 1, 5);
    struct zone_stats stats = stats_of(bucket, "trusted");
    assert_int_equal(stats.promotions, 1);
    assert_int_equal(stats.oldest_ms, copy.result.modified_ms);
    assert_int_equal(stats.newest_ms, copy.result.modified_ms);
    assert_false(stats.indexing);
    delete_version(bucket, SPAN("trusted/a"), newest_version);
    stats = stats_of(bucket, "trusted");
    assert_true(stats.objects == 0 && stats.oldest_ms == 0 && stats.promotions == 1);
    struct zone_stats none;
    assert_int_equal(storage_zone_stats(store, bucket.id, 12345, &none), STORAGE_NO_SUCH_ZONE);
}

/* ---- setting rules ---- */

static void test_rules_are_set_and_read(void **state)
{
    (void)state;
    struct span except[] = {SPAN("*/"), SPAN("_SUCCESS")};
    struct zone_rule rules[] = {
        {.name = SPAN("trusted"), .prefix = SPAN("trusted/"), .max_objects = 7},
        {.name = SPAN("raw"),
            .prefix = SPAN("raw/"),
            .write_once = true,
            .compress = true,
            .duplicates = DUPLICATES_REJECT,
            .min_bytes = 9,
            .retention_ms = DAY_MS,
            .max_bytes = 1000,
            .except = except,
            .except_count = 2},
    };
    struct bucket_info before = bucket_info_of(bucket);
    assert_int_equal(before.zones_generation, 0);
    assert_int_equal(zones_read(bucket).count, 0);
    assert_int_equal(set_zones(bucket, rules, 2), STORAGE_OK);
    struct bucket_info info = bucket_info_of(bucket);
    struct zone_set set = zones_read(bucket);
    assert_int_equal(set.generation, info.zones_generation);
    assert_true(info.generation > before.generation);
    assert_int_equal(set.count, 2);
    assert_true(span_eq(set.rules[0].name, SPAN("raw")) && set.rules[0].write_once &&
                set.rules[0].compress && set.rules[0].duplicates == DUPLICATES_REJECT);
    assert_true(set.rules[0].min_bytes == 9 && set.rules[0].retention_ms == DAY_MS &&
                set.rules[0].max_bytes == 1000 && set.rules[0].max_objects == 0);
    assert_true(
        set.rules[0].except_count == 2 && span_eq(set.rules[0].except[1], SPAN("_SUCCESS")));
    assert_true(span_eq(set.rules[1].prefix, SPAN("trusted/")) && set.rules[1].max_objects == 7);
    struct span text;
    uint64_t generation;
    assert_int_equal(
        storage_document_get(store, bucket.id, DOCUMENT_ZONES, &test_arena, &text, &generation),
        STORAGE_OK);
    assert_true(span_eq(text, SPAN("{}")));
    /* Ids stay with name and prefix. */
    rules[1].max_bytes = 2000;
    rules[0].prefix = SPAN("other/");
    assert_int_equal(set_zones(bucket, rules, 2), STORAGE_OK);
    struct zone_set changed = zones_read(bucket);
    assert_int_equal(changed.rules[1].id, set.rules[0].id);
    assert_int_not_equal(changed.rules[0].id, set.rules[1].id);
    assert_int_not_equal(changed.generation, set.generation);
    /* The document alone, of an expected generation. */
    struct mutation m = zones_of(bucket, NULL, 0);
    m.zones.keep_rules = true;
    m.zones.kind = DOCUMENT_TAGGING;
    m.zones.generation = info.generation;
    assert_int_equal(storage_commit(store, &m), STORAGE_CHANGED);
    m.zones.generation = bucket_info_of(bucket).generation;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_int_equal(zones_read(bucket).count, 2);
    /* None at all. */
    m = zones_of(bucket, NULL, 0);
    m.zones.text = SPAN_ABSENT;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    assert_int_equal(bucket_info_of(bucket).zones_generation, 0);
    assert_int_equal(zones_read(bucket).count, 0);
    assert_int_equal(
        storage_document_get(store, bucket.id, DOCUMENT_ZONES, &test_arena, &text, &generation),
        STORAGE_NO_SUCH_DOCUMENT);
    rules[0].name = rules[1].name;
    assert_int_equal(set_zones(bucket, rules, 2), STORAGE_INVALID);
    m = zones_of(bucket, rules, 1);
    m.zones.kind = DOCUMENT_POLICY;
    assert_int_equal(storage_commit(store, &m), STORAGE_INVALID);
    m = zones_of((struct bucket_ref){bucket.id + 1, bucket.name}, rules, 1);
    assert_int_equal(storage_commit(store, &m), STORAGE_NO_SUCH_BUCKET);
}

static void test_buckets_come_and_go_with_zones(void **state)
{
    (void)state;
    struct zone_rule rule = {
        .name = SPAN("raw"), .write_once = true, .duplicates = DUPLICATES_FLAG};
    struct bucket_document document = {DOCUMENT_TAGGING, SPAN("<tags/>")};
    struct mutation m = {.kind = MUTATION_CREATE_BUCKET, .bucket.name = SPAN("tagged")};
    m.create_bucket.documents = &document;
    m.create_bucket.document_count = 1;
    m.create_bucket.rules = &rule;
    m.create_bucket.rule_count = 1;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    struct bucket_ref tagged = {m.bucket_info.id, SPAN("tagged")};
    assert_int_not_equal(m.bucket_info.zones_generation, 0);
    put(tagged, SPAN("a"), SPAN("x"));
    assert_int_equal(try_put(tagged, SPAN("a"), SPAN("y")), STORAGE_OBJECT_EXISTS);
    delete_version(tagged, SPAN("a"), newest_version);
    struct mutation drop = {.kind = MUTATION_DELETE_BUCKET, .bucket = tagged};
    assert_int_equal(storage_commit(store, &drop), STORAGE_OK);
    scan_all();
    struct index_txn *txn;
    assert_int_equal(index_read_begin(store->index, &txn), STORAGE_OK);
    assert_int_equal(index_tally(txn, TABLE_ZONES).count, 0);
    assert_int_equal(index_tally(txn, TABLE_CONTENT).count, 0);
    assert_int_equal(index_tally(txn, TABLE_FREED).count, 0);
    index_read_end(txn);
}

/* In one batch each change sees those before it: rules that were just set, and contents. */
static void test_rules_within_a_batch(void **state)
{
    (void)state;
    struct zone_rule rule = {.name = SPAN("z"), .write_once = true};
    struct mutation m[] = {
        put_of(bucket, SPAN("a"), SPAN("1")),
        zones_of(bucket, &rule, 1),
        put_of(bucket, SPAN("a"), SPAN("2")),
        put_of(bucket, SPAN("b"), SPAN("1")),
        put_of(bucket, SPAN("b"), SPAN("2")),
        zones_of(bucket, NULL, 0),
        put_of(bucket, SPAN("b"), SPAN("2")),
        zones_of(bucket, &rule, 1),
        put_of(bucket, SPAN("c"), SPAN("22")),
    };
    static const enum storage_err wanted[] = {STORAGE_OK, STORAGE_OK, STORAGE_OBJECT_EXISTS,
        STORAGE_OK, STORAGE_OBJECT_EXISTS, STORAGE_OK, STORAGE_OK, STORAGE_OK, STORAGE_OK};
    storage_commit_all(store, m, ARRAY_LEN(m));
    for (size_t i = 0; i < ARRAY_LEN(m); i++)
        assert_int_equal(m[i].err, wanted[i]);
    scan_all();
    check_zone(bucket, "z", 3, 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_write_once),
        TEST(test_the_same_bytes_with_another_etag),
        TEST(test_preconditions_come_before_write_once),
        TEST(test_retention),
        TEST(test_what_retention_lets_go),
        TEST(test_an_older_null_version_is_retained),
        TEST(test_retention_cannot_be_lowered_unseen),
        TEST(test_duplicates_flagged),
        TEST(test_duplicates_linked),
        TEST(test_duplicates_rejected),
        TEST(test_what_only_looks_the_same),
        TEST(test_what_makes_and_ends_a_duplicate),
        TEST(test_duplicates_of_uploads),
        TEST(test_readers_of_uploads),
        TEST(test_readers_of_stages),
        TEST(test_limits),
        TEST(test_figures),
        TEST(test_rules_are_set_and_read),
        TEST(test_buckets_come_and_go_with_zones),
        TEST(test_rules_within_a_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
