#include "aws_chunked.h"
#include "base/buf.h"
#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { EXAMPLE_BYTES = 65536 + 1024, BODY_MAX_BYTES = 1 << 20 };

static const char secret[] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

static struct sigv4_auth example_auth(const char *seed)
{
    return (struct sigv4_auth){.kind = SIGV4_HEADER,
        .date = SPAN("20130524"),
        .region = SPAN("us-east-1"),
        .service = SPAN("s3"),
        .timestamp = SPAN("20130524T000000Z"),
        .signature = span_str(seed)};
}

static struct aws_chunked *example_decoder(enum sigv4_payload payload, const char *seed,
    uint64_t decoded_length, const char *trailer_names)
{
    uint8_t key[SHA256_BYTES];
    struct sigv4_auth auth = example_auth(seed);
    sigv4_signing_key(span_str(secret), auth.date, auth.region, auth.service, key);
    struct aws_chunked *decoder =
        aws_chunked_new(payload, &auth, key, decoded_length, span_str(trailer_names));
    assert_non_null(decoder);
    return decoder;
}

/* Feeds one piece; counts the decoded bytes, appends them to out when it is given. */
static enum s3_err feed(
    struct aws_chunked *decoder, struct span piece, struct buf *out, size_t *count)
{
    while (piece.len > 0) {
        struct span decoded;
        const char *begin = piece.ptr, *end = piece.ptr + piece.len;
        TRY(aws_chunked_next(decoder, &piece, &decoded));
        if (decoded.len > 0)
            assert_true(decoded.ptr >= begin && decoded.ptr + decoded.len <= end);
        *count += decoded.len;
        if (out != NULL)
            buf_add(out, decoded);
    }
    return S3_OK;
}

/* In two pieces. */
static enum s3_err decode_split(
    struct aws_chunked *decoder, struct span body, size_t split, struct buf *out, size_t *count)
{
    enum s3_err err = feed(decoder, span_first(body, split), out, count);
    if (err == S3_OK)
        err = feed(decoder, span_from(body, split), out, count);
    if (err != S3_OK) {
        assert_int_equal(aws_chunked_finish(decoder), err);
        return err;
    }
    return aws_chunked_finish(decoder);
}

static void add_repeated(struct buf *body, char c, size_t count)
{
    char *to = buf_reserve(body, count);
    assert_non_null(to);
    memset(to, c, count);
    buf_commit(body, count);
}

struct aws_example {
    enum sigv4_payload payload;
    const char *seed, *chunk_1, *chunk_2, *chunk_3, *tail, *trailer_names;
};

/* src: Amazon S3 API Reference, "… Transferring Payload in Multiple Chunks" and "… Including
 * Trailing Headers": 65,536 and 1,024 letters a */
static const struct aws_example aws_examples[] = {
    {SIGV4_PAYLOAD_CHUNKED, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        "\r\n", NULL},
    {SIGV4_PAYLOAD_CHUNKED_TRAILER,
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:"
        "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
        "x-amz-checksum-crc32c"},
};

static void write_example(struct buf *body, const struct aws_example *example)
{
    buf_init(body, BODY_MAX_BYTES);
    buf_addf(body, "%s\r\n", example->chunk_1);
    add_repeated(body, 'a', 65536);
    buf_addf(body, "\r\n%s\r\n", example->chunk_2);
    add_repeated(body, 'a', 1024);
    buf_addf(body, "\r\n%s\r\n%s", example->chunk_3, example->tail);
    assert_true(buf_ok(body));
}

static void check_example_split(const struct aws_example *example, struct span body, size_t split)
{
    size_t count = 0;
    struct aws_chunked *decoder =
        example_decoder(example->payload, example->seed, EXAMPLE_BYTES, example->trailer_names);
    enum s3_err err = decode_split(decoder, body, split, NULL, &count);
    if (err != S3_OK || count != EXAMPLE_BYTES)
        fail_msg("split at %zu: %s, %zu bytes", split, s3_err_info(err)->code, count);
    if (example->trailer_names != NULL)
        assert_true(
            span_eq(header_find(aws_chunked_trailers(decoder), SPAN("x-amz-checksum-crc32c")),
                SPAN("sOO8/Q==")));
    aws_chunked_free(decoder);
}

/* Split at every byte of the framing and at many of the data, and fed byte by byte. */
static void aws_examples_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(aws_examples); i++) {
        struct buf body;
        size_t count = 0;
        write_example(&body, &aws_examples[i]);
        for (size_t split = 0; split <= body.len; split++)
            if (split < 100 || split > 65536 + 1024 + 80 || (split > 65600 && split < 65740) ||
                split % 1009 == 0)
                check_example_split(&aws_examples[i], buf_span(&body), split);
        struct aws_chunked *decoder = example_decoder(aws_examples[i].payload, aws_examples[i].seed,
            EXAMPLE_BYTES, aws_examples[i].trailer_names);
        for (size_t j = 0; j < body.len; j++)
            assert_int_equal(feed(decoder, span_of(body.ptr + j, 1), NULL, &count), S3_OK);
        assert_int_equal(aws_chunked_finish(decoder), S3_OK);
        assert_int_equal(aws_chunked_finish(decoder), S3_OK);
        assert_int_equal(count, EXAMPLE_BYTES);
        aws_chunked_free(decoder);
        buf_free(&body);
    }
}

/* One flipped bit anywhere that matters is found. */
static void flipped_bits_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(aws_examples); i++) {
        struct buf body;
        write_example(&body, &aws_examples[i]);
        size_t tail_at = body.len - strlen(aws_examples[i].tail);
        size_t end = i == 0 ? tail_at - 2 : body.len - 4; /* the last line ends are not signed */
        for (size_t at = 0; at<end; at += at> 100 && at < 65500 ? 1009 : 1) {
            size_t count = 0;
            struct aws_chunked *decoder = example_decoder(aws_examples[i].payload,
                aws_examples[i].seed, EXAMPLE_BYTES, aws_examples[i].trailer_names);
            body.ptr[at] ^= 1;
            enum s3_err err = decode_split(decoder, buf_span(&body), body.len, NULL, &count);
            /* Names and line ends of trailers are read leniently, so only what they mean counts. */
            struct span trailer =
                header_find(aws_chunked_trailers(decoder), SPAN("x-amz-checksum-crc32c"));
            if (err == S3_OK && !(i == 1 && span_eq(trailer, SPAN("sOO8/Q=="))))
                fail_msg("example %zu: bit at %zu not found", i, at);
            body.ptr[at] ^= 1;
            aws_chunked_free(decoder);
        }
        buf_free(&body);
    }
}

static void truncated_bodies_are_incomplete(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(aws_examples); i++) {
        struct buf body;
        write_example(&body, &aws_examples[i]);
        size_t tail_at = body.len - strlen(aws_examples[i].tail);
        for (size_t len = 0; len<tail_at; len += len> 100 && len < 66500 ? 499 : 1) {
            size_t count = 0;
            struct aws_chunked *decoder = example_decoder(aws_examples[i].payload,
                aws_examples[i].seed, EXAMPLE_BYTES, aws_examples[i].trailer_names);
            assert_int_equal(
                decode_split(decoder, span_first(buf_span(&body), len), len / 2, NULL, &count),
                S3_ERR_INCOMPLETE_BODY);
            assert_int_equal(aws_chunked_trailers(decoder)->count, 0);
            aws_chunked_free(decoder);
        }
        buf_free(&body);
    }
}

#define NAMES "x-amz-checksum-crc32"

static const struct unsigned_case {
    const char *body, *trailer_names;
    uint64_t decoded_length;
    enum s3_err err;
    const char *decoded, *trailer;
} unsigned_cases[] = {
    {"5\r\nhello\r\n0\r\n\r\n", NULL, 5, S3_OK, "hello", NULL},
    {"5\r\nhello\r\n0\r\n", NULL, 5, S3_OK, "hello", NULL},
    {"0\r\n\r\n", NULL, 0, S3_OK, "", NULL},
    {"005\r\nhello\r\n000\r\n\r\n", NULL, 5, S3_OK, "hello", NULL},
    {"A\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n", NULL, 11, S3_OK, "0123456789a", NULL},
    {"2\r\n\r\n\r\n0\r\n\r\n", NULL, 2, S3_OK, "\r\n", NULL},
    {"1\r\nh\r\n4\r\nello\r\n0\r\n" NAMES ":NhCmhg==\r\n\r\n", NAMES, 5, S3_OK, "hello",
        "NhCmhg=="},
    {"5\r\nhello\r\n0\r\n" NAMES ":NhCmhg==\r\n", NAMES, 5, S3_OK, "hello", "NhCmhg=="},
    {"5\r\nhello\r\n0\r\n" NAMES ":NhCmhg==", NAMES, 5, S3_OK, "hello", "NhCmhg=="},
    {"5\r\nhello\r\n0\r\n" NAMES ":NhCmhg==\n\r\n\r\n", NAMES, 5, S3_OK, "hello", "NhCmhg=="},
    {"5\r\nhello\r\n0\r\n\r\n" NAMES ":NhCmhg==\r\n", NAMES, 5, S3_OK, "hello", "NhCmhg=="},
    {"5\r\nhello\r\n0\r\nX-Amz-Checksum-CRC32: \tNhCmhg== \r\n\r\n", " X-Amz-Checksum-Crc32 , ", 5,
        S3_OK, "hello", "NhCmhg=="},
    {"5\r\nhello\r\n0\r\n\r\n", NAMES, 5, S3_ERR_MALFORMED_TRAILER, "hello", NULL},
    {"5\r\nhello\r\n0\r\n" NAMES ":a\r\n\r\n", NULL, 5, S3_ERR_MALFORMED_TRAILER, "hello", NULL},
    {"5\r\nhello\r\n0\r\nother:a\r\n\r\n", NAMES, 5, S3_ERR_MALFORMED_TRAILER, "hello", NULL},
    {"5\r\nhello\r\n0\r\n" NAMES "\r\n\r\n", NAMES, 5, S3_ERR_MALFORMED_TRAILER, "hello", NULL},
    {"5\r\nhello\r\n0\r\n:a\r\n\r\n", NAMES, 5, S3_ERR_MALFORMED_TRAILER, "hello", NULL},
    {"5\r\nhello\r\n0\r\n" NAMES ":a\r\n" NAMES ":a\r\n", NAMES, 5, S3_ERR_MALFORMED_TRAILER,
        "hello", NULL},
    {"5\r\nhello\r\n0\r\n\r\n", NULL, 6, S3_ERR_INCOMPLETE_BODY, "hello", NULL},
    {"5\r\nhello\r\n0\r\n\r\n", NULL, 4, S3_ERR_INCOMPLETE_BODY, "", NULL},
    {"5\r\nhello\r\n", NULL, 5, S3_ERR_INCOMPLETE_BODY, "hello", NULL},
    {"5\r\nhel", NULL, 5, S3_ERR_INCOMPLETE_BODY, "hel", NULL},
    {"", NULL, 0, S3_ERR_INCOMPLETE_BODY, "", NULL},
    {"5;name=value\r\nhello\r\n0\r\n\r\n", NULL, 5, S3_ERR_INVALID_ARGUMENT, "", NULL},
    {"5\nhello\n0\n\n", NULL, 5, S3_ERR_INVALID_ARGUMENT, "", NULL},
    {"5\r\nhelloX\r\n0\r\n\r\n", NULL, 5, S3_ERR_INVALID_ARGUMENT, "hello", NULL},
    {"5\r\nhello\r\r\n0\r\n\r\n", NULL, 5, S3_ERR_INVALID_ARGUMENT, "hello", NULL},
    {"\r\n", NULL, 0, S3_ERR_INVALID_ARGUMENT, "", NULL},
    {"x\r\n", NULL, 0, S3_ERR_INVALID_ARGUMENT, "", NULL},
    {"-1\r\n", NULL, 0, S3_ERR_INVALID_ARGUMENT, "", NULL},
    {"0x5\r\nhello", NULL, 5, S3_ERR_INVALID_ARGUMENT, "", NULL},
    {" 5\r\nhello", NULL, 5, S3_ERR_INVALID_ARGUMENT, "", NULL},
    {"ffffffffffffffff\r\nhello", NULL, 5, S3_ERR_INCOMPLETE_BODY, "", NULL},
    {"10000000000000005\r\nhello", NULL, 5, S3_ERR_INVALID_ARGUMENT, "", NULL},
    {"fffffffffffffffffffffffffffffffffffff\r\n", NULL, 5, S3_ERR_INVALID_ARGUMENT, "", NULL},
};

static void unsigned_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unsigned_cases); i++) {
        const struct unsigned_case *c = &unsigned_cases[i];
        struct span body = span_str(c->body);
        for (size_t split = 0; split <= body.len; split++) {
            struct buf out;
            size_t count = 0;
            buf_init(&out, BODY_MAX_BYTES);
            struct aws_chunked *decoder = aws_chunked_new(SIGV4_PAYLOAD_UNSIGNED_TRAILER, NULL,
                NULL, c->decoded_length, span_str(c->trailer_names));
            assert_non_null(decoder);
            enum s3_err err = decode_split(decoder, body, split, &out, &count);
            if (err != c->err || !span_eq(buf_span(&out), span_str(c->decoded)))
                fail_msg("%s split at %zu: %s, '%.*s'", c->body, split, s3_err_info(err)->code,
                    SPAN_ARG(buf_span(&out)));
            if (c->trailer != NULL) {
                const struct header_list *list = aws_chunked_trailers(decoder);
                assert_int_equal(list->count, 1);
                assert_true(span_eq(list->items[0].name, SPAN(NAMES)));
                assert_true(span_eq(list->items[0].value, span_str(c->trailer)));
            }
            aws_chunked_free(decoder);
            buf_free(&out);
        }
    }
}

/* A signer of one's own, to make bodies that no document shows. */
struct chunk_signer {
    uint8_t key[SHA256_BYTES];
    char previous[SIGV4_HEX_BYTES + 1];
    struct buf body;
};

static const char zero_seed[] = "0000000000000000000000000000000000000000000000000000000000000000";

static void signer_init(struct chunk_signer *signer)
{
    sigv4_signing_key(
        span_str(secret), SPAN("20130524"), SPAN("us-east-1"), SPAN("s3"), signer->key);
    memcpy(signer->previous, zero_seed, sizeof(zero_seed));
    buf_init(&signer->body, BODY_MAX_BYTES);
}

static void sign_next(
    struct chunk_signer *signer, const char *kind, const char *empty, struct span text)
{
    uint8_t hash[SHA256_BYTES];
    char hex[SIGV4_HEX_BYTES + 1];
    struct buf to_sign;
    sha256_of(text, hash);
    hex_encode(hash, sizeof(hash), hex);
    buf_init(&to_sign, 4096);
    buf_addf(&to_sign, "%s\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n%s\n%s%s", kind,
        signer->previous, empty, hex);
    sigv4_sign(signer->key, buf_span(&to_sign), signer->previous);
    buf_free(&to_sign);
}

static void sign_chunk(struct chunk_signer *signer, struct span data)
{
    sign_next(signer, "AWS4-HMAC-SHA256-PAYLOAD",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n", data);
    buf_addf(&signer->body, "%zx;chunk-signature=%s\r\n", data.len, signer->previous);
    buf_add(&signer->body, data);
    if (data.len > 0)
        buf_add_lit(&signer->body, "\r\n");
}

static void small_signed_chunks_must_be_last(void **state)
{
    (void)state;
    static char data[8192];
    static const struct {
        size_t sizes[3];
        enum s3_err err;
    } cases[] = {
        {{8192, 1, 0}, S3_OK},
        {{1, 0, 0}, S3_OK},
        {{8192, 8192, 0}, S3_OK},
        {{8191, 1, 0}, S3_ERR_INVALID_CHUNK_SIZE},
        {{8192, 5, 5}, S3_ERR_INVALID_CHUNK_SIZE},
    };
    memset(data, 'd', sizeof(data));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chunk_signer signer;
        size_t count = 0, total = 0;
        signer_init(&signer);
        for (size_t j = 0; j < 3 && cases[i].sizes[j] > 0; j++) {
            sign_chunk(&signer, span_of(data, cases[i].sizes[j]));
            total += cases[i].sizes[j];
        }
        sign_chunk(&signer, SPAN(""));
        buf_add_lit(&signer.body, "\r\n");
        struct aws_chunked *decoder =
            example_decoder(SIGV4_PAYLOAD_CHUNKED, zero_seed, total, NULL);
        assert_int_equal(
            decode_split(decoder, buf_span(&signer.body), 10, NULL, &count), cases[i].err);
        aws_chunked_free(decoder);
        buf_free(&signer.body);
    }
}

/* Trailers are signed in the order of their names, and each form of line ends is taken. */
static void signed_trailers_take_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *before_signature, *after_signature;
        enum s3_err err;
    } cases[] = {
        {"x-amz-meta-b:2\r\nx-amz-checksum-crc32:1\r\n", "\r\n\r\n", S3_OK},
        {"x-amz-checksum-crc32:1\r\nx-amz-meta-b:2\r\n", "", S3_OK},
        {"x-amz-checksum-crc32:1\nx-amz-meta-b:2\n\r\n", "\r\n\r\n", S3_OK},
        {"\r\nX-Amz-Checksum-CRC32: 1 \r\nx-amz-meta-b:2\r\n", "\r\n", S3_OK},
        {"x-amz-checksum-crc32:1\r\nx-amz-meta-b:3\r\n", "\r\n", S3_ERR_SIGNATURE_DOES_NOT_MATCH},
        {"x-amz-checksum-crc32:1\r\n", "\r\n", S3_ERR_MALFORMED_TRAILER},
        {"x-amz-checksum-crc32:1\r\nx-amz-meta-b:2\r\n", "0\r\n", S3_ERR_MALFORMED_TRAILER},
        {"x-amz-checksum-crc32:1\r\nx-amz-meta-b:2\r\n", "\r\nx-amz-trailer-signature:00\r\n",
            S3_ERR_MALFORMED_TRAILER},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chunk_signer signer;
        signer_init(&signer);
        sign_chunk(&signer, SPAN("hello"));
        sign_chunk(&signer, SPAN(""));
        sign_next(&signer, "AWS4-HMAC-SHA256-TRAILER", "",
            SPAN("x-amz-checksum-crc32:1\nx-amz-meta-b:2\n"));
        buf_addf(&signer.body, "%sx-amz-trailer-signature:%s%s", cases[i].before_signature,
            signer.previous, cases[i].after_signature);
        for (size_t split = 0; split <= signer.body.len; split++) {
            size_t count = 0;
            struct aws_chunked *decoder = example_decoder(
                SIGV4_PAYLOAD_CHUNKED_TRAILER, zero_seed, 5, "x-amz-checksum-crc32,x-amz-meta-b");
            enum s3_err err = decode_split(decoder, buf_span(&signer.body), split, NULL, &count);
            if (err != cases[i].err)
                fail_msg("case %zu split at %zu: %s", i, split, s3_err_info(err)->code);
            aws_chunked_free(decoder);
        }
        buf_free(&signer.body);
    }
}

static void missing_trailer_signature(void **state)
{
    (void)state;
    struct chunk_signer signer;
    size_t count = 0;
    signer_init(&signer);
    sign_chunk(&signer, SPAN("hello"));
    sign_chunk(&signer, SPAN(""));
    buf_add_lit(&signer.body, "x-amz-checksum-crc32:1\r\n\r\n");
    struct aws_chunked *decoder =
        example_decoder(SIGV4_PAYLOAD_CHUNKED_TRAILER, zero_seed, 5, "x-amz-checksum-crc32");
    assert_int_equal(
        decode_split(decoder, buf_span(&signer.body), 0, NULL, &count), S3_ERR_MALFORMED_TRAILER);
    aws_chunked_free(decoder);
    /* Trailers after chunks that promise none are bytes after the end. */
    decoder = example_decoder(SIGV4_PAYLOAD_CHUNKED, zero_seed, 5, NULL);
    assert_int_equal(
        decode_split(decoder, buf_span(&signer.body), 0, NULL, &count), S3_ERR_INVALID_ARGUMENT);
    aws_chunked_free(decoder);
    buf_free(&signer.body);
}

static void framing_is_bounded(void **state)
{
    (void)state;
    struct buf body;
    size_t count = 0;
    buf_init(&body, BODY_MAX_BYTES);
    add_repeated(&body, '0', CHUNK_LINE_MAX_BYTES + 1);
    struct aws_chunked *decoder =
        aws_chunked_new(SIGV4_PAYLOAD_UNSIGNED_TRAILER, NULL, NULL, 0, SPAN_ABSENT);
    assert_int_equal(
        decode_split(decoder, buf_span(&body), 7, NULL, &count), S3_ERR_INVALID_ARGUMENT);
    aws_chunked_free(decoder);

    buf_clear(&body);
    buf_add_lit(&body, "0\r\n");
    add_repeated(&body, '\n', CHUNK_TRAILERS_MAX_BYTES + 1);
    decoder = aws_chunked_new(SIGV4_PAYLOAD_UNSIGNED_TRAILER, NULL, NULL, 0, SPAN_ABSENT);
    assert_int_equal(
        decode_split(decoder, buf_span(&body), 7, NULL, &count), S3_ERR_MALFORMED_TRAILER);
    aws_chunked_free(decoder);

    struct buf names;
    buf_init(&names, BODY_MAX_BYTES);
    buf_clear(&body);
    buf_add_lit(&body, "0\r\n");
    for (unsigned i = 0; i <= CHUNK_TRAILERS_MAX; i++) {
        buf_addf(&names, "n%u,", i);
        buf_addf(&body, "n%u:v\r\n", i);
    }
    decoder = aws_chunked_new(SIGV4_PAYLOAD_UNSIGNED_TRAILER, NULL, NULL, 0, buf_span(&names));
    assert_int_equal(
        decode_split(decoder, buf_span(&body), 7, NULL, &count), S3_ERR_MALFORMED_TRAILER);
    aws_chunked_free(decoder);
    buf_free(&names);
    buf_free(&body);
}

static void signed_kinds_need_a_key(void **state)
{
    (void)state;
    uint8_t key[SHA256_BYTES] = {0};
    struct sigv4_auth auth = example_auth("short");
    assert_null(aws_chunked_new(SIGV4_PAYLOAD_CHUNKED, NULL, NULL, 1, SPAN_ABSENT));
    assert_null(aws_chunked_new(SIGV4_PAYLOAD_CHUNKED, &auth, key, 1, SPAN_ABSENT));
    aws_chunked_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aws_examples_decode),
        cmocka_unit_test(flipped_bits_are_found),
        cmocka_unit_test(truncated_bodies_are_incomplete),
        cmocka_unit_test(unsigned_bodies),
        cmocka_unit_test(small_signed_chunks_must_be_last),
        cmocka_unit_test(signed_trailers_take_every_form),
        cmocka_unit_test(missing_trailer_signature),
        cmocka_unit_test(framing_is_bounded),
        cmocka_unit_test(signed_kinds_need_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
