/* An upload of 10,000 parts, as many as there may be: fifty gigabytes that are ten thousand copies
 * of one object of 5 MiB, so that nothing is written. */
#include "tests/ops/support_object.h"

#include <pthread.h>

enum { PARTS = 10000, THREADS = 16, PART_BYTES = 5 * 1024 * 1024 };
#define PART_ETAG "c0415a1eb09aacefb8c8270aa426efd2"

static int setup(void **state)
{
    world_make(state);
    world_do(*state, "PUT /bkt", NULL, NULL);
    char *content = content_new(1, PART_BYTES);
    world_put(*state, "bkt", SPAN("source"), span_of(content, PART_BYTES));
    free(content);
    return 0;
}

struct sender {
    struct world *world;
    const struct upload *upload;
    unsigned first;
    int failed;
};

static void *send_parts(void *ctx)
{
    struct sender *sender = ctx;
    for (unsigned number = sender->first; number <= PARTS; number += THREADS) {
        REPLY reply =
            upload_copy(sender->world, sender->upload, number, "x-amz-copy-source: bkt/source");
        sender->failed += reply.status != 200;
    }
    return NULL;
}

static void send_all(struct world *world, const struct upload *upload)
{
    pthread_t threads[THREADS];
    struct sender senders[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        senders[i] = (struct sender){world, upload, i + 1, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, send_parts, &senders[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(senders[i].failed, 0);
    }
}

static void test_ten_thousand_parts(void **state)
{
    struct upload upload = upload_begin(*state, "huge", NULL);
    send_all(*state, &upload);
    struct buf parts CLEANUP(buf_free);
    buf_init(&parts, 4 * 1024 * 1024);
    for (unsigned i = 1; i <= PARTS; i++)
        buf_addf(&parts,
            "<Part><ETag>\"" PART_ETAG "\"</ETag><PartNumber>%u</PartNumber>"
            "<ChecksumCRC64NVME>bkGtoDIq5sw=</ChecksumCRC64NVME></Part>",
            i);
    buf_add_char(&parts, '\0');
    for (int i = 0; i < 2; i++) {
        REPLY done = upload_complete(
            *state, &upload, "x-amz-mp-object-size: 52428800000", buf_span(&parts).ptr);
        assert_status(done, 200);
        assert_span(reply_element(&done, "ETag", 0), "\"1dc9627ea825c34c61b6b86fa0e382fb-10000\"");
    }
    REPLY head = world_send(*state, "HEAD /bkt/huge?partNumber=10000", NULL, SPAN(""));
    assert_status(head, 206);
    assert_header(head, "Content-Range", "bytes 52423557120-52428799999/52428800000");
    assert_header(head, "x-amz-mp-parts-count", "10000");
    REPLY end = world_send(*state, "GET /bkt/huge", "Range: bytes=-1000", SPAN(""));
    REPLY same = world_send(*state, "GET /bkt/source", "Range: bytes=-1000", SPAN(""));
    assert_status(end, 206);
    assert_true(span_eq(end.body, same.body));
    REPLY middle =
        world_send(*state, "GET /bkt/huge", "Range: bytes=26214400000-26214400999", SPAN(""));
    REPLY begin = world_send(*state, "GET /bkt/source", "Range: bytes=0-999", SPAN(""));
    assert_true(span_eq(middle.body, begin.body));
    REPLY page = world_send(*state, "GET /bkt/huge?attributes",
        "x-amz-object-attributes: ObjectParts\nx-amz-part-number-marker: 8999", SPAN(""));
    assert_int_equal(reply_count(&page, "Part"), 1000);
    assert_span(reply_element(&page, "IsTruncated", 0), "true");
    REPLY copy = world_send(*state, "PUT /bkt/copy", "x-amz-copy-source: bkt/huge", SPAN(""));
    assert_code(copy, 400, "InvalidRequest");
    assert_has(copy, "5368709120");
    struct upload again = upload_begin(*state, "again", NULL);
    REPLY whole = upload_copy(*state, &again, 1, "x-amz-copy-source: bkt/huge");
    assert_code(whole, 400, "InvalidRequest");
    REPLY piece = upload_copy(*state, &again, 1,
        "x-amz-copy-source: bkt/huge\nx-amz-copy-source-range: bytes=52423557120-52428799999");
    assert_status(piece, 200);
    assert_span(reply_element(&piece, "ETag", 0), "\"" PART_ETAG "\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ten_thousand_parts)};
    return cmocka_run_group_tests(tests, setup, world_drop);
}
