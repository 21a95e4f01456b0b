/* CRCs by the processor's own instructions. A large input is folded: a block of it times a power of
 * x is carried onto the next block by carry-less multiplication, until 16 bytes are left that have
 * the CRC of all of it; these and the tail run the short way.
 * src: Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" */
#include "base/crc.h"

#if defined(__x86_64__)

#include <immintrin.h>

enum {
    LANES = 8,
    LANE_BYTES = 16,
    WIDE_BYTES = 32,
    FOLD_MIN_BYTES = 3 * LANE_BYTES,
    LANES_MIN_BYTES = 2 * LANES * LANE_BYTES,
    WIDE_MIN_BYTES = 2 * LANES * WIDE_BYTES,
};

__attribute__((target("sse4.2"))) static uint64_t crc32c_run_sse42(
    const struct crc_poly *poly, uint64_t state, const unsigned char *at, size_t len)
{
    (void)poly;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        state = _mm_crc32_u64(state, word);
    }
    for (; len > 0; at++, len--)
        state = _mm_crc32_u8((uint32_t)state, *at);
    return state;
}

/* Carries a block over the distance of these constants. */
__attribute__((target("pclmul,sse4.1"))) static inline __m128i fold_over(
    __m128i block, __m128i constants)
{
    return _mm_xor_si128(
        _mm_clmulepi64_si128(block, constants, 0x00), _mm_clmulepi64_si128(block, constants, 0x11));
}

__attribute__((target("pclmul,sse4.1"))) static inline __m128i load_constants(
    const uint64_t constants[2])
{
    return _mm_set_epi64x((long long)constants[1], (long long)constants[0]);
}

static inline __m128i load_block(const unsigned char *at)
{
    return _mm_loadu_si128((const void *)at);
}

/* The rest, from 16 bytes that stand for all before: whole blocks, then the tail. */
__attribute__((target("pclmul,sse4.1"))) static inline uint64_t fold_rest(
    const struct crc_poly *poly, __m128i block, const unsigned char *at, size_t len,
    crc_run *short_run)
{
    const __m128i near = load_constants(poly->fold_128);
    for (; len >= LANE_BYTES; at += LANE_BYTES, len -= LANE_BYTES)
        block = _mm_xor_si128(fold_over(block, near), load_block(at));
    unsigned char last[LANE_BYTES];
    _mm_storeu_si128((void *)last, block);
    return short_run(poly, short_run(poly, 0, last, sizeof(last)), at, len);
}

__attribute__((target("pclmul,sse4.1"))) static inline uint64_t run_pclmul(
    const struct crc_poly *poly, uint64_t state, const unsigned char *at, size_t len,
    crc_run *short_run)
{
    const __m128i register_bits = _mm_cvtsi64_si128((long long)state);
    if (len < FOLD_MIN_BYTES)
        return short_run(poly, state, at, len);
    if (len < LANES_MIN_BYTES)
        return fold_rest(poly, _mm_xor_si128(load_block(at), register_bits), at + LANE_BYTES,
            len - LANE_BYTES, short_run);
    const __m128i far = load_constants(poly->fold_1024);
    const __m128i near = load_constants(poly->fold_128);
    __m128i lanes[LANES];
    for (size_t i = 0; i < LANES; i++)
        lanes[i] = load_block(at + i * LANE_BYTES);
    lanes[0] = _mm_xor_si128(lanes[0], register_bits);
    at += sizeof(lanes);
    len -= sizeof(lanes);
    for (; len >= sizeof(lanes); at += sizeof(lanes), len -= sizeof(lanes)) {
#pragma GCC unroll 8
        for (size_t i = 0; i < LANES; i++)
            lanes[i] = _mm_xor_si128(fold_over(lanes[i], far), load_block(at + i * LANE_BYTES));
    }
    __m128i block = lanes[0];
    for (size_t i = 1; i < LANES; i++)
        block = _mm_xor_si128(fold_over(block, near), lanes[i]);
    return fold_rest(poly, block, at, len, short_run);
}

__attribute__((target("vpclmulqdq,avx2,pclmul"))) static inline __m256i fold_over_wide(
    __m256i block, __m256i constants)
{
    return _mm256_xor_si256(_mm256_clmulepi64_epi128(block, constants, 0x00),
        _mm256_clmulepi64_epi128(block, constants, 0x11));
}

static inline __attribute__((target("avx2"))) __m256i load_wide(const unsigned char *at)
{
    return _mm256_loadu_si256((const void *)at);
}

/* As run_pclmul with lanes of two blocks. */
__attribute__((target("vpclmulqdq,avx2,pclmul"))) static inline uint64_t run_vpclmul(
    const struct crc_poly *poly, uint64_t state, const unsigned char *at, size_t len,
    crc_run *short_run)
{
    if (len < WIDE_MIN_BYTES)
        return run_pclmul(poly, state, at, len, short_run);
    const __m256i far = _mm256_broadcastsi128_si256(load_constants(poly->fold_2048));
    const __m128i near = load_constants(poly->fold_128);
    __m256i lanes[LANES];
    for (size_t i = 0; i < LANES; i++)
        lanes[i] = load_wide(at + i * WIDE_BYTES);
    lanes[0] =
        _mm256_xor_si256(lanes[0], _mm256_zextsi128_si256(_mm_cvtsi64_si128((long long)state)));
    at += sizeof(lanes);
    len -= sizeof(lanes);
    for (; len >= sizeof(lanes); at += sizeof(lanes), len -= sizeof(lanes)) {
#pragma GCC unroll 8
        for (size_t i = 0; i < LANES; i++)
            lanes[i] =
                _mm256_xor_si256(fold_over_wide(lanes[i], far), load_wide(at + i * WIDE_BYTES));
    }
    __m128i block = _mm_setzero_si128();
    for (size_t i = 0; i < LANES; i++) {
        block = _mm_xor_si128(fold_over(block, near), _mm256_castsi256_si128(lanes[i]));
        block = _mm_xor_si128(fold_over(block, near), _mm256_extracti128_si256(lanes[i], 1));
    }
    return fold_rest(poly, block, at, len, short_run);
}

static __attribute__((target("pclmul,sse4.1"))) uint64_t table_pclmul(
    const struct crc_poly *poly, uint64_t state, const unsigned char *at, size_t len)
{
    return run_pclmul(poly, state, at, len, crc_run_table);
}

static __attribute__((target("pclmul,sse4.1"))) uint64_t crc32c_pclmul(
    const struct crc_poly *poly, uint64_t state, const unsigned char *at, size_t len)
{
    if (len < LANES_MIN_BYTES)
        return crc32c_run_sse42(poly, state, at, len); /* ahead of folding on so few bytes */
    return run_pclmul(poly, state, at, len, crc32c_run_sse42);
}

static __attribute__((target("vpclmulqdq,avx2,pclmul"))) uint64_t table_vpclmul(
    const struct crc_poly *poly, uint64_t state, const unsigned char *at, size_t len)
{
    return run_vpclmul(poly, state, at, len, crc_run_table);
}

static __attribute__((target("vpclmulqdq,avx2,pclmul"))) uint64_t crc32c_vpclmul(
    const struct crc_poly *poly, uint64_t state, const unsigned char *at, size_t len)
{
    if (len < LANES_MIN_BYTES)
        return crc32c_run_sse42(poly, state, at, len);
    return run_vpclmul(poly, state, at, len, crc32c_run_sse42);
}

size_t crc_cpu_impls(struct crc_impl ret_impls[static CRC_CPU_IMPLS])
{
    size_t count = 0;
    if (!__builtin_cpu_supports("sse4.2"))
        return count;
    ret_impls[count++] =
        (struct crc_impl){.name = "sse4.2", .run = {[CRC_KIND_32C] = crc32c_run_sse42}};
    if (!__builtin_cpu_supports("pclmul"))
        return count;
    ret_impls[count++] = (struct crc_impl){.name = "pclmul",
        .run = {[CRC_KIND_32] = table_pclmul,
            [CRC_KIND_32C] = crc32c_pclmul,
            [CRC_KIND_64NVME] = table_pclmul}};
    if (!__builtin_cpu_supports("vpclmulqdq") || !__builtin_cpu_supports("avx2"))
        return count;
    ret_impls[count++] = (struct crc_impl){.name = "vpclmulqdq",
        .run = {[CRC_KIND_32] = table_vpclmul,
            [CRC_KIND_32C] = crc32c_vpclmul,
            [CRC_KIND_64NVME] = table_vpclmul}};
    return count;
}

#elif defined(__aarch64__)

#include <sys/auxv.h>

#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1UL << 7) /* src: Linux, "ARM64 ELF hwcaps" */
#endif

/* Spelt out, since compilers disagree on when <arm_acle.h> declares these. */
#define CRC_STEP(instruction, crc, value)                                                          \
    __asm__(".arch_extension crc\n\t" instruction : "+r"(crc) : "r"(value))

static uint64_t crc32_run_arm(
    const struct crc_poly *poly, uint64_t state, const unsigned char *at, size_t len)
{
    (void)poly;
    uint32_t crc = (uint32_t)state;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        CRC_STEP("crc32x %w0, %w0, %x1", crc, word);
    }
    for (; len > 0; at++, len--)
        CRC_STEP("crc32b %w0, %w0, %w1", crc, (uint32_t)*at);
    return crc;
}

static uint64_t crc32c_run_arm(
    const struct crc_poly *poly, uint64_t state, const unsigned char *at, size_t len)
{
    (void)poly;
    uint32_t crc = (uint32_t)state;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        CRC_STEP("crc32cx %w0, %w0, %x1", crc, word);
    }
    for (; len > 0; at++, len--)
        CRC_STEP("crc32cb %w0, %w0, %w1", crc, (uint32_t)*at);
    return crc;
}

size_t crc_cpu_impls(struct crc_impl ret_impls[static CRC_CPU_IMPLS])
{
    if ((getauxval(AT_HWCAP) & HWCAP_CRC32) == 0)
        return 0;
    ret_impls[0] = (struct crc_impl){.name = "armv8 crc",
        .run = {[CRC_KIND_32] = crc32_run_arm, [CRC_KIND_32C] = crc32c_run_arm}};
    return 1;
}

#else

size_t crc_cpu_impls(struct crc_impl ret_impls[static CRC_CPU_IMPLS])
{
    (void)ret_impls;
    return 0;
}

#endif
