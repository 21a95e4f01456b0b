#include "base/md5_impl.h"

#include <endian.h>
#include <pthread.h>

/* Fewer messages than this take longer together than one after the other: eight lanes take as long as two. */
enum { LANES_MIN = 3 };

/* ---- the steps, of numbers or of vectors of them ---- */

#define TURN(x, s) ((x) << (s) | (x) >> (32 - (s)))
/* The two halves of G have no bit in common, so they may be added one after the other: b is waited for last. */
#define ADD_F(a, b, c, d) ((a) + ((d) ^ ((b) & ((c) ^ (d)))))
#define ADD_G(a, b, c, d) ((a) + ((c) & ~(d)) + ((b) & (d)))
#define ADD_H(a, b, c, d) ((a) + ((b) ^ ((c) ^ (d))))
#define ADD_I(a, b, c, d) ((a) + ((c) ^ ((b) | ~(d))))

#define STEP(add, a, b, c, d, word, constant, s)                                                   \
    do {                                                                                           \
        (a) = add((a) + (word) + (constant), b, c, d);                                             \
        (a) = TURN(a, s) + (b);                                                                    \
    } while (0)

#define FOUR(add, w, i0, i1, i2, i3, k0, k1, k2, k3, s0, s1, s2, s3)                               \
    do {                                                                                           \
        STEP(add, a, b, c, d, (w)[i0], k0, s0);                                                    \
        STEP(add, d, a, b, c, (w)[i1], k1, s1);                                                    \
        STEP(add, c, d, a, b, (w)[i2], k2, s2);                                                    \
        STEP(add, b, c, d, a, (w)[i3], k3, s3);                                                    \
    } while (0)
/* clang-format off */
#define FOUR_F(w, i0, i1, i2, i3, k0, k1, k2, k3) FOUR(ADD_F, w, i0, i1, i2, i3, k0, k1, k2, k3, 7, 12, 17, 22)
#define FOUR_G(w, i0, i1, i2, i3, k0, k1, k2, k3) FOUR(ADD_G, w, i0, i1, i2, i3, k0, k1, k2, k3, 5, 9, 14, 20)
#define FOUR_H(w, i0, i1, i2, i3, k0, k1, k2, k3) FOUR(ADD_H, w, i0, i1, i2, i3, k0, k1, k2, k3, 4, 11, 16, 23)
#define FOUR_I(w, i0, i1, i2, i3, k0, k1, k2, k3) FOUR(ADD_I, w, i0, i1, i2, i3, k0, k1, k2, k3, 6, 10, 15, 21)

/* A block of 16 words w; a, b, c, d are the state. src: RFC 1321 section 3.4 */
#define BLOCK(w)                                                                        \
    do {                                                                                \
        FOUR_F(w, 0, 1, 2, 3, 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee);          \
        FOUR_F(w, 4, 5, 6, 7, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501);          \
        FOUR_F(w, 8, 9, 10, 11, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be);        \
        FOUR_F(w, 12, 13, 14, 15, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821);      \
        FOUR_G(w, 1, 6, 11, 0, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa);         \
        FOUR_G(w, 5, 10, 15, 4, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8);        \
        FOUR_G(w, 9, 14, 3, 8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed);         \
        FOUR_G(w, 13, 2, 7, 12, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a);        \
        FOUR_H(w, 5, 8, 11, 14, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c);        \
        FOUR_H(w, 1, 4, 7, 10, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70);         \
        FOUR_H(w, 13, 0, 3, 6, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05);         \
        FOUR_H(w, 9, 12, 15, 2, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665);        \
        FOUR_I(w, 0, 7, 14, 5, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039);         \
        FOUR_I(w, 12, 3, 10, 1, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1);        \
        FOUR_I(w, 8, 15, 6, 13, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1);        \
        FOUR_I(w, 4, 11, 2, 9, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391);         \
    } while (0)
/* clang-format on */

static void run_one(uint32_t (*state)[4], const unsigned char *const *at, size_t block_count)
{
    uint32_t a = state[0][0], b = state[0][1], c = state[0][2], d = state[0][3];
    for (size_t i = 0; i < block_count; i++) {
        uint32_t w[16], was[4] = {a, b, c, d};
        memcpy(w, at[0] + i * MD5_BLOCK_BYTES, sizeof(w));
        for (size_t k = 0; k < 16; k++)
            w[k] = le32toh(w[k]);
        BLOCK(w);
        a += was[0], b += was[1], c += was[2], d += was[3];
    }
    state[0][0] = a, state[0][1] = b, state[0][2] = c, state[0][3] = d;
}

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

typedef uint32_t eight __attribute__((vector_size(32)));

/* Words 0 to 7 of eight messages, as eight vectors of the same word of each. */
AVX2 static inline void transpose(const unsigned char *const *at, size_t offset, eight ret_words[8])
{
    __m256i row[8], pair[8], quad[8];
    for (size_t i = 0; i < 8; i++)
        row[i] = _mm256_loadu_si256((const void *)(at[i] + offset));
    for (size_t i = 0; i < 8; i += 2) {
        pair[i] = _mm256_unpacklo_epi32(row[i], row[i + 1]);
        pair[i + 1] = _mm256_unpackhi_epi32(row[i], row[i + 1]);
    }
    for (size_t i = 0; i < 8; i += 4) {
        quad[i] = _mm256_unpacklo_epi64(pair[i], pair[i + 2]);
        quad[i + 1] = _mm256_unpackhi_epi64(pair[i], pair[i + 2]);
        quad[i + 2] = _mm256_unpacklo_epi64(pair[i + 1], pair[i + 3]);
        quad[i + 3] = _mm256_unpackhi_epi64(pair[i + 1], pair[i + 3]);
    }
    for (size_t i = 0; i < 4; i++) {
        ret_words[i] = (eight)_mm256_permute2x128_si256(quad[i], quad[i + 4], 0x20);
        ret_words[i + 4] = (eight)_mm256_permute2x128_si256(quad[i], quad[i + 4], 0x31);
    }
}

AVX2 static void run_eight(uint32_t (*state)[4], const unsigned char *const *at, size_t block_count)
{
    eight a, b, c, d;
    for (size_t i = 0; i < 8; i++)
        a[i] = state[i][0], b[i] = state[i][1], c[i] = state[i][2], d[i] = state[i][3];
    for (size_t i = 0; i < block_count; i++) {
        eight w[16], was[4] = {a, b, c, d};
        transpose(at, i * MD5_BLOCK_BYTES, w);
        transpose(at, i * MD5_BLOCK_BYTES + MD5_BLOCK_BYTES / 2, w + 8);
        BLOCK(w);
        a += was[0], b += was[1], c += was[2], d += was[3];
    }
    for (size_t i = 0; i < 8; i++)
        state[i][0] = a[i], state[i][1] = b[i], state[i][2] = c[i], state[i][3] = d[i];
}

#endif

/* ---- which way ---- */

static struct md5_impl impls[2] = {{"one", 1, run_one}};
static size_t impl_count = 1;
static pthread_once_t impls_once = PTHREAD_ONCE_INIT;

static void choose_impls(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2"))
        impls[impl_count++] = (struct md5_impl){"avx2", MD5_LANES, run_eight};
#endif
}

const struct md5_impl *md5_impls(size_t *ret_count)
{
    (void)pthread_once(&impls_once, choose_impls);
    *ret_count = impl_count;
    return impls;
}

/* ---- running digests ---- */

void md5_init(struct md5 *md5)
{
    static const uint32_t first[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    memcpy(md5->state, first, sizeof(first));
    md5->byte_count = 0;
}

static void take_blocks(struct md5 *md5, const char *at, size_t block_count)
{
    run_one(&md5->state, &(const unsigned char *){(const unsigned char *)at}, block_count);
}

/* Completes the block that was begun, and keeps what is no whole block at the end: the whole ones between are left. */
static struct span whole_blocks(struct md5 *md5, struct span bytes)
{
    size_t begun = md5->byte_count % MD5_BLOCK_BYTES;
    md5->byte_count += bytes.len;
    if (begun > 0) {
        struct span head = span_first(bytes, MD5_BLOCK_BYTES - begun);
        if (head.len > 0)
            memcpy(md5->rest + begun, head.ptr, head.len);
        if (begun + head.len < MD5_BLOCK_BYTES)
            return SPAN("");
        take_blocks(md5, (const char *)md5->rest, 1);
        bytes = span_from(bytes, head.len);
    }
    size_t tail = bytes.len % MD5_BLOCK_BYTES;
    if (tail > 0)
        memcpy(md5->rest, bytes.ptr + bytes.len - tail, tail);
    return span_first(bytes, bytes.len - tail);
}

void md5_update(struct md5 *md5, struct span bytes)
{
    struct span blocks = whole_blocks(md5, bytes);
    take_blocks(md5, blocks.ptr, blocks.len / MD5_BLOCK_BYTES);
}

/* Messages in lanes; a lane that is free takes the next one. */
struct lanes {
    struct md5 *md5[MD5_LANES];
    struct span blocks[MD5_LANES];
    size_t count;
};

/* Advances all by as many blocks as the shortest has, and lets those go that have none left. */
static void advance(struct lanes *lanes, const struct md5_impl *impl)
{
    uint32_t states[MD5_LANES][4];
    const unsigned char *at[MD5_LANES];
    size_t shortest = SIZE_MAX, left = 0;
    for (size_t i = 0; i < lanes->count; i++)
        if (lanes->blocks[i].len < shortest)
            shortest = lanes->blocks[i].len;
    for (size_t i = 0; i < impl->lanes; i++) {
        size_t from = i < lanes->count ? i : 0; /* what is not used repeats the first */
        memcpy(states[i], lanes->md5[from]->state, sizeof(states[i]));
        at[i] = (const unsigned char *)lanes->blocks[from].ptr;
    }
    impl->run(states, at, shortest / MD5_BLOCK_BYTES);
    for (size_t i = 0; i < lanes->count; i++) {
        memcpy(lanes->md5[i]->state, states[i], sizeof(states[i]));
        lanes->blocks[i] = span_from(lanes->blocks[i], shortest);
        if (lanes->blocks[i].len == 0)
            continue;
        lanes->md5[left] = lanes->md5[i];
        lanes->blocks[left++] = lanes->blocks[i];
    }
    lanes->count = left;
}

/* Too few for lanes. */
static void finish_alone(struct lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++)
        take_blocks(lanes->md5[i], lanes->blocks[i].ptr, lanes->blocks[i].len / MD5_BLOCK_BYTES);
    lanes->count = 0;
}

void md5_update_many_by(const struct md5_impl *impl, const struct md5_run *runs, size_t count)
{
    struct lanes lanes = {.count = 0};
    size_t next = 0;
    do {
        for (; next < count && lanes.count < impl->lanes; next++) {
            struct span blocks = whole_blocks(runs[next].md5, runs[next].bytes);
            if (blocks.len == 0)
                continue;
            lanes.md5[lanes.count] = runs[next].md5;
            lanes.blocks[lanes.count++] = blocks;
        }
        if (lanes.count < LANES_MIN)
            finish_alone(&lanes);
        else
            advance(&lanes, impl);
    } while (lanes.count > 0 || next < count);
}

void md5_update_many(const struct md5_run *runs, size_t count)
{
    size_t impl_count_here;
    const struct md5_impl *impls_here = md5_impls(&impl_count_here);
    md5_update_many_by(&impls_here[impl_count_here - 1], runs, count);
}

void md5_final(struct md5 *md5, uint8_t ret_digest[static MD5_BYTES])
{
    uint64_t bit_count = htole64(md5->byte_count * 8);
    size_t begun = md5->byte_count % MD5_BLOCK_BYTES;
    md5->rest[begun++] = 0x80;
    if (begun > MD5_BLOCK_BYTES - sizeof(bit_count)) {
        memset(md5->rest + begun, 0, MD5_BLOCK_BYTES - begun);
        take_blocks(md5, (const char *)md5->rest, 1);
        begun = 0;
    }
    memset(md5->rest + begun, 0, MD5_BLOCK_BYTES - sizeof(bit_count) - begun);
    memcpy(md5->rest + MD5_BLOCK_BYTES - sizeof(bit_count), &bit_count, sizeof(bit_count));
    take_blocks(md5, (const char *)md5->rest, 1);
    for (size_t i = 0; i < 4; i++) {
        uint32_t word = htole32(md5->state[i]);
        memcpy(ret_digest + 4 * i, &word, sizeof(word));
    }
}
