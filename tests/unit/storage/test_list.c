/* Listings over long keys, against a flat sorted array of the same keys. */
#include "engine_support.h"

enum { KEYS_MAX = 400, ROUNDS = 6, QUERIES = 400, VERSIONS_MAX = 3 };

struct expected {
    struct span key;
    size_t versions; /* oldest first */
    struct version version[VERSIONS_MAX];
    bool is_marker[VERSIONS_MAX];
};

static struct expected model[KEYS_MAX];
static size_t model_count;
static char key_bytes[KEYS_MAX][STORAGE_KEY_MAX_BYTES];

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static size_t below(size_t bound)
{
    return (size_t)(next_random() % bound);
}

/* Keys that share long beginnings and end near the bounds of nodes, of few letters, so that
 * delimiters and prefixes hit. The same index gives the same base. */
static size_t random_key(char *to)
{
    static const size_t lengths[] = {1, 2, 3, 7, 20, 478, 479, 480, 481, 482, 490, 958, 959, 960,
        961, 962, 970, 1022, 1023, 1024};
    size_t len = lengths[below(ARRAY_LEN(lengths))];
    size_t shared = below(4) * 480 + below(5);
    for (size_t i = 0; i < len; i++) {
        to[i] = 'a';
        if (i % 97 == 13)
            to[i] = '/';
        if (i + 3 >= len || (i >= shared && below(8) == 0))
            to[i] = "ab/\xc3\x01"[below(5)];
    }
    return len;
}

static int by_key(const void *a, const void *b)
{
    return span_cmp(((const struct expected *)a)->key, ((const struct expected *)b)->key);
}

static struct expected *find(struct span key)
{
    for (size_t i = 0; i < model_count; i++)
        if (span_eq(model[i].key, key))
            return &model[i];
    return NULL;
}

static bool is_shown(const struct expected *e, bool versions)
{
    return versions || !e->is_marker[e->versions - 1];
}

/* ---- the model's own listing ---- */

struct model_item {
    struct span key;
    bool is_prefix, is_newest;
    struct version version;
};
static struct model_item items[KEYS_MAX * VERSIONS_MAX];
static size_t item_count;

static size_t group_len(const struct list_query *query, struct span key)
{
    if (query->delimiter.len == 0 || !span_starts(key, query->prefix))
        return 0;
    size_t at = span_find(key, query->delimiter, query->prefix.len);
    return at == SIZE_MAX ? 0 : at + query->delimiter.len;
}

static void add_item(struct model_item item)
{
    items[item_count++] = item;
}

static void model_key(const struct list_query *query, const struct expected *e, bool resumed)
{
    for (size_t v = e->versions; v-- > 0;) {
        if (resumed && e->version[v].sequence >= query->after_sequence)
            continue;
        add_item((struct model_item){
            .key = e->key, .version = e->version[v], .is_newest = v + 1 == e->versions});
        if (!query->versions)
            break;
    }
}

static void model_list(const struct list_query *query)
{
    item_count = 0;
    struct span after_group = span_first(query->after, group_len(query, query->after));
    for (size_t i = 0; i < model_count; i++) {
        const struct expected *e = &model[i];
        int order = span_cmp(e->key, query->after);
        size_t group = group_len(query, e->key);
        struct span prefix = span_first(e->key, group);
        bool resumed = query->versions && query->after_sequence && order == 0 && group == 0;
        if (!span_starts(e->key, query->prefix) || !is_shown(e, query->versions))
            continue;
        if (query->after.len > 0 && order <= 0 && !resumed)
            continue;
        bool skips_group = !query->after_is_key || after_group.len == query->after.len;
        if (group > 0 && skips_group && after_group.len > 0 && span_starts(e->key, after_group))
            continue;
        if (group == 0)
            model_key(query, e, resumed);
        else if (item_count == 0 || !items[item_count - 1].is_prefix ||
                 !span_eq(items[item_count - 1].key, prefix))
            add_item((struct model_item){.key = prefix, .is_prefix = true});
    }
}

static void check_page(const struct list_query *query, const struct list_page *page)
{
    size_t wanted = item_count < query->max ? item_count : query->max;
    assert_int_equal(page->count, wanted);
    assert_int_equal(page->truncated, item_count > query->max);
    for (size_t i = 0; i < wanted; i++) {
        const struct list_entry *entry = &page->items[i];
        assert_true(span_eq(entry->key, items[i].key));
        assert_int_equal(entry->is_prefix, items[i].is_prefix);
        if (entry->is_prefix)
            continue;
        assert_int_equal(entry->info.version.sequence, items[i].version.sequence);
        assert_int_equal(entry->info.is_newest, items[i].is_newest);
    }
}

/* ---- random contents ---- */

static void remember(struct span key, struct version version, bool is_marker)
{
    struct expected *e = find(key);
    if (!e) {
        assert_true(model_count < KEYS_MAX);
        e = &model[model_count];
        memcpy(key_bytes[model_count], key.ptr, key.len);
        *e = (struct expected){.key = span_of(key_bytes[model_count], key.len)};
        model_count++;
    }
    e->version[e->versions] = version;
    e->is_marker[e->versions++] = is_marker;
}

static void fill(struct bucket_ref bucket, size_t count, bool versions)
{
    char key[STORAGE_KEY_MAX_BYTES];
    model_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct span name = span_of(key, random_key(key));
        const struct expected *e = find(name);
        if (e && (!versions || e->versions == VERSIONS_MAX))
            continue;
        bool marker = versions && below(4) == 0;
        struct object_info info =
            marker ? delete_version(bucket, name, newest_version) : put(bucket, name, SPAN("x"));
        remember(name, info.version, marker);
    }
    qsort(model, model_count, sizeof(model[0]), by_key);
}

static struct span random_piece(void)
{
    struct span key = model[below(model_count)].key;
    return span_first(key, below(key.len + 1));
}

static struct list_query random_query(struct bucket_ref bucket, bool versions)
{
    static const struct span delimiters[] = {
        {"", 0}, {"/", 1}, {"a/", 2}, {"aaa", 3}, {"b", 1}, {"\xc3", 1}, {"zz", 2}};
    struct list_query query = {.bucket_id = bucket.id, .versions = versions, .max = 1 + below(50)};
    query.delimiter = delimiters[below(ARRAY_LEN(delimiters))];
    query.after_is_key = below(2) == 0;
    if (below(2) == 0)
        query.prefix = random_piece();
    if (below(2) == 0)
        query.after = random_piece();
    if (versions && below(2) == 0) {
        const struct expected *e = &model[below(model_count)];
        query.after = e->key;
        query.after_sequence = e->version[below(e->versions)].sequence;
    }
    return query;
}

/* Page by page, as a client goes: nothing is lost, nothing comes twice. */
static void check_pages(struct list_query query)
{
    query.after = SPAN_ABSENT;
    query.after_sequence = 0;
    query.after_is_key = false;
    query.max = SIZE_MAX;
    model_list(&query);
    size_t seen = 0;
    query.max = 1 + below(20);
    for (bool more = true; more;) {
        struct list_page page = list(query);
        for (size_t i = 0; i < page.count; i++, seen++) {
            assert_true(seen < item_count);
            assert_true(span_eq(page.items[i].key, items[seen].key));
        }
        more = page.truncated;
        if (!more)
            break;
        const struct list_entry *last = &page.items[page.count - 1];
        query.after = last->key;
        query.after_sequence = query.versions && !last->is_prefix ? last->info.version.sequence : 0;
    }
    assert_int_equal(seen, item_count);
}

static void delete_everything(struct bucket_ref bucket)
{
    for (size_t i = 0; i < model_count; i++)
        for (size_t v = model[i].versions; v-- > 0;)
            delete_version(bucket, model[i].key, exactly(model[i].version[v]));
    assert_int_equal(list((struct list_query){.bucket_id = bucket.id, .versions = true}).count, 0);
    struct index_txn *txn;
    assert_int_equal(index_read_begin(store->index, &txn), STORAGE_OK);
    assert_int_equal(index_tally(txn, TABLE_OBJECTS).count, 0); /* no node is left either */
    assert_int_equal(index_tally(txn, TABLE_ROWS).count, 0);
    assert_int_equal(index_tally(txn, TABLE_VERSIONS).count, 0);
    index_read_end(txn);
    check_counters(bucket, 0, 0, 0);
}

static void compare_rounds(bool versions)
{
    struct bucket_ref bucket = make_bucket("lists");
    if (versions)
        assert_int_equal(set_versioning(bucket, VERSIONING_ON), STORAGE_OK);
    for (size_t round = 0; round < ROUNDS; round++) {
        random_state = 0x9e3779b97f4a7c15 * (round + 1 + (versions ? 100 : 0));
        fill(bucket, 60 + 60 * round, versions);
        for (size_t i = 0; i < QUERIES; i++) {
            struct list_query query = random_query(bucket, versions);
            model_list(&query);
            struct list_page page = list(query);
            check_page(&query, &page);
            if (i % 20 == 0)
                check_pages(query);
            if (i % 50 == 0)
                arena_free(&test_arena);
        }
        if (versions) {
            struct list_query current = random_query(bucket, false);
            model_list(&current);
            struct list_page page = list(current);
            check_page(&current, &page);
        }
        delete_everything(bucket);
    }
}

static void test_listings_agree_with_a_sorted_array(void **state)
{
    (void)state;
    compare_rounds(false);
}

static void test_version_listings_agree_with_a_sorted_array(void **state)
{
    (void)state;
    compare_rounds(true);
}

static void test_markers(void **state)
{
    (void)state;
    struct bucket_ref bucket = make_bucket("markers");
    static const char *const keys[] = {"a", "a/", "a/b", "a/c", "a0", "b"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        put(bucket, span_str(keys[i]), SPAN("x"));
    struct list_query query = {
        .bucket_id = bucket.id, .delimiter = SPAN("/"), .after = SPAN("a/b"), .max = 10};
    struct list_page page = list(query); /* a marker in a group: behind the group */
    assert_int_equal(page.count, 2);
    assert_true(span_eq(page.items[0].key, SPAN("a0")));
    query.after_is_key = true; /* start-after: the group has a/c */
    page = list(query);
    assert_int_equal(page.count, 3);
    assert_true(page.items[0].is_prefix);
    assert_true(span_eq(page.items[0].key, SPAN("a/")));
    query.after = SPAN("a/c");
    assert_int_equal(list(query).count, 2);
    query.after = SPAN("a/"); /* the group itself: clients page on from the last one they saw */
    assert_int_equal(list(query).count, 2);
    query.after = SPAN("a\0z"); /* no key has a NUL: behind "a" */
    assert_int_equal(list(query).count, 3);
    query = (struct list_query){.bucket_id = bucket.id, .prefix = SPAN("a\0"), .max = 10};
    assert_int_equal(list(query).count, 0);
    query = (struct list_query){.bucket_id = bucket.id + 1, .max = 10};
    assert_int_equal(storage_list(store, &query, &test_arena, &page), STORAGE_NO_SUCH_BUCKET);
    query = (struct list_query){.bucket_id = bucket.id, .max = 0};
    assert_int_equal(storage_list(store, &query, &test_arena, &page), STORAGE_OK);
    assert_int_equal(page.count, 0);
    assert_false(page.truncated);
    char longer[3000];
    memset(longer, 'a', sizeof(longer));
    query = (struct list_query){
        .bucket_id = bucket.id, .prefix = span_of(longer, sizeof(longer)), .max = 10};
    assert_int_equal(list(query).count, 0);
    query = (struct list_query){
        .bucket_id = bucket.id, .after = span_of(longer, sizeof(longer)), .max = 10};
    assert_int_equal(list(query).count, 1); /* b */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_markers, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_listings_agree_with_a_sorted_array, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(
            test_version_listings_agree_with_a_sorted_array, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
