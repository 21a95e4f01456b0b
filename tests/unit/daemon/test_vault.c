/* Are secrets sealed so that only the right key opens them, and does changing the key lose none? */
#include "daemon/vault.h"

#include "base/digest.h"
#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct place {
    char dir[64], path[80];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    snprintf(place->dir, sizeof(place->dir), "/tmp/lakegate-vault-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    snprintf(place->path, sizeof(place->path), "%s/secrets.key", place->dir);
    *state = place;
    return 0;
}

static int drop_place(void **state)
{
    struct place *place = *state;
    unlink(place->path);
    rmdir(place->dir);
    free(place);
    return 0;
}

static struct vault *open_vault(const char *dir, const char *ring)
{
    struct vault *vault = NULL;
    char error[VAULT_ERROR_BYTES] = "";
    if (!vault_open(dir, span_str(ring), &vault, error))
        fail_msg("%s", error);
    return vault;
}

static bool opens(struct vault *vault, const char *what, struct span sealed, const char *plain)
{
    struct buf out CLEANUP(buf_free);
    buf_init(&out, VAULT_SEALED_MAX_BYTES);
    bool opened = vault_unseal(vault, span_str(what), sealed, &out);
    if (opened)
        assert_true(span_eq(buf_span(&out), span_str(plain)));
    return opened;
}

static void seal(struct vault *vault, const char *what, const char *plain, struct buf *out)
{
    buf_init(out, VAULT_SEALED_MAX_BYTES);
    assert_true(vault_seal(vault, span_str(what), span_str(plain), out));
    assert_int_equal(out->len, strlen(plain) + VAULT_OVERHEAD_BYTES);
}

static void test_file_is_made_and_read_again(void **state)
{
    struct place *place = *state;
    struct buf sealed CLEANUP(buf_free), again CLEANUP(buf_free);
    struct vault *vault = open_vault(place->dir, NULL);
    struct stat status;
    assert_int_equal(stat(place->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_true(vault_is_file(vault));
    seal(vault, "AKIA1", "secret", &sealed);
    seal(vault, "AKIA1", "secret", &again);
    assert_false(span_eq(buf_span(&sealed), buf_span(&again))); /* another nonce */
    vault_free(vault);
    vault = open_vault(place->dir, NULL);
    assert_true(opens(vault, "AKIA1", buf_span(&sealed), "secret"));
    assert_false(opens(vault, "AKIA2", buf_span(&sealed), "secret")); /* of another key */
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.ptr[i] = (char)(sealed.ptr[i] ^ 1);
        assert_false(opens(vault, "AKIA1", buf_span(&sealed), "secret"));
        sealed.ptr[i] = (char)(sealed.ptr[i] ^ 1);
    }
    assert_false(
        opens(vault, "AKIA1", span_first(buf_span(&sealed), VAULT_OVERHEAD_BYTES - 1), ""));
    vault_free(vault);
}

static void test_file_that_others_read_is_refused(void **state)
{
    struct place *place = *state;
    struct vault *vault = open_vault(place->dir, NULL);
    char error[VAULT_ERROR_BYTES] = "";
    vault_free(vault);
    assert_int_equal(chmod(place->path, 0640), 0);
    assert_false(vault_open(place->dir, SPAN_ABSENT, &vault, error));
    assert_non_null(strstr(error, "chmod 600"));
}

static void test_rings_that_are_handed_in(void **state)
{
    struct place *place = *state;
    static const char *const bad[] = {"x", A "0", "aa", A ",x", A " yesterday", "#\n",
        A "," A "," A "," A "," A "," A "," A "," A "," A};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct vault *vault = NULL;
        char error[VAULT_ERROR_BYTES] = "";
        assert_false(vault_open(place->dir, span_str(bad[i]), &vault, error));
        assert_null(strstr(error, "aaaa")); /* a secret is never shown */
    }
    struct buf sealed CLEANUP(buf_free), newer CLEANUP(buf_free);
    struct vault *old = open_vault(place->dir, A);
    struct vault *both = open_vault(place->dir, "# old, and new\r\n" A " 1700000000\r\n, " B "\n");
    struct vault *other = open_vault(place->dir, B);
    assert_int_not_equal(access(place->path, F_OK), 0); /* no file is made */
    seal(old, "w", "secret", &sealed);
    seal(both, "w", "secret", &newer);
    assert_true(opens(both, "w", buf_span(&sealed), "secret"));
    assert_true(vault_is_stale(both, buf_span(&sealed)));
    assert_false(vault_is_stale(both, buf_span(&newer)));
    assert_false(opens(other, "w", buf_span(&sealed), "secret"));
    assert_true(opens(other, "w", buf_span(&newer), "secret"));
    char error[VAULT_ERROR_BYTES] = "";
    assert_false(vault_add_key(both, error)); /* it is not ours to change */
    assert_true(vault_drop_old(both, 0, error));
    assert_true(opens(both, "w", buf_span(&sealed), "secret"));
    vault_free(old);
    vault_free(both);
    vault_free(other);
}

static void test_credential_of_systemd(void **state)
{
    struct place *place = *state;
    FILE *file = fopen(place->path, "w");
    assert_non_null(file);
    fputs(A "\n", file);
    fclose(file);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", place->dir, 1), 0);
    struct vault *vault = open_vault("/nonexistent", NULL);
    assert_false(vault_is_file(vault));
    struct buf sealed CLEANUP(buf_free);
    seal(vault, "w", "secret", &sealed);
    vault_free(vault);
    unsetenv("CREDENTIALS_DIRECTORY");
    vault = open_vault("/nonexistent", A);
    assert_true(opens(vault, "w", buf_span(&sealed), "secret"));
    vault_free(vault);
}

static void test_keys_are_added_and_dropped(void **state)
{
    struct place *place = *state;
    char error[VAULT_ERROR_BYTES] = "";
    struct buf first CLEANUP(buf_free), second CLEANUP(buf_free);
    struct vault *vault = open_vault(place->dir, NULL);
    seal(vault, "w", "secret", &first);
    assert_true(vault_add_key(vault, error));
    assert_true(vault_is_stale(vault, buf_span(&first)));
    seal(vault, "w", "secret", &second);
    assert_true(opens(vault, "w", buf_span(&first), "secret"));
    vault_free(vault);
    vault = open_vault(place->dir, NULL); /* a crash now: all opens still */
    assert_true(opens(vault, "w", buf_span(&first), "secret"));
    assert_true(opens(vault, "w", buf_span(&second), "secret"));
    assert_true(vault_drop_old(vault, 3600, error)); /* younger tokens may be sealed with it */
    assert_true(opens(vault, "w", buf_span(&first), "secret"));
    assert_true(vault_drop_old(vault, 0, error));
    assert_false(opens(vault, "w", buf_span(&first), "secret"));
    assert_true(opens(vault, "w", buf_span(&second), "secret"));
    for (int i = 1; i < VAULT_KEYS_MAX; i++)
        assert_true(vault_add_key(vault, error));
    assert_false(vault_add_key(vault, error));
    vault_free(vault);
}

static size_t read_file(const char *path, char *ret_text, size_t size)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(ret_text, 1, size, file);
    fclose(file);
    return len;
}

static void write_file(const char *path, const char *text, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* Each bit: the ring is refused, or it is the ring that was written. A key less, or another, would be answered with
 * secrets and tokens that do not open. */
static void test_a_flipped_bit_of_the_file_is_found(void **state)
{
    struct place *place = *state;
    char error[VAULT_ERROR_BYTES] = "", text[2048];
    struct buf old CLEANUP(buf_free), newest CLEANUP(buf_free);
    struct vault *vault = open_vault(place->dir, NULL);
    seal(vault, "w", "secret", &old);
    assert_true(vault_add_key(vault, error));
    seal(vault, "w", "secret", &newest);
    vault_free(vault);
    size_t len = read_file(place->path, text, sizeof(text)), refused = 0;
    for (size_t bit = 0; bit < len * 8; bit++) {
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        write_file(place->path, text, len);
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        if (!vault_open(place->dir, SPAN_ABSENT, &vault, error)) {
            refused++;
            assert_non_null(strstr(error, place->path));
            continue;
        }
        if (!opens(vault, "w", buf_span(&old), "secret") ||
            !opens(vault, "w", buf_span(&newest), "secret") ||
            vault_is_stale(vault, buf_span(&newest)))
            fail_msg(
                "bit %zu of byte %zu, '%c', makes another ring", bit % 8, bit / 8, text[bit / 8]);
        vault_free(vault);
    }
    assert_true(refused > len * 7);
    write_file(place->path, text, len);
    vault_free(open_vault(place->dir, NULL));
    /* Without the line it is as a ring that somebody has written: it is believed. */
    char *check = strstr(text, "# check");
    assert_non_null(check);
    write_file(place->path, text, (size_t)(check - text));
    vault_free(open_vault(place->dir, NULL));
}

static void test_too_much_is_refused(void **state)
{
    struct place *place = *state;
    static char much[VAULT_SEALED_MAX_BYTES];
    struct buf out CLEANUP(buf_free);
    struct vault *vault = open_vault(place->dir, A);
    buf_init(&out, (size_t)2 * VAULT_SEALED_MAX_BYTES);
    assert_false(vault_seal(vault, SPAN("w"), span_of(much, sizeof(much)), &out));
    assert_true(
        vault_seal(vault, SPAN("w"), span_of(much, sizeof(much) - VAULT_OVERHEAD_BYTES), &out));
    vault_free(vault);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, drop_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_file_is_made_and_read_again),
        TEST(test_file_that_others_read_is_refused),
        TEST(test_rings_that_are_handed_in),
        TEST(test_credential_of_systemd),
        TEST(test_keys_are_added_and_dropped),
        TEST(test_a_flipped_bit_of_the_file_is_found),
        TEST(test_too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
