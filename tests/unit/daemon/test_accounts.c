/* Accounts: made with root keys of their own, found by number and canonical id, removed when they own nothing. */
#include "tests/unit/daemon/iam_fixture.h"

#include <pthread.h>

#define BEGIN                                                                                      \
    struct fixture *fixture = *state;                                                              \
    struct iam_call *call = &fixture->call

static enum iam_err add(
    struct fixture *fixture, struct span name, struct account *ret_account, struct span *ret_key)
{
    struct span secret;
    return accounts_add(fixture->accounts, name, fixture->call.arena, ret_account, ret_key, &secret,
        &fixture->call.detail);
}

static void test_the_first_is_there(void **state)
{
    BEGIN;
    struct account account;
    (void)call;
    assert_true(accounts_get(fixture->accounts, 1, &account));
    assert_string_equal(account.name, "root");
    assert_string_equal(
        account.canonical_id, "21b64d07f8c0933ae81b157b61ef7ed828bd4b5d8e664ed60cef4fa5e664b7ce");
    assert_int_equal(accounts_list(fixture->accounts, 0, &account, 1), 1);
    assert_false(accounts_get(fixture->accounts, 2, &account));
    assert_iam(
        call, accounts_remove(fixture->accounts, 1, call->arena, &call->detail), IAM_INVALID_INPUT);
}

static void test_made_found_and_removed(void **state)
{
    BEGIN;
    struct account second, third, found, page[4];
    struct span key;
    const struct identity *identity;
    struct span secret;
    assert_iam(call, add(fixture, SPAN("M\xc3\xbcller"), &second, &key), IAM_OK);
    assert_iam(call, add(fixture, SPAN("other"), &third, &key), IAM_OK);
    char id[32];
    snprintf(id, sizeof(id), "%.*s", SPAN_ARG(key));
    fixture_reopen(fixture);
    assert_int_equal(accounts_list(fixture->accounts, 0, page, 4), 3);
    assert_int_equal(accounts_list(fixture->accounts, 1, page, 1), 1);
    assert_string_equal(page[0].name, "M\xc3\xbcller");
    assert_true(accounts_find(fixture->accounts, span_str(third.canonical_id), &found));
    assert_int_equal(found.id, third.id);
    assert_int_equal(
        identities_find(fixture->identities, span_str(id), SPAN_ABSENT, 1, &identity, &secret),
        S3_OK);
    assert_true(identity->is_root);
    assert_int_equal(identity->account_id, third.id);
    assert_text(identity->principal.arn, "arn:aws:iam::000000000003:root");
    identity_unref(identity);
    assert_iam(
        call, accounts_remove(fixture->accounts, third.id, call->arena, &call->detail), IAM_OK);
    assert_int_equal(
        identities_find(fixture->identities, span_str(id), SPAN_ABSENT, 1, &identity, &secret),
        S3_ERR_INVALID_ACCESS_KEY_ID);
    assert_iam(call, accounts_remove(fixture->accounts, third.id, call->arena, &call->detail),
        IAM_NO_SUCH_ENTITY);
    /* Its number is never another's: buckets and policies may still carry it. */
    assert_iam(call, add(fixture, SPAN("other"), &found, &key), IAM_OK);
    assert_int_equal(found.id, 4);
    fixture_reopen(fixture);
    assert_int_equal(accounts_list(fixture->accounts, 0, page, 4), 3);
}

static void test_bad_names(void **state)
{
    BEGIN;
    struct account account;
    struct span key;
    static const struct span bad[] = {{"", 0}, {"\xff", 1}, {"a\nb", 3}, {"a\0b", 3},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 51}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_iam(call, add(fixture, bad[i], &account, &key), IAM_INVALID_INPUT);
    assert_iam(call, add(fixture, SPAN("ROOT"), &account, &key), IAM_ENTITY_EXISTS);
}

static void test_not_removed_while_it_owns_something(void **state)
{
    BEGIN;
    struct account account;
    struct span key;
    assert_iam(call, add(fixture, SPAN("other"), &account, &key), IAM_OK);
    struct iam_call other = *call;
    other.account = account.id;
    struct mutation create = {.kind = MUTATION_CREATE_BUCKET,
        .bucket = {.name = SPAN("others-bucket")},
        .create_bucket = {.owner_id = account.id, .region = SPAN("us-east-1")}};
    assert_int_equal(storage_commit(fixture->storage, &create), STORAGE_OK);
    assert_iam(call, accounts_remove(fixture->accounts, account.id, call->arena, &call->detail),
        IAM_DELETE_CONFLICT);
    assert_text(call->detail, "The account still owns buckets");
    struct mutation drop = {.kind = MUTATION_DELETE_BUCKET,
        .bucket = {.id = create.bucket_info.id, .name = SPAN("others-bucket")}};
    assert_int_equal(storage_commit(fixture->storage, &drop), STORAGE_OK);
    make_entity(&other, IAM_GROUP, "g");
    assert_iam(call, accounts_remove(fixture->accounts, account.id, call->arena, &call->detail),
        IAM_DELETE_CONFLICT);
    assert_iam(&other, iam_delete(&other, IAM_GROUP, SPAN("g")), IAM_OK);
    assert_iam(
        call, accounts_remove(fixture->accounts, account.id, call->arena, &call->detail), IAM_OK);
}

struct maker {
    struct fixture *fixture;
    uint64_t account_id;
    pthread_barrier_t begin;
    bool made;
};

/* As CreateBucket of somebody who was let in before the account was removed. */
static void *make_bucket(void *argument)
{
    struct maker *maker = argument;
    struct mutation create = {.kind = MUTATION_CREATE_BUCKET,
        .bucket = {.name = SPAN("raced-bucket")},
        .create_bucket = {.owner_id = maker->account_id, .region = SPAN("us-east-1")}};
    pthread_barrier_wait(&maker->begin);
    if (accounts_hold(maker->fixture->accounts, maker->account_id)) {
        maker->made = storage_commit(maker->fixture->storage, &create) == STORAGE_OK;
        accounts_release(maker->fixture->accounts);
    }
    return NULL;
}

static void test_a_bucket_made_while_its_account_goes_has_an_owner(void **state)
{
    BEGIN;
    enum { ROUNDS = 60 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct account account;
        struct span key;
        struct maker maker = {.fixture = fixture};
        pthread_t thread;
        assert_iam(call, add(fixture, SPAN("short-lived"), &account, &key), IAM_OK);
        maker.account_id = account.id;
        assert_int_equal(pthread_barrier_init(&maker.begin, NULL, 2), 0);
        assert_int_equal(pthread_create(&thread, NULL, make_bucket, &maker), 0);
        pthread_barrier_wait(&maker.begin);
        enum iam_err err =
            accounts_remove(fixture->accounts, account.id, call->arena, &call->detail);
        assert_int_equal(pthread_join(thread, NULL), 0);
        pthread_barrier_destroy(&maker.begin);
        assert_true(err == IAM_OK || err == IAM_DELETE_CONFLICT);
        assert_true(maker.made == (err == IAM_DELETE_CONFLICT));
        if (err == IAM_OK)
            continue;
        struct bucket_info info;
        assert_int_equal(
            storage_bucket_get(fixture->storage, SPAN("raced-bucket"), call->arena, &info),
            STORAGE_OK);
        struct mutation drop = {.kind = MUTATION_DELETE_BUCKET,
            .bucket = {.id = info.id, .name = SPAN("raced-bucket")}};
        assert_int_equal(storage_commit(fixture->storage, &drop), STORAGE_OK);
        assert_iam(call, accounts_remove(fixture->accounts, account.id, call->arena, &call->detail),
            IAM_OK);
    }
    assert_false(accounts_hold(fixture->accounts, 999));
    assert_true(accounts_hold(fixture->accounts, 1));
    accounts_release(fixture->accounts);
}

static void test_principals_of_accounts(void **state)
{
    BEGIN;
    struct account account;
    struct span key;
    assert_iam(call, add(fixture, SPAN("other"), &account, &key), IAM_OK);
    const struct {
        struct span principal;
        bool exists;
    } cases[] = {
        {SPAN("000000000001"), true},
        {SPAN("000000000002"), true},
        {SPAN("000000000003"), false},
        {span_str(account.canonical_id), true},
        {SPAN("21b64d07f8c0933ae81b157b61ef7ed828bd4b5d8e664ed60cef4fa5e664b7ce"), true},
        {SPAN("31b64d07f8c0933ae81b157b61ef7ed828bd4b5d8e664ed60cef4fa5e664b7ce"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(
            span_present(iam_principal_id(fixture->iam, cases[i].principal, call->arena)),
            cases[i].exists);
}

static void test_texts(void **state)
{
    (void)state;
    char digits[ACCOUNT_ID_DIGITS + 1];
    uint64_t id;
    account_digits(42, digits);
    assert_string_equal(digits, "000000000042");
    assert_true(account_parse(SPAN("000000000042"), &id));
    assert_int_equal(id, 42);
    static const char *const bad[] = {"", "42", "0000000000042", "00000000004x", "-00000000042"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(account_parse(span_str(bad[i]), &id));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_first_is_there),
        TEST(test_made_found_and_removed),
        TEST(test_bad_names),
        TEST(test_not_removed_while_it_owns_something),
        TEST(test_a_bucket_made_while_its_account_goes_has_an_owner),
        TEST(test_principals_of_accounts),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
