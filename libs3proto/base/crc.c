#include "base/crc.h"

#include "base/digest.h"

#include <pthread.h>

struct crc_world {
    struct crc_poly polys[CRC_KINDS];
    struct crc_impl impls[1 + CRC_CPU_IMPLS];
    size_t impl_count;
    crc_run *best[CRC_KINDS];
};

static struct crc_world world;
static pthread_once_t world_once = PTHREAD_ONCE_INIT;

/* a * b mod P, schoolbook. */
static uint64_t multiply(const struct crc_poly *poly, uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    for (uint64_t bit = UINT64_C(1) << (poly->width - 1); bit != 0; bit >>= 1) {
        if (a & bit)
            product ^= b;
        b = b & 1 ? b >> 1 ^ poly->poly : b >> 1;
    }
    return product;
}

/* x^exponent mod P, aligned to the top of 64 bits as carry-less multiplication wants it. */
static uint64_t fold_constant(const struct crc_poly *poly, unsigned exponent)
{
    uint64_t value = UINT64_C(1) << (poly->width - 1);
    for (unsigned i = 0; i < exponent; i++)
        value = value & 1 ? value >> 1 ^ poly->poly : value >> 1;
    return value << (64 - poly->width);
}

static void poly_init(struct crc_poly *poly, uint64_t reflected, unsigned width)
{
    poly->poly = reflected;
    poly->width = width;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t value = byte;
        for (int bit = 0; bit < 8; bit++)
            value = value & 1 ? value >> 1 ^ reflected : value >> 1;
        poly->table[0][byte] = value;
    }
    for (unsigned k = 1; k < 8; k++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint64_t value = poly->table[k - 1][byte];
            poly->table[k][byte] = value >> 8 ^ poly->table[0][value & 255];
        }
    }
    poly->powers[0] = UINT64_C(1) << (width - 1 - 8);
    for (unsigned k = 1; k < 64; k++)
        poly->powers[k] = multiply(poly, poly->powers[k - 1], poly->powers[k - 1]);

    static const unsigned distances[] = {128, 1024, 2048};
    uint64_t *const constants[] = {poly->fold_128, poly->fold_1024, poly->fold_2048};
    for (size_t i = 0; i < ARRAY_LEN(distances); i++) {
        constants[i][0] = fold_constant(poly, distances[i] + 63);
        constants[i][1] = fold_constant(poly, distances[i] - 1);
    }
}

static void world_init(void)
{
    poly_init(&world.polys[CRC_KIND_32], 0xEDB88320, 32);
    poly_init(&world.polys[CRC_KIND_32C], 0x82F63B78, 32);
    /* src: NVM Express NVM Command Set Specification, "64b CRC" */
    poly_init(&world.polys[CRC_KIND_64NVME], UINT64_C(0x9A6C9329AC4BC9B5), 64);

    world.impls[0] =
        (struct crc_impl){.name = "table", .run = {crc_run_table, crc_run_table, crc_run_table}};
    world.impl_count = 1 + crc_cpu_impls(world.impls + 1);
    for (size_t i = 0; i < world.impl_count; i++)
        for (size_t kind = 0; kind < CRC_KINDS; kind++)
            if (world.impls[i].run[kind] != NULL)
                world.best[kind] = world.impls[i].run[kind];
}

static const struct crc_world *crc_world(void)
{
    (void)pthread_once(&world_once, world_init);
    return &world;
}

const struct crc_impl *crc_impls(size_t *ret_count)
{
    *ret_count = crc_world()->impl_count;
    return crc_world()->impls;
}

const struct crc_poly *crc_poly_of(enum crc_kind kind)
{
    return &crc_world()->polys[kind];
}

static uint64_t load_le64(const unsigned char *at)
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; i++)
        word |= (uint64_t)at[i] << (8 * i);
    return word;
}

uint64_t crc_run_table(
    const struct crc_poly *poly, uint64_t state, const unsigned char *at, size_t len)
{
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word = load_le64(at) ^ state;
        state = poly->table[7][word & 255] ^ poly->table[6][word >> 8 & 255] ^
                poly->table[5][word >> 16 & 255] ^ poly->table[4][word >> 24 & 255] ^
                poly->table[3][word >> 32 & 255] ^ poly->table[2][word >> 40 & 255] ^
                poly->table[1][word >> 48 & 255] ^ poly->table[0][word >> 56];
    }
    for (; len > 0; at++, len--)
        state = state >> 8 ^ poly->table[0][(state ^ *at) & 255];
    return state;
}

static uint64_t update(enum crc_kind kind, uint64_t mask, uint64_t crc, struct span bytes)
{
    const struct crc_world *crcs = crc_world();
    uint64_t state = crcs->best[kind](
        &crcs->polys[kind], ~crc & mask, (const unsigned char *)bytes.ptr, bytes.len);
    return ~state & mask;
}

uint32_t crc32_update(uint32_t crc, struct span bytes)
{
    return (uint32_t)update(CRC_KIND_32, UINT32_MAX, crc, bytes);
}

uint32_t crc32c_update(uint32_t crc, struct span bytes)
{
    return (uint32_t)update(CRC_KIND_32C, UINT32_MAX, crc, bytes);
}

uint64_t crc64nvme_update(uint64_t crc, struct span bytes)
{
    return update(CRC_KIND_64NVME, UINT64_MAX, crc, bytes);
}

/* A's CRC goes on over len_b zero bytes, which is a multiplication by x^(8 * len_b). The
 * complements at both ends cancel out. */
static uint64_t combine(enum crc_kind kind, uint64_t crc_a, uint64_t crc_b, uint64_t len_b)
{
    const struct crc_poly *poly = crc_poly_of(kind);
    for (unsigned k = 0; len_b > 0; k++, len_b >>= 1)
        if (len_b & 1)
            crc_a = multiply(poly, crc_a, poly->powers[k]);
    return crc_a ^ crc_b;
}

uint32_t crc32_combine_of(uint32_t crc_a, uint32_t crc_b, uint64_t len_b)
{
    return (uint32_t)combine(CRC_KIND_32, crc_a, crc_b, len_b);
}

uint32_t crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t len_b)
{
    return (uint32_t)combine(CRC_KIND_32C, crc_a, crc_b, len_b);
}

uint64_t crc64nvme_combine(uint64_t crc_a, uint64_t crc_b, uint64_t len_b)
{
    return combine(CRC_KIND_64NVME, crc_a, crc_b, len_b);
}
