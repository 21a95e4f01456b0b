/* CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload. */
#include "tests/ops/support_object.h"

static struct sample sample;

static int setup(void **state)
{
    world_make(state);
    world_do(*state, "PUT /bkt", NULL, NULL);
    sample_make(&sample);
    return 0;
}

static int teardown(void **state)
{
    sample_free(&sample);
    return world_drop(state);
}

#define ALL_PARTS                                                                                  \
    PART(1, "\"c0415a1eb09aacefb8c8270aa426efd2\"")                                                \
    PART(2, "a192c6c2c45a8087bd45c300cd480409")                                                    \
    PART(3, "&quot;107c68aad4acdd3050ccbf0a6a7f4ce3&quot;")
#define ZERO_ETAG "\"00000000000000000000000000000000\""
#define HELLO_ETAG "\"5eb63bbbe01eeed093cb22bb8f5acdc3\""

static void send_sample(struct world *world, const struct upload *upload, const char *header)
{
    for (unsigned i = 0; i < SAMPLE_PARTS; i++) {
        REPLY reply = upload_send(world, upload, i + 1, header, sample.parts[i]);
        assert_status(reply, 200);
        assert_header(reply, "ETag", sample_parts[i].etag);
    }
}

static void test_whole_way(void **state)
{
    struct upload upload = upload_begin(*state, "whole",
        "Content-Type: text/csv\nx-amz-meta-a: 1\nx-amz-storage-class: STANDARD_IA");
    send_sample(*state, &upload, NULL);
    REPLY before = world_send(*state, "GET /bkt/whole", NULL, SPAN(""));
    assert_code(before, 404, "NoSuchKey");
    REPLY done = upload_complete(
        *state, &upload, "Host: s3.example\nx-amz-mp-object-size: 10498122", ALL_PARTS);
    assert_status(done, 200);
    assert_has(done, "<CompleteMultipartUploadResult xmlns=");
    assert_span(reply_element(&done, "Bucket", 0), "bkt");
    assert_span(reply_element(&done, "Key", 0), "whole");
    assert_span(reply_element(&done, "ETag", 0), SAMPLE_ETAG);
    assert_span(reply_element(&done, "Location", 0), "http://s3.example/bkt/whole");
    assert_span(reply_element(&done, "ChecksumCRC64NVME", 0), SAMPLE_CRC64NVME);
    assert_span(reply_element(&done, "ChecksumType", 0), "FULL_OBJECT");
    REPLY get = world_send(*state, "GET /bkt/whole", "x-amz-checksum-mode: ENABLED", SPAN(""));
    assert_status(get, 200);
    assert_true(span_eq(get.body, sample.whole));
    assert_header(get, "ETag", SAMPLE_ETAG);
    assert_header(get, "Content-Type", "text/csv");
    assert_header(get, "x-amz-meta-a", "1");
    assert_header(get, "x-amz-storage-class", "STANDARD_IA");
    assert_header(get, "x-amz-checksum-crc64nvme", SAMPLE_CRC64NVME);
    assert_header(get, "x-amz-mp-parts-count", NULL);
    REPLY across = world_send(*state, "GET /bkt/whole", "Range: bytes=5242870-5242889", SPAN(""));
    assert_status(across, 206);
    assert_true(span_eq(across.body, span_first(span_from(sample.whole, 5242870), 20)));
}

static void test_parts_can_be_read(void **state)
{
    size_t offset = 0;
    for (unsigned i = 0; i < SAMPLE_PARTS; i++) {
        char line[64], range[96];
        snprintf(line, sizeof(line), "GET /bkt/whole?partNumber=%u", i + 1);
        snprintf(range, sizeof(range), "bytes %zu-%zu/%d", offset, offset + sample.parts[i].len - 1,
            SAMPLE_SIZE_BYTES);
        REPLY get = world_send(*state, line, NULL, SPAN(""));
        assert_status(get, 206);
        assert_true(span_eq(get.body, sample.parts[i]));
        assert_header(get, "Content-Range", range);
        assert_header(get, "x-amz-mp-parts-count", "3");
        assert_header(get, "ETag", SAMPLE_ETAG);
        snprintf(line, sizeof(line), "HEAD /bkt/whole?partNumber=%u", i + 1);
        REPLY head = world_send(*state, line, NULL, SPAN(""));
        assert_status(head, 206);
        assert_int_equal(head.request->response.content_length, sample.parts[i].len);
        assert_header(head, "x-amz-mp-parts-count", "3");
        offset += sample.parts[i].len;
    }
    REPLY beyond = world_send(*state, "GET /bkt/whole?partNumber=4", NULL, SPAN(""));
    assert_code(beyond, 416, "InvalidPartNumber");
    assert_span(reply_element(&beyond, "ActualPartCount", 0), "3");
}

/* Each algorithm, in each type that it may have, against values computed elsewhere. */
static void test_checksums(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(sample_checksums); i++) {
        const struct sample_checksums *sums = &sample_checksums[i];
        bool is_crc = strncmp(sums->algo, "CRC", 3) == 0;
        bool only_full = strcmp(sums->algo, "CRC64NVME") == 0;
        for (int full = 0; full < 2; full++) {
            if ((full && !is_crc) || (!full && only_full))
                continue;
            const char *type = full ? "FULL_OBJECT" : "COMPOSITE";
            const char *value = full ? sums->full : sums->composite;
            char headers[256], element[64], parts[1024];
            snprintf(headers, sizeof(headers),
                "x-amz-checksum-algorithm: %s\nx-amz-checksum-type: %s", sums->algo, type);
            struct upload upload = upload_begin(*state, "sums", headers);
            size_t at = 0;
            for (unsigned k = 0; k < SAMPLE_PARTS; k++) {
                snprintf(headers, sizeof(headers), "%s: %s", sums->header, sums->parts[k]);
                REPLY part = upload_send(*state, &upload, k + 1, headers, sample.parts[k]);
                assert_status(part, 200);
                assert_header(part, sums->header, sums->parts[k]);
                at += (size_t)snprintf(parts + at, sizeof(parts) - at,
                    "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag><Checksum%s>%s</Checksum%s>"
                    "</Part>",
                    k + 1, sample_parts[k].etag, sums->algo, sums->parts[k], sums->algo);
            }
            snprintf(headers, sizeof(headers), "%s: %s\nx-amz-checksum-type: %s", sums->header,
                value, type);
            REPLY done = upload_complete(*state, &upload, headers, parts);
            assert_status(done, 200);
            snprintf(element, sizeof(element), "Checksum%s", sums->algo);
            assert_span(reply_element(&done, element, 0), value);
            assert_span(reply_element(&done, "ChecksumType", 0), type);
            REPLY head =
                world_send(*state, "HEAD /bkt/sums", "x-amz-checksum-mode: ENABLED", SPAN(""));
            assert_header(head, sums->header, value);
            assert_header(head, "x-amz-checksum-type", type);
            REPLY part = world_send(
                *state, "HEAD /bkt/sums?partNumber=2", "x-amz-checksum-mode: ENABLED", SPAN(""));
            assert_header(part, sums->header, sums->parts[1]);
            assert_header(part, "x-amz-checksum-type", type);
        }
    }
}

/* Part 1 is as long as the object, and still not the object: no "-1". */
static void test_checksum_of_an_only_part(void **state)
{
    const char *type = "x-amz-checksum-algorithm: SHA1\nx-amz-checksum-type: COMPOSITE";
    struct upload upload = upload_begin(*state, "only", type);
    REPLY sent = upload_send(*state, &upload, 1,
        "x-amz-checksum-sha1: Kq5sNclPz7QV2+lfQIuc6R7oRu0=", SPAN("hello world"));
    assert_status(sent, 200);
    REPLY done =
        upload_complete(*state, &upload, NULL, PART(1, "5eb63bbbe01eeed093cb22bb8f5acdc3"));
    assert_status(done, 200);
    const char *mode = "x-amz-checksum-mode: ENABLED";
    REPLY part = world_send(*state, "GET /bkt/only?partNumber=1", mode, SPAN(""));
    assert_header(part, "x-amz-checksum-sha1", "Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
    assert_header(part, "x-amz-checksum-type", "COMPOSITE");
    REPLY whole = world_send(*state, "GET /bkt/only", mode, SPAN(""));
    assert_header(whole, "x-amz-checksum-sha1", "Z77PhTCKzwJhdQ2hB1aB7lxBLwU=-1");
}

static void test_checksum_pairs(void **state)
{
    static const struct {
        const char *headers;
        int status;
        const char *shown; /* the type in the response */
    } cases[] = {
        {"x-amz-checksum-algorithm: CRC32", 200, "COMPOSITE"},
        {"x-amz-checksum-algorithm: crc32c", 200, "COMPOSITE"},
        {"x-amz-checksum-algorithm: SHA256", 200, "COMPOSITE"},
        {"x-amz-checksum-algorithm: CRC64NVME", 200, "FULL_OBJECT"},
        {"x-amz-checksum-algorithm: CRC64NVME\nx-amz-checksum-type: COMPOSITE", 400, NULL},
        {"x-amz-checksum-algorithm: SHA1\nx-amz-checksum-type: FULL_OBJECT", 400, NULL},
        {"x-amz-checksum-algorithm: SHA256\nx-amz-checksum-type: FULL_OBJECT", 400, NULL},
        {"x-amz-checksum-algorithm: MD5", 400, NULL},
        {"x-amz-checksum-algorithm: CRC32\nx-amz-checksum-type: HALF", 400, NULL},
        {"x-amz-checksum-type: FULL_OBJECT", 400, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        REPLY reply = world_send(*state, "POST /bkt/pair?uploads", cases[i].headers, SPAN(""));
        assert_status(reply, cases[i].status);
        if (cases[i].status == 400)
            assert_code(reply, 400, "InvalidRequest");
        else
            assert_header(reply, "x-amz-checksum-type", cases[i].shown);
    }
}

static void test_part_with_another_algorithm(void **state)
{
    struct upload upload = upload_begin(*state, "algo", "x-amz-checksum-algorithm: CRC32");
    REPLY none = upload_send(*state, &upload, 1, NULL, SPAN("hello world"));
    assert_code(none, 400, "InvalidRequest");
    assert_has(none, "expected checksum Type: crc32, actual checksum Type: null");
    REPLY other = upload_send(*state, &upload, 1,
        "x-amz-checksum-sha1: Kq5sNclPz7QV2+lfQIuc6R7oRu0=", SPAN("hello world"));
    assert_code(other, 400, "InvalidRequest");
    assert_has(other, "expected checksum Type: crc32, actual checksum Type: sha1");
    REPLY wrong =
        upload_send(*state, &upload, 1, "x-amz-checksum-crc32: AAAAAA==", SPAN("hello world"));
    assert_code(wrong, 400, "BadDigest");
    REPLY good =
        upload_send(*state, &upload, 1, "x-amz-checksum-crc32: DUoRhQ==", SPAN("hello world"));
    assert_status(good, 200);

    struct upload crc64 = upload_begin(*state, "algo", "x-amz-checksum-algorithm: CRC64NVME");
    REPLY computed = upload_send(*state, &crc64, 1, NULL, SPAN("hello world"));
    assert_status(computed, 200);
    assert_header(computed, "x-amz-checksum-crc64nvme", "jSnVw/bqjr4=");

    struct upload plain = upload_begin(*state, "algo", NULL);
    REPLY any =
        upload_send(*state, &plain, 1, "x-amz-checksum-crc32: DUoRhQ==", SPAN("hello world"));
    assert_status(any, 200);
    assert_header(any, "x-amz-checksum-crc32", "DUoRhQ==");
    REPLY done = upload_complete(*state, &plain, NULL,
        "<Part><PartNumber>1</PartNumber><ETag>" HELLO_ETAG
        "</ETag><ChecksumCRC32>DUoRhQ==</ChecksumCRC32></Part>");
    assert_status(done, 200);
    assert_span(reply_element(&done, "ChecksumCRC64NVME", 0), "jSnVw/bqjr4=");
}

static void test_part_numbers(void **state)
{
    struct upload upload = upload_begin(*state, "numbers", NULL);
    static const struct {
        const char *number;
        int status;
    } cases[] = {{"0", 400}, {"-1", 400}, {"10001", 400}, {"x", 400}, {"", 400}, {"1", 200},
        {"10000", 200}, {"99999999999999999999999", 400}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char line[256];
        snprintf(line, sizeof(line), "PUT /bkt/numbers?partNumber=%s&uploadId=%s", cases[i].number,
            upload.id);
        REPLY reply = world_send(*state, line, NULL, SPAN("x"));
        assert_status(reply, cases[i].status);
        if (cases[i].status == 400) {
            assert_code(reply, 400, "InvalidArgument");
            assert_has(reply, "Part number must be an integer between 1 and 10000, inclusive");
            assert_span(reply_element(&reply, "ArgumentName", 0), "partNumber");
        }
    }
}

static void test_no_such_upload(void **state)
{
    struct upload upload = upload_begin(*state, "gone", NULL);
    struct upload elsewhere = upload;
    elsewhere.key = "other";
    REPLY other_key = upload_send(*state, &elsewhere, 1, NULL, SPAN("x"));
    assert_code(other_key, 404, "NoSuchUpload");
    assert_span(reply_element(&other_key, "UploadId", 0), upload.id);
    REPLY part = upload_send(*state, &upload, 1, NULL, SPAN("x"));
    assert_status(part, 200);
    REPLY aborted = upload_abort(*state, &upload);
    assert_status(aborted, 204);
    REPLY late = upload_send(*state, &upload, 2, NULL, SPAN("x"));
    assert_code(late, 404, "NoSuchUpload");
    REPLY twice = upload_abort(*state, &upload);
    assert_code(twice, 404, "NoSuchUpload");
    REPLY done = upload_complete(*state, &upload, NULL, PART(1, ZERO_ETAG));
    assert_code(done, 404, "NoSuchUpload");
    static const char *const ids[] = {"", "x", "00000000000000000000000000000000"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        snprintf(upload.id, sizeof(upload.id), "%s", ids[i]);
        REPLY bad = upload_send(*state, &upload, 1, NULL, SPAN("x"));
        assert_code(bad, 404, "NoSuchUpload");
    }
    REPLY conditional = world_send(*state, "DELETE /bkt/gone?uploadId=x",
        "x-amz-if-match-initiated-time: Sun, 06 Nov 1994 08:49:37 GMT", SPAN(""));
    assert_code(conditional, 501, "NotImplemented");
}

static void test_refused_lists(void **state)
{
    struct upload upload = upload_begin(*state, "refused", NULL);
    send_sample(*state, &upload, NULL);
    REPLY small = upload_send(*state, &upload, 5, NULL, SPAN("hello world"));
    assert_status(small, 200);
    static const struct {
        const char *parts;
        const char *code;
        const char *field;
    } cases[] = {
        {"", "MalformedXML", NULL},
        {"<Part><PartNumber>1</PartNumber></Part>", "MalformedXML", NULL},
        {"<Part><PartNumber>x</PartNumber><ETag>a</ETag></Part>", "MalformedXML", NULL},
        {PART(3, ZERO_ETAG) PART(1, ZERO_ETAG), "InvalidPartOrder", "<UploadId>"},
        {PART(1, ZERO_ETAG) PART(1, ZERO_ETAG), "InvalidPartOrder", NULL},
        {PART(4, ZERO_ETAG), "InvalidPart", "<PartNumber>4</PartNumber>"},
        {PART(1, ZERO_ETAG), "InvalidPart", "<ETag>00000000000000000000000000000000</ETag>"},
        {PART(1, "nonsense"), "InvalidPart", "<PartNumber>1</PartNumber>"},
        {PART(5, HELLO_ETAG) PART(10000, ZERO_ETAG), "EntityTooSmall",
            "<ProposedSize>11</ProposedSize><MinSizeAllowed>5242880</MinSizeAllowed>"
            "<PartNumber>5</PartNumber><ETag>5eb63bbbe01eeed093cb22bb8f5acdc3</ETag>"},
        {"<Part><PartNumber>5</PartNumber><ETag>" HELLO_ETAG
         "</ETag><ChecksumCRC32>DUoRhQ==</ChecksumCRC32></Part>",
            "InvalidPart", NULL},
        {"<Part><PartNumber>5</PartNumber><ETag>" HELLO_ETAG
         "</ETag><ChecksumCRC64NVME>AAAAAAAAAAA=</ChecksumCRC64NVME></Part>",
            "InvalidPart", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        REPLY reply = upload_complete(*state, &upload, NULL, cases[i].parts);
        assert_code(reply, 400, cases[i].code);
        if (cases[i].field != NULL)
            assert_has(reply, cases[i].field);
    }
    static const struct {
        const char *headers;
        int status;
        const char *code;
    } claims[] = {
        {"x-amz-mp-object-size: 1", 400, "InvalidRequest"},
        {"x-amz-mp-object-size: x", 400, "InvalidRequest"},
        {"x-amz-checksum-type: COMPOSITE", 400, "InvalidRequest"},
        {"x-amz-checksum-type: HALF", 400, "InvalidRequest"},
        {"x-amz-checksum-crc64nvme: AAAAAAAAAAA=", 400, "BadDigest"},
        {"x-amz-checksum-crc64nvme: x", 400, "InvalidRequest"},
        {"x-amz-checksum-crc32: Ki38fA==", 400, "InvalidRequest"},
        {"x-amz-checksum-crc32: Ki38fA==\nx-amz-checksum-crc32c: WquXkA==", 400, "InvalidRequest"},
        {"If-Match: " ZERO_ETAG, 404, "NoSuchKey"},
        {"If-None-Match: " ZERO_ETAG, 501, "NotImplemented"},
    };
    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        REPLY reply = upload_complete(*state, &upload, claims[i].headers, ALL_PARTS);
        assert_code(reply, claims[i].status, claims[i].code);
    }
    REPLY still = upload_complete(*state, &upload, NULL, ALL_PARTS);
    assert_status(still, 200);
}

/* More part numbers than an upload can have cost no more than reading the body. */
static void test_too_many_parts(void **state)
{
    enum { COUNT = 100000 };
    struct upload upload = upload_begin(*state, "many", NULL);
    struct buf parts CLEANUP(buf_free);
    buf_init(&parts, 16 * 1024 * 1024);
    for (int i = 1; i <= COUNT; i++)
        buf_add_lit(&parts, "<Part><PartNumber>1</PartNumber></Part>");
    buf_add_char(&parts, '\0');
    REPLY reply = upload_complete(*state, &upload, NULL, buf_span(&parts).ptr);
    assert_status(reply, 400);
    buf_clear(&parts);
    for (int i = 1; i <= 10001; i++)
        buf_addf(&parts, "<Part><PartNumber>%d</PartNumber><ETag>x</ETag></Part>", i);
    buf_add_char(&parts, '\0');
    REPLY over = upload_complete(*state, &upload, NULL, buf_span(&parts).ptr);
    assert_code(over, 400, "MalformedXML");
}

static void test_unchosen_and_replaced_parts(void **state)
{
    struct upload upload = upload_begin(*state, "chosen", NULL);
    send_sample(*state, &upload, NULL);
    REPLY replaced = upload_send(*state, &upload, 2, NULL, SPAN("hello world"));
    assert_status(replaced, 200);
    REPLY stale = upload_complete(*state, &upload, NULL, ALL_PARTS);
    assert_code(stale, 400, "InvalidPart");
    REPLY done = upload_complete(*state, &upload, NULL,
        PART(1, "c0415a1eb09aacefb8c8270aa426efd2") PART(3, "107c68aad4acdd3050ccbf0a6a7f4ce3"));
    assert_status(done, 200);
    assert_span(reply_element(&done, "ETag", 0), "\"62e5fff2b474ee72ff479583e67f55e7-2\"");
    assert_span(reply_element(&done, "ChecksumCRC64NVME", 0), "/ZFlLpmXsUs=");
    REPLY get = world_send(*state, "GET /bkt/chosen", NULL, SPAN(""));
    assert_int_equal(get.body.len, sample.parts[0].len + sample.parts[2].len);
    assert_true(span_eq(span_from(get.body, sample.parts[0].len), sample.parts[2]));
    REPLY part = world_send(*state, "GET /bkt/chosen?partNumber=3", NULL, SPAN(""));
    assert_true(span_eq(part.body, sample.parts[2]));
    REPLY dropped = world_send(*state, "GET /bkt/chosen?partNumber=2", NULL, SPAN(""));
    assert_code(dropped, 416, "InvalidPartNumber");
}

static void test_one_small_part_and_an_empty_one(void **state)
{
    struct upload upload = upload_begin(*state, "one", NULL);
    REPLY part = upload_send(*state, &upload, 7, NULL, SPAN("hello world"));
    assert_status(part, 200);
    REPLY done = upload_complete(*state, &upload, NULL, PART(7, HELLO_ETAG));
    assert_status(done, 200);
    /* md5 of the MD5 */
    assert_span(reply_element(&done, "ETag", 0), "\"241d8a27c836427bd7f04461b60e7359-1\"");
    struct upload empty = upload_begin(*state, "nothing", NULL);
    REPLY none = upload_send(*state, &empty, 1, NULL, SPAN(""));
    assert_status(none, 200);
    REPLY nothing =
        upload_complete(*state, &empty, NULL, PART(1, "d41d8cd98f00b204e9800998ecf8427e"));
    assert_status(nothing, 200);
    REPLY get = world_send(*state, "GET /bkt/nothing", NULL, SPAN(""));
    assert_status(get, 200);
    assert_int_equal(get.body.len, 0);
}

static void test_complete_again(void **state)
{
    struct upload upload = upload_begin(*state, "again", "x-amz-checksum-algorithm: CRC64NVME");
    send_sample(*state, &upload, NULL);
    for (int i = 0; i < 3; i++) {
        if (i == 2)
            world_reopen(*state);
        REPLY done = upload_complete(*state, &upload, "If-None-Match: *", ALL_PARTS);
        assert_status(done, 200);
        assert_span(reply_element(&done, "ETag", 0), SAMPLE_ETAG);
        assert_span(reply_element(&done, "ChecksumCRC64NVME", 0), SAMPLE_CRC64NVME);
    }
    REPLY other = upload_complete(*state, &upload, NULL, PART(1, HELLO_ETAG));
    assert_code(other, 404, "NoSuchUpload");
    REPLY part = upload_send(*state, &upload, 4, NULL, SPAN("x"));
    assert_code(part, 404, "NoSuchUpload");
}

static void test_conditional_complete(void **state)
{
    world_do(*state, "PUT /bkt/cond", NULL, "hello world");
    struct upload upload = upload_begin(*state, "cond", NULL);
    send_sample(*state, &upload, NULL);
    REPLY exists = upload_complete(*state, &upload, "If-None-Match: *", ALL_PARTS);
    assert_code(exists, 412, "PreconditionFailed");
    assert_span(reply_element(&exists, "Condition", 0), "If-None-Match");
    REPLY other = upload_complete(*state, &upload, "If-Match: " ZERO_ETAG, ALL_PARTS);
    assert_code(other, 412, "PreconditionFailed");
    REPLY good = upload_complete(*state, &upload, "If-Match: " HELLO_ETAG, ALL_PARTS);
    assert_status(good, 200);
}

static void test_refused_at_creation(void **state)
{
    static const struct {
        const char *headers;
        int status;
        const char *code;
    } cases[] = {
        {"x-amz-storage-class: GLACIER", 400, "InvalidStorageClass"},
        {"x-amz-tagging: a=b&a=c", 400, "InvalidArgument"},
        {"x-amz-server-side-encryption: AES256", 501, "NotImplemented"},
        {"x-amz-acl: public-read", 400, "AccessControlListNotSupported"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        REPLY reply = world_send(*state, "POST /bkt/k?uploads", cases[i].headers, SPAN(""));
        assert_code(reply, cases[i].status, cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_way),
        cmocka_unit_test(test_parts_can_be_read),
        cmocka_unit_test(test_checksums),
        cmocka_unit_test(test_checksum_of_an_only_part),
        cmocka_unit_test(test_checksum_pairs),
        cmocka_unit_test(test_part_with_another_algorithm),
        cmocka_unit_test(test_part_numbers),
        cmocka_unit_test(test_no_such_upload),
        cmocka_unit_test(test_refused_lists),
        cmocka_unit_test(test_too_many_parts),
        cmocka_unit_test(test_unchosen_and_replaced_parts),
        cmocka_unit_test(test_one_small_part_and_an_empty_one),
        cmocka_unit_test(test_complete_again),
        cmocka_unit_test(test_conditional_complete),
        cmocka_unit_test(test_refused_at_creation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
