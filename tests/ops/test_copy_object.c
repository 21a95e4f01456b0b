/* CopyObject and UploadPartCopy. */
#include "tests/ops/support_object.h"

#include "storage/storage_care.h"

#define ETAG "\"5eb63bbbe01eeed093cb22bb8f5acdc3\""
#define ZERO_ETAG "\"00000000000000000000000000000000\""
#define LONG_AGO "Sun, 06 Nov 1994 08:49:37 GMT"
#define LATER "Fri, 01 Jan 2106 00:00:00 GMT"

static struct sample sample;

static int setup(void **state)
{
    world_make(state);
    sample_make(&sample);
    world_do(*state, "PUT /bkt", NULL, NULL);
    world_do(*state, "PUT /other", NULL, NULL);
    world_do(*state, "PUT /bkt/src",
        "Content-Type: text/plain\nCache-Control: no-cache\nx-amz-meta-a: 1\n"
        "x-amz-storage-class: STANDARD_IA\nx-amz-checksum-crc32: DUoRhQ==",
        "hello world");
    struct upload upload = upload_begin(
        *state, "multi", "x-amz-checksum-algorithm: CRC32\nx-amz-checksum-type: COMPOSITE");
    for (unsigned i = 0; i < SAMPLE_PARTS; i++) {
        char header[64];
        snprintf(header, sizeof(header), "x-amz-checksum-crc32: %s", sample_checksums[0].parts[i]);
        REPLY part = upload_send(*state, &upload, i + 1, header, sample.parts[i]);
        assert_status(part, 200);
    }
    REPLY done = upload_complete(*state, &upload, NULL,
        PART(1, "c0415a1eb09aacefb8c8270aa426efd2") PART(2, "a192c6c2c45a8087bd45c300cd480409")
            PART(3, "107c68aad4acdd3050ccbf0a6a7f4ce3"));
    assert_status(done, 200);
    return 0;
}

static int teardown(void **state)
{
    sample_free(&sample);
    return world_drop(state);
}

static void test_copy_keeps_all_but_class(void **state)
{
    static const char *const sources[] = {
        "bkt/src", "/bkt/src", "bkt/%73rc", "/bkt/src?versionId=null"};
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        char header[96];
        snprintf(header, sizeof(header), "x-amz-copy-source: %s", sources[i]);
        REPLY copy = world_send(*state, "PUT /other/copy", header, SPAN(""));
        assert_status(copy, 200);
        assert_has(copy, "<CopyObjectResult xmlns=");
        assert_span(reply_element(&copy, "ETag", 0), ETAG);
        assert_span(reply_element(&copy, "ChecksumCRC32", 0), "DUoRhQ==");
        assert_span(reply_element(&copy, "ChecksumType", 0), "FULL_OBJECT");
        assert_int_equal(reply_count(&copy, "LastModified"), 1);
        REPLY get = world_send(*state, "GET /other/copy", "x-amz-checksum-mode: ENABLED", SPAN(""));
        assert_span(get.body, "hello world");
        assert_header(get, "ETag", ETAG);
        assert_header(get, "Content-Type", "text/plain");
        assert_header(get, "Cache-Control", "no-cache");
        assert_header(get, "x-amz-meta-a", "1");
        assert_header(get, "x-amz-storage-class", NULL);
        assert_header(get, "x-amz-checksum-crc32", "DUoRhQ==");
    }
}

static void test_directives(void **state)
{
    world_do(*state, "PUT /bkt/dir",
        "x-amz-copy-source: bkt/src\nContent-Type: text/html\nx-amz-meta-b: 2", NULL);
    REPLY kept = world_send(*state, "HEAD /bkt/dir", NULL, SPAN(""));
    assert_header(kept, "Content-Type", "text/plain");
    assert_header(kept, "x-amz-meta-b", NULL);
    world_do(*state, "PUT /bkt/dir",
        "x-amz-copy-source: bkt/src\nx-amz-metadata-directive: REPLACE\nx-amz-meta-b: 2\n"
        "x-amz-storage-class: ONEZONE_IA\nx-amz-tagging-directive: REPLACE",
        NULL);
    REPLY replaced = world_send(*state, "HEAD /bkt/dir", NULL, SPAN(""));
    assert_header(replaced, "Content-Type", "binary/octet-stream");
    assert_header(replaced, "Cache-Control", NULL);
    assert_header(replaced, "x-amz-meta-a", NULL);
    assert_header(replaced, "x-amz-meta-b", "2");
    assert_header(replaced, "x-amz-storage-class", "ONEZONE_IA");
    static const char *const bad[] = {
        "x-amz-metadata-directive: KEEP", "x-amz-tagging-directive: replace"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char headers[128];
        snprintf(headers, sizeof(headers), "x-amz-copy-source: bkt/src\n%s", bad[i]);
        REPLY reply = world_send(*state, "PUT /bkt/dir", headers, SPAN(""));
        assert_code(reply, 400, "InvalidArgument");
    }
}

static void test_onto_itself(void **state)
{
    world_do(*state, "PUT /bkt/self", "x-amz-meta-a: 1", "hello world");
    REPLY nothing = world_send(*state, "PUT /bkt/self", "x-amz-copy-source: bkt/self", SPAN(""));
    assert_code(nothing, 400, "InvalidRequest");
    assert_has(nothing, "This copy request is illegal because it is trying to copy an object to "
                        "itself without changing the object");
    static const char *const changes[] = {
        "x-amz-metadata-directive: REPLACE\nx-amz-meta-b: 2",
        "x-amz-storage-class: STANDARD_IA",
        "x-amz-checksum-algorithm: SHA256",
    };
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        char headers[128];
        snprintf(headers, sizeof(headers), "x-amz-copy-source: bkt/self\n%s", changes[i]);
        world_do(*state, "PUT /bkt/self", headers, NULL);
        REPLY get = world_send(*state, "GET /bkt/self", NULL, SPAN(""));
        assert_span(get.body, "hello world");
        assert_header(get, "x-amz-meta-b", "2");
        assert_header(get, "x-amz-meta-a", NULL);
    }
}

static void test_checksum_algorithms(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(sample_checksums); i++) {
        const struct sample_checksums *sums = &sample_checksums[i];
        char headers[128], element[64];
        snprintf(headers, sizeof(headers),
            "x-amz-copy-source: bkt/multi\nx-amz-checksum-algorithm: %s", sums->algo);
        REPLY copy = world_send(*state, "PUT /bkt/sums", headers, SPAN(""));
        assert_status(copy, 200);
        snprintf(element, sizeof(element), "Checksum%s", sums->algo);
        assert_span(reply_element(&copy, element, 0), sums->full);
        assert_span(reply_element(&copy, "ChecksumType", 0), "FULL_OBJECT");
        REPLY head = world_send(*state, "HEAD /bkt/sums", "x-amz-checksum-mode: ENABLED", SPAN(""));
        assert_header(head, sums->header, sums->full);
        assert_header(head, "ETag", SAMPLE_ETAG);
    }
    REPLY bad = world_send(*state, "PUT /bkt/sums",
        "x-amz-copy-source: bkt/src\nx-amz-checksum-algorithm: MD5", SPAN(""));
    assert_code(bad, 400, "InvalidRequest");
}

/* ETag, parts and checksum stay those of the upload, and the copy outlives its source. */
static void test_copy_of_a_multipart_object(void **state)
{
    world_do(*state, "PUT /other/first", "x-amz-copy-source: bkt/multi", NULL);
    world_do(*state, "PUT /other/second", "x-amz-copy-source: other/first", NULL);
    world_do(*state, "DELETE /other/first", NULL, NULL);
    bool more = true;
    for (int i = 0; i < 1000 && more; i++)
        assert_int_equal(
            storage_gc_step(((struct world *)*state)->daemon.store, &more), STORAGE_OK);
    REPLY get = world_send(*state, "GET /other/second", "x-amz-checksum-mode: ENABLED", SPAN(""));
    assert_status(get, 200);
    assert_true(span_eq(get.body, sample.whole));
    assert_header(get, "ETag", SAMPLE_ETAG);
    assert_header(get, "x-amz-checksum-crc32", "IWttmA==-3");
    assert_header(get, "x-amz-checksum-type", "COMPOSITE");
    REPLY part = world_send(*state, "GET /other/second?partNumber=2", NULL, SPAN(""));
    assert_true(span_eq(part.body, sample.parts[1]));
    assert_header(part, "x-amz-mp-parts-count", "3");
}

static void test_source_conditions(void **state)
{
    static const struct {
        const char *headers;
        const char *failed; /* NULL: copied */
    } cases[] = {
        {"x-amz-copy-source-if-match: " ETAG, NULL},
        {"x-amz-copy-source-if-match: " ZERO_ETAG, "x-amz-copy-source-If-Match"},
        {"x-amz-copy-source-if-none-match: " ZERO_ETAG, NULL},
        {"x-amz-copy-source-if-none-match: " ETAG, "x-amz-copy-source-If-None-Match"},
        {"x-amz-copy-source-if-modified-since: " LONG_AGO, NULL},
        {"x-amz-copy-source-if-modified-since: " LATER, NULL},
        {"x-amz-copy-source-if-unmodified-since: " LATER, NULL},
        {"x-amz-copy-source-if-unmodified-since: " LONG_AGO,
            "x-amz-copy-source-If-Unmodified-Since"},
        {"x-amz-copy-source-if-match: " ETAG "\nx-amz-copy-source-if-unmodified-since: " LONG_AGO,
            NULL},
    };
    struct upload upload = upload_begin(*state, "cond", NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char headers[256];
        snprintf(headers, sizeof(headers), "x-amz-copy-source: bkt/src\n%s", cases[i].headers);
        REPLY copy = world_send(*state, "PUT /bkt/cond", headers, SPAN(""));
        REPLY part = upload_copy(*state, &upload, 1, headers);
        if (cases[i].failed == NULL) {
            assert_status(copy, 200);
            assert_status(part, 200);
            continue;
        }
        assert_code(copy, 412, "PreconditionFailed");
        assert_code(part, 412, "PreconditionFailed");
        assert_span(reply_element(&copy, "Condition", 0), cases[i].failed);
        assert_span(reply_element(&part, "Condition", 0), cases[i].failed);
    }
}

static void test_target_conditions(void **state)
{
    static const struct {
        const char *key;
        const char *headers;
        int status;
        const char *code;
    } cases[] = {
        {"fresh", "If-None-Match: *", 200, NULL},
        {"fresh", "If-None-Match: *", 412, "PreconditionFailed"},
        {"fresh", "If-Match: " ZERO_ETAG, 412, "PreconditionFailed"},
        {"fresh", "If-Match: " ETAG, 200, NULL},
        {"absent", "If-Match: " ETAG, 404, "NoSuchKey"},
        {"fresh", "If-Match: *", 501, "NotImplemented"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[64], headers[160];
        snprintf(line, sizeof(line), "PUT /bkt/%s", cases[i].key);
        snprintf(headers, sizeof(headers), "x-amz-copy-source: bkt/src\n%s", cases[i].headers);
        REPLY reply = world_send(*state, line, headers, SPAN(""));
        assert_status(reply, cases[i].status);
        if (cases[i].code != NULL)
            assert_code(reply, cases[i].status, cases[i].code);
    }
}

static void test_bad_sources(void **state)
{
    static const struct {
        const char *source;
        int status;
        const char *code;
    } cases[] = {
        {"bkt/none", 404, "NoSuchKey"},
        {"nobucket/k", 404, "NoSuchBucket"},
        {"bkt", 400, "InvalidArgument"},
        {"", 400, "InvalidArgument"},
        {"bkt/", 400, "InvalidArgument"},
        {"bkt/%zz", 400, "InvalidArgument"},
        {"bkt/src?versionId=what", 400, "InvalidArgument"},
        {"bkt/src?versionId=0000000000ffffff00000000000000ff", 404, "NoSuchVersion"},
    };
    struct upload upload = upload_begin(*state, "bad", NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char header[128];
        snprintf(header, sizeof(header), "x-amz-copy-source: %s", cases[i].source);
        REPLY copy = world_send(*state, "PUT /bkt/bad", header, SPAN(""));
        assert_code(copy, cases[i].status, cases[i].code);
        REPLY part = upload_copy(*state, &upload, 1, header);
        assert_code(part, cases[i].status, cases[i].code);
    }
    REPLY missing = world_send(*state, "PUT /bkt/bad", "x-amz-copy-source: bkt/none", SPAN(""));
    assert_span(reply_element(&missing, "Key", 0), "none");
    REPLY owner = world_send(*state, "PUT /bkt/bad",
        "x-amz-copy-source: bkt/src\nx-amz-source-expected-bucket-owner: 999999999999", SPAN(""));
    assert_code(owner, 403, "AccessDenied");
}

static uint64_t bytes_on_disk(struct world *world)
{
    struct storage_stats stats;
    storage_stats(world->daemon.store, &stats);
    return stats.segment_bytes + stats.file_bytes;
}

/* Ten megabytes are copied, copied in parts and completed, and the store grows by index and log. */
static void test_copies_write_no_bytes(void **state)
{
    uint64_t before = bytes_on_disk(*state);
    for (int i = 0; i < 20; i++)
        world_do(*state, "PUT /other/free", "x-amz-copy-source: bkt/multi", NULL);
    struct upload upload = upload_begin(*state, "free", NULL);
    for (unsigned i = 0; i < 20; i++) {
        REPLY part = upload_copy(*state, &upload, i + 1,
            "x-amz-copy-source: bkt/multi\nx-amz-copy-source-range: bytes=1-6000000");
        assert_status(part, 200);
    }
    REPLY aborted = upload_abort(*state, &upload);
    assert_status(aborted, 204);
    assert_true(bytes_on_disk(*state) - before < 1024 * 1024);
}

/* ---- UploadPartCopy ---- */

static void test_part_of_whole_pieces(void **state)
{
    struct upload upload = upload_begin(*state, "pieces", NULL);
    REPLY one = upload_copy(*state, &upload, 1,
        "x-amz-copy-source: bkt/multi\nx-amz-copy-source-range: bytes=0-5242879");
    assert_status(one, 200);
    assert_has(one, "<CopyPartResult xmlns=");
    assert_span(reply_element(&one, "ETag", 0), sample_parts[0].etag);
    assert_span(reply_element(&one, "ChecksumCRC64NVME", 0), sample_checksums[4].parts[0]);
    REPLY two = upload_copy(*state, &upload, 2,
        "x-amz-copy-source: bkt/multi\nx-amz-copy-source-range: bytes=5242880-10485776");
    assert_span(reply_element(&two, "ETag", 0), sample_parts[1].etag);
    REPLY three = upload_send(*state, &upload, 3, NULL, sample.parts[2]);
    assert_status(three, 200);
    world_do(*state, "PUT /bkt/pieces-src", "x-amz-copy-source: bkt/multi", NULL);
    REPLY done = upload_complete(*state, &upload, NULL,
        PART(1, "c0415a1eb09aacefb8c8270aa426efd2") PART(2, "a192c6c2c45a8087bd45c300cd480409")
            PART(3, "107c68aad4acdd3050ccbf0a6a7f4ce3"));
    assert_status(done, 200);
    assert_span(reply_element(&done, "ETag", 0), SAMPLE_ETAG);
    assert_span(reply_element(&done, "ChecksumCRC64NVME", 0), SAMPLE_CRC64NVME);
    REPLY get = world_send(*state, "GET /bkt/pieces", NULL, SPAN(""));
    assert_true(span_eq(get.body, sample.whole));
}

static void test_part_of_a_range(void **state)
{
    static const struct {
        const char *algo;
        const char *value;
    } cases[] = {
        {"CRC32", "fyYqgQ=="},
        {"CRC32C", "uskwEw=="},
        {"SHA1", "UE88yN3fhc8chLe9qMQq/mwnNgk="},
        {"SHA256", "jXU0IuTjvCVdEy+hAiDL8kbKNOHjqidg4x5dd/C1tvw="},
        {"CRC64NVME", "Z5evzuUAGbs="},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char header[64], element[64];
        snprintf(header, sizeof(header), "x-amz-checksum-algorithm: %s", cases[i].algo);
        snprintf(element, sizeof(element), "Checksum%s", cases[i].algo);
        struct upload upload = upload_begin(*state, "range", header);
        REPLY part = upload_copy(*state, &upload, 1,
            "x-amz-copy-source: bkt/multi\nx-amz-copy-source-range: bytes=1000-2000");
        assert_status(part, 200);
        assert_span(reply_element(&part, "ETag", 0), "\"860c3e984a8304aeb7ebaeaf290938cc\"");
        assert_span(reply_element(&part, element, 0), cases[i].value);
        REPLY done =
            upload_complete(*state, &upload, NULL, PART(1, "860c3e984a8304aeb7ebaeaf290938cc"));
        assert_status(done, 200);
        REPLY get = world_send(*state, "GET /bkt/range", NULL, SPAN(""));
        assert_true(span_eq(get.body, span_first(span_from(sample.whole, 1000), 1001)));
    }
}

/* A range over two pieces, between two copied whole: parts of parts. */
static void test_parts_across_pieces(void **state)
{
    struct upload upload = upload_begin(*state, "across", NULL);
    char etags[3][80];
    static const char *const headers[] = {
        "x-amz-copy-source: bkt/multi\nx-amz-copy-source-range: bytes=100-5242989",
        "x-amz-copy-source: bkt/multi",
        "x-amz-copy-source: bkt/src",
    };
    struct buf parts CLEANUP(buf_free);
    buf_init(&parts, 4096);
    for (unsigned i = 0; i < ARRAY_LEN(headers); i++) {
        REPLY part = upload_copy(*state, &upload, i + 1, headers[i]);
        assert_status(part, 200);
        snprintf(etags[i], sizeof(etags[i]), "%.*s", SPAN_ARG(reply_element(&part, "ETag", 0)));
        buf_addf(
            &parts, "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>", i + 1, etags[i]);
    }
    /* The whole content as one piece has the MD5 of the content, not the source's ETag. */
    assert_string_equal(etags[1], "\"d0d3b35bcf84ef7abfb68abf4300d524\"");
    assert_string_equal(etags[2], ETAG);
    buf_add_char(&parts, '\0');
    REPLY done = upload_complete(*state, &upload, NULL, buf_span(&parts).ptr);
    assert_status(done, 200);
    REPLY get = world_send(*state, "GET /bkt/across", NULL, SPAN(""));
    size_t first = 5242989 - 100 + 1;
    assert_int_equal(get.body.len, first + sample.whole.len + 11);
    assert_true(
        span_eq(span_first(get.body, first), span_first(span_from(sample.whole, 100), first)));
    assert_true(span_eq(span_first(span_from(get.body, first), sample.whole.len), sample.whole));
    assert_span(span_from(get.body, first + sample.whole.len), "hello world");
}

static void test_bad_ranges(void **state)
{
    static const struct {
        const char *range;
        int status;
        const char *message;
    } cases[] = {
        {"bytes=0-11", 400, "Range specified is not valid for source object of size: 11"},
        {"bytes=11-12", 400, "Range specified is not valid for source object of size: 11"},
        {"bytes=5-2", 400, "must be of the form bytes=first-last"},
        {"bytes=-5", 400, "must be of the form bytes=first-last"},
        {"bytes=5-", 400, "must be of the form bytes=first-last"},
        {"0-5", 400, "must be of the form bytes=first-last"},
        {"bytes=0-1,2-3", 400, "must be of the form bytes=first-last"},
        {"bytes=0-10", 200, NULL},
    };
    struct upload upload = upload_begin(*state, "ranges", NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char headers[128];
        snprintf(headers, sizeof(headers),
            "x-amz-copy-source: bkt/src\nx-amz-copy-source-range: %s", cases[i].range);
        REPLY reply = upload_copy(*state, &upload, 1, headers);
        assert_status(reply, cases[i].status);
        if (cases[i].message != NULL) {
            assert_code(reply, 400, "InvalidArgument");
            assert_has(reply, cases[i].message);
            assert_span(reply_element(&reply, "ArgumentName", 0), "x-amz-copy-source-range");
        }
    }
}

static void test_part_checks(void **state)
{
    struct upload upload = upload_begin(*state, "checks", NULL);
    REPLY number = upload_copy(*state, &upload, 10001, "x-amz-copy-source: bkt/src");
    assert_code(number, 400, "InvalidArgument");
    snprintf(upload.id, sizeof(upload.id), "x");
    REPLY gone = upload_copy(*state, &upload, 1, "x-amz-copy-source: bkt/src");
    assert_code(gone, 404, "NoSuchUpload");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_keeps_all_but_class),
        cmocka_unit_test(test_directives),
        cmocka_unit_test(test_onto_itself),
        cmocka_unit_test(test_checksum_algorithms),
        cmocka_unit_test(test_copy_of_a_multipart_object),
        cmocka_unit_test(test_source_conditions),
        cmocka_unit_test(test_target_conditions),
        cmocka_unit_test(test_bad_sources),
        cmocka_unit_test(test_copies_write_no_bytes),
        cmocka_unit_test(test_part_of_whole_pieces),
        cmocka_unit_test(test_part_of_a_range),
        cmocka_unit_test(test_parts_across_pieces),
        cmocka_unit_test(test_bad_ranges),
        cmocka_unit_test(test_part_checks),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
