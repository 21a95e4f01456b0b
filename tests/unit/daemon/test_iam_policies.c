/* Inline and managed policies: kept byte for byte, refused when malformed, too large, too many or in use. */
#include "tests/unit/daemon/iam_fixture.h"

#define BEGIN                                                                                      \
    struct fixture *fixture = *state;                                                              \
    struct iam_call *call = &fixture->call

static void test_inline_is_kept_byte_for_byte(void **state)
{
    BEGIN;
    static const char text[] =
        "{\n\t\"Version\": \"2012-10-17\", \"Statement\": [ {\"Effect\":\"Allow\","
        "\"Action\":[\"glue:*\",\"s3:Get*\"],\r\n\"Resource\":\"*\"} ]\n}\n";
    struct span got;
    struct iam_inline_page page;
    struct iam_query all = {.max = 1};
    make_entity(call, IAM_ROLE, "r");
    assert_iam(call, iam_inline_put(call, IAM_ROLE, SPAN("r"), SPAN("P1"), span_str(text)), IAM_OK);
    assert_iam(
        call, iam_inline_put(call, IAM_ROLE, SPAN("r"), SPAN("p2"), SPAN(ALLOW_GET)), IAM_OK);
    fixture_reopen(fixture);
    assert_iam(call, iam_inline_get(call, IAM_ROLE, SPAN("r"), SPAN("P1"), &got), IAM_OK);
    assert_text(got, text);
    assert_iam(call, iam_inline_list(call, IAM_ROLE, SPAN("r"), &all, &page), IAM_OK);
    assert_int_equal(page.count, 1);
    assert_true(page.truncated);
    assert_text(page.items[0].name, "P1");
    all.after = page.next;
    assert_iam(call, iam_inline_list(call, IAM_ROLE, SPAN("r"), &all, &page), IAM_OK);
    assert_int_equal(page.count, 1);
    assert_false(page.truncated);
    assert_text(page.items[0].text, ALLOW_GET);
    assert_iam(call, iam_delete(call, IAM_ROLE, SPAN("r")), IAM_DELETE_CONFLICT);
    assert_text(call->detail, "Cannot delete entity, must delete policies first.");
    assert_iam(call, iam_inline_delete(call, IAM_ROLE, SPAN("r"), SPAN("P1")), IAM_OK);
    assert_iam(call, iam_inline_delete(call, IAM_ROLE, SPAN("r"), SPAN("P1")), IAM_NO_SUCH_ENTITY);
    assert_text(call->detail, "The role policy with name P1 cannot be found.");
    assert_iam(call, iam_inline_delete(call, IAM_ROLE, SPAN("r"), SPAN("p2")), IAM_OK);
    assert_iam(call, iam_delete(call, IAM_ROLE, SPAN("r")), IAM_OK);
}

static void test_malformed_is_refused(void **state)
{
    BEGIN;
    static const char *const bad[] = {"", "{}", "[]", "{\"Statement\":[]", "\xff",
        "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\","
        "\"Action\":\"s3:*\",\"Resource\":\"*\"}]}"};
    make_entity(call, IAM_USER, "u");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct iam_policy_new make = {.name = SPAN("p"), .text = span_str(bad[i])};
        struct iam_policy policy;
        assert_iam(call, iam_inline_put(call, IAM_USER, SPAN("u"), SPAN("p"), span_str(bad[i])),
            IAM_MALFORMED_POLICY);
        assert_iam(call, iam_policy_create(call, &make, &policy), IAM_MALFORMED_POLICY);
        assert_true(call->detail.len > 0);
    }
}

/* A policy of so many characters, and white space besides. */
static struct span sized(struct arena *arena, size_t characters, size_t spaces)
{
    struct buf text CLEANUP(buf_free);
    buf_init(&text, 256 * 1024);
    struct span head = SPAN("{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\","
                            "\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::");
    struct span tail = SPAN("\"}]}");
    buf_add(&text, head);
    for (size_t i = head.len + tail.len; i < characters; i++)
        buf_add_char(&text, 'x');
    buf_add(&text, tail);
    for (size_t i = 0; i < spaces; i++)
        buf_add_char(&text, i % 2 ? ' ' : '\n');
    assert_true(buf_ok(&text));
    return arena_copy(arena, buf_span(&text));
}

static void test_sizes_leave_white_space_out(void **state)
{
    BEGIN;
    struct arena *arena = call->arena;
    make_entity(call, IAM_USER, "u");
    make_entity(call, IAM_GROUP, "g");
    make_entity(call, IAM_ROLE, "r");
    const struct {
        enum iam_kind kind;
        struct span name;
        size_t max;
    } cases[] = {{IAM_USER, SPAN("u"), IAM_USER_INLINE_MAX_BYTES},
        {IAM_GROUP, SPAN("g"), IAM_GROUP_INLINE_MAX_BYTES},
        {IAM_ROLE, SPAN("r"), IAM_ROLE_INLINE_MAX_BYTES}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum iam_kind kind = cases[i].kind;
        struct span name = cases[i].name;
        assert_iam(call,
            iam_inline_put(call, kind, name, SPAN("a"), sized(arena, cases[i].max + 1, 0)),
            IAM_LIMIT_EXCEEDED);
        assert_iam(call,
            iam_inline_put(call, kind, name, SPAN("a"), sized(arena, cases[i].max, 9000)), IAM_OK);
        assert_iam(call, iam_inline_put(call, kind, name, SPAN("b"), SPAN(ALLOW_GET)),
            IAM_LIMIT_EXCEEDED); /* all of them together */
        assert_iam(call, iam_inline_put(call, kind, name, SPAN("A"), SPAN(ALLOW_GET)),
            IAM_OK); /* in its place */
        assert_iam(call, iam_inline_put(call, kind, name, SPAN("b"), SPAN(ALLOW_GET)), IAM_OK);
    }
    struct iam_policy policy;
    struct iam_policy_new make = {
        .name = SPAN("p"), .text = sized(arena, POLICY_MANAGED_MAX_BYTES + 1, 0)};
    assert_iam(call, iam_policy_create(call, &make, &policy), IAM_LIMIT_EXCEEDED);
    make.text = sized(arena, POLICY_MANAGED_MAX_BYTES, IAM_POLICY_TEXT_MAX_BYTES);
    assert_iam(call, iam_policy_create(call, &make, &policy), IAM_LIMIT_EXCEEDED);
    make.text = sized(
        arena, POLICY_MANAGED_MAX_BYTES, IAM_POLICY_TEXT_MAX_BYTES - POLICY_MANAGED_MAX_BYTES);
    assert_iam(call, iam_policy_create(call, &make, &policy), IAM_OK);
}

static void test_versions(void **state)
{
    BEGIN;
    struct iam_version version, *versions;
    struct iam_policy policy;
    size_t count;
    struct span text, arn = make_policy(call, "Pipeline", ALLOW_GET);
    assert_text(arn, "arn:aws:iam::000000000001:policy/Pipeline");
    assert_iam(call, iam_policy_delete(call, arn), IAM_OK);
    arn = make_policy(call, "Pipeline", ALLOW_GET);
    for (int i = 2; i <= IAM_POLICY_VERSIONS_MAX; i++)
        assert_iam(call, iam_version_create(call, arn, SPAN(DENY_GET), i == 3, &version), IAM_OK);
    assert_text(version.id, "v5");
    assert_false(version.is_default);
    assert_iam(
        call, iam_version_create(call, arn, SPAN(DENY_GET), true, &version), IAM_LIMIT_EXCEEDED);
    fixture_reopen(fixture);
    assert_iam(call,
        iam_version_list(
            call, SPAN("arn:aws:iam::000000000001:policy/Pipeline"), &versions, &count),
        IAM_OK);
    arn = arena_copy(call->arena, SPAN("arn:aws:iam::000000000001:policy/Pipeline"));
    assert_int_equal(count, 5);
    assert_text(versions[0].id, "v5");
    assert_text(versions[4].text, ALLOW_GET);
    assert_true(versions[2].is_default);
    assert_iam(call, iam_version_delete(call, arn, SPAN("v3")), IAM_DELETE_CONFLICT);
    assert_iam(call, iam_version_delete(call, arn, SPAN("v9")), IAM_NO_SUCH_ENTITY);
    assert_iam(call, iam_version_delete(call, arn, SPAN("v01")), IAM_NO_SUCH_ENTITY);
    assert_iam(call, iam_version_set_default(call, arn, SPAN("v1")), IAM_OK);
    assert_iam(call, iam_policy_text(call, arn, &text), IAM_OK);
    assert_text(text, ALLOW_GET);
    assert_iam(call, iam_policy_delete(call, arn), IAM_DELETE_CONFLICT);
    for (int i = 2; i <= 5; i++) {
        char id[16];
        snprintf(id, sizeof(id), "v%d", i);
        assert_iam(call, iam_version_delete(call, arn, span_str(id)), IAM_OK);
    }
    assert_iam(call, iam_version_create(call, arn, SPAN(DENY_GET), false, &version), IAM_OK);
    assert_text(version.id, "v6"); /* no number comes twice */
    struct iam_summary summary;
    assert_iam(call, iam_summary(call, &summary), IAM_OK);
    assert_int_equal(summary.policies, 1);
    assert_int_equal(summary.policy_versions, 2);
    assert_iam(call, iam_policy_get(call, arn, &policy), IAM_OK);
    assert_text(policy.default_version, "v1");
}

static void test_attached_and_detached(void **state)
{
    BEGIN;
    struct iam_policy policy;
    struct iam_policy_page page;
    struct iam_page holders;
    struct iam_entity entity;
    struct span arn = make_policy(call, "own", ALLOW_GET);
    make_entity(call, IAM_USER, "u");
    make_entity(call, IAM_GROUP, "g");
    make_entity(call, IAM_ROLE, "r");
    assert_iam(call, iam_attach(call, IAM_USER, SPAN("u"), arn), IAM_OK);
    assert_iam(call, iam_attach(call, IAM_USER, SPAN("u"), arn), IAM_OK); /* again */
    assert_iam(call, iam_attach(call, IAM_GROUP, SPAN("g"), arn), IAM_OK);
    assert_iam(call, iam_attach(call, IAM_ROLE, SPAN("r"), SPAN(READ_ONLY)), IAM_OK);
    assert_iam(call, iam_boundary_put(call, IAM_ROLE, SPAN("r"), arn), IAM_OK);
    assert_iam(call, iam_boundary_put(call, IAM_GROUP, SPAN("g"), arn), IAM_INVALID_INPUT);
    assert_iam(call, iam_policy_get(call, arn, &policy), IAM_OK);
    assert_int_equal(policy.attachment_count, 2);
    assert_int_equal(policy.boundary_count, 1);
    assert_iam(call, iam_policy_get(call, SPAN(READ_ONLY), &policy), IAM_OK);
    assert_int_equal(policy.attachment_count, 1);
    assert_true(policy.of_aws);
    struct iam_users_of_policy all = {.page = {.max = 2}};
    size_t seen = 0;
    do {
        assert_iam(call, iam_policy_entities(call, arn, &all, &holders), IAM_OK);
        seen += holders.count;
        all.page.after = holders.next;
    } while (holders.truncated);
    assert_int_equal(seen, 3);
    struct iam_users_of_policy roles = {.kinds = {[IAM_ROLE] = true}};
    assert_iam(call, iam_policy_entities(call, arn, &roles, &holders), IAM_OK);
    assert_int_equal(holders.count, 1);
    assert_text(holders.items[0].name, "r");
    roles.usage = IAM_USED_AS_POLICY;
    assert_iam(call, iam_policy_entities(call, arn, &roles, &holders), IAM_OK);
    assert_int_equal(holders.count, 0);
    struct iam_policy_query attached = {.only_attached = true};
    assert_iam(call, iam_policy_list(call, &attached, &page), IAM_OK);
    assert_int_equal(page.count, 2);
    assert_iam(call, iam_policy_delete(call, arn), IAM_DELETE_CONFLICT);
    assert_iam(call, iam_delete(call, IAM_USER, SPAN("u")), IAM_DELETE_CONFLICT);
    assert_text(call->detail, "Cannot delete entity, must detach all policies first.");
    assert_iam(call, iam_detach(call, IAM_USER, SPAN("u"), arn), IAM_OK);
    assert_iam(call, iam_detach(call, IAM_USER, SPAN("u"), arn), IAM_NO_SUCH_ENTITY);
    assert_iam(call, iam_detach(call, IAM_GROUP, SPAN("g"), arn), IAM_OK);
    assert_iam(call, iam_policy_delete(call, arn), IAM_DELETE_CONFLICT); /* a boundary still */
    assert_iam(call, iam_boundary_put(call, IAM_ROLE, SPAN("r"), SPAN_ABSENT), IAM_OK);
    assert_iam(call, iam_boundary_put(call, IAM_ROLE, SPAN("r"), SPAN_ABSENT), IAM_NO_SUCH_ENTITY);
    assert_iam(call, iam_policy_delete(call, arn), IAM_OK);
    assert_iam(call, iam_attach(call, IAM_USER, SPAN("u"), arn), IAM_NO_SUCH_ENTITY);
    assert_iam(call, iam_get(call, IAM_ROLE, SPAN("r"), &entity), IAM_OK);
    assert_int_equal(entity.attached_count, 1);
}

static void test_a_boundary_goes_with_its_role(void **state)
{
    BEGIN;
    struct span arn = make_policy(call, "own", ALLOW_GET);
    struct iam_new make = {.kind = IAM_USER, .name = SPAN("u"), .boundary = arn};
    struct iam_entity entity;
    assert_iam(call, iam_create(call, &make, &entity), IAM_OK);
    assert_iam(call, iam_policy_delete(call, arn), IAM_DELETE_CONFLICT);
    assert_iam(call, iam_delete(call, IAM_USER, SPAN("u")), IAM_OK);
    assert_iam(call, iam_policy_delete(call, arn), IAM_OK);
    assert_iam(call, iam_create(call, &make, &entity), IAM_NO_SUCH_ENTITY);
}

static void test_at_most_ten_are_attached(void **state)
{
    BEGIN;
    make_entity(call, IAM_USER, "u");
    for (int i = 0; i <= IAM_ATTACHED_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        struct span arn = make_policy(call, name, ALLOW_GET);
        assert_iam(call, iam_attach(call, IAM_USER, SPAN("u"), arn),
            i < IAM_ATTACHED_MAX ? IAM_OK : IAM_LIMIT_EXCEEDED);
    }
    assert_text(call->detail, "Cannot exceed quota for PoliciesPerUser: 10");
    struct iam_policy_page page;
    struct iam_query query = {.max = 4};
    size_t seen = 0;
    do {
        assert_iam(call, iam_attached_list(call, IAM_USER, SPAN("u"), &query, &page), IAM_OK);
        seen += page.count;
        query.after = page.next;
    } while (page.truncated);
    assert_int_equal(seen, 10);
    struct iam_policy_query all = {.page = {.max = 3}};
    seen = 0;
    do {
        assert_iam(call, iam_policy_list(call, &all, &page), IAM_OK);
        seen += page.count;
        all.page.after = page.next;
    } while (page.truncated);
    assert_true(seen >= 11 + 3); /* and AWS's own */
    all = (struct iam_policy_query){.whose = IAM_LOCAL_POLICIES};
    assert_iam(call, iam_policy_list(call, &all, &page), IAM_OK);
    assert_int_equal(page.count, 11);
}

static void test_policies_of_others_are_not_ours(void **state)
{
    BEGIN;
    struct span arn = make_policy(call, "own", ALLOW_GET);
    struct iam_policy policy;
    struct iam_version version;
    make_entity(call, IAM_USER, "u");
    struct iam_call other = *call;
    other.account = 2;
    assert_iam(&other, iam_policy_get(&other, arn, &policy), IAM_NO_SUCH_ENTITY);
    assert_iam(
        &other, iam_get(&other, IAM_USER, SPAN("u"), &(struct iam_entity){0}), IAM_NO_SUCH_ENTITY);
    make_entity(&other, IAM_USER, "u");
    assert_iam(&other, iam_attach(&other, IAM_USER, SPAN("u"), arn), IAM_NO_SUCH_ENTITY);
    assert_iam(call, iam_policy_delete(call, SPAN(READ_ONLY)), IAM_UNMODIFIABLE);
    assert_iam(call, iam_version_create(call, SPAN(READ_ONLY), SPAN(ALLOW_GET), true, &version),
        IAM_UNMODIFIABLE);
    assert_iam(call, iam_policy_get(call, SPAN("arn:aws:iam::aws:policy/None"), &policy),
        IAM_NO_SUCH_ENTITY);
    struct iam_policy_new make = {.name = SPAN("OWN"), .text = SPAN(ALLOW_GET)};
    assert_iam(call, iam_policy_create(call, &make, &policy), IAM_ENTITY_EXISTS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_inline_is_kept_byte_for_byte),
        TEST(test_malformed_is_refused),
        TEST(test_sizes_leave_white_space_out),
        TEST(test_versions),
        TEST(test_attached_and_detached),
        TEST(test_a_boundary_goes_with_its_role),
        TEST(test_at_most_ten_are_attached),
        TEST(test_policies_of_others_are_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
