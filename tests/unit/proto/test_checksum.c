#include "checksum.h"

#include "cmocka_span.h"

static const enum digest_algo algos[] = {
    DIGEST_CRC32, DIGEST_CRC32C, DIGEST_SHA1, DIGEST_SHA256, DIGEST_CRC64NVME};

static void names_there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(algos); i++) {
        assert_int_equal(checksum_algo_by_name(checksum_algo_name(algos[i])), algos[i]);
        assert_int_equal(checksum_algo_by_header(checksum_header_name(algos[i])), algos[i]);
        assert_true(span_starts(checksum_element_name(algos[i]), SPAN("Checksum")));
    }
    assert_span_text(checksum_header_name(DIGEST_CRC64NVME), "x-amz-checksum-crc64nvme");
    assert_span_text(checksum_element_name(DIGEST_CRC32C), "ChecksumCRC32C");
    assert_int_equal(checksum_algo_by_name(SPAN("crc64nvme")), DIGEST_CRC64NVME);
    assert_int_equal(checksum_algo_by_header(SPAN("X-Amz-Checksum-Sha256")), DIGEST_SHA256);
    assert_int_equal(checksum_algo_by_name(SPAN("MD5")), DIGEST_NONE);
    assert_int_equal(checksum_algo_by_name(SPAN("")), DIGEST_NONE);
    assert_int_equal(checksum_algo_by_header(SPAN_ABSENT), DIGEST_NONE);
    assert_false(span_present(checksum_header_name(DIGEST_MD5)));
    assert_false(span_present(checksum_header_name(DIGEST_NONE)));
    enum checksum_type type;
    assert_true(checksum_type_by_name(SPAN("COMPOSITE"), &type));
    assert_int_equal(type, CHECKSUM_COMPOSITE);
    assert_true(checksum_type_by_name(checksum_type_name(CHECKSUM_FULL_OBJECT), &type));
    assert_int_equal(type, CHECKSUM_FULL_OBJECT);
    assert_false(checksum_type_by_name(SPAN("BOTH"), &type));
}

static void values_there_and_back(void **state)
{
    (void)state;
    static const struct {
        enum digest_algo algo;
        const char *text;
        uint32_t parts;
    } cases[] = {
        {DIGEST_CRC32, "y/Q5Jg==", 0},
        {DIGEST_CRC32C, "4waSgw==", 0},
        {DIGEST_CRC64NVME, "rosUhgp5mIg=", 0},
        {DIGEST_SHA1, "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", 0},
        {DIGEST_SHA256, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", 0},
        {DIGEST_CRC32C, "4waSgw==-10000", 10000},
        {DIGEST_SHA256, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=-3", 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_free) struct buf buf;
        buf_init(&buf, 100);
        struct checksum checksum;
        struct span text = span_str(cases[i].text);
        assert_int_equal(checksum_parse(cases[i].algo, text, true, &checksum), S3_OK);
        assert_int_equal(checksum.part_count, cases[i].parts);
        assert_int_equal(checksum.type, cases[i].parts ? CHECKSUM_COMPOSITE : CHECKSUM_FULL_OBJECT);
        checksum_text(&buf, &checksum);
        assert_span(buf_span(&buf), text);
        assert_int_equal(checksum_parse(cases[i].algo, text, false, &checksum),
            cases[i].parts ? S3_ERR_INVALID_REQUEST : S3_OK);
    }
}

static void refuses_bad_values(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "y/Q5Jg", "y/Q5Jg=", "y/Q5Jh==", "cbf43926", "y/Q5",
        "y/Q5JgA=", "y/Q5Jg==-", "y/Q5Jg==-0", "y/Q5Jg==-01", "y/Q5Jg==-10001", "y/Q5Jg==-x",
        "y/Q5Jg==--1", " y/Q5Jg==", "y/Q5Jg== ", "-1"};
    struct checksum checksum;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(checksum_parse(DIGEST_CRC32, span_str(bad[i]), true, &checksum),
            S3_ERR_INVALID_REQUEST);
    assert_int_equal(
        checksum_parse(DIGEST_NONE, SPAN(""), true, &checksum), S3_ERR_INVALID_REQUEST);
    assert_int_equal(checksum_parse(DIGEST_MD5, SPAN("1B2M2Y8AsgTpgAmY7PhCfg=="), true, &checksum),
        S3_ERR_INVALID_REQUEST);
}

#define CRC_VALUE                                                                                  \
    {                                                                                              \
        SPAN("X-Amz-Checksum-CRC32"), SPAN("y/Q5Jg==")                                             \
    }
#define TRAILER(value)                                                                             \
    {                                                                                              \
        SPAN("x-amz-trailer"), SPAN(value)                                                         \
    }
#define SDK(value)                                                                                 \
    {                                                                                              \
        SPAN("x-amz-sdk-checksum-algorithm"), SPAN(value)                                          \
    }

static void reads_request_headers(void **state)
{
    (void)state;
    static const struct {
        struct header items[3];
        enum s3_err err;
        enum digest_algo algo;
        bool has_value;
    } cases[] = {
        {{{SPAN("Host"), SPAN("x")}}, S3_OK, DIGEST_NONE, false},
        {{CRC_VALUE}, S3_OK, DIGEST_CRC32, true},
        {{CRC_VALUE, SDK("crc32")}, S3_OK, DIGEST_CRC32, true},
        {{SDK("CRC64NVME")}, S3_OK, DIGEST_CRC64NVME, false},
        {{TRAILER("x-amz-checksum-crc32c")}, S3_OK, DIGEST_CRC32C, false},
        {{TRAILER("x-other, X-Amz-Checksum-SHA1"), SDK("SHA1")}, S3_OK, DIGEST_SHA1, false},
        {{TRAILER("x-other")}, S3_OK, DIGEST_NONE, false},
        {{{SPAN("x-amz-checksum-mode"), SPAN("ENABLED")}}, S3_OK, DIGEST_NONE, false},
        {{{SPAN("x-amz-checksum-type"), SPAN("COMPOSITE")},
             {SPAN("x-amz-checksum-algorithm"), SPAN("SHA1")}},
            S3_OK, DIGEST_NONE, false},
        {{{SPAN("x-amz-checksum-crc32"), SPAN("nonsense")}}, S3_ERR_INVALID_REQUEST, DIGEST_NONE,
            false},
        {{{SPAN("x-amz-checksum-crc32"), SPAN("y/Q5Jg==-2")}}, S3_ERR_INVALID_REQUEST, DIGEST_NONE,
            false},
        {{{SPAN("x-amz-checksum-md4"), SPAN("y/Q5Jg==")}}, S3_ERR_INVALID_REQUEST, DIGEST_NONE,
            false},
        {{CRC_VALUE, CRC_VALUE}, S3_ERR_INVALID_REQUEST, DIGEST_NONE, false},
        {{CRC_VALUE, {SPAN("x-amz-checksum-crc32c"), SPAN("y/Q5Jg==")}}, S3_ERR_INVALID_REQUEST,
            DIGEST_NONE, false},
        {{CRC_VALUE, SDK("SHA1")}, S3_ERR_INVALID_REQUEST, DIGEST_NONE, false},
        {{SDK("MD5")}, S3_ERR_INVALID_REQUEST, DIGEST_NONE, false},
        {{SDK("")}, S3_ERR_INVALID_REQUEST, DIGEST_NONE, false},
        {{SDK("SHA1"), SDK("SHA256")}, S3_ERR_INVALID_REQUEST, DIGEST_NONE, false},
        {{TRAILER("x-amz-checksum-crc32"), SDK("SHA1")}, S3_ERR_INVALID_REQUEST, DIGEST_NONE,
            false},
        {{TRAILER("x-amz-checksum-crc32"), CRC_VALUE}, S3_ERR_INVALID_REQUEST, DIGEST_NONE, false},
        {{TRAILER("x-amz-checksum-crc32,x-amz-checksum-sha1")}, S3_ERR_INVALID_REQUEST, DIGEST_NONE,
            false},
        {{TRAILER("x-amz-checksum-md4")}, S3_ERR_INVALID_REQUEST, DIGEST_NONE, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t count = 0;
        while (count < 3 && span_present(cases[i].items[count].name))
            count++;
        struct header_list headers = {cases[i].items, count};
        struct checksum expected;
        bool has_value;
        if (checksum_from_headers(&headers, &expected, &has_value) != cases[i].err)
            fail_msg("case %zu", i);
        if (cases[i].err != S3_OK)
            continue;
        assert_int_equal(expected.algo, cases[i].algo);
        assert_int_equal(has_value, cases[i].has_value);
    }
}

static void knows_possible_pairs(void **state)
{
    (void)state;
    static const struct {
        enum digest_algo algo;
        bool full, composite;
        enum checksum_type usual;
    } cases[] = {
        {DIGEST_CRC32, true, true, CHECKSUM_COMPOSITE},
        {DIGEST_CRC32C, true, true, CHECKSUM_COMPOSITE},
        {DIGEST_SHA1, false, true, CHECKSUM_COMPOSITE},
        {DIGEST_SHA256, false, true, CHECKSUM_COMPOSITE},
        {DIGEST_CRC64NVME, true, false, CHECKSUM_FULL_OBJECT},
        {DIGEST_MD5, false, false, CHECKSUM_COMPOSITE},
        {DIGEST_NONE, false, false, CHECKSUM_COMPOSITE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(checksum_pair_valid(cases[i].algo, CHECKSUM_FULL_OBJECT), cases[i].full);
        assert_int_equal(
            checksum_pair_valid(cases[i].algo, CHECKSUM_COMPOSITE), cases[i].composite);
        if (cases[i].full || cases[i].composite)
            assert_int_equal(checksum_default_type(cases[i].algo), cases[i].usual);
        struct checksum_builder builder;
        assert_int_equal(
            checksum_builder_init(&builder, cases[i].algo, CHECKSUM_FULL_OBJECT), cases[i].full);
        checksum_builder_free(&builder);
    }
}

static struct checksum checksum_of(enum digest_algo algo, struct span bytes)
{
    struct checksum checksum = {.algo = algo, .type = CHECKSUM_FULL_OBJECT};
    struct digest digest;
    assert_true(digest_init(&digest, algo));
    digest_update(&digest, bytes);
    digest_final(&digest, checksum.value);
    digest_free(&digest);
    return checksum;
}

/* The checksum built out of parts: of the whole, or of the parts' values one after the other. */
static void builds_out_of_parts(void **state)
{
    (void)state;
    static char bytes[10000];
    uint64_t random = 31;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)next_random(&random);
    for (size_t i = 0; i < ARRAY_LEN(algos) * 2; i++) {
        enum digest_algo algo = algos[i / 2];
        enum checksum_type type = i % 2 ? CHECKSUM_COMPOSITE : CHECKSUM_FULL_OBJECT;
        if (!checksum_pair_valid(algo, type))
            continue;
        for (uint32_t parts = 1; parts < 20; parts++) {
            struct checksum_builder builder;
            assert_true(checksum_builder_init(&builder, algo, type));
            char values[20 * DIGEST_MAX_BYTES];
            size_t at = 0, values_len = 0;
            for (uint32_t k = 0; k < parts; k++) {
                size_t len = next_random(&random) % 500;
                struct checksum part = checksum_of(algo, span_of(bytes + at, len));
                checksum_builder_add(&builder, &part, len);
                memcpy(values + values_len, part.value, digest_size(algo));
                values_len += digest_size(algo);
                at += len;
            }
            struct checksum built, wanted;
            checksum_builder_finish(&builder, &built);
            checksum_builder_free(&builder);
            wanted = type == CHECKSUM_COMPOSITE ? checksum_of(algo, span_of(values, values_len))
                                                : checksum_of(algo, span_of(bytes, at));
            assert_int_equal(built.algo, algo);
            assert_int_equal(built.type, type);
            assert_int_equal(built.part_count, type == CHECKSUM_COMPOSITE ? parts : 0);
            assert_memory_equal(built.value, wanted.value, digest_size(algo));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_there_and_back),
        cmocka_unit_test(values_there_and_back),
        cmocka_unit_test(refuses_bad_values),
        cmocka_unit_test(reads_request_headers),
        cmocka_unit_test(knows_possible_pairs),
        cmocka_unit_test(builds_out_of_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
