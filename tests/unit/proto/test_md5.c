#include "base/md5_impl.h"

#include "cmocka_span.h"

#include <openssl/evp.h>

enum { LONGEST = 6000, ROUNDS = 400, RUNS_MAX = 3 * MD5_LANES };

static char bytes[LONGEST + MD5_BLOCK_BYTES];

static void fill(void)
{
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(rand() >> 7);
}

static void assert_is_md5_of(struct md5 *md5, struct span all)
{
    uint8_t got[MD5_BYTES], wanted[MD5_BYTES];
    assert_int_equal(EVP_Digest(all.ptr, all.len, wanted, NULL, EVP_md5(), NULL), 1);
    md5_final(md5, got);
    assert_memory_equal(got, wanted, MD5_BYTES);
}

static void agrees_with_openssl_at_every_length_however_it_is_cut(void **state)
{
    (void)state;
    fill();
    for (size_t len = 0; len < 700; len++) {
        struct md5 md5;
        struct span all = span_of(bytes + len % 5, len);
        md5_init(&md5);
        for (size_t at = 0; at < len;) {
            size_t step = (size_t)rand() % 200;
            md5_update(&md5, span_first(span_from(all, at), step));
            at += step;
        }
        assert_is_md5_of(&md5, all);
    }
}

static void counts_more_than_32_bits_of_length(void **state)
{
    (void)state;
    static const char zeros[1024 * 1024];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    struct md5 md5;
    uint8_t got[MD5_BYTES], wanted[MD5_BYTES];
    md5_init(&md5);
    assert_int_equal(EVP_DigestInit_ex(context, EVP_md5(), NULL), 1);
    for (size_t i = 0; i < 520; i++) { /* 2^32 bits are 512 MiB */
        md5_update(&md5, span_of(zeros, sizeof(zeros)));
        assert_int_equal(EVP_DigestUpdate(context, zeros, sizeof(zeros)), 1);
    }
    assert_int_equal(EVP_DigestFinal_ex(context, wanted, NULL), 1);
    EVP_MD_CTX_free(context);
    md5_final(&md5, got);
    assert_memory_equal(got, wanted, MD5_BYTES);
}

static void each_way_to_run_does_what_the_plain_one_does(void **state)
{
    (void)state;
    size_t count;
    const struct md5_impl *impls = md5_impls(&count);
    fill();
    for (size_t i = 0; i < count; i++) {
        uint32_t states[MD5_LANES][4], wanted[4];
        const unsigned char *at[MD5_LANES];
        size_t block_count = LONGEST / MD5_BLOCK_BYTES / 2;
        for (size_t lane = 0; lane < MD5_LANES; lane++) {
            for (size_t k = 0; k < 4; k++)
                states[lane][k] = (uint32_t)(lane * 4 + k) * 0x9e3779b9;
            at[lane] = (const unsigned char *)bytes + lane * 37;
        }
        impls[i].run(states, at, block_count);
        for (size_t lane = 0; lane < impls[i].lanes; lane++) {
            for (size_t k = 0; k < 4; k++)
                wanted[k] = (uint32_t)(lane * 4 + k) * 0x9e3779b9;
            impls[0].run(&wanted, &at[lane], block_count);
            assert_memory_equal(states[lane], wanted, sizeof(wanted));
        }
    }
}

static void several_at_once(const struct md5_impl *impl)
{
    fill();
    for (size_t round = 0; round < ROUNDS; round++) {
        struct md5 md5[RUNS_MAX];
        struct md5_run runs[RUNS_MAX];
        struct span all[RUNS_MAX];
        size_t cut[RUNS_MAX], count = (size_t)rand() % (RUNS_MAX + 1);
        for (size_t i = 0; i < count; i++) {
            size_t longest = rand() % 3 ? LONGEST : 2 * MD5_BLOCK_BYTES;
            all[i] = span_of(bytes + rand() % MD5_BLOCK_BYTES, (size_t)rand() % longest);
            cut[i] = (size_t)rand() % (all[i].len + 1);
            md5_init(&md5[i]);
            runs[i] = (struct md5_run){&md5[i], span_first(all[i], cut[i])};
        }
        md5_update_many_by(impl, runs, count);
        for (size_t i = 0; i < count; i++)
            runs[i].bytes = span_from(all[i], cut[i]);
        md5_update_many_by(impl, runs, count);
        for (size_t i = 0; i < count; i++)
            assert_is_md5_of(&md5[i], all[i]);
    }
}

/* A processor without wide vectors took in the first one alone. */
static void several_at_once_are_each_what_they_are_alone(void **state)
{
    (void)state;
    size_t count;
    const struct md5_impl *impls = md5_impls(&count);
    for (size_t i = 0; i < count; i++)
        several_at_once(&impls[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_openssl_at_every_length_however_it_is_cut),
        cmocka_unit_test(counts_more_than_32_bits_of_length),
        cmocka_unit_test(each_way_to_run_does_what_the_plain_one_does),
        cmocka_unit_test(several_at_once_are_each_what_they_are_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
