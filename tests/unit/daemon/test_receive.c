/* Does a body arrive whole, verified and bounded, however it is cut up, and leave nothing behind when it
 * does not? Without HTTP, on a real store. */
#include "base/encode.h"
#include "daemon/daemon.h"
#include "daemon/receive.h"
#include "daemon/staging.h"
#include "daemon/workers.h"

#include <ftw.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
// clang-format off
#include <cmocka.h>
// clang-format on

enum { BODY_MAX_BYTES = 3 * 1024 * 1024, FIELDS_MAX = 8 };

static struct daemon world;
static char dir[] = "/tmp/lakegate-receive-XXXXXX";
static struct bucket_info bucket;
static char *bytes;

static int open_world(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    struct storage_options options = {.dir = dir, .segment_bytes = 8 * 1024 * 1024};
    if (storage_open(&options, &world.store, NULL) != STORAGE_OK)
        return -1;
    world.staging = staging_new(8 * 1024 * 1024);
    world.workers = workers_new(2, 16);
    struct mutation mutation = {.kind = MUTATION_CREATE_BUCKET, .bucket = {.name = SPAN("bucket")}};
    mutation.create_bucket.region = SPAN("us-east-1");
    if (storage_commit(world.store, &mutation) != STORAGE_OK)
        return -1;
    bucket = mutation.bucket_info;
    bytes = malloc(BODY_MAX_BYTES);
    random_bytes(bytes, BODY_MAX_BYTES);
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status, (void)kind, (void)at;
    return remove(path);
}

static int close_world(void **state)
{
    (void)state;
    workers_free(world.workers);
    storage_close(world.store);
    staging_free(world.staging);
    free(bytes);
    return nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static const struct op *op_named(const char *name)
{
    for (size_t i = 0; i < ops_count; i++)
        if (strcmp(ops_table[i].name, name) == 0)
            return &ops_table[i];
    return NULL;
}

static void set_header(struct request *request, struct span name, struct span value)
{
    struct header *items = (struct header *)request->headers.items;
    assert_true(request->headers.count < FIELDS_MAX);
    items[request->headers.count++] = (struct header){name, arena_copy(&request->arena, value)};
}

static void begin(struct request *request, const char *op, enum sigv4_payload payload)
{
    request_init(request, &world);
    request->op = op_named(op);
    request->auth.payload = payload;
    request->headers.items = arena_array(&request->arena, struct header, FIELDS_MAX);
}

static void set_length(struct request *request, struct span name, size_t length)
{
    char text[32];
    snprintf(text, sizeof(text), "%zu", length);
    set_header(request, name, span_str(text));
}

static void wake(void *ctx)
{
    sem_post(ctx);
}

/* Brings the body in pieces, waiting when told to, then ends and stores it. */
static enum s3_err bring(struct request *request, struct span body, size_t piece_bytes)
{
    sem_t woken;
    sem_init(&woken, 0, 0);
    TRY(receive_begin(request));
    while (body.len > 0) {
        struct span piece = span_first(body, piece_bytes);
        size_t given = piece.len;
        bool wait = false;
        TRY(receive_bytes(request, &piece, &wait));
        body = span_from(body, given - piece.len);
        if (wait) {
            receive_wait(request, wake, &woken);
            sem_wait(&woken);
        }
    }
    enum s3_err err = receive_end(request);
    if (receive_busy(request, wake, &woken))
        sem_wait(&woken);
    sem_destroy(&woken);
    return err == S3_OK ? receive_store(request) : err;
}

static void gone(void *ctx)
{
    sem_post(ctx);
}

/* As the server does it: not before the store has stopped writing. */
static void end(struct request *request)
{
    sem_t over;
    sem_init(&over, 0, 0);
    if (receive_busy(request, gone, &over))
        sem_wait(&over);
    request_free(request);
    sem_destroy(&over);
    assert_int_equal(staging_used_bytes(world.staging), 0);
}

/* Commits what was received and reads it back. */
static void assert_stored(struct request *request, struct span expected)
{
    assert_int_equal(request->body.size_bytes, expected.len);
    uint8_t md5[MD5_BYTES];
    md5_of(expected, md5);
    assert_memory_equal(request->body.etag.md5, md5, MD5_BYTES);
    assert_int_equal(request->body.crc64nvme, crc64nvme_update(0, expected));
    struct mutation mutation = {.kind = MUTATION_PUT_OBJECT,
        .bucket = {.id = bucket.id, .name = SPAN("bucket")},
        .key = SPAN("key")};
    mutation.put.stage = TAKE(request->body.stage);
    mutation.put.attributes.etag = request->body.etag;
    mutation.put.attributes.crc64nvme = request->body.crc64nvme;
    assert_int_equal(storage_commit(world.store, &mutation), STORAGE_OK);
    struct object_info info;
    struct blob_reader *reader = NULL;
    assert_int_equal(
        storage_object_open(world.store, bucket.id, SPAN("key"),
            (struct version_ref){.select = VERSION_NEWEST}, &request->arena, &info, &reader),
        STORAGE_OK);
    assert_int_equal(info.size_bytes, expected.len);
    static char block[BLOB_BLOCK_BYTES];
    for (uint64_t at = 0; at < expected.len;) {
        size_t got = 0;
        assert_int_equal(blob_read(reader, at, block, sizeof(block), true, &got), STORAGE_OK);
        assert_memory_equal(block, expected.ptr + at, got);
        at += got;
    }
    blob_close(reader);
}

static void test_sizes_and_pieces(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 5, 262143, 262144, 262145, 1048576, 1048577, 2500001};
    static const size_t pieces[] = {4093, 65536, 1048576};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
            struct request request;
            begin(&request, "put_object", SIGV4_PAYLOAD_UNSIGNED);
            set_length(&request, SPAN("Content-Length"), sizes[i]);
            struct span body = span_of(bytes, sizes[i]);
            assert_int_equal(bring(&request, body, pieces[k]), S3_OK);
            assert_stored(&request, body);
            end(&request);
        }
}

static void test_payload_hash(void **state)
{
    (void)state;
    for (int wrong = 0; wrong < 2; wrong++) {
        struct request request;
        uint8_t sha256[SHA256_BYTES];
        char hex[2 * SHA256_BYTES + 1];
        begin(&request, "put_object", SIGV4_PAYLOAD_HASH);
        set_length(&request, SPAN("content-length"), 1000);
        sha256_of(span_of(bytes, wrong ? 999 : 1000), sha256);
        hex_encode(sha256, SHA256_BYTES, hex);
        request.auth.payload_sha256_hex = span_str(hex);
        assert_int_equal(bring(&request, span_of(bytes, 1000), 100),
            wrong ? S3_ERR_X_AMZ_CONTENT_SHA256_MISMATCH : S3_OK);
        assert_true((request.body.stage != NULL) == !wrong);
        end(&request);
    }
}

static void test_content_md5(void **state)
{
    (void)state;
    static const struct {
        const char *value; /* of "hello" */
        enum s3_err expected;
    } cases[] = {
        {"XUFAKrxLKna5cZ2REBfFkg==", S3_OK},
        {"XUFAKrxLKna5cZ2REBfFkQ==", S3_ERR_BAD_DIGEST},
        {"XUFAKrxLKna5cZ2REBfFkg", S3_ERR_INVALID_DIGEST},
        {"XUFAKrxLKna5cZ2REBfF", S3_ERR_INVALID_DIGEST},
        {"not base64", S3_ERR_INVALID_DIGEST},
        {"", S3_ERR_INVALID_DIGEST},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct request request;
        begin(&request, "put_object", SIGV4_PAYLOAD_UNSIGNED);
        set_length(&request, SPAN("content-length"), 5);
        set_header(&request, SPAN("Content-MD5"), span_str(cases[i].value));
        assert_int_equal(bring(&request, SPAN("hello"), 2), cases[i].expected);
        end(&request);
    }
}

static void test_checksums(void **state)
{
    (void)state;
    static const struct {
        struct span header, right, wrong; /* of "hello" */
    } cases[] = {
        {SPAN("x-amz-checksum-crc32"), SPAN("NhCmhg=="), SPAN("NhCmhw==")},
        {SPAN("x-amz-checksum-crc32c"), SPAN("mnG7TA=="), SPAN("mnG7TQ==")},
        {SPAN("x-amz-checksum-sha1"), SPAN("qvTGHdzF6KLavt4PO0gs2a6pQ00="),
            SPAN("qvTGHdzF6KLavt4PO0gs2a6pQ08=")},
        {SPAN("x-amz-checksum-sha256"), SPAN("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
            SPAN("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCU=")},
        {SPAN("x-amz-checksum-crc64nvme"), SPAN("M3eFcAZSQlc="), SPAN("M3eFcAZSQlY=")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int wrong = 0; wrong < 2; wrong++) {
            struct request request;
            begin(&request, "put_object", SIGV4_PAYLOAD_UNSIGNED);
            set_length(&request, SPAN("content-length"), 5);
            set_header(&request, cases[i].header, wrong ? cases[i].wrong : cases[i].right);
            assert_int_equal(bring(&request, SPAN("hello"), 5), wrong ? S3_ERR_BAD_DIGEST : S3_OK);
            assert_true(wrong || request.body.checksum_asked);
            end(&request);
        }
    struct request request;
    begin(&request, "put_object", SIGV4_PAYLOAD_UNSIGNED);
    set_length(&request, SPAN("content-length"), 5);
    set_header(&request, SPAN("x-amz-checksum-crc32"), SPAN("no base64"));
    assert_int_equal(bring(&request, SPAN("hello"), 5), S3_ERR_INVALID_REQUEST);
    end(&request);
}

/* Unsigned chunks of chunk_bytes with a CRC32 trailer. */
static struct span chunked(
    struct arena *arena, struct span body, size_t chunk_bytes, const char *trailer)
{
    struct buf out;
    buf_init(&out, BODY_MAX_BYTES * 2);
    while (body.len > 0) {
        struct span chunk = span_first(body, chunk_bytes);
        buf_addf(&out, "%zx\r\n", chunk.len);
        buf_add(&out, chunk);
        buf_add_lit(&out, "\r\n");
        body = span_from(body, chunk.len);
    }
    buf_addf(&out, "0\r\n%s\r\n", trailer);
    struct span copy = arena_copy(arena, buf_span(&out));
    buf_free(&out);
    return copy;
}

static void begin_chunked(struct request *request, size_t decoded_bytes)
{
    begin(request, "put_object", SIGV4_PAYLOAD_UNSIGNED_TRAILER);
    set_length(request, SPAN("x-amz-decoded-content-length"), decoded_bytes);
    set_header(request, SPAN("x-amz-trailer"), SPAN("x-amz-checksum-crc32"));
    set_header(request, SPAN("content-length"), SPAN("1"));
}

static void test_chunks_with_a_trailer(void **state)
{
    (void)state;
    static const size_t sizes[] = {5, 100000, 262144, 300000, 2000000};
    static const size_t pieces[] = {1021, 65536, 1048576};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (size_t k = 0; k < ARRAY_LEN(pieces); k++) {
            struct request request;
            struct span body = span_of(bytes, sizes[i]);
            uint32_t crc = crc32_update(0, body);
            uint8_t big[4] = {
                (uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc};
            struct buf trailer;
            buf_init(&trailer, 100);
            buf_add_lit(&trailer, "x-amz-checksum-crc32:");
            base64_encode(&trailer, span_of(big, 4));
            buf_add(&trailer, span_of("\r\n", 3)); /* with its NUL */
            begin_chunked(&request, sizes[i]);
            struct span text = chunked(&request.arena, body, 65536, trailer.ptr);
            assert_int_equal(bring(&request, text, pieces[k]), S3_OK);
            assert_int_equal(request.body.checksum.algo, DIGEST_CRC32);
            assert_memory_equal(request.body.checksum.value, big, 4);
            assert_stored(&request, body); /* none of the framing */
            buf_free(&trailer);
            end(&request);
        }
}

static void test_damaged_chunks(void **state)
{
    (void)state;
    static const struct {
        const char *text; /* declared: 5 bytes and a CRC32 */
        enum s3_err expected;
    } cases[] = {
        {"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", S3_OK},
        {"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhw==\r\n\r\n", S3_ERR_BAD_DIGEST},
        {"5\r\nhello\r\n0\r\n\r\n", S3_ERR_MALFORMED_TRAILER},
        {"5\r\nhello\r\n", S3_ERR_INCOMPLETE_BODY},
        {"4\r\nhell\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", S3_ERR_INCOMPLETE_BODY},
        {"6\r\nhello!\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", S3_ERR_INCOMPLETE_BODY},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t piece = 1; piece < 64; piece += 20) {
            struct request request;
            begin_chunked(&request, 5);
            enum s3_err err = bring(&request, span_str(cases[i].text), piece);
            assert_int_equal(err, cases[i].expected);
            assert_true((request.body.stage != NULL) == (err == S3_OK));
            end(&request);
        }
}

static void test_what_the_head_tells(void **state)
{
    (void)state;
    struct request request;
    begin(&request, "put_object", SIGV4_PAYLOAD_UNSIGNED);
    assert_int_equal(receive_begin(&request), S3_ERR_MISSING_CONTENT_LENGTH);
    end(&request);

    begin(&request, "put_object", SIGV4_PAYLOAD_UNSIGNED_TRAILER);
    set_header(&request, SPAN("content-length"), SPAN("100"));
    assert_int_equal(receive_begin(&request), S3_ERR_MISSING_CONTENT_LENGTH);
    end(&request);

    begin(&request, "put_object", SIGV4_PAYLOAD_UNSIGNED);
    set_header(&request, SPAN("content-length"), SPAN("5368709121"));
    assert_int_equal(receive_begin(&request), S3_ERR_ENTITY_TOO_LARGE);
    end(&request);

    begin(&request, "create_bucket", SIGV4_PAYLOAD_UNSIGNED);
    set_length(&request, SPAN("content-length"), RECEIVE_XML_MAX_BYTES + 1);
    assert_int_equal(receive_begin(&request), S3_ERR_MAX_MESSAGE_LENGTH_EXCEEDED);
    end(&request);

    begin(&request, "delete_objects", SIGV4_PAYLOAD_UNSIGNED);
    set_length(&request, SPAN("content-length"), RECEIVE_XML_MAX_BYTES + 1);
    assert_int_equal(receive_begin(&request), S3_OK);
    end(&request);
}

static void test_xml_of_unknown_length_is_bounded(void **state)
{
    (void)state;
    struct request request;
    begin(&request, "create_bucket", SIGV4_PAYLOAD_UNSIGNED);
    set_header(&request, SPAN("transfer-encoding"), SPAN("chunked"));
    assert_int_equal(bring(&request, SPAN("<a/>"), 3), S3_OK);
    assert_true(span_eq(request.body.text, SPAN("<a/>")));
    end(&request);

    begin(&request, "create_bucket", SIGV4_PAYLOAD_UNSIGNED);
    set_header(&request, SPAN("transfer-encoding"), SPAN("chunked"));
    assert_int_equal(bring(&request, span_of(bytes, RECEIVE_XML_MAX_BYTES + 1), 65536),
        S3_ERR_MAX_MESSAGE_LENGTH_EXCEEDED);
    end(&request);
}

static void test_memory_is_waited_for_in_order(void **state)
{
    (void)state;
    void *taken[32];
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(
            staging_get(world.staging, CLIENT_NOBODY, STAGE_BUFFER_BYTES, &taken[i]), STAGING_OK);
    struct request request;
    sem_t woken;
    sem_init(&woken, 0, 0);
    begin(&request, "put_object", SIGV4_PAYLOAD_UNSIGNED);
    set_length(&request, SPAN("content-length"), 5);
    assert_int_equal(receive_begin(&request), S3_OK);
    struct span body = SPAN("hello");
    bool wait = false;
    assert_int_equal(receive_bytes(&request, &body, &wait), S3_OK);
    assert_true(wait);
    assert_int_equal(body.len, 5);
    receive_wait(&request, wake, &woken);
    void *more = NULL;
    assert_int_not_equal(sem_trywait(&woken), 0);
    staging_put(world.staging, CLIENT_NOBODY, taken[0], STAGE_BUFFER_BYTES);
    assert_int_equal(sem_trywait(&woken), 0);
    /* What is left over is too little for another whole buffer. */
    assert_int_equal(
        staging_get(world.staging, CLIENT_NOBODY, STAGE_BUFFER_BYTES, &more), STAGING_FULL);
    assert_int_equal(receive_bytes(&request, &body, &wait), S3_OK);
    assert_false(wait);
    assert_int_equal(receive_end(&request), S3_OK);
    for (size_t i = 1; i < 32; i++)
        staging_put(world.staging, CLIENT_NOBODY, taken[i], STAGE_BUFFER_BYTES);
    end(&request);
    sem_destroy(&woken);
}

static void test_cut_off_anywhere_leaves_nothing(void **state)
{
    (void)state;
    static const size_t cuts[] = {0, 1, 262144, 262145, 524288, 524289, 800000, 1999999};
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        struct request request;
        begin(&request, "put_object", SIGV4_PAYLOAD_UNSIGNED);
        set_length(&request, SPAN("content-length"), 2000000);
        assert_int_equal(bring(&request, span_of(bytes, cuts[i]), 65536), S3_ERR_INCOMPLETE_BODY);
        assert_null(request.body.stage);
        end(&request);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_and_pieces),
        cmocka_unit_test(test_payload_hash),
        cmocka_unit_test(test_content_md5),
        cmocka_unit_test(test_checksums),
        cmocka_unit_test(test_chunks_with_a_trailer),
        cmocka_unit_test(test_damaged_chunks),
        cmocka_unit_test(test_what_the_head_tells),
        cmocka_unit_test(test_xml_of_unknown_length_is_bounded),
        cmocka_unit_test(test_memory_is_waited_for_in_order),
        cmocka_unit_test(test_cut_off_anywhere_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
