#include "base/crc.h"
#include "base/digest.h"

#include "cmocka_span.h"

enum { LENGTHS = 1101, ALIGNMENTS = 64, LONG_BYTES = 1 << 20 };

static void fill(unsigned char *bytes, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)next_random(&seed);
}

static uint64_t initial(enum crc_kind kind)
{
    return kind == CRC_KIND_64NVME ? UINT64_MAX : UINT32_MAX;
}

/* Bit by bit, straight from the definition: what even the table is measured against. */
static uint64_t run_bitwise(
    const struct crc_poly *poly, uint64_t state, const unsigned char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        state ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            state = state & 1 ? state >> 1 ^ poly->poly : state >> 1;
    }
    return state;
}

/* src: the catalogue's check values, over "123456789"; RFC 3720 appendix B.4 for the CRC32C of 32
 * bytes */
static void gives_the_published_values(void **state)
{
    (void)state;
    struct span check = SPAN("123456789");
    assert_int_equal(crc32_update(0, check), 0xCBF43926);
    assert_int_equal(crc32c_update(0, check), 0xE3069283);
    assert_true(crc64nvme_update(0, check) == UINT64_C(0xAE8B14860A799888));
    unsigned char bytes[32] = {0};
    assert_int_equal(crc32c_update(0, span_of(bytes, 32)), 0x8A9136AA);
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(crc32c_update(0, span_of(bytes, 32)), 0x62A8AB43);
    for (unsigned i = 0; i < 32; i++)
        bytes[i] = (unsigned char)i;
    assert_int_equal(crc32c_update(0, span_of(bytes, 32)), 0x46DD794E);
    for (unsigned i = 0; i < 32; i++)
        bytes[i] = (unsigned char)(31 - i);
    assert_int_equal(crc32c_update(0, span_of(bytes, 32)), 0x113FDB5C);
    assert_int_equal(crc32_update(0, SPAN("")), 0);
    assert_int_equal(crc32c_update(0, SPAN_ABSENT), 0);
    assert_true(crc64nvme_update(0, SPAN("")) == 0);
}

static void the_table_agrees_with_the_definition(void **state)
{
    (void)state;
    unsigned char bytes[300];
    fill(bytes, sizeof(bytes), 3);
    for (unsigned kind = 0; kind < CRC_KINDS; kind++) {
        const struct crc_poly *poly = crc_poly_of((enum crc_kind)kind);
        for (size_t len = 0; len <= sizeof(bytes); len++)
            assert_true(crc_run_table(poly, initial((enum crc_kind)kind), bytes, len) ==
                        run_bitwise(poly, initial((enum crc_kind)kind), bytes, len));
    }
}

/* Each implementation against the table: all lengths at changing alignments, then all alignments.
 */
static void every_implementation_agrees_with_the_table(void **state)
{
    (void)state;
    static unsigned char bytes[LENGTHS + ALIGNMENTS];
    fill(bytes, sizeof(bytes), 7);
    size_t count;
    const struct crc_impl *impls = crc_impls(&count);
    assert_true(count >= 1);
    for (unsigned kind = 0; kind < CRC_KINDS; kind++) {
        const struct crc_poly *poly = crc_poly_of((enum crc_kind)kind);
        uint64_t random = 11;
        for (size_t len = 0; len < LENGTHS; len++) {
            for (size_t align = 0; align < ALIGNMENTS; align += len % 97 == 0 ? 1 : 13) {
                uint64_t from = next_random(&random) & initial((enum crc_kind)kind);
                uint64_t wanted = crc_run_table(poly, from, bytes + align, len);
                for (size_t i = 1; i < count; i++)
                    if (impls[i].run[kind] != NULL &&
                        impls[i].run[kind](poly, from, bytes + align, len) != wanted)
                        fail_msg("%s kind %u length %zu", impls[i].name, kind, len);
            }
        }
    }
}

static void every_implementation_agrees_on_long_inputs(void **state)
{
    (void)state;
    unsigned char *bytes = malloc(LONG_BYTES);
    assert_non_null(bytes);
    fill(bytes, LONG_BYTES, 13);
    size_t count;
    const struct crc_impl *impls = crc_impls(&count);
    for (unsigned kind = 0; kind < CRC_KINDS; kind++) {
        const struct crc_poly *poly = crc_poly_of((enum crc_kind)kind);
        uint64_t random = 17;
        for (int round = 0; round < 40; round++) {
            size_t offset = next_random(&random) % 5000;
            size_t len = next_random(&random) % (LONG_BYTES - offset);
            uint64_t from = initial((enum crc_kind)kind);
            uint64_t wanted = crc_run_table(poly, from, bytes + offset, len);
            for (size_t i = 1; i < count; i++)
                if (impls[i].run[kind] != NULL)
                    assert_true(impls[i].run[kind](poly, from, bytes + offset, len) == wanted);
        }
    }
    free(bytes);
}

/* In pieces, and combined out of the pieces' own CRCs: the same as in one go. */
static void pieces_and_combinations_give_the_whole(void **state)
{
    (void)state;
    static unsigned char bytes[20000];
    fill(bytes, sizeof(bytes), 19);
    uint64_t random = 23;
    for (int round = 0; round < 300; round++) {
        struct span whole = span_of(bytes, next_random(&random) % sizeof(bytes));
        size_t cut = next_random(&random) % (whole.len + 1);
        struct span a = span_first(whole, cut), b = span_from(whole, cut);
        assert_int_equal(crc32_update(crc32_update(0, a), b), crc32_update(0, whole));
        assert_int_equal(crc32c_update(crc32c_update(0, a), b), crc32c_update(0, whole));
        assert_true(crc64nvme_update(crc64nvme_update(0, a), b) == crc64nvme_update(0, whole));
        assert_int_equal(crc32_combine_of(crc32_update(0, a), crc32_update(0, b), b.len),
            crc32_update(0, whole));
        assert_int_equal(crc32c_combine(crc32c_update(0, a), crc32c_update(0, b), b.len),
            crc32c_update(0, whole));
        assert_true(crc64nvme_combine(crc64nvme_update(0, a), crc64nvme_update(0, b), b.len) ==
                    crc64nvme_update(0, whole));
    }
}

/* Combining is associative, so lengths that no test can hold (to 2^63) are checked against each
 * other. */
static void combines_over_huge_lengths(void **state)
{
    (void)state;
    uint64_t random = 29;
    for (int round = 0; round < 200; round++) {
        uint64_t a = next_random(&random), b = next_random(&random), c = next_random(&random);
        uint64_t len_b = next_random(&random) >> 2, len_c = next_random(&random) >> 2;
        assert_true(crc64nvme_combine(crc64nvme_combine(a, b, len_b), c, len_c) ==
                    crc64nvme_combine(a, crc64nvme_combine(b, c, len_c), len_b + len_c));
        uint32_t x = (uint32_t)a, y = (uint32_t)b, z = (uint32_t)c;
        assert_int_equal(crc32_combine_of(crc32_combine_of(x, y, len_b), z, len_c),
            crc32_combine_of(x, crc32_combine_of(y, z, len_c), len_b + len_c));
        assert_int_equal(crc32c_combine(crc32c_combine(x, y, len_b), z, len_c),
            crc32c_combine(x, crc32c_combine(y, z, len_c), len_b + len_c));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_published_values),
        cmocka_unit_test(the_table_agrees_with_the_definition),
        cmocka_unit_test(every_implementation_agrees_with_the_table),
        cmocka_unit_test(every_implementation_agrees_on_long_inputs),
        cmocka_unit_test(pieces_and_combinations_give_the_whole),
        cmocka_unit_test(combines_over_huge_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
