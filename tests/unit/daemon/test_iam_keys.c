/* Access keys: given once, sealed, switched off, forgotten; sealed anew with another key; last used. */
#include "tests/unit/daemon/iam_fixture.h"

#include "daemon/private_file.h"

#define BEGIN                                                                                      \
    struct fixture *fixture = *state;                                                              \
    struct iam_call *call = &fixture->call

static bool folder_holds(const char *dir, struct span secret)
{
    char command[256];
    snprintf(command, sizeof(command), "grep -rqF '%.*s' %s", SPAN_ARG(secret), dir);
    return system(command) == 0; // NOLINT: a test's own folder
}

static void test_a_key_and_its_secret(void **state)
{
    BEGIN;
    struct iam_key key, again;
    struct span secret;
    char opened[IAM_SECRET_KEY_BYTES];
    make_entity(call, IAM_USER, "u");
    assert_iam(call, iam_key_create(call, SPAN("U"), &key, &secret), IAM_OK);
    assert_true(span_starts(key.id, SPAN("AKIA")));
    assert_int_equal(key.id.len, IAM_ACCESS_KEY_BYTES);
    assert_int_equal(secret.len, IAM_SECRET_KEY_BYTES);
    char id[32], text[64];
    snprintf(id, sizeof(id), "%.*s", SPAN_ARG(key.id));
    snprintf(text, sizeof(text), "%.*s", SPAN_ARG(secret));
    fixture_reopen(fixture);
    assert_iam(call, iam_key_secret(call, span_str(id), &again, opened), IAM_OK);
    assert_true(span_eq(span_of(opened, sizeof(opened)), span_str(text)));
    assert_true(again.active);
    assert_true(folder_holds(fixture->dir, span_str(id)));
    assert_false(folder_holds(fixture->dir, span_str(text))); /* at rest it is sealed */
    assert_iam(call, iam_key_get(call, span_str(id), &again), IAM_OK);
    assert_text(again.user_name, "u");
    assert_int_equal(again.used_ms, 0);
}

static void test_two_at_most(void **state)
{
    BEGIN;
    struct iam_key first, second, third, *keys;
    struct span secret;
    size_t count;
    make_entity(call, IAM_USER, "u");
    make_entity(call, IAM_USER, "v");
    assert_iam(call, iam_key_create(call, SPAN("u"), &first, &secret), IAM_OK);
    assert_iam(call, iam_key_create(call, SPAN("u"), &second, &secret), IAM_OK);
    assert_iam(call, iam_key_create(call, SPAN("u"), &third, &secret), IAM_LIMIT_EXCEEDED);
    assert_text(call->detail, "Cannot exceed quota for AccessKeysPerUser: 2");
    assert_iam(call, iam_key_delete(call, SPAN("v"), first.id), IAM_NO_SUCH_ENTITY);
    assert_iam(call, iam_key_set_active(call, SPAN("v"), first.id, false), IAM_NO_SUCH_ENTITY);
    assert_iam(call, iam_delete(call, IAM_USER, SPAN("u")), IAM_DELETE_CONFLICT);
    assert_iam(call, iam_key_set_active(call, SPAN("u"), second.id, false), IAM_OK);
    assert_iam(call, iam_key_delete(call, SPAN("u"), first.id), IAM_OK);
    assert_iam(call, iam_key_get(call, first.id, &third), IAM_NO_SUCH_ENTITY);
    assert_iam(call, iam_key_list(call, SPAN("u"), &keys, &count), IAM_OK);
    assert_int_equal(count, 1);
    assert_true(span_eq(keys[0].id, second.id));
    assert_false(keys[0].active);
    assert_iam(call, iam_key_delete(call, SPAN("u"), second.id), IAM_OK);
    assert_iam(call, iam_delete(call, IAM_USER, SPAN("u")), IAM_OK);
}

static void test_a_secret_opens_for_its_key_alone(void **state)
{
    BEGIN;
    struct iam_key first, second, read;
    struct span secret, value;
    uint64_t generation;
    char opened[IAM_SECRET_KEY_BYTES];
    make_entity(call, IAM_USER, "u");
    assert_iam(call, iam_key_create(call, SPAN("u"), &first, &secret), IAM_OK);
    assert_iam(call, iam_key_create(call, SPAN("u"), &second, &secret), IAM_OK);
    struct span from = arena_format(call->arena, "iam/key/%.*s", SPAN_ARG(first.id));
    struct span to = arena_format(call->arena, "iam/key/%.*s", SPAN_ARG(second.id));
    assert_int_equal(
        storage_record_get(fixture->storage, from, call->arena, &value, &generation), STORAGE_OK);
    struct record_change change = {.key = to, .value = value};
    struct mutation mutation = {
        .kind = MUTATION_CHANGE_RECORDS, .records = {.changes = &change, .count = 1}};
    assert_int_equal(storage_commit(fixture->storage, &mutation), STORAGE_OK);
    assert_iam(call, iam_key_secret(call, second.id, &read, opened), IAM_NO_SUCH_ENTITY);
    assert_iam(call, iam_key_secret(call, first.id, &read, opened), IAM_OK);
}

static void test_use_is_written_late(void **state)
{
    BEGIN;
    struct iam_key key, read;
    struct span secret, value;
    uint64_t generation;
    char id[32];
    make_entity(call, IAM_USER, "u");
    assert_iam(call, iam_key_create(call, SPAN("u"), &key, &secret), IAM_OK);
    snprintf(id, sizeof(id), "%.*s", SPAN_ARG(key.id));
    uint64_t before = iam_generation(fixture->iam);
    iam_key_used(fixture->iam, key.id, 1700000000000, SPAN("s3"), SPAN("us-east-1"));
    iam_flush(fixture->iam); /* the first is written at once: nothing was for long */
    iam_key_used(fixture->iam, key.id, 1700000001000, SPAN("sts"), SPAN("eu-west-1"));
    struct span used = arena_format(call->arena, "iam/used/%s", id);
    assert_int_equal(
        storage_record_get(fixture->storage, used, call->arena, &value, &generation), STORAGE_OK);
    assert_true(span_find(value, SPAN("1700000000000"), 0) != SIZE_MAX);
    assert_iam(call, iam_key_get(call, key.id, &read), IAM_OK);
    assert_int_equal(read.used_ms, 1700000001000);
    assert_text(read.used_service, "sts");
    assert_int_equal(iam_generation(fixture->iam), before); /* nobody is resolved anew */
    fixture_reopen(fixture);
    assert_iam(call, iam_key_get(call, span_str(id), &read), IAM_OK);
    assert_int_equal(read.used_ms, 1700000001000);
    assert_text(read.used_region, "eu-west-1");
    assert_iam(call, iam_key_delete(call, SPAN("u"), span_str(id)), IAM_OK);
    iam_flush(fixture->iam);
    used = arena_format(call->arena, "iam/used/%s", id);
    assert_int_equal(storage_record_get(fixture->storage, used, call->arena, &value, &generation),
        STORAGE_NO_SUCH_RECORD);
}

/* ---- another key for the secrets ---- */

enum { MANY = 12 };

static void all_open(struct fixture *fixture, char ids[MANY][32], char secrets[MANY][64])
{
    for (size_t i = 0; i < MANY; i++) {
        struct iam_key key;
        char opened[IAM_SECRET_KEY_BYTES];
        assert_iam(
            &fixture->call, iam_key_secret(&fixture->call, span_str(ids[i]), &key, opened), IAM_OK);
        assert_true(span_eq(span_of(opened, sizeof(opened)), span_str(secrets[i])));
    }
}

static void make_many(struct fixture *fixture, char ids[MANY][32], char secrets[MANY][64])
{
    for (size_t i = 0; i < MANY; i++) {
        struct iam_key key;
        struct span secret;
        char name[16];
        snprintf(name, sizeof(name), "u%zu", i);
        make_entity(&fixture->call, IAM_USER, name);
        assert_iam(
            &fixture->call, iam_key_create(&fixture->call, span_str(name), &key, &secret), IAM_OK);
        snprintf(ids[i], sizeof(ids[i]), "%.*s", SPAN_ARG(key.id));
        snprintf(secrets[i], sizeof(secrets[i]), "%.*s", SPAN_ARG(secret));
    }
}

static void test_rotation_keeps_every_secret(void **state)
{
    BEGIN;
    char ids[MANY][32], secrets[MANY][64], path[128], error[VAULT_ERROR_BYTES];
    char old_ring[PRIVATE_FILE_MAX_BYTES];
    size_t old_len;
    struct iam_rotation rotation;
    make_many(fixture, ids, secrets);
    snprintf(path, sizeof(path), "%s/secrets.key", fixture->dir);
    assert_int_equal(
        private_file_read(path, true, old_ring, &old_len, error, sizeof(error)), PRIVATE_FILE_READ);
    assert_iam(call, iam_rotate(call, 0, NULL, 0, &rotation), IAM_OK);
    assert_true(rotation.new_key);
    assert_int_equal(rotation.sealed, MANY);
    all_open(fixture, ids, secrets);
    fixture_reopen(fixture);
    all_open(fixture, ids, secrets);
    /* With the old ring alone nothing opens any more. */
    fixture_close(fixture);
    struct storage_options options = {.dir = fixture->dir, .no_background = true};
    const char *detail = NULL;
    struct vault *old = NULL;
    assert_int_equal(storage_open(&options, &fixture->storage, &detail), STORAGE_OK);
    assert_true(vault_open(fixture->dir, span_of(old_ring, old_len), &old, error));
    struct iam *iam = iam_new(fixture->storage, old, NULL);
    assert_false(iam_check_vault(iam, false));
    assert_true(iam_check_vault(iam, true)); /* the new key is lost: the old one is in use again */
    struct iam_call other = {.iam = iam, .account = 1, .arena = &fixture->arena};
    char opened[IAM_SECRET_KEY_BYTES];
    struct iam_key key;
    arena_init(&fixture->arena, 1024 * 1024);
    assert_iam(&other, iam_key_secret(&other, span_str(ids[0]), &key, opened), IAM_NO_SUCH_ENTITY);
    assert_iam(&other, iam_key_delete(&other, SPAN("u0"), span_str(ids[0])), IAM_OK);
    struct span secret;
    assert_iam(&other, iam_key_create(&other, SPAN("u0"), &key, &secret), IAM_OK);
    assert_iam(&other, iam_key_secret(&other, key.id, &key, opened), IAM_OK);
    assert_iam(&other, iam_rotate(&other, 0, NULL, 0, &rotation),
        IAM_OK); /* the others stay as they are */
    arena_free(&fixture->arena);
    iam_free(iam);
    vault_free(old);
    storage_close(fixture->storage);
    assert_true(private_file_write(fixture->dir, path, span_of(old_ring, old_len)));
    fixture_open(fixture);
}

/* A crash after the new key is in its file, and one half way through the secrets. */
static void test_rotation_goes_on_after_a_crash(void **state)
{
    BEGIN;
    char ids[MANY][32], secrets[MANY][64], error[VAULT_ERROR_BYTES];
    struct iam_rotation rotation;
    make_many(fixture, ids, secrets);
    assert_true(vault_add_key(fixture->vault, error)); /* and there it ended */
    fixture_reopen(fixture);
    all_open(fixture, ids, secrets);
    struct iam_key key;
    struct span secret;
    assert_iam(
        call, iam_key_create(call, SPAN("u0"), &key, &secret), IAM_OK); /* with the new one */
    assert_iam(call, iam_rotate(call, 3600, NULL, 0, &rotation), IAM_OK);
    assert_int_equal(rotation.sealed, MANY + 1);
    all_open(fixture, ids, secrets);
    fixture_reopen(fixture);
    all_open(fixture, ids, secrets);
    assert_iam(call, iam_rotate(call, 0, NULL, 0, &rotation), IAM_OK);
    fixture_reopen(fixture);
    all_open(fixture, ids, secrets);
}

static void test_root_keys_of_an_account(void **state)
{
    BEGIN;
    struct account account;
    struct span access_key, secret, detail;
    struct iam_key key, *keys;
    size_t count;
    assert_int_equal(accounts_add(fixture->accounts, SPAN("other"), call->arena, &account,
                         &access_key, &secret, &detail),
        IAM_OK);
    assert_iam(call, iam_key_get(call, access_key, &key), IAM_OK);
    assert_true(key.is_root);
    assert_int_equal(key.account, account.id);
    assert_text(key.user_id, "000000000002");
    struct iam_call other = *call;
    other.account = account.id;
    assert_iam(&other, iam_key_list(&other, SPAN_ABSENT, &keys, &count), IAM_OK);
    assert_int_equal(count, 1);
    assert_iam(call, iam_key_list(call, SPAN_ABSENT, &keys, &count), IAM_OK);
    assert_int_equal(count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_key_and_its_secret),
        TEST(test_two_at_most),
        TEST(test_a_secret_opens_for_its_key_alone),
        TEST(test_use_is_written_late),
        TEST(test_rotation_keeps_every_secret),
        TEST(test_rotation_goes_on_after_a_crash),
        TEST(test_root_keys_of_an_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
