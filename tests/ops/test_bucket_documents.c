/* The cache of parsed bucket documents: parsed once for a generation, held while a request lasts, bounded. */
#include "tests/ops/support.h"

#include "daemon/bucket_documents.h"

#include <pthread.h>
#include <stdlib.h>

static atomic_size_t parsed_count, freed_count;

static void *parse(const struct bucket_info *bucket, struct span text)
{
    (void)bucket;
    if (span_eq(text, SPAN("damaged")))
        return NULL;
    atomic_fetch_add(&parsed_count, 1);
    char *copy = malloc(text.len + 1);
    assert_non_null(copy);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static void release(void *parsed)
{
    atomic_fetch_add(&freed_count, 1);
    free(parsed);
}

static size_t large(const void *parsed)
{
    return parsed != NULL ? BUCKET_DOCUMENTS_MAX_BYTES / 64 : 0;
}

static const struct document_type type = {
    .kind = DOCUMENT_LIFECYCLE, .parse = parse, .free = release};
static const struct document_type large_type = {
    .kind = DOCUMENT_LIFECYCLE, .parse = parse, .free = release, .bytes = large};

static void put(struct world *world, const char *bucket, const char *text)
{
    struct request request;
    struct bucket_info info;
    request_init(&request, &world->daemon);
    assert_int_equal(
        storage_bucket_get(world->daemon.store, span_str(bucket), &request.arena, &info),
        STORAGE_OK);
    struct mutation mutation = {.kind = MUTATION_PUT_DOCUMENT,
        .bucket = {info.id, info.name},
        .document = {DOCUMENT_LIFECYCLE, span_str(text)}};
    assert_int_equal(storage_commit(world->daemon.store, &mutation), STORAGE_OK);
    request_free(&request);
}

static enum s3_err ask(struct request *request, const char *bucket, const struct document_type *of,
    const void **ret_parsed)
{
    struct bucket_info info;
    assert_int_equal(
        storage_bucket_get(request->daemon->store, span_str(bucket), &request->arena, &info),
        STORAGE_OK);
    return bucket_document(request, &info, of, ret_parsed);
}

static void test_parsed_once_for_a_generation(void **state)
{
    struct world *world = *state;
    const void *first, *second;
    world_do(world, "PUT /one", NULL, NULL);
    put(world, "one", "text");
    size_t before = atomic_load(&parsed_count);
    for (int i = 0; i < 100; i++) {
        struct request request;
        request_init(&request, &world->daemon);
        assert_int_equal(ask(&request, "one", &type, &first), S3_OK);
        assert_int_equal(ask(&request, "one", &type, &second), S3_OK);
        assert_ptr_equal(first, second);
        assert_string_equal(first, "text");
        request_free(&request);
    }
    assert_int_equal(atomic_load(&parsed_count), before + 1);
}

static void test_what_is_held_stays_though_it_is_changed(void **state)
{
    struct world *world = *state;
    const void *before, *after;
    struct request old, new;
    world_do(world, "PUT /one", NULL, NULL);
    put(world, "one", "before");
    request_init(&old, &world->daemon);
    assert_int_equal(ask(&old, "one", &type, &before), S3_OK);
    put(world, "one", "after");
    request_init(&new, &world->daemon);
    assert_int_equal(ask(&new, "one", &type, &after), S3_OK);
    assert_string_equal(after, "after");
    assert_string_equal(before, "before");
    request_free(&new);
    request_free(&old);
}

static void test_absence_and_damage(void **state)
{
    struct world *world = *state;
    const void *parsed = &parsed;
    struct request request;
    world_do(world, "PUT /one", NULL, NULL);
    request_init(&request, &world->daemon);
    assert_int_equal(ask(&request, "one", &type, &parsed), S3_OK);
    assert_null(parsed);
    put(world, "one", "damaged");
    assert_int_equal(ask(&request, "one", &type, &parsed), S3_ERR_INTERNAL);
    put(world, "one", "mended");
    assert_int_equal(ask(&request, "one", &type, &parsed), S3_OK);
    assert_string_equal(parsed, "mended");
    request_free(&request);
}

static void test_it_works_without_a_cache(void **state)
{
    struct world *world = *state;
    const void *parsed;
    struct request request;
    struct bucket_documents *kept = TAKE(world->daemon.documents);
    world_do(world, "PUT /one", NULL, NULL);
    put(world, "one", "text");
    request_init(&request, &world->daemon);
    assert_int_equal(ask(&request, "one", &type, &parsed), S3_OK);
    assert_string_equal(parsed, "text");
    request_free(&request);
    world->daemon.documents = kept;
}

/* Documents as large as a quarter of a shard: those not asked for any more make room. */
static void test_bounded(void **state)
{
    struct world *world = *state;
    enum { BUCKETS = 200 };
    char name[32], line[64];
    const void *parsed;
    size_t parsed_before = atomic_load(&parsed_count), freed_before = atomic_load(&freed_count);
    for (int i = 0; i < BUCKETS; i++) {
        struct request request;
        snprintf(name, sizeof(name), "bucket-%03d", i);
        snprintf(line, sizeof(line), "PUT /%s", name);
        world_do(world, line, NULL, NULL);
        put(world, name, name);
        request_init(&request, &world->daemon);
        assert_int_equal(ask(&request, name, &large_type, &parsed), S3_OK);
        assert_string_equal(parsed, name);
        request_free(&request);
    }
    size_t alive =
        atomic_load(&parsed_count) - parsed_before - (atomic_load(&freed_count) - freed_before);
    assert_in_range(alive, 1, 64);
}

struct reader {
    struct world *world;
    atomic_bool *stop;
    size_t wrong;
};

static void *read_on(void *ctx)
{
    struct reader *reader = ctx;
    while (!atomic_load(reader->stop)) {
        struct request request;
        const void *parsed = NULL;
        request_init(&request, &reader->world->daemon);
        struct bucket_info info;
        reader->wrong += storage_bucket_get(reader->world->daemon.store, SPAN("one"),
                             &request.arena, &info) != STORAGE_OK ||
                         bucket_document(&request, &info, &type, &parsed) != S3_OK ||
                         parsed == NULL || strncmp(parsed, "text", 4) != 0;
        request_free(&request);
    }
    return NULL;
}

static void test_changed_while_it_is_read(void **state)
{
    struct world *world = *state;
    atomic_bool stop = false;
    struct reader readers[4];
    pthread_t threads[4];
    world_do(world, "PUT /one", NULL, NULL);
    put(world, "one", "text");
    for (size_t i = 0; i < 4; i++) {
        readers[i] = (struct reader){world, &stop, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    for (int i = 0; i < 100; i++)
        put(world, "one", i % 2 ? "text of one kind" : "text of another");
    atomic_store(&stop, true);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(readers[i].wrong, 0);
    }
}

static int all_was_freed(void **state)
{
    int result = world_drop(state);
    assert_int_equal(atomic_load(&parsed_count), atomic_load(&freed_count));
    return result;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_parsed_once_for_a_generation, world_make, all_was_freed),
        cmocka_unit_test_setup_teardown(
            test_what_is_held_stays_though_it_is_changed, world_make, all_was_freed),
        cmocka_unit_test_setup_teardown(test_absence_and_damage, world_make, all_was_freed),
        cmocka_unit_test_setup_teardown(test_it_works_without_a_cache, world_make, all_was_freed),
        cmocka_unit_test_setup_teardown(test_bounded, world_make, all_was_freed),
        cmocka_unit_test_setup_teardown(test_changed_while_it_is_read, world_make, all_was_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
