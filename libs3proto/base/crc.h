/* What stands behind the CRCs of digest.h: the three polynomials and the ways to run them. Private
 * to base and its tests. All three CRCs are reflected, so one description serves them: bit width-1
 * of a value is the coefficient of x^0. Set up once, read-only from then on. */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include "base/span.h"

enum crc_kind { CRC_KIND_32, CRC_KIND_32C, CRC_KIND_64NVME, CRC_KINDS };

struct crc_poly {
    uint64_t poly;
    unsigned width;         /* 32 or 64 */
    uint64_t table[8][256]; /* [k][b]: byte b followed by k zero bytes */
    uint64_t powers[64];    /* [k]: x^(8 * 2^k) mod P */
    /* x^(distance+63) and x^(distance-1) mod P, as 64-bit values, for folding over a distance in
     * bits */
    uint64_t fold_128[2], fold_1024[2], fold_2048[2];
};

/* Runs a register (no complement at either end) over bytes. */
typedef uint64_t crc_run(
    const struct crc_poly *poly, uint64_t state, const unsigned char *at, size_t len);

struct crc_impl {
    const char *name;
    crc_run *run[CRC_KINDS]; /* NULL: not one of this implementation's */
};

/* The implementations that this processor can run, slowest first, the table's always. */
const struct crc_impl *crc_impls(size_t *ret_count);
const struct crc_poly *crc_poly_of(enum crc_kind kind);

crc_run crc_run_table;

/* Those of the processor's instructions; returns how many it can run. */
enum { CRC_CPU_IMPLS = 3 };
size_t crc_cpu_impls(struct crc_impl ret_impls[static CRC_CPU_IMPLS]);

#endif
