/* Are users, groups and roles kept, found, changed and refused as IAM does? */
#include "tests/unit/daemon/iam_fixture.h"

#include <pthread.h>

#define BEGIN                                                                                      \
    struct fixture *fixture = *state;                                                              \
    struct iam_call *call = &fixture->call

static void test_created_and_found(void **state)
{
    BEGIN;
    struct policy_tag tag = {SPAN("team"), SPAN("lake")};
    struct iam_new make = {.kind = IAM_USER,
        .name = SPAN("Alice"),
        .path = SPAN("/staff/"),
        .tags = &tag,
        .tag_count = 1};
    struct iam_entity user, again;
    assert_iam(call, iam_create(call, &make, &user), IAM_OK);
    assert_text(user.arn, "arn:aws:iam::000000000001:user/staff/Alice");
    assert_int_equal(user.id.len, IAM_ID_BYTES);
    assert_true(span_starts(user.id, SPAN("AIDA")));
    fixture_reopen(fixture);
    assert_iam(call, iam_get(call, IAM_USER, SPAN("aLICE"), &again), IAM_OK);
    assert_text(again.name, "Alice");
    assert_int_equal(again.tag_count, 1);
    assert_text(again.tags[0].value, "lake");
    assert_true(again.created_ms > 0);
}

static void test_names_differ_in_more_than_case(void **state)
{
    BEGIN;
    struct iam_new make = {.kind = IAM_USER, .name = SPAN("ALICE")};
    struct iam_entity entity;
    make_entity(call, IAM_USER, "alice");
    make_entity(call, IAM_GROUP, "alice"); /* another kind: another name */
    assert_iam(call, iam_create(call, &make, &entity), IAM_ENTITY_EXISTS);
    assert_text(call->detail, "User with name ALICE already exists.");
    assert_iam(call, iam_get(call, IAM_USER, SPAN("bob"), &entity), IAM_NO_SUCH_ENTITY);
    assert_text(call->detail, "The user with name bob cannot be found.");
}

static void test_bad_names(void **state)
{
    BEGIN;
    static const char long_name[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"; /* 65 */
    const struct {
        enum iam_kind kind;
        struct span name, path;
        enum iam_err err;
    } cases[] = {
        {IAM_USER, SPAN(""), SPAN("/"), IAM_INVALID_INPUT},
        {IAM_USER, SPAN("a b"), SPAN("/"), IAM_INVALID_INPUT},
        {IAM_USER, SPAN("a/b"), SPAN("/"), IAM_INVALID_INPUT},
        {IAM_USER, SPAN("a\0b"), SPAN("/"), IAM_INVALID_INPUT},
        {IAM_USER, SPAN("caf\xc3\xa9"), SPAN("/"), IAM_INVALID_INPUT},
        {IAM_USER, span_str(long_name), SPAN("/"), IAM_INVALID_INPUT},
        {IAM_GROUP, span_str(long_name), SPAN("/"), IAM_OK},
        {IAM_USER, SPAN("a"), SPAN("x/"), IAM_INVALID_INPUT},
        {IAM_USER, SPAN("a"), SPAN("/x"), IAM_INVALID_INPUT},
        {IAM_USER, SPAN("a"), SPAN("/x y/"), IAM_INVALID_INPUT},
        {IAM_USER, SPAN("_+=,.@-"), SPAN("/x/y/"), IAM_OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct iam_new make = {.kind = cases[i].kind, .name = cases[i].name, .path = cases[i].path};
        struct iam_entity entity;
        assert_iam(call, iam_create(call, &make, &entity), cases[i].err);
    }
}

static void test_renamed_keeps_what_hangs_on_it(void **state)
{
    BEGIN;
    struct iam_entity before, after;
    struct iam_update update = {.new_name = SPAN("Bob"), .new_path = SPAN("/x/")};
    struct iam_page groups;
    struct span text;
    make_entity(call, IAM_USER, "alice");
    make_entity(call, IAM_GROUP, "staff");
    assert_iam(call, iam_group_add(call, SPAN("staff"), SPAN("alice")), IAM_OK);
    assert_iam(
        call, iam_inline_put(call, IAM_USER, SPAN("alice"), SPAN("p"), SPAN(ALLOW_GET)), IAM_OK);
    assert_iam(call, iam_get(call, IAM_USER, SPAN("alice"), &before), IAM_OK);
    assert_iam(call, iam_update(call, IAM_USER, SPAN("alice"), &update), IAM_OK);
    assert_iam(call, iam_get(call, IAM_USER, SPAN("alice"), &after), IAM_NO_SUCH_ENTITY);
    assert_iam(call, iam_get_by_id(call, before.id, &after, NULL), IAM_OK);
    assert_text(after.arn, "arn:aws:iam::000000000001:user/x/Bob");
    assert_iam(call, iam_inline_get(call, IAM_USER, SPAN("bob"), SPAN("P"), &text), IAM_OK);
    assert_text(text, ALLOW_GET);
    struct iam_query all = {0};
    assert_iam(call, iam_user_groups(call, SPAN("bob"), &all, &groups), IAM_OK);
    assert_int_equal(groups.count, 1);
    make_entity(call, IAM_USER, "alice"); /* the name is free again, under another id */
    assert_iam(call, iam_get(call, IAM_USER, SPAN("alice"), &after), IAM_OK);
    assert_false(span_eq(after.id, before.id));
    assert_iam(call, iam_update(call, IAM_USER, SPAN("alice"), &update), IAM_ENTITY_EXISTS);
    update = (struct iam_update){.new_name = SPAN("BOB")}; /* in case alone */
    assert_iam(call, iam_update(call, IAM_USER, SPAN("bob"), &update), IAM_OK);
    assert_iam(call, iam_get(call, IAM_USER, SPAN("bob"), &after), IAM_OK);
    assert_text(after.name, "BOB");
}

static void test_pages(void **state)
{
    BEGIN;
    char name[16];
    for (int i = 0; i < 25; i++) {
        snprintf(name, sizeof(name), "%c%02d", i % 2 ? 'U' : 'u', i);
        struct iam_new make = {
            .kind = IAM_USER, .name = span_str(name), .path = i < 20 ? SPAN("/a/") : SPAN("/b/")};
        struct iam_entity entity;
        assert_iam(call, iam_create(call, &make, &entity), IAM_OK);
    }
    struct iam_query query = {.path_prefix = SPAN("/a/"), .max = 7};
    size_t seen = 0, pages = 0;
    struct iam_page page;
    do {
        assert_iam(call, iam_list(call, IAM_USER, &query, &page), IAM_OK);
        for (size_t i = 0; i < page.count; i++, seen++) {
            snprintf(name, sizeof(name), "%c%02d", seen % 2 ? 'U' : 'u', (int)seen);
            assert_text(page.items[i].name, name);
        }
        query.after = page.next;
        pages++;
    } while (page.truncated);
    assert_int_equal(seen, 20);
    assert_int_equal(pages, 3);
    query = (struct iam_query){.path_prefix = SPAN("/b/"), .max = 5};
    assert_iam(call, iam_list(call, IAM_USER, &query, &page), IAM_OK);
    assert_int_equal(page.count, 5);
    assert_false(page.truncated);
    struct iam_summary summary;
    assert_iam(call, iam_summary(call, &summary), IAM_OK);
    assert_int_equal(summary.users, 25);
}

static void test_members(void **state)
{
    BEGIN;
    char name[16];
    struct iam_page page;
    make_entity(call, IAM_GROUP, "staff");
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof(name), "u%d", i);
        make_entity(call, IAM_USER, name);
        assert_iam(call, iam_group_add(call, SPAN("staff"), span_str(name)), IAM_OK);
        assert_iam(call, iam_group_add(call, SPAN("staff"), span_str(name)), IAM_OK);
    }
    struct iam_query query = {.max = 5};
    size_t seen = 0;
    do {
        assert_iam(call, iam_group_members(call, SPAN("staff"), &query, &page), IAM_OK);
        seen += page.count;
        query.after = page.next;
    } while (page.truncated);
    assert_int_equal(seen, 12);
    assert_iam(call, iam_delete(call, IAM_GROUP, SPAN("staff")), IAM_DELETE_CONFLICT);
    assert_iam(call, iam_delete(call, IAM_USER, SPAN("u1")), IAM_DELETE_CONFLICT);
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof(name), "u%d", i);
        assert_iam(call, iam_group_remove(call, SPAN("staff"), span_str(name)), IAM_OK);
    }
    assert_iam(call, iam_delete(call, IAM_GROUP, SPAN("staff")), IAM_OK);
    assert_iam(call, iam_delete(call, IAM_USER, SPAN("u1")), IAM_OK);
    assert_iam(call, iam_group_add(call, SPAN("staff"), SPAN("u2")), IAM_NO_SUCH_ENTITY);
}

static void test_quotas(void **state)
{
    BEGIN;
    char name[16];
    make_entity(call, IAM_USER, "u");
    for (int i = 0; i < IAM_GROUPS_PER_USER_MAX + 1; i++) {
        snprintf(name, sizeof(name), "g%d", i);
        make_entity(call, IAM_GROUP, name);
        assert_iam(call, iam_group_add(call, span_str(name), SPAN("u")),
            i < IAM_GROUPS_PER_USER_MAX ? IAM_OK : IAM_LIMIT_EXCEEDED);
    }
    for (int i = IAM_GROUPS_PER_USER_MAX + 1; i < IAM_GROUPS_MAX; i++) {
        snprintf(name, sizeof(name), "g%d", i);
        make_entity(call, IAM_GROUP, name);
    }
    struct iam_new make = {.kind = IAM_GROUP, .name = SPAN("one-more")};
    struct iam_entity entity;
    assert_iam(call, iam_create(call, &make, &entity), IAM_LIMIT_EXCEEDED);
    assert_text(call->detail, "Cannot exceed quota for GroupsPerAccount: 300");
    assert_iam(call, iam_delete(call, IAM_GROUP, SPAN("g299")), IAM_OK);
    assert_iam(call, iam_create(call, &make, &entity), IAM_OK);
}

static void test_tags(void **state)
{
    BEGIN;
    struct policy_tag tags[] = {{SPAN("Team"), SPAN("a")}, {SPAN("Caf\xc3\xa9"), SPAN("")}};
    struct policy_tag again[] = {{SPAN("TEAM"), SPAN("b")}};
    struct policy_tag twice[] = {{SPAN("x"), SPAN("1")}, {SPAN("X"), SPAN("2")}};
    struct policy_tag reserved[] = {{SPAN("AWS:x"), SPAN("1")}};
    struct policy_tag broken[] = {{SPAN("x"), SPAN("\xff")}};
    struct span dropped[] = {SPAN("team")};
    struct iam_entity entity;
    make_entity(call, IAM_ROLE, "r");
    assert_iam(call, iam_tag(call, IAM_ROLE, SPAN("r"), tags, 2), IAM_OK);
    assert_iam(call, iam_tag(call, IAM_ROLE, SPAN("r"), again, 1), IAM_OK);
    assert_iam(call, iam_get(call, IAM_ROLE, SPAN("r"), &entity), IAM_OK);
    assert_int_equal(entity.tag_count, 2);
    assert_text(entity.tags[0].name, "TEAM");
    assert_text(entity.tags[0].value, "b");
    assert_text(entity.tags[1].name, "Caf\xc3\xa9");
    assert_iam(call, iam_tag(call, IAM_ROLE, SPAN("r"), twice, 2), IAM_INVALID_INPUT);
    assert_iam(call, iam_tag(call, IAM_ROLE, SPAN("r"), reserved, 1), IAM_INVALID_INPUT);
    assert_iam(call, iam_tag(call, IAM_ROLE, SPAN("r"), broken, 1), IAM_INVALID_INPUT);
    assert_iam(call, iam_untag(call, IAM_ROLE, SPAN("r"), dropped, 1), IAM_OK);
    assert_iam(call, iam_get(call, IAM_ROLE, SPAN("r"), &entity), IAM_OK);
    assert_int_equal(entity.tag_count, 1);
    struct policy_tag many[IAM_TAGS_MAX];
    char names[IAM_TAGS_MAX][8];
    for (size_t i = 0; i < IAM_TAGS_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "t%zu", i);
        many[i] = (struct policy_tag){span_str(names[i]), SPAN("v")};
    }
    assert_iam(call, iam_tag(call, IAM_ROLE, SPAN("r"), many, IAM_TAGS_MAX), IAM_LIMIT_EXCEEDED);
}

static void test_trust_keeps_who_was_meant(void **state)
{
    BEGIN;
    static const char trust[] =
        "{ \"Version\":\"2012-10-17\",\n\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":"
        "\"arn:aws:iam::000000000001:user/alice\"},\"Action\":\"sts:AssumeRole\"}}";
    struct iam_new make = {.kind = IAM_ROLE, .name = SPAN("r"), .trust = span_str(trust)};
    struct iam_entity role, first, second;
    struct policy *policy = NULL;
    assert_iam(call, iam_create(call, &make, &role), IAM_MALFORMED_POLICY); /* nobody is alice */
    make_entity(call, IAM_USER, "alice");
    assert_iam(call, iam_get(call, IAM_USER, SPAN("alice"), &first), IAM_OK);
    assert_iam(call, iam_create(call, &make, &role), IAM_OK);
    assert_text(role.trust, trust);
    assert_int_equal(role.trusted_count, 1);
    assert_true(span_eq(role.trusted[0].value, first.id));
    assert_iam(call, iam_delete(call, IAM_USER, SPAN("alice")), IAM_OK);
    make_entity(call, IAM_USER, "alice");
    assert_iam(call, iam_get(call, IAM_USER, SPAN("alice"), &second), IAM_OK);
    assert_iam(call, iam_get(call, IAM_ROLE, SPAN("r"), &role), IAM_OK);
    assert_iam(call, iam_trust_compile(call, &role, &policy), IAM_OK);
    const struct {
        struct span id;
        enum policy_effect effect;
    } cases[] = {{first.id, POLICY_ALLOW}, {second.id, POLICY_NO_MATCH}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct policy_principal who = {.kind = POLICY_USER,
            .account = SPAN("000000000001"),
            .arn = second.arn,
            .unique_id = cases[i].id};
        struct policy_context context = {.now_s = 1};
        struct policy_request ask = {.principal = &who,
            .action = SPAN("sts:AssumeRole"),
            .resource = role.arn,
            .context = &context};
        struct policy_verdict verdict;
        policy_evaluate(policy, &ask, &verdict);
        assert_int_equal(verdict.effect, cases[i].effect);
    }
    policy_free(policy);
    assert_iam(call, iam_trust_put(call, SPAN("r"), SPAN("{}")), IAM_MALFORMED_POLICY);
    assert_iam(call, iam_trust_put(call, SPAN("r"), span_str(trust)), IAM_OK);
}

static void test_principals(void **state)
{
    BEGIN;
    struct iam_arn_parts parts;
    static const char *const bad[] = {"", "arn:aws:iam::1:user/a",
        "arn:aws:iam::00000000000x:user/a", "arn:aws:iam::aws:policy/a",
        "arn:aws:iam::000000000001:user/",
        "arn:aws:iam::000000000001:", "arn:aws:iam::000000000001:user", "arn:aws:s3:::bucket",
        "arn:aws:iam::000000000001:/a"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(iam_arn_split(span_str(bad[i]), &parts));
    assert_true(iam_arn_split(SPAN("arn:aws:iam::000000000042:user/a/b/c"), &parts));
    assert_int_equal(parts.account, 42);
    assert_text(parts.path, "/a/b/");
    assert_text(parts.name, "c");
    make_entity(call, IAM_USER, "alice");
    struct span id =
        iam_principal_id(call->iam, SPAN("arn:aws:iam::000000000001:user/alice"), call->arena);
    assert_true(span_present(id));
    assert_text(
        iam_principal_arn(call->iam, id, call->arena), "arn:aws:iam::000000000001:user/alice");
    assert_false(span_present(
        iam_principal_id(call->iam, SPAN("arn:aws:iam::000000000001:user/x/alice"), call->arena)));
    assert_false(span_present(
        iam_principal_id(call->iam, SPAN("arn:aws:iam::000000000002:user/alice"), call->arena)));
    assert_iam(call, iam_delete(call, IAM_USER, SPAN("alice")), IAM_OK);
    assert_false(span_present(iam_principal_arn(call->iam, id, call->arena)));
}

/* ---- two administrators ---- */

struct administrator {
    struct fixture *fixture;
    int number;
};

static void *administrate(void *ctx)
{
    struct administrator *me = ctx;
    struct arena arena;
    arena_init(&arena, (size_t)32 * 1024 * 1024);
    struct iam_call call = {.iam = me->fixture->iam, .account = 1, .arena = &arena};
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof(name), "t%d-%d", me->number, i);
        struct policy_tag tag = {span_str(name), SPAN("v")};
        if (iam_tag(&call, IAM_USER, SPAN("shared"), &tag, 1) != IAM_OK)
            abort();
    }
    arena_free(&arena);
    return NULL;
}

static void test_two_at_once_lose_nothing(void **state)
{
    BEGIN;
    make_entity(call, IAM_USER, "shared");
    pthread_t threads[2];
    struct administrator administrators[2] = {{fixture, 0}, {fixture, 1}};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, administrate, &administrators[i]), 0);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    struct iam_entity entity;
    assert_iam(call, iam_get(call, IAM_USER, SPAN("shared"), &entity), IAM_OK);
    assert_int_equal(entity.tag_count, 40);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_created_and_found),
        TEST(test_names_differ_in_more_than_case),
        TEST(test_bad_names),
        TEST(test_renamed_keeps_what_hangs_on_it),
        TEST(test_pages),
        TEST(test_members),
        TEST(test_quotas),
        TEST(test_tags),
        TEST(test_trust_keeps_who_was_meant),
        TEST(test_principals),
        TEST(test_two_at_once_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
