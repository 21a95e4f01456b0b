/* Text in a zone with Compress takes less room, and reads as it was written. */
#include "support.h"

#include "storage/storage_care.h"

enum { TEXT_BYTES = 600000 };
static char text[TEXT_BYTES];

static int setup(void **state)
{
    if (world_make(state) != 0)
        return -1;
    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = "2026-11-21;station 12;temperature;17.4\n"[i % 39];
    struct world *world = *state;
    world_do(world, "PUT /lake", NULL, NULL);
    world_do(world, "PUT /lake?lakegate-zones", NULL,
        "{\"Version\": \"2026-11-01\", \"Zones\": [{\"Name\": \"raw\", \"Prefix\": \"raw/\","
        " \"Compress\": true}]}");
    return 0;
}

static uint64_t bytes_kept(struct world *world)
{
    struct storage_stats stats;
    storage_stats(world->daemon.store, &stats);
    return stats.segment_live_bytes + stats.file_bytes;
}

/* Puts len bytes; how many more the store keeps for it. */
static uint64_t put(struct world *world, const char *line, const char *headers, size_t len)
{
    uint64_t before = bytes_kept(world);
    REPLY reply = world_send(world, line, headers, span_of(text, len));
    assert_status(reply, 200);
    return bytes_kept(world) - before;
}

static void check_range(struct world *world, const char *line, size_t from, size_t to)
{
    char range[64];
    snprintf(range, sizeof(range), "Range: bytes=%zu-%zu", from, to);
    REPLY reply = world_send(world, line, range, SPAN_ABSENT);
    assert_status(reply, 206);
    assert_int_equal(reply.body.len, to - from + 1);
    assert_memory_equal(reply.body.ptr, text + from, reply.body.len);
}

static void text_is_kept_compressed(void **state)
{
    struct world *world = *state;
    static const char *const types[] = {"Content-Type: text/csv",
        "Content-Type: TEXT/plain; charset=utf-8", "Content-Type: application/json",
        "Content-Type: application/ld+json"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        assert_true(put(world, "PUT /lake/raw/a", types[i], 100000) < 20000);
        assert_true(put(world, "PUT /lake/raw/b", types[i], TEXT_BYTES) < 100000);
    }
    REPLY whole = world_send(world, "GET /lake/raw/b", NULL, SPAN_ABSENT);
    assert_status(whole, 200);
    assert_true(span_eq(whole.body, span_of(text, TEXT_BYTES)));
    check_range(world, "GET /lake/raw/b", 0, 9);
    check_range(world, "GET /lake/raw/b", 262100, 262200);
    check_range(world, "GET /lake/raw/b", 599990, 599999);
    check_range(world, "GET /lake/raw/a", 99, 50000);
}

static void what_is_no_text_is_kept_as_it_is(void **state)
{
    struct world *world = *state;
    assert_true(
        put(world, "PUT /lake/raw/a", "Content-Type: application/octet-stream", 100000) >= 100000);
    assert_true(put(world, "PUT /lake/raw/b", NULL, 100000) >= 100000);
    assert_true(put(world, "PUT /lake/raw/c", "Content-Type: text/csv\nContent-Encoding: gzip",
                    100000) >= 100000);
    assert_true(put(world, "PUT /lake/elsewhere", "Content-Type: text/csv", 100000) >= 100000);
}

static void parts_are_what_their_upload_is(void **state)
{
    struct world *world = *state;
    char line[200];
    REPLY made =
        world_send(world, "POST /lake/raw/c?uploads", "Content-Type: text/csv", SPAN_ABSENT);
    assert_status(made, 200);
    struct span id = reply_element(&made, "UploadId", 0);
    snprintf(line, sizeof(line), "PUT /lake/raw/c?partNumber=1&uploadId=%.*s", SPAN_ARG(id));
    assert_true(put(world, line, NULL, TEXT_BYTES) < 100000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_drop)
    const struct CMUnitTest tests[] = {
        TEST(text_is_kept_compressed),
        TEST(what_is_no_text_is_kept_as_it_is),
        TEST(parts_are_what_their_upload_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
