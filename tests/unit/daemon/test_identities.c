/* Who asks, by access key and token: with the policies of the moment, and nobody who is gone or switched off. */
#include "tests/unit/daemon/iam_fixture.h"

#include "daemon/sessions.h"

#include <pthread.h>
#include <stdatomic.h>

enum { NOW_S = 1700000000 };

#define BEGIN                                                                                      \
    struct fixture *fixture = *state;                                                              \
    struct iam_call *call = &fixture->call

static enum s3_err find(struct fixture *fixture, struct span key, struct span token,
    const struct identity **ret_identity)
{
    struct span secret;
    *ret_identity = NULL;
    return identities_find(fixture->identities, key, token, NOW_S, ret_identity, &secret);
}

static void refused(
    struct fixture *fixture, struct span key, struct span token, enum s3_err expected)
{
    const struct identity *identity;
    assert_int_equal(find(fixture, key, token, &identity), expected);
    assert_null(identity);
}

/* May they? The decision over all that the identity has, on a resource of its own account. */
static bool may(const struct identity *identity, const char *action)
{
    struct policy_context context = {.now_s = NOW_S};
    struct access_request request = {.ask = {.principal = &identity->principal,
                                         .action = span_str(action),
                                         .resource = SPAN("arn:aws:s3:::bucket/key"),
                                         .context = &context},
        .resource_account = identity->principal.account,
        .identity = identity->policies,
        .boundary = identity->boundary,
        .session = identity->session_policies,
        .has_session = identity->has_session};
    struct access_result result;
    access_decide(&request, &result);
    return result.allowed;
}

static bool key_may(struct fixture *fixture, struct span key, struct span token, const char *action)
{
    const struct identity *identity;
    assert_int_equal(find(fixture, key, token, &identity), S3_OK);
    bool allowed = may(identity, action);
    identity_unref(identity);
    return allowed;
}

static struct span make_key(struct iam_call *call, const char *user)
{
    struct iam_key key;
    struct span secret;
    assert_iam(call, iam_key_create(call, span_str(user), &key, &secret), IAM_OK);
    return key.id;
}

static void test_root(void **state)
{
    BEGIN;
    const struct identity *identity;
    struct span secret;
    (void)call;
    assert_int_equal(identities_find(fixture->identities, SPAN("rootkey"), SPAN_ABSENT, NOW_S,
                         &identity, &secret),
        S3_OK);
    assert_text(secret, "rootsecret");
    assert_true(identity->is_root);
    assert_text(identity->principal.arn, "arn:aws:iam::000000000001:root");
    identity_unref(identity);
    refused(fixture, SPAN("rootkey"), SPAN("token"), S3_ERR_INVALID_TOKEN);
    refused(fixture, SPAN("rootkez"), SPAN_ABSENT, S3_ERR_INVALID_ACCESS_KEY_ID);
    refused(fixture, SPAN(""), SPAN_ABSENT, S3_ERR_INVALID_ACCESS_KEY_ID);
    refused(fixture, SPAN("AKIAAAAAAAAAAAAAAAAA"), SPAN_ABSENT, S3_ERR_INVALID_ACCESS_KEY_ID);
    refused(fixture, SPAN("ASIAAAAAAAABAAAAAAAA"), SPAN_ABSENT, S3_ERR_INVALID_ACCESS_KEY_ID);
    refused(fixture, SPAN("ASIAAAAAAAABAAAAAAAA"), SPAN("x"), S3_ERR_INVALID_TOKEN);
}

static void test_a_user_with_all_its_policies(void **state)
{
    BEGIN;
    const struct identity *identity;
    struct policy_tag tag = {SPAN("team"), SPAN("lake")};
    make_entity(call, IAM_USER, "u");
    make_entity(call, IAM_GROUP, "g");
    struct span id = make_key(call, "u"), own = make_policy(call, "own", DENY_GET);
    assert_false(key_may(fixture, id, SPAN_ABSENT, "s3:GetObject"));
    assert_iam(
        call, iam_inline_put(call, IAM_GROUP, SPAN("g"), SPAN("p"), SPAN(ALLOW_GET)), IAM_OK);
    assert_false(key_may(fixture, id, SPAN_ABSENT, "s3:GetObject"));
    assert_iam(call, iam_group_add(call, SPAN("g"), SPAN("u")), IAM_OK);
    assert_true(key_may(fixture, id, SPAN_ABSENT, "s3:GetObject"));
    assert_iam(call, iam_boundary_put(call, IAM_USER, SPAN("u"), SPAN(READ_ONLY)), IAM_OK);
    assert_true(key_may(fixture, id, SPAN_ABSENT, "s3:GetObject"));
    assert_iam(call, iam_attach(call, IAM_USER, SPAN("u"), SPAN(READ_ONLY)), IAM_OK);
    assert_iam(call, iam_tag(call, IAM_USER, SPAN("u"), &tag, 1), IAM_OK);
    assert_int_equal(find(fixture, id, SPAN_ABSENT, &identity), S3_OK);
    assert_int_equal(identity->policies.count, 2);
    assert_text(identity->policy_names[0], READ_ONLY);
    assert_text(identity->policy_names[1], "p");
    assert_text(identity->user_name, "u");
    assert_int_equal(identity->tag_count, 1);
    assert_true(identity->boundary != NULL);
    identity_unref(identity);
    assert_iam(call, iam_boundary_put(call, IAM_USER, SPAN("u"), own), IAM_OK);
    assert_false(key_may(fixture, id, SPAN_ABSENT, "s3:GetObject")); /* at once */
    assert_iam(call, iam_boundary_put(call, IAM_USER, SPAN("u"), SPAN_ABSENT), IAM_OK);
    assert_true(key_may(fixture, id, SPAN_ABSENT, "s3:GetObject"));
    assert_iam(call, iam_attach(call, IAM_GROUP, SPAN("g"), own), IAM_OK);
    assert_false(key_may(fixture, id, SPAN_ABSENT, "s3:GetObject"));
    struct iam_version version;
    assert_iam(call, iam_version_create(call, own, SPAN(ALLOW_GET), true, &version), IAM_OK);
    assert_true(key_may(fixture, id, SPAN_ABSENT, "s3:GetObject"));
}

static void test_switched_off_and_gone(void **state)
{
    BEGIN;
    const struct identity *held;
    make_entity(call, IAM_USER, "u");
    struct span id = make_key(call, "u");
    assert_int_equal(find(fixture, id, SPAN_ABSENT, &held), S3_OK);
    refused(fixture, id, SPAN("token"), S3_ERR_INVALID_TOKEN);
    assert_iam(call, iam_key_set_active(call, SPAN("u"), id, false), IAM_OK);
    refused(fixture, id, SPAN_ABSENT, S3_ERR_INVALID_ACCESS_KEY_ID);
    assert_iam(call, iam_key_set_active(call, SPAN("u"), id, true), IAM_OK);
    assert_false(key_may(fixture, id, SPAN_ABSENT, "s3:GetObject"));
    assert_iam(call, iam_key_delete(call, SPAN("u"), id), IAM_OK);
    refused(fixture, id, SPAN_ABSENT, S3_ERR_INVALID_ACCESS_KEY_ID);
    assert_text(held->user_name, "u"); /* a request under way goes on with what it has */
    identity_unref(held);
}

/* ---- sessions ---- */

static struct session_credentials make_session(
    struct fixture *fixture, const struct session *session)
{
    struct session_credentials keys;
    struct session all = *session;
    all.account = 1;
    all.issued_s = NOW_S - 10;
    all.expires_s = all.expires_s != 0 ? all.expires_s : NOW_S + 900;
    assert_int_equal(session_make(fixture->vault, &all, fixture->call.arena, &keys), SESSION_OK);
    return keys;
}

static void test_an_assumed_role(void **state)
{
    BEGIN;
    const struct identity *identity;
    struct iam_entity role, second;
    struct policy_tag role_tags[] = {{SPAN("team"), SPAN("role")}, {SPAN("kept"), SPAN("1")}};
    struct policy_tag session_tags[] = {{SPAN("Team"), SPAN("session")}};
    struct span read_only = SPAN(READ_ONLY);
    make_entity(call, IAM_ROLE, "r");
    assert_iam(call, iam_tag(call, IAM_ROLE, SPAN("r"), role_tags, 2), IAM_OK);
    assert_iam(call,
        iam_inline_put(call, IAM_ROLE, SPAN("r"), SPAN("p"),
            SPAN("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
                 "\"Action\":\"s3:*\",\"Resource\":\"*\"}}")),
        IAM_OK);
    assert_iam(call, iam_get(call, IAM_ROLE, SPAN("r"), &role), IAM_OK);
    struct session session = {.kind = SESSION_ASSUMED_ROLE,
        .principal_id = role.id,
        .name = SPAN("me"),
        .tags = session_tags,
        .tag_count = 1};
    struct session_credentials whole = make_session(fixture, &session);
    session.has_policies = true;
    session.policy_arns = &read_only;
    session.policy_arn_count = 1;
    struct session_credentials bound = make_session(fixture, &session);
    session.policy_arn_count = 0;
    struct session_credentials nothing = make_session(fixture, &session);
    session.policy = SPAN("{\"not\":\"a policy\"}");
    struct session_credentials broken = make_session(fixture, &session);
    assert_int_equal(find(fixture, whole.access_key, whole.token, &identity), S3_OK);
    assert_text(identity->principal.arn, "arn:aws:sts::000000000001:assumed-role/r/me");
    assert_true(span_starts(identity->principal.unique_id, role.id));
    assert_true(span_eq(identity->principal.role_arn, role.arn));
    assert_int_equal(identity->tag_count, 2);
    assert_text(identity->tags[0].name, "kept");
    assert_text(identity->tags[1].value, "session");
    assert_true(identity->is_temporary);
    assert_int_equal(identity->issued_s, NOW_S - 10);
    identity_unref(identity);
    assert_true(key_may(fixture, whole.access_key, whole.token, "s3:PutObject"));
    assert_true(key_may(fixture, bound.access_key, bound.token, "s3:GetObject"));
    assert_false(key_may(fixture, bound.access_key, bound.token, "s3:PutObject"));
    assert_false(key_may(fixture, nothing.access_key, nothing.token, "s3:GetObject"));
    assert_false(key_may(fixture, broken.access_key, broken.token, "s3:GetObject"));
    refused(
        fixture, whole.access_key, bound.token, S3_ERR_INVALID_TOKEN); /* cached, another token */
    refused(fixture, whole.access_key, SPAN_ABSENT, S3_ERR_INVALID_ACCESS_KEY_ID);
    assert_iam(call, iam_inline_delete(call, IAM_ROLE, SPAN("r"), SPAN("p")), IAM_OK);
    assert_false(key_may(fixture, whole.access_key, whole.token, "s3:PutObject"));
    assert_iam(call, iam_delete(call, IAM_ROLE, SPAN("r")), IAM_OK);
    refused(fixture, whole.access_key, whole.token, S3_ERR_INVALID_ACCESS_KEY_ID);
    make_entity(call, IAM_ROLE, "r"); /* another of the same name */
    assert_iam(call, iam_get(call, IAM_ROLE, SPAN("r"), &second), IAM_OK);
    refused(fixture, whole.access_key, whole.token, S3_ERR_INVALID_ACCESS_KEY_ID);
}

static void test_expired(void **state)
{
    BEGIN;
    struct iam_entity role;
    const struct identity *identity;
    struct span secret;
    make_entity(call, IAM_ROLE, "r");
    assert_iam(call, iam_get(call, IAM_ROLE, SPAN("r"), &role), IAM_OK);
    struct session session = {.kind = SESSION_ASSUMED_ROLE,
        .principal_id = role.id,
        .name = SPAN("me"),
        .expires_s = NOW_S + 5};
    struct session_credentials keys = make_session(fixture, &session);
    assert_int_equal(find(fixture, keys.access_key, keys.token, &identity), S3_OK);
    identity_unref(identity);
    assert_int_equal(identities_find(fixture->identities, keys.access_key, keys.token, NOW_S + 5,
                         &identity, &secret),
        S3_ERR_EXPIRED_TOKEN); /* from the cache */
    session.expires_s = NOW_S;
    keys = make_session(fixture, &session);
    refused(fixture, keys.access_key, keys.token, S3_ERR_EXPIRED_TOKEN);
}

static void test_tokens_of_a_user(void **state)
{
    BEGIN;
    struct iam_entity user;
    const struct identity *identity;
    make_entity(call, IAM_USER, "u");
    struct span id = make_key(call, "u");
    assert_iam(call, iam_inline_put(call, IAM_USER, SPAN("u"), SPAN("p"), SPAN(ALLOW_GET)), IAM_OK);
    assert_iam(call, iam_get(call, IAM_USER, SPAN("u"), &user), IAM_OK);
    struct session session = {.kind = SESSION_TOKEN, .principal_id = user.id, .made_by = id};
    struct session_credentials token = make_session(fixture, &session);
    session.kind = SESSION_FEDERATED;
    session.name = SPAN("guest");
    struct session_credentials nothing = make_session(fixture, &session);
    session.has_policies = true;
    session.policy = SPAN("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
                          "\"Action\":\"s3:*\",\"Resource\":\"*\"}}");
    struct session_credentials guest = make_session(fixture, &session);
    assert_int_equal(find(fixture, token.access_key, token.token, &identity), S3_OK);
    assert_true(span_eq(identity->principal.arn, user.arn));
    assert_int_equal(identity->principal.kind, POLICY_USER);
    identity_unref(identity);
    assert_true(key_may(fixture, token.access_key, token.token, "s3:GetObject"));
    assert_int_equal(find(fixture, guest.access_key, guest.token, &identity), S3_OK);
    assert_text(identity->principal.arn, "arn:aws:sts::000000000001:federated-user/guest");
    assert_false(span_present(identity->user_name));
    identity_unref(identity);
    assert_true(key_may(fixture, guest.access_key, guest.token, "s3:GetObject"));
    assert_false(key_may(fixture, guest.access_key, guest.token, "s3:PutObject"));
    assert_false(key_may(fixture, nothing.access_key, nothing.token, "s3:GetObject"));
    assert_iam(call, iam_key_set_active(call, SPAN("u"), id, false), IAM_OK);
    refused(fixture, token.access_key, token.token, S3_ERR_INVALID_ACCESS_KEY_ID);
    refused(fixture, guest.access_key, guest.token, S3_ERR_INVALID_ACCESS_KEY_ID);
}

static void test_tokens_of_root(void **state)
{
    BEGIN;
    const struct identity *identity;
    (void)call;
    struct session session = {.kind = SESSION_TOKEN, .principal_id = SPAN("000000000001")};
    struct session_credentials token = make_session(fixture, &session);
    session.kind = SESSION_FEDERATED;
    session.name = SPAN("guest");
    session.policy = SPAN(ALLOW_GET);
    struct session_credentials guest = make_session(fixture, &session);
    session.kind = SESSION_TOKEN;
    session.principal_id = SPAN("000000000002"); /* of another account than the session says */
    struct session_credentials foreign = make_session(fixture, &session);
    assert_int_equal(find(fixture, token.access_key, token.token, &identity), S3_OK);
    assert_true(identity->is_root);
    identity_unref(identity);
    assert_int_equal(find(fixture, guest.access_key, guest.token, &identity), S3_OK);
    assert_false(identity->is_root);
    identity_unref(identity);
    assert_true(key_may(fixture, guest.access_key, guest.token, "s3:GetObject"));
    assert_false(key_may(fixture, guest.access_key, guest.token, "s3:PutObject"));
    refused(fixture, foreign.access_key, foreign.token, S3_ERR_INVALID_ACCESS_KEY_ID);
}

/* ---- what is damaged, the cache, many at once ---- */

static void test_an_unreadable_policy_denies_everything(void **state)
{
    BEGIN;
    struct iam_entity user;
    make_entity(call, IAM_USER, "u");
    struct span id = make_key(call, "u");
    assert_iam(
        call, iam_inline_put(call, IAM_USER, SPAN("u"), SPAN("good"), SPAN(ALLOW_GET)), IAM_OK);
    assert_iam(call, iam_get(call, IAM_USER, SPAN("u"), &user), IAM_OK);
    /* Written by another release, say. */
    struct record_change change = {
        .key = arena_format(call->arena, "iam/000000000001/inline/%.*s/newer", SPAN_ARG(user.id)),
        .value = SPAN("{\"name\":\"newer\"}\n{\"Version\":\"2030-01-01\"}")};
    struct mutation mutation = {
        .kind = MUTATION_CHANGE_RECORDS, .records = {.changes = &change, .count = 1}};
    assert_int_equal(storage_commit(fixture->storage, &mutation), STORAGE_OK);
    assert_false(key_may(fixture, id, SPAN_ABSENT, "s3:GetObject"));
    assert_iam(call, iam_inline_delete(call, IAM_USER, SPAN("u"), SPAN("newer")), IAM_OK);
    assert_true(key_may(fixture, id, SPAN_ABSENT, "s3:GetObject"));
}

static void test_the_cache_is_bounded(void **state)
{
    BEGIN;
    struct iam_entity role;
    struct identities_stats stats;
    const struct identity *identity;
    make_entity(call, IAM_ROLE, "r");
    assert_iam(call, iam_get(call, IAM_ROLE, SPAN("r"), &role), IAM_OK);
    struct session session = {
        .kind = SESSION_ASSUMED_ROLE, .principal_id = role.id, .name = SPAN("me")};
    for (int i = 0; i < IDENTITIES_MAX + 1000; i++) {
        struct session_credentials keys = make_session(fixture, &session);
        assert_int_equal(find(fixture, keys.access_key, keys.token, &identity), S3_OK);
        identity_unref(identity);
        assert_int_equal(find(fixture, keys.access_key, keys.token, &identity), S3_OK);
        identity_unref(identity);
    }
    identities_stats(fixture->identities, &stats);
    assert_true(stats.entries <= IDENTITIES_MAX && stats.entries > IDENTITIES_MAX / 2);
    assert_true(stats.bytes <= IDENTITIES_MAX_BYTES);
    assert_int_equal(stats.hits, IDENTITIES_MAX + 1000);
}

struct asker {
    struct fixture *fixture;
    struct span key;
    atomic_bool stop;
    atomic_size_t found, refused;
};

static void *ask(void *ctx)
{
    struct asker *asker = ctx;
    while (!atomic_load(&asker->stop)) {
        const struct identity *identity;
        enum s3_err err = find(asker->fixture, asker->key, SPAN_ABSENT, &identity);
        if (err == S3_OK)
            atomic_fetch_add(&asker->found, 1);
        else if (err == S3_ERR_INVALID_ACCESS_KEY_ID)
            atomic_fetch_add(&asker->refused, 1);
        else
            abort();
        identity_unref(identity);
    }
    return NULL;
}

static void test_deleted_while_its_requests_run(void **state)
{
    BEGIN;
    make_entity(call, IAM_USER, "u");
    struct asker asker = {.fixture = fixture, .key = make_key(call, "u")};
    pthread_t threads[3];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &asker), 0);
    while (atomic_load(&asker.found) < 1000)
        ;
    for (int i = 0; i < 20; i++)
        assert_iam(call,
            i % 2 ? iam_inline_delete(call, IAM_USER, SPAN("u"), SPAN("p"))
                  : iam_inline_put(call, IAM_USER, SPAN("u"), SPAN("p"), SPAN(ALLOW_GET)),
            IAM_OK);
    assert_iam(call, iam_key_delete(call, SPAN("u"), asker.key), IAM_OK);
    assert_iam(call, iam_delete(call, IAM_USER, SPAN("u")), IAM_OK);
    size_t found = atomic_load(&asker.found);
    refused(fixture, asker.key, SPAN_ABSENT, S3_ERR_INVALID_ACCESS_KEY_ID);
    size_t refusals = atomic_load(&asker.refused);
    while (atomic_load(&asker.refused) < refusals + 1000)
        ;
    assert_true(atomic_load(&asker.found) <= found + ARRAY_LEN(threads)); /* those in between */
    atomic_store(&asker.stop, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
}

static void test_by_arn(void **state)
{
    BEGIN;
    const struct identity *identity;
    make_entity(call, IAM_USER, "u");
    make_entity(call, IAM_GROUP, "g");
    make_entity(call, IAM_ROLE, "r");
    assert_iam(
        call, iam_inline_put(call, IAM_GROUP, SPAN("g"), SPAN("p"), SPAN(ALLOW_GET)), IAM_OK);
    const struct {
        const char *arn;
        bool allowed;
    } cases[] = {
        {"arn:aws:iam::000000000001:user/u", false},
        {"arn:aws:iam::000000000001:group/g", true},
        {"arn:aws:iam::000000000001:role/r", false},
        {"arn:aws:iam::000000000001:root", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(
            identities_by_arn(fixture->identities, span_str(cases[i].arn), &identity), S3_OK);
        assert_text(identity->principal.arn, cases[i].arn);
        assert_int_equal(may(identity, "s3:GetObject"), cases[i].allowed);
        identity_unref(identity);
    }
    static const char *const none[] = {"arn:aws:iam::000000000001:user/x", "arn:aws:s3:::b", "",
        "arn:aws:iam::000000000001:policy/p", "arn:aws:iam::000000000001:user/path/u"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_int_equal(identities_by_arn(fixture->identities, span_str(none[i]), &identity),
            S3_ERR_INVALID_ACCESS_KEY_ID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_root),
        TEST(test_a_user_with_all_its_policies),
        TEST(test_switched_off_and_gone),
        TEST(test_an_assumed_role),
        TEST(test_expired),
        TEST(test_tokens_of_a_user),
        TEST(test_tokens_of_root),
        TEST(test_an_unreadable_policy_denies_everything),
        TEST(test_the_cache_is_bounded),
        TEST(test_deleted_while_its_requests_run),
        TEST(test_by_arn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
