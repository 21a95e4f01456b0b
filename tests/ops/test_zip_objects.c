/* Is a folder's ZIP whole, however many entries it has, and is it given back when its client leaves? What readers make
 * of it, and who may have it, tests/compat/test_zip.py asks. */
#include "base/digest.h"
#include "tests/ops/support.h"

#include <unistd.h>

enum { MANY = 66000, BATCH = 1000 };

static uint64_t number(struct span bytes, size_t at, size_t width)
{
    uint64_t value = 0;
    assert_true(at + width <= bytes.len);
    for (size_t i = 0; i < width; i++)
        value |= (uint64_t)(unsigned char)bytes.ptr[at + i] << (8 * i);
    return value;
}

/* Empty objects, many of them in one commit. */
static void put_many(struct world *world, const char *bucket, size_t count)
{
    struct arena arena CLEANUP(arena_free);
    struct bucket_info info;
    arena_init(&arena, 64 * 1024 * 1024);
    assert_int_equal(
        storage_bucket_get(world->daemon.store, span_str(bucket), &arena, &info), STORAGE_OK);
    struct mutation *mutations = arena_array(&arena, struct mutation, BATCH);
    assert_non_null(mutations);
    for (size_t done = 0; done < count; done += BATCH) {
        for (size_t i = 0; i < BATCH; i++)
            mutations[i] = (struct mutation){.kind = MUTATION_PUT_OBJECT,
                .bucket = {.id = info.id, .name = info.name},
                .key = arena_format(&arena, "m/%06zu", done + i)};
        storage_commit_all(world->daemon.store, mutations, BATCH);
        for (size_t i = 0; i < BATCH; i++)
            assert_int_equal(mutations[i].err, STORAGE_OK);
    }
}

/* More than goes out at once. */
static void put_long(struct world *world, const char *key)
{
    static char bytes[64 * 1024];
    memset(bytes, 'x', sizeof(bytes));
    world_put(world, "zipped", span_str(key), span_of(bytes, sizeof(bytes)));
}

/* Walks the directory as its end says it lies; each record has to name a local header of the same name. */
static size_t walk(struct span zip)
{
    size_t end = zip.len - 22;
    assert_int_equal(number(zip, end, 4), 0x06054b50);
    uint64_t count = number(zip, end + 10, 2), at = number(zip, end + 16, 4);
    uint64_t bytes = number(zip, end + 12, 4), after = end;
    if (count == 0xffff) {
        assert_int_equal(number(zip, end - 20, 4), 0x07064b50);
        after = number(zip, end - 12, 8);
        assert_int_equal(number(zip, after, 4), 0x06064b50);
        count = number(zip, after + 32, 8);
        bytes = number(zip, after + 40, 8);
        at = number(zip, after + 48, 8);
    }
    assert_int_equal(at + bytes, after);
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(number(zip, at, 4), 0x02014b50);
        size_t name_len = number(zip, at + 28, 2), local = number(zip, at + 42, 4);
        assert_int_equal(number(zip, local, 4), 0x04034b50);
        assert_int_equal(number(zip, local + 26, 2), name_len);
        assert_memory_equal(zip.ptr + at + 46, zip.ptr + local + 30, name_len);
        at += 46 + name_len + number(zip, at + 30, 2);
    }
    assert_int_equal(at, after);
    return count;
}

static void assert_unzip_reads(struct world *world, struct span zip)
{
    char path[128], command[256];
    snprintf(path, sizeof(path), "%s/test.zip", world->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(zip.ptr, 1, zip.len, file), zip.len);
    assert_int_equal(fclose(file), 0);
    snprintf(command, sizeof(command), "! command -v unzip >/dev/null || unzip -tqq %s", path);
    assert_int_equal(system(command), 0);
}

static void test_more_entries_than_16_bits_count(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /zipped", NULL, NULL);
    put_many(world, "zipped", MANY);
    world_put(world, "zipped", SPAN("m/zzz"), SPAN("the last one"));
    REPLY reply = world_send(world, "GET /zipped?lakegate-zip&prefix=m/", NULL, SPAN(""));
    assert_status(reply, 200);
    assert_false(reply.broken);
    assert_int_equal(walk(reply.body), MANY + 1);
    assert_unzip_reads(world, reply.body);
}

static void test_few_entries(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /zipped", NULL, NULL);
    world_put(world, "zipped", SPAN("a"), SPAN("one"));
    world_put(world, "zipped", SPAN("b/c"), SPAN("two"));
    REPLY reply = world_send(world, "GET /zipped?lakegate-zip", NULL, SPAN(""));
    assert_int_equal(walk(reply.body), 2);
    assert_int_equal(number(reply.body, 14, 4), crc32_update(0, SPAN("one")));
    assert_unzip_reads(world, reply.body);
}

static void test_what_is_deleted_meanwhile_is_left_out(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /zipped", NULL, NULL);
    put_long(world, "a");
    world_put(world, "zipped", SPAN("b"), SPAN("two"));
    REPLY reply = world_send_open(world, "GET /zipped?lakegate-zip", NULL, SPAN(""));
    assert_int_equal(reply_pull(&reply), STREAM_DATA);
    world_do(world, "DELETE /zipped/b", NULL, NULL);
    while (reply_pull(&reply) == STREAM_DATA)
        continue;
    assert_false(reply.broken);
    assert_has(reply, "b: deleted meanwhile");
    assert_int_equal(walk(reply.body), 2);
}

static void test_a_bucket_that_goes_away_breaks_it_off(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /zipped", NULL, NULL);
    put_long(world, "a");
    REPLY reply = world_send_open(world, "GET /zipped?lakegate-zip", NULL, SPAN(""));
    assert_int_equal(reply_pull(&reply), STREAM_DATA);
    world_do(world, "DELETE /zipped/a", NULL, NULL);
    world_do(world, "DELETE /zipped", NULL, NULL);
    world_do(world, "PUT /zipped", NULL, NULL); /* another one */
    while (reply_pull(&reply) == STREAM_DATA)
        continue;
    assert_true(reply.broken);
}

/* Head and bytes of each entry were sent by themselves, in two calls of some 40 bytes. */
static void test_small_objects_go_out_together(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /zipped", NULL, NULL);
    put_many(world, "zipped", BATCH);
    REPLY reply = world_send_open(world, "GET /zipped?lakegate-zip", NULL, SPAN(""));
    size_t pieces = 0;
    while (reply_pull(&reply) == STREAM_DATA)
        pieces++;
    assert_false(reply.broken);
    assert_int_equal(walk(reply.body), BATCH);
    assert_in_range(pieces, 1, BATCH / 8);
}

static void test_a_client_that_leaves_takes_all_with_it(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /zipped", NULL, NULL);
    put_many(world, "zipped", 2 * BATCH);
    for (size_t pieces = 0; pieces < 40; pieces += 13) {
        REPLY reply = world_send_open(world, "GET /zipped?lakegate-zip", NULL, SPAN(""));
        for (size_t i = 0; i < pieces; i++)
            assert_int_not_equal(reply_pull(&reply), STREAM_BROKEN);
    }
    assert_int_equal(atomic_load(&world->daemon.streams), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_more_entries_than_16_bits_count, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_few_entries, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_what_is_deleted_meanwhile_is_left_out, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_a_bucket_that_goes_away_breaks_it_off, world_make, world_drop),
        cmocka_unit_test_setup_teardown(test_small_objects_go_out_together, world_make, world_drop),
        cmocka_unit_test_setup_teardown(
            test_a_client_that_leaves_takes_all_with_it, world_make, world_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
