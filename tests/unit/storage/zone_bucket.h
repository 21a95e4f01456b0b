/* A bucket to be put under rules, and bytes to be put into it. */
#ifndef TESTS_ZONE_BUCKET_H
#define TESTS_ZONE_BUCKET_H

#include "zone_support.h"

static struct bucket_ref bucket;
static char large[3000];

static inline int zone_bucket_setup(void **state)
{
    int result = store_setup(state);
    bucket = make_bucket("lake");
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)('a' + i % 26);
    return result;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, zone_bucket_setup, store_teardown)

#endif
