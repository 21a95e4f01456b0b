/* POST policies: what is read, and which forms they let through.
 * src: Amazon S3 API Reference, "POST Policy" */
#include "post_policy.h"

#include "base/encode.h"
#include "cmocka_span.h"

#include <stdlib.h>

static struct arena arena;

static int make_arena(void **state)
{
    (void)state;
    arena_init(&arena, 64 * 1024 * 1024);
    return 0;
}

static int drop_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct span base64(struct span text)
{
    struct buf out CLEANUP(buf_free) = {0};
    buf_init(&out, 1024 * 1024);
    base64_encode(&out, text);
    return arena_copy(&arena, buf_span(&out));
}

static enum s3_err parsed(const char *json, struct post_policy *ret_policy)
{
    struct span detail = SPAN_ABSENT;
    enum s3_err err = post_policy_parse(&arena, base64(span_str(json)), ret_policy, &detail);
    assert_int_equal(span_present(detail), err != S3_OK);
    return err;
}

#define DOC(conditions)                                                                            \
    "{\"expiration\": \"2007-12-01T12:00:00.000Z\", \"conditions\": [" conditions "]}"

static void documents(void **state)
{
    (void)state;
    static const char *const good[] = {DOC(""), DOC("{\"acl\": \"public-read\"}"),
        DOC("{\"acl\": \"a\", \"bucket\": \"b\"}"), DOC("[\"eq\", \"$acl\", \"\"]"),
        DOC("[\"Starts-With\", \"$key\", \"\"]"), DOC("{\"success_action_status\": 201}"),
        DOC("[\"content-length-range\", 0, 10]"), DOC("[\"content-length-range\", \"1\", \"10\"]"),
        "{\"expiration\": \"2007-12-01T12:00:00Z\", \"conditions\": []}"};
    static const char *const bad[] = {"", "x", "[]", "{}", "{\"conditions\": []}",
        "{\"expiration\": \"2007-12-01T12:00:00Z\"}",
        "{\"expiration\": \"2007-12-01\", \"conditions\": []}",
        "{\"expiration\": \"2007-12-01T12:00:00+01:00\", \"conditions\": []}",
        "{\"expiration\": 5, \"conditions\": []}",
        "{\"expiration\": \"2007-12-01T12:00:00Z\", \"conditions\": {}}",
        "{\"Expiration\": \"2007-12-01T12:00:00Z\", \"conditions\": []}",
        "{\"expiration\": \"2007-12-01T12:00:00Z\", \"conditions\": [], \"more\": 1}", DOC("{}"),
        DOC("[]"), DOC("\"key\""), DOC("5"), DOC("null"), DOC("{\"acl\": [\"a\"]}"),
        DOC("{\"acl\": {}}"), DOC("{\"acl\": true}"), DOC("[\"eq\", \"$acl\"]"),
        DOC("[\"eq\", \"$acl\", \"a\", \"b\"]"), DOC("[\"eq\", \"acl\", \"a\"]"),
        DOC("[\"eq\", \"$\", \"a\"]"), DOC("[\"is\", \"$acl\", \"a\"]"),
        DOC("[5, \"$acl\", \"a\"]"), DOC("[\"content-length-range\", 1]"),
        DOC("[\"content-length-range\", -1, 1]"), DOC("[\"content-length-range\", 0, 1.5]"),
        DOC("[\"content-length-range\", 0, \"x\"]"),
        DOC("[\"content-length-range\", 0, 99999999999999999999]")};
    struct post_policy policy;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(parsed(good[i], &policy), S3_OK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(parsed(bad[i], &policy), S3_ERR_INVALID_POLICY_DOCUMENT);
    struct span detail = SPAN_ABSENT;
    static const char *const no_base64[] = {"e30", "e3 0=", "*", "e30=\n"};
    for (size_t i = 0; i < ARRAY_LEN(no_base64); i++)
        assert_int_equal(post_policy_parse(&arena, span_str(no_base64[i]), &policy, &detail),
            S3_ERR_INVALID_POLICY_DOCUMENT);
}

static void documents_are_bounded(void **state)
{
    (void)state;
    for (size_t count = POST_POLICY_CONDITIONS_MAX; count <= POST_POLICY_CONDITIONS_MAX + 1;
         count++) {
        struct post_policy policy;
        struct buf text CLEANUP(buf_free) = {0};
        buf_init(&text, 1024 * 1024);
        buf_add_lit(&text, "{\"expiration\": \"2007-12-01T12:00:00Z\", \"conditions\": [");
        for (size_t i = 0; i < count; i++)
            buf_addf(&text, "%s{\"a\": \"b\"}", i > 0 ? "," : "");
        buf_add(&text, span_of("]}", 3)); /* with its NUL */
        assert_int_equal(parsed(text.ptr, &policy),
            count <= POST_POLICY_CONDITIONS_MAX ? S3_OK : S3_ERR_INVALID_POLICY_DOCUMENT);
    }
    struct post_policy policy;
    struct span detail = SPAN_ABSENT;
    char *spaces = malloc(POST_POLICY_MAX_BYTES + 3);
    memset(spaces, ' ', POST_POLICY_MAX_BYTES + 3);
    enum s3_err err = post_policy_parse(
        &arena, base64(span_of(spaces, POST_POLICY_MAX_BYTES + 3)), &policy, &detail);
    free(spaces);
    assert_int_equal(err, S3_ERR_INVALID_POLICY_DOCUMENT);
}

static void ranges_hold_together(void **state)
{
    (void)state;
    struct post_policy policy;
    assert_int_equal(parsed(DOC(""), &policy), S3_OK);
    assert_false(policy.has_range);
    assert_int_equal(
        parsed(
            DOC("[\"content-length-range\", 5, 100], [\"content-length-range\", 1, 10]"), &policy),
        S3_OK);
    assert_true(policy.has_range);
    assert_int_equal(policy.min_bytes, 5);
    assert_int_equal(policy.max_bytes, 10);
    assert_int_equal(policy.expires_ms, INT64_C(1196510400000));
}

struct check_case {
    const char *conditions;
    const char *fields[9]; /* name, value … */
    const char *refused;   /* what the message holds; NULL: it is let through */
};

#define B "{\"bucket\": \"bkt\"}"

static const struct check_case checks[] = {
    {B, {NULL}, NULL},
    {B, {"file", ""}, NULL},
    {B, {"FILE", "", "Policy", "x", "x-amz-signature", "y", "AWSAccessKeyId", "z"}, NULL},
    {B, {"signature", "x", "X-Ignore-me", "y"}, NULL},
    {B, {"key", "a"}, "Extra input fields: key"},
    {B, {"bucket", "other"}, NULL},
    {"", {NULL}, "bucket"},
    {"{\"bucket\": \"other\"}", {"bucket", "other"}, "[\"eq\", \"$bucket\", \"other\"]"},
    {"{\"bUcKeT\": \"bkt\"}", {NULL}, NULL},
    {"[\"starts-with\", \"$bucket\", \"bk\"]", {NULL}, NULL},
    {B ", {\"key\": \"a\"}", {"key", "a"}, NULL},
    {B ", {\"key\": \"a\"}", {"kEy", "a"}, NULL},
    {B ", {\"key\": \"a\"}", {"key", "A"}, "[\"eq\", \"$key\", \"a\"]"},
    {B ", {\"key\": \"a\"}", {NULL}, "[\"eq\", \"$key\", \"a\"]"},
    {B ", [\"eq\", \"$key\", \"a\"]", {"key", "ab"}, "Policy Condition failed"},
    {B ", [\"starts-with\", \"$key\", \"user/\"]", {"key", "user/x"}, NULL},
    {B ", [\"starts-with\", \"$key\", \"user/\"]", {"key", "user"},
        "[\"starts-with\", \"$key\", \"user/\"]"},
    {B ", [\"starts-with\", \"$key\", \"\"]", {"key", ""}, NULL},
    {B ", [\"starts-with\", \"$key\", \"a\"], [\"starts-with\", \"$key\", \"ab\"]", {"key", "ac"},
        "\"ab\""},
    {B ", [\"starts-with\", \"$Content-Type\", \"image/\"]",
        {"content-type", "image/png, image/gif"}, NULL},
    {B ", [\"starts-with\", \"$Content-Type\", \"image/\"]",
        {"content-type", "image/png,text/html"}, "image/"},
    {B ", {\"success_action_status\": 201}", {"success_action_status", "201"}, NULL},
    {B ", {\"x-amz-meta-a\": \"$key\"}", {"x-amz-meta-a", "$key"}, NULL},
};

static void forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        const struct check_case *c = &checks[i];
        struct post_policy policy;
        struct form_field fields[4];
        size_t count = 0;
        struct span detail = SPAN_ABSENT;
        struct span text = arena_format(&arena, DOC("%s"), c->conditions);
        assert_int_equal(parsed(text.ptr, &policy), S3_OK);
        for (; c->fields[2 * count] != NULL; count++)
            fields[count] = (struct form_field){.name = span_str(c->fields[2 * count]),
                .value = span_str(c->fields[2 * count + 1])};
        enum s3_err err = post_policy_check(
            &arena, &policy, fields, count, SPAN("bkt"), policy.expires_ms - 1, &detail);
        if (err != (c->refused != NULL ? S3_ERR_ACCESS_DENIED : S3_OK))
            fail_msg("case %zu: %s", i, detail.ptr);
        if (c->refused != NULL && span_find(detail, span_str(c->refused), 0) == SIZE_MAX)
            fail_msg("case %zu: %s", i, detail.ptr);
    }
}

static void policies_expire(void **state)
{
    (void)state;
    struct post_policy policy;
    struct span detail = SPAN_ABSENT;
    assert_int_equal(parsed(DOC(B), &policy), S3_OK);
    for (int64_t late_ms = -1; late_ms <= 1; late_ms++)
        assert_int_equal(post_policy_check(&arena, &policy, NULL, 0, SPAN("bkt"),
                             policy.expires_ms + late_ms, &detail),
            late_ms < 0 ? S3_OK : S3_ERR_ACCESS_DENIED);
    assert_span_text(detail, "Invalid according to Policy: Policy expired.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents),
        cmocka_unit_test(documents_are_bounded),
        cmocka_unit_test(ranges_hold_together),
        cmocka_unit_test(forms),
        cmocka_unit_test(policies_expire),
    };
    return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
