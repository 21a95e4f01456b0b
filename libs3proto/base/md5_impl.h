/* What stands behind md5.h: the ways to run it. Private to base and its tests. Set up once, read-only from then on. */
#ifndef BASE_MD5_IMPL_H
#define BASE_MD5_IMPL_H

#include "base/md5.h"

/* Ways to advance the states of up to MD5_LANES messages by whole blocks. */
struct md5_impl {
    const char *name;
    size_t lanes;
    /* state[i] and at[i] for each lane; all lanes are advanced */
    void (*run)(uint32_t (*state)[4], const unsigned char *const *at, size_t block_count);
};
/* Those that this processor can run, with the fewest lanes first. */
const struct md5_impl *md5_impls(size_t *ret_count);
void md5_update_many_by(const struct md5_impl *impl, const struct md5_run *runs, size_t count);

#endif
