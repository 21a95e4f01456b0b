/* Writers that race for one key: of conditional ones exactly one wins, whatever the scheduling. */
#include "tests/ops/support_object.h"

#include "storage/storage_care.h"

#include <pthread.h>

enum { WRITERS = 8, ROUNDS = 25 };

static int setup(void **state)
{
    world_make(state);
    world_do(*state, "PUT /bkt", NULL, NULL);
    return 0;
}

struct writer {
    struct world *world;
    pthread_barrier_t *barrier;
    char line[128];
    char headers[160];
    char content[256];
    int status;
    char etag[64];
};

static void *write_once(void *ctx)
{
    struct writer *writer = ctx;
    pthread_barrier_wait(writer->barrier);
    REPLY reply =
        world_send(writer->world, writer->line, writer->headers, span_str(writer->content));
    writer->status = reply.status;
    struct span etag = reply_header(&reply, "ETag");
    snprintf(writer->etag, sizeof(writer->etag), "%.*s", SPAN_ARG(etag));
    return NULL;
}

/* Runs all at once; returns how many got 200 and the last of those. */
static int race(struct writer *writers, struct writer **ret_winner)
{
    pthread_t threads[WRITERS];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, WRITERS);
    for (int i = 0; i < WRITERS; i++) {
        writers[i].barrier = &barrier;
        assert_int_equal(pthread_create(&threads[i], NULL, write_once, &writers[i]), 0);
    }
    int winners = 0;
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        if (writers[i].status == 200) {
            winners++;
            *ret_winner = &writers[i];
        }
    }
    pthread_barrier_destroy(&barrier);
    return winners;
}

static void test_if_none_match(void **state)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct writer writers[WRITERS] = {0};
        struct writer *winner = NULL;
        for (int i = 0; i < WRITERS; i++) {
            writers[i].world = *state;
            snprintf(writers[i].line, sizeof(writers[i].line), "PUT /bkt/new-%d", round);
            snprintf(writers[i].headers, sizeof(writers[i].headers), "If-None-Match: *");
            snprintf(writers[i].content, sizeof(writers[i].content), "writer %d", i);
        }
        assert_int_equal(race(writers, &winner), 1);
        for (int i = 0; i < WRITERS; i++)
            assert_true(writers[i].status == 200 || writers[i].status == 412);
        char line[128];
        snprintf(line, sizeof(line), "GET /bkt/new-%d", round);
        REPLY get = world_send(*state, line, NULL, SPAN(""));
        assert_span(get.body, winner->content);
    }
}

/* A counter that is only ever raised by compare and swap. */
static void test_if_match(void **state)
{
    REPLY first = world_send(*state, "PUT /bkt/counter", NULL, SPAN("start"));
    char etag[64];
    snprintf(etag, sizeof(etag), "%.*s", SPAN_ARG(reply_header(&first, "ETag")));
    for (int round = 0; round < ROUNDS; round++) {
        struct writer writers[WRITERS] = {0};
        struct writer *winner = NULL;
        for (int i = 0; i < WRITERS; i++) {
            writers[i].world = *state;
            snprintf(writers[i].line, sizeof(writers[i].line), "PUT /bkt/counter");
            snprintf(writers[i].headers, sizeof(writers[i].headers), "If-Match: %s", etag);
            snprintf(writers[i].content, sizeof(writers[i].content), "%d by %d", round, i);
        }
        assert_int_equal(race(writers, &winner), 1);
        REPLY get = world_send(*state, "GET /bkt/counter", NULL, SPAN(""));
        assert_span(get.body, winner->content);
        snprintf(etag, sizeof(etag), "%s", winner->etag);
        assert_header(get, "ETag", etag);
    }
}

/* Uploads and copies that want to be the first at a key. */
static void test_first_of_uploads_and_copies(void **state)
{
    world_do(*state, "PUT /bkt/source", NULL, "copied");
    for (int round = 0; round < ROUNDS; round++) {
        struct writer writers[WRITERS] = {0};
        struct writer *winner = NULL;
        char key[32];
        snprintf(key, sizeof(key), "first-%d", round);
        for (int i = 0; i < WRITERS; i++) {
            struct writer *writer = &writers[i];
            writer->world = *state;
            snprintf(writer->headers, sizeof(writer->headers), "If-None-Match: *%s",
                i % 2 ? "\nx-amz-copy-source: bkt/source" : "");
            snprintf(writer->line, sizeof(writer->line), "PUT /bkt/%s", key);
            if (i % 2)
                continue;
            struct upload upload = upload_begin(*state, key, NULL);
            REPLY part = upload_send(*state, &upload, 1, NULL, SPAN("hello world"));
            assert_status(part, 200);
            snprintf(
                writer->line, sizeof(writer->line), "POST /bkt/%s?uploadId=%s", key, upload.id);
            snprintf(writer->content, sizeof(writer->content),
                "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"
                "5eb63bbbe01eeed093cb22bb8f5acdc3</ETag></Part></CompleteMultipartUpload>");
        }
        assert_int_equal(race(writers, &winner), 1);
    }
}

/* The same Complete from several sides at once is one upload, and all hear of it. */
static void test_one_complete_many_times(void **state)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct writer writers[WRITERS] = {0};
        struct writer *winner = NULL;
        struct upload upload = upload_begin(*state, "twice", NULL);
        REPLY part = upload_send(*state, &upload, 1, NULL, SPAN("hello world"));
        assert_status(part, 200);
        for (int i = 0; i < WRITERS; i++) {
            writers[i].world = *state;
            snprintf(
                writers[i].line, sizeof(writers[i].line), "POST /bkt/twice?uploadId=%s", upload.id);
            snprintf(writers[i].content, sizeof(writers[i].content),
                "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"
                "5eb63bbbe01eeed093cb22bb8f5acdc3</ETag></Part></CompleteMultipartUpload>");
        }
        assert_int_equal(race(writers, &winner), WRITERS);
    }
}

struct reader {
    struct world *world;
    atomic_bool stop;
    size_t reads;
};

/* Every read is one of the versions, whole. */
static void *read_on(void *ctx)
{
    struct reader *reader = ctx;
    while (!atomic_load(&reader->stop)) {
        REPLY get = world_send(reader->world, "GET /bkt/hot", NULL, SPAN(""));
        assert_status(get, 200);
        assert_int_equal(get.body.len, 100000);
        for (size_t i = 1; i < get.body.len; i++)
            assert_true(get.body.ptr[i] == get.body.ptr[0]);
        reader->reads++;
    }
    return NULL;
}

static void test_reads_during_overwrites(void **state)
{
    struct reader reader = {.world = *state};
    char *bytes = malloc(100000);
    memset(bytes, '-', 100000);
    world_put(*state, "bkt", SPAN("hot"), span_of(bytes, 100000));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_on, &reader), 0);
    for (int i = 0; i < 100; i++) {
        bool more;
        memset(bytes, 'a' + i % 26, 100000);
        world_put(*state, "bkt", SPAN("hot"), span_of(bytes, 100000));
        assert_int_equal(storage_gc_step(reader.world->daemon.store, &more), STORAGE_OK);
    }
    atomic_store(&reader.stop, true);
    pthread_join(thread, NULL);
    assert_true(reader.reads > 0);
    free(bytes);
}

/* Copies of a source that changes all the time are whole, and old or new. */
static void *overwrite_on(void *ctx)
{
    struct reader *writer = ctx;
    while (!atomic_load(&writer->stop))
        world_do(writer->world, "PUT /bkt/moving", NULL, writer->reads++ % 2 ? "one" : "another");
    return NULL;
}

static void test_copies_of_a_changing_source(void **state)
{
    struct reader writer = {.world = *state};
    world_do(*state, "PUT /bkt/moving", NULL, "one");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, overwrite_on, &writer), 0);
    size_t copied = 0;
    for (int i = 0; i < 100; i++) {
        REPLY copy = world_send(*state, "PUT /bkt/still",
            "x-amz-copy-source: bkt/moving\nx-amz-checksum-algorithm: SHA256", SPAN(""));
        assert_true(copy.status == 200 || copy.status == 503);
        if (copy.status != 200)
            continue;
        copied++;
        REPLY get = world_send(*state, "GET /bkt/still", NULL, SPAN(""));
        bool one = span_eq(get.body, SPAN("one"));
        assert_true(one || span_eq(get.body, SPAN("another")));
        assert_header(get, "ETag",
            one ? "\"f97c5d29941bfb1b2fdab0874906ab82\"" : "\"b32d73e56ec99bc5ec8f83871cde708a\"");
    }
    atomic_store(&writer.stop, true);
    pthread_join(thread, NULL);
    assert_true(copied > 50);
}

/* Tags and ACL stand in one run of bytes: who changes one takes nothing from who changes the other meanwhile. */
static void test_tags_and_acls(void **state)
{
    world_do(*state, "DELETE /bkt?publicAccessBlock", NULL, NULL);
    world_do(*state, "PUT /bkt?ownershipControls", NULL,
        "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>"
        "</OwnershipControls>");
    world_do(*state, "PUT /bkt/both", "x-amz-meta-a: 1", "x");
    for (int round = 0; round < ROUNDS; round++) {
        struct writer writers[WRITERS] = {0};
        struct writer *winner = NULL;
        bool is_public = round % 2 == 0;
        for (int i = 0; i < WRITERS; i++) {
            bool tags = i % 2 == 0;
            writers[i].world = *state;
            snprintf(writers[i].line, sizeof(writers[i].line), "PUT /bkt/both?%s",
                tags ? "tagging" : "acl");
            snprintf(writers[i].headers, sizeof(writers[i].headers), "%s",
                tags        ? "x-a: b"
                : is_public ? "x-amz-acl: public-read"
                            : "x-amz-acl: private");
            if (tags)
                snprintf(writers[i].content, sizeof(writers[i].content),
                    "<Tagging><TagSet><Tag><Key>round</Key><Value>%d</Value></Tag></TagSet>"
                    "</Tagging>",
                    round);
        }
        /* Each loses only to one that has won, so nobody loses more often than there are others. */
        assert_int_equal(race(writers, &winner), WRITERS);
        char value[32];
        snprintf(value, sizeof(value), "%d", round);
        REPLY kept = world_send(*state, "GET /bkt/both?tagging", NULL, SPAN(""));
        assert_span(reply_element(&kept, "Value", 0), value);
        REPLY acl = world_send(*state, "GET /bkt/both?acl", NULL, SPAN(""));
        assert_int_equal(reply_count(&acl, "Permission"), is_public ? 2 : 1);
        REPLY head = world_send(*state, "HEAD /bkt/both", NULL, SPAN(""));
        assert_span(reply_header(&head, "x-amz-meta-a"), "1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_if_none_match),
        cmocka_unit_test(test_if_match),
        cmocka_unit_test(test_first_of_uploads_and_copies),
        cmocka_unit_test(test_one_complete_many_times),
        cmocka_unit_test(test_reads_during_overwrites),
        cmocka_unit_test(test_copies_of_a_changing_source),
        cmocka_unit_test(test_tags_and_acls),
    };
    return cmocka_run_group_tests(tests, setup, world_drop);
}
