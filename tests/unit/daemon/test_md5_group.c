#include "base/digest.h"
#include "daemon/md5_group.h"

#include "tests/unit/proto/cmocka_span.h"

#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 12, BODIES = 40, RUN_BYTES = 48 * 1024, RUNS = 3 };

struct upload {
    struct md5_group *group;
    unsigned seed;
    bool all_right;
    pthread_t thread;
};

static void *digest_bodies(void *ctx)
{
    struct upload *upload = ctx;
    char *body = malloc(RUNS * RUN_BYTES);
    upload->all_right = body != NULL;
    for (size_t n = 0; n < BODIES && upload->all_right; n++) {
        struct md5 md5;
        uint8_t got[MD5_BYTES], wanted[MD5_BYTES];
        size_t len = (size_t)rand_r(&upload->seed) % (RUNS * RUN_BYTES);
        memset(body, (int)(upload->seed >> 8), len);
        md5_init(&md5);
        for (size_t at = 0; at < len; at += RUN_BYTES)
            md5_group_update(upload->group, &md5,
                span_of(body + at, len - at < RUN_BYTES ? len - at : RUN_BYTES));
        md5_final(&md5, got);
        md5_of(span_of(body, len), wanted);
        upload->all_right = memcmp(got, wanted, MD5_BYTES) == 0;
    }
    free(body);
    return NULL;
}

/* More come than compute, so most are computed by others. */
static void digests_each_body_as_if_it_were_alone(size_t at_once)
{
    struct upload uploads[THREADS];
    struct md5_group *group = md5_group_new(at_once);
    assert_non_null(group);
    for (unsigned i = 0; i < THREADS; i++) {
        uploads[i] = (struct upload){.group = group, .seed = i + 1};
        assert_int_equal(pthread_create(&uploads[i].thread, NULL, digest_bodies, &uploads[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(uploads[i].thread, NULL);
        assert_true(uploads[i].all_right);
    }
    md5_group_free(group);
}

static void one_thread_computes_for_all(void **state)
{
    (void)state;
    digests_each_body_as_if_it_were_alone(1);
}

static void some_threads_compute_for_all(void **state)
{
    (void)state;
    digests_each_body_as_if_it_were_alone(3);
}

static void without_a_group_it_is_computed_here(void **state)
{
    (void)state;
    struct upload upload = {.seed = 7};
    digest_bodies(&upload);
    assert_true(upload.all_right);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_computes_for_all),
        cmocka_unit_test(some_threads_compute_for_all),
        cmocka_unit_test(without_a_group_it_is_computed_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
