/* Is a session that was ended over from then on, after a restart too, and is it forgotten when it would have expired? */
#include "daemon/revoked_sessions.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
// clang-format off
#include <cmocka.h>
// clang-format on

enum { NOW_S = 1700000000, HOUR_S = 3600, KEY_BYTES = 20 };

static struct storage *store;
static char dir[] = "/tmp/lakegate-revoked-XXXXXX";

static int open_store(void **state)
{
    (void)state;
    struct storage_options options = {.dir = dir};
    return mkdtemp(dir) != NULL && storage_open(&options, &store, NULL) == STORAGE_OK ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status, (void)kind, (void)at;
    return remove(path);
}

static int close_store(void **state)
{
    (void)state;
    storage_close(store);
    return nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static struct span key_of(int number, char room[static KEY_BYTES + 1])
{
    snprintf(room, KEY_BYTES + 1, "ASIAAAAAAAAB%08u", (unsigned)number % 100000000);
    return span_of(room, KEY_BYTES);
}

static void add(struct revoked_sessions *revoked, int number, int64_t expires_s, int64_t now_s)
{
    char room[KEY_BYTES + 1];
    assert_int_equal(
        revoked_sessions_add(revoked, key_of(number, room), expires_s, now_s), STORAGE_OK);
}

static bool has(struct revoked_sessions *revoked, int number)
{
    char room[KEY_BYTES + 1];
    return revoked_sessions_has(revoked, key_of(number, room));
}

static void test_ended_sessions_stay_ended(void **state)
{
    (void)state;
    struct revoked_sessions *revoked = revoked_sessions_open(store);
    assert_non_null(revoked);
    assert_false(has(revoked, 1));
    for (int i = 900; i > 0; i -= 3)
        add(revoked, i, NOW_S + HOUR_S, NOW_S);
    add(revoked, 3, NOW_S + HOUR_S, NOW_S); /* once more */
    assert_int_equal(revoked_sessions_count(revoked), 300);
    revoked_sessions_free(revoked);
    revoked = revoked_sessions_open(store);
    assert_int_equal(revoked_sessions_count(revoked), 300);
    for (int i = 1; i <= 900; i++)
        assert_int_equal(has(revoked, i), i % 3 == 0);
    assert_false(revoked_sessions_has(revoked, SPAN("ASIA")));
    assert_false(revoked_sessions_has(revoked, SPAN_ABSENT));
    assert_false(revoked_sessions_has(NULL, SPAN("ASIAAAAAAAAB00000003")));
    revoked_sessions_free(revoked);
}

static void test_expired_ones_are_forgotten(void **state)
{
    (void)state;
    struct revoked_sessions *revoked = revoked_sessions_open(store);
    size_t before = revoked_sessions_count(revoked);
    assert_true(before >= 300);
    for (int i = 0; i < 20; i++)
        add(revoked, 10000 + i, NOW_S + 10 * HOUR_S, NOW_S + 2 * HOUR_S);
    assert_int_equal(revoked_sessions_count(revoked), 20);
    for (int i = 0; i < 20; i++)
        assert_true(has(revoked, 10000 + i));
    assert_false(has(revoked, 3));
    revoked_sessions_free(revoked);
    revoked = revoked_sessions_open(store);
    assert_int_equal(revoked_sessions_count(revoked), 20);
    revoked_sessions_free(revoked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ended_sessions_stay_ended),
        cmocka_unit_test(test_expired_ones_are_forgotten),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
