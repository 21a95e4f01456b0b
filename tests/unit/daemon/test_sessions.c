/* Tokens: all of a session comes back from one, and nothing from what is altered, foreign or past. */
#include "daemon/sessions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define RING "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
enum { NOW_S = 1700000000 };

static struct vault *vault_of(const char *ring)
{
    struct vault *vault = NULL;
    char error[VAULT_ERROR_BYTES];
    assert_true(vault_open("/nonexistent", span_str(ring), &vault, error));
    return vault;
}

static const struct policy_tag tags[] = {
    {{"team", 4}, {"lake", 4}}, {{"Caf\xc3\xa9", 5}, {"", 0}}, {{"a\"b", 3}, {"\\", 1}}};
static const struct span arns[] = {{"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess", 46}};

static struct session sample(void)
{
    return (struct session){.kind = SESSION_ASSUMED_ROLE,
        .account = 123456789012,
        .principal_id = SPAN("AROAABCDEFGHIJKLMNOPQ"),
        .name = SPAN("me@here"),
        .made_by = SPAN("AKIAABCDEFGHIJKLMNOP"),
        .source_identity = SPAN("alice"),
        .has_policies = true,
        .policy = SPAN("{\"Statement\":\n[]}"),
        .policy_arns = arns,
        .policy_arn_count = 1,
        .tags = tags,
        .tag_count = 3,
        .transitive_count = 2,
        .issued_s = NOW_S,
        .expires_s = NOW_S + 3600};
}

static bool same(struct span a, struct span b)
{
    return span_present(a) == span_present(b) && span_eq(a, b);
}

static void test_all_comes_back(void **state)
{
    (void)state;
    struct arena arena CLEANUP(arena_free);
    struct vault *vault = vault_of(RING);
    struct session made = sample(), read;
    struct session_credentials keys;
    char secret[SESSION_SECRET_BYTES];
    uint64_t account;
    arena_init(&arena, 1024 * 1024);
    assert_int_equal(session_make(vault, &made, &arena, &keys), SESSION_OK);
    assert_int_equal(keys.access_key.len, SESSION_ACCESS_KEY_BYTES);
    assert_true(session_key_account(keys.access_key, &account));
    assert_true(account == 123456789012);
    for (size_t i = 0; i < keys.token.len; i++) /* nothing that a URL has to encode */
        assert_non_null(strchr(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", keys.token.ptr[i]));
    assert_int_equal(
        session_open(vault, keys.access_key, keys.token, NOW_S + 3599, &arena, &read, secret),
        SESSION_OK);
    assert_true(span_eq(span_of(secret, sizeof(secret)), keys.secret));
    assert_int_equal(read.kind, made.kind);
    assert_true(read.account == made.account);
    assert_true(same(read.principal_id, made.principal_id) && same(read.name, made.name) &&
                same(read.made_by, made.made_by) &&
                same(read.source_identity, made.source_identity) && same(read.policy, made.policy));
    assert_true(read.has_policies);
    assert_int_equal(read.policy_arn_count, 1);
    assert_true(span_eq(read.policy_arns[0], arns[0]));
    assert_int_equal(read.tag_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(
            span_eq(read.tags[i].name, tags[i].name) && span_eq(read.tags[i].value, tags[i].value));
    assert_int_equal(read.transitive_count, 2);
    assert_true(read.issued_s == made.issued_s && read.expires_s == made.expires_s);
    assert_int_equal(
        session_open(vault, keys.access_key, keys.token, NOW_S + 3600, &arena, &read, secret),
        SESSION_EXPIRED);
    vault_free(vault);
}

static void test_altered_and_foreign_tokens(void **state)
{
    (void)state;
    struct arena arena CLEANUP(arena_free);
    struct vault *vault = vault_of(RING), *other = vault_of(OTHER);
    struct session made = sample(), read;
    struct session_credentials keys, second;
    char secret[SESSION_SECRET_BYTES];
    arena_init(&arena, (size_t)16 * 1024 * 1024);
    made.tag_count = made.policy_arn_count = 0;
    assert_int_equal(session_make(vault, &made, &arena, &keys), SESSION_OK);
    assert_int_equal(session_make(vault, &made, &arena, &second), SESSION_OK);
    char *token = (char *)keys.token.ptr;
    for (size_t i = 0; i < keys.token.len; i++) {
        char kept = token[i];
        token[i] = kept == 'A' ? 'B' : 'A';
        assert_int_equal(
            session_open(vault, keys.access_key, keys.token, NOW_S, &arena, &read, secret),
            SESSION_INVALID);
        token[i] = kept;
    }
    for (size_t len = 0; len < keys.token.len; len++)
        assert_int_equal(session_open(vault, keys.access_key, span_first(keys.token, len), NOW_S,
                             &arena, &read, secret),
            SESSION_INVALID);
    assert_int_equal(/* the token of another key */
        session_open(vault, second.access_key, keys.token, NOW_S, &arena, &read, secret),
        SESSION_INVALID);
    assert_int_equal(session_open(other, keys.access_key, keys.token, NOW_S, &arena, &read, secret),
        SESSION_INVALID);
    static char much[SESSION_TOKEN_MAX_BYTES + 1];
    memset(much, 'A', sizeof(much));
    assert_int_equal(session_open(vault, keys.access_key, span_of(much, sizeof(much)), NOW_S,
                         &arena, &read, secret),
        SESSION_INVALID);
    assert_int_equal(session_open(vault, keys.access_key, span_of(much, sizeof(much) - 1), NOW_S,
                         &arena, &read, secret),
        SESSION_INVALID);
    vault_free(vault);
    vault_free(other);
}

static void test_too_much_for_a_token(void **state)
{
    (void)state;
    struct arena arena CLEANUP(arena_free);
    struct vault *vault = vault_of(RING);
    struct session made = sample();
    struct session_credentials keys;
    static char text[SESSION_TOKEN_MAX_BYTES];
    arena_init(&arena, 1024 * 1024);
    memset(text, 'x', sizeof(text));
    made.policy = span_of(text, SESSION_POLICY_MAX_BYTES);
    assert_int_equal(session_make(vault, &made, &arena, &keys), SESSION_OK);
    assert_true(keys.token.len <= SESSION_TOKEN_MAX_BYTES);
    assert_in_range(keys.packed_percent, 30, 50);
    made.policy = span_of(text, 6000);
    assert_int_equal(session_make(vault, &made, &arena, &keys), SESSION_TOO_LARGE);
    memset(text, '"', sizeof(text)); /* longer when it is written */
    made.policy = span_of(text, 4000);
    assert_int_equal(session_make(vault, &made, &arena, &keys), SESSION_TOO_LARGE);
    made.policy = span_of(text, sizeof(text));
    assert_int_equal(session_make(vault, &made, &arena, &keys), SESSION_TOO_LARGE);
    vault_free(vault);
}

static void test_accounts_of_keys(void **state)
{
    (void)state;
    uint64_t account;
    static const char *const bad[] = {"", "AKIAAAAAAAABAAAAAAAA", "ASIAAAAAAAAAAAAAAAAA",
        "ASIA777777777777777", "ASIA7777777777777777", "ASIAAAAAAAAB0AAAAAAA"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(session_key_account(span_str(bad[i]), &account));
    assert_true(session_key_account(SPAN("ASIAAAAAAAABZZZZZZZZ"), &account));
    assert_true(account == 1);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(test_all_comes_back),
        cmocka_unit_test(test_altered_and_foreign_tokens),
        cmocka_unit_test(test_too_much_for_a_token),
        cmocka_unit_test(test_accounts_of_keys),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
