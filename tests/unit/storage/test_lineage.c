/* What was made from what: recorded in the commit, kept as long as either end is. */
#include "gc_support.h"
#include "storage/storage_lineage.h"

static struct bucket_ref lake;

static int setup(void **state)
{
    if (store_setup(state) != 0)
        return -1;
    lake = make_bucket("lake");
    return 0;
}

static int teardown_closed(void **state)
{
    if (store)
        store_close();
    return store_teardown(state);
}

static struct lineage_source source_of(struct span key)
{
    struct object_info info;
    assert_int_equal(get(lake, key, newest_version, &info), STORAGE_OK);
    return (struct lineage_source){
        .kind = LINEAGE_DECLARED,
        .end = {.bucket_id = lake.id,
            .bucket = lake.name,
            .key = key,
            .version = info.version,
            .etag = info.attributes.etag,
            .zone = SPAN("raw")},
    };
}

static struct version put_from(struct span key, const struct lineage_source *sources, size_t count)
{
    struct mutation m = put_of(lake, key, body(3000, key.len));
    m.lineage.sources = sources;
    m.lineage.count = count;
    m.lineage.who = SPAN("arn:aws:iam::000000000001:root");
    m.lineage.zone = SPAN("trusted");
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    return m.result.version;
}

static struct lineage_page edges(struct span key, bool derived)
{
    struct lineage_page page;
    struct lineage_query query = {
        .bucket_id = lake.id, .key = key, .derived = derived, .max = 1000};
    assert_int_equal(storage_lineage(store, &query, &test_arena, &page), STORAGE_OK);
    return page;
}

static void check_edge(struct span key, bool derived, const char *other, bool gone)
{
    struct lineage_page page = edges(key, derived);
    assert_int_equal(page.count, 1);
    assert_true(span_eq(page.items[0].end.key, span_str(other)));
    assert_int_equal(page.items[0].gone, gone);
}

static void both_ends_tell_of_each_other(void **state)
{
    (void)state;
    put(lake, SPAN("a"), body(1000, 1));
    put(lake, SPAN("bb"), body(2000, 2));
    struct lineage_source sources[] = {source_of(SPAN("a")), source_of(SPAN("bb"))};
    struct version made = put_from(SPAN("made"), sources, 2);
    struct lineage_page page = edges(SPAN("made"), false);
    assert_int_equal(page.count, 2);
    assert_false(page.truncated);
    for (size_t i = 0; i < 2; i++) {
        const struct lineage_edge *edge = &page.items[i];
        const struct lineage_end *end = &sources[span_eq(edge->end.key, SPAN("a")) ? 0 : 1].end;
        assert_int_equal(edge->kind, LINEAGE_DECLARED);
        assert_false(edge->gone);
        assert_true(edge->at_ms > 0);
        assert_true(span_eq(edge->who, SPAN("arn:aws:iam::000000000001:root")));
        assert_true(span_eq(edge->end.bucket, lake.name));
        assert_true(span_eq(edge->end.key, end->key));
        assert_true(span_eq(edge->end.zone, SPAN("raw")));
        assert_int_equal(edge->end.version.sequence, end->version.sequence);
        assert_memory_equal(edge->end.etag.md5, end->etag.md5, MD5_BYTES);
    }
    page = edges(SPAN("a"), true);
    assert_int_equal(page.count, 1);
    assert_true(span_eq(page.items[0].end.key, SPAN("made")));
    assert_true(span_eq(page.items[0].end.zone, SPAN("trusted")));
    assert_int_equal(page.items[0].end.version.sequence, made.sequence);
    assert_int_equal(edges(SPAN("a"), false).count, 0);
    assert_int_equal(edges(SPAN("made"), true).count, 0);
    verify_clean();
}

static void a_page_goes_on_where_the_last_ended(void **state)
{
    (void)state;
    struct lineage_source sources[25];
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        struct span key = arena_copy(&test_arena, key_number(i));
        put(lake, key, body(100, i));
        sources[i] = source_of(key);
    }
    put_from(SPAN("made"), sources, ARRAY_LEN(sources));
    struct lineage_query query = {.bucket_id = lake.id, .key = SPAN("made"), .max = 10};
    size_t seen = 0;
    for (int pages = 1;; pages++) {
        struct lineage_page page;
        assert_int_equal(storage_lineage(store, &query, &test_arena, &page), STORAGE_OK);
        seen += page.count;
        if (!page.truncated) {
            assert_int_equal(pages, 3);
            break;
        }
        query.after = page.next;
    }
    assert_int_equal(seen, ARRAY_LEN(sources));
    struct lineage_page page;
    query.after = SPAN("not a place");
    assert_int_equal(storage_lineage(store, &query, &test_arena, &page), STORAGE_INVALID);
    query.key = SPAN("nothing");
    query.after = SPAN_ABSENT;
    assert_int_equal(storage_lineage(store, &query, &test_arena, &page), STORAGE_NO_SUCH_KEY);
}

static void copies_and_parts_are_recorded(void **state)
{
    (void)state;
    put(lake, SPAN("a"), body(5000, 1));
    put(lake, SPAN("b"), body(6000, 2));
    struct lineage_source from_a = source_of(SPAN("a")), from_b = source_of(SPAN("b"));
    struct mutation m = {.kind = MUTATION_COPY_OBJECT, .bucket = lake, .key = SPAN("copy")};
    m.copy.from =
        (struct copy_from){.bucket_id = lake.id, .key = SPAN("a"), .version = from_a.end.version};
    m.copy.attributes = attributes_for(body(5000, 1));
    m.lineage.sources = &from_a;
    m.lineage.count = 1;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    check_edge(SPAN("copy"), false, "a", false);

    struct upload_id upload = begin_upload(lake, SPAN("big"));
    for (uint32_t number = 1; number <= 3; number++) {
        const struct lineage_source *from = number == 3 ? &from_b : &from_a;
        struct mutation part = {.kind = MUTATION_COPY_PART, .bucket = lake, .key = SPAN("big")};
        part.part.upload = upload;
        part.part.number = number;
        part.part.from =
            (struct copy_from){lake.id, from->end.key, from->end.version, 100 * number, 2000};
        part.part.attributes = attributes_for(body(2000, number));
        part.lineage.sources = from;
        part.lineage.count = 1;
        assert_int_equal(storage_commit(store, &part), STORAGE_OK);
    }
    verify_clean();
    assert_int_equal(edges(SPAN("b"), true).count, 0); /* nothing was made yet */
    complete_upload(lake, SPAN("big"), upload, 3);
    assert_int_equal(edges(SPAN("big"), false).count, 2);
    check_edge(SPAN("b"), true, "big", false);
    assert_int_equal(edges(SPAN("a"), true).count, 2);
    verify_clean();
}

static void an_upload_that_is_aborted_leaves_nothing(void **state)
{
    (void)state;
    put(lake, SPAN("a"), body(5000, 1));
    struct lineage_source from_a = source_of(SPAN("a"));
    struct upload_id upload = begin_upload(lake, SPAN("big"));
    struct mutation part = {.kind = MUTATION_COPY_PART, .bucket = lake, .key = SPAN("big")};
    part.part.upload = upload;
    part.part.number = 1;
    part.part.from = (struct copy_from){lake.id, SPAN("a"), from_a.end.version, 0, 2000};
    part.part.attributes = attributes_for(body(2000, 1));
    part.lineage.sources = &from_a;
    part.lineage.count = 1;
    assert_int_equal(storage_commit(store, &part), STORAGE_OK);
    assert_int_equal(rows_of(TABLE_LINEAGE), 1);
    struct mutation m = {.kind = MUTATION_ABORT_UPLOAD, .bucket = lake, .key = SPAN("big")};
    m.abort.upload = upload;
    assert_int_equal(storage_commit(store, &m), STORAGE_OK);
    gc_all();
    assert_int_equal(rows_of(TABLE_LINEAGE), 0);
    assert_int_equal(rows_of(TABLE_FREED), 0);
}

/* A source that goes stays as a tombstone for its time, and then is forgotten. */
static void a_tombstone_stays_until_it_is_due(void **state)
{
    (void)state;
    put(lake, SPAN("a"), body(1000, 1));
    struct lineage_source from_a = source_of(SPAN("a"));
    put_from(SPAN("made"), &from_a, 1);
    put(lake, SPAN("a"), body(1000, 2)); /* overwrites */
    gc_all();
    check_edge(SPAN("made"), false, "a", true);
    assert_int_equal(edges(SPAN("a"), true).count, 0); /* another version */
    store->options.lineage_ms = -1;
    struct lineage_source from_new = source_of(SPAN("a"));
    put_from(SPAN("other"), &from_new, 1);
    remove_key(lake, SPAN("a"));
    gc_all();
    assert_int_equal(edges(SPAN("other"), false).count, 1); /* behind the one that is not due */
    verify_clean();
}

static void a_due_tombstone_goes(void **state)
{
    (void)state;
    store->options.lineage_ms = -1;
    put(lake, SPAN("a"), body(1000, 1));
    struct lineage_source from_a = source_of(SPAN("a"));
    put_from(SPAN("made"), &from_a, 1);
    remove_key(lake, SPAN("a"));
    gc_all();
    assert_int_equal(edges(SPAN("made"), false).count, 0);
    assert_int_equal(rows_of(TABLE_LINEAGE), 0);
    assert_int_equal(rows_of(TABLE_FREED), 0);
}

static void what_was_made_may_go_first(void **state)
{
    (void)state;
    put(lake, SPAN("a"), body(1000, 1));
    struct lineage_source from_a = source_of(SPAN("a"));
    put_from(SPAN("made"), &from_a, 1);
    remove_key(lake, SPAN("made"));
    verify_clean(); /* before GC came by */
    gc_all();
    check_edge(SPAN("a"), true, "made", true);
    remove_key(lake, SPAN("a"));
    gc_all();
    assert_int_equal(rows_of(TABLE_LINEAGE), 0);
    verify_clean();
}

static void many_edges_end_in_steps(void **state)
{
    (void)state;
    put(lake, SPAN("a"), body(1000, 1));
    struct lineage_source from_a = source_of(SPAN("a"));
    for (size_t i = 0; i < 500; i++)
        put_from(arena_copy(&test_arena, key_number(i)), &from_a, 1);
    assert_int_equal(edges(SPAN("a"), true).count, 500);
    remove_key(lake, SPAN("a"));
    store_reopen();
    gc_all();
    check_edge(key_number(77), false, "a", true);
    assert_int_equal(rows_of(TABLE_LINEAGE), 500);
    verify_clean();
}

static void a_version_is_no_source_of_itself(void **state)
{
    (void)state;
    assert_int_equal(set_versioning(lake, VERSIONING_ON), STORAGE_OK);
    put(lake, SPAN("a"), body(1000, 1));
    struct lineage_source from_a = source_of(SPAN("a"));
    put_from(SPAN("a"), &from_a, 1); /* the next version, made from the last */
    check_edge(SPAN("a"), false, "a", false);
    verify_clean();
}

/* What was fetched from elsewhere has no other end here: nothing to be missed by verify, or left by GC. */
static void a_source_elsewhere_goes_with_its_version(void **state)
{
    (void)state;
    struct lineage_source sources[] = {{LINEAGE_COPIED, {.key = SPAN("https://there/bucket/a"),
                                                            .version = {.sequence = 7, .random = 1},
                                                            .etag = {.part_count = 3}}},
        {LINEAGE_COPIED, {.key = SPAN("https://there/bucket/b"), .version = {.sequence = 8}}}};
    put_from(SPAN("made"), sources, 2);
    verify_clean();
    store_reopen();
    struct lineage_page page = edges(SPAN("made"), false);
    assert_int_equal(page.count, 2);
    assert_int_equal(page.items[0].kind, LINEAGE_COPIED);
    assert_true(span_eq(page.items[0].end.key, SPAN("https://there/bucket/a")));
    assert_int_equal(page.items[0].end.version.sequence, 7);
    assert_int_equal(page.items[0].end.etag.part_count, 3);
    assert_int_equal(page.items[0].end.bucket_id, 0);
    put_from(SPAN("made"), sources, 1); /* over it */
    gc_all();
    assert_int_equal(edges(SPAN("made"), false).count, 1);
    remove_key(lake, SPAN("made"));
    gc_all();
    assert_int_equal(rows_of(TABLE_LINEAGE), 0);
    verify_clean();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown_closed)
    const struct CMUnitTest tests[] = {
        TEST(both_ends_tell_of_each_other),
        TEST(a_page_goes_on_where_the_last_ended),
        TEST(copies_and_parts_are_recorded),
        TEST(an_upload_that_is_aborted_leaves_nothing),
        TEST(a_tombstone_stays_until_it_is_due),
        TEST(a_due_tombstone_goes),
        TEST(what_was_made_may_go_first),
        TEST(many_edges_end_in_steps),
        TEST(a_version_is_no_source_of_itself),
        TEST(a_source_elsewhere_goes_with_its_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
