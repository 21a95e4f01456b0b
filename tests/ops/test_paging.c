/* Walks listings page by page, with every page size, prefix and delimiter, and compares what came
 * with a flat model: nothing twice, nothing missed, groups once, in order. */
#include "tests/ops/support.h"

enum { KEYS_MAX = 400, SEEN_MAX = 2048 };

struct model {
    struct arena arena;
    struct span keys[KEYS_MAX]; /* sorted, no two equal */
    size_t count;
    uint64_t random;
};

struct walk {
    struct arena arena;         /* of one walk */
    struct span seen[SEEN_MAX]; /* keys and groups in order */
    bool is_group[SEEN_MAX];
    size_t count;
};

static uint64_t next_random(struct model *model)
{
    model->random = model->random * 6364136223846793005u + 1442695040888963407u;
    return model->random >> 33;
}

static int compare_spans(const void *a, const void *b)
{
    return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

/* A key of few letters, so that prefixes, groups and neighbours are many; some are long enough to
 * be split in the index, with delimiters around the places where they are. */
static struct span random_key(struct model *model)
{
    static const char letters[] = {'a', 'b', '/', '-', ' ', '~'};
    static const size_t stems[] = {0, 0, 0, 0, 0, 476, 479, 480, 958};
    char key[1024];
    size_t len = stems[next_random(model) % ARRAY_LEN(stems)];
    memset(key, 'b', len);
    if (len > 0 && next_random(model) % 2)
        key[len / 2] = '/';
    size_t more = 1 + next_random(model) % 8;
    for (size_t i = 0; i < more; i++)
        key[len++] = letters[next_random(model) % ARRAY_LEN(letters)];
    if (next_random(model) % 16 == 0) { /* two-byte letters */
        memcpy(key + len, "\xc3\xa9\xd0\xb6", 4);
        len += 4;
    }
    return arena_copy(&model->arena, span_of(key, len));
}

static void fill_model(struct model *model, size_t count, uint64_t seed)
{
    *model = (struct model){.random = seed};
    arena_init(&model->arena, 8 * 1024 * 1024);
    struct span keys[KEYS_MAX];
    for (size_t i = 0; i < count; i++)
        keys[i] = random_key(model);
    qsort(keys, count, sizeof(keys[0]), compare_spans);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !span_eq(keys[i], keys[i - 1]))
            model->keys[model->count++] = keys[i];
}

/* What a listing must show, from the flat array alone. */
static void expect(
    const struct model *model, struct span prefix, struct span delimiter, struct walk *ret_walk)
{
    ret_walk->count = 0;
    for (size_t i = 0; i < model->count; i++) {
        struct span key = model->keys[i];
        if (!span_starts(key, prefix))
            continue;
        size_t at = delimiter.len ? span_find(key, delimiter, prefix.len) : SIZE_MAX;
        struct span entry = at == SIZE_MAX ? key : span_first(key, at + delimiter.len);
        size_t n = ret_walk->count;
        if (at != SIZE_MAX && n > 0 && ret_walk->is_group[n - 1] &&
            span_eq(ret_walk->seen[n - 1], entry))
            continue;
        ret_walk->seen[n] = entry;
        ret_walk->is_group[n] = at != SIZE_MAX;
        ret_walk->count++;
    }
}

/* Adds a page's entries, merged by name: the answer has the keys first and then the groups. */
static void take_page(struct walk *walk, const struct reply *reply, const char *element)
{
    size_t keys = reply_count(reply, element), groups = reply_count(reply, "CommonPrefixes");
    size_t k = 0, g = 0, first_prefix = reply_count(reply, "Prefix") - groups;
    while (k < keys || g < groups) {
        struct span key = reply_element(reply, "Key", k);
        struct span group = reply_element(reply, "Prefix", first_prefix + g);
        bool take_key = k < keys && (g == groups || span_cmp(key, group) < 0);
        struct span taken = arena_copy(&walk->arena, take_key ? key : group);
        assert_true(walk->count < SEEN_MAX && span_present(taken));
        walk->seen[walk->count] = taken;
        walk->is_group[walk->count++] = !take_key;
        k += take_key;
        g += !take_key;
    }
}

enum form { FORM_V1, FORM_V2, FORM_VERSIONS, FORM_UPLOADS, FORMS };

static const struct {
    const char *query, *max, *entry;
} forms[FORMS] = {
    [FORM_V1] = {"", "max-keys", "Contents"},
    [FORM_V2] = {"list-type=2&", "max-keys", "Contents"},
    [FORM_VERSIONS] = {"versions&", "max-keys", "Version"},
    [FORM_UPLOADS] = {"uploads&", "max-uploads", "Upload"},
};

/* The parameters that ask for the next page, made of this one; absent at the end. Clients without
 * NextMarker take the last key, so V1 does here too. */
static struct span next_page(struct arena *arena, const struct reply *reply, enum form form)
{
    if (span_eq(reply_element(reply, "IsTruncated", 0), SPAN("false")))
        return SPAN_ABSENT;
    struct span marker, second;
    switch (form) {
    case FORM_V1:
        marker = reply_element(reply, "NextMarker", 0);
        if (!span_present(marker))
            marker = reply_element(reply, "Key", reply_count(reply, "Contents") - 1);
        return arena_format(arena, "&marker=%s", encoded(arena, marker));
    case FORM_V2:
        marker = reply_element(reply, "NextContinuationToken", 0);
        assert_true(marker.len > 0);
        return arena_format(arena, "&continuation-token=%s", encoded(arena, marker));
    case FORM_VERSIONS:
        marker = reply_element(reply, "NextKeyMarker", 0);
        second = reply_element(reply, "NextVersionIdMarker", 0);
        assert_true(marker.len > 0);
        if (!span_present(second))
            return arena_format(arena, "&key-marker=%s", encoded(arena, marker));
        return arena_format(arena, "&key-marker=%s&version-id-marker=%.*s", encoded(arena, marker),
            SPAN_ARG(second));
    default:
        marker = reply_element(reply, "NextKeyMarker", 0);
        second = reply_element(reply, "NextUploadIdMarker", 0);
        assert_true(marker.len > 0);
        return arena_format(arena, "&key-marker=%s&upload-id-marker=%.*s", encoded(arena, marker),
            SPAN_ARG(second));
    }
}

static void walk_all(struct world *world, struct walk *walk, enum form form, struct span prefix,
    struct span delimiter, size_t max)
{
    struct arena *arena = &walk->arena;
    struct span more = SPAN("");
    arena_free(arena);
    walk->count = 0;
    while (span_present(more)) {
        struct span line =
            arena_format(arena, "GET /lake?%sprefix=%s&delimiter=%s&%s=%zu%s", forms[form].query,
                encoded(arena, prefix), encoded(arena, delimiter), forms[form].max, max, more.ptr);
        REPLY reply = world_send(world, line.ptr, NULL, SPAN(""));
        assert_status(reply, 200);
        size_t before = walk->count;
        take_page(walk, &reply, forms[form].entry);
        assert_true(walk->count - before <= max);
        more = next_page(arena, &reply, form);
        if (span_present(more))
            assert_int_equal(walk->count - before, max); /* a page cut short is full */
    }
}

static void compare(const struct walk *expected, const struct walk *walk, struct span line)
{
    for (size_t i = 0; i < expected->count && i < walk->count; i++)
        if (!span_eq(expected->seen[i], walk->seen[i]) ||
            expected->is_group[i] != walk->is_group[i])
            fail_msg("%.*s: entry %zu is \"%.*s\", not \"%.*s\"", SPAN_ARG(line), i,
                SPAN_ARG(walk->seen[i]), SPAN_ARG(expected->seen[i]));
    if (expected->count != walk->count)
        fail_msg("%.*s: %zu entries, not %zu", SPAN_ARG(line), walk->count, expected->count);
}

static struct span random_prefix(struct model *model)
{
    struct span key = model->keys[next_random(model) % model->count];
    return span_first(key, next_random(model) % 4 ? next_random(model) % 4 : key.len - 1);
}

static void check_walks(struct world *world, struct model *model, enum form form, int rounds)
{
    static const struct span delimiters[] = {
        SPAN(""), SPAN("/"), SPAN("a"), SPAN("//"), SPAN("b/"), SPAN("~"), SPAN("\xc3\xa9")};
    static const size_t sizes[] = {1, 2, 3, 7, 50, 1000};
    struct walk *expected = calloc(1, sizeof(*expected)), *walk = calloc(1, sizeof(*walk));
    assert_non_null(expected);
    assert_non_null(walk);
    arena_init(&walk->arena, 64 * 1024 * 1024);
    for (int round = 0; round < rounds; round++) {
        struct span prefix = round % 3 ? random_prefix(model) : SPAN("");
        while (!span_is_utf8(prefix)) /* a query is text: no half letters */
            prefix = span_first(prefix, prefix.len - 1);
        struct span delimiter = delimiters[(size_t)round % ARRAY_LEN(delimiters)];
        size_t max = sizes[(size_t)round % ARRAY_LEN(sizes)];
        expect(model, prefix, delimiter, expected);
        walk_all(world, walk, form, prefix, delimiter, max);
        struct span line =
            arena_format(&model->arena, "%s prefix \"%.*s\" delimiter \"%.*s\" max %zu",
                forms[form].query, SPAN_ARG(prefix), SPAN_ARG(delimiter), max);
        compare(expected, walk, line);
    }
    arena_free(&walk->arena);
    free(expected);
    free(walk);
}

static struct model *make_model(size_t count, uint64_t seed)
{
    struct model *model = calloc(1, sizeof(*model));
    assert_non_null(model);
    fill_model(model, count, seed);
    return model;
}

static void free_model(struct model *model)
{
    arena_free(&model->arena);
    free(model);
}

static void test_objects(void **state)
{
    struct world *world = *state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct model *model = make_model(KEYS_MAX / 2, seed);
        world_do(world, "PUT /lake", NULL, NULL);
        for (size_t i = 0; i < model->count; i++)
            world_put(world, "lake", model->keys[i], SPAN("x"));
        check_walks(world, model, FORM_V1, 84);
        check_walks(world, model, FORM_V2, 84);
        check_walks(world, model, FORM_VERSIONS, 84);
        for (size_t i = 0; i < model->count; i++) {
            struct span line = arena_format(
                &model->arena, "DELETE /lake/%s", encoded(&model->arena, model->keys[i]));
            world_do(world, line.ptr, NULL, NULL);
        }
        world_do(world, "DELETE /lake", NULL, NULL);
        free_model(model);
    }
}

static void test_uploads(void **state)
{
    struct world *world = *state;
    struct model *model = make_model(KEYS_MAX / 4, 3);
    world_do(world, "PUT /lake", NULL, NULL);
    for (size_t i = 0; i < model->count; i++) {
        struct span line = arena_format(
            &model->arena, "POST /lake/%s?uploads", encoded(&model->arena, model->keys[i]));
        world_do(world, line.ptr, NULL, NULL);
    }
    check_walks(world, model, FORM_UPLOADS, 84);
    free_model(model);
}

/* Several versions and uploads of each key: the second marker has to be followed. */
static void test_several_of_a_key(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /lake", NULL, NULL);
    for (int i = 0; i < 30; i++) {
        char line[64];
        snprintf(line, sizeof(line), "POST /lake/key-%d?uploads", i / 10);
        world_do(world, line, NULL, NULL);
    }
    struct model *model = make_model(1, 4);
    for (size_t max = 1; max <= 31; max++) {
        struct span ids[64];
        size_t count = 0;
        struct span more = SPAN("");
        while (span_present(more)) {
            struct span line =
                arena_format(&model->arena, "GET /lake?uploads&max-uploads=%zu%s", max, more.ptr);
            REPLY reply = world_send(world, line.ptr, NULL, SPAN(""));
            assert_status(reply, 200);
            for (size_t i = 0; i < reply_count(&reply, "Upload"); i++)
                ids[count++] = arena_copy(&model->arena, reply_element(&reply, "UploadId", i));
            more = next_page(&model->arena, &reply, FORM_UPLOADS);
        }
        assert_int_equal(count, 30);
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < i; j++)
                assert_false(span_eq(ids[i], ids[j]));
    }
    free_model(model);
}

static void test_versions_of_a_key(void **state)
{
    struct world *world = *state;
    struct arena arena CLEANUP(arena_free);
    struct bucket_info info;
    arena_init(&arena, 4 * 1024 * 1024);
    world_do(world, "PUT /lake", NULL, NULL);
    world_put(world, "lake", SPAN("key-1"), SPAN("null version"));
    assert_int_equal(
        storage_bucket_get(world->daemon.store, SPAN("lake"), &arena, &info), STORAGE_OK);
    struct mutation mutation = {.kind = MUTATION_SET_VERSIONING,
        .bucket = {.id = info.id, .name = info.name},
        .versioning = VERSIONING_ON};
    assert_int_equal(storage_commit(world->daemon.store, &mutation), STORAGE_OK);
    for (int i = 0; i < 30; i++) {
        char key[32], line[64];
        snprintf(key, sizeof(key), "key-%d", i % 3);
        world_put(world, "lake", span_str(key), SPAN("x"));
        snprintf(line, sizeof(line), "DELETE /lake/%s", key);
        if (i % 5 == 0)
            world_do(world, line, NULL, NULL);
    }
    for (size_t max = 1; max <= 38; max++) {
        size_t count = 0, newest = 0;
        struct span more = SPAN(""), before = SPAN("");
        while (span_present(more)) {
            struct span line =
                arena_format(&arena, "GET /lake?versions&max-keys=%zu%s", max, more.ptr);
            REPLY reply = world_send(world, line.ptr, NULL, SPAN(""));
            assert_status(reply, 200);
            for (size_t i = 0; i < reply_count(&reply, "VersionId"); i++, count++) {
                struct span key = arena_copy(&arena, reply_element(&reply, "Key", i));
                bool latest = span_eq(reply_element(&reply, "IsLatest", i), SPAN("true"));
                assert_true(span_cmp(before, key) <= 0);
                assert_int_equal(latest, !span_eq(before, key)); /* the newest comes first */
                newest += latest;
                before = key;
            }
            more = next_page(&arena, &reply, FORM_VERSIONS);
        }
        assert_int_equal(count, 37); /* 1 null, 30 versions, 6 delete markers */
        assert_int_equal(newest, 3);
    }
}

/* Keys that come and go between two pages move nothing else. */
static void test_changes_between_pages(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /lake", NULL, NULL);
    static const char *const keys[] = {"a/1", "a/2", "b", "c/1", "d"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        world_put(world, "lake", span_str(keys[i]), SPAN("x"));
    REPLY first = world_send(world, "GET /lake?list-type=2&delimiter=/&max-keys=1", NULL, SPAN(""));
    assert_span(reply_element(&first, "Prefix", 1), "a/");
    struct span token = reply_element(&first, "NextContinuationToken", 0);
    world_do(world, "DELETE /lake/a/1", NULL, NULL);
    world_do(world, "DELETE /lake/a/2", NULL, NULL);
    world_do(world, "DELETE /lake/b", NULL, NULL);
    world_put(world, "lake", SPAN("bb"), SPAN("x"));
    struct span line = arena_format(&first.request->arena,
        "GET /lake?list-type=2&delimiter=/&max-keys=2&continuation-token=%s",
        encoded(&first.request->arena, token));
    REPLY second = world_send(world, line.ptr, NULL, SPAN(""));
    assert_status(second, 200);
    assert_true(span_eq(reply_element(&second, "ContinuationToken", 0), token));
    assert_span(reply_element(&second, "Key", 0), "bb");
    assert_span(reply_element(&second, "Prefix", 1), "c/");
    assert_span(reply_element(&second, "IsTruncated", 0), "true");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, world_make, world_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(objects), TEST(uploads), TEST(several_of_a_key),
        TEST(versions_of_a_key), TEST(changes_between_pages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
