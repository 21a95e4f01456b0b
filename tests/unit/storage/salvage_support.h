/* A store that is to lose its index, and be salvaged. */
#ifndef TESTS_SALVAGE_SUPPORT_H
#define TESTS_SALVAGE_SUPPORT_H

#include "gc_support.h"
#include "zone_support.h"

static struct bucket_ref plain, versioned, zoned;
static char told[64 * 1024];
static struct storage_salvage_figures figures;

static inline int salvage_setup(void **state)
{
    test_segment_bytes = 2 * 1024 * 1024;
    test_snapshots = 0;
    test_reserve_bytes = 0;
    if (store_setup(state) != 0)
        return -1;
    plain = make_bucket("plain");
    versioned = make_bucket("versioned");
    zoned = make_bucket("zoned");
    assert_int_equal(set_versioning(versioned, VERSIONING_ON), STORAGE_OK);
    return 0;
}

static inline void path_of(const char *name, char path[static 256])
{
    snprintf(path, 256, "%s/%s", test_dir, name);
}

static inline void lose_index(void)
{
    char path[256];
    path_of("index", path);
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void take_line(void *ctx, const char *line)
{
    (void)ctx;
    size_t len = strlen(told);
    snprintf(told + len, sizeof(told) - len, "%s\n", line);
}

static inline enum storage_err try_salvage(const char *to)
{
    const char *detail = "";
    struct storage_salvage order = {.dir = test_dir, .to = to, .report = take_line};
    told[0] = '\0';
    enum storage_err err = storage_salvage(&order, &figures, &detail);
    if (err != STORAGE_OK)
        take_line(NULL, detail);
    return err;
}

static inline void salvage(void)
{
    if (store)
        store_close();
    if (try_salvage(NULL) != STORAGE_OK)
        fail_msg("salvage: %s", told);
    store_open();
}

static inline void salvage_all(void)
{
    salvage();
    if (figures.unknown != 0)
        fail_msg("not all is known: %s", told);
}

static inline void expect_told(const char *text)
{
    assert_true(figures.unknown > 0);
    if (!strstr(told, text))
        fail_msg("\"%s\" is not in: %s", text, told);
}

#endif
